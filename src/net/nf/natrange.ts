// Models get_unique_tuple, find_appropriate_src, find_best_ips_proto, nf_nat_l4proto_unique_tuple and
// nf_nat_used_tuple_harder of net/netfilter/nf_nat_core.c, and lib/jhash of Linux 6.18 by which addresses of a range are
// spread.
import type { Ip } from '../../base/addr.ts'
import { compareIp, concatIp6, ip6Words } from '../../base/addr.ts'
import { nextBelow } from '../../base/rng.ts'
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../types.ts'
import { ctDestroy, ctLookup } from './cttable.ts'
import type { HookCtx } from './ctx.ts'
import type { NatSpec } from './nat.ts'
import { invert, sameSide, sameTuple, sourceKey } from './tuple.ts'
import type { Conn, Conntrack, Tuple } from './types.ts'
import { CT_STATUS } from './types.ts'

const ATTEMPTS_MAX = 128
const ATTEMPTS_MIN = 16

/** The tuple that the connection's packets get: as little changed as the range allows, and no other connection's. */
export function uniqueTuple(
  ctx: HookCtx,
  ct: Conntrack,
  conn: Conn,
  current: Tuple,
  spec: NatSpec,
  source: boolean,
): Tuple {
  if (source && !spec.random) {
    if (inRange(current, spec)) {
      if (!isUsed(ctx, ct, conn, current)) return current
    } else {
      const same = sameSource(ct, conn, current, spec)
      if (same !== null && !isUsed(ctx, ct, conn, same)) return same
    }
  }
  const tuple = bestAddress(conn, current, spec, source)
  if (!spec.random) {
    if (spec.ports !== null) {
      const port = source ? tuple.sport : tuple.dport
      const fits = portFits(tuple.proto, port, tuple, spec.ports)
      if (fits && (spec.ports.from === spec.ports.to || !isUsed(ctx, ct, conn, tuple))) return tuple
    } else if (!isUsed(ctx, ct, conn, tuple)) return tuple
  }
  return freePort(ctx, ct, conn, tuple, spec, source)
}

/** nf_nat_used_tuple: another connection's packets look like this already. */
function isUsed(ctx: HookCtx, ct: Conntrack, conn: Conn, tuple: Tuple): boolean {
  const found = ctLookup(ctx.world, ctx.ns, ct, invert(tuple), conn.zone)
  if (found === 0) return false
  const other = ct.conns.get(Math.floor(found / 2))!
  // Two packets of one flow at once are one connection: settled at confirmation.
  return other !== conn && !sameTuple(other.orig, conn.orig)
}

/** From so many attempts left on, a closing connection gives way. */
const HARDER_THRESH = 32

/**
 * nf_nat_used_tuple_harder: one of the last attempts takes the port of a translated TCP connection that is over but not
 * yet forgotten, where the new one's sequence numbers lie behind the old one's.
 */
function isUsedHarder(ctx: HookCtx, ct: Conntrack, conn: Conn, tuple: Tuple, left: number): boolean {
  if (left > HARDER_THRESH || tuple.proto !== IPPROTO_TCP || conn.state !== 'SYN_SENT') {
    return isUsed(ctx, ct, conn, tuple)
  }
  const found = ctLookup(ctx.world, ctx.ns, ct, invert(tuple), conn.zone)
  if (found === 0) return false
  const other = ct.conns.get(Math.floor(found / 2))!
  if (found % 2 === 0 || other === conn || other.tcp === null || conn.tcp === null) return true
  const over = other.state === 'TIME_WAIT' || other.state === 'CLOSE'
  if (!over || (other.status & CT_STATUS.SRC_NAT) === 0) return true
  if (((conn.tcp.end[0] - other.tcp.end[0]) | 0) <= 0) return true
  ctDestroy(ctx.world, ctx.ns, ct, other)
  return false
}

/** What this source was mapped to before, if it fits the range: one socket keeps one address and port. */
function sameSource(ct: Conntrack, conn: Conn, current: Tuple, spec: NatSpec): Tuple | null {
  for (const id of ct.bySource.get(sourceKey(current, conn.zone)) ?? []) {
    const other = ct.conns.get(id)
    if (other === undefined || other.zone !== conn.zone || !sameSide(other.orig, current)) continue
    const mapped = invert(other.reply)
    const result = { ...current, src: mapped.src, sport: mapped.sport }
    if (inRange(result, spec)) return result
  }
  return null
}

/** nf_in_range: the source lies in the range already. */
function inRange(tuple: Tuple, spec: NatSpec): boolean {
  if (spec.from !== undefined && spec.to !== undefined) {
    if (compareIp(tuple.src, spec.from) < 0 || compareIp(tuple.src, spec.to) > 0) return false
  }
  return spec.ports === null || portFits(tuple.proto, tuple.sport, tuple, spec.ports)
}

function portFits(
  proto: number,
  port: number,
  tuple: Tuple,
  ports: { readonly from: number; readonly to: number },
): boolean {
  switch (proto) {
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return tuple.sport >= ports.from && tuple.sport <= ports.to
    case IPPROTO_TCP:
    case IPPROTO_UDP:
      return port >= ports.from && port <= ports.to
    default:
      return true
  }
}

