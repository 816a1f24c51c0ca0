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
}

export const board: Board = {
  flights: [],
  drops: [],
  omitted: 0,
  segment: null,
  segmentBegan: 0,
  clock: null,
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
