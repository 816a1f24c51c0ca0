import { describe, expect, it } from 'vitest'
import type { ClockState, Flight } from '../../session/types.ts'
import { addFlights, type Board, forget, ratesAt, shownTime } from './flights.ts'

const empty: Board = {
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
const flight = (departAt: number, arriveAt: number) => ({ departAt, arriveAt }) as Flight

describe('the shown time', () => {
  const moving = { ...empty, segment: { from: 1000, to: 3000, realMs: 200 }, segmentBegan: 50 }

  it('runs linearly through a segment and waits at its end', () => {
    expect(shownTime(moving, 50)).toBe(1000)
    expect(shownTime(moving, 150)).toBe(2000)
    expect(shownTime(moving, 250)).toBe(3000)
    expect(shownTime(moving, 900)).toBe(3000)
  })

  it('is the clock while nothing is being shown, and the end of a segment that takes no time', () => {
    expect(shownTime({ ...empty, clock: { now: 77 } as ClockState }, 5)).toBe(77)
    expect(shownTime({ ...moving, segment: { from: 0, to: 9, realMs: 0 } }, 50)).toBe(9)
  })
})

describe('forgetting', () => {
  it('keeps what has not arrived yet, also what has not left', () => {
    const board = { ...empty, flights: [flight(0, 10), flight(5, 20), flight(30, 40)] }
    forget(board, 15)
    expect(board.flights.map((one) => one.arriveAt)).toEqual([20, 40])
  })
})

describe('a batch of flights', () => {
  const leave = (trace: number, fromIfindex: number) =>
    ({ trace, fromNs: 1, fromIfindex, proto: 'icmp' }) as Flight

  it('numbers the wires that each packet has crossed', () => {
    const board = { ...empty }
    const flights = [leave(7, 2), leave(8, 2), leave(7, 3)]
    addFlights(board, flights, [], 0, false)
    expect(flights.map((one) => board.hopOf.get(one))).toEqual([1, 1, 2])
    expect(board.tally.counts.size).toBe(0)
  })

  it('becomes a rate at the fastest speed', () => {
    const board = { ...empty, tally: { began: 0, counts: new Map(), rates: [] } }
    const flights = [leave(1, 2), leave(2, 2), leave(3, 2), leave(4, 9)]
    addFlights(board, flights, [], 0, true)
    expect(ratesAt(board.tally, 500)).toEqual([])
    expect(ratesAt(board.tally, 2000)).toEqual([
      { ns: 1, ifindex: 2, n: 2, proto: 'icmp' },
      { ns: 1, ifindex: 9, n: 1, proto: 'icmp' },
    ])
    expect(ratesAt(board.tally, 3001)).toEqual([])
  })
})
