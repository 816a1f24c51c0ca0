/** From a step in full to the sentence that says what it did and why. Every place of a template gets a value. */
import { BROADCAST_MAC, formatIp, formatMac, isMulticastMac } from '../base/addr.ts'
import type { HookEvidence } from '../net/nf/ctx.ts'
import type { Packet } from '../net/types.ts'
import type { StepDetail } from '../net/trace.ts'
import { StepAction, StepKind } from '../net/trace.ts'
import { evidenceOf, nexthopOf } from './evidence.ts'
import { hookDropKey, hookKey, hookPlace } from './hook-sentence.ts'
import { etherTypeText, packetLabel, protoName } from './proto.ts'
import { placesOf, SENTENCES } from './words.ts'
import type { Sentence } from './types.ts'

/** Names that a step's record does not hold: a device by index, a route as `ip route` prints it. */
export interface Namer {
  dev(ns: number, ifindex: number): string
  route(ns: number, route: unknown): string
  /** The bridge that `ifindex` is or is a port of, by name; '' for none. */
  bridge(ns: number, ifindex: number): string
  /** The netfilter rule that decided, in the form of iptables-save; '' where it is no longer there. */
  rule(ns: number, family: 4 | 6, hit: HookEvidence): string
  /** Routing tables that were looked through for `dst`, in order: 'main, default'. */
  tables(ns: number, dst: Packet['dst']): string
}

/** The sentence of a step. */
export function sentenceOf(step: StepDetail, namer: Namer): Sentence {
  const key = step.kind === StepKind.Drop ? dropKey(step) : stepKey(step)
  const args: Record<string, string | number> = {}
  for (const place of placesOf(SENTENCES[key] ?? '')) args[place] = placeOf(place, step, namer)
  return { key, args }
}

/** The name of a step kind, as in StepKind. */
export function kindName(kind: number): string {
  return nameIn(StepKind, kind)
}

/** The name of a step action, as in StepAction; '' for none. */
export function actionName(action: number): string {
  return action === StepAction.None ? '' : nameIn(StepAction, action)
}

function nameIn(names: Readonly<Record<string, number>>, value: number): string {
  for (const name of Object.keys(names)) if (names[name] === value) return name
  return String(value)
}

function dropKey(step: StepDetail): string {
  const reason = step.reason === '' ? 'NOT_SPECIFIED' : step.reason
  if (reason === 'NO_SOCKET' && step.headers.dport === 0) return 'drop.NO_SOCKET.proto'
  if (reason === 'NETFILTER_DROP') return hookDropKey(step)
  const key = `drop.${reason}`
  return key in SENTENCES ? key : 'drop.NOT_SPECIFIED'
}

function stepKey(step: StepDetail): string {
  const h = step.headers
  switch (step.kind) {
    case StepKind.Originate:
      if (h.sock !== 0) return 'originate.socket'
      return h.cause === 0 || h.arp?.op === 1 ? 'originate.kernel' : 'originate.answer'
    case StepKind.Rx:
      if (h.smac === 0) return 'rx.loopback'
      return h.vlan === 0 ? 'rx.frame' : 'rx.vlan'
    case StepKind.Tx:
      return txKey(h)
    case StepKind.Bridge:
      return bridgeKey(step)
    case StepKind.Learn:
      if (step.action === StepAction.Moved) return 'learn.moved'
      return step.action === StepAction.Learned ? 'learn.learned' : 'learn.refreshed'
    case StepKind.Route:
      return routeKey(step)
    case StepKind.Neigh:
      return neighKey(step)
    case StepKind.Hook:
      return hookKey(step)
    case StepKind.Deliver:
      return deliverKey(step)
    case StepKind.Forward:
      return 'forward'
    case StepKind.Fragment:
      return 'fragment'
    case StepKind.Reassemble:
      return step.action === StepAction.Parked ? 'reassemble.wait' : 'reassemble'
    case StepKind.Encap:
      return h.vlan === 0 ? 'encap' : 'encap.vlan'
    case StepKind.Decap:
      return h.inner === null ? 'decap.vlan' : 'decap'
    default:
      return 'step.other'
  }
}

function txKey(h: Packet): string {
  if (h.smac === 0 && h.dmac === 0) return 'tx.loopback'
  if (h.vlan !== 0) return 'tx.vlan'
  if (h.dmac === BROADCAST_MAC) return 'tx.broadcast'
  return isMulticastMac(h.dmac) ? 'tx.multicast' : 'tx.frame'
}

function bridgeKey(step: StepDetail): string {
  const group = isMulticastMac(step.headers.dmac)
  if (step.action === StepAction.ForwardTo) return 'bridge.forward'
  if (step.action === StepAction.PassUp) return group ? 'bridge.passUp.group' : 'bridge.passUp'
  if (step.action !== StepAction.Flood) return 'bridge.decide'
  if (step.headers.dmac === BROADCAST_MAC) return 'bridge.flood.broadcast'
  return group ? 'bridge.flood.multicast' : 'bridge.flood.unknown'
}

function routeKey(step: StepDetail): string {
  const found = evidenceOf(step.evidence)
  switch (step.action) {
    case StepAction.Local:
      return found.kind === 'route' ? 'route.local.route' : 'route.local'
    case StepAction.Unicast:
      if (found.kind !== 'route') return 'route.unicast'
      return nexthopOf(found.route, step.ifindex)?.via === undefined
        ? 'route.unicast.link'
        : 'route.unicast.via'
    case StepAction.Broadcast:
      return 'route.broadcast'
    case StepAction.Multicast:
      return 'route.multicast'
    case StepAction.NoRoute:
      return 'route.none'
    default:
      return 'route.decide'
  }
}

