/** One probe of traceroute, how long it is waited for, and where an answer that came out of order belongs. */
import type { Ip } from '../../base/addr.ts'
import type { TraceOptions } from './traceroute-options.ts'

export interface Probe {
  done: boolean
  /** The way ends here. */
  final: boolean
  /** ns, 0 for not yet. */
  sentAt: number
  /** ns, 0 for no answer. */
  recvAt: number
  /** TTL of the answer, 0 where it is not known. */
  recvTtl: number
  res: Ip | undefined
  /** `!H` and the like. */
  mark: string
  /** UDP: its socket; ICMP: its sequence number. 0 once it is done. */
  sock: number
  seq: number
}

/** Added to a measured time before it is multiplied: a millisecond. */
const PRECISION_NS = 1_000_000

/** How long probe `n` is waited for, ns: less where its own hop or a later one has answered. */
export function timeoutOf(probes: readonly Probe[], n: number, o: TraceOptions): number {
  const longest = o.wait * 1e9
  if (o.hereFactor > 0) {
    const first = n - (n % o.queries)
    for (let i = first; i < first + o.queries; i++) {
      const took = probes[i]!.done ? probes[i]!.recvAt - probes[i]!.sentAt : 0
      if (took > 0) return Math.min(longest, (took + PRECISION_NS) * o.hereFactor)
    }
  }
  if (o.nearFactor > 0) {
    for (let i = n + 1; i < probes.length && probes[i]!.sentAt > 0; i++) {
      const took = probes[i]!.done ? probes[i]!.recvAt - probes[i]!.sentAt : 0
      if (took > 0) return Math.min(longest, (took + PRECISION_NS) * o.nearFactor)
    }
  }
  return longest
}

/**
 * Probe `n` has had no answer. Where a later one got an unreachable error that rather belongs here (a host answers only
 * some of many errors), that answer moves to this place.
 */
export function checkExpired(probes: Probe[], n: number, perHop: number): void {
  const place = n % perHop
  for (let i = n - place; i < n; i++) if (!probes[i]!.done || !probes[i]!.final) return
  let later = n + 1
  while (later < probes.length && probes[later]!.sentAt > 0 && !probes[later]!.done) later++
  const last = probes[later]
  if (last === undefined || last.sentAt === 0 || !last.final || last.mark === '') return
  const belongs =
    place > 0 ||
    place + (later - n) < perHop ||
    probes.slice(0, n).some((probe) => probe.res !== undefined && probe.res === last.res) ||
    (last.recvTtl > 0 && guessHop(probes, n, perHop, last.recvTtl) <= Math.floor(n / perHop) + 1)
  if (!belongs) return
  probes[n] = last
  // A time that is not 0: the emptied place is not sent again.
  probes[later] = {
    done: false,
    final: false,
    sentAt: 1,
    recvAt: 0,
    recvTtl: 0,
    res: undefined,
    mark: '',
    sock: 0,
    seq: 0,
  }
}

/** The hop that an answer's TTL speaks for, corrected by the nearest earlier answer. */
function guessHop(probes: readonly Probe[], n: number, perHop: number, ttl: number): number {
  const back = hopsOf(ttl)
  for (let i = n - 1; i >= 0; i--) {
    const probe = probes[i]!
    if (!probe.done || probe.final || probe.recvTtl === 0) continue
    const hops = hopsOf(probe.recvTtl)
    if (hops < back) return back - hops + Math.floor(i / perHop) + 1
  }
  return back
}

/** Hops behind a packet that began with 64, 128 or 255. */
function hopsOf(ttl: number): number {
  if (ttl <= 64) return 65 - ttl
  return ttl <= 128 ? 129 - ttl : 256 - ttl
}

/** What stands behind the time of an ICMP error; undefined where the TTL ran out: the way goes on. */
export function unreachableMark(family: 4 | 6, type: number, code: number, info: number): string | undefined {
  if (family === 4) {
    if (type === 11 && code === 0) return undefined
    if (type !== 3) return `!<${type}-${code}>`
    if (code === 4) return `!F-${info}`
    return MARKS4[code] ?? `!<${code}>`
  }
  if (type === 3 && code === 0) return undefined
  if (type === 2) return `!F-${info}`
  if (type !== 1) return `!<${type}-${code}>`
  return MARKS6[code] ?? `!<${code}>`
}

const MARKS4: Readonly<Record<number, string>> = Object.freeze({
  0: '!N',
  1: '!H',
  2: '!P',
  3: '',
  5: '!S',
  6: '!N',
  7: '!H',
  8: '!N',
  9: '!X',
  10: '!X',
  11: '!N',
  12: '!H',
  13: '!X',
  14: '!V',
  15: '!C',
})

const MARKS6: Readonly<Record<number, string>> = Object.freeze({ 0: '!N', 1: '!X', 2: '!H', 3: '!H', 4: '' })
