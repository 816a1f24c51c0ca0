/** What a neighbour table does by family: ARP for IPv4, neighbour discovery for IPv6 (struct neigh_ops). */
import type { Link, Neigh, Netns, Packet, World } from '../types.ts'
import { ndiscErrorReport, ndiscSolicit } from '../ip6/ndisc.ts'
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
  if (typeof neigh.ip === 'string') ndiscSolicit(world, ns, link, neigh, packet, unicast)
  else arpSolicit(world, ns, link, neigh, packet, unicast)
}

/** Nobody answered: tells the sender of a parked packet. */
export function neighFailed(world: World, ns: Netns, _link: Link, packet: Packet): void {
  if (typeof packet.dst === 'string') ndiscErrorReport(world, ns, packet)
  else arpErrorReport(world, ns, packet)
}
