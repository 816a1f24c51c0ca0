/**
 * Traces from steps in full: Trace > Hop > Step. A hop is what one namespace did to a packet from its arrival to its
 * leaving; where a packet had to wait (for a neighbour, for other fragments) the later event goes on with the same
 * hop. So every hop but the first begins with Rx, and every hop that another one follows on holds a Tx.
 */
import { formatIp, formatMac } from '../base/addr.ts'
import type { Packet } from '../net/types.ts'
import type { StepDetail } from '../net/trace.ts'
import { StepAction, StepKind } from '../net/trace.ts'
import { glyphLabel, packetEnds, packetLabel, protoOf } from './proto.ts'
import { layersOf } from './layers.ts'
import { evidenceRef } from './refs.ts'
import type { Namer } from './sentence.ts'
import { actionName, kindName, sentenceOf } from './sentence.ts'
import { stationsAlong } from './stations.ts'
import type { Disposition, HopView, RuleView, StepView, TraceSummary, TraceView } from './types.ts'

/** What a trace needs to name things: see `namesOf` in names.ts. */
export interface TraceNames extends Namer {
  /** The record that decided, as its tool prints it; '' for none. */
  evidence(ns: number, evidence: unknown): string
  /** The rules that a Hook step asked; null for any other. */
  asked(step: StepDetail): RuleView | null
}

/** The steps of each trace, traces in the order of their first step. */
export function groupTraces(details: readonly StepDetail[]): Map<number, StepDetail[]> {
  const traces = new Map<number, StepDetail[]>()
  for (const step of details) {
    const steps = traces.get(step.trace)
    if (steps === undefined) traces.set(step.trace, [step])
    else steps.push(step)
  }
  return traces
}

/** One line about a trace. `steps` are all of it, in order, at least one. */
export function summarize(steps: readonly StepDetail[]): TraceSummary {
  const first = steps[0] as StepDetail
  const last = steps[steps.length - 1] as StepDetail
  const { disposition, reason } = dispositionOf(steps)
  return {
    id: first.trace,
    cause: first.cause,
    at: first.at,
    event: first.event,
    lastEvent: last.event,
    proto: protoOf(first.headers),
    label: packetLabel(first.headers),
    ...packetEnds(first.headers),
    nHops: groupHops(steps).length,
    disposition,
    reason,
  }
}

/** The whole trace, each step in words. */
export function traceView(steps: readonly StepDetail[], names: TraceNames): TraceView {
  return {
    ...summarize(steps),
    hops: hopViews(steps, names),
    truncated: steps[0]?.kind !== StepKind.Originate,
  }
}

/** The steps of one hop, or of one event, in words. `nthOf` says which step of its trace in its event each one is. */
export function stepViews(
  steps: readonly StepDetail[],
  names: TraceNames,
  nthOf: (step: StepDetail) => number,
): StepView[] {
  const stations = stationsAlong(steps)
  return steps.map((step, i) => {
    const before = steps[i - 1]
    return {
      ...stepView(step, names),
      nth: nthOf(step),
      station: stations[i] ?? '',
      changes: before?.packet === step.packet ? changesOf(before.headers, step.headers) : [],
    }
  })
}

/** Numbers the steps of each trace within each event, as `StepView.nth` does. `steps` hold whole events. */
export function numbering(steps: readonly StepDetail[]): (step: StepDetail) => number {
  const numbers = new Map<StepDetail, number>()
  const next = new Map<string, number>()
  for (const step of steps) {
    const key = `${step.trace}/${step.event}`
    const n = next.get(key) ?? 0
    numbers.set(step, n)
    next.set(key, n + 1)
  }
  return (step) => numbers.get(step) ?? 0
}

function stepView(step: StepDetail, names: TraceNames): Omit<StepView, 'nth' | 'station' | 'changes'> {
  return {
    event: step.event,
    at: step.at,
    kind: kindName(step.kind),
    action: actionName(step.action),
    reason: step.reason,
    dev: step.dev,
    sentence: sentenceOf(step, names),
    evidence: names.evidence(step.ns, step.evidence),
    ref: evidenceRef(step.evidence),
    layers: layersOf(step.headers),
    trace: step.trace,
    rule: names.asked(step),
    proto: protoOf(step.headers),
    glyph: glyphLabel(step.headers),
  }
}

/**
 * How a trace ended. Any copy that arrived counts for the whole: ACCEPTED by a socket, ANSWERED by the kernel (an
 * echo request), DELIVERED to a kernel protocol (ARP, spanning tree, an ICMP error). Otherwise IN_FLIGHT while a copy
 * is under way or waits, DROPPED with the first reason that is more than "not for me", FLOODED where everybody said that.
 */
export function dispositionOf(steps: readonly StepDetail[]): { disposition: Disposition; reason: string } {
  const last = new Map<number, StepDetail>()
  let reason = ''
  let ignored = false
  let best: Disposition | '' = ''
  for (const step of steps) {
    last.set(step.packet, step)
    if (step.kind === StepKind.Deliver) best = better(best, deliveredAs(step))
    if (step.kind !== StepKind.Drop) continue
    if (IGNORED.includes(step.reason)) ignored = true
    else if (reason === '') reason = step.reason
  }
  if (best !== '') return { disposition: best, reason: '' }
  for (const step of last.values()) {
    if (isUnderWay(step)) return { disposition: 'IN_FLIGHT', reason: '' }
  }
  if (reason !== '') return { disposition: 'DROPPED', reason }
  return ignored ? { disposition: 'FLOODED', reason: '' } : { disposition: 'IN_FLIGHT', reason: '' }
}