function neighKey(step: StepDetail): string {
  const known = evidenceOf(step.evidence).kind === 'neigh'
  switch (step.action) {
    case StepAction.Resolved:
      return known ? 'neigh.resolved.state' : 'neigh.resolved'
    case StepAction.Parked:
      return known ? 'neigh.parked.state' : 'neigh.parked'
    case StepAction.Solicit:
      return 'neigh.solicit'
    case StepAction.Released:
      return 'neigh.released'
    case StepAction.Failed:
      return 'neigh.failed'
    default:
      return 'neigh.decide'
  }
}

function deliverKey(step: StepDetail): string {
  switch (step.action) {
    case StepAction.Socket:
      return 'deliver.socket'
    case StepAction.EchoReply:
      return 'deliver.echo'
    case StepAction.ArpInput:
      if (step.headers.arp === null) return 'deliver.protocol'
      if (step.headers.arp.op === 2) return 'deliver.arp.reply'
      return isForMe(step) ? 'deliver.arp.request' : 'deliver.arp.other'
    case StepAction.IcmpError:
      return 'deliver.icmpError'
    case StepAction.Protocol:
      return 'deliver.protocol'
    default:
      return 'deliver.local'
  }
}

/** ARP answers by a local (or proxied) route; an address probe, which has no sender, names none. */
function isForMe(step: StepDetail): boolean {
  return evidenceOf(step.evidence).kind === 'route' || step.headers.arp?.spa === 0
}

function placeOf(place: string, step: StepDetail, namer: Namer): string | number {
  const ofHook = hookPlace(place, step, namer)
  if (ofHook !== undefined) return ofHook
  const h = step.headers
  const found = evidenceOf(step.evidence)
  switch (place) {
    case 'what':
      return packetLabel(h)
    case 'dev':
      return devOf(step, namer)
    case 'port':
      return found.kind === 'fdb' ? namer.dev(step.ns, found.entry.port) : devOf(step, namer)
    case 'bridge':
      return namer.bridge(step.ns, step.ifindex) || devOf(step, namer)
    case 'smac':
      return formatMac(h.smac)
    case 'dmac':
      return formatMac(h.dmac)
    case 'mac':
      return macOf(step)
    case 'ip':
      return formatIp(found.kind === 'neigh' ? found.neigh.ip : nextHopOf(h))
    case 'state':
      return stateOf(step)
    case 'via':
      return viaOf(step)
    case 'route':
      return found.kind === 'route' ? namer.route(step.ns, found.route) : ''
    case 'tables':
      return namer.tables(step.ns, h.dst)
    case 'src':
      return formatIp(h.src)
    case 'dst':
      return formatIp(h.dst)
    default:
      return headerPlace(place, step)
  }
}

function headerPlace(place: string, step: StepDetail): string | number {
  const h = step.headers
  switch (place) {
    case 'spa':
      return formatIp(h.arp?.spa ?? 0)
    case 'tpa':
      return formatIp(h.arp?.tpa ?? 0)
    case 'ttl':
      return h.ttl
    case 'length':
      return h.length
    case 'vlan':
      return h.vlan
    case 'dport':
      return h.dport
    case 'proto':
      return h.etherType === 0x0806 ? 'ARP' : h.etherType === 0x0004 ? 'spanning tree' : protoName(h.proto)
    case 'socket':
      return h.icmp !== null ? 'ping or raw' : protoName(h.proto)
    case 'etherType':
      return etherTypeText(h.etherType)
    case 'kind':
      return kindName(step.kind)
    case 'action':
      return actionName(step.action)
    default:
      return ''
  }
}

function devOf(step: StepDetail, namer: Namer): string {
  if (step.dev !== '') return step.dev
  return step.ifindex === 0 ? 'no device' : namer.dev(step.ns, step.ifindex)
}

function macOf(step: StepDetail): string {
  const found = evidenceOf(step.evidence)
  if (step.kind === StepKind.Learn) return formatMac(step.headers.smac)
  if (step.kind === StepKind.Deliver && step.headers.arp !== null) return formatMac(step.headers.arp.sha)
  if (found.kind === 'neigh') return formatMac(found.neigh.mac)
  return formatMac(step.headers.dmac)
}

function nextHopOf(h: Packet): Packet['dst'] {
  if (h.arp !== null) return h.arp.tpa
  return h.nextHop === 0 || h.nextHop === '' ? h.dst : h.nextHop
}

function viaOf(step: StepDetail): string {
  const found = evidenceOf(step.evidence)
  const via = found.kind === 'route' ? nexthopOf(found.route, step.ifindex)?.via : undefined
  return formatIp(via ?? nextHopOf(step.headers))
}

const STP_STATES = ['disabled', 'listening', 'learning', 'forwarding', 'blocking']

function stateOf(step: StepDetail): string {
  const found = evidenceOf(step.evidence)
  if (found.kind === 'neigh') return found.neigh.state
  const port = step.evidence as { state?: unknown } | null
  const state = typeof port === 'object' && port !== null ? port.state : undefined
  return typeof state === 'number' ? (STP_STATES[state] ?? String(state)) : String(state ?? 'not forwarding')
}
