/**
 * Namespaces whose rules came about in the same way, as those of a cluster's nodes do, have equal chains and rule sets,
 * numbers included: these stand in memory once. Derived, and no part of the world's state: only memory changes by it.
 */
import type { World } from '../types.ts'
import type { Chain, Ruleset, Table, TableName } from './types.ts'

/** Chains of more rules, and tables of more chains, are somebody's own: to compare them would cost more than they take. */
const RULES_MOST = 16
export const CHAINS_MOST = 64
/** What was made lately, and may be made again by the next. */
const CHAINS_KEPT = 256
const RULESETS_KEPT = 24

interface Alike {
  /** By what they say, the oldest first. */
  chains: Map<string, Chain>
  /** The oldest first. */
  rulesets: readonly Ruleset[]
}

const known = new WeakMap<World, Alike>()

/** The chain, settled and deeply frozen, or one that says the same. */
export function alikeChain(world: World, chain: Chain): Chain {
  if (chain.rules.length > RULES_MOST) return chain
  const { chains } = alikeOf(world)
  const text = JSON.stringify(chain)
  const other = chains.get(text)
  if (other !== undefined) return other
  chains.set(text, chain)
  for (const oldest of chains.size > CHAINS_KEPT ? chains.keys() : []) {
    chains.delete(oldest)
    break
  }
  return chain
}

/** A rule set of these very chains, or what `make` makes of them. */
export function alikeRuleset(
  world: World,
  family: 4 | 6,
  tables: ReadonlyMap<TableName, Table>,
  make: () => Ruleset,
): Ruleset {
  for (const table of tables.values()) if (!isSmall(table)) return make()
  const alike = alikeOf(world)
  const { rulesets } = alike
  for (let i = rulesets.length - 1; i >= 0; i--) {
    const one = rulesets[i]!
    if (one.family === family && sameTables(one.tables, tables)) return one
  }
  const made = make()
  alike.rulesets = [...rulesets.slice(1 - RULESETS_KEPT), made]
  return made
}

/** Whether its own chains are few enough to be compared. */
export function isSmall({ whole, patched, gone }: Table): boolean {
  return whole.size + patched.size + gone.size <= CHAINS_MOST
}

function alikeOf(world: World): Alike {
  const alike = known.get(world) ?? { chains: new Map<string, Chain>(), rulesets: [] }
  known.set(world, alike)
  return alike
}

function sameTables(a: ReadonlyMap<TableName, Table>, b: ReadonlyMap<TableName, Table>): boolean {
  return sameEntries(a, b, (one, other) => {
    if (one === other) return true
    if (one.common !== other.common || one.gone.size !== other.gone.size) return false
    if (!sameEntries(one.whole, other.whole, Object.is)) return false
    if (!sameEntries(one.patched, other.patched, Object.is)) return false
    const gone = other.gone.values()
    for (const name of one.gone) if (gone.next().value !== name) return false
    return true
  })
}

/** Order counts: chains are listed in it. */
function sameEntries<K, V>(
  a: ReadonlyMap<K, V>,
  b: ReadonlyMap<K, V>,
  same: (one: V, other: V) => boolean,
): boolean {
  if (a === b) return true
  if (a.size !== b.size) return false
  const others = b.entries()
  for (const [key, one] of a) {
    const [otherKey, other] = others.next().value!
    if (otherKey !== key || !same(one, other)) return false
  }
  return true
}
