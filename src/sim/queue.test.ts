import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRng, nextBelow } from '../base/rng.ts'
import type { Queue, SimEvent } from './queue.ts'
import { cloneQueue, createQueue, forEachEvent, peekAt, popEvent, pushEvent, queueSize } from './queue.ts'

const blank = (): SimEvent => ({ at: 0, seq: 0, kind: 0, target: 0, arg: 0, ref: undefined })
const byAtSeq = (a: SimEvent, b: SimEvent) => a.at - b.at || a.seq - b.seq

// Delays that land on every level of the wheel, on slot borders and next to them.
const DELAYS = [
  0,
  1,
  1023,
  1024,
  1025,
  10_000,
  50_000,
  2 ** 20 - 1,
  2 ** 20,
  1e6,
  1e9,
  2 ** 30,
  30e9,
  2 ** 40,
  2 ** 50,
]

/** The same pushes and pops on a queue and on a sorted array. */
interface Pair {
  queue: Queue
  model: SimEvent[]
  now: number
  seq: number
}

function push(pair: Pair, at: number): void {
  const event = { at, seq: pair.seq++, kind: at % 7, target: at % 5, arg: at / 3, ref: { at } }
  pushEvent(pair.queue, event.at, event.seq, event.kind, event.target, event.arg, event.ref)
  pair.model.push(event)
  pair.model.sort(byAtSeq)
}

function pop(pair: Pair): void {
  const out = blank()
  const expected = pair.model.shift()
  expect(peekAt(pair.queue)).toBe(expected?.at ?? Number.POSITIVE_INFINITY)
  expect(popEvent(pair.queue, out)).toBe(expected !== undefined)
  if (expected === undefined) return
  expect(out).toEqual(expected)
  pair.now = out.at
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ op: fc.constant('push' as const), delay: fc.constantFrom(...DELAYS) }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('push' as const), delay: fc.nat(5000) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('past' as const), delay: fc.nat(5000) }) },
  { weight: 5, arbitrary: fc.record({ op: fc.constant('pop' as const), delay: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('clone' as const), delay: fc.constant(0) }) },
)

describe('queue', () => {
  it('agrees with a sorted array', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const pair: Pair = { queue: createQueue(), model: [], now: 0, seq: 0 }
        for (const { op, delay } of steps) {
          if (op === 'push') push(pair, Math.min(pair.now + delay, 2 ** 53))
          else if (op === 'past') push(pair, Math.max(0, pair.now - delay))
          else if (op === 'pop') pop(pair)
          else pair.queue = cloneQueue(pair.queue)
          expect(queueSize(pair.queue)).toBe(pair.model.length)
        }
        const listed: SimEvent[] = []
        forEachEvent(pair.queue, (event) => listed.push(event))
        expect(listed).toEqual(pair.model)
        while (pair.model.length > 0) pop(pair)
        pop(pair)
      }),
      { numRuns: 300 },
    )
  })

  it('keeps order through a long run with many pending', () => {
    const rng = createRng(3, 0)
    const queue = createQueue()
    const out = blank()
    let seq = 0
    for (; seq < 5000; seq++) pushEvent(queue, nextBelow(rng, 1e6), seq, 0, 0, 0, undefined)
    let last = blank()
    for (let i = 0; i < 100_000; i++) {
      expect(popEvent(queue, out)).toBe(true)
      if (byAtSeq(last, out) > 0) expect(out).toEqual('after the one before')
      last = { ...out }
      pushEvent(queue, out.at + (DELAYS[nextBelow(rng, 12)] ?? 0), seq++, 0, 0, 0, undefined)
    }
    expect(queueSize(queue)).toBe(5000)
  })

  it('orders one instant and one slot by seq, whatever the order of pushing', () => {
    const queue = createQueue()
    const pairs = Array.from({ length: 300 }, (_, i) => ({ at: 5000 + (i % 3), seq: (i * 7919) % 300 }))
    for (const { at, seq } of pairs) pushEvent(queue, at, seq, 0, 0, 0, undefined)
    const out = blank()
    const popped: { at: number; seq: number }[] = []
    while (popEvent(queue, out)) popped.push({ at: out.at, seq: out.seq })
    expect(popped).toEqual(pairs.sort((a, b) => a.at - b.at || a.seq - b.seq))
  })

  it('sorts crowded slots, and again after they were copied', () => {
    const rng = createRng(9, 0)
    let queue = createQueue()
    const model: SimEvent[] = []
    let seq = 0
    for (let round = 0; round < 6; round++) {
      // Three slots far ahead, some thousand events in each, and a few of every slot's first and last nanosecond.
      for (let i = 0; i < 6000; i++) {
        const at = (round + 1) * 5e9 + nextBelow(rng, 3) * 1024 + [0, 1023, nextBelow(rng, 1024)][i % 3]!
        pushEvent(queue, at, seq, 1, 2, 0, null)
        model.push({ at, seq: seq++, kind: 1, target: 2, arg: 0, ref: null })
      }
      model.sort(byAtSeq)
      const out = blank()
      for (let i = 0; i < 5000; i++) {
        expect(popEvent(queue, out)).toBe(true)
        const expected = model[i]!
        if (out.at !== expected.at || out.seq !== expected.seq) expect(out).toEqual(expected)
      }
      model.splice(0, 5000)
      queue = cloneQueue(queue)
    }
    expect(queueSize(queue)).toBe(model.length)
  })

  it('copies without sharing, and without the space of what has gone', () => {
    const queue = createQueue()
    const packet = { ttl: 64 }
    for (let i = 0; i < 2000; i++) pushEvent(queue, i * 1e6, i, 0, 0, 0, packet)
    const out = blank()
    for (let i = 0; i < 1990; i++) popEvent(queue, out)
    const copy = cloneQueue(queue)
    expect(copy.next.length).toBe(64)
    packet.ttl = 1
    const first = blank()
    const second = blank()
    popEvent(copy, first)
    popEvent(copy, second)
    expect(first).toMatchObject({ seq: 1990, ref: { ttl: 64 } })
    expect(second.ref).toBe(first.ref)
    expect(queueSize(queue)).toBe(10)
    popEvent(queue, out)
    expect(out).toMatchObject({ seq: 1990, ref: { ttl: 1 } })
  })

  it('goes on in the middle of an instant after copying', () => {
    const queue = createQueue()
    for (const at of [5000, 5001, 5010]) pushEvent(queue, at, at, 0, 0, 0, undefined)
    popEvent(queue, blank())
    const copy = cloneQueue(queue)
    const order: number[] = []
    pushEvent(copy, 5005, 6000, 0, 0, 0, undefined)
    const out = blank()
    while (popEvent(copy, out)) order.push(out.at)
    expect(order).toEqual([5001, 5005, 5010])
  })

  it('lets go of what was popped', () => {
    const queue = createQueue()
    pushEvent(queue, 1, 0, 0, 0, 0, { big: true })
    popEvent(queue, blank())
    expect(queue.refs.filter((ref) => ref !== undefined)).toEqual([])
  })
})
