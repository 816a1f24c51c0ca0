// The way of most forwarded packets without the questions that cannot change the answer: ordinary addresses, no policy
// routing, no reverse path filter, out by another device to a neighbour that is known. What is counted and recorded is
// what ip_rcv_finish, ip_forward, ip_output and neigh_resolve_output (Linux 6.18) do then; all others go through
// input.ts, forward.ts, output.ts and neigh.ts.
import { devQueueXmit } from '../link/xmit.ts'
import { NF_ACCEPT, NF_INET_FORWARD, nfHook } from '../nf/hook.ts'
import { snmpOf } from '../snmp.ts'
import { recordForwarded, recordStep, StepAction, StepKind } from '../trace.ts'
import type { Link, Netns, Packet, World } from '../types.ts'
import { PACKET_HOST } from '../types.ts'
import { neighLookup } from './neigh.ts'
import { ipOutput } from './output.ts'
import { gatewayOf, rpFilter } from './route.ts'
import type { RouteCache, Way } from './routecache.ts'
import { cachedRoute, routeCacheOf, waySlot } from './routecache.ts'

/** Forwards a packet that nothing but its destination decides about; false where it is to be asked in full. */
export function plainForward(world: World, ns: Netns, link: Link, packet: Packet): boolean {
  const way = plainWay(world, ns, link, packet)
  if (way === null) return false
  const { out, neigh } = way
  recordForwarded(world, ns, packet, link.ifindex, way.oif)
  packet.ttl--
  packet.nextHop = way.nextHop
  const snmp = snmpOf(ns)
  snmp.IpForwDatagrams++
  snmp.IpOutTransmits++
  packet.oif = way.oif
  packet.smac = out.mac
  packet.dmac = neigh.mac
  devQueueXmit(world, ns, out, packet)
  return true
}

/**
 * The same where there are rules: the packet has passed PREROUTING, and passes FORWARD and POSTROUTING here. What rules
 * may change after the routing decision (size, source) is asked again by ip_output.
 */
export function ruledForward(world: World, ns: Netns, link: Link, packet: Packet): boolean {
  if (packet.nfBridge !== 0) return false
  const way = plainWay(world, ns, link, packet)
  if (way === null) return false
  const { out } = way
  recordStep(world, ns, packet, StepKind.Route, StepAction.Unicast, link.ifindex, null)
  packet.ttl--
  packet.nextHop = way.nextHop
  recordStep(world, ns, packet, StepKind.Forward, StepAction.None, way.oif, null)
  if (nfHook(world, ns, NF_INET_FORWARD, packet, link.ifindex, way.oif) !== NF_ACCEPT) return true
  snmpOf(ns).IpForwDatagrams++
  ipOutput(world, ns, packet, out, way.mtu === 0 ? out.mtu : way.mtu)
  return true
}

/** The way of a packet that nothing but its destination decides about, null where it is to be asked in full. */
function plainWay(world: World, ns: Netns, link: Link, packet: Packet): Way | null {
  if (packet.pktType !== PACKET_HOST || packet.ttl <= 1 || packet.fragMax !== 0) return null
  if (ns.exceptions !== null || world.recorder.detail !== null) return null
  const way = wayOf(world, ns, link, packet.dst as number, packet.src as number)
  return way === null || packet.length > (way.mtu === 0 ? way.out.mtu : way.mtu) ? null : way
}

function wayOf(world: World, ns: Netns, link: Link, dst: number, src: number): Way | null {
  const cache = routeCacheOf(world, ns)
  if (cache === null) return null
  let way = cache.ways[waySlot(dst)] ?? null
  if (
    way === null ||
    way.dst !== dst ||
    way.link !== link ||
    way.conf !== link.conf ||
    way.confAll !== ns.confAll ||
    ns.links[way.oif] !== way.out ||
    !way.neigh.hh
  ) {
    way = findWay(world, ns, link, cache, dst, src)
    if (way === null) return null
  }
  const { state } = way.neigh
  if (state !== 'REACHABLE' && state !== 'PERMANENT' && state !== 'NOARP') return null
  if (way.src !== src) {
    if (!isForeign(world, ns, cache, src)) return null
    way.src = src
  }
  return way
}

function findWay(
  world: World,
  ns: Netns,
  link: Link,
  cache: RouteCache,
  dst: number,
  src: number,
): Way | null {
  if (link.kind === 'loopback' || link.conf.forwarding === 0 || rpFilter(ns, link) !== 0) return null
  if (!isOrdinary(dst) || !isForeign(world, ns, cache, src)) return null
  const fib = cachedRoute(world, ns, cache, dst)
  if (fib === null || fib.route === null || fib.type !== 'unicast' || fib.nexthop === null) return null
  const { oif } = fib.nexthop
  const out = ns.links[oif]
  if (out === undefined || out === link) return null
  const nextHop = (gatewayOf(fib) ?? dst) as number
  const neigh = neighLookup(ns, oif, nextHop)
  if (neigh === undefined || !neigh.hh) return null
  const { conf } = link
  const way = { dst, link, conf, confAll: ns.confAll, src, oif, out, mtu: fib.route.mtu, nextHop, neigh }
  const slot = waySlot(dst)
  while (cache.ways.length <= slot) cache.ways.push(null)
  cache.ways[slot] = way
  return way
}

/** Not one of this host's own addresses, and an ordinary one. */
function isForeign(world: World, ns: Netns, cache: RouteCache, src: number): boolean {
  if (!isOrdinary(src)) return false
  const back = cachedRoute(world, ns, cache, src)
  return back !== null && back.type !== 'local'
}

/** A unicast address outside 0.0.0.0/8 and 127.0.0.0/8. */
function isOrdinary(addr: number): boolean {
  const first = addr >>> 24
  return first !== 0 && first !== 127 && first < 224
}
