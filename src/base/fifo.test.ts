import { expect, it } from 'vitest'
import { entrySet, NO_ENTRIES } from './entries.ts'
import { firstKey, without } from './fifo.ts'

it('gives the keys in the order in which they came, also those that came meanwhile', () => {
  let queue: ReadonlyMap<number, true> = NO_ENTRIES
  const out: number[] = []
  let next = 0
  for (let round = 0; round < 2000; round++) {
    for (let i = 0; i < (round < 1000 ? 2 : 0); i++) queue = entrySet(queue, next++, true)
    const first = firstKey(queue)!
    out.push(first)
    queue = without(queue, first)
  }
  expect(out).toEqual(Array.from({ length: 2000 }, (_, i) => i))
  expect(firstKey(queue)).toBeUndefined()
})