/** The steps of a trace by hops: see the top of this file. */
export function groupHops(steps: readonly StepDetail[]): StepDetail[][] {
  const hops: StepDetail[][] = []
  for (const step of steps) {
    const hop = hopOf(hops, step)
    if (hop === undefined) hops.push([step])
    else hop.push(step)
  }
  return hops
}

/** Reasons of copies that a flood brought to the wrong place. */
const IGNORED: readonly string[] = [
  'OTHERHOST',
  'IPV6_NDISC_NS_OTHERHOST',
  'CONSUMED',
  'BRIDGE_NO_EGRESS_PORT',
]

const ORDER: readonly Disposition[] = ['DELIVERED', 'ANSWERED', 'ACCEPTED']

function better(a: Disposition | '', b: Disposition): Disposition {
  return a !== '' && ORDER.indexOf(a) > ORDER.indexOf(b) ? a : b
}

function deliveredAs(step: StepDetail): Disposition {
  if (step.action === StepAction.Socket) return 'ACCEPTED'
  return step.action === StepAction.EchoReply ? 'ANSWERED' : 'DELIVERED'
}

function isUnderWay(step: StepDetail): boolean {
  if (step.kind === StepKind.Tx) return true
  if (step.kind === StepKind.Neigh)
    return step.action === StepAction.Parked || step.action === StepAction.Solicit
  return step.kind === StepKind.Reassemble && step.action === StepAction.Parked
}

function hopOf(hops: readonly StepDetail[][], step: StepDetail): StepDetail[] | undefined {
  for (let i = hops.length - 1; i >= 0; i--) {
    const hop = hops[i] as StepDetail[]
    const last = hop[hop.length - 1] as StepDetail
    if (last.ns !== step.ns) continue
    if (last.event === step.event) return hop
    // A later event that does not begin with an arrival goes on with what waited here.
    if (step.kind !== StepKind.Rx && (last.packet === step.packet || isUnderWay(last))) return hop
  }
  return undefined
}

function hopViews(steps: readonly StepDetail[], names: TraceNames): HopView[] {
  const nthOf = numbering(steps)
  return groupHops(steps).map((hop) => hopView(hop, names, nthOf))
}

function hopView(
  steps: readonly StepDetail[],
  names: TraceNames,
  nthOf: (step: StepDetail) => number,
): HopView {
  const first = steps[0] as StepDetail
  const last = steps[steps.length - 1] as StepDetail
  const out = steps
    .filter((step) => step.kind === StepKind.Tx && !isInside(step, steps))
    .map((step) => step.dev)
  return {
    event: first.event,
    at: first.at,
    ns: first.ns,
    room: first.nsName,
    devIn: first.kind === StepKind.Rx ? first.dev : '',
    devOut: [...new Set(out)].join(', '),
    steps: stepViews(steps, names, nthOf),
    changes: changesOf(first.headers, last.headers),
  }
}

/** A bridge or vlan device that sends hands the same copy to a device below in the same breath: that one leaves the room. */
function isInside(step: StepDetail, steps: readonly StepDetail[]): boolean {
  for (let i = steps.indexOf(step) + 1; i < steps.length; i++) {
    const next = steps[i] as StepDetail
    if (next.event !== step.event || next.packet !== step.packet) continue
    if (next.kind === StepKind.Bridge || next.kind === StepKind.Tx) return true
  }
  return false
}

/** Header fields that differ, before and after. What was not there yet (an address of a frame unborn) did not change. */
export function changesOf(before: Packet, after: Packet): HopView['changes'] {
  const changes: HopView['changes'] = []
  for (const [field, read] of FIELDS) {
    const a = read(before)
    const b = read(after)
    if (a !== b && a !== '') changes.push({ field, before: a, after: b })
  }
  return changes
}

const FIELDS: readonly (readonly [string, (packet: Packet) => string])[] = [
  ['TTL', (p) => (p.ttl === 0 ? '' : String(p.ttl))],
  ['source MAC', (p) => macText(p, p.smac)],
  ['destination MAC', (p) => macText(p, p.dmac)],
  ['source', (p) => (p.arp !== null || p.src === 0 ? '' : formatIp(p.src))],
  ['destination', (p) => (p.arp !== null || p.dst === 0 ? '' : formatIp(p.dst))],
  ['source port', (p) => (p.sport === 0 ? '' : String(p.sport))],
  ['destination port', (p) => (p.dport === 0 ? '' : String(p.dport))],
  ['ICMP id', (p) => (p.icmp === null || p.icmp.id === 0 ? '' : String(p.icmp.id))],
  ['mark', (p) => `0x${(p.mark >>> 0).toString(16)}`],
  ['VLAN', (p) => (p.vlan === 0 ? 'none' : String(p.vlan))],
  ['length', (p) => (p.length === 0 ? '' : String(p.length))],
  ['TOS', (p) => `0x${p.tos.toString(16).padStart(2, '0')}`],
]

function macText(packet: Packet, mac: number): string {
  return packet.smac === 0 && packet.dmac === 0 ? '' : formatMac(mac)
}
