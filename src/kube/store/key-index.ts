/** Objects' keys by what they have in common: the keys are their table's own, so that each stands in memory once. */
import type { Tree } from './tree.ts'
import { createTree, treeDelete, treeGet, treeKeys, treeSet } from './tree.ts'

export type KeyIndex = Tree<Tree<null>>

const none = createTree<null>()

/** The keys of those that have it, sorted. */
export function indexKeys(index: KeyIndex, what: string): string[] {
  return treeKeys(treeGet(index, what) ?? none, '')
}

export function indexAdd(index: KeyIndex, what: string, key: string): KeyIndex {
  return treeSet(index, what, treeSet(treeGet(index, what) ?? none, key, null))
}

export function indexRemove(index: KeyIndex, what: string, key: string): KeyIndex {
  const had = treeGet(index, what)
  if (had === undefined) return index
  const left = treeDelete(had, key)
  return left.size === 0 ? treeDelete(index, what) : treeSet(index, what, left)
}
