/**
 * kube-proxy's rules as the kernel holds them: each Service's part parsed once and kept, and put in place chain by chain.
 * Models what `iptables-restore --noflush` of the same chains does, counters included: a chain that is written counts anew.
 */
import { interned } from '../../base/intern.ts'
import { nfChain } from '../../net/nf/chains.ts'
import { nfFreezeRule, nfPatchTable, nfTable } from '../../net/nf/tables.ts'
import type { Chain, Rule, TableName } from '../../net/nf/types.ts'
import { findNetns } from '../../net/world.ts'
import { endpointCount, servicePart } from '../../kube/node/proxy/parts.ts'
import type { ServicePart } from '../../kube/node/proxy/parts.ts'
import { buildRuleset, LARGE_CLUSTER } from '../../kube/node/proxy/ruleset.ts'
import type { ProxyState } from '../../kube/node/proxy/ruleset.ts'
import { ruleText } from '../../kube/node/proxy/text.ts'
import type { EndpointSliceLike, ProxyNode, ProxyRule, ServiceLike } from '../../kube/node/proxy/types.ts'
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

/** A rule of a chain that all Services share. */
export interface ChainRule {
  readonly chain: string
  readonly text: string
  readonly rule: Rule
}

export interface ParsedChain {
  readonly name: string
  /** What its rules say, to tell a change. */
  readonly text: string
  readonly rules: readonly Rule[]
}

/** Parses a part. Chains that read as in `before` are taken over. Throws iptables' fault for a rule that it would refuse. */
function parsePart(place: IptablesPlace, part: ServicePart, before: ParsedPart | undefined): ParsedPart {
  const known = new Map((before?.own ?? []).map((chain) => [chain.name, chain]))
  const own = [...part.own].map(([name, rules]): ParsedChain => {
    const text = rules.map(ruleText).join('\n')
    const old = known.get(name)
    if (old?.text === text) return old
    return Object.freeze({ name, text, rules: Object.freeze(rules.map((rule) => parse(place, 'nat', rule))) })
  })
  const shared = (table: 'filter' | 'nat', rules: readonly ProxyRule[]) =>
    Object.freeze(rules.map((rule) => chainRule(place, table, rule, before?.[table] ?? [])))
  return Object.freeze({
    order: part.ports[0]?.name ?? '',
    filter: shared('filter', part.filter),
    nat: shared('nat', part.nat),
    own: Object.freeze(own),
    known: Object.freeze({ ports: Object.freeze(part.ports), endpoints: Object.freeze(part.endpoints) }),
    endpoints: endpointCount(part),
  })
}

/** What a part that reads the same on every node was made from. */
interface NodelessPart {
  readonly slices: readonly EndpointSliceLike[]
  readonly how: string
  readonly part: ParsedPart
}

/** More ways (a node's own pods told by its own addresses) are not kept. */
const WAYS = 4

/** Derived from frozen objects, and no part of the world's state: by the Service, one part for each way to write it. */
const nodeless = new WeakMap<object, NodelessPart[]>()

/**
 * The part of a Service with its slices (frozen). Most say nothing of the node, and all nodes of a cluster share one then:
 * no policy Local, no hints, no source ranges.
 */
export function parsedPart(
  place: IptablesPlace,
  node: ProxyNode,
  service: ServiceLike,
  slices: readonly EndpointSliceLike[],
  comments: boolean,
  before: ParsedPart | undefined,
): ParsedPart {
  const how = JSON.stringify([node.family, comments, node.masqueradeAll, node.detectLocal])
  const list = nodeless.get(service) ?? []
  const known = list.find((one) => one.how === how)
  if (known !== undefined && sameList(known.slices, slices)) return known.part
  const made = servicePart(node, service, slices, comments)
  const plain = made.ports.every(
    (port) =>
      !port.internalLocal && !port.externalLocal && !port.followsHints && port.sourceRanges.length === 0,
  )
  const part = parsePart(place, plain ? { ...made, endpoints: nowhere(made.endpoints) } : made, before)
  if (plain && Object.isFrozen(service)) {
    nodeless.set(service, [...list.filter((one) => one !== known), { slices, how, part }].slice(-WAYS))
  }
  return part
}

/** The endpoints without what only the asking node would say of them: whoever made a shared part leaves no mark in it. */
function nowhere(endpoints: ServicePart['endpoints']): ServicePart['endpoints'] {
  return new Map([...endpoints].map(([port, list]) => [port, list.map((one) => ({ ...one, local: false }))]))
}

function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i])
}

/** What is known of the shared chains from the last sync; frozen. */
export interface SharedChains {
  /** The rules that are always there. */
  readonly filter: readonly ChainRule[]
  readonly nat: readonly ChainRule[]
  /** The chains as they were put in place, by table and name. */
  readonly placed: ReadonlyMap<string, Chain>
}

/** A Service's part as it was and as it is now. */
export interface PartChange {
  readonly before: ParsedPart | undefined
  readonly now: ParsedPart | undefined
}

/**
 * Puts the chains that all Services share in place: every part's rules in their order, then those that are always there.
 * With `changes` a chain that still stands as it was placed is changed in these Services' rules only.
 */
