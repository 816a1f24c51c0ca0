/**
 * Rule sets as values: what commands read and replace. Models the transactions of nf_tables as iptables-nft uses them
 * (Linux 6.18): a table is replaced as a whole, counters follow the rules that stay.
 *
 * Everything handed out is deeply frozen and may be shared between namespaces. To change a table, build a new one from
 * the parts of the old (chains and rules that stay keep their identity) and give it to `nfReplaceTable`.
 */
import { assert } from '../../base/assert.ts'
import { NO_ENTRIES } from '../../base/entries.ts'
import type { Trie } from '../../base/trie.ts'
import { trieEach, trieGet } from '../../base/trie.ts'
import { touch } from '../../sim/dispatch.ts'
import type { Netns, World } from '../types.ts'
import { alikeChain, alikeRuleset, CHAINS_MOST } from './alike.ts'
import { nfChain, nfChains, nfOwnChains, patchedTable, tableOf } from './chains.ts'
import { countOf, ensure, free, NO_IDS, newId, ownId, SHARED_ID, setCount, zero } from './ids.ts'
import { carryCode } from './tablecode.ts'
import type { BuiltinChain, Chain, Netfilter, NewTable, Rule, Ruleset, Table, TableName } from './types.ts'

/** Built-in chains of each table, in the order that listings have them. */
export const BUILTIN: Readonly<Record<TableName, readonly BuiltinChain[]>> = Object.freeze({
  raw: Object.freeze(['PREROUTING', 'OUTPUT'] as const),
  mangle: Object.freeze(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const),
  nat: Object.freeze(['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'] as const),
  filter: Object.freeze(['INPUT', 'FORWARD', 'OUTPUT'] as const),
  security: Object.freeze(['INPUT', 'FORWARD', 'OUTPUT'] as const),
})

/** NF_INET_* of each built-in chain. */
export const HOOK_OF: Readonly<Record<BuiltinChain, number>> = Object.freeze({
  PREROUTING: 0,
  INPUT: 1,
  FORWARD: 2,
  OUTPUT: 3,
  POSTROUTING: 4,
})

const HOOKS = Object.freeze(Object.keys(HOOK_OF)) as readonly BuiltinChain[]

/** NF_IP_PRI_*: lower is earlier. nat has two: where it changes destinations and where it changes sources. */
export const PRIORITY: Readonly<Record<string, number>> = Object.freeze({
  defrag: -400,
  raw: -300,
  conntrack: -200,
  mangle: -150,
  'nat dst': -100,
  filter: 0,
  security: 50,
  'nat src': 100,
  confirm: 2147483647,
})

/** NFT_JUMP_STACK_SIZE: jumps that may be open at once. A rule set that goes deeper is refused when it is loaded. */
export const JUMP_STACK = 16

/** A namespace's part of netfilter, made when it is first needed. The caller owns `ns`. */
export function nfOf(ns: Netns): Netfilter {
  ns.nf ??= {
    rules4: null,
    rules6: null,
    counters: new Float64Array(32),
    shared: null,
    nextRuleId: 1,
    freeIds: NO_IDS,
    matchState: NO_ENTRIES,
    recent: NO_ENTRIES,
    conntrack: null,
    active4: false,
    active6: false,
  }
  return ns.nf
}

/** The family's tables; none exist until one is replaced. */
export function nfRuleset(ns: Netns, family: 4 | 6): Ruleset {
  return (family === 4 ? ns.nf?.rules4 : ns.nf?.rules6) ?? (family === 4 ? NO_RULES4 : NO_RULES6)
}

/**
 * A table, or what it would be: one that nobody touched has its built-in chains, empty, with policy ACCEPT and
 * `policyId` 0. Looking creates nothing; `nfReplaceTable` does. A table that exists has only the chains that commands
 * made: a built-in one that is missing is not registered at its hook and counts nothing.
 */
export function nfTable(ns: Netns, family: 4 | 6, name: TableName): Table {
  return nfRuleset(ns, family).tables.get(name) ?? EMPTY[name]
}

/** Whether the table exists: iptables-save prints only those. */
export function nfHasTable(ns: Netns, family: 4 | 6, name: TableName): boolean {
  return nfRuleset(ns, family).tables.has(name)
}

