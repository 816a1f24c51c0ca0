/**
 * Chains that many namespaces share: kube-proxy's on a thousand nodes stand in memory once. Models what
 * `iptables-restore --noflush` of the same chains does (Linux 6.18), counters included: a chain that is written counts anew.
 */
import { assert } from '../../base/assert.ts'
import type { Trie } from '../../base/trie.ts'
import { trieGet } from '../../base/trie.ts'
import { touch } from '../../sim/dispatch.ts'
import type { Netns, World } from '../types.ts'
import { nfOwnChains, sharingTable } from './chains.ts'
import { free, zero, zeroTable } from './ids.ts'
import { carryCode } from './tablecode.ts'
import { nfHasTable, nfOf, nfSetTable, nfTable } from './tables.ts'
import type { Chain, TableName } from './types.ts'

/**
 * Puts other shared chains behind the namespace's own, at once. Those in `written` are written and those in `removed` are
 * gone, whatever the namespace has under their names; without `written` all are, and no other shared one was there. The
 * rules have the ids that `nfSharedId` makes. The caller vouches that the others are the same as before, that every jump
 * of a shared chain leads to one that is there, and that none goes in a circle, or deeper than six.
 */
export function nfShareChains(
  world: World,
  ns: Netns,
  family: 4 | 6,
  name: TableName,
  common: Trie<Chain>,
  written: readonly string[] | null,
  removed: readonly string[],
): void {
  assert(nfHasTable(ns, family, name), 'the table is there')
  touch(world, ns.id)
  const nf = nfOf(ns)
  const table = nfTable(ns, family, name)
  const isWritten =
    written === null
      ? (one: string) => trieGet(common, one) !== undefined || removed.includes(one)
      : listed([...written, ...removed])
  const own = nfOwnChains(table)
  const left = own.filter(({ name: one }) => !isWritten(one))
  for (const chain of own) if (isWritten(chain.name)) for (const { id } of chain.rules) free(nf, id)
  if (written === null) zeroTable(nf, family, name)
  else if (table.common !== null && nf.shared !== null) {
    for (const one of [...written, ...removed])
      for (const { id } of trieGet(table.common, one)?.rules ?? []) zero(nf, id)
  }
  const gone = new Set([...table.gone].filter((one) => !isWritten(one) && trieGet(common, one) !== undefined))
  const isSame = left.length === own.length && gone.size === table.gone.size
  const now = sharingTable(table, common, isSame ? null : left, gone)
  carryCode(table, now, isSame ? [] : null)
  nfSetTable(world, ns, family, now)
}

/**
 * Whether it matters to the namespace which shared chains are written: it has counted under some, or has others, or none,
 * in the place of some. Where it does not, `nfShareChains` needs no names.
 */
export function nfStandsApart(ns: Netns, family: 4 | 6, name: TableName, common: Trie<Chain>): boolean {
  const table = nfTable(ns, family, name)
  const { common: before, gone } = table
  if (before === null || gone.size > 0 || (ns.nf !== null && ns.nf.shared !== null)) return true
  const isShared = (one: string) => trieGet(common, one) !== undefined || trieGet(before, one) !== undefined
  return nfOwnChains(table).some((chain) => isShared(chain.name))
}

function listed(names: readonly string[]): (name: string) => boolean {
  const all = new Set(names)
  return (name) => all.has(name)
}
