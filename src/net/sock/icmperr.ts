// Models icmp_socket_deliver and the error handlers ping_err, raw_err, __udp4_lib_err (Linux 6.18): what an ICMP error
// does to the socket whose packet it quotes. Path MTU and redirects are taken only where such a socket is found, or for
// the kernel's own echo replies (icmp_err).
import { acceptRedirect, updatePmtu } from '../ip/route.ts'
import type { Link, Netns, Packet, Socket, World } from '../types.ts'
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from '../types.ts'
import { pingSocket } from './ping.ts'
import { rawMatches } from './raw.ts'
import { sockQueueError, sockWake } from './socket.ts'
import { tcpErr } from './tcperr.ts'
import { udpSender } from './udp.ts'

/** What an ICMP unreachable means to a socket: errno, and whether it is fatal for a connected one (icmp_err_convert). */
export const ICMP_ERR_CONVERT: readonly { errno: string; fatal: boolean }[] = Object.freeze([
  { errno: 'ENETUNREACH', fatal: false },
  { errno: 'EHOSTUNREACH', fatal: false },
  { errno: 'ENOPROTOOPT', fatal: true },
  { errno: 'ECONNREFUSED', fatal: true },
  { errno: 'EMSGSIZE', fatal: false },
  { errno: 'EOPNOTSUPP', fatal: false },
  { errno: 'ENETUNREACH', fatal: true },
  { errno: 'EHOSTDOWN', fatal: true },
  { errno: 'ENONET', fatal: true },
  { errno: 'ENETUNREACH', fatal: true },
  { errno: 'EHOSTUNREACH', fatal: true },
  { errno: 'ENETUNREACH', fatal: false },
  { errno: 'EHOSTUNREACH', fatal: false },
  { errno: 'EHOSTUNREACH', fatal: true },
  { errno: 'EHOSTUNREACH', fatal: true },
  { errno: 'EHOSTUNREACH', fatal: true },
])

/** Delivers an error message to the raw, ping, UDP or TCP sockets that the quoted packet came from. */
export function icmpErrorToSockets(
  world: World,
  ns: Netns,
  link: Link,
  packet: Packet,
  quoted: Packet,
): void {
  if (isEchoReply(quoted)) kernelReplyErr(world, ns, link, packet, quoted)
  if (ns.sockets === null) return
  for (const sock of ns.sockets.values()) {
    if (sock.kind === 'raw' && rawMatches(sock, quoted.proto, quoted.src, quoted.dst, 0)) {
      report(world, ns, link, sock, packet, quoted)
    }
  }
  const owner = senderOf(ns, quoted)
  if (owner !== undefined) report(world, ns, link, owner, packet, quoted)
  else if (quoted.proto === IPPROTO_TCP) tcpErr(world, ns, link, packet, quoted)
}

/** An echo reply is the kernel's own: no ping socket sent it. */
function isEchoReply(quoted: Packet): boolean {
  return quoted.proto === IPPROTO_ICMP && quoted.icmp?.type === 0
}

/** icmp_err for the kernel's own echo replies: the route learns from the error. */
function kernelReplyErr(world: World, ns: Netns, link: Link, packet: Packet, quoted: Packet): void {
  const icmp = packet.icmp!
  if (icmp.type === 3 && icmp.code === 4) updatePmtu(world, ns, quoted.dst, icmp.mtu)
  else if (icmp.type === 5) {
    acceptRedirect(world, ns, link, quoted.dst as number, packet.src as number, icmp.gateway as number)
  }
}

function senderOf(ns: Netns, quoted: Packet): Socket | undefined {
  if (quoted.proto === IPPROTO_UDP) return udpSender(ns, quoted)
  if (quoted.proto !== IPPROTO_ICMP || quoted.icmp === null || isEchoReply(quoted)) return undefined
  return pingSocket(ns, quoted.icmp.id, quoted.src, quoted.dst)
}

function report(world: World, ns: Netns, link: Link, sock: Socket, packet: Packet, quoted: Packet): void {
  const icmp = packet.icmp!
  if (icmp.type === 5) {
    acceptRedirect(world, ns, link, quoted.dst as number, packet.src as number, icmp.gateway as number)
    // A ping socket hears of it (EREMOTEIO); raw and UDP sockets do not.
    if (sock.kind === 'ping' && sock.recvErr) enqueue(world, ns, sock, packet, quoted, 'EREMOTEIO')
    return
  }
  let errno = 'EHOSTUNREACH'
  let hard = false
  if (icmp.type === 12) {
    errno = 'EPROTO'
    hard = true
  } else if (icmp.type === 3) {
    const meaning = ICMP_ERR_CONVERT[icmp.code]
    errno = meaning?.errno ?? 'EHOSTUNREACH'
    hard = meaning?.fatal ?? false
    if (icmp.code === 4) {
      updatePmtu(world, ns, quoted.dst, icmp.mtu)
      hard = sock.pmtudisc !== 0
      if (!hard && sock.kind !== 'raw') return
    }
  }
  if (sock.recvErr) enqueue(world, ns, sock, packet, quoted, errno)
  else if (!hard || sock.remote === undefined) return
  sock.err = errno
  sockWake(world, ns, sock)
}

function enqueue(world: World, ns: Netns, sock: Socket, packet: Packet, quoted: Packet, errno: string): void {
  const icmp = packet.icmp!
  sockQueueError(sock, {
    at: world.now,
    packet: quoted,
    errno,
    offender: packet.src,
    info: icmp.type === 3 && icmp.code === 4 ? icmp.mtu : 0,
    origin: 'icmp',
    type: icmp.type,
    code: icmp.code,
    ttl: packet.ttl,
  })
  sockWake(world, ns, sock)
}
