// Models the receiving half of net/ipv4/raw.c (Linux 6.18). Not here: IP_HDRINCL, multicast filters.
import { clonePacket } from '../packet.ts'
import { recordStep, StepAction, StepKind } from '../trace.ts'
import type { Link, Netns, Packet, Socket, World } from '../types.ts'
import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../types.ts'
import { sockQueue } from './socket.ts'

const ECHO_REPLY6 = 129

/** Gives a copy to every raw socket of the packet's protocol. True where there was one. */
export function rawDeliver(world: World, ns: Netns, link: Link, packet: Packet): boolean {
  if (ns.sockets === null) return false
  let found = false
  for (const sock of ns.sockets.values()) {
    if (sock.kind !== 'raw' || !rawMatches(sock, packet.proto, packet.dst, packet.src, link.ifindex)) continue
    found = true
    if (packet.proto === IPPROTO_ICMPV6 && sock.icmpFilter !== 0 && packet.icmp?.type !== ECHO_REPLY6)
      continue
    if (packet.proto === IPPROTO_ICMP && packet.icmp !== null && filtered(sock, packet.icmp.type)) continue
    recordStep(world, ns, packet, StepKind.Deliver, StepAction.Socket, link.ifindex, null)
    sockQueue(world, ns, sock, clonePacket(world, packet))
  }
  return found
}

/** Whether a raw socket takes packets of this protocol between these addresses. */
export function rawMatches(
  sock: Socket,
  proto: number,
  own: Packet['dst'],
  peer: Packet['src'],
  ifindex: number,
): boolean {
  return (
    sock.proto === proto &&
    sock.family === (typeof own === 'number' ? 4 : 6) &&
    (sock.local === undefined || sock.local === own) &&
    (sock.remote === undefined || sock.remote === peer) &&
    (sock.oif === 0 || ifindex === 0 || sock.oif === ifindex)
  )
}

function filtered(sock: Socket, type: number): boolean {
  return type < 32 && ((sock.icmpFilter >>> type) & 1) === 1
}