/**
 * Puts `table` in place of the one of that name, at once. Counters, and what `limit` and the like remember, stay with
 * the rule ids that stay; those of rules that are gone are forgotten. Rules and built-in chains with id 0 get one here.
 * A chain that says what it said stays the same object, also one that is shared with other namespaces; a shared one that
 * is changed becomes the namespace's own, and its rules that stay get other ids.
 * The table is checked by `nfCheckTable` before (a fault is asserted). Returns the table as it now is.
 */
export function nfReplaceTable(world: World, ns: Netns, family: 4 | 6, table: NewTable): Table {
  assert(nfCheckTable(table) === null, 'the table was checked before it is loaded')
  touch(world, ns.id)
  const nf = nfOf(ns)
  const before = nfRuleset(ns, family).tables.get(table.name)
  assert(table.behind === undefined || table.behind.common === before?.common, 'the shared chains stay')
  const common = commonAfter(before, table)
  const chains = table.behind !== undefined && common === null ? withShared(table) : table.chains
  const own = new Map<string, Chain>()
  const settled = (chain: Chain) =>
    chains.size > CHAINS_MOST ? settle(nf, chain) : alikeChain(world, settle(nf, chain))
  for (const chain of chains.values()) {
    const shared = common === null ? undefined : trieGet(common, chain.name)
    if (shared !== undefined && saysSame(shared, chain)) continue
    const old = before === undefined || !isOwn(before, chain.name) ? undefined : nfChain(before, chain.name)
    own.set(chain.name, old !== undefined && saysSame(old, chain) ? old : settled(chain))
  }
  const gone = new Set<string>()
  if (common !== null && table.behind !== undefined) {
    for (const name of table.behind.gone)
      if (!chains.has(name) && trieGet(common, name) !== undefined) gone.add(name)
  } else if (common !== null && common.size + own.size > chains.size)
    trieEach(common, (_, name) => chains.has(name) || gone.add(name))
  const now = tableOf(table.name, own, common, gone)
  if (before !== undefined) forget(nf, before, now)
  if (before !== undefined) carryCode(before, now, null)
  nfSetTable(world, ns, family, now)
  return nfTable(ns, family, table.name)
}

/** Shared chains that may be changed, or taken away, before a namespace stops to share any. */
const FORKS_MAX = 64

/** The shared chains that stand behind the new table: those of the old one, unless most of them are others now. */
function commonAfter(before: Table | undefined, table: NewTable): Trie<Chain> | null {
  const common = before?.common ?? null
  if (common === null) return null
  let differ = 0
  const look = (chain: Chain | undefined, name: string) => {
    const now = table.chains.get(name)
    if (chain !== undefined && (now === undefined || !saysSame(chain, now))) differ++
  }
  if (table.behind === undefined) trieEach(common, look)
  else for (const name of [...table.behind.gone, ...table.chains.keys()]) look(trieGet(common, name), name)
  if (differ <= FORKS_MAX && differ < common.size) return common
  return null
}

/** All chains of a table that no longer shares any. */
function withShared({ chains, behind }: NewTable): ReadonlyMap<string, Chain> {
  const all = new Map(chains)
  trieEach(behind!.common, (chain, name) => {
    if (!all.has(name) && !behind!.gone.has(name)) all.set(name, chain)
  })
  return all
}

function saysSame(a: Chain, b: Chain): boolean {
  if (a === b) return true
  if (a.rules.length !== b.rules.length || a.policy !== b.policy || a.policyId !== b.policyId) return false
  return a.hook === b.hook && (a.rules === b.rules || a.rules.every((rule, i) => rule === b.rules[i]))
}

/** Puts a table that is settled in place. The caller has touched the namespace. */
export function nfSetTable(world: World, ns: Netns, family: 4 | 6, table: Table): void {
  const next = new Map(nfRuleset(ns, family).tables)
  next.set(table.name, table)
  setRuleset(world, nfOf(ns), family, next)
}

/**
 * Puts chains of the user in place of those of their name, and takes others away, at once. New rules have id 0 and are
 * deeply frozen; others are the chain's own, which stay. All of a chain that is named count anew. What is not named
 * stays, so that the cost is that of what changes. The caller vouches that every jump leads to a chain that is there, and
 * that none goes in a circle.
 */
