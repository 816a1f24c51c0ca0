/**
 * kube-proxy's rules as the kernel holds them: each Service's part parsed once and kept, and put in place chain by chain.
 * Models what `iptables-restore --noflush` of the same chains does, counters included: a chain that is written counts anew.
 */
import { nfFreezeRule, nfPatchTable } from '../../net/nf/tables.ts'
import type { Rule, TableName } from '../../net/nf/types.ts'
import { findNetns } from '../../net/world.ts'
import { endpointCount } from '../../kube/node/proxy/parts.ts'
import type { ServicePart } from '../../kube/node/proxy/parts.ts'
import { buildRuleset, LARGE_CLUSTER } from '../../kube/node/proxy/ruleset.ts'
import type { ProxyState } from '../../kube/node/proxy/ruleset.ts'
import { ruleText } from '../../kube/node/proxy/text.ts'
import type { ProxyNode, ProxyRule } from '../../kube/node/proxy/types.ts'
import { parseCommand } from '../iptables/command.ts'
import type { IptablesPlace } from './iptables.ts'

/** A Service's part with its rules parsed; frozen, so that checkpoints share it. */
export interface ParsedPart {
  /** Where it stands among the others. */
  readonly order: string
  readonly filter: readonly ChainRule[]
  readonly nat: readonly ChainRule[]
  readonly own: readonly ParsedChain[]
  /** What it was made from, for connections that it leaves behind. */
  readonly known: ProxyState
  readonly endpoints: number
}

export interface ChainRule {
  readonly chain: string
  readonly rule: Rule
}

export interface ParsedChain {
  readonly name: string
  /** What its rules say, to tell a change. */
  readonly text: string
  readonly rules: readonly Rule[]
}

/** Parses a part. Chains that read as in `before` are taken over. Throws iptables' fault for a rule that it would refuse. */
export function parsePart(
  place: IptablesPlace,
  part: ServicePart,
  before: ParsedPart | undefined,
): ParsedPart {
  const known = new Map((before?.own ?? []).map((chain) => [chain.name, chain]))
  const own = [...part.own].map(([name, rules]): ParsedChain => {
    const text = rules.map(ruleText).join('\n')
    const old = known.get(name)
    if (old?.text === text) return old
    return Object.freeze({ name, text, rules: Object.freeze(rules.map((rule) => parse(place, 'nat', rule))) })
  })
  const shared = (table: TableName, rules: readonly ProxyRule[]) =>
    Object.freeze(rules.map((rule) => Object.freeze({ chain: rule.chain, rule: parse(place, table, rule) })))
  return Object.freeze({
    order: part.ports[0]?.name ?? '',
    filter: shared('filter', part.filter),
    nat: shared('nat', part.nat),
    own: Object.freeze(own),
    known: Object.freeze({ ports: Object.freeze(part.ports), endpoints: Object.freeze(part.endpoints) }),
    endpoints: endpointCount(part),
  })
}

/** The chains that all Services share, whole: every part's rules in their order, then those that are always there. */
export function sharedChains(
  place: IptablesPlace,
  node: ProxyNode,
  parts: Iterable<ParsedPart>,
): { filter: ParsedChain[]; nat: ParsedChain[] } {
  const fixed = buildRuleset(node, { ports: [], endpoints: new Map() })
  const sorted = [...parts].sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0))
  const gather = (table: 'filter' | 'nat'): ParsedChain[] => {
    const chains = new Map<string, Rule[]>()
    for (const name of fixed[table].chains) chains.set(name, [])
    for (const part of sorted) for (const { chain, rule } of part[table]) chains.get(chain)?.push(rule)
    for (const rule of fixed[table].rules) chains.get(rule.chain)!.push(parse(place, table, rule))
    return [...chains].map(([name, rules]) => ({ name, text: '', rules }))
  }
  return { filter: gather('filter'), nat: gather('nat') }
}

/** Puts chains in place and takes others away, table by table. */
export function patchRules(
  { world, ns, family }: IptablesPlace,
  table: TableName,
  chains: readonly ParsedChain[],
  removed: readonly string[],
): void {
  const netns = findNetns(world, ns)
  if (netns !== undefined) nfPatchTable(world, netns, family, table, chains, removed)
}

function parse({ family }: IptablesPlace, table: TableName, { chain, args, service }: ProxyRule): Rule {
  const program = family === 4 ? 'iptables-restore' : 'ip6tables-restore'
  const context = { family, lookup: () => undefined, warn: () => {}, restore: { table, name: program } }
  const [rule] = parseCommand(['-A', chain, ...args], context).rules
  return nfFreezeRule({ ...rule!, origin: service === '' ? '' : `Service ${service}` })
}

/** Whether choices of endpoints carry comments: not in a cluster with many. */
export function wantsComments(parts: Iterable<ParsedPart>): boolean {
  let total = 0
  for (const part of parts) total += part.endpoints
  return total <= LARGE_CLUSTER
}
