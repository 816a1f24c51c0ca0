// Models the sending half of net/ipv4/icmp.c and inet_peer_xrlim_allow (Linux 6.18). Not here: timestamps, address
// masks, RFC 4884 extensions, RFC 8335 probes.
import type { Ip } from '../../base/addr.ts'
import { isMulticast } from '../../base/addr.ts'
import { nextBelow } from '../../base/rng.ts'
import { ctAttach } from '../nf/conntrack.ts'
import { createIcmp, createPacket, snapshotPacket } from '../packet.ts'
import { snmpAdd } from '../snmp.ts'
import { sysctlInt } from '../sysctl.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { IcmpHeader, IcmpPeer, Link, Netns, Packet, World } from '../types.ts'
import { ETH_P_IP, IPPROTO_ICMP, PACKET_HOST, PACKET_OUTGOING } from '../types.ts'
import { MS, SEC } from '../wheel.ts'
import { inetSelectAddr } from './devinet.ts'
import { addrType } from './fib.ts'
import { ipLocalOut } from './output.ts'
import type { RouteRefusal } from './route.ts'
import { ipRouteOutput, isRefusal } from './route.ts'

export const ICMP_ECHOREPLY = 0
export const ICMP_DEST_UNREACH = 3
export const ICMP_REDIRECT = 5
export const ICMP_ECHO = 8
export const ICMP_TIME_EXCEEDED = 11
export const ICMP_PARAMETERPROB = 12

/** RFC 1812: an error is at most so long, as Linux has it. */
const MAX_ERROR = 576
const BURST_FACTOR = 6
const HEADERS = 28
/** The limit over all destinations is kept under the address that is never one. */
const EVERYBODY = 0

/**
 * icmp_send: tells the sender of `packet` what became of it. `info` is the MTU (3/4) or the gateway (5). Nothing is sent
 * about errors, broadcasts and later fragments, to nowhere, or beyond the rate.
 */
export function icmpSend(
  world: World,
  ns: Netns,
  packet: Packet,
  type: number,
  code: number,
  info: Ip,
): void {
  if (!mayReport(ns, packet)) return
  const src = packet.src as number
  const dst = packet.dst as number
  const tos = (packet.tos & 0x1e) | 0xc0
  const own = addrType(ns, dst) === 'local' ? dst : 0
  const route = ipRouteOutput(world, ns, { dst: src, src: own, oif: 0, mark: 0, tos: packet.tos & 0x1c })
  if (isRefusal(route)) {
    recordStillborn(world, ns, packet, createIcmp(type, code), own, src, route)
    return
  }
  const out = ns.links[route.oif]
  if (out === undefined || !rateAllows(world, ns, out, packet, type, code)) return
  const icmp = createIcmp(type, code)
  if (type === ICMP_REDIRECT) icmp.gateway = info
  else icmp.mtu = info as number
  icmp.quoted = snapshotPacket(packet)
  icmp.quotedLen = Math.min(packet.length, Math.min(route.mtu, MAX_ERROR) - HEADERS)
  const error = createPacket(world, ETH_P_IP, packet.trace)
  error.proto = IPPROTO_ICMP
  error.icmp = icmp
  error.src = route.src
  error.dst = src
  error.tos = tos
  error.ttl = sysctlInt(ns, 'net.ipv4.ip_default_ttl')
  error.length = HEADERS + icmp.quotedLen
  ctAttach(error, packet)
  countOut(ns, type)
  ipLocalOut(world, ns, error, route)
}

/** icmp_reply: an echo reply to a request that came to `packet.dst` (or to a broadcast, which takes the link's address). */
export function icmpEchoReply(world: World, ns: Netns, link: Link, packet: Packet): void {
  const request = packet.icmp as IcmpHeader
  const dst = packet.src as number
  const unicast = addrType(ns, packet.dst) === 'local'
  const src = unicast ? (packet.dst as number) : inetSelectAddr(ns, link, dst, 0)
  const route = ipRouteOutput(world, ns, { dst, src, oif: 0, mark: 0, tos: packet.tos & 0x1c })
  const icmp = createIcmp(ICMP_ECHOREPLY, 0)
  icmp.id = request.id
  icmp.seq = request.seq
  if (isRefusal(route)) {
    snmpAdd(ns, 'IpOutNoRoutes')
    recordStillborn(world, ns, packet, icmp, src, dst, route)
    return
  }
  const reply = createPacket(world, ETH_P_IP, packet.trace)
  reply.proto = IPPROTO_ICMP
  reply.icmp = icmp
  reply.src = route.src
  reply.dst = dst
  reply.tos = packet.tos
  reply.ttl = sysctlInt(ns, 'net.ipv4.ip_default_ttl')
  reply.payload = packet.payload
  reply.length = packet.length
  countOut(ns, ICMP_ECHOREPLY)
  ipLocalOut(world, ns, reply, route)
}

/**
 * The kernel makes no packet where there is no route for it. A learner wants to know where the answer died all the
 * same: it is recorded as one that was born and dropped at once.
 */
