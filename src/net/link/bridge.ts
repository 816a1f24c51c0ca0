/**
 * The bridge's forwarding path. Models net/bridge/br_input.c, br_forward.c and br_device.c (Linux 6.18).
 * Not here: multicast snooping (groups are flooded), vlan filtering, proxy ARP, MRP, locked ports.
 */
import { BROADCAST_MAC, isMulticastMac } from '../../base/addr.ts'
import { brnfDevXmit, brnfForward, brnfPreRouting } from '../nf/brnf.ts'
import { clonePacket } from '../packet.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { Bridge, FdbEntry, Link, Netns, Packet, World } from '../types.ts'
import { PACKET_BROADCAST, PACKET_HOST, PACKET_MULTICAST } from '../types.ts'
import { STP_GROUP_MAC } from './bpdu.ts'
import { statsOf, VLAN_HLEN } from './device.ts'
import { fdbFind, fdbLearn } from './fdb.ts'
import { netifReceive } from './rx.ts'
import { PORT_FORWARDING, PORT_LEARNING } from './stp.ts'
import { devQueueXmit } from './xmit.ts'

const PAUSE_MAC = 0x0180c2000001
const LINK_LOCAL_LAST = 0x0180c200000f

/**
 * A frame came in by a port. False where the port itself is to receive it (link-local groups), with nothing
 * done to it.
 */
export function brHandleFrame(world: World, ns: Netns, link: Link, packet: Packet): boolean {
  const port = link.port
  const brLink = port === null ? undefined : ns.links[port.bridge]
  const br = brLink?.bridge
  if (port === null || brLink === undefined || br == null) return false
  const { dmac, smac } = packet
  if (smac === 0 || isMulticastMac(smac)) {
    recordDrop(world, ns, packet, 'NOT_SPECIFIED', link.ifindex, null)
    return true
  }
  if (dmac >= STP_GROUP_MAC && dmac <= LINK_LOCAL_LAST && (dmac !== STP_GROUP_MAC || br.stp)) {
    if (dmac === PAUSE_MAC) {
      recordDrop(world, ns, packet, 'NOT_SPECIFIED', link.ifindex, null)
      return true
    }
    if (port.learning && (port.state === PORT_LEARNING || port.state === PORT_FORWARDING)) {
      fdbLearn(world, ns, br, link, packet)
    }
    return false
  }
  if (port.state !== PORT_FORWARDING && port.state !== PORT_LEARNING) {
    recordDrop(world, ns, packet, 'BRIDGE_INGRESS_STP_STATE', link.ifindex, port)
    return true
  }
  if (dmac === brLink.mac) packet.pktType = PACKET_HOST
  packet.physIn = link.ifindex
  if (ns.nf === null) {
    brHandleFrameFinish(world, ns, brLink, br, link, packet)
    return true
  }
  const passed = brnfPreRouting(world, ns, brLink, link, packet)
  if (passed.verdict === 'bridge') brHandleFrameFinish(world, ns, brLink, br, link, passed.packet)
  return true
}

function brHandleFrameFinish(
  world: World,
  ns: Netns,
  brLink: Link,
  br: Bridge,
  link: Link,
  packet: Packet,
): void {
  const port = link.port
  if (port === null) return
  if (port.learning) fdbLearn(world, ns, br, link, packet)
  if (port.state === PORT_LEARNING) {
    recordDrop(world, ns, packet, 'BRIDGE_INGRESS_STP_STATE', link.ifindex, port)
    return
  }
  const group = isMulticastMac(packet.dmac)
  const localRcv = group || brLink.promisc > 0
  if (group) {
    packet.pktType = packet.dmac === BROADCAST_MAC ? PACKET_BROADCAST : PACKET_MULTICAST
  } else {
    const entry = fdbFind(world, br, packet.dmac)
    if (entry !== undefined) {
      if (entry.local) brPassFrameUp(world, ns, brLink, packet, entry)
      else {
        entry.usedAt = world.now
        if (localRcv) {
          brForward(world, ns, link, entry, clonePacket(world, packet))
          brPassFrameUp(world, ns, brLink, packet, entry)
        } else brForward(world, ns, link, entry, packet)
      }
      return
    }
  }
  brFlood(world, ns, brLink, br, link, packet, group, localRcv)
  if (localRcv) brPassFrameUp(world, ns, brLink, packet, null)
}

