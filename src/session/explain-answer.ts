/** From a probe's steps to an answer that is read rule by rule: what decided, why it matched, what failed before it. */
import { formatIp, formatPrefix, inPrefix } from '../base/addr.ts'
import { rulesOf } from '../net/ip/fib.ts'
import type { HookEvidence } from '../net/nf/ctx.ts'
import { nfChain } from '../net/nf/chains.ts'
import { nfTable } from '../net/nf/tables.ts'
import type { AddrMatch, Rule, TableName } from '../net/nf/types.ts'
import type { StepDetail } from '../net/trace.ts'
import { StepKind } from '../net/trace.ts'
import type { Netns, Packet, PolicyRule, Route, World } from '../net/types.ts'
import { findNetns } from '../net/world.ts'
import { matchText, ruleText } from '../proc/iptables/print.ts'
import { evidenceOf } from '../view/evidence.ts'
import { layersOf } from '../view/layers.ts'
import { nfRef } from '../view/refs.ts'
import { ruleView } from '../view/rule-view.ts'
import { groupHops } from '../view/trace-view.ts'
import type { TraceView } from '../view/types.ts'
import type { ExplainAnswer, LookupAnswer, RuleAnswer } from './explain-types.ts'

/** Rules asked that are told in full, for each that decided: the last ones. */
const MAX_PASSED = 400

/** `steps` are the probe's own, `others` those of what it gave rise to, `views` what became of them all. */
export function answerOf(
  world: World,
  steps: readonly StepDetail[],
  views: readonly TraceView[],
  room: string,
  assumed: ExplainAnswer['assumed'],
  others: ReadonlyMap<number, readonly StepDetail[]>,
): ExplainAnswer {
  const rules: RuleAnswer[] = []
  const lookups: LookupAnswer[] = []
  groupHops(steps).forEach((hop, h) => {
    hop.forEach((detail, s) => {
      const ns = findNetns(world, detail.ns)
      const found = evidenceOf(detail.evidence)
      if (ns === undefined) return
      if (found.kind === 'rule') {
        const before = steps[steps.indexOf(detail) - 1] ?? detail
        rules.push({
          hop: h,
          step: s,
          ...ruleAnswer(world, ns, found.hit, detail, atHook(found.hit, detail, before.headers)),
        })
      } else if (detail.kind === StepKind.Route) {
        const route = found.kind === 'route' ? found.route : null
        const text = views[0]?.hops[h]?.steps[s]?.evidence ?? ''
        lookups.push({ hop: h, step: s, policies: policiesAsked(ns, detail.headers, route), route: text })
      }
    })
  })
  const [probe] = views
  const left = leftAt(world, steps)
  return {
    disposition: left === null ? (probe?.disposition ?? '') : 'LEFT',
    reason: left === null ? (probe?.reason ?? '') : '',
    left,
    leaves: [...others].flatMap(([trace, its]) => {
      const by = leftAt(world, its)
      return by === null ? [] : [{ trace, room: by.room, dev: by.dev }]
    }),
    assumed,
    cameBack: views.some((v) => v !== probe && v.cause === probe?.id && endsIn(v, room)),
    rules,
    lookups,
  }
}

/** Whether nobody of the lab is at the other end: what is sent here leaves it. */
export function isOpenEnd(world: World, ns: Netns, ifindex: number, depth = 0): boolean {
  const link = ns.links[ifindex]
  if (link === undefined || depth > 4) return false
  if (link.kind === 'dummy') return !link.noarp
  if (link.kind === 'vlan') return isOpenEnd(world, ns, link.lower, depth + 1)
  if (link.bridge !== null) return link.bridge.ports.some((port) => isOpenEnd(world, ns, port, depth + 1))
  if (link.kind !== 'veth' || link.peer === null) return false
  const far = findNetns(world, link.peer.ns)
  const end = far?.links[link.peer.ifindex]
  // A namespace that a dump only names: nothing in it has an address.
  const empty = far?.links.every(
    (l) => l === undefined || l === null || l.kind === 'loopback' || l.addrs.length === 0,
  )
  return far !== undefined && far !== ns && end?.master === 0 && empty === true
}

