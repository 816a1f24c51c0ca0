import { expect, it } from 'vitest'
import { entryDrop, entrySet, NO_ENTRIES } from './entries.ts'

it('gives whoever writes a map of its own, and takes it back with the last entry', () => {
  const none: ReadonlyMap<string, number> = NO_ENTRIES
  const mine = entrySet(none, 'a', 1)
  const others = entrySet(none, 'b', 2)
  expect(NO_ENTRIES.size).toBe(0)
  expect([...mine]).toEqual([['a', 1]])
  expect(entrySet(mine, 'c', 3)).toBe(mine)
  expect([...others.keys()]).toEqual(['b'])
  expect(entryDrop(mine, 'a')).toBe(mine)
  expect(entryDrop(mine, 'x')).toBe(mine)
  expect(entryDrop(mine, 'c')).toBe(NO_ENTRIES)
  expect(entryDrop(none, 'a')).toBe(NO_ENTRIES)
})
