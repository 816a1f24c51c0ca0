/**
 * kube-proxy's rules as the kernel holds them: the chains of all Services, made from their parts, as values that all nodes
 * with the same Services share; and how they are put in place on one.
 * Models what `iptables-restore --noflush` of the same chains does, counters included: a chain that is written counts anew.
 */
import type { Trie } from '../../base/trie.ts'
import { trieDelete, trieEach, trieGet, trieOf, trieSet } from '../../base/trie.ts'
import { nfChain, nfOwnChains } from '../../net/nf/chains.ts'
import { nfShareChains, nfStandsApart } from '../../net/nf/share.ts'
import { nfHasTable, nfPatchTable, nfTable } from '../../net/nf/tables.ts'
import type { Chain, Rule, Table } from '../../net/nf/types.ts'
import { findNetns } from '../../net/world.ts'
import { buildRuleset } from '../../kube/node/proxy/ruleset.ts'
import type { ProxyNode, ProxyTable } from '../../kube/node/proxy/types.ts'
import { raise } from '../iptables/words.ts'
import type { IptablesPlace } from './iptables.ts'
import type { ChainRule, ParsedPart } from './proxy-parts.ts'
import { chainOf, chainRule, repetitions, serviceOfRule } from './proxy-parts.ts'

const TABLES = ['filter', 'nat'] as const

/** The rules of one family as they are written: a frozen value, the same on every node that has the same Services. */
export interface Written {
  readonly fixed: Fixed
  /** What each Service adds, by `NAMESPACE/NAME`. */
  readonly parts: Trie<ParsedPart>
  /** Endpoints behind all parts. */
  readonly endpoints: number
  /** Services whose parts say something of the node, in order; all nodes have the same rules of the others. */
  readonly special: readonly string[]
  readonly filter: Trie<Chain>
  readonly nat: Trie<Chain>
}

/** What is there without any Service: the chains that all of them share, and the rules behind theirs. */
export interface Fixed {
  readonly filter: FixedTable
  readonly nat: FixedTable
}

interface FixedTable {
  readonly chains: readonly string[]
  readonly rules: readonly ChainRule[]
}

/** A Service's part as it is now, undefined where it is gone. */
export interface PartChange {
  readonly key: string
  readonly now: ParsedPart | undefined
}

/** All that the rules without any Service depend on. */
export function fixedKey(node: ProxyNode): string {
  const { family, masqueradeBit, randomFully, localhostNodePorts, nodePortAddresses, localIPs } = node
  const addresses = nodePortAddresses.length > 0 ? localIPs : []
  return JSON.stringify([
    family,
    masqueradeBit,
    randomFully,
    localhostNodePorts,
    nodePortAddresses,
    addresses,
  ])
}

/** What a node has without any Service. */
export function fixedRules(node: ProxyNode): Fixed {
  const { family } = node
  const { filter, nat } = buildRuleset(node, { ports: [], endpoints: new Map() })
  const parsed = (table: 'filter' | 'nat', { chains, rules }: ProxyTable): FixedTable => {
    const nth = repetitions(rules)
    return Object.freeze({
      chains: Object.freeze(chains),
      rules: Object.freeze(rules.map((rule, i) => chainRule(family, table, rule, nth[i]!, []))),
    })
  }
  return Object.freeze({ filter: parsed('filter', filter), nat: parsed('nat', nat) })
}

/** The rules of all these parts. */
export function wholeRules(fixed: Fixed, parts: Trie<ParsedPart>): Written {
  const sorted = inOrder(parts)
  let endpoints = 0
  const special: string[] = []
  trieEach(parts, (part, key) => {
    if (!part.plain) special.push(key)
  })
  const nat: (readonly [string, Chain])[] = commonChains(fixed, sorted, 'nat')
  for (const part of sorted) {
    endpoints += part.endpoints
    for (const chain of part.own) nat.push([chain.name, chain])
  }
  const filter = trieOf(commonChains(fixed, sorted, 'filter'))
  return Object.freeze({ fixed, parts, endpoints, special: special.sort(), filter, nat: trieOf(nat) })
}

/** The rules with other parts of some Services: chains that say what they said are the same objects. */
export function changedRules(before: Written, fixed: Fixed, changes: readonly PartChange[]): Written {
  let { parts, endpoints, special } = before
  const moved: Moved[] = []
  for (const { key, now } of changes) {
    const old = trieGet(parts, key)
    if (old === now) continue
    parts = now === undefined ? trieDelete(parts, key) : trieSet(parts, key, now)
    endpoints += (now?.endpoints ?? 0) - (old?.endpoints ?? 0)
    const isSpecial = now?.plain === false
    if (isSpecial !== (old?.plain === false))
      special = isSpecial ? [...special, key].sort() : special.filter((one) => one !== key)
    moved.push({ before: old, now })
  }
  if (moved.length === 0 && fixed === before.fixed) return before
  const tables = TABLES.map((table) => {
    let chains = before[table]
    const sorted = fixed[table] === before.fixed[table] ? [] : inOrder(parts)
    for (const name of fixed[table].chains) {
      const old = trieGet(chains, name)
      const rules =
        old === undefined || fixed[table] !== before.fixed[table]
          ? commonRules(fixed, sorted, table, name)
          : spliced(old.rules, table, name, parts, moved)
      if (old === undefined || !sameRules(old.rules, rules))
        chains = trieSet(chains, name, chainOf(name, rules))
    }
    return chains
  })
  let nat = tables[1]!
  for (const { before: old } of moved) for (const chain of old?.own ?? []) nat = trieDelete(nat, chain.name)
  for (const { now } of moved) for (const chain of now?.own ?? []) nat = trieSet(nat, chain.name, chain)
  return Object.freeze({ fixed, parts, endpoints, special, filter: tables[0]!, nat })
}

