/**
 * Transmit. Models __dev_queue_xmit of net/core/dev.c, veth_xmit, loopback_xmit, dummy_xmit and
 * vlan_dev_hard_start_xmit (Linux 6.18). Queueing disciplines are in qdisc.ts; a cable with a rate has one queue
 * of `qlen` full frames, as netem has. Lengths in statistics count the Ethernet header and not the vlan
 * tag, as drivers with tag offload do.
 */
import { nextBelow } from '../../base/rng.ts'
import { schedule, touch } from '../../sim/dispatch.ts'
import { Ev } from '../events.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { Link, Netns, Packet, World } from '../types.ts'
import { PACKET_OUTGOING } from '../types.ts'
import type { SimEvent } from '../../sim/queue.ts'
import { brDevXmit } from './bridge.ts'
import type { QdiscRef } from './qdisc.ts'
import { qdiscDequeue, qdiscEnqueue } from './qdisc.ts'
import { ETH_HLEN, statsOf, VLAN_HLEN, wireOf } from './device.ts'
import { tapFrame } from './tap.ts'

const LOOPBACK_NS = 1_000
const MILLION = 1_000_000

/**
 * So many frames may be on their way at once on one wire, and one more for every microsecond of its
 * latency.
 */
export const WIRE_FRAMES = 256
export const WIRE_FRAMES_MAX = 16_384

/**
 * Sends a frame: `smac`, `dmac`, `etherType` and `length` are set by the caller, whose packet is no longer
 * its own. Never fails towards the caller; what becomes of the frame is recorded.
 */
export function devQueueXmit(world: World, ns: Netns, link: Link, packet: Packet): void {
  if (!link.up || !link.carrier) {
    statsOf(link).txDropped++
    recordDrop(world, ns, packet, link.up ? 'LINK_NO_CARRIER' : 'LINK_DOWN', link.ifindex, null)
    return
  }
  packet.oif = link.ifindex
  packet.pktType = PACKET_OUTGOING
  if (link.qdisc !== null) qdiscEnqueue(world, ns, link, link.qdisc, packet)
  else startXmit(world, ns, link, packet)
}

/** Handler of Ev.LinkTx: a packet leaves the device's queue. */
export function linkTx(world: World, ns: Netns, event: SimEvent): void {
  const ref = event.ref as QdiscRef
  const link = ns.links[event.arg]
  const packet = link === undefined ? undefined : qdiscDequeue(link, ref)
  if (link !== undefined && packet !== undefined && link.up) startXmit(world, ns, link, packet)
  else recordDrop(world, ns, ref.packet, 'QDISC_DROP', event.arg, null)
}

/** dev_hard_start_xmit: taps see the frame, and the device sends it. */
function startXmit(world: World, ns: Netns, link: Link, packet: Packet): void {
  if (ns.taps !== null) tapFrame(world, ns, link, packet, 'out')
  recordStep(world, ns, packet, StepKind.Tx, StepAction.None, link.ifindex, null)
  switch (link.kind) {
    case 'veth':
    case 'phys':
      wireXmit(world, ns, link, packet)
      return
    case 'bridge':
      countTx(link, packet)
      brDevXmit(world, ns, link, packet)
      return
    case 'loopback':
      countTx(link, packet)
      packet.sock = 0
      schedule(world, world.now + LOOPBACK_NS, Ev.LinkRx, ns.id, link.ifindex, packet)
      return
    case 'vlan':
      vlanXmit(world, ns, link, packet)
      return
    case 'dummy':
      countTx(link, packet)
      recordDrop(world, ns, packet, 'CONSUMED', link.ifindex, null)
      return
  }
}

function countTx(link: Link, packet: Packet): void {
  statsOf(link).txPackets++
  statsOf(link).txBytes += packet.length + ETH_HLEN
}

function vlanXmit(world: World, ns: Netns, link: Link, packet: Packet): void {
  const lower = ns.links[link.lower]
  if (lower === undefined) {
    statsOf(link).txDropped++
    recordDrop(world, ns, packet, 'LINK_DOWN', link.ifindex, null)
    return
  }
  countTx(link, packet)
  packet.vlan = link.vlanId
  devQueueXmit(world, ns, lower, packet)
}

/**
 * Over a veth or a cable: what the other end cannot take is lost here, what the wire loses a little later.
 */
function wireXmit(world: World, ns: Netns, link: Link, packet: Packet): void {
  const to = link.peer
  const peerNs = to === null ? undefined : (world.targets[to.ns] as Netns | undefined)
  const peer = to === null ? undefined : peerNs?.links[to.ifindex]
  if (to === null || peer === undefined || !peer.up) {
    statsOf(link).txDropped++
    recordDrop(world, ns, packet, 'LINK_NO_CARRIER', link.ifindex, null)
    return
  }
  const length = packet.length + ETH_HLEN
  if (length > peer.mtu + ETH_HLEN + VLAN_HLEN) {
    touch(world, to.ns)
    statsOf(peer).rxDropped++
    statsOf(link).txDropped++
    recordDrop(world, ns, packet, 'PKT_TOO_BIG', link.ifindex, null)
    return
  }
  const { wire } = link
  let leaves = world.now
  if (wire.rateBps > 0) {
    leaves = rateLimit(world, link, length + (packet.vlan === 0 ? 0 : VLAN_HLEN))
    if (leaves < 0) {
      statsOf(link).txDropped++
      recordDrop(world, ns, packet, 'QDISC_DROP', link.ifindex, null)
      return
    }
  } else if (!admit(world, link)) {
    statsOf(link).txDropped++
    recordDrop(world, ns, packet, 'BRIDGE_STORM', link.ifindex, null)
    return
  }
  const stats = statsOf(link)
  stats.txPackets++
  stats.txBytes += length
  if (wire.lossPpm > 0 && nextBelow(ns.rng, MILLION) < wire.lossPpm) {
    recordDrop(world, ns, packet, 'LINK_LOSS', link.ifindex, null)
    return
  }
  // What the kernel scrubs when a frame leaves for another device's receive path.
  packet.physIn = 0
  packet.physOut = 0
  packet.nfBridge = 0
  packet.ct = 0
  packet.ctInfo = 0
  packet.sock = 0
  packet.nextHop = 0
  if (to.ns !== ns.id) packet.mark = 0
  schedule(world, leaves + wire.latencyNs, Ev.LinkRx, to.ns, to.ifindex, packet)
}

/** When the frame's last bit leaves, or -1 when the queue before it is full. */
function rateLimit(world: World, link: Link, bytes: number): number {
  const wire = wireOf(link)
  const start = Math.max(wire.busyUntil, world.now)
  const frameNs = (link.mtu + ETH_HLEN) * 8 * (1e9 / wire.rateBps)
  if (start - world.now > link.qlen * frameNs) return -1
  wire.busyUntil = start + Math.ceil((bytes * 8e9) / wire.rateBps)
  return wire.busyUntil
}

/** Counts frames per latency of the wire: a loop's storm fills the wire and not the memory. */
function admit(world: World, link: Link): boolean {
  const { wire } = link
  if (world.now - link.windowAt >= Math.max(wire.latencyNs, 1_000)) {
    link.windowAt = world.now
    link.windowCount = 0
  }
  const max =
    wire.latencyNs > WIRE_FRAMES * 1_000 ? Math.min(WIRE_FRAMES_MAX, wire.latencyNs / 1_000) : WIRE_FRAMES
  if (link.windowCount >= max) return false
  link.windowCount++
  return true
}
