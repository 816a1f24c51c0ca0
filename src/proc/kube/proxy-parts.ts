/**
 * What a Service adds to kube-proxy's rules, parsed once and kept: for all nodes where it says nothing of the node, and
 * for those alike where it does.
 */
import { interned } from '../../base/intern.ts'
import { endpointCount, servicePart } from '../../kube/node/proxy/parts.ts'
import type { ServicePart } from '../../kube/node/proxy/parts.ts'
import { servicePorts } from '../../kube/node/proxy/ports.ts'
import { LARGE_CLUSTER } from '../../kube/node/proxy/ruleset.ts'
import type { ProxyState } from '../../kube/node/proxy/ruleset.ts'
import { ruleText } from '../../kube/node/proxy/text.ts'
import type { EndpointSliceLike, ProxyNode, ProxyRule, ServiceLike } from '../../kube/node/proxy/types.ts'
import { shareParts } from '../../kube/store/share.ts'
import { nfSharedId } from '../../net/nf/ids.ts'
import { nfFreezeRule } from '../../net/nf/tables.ts'
import type { Chain, Rule } from '../../net/nf/types.ts'
import { parseCommand } from '../iptables/command.ts'

/** A Service's part with its rules parsed; frozen, so that checkpoints share it. */
export interface ParsedPart {
  /** Where it stands among the others. */
  readonly order: string
  readonly filter: readonly ChainRule[]
  readonly nat: readonly ChainRule[]
  readonly own: readonly Chain[]
  /** What it was made from, for connections that it leaves behind. */
  readonly known: ProxyState
  readonly endpoints: number
  /** It reads the same on every node. */
  readonly plain: boolean
}

/** A rule of a chain that all Services share. Rules with one id say the same: the id is made of their text. */
export interface ChainRule {
  readonly chain: string
  readonly rule: Rule
}

/** How a node writes parts: with the Service and its slices this decides what a part says, where it is plain. */
export function howOf({ family, masqueradeAll, detectLocal }: ProxyNode, comments: boolean): string {
  return JSON.stringify([family, comments, masqueradeAll, detectLocal])
}

/** What a part was made from. */
interface Made {
  readonly slices: readonly EndpointSliceLike[]
  readonly how: string
  /** What it says of the node: '' where it is plain. */
  readonly where: string
  readonly part: ParsedPart
}

/** More (a node's own pods told by its own addresses) are not kept; of what other slices made, one. */
const WAYS = 6

/** Derived from frozen objects, and no part of the world's state: by the Service, the latest parts that were asked for. */
const parts = new WeakMap<object, Made[]>()

/** The part of a Service with its slices (frozen). */
export function parsedPart(
  node: ProxyNode,
  service: ServiceLike,
  slices: readonly EndpointSliceLike[],
  comments: boolean,
  how: string,
  before: ParsedPart | undefined,
): ParsedPart {
  const list = parts.get(service) ?? []
  const alike = list.filter((one) => one.how === how && sameList(one.slices, slices))
  let where = ''
  if (alike.length > 0) {
    const [first] = alike
    if (first!.where === '') return first!.part
    where = whereOf(node, service, slices)
    const known = alike.find((one) => one.where === where)
    if (known !== undefined) return known.part
  }
  const made = servicePart(node, service, slices, comments)
  const plain =
    made.ports.every(
      (port) => !port.internalLocal && !port.externalLocal && port.sourceRanges.length === 0,
    ) && !hasHints(slices)
  const part = parsePart(
    node.family,
    plain ? { ...made, endpoints: nowhere(made.endpoints) } : made,
    plain,
    before ?? list.find((one) => one.how === how)?.part,
  )
  if (!Object.isFrozen(service)) return part
  where = plain ? '' : whereOf(node, service, slices)
  // The cluster has grown large, or small again: nobody writes it that way any more.
  const past = howOf(node, !comments)
  const other = list.findLast((one) => one.how === how && !sameList(one.slices, slices))
  const kept = list.filter(
    (one) => one === other || (one.how !== how && one.how !== past) || alike.includes(one),
  )
  parts.set(service, [...kept, { slices, how, where, part }].slice(-WAYS))
  return part
}

/** Whether choices of endpoints carry comments: not in a cluster with many. */
export function wantsComments(endpoints: number): boolean {
  return endpoints <= LARGE_CLUSTER
}

/** Parses a rule of kube-proxy. `nth` tells those of a chain apart that read the same. */
export function chainRule(
  family: 4 | 6,
  table: 'filter' | 'nat',
  rule: ProxyRule,
  nth: number,
  known: readonly ChainRule[],
): ChainRule {
  const id = idOf(family, table, rule, nth)
  const old = known.find((one) => one.rule.id === id)
  return old ?? Object.freeze({ chain: rule.chain, rule: parse(family, table, rule, id) })
}

