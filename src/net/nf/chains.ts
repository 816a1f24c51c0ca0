/**
 * The chains of a table. Those that many namespaces share stand in one trie that all point at; what a namespace has by
 * itself stands in front of it. A table of fifty thousand chains of which three change is not copied for it: what was
 * patched stands beside the whole, until it has grown enough to be merged.
 */
import type { Trie } from '../../base/trie.ts'
import { trieEach, trieGet } from '../../base/trie.ts'
import type { Chain, Table, TableName } from './types.ts'

/** The chain of that name. */
export function nfChain({ whole, patched, gone, common }: Table, name: string): Chain | undefined {
  if (patched.size > 0) {
    const chain = patched.get(name)
    if (chain !== undefined) return chain
  }
  if (gone.size > 0 && gone.has(name)) return undefined
  const own = whole.get(name)
  return own !== undefined || common === null ? own : trieGet(common, name)
}

/**
 * All of them: built-in chains in hook order, those only that exist, then user chains in order of creation; those that
 * are shared come last, in an order of their own.
 */
export function nfChains(table: Table): readonly Chain[] {
  const { common, gone } = table
  if (common === null) return nfOwnChains(table)
  const chains = [...nfOwnChains(table)]
  const own = new Set(chains.map(({ name }) => name))
  trieEach(common, (chain, name) => {
    if (!gone.has(name) && !own.has(name)) chains.push(chain)
  })
  return chains
}

/** Without those that are shared. */
export function nfOwnChains({ whole, patched, gone }: Table): readonly Chain[] {
  if (patched.size === 0 && gone.size === 0) return [...whole.values()]
  const chains: Chain[] = []
  for (const [name, chain] of whole) if (!gone.has(name)) chains.push(patched.get(name) ?? chain)
  for (const [name, chain] of patched) if (gone.has(name) || !whole.has(name)) chains.push(chain)
  return chains
}

/** How many there are that are not shared, or a few more. */
export function nfOwnChainCount({ whole, patched }: Table): number {
  return whole.size + patched.size
}

/** A table of these chains, which are settled and frozen, in front of `common` without those that are `gone`. */
export function tableOf(
  name: TableName,
  chains: ReadonlyMap<string, Chain>,
  common: Trie<Chain> | null = null,
  gone: ReadonlySet<string> = NO_NAMES,
): Table {
  const whole = Object.freeze(chains)
  return Object.freeze({ name, whole, patched: NONE, gone: Object.freeze(gone), common })
}

/** The table with other chains in the place of those of their names, new ones at the end, and without some. */
export function patchedTable(table: Table, chains: readonly Chain[], removed: readonly string[]): Table {
  const { name, whole, common } = table
  const patched = new Map(table.patched)
  const gone = new Set(table.gone)
  const isShared = (one: string) => common !== null && trieGet(common, one) !== undefined
  for (const one of removed) {
    patched.delete(one)
    if (whole.has(one) || isShared(one)) gone.add(one)
  }
  for (const chain of chains) patched.set(chain.name, chain)
  const next: Table = Object.freeze({
    name,
    whole,
    patched: Object.freeze(patched),
    gone: Object.freeze(gone),
    common,
  })
  if (patched.size + gone.size <= 2 * Math.sqrt(whole.size)) return next
  const own = new Map(nfOwnChains(next).map((chain) => [chain.name, chain]))
  return tableOf(name, own, common, new Set([...gone].filter((one) => isShared(one) && !own.has(one))))
}

/** The table in front of other shared chains; `own` in place of its own, where it is given. */
export function sharingTable(
  { name, whole, patched, gone }: Table,
  common: Trie<Chain>,
  own: readonly Chain[] | null,
  goneNow: ReadonlySet<string>,
): Table {
  if (own === null) return Object.freeze({ name, whole, patched, gone, common })
  return tableOf(name, new Map(own.map((chain) => [chain.name, chain])), common, goneNow)
}

const NONE: ReadonlyMap<string, Chain> = Object.freeze(new Map())
const NO_NAMES: ReadonlySet<string> = Object.freeze(new Set<string>())
