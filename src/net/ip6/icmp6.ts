// Models the sending half of net/ipv6/icmp.c (Linux 6.18). Not here: the limit over all destinations (icmp_msgs_per_sec
// counts IPv4 only), RFC 4884 extensions, errors about redirects.
import { isMulticast, isUnspecified } from '../../base/addr.ts'
import { addrType } from '../ip/fib.ts'
import { ctAttach } from '../nf/conntrack.ts'
import { createIcmp, createPacket, snapshotPacket } from '../packet.ts'
import { snmpAdd } from '../snmp.ts'
import { sysctlInt } from '../sysctl.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { IcmpHeader, Link, Netns, Packet, World } from '../types.ts'
import { ETH_P_IPV6, IPPROTO_ICMPV6, PACKET_HOST, PACKET_OUTGOING } from '../types.ts'
import { ANY6, IPV6_MIN_MTU } from './inet6dev.ts'
import { ip6LocalOut, rate6Allows } from './output.ts'
import type { Refusal6 } from './route.ts'
import { isRefusal6, route6Output } from './route.ts'

export const ICMPV6_DEST_UNREACH = 1
export const ICMPV6_PKT_TOOBIG = 2
export const ICMPV6_TIME_EXCEED = 3
export const ICMPV6_PARAMPROB = 4
export const ICMPV6_ECHO_REQUEST = 128
export const ICMPV6_ECHO_REPLY = 129

const HEADERS = 48

/**
 * icmpv6_send: tells the sender of `packet` what became of it. `info` is the MTU (type 2) or the place of the mistake
 * (type 4). Nothing is sent about errors, groups, to nobody in particular, or beyond the rate.
 */
export function icmp6Send(
  world: World,
  ns: Netns,
  packet: Packet,
  type: number,
  code: number,
  info: number,
): void {
  if (!mayReport(packet, type)) return
  const dst = packet.src as string
  const own = addrType(ns, packet.dst) === 'local' ? (packet.dst as string) : ANY6
  const oif = ns.links[packet.iif]?.kind === 'loopback' ? 0 : packet.iif
  const bound = { dst, src: own, oif: isStrictSource(dst) ? oif : 0, mark: 0, tos: 0 }
  const route = route6Output(world, ns, bound)
  const icmp = createIcmp(type, code)
  icmp.mtu = info
  if (isRefusal6(route)) {
    stillborn(world, ns, packet, icmp, own, dst, route)
    return
  }
  const out = ns.links[route.oif]
  if (out === undefined) return
  const limit = sysctlInt(ns, 'net.ipv6.icmp.ratelimit')
  if (type !== ICMPV6_PKT_TOOBIG && !rate6Allows(world, ns, out, dst, limit)) {
    snmpAdd(ns, 'Icmp6OutRateLimitHost')
    return
  }
  icmp.quoted = snapshotPacket(packet)
  icmp.quotedLen = Math.min(packet.length, IPV6_MIN_MTU - HEADERS)
  const error = createPacket(world, ETH_P_IPV6, packet.trace)
  const { src } = route
  Object.assign(error, { src, dst, icmp, proto: IPPROTO_ICMPV6, length: HEADERS + icmp.quotedLen })
  error.ttl = out.conf.hopLimit6
  countOut6(ns, type)
  ctAttach(error, packet)
  ip6LocalOut(world, ns, error, route)
}

/** icmpv6_echo_reply: from the address that was asked, or for groups and anycast from the best of the link. */
export function echoReply6(world: World, ns: Netns, link: Link, packet: Packet): void {
  const request = packet.icmp as IcmpHeader
  const dst = packet.src as string
  const src = addrType(ns, packet.dst) === 'local' ? (packet.dst as string) : ANY6
  const oif = link.kind === 'loopback' ? 0 : link.ifindex
  const route = route6Output(world, ns, { dst, src, oif, mark: 0, tos: packet.tos })
  const icmp = createIcmp(ICMPV6_ECHO_REPLY, 0)
  icmp.id = request.id
  icmp.seq = request.seq
  if (isRefusal6(route)) {
    snmpAdd(ns, 'Ip6OutNoRoutes')
    stillborn(world, ns, packet, icmp, src, dst, route)
    return
  }
  const reply = createPacket(world, ETH_P_IPV6, packet.trace)
  Object.assign(reply, { src: route.src, dst, icmp, proto: IPPROTO_ICMPV6, length: packet.length })
  reply.tos = packet.tos
  reply.payload = packet.payload
  reply.ttl = ns.links[route.oif]?.conf.hopLimit6 ?? 64
  countOut6(ns, ICMPV6_ECHO_REPLY)
  ip6LocalOut(world, ns, reply, route)
}

/** Whether a type is an error message, about which no error may be sent. */
export function isIcmp6Error(type: number): boolean {
  return type < 128
}

/** Counts a sent message. */
export function countOut6(ns: Netns, type: number): void {
  snmpAdd(ns, 'Icmp6OutMsgs')
  snmpAdd(ns, `Icmp6OutType${type}`)
}

/** The kernel makes no packet where it has no route; it is recorded as born and dropped, as for IPv4. */
function stillborn(
  world: World,
  ns: Netns,
  packet: Packet,
  icmp: IcmpHeader,
  src: string,
  dst: string,
  route: Refusal6,
): void {
  const answer = createPacket(world, ETH_P_IPV6, packet.trace)
  Object.assign(answer, { proto: IPPROTO_ICMPV6, icmp, src, dst, length: packet.length })
  const evidence = route.fib.route ?? route.fib.rule
  recordStep(world, ns, answer, StepKind.Originate, StepAction.None, 0, null)
  recordStep(world, ns, answer, StepKind.Route, StepAction.NoRoute, 0, evidence)
  recordDrop(world, ns, answer, 'IP_OUTNOROUTES', 0, evidence)
}

function mayReport(packet: Packet, type: number): boolean {
  const everybody = packet.pktType !== PACKET_HOST && packet.pktType !== PACKET_OUTGOING
  if ((everybody || isMulticast(packet.dst)) && type !== ICMPV6_PKT_TOOBIG) return false
  if (isUnspecified(packet.src) || isMulticast(packet.src) || packet.fragOffset !== 0) return false
  const { icmp } = packet
  return packet.proto !== IPPROTO_ICMPV6 || icmp === null || !isIcmp6Error(icmp.type)
}

function isStrictSource(dst: string): boolean {
  return dst.startsWith('fe8') || dst.startsWith('ff')
}
