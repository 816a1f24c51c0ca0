/**
 * What moves: flights, drop marks and the shown virtual time. Changes too often for React state;
 * the overlay reads it in its own animation frame.
 */
import type { ClockSegment, ClockState, DropMark, Flight } from '../../session/types.ts'

export interface Board {
  flights: Flight[]
  drops: DropMark[]
  /** Flights that the session left out of the last batch. */
  omitted: number
  segment: ClockSegment | null
  /** performance.now() when the segment began. */
  segmentBegan: number
  clock: ClockState | null
  /** How many wires each trace has crossed so far; and each flight's own number. */
  crossed: Map<number, number>
  hopOf: WeakMap<Flight, number>
  tally: Tally
}

/** Flights counted by the port they leave from, for flow lines at the fastest speed. */
export interface Tally {
  began: number
  counts: Map<string, Flow>
  /** Per second, from the last full second. */
  rates: Flow[]
}

export interface Flow {
  ns: number
  ifindex: number
  n: number
  proto: Flight['proto']
}

export const board: Board = {
  flights: [],
  drops: [],
  omitted: 0,
  segment: null,
  segmentBegan: 0,
  clock: null,
  crossed: new Map(),
  hopOf: new WeakMap(),
  tally: { began: 0, counts: new Map(), rates: [] },
}

/** Takes in a batch of flights and drops; `fastest`: they are counted instead of followed. */
export function addFlights(
  b: Board,
  flights: Flight[],
  drops: DropMark[],
  omitted: number,
  fastest: boolean,
): void {
  b.flights = b.flights.concat(flights)
  b.drops = b.drops.concat(drops)
  b.omitted = omitted
  for (const flight of flights) {
    const n = (b.crossed.get(flight.trace) ?? 0) + 1
    b.crossed.set(flight.trace, n)
    b.hopOf.set(flight, n)
    if (fastest) count(b.tally, flight)
  }
  if (b.crossed.size > 5000) b.crossed.clear()
}

/** Flows per second at a real moment; empty where nothing was counted for two seconds. */
export function ratesAt(tally: Tally, realNow: number): Flow[] {
  const seconds = (realNow - tally.began) / 1000
  if (seconds >= 1) {
    tally.rates = [...tally.counts.values()].map((flow) => ({ ...flow, n: Math.round(flow.n / seconds) }))
    tally.counts = new Map()
    tally.began = realNow
  }
  return tally.rates
}

function count(tally: Tally, flight: Flight): void {
  const key = `${flight.fromNs}:${flight.fromIfindex}`
  const flow = tally.counts.get(key)
  if (flow) flow.n++
  else {
    const { fromNs: ns, fromIfindex: ifindex, proto } = flight
    tally.counts.set(key, { ns, ifindex, n: 1, proto })
  }
}

/** Virtual time to show at a real moment: linear inside the segment, never past its end. */
export function shownTime(b: Board, realNow: number): number {
  const { segment, clock } = b
  if (!segment) return clock?.now ?? 0
  if (segment.realMs <= 0) return segment.to
  const part = Math.min(1, Math.max(0, (realNow - b.segmentBegan) / segment.realMs))
  return segment.from + (segment.to - segment.from) * part
}

/** Drops what is long past at virtual time `t`; drop marks stay for `keep` more nanoseconds. */
export function forget(b: Board, t: number): void {
  if (b.flights.some((flight) => flight.arriveAt < t)) {
    b.flights = b.flights.filter((flight) => flight.arriveAt >= t)
  }
  if (b.drops.length > 200) b.drops = b.drops.slice(-200)
}

/** Whether a packet of this label answers another one: it is drawn hollow. */
export function isAnswer(label: string): boolean {
  return /repl|is-at|unreachable|exceeded|needed|advert/i.test(label)
}