export function patchShared(
  place: IptablesPlace,
  node: ProxyNode,
  parts: ReadonlyMap<string, ParsedPart>,
  changes: readonly PartChange[] | null,
  last: SharedChains | undefined,
  own: { readonly chains: readonly ParsedChain[]; readonly removed: readonly string[] },
): SharedChains {
  const fixed = buildRuleset(node, { ports: [], endpoints: new Map() })
  const placed = new Map<string, Chain>()
  let sorted: ParsedPart[] | null = null
  const write = (table: 'filter' | 'nat'): readonly ChainRule[] => {
    const always = fixed[table].rules.map((rule) => chainRule(place, table, rule, last?.[table] ?? []))
    const same = last !== undefined && sameTexts(always, last[table])
    const chains = fixed[table].chains.map((name): ParsedChain => {
      const now = standing(place, table, name)
      if (changes !== null && same && now !== undefined && last.placed.get(`${table} ${name}`) === now)
        return { name, text: '', rules: spliced(now.rules, table, name, parts, changes) }
      sorted ??= [...parts.values()].sort((a, b) => compare(a.order, b.order))
      const rules = [...sorted.flatMap((part) => part[table]), ...always].filter(
        (rule) => rule.chain === name,
      )
      return { name, text: '', rules: rules.map(({ rule }) => rule) }
    })
    const [more, removed] = table === 'nat' ? [own.chains, own.removed] : [[], []]
    patchRules(place, table, [...chains, ...more], removed)
    for (const { name } of chains) placed.set(`${table} ${name}`, standing(place, table, name)!)
    return Object.freeze(always)
  }
  return Object.freeze({ filter: write('filter'), nat: write('nat'), placed: Object.freeze(placed) })
}

/** A chain's rules with those of some Services changed; the same list where they all read as before. */
function spliced(
  rules: readonly Rule[],
  table: 'filter' | 'nat',
  chain: string,
  parts: ReadonlyMap<string, ParsedPart>,
  changes: readonly PartChange[],
): readonly Rule[] {
  const of = (part: ParsedPart | undefined) => part?.[table].filter((rule) => rule.chain === chain) ?? []
  const moved = changes.filter(
    ({ before, now }) => before?.order !== now?.order || !sameTexts(of(before), of(now)),
  )
  if (moved.length === 0) return rules
  const old = new Set(moved.flatMap(({ before }) => of(before).map(({ rule }) => rule.origin)))
  const next = rules.filter(({ origin }) => !old.has(origin))
  for (const { now } of moved) {
    if (now !== undefined) next.splice(placeOf(next, now.order, parts), 0, ...of(now).map(({ rule }) => rule))
  }
  return next
}

/** Where a Service's rules go among the others', which stand in order before those of no Service. */
function placeOf(rules: readonly Rule[], order: string, parts: ReadonlyMap<string, ParsedPart>): number {
  let low = 0
  let high = rules.length
  while (low < high) {
    const middle = (low + high) >> 1
    const part = parts.get(rules[middle]!.origin.slice(SERVICE.length))
    if (part !== undefined && part.order < order) low = middle + 1
    else high = middle
  }
  return low
}

function standing({ world, ns, family }: IptablesPlace, table: TableName, name: string): Chain | undefined {
  const netns = findNetns(world, ns)
  return netns === undefined ? undefined : nfChain(nfTable(netns, family, table), name)
}

function sameTexts(a: readonly ChainRule[], b: readonly ChainRule[]): boolean {
  return a.length === b.length && a.every(({ text }, i) => text === b[i]!.text)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function chainRule(
  place: IptablesPlace,
  table: TableName,
  rule: ProxyRule,
  known: readonly ChainRule[],
): ChainRule {
  const text = ruleText(rule)
  const old = known.find((one) => one.text === text)
  return old ?? Object.freeze({ chain: rule.chain, text, rule: parse(place, table, rule) })
}

/** Puts chains in place and takes others away, table by table. */
function patchRules(
  { world, ns, family }: IptablesPlace,
  table: TableName,
  chains: readonly ParsedChain[],
  removed: readonly string[],
): void {
  const netns = findNetns(world, ns)
  if (netns !== undefined) nfPatchTable(world, netns, family, table, chains, removed)
}

const SERVICE = 'Service '

function parse({ family }: IptablesPlace, table: TableName, { chain, args, service }: ProxyRule): Rule {
  const program = family === 4 ? 'iptables-restore' : 'ip6tables-restore'
  const context = { family, lookup: () => undefined, warn: () => {}, restore: { table, name: program } }
  const [rule] = parseCommand(['-A', chain, ...args], context).rules
  const { id, src, dst, iif, oif, proto, fragment, matches, target } = rule!
  const origin = service === '' ? '' : interned(`${SERVICE}${service}`)
  return nfFreezeRule({ id, src, dst, iif, oif, proto, fragment, matches, target, origin })
}

/** Whether choices of endpoints carry comments: not in a cluster with many. */
export function wantsComments(endpoints: number): boolean {
  return endpoints <= LARGE_CLUSTER
}