function recordStillborn(
  world: World,
  ns: Netns,
  packet: Packet,
  icmp: IcmpHeader,
  src: number,
  dst: number,
  route: RouteRefusal,
): void {
  const answer = createPacket(world, ETH_P_IP, packet.trace)
  Object.assign(answer, { proto: IPPROTO_ICMP, icmp, src, dst, length: packet.length })
  const evidence = route.fib.route ?? route.fib.rule
  recordStep(world, ns, answer, StepKind.Originate, StepAction.None, 0, null)
  recordStep(world, ns, answer, StepKind.Route, StepAction.NoRoute, 0, evidence)
  recordDrop(world, ns, answer, 'IP_OUTNOROUTES', 0, evidence)
}

/** What the rate limits know of a destination; a new one has a full burst. */
export function icmpPeer(world: World, ns: Netns, ip: Ip): IcmpPeer {
  ns.icmpTokens ??= new Map()
  let peer = ns.icmpTokens.get(ip)
  if (peer === undefined) {
    if (ns.icmpTokens.size >= PEERS_MAX) ns.icmpTokens.clear()
    peer = { tokens: 0, at: world.now - 60 * SEC, redirects: 0 }
    ns.icmpTokens.set(ip, peer)
  }
  return peer
}

/** Peers remembered at most; beyond it all are forgotten (the kernel's collector does so by age). */
const PEERS_MAX = 4096

/** Whether a type is an error message, about which no error may be sent. */
export function isIcmpError(type: number): boolean {
  return type === 3 || type === 4 || type === 5 || type === 11 || type === 12 || type > 18
}

/** Counts a received or sent message by its name in /proc/net/snmp. */
export function icmpCounter(direction: 'In' | 'Out', type: number): string {
  const name = NAMES[type]
  return name === undefined ? `IcmpMsg${direction}Type${type}` : `Icmp${direction}${name}`
}

/** inet_peer_xrlim_allow for IPv4 and IPv6: tokens are milliseconds; a message costs `costMs`, six of them are the burst. */
export function peerAllows(world: World, ns: Netns, ip: Ip, costMs: number): boolean {
  const peer = icmpPeer(world, ns, ip)
  const elapsed = Math.floor((world.now - peer.at) / MS)
  peer.tokens = Math.min(peer.tokens + elapsed, BURST_FACTOR * costMs)
  peer.at = world.now
  if (peer.tokens < costMs) return false
  peer.tokens -= costMs
  return true
}

const NAMES: Readonly<Record<number, string>> = Object.freeze({
  0: 'EchoReps',
  3: 'DestUnreachs',
  4: 'SrcQuenchs',
  5: 'Redirects',
  8: 'Echos',
  11: 'TimeExcds',
  12: 'ParmProbs',
  13: 'Timestamps',
  14: 'TimestampReps',
})

function mayReport(ns: Netns, packet: Packet): boolean {
  if (packet.pktType !== PACKET_HOST && packet.pktType !== PACKET_OUTGOING) return false
  if (packet.fragOffset !== 0 || packet.src === 0) return false
  if (packet.proto === IPPROTO_ICMP && packet.icmp !== null && isIcmpError(packet.icmp.type)) return false
  if (isMulticast(packet.src) || isMulticast(packet.dst)) return false
  return addrType(ns, packet.dst) !== 'broadcast'
}

/** icmpv4_global_allow, then icmpv4_xrlim_allow: the host's own limit, then that of one destination. */
function rateAllows(world: World, ns: Netns, out: Link, packet: Packet, type: number, code: number): boolean {
  if (type === ICMP_DEST_UNREACH && code === 4) return true
  if (((1 << type) & sysctlInt(ns, 'net.ipv4.icmp_ratemask')) === 0) return true
  const limited = ns.links[packet.iif]?.kind !== 'loopback'
  if (limited && !globalAllows(world, ns)) {
    snmpAdd(ns, 'IcmpOutRateLimitGlobal')
    return false
  }
  if (out.kind !== 'loopback') {
    const limit = sysctlInt(ns, 'net.ipv4.icmp_ratelimit')
    if (limit !== 0 && !peerAllows(world, ns, packet.src, limit)) {
      snmpAdd(ns, 'IcmpOutRateLimitHost')
      return false
    }
  }
  // icmp_global_consume: none, one or two, so that nobody can count another's messages.
  if (limited) icmpPeer(world, ns, EVERYBODY).tokens -= nextBelow(ns.rng, 3)
  return true
}

/** icmp_global_allow: icmp_msgs_per_sec, and icmp_msgs_burst at once; refilled every 20 ms at most. */
function globalAllows(world: World, ns: Netns): boolean {
  const all = icmpPeer(world, ns, EVERYBODY)
  if (all.tokens > 0) return true
  const elapsed = Math.min(world.now - all.at, SEC)
  const more = Math.floor((sysctlInt(ns, 'net.ipv4.icmp_msgs_per_sec') * elapsed) / SEC)
  if (elapsed < 20 * MS || more === 0) return false
  all.tokens = Math.min(all.tokens + more, sysctlInt(ns, 'net.ipv4.icmp_msgs_burst'))
  all.at = world.now
  return true
}

function countOut(ns: Netns, type: number): void {
  snmpAdd(ns, 'IcmpOutMsgs')
  snmpAdd(ns, icmpCounter('Out', type))
}
