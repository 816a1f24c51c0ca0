/**
 * A table while commands change it: copied from the namespace's, changed in place, put back as a whole. Models how
 * iptables-nft fills one transaction (iptables/nft.c of 1.8.9) and what nf_tables says to it (Linux 6.18).
 */
import { nfChain, nfChains } from '../../net/nf/chains.ts'
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
  /** Something was changed: the table has to be loaded. */
  changed: boolean
  /** It goes where nothing is in it (a restore that flushes). */
  readonly fresh: boolean
}

/** The namespace's table as a draft; `empty`: without what it holds. */
export function openTable(ns: Netns, family: 4 | 6, name: TableName, empty = false): TableDraft {
  const chains = new Map<string, DraftChain>()
  if (!empty && nfHasTable(ns, family, name)) {
    for (const chain of nfChains(nfTable(ns, family, name))) {
      chains.set(chain.name, {
        ...chain,
        counters: null,
        rules: chain.rules.map((rule) => ({ rule, counters: null })),
      })
    }
  }
  return { name, chains, changed: false, fresh: empty }
}

export function isBuiltin(table: TableName, chain: string): chain is BuiltinChain {
  return (BUILTIN[table] as readonly string[]).includes(chain)
}

/** The chain; a built-in one is made where it is missing. Undefined for an unknown name. */
export function needChain(draft: TableDraft, name: string): DraftChain | undefined {
  const found = draft.chains.get(name)
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
  for (const name of [...builtin, ...users]) {
    const { hook, policy, policyId, rules } = draft.chains.get(name)!
    chains.set(name, { name, hook, policy, policyId, rules: rules.map(({ rule }) => rule) })
  }
  const now = nfReplaceTable(world, ns, family, { name: draft.name, chains })
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
  let count = 0
  for (const chain of draft.chains.values()) {
    for (const { rule } of chain.rules) if (jumpOf(rule) === name) count++
  }
  return count
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