/** find_best_ips_proto: one of the range's addresses, by a hash of both ends. */
function bestAddress(conn: Conn, tuple: Tuple, spec: NatSpec, source: boolean): Tuple {
  if (spec.from === undefined || spec.to === undefined) return tuple
  const ip = spec.from === spec.to ? spec.from : spread(conn, tuple, spec, source)
  return source ? { ...tuple, src: ip } : { ...tuple, dst: ip }
}

function spread(conn: Conn, tuple: Tuple, spec: NatSpec, source: boolean): Ip {
  const from = words(spec.from!)
  const to = words(spec.to!)
  const dst = words(tuple.dst)
  const top = from.length - 1
  const seed = spec.persistent ? 0 : swap(dst[top]!) ^ conn.zone
  let hash = jhash2(padded(words(tuple.src)), seed)
  const old = words(source ? tuple.src : tuple.dst)
  let full = false
  const chosen = old.map((_word, i) => {
    const low = full ? 0 : from[i]! >>> 0
    const high = full ? 0xffffffff : to[i]! >>> 0
    const size = high - low + 1
    // The kernel counts the size of a word's full range in 32 bits: 0.
    const word = full ? 0 : (low + Math.floor(((hash >>> 0) * size) / 4294967296)) >>> 0
    if (word !== to[i]! >>> 0) full = true
    if (!spec.persistent) hash ^= swap(source ? dst[i]! : word)
    return word
  })
  if (chosen.length === 1) return chosen[0]! | 0
  return concatIp6(chosen.flatMap((word) => [word >>> 16, word & 0xffff]))
}

/** nf_nat_l4proto_unique_tuple: another port (or ICMP id) from the range, or from the class of the old one. */
function freePort(
  ctx: HookCtx,
  ct: Conntrack,
  conn: Conn,
  tuple: Tuple,
  spec: NatSpec,
  source: boolean,
): Tuple {
  const icmp = tuple.proto === IPPROTO_ICMP || tuple.proto === IPPROTO_ICMPV6
  if (!icmp && tuple.proto !== IPPROTO_TCP && tuple.proto !== IPPROTO_UDP) return tuple
  const bySource = source || icmp
  const old = bySource ? tuple.sport : tuple.dport
  let min = 0
  let size = 65536
  if (spec.ports !== null) {
    min = Math.min(spec.ports.from, spec.ports.to)
    size = Math.abs(spec.ports.to - spec.ports.from) + 1
  } else if (!icmp) {
    if (!source) return tuple
    if (old < 512) [min, size] = [1, 511]
    else if (old < 1024) [min, size] = [600, 424]
    else [min, size] = [1024, 64512]
  }
  const { rng } = ctx.ns
  let offset = spec.random || source ? nextBelow(rng, 65536) : 0
  let attempts = Math.min(size, ATTEMPTS_MAX)
  let last = tuple
  for (;;) {
    for (let i = 0; i < attempts; i++, offset++) {
      const port = min + (offset % size)
      last = bySource ? { ...tuple, sport: port } : { ...tuple, dport: port }
      if (!isUsedHarder(ctx, ct, conn, last, attempts - i)) return last
    }
    if (attempts >= size || attempts < ATTEMPTS_MIN) return last
    attempts = attempts >> 1
    offset = nextBelow(rng, 65536)
  }
}

/** The address as 32-bit words, for IPv4 one and for IPv6 four. */
function words(ip: Ip): number[] {
  if (typeof ip === 'number') return [ip >>> 0]
  const parts = ip6Words(ip)
  return [0, 2, 4, 6].map((i) => ((parts[i]! << 16) | parts[i + 1]!) >>> 0)
}

function padded(list: readonly number[]): number[] {
  return [...list, 0, 0, 0].slice(0, 4).map(swap)
}

/** The kernel hashes network order as it is stored: byte-swapped. */
function swap(word: number): number {
  return ((word >>> 24) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff0000) | (word << 24)) >>> 0
}

/** Bob Jenkins' hash of 32-bit words (lookup3), as include/linux/jhash.h has it. */
function jhash2(key: readonly number[], seed: number): number {
  const start = (0xdeadbeef + (key.length << 2) + seed) | 0
  let [a, b, c] = [start, start, start]
  let at = 0
  let left = key.length
  while (left > 3) {
    a = (a + key[at]!) | 0
    b = (b + key[at + 1]!) | 0
    c = (c + key[at + 2]!) | 0
    a = (a - c) ^ rol(c, 4)
    c = (c + b) | 0
    b = (b - a) ^ rol(a, 6)
    a = (a + c) | 0
    c = (c - b) ^ rol(b, 8)
    b = (b + a) | 0
    a = (a - c) ^ rol(c, 16)
    c = (c + b) | 0
    b = (b - a) ^ rol(a, 19)
    a = (a + c) | 0
    c = (c - b) ^ rol(b, 4)
    b = (b + a) | 0
    at += 3
    left -= 3
  }
  if (left === 0) return c
  if (left >= 3) c = (c + key[at + 2]!) | 0
  if (left >= 2) b = (b + key[at + 1]!) | 0
  a = (a + key[at]!) | 0
  c = ((c ^ b) - rol(b, 14)) | 0
  a = ((a ^ c) - rol(c, 11)) | 0
  b = ((b ^ a) - rol(a, 25)) | 0
  c = ((c ^ b) - rol(b, 16)) | 0
  a = ((a ^ c) - rol(c, 4)) | 0
  b = ((b ^ a) - rol(a, 14)) | 0
  return ((c ^ b) - rol(b, 24)) | 0
}

function rol(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
