/** One cluster range and which of its nodes' ranges are in use. Models nodeipam/ipam/cidrset (Kubernetes 1.32). */
import type { Ip, Prefix } from '../../../base/addr.ts'
import { formatIp, inPrefix, maskIp, parsePrefix } from '../../../base/addr.ts'

/** The real one's limit for IPv6: so many bits at most between the cluster's and a node's range. */
const MOST_BITS6 = 16

/** One cluster range, cut into ranges of nodes. */
export interface Ranges {
  readonly cidr: string
  readonly mask: number
  readonly count: number
  /** Where the next search begins. */
  next: number
  /** Numbers of the ranges in use. */
  used: Map<number, true>
}

/** A cluster range cut into ranges of `mask` bits; undefined where it cannot be cut so. */
export function cutRange(cidr: string, mask: number): Ranges | undefined {
  const prefix = parsePrefix(cidr)
  if (prefix === undefined || mask < prefix.len) return undefined
  if (typeof prefix.addr !== 'number' && mask - prefix.len > MOST_BITS6) return undefined
  return { cidr, mask, count: 2 ** (mask - prefix.len), next: 0, used: new Map() }
}

/** The n-th range of `len` bits in a network. */
export function subRange(base: Ip, len: number, n: number): string {
  if (typeof base === 'number') return `${formatIp(base + n * 2 ** (32 - len))}/${len}`
  const sum = BigInt(`0x${base}`) + (BigInt(n) << BigInt(128 - len))
  return `${formatIp(sum.toString(16).padStart(32, '0'))}/${len}`
}

/** Marks what a prefix touches as used or free. */
export function markUsed(ranges: readonly Ranges[], cidr: string, used: boolean): void {
  for (const one of ranges) {
    const span = spanOf(one, cidr)
    if (span === undefined) continue
    for (let n = span[0]; n <= span[1]; n++) {
      if (used) one.used.set(n, true)
      else one.used.delete(n)
    }
  }
}

/** First and last number of the node ranges that a prefix touches; undefined where it touches none. */
export function spanOf({ cidr, mask, count }: Ranges, touched: string): [number, number] | undefined {
  const whole = parsePrefix(cidr)!
  const part = parsePrefix(touched)
  if (part === undefined || typeof part.addr !== typeof whole.addr) return undefined
  if (part.len <= whole.len) {
    return inPrefix(whole.addr, maskIp(part.addr, part.len), part.len) ? [0, count - 1] : undefined
  }
  if (!inPrefix(part.addr, maskIp(whole.addr, whole.len), whole.len)) return undefined
  const first = numberOf(whole, maskIp(part.addr, part.len), mask)
  const last = part.len >= mask ? first : first + 2 ** (mask - part.len) - 1
  return first >= count ? undefined : [first, Math.min(last, count - 1)]
}

function numberOf(whole: Prefix, addr: Ip, mask: number): number {
  const base = maskIp(whole.addr, whole.len)
  if (typeof addr === 'number') return Math.floor((addr - (base as number)) / 2 ** (32 - mask))
  return Number((BigInt(`0x${addr}`) - BigInt(`0x${base}`)) >> BigInt(128 - mask))
}

/** The next free range, undefined where all are taken. Ranges that meet a service range are never given out. */
export function take(ranges: Ranges, services: readonly string[]): string | undefined {
  const barred = services.map((cidr) => spanOf(ranges, cidr)).filter((span) => span !== undefined)
  const base = maskIp(parsePrefix(ranges.cidr)!.addr, parsePrefix(ranges.cidr)!.len)
  for (let tried = 0; tried < ranges.count; ) {
    const n = ranges.next % ranges.count
    const bar = barred.find(([first, last]) => n >= first && n <= last)
    const step = bar === undefined ? 1 : bar[1] - n + 1
    ranges.next = (n + step) % ranges.count
    tried += step
    if (bar !== undefined || ranges.used.has(n)) continue
    ranges.used.set(n, true)
    return subRange(base, ranges.mask, n)
  }
  return undefined
}
