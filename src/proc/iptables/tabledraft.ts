/**
 * A table while commands change it: copied from the namespace's, changed in place, put back as a whole. Models how
 * iptables-nft fills one transaction (iptables/nft.c of 1.8.9) and what nf_tables says to it (Linux 6.18).
 */
import type { Trie } from '../../base/trie.ts'
import { trieEach, trieGet } from '../../base/trie.ts'
import { nfChain, nfOwnChains } from '../../net/nf/chains.ts'
import {
  BUILTIN,
  HOOK_OF,
  nfDropTable,
  nfHasTable,
  nfReplaceTable,
  nfSetCounters,
  nfTable,
} from '../../net/nf/tables.ts'
import type { BuiltinChain, Chain, Rule, TableName } from '../../net/nf/types.ts'
import type { Netns, World } from '../../net/types.ts'

export interface DraftRule {
  rule: Rule
  /** Counters to set once it is loaded. */
  counters: readonly [number, number] | null
}

export interface DraftChain {
  name: string
  hook: number
  policy: Chain['policy']
  policyId: number
  counters: readonly [number, number] | null
  rules: DraftRule[]
}

export interface TableDraft {
  readonly name: TableName
  /** Those that exist: a built-in chain does not before a command needs it. */
  readonly chains: Map<string, DraftChain>
  /** Chains that the table shares with others, as far as no command has asked for one: fifty thousand are not copied. */
  behind: SharedBehind | null
  /** Something was changed: the table has to be loaded. */
  changed: boolean
  /** It goes where nothing is in it (a restore that flushes). */
  readonly fresh: boolean
}

interface SharedBehind {
  readonly common: Trie<Chain>
  /** Those that are not there. */
  readonly gone: Set<string>
}

/** The namespace's table as a draft; `empty`: without what it holds. */
export function openTable(ns: Netns, family: 4 | 6, name: TableName, empty = false): TableDraft {
  const chains = new Map<string, DraftChain>()
  const draft: TableDraft = { name, chains, behind: null, changed: false, fresh: empty }
  if (empty || !nfHasTable(ns, family, name)) return draft
  const table = nfTable(ns, family, name)
  for (const chain of nfOwnChains(table)) chains.set(chain.name, opened(chain))
  if (table.common !== null) draft.behind = { common: table.common, gone: new Set(table.gone) }
  return draft
}

function opened(chain: Chain): DraftChain {
  return { ...chain, counters: null, rules: chain.rules.map((rule) => ({ rule, counters: null })) }
}

export function hasChain({ chains, behind }: TableDraft, name: string): boolean {
  return chains.has(name) || sharedChain(behind, name) !== undefined
}

export function findChain(draft: TableDraft, name: string): DraftChain | undefined {
  const found = draft.chains.get(name)
  if (found !== undefined) return found
  const shared = sharedChain(draft.behind, name)
  if (shared === undefined) return undefined
  const chain = opened(shared)
  draft.chains.set(name, chain)
  return chain
}

/** Takes a chain out; false where there is none. */
export function removeChain(draft: TableDraft, name: string): boolean {
  const had = hasChain(draft, name)
  draft.chains.delete(name)
  draft.behind?.gone.add(name)
  return had
}

/** All chains of the draft, for commands about all of them. */
export function everyChain(draft: TableDraft): Map<string, DraftChain> {
  const { behind, chains } = draft
  if (behind === null) return chains
  trieEach(behind.common, (chain, name) => {
    if (!chains.has(name) && !behind.gone.has(name)) chains.set(name, opened(chain))
  })
  draft.behind = null
  return chains
}

function sharedChain(behind: SharedBehind | null, name: string): Chain | undefined {
  return behind === null || behind.gone.has(name) ? undefined : trieGet(behind.common, name)
}

export function isBuiltin(table: TableName, chain: string): chain is BuiltinChain {
  return (BUILTIN[table] as readonly string[]).includes(chain)
}

/** The chain; a built-in one is made where it is missing. Undefined for an unknown name. */
export function needChain(draft: TableDraft, name: string): DraftChain | undefined {
  const found = findChain(draft, name)
  if (found !== undefined || !isBuiltin(draft.name, name)) return found
  const chain: DraftChain = {
    name,
    hook: HOOK_OF[name],
    policy: 'ACCEPT',
    policyId: 0,
    counters: null,
    rules: [],
  }
  draft.chains.set(name, chain)
  draft.changed = true
  return chain
}

export function addChain(draft: TableDraft, name: string): DraftChain {
  const chain: DraftChain = { name, hook: -1, policy: '', policyId: 0, counters: null, rules: [] }
  draft.chains.set(name, chain)
  draft.changed = true
  return chain
}

/** Loads the draft; the caller has made its checks. */
export function commitTable(world: World, ns: Netns, family: 4 | 6, draft: TableDraft): void {
  if (!draft.changed) return
  if (draft.fresh && draft.chains.size === 0) {
    nfDropTable(world, ns, family, draft.name)
    return
  }
  const chains = new Map<string, Chain>()
  const builtin = BUILTIN[draft.name].filter((name) => draft.chains.has(name))
  const users = [...draft.chains.keys()].filter((name) => !isBuiltin(draft.name, name))
  for (const one of [...builtin, ...users]) {
    const { hook, policy, policyId, rules } = draft.chains.get(one)!
    chains.set(one, { name: one, hook, policy, policyId, rules: rules.map(({ rule }) => rule) })
  }
  const { name, behind } = draft
  const now = nfReplaceTable(world, ns, family, behind === null ? { name, chains } : { name, chains, behind })
  for (const chain of draft.chains.values()) {
    const loaded = nfChain(now, chain.name)!
    if (chain.counters !== null) nfSetCounters(world, ns, loaded.policyId, ...chain.counters)
    chain.rules.forEach(({ counters }, i) => {
      if (counters !== null) nfSetCounters(world, ns, loaded.rules[i]!.id, ...counters)
    })
  }
}

/** Jumps and gotos to a chain. */
export function references(draft: TableDraft, name: string): number {
  // Shared chains lead to such only.
  const { behind } = draft
  const chains =
    behind === null || trieGet(behind.common, name) === undefined ? draft.chains : everyChain(draft)
  let count = 0
  for (const chain of chains.values()) for (const { rule } of chain.rules) if (jumpOf(rule) === name) count++
  return count
}

/** Jumps and gotos by the chain that they lead to. */
export function allReferences(draft: TableDraft): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const chain of everyChain(draft).values()) {
    for (const { rule } of chain.rules) {
      const to = jumpOf(rule)
      if (to !== undefined) counts.set(to, (counts.get(to) ?? 0) + 1)
    }
  }
  return counts
}

export function jumpOf({ target }: Rule): string | undefined {
  return target.name === 'JUMP' || target.name === 'GOTO' ? target.chain : undefined
}

/** Whether two rules say the same; their ids and origins do not matter. */
export function sameRule(a: Rule, b: Rule): boolean {
  return ruleKey(a) === ruleKey(b)
}

function ruleKey(rule: Rule): string {
  return JSON.stringify({ ...rule, id: 0, origin: '' })
}
