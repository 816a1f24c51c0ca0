/**
 * A sorted map with string keys that is never changed in place: a write replaces one leaf, its branch and the trunk.
 * The records are frozen, so checkpoints share all (arrays are not: freezing one costs more than copying it); a write
 * copies a few hundred slots, among 1,000 entries as among 100,000.
 */

export interface Leaf<V> {
  readonly keys: readonly string[]
  readonly values: readonly V[]
}

interface Branch<V> {
  /** the first key of each leaf, in order */
  readonly firsts: readonly string[]
  readonly leaves: readonly Leaf<V>[]
}

export interface Tree<V> {
  readonly size: number
  /** the first key of each branch, in order */
  readonly firsts: readonly string[]
  readonly branches: readonly Branch<V>[]
}

const LEAF_MAX = 96
const LEAF_MIN = 24
const BRANCH_MAX = 64

const empty: Tree<never> = Object.freeze({ size: 0, firsts: [], branches: [] })

export function createTree<V>(): Tree<V> {
  return empty
}

export function treeGet<V>(tree: Tree<V>, key: string): V | undefined {
  const leaf = leafOf(tree, key)
  if (leaf === undefined) return undefined
  const { keys, values } = leaf
  const i = lowerBound(keys, key)
  return i < keys.length && keys[i] === key ? values[i] : undefined
}

/** The key as the tree holds it: the one copy of it that others may keep too. */
export function treeKey(tree: Tree<unknown>, key: string): string {
  const keys = leafOf(tree, key)?.keys ?? []
  const i = lowerBound(keys, key)
  return keys[i] === key ? keys[i] : key
}

/** The values of sorted keys, without those that the tree does not have; mostly each is the next one in its leaf. */
export function treeGetAll<V>(tree: Tree<V>, sorted: readonly string[]): V[] {
  const found: V[] = []
  let leaf: Leaf<V> | undefined
  let i = 0
  for (const key of sorted) {
    if (leaf === undefined || leaf.keys[i] !== key) {
      leaf = leafOf(tree, key)
      if (leaf === undefined) continue
      i = lowerBound(leaf.keys, key)
    }
    if (leaf.keys[i] === key) found.push(leaf.values[i++]!)
  }
  return found
}

/** The tree with `key` set to `value`. Values are frozen by the caller. */
export function treeSet<V>(tree: Tree<V>, key: string, value: V): Tree<V> {
  if (tree.size === 0) return freezeTree(1, [key], [freezeBranch([key], [freezeLeaf([key], [value])])])
  const b = Math.max(0, placeIn(tree.firsts, key))
  const branch = tree.branches[b]!
  const at = Math.max(0, placeIn(branch.firsts, key))
  const leaf = branch.leaves[at]!
  const i = lowerBound(leaf.keys, key)
  if (i < leaf.keys.length && leaf.keys[i] === key) {
    const values = leaf.values.slice()
    values[i] = value
    const leaves = branch.leaves.with(at, freezeLeaf(leaf.keys, values))
    return freezeTree(tree.size, tree.firsts, tree.branches.with(b, freezeBranch(branch.firsts, leaves)))
  }
  // Not in place: arrays that grow take room for more.
  const keys = leaf.keys.toSpliced(i, 0, key)
  const values = leaf.values.toSpliced(i, 0, value)
  return replaceLeaf(tree, tree.size + 1, b, at, 1, keys, values)
}

/** The tree without `key`. */
export function treeDelete<V>(tree: Tree<V>, key: string): Tree<V> {
  const b = placeIn(tree.firsts, key)
  const branch = tree.branches[b]
  const at = branch === undefined ? -1 : placeIn(branch.firsts, key)
  const leaf = branch?.leaves[at]
  if (branch === undefined || leaf === undefined) return tree
  const i = lowerBound(leaf.keys, key)
  if (leaf.keys[i] !== key) return tree
  const keys = leaf.keys.slice()
  const values = leaf.values.slice()
  keys.splice(i, 1)
  values.splice(i, 1)
  const next = branch.leaves[at + 1]
  if (keys.length < LEAF_MIN && next !== undefined && next.keys.length < LEAF_MAX / 2) {
    return replaceLeaf(tree, tree.size - 1, b, at, 2, keys.concat(next.keys), values.concat(next.values))
  }
  return replaceLeaf(tree, tree.size - 1, b, at, 1, keys, values)
}

/** The values whose keys begin with `prefix` ('' for all), in the order of keys. */
export function treeValues<V>(tree: Tree<V>, prefix = ''): V[] {
  const found: V[] = []
  eachPart(tree, prefix, ({ values }, from, to) => {
    for (let i = from; i < to; i++) found.push(values[i]!)
  })
  return found
}

/** The keys that begin with `prefix`, in order. */
export function treeKeys(tree: Tree<unknown>, prefix: string): string[] {
  const found: string[] = []
  eachPart(tree, prefix, ({ keys }, from, to) => {
    for (let i = from; i < to; i++) found.push(keys[i]!)
  })
  return found
}

