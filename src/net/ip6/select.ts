// Models ipv6_dev_get_saddr of net/ipv6/addrconf.c and addrlabel.c (Linux 6.18), RFC 6724 section 5 as far as scopes,
// devices, labels and the longest prefix. Not here: deprecated, home and temporary addresses, preferences of sockets.
import { inPrefix, isLinkLocal, isLoopback, isMulticast } from '../../base/addr.ts'
import type { IfAddr, Link, Netns } from '../types.ts'

const SCOPE_LINK = 2
const SCOPE_GLOBAL = 14

/** RFC 6724 section 2.1 as the kernel has it; the longest prefix decides. */
const LABELS: readonly { net: string; len: number; label: number }[] = Object.freeze([
  { net: '00000000000000000000000000000001', len: 128, label: 0 },
  { net: '00000000000000000000ffff00000000', len: 96, label: 4 },
  { net: '00000000000000000000000000000000', len: 96, label: 3 },
  { net: '20010000000000000000000000000000', len: 32, label: 6 },
  { net: '20010010000000000000000000000000', len: 28, label: 7 },
  { net: '20020000000000000000000000000000', len: 16, label: 2 },
  { net: 'fc000000000000000000000000000000', len: 7, label: 5 },
  { net: '00000000000000000000000000000000', len: 0, label: 1 },
])

/** The label of an address in that table. */
export function labelOf(ip: string): number {
  return LABELS.find((row) => inPrefix(ip, row.net, row.len))?.label ?? 1
}

/** __ipv6_addr_src_scope: 1 interface, 2 link, 5 site, 14 global. ::1 counts as link. */
export function scopeOf6(ip: string): number {
  if (isMulticast(ip)) return Number.parseInt(ip[3]!, 16)
  if (isLinkLocal(ip) || isLoopback(ip)) return SCOPE_LINK
  if (inPrefix(ip, 'fec00000000000000000000000000000', 10)) return 5
  return SCOPE_GLOBAL
}

/** The best own address to speak to `dst` from, leaving by `out` (undefined: not known yet); undefined where there is none. */
export function selectSource6(ns: Netns, out: Link | undefined, dst: string): string | undefined {
  const scope = scopeOf6(dst)
  const onLinkOnly = out !== undefined && (isMulticast(dst) || scope <= SCOPE_LINK) && !isLoopback(dst)
  const links = onLinkOnly ? [out] : [out, ...ns.links.filter((link) => link !== out)]
  let best: IfAddr | undefined
  let bestOn: Link | undefined
  for (const link of links) {
    if (link === undefined) continue
    for (const a of link.addrs) {
      if (typeof a.addr !== 'string' || a.tentative) continue
      if (best === undefined || isBetter(a, link, best, bestOn, out, dst, scope)) {
        best = a
        bestOn = link
      }
    }
  }
  return best?.addr as string | undefined
}

/** Whether `a` beats `b` by the first rule in which they differ. */
function isBetter(
  a: IfAddr,
  aOn: Link,
  b: IfAddr,
  bOn: Link | undefined,
  out: Link | undefined,
  dst: string,
  scope: number,
): boolean {
  const [x, y] = [a.addr as string, b.addr as string]
  if ((x === dst) !== (y === dst)) return x === dst
  const [sx, sy] = [scopeOf6(x), scopeOf6(y)]
  if (sx !== sy) return sx < sy ? sx >= scope : sy < scope
  if (out !== undefined && (aOn === out) !== (bOn === out)) return aOn === out
  const label = labelOf(dst)
  if ((labelOf(x) === label) !== (labelOf(y) === label)) return labelOf(x) === label
  return Math.min(commonBits(x, dst), a.len) > Math.min(commonBits(y, dst), b.len)
}

function commonBits(a: string, b: string): number {
  let i = 0
  while (i < 32 && a[i] === b[i]) i++
  if (i === 32) return 128
  return i * 4 + Math.clz32(Number.parseInt(a[i]!, 16) ^ Number.parseInt(b[i]!, 16)) - 28
}
