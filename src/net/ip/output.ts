// Models net/ipv4/ip_output.c (Linux 6.18): own packets from the socket to the neighbour, and the common end of
// forwarding. Not here: segmentation offload, IP options, multicast TTL thresholds.
import { clonePacket } from '../packet.ts'
import { NF_ACCEPT, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING, nfHook } from '../nf/hook.ts'
import { snmpAdd, snmpOf } from '../snmp.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { Link, Netns, Packet, World } from '../types.ts'
import { ETH_P_IP, IPPROTO_TCP, PACKET_HOST, PACKET_LOOPBACK } from '../types.ts'
import { addrType } from './fib.ts'
import { fragment } from './frag.ts'
import { icmpSend } from './icmp.ts'
import { ipRcv } from './input.ts'
import { neighResolve } from './neigh.ts'
import type { RouteRefusal, RouteResult } from './route.ts'
import { ipRouteOutput, isRefusal } from './route.ts'

const ACTION_OF = {
  unicast: StepAction.Unicast,
  local: StepAction.Local,
  broadcast: StepAction.Broadcast,
  multicast: StepAction.Multicast,
} as const

/**
 * ip_local_out: sends a packet of this host's own by a route that `ipRouteOutput` gave. The caller has set addresses,
 * protocol, TTL, DF and `length`; source and id are filled in where they are 0. The packet is no longer the caller's.
 * Returns what the sender is told: EPERM where a rule dropped it on the way out, EHOSTUNREACH where a rule left it
 * without a route, '' otherwise.
 */
export function ipLocalOut(
  world: World,
  ns: Netns,
  packet: Packet,
  route: RouteResult,
): '' | 'EPERM' | 'EHOSTUNREACH' {
  packet.etherType = ETH_P_IP
  packet.pktType = PACKET_HOST
  packet.iif = 0
  packet.oif = route.oif
  packet.nextHop = route.nextHop
  if (packet.src === 0) packet.src = route.src
  // TCP numbers its packets itself; where it has no socket to count with, 0 is what goes out.
  if (packet.ipId === 0 && packet.proto !== IPPROTO_TCP) packet.ipId = nextIpId(ns)
  snmpOf(ns).IpOutRequests++
  recordStep(world, ns, packet, StepKind.Originate, StepAction.None, route.oif, null)
  recordStep(world, ns, packet, StepKind.Route, ACTION_OF[route.type], route.oif, route.fib.route)
  if (ns.nf === null) return sendByRoute(world, ns, packet, route)
  const { dst, src, mark, tos } = packet
  if (nfHook(world, ns, NF_INET_LOCAL_OUT, packet, 0, route.oif) !== NF_ACCEPT) return 'EPERM'
  if (packet.dst === dst && packet.src === src && packet.mark === mark && packet.tos === tos) {
    return sendByRoute(world, ns, packet, route)
  }
  // The hook has asked for the new route already, and recorded it.
  const again = routeAgain(world, ns, packet)
  return isRefusal(again) ? 'EHOSTUNREACH' : sendByRoute(world, ns, packet, again)
}

/**
 * ip_output: POSTROUTING, fragmentation to `mtu`, then the neighbour. `packet.nextHop` says to whom on `link`. EPERM
 * where POSTROUTING dropped it.
 */
export function ipOutput(world: World, ns: Netns, packet: Packet, link: Link, mtu: number): '' | 'EPERM' {
  packet.oif = link.ifindex
  snmpOf(ns).IpOutTransmits++
  if (ns.nf !== null) {
    if (nfHook(world, ns, NF_INET_POST_ROUTING, packet, packet.iif, link.ifindex) !== NF_ACCEPT)
      return 'EPERM'
  }
  const room = packet.fragMax === 0 ? mtu : Math.min(mtu, packet.fragMax)
  if (packet.length > room) ipFragment(world, ns, packet, link, room)
  else neighResolve(world, ns, link, packet, packet.nextHop)
  return ''
}

/** The next IP identification: one counter a namespace, never 0. */
export function nextIpId(ns: Netns): number {
  const id = ns.nextIpId
  ns.nextIpId = id >= 65535 ? 1 : id + 1
  return id
}

function sendByRoute(world: World, ns: Netns, packet: Packet, route: RouteResult): '' | 'EPERM' {
  const link = ns.links[route.oif]
  if (link === undefined) {
    recordDrop(world, ns, packet, 'IP_OUTNOROUTES', route.oif, null)
    return ''
  }
  if (route.type === 'broadcast' || route.type === 'multicast') loopBack(world, ns, packet, link, route)
  return ipOutput(world, ns, packet, link, route.mtu)
}

/** ip_mc_output: this host hears its own broadcasts. */
function loopBack(world: World, ns: Netns, packet: Packet, link: Link, route: RouteResult): void {
  if (route.type === 'multicast' && packet.ttl === 0) return
  if (link.kind === 'loopback' || (route.type === 'multicast' && !isAllHosts(packet.dst))) return
  const copy = clonePacket(world, packet)
  if (ns.nf !== null && nfHook(world, ns, NF_INET_POST_ROUTING, copy, 0, link.ifindex) !== NF_ACCEPT) return
  copy.pktType = PACKET_LOOPBACK
  copy.sock = 0
  ipRcv(world, ns, link, copy)
}

function isAllHosts(dst: Packet['dst']): boolean {
  return typeof dst === 'number' && dst >>> 0 === 0xe0000001
}

/**
 * ip_route_me_harder: OUTPUT changed what the route depends on. False where there is no way any more; the drop is
 * recorded.
 */
export function ipRouteMeHarder(world: World, ns: Netns, packet: Packet): boolean {
  const route = routeAgain(world, ns, packet)
  if (isRefusal(route)) {
    snmpAdd(ns, 'IpOutNoRoutes')
    recordDrop(world, ns, packet, 'IP_OUTNOROUTES', 0, route.fib.rule)
    return false
  }
  packet.oif = route.oif
  packet.nextHop = route.nextHop
  recordStep(world, ns, packet, StepKind.Route, ACTION_OF[route.type], route.oif, route.fib.route)
  return true
}

/** The route of a packet as it is now; any source may pass, but only an own one has a say. */
function routeAgain(world: World, ns: Netns, packet: Packet): RouteResult | RouteRefusal {
  const { dst, src, mark, tos } = packet
  const own = addrType(ns, src) === 'local' ? (src as number) : 0
  return ipRouteOutput(world, ns, { dst: dst as number, src: own, oif: 0, mark, tos })
}

/** ip_fragment: pieces that fit, or the sender is told where DF forbids. */
function ipFragment(world: World, ns: Netns, packet: Packet, link: Link, mtu: number): void {
  if (packet.df) {
    snmpAdd(ns, 'IpFragFails')
    icmpSend(world, ns, packet, 3, 4, mtu)
    recordDrop(world, ns, packet, 'PKT_TOO_BIG', link.ifindex, null)
    return
  }
  const { nextHop } = packet
  for (const piece of fragment(world, ns, packet, link.ifindex, mtu)) {
    neighResolve(world, ns, link, piece, nextHop)
  }
}