interface Moved {
  readonly before: ParsedPart | undefined
  readonly now: ParsedPart | undefined
}

/**
 * Puts the rules in place of those of `before`. With `changed` (Services) only their chains are written, and those that
 * all share; what somebody did to others stays. Throws iptables' fault where a chain is missing that a rule leads to.
 */
export function placeRules(
  place: IptablesPlace,
  before: Written | undefined,
  now: Written,
  changed: readonly string[] | null,
): void {
  const { world, ns, family } = place
  const netns = findNetns(world, ns)
  if (netns === undefined) return
  const own = (rules: Written | undefined, keys: readonly string[]) =>
    keys.flatMap((key) =>
      rules === undefined ? [] : (trieGet(rules.parts, key)?.own ?? []).map(({ name }) => name),
    )
  for (const table of TABLES) {
    const standing = nfTable(netns, family, table)
    if (changed === null) {
      const removed = table === 'nat' ? goneNames(before, now, standing) : []
      nfShareChains(world, netns, family, table, now[table], null, removed)
      continue
    }
    const isShared = before !== undefined && standing.common === before[table]
    if (isShared && !nfStandsApart(netns, family, table, now[table])) {
      nfShareChains(world, netns, family, table, now[table], [], [])
      continue
    }
    const others = table === 'nat' ? changed : []
    const removed = own(before, others).filter((name) => trieGet(now.nat, name) === undefined)
    const written = [...now.fixed[table].chains, ...own(now, others)]
    const chains = written.map((name) => trieGet(now[table], name)!)
    if (!nfHasTable(netns, family, table) || misses(standing, chains))
      raise('kernel', 'RULE_APPEND failed (No such file or directory): rule in chain KUBE-SERVICES')
    if (isShared) nfShareChains(world, netns, family, table, now[table], written, removed)
    else nfPatchTable(world, netns, family, table, chains, removed)
  }
}

/** Whether a rule of these chains leads to one that is neither there nor among them. */
function misses(standing: Table, chains: readonly Chain[]): boolean {
  if (standing.common !== null && standing.gone.size === 0) return false
  const written = new Set(chains.map(({ name }) => name))
  return chains.some(({ rules }) =>
    rules.some(
      ({ target }) =>
        target.name === 'JUMP' && !written.has(target.chain) && nfChain(standing, target.chain) === undefined,
    ),
  )
}

/** Chains of the node's own that stand in for some that are no longer written. */
function goneNames(before: Written | undefined, now: Written, nat: Table): string[] {
  if (before === undefined) return []
  const names = nfOwnChains(nat).map(({ name }) => name)
  return names.filter(
    (name) => trieGet(before.nat, name) !== undefined && trieGet(now.nat, name) === undefined,
  )
}

function inOrder(parts: Trie<ParsedPart>): ParsedPart[] {
  const list: ParsedPart[] = []
  trieEach(parts, (part) => list.push(part))
  return list.sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0))
}

function commonChains(
  fixed: Fixed,
  sorted: readonly ParsedPart[],
  table: 'filter' | 'nat',
): (readonly [string, Chain])[] {
  return fixed[table].chains.map((name) => [name, chainOf(name, commonRules(fixed, sorted, table, name))])
}

/** Every part's rules in their order, then those that are always there. */
function commonRules(
  fixed: Fixed,
  sorted: readonly ParsedPart[],
  table: 'filter' | 'nat',
  name: string,
): readonly Rule[] {
  const rules: Rule[] = []
  for (const part of sorted) for (const { chain, rule } of part[table]) if (chain === name) rules.push(rule)
  for (const { chain, rule } of fixed[table].rules) if (chain === name) rules.push(rule)
  return rules
}

/** A chain's rules with those of some Services changed; the same list where they all read as before. */
function spliced(
  rules: readonly Rule[],
  table: 'filter' | 'nat',
  chain: string,
  parts: Trie<ParsedPart>,
  changes: readonly Moved[],
): readonly Rule[] {
  const of = (part: ParsedPart | undefined) => part?.[table].filter((rule) => rule.chain === chain) ?? []
  const moved = changes.filter(
    ({ before, now }) => before?.order !== now?.order || !sameIds(of(before), of(now)),
  )
  if (moved.length === 0) return rules
  const old = new Set(moved.flatMap(({ before }) => of(before).map(({ rule }) => rule.origin)))
  const next = rules.filter(({ origin }) => !old.has(origin))
  for (const { now } of moved) {
    if (now !== undefined) next.splice(spotOf(next, now.order, parts), 0, ...of(now).map(({ rule }) => rule))
  }
  return next
}

/** Where a Service's rules go among the others', which stand in order before those of no Service. */
function spotOf(rules: readonly Rule[], order: string, parts: Trie<ParsedPart>): number {
  let low = 0
  let high = rules.length
  while (low < high) {
    const middle = (low + high) >> 1
    const part = trieGet(parts, serviceOfRule(rules[middle]!))
    if (part !== undefined && part.order < order) low = middle + 1
    else high = middle
  }
  return low
}

function sameIds(a: readonly ChainRule[], b: readonly ChainRule[]): boolean {
  return a.length === b.length && a.every(({ rule }, i) => rule.id === b[i]!.rule.id)
}

function sameRules(a: readonly Rule[], b: readonly Rule[]): boolean {
  return a === b || (a.length === b.length && a.every((rule, i) => rule === b[i]))
}
