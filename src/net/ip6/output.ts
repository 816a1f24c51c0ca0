// Models net/ipv6/ip6_output.c (Linux 6.18): own packets from the socket to the neighbour, forwarding, and the common
// end of both. Not here: extension headers but Fragment, flow labels, router alerts for others, proxied neighbours.
import { isLinkLocal, isLoopback, isMulticast, isUnspecified } from '../../base/addr.ts'
import { fragment } from '../ip/frag.ts'
import { peerAllows } from '../ip/icmp.ts'
import { neighResolve } from '../ip/neigh.ts'
import { nextIpId } from '../ip/output.ts'
import type { FibResult } from '../ip/fibindex.ts'
import { BRNF_ROUTED } from '../nf/brnf.ts'
import { NF_ACCEPT, NF_INET_FORWARD, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING, nfHook } from '../nf/hook.ts'
import { clonePacket } from '../packet.ts'
import { snmpAdd } from '../snmp.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { Link, Netns, Packet, World } from '../types.ts'
import { ETH_P_IPV6, PACKET_HOST, PACKET_LOOPBACK } from '../types.ts'
import { icmp6Send } from './icmp6.ts'
import { ip6Rcv } from './input.ts'
import { isJoined } from './mld.ts'
import { sendRedirect6, keepRedirect6 } from './redirect.ts'
import type { Refusal6, Route6 } from './route.ts'
import { forwardMtu, isRefusal6, route6Output } from './route.ts'

const ACTION_OF = {
  unicast: StepAction.Unicast,
  local: StepAction.Local,
  multicast: StepAction.Multicast,
} as const

/**
 * ip6_local_out: sends a packet of this host's own by a route that `route6Output` gave. The caller has set addresses,
 * protocol, hop limit and `length`; the packet is no longer the caller's. EPERM where a rule dropped it.
 */
export function ip6LocalOut(world: World, ns: Netns, packet: Packet, route: Route6): '' | 'EPERM' {
  packet.etherType = ETH_P_IPV6
  packet.pktType = PACKET_HOST
  packet.iif = 0
  packet.oif = route.oif
  packet.nextHop = route.nextHop
  snmpAdd(ns, 'Ip6OutRequests')
  recordStep(world, ns, packet, StepKind.Originate, StepAction.None, route.oif, null)
  recordStep(world, ns, packet, StepKind.Route, ACTION_OF[route.type], route.oif, route.fib.route)
  if (route.exception?.gateway !== undefined) keepRedirect6(world, ns, route.exception)
  let { mtu } = route
  if (ns.nf !== null) {
    const { src, dst, mark } = packet
    if (nfHook(world, ns, NF_INET_LOCAL_OUT, packet, 0, route.oif) !== NF_ACCEPT) return 'EPERM'
    if (packet.src !== src || packet.dst !== dst || packet.mark !== mark) {
      const again = routeAgain(world, ns, packet)
      if (!isRefusal6(again)) mtu = again.mtu
    }
  }
  const link = ns.links[packet.oif]
  if (link === undefined) {
    recordDrop(world, ns, packet, 'IP_OUTNOROUTES', packet.oif, null)
    return ''
  }
  if (route.type === 'multicast' && isJoined(link, route.dst)) loopBack(world, ns, packet, link)
  return ip6Output(world, ns, packet, link, mtu)
}

/**
 * ip6_route_me_harder: OUTPUT changed what the route depends on. False where there is no way any more; the drop is
 * recorded.
 */
export function ip6RouteMeHarder(world: World, ns: Netns, packet: Packet): boolean {
  const route = routeAgain(world, ns, packet)
  if (isRefusal6(route)) {
    snmpAdd(ns, 'Ip6OutNoRoutes')
    recordDrop(world, ns, packet, 'IP_OUTNOROUTES', 0, route.fib.rule)
    return false
  }
  packet.oif = route.oif
  packet.nextHop = route.nextHop
  recordStep(world, ns, packet, StepKind.Route, ACTION_OF[route.type], route.oif, route.fib.route)
  return true
}

function routeAgain(world: World, ns: Netns, packet: Packet): Route6 | Refusal6 {
  const query = {
    dst: packet.dst as string,
    src: packet.src as string,
    oif: 0,
    mark: packet.mark,
    tos: packet.tos,
  }
  return route6Output(world, ns, query)
}

