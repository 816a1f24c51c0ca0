/** Frames on their way, as glyphs between two ports, and marks where packets ended. Shapes are the session's. */
import { forEachEvent } from '../sim/queue.ts'
import { Ev } from '../net/events.ts'
import type { Link, Packet, World } from '../net/types.ts'
import type { StepDetail } from '../net/trace.ts'
import { StepKind } from '../net/trace.ts'
import { findNetns } from '../net/world.ts'
import { glyphLabel, protoOf } from './proto.ts'
import type { TraceSummary } from './types.ts'

/** A frame on its way: see session/types.ts. */
export interface FlightView {
  packet: number
  trace: number
  fromNs: number
  fromIfindex: number
  toNs: number
  toIfindex: number
  departAt: number
  arriveAt: number
  event: number
  proto: TraceSummary['proto']
  label: string
  encapsulated: boolean
  lost: boolean
}

export interface DropView {
  trace: number
  packet: number
  ns: number
  ifindex: number
  at: number
  event: number
  reason: string
}

/** Copies that a flood brought to the wrong place end quietly: no mark. */
const QUIET: readonly string[] = ['OTHERHOST', 'IPV6_NDISC_NS_OTHERHOST', 'CONSUMED', 'BRIDGE_NO_EGRESS_PORT']

/** Where `details` (in order) say that frames left by a cable or veth. Newer steps may say that one was lost. */
export function flightsOf(world: World, details: readonly StepDetail[]): FlightView[] {
  const flights: FlightView[] = []
  /** The next arrival of a copy in a namespace, seen from the end. */
  const arrivals = new Map<string, number>()
  for (let i = details.length - 1; i >= 0; i--) {
    const step = details[i] as StepDetail
    if (step.kind === StepKind.Rx) arrivals.set(`${step.packet}/${step.ns}`, step.at)
    if (step.kind !== StepKind.Tx) continue
    const link = findNetns(world, step.ns)?.links[step.ifindex]
    if (link === undefined || link.peer === null) continue
    const known = arrivals.get(`${step.packet}/${link.peer.ns}`)
    flights.push(flightOf(step, link, known ?? arrivalOf(link, step), isLost(details, i)))
  }
  return flights.reverse()
}

/** Every frame that is on a wire now: the arrivals that are pending. */
export function flightsNow(world: World): FlightView[] {
  const flights: FlightView[] = []
  forEachEvent(world.queue, (event) => {
    if (event.kind !== Ev.LinkRx) return
    const to = findNetns(world, event.target)?.links[event.arg]
    if (to === undefined || to.peer === null) return
    const from = findNetns(world, to.peer.ns)?.links[to.peer.ifindex]
    if (from === undefined) return
    const packet = event.ref as Packet
    flights.push({
      ...glyphOf(packet),
      fromNs: to.peer.ns,
      fromIfindex: from.ifindex,
      toNs: event.target,
      toIfindex: event.arg,
      departAt: event.at - from.wire.latencyNs,
      arriveAt: event.at,
      event: world.nEvents,
      lost: false,
    })
  })
  return flights
}

/** A copy that a flood brought to the wrong place, or that was simply used up. */
export function isQuietDrop(step: StepDetail): boolean {
  return QUIET.includes(step.reason)
}

/** The ends of packets that deserve a mark. */
export function dropsOf(details: readonly StepDetail[]): DropView[] {
  const drops: DropView[] = []
  for (const step of details) {
    if (step.kind !== StepKind.Drop || isQuietDrop(step)) continue
    drops.push({
      trace: step.trace,
      packet: step.packet,
      ns: step.ns,
      ifindex: step.ifindex,
      at: step.at,
      event: step.event,
      reason: step.reason,
    })
  }
  return drops
}

function flightOf(step: StepDetail, link: Link, arriveAt: number, lost: boolean): FlightView {
  return {
    ...glyphOf(step.headers),
    fromNs: step.ns,
    fromIfindex: step.ifindex,
    toNs: link.peer?.ns ?? 0,
    toIfindex: link.peer?.ifindex ?? 0,
    departAt: step.at,
    arriveAt,
    event: step.event,
    lost,
  }
}

function glyphOf(packet: Packet): Pick<FlightView, 'packet' | 'trace' | 'proto' | 'label' | 'encapsulated'> {
  return {
    packet: packet.id,
    trace: packet.trace,
    proto: protoOf(packet.inner ?? packet),
    label: glyphLabel(packet.inner ?? packet),
    encapsulated: packet.inner !== null,
  }
}

/** A rate-limited wire is free when this frame has left it. */
function arrivalOf(link: Link, step: StepDetail): number {
  const leaves = link.wire.rateBps === 0 ? step.at : Math.max(step.at, link.wire.busyUntil)
  return leaves + link.wire.latencyNs
}

function isLost(details: readonly StepDetail[], i: number): boolean {
  const step = details[i] as StepDetail
  const next = details[i + 1]
  return next !== undefined && next.packet === step.packet && next.reason === 'LINK_LOSS'
}
