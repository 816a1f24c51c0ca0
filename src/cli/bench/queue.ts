/** Queue: hold operations (take the first, add one later) with many events pending. */
import { createQueue, popEvent, pushEvent, type SimEvent } from '../../sim/queue.ts'
import { objectHeapHolds } from './reference.ts'
import { median, type Row } from './report.ts'

/** Delays as a network lab has them: crossings, cables, interpreters, ARP, ageing. */
function delays(): () => number {
  const kinds = [10_000, 10_000, 10_000, 50_000, 50_000, 1_000_000, 1_000_000_000, 30_000_000_000]
  let state = 12345
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return kinds[state >>> 29]! + (state & 4095)
  }
}

function wheelHolds(pending: number, holds: number, delay: () => number): number {
  const queue = createQueue()
  const event: SimEvent = { at: 0, seq: 0, kind: 0, target: 0, arg: 0, ref: undefined }
  let seq = 0
  for (let i = 0; i < pending; i++) pushEvent(queue, delay(), seq++, 1, i, 0, null)
  const start = process.hrtime.bigint()
  for (let i = 0; i < holds; i++) {
    popEvent(queue, event)
    pushEvent(queue, event.at + delay(), seq++, 1, event.target, 0, null)
  }
  return holds / (Number(process.hrtime.bigint() - start) / 1e9)
}

export function benchQueue(): Row[] {
  const rows: Row[] = []
  for (const pending of [1_000, 100_000]) {
    const wheel: number[] = []
    const heap: number[] = []
    for (let i = 0; i < 5; i++) {
      wheel.push(wheelHolds(pending, 400_000, delays()))
      heap.push(objectHeapHolds(pending, 200_000, delays()))
    }
    rows.push({
      name: `event queue, ${pending} pending`,
      value: median(wheel),
      unit: 'holds/s',
      reference: median(heap),
      against: 'binary heap of objects',
      aim: pending === 100_000 ? '10' : '',
    })
  }
  return rows
}
