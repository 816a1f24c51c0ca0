/**
 * Cluster IPs and node ports. Models pkg/registry/core/service/{ipallocator,portallocator} (1.32): a static band
 * at the low end that automatic picks leave alone while the rest has room.
 */
import {
  compareIp,
  concatIp6,
  formatIp,
  inPrefix,
  type Ip,
  ip6Words,
  maskIp,
  parseIp,
  parsePrefix,
} from '../../base/addr.ts'
import type { Rng } from '../../base/rng.ts'
import { nextUint32 } from '../../base/rng.ts'

export interface IpRange {
  readonly cidr: string
  readonly family: 'IPv4' | 'IPv6'
  /** the network's own address */
  readonly base: Ip
  readonly len: number
  /** addresses that can be given out: base + 1 up to base + free */
  readonly free: number
  /** how many of them, from the low end, automatic picks avoid */
  readonly band: number
}

/** The server keeps a bitmap of a range: of an IPv6 one no more than its first 2^16 addresses are used. */
const MAX_IPV6_BITS = 16

/** A service range; undefined where the text is no prefix. */
export function ipRange(cidr: string): IpRange | undefined {
  const prefix = parsePrefix(cidr)
  if (prefix === undefined) return undefined
  const family = typeof prefix.addr === 'number' ? 'IPv4' : 'IPv6'
  const size = 2 ** (family === 'IPv4' ? 32 - prefix.len : Math.min(128 - prefix.len, MAX_IPV6_BITS))
  // Neither the network's address nor IPv4's broadcast address is given out.
  const free = Math.max(0, size - (family === 'IPv4' ? 2 : 1))
  const base = maskIp(prefix.addr, prefix.len)
  return { cidr: `${formatIp(base)}/${prefix.len}`, family, base, len: prefix.len, free, band: ipBand(size) }
}

/** min(max(16, size / 16), 256) of the range's addresses; 0 where the range has 16 or fewer. */
export function ipBand(size: number): number {
  return band(size, 16, 256)
}

/** min(max(16, size / 32), 128) of the range's ports; 0 where the range has 16 or fewer. */
export function portBand(size: number): number {
  return band(size, 32, 128)
}

function band(size: number, part: number, most: number): number {
  if (size <= 16) return 0
  return Math.min(Math.max(16, Math.floor(size / part)), most)
}

/** The address lies in the range and may be given out. */
export function ipInRange(range: IpRange, text: string): boolean {
  const ip = parseIp(text)
  if (ip === undefined || (typeof ip === 'number') !== (range.family === 'IPv4')) return false
  if (!inPrefix(ip, range.base, range.len)) return false
  return compareIp(ip, addTo(range.base, 1)) >= 0 && compareIp(ip, addTo(range.base, range.free)) <= 0
}

/** A free address: at random above the band, then below it; undefined where the range is full. */
export function pickIp(range: IpRange, rng: Rng, isUsed: (ip: string) => boolean): string | undefined {
  const offset = pick(range.free, Math.min(range.band, range.free), rng, (n) => isUsed(ipAt(range, n)))
  return offset === undefined ? undefined : ipAt(range, offset)
}

/** A free port: at random above the band, then below it; undefined where the range is full. */
export function pickPort(
  [low, high]: readonly [number, number],
  rng: Rng,
  isUsed: (port: number) => boolean,
): number | undefined {
  const size = high - low + 1
  const offset = pick(size, portBand(size), rng, (n) => isUsed(low + n))
  return offset === undefined ? undefined : low + offset
}

function ipAt(range: IpRange, offset: number): string {
  return formatIp(addTo(range.base, offset + 1))
}

/** A free number below `size`, from [low, size) first and then from [0, low); a random start, then onwards. */
function pick(size: number, low: number, rng: Rng, isUsed: (n: number) => boolean): number | undefined {
  for (const [from, to] of [
    [low, size],
    [0, low],
  ]) {
    const n = to - from
    if (n <= 0) continue
    const start = nextUint32(rng) % n
    for (let i = 0; i < n; i++) {
      const one = from + ((start + i) % n)
      if (!isUsed(one)) return one
    }
  }
  return undefined
}

function addTo(base: Ip, n: number): Ip {
  if (typeof base === 'number') return ((base >>> 0) + n) | 0
  const words = ip6Words(base)
  let carry = n
  for (let i = 7; i >= 0 && carry > 0; i--) {
    const sum = words[i] + carry
    words[i] = sum % 65536
    carry = Math.floor(sum / 65536)
  }
  return concatIp6(words)
}