export function nfPatchTable(
  world: World,
  ns: Netns,
  family: 4 | 6,
  name: TableName,
  chains: readonly { readonly name: string; readonly rules: readonly Rule[] }[],
  removed: readonly string[],
): void {
  assert(nfHasTable(ns, family, name), 'the table is there')
  touch(world, ns.id)
  const nf = nfOf(ns)
  const table = nfTable(ns, family, name)
  for (const one of removed) for (const rule of userChain(table, one)?.rules ?? []) free(nf, rule.id)
  const next: Chain[] = []
  for (const chain of chains) {
    const old = userChain(table, chain.name)
    if (old !== undefined && old.rules === chain.rules) for (const rule of old.rules) zero(nf, rule.id)
    else next.push(alikeChain(world, newChain(nf, name, old, chain)))
  }
  if (next.length === 0 && removed.length === 0) return
  const now = patchedTable(table, next, removed)
  carryCode(table, now, [...removed, ...next.map((one) => one.name)])
  nfSetTable(world, ns, family, now)
}

function userChain(table: Table, name: string): Chain | undefined {
  const chain = nfChain(table, name)
  assert(chain === undefined || chain.hook < 0, 'only chains of the user are patched')
  return chain
}

function newChain(
  nf: Netfilter,
  table: TableName,
  old: Chain | undefined,
  { name, rules }: { readonly name: string; readonly rules: readonly Rule[] },
): Chain {
  const kept = new Set<number>()
  for (const { id } of rules) if (id !== 0 && id < SHARED_ID) kept.add(id)
  for (const { id } of old?.rules ?? []) {
    if (kept.has(id)) zero(nf, id)
    else free(nf, id)
  }
  const settled = rules.map((rule) =>
    rule.id !== 0 && rule.id < SHARED_ID ? rule : Object.freeze(withId(rule, newId(nf))),
  )
  const { hook, policy, policyId } = nfNewChain(table, name)
  return Object.freeze({ name, hook, policy, policyId, rules: Object.freeze(settled) })
}

/** Field by field: engines give each copy of a spread record that is frozen a hidden class of its own. */
function withId(rule: Rule, id: number): Rule {
  const { src, dst, iif, oif, proto, fragment, matches, target, origin } = rule
  return { id, src, dst, iif, oif, proto, fragment, matches, target, origin }
}

/** Takes a table away with its chains, rules and counters, as `nft delete table` does. */
export function nfDropTable(world: World, ns: Netns, family: 4 | 6, name: TableName): void {
  if (!nfHasTable(ns, family, name)) return
  touch(world, ns.id)
  const nf = nfOf(ns)
  const tables = new Map(nfRuleset(ns, family).tables)
  forget(nf, tables.get(name)!, EMPTY[name])
  tables.delete(name)
  setRuleset(world, nf, family, tables)
}

/**
 * Why a table cannot be loaded, null where it can. The words are errno names. Only what a hook can reach counts: chains
 * that lead to each other and that nothing calls are taken, as nf_tables takes them.
 */
export function nfCheckTable(table: NewTable): 'EMLINK' | 'ENOENT' | null {
  const { chains, behind } = table
  const base: string[] = []
  for (const chain of chains.values()) {
    if (chain.hook >= 0) base.push(chain.name)
    for (const jump of jumpsOf(chain)) {
      const next = chains.get(jump) ?? sharedChain(behind, jump)
      if (next === undefined || next.hook >= 0) return 'ENOENT'
    }
  }
  const own = (name: string) => {
    const chain = chains.get(name)
    return chain === undefined ? null : jumpsOf(chain)
  }
  if (!nfTooDeep(base, own)) return null
  const any = (name: string) => jumpsOf((chains.get(name) ?? sharedChain(behind, name))!)
  return nfTooDeep(base, any) ? 'EMLINK' : null
}

function sharedChain(behind: NewTable['behind'], name: string): Chain | undefined {
  return behind === undefined || behind.gone.has(name) ? undefined : trieGet(behind.common, name)
}

/**
 * Whether jumps from the chains of `base` go deeper than the kernel's stack, which a loop always does. `jumps` of null: a
 * shared chain, below which there are at most SHARED_DEPTH.
 */
