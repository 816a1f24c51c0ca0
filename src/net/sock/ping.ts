// Models net/ipv4/ping.c (Linux 6.18): ICMP sockets that need no privilege; the port is the ICMP id.
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { Link, Netns, Packet, Socket, World } from '../types.ts'
import { sockQueue } from './socket.ts'

/** Hands an echo reply to the ping socket with its id; without one it has no further use. */
export function pingRcv(world: World, ns: Netns, link: Link, packet: Packet): void {
  const sock = packet.icmp === null ? undefined : pingSocket(ns, packet.icmp.id, packet.dst, packet.src)
  if (sock === undefined) {
    const raw = ns.sockets !== null && [...ns.sockets.values()].some((s) => s.kind === 'raw')
    if (!raw) recordDrop(world, ns, packet, 'NO_SOCKET', link.ifindex, null)
    return
  }
  recordStep(world, ns, packet, StepKind.Deliver, StepAction.Socket, link.ifindex, null)
  if (!sockQueue(world, ns, sock, packet)) recordDrop(world, ns, packet, 'SOCKET_RCVBUFF', link.ifindex, null)
}

/** The ping socket with an id, by its own and its peer's address. */
export function pingSocket(
  ns: Netns,
  id: number,
  own: Packet['dst'],
  peer: Packet['src'],
): Socket | undefined {
  if (ns.sockets === null) return undefined
  for (const sock of ns.sockets.values()) {
    if (sock.kind !== 'ping' || sock.lport !== id) continue
    if (sock.local !== undefined && sock.local !== own) continue
    if (sock.remote === undefined || sock.remote === peer || sock.family === 4) return sock
  }
  return undefined
}
