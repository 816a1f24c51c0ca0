/** What a running ping remembers: plain data. */
import type { Ip } from '../../base/addr.ts'
import type { PingOptions } from './ping-options.ts'
import type { PingCounts } from './ping-text.ts'

export interface PingState {
  options: PingOptions
  /** What it was called by: begins its error messages. */
  name: string
  family: 4 | 6
  /** The target as the closing line names it. */
  host: string
  dst: Ip
  source: Ip
  /** The device of a link-local target, as it is printed after `%`; '' for none. */
  zone: string
  /** Addresses are printed without names. */
  numeric: boolean
  multicast: boolean
  /** The payload is long enough for a time. */
  timed: boolean
  sock: number
  /** ICMP id of a raw socket's packets. */
  ident: number
  interval: number
  startAt: number
  started: boolean
  /** When the last packet was due, ns. */
  lastAt: number
  tokens: number
  /** The timer for the end is armed. */
  waiting: boolean
  counts: PingCounts
  /** Highest sequence number that was answered, 16 bits. */
  acked: number
  /** Sequence numbers answered, of the last 65536: a bit each, as long as it has to be (a checkpoint copies it). */
  seen: Uint32Array
  /** A reply confirms the neighbour (IPv6). */
  confirm: boolean
}

/** Packets without an answer or error. */
export function inFlight(counts: PingCounts, acked: number): number {
  const behind = (counts.sent & 0xffff) - acked
  return behind <= 0x7fff ? behind : counts.sent - counts.received - counts.errors
}

/** An answer or error about packet `seq`. */
export function acknowledge(counts: PingCounts, state: { acked: number }, seq: number): void {
  const behind = (counts.sent & 0xffff) - seq
  if (behind > 0x7fff) return
  if (behind + 1 > counts.pipe) counts.pipe = behind + 1
  const ahead = ((seq - state.acked) << 16) >> 16
  if (ahead > 0) state.acked = seq
}

/** Whether a sequence number has been answered. */
export function hasSeen({ seen }: PingState, seq: number): boolean {
  return (((seen[seq >>> 5] ?? 0) >>> (seq & 31)) & 1) === 1
}

/** Notes that a sequence number has been answered, or is to be asked anew. */
export function setSeen(state: PingState, seq: number, answered: boolean): void {
  const word = seq >>> 5
  if (word >= state.seen.length) {
    const longer = new Uint32Array(Math.max(word + 1, state.seen.length * 2))
    longer.set(state.seen)
    state.seen = longer
  }
  const bit = 1 << (seq & 31)
  const old = state.seen[word] ?? 0
  state.seen[word] = answered ? old | bit : old & ~bit
}