export function nfTooDeep(
  base: readonly string[],
  jumps: (chain: string) => readonly string[] | null,
): boolean {
  /** The deepest that each chain was reached at: a shallower visit finds nothing new. */
  const seen = new Map<string, number>()
  const visit = (name: string, level: number): boolean => {
    if (level >= JUMP_STACK) return true
    if ((seen.get(name) ?? -1) >= level) return false
    seen.set(name, level)
    const next = jumps(name)
    if (next === null) return level + SHARED_DEPTH >= JUMP_STACK
    return next.some((one) => visit(one, level + 1))
  }
  return base.some((name) => visit(name, 0))
}

/** How deep jumps of shared chains may lead: who shares chains keeps to it. */
const SHARED_DEPTH = 6

function jumpsOf(chain: Chain): string[] {
  const names = new Set<string>()
  for (const { target } of chain.rules) {
    if (target.name === 'JUMP' || target.name === 'GOTO') names.add(target.chain)
  }
  return [...names]
}

/** An id that no rule or policy of the namespace has. The caller owns `ns`, or has touched it. */
export function nfNewRuleId(world: World, ns: Netns): number {
  touch(world, ns.id)
  return newId(nfOf(ns))
}

/** What a rule or a policy has counted. Id 0 has counted nothing. */
export function nfCounters(ns: Netns, id: number): { packets: number; bytes: number } {
  const [packets, bytes] = ns.nf === null ? [0, 0] : countOf(ns.nf, id)
  return { packets, bytes }
}

/** Sets a counter (`iptables-restore --counters`, `-c`). */
export function nfSetCounters(world: World, ns: Netns, id: number, packets: number, bytes: number): void {
  if (id === 0) return
  touch(world, ns.id)
  const nf = nfOf(ns)
  assert(id >= SHARED_ID || 2 * id + 1 < nf.counters.length, 'the rule id was given by nfNewRuleId')
  setCount(nf, id, packets, bytes)
}

/** Zeroes the counters of a rule (`-Z CHAIN N`), a chain or, without `chain`, the whole table. `rule` counts from 1. */
export function nfZero(
  world: World,
  ns: Netns,
  family: 4 | 6,
  name: TableName,
  chain?: string,
  rule?: number,
): void {
  for (const one of nfChains(nfTable(ns, family, name))) {
    if (chain !== undefined && one.name !== chain) continue
    if (rule === undefined) nfSetCounters(world, ns, one.policyId, 0, 0)
    one.rules.forEach((r, i) => {
      if (rule === undefined || rule === i + 1) nfSetCounters(world, ns, r.id, 0, 0)
    })
  }
}

/** Freezes a rule and all below it. */
export function nfFreezeRule(rule: Rule): Rule {
  return freezeAll(rule)
}

/** Whether a chain is one that a hook calls. */
export function isBuiltinChain(table: TableName, chain: string): chain is BuiltinChain {
  return (BUILTIN[table] as readonly string[]).includes(chain)
}

/** An empty chain: built-in with policy ACCEPT, or of the user. */
export function nfNewChain(table: TableName, name: string): Chain {
  const builtin = isBuiltinChain(table, name)
  return Object.freeze({
    name,
    hook: builtin ? HOOK_OF[name] : -1,
    policy: builtin ? 'ACCEPT' : '',
    policyId: 0,
    rules: Object.freeze([]),
  })
}

function emptyTable(name: TableName): Table {
  const chains = new Map<string, Chain>()
  for (const chain of BUILTIN[name]) chains.set(chain, nfNewChain(name, chain))
  return tableOf(name, chains)
}

const EMPTY: Readonly<Record<TableName, Table>> = Object.freeze({
  raw: emptyTable('raw'),
  mangle: emptyTable('mangle'),
  nat: emptyTable('nat'),
  filter: emptyTable('filter'),
  security: emptyTable('security'),
})

const NO_RULES4: Ruleset = rulesetOf(4, new Map())
const NO_RULES6: Ruleset = rulesetOf(6, new Map())

