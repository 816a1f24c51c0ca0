// Models udp_sendmsg, ping_v4_sendmsg, raw_sendmsg and __ip_append_data (Linux 6.18) as far as packets differ by them.
// Not here: corking, IP options, IP_HDRINCL, ancillary data beyond TTL and TOS.
import type { Ip } from '../../base/addr.ts'
import { touch } from '../../sim/dispatch.ts'
import { neighConfirm } from '../ip/neigh.ts'
import { icmpCounter } from '../ip/icmp.ts'
import { ipLocalOut } from '../ip/output.ts'
import type { RouteResult } from '../ip/route.ts'
import { ipRouteOutput, isRefusal } from '../ip/route.ts'
import { createIcmp, createPacket } from '../packet.ts'
import { snmpAdd } from '../snmp.ts'
import { sysctlInt } from '../sysctl.ts'
import type { Netns, Packet, Socket, World } from '../types.ts'
import { ETH_P_IP, IPPROTO_ICMP, IPPROTO_UDP } from '../types.ts'
import { sendTo6 } from './send6.ts'
import { autobind, sockError, sockQueueError } from './socket.ts'

/** One datagram. What is undefined comes from the socket. */
export interface Datagram {
  dst?: Ip
  dport?: number
  payload: Uint8Array | null
  ttl?: number
  tos?: number
  /** Raw and ping sockets: the ICMP message; a ping socket puts its own id in. */
  icmp?: { type: number; code: number; id: number; seq: number }
  /** In place of the socket's path MTU mode: true is IP_PMTUDISC_DO, false IP_PMTUDISC_DONT. */
  df?: boolean
  /** MSG_CONFIRM: the neighbour answered lately. */
  confirm?: boolean
}

/** `sent` is the number of payload bytes; EMSGSIZE carries the path MTU. */
export type SendResult = { sent: number } | { errno: string; mtu: number }

/** Sends a datagram: route, source, DF by the socket's path MTU mode, then out. Errors are errno names. */
export function sockSendTo(world: World, ns: Netns, sock: Socket, datagram: Datagram): SendResult {
  touch(world, ns.id)
  const pending = sockError(sock)
  if (pending !== '') return { errno: pending, mtu: 0 }
  const dst = datagram.dst ?? sock.remote
  if (dst === undefined) return { errno: 'EDESTADDRREQ', mtu: 0 }
  if (typeof dst === 'string' && sock.family === 6) return sendTo6(world, ns, sock, datagram, dst)
  if (typeof dst !== 'number' || sock.family !== 4) return { errno: 'EAFNOSUPPORT', mtu: 0 }
  const dport = datagram.dport ?? sock.rport
  if (sock.kind === 'udp' && dport === 0) return { errno: 'EINVAL', mtu: 0 }
  if (sock.kind !== 'raw' && sock.lport === 0 && !autobind(ns, sock)) return { errno: 'EAGAIN', mtu: 0 }
  const tos = datagram.tos ?? sock.tos
  const src = typeof sock.local === 'number' ? sock.local : 0
  const route = ipRouteOutput(world, ns, { dst, src, oif: sock.oif, mark: sock.mark, tos: tos & 0x1c })
  if (isRefusal(route)) {
    if (route.errno === 'ENETUNREACH') snmpAdd(ns, 'IpOutNoRoutes')
    return { errno: route.errno, mtu: 0 }
  }
  if (route.type === 'broadcast' && !sock.broadcast) return { errno: 'EACCES', mtu: 0 }
  const size = datagram.payload?.length ?? 0
  const length = 20 + headerLength(sock) + size
  if (length > 65535) return { errno: 'EMSGSIZE', mtu: 0 }
  const mode = datagram.df === undefined ? sock.pmtudisc : datagram.df ? 2 : 0
  const mtu = mode >= 3 ? (ns.links[route.oif]?.mtu ?? route.mtu) : route.mtu
  const whole = mode === 2 || mode === 3
  if (whole && length > mtu) {
    if (sock.recvErr) localError(world, sock, dst, mtu)
    return { errno: 'EMSGSIZE', mtu }
  }
  const packet = buildPacket(world, ns, sock, datagram, route, dst, dport, length)
  packet.df = whole || (mode === 1 && length <= route.mtu)
  packet.tos = tos
  if (datagram.confirm === true && route.type === 'unicast') neighConfirm(world, ns, route.oif, route.nextHop)
  const refused = ipLocalOut(world, ns, packet, mtu === route.mtu ? route : { ...route, mtu })
  return refused === '' ? { sent: size } : { errno: refused, mtu: 0 }
}

function headerLength(sock: Socket): number {
  return sock.kind === 'udp' || sock.kind === 'ping' || sock.proto === IPPROTO_ICMP ? 8 : 0
}

function buildPacket(
  world: World,
  ns: Netns,
  sock: Socket,
  datagram: Datagram,
  route: RouteResult,
  dst: number,
  dport: number,
  length: number,
): Packet {
  const packet = createPacket(world, ETH_P_IP, 0)
  packet.src = route.src
  packet.dst = dst
  packet.mark = sock.mark
  packet.sock = sock.id
  packet.length = length
  packet.payload = datagram.payload
  packet.ttl = datagram.ttl ?? sock.ttl
  if (packet.ttl === 0) {
    packet.ttl = route.type === 'multicast' ? 1 : sysctlInt(ns, 'net.ipv4.ip_default_ttl')
  }
  if (sock.kind === 'udp') {
    packet.proto = IPPROTO_UDP
    packet.sport = sock.lport
    packet.dport = dport
    snmpAdd(ns, 'UdpOutDatagrams')
    return packet
  }
  packet.proto = sock.kind === 'ping' ? IPPROTO_ICMP : sock.proto
  const message = datagram.icmp
  if (packet.proto === IPPROTO_ICMP && message !== undefined) {
    const icmp = createIcmp(message.type, message.code)
    icmp.id = sock.kind === 'ping' ? sock.lport : message.id
    icmp.seq = message.seq
    packet.icmp = icmp
    if (sock.kind === 'ping') {
      snmpAdd(ns, 'IcmpOutMsgs')
      snmpAdd(ns, icmpCounter('Out', icmp.type))
    }
  }
  return packet
}

/** ip_local_error: the socket's own error queue says how long a packet may be. */
function localError(world: World, sock: Socket, dst: number, mtu: number): void {
  const packet = createPacket(world, ETH_P_IP, 0)
  packet.dst = dst
  sockQueueError(sock, {
    at: world.now,
    packet,
    errno: 'EMSGSIZE',
    offender: undefined,
    info: mtu,
    origin: 'local',
    type: 0,
    code: 0,
  })
}
