/**
 * A sorted map with string keys that is never changed in place: a write replaces one leaf and the directory.
 * The records are frozen, so checkpoints share all (arrays are not: freezing one costs more than copying it); a write among 30,000 entries copies some hundreds of slots.
 */

export interface Leaf<V> {
  readonly keys: readonly string[]
  readonly values: readonly V[]
}

export interface Tree<V> {
  readonly size: number
  /** the first key of each leaf, in order */
  readonly firsts: readonly string[]
  readonly leaves: readonly Leaf<V>[]
}

const LEAF_MAX = 96
const LEAF_MIN = 24

const empty: Tree<never> = Object.freeze({ size: 0, firsts: [], leaves: [] })

export function createTree<V>(): Tree<V> {
  return empty
}

export function treeGet<V>(tree: Tree<V>, key: string): V | undefined {
  const at = leafIndex(tree, key)
  if (at < 0) return undefined
  const { keys, values } = tree.leaves[at]
  const i = lowerBound(keys, key)
  return i < keys.length && keys[i] === key ? values[i] : undefined
}

/** The values of sorted keys, without those that the tree does not have; mostly each is the next one in its leaf. */
export function treeGetAll<V>(tree: Tree<V>, sorted: readonly string[]): V[] {
  const found: V[] = []
  let leaf: Leaf<V> | undefined
  let i = 0
  for (const key of sorted) {
    if (leaf === undefined || leaf.keys[i] !== key) {
      leaf = tree.leaves[leafIndex(tree, key)]
      if (leaf === undefined) continue
      i = lowerBound(leaf.keys, key)
    }
    if (leaf.keys[i] === key) found.push(leaf.values[i++]!)
  }
  return found
}

/** The tree with `key` set to `value`. Values are frozen by the caller. */
export function treeSet<V>(tree: Tree<V>, key: string, value: V): Tree<V> {
  if (tree.leaves.length === 0) return freezeTree(1, [key], [freezeLeaf([key], [value])])
  const at = Math.max(0, leafIndex(tree, key))
  const leaf = tree.leaves[at]
  const i = lowerBound(leaf.keys, key)
  if (i < leaf.keys.length && leaf.keys[i] === key) {
    const values = leaf.values.slice()
    values[i] = value
    const leaves = tree.leaves.slice()
    leaves[at] = freezeLeaf(leaf.keys, values)
    return freezeTree(tree.size, tree.firsts, leaves)
  }
  // Not in place: arrays that grow take room for more.
  const keys = leaf.keys.toSpliced(i, 0, key)
  const values = leaf.values.toSpliced(i, 0, value)
  return replaceLeaf(tree, tree.size + 1, at, 1, keys, values)
}

/** The tree without `key`. */
export function treeDelete<V>(tree: Tree<V>, key: string): Tree<V> {
  const at = leafIndex(tree, key)
  if (at < 0) return tree
  const leaf = tree.leaves[at]
  const i = lowerBound(leaf.keys, key)
  if (leaf.keys[i] !== key) return tree
  const keys = leaf.keys.slice()
  const values = leaf.values.slice()
  keys.splice(i, 1)
  values.splice(i, 1)
  const next = tree.leaves[at + 1]
  if (keys.length < LEAF_MIN && next !== undefined && next.keys.length < LEAF_MAX / 2) {
    return replaceLeaf(tree, tree.size - 1, at, 2, keys.concat(next.keys), values.concat(next.values))
  }
  return replaceLeaf(tree, tree.size - 1, at, 1, keys, values)
}

/** The values whose keys begin with `prefix` ('' for all), in the order of keys. */
export function treeValues<V>(tree: Tree<V>, prefix = ''): V[] {
  const found: V[] = []
  for (let at = Math.max(0, leafIndex(tree, prefix)); at < tree.leaves.length; at++) {
    const { keys, values } = tree.leaves[at]
    for (let i = prefix === '' ? 0 : lowerBound(keys, prefix); i < keys.length; i++) {
      if (prefix !== '' && !keys[i].startsWith(prefix)) return found
      found.push(values[i])
    }
  }
  return found
}

/** The keys that begin with `prefix`, in order. */
export function treeKeys(tree: Tree<unknown>, prefix: string): string[] {
  const found: string[] = []
  for (let at = Math.max(0, leafIndex(tree, prefix)); at < tree.leaves.length; at++) {
    const { keys } = tree.leaves[at]
    for (let i = lowerBound(keys, prefix); i < keys.length; i++) {
      if (!keys[i].startsWith(prefix)) return found
      found.push(keys[i])
    }
  }
  return found
}

/** The value whose key comes next before `key`, or next behind it: what is most like it. Undefined in an empty tree. */
export function treeNeighbour<V>(tree: Tree<V>, key: string): V | undefined {
  const leaf = tree.leaves[Math.max(0, leafIndex(tree, key))]
  if (leaf === undefined) return undefined
  const at = lowerBound(leaf.keys, key)
  return leaf.values[at > 0 ? at - 1 : at]
}

/** All values in the order of keys: one array for one tree, made when it is first asked for. */
export function treeAll<V>(tree: Tree<V>): readonly V[] {
  const known = all.get(tree)
  if (known !== undefined) return known as readonly V[]
  const values = treeValues(tree)
  all.set(tree, values)
  return values
}

/** Derived from trees, which never change. */
const all = new WeakMap<object, readonly unknown[]>()

function replaceLeaf<V>(
  tree: Tree<V>,
  size: number,
  at: number,
  n: number,
  keys: string[],
  values: V[],
): Tree<V> {
  const leaves = tree.leaves.slice()
  const firsts = tree.firsts.slice()
  if (keys.length === 0) {
    leaves.splice(at, n)
    firsts.splice(at, n)
  } else if (keys.length <= LEAF_MAX) {
    leaves.splice(at, n, freezeLeaf(keys, values))
    firsts.splice(at, n, keys[0])
  } else {
    // A leaf that overflows at its end is left nearly full: names that count up fill the tree densely.
    const half = at === leaves.length - 1 ? LEAF_MAX - 8 : keys.length >> 1
    leaves.splice(
      at,
      n,
      freezeLeaf(keys.slice(0, half), values.slice(0, half)),
      freezeLeaf(keys.slice(half), values.slice(half)),
    )
    firsts.splice(at, n, keys[0], keys[half])
  }
  return freezeTree(size, firsts, leaves)
}

function freezeLeaf<V>(keys: readonly string[], values: readonly V[]): Leaf<V> {
  return Object.freeze({ keys, values })
}

function freezeTree<V>(size: number, firsts: readonly string[], leaves: readonly Leaf<V>[]): Tree<V> {
  return Object.freeze({ size, firsts, leaves })
}

/** The last leaf whose first key is not above `key`; -1 where the key lies before all. */
function leafIndex(tree: Tree<unknown>, key: string): number {
  const { firsts } = tree
  let low = 0
  let high = firsts.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (firsts[middle] <= key) low = middle + 1
    else high = middle
  }
  return low - 1
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (keys[middle] < key) low = middle + 1
    else high = middle
  }
  return low
}
