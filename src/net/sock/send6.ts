// Models udpv6_sendmsg, rawv6_sendmsg, ping_v6_sendmsg and __ip6_datagram_connect (Linux 6.18) as far as packets differ
// by them. Not here: corking, extension headers, flow labels, mapped addresses.
import { isMulticast, isUnspecified } from '../../base/addr.ts'
import { neighConfirm } from '../ip/neigh.ts'
import { countOut6, ICMPV6_ECHO_REQUEST } from '../ip6/icmp6.ts'
import { ANY6, LOOPBACK6 } from '../ip6/inet6dev.ts'
import { ip6LocalOut } from '../ip6/output.ts'
import type { Route6 } from '../ip6/route.ts'
import { isRefusal6, route6Output } from '../ip6/route.ts'
import { createIcmp, createPacket } from '../packet.ts'
import { snmpAdd } from '../snmp.ts'
import type { Netns, Packet, Socket, World } from '../types.ts'
import { ETH_P_IPV6, IPPROTO_ICMPV6, IPPROTO_UDP } from '../types.ts'
import type { Datagram, SendResult } from './send.ts'
import { autobind, sockQueueError } from './socket.ts'

/** connect(2) of a datagram socket to an IPv6 address. Null, or the errno. The caller has touched the namespace. */
export function connect6(world: World, ns: Netns, sock: Socket, to: string, port: number): string | null {
  const dst = isUnspecified(to) ? LOOPBACK6 : to
  const route = route6Output(world, ns, queryOf(sock, dst, sock.tos))
  if (isRefusal6(route)) return route.errno
  if (sock.local === undefined) sock.local = route.src
  sock.remote = dst
  sock.rport = port
  return sock.lport === 0 && !autobind(ns, sock) ? 'EAGAIN' : null
}

/** sendto(2) to an IPv6 address: the part of `sockSendTo` that is this family's. */
export function sendTo6(world: World, ns: Netns, sock: Socket, datagram: Datagram, to: string): SendResult {
  const dst = isUnspecified(to) ? LOOPBACK6 : to
  const dport = datagram.dport ?? sock.rport
  if (sock.kind === 'udp' && dport === 0) return { errno: 'EINVAL', mtu: 0 }
  if (sock.kind !== 'raw' && sock.lport === 0 && !autobind(ns, sock)) return { errno: 'EAGAIN', mtu: 0 }
  const tos = datagram.tos ?? sock.tos
  const route = route6Output(world, ns, queryOf(sock, dst, tos))
  if (isRefusal6(route)) {
    if (route.errno === 'ENETUNREACH') snmpAdd(ns, 'Ip6OutNoRoutes')
    return { errno: route.errno, mtu: 0 }
  }
  const size = datagram.payload?.length ?? 0
  const length = 40 + (sock.kind !== 'raw' || sock.proto === IPPROTO_ICMPV6 ? 8 : 0) + size
  if (length > 65535 + 40) return { errno: 'EMSGSIZE', mtu: 0 }
  const mode = datagram.df === undefined ? sock.pmtudisc : datagram.df ? 2 : 0
  const mtu = mode >= 3 ? (ns.links[route.oif]?.mtu ?? route.mtu) : route.mtu
  if ((mode === 2 || mode === 3) && length > mtu) {
    if (sock.recvErr) localError(world, sock, dst, dport, mtu)
    return { errno: 'EMSGSIZE', mtu }
  }
  const packet = buildPacket(world, ns, sock, datagram, route, dport, length)
  packet.tos = tos
  if (datagram.confirm === true && route.type === 'unicast') neighConfirm(world, ns, route.oif, route.nextHop)
  const refused = ip6LocalOut(world, ns, packet, mtu === route.mtu ? route : { ...route, mtu })
  return refused === '' ? { sent: size } : { errno: refused, mtu: 0 }
}

function queryOf(sock: Socket, dst: string, tos: number): Parameters<typeof route6Output>[2] {
  const src = typeof sock.local === 'string' ? sock.local : ANY6
  return { dst, src, oif: sock.oif, mark: sock.mark, tos: tos & 0xfc, bound: sock.oif !== 0 }
}

function buildPacket(
  world: World,
  ns: Netns,
  sock: Socket,
  datagram: Datagram,
  route: Route6,
  dport: number,
  length: number,
): Packet {
  const packet = createPacket(world, ETH_P_IPV6, 0)
  packet.src = route.src
  packet.dst = route.dst
  packet.mark = sock.mark
  packet.sock = sock.id
  packet.length = length
  packet.payload = datagram.payload
  packet.ttl = datagram.ttl ?? sock.ttl
  if (packet.ttl === 0) packet.ttl = isMulticast(route.dst) ? 1 : (ns.links[route.oif]?.conf.hopLimit6 ?? 64)
  if (sock.kind === 'udp') {
    packet.proto = IPPROTO_UDP
    packet.sport = sock.lport
    packet.dport = dport
    snmpAdd(ns, 'Udp6OutDatagrams')
    return packet
  }
  packet.proto = sock.kind === 'ping' ? IPPROTO_ICMPV6 : sock.proto
  const message = datagram.icmp
  if (packet.proto === IPPROTO_ICMPV6 && message !== undefined) {
    const icmp = createIcmp(sock.kind === 'ping' ? ICMPV6_ECHO_REQUEST : message.type, message.code)
    icmp.id = sock.kind === 'ping' ? sock.lport : message.id
    icmp.seq = message.seq
    packet.icmp = icmp
    countOut6(ns, icmp.type)
  }
  return packet
}

/** ipv6_local_error: the socket's own error queue says how long a packet to a port may be. */
function localError(world: World, sock: Socket, dst: string, dport: number, mtu: number): void {
  const packet = createPacket(world, ETH_P_IPV6, 0)
  packet.dst = dst
  packet.dport = dport
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
