/**
 * A map with texts as keys that is never changed in place: a write copies the way to one small leaf, and shares the rest.
 * Its shape depends on what is in it alone, not on how it came there: a hash trie, sixteen ways wide, whose branches with
 * few entries are leaves. The records are frozen, so checkpoints share them. No value is undefined.
 */

export interface Trie<V> {
  readonly size: number
  /** By four bits of the hash; null in a leaf. */
  readonly kids: readonly (Trie<V> | null)[] | null
  /** A leaf's entries, in the order of hashes, then of keys; empty in a branch. */
  readonly hashes: readonly number[]
  readonly keys: readonly string[]
  readonly values: readonly V[]
}

interface Entry<V> {
  readonly hash: number
  readonly key: string
  readonly value: V
}

const BITS = 4
const WAYS = 1 << BITS
const LEAF_MAX = 12
/** Bits of a hash that branches go by; a leaf below them holds any number. */
const DEEP = 28

const NOTHING: readonly never[] = Object.freeze([])
const EMPTY: Trie<never> = Object.freeze({
  size: 0,
  kids: null,
  hashes: NOTHING,
  keys: NOTHING,
  values: NOTHING,
})

export function createTrie<V>(): Trie<V> {
  return EMPTY
}

/** A trie of these entries; of those with one key the last counts. */
export function trieOf<V>(entries: Iterable<readonly [string, V]>): Trie<V> {
  const list: Entry<V>[] = []
  for (const [key, value] of new Map(entries)) list.push({ hash: hashOf(key), key, value })
  return build(list, 0)
}

export function trieGet<V>(trie: Trie<V>, key: string): V | undefined {
  if (trie.size === 0) return undefined
  const hash = hashOf(key)
  let node = trie
  for (let shift = 0; node.kids !== null; shift += BITS) {
    const kid = node.kids[(hash >>> shift) & (WAYS - 1)]!
    if (kid === null) return undefined
    node = kid
  }
  const at = placeOf(node, hash, key)
  return at < 0 ? undefined : node.values[at]
}

/** The trie with `key` set to `value`; itself where it says so already. */
export function trieSet<V>(trie: Trie<V>, key: string, value: V): Trie<V> {
  return put(trie, { hash: hashOf(key), key, value }, 0)
}

/** The trie without `key`; itself where it has none. */
export function trieDelete<V>(trie: Trie<V>, key: string): Trie<V> {
  return trie.size === 0 ? trie : remove(trie, hashOf(key), key, 0)
}

/** Calls `visit` for every entry, in the order of the keys' hashes. */
export function trieEach<V>(trie: Trie<V>, visit: (value: V, key: string) => void): void {
  if (trie.kids === null) {
    for (let i = 0; i < trie.keys.length; i++) visit(trie.values[i]!, trie.keys[i]!)
    return
  }
  for (const kid of trie.kids) if (kid !== null) trieEach(kid, visit)
}

/** Calls `visit` for every key whose values differ (are not one and the same). What both share is not looked at. */
export function trieDiff<V>(
  a: Trie<V>,
  b: Trie<V>,
  visit: (key: string, inA: V | undefined, inB: V | undefined) => void,
): void {
  if (a === b) return
  if (a.kids !== null && b.kids !== null) {
    for (let i = 0; i < WAYS; i++) trieDiff(a.kids[i] ?? EMPTY, b.kids[i] ?? EMPTY, visit)
    return
  }
  const inB = new Map<string, V>()
  trieEach(b, (value, key) => inB.set(key, value))
  trieEach(a, (value, key) => {
    const other = inB.get(key)
    if (other !== value) visit(key, value, other)
    inB.delete(key)
  })
  for (const [key, value] of inB) visit(key, undefined, value)
}