/** The chain with ids for everything that has none, deeply frozen. A chain that is settled already stays itself. */
function settle(nf: Netfilter, chain: Chain): Chain {
  const whole = Object.isFrozen(chain) && Object.isFrozen(chain.rules)
  const settled = chain.hook < 0 || chain.policyId !== 0
  if (whole && settled && chain.rules.every((r) => r.id !== 0 && r.id < SHARED_ID && Object.isFrozen(r))) {
    for (const rule of chain.rules) ensure(nf, rule.id)
    return chain
  }
  const rules = chain.rules.map((rule) => {
    if (rule.id === 0) return freezeAll(withId(rule, newId(nf)))
    if (rule.id >= SHARED_ID) return Object.freeze(withId(rule, ownId(nf, rule.id)))
    ensure(nf, rule.id)
    return freezeAll(rule)
  })
  const policyId = chain.hook >= 0 && chain.policyId === 0 ? newId(nf) : chain.policyId
  const { name, hook, policy } = chain
  return Object.freeze({ name, hook, policy, policyId, rules: Object.freeze(rules) })
}

/** Zeroes and frees the ids of `before` that are not in `now`. */
function forget(nf: Netfilter, before: Table, now: Table): void {
  const sharing = before.common !== null && before.common === now.common
  const kept = new Set<number>()
  for (const chain of nfOwnChains(now)) {
    if (nfChain(before, chain.name) === chain) continue
    kept.add(chain.policyId)
    for (const rule of chain.rules) kept.add(rule.id)
  }
  const drop = (chain: Chain | undefined) => {
    if (chain === undefined || nfChain(now, chain.name) === chain) return
    if (chain.policyId !== 0 && !kept.has(chain.policyId)) free(nf, chain.policyId)
    for (const rule of chain.rules) if (!kept.has(rule.id)) free(nf, rule.id)
  }
  for (const chain of sharing ? nfOwnChains(before) : nfChains(before)) drop(chain)
  if (!sharing) return
  // Shared chains that are hidden now.
  for (const name of now.gone) if (!isOwn(before, name)) drop(nfChain(before, name))
  for (const { name } of nfOwnChains(now)) if (!isOwn(before, name)) drop(nfChain(before, name))
}

function isOwn({ whole, patched, gone }: Table, name: string): boolean {
  return patched.has(name) || (whole.has(name) && !gone.has(name))
}

function setRuleset(world: World, nf: Netfilter, family: 4 | 6, tables: Map<TableName, Table>): void {
  const rules = alikeRuleset(world, family, tables, () => rulesetOf(family, tables))
  if (family === 4) {
    nf.rules4 = rules
    nf.active4 = needsConntrack(rules)
  } else {
    nf.rules6 = rules
    nf.active6 = needsConntrack(rules)
  }
}

function rulesetOf(family: 4 | 6, tables: Map<TableName, Table>): Ruleset {
  const station = (name: TableName, hook: BuiltinChain) => {
    const table = tables.get(name)
    const chain = table === undefined ? undefined : nfChain(table, hook)
    return table === undefined || chain === undefined ? null : Object.freeze({ table, chain })
  }
  const hooks = HOOKS.map((hook) =>
    Object.freeze({
      raw: station('raw', hook),
      mangle: station('mangle', hook),
      nat: station('nat', hook),
      filter: station('filter', hook),
      security: station('security', hook),
    }),
  )
  return Object.freeze({ family, tables: Object.freeze(tables), hooks: Object.freeze(hooks) })
}

/** nf_ct_netns_get: a nat table, or a match or target that asks for a connection. */
function needsConntrack(rules: Ruleset): boolean {
  if (rules.hooks.some(({ nat }) => nat !== null)) return true
  for (const table of rules.tables.values()) {
    if (nfOwnChains(table).some(asksAny) || (table.common !== null && commonAsks(table.common))) return true
  }
  return false
}

/** Shared chains are looked at once. That some may be gone here does not count: nobody shares such without a nat table. */
function commonAsks(common: Trie<Chain>): boolean {
  let asked = asking.get(common)
  if (asked === undefined) {
    asked = false
    trieEach(common, (chain) => {
      asked ||= asksAny(chain)
    })
    asking.set(common, asked)
  }
  return asked
}

/** Derived from frozen chains. */
const asking = new WeakMap<Trie<Chain>, boolean>()

function asksAny(chain: Chain): boolean {
  return chain.rules.some(asks)
}

function asks(rule: Rule): boolean {
  const { name } = rule.target
  if (name === 'CONNMARK') return true
  if (rule.target.name === 'CT' && !rule.target.notrack) return true
  return rule.matches.some((m) => m.name === 'conntrack' || m.name === 'state' || m.name === 'connmark')
}

function freezeAll<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const part of Object.values(value)) freezeAll(part)
  return Object.freeze(value)
}
