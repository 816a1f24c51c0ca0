/**
 * What one node's kube-proxy has worked out, the next takes over: rules and indexes are values made of frozen values, and
 * the same ones lead to the same. Derived, no part of the world's state: whether something is found here or made anew
 * changes nothing but time and memory.
 */
import type { Trie } from '../../base/trie.ts'
import { trieSame } from '../../base/trie.ts'
import type { World } from '../../net/types.ts'
import type { StoreChange } from '../../kube/types.ts'
import type { Fixed, PartChange, Written } from './proxy-rules.ts'

/** Names of a Service's slices in order, joined, by the Service's key. */
export type SliceIndex = Trie<string>

interface Memo {
  sweptAt: number
  fixed: Map<string, Fixed>
  /** What a change of the store makes of an index, by the index. */
  steps: Map<SliceIndex, { readonly change: StoreChange; readonly after: SliceIndex }>
  indexes: SliceIndex[]
  names: (readonly string[])[]
  listed: Listed[]
  changed: Changed[]
  behind: Behind[]
}

interface Behind {
  readonly at: number
  readonly last: StoreChange
  readonly how: string
  readonly fixed: Fixed
  readonly written: Written
}

/** All rules of a store's lists. */
export interface Listed {
  readonly at: number
  readonly services: readonly unknown[]
  readonly slices: readonly unknown[]
  readonly index: SliceIndex
  /** Undefined while nobody has asked for them. */
  readonly rules: ListedRules | undefined
}

export interface ListedRules {
  readonly how: string
  readonly fixed: Fixed
  readonly written: Written
}

interface Changed {
  readonly at: number
  readonly before: Written
  readonly fixed: Fixed
  readonly changes: readonly PartChange[]
  readonly after: Written
}

/** How many are kept of each kind: enough for nodes that do the same at nearly the same time. */
const FIXED = 32
const STEPS = 4096
const INDEXES = 4
const NAMES = 8
const LISTED = 4
const CHANGED = 12
const BEHIND = 16
/** How long, in ns of virtual time; looked at so often. */
const KEPT = 3_000_000_000
const SWEEP = 1_000_000_000

const memos = new WeakMap<World, Memo>()

function memoOf(world: World): Memo {
  let memo = memos.get(world)
  if (memo !== undefined) sweep(world, memo)
  else {
    memo = {
      sweptAt: world.now,
      fixed: new Map(),
      steps: new Map(),
      indexes: [],
      names: [],
      listed: [],
      changed: [],
      behind: [],
    }
    memos.set(world, memo)
  }
  return memo
}

/** Lets go of what nodes that are a little behind have taken over by now: old versions of ten thousand parts. */
export function sweepOld(world: World): void {
  memoOf(world)
}

function sweep({ now }: World, memo: Memo): void {
  // Time also goes back.
  if (Math.abs(now - memo.sweptAt) < SWEEP) return
  memo.sweptAt = now
  const isNew = ({ at }: { readonly at: number }) => Math.abs(now - at) < KEPT
  memo.listed = memo.listed.filter(isNew)
  memo.changed = memo.changed.filter(isNew)
  memo.behind = memo.behind.filter(isNew)
}

/** The rules that are always there, by all that they depend on. */
export function fixedOnce(world: World, key: string, make: () => Fixed): Fixed {
  const { fixed } = memoOf(world)
  const made = fixed.get(key) ?? make()
  keep(fixed, key, made, FIXED)
  return made
}

/** The index after a change. */
export function stepOnce(
  world: World,
  index: SliceIndex,
  change: StoreChange,
  make: () => SliceIndex,
): SliceIndex {
  const { steps } = memoOf(world)
  const known = steps.get(index)
  if (known?.change === change) return known.after
  const after = make()
  if (after !== index) keep(steps, index, { change, after }, STEPS)
  return after
}

/** The index, or one that another node has and that says the same. */
export function sameIndex(world: World, index: SliceIndex): SliceIndex {
  const memo = memoOf(world)
  const known = memo.indexes.find((one) => trieSame(one, index))
  if (known !== undefined) return known
  memo.indexes = [...memo.indexes.slice(1 - INDEXES), index]
  return index
}

