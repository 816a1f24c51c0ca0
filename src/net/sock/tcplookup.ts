// Models __inet_lookup_established, __inet_lookup_listener and the bind and connect conflict rules of
// inet_connection_sock.c and inet_hashtables.c (Linux 6.18). Not here: SO_REUSEPORT groups, IPv4-mapped addresses.
import type { Ip } from '../../base/addr.ts'
import { nextUint32 } from '../../base/rng.ts'
import type { Link, Netns, Packet, Socket } from '../types.ts'
import { portRange } from './portrange.ts'

/** The socket that a segment is for: the connection, or the best matching listener. */
export function tcpLookup(ns: Netns, link: Link, packet: Packet): Socket | undefined {
  return (
    tcpConnection(ns, packet.dst, packet.dport, packet.src, packet.sport, link.ifindex) ??
    tcpListener(ns, packet.dst, packet.dport, link.ifindex)
  )
}

/** The connection between two ends, TIME_WAIT included. */
export function tcpConnection(
  ns: Netns,
  own: Ip,
  port: number,
  peer: Ip,
  peerPort: number,
  ifindex: number,
): Socket | undefined {
  if (ns.sockets === null) return undefined
  for (const sock of ns.sockets.values()) {
    if (sock.kind !== 'tcp' || sock.lport !== port || sock.rport !== peerPort) continue
    if (sock.remote !== peer || sock.local !== own) continue
    if (sock.oif !== 0 && ifindex !== 0 && sock.oif !== ifindex) continue
    return sock
  }
  return undefined
}

/** The listener for an own address and port: a bound address and device, then the family, decide. */
export function tcpListener(ns: Netns, own: Ip, port: number, ifindex: number): Socket | undefined {
  if (ns.sockets === null) return undefined
  let best: Socket | undefined
  let bestScore = 0
  for (const sock of ns.sockets.values()) {
    if (sock.kind !== 'tcp' || sock.lport !== port || sock.tcp?.state !== 'LISTEN') continue
    const score = listenScore(sock, own, ifindex)
    if (score > bestScore) {
      best = sock
      bestScore = score
    }
  }
  return best
}

function listenScore(sock: Socket, own: Ip, ifindex: number): number {
  const family = typeof own === 'number' ? 4 : 6
  if (sock.local !== undefined && sock.local !== own) return 0
  if (sock.family !== family) {
    const dual = sock.family === 6 && family === 4 && sock.tcp?.v6only === false
    if (!dual || sock.local !== undefined) return 0
  }
  if (sock.oif !== 0 && sock.oif !== ifindex) return 0
  return 1 + (sock.family === family ? 1 : 0) + (sock.local !== undefined ? 4 : 0) + (sock.oif !== 0 ? 2 : 0)
}

/** inet_csk_get_port: whether a stream socket may have this port. SO_REUSEADDR lets all share it that do not listen. */
export function tcpPortTaken(ns: Netns, sock: Socket, port: number): boolean {
  if (ns.sockets === null) return false
  for (const other of ns.sockets.values()) {
    if (other === sock || other.kind !== 'tcp' || other.lport !== port) continue
    if (other.oif !== 0 && sock.oif !== 0 && other.oif !== sock.oif) continue
    const reuse =
      sock.tcp?.reuseAddr === true && other.tcp?.reuseAddr === true && other.tcp.state !== 'LISTEN'
    if (reuse) continue
    if (apart(sock, other)) continue
    if (other.local === undefined || sock.local === undefined || other.local === sock.local) return true
  }
  return false
}

/** Sockets of two families meet only where the IPv6 one is a wildcard that takes IPv4 too. */
export function apart(a: Socket, b: Socket): boolean {
  if (a.family === b.family) return false
  const six = a.family === 6 ? a : b
  return six.local !== undefined || six.tcp?.v6only === true
}

/**
 * A port for a stream socket. `connect` takes those of the parity of the range's begin first and may share a port with
 * connections to elsewhere; an automatic bind takes the others first. 0 where all are taken.
 */
export function tcpChoosePort(ns: Netns, sock: Socket, forConnect: boolean): number {
  const [low, high] = portRange(ns)
  const span = (high - low + 1) & ~1 || 1
  const start = (nextUint32(ns.rng) % span) & ~1
  for (const odd of forConnect ? [0, 1] : [1, 0]) {
    for (let i = 0; i < span; i += 2) {
      const port = low + ((start + i) % span) + odd
      if (port > high) continue
      if (forConnect ? !tupleTaken(ns, sock, port) : !tcpPortTaken(ns, sock, port)) return port
    }
  }
  return 0
}

/** __inet_check_established, with bound sockets of the port in the way. */
function tupleTaken(ns: Netns, sock: Socket, port: number): boolean {
  for (const other of ns.sockets?.values() ?? []) {
    if (other === sock || other.kind !== 'tcp' || other.lport !== port) continue
    if (other.remote === undefined) return true
    if (other.remote === sock.remote && other.rport === sock.rport && other.local === sock.local) return true
  }
  return false
}
