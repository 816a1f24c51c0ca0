/**
 * Cables between machines' network cards, and what wires do to frames. Each direction is a Wire of the
 * sending end.
 */
import { assert } from '../../base/assert.ts'
import { touch } from '../../sim/dispatch.ts'
import type { Link, Netns, World } from '../types.ts'
import { netnsOf } from '../world.ts'
import { CABLE_LATENCY_NS, carrierOf, peerOf, setCarrier, wireOf } from './device.ts'
import { carrierChanged, syncPeer } from './lifecycle.ts'

/** Latency in ns, rate in bits per second (0: unlimited), loss in parts per million. */
export interface WireSpec {
  latencyNs?: number
  rateBps?: number
  lossPpm?: number
}

export interface CableEnd {
  /** Namespace id. */
  ns: number
  ifindex: number
}

/**
 * Plugs a cable into two cards that have none. Both directions behave alike; carrier comes where both ends
 * are up.
 */
export function cableConnect(world: World, a: CableEnd, b: CableEnd, spec: WireSpec = {}): void {
  const first = cardAt(world, a)
  const second = cardAt(world, b)
  assert(first.link !== second.link, 'a cable has two ends')
  assert(first.link.peer === null && second.link.peer === null, 'both cards are free')
  touch(world, a.ns)
  touch(world, b.ns)
  first.link.peer = { ns: b.ns, ifindex: b.ifindex }
  second.link.peer = { ns: a.ns, ifindex: a.ifindex }
  setWire(first.link, { latencyNs: CABLE_LATENCY_NS, rateBps: 0, lossPpm: 0, ...spec })
  setWire(second.link, { latencyNs: CABLE_LATENCY_NS, rateBps: 0, lossPpm: 0, ...spec })
  if (setCarrier(first.ns, first.link, carrierOf(world, first.ns, first.link))) {
    carrierChanged(world, first.ns, first.link)
  }
  syncPeer(world, first.link)
}

/** Pulls the cable out of both ends. Frames on their way still arrive. */
export function cableDisconnect(world: World, end: CableEnd): void {
  const { ns, link } = cardAt(world, end)
  const peer = peerOf(world, link)
  if (peer === undefined) return
  touch(world, ns.id)
  touch(world, peer.ns.id)
  link.peer = null
  peer.link.peer = null
  if (setCarrier(ns, link, false)) carrierChanged(world, ns, link)
  if (setCarrier(peer.ns, peer.link, false)) carrierChanged(world, peer.ns, peer.link)
}

/**
 * Changes what the wire does to frames that this end of a cable or veth sends; with `both`, the other
 * direction too.
 */
export function wireSet(world: World, ns: Netns, link: Link, spec: WireSpec, both = false): void {
  assert(ns.links[link.ifindex] === link, 'the device is in this namespace')
  touch(world, ns.id)
  setWire(link, spec)
  const peer = both ? peerOf(world, link) : undefined
  if (peer === undefined) return
  touch(world, peer.ns.id)
  setWire(peer.link, spec)
}

function setWire(link: Link, spec: WireSpec): void {
  const wire = wireOf(link)
  if (spec.latencyNs !== undefined) {
    assert(Number.isSafeInteger(spec.latencyNs) && spec.latencyNs >= 0, 'a latency is integer ns')
    wire.latencyNs = spec.latencyNs
  }
  if (spec.rateBps !== undefined) {
    wire.rateBps = spec.rateBps
    wire.busyUntil = 0
  }
  if (spec.lossPpm !== undefined) wire.lossPpm = spec.lossPpm
}

function cardAt(world: World, end: CableEnd): { ns: Netns; link: Link } {
  const ns = netnsOf(world, end.ns)
  const link = ns.links[end.ifindex]
  assert(link !== undefined && link.kind === 'phys', 'a cable goes into a network card')
  return { ns, link }
}
