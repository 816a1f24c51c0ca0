// That equal elements end up where Go puts them is held against a real kubectl by cli/real; here, that it sorts at all.
import { expect, it } from 'vitest'
import { createRng, nextBelow } from '../../../base/rng.ts'
import { goSort, naturalLess } from './gosort.ts'

it('sorts, and keeps the order of equal elements only where there are few', () => {
  const rng = createRng(7, 0)
  for (const length of [0, 1, 2, 12, 13, 49, 50, 64, 111, 500]) {
    for (const kinds of [1, 3, 40, 1000]) {
      const list = Array.from({ length }, (_, at) => ({ key: nextBelow(rng, kinds), at }))
      const sorted = [...list].sort((a, b) => a.key - b.key)
      const own = [...list]
      goSort(own, (a, b) => a.key < b.key)
      expect(own.map(({ key }) => key)).toEqual(sorted.map(({ key }) => key))
      expect(new Set(own).size).toBe(length)
      if (length <= 12) expect(own).toEqual(sorted)
    }
  }
  const few = Array.from({ length: 60 }, (_, at) => ({ key: (at * 7) % 3, at }))
  const own = [...few]
  goSort(own, (a, b) => a.key < b.key)
  expect(own).not.toEqual([...few].sort((a, b) => a.key - b.key))
})

it('knows numbers in names', () => {
  const names = ['pod-10', 'pod-9', 'pod-1', 'a', 'pod-01', 'pod']
  const own = [...names]
  goSort(own, naturalLess)
  expect(own).toEqual(['a', 'pod', 'pod-1', 'pod-01', 'pod-9', 'pod-10'])
})