/** An answer that reached its room, where no program waits for it. */
function endsIn(view: TraceView, room: string): boolean {
  return view.reason === 'NO_SOCKET' && view.hops.at(-1)?.room === room
}

/** The last device that a copy left by into the open, where no copy found anybody. */
function leftAt(world: World, steps: readonly StepDetail[]): ExplainAnswer['left'] {
  if (steps.some((step) => step.kind === StepKind.Deliver)) return null
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i] as StepDetail
    const ns = findNetns(world, step.ns)
    if (step.kind !== StepKind.Tx || ns === undefined || ns.links[step.ifindex]?.bridge) continue
    if (!isOpenEnd(world, ns, step.ifindex)) continue
    return { room: step.nsName, dev: step.dev, layers: layersOf(step.headers) }
  }
  return null
}

/** The packet as the hook's rules saw it, devices included. */
function atHook(hit: HookEvidence, detail: StepDetail, before: Packet): Packet {
  const out = hit.hook !== 'PREROUTING' && hit.hook !== 'INPUT'
  const iif = hit.hook === 'OUTPUT' || hit.hook === 'POSTROUTING' ? 0 : detail.headers.iif
  return { ...before, iif, oif: out ? detail.ifindex : 0 }
}

/** What the inspector tells of the step's rules, with what the packet had at each condition. */
function ruleAnswer(
  world: World,
  ns: Netns,
  hit: HookEvidence,
  detail: StepDetail,
  before: Packet,
): Omit<RuleAnswer, 'hop' | 'step'> {
  const family = typeof detail.headers.src === 'number' ? 4 : 6
  const find = (chain: string, number: number, ref: string): Rule | undefined => {
    const rule = nfChain(nfTable(ns, family, hit.table as TableName), chain)?.rules[number - 1]
    return rule !== undefined && nfRef(rule.id) === ref ? rule : undefined
  }
  const ref = nfRef(hit.id)
  const rule = find(hit.chain, hit.rule, ref)
  const asked = ruleView(world, detail, MAX_PASSED)?.asked ?? []
  const own = asked.findLast((one) => one.ref === ref && one.number === hit.rule && one.chain === hit.chain)
  const path: RuleAnswer['path'] = []
  const passed: RuleAnswer['passed'] = []
  for (const one of asked) {
    if (one === own) continue
    const { chain, number, text, why } = one
    if (why === '') path.push({ chain, number, text })
    else {
      const failed = failedText(ns, find(chain, number, one.ref), why, before, family)
      passed.push({ chain, number, text, failed })
    }
  }
  return {
    room: detail.nsName,
    family,
    table: hit.table,
    hook: hit.hook,
    chain: hit.chain,
    number: hit.rule,
    text:
      hit.rule === 0 ? `-P ${hit.chain} ${hit.verdict}` : rule === undefined ? '' : ruleText(rule, family),
    verdict: hit.verdict,
    change: [...hit.change],
    why: rule === undefined ? [] : whyMatched(ns, rule, before, family),
    path,
    passed,
    asked: hit.seen.length,
  }
}

/** Each condition of a rule, and what the packet has there. */
function whyMatched(ns: Netns, rule: Rule, packet: Packet, family: 4 | 6): string[] {
  const why = SELECTORS.flatMap((name) => {
    const text = selectorText(ns, rule, name, packet)
    return text === '' ? [] : [text]
  })
  for (const match of rule.matches) {
    if (match.name === 'comment') continue
    why.push(matchText(match, family) + observed(match.name, packet))
  }
  return why
}

/** The condition that failed first, and what the packet has there. */
function failedText(ns: Netns, rule: Rule | undefined, why: string, packet: Packet, family: 4 | 6): string {
  if (rule === undefined) return why
  const selector = selectorText(ns, rule, why, packet)
  if (selector !== '') return selector
  const match = rule.matches.find((one) => one.name === why)
  return match === undefined ? why : matchText(match, family) + observed(match.name, packet)
}

const SELECTORS = ['source', 'destination', 'in-interface', 'out-interface', 'protocol'] as const

