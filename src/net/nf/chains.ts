/**
 * The chains of a table. A table of fifty thousand chains of which three change is not copied for it: what was patched
 * stands beside the whole, until it has grown enough to be merged.
 */
import type { Chain, Table, TableName } from './types.ts'

/** The chain of that name. */
export function nfChain({ whole, patched, gone }: Table, name: string): Chain | undefined {
  if (patched.size > 0) {
    const chain = patched.get(name)
    if (chain !== undefined) return chain
  }
  return gone.size > 0 && gone.has(name) ? undefined : whole.get(name)
}

/** All of them: built-in chains in hook order, those only that exist, then user chains in order of creation. */
export function nfChains({ whole, patched, gone }: Table): readonly Chain[] {
  if (patched.size === 0 && gone.size === 0) return [...whole.values()]
  const chains: Chain[] = []
  for (const [name, chain] of whole) if (!gone.has(name)) chains.push(patched.get(name) ?? chain)
  for (const [name, chain] of patched) if (gone.has(name) || !whole.has(name)) chains.push(chain)
  return chains
}

/** How many there are, or a few more. */
export function nfChainCount({ whole, patched }: Table): number {
  return whole.size + patched.size
}

/** A table of these chains, which are settled and frozen. */
export function tableOf(name: TableName, chains: ReadonlyMap<string, Chain>): Table {
  return Object.freeze({ name, whole: Object.freeze(chains), patched: NONE, gone: NO_NAMES })
}

/** The table with other chains in the place of those of their names, new ones at the end, and without some. */
export function patchedTable(table: Table, chains: readonly Chain[], removed: readonly string[]): Table {
  const { name, whole } = table
  const patched = new Map(table.patched)
  const gone = new Set(table.gone)
  for (const one of removed) {
    patched.delete(one)
    if (whole.has(one)) gone.add(one)
  }
  for (const chain of chains) patched.set(chain.name, chain)
  const next: Table = Object.freeze({
    name,
    whole,
    patched: Object.freeze(patched),
    gone: Object.freeze(gone),
  })
  if (patched.size + gone.size <= 2 * Math.sqrt(whole.size)) return next
  return tableOf(name, new Map(nfChains(next).map((chain) => [chain.name, chain])))
}

const NONE: ReadonlyMap<string, Chain> = Object.freeze(new Map())
const NO_NAMES: ReadonlySet<string> = Object.freeze(new Set<string>())