/** ip6_forward: hop limit, size, hook FORWARD, output. `fib` is the route that the input found. */
export function ip6Forward(world: World, ns: Netns, link: Link, packet: Packet, fib: FibResult): void {
  const out = ns.links[fib.nexthop?.oif ?? 0]
  if (ns.confAll.forwarding6 === 0 || out === undefined) {
    refuseForward(world, ns, link, packet, 'FORWARDING_DISABLED', fib)
    return
  }
  if (packet.pktType !== PACKET_HOST) {
    recordDrop(world, ns, packet, 'NOT_SPECIFIED', link.ifindex, null)
    return
  }
  if (packet.ttl <= 1) {
    icmp6Send(world, ns, packet, 3, 0, 0)
    snmpAdd(ns, 'Ip6InHdrErrors')
    recordDrop(world, ns, packet, 'TTL_EXPIRED', link.ifindex, fib.route)
    return
  }
  // br_netfilter has looked the route up before: the packet counts as heard by the device that it leaves by.
  if (out === link || (packet.nfBridge & BRNF_ROUTED) !== 0) sendRedirect6(world, ns, link, packet, fib)
  else if (!mayTravel(world, ns, link, packet, fib)) return
  const mtu = forwardMtu(fib, out)
  if (packet.length > mtu) {
    icmp6Send(world, ns, packet, 2, 0, mtu)
    snmpAdd(ns, 'Ip6InTooBigErrors')
    snmpAdd(ns, 'Ip6FragFails')
    recordDrop(world, ns, packet, 'PKT_TOO_BIG', link.ifindex, fib.route)
    return
  }
  packet.ttl--
  packet.nextHop = fib.nexthop?.via ?? packet.dst
  recordStep(world, ns, packet, StepKind.Forward, StepAction.None, out.ifindex, null)
  if (ns.nf !== null && nfHook(world, ns, NF_INET_FORWARD, packet, link.ifindex, out.ifindex) !== NF_ACCEPT)
    return
  snmpAdd(ns, 'Ip6OutForwDatagrams')
  ip6Output(world, ns, packet, out, mtu)
}

/** ip6_output: POSTROUTING, fragments where the packet is this host's own, then the neighbour. */
export function ip6Output(world: World, ns: Netns, packet: Packet, link: Link, mtu: number): '' | 'EPERM' {
  packet.oif = link.ifindex
  snmpAdd(ns, 'Ip6OutTransmits')
  if (ns.nf !== null) {
    if (nfHook(world, ns, NF_INET_POST_ROUTING, packet, packet.iif, link.ifindex) !== NF_ACCEPT)
      return 'EPERM'
  }
  const { nextHop } = packet
  const room = packet.fragMax === 0 ? mtu : Math.min(mtu, packet.fragMax)
  if (packet.length <= room) {
    neighResolve(world, ns, link, packet, nextHop)
    return ''
  }
  if (packet.ipId === 0) packet.ipId = nextIpId(ns)
  for (const piece of fragment(world, ns, packet, link.ifindex, room)) {
    neighResolve(world, ns, link, piece, nextHop)
  }
  return ''
}

/** Sources that may not leave their link. */
function mayTravel(world: World, ns: Netns, link: Link, packet: Packet, fib: FibResult): boolean {
  const { src } = packet
  if (isUnspecified(src) || isMulticast(src) || isLoopback(src)) {
    refuseForward(world, ns, link, packet, 'IP_INVALID_SOURCE', fib)
    return false
  }
  if (!isLinkLocal(src)) return true
  icmp6Send(world, ns, packet, 1, 2, 0)
  refuseForward(world, ns, link, packet, 'IP_INVALID_SOURCE', fib)
  return false
}

function refuseForward(
  world: World,
  ns: Netns,
  link: Link,
  packet: Packet,
  reason: 'FORWARDING_DISABLED' | 'IP_INVALID_SOURCE',
  fib: FibResult,
): void {
  snmpAdd(ns, 'Ip6InAddrErrors')
  recordDrop(world, ns, packet, reason, link.ifindex, fib.route)
}

/** dev_loopback_xmit: this host is in the group that it sends to. */
function loopBack(world: World, ns: Netns, packet: Packet, link: Link): void {
  const copy = clonePacket(world, packet)
  copy.pktType = PACKET_LOOPBACK
  copy.sock = 0
  ip6Rcv(world, ns, link, copy)
}

/** Whether an error to `dst` is within its rate: one a second, six at once; nothing holds on the loopback device. */
export function rate6Allows(world: World, ns: Netns, out: Link, dst: string, limitMs: number): boolean {
  return out.kind === 'loopback' || limitMs === 0 || peerAllows(world, ns, dst, limitMs)
}