/** Whether both hold the same values under the same keys. */
export function trieSame<V>(a: Trie<V>, b: Trie<V>): boolean {
  if (a === b) return true
  if (a.size !== b.size || (a.kids === null) !== (b.kids === null)) return false
  if (a.kids !== null && b.kids !== null) {
    for (let i = 0; i < WAYS; i++) if (!trieSame(a.kids[i] ?? EMPTY, b.kids[i] ?? EMPTY)) return false
    return true
  }
  for (let i = 0; i < a.keys.length; i++) {
    if (a.values[i] !== b.values[i] || a.keys[i] !== b.keys[i]) return false
  }
  return true
}

function put<V>(node: Trie<V>, entry: Entry<V>, shift: number): Trie<V> {
  const { hash, key, value } = entry
  if (node.kids !== null) {
    const way = (hash >>> shift) & (WAYS - 1)
    const old = node.kids[way]!
    const kid = old === null ? leaf([entry]) : put(old, entry, shift + BITS)
    if (kid === old) return node
    const kids = node.kids.slice()
    kids[way] = kid
    return branch(node.size + kid.size - (old?.size ?? 0), kids)
  }
  const at = placeOf(node, hash, key)
  if (at >= 0) {
    if (node.values[at] === value) return node
    const values = node.values.slice()
    values[at] = value
    return freeze(node.size, null, node.hashes, node.keys, values)
  }
  return build([...entriesOf(node), entry], shift)
}

function remove<V>(node: Trie<V>, hash: number, key: string, shift: number): Trie<V> {
  if (node.kids !== null) {
    const way = (hash >>> shift) & (WAYS - 1)
    const old = node.kids[way]!
    if (old === null) return node
    const kid = remove(old, hash, key, shift + BITS)
    if (kid === old) return node
    const kids = node.kids.slice()
    kids[way] = kid.size === 0 ? null : kid
    const size = node.size - 1
    const now = branch(size, kids)
    return size > LEAF_MAX ? now : leaf(entriesOf(now))
  }
  const at = placeOf(node, hash, key)
  if (at < 0) return node
  const entries = entriesOf(node)
  entries.splice(at, 1)
  return entries.length === 0 ? EMPTY : leaf(entries)
}

function build<V>(entries: Entry<V>[], shift: number): Trie<V> {
  if (entries.length === 0) return EMPTY
  if (entries.length <= LEAF_MAX || shift >= DEEP) return leaf(entries)
  const ways: Entry<V>[][] = Array.from({ length: WAYS }, () => [])
  for (const entry of entries) ways[(entry.hash >>> shift) & (WAYS - 1)]!.push(entry)
  return branch(
    entries.length,
    ways.map((some) => (some.length === 0 ? null : build(some, shift + BITS))),
  )
}

function entriesOf<V>(node: Trie<V>): Entry<V>[] {
  const entries: Entry<V>[] = []
  if (node.kids === null) {
    node.keys.forEach((key, i) => {
      entries.push({ hash: node.hashes[i]!, key, value: node.values[i]! })
    })
  } else for (const kid of node.kids) if (kid !== null) entries.push(...entriesOf(kid))
  return entries
}

function leaf<V>(entries: Entry<V>[]): Trie<V> {
  entries.sort((a, b) => a.hash - b.hash || (a.key < b.key ? -1 : 1))
  return freeze(
    entries.length,
    null,
    entries.map(({ hash }) => hash),
    entries.map(({ key }) => key),
    entries.map(({ value }) => value),
  )
}

function branch<V>(size: number, kids: readonly (Trie<V> | null)[]): Trie<V> {
  return freeze(size, kids, NOTHING, NOTHING, NOTHING)
}

function freeze<V>(
  size: number,
  kids: readonly (Trie<V> | null)[] | null,
  hashes: readonly number[],
  keys: readonly string[],
  values: readonly V[],
): Trie<V> {
  return Object.freeze({ size, kids, hashes, keys, values })
}

function placeOf({ hashes, keys }: Trie<unknown>, hash: number, key: string): number {
  for (let i = 0; i < hashes.length; i++) if (hashes[i] === hash && keys[i] === key) return i
  return -1
}

/** 30 bits, whose lowest are well mixed. */
function hashOf(key: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b)
  return (h ^ (h >>> 13)) & 0x3fffffff
}
