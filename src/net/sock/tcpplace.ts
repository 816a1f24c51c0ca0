/** The place of TCP: it is not modelled yet, so no segment finds a socket, and nobody answers it. */
import { recordDrop } from '../trace.ts'
import type { Link, Netns, Packet, World } from '../types.ts'

/** A segment for this host. */
export function tcpRcv(world: World, ns: Netns, link: Link, packet: Packet): void {
  recordDrop(world, ns, packet, 'NO_SOCKET', link.ifindex, null)
}

/** An ICMP error that quotes a segment of this host. */
export function tcpErr(_world: World, _ns: Netns, _link: Link, _packet: Packet, _quoted: Packet): void {}