/** The names as a frozen list, or one of another node that has the same: ten thousand changed Services stand once. */
export function sameNames(world: World, names: readonly string[]): readonly string[] {
  const memo = memoOf(world)
  const isSame = (one: readonly string[]) =>
    one.length === names.length && one.every((name, i) => name === names[i])
  const known = memo.names.find(isSame)
  if (known !== undefined) return known
  // Exactly as long: lists that were filtered have room for more.
  const list = Object.freeze(names.slice())
  memo.names = [...memo.names.slice(1 - NAMES), list]
  return list
}

/** The index of all Services and slices. */
export function listedOnce(
  world: World,
  services: readonly unknown[],
  slices: readonly unknown[],
  make: () => SliceIndex,
): SliceIndex {
  const memo = memoOf(world)
  const known = memo.listed.find((one) => one.services === services && one.slices === slices)
  if (known !== undefined) return known.index
  const index = sameIndex(world, make())
  memo.listed = [
    ...memo.listed.slice(1 - LISTED),
    { at: world.now, services, slices, index, rules: undefined },
  ]
  return index
}

/** All rules of these Services and slices; as with `behindOnce` some may be said of another node. */
export function wholeOnce(
  world: World,
  key: Omit<Listed, 'rules' | 'at'>,
  how: string,
  fixed: Fixed,
  make: () => ListedRules,
): ListedRules {
  const memo = memoOf(world)
  const { services, slices, index } = key
  const known = memo.listed.find(
    ({ rules, ...one }) =>
      one.services === services && one.slices === slices && rules?.how === how && rules.fixed === fixed,
  )
  if (known?.rules !== undefined) return known.rules
  const made = make()
  const rules = { ...made, written: sameWritten(memo, made.written) }
  memo.listed = [...memo.listed.slice(1 - LISTED), { at: world.now, services, slices, index, rules }]
  return rules
}

/** The rules after some Services' parts have changed. */
export function changedOnce(
  world: World,
  before: Written,
  fixed: Fixed,
  changes: readonly PartChange[],
  make: () => Written,
): Written {
  const memo = memoOf(world)
  const known = memo.changed.find(
    (one) => one.before === before && one.fixed === fixed && sameChanges(one.changes, changes),
  )
  if (known !== undefined) return known.after
  const after = sameWritten(memo, make())
  memo.changed = [...memo.changed.slice(1 - CHANGED), { at: world.now, before, fixed, changes, after }]
  return after
}

/**
 * The rules of all Services as they were behind a change of the store: the record of a change is of one history alone, so
 * that it stands for all that the store held. `make` is asked where no node with the same configuration was there. What
 * is said of a node in the parts of `special` Services is said of the node that asked first.
 */
export function behindOnce(
  world: World,
  last: StoreChange,
  how: string,
  fixed: Fixed,
  make: () => Written,
): Written {
  const memo = memoOf(world)
  const known = memo.behind.find((one) => one.last === last && one.fixed === fixed && one.how === how)
  if (known !== undefined) return known.written
  const written = make()
  memo.behind = [...memo.behind.slice(1 - BEHIND), { at: world.now, last, how, fixed, written }]
  return written
}

/** The rules, or those of another node that came the same way or another. */
function sameWritten(memo: Memo, now: Written): Written {
  const isSame = (one: Written) => one.fixed === now.fixed && trieSame(one.parts, now.parts)
  return (
    memo.changed.find(({ after }) => isSame(after))?.after ??
    memo.changed.find(({ before }) => isSame(before))?.before ??
    memo.listed.find(({ rules }) => rules !== undefined && isSame(rules.written))?.rules?.written ??
    now
  )
}

function sameChanges(a: readonly PartChange[], b: readonly PartChange[]): boolean {
  return a.length === b.length && a.every(({ key, now }, i) => key === b[i]!.key && now === b[i]!.now)
}

/** Puts an entry at the end, and drops the oldest beyond `most`. */
function keep<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= most) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