/** The last entry whose key is not above `key`, or the first of all. Undefined in an empty tree. */
export function treeFloor<V>(tree: Tree<V>, key: string): readonly [string, V] | undefined {
  const branch = tree.branches[Math.max(0, placeIn(tree.firsts, key))]
  const leaf = branch?.leaves[Math.max(0, placeIn(branch.firsts, key))]
  if (leaf === undefined) return undefined
  const at = Math.max(0, placeIn(leaf.keys, key))
  return [leaf.keys[at]!, leaf.values[at]!]
}

/** The value whose key comes next before `key`, or next behind it: what is most like it. Undefined in an empty tree. */
export function treeNeighbour<V>(tree: Tree<V>, key: string): V | undefined {
  const branch = tree.branches[Math.max(0, placeIn(tree.firsts, key))]
  const leaf = branch?.leaves[Math.max(0, placeIn(branch.firsts, key))]
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

/** Visits the entries whose keys begin with `prefix` ('' for all) leaf by leaf, in the order of keys. */
function eachPart<V>(
  tree: Tree<V>,
  prefix: string,
  visit: (leaf: Leaf<V>, from: number, to: number) => void,
): void {
  // The first text that is above all that begin with the prefix.
  const end = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
  for (let b = Math.max(0, placeIn(tree.firsts, prefix)); b < tree.branches.length; b++) {
    const { firsts, leaves } = tree.branches[b]!
    for (let at = Math.max(0, placeIn(firsts, prefix)); at < leaves.length; at++) {
      const leaf = leaves[at]!
      const n = leaf.keys.length
      const to = prefix === '' ? n : lowerBound(leaf.keys, end)
      visit(leaf, prefix === '' ? 0 : lowerBound(leaf.keys, prefix), to)
      if (to < n) return
    }
  }
}

/** Puts keys and values in the place of `n` leaves of branch `b`. */
function replaceLeaf<V>(
  tree: Tree<V>,
  size: number,
  b: number,
  at: number,
  n: number,
  keys: string[],
  values: V[],
): Tree<V> {
  const branch = tree.branches[b]!
  if (n === 1 && keys.length > 0 && keys.length <= LEAF_MAX) {
    const leaves = branch.leaves.with(at, freezeLeaf(keys, values))
    const made = freezeBranch(withFirst(branch.firsts, at, keys[0]!), leaves)
    return freezeTree(size, withFirst(tree.firsts, b, made.firsts[0]!), tree.branches.with(b, made))
  }
  if (keys.length <= LEAF_MAX) {
    const made = keys.length === 0 ? [] : [freezeLeaf(keys, values)]
    return replaceBranch(tree, size, b, branch.leaves.toSpliced(at, n, ...made))
  }
  // A leaf that overflows at its end is left nearly full: names that count up fill the tree densely.
  const last = b === tree.branches.length - 1 && at === branch.leaves.length - 1
  const half = last ? LEAF_MAX - 8 : keys.length >> 1
  const made = [
    freezeLeaf(keys.slice(0, half), values.slice(0, half)),
    freezeLeaf(keys.slice(half), values.slice(half)),
  ]
  return replaceBranch(tree, size, b, branch.leaves.toSpliced(at, n, ...made))
}

function withFirst(firsts: readonly string[], at: number, key: string): readonly string[] {
  return firsts[at] === key ? firsts : firsts.with(at, key)
}

function replaceBranch<V>(tree: Tree<V>, size: number, b: number, leaves: readonly Leaf<V>[]): Tree<V> {
  const last = b === tree.branches.length - 1
  const half = leaves.length <= BRANCH_MAX ? leaves.length : last ? BRANCH_MAX - 8 : leaves.length >> 1
  const made = [leaves.slice(0, half), leaves.slice(half)]
    .filter((part) => part.length > 0)
    .map((part) =>
      freezeBranch(
        part.map(({ keys }) => keys[0]!),
        part,
      ),
    )
  const branches = tree.branches.toSpliced(b, 1, ...made)
  return freezeTree(size, tree.firsts.toSpliced(b, 1, ...made.map(({ firsts }) => firsts[0]!)), branches)
}

function freezeLeaf<V>(keys: readonly string[], values: readonly V[]): Leaf<V> {
  return Object.freeze({ keys, values })
}

function freezeBranch<V>(firsts: readonly string[], leaves: readonly Leaf<V>[]): Branch<V> {
  return Object.freeze({ firsts, leaves })
}

function freezeTree<V>(size: number, firsts: readonly string[], branches: readonly Branch<V>[]): Tree<V> {
  return Object.freeze({ size, firsts, branches })
}

/** The leaf that a key is in, if it is in any. */
function leafOf<V>(tree: Tree<V>, key: string): Leaf<V> | undefined {
  const branch = tree.branches[placeIn(tree.firsts, key)]
  return branch?.leaves[placeIn(branch.firsts, key)]
}

/** The last part whose first key is not above `key`; -1 where the key lies before all. */
function placeIn(firsts: readonly string[], key: string): number {
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
