/**
 * Receive. Models __netif_receive_skb_core of net/core/dev.c, eth_type_trans and vlan_do_receive (Linux
 * 6.18): taps, then vlan devices, then the bridge, then the protocols. Not here: tc and XDP, RPS, generic
 * receive offload.
 */
import { BROADCAST_MAC } from '../../base/addr.ts'
import type { SimEvent } from '../../sim/queue.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { Link, Netns, Packet, World } from '../types.ts'
import { PACKET_BROADCAST, PACKET_HOST, PACKET_MULTICAST, PACKET_OTHERHOST } from '../types.ts'
import { brHandleFrame } from './bridge.ts'
import { deliver } from './deliver.ts'
import { ETH_HLEN, statsOf } from './device.ts'
import { tapFrame } from './tap.ts'

const GROUP_BIT = 0x10000000000

/** Handler of Ev.LinkRx: a frame arrives at device `event.arg` of a namespace; `event.ref` is the packet. */
export function linkRx(world: World, ns: Netns, event: SimEvent): void {
  const packet = event.ref as Packet
  const link = ns.links[event.arg]
  if (link === undefined || !link.up) {
    if (link !== undefined) statsOf(link).rxDropped++
    recordDrop(world, ns, packet, 'LINK_DOWN', event.arg, null)
    return
  }
  const stats = statsOf(link)
  stats.rxPackets++
  stats.rxBytes += packet.length + ETH_HLEN
  packet.pktType = pktTypeOf(packet.dmac, link)
  netifReceive(world, ns, link, packet)
}

/**
 * A frame has been received by `link`, counted and classified: a device's driver, a vlan or a bridge calls
 * this.
 */
export function netifReceive(world: World, ns: Netns, link: Link, packet: Packet): void {
  packet.iif = link.ifindex
  if (ns.taps !== null) tapFrame(world, ns, link, packet, 'in')
  recordStep(world, ns, packet, StepKind.Rx, StepAction.None, link.ifindex, null)
  if (packet.vlan !== 0) {
    const upper = vlanOn(ns, link, packet.vlan)
    if (upper !== undefined) {
      vlanReceive(world, ns, upper, packet)
      return
    }
  }
  if (link.port !== null && brHandleFrame(world, ns, link, packet)) return
  if (packet.vlan !== 0) packet.pktType = PACKET_OTHERHOST
  deliver(world, ns, link, packet)
}

/** skb->pkt_type of a frame to `dmac` that a device receives. */
export function pktTypeOf(dmac: number, link: Link): number {
  if (dmac === link.mac) return PACKET_HOST
  if (dmac === BROADCAST_MAC) return PACKET_BROADCAST
  return Math.floor(dmac / GROUP_BIT) % 2 === 1 ? PACKET_MULTICAST : PACKET_OTHERHOST
}

function vlanReceive(world: World, ns: Netns, link: Link, packet: Packet): void {
  if (!link.up) {
    statsOf(link).rxDropped++
    recordDrop(world, ns, packet, 'LINK_DOWN', link.ifindex, null)
    return
  }
  packet.vlan = 0
  if (packet.pktType === PACKET_OTHERHOST && packet.dmac === link.mac) packet.pktType = PACKET_HOST
  statsOf(link).rxPackets++
  statsOf(link).rxBytes += packet.length
  if (packet.pktType === PACKET_MULTICAST) statsOf(link).rxMulticast++
  netifReceive(world, ns, link, packet)
}

function vlanOn(ns: Netns, link: Link, id: number): Link | undefined {
  for (const upper of ns.links) {
    if (upper !== undefined && upper.vlanId === id && upper.lower === link.ifindex) return upper
  }
  return undefined
}
