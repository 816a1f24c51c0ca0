// Models redirects of net/ipv6/ip6_output.c, ndisc.c (ndisc_send_redirect, ndisc_redirect_rcv) and route.c
// (rt6_do_redirect; Linux 6.18). Simpler here: one that is not used is forgotten a minute later, not at the next look of
// a timer every 30 s; and it stays when its gateway turns out to be no router.
import { isLinkLocal, isMulticast } from '../../base/addr.ts'
import { peerAllows } from '../ip/icmp.ts'
import type { FibResult } from '../ip/fibindex.ts'
import { neighConfirm, neighLookup, neighUpdate } from '../ip/neigh.ts'
import { exceptionOf } from '../ip/route.ts'
import { createIcmp, snapshotPacket } from '../packet.ts'
import { tcpConnection } from '../sock/tcplookup.ts'
import { after, before } from '../sock/tcpseq.ts'
import { udpSender } from '../sock/udp.ts'
import type { Link, NdBody, Netns, Packet, RouteException, World } from '../types.ts'
import { IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../types.ts'
import { SEC } from '../wheel.ts'
import { IPV6_MIN_MTU, linkLocalAddr } from './inet6dev.ts'
import { linkSend6 } from './linksend.ts'
import { isRefusal6, route6Output } from './route.ts'

export const NDISC_REDIRECT = 137

/** IPv6 header, and the message up to its options. */
const HEADERS = 40 + 40
const LINK_ADDRESS_OPTION = 8
const OPTION_HEAD = 8
/** What a redirect costs of its rate: one a second to a destination and to a host. */
const COST_MS = 1000
/** ip6_rt_gc_timeout: how long a redirect that nobody uses is remembered. */
const UNUSED_NS = 60 * SEC

/**
 * A packet that is forwarded leaves by the device that it came by: its sender is told of the next hop, if that is a
 * neighbour of the sender: the destination itself or a router by its link-local address.
 */
export function sendRedirect6(world: World, ns: Netns, link: Link, packet: Packet, fib: FibResult): void {
  const dst = packet.dst as string
  const target = (fib.nexthop?.via as string | undefined) ?? dst
  if (!peerAllows(world, ns, dst, COST_MS)) return
  const own = linkLocalAddr(link)
  if (own === undefined || (target !== dst && !isLinkLocal(target))) return
  const src = packet.src as string
  const way = route6Output(world, ns, { dst: src, src: own, oif: link.ifindex, bound: true, mark: 0, tos: 0 })
  if (isRefusal6(way) || way.gateway !== undefined || !peerAllows(world, ns, src, COST_MS)) return
  const neigh = neighLookup(ns, fib.nexthop?.oif ?? 0, target)
  const lladdr =
    neigh === undefined || neigh.state === 'INCOMPLETE' || neigh.state === 'FAILED' ? -1 : neigh.mac
  const address = lladdr < 0 ? 0 : LINK_ADDRESS_OPTION
  const option = Math.min(IPV6_MIN_MTU - HEADERS - address, packet.length + OPTION_HEAD) & ~7
  const icmp = createIcmp(NDISC_REDIRECT, 0)
  icmp.nd = { target, flags: 0, lladdr, nonce: -1, groups: null }
  icmp.quoted = snapshotPacket(packet)
  icmp.quotedLen = option - OPTION_HEAD
  linkSend6(world, ns, link, own, src, icmp, 255, HEADERS + address + option, packet.trace)
}

/**
 * A router says in `packet` that what this host sent it, `quoted`, had better go elsewhere. Taken by a host that
 * accepts redirects, from the router that the packet went to: the destination has that next hop from now on.
 */
export function acceptRedirect6(
  world: World,
  ns: Netns,
  link: Link,
  packet: Packet,
  nd: NdBody,
  quoted: Packet,
): boolean {
  const [dst, src, router] = [quoted.dst as string, quoted.src as string, packet.src as string]
  const { target } = nd
  const isOnLink = target === dst
  if (isMulticast(dst) || (!isOnLink && !isLinkLocal(target))) return false
  if (link.conf.forwarding6 !== 0 || link.conf.acceptRedirects6 === 0) return false
  const way = route6Output(world, ns, { dst, src, oif: link.ifindex, bound: true, mark: 0, tos: 0 })
  if (isRefusal6(way) || way.type !== 'unicast' || !isSent(ns, quoted)) return false
  if (way.gateway !== router && way.fib.nexthop?.via !== router) return false
  neighConfirm(world, ns, link.ifindex, router)
  if (nd.lladdr >= 0 || neighLookup(ns, link.ifindex, target) !== undefined) {
    const update = { state: 'STALE', override: true, weakOverride: true, create: true } as const
    neighUpdate(world, ns, link, target, nd.lladdr, isOnLink ? update : { ...update, isRouter: true })
  }
  const mtu = exceptionOf(world, ns, dst)?.mtu ?? 0
  ns.exceptions ??= new Map()
  ns.exceptions.set(dst, { dst, mtu, gateway: target, expiresAt: world.now + UNUSED_NS })
  return true
}

/** A packet goes where a redirect said: that is remembered for as long again. `ns` must be touched. */
export function keepRedirect6(world: World, ns: Netns, learned: RouteException): void {
  const expiresAt = world.now + UNUSED_NS
  if (learned.expiresAt < expiresAt) ns.exceptions?.set(learned.dst, { ...learned, expiresAt })
}

/** The err_handlers of the protocols: whether this host may well have sent what a redirect quotes. */
function isSent(ns: Netns, quoted: Packet): boolean {
  if (quoted.proto === IPPROTO_ICMPV6) return true
  if (quoted.proto === IPPROTO_UDP) return udpSender(ns, quoted) !== undefined
  if (quoted.proto !== IPPROTO_TCP) return false
  const t = tcpConnection(ns, quoted.src, quoted.sport, quoted.dst, quoted.dport, 0)?.tcp ?? null
  const seq = quoted.tcp?.seq ?? 0
  return t !== null && !before(seq, t.sndUna) && !after(seq, t.sndNxt)
}
