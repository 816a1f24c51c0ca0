import { expect, it } from 'vitest'
import { hashPlain } from './hash.ts'
import { createRng, nextBelow } from './rng.ts'
import type { Trie } from './trie.ts'
import { createTrie, trieDelete, trieDiff, trieEach, trieGet, trieOf, trieSame, trieSet } from './trie.ts'

function contents(trie: Trie<number>): Map<string, number> {
  const all = new Map<string, number>()
  trieEach(trie, (value, key) => all.set(key, value))
  return all
}

it('is a map after any writes, of one shape whatever the order, and the older ones stay what they were', () => {
  const rng = createRng(3, 1)
  const map = new Map<string, number>()
  let trie: Trie<number> = createTrie()
  const older: { trie: Trie<number>; map: Map<string, number> }[] = []
  for (let i = 0; i < 6000; i++) {
    const key = `default/s${nextBelow(rng, 400)}`
    // More goes than comes in the second half: branches become leaves again.
    if (nextBelow(rng, 10) < (i < 3000 ? 7 : 2)) {
      const value = nextBelow(rng, 5)
      map.set(key, value)
      trie = trieSet(trie, key, value)
    } else {
      map.delete(key)
      trie = trieDelete(trie, key)
    }
    expect(trie.size).toBe(map.size)
    expect(trieGet(trie, key)).toBe(map.get(key))
    if (i % 500 === 0) older.push({ trie, map: new Map(map) })
  }
  for (const then of [...older, { trie, map }]) {
    expect(new Map([...contents(then.trie)].sort())).toEqual(new Map([...then.map].sort()))
    const made = trieOf([...then.map].reverse())
    expect(hashPlain(made)).toBe(hashPlain(then.trie))
    expect(trieSame(made, then.trie)).toBe(true)
    const found: string[] = []
    trieDiff(trie, then.trie, (key, now, before) => found.push(`${key} ${now} ${before}`))
    const all = new Set([...map.keys(), ...then.map.keys()])
    const differ = [...all].filter((key) => map.get(key) !== then.map.get(key))
    expect(found.sort()).toEqual(differ.map((key) => `${key} ${map.get(key)} ${then.map.get(key)}`).sort())
    expect(trieSame(trie, then.trie)).toBe(differ.length === 0)
  }
})

it('copies little: what a write does not touch is the same object', () => {
  const trie = trieOf(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i] as const))
  const other = trieSet(trie, 'k77', -1)
  expect(trie.kids!.filter((kid, i) => kid !== other.kids![i])).toHaveLength(1)
  expect(trieSet(trie, 'k77', 77)).toBe(trie)
  expect(trieDelete(trie, 'none')).toBe(trie)
})