/**
 * A frame sent by the bridge device itself. It is already counted and recorded as the device's
 * transmission.
 */
export function brDevXmit(world: World, ns: Netns, brLink: Link, packet: Packet): void {
  const br = brLink.bridge
  if (br === null) return
  const port = packet.nfBridge === 0 ? undefined : brnfDevXmit(ns, packet)
  if (port !== undefined) {
    brHandleFrameFinish(world, ns, brLink, br, port, packet)
    return
  }
  const group = isMulticastMac(packet.dmac)
  const entry = group ? undefined : fdbFind(world, br, packet.dmac)
  if (entry !== undefined) {
    entry.usedAt = world.now
    brForward(world, ns, brLink, entry, packet)
  } else brFlood(world, ns, brLink, br, brLink, packet, group, false)
}

/**
 * To the one port that the entry names, unless it may not go there. `from` is the port of entry or the
 * bridge itself.
 */
function brForward(world: World, ns: Netns, from: Link, entry: FdbEntry, packet: Packet): void {
  const to = ns.links[entry.port]
  if (to === undefined || !shouldDeliver(from, to)) {
    const reason =
      to?.port != null && to.port.state !== PORT_FORWARDING ? 'BRIDGE_PORT_DOWN' : 'BRIDGE_NO_EGRESS_PORT'
    recordDrop(world, ns, packet, reason, from.ifindex, entry)
    return
  }
  recordStep(world, ns, packet, StepKind.Bridge, StepAction.ForwardTo, to.ifindex, entry)
  brXmit(world, ns, from, to, packet)
}

/** To every port but the one of entry, newest first. With `keep` the packet itself stays the caller's. */
function brFlood(
  world: World,
  ns: Netns,
  brLink: Link,
  br: Bridge,
  from: Link,
  packet: Packet,
  group: boolean,
  keep: boolean,
): void {
  recordStep(world, ns, packet, StepKind.Bridge, StepAction.Flood, brLink.ifindex, null)
  const { ports } = br
  let prev: Link | null = null
  for (let i = 0; i < ports.length; i++) {
    const to = ns.links[ports[i] as number]
    if (to === undefined || to.port === null) continue
    if (!group && !to.port.flood) continue
    if (!shouldDeliver(from, to)) continue
    if (prev !== null) brXmit(world, ns, from, prev, clonePacket(world, packet))
    prev = to
  }
  if (prev !== null) brXmit(world, ns, from, prev, keep ? clonePacket(world, packet) : packet)
  else if (!keep) recordDrop(world, ns, packet, 'BRIDGE_NO_EGRESS_PORT', from.ifindex, null)
}

function shouldDeliver(from: Link, to: Link): boolean {
  const port = to.port
  if (port === null || port.state !== PORT_FORWARDING) return false
  if (from === to && !port.hairpin) return false
  return !(port.isolated && from.port?.isolated === true)
}

function brXmit(world: World, ns: Netns, from: Link, to: Link, packet: Packet): void {
  if (packet.nfBridge === 0 || from.port === null) {
    brPushXmit(world, ns, to, packet)
    return
  }
  const brLink = ns.links[from.port.bridge]!
  for (const frame of brnfForward(world, ns, brLink, to, packet)) brPushXmit(world, ns, to, frame)
}

function brPushXmit(world: World, ns: Netns, to: Link, packet: Packet): void {
  if (!to.up || packet.length > to.mtu + VLAN_HLEN) {
    recordDrop(world, ns, packet, to.up ? 'PKT_TOO_BIG' : 'LINK_DOWN', to.ifindex, null)
    return
  }
  devQueueXmit(world, ns, to, packet)
}

/** The bridge device receives the frame, as any device does. */
function brPassFrameUp(world: World, ns: Netns, brLink: Link, packet: Packet, entry: FdbEntry | null): void {
  recordStep(world, ns, packet, StepKind.Bridge, StepAction.PassUp, brLink.ifindex, entry)
  if (!brLink.up) {
    recordDrop(world, ns, packet, 'LINK_DOWN', brLink.ifindex, null)
    return
  }
  statsOf(brLink).rxPackets++
  statsOf(brLink).rxBytes += packet.length
  if (packet.pktType === PACKET_MULTICAST) statsOf(brLink).rxMulticast++
  netifReceive(world, ns, brLink, packet)
}