function selectorText(ns: Netns, rule: Rule, name: string, packet: Packet): string {
  const dev = (index: number) => ns.links[index]?.name ?? 'none'
  const bang = (not: boolean) => (not ? '! ' : '')
  const at = (match: AddrMatch | null, option: string, ip: Packet['src']) =>
    match === null ? '' : `${bang(match.not)}${option} ${prefixText(match)}: ${formatIp(ip)}`
  switch (name) {
    case 'source':
      return at(rule.src, '-s', packet.src)
    case 'destination':
      return at(rule.dst, '-d', packet.dst)
    case 'in-interface':
      return rule.iif === null ? '' : `${bang(rule.iif.not)}-i ${ifText(rule.iif)}: in ${dev(packet.iif)}`
    case 'out-interface':
      return rule.oif === null ? '' : `${bang(rule.oif.not)}-o ${ifText(rule.oif)}: out ${dev(packet.oif)}`
    case 'protocol': {
      if (rule.proto === null) return ''
      return `${bang(rule.proto.not)}-p ${protoName(rule.proto.value)}: ${protoName(packet.proto)}`
    }
    default:
      return ''
  }
}

function ifText({ name, prefix }: { name: string; prefix: boolean }): string {
  return prefix ? `${name}+` : name
}

function prefixText({ addr, len, mask }: AddrMatch): string {
  return len < 0 ? `${formatIp(addr)}/${formatIp(mask)}` : formatPrefix({ addr, len })
}

function protoName(proto: number): string {
  return { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'ipv6-icmp' }[proto] ?? String(proto)
}

/** What a match looks at, where that is plain in the headers. */
function observed(name: string, packet: Packet): string {
  switch (name) {
    case 'tcp':
    case 'udp':
    case 'multiport':
      return `: ports ${packet.sport} > ${packet.dport}`
    case 'mark':
      return `: mark 0x${(packet.mark >>> 0).toString(16)}`
    case 'icmp':
    case 'icmp6':
      return packet.icmp === null ? '' : `: type ${packet.icmp.type} code ${packet.icmp.code}`
    default:
      return ''
  }
}

/** The policy rules up to the one whose table holds the route; all where there is none. */
function policiesAsked(ns: Netns, packet: Packet, route: Route | null): string[] {
  const asked: string[] = []
  for (const rule of rulesOf(ns, typeof packet.src === 'number' ? 4 : 6)) {
    const fits = policyFits(ns, rule, packet)
    asked.push(`${policyText(rule)}${fits ? '' : ' (does not match)'}`)
    if (fits && route !== null && rule.action === 'lookup' && rule.table === route.table) break
    if (fits && rule.action !== 'lookup') break
  }
  return asked
}

function policyFits(ns: Netns, rule: PolicyRule, packet: Packet): boolean {
  const name = (index: number) => ns.links[index]?.name
  const hit =
    (rule.srcLen === 0 || inPrefix(packet.src, rule.src, rule.srcLen)) &&
    (rule.dstLen === 0 || inPrefix(packet.dst, rule.dst, rule.dstLen)) &&
    (rule.iif === '' || name(packet.iif === 0 ? 1 : packet.iif) === rule.iif) &&
    ((rule.fwmark ^ packet.mark) & rule.fwmask) === 0
  return hit !== rule.not
}

const TABLES: Readonly<Record<number, string>> = { 253: 'default', 254: 'main', 255: 'local' }

function policyText(rule: PolicyRule): string {
  const from = rule.srcLen === 0 ? 'all' : formatPrefix({ addr: rule.src, len: rule.srcLen })
  const to = rule.dstLen === 0 ? '' : ` to ${formatPrefix({ addr: rule.dst, len: rule.dstLen })}`
  const mark = rule.fwmask === 0 ? '' : ` fwmark 0x${rule.fwmark.toString(16)}`
  const iif = rule.iif === '' ? '' : ` iif ${rule.iif}`
  const oif = rule.oif === '' ? '' : ` oif ${rule.oif}`
  const what = rule.action === 'lookup' ? `lookup ${TABLES[rule.table] ?? rule.table}` : rule.action
  return `${rule.pref}: ${rule.not ? 'not ' : ''}from ${from}${to}${mark}${iif}${oif} ${what}`
}