/** Which rules are repetitions of earlier ones: counts from 0. */
export function repetitions(rules: readonly ProxyRule[]): number[] {
  const seen = new Map<string, number>()
  return rules.map((rule) => {
    const text = ruleText(rule)
    const nth = seen.get(text) ?? 0
    seen.set(text, nth + 1)
    return nth
  })
}

/** A frozen chain of the user with rules that are settled. */
export function chainOf(name: string, rules: readonly Rule[]): Chain {
  return Object.freeze({ name, hook: -1, policy: '', policyId: 0, rules: Object.freeze(rules) })
}

/** All that a part that is not plain says of the node. */
function whereOf(node: ProxyNode, service: ServiceLike, slices: readonly EndpointSliceLike[]): string {
  const ports = servicePorts([service], node.family)
  const local = slices.flatMap(({ endpoints }) =>
    (endpoints ?? []).filter(({ nodeName }) => nodeName === node.name).map(({ addresses }) => addresses[0]),
  )
  return JSON.stringify([
    hasHints(slices) ? node.zone : '',
    ports.some(({ sourceRanges }) => sourceRanges.length > 0) ? node.nodeIP : '',
    local,
  ])
}

function hasHints(slices: readonly EndpointSliceLike[]): boolean {
  return slices.some(({ endpoints }) => (endpoints ?? []).some(({ hints }) => hints !== undefined))
}

/** Parses a part. Chains that read as in `before` are taken over. Throws iptables' fault for a rule that it would refuse. */
function parsePart(
  family: 4 | 6,
  part: ServicePart,
  plain: boolean,
  before: ParsedPart | undefined,
): ParsedPart {
  const known = new Map((before?.own ?? []).map((chain) => [chain.name, chain]))
  let last: readonly Rule[] = []
  const own = [...part.own].map(([name, rules]): Chain => {
    const nth = repetitions(rules)
    const ids = rules.map((rule, i) => idOf(family, 'nat', rule, nth[i]!))
    const old = known.get(name)
    if (old?.rules.length === ids.length && old.rules.every(({ id }, i) => id === ids[i])) return old
    const made: Rule[] = []
    for (const [i, rule] of rules.entries()) {
      // Endpoints' chains are much alike, as are the choices of one chain: what is equal stands once.
      made.push(parse(family, 'nat', rule, ids[i]!, last[i] ?? made.at(-1)))
    }
    last = made
    return chainOf(name, made.slice())
  })
  const shared = (table: 'filter' | 'nat', rules: readonly ProxyRule[]) => {
    const nth = repetitions(rules)
    return Object.freeze(
      rules.map((rule, i) => chainRule(family, table, rule, nth[i]!, before?.[table] ?? [])),
    )
  }
  return Object.freeze({
    order: part.ports[0]?.name ?? '',
    filter: shared('filter', part.filter),
    nat: shared('nat', part.nat),
    own: Object.freeze(own),
    known: Object.freeze({ ports: Object.freeze(part.ports), endpoints: Object.freeze(part.endpoints) }),
    endpoints: endpointCount(part),
    plain,
  })
}

/** The endpoints without what only the asking node would say of them: whoever made a shared part leaves no mark in it. */
function nowhere(endpoints: ServicePart['endpoints']): ServicePart['endpoints'] {
  return new Map([...endpoints].map(([port, list]) => [port, list.map((one) => ({ ...one, local: false }))]))
}

function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i])
}

const SERVICE = 'Service '

/** The Service that a rule is of, `NAMESPACE/NAME`; '' for one that is always there. */
export function serviceOfRule({ origin }: Rule): string {
  return origin.slice(SERVICE.length)
}

function idOf(family: 4 | 6, table: 'filter' | 'nat', rule: ProxyRule, nth: number): number {
  const text = ruleText(rule)
  return nfSharedId(family, table, nth === 0 ? text : `${text} ${nth}`)
}

function parse(
  family: 4 | 6,
  table: 'filter' | 'nat',
  { chain, args, service }: ProxyRule,
  id: number,
  model?: Rule,
): Rule {
  const program = family === 4 ? 'iptables-restore' : 'ip6tables-restore'
  const context = { family, lookup: () => undefined, warn: () => {}, restore: { table, name: program } }
  const [rule] = parseCommand(['-A', chain, ...args], context).rules
  const { src, dst, iif, oif, proto, fragment, matches, target } = rule!
  const origin = service === '' ? '' : interned(`${SERVICE}${service}`)
  const made = { id, src, dst, iif, oif, proto, fragment, matches, target, origin }
  shareParts(made, model)
  return nfFreezeRule(made)
}
