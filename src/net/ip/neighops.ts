/** What a neighbour table does by family: ARP for IPv4, neighbour discovery for IPv6 (struct neigh_ops). */
import { assert } from '../../base/assert.ts'
import type { Link, Neigh, Netns, Packet, World } from '../types.ts'
import { arpErrorReport, arpSolicit } from './arp.ts'

/** Asks for a link-layer address: everybody, or (`unicast`) the address that is known. `packet` waits for it. */
export function neighSolicit(
  world: World,
  ns: Netns,
  link: Link,
  neigh: Neigh,
  packet: Packet | null,
  unicast: boolean,
): void {
  assert(typeof neigh.ip === 'number', 'IPv6 neighbours are not modelled yet')
  arpSolicit(world, ns, link, neigh, packet, unicast)
}

/** Nobody answered: tells the sender of a parked packet. */
export function neighFailed(world: World, ns: Netns, _link: Link, packet: Packet): void {
  assert(typeof packet.dst === 'number', 'IPv6 neighbours are not modelled yet')
  arpErrorReport(world, ns, packet)
}
