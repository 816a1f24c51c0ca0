// Models net/ipv6/ndisc.c (Linux 6.18): neighbour solicitations and advertisements over the shared neighbour table,
// router solicitations. Not here: router advertisements (nobody sends them; one that arrives is refused), proxies, NTF_EXT.
import { isLinkLocal, isMulticast, isUnspecified, solicitedNode } from '../../base/addr.ts'
import { nextBelow } from '../../base/rng.ts'
import { icmp6Send } from './icmp6.ts'
import { neighLookup, neighUpdate } from '../ip/neigh.ts'
import { neighParam } from '../ip/neighparams.ts'
import { createIcmp } from '../packet.ts'
import type { DropReason } from '../trace.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { IcmpHeader, Link, NdBody, Neigh, Netns, Packet, World } from '../types.ts'
import { PACKET_HOST, PACKET_LOOPBACK } from '../types.ts'
import { MS } from '../wheel.ts'
import { dadFailure } from './addrconf.ts'
import type { Addr6Ref } from './inet6dev.ts'
import { addrOn, ALL_NODES, ALL_ROUTERS, ANY6, armAddr6, inet6Dev, linkLocalAddr } from './inet6dev.ts'
import { linkSend6 } from './linksend.ts'
import { acceptRedirect6, NDISC_REDIRECT } from './redirect.ts'
import { selectSource6 } from './select.ts'

const ROUTER_SOLICITATION = 133
const ROUTER_ADVERTISEMENT = 134
const NEIGHBOUR_SOLICITATION = 135
const NEIGHBOUR_ADVERTISEMENT = 136

const NA_ROUTER = 0x80
const NA_SOLICITED = 0x40
const NA_OVERRIDE = 0x20
const HOP_LIMIT = 255

/** ndisc_solicit: asks the group of the address, or the known address only. The source is the waiting packet's, if it is ours. */
export function ndiscSolicit(
  world: World,
  ns: Netns,
  link: Link,
  neigh: Neigh,
  packet: Packet | null,
  unicast: boolean,
): void {
  const target = neigh.ip as string
  const own = packet === null ? undefined : addrOn(link, packet.src)
  const src = own === undefined || own.tentative ? linkLocalAddr(link) : (own.addr as string)
  if (src === undefined) return
  const cause = packet === null ? 0 : packet.trace
  sendSolicitation(world, ns, link, target, unicast ? target : solicitedNode(target), src, -1, cause)
}

/** ndisc_error_report: address unreachable to the sender of a packet that waited. */
export function ndiscErrorReport(world: World, ns: Netns, packet: Packet): void {
  icmp6Send(world, ns, packet, 1, 3, 0)
}

/** ndisc_send_ns. From `::` (duplicate address detection) it carries no address of the sender but the nonce, -1 for none. */
export function sendSolicitation(
  world: World,
  ns: Netns,
  link: Link,
  target: string,
  dst: string,
  src: string,
  nonce: number,
  cause: number,
): void {
  const lladdr = isUnspecified(src) ? -1 : link.mac
  const nd: NdBody = { target, flags: 0, lladdr, nonce, groups: null }
  sendNd(world, ns, link, NEIGHBOUR_SOLICITATION, src, dst, nd, 24, cause)
}

/** ndisc_send_rs: asks for routers; nobody answers in a lab. */
export function sendRouterSolicitation(world: World, ns: Netns, link: Link, src: string): void {
  const nd: NdBody = { target: ANY6, flags: 0, lladdr: link.mac, nonce: -1, groups: null }
  sendNd(world, ns, link, ROUTER_SOLICITATION, src, ALL_ROUTERS, nd, 8, 0)
}

/** ndisc_rcv, and the ICMPv6 messages that are none of ping's and of errors. */
export function ndiscRcv(world: World, ns: Netns, link: Link, packet: Packet, icmp: IcmpHeader): void {
  const nd = icmp.nd
  const known = icmp.type >= ROUTER_SOLICITATION && icmp.type <= NDISC_REDIRECT
  if (nd === null || !known || icmp.type === ROUTER_ADVERTISEMENT) {
    recordDrop(world, ns, packet, 'UNHANDLED_PROTO', link.ifindex, null)
    return
  }
  if (packet.ttl !== HOP_LIMIT || icmp.code !== 0) {
    recordDrop(world, ns, packet, 'IPV6_NDISC_BAD_CODE', link.ifindex, null)
    return
  }
  if (icmp.type === NEIGHBOUR_SOLICITATION) solicited(world, ns, link, packet, nd)
  else if (icmp.type === NEIGHBOUR_ADVERTISEMENT) advertised(world, ns, link, packet, nd)
  else if (icmp.type === NDISC_REDIRECT) redirected(world, ns, link, packet, nd, icmp.quoted)
  else routerSolicited(world, ns, link, packet, nd)
}

/** A delayed answer for an anycast address is due (pneigh_enqueue). */
export function anycastAnswer(world: World, ns: Netns, link: Link, ref: Addr6Ref): void {
  if (isAnycast(link, ref.addr)) {
    advertise(world, ns, link, ref.addr, ref.to, NA_SOLICITED, true, ref.cause)
  }
}

/** ndisc_recv_ns. */
function solicited(world: World, ns: Netns, link: Link, packet: Packet, nd: NdBody): void {
  const src = packet.src as string
  const dad = isUnspecified(src)
  const group = isMulticast(packet.dst)
  if (isMulticast(nd.target) || (dad && !isSolicitedNode(packet.dst as string))) {
    drop(world, ns, link, packet, 'NOT_SPECIFIED')
    return
  }
  if (dad && nd.lladdr >= 0) {
    drop(world, ns, link, packet, 'IPV6_NDISC_BAD_OPTIONS')
    return
  }
  const own = addrOn(link, nd.target)
  if (own === undefined && !isAnycast(link, nd.target)) {
    drop(world, ns, link, packet, 'IPV6_NDISC_NS_OTHERHOST')
    return
  }
  recordStep(world, ns, packet, StepKind.Deliver, StepAction.Protocol, link.ifindex, own ?? null)
  if (own?.tentative === true) {
    const mine = inet6Dev(link).dad.find((one) => one.addr === nd.target)
    const looped = nd.nonce >= 0 && mine?.nonce === nd.nonce
    if (dad && !looped) dadFailure(world, ns, link, own, packet.smac)
    return
  }
  if (own === undefined && group && packet.pktType !== PACKET_HOST) {
    const most = neighParam(ns, link, nd.target, 'proxy_delay') * 10
    if (most > 0) {
      const delay = nextBelow(ns.rng, most) * MS
      armAddr6(world, ns, link, 'anycast', delay, { addr: nd.target, to: src, cause: packet.trace })
      return
    }
  }
  const override = own === undefined ? 0 : NA_OVERRIDE
  if (dad) {
    advertise(world, ns, link, nd.target, ALL_NODES, override, true, packet.trace)
    return
  }
  neighUpdate(world, ns, link, src, nd.lladdr, {
    state: 'STALE',
    override: true,
    weakOverride: true,
    create: !group || nd.lladdr >= 0,
  })
  if (neighLookup(ns, link.ifindex, src) === undefined) return
  const flags = NA_SOLICITED | (group ? override : 0)
  advertise(world, ns, link, nd.target, src, flags, group, packet.trace)
}

/** ndisc_recv_na. */
function advertised(world: World, ns: Netns, link: Link, packet: Packet, nd: NdBody): void {
  const solicitedFlag = (nd.flags & NA_SOLICITED) !== 0
  if (isMulticast(nd.target) || (isMulticast(packet.dst) && solicitedFlag)) {
    drop(world, ns, link, packet, 'NOT_SPECIFIED')
    return
  }
  const own = addrOn(link, nd.target)
  const neigh = neighLookup(ns, link.ifindex, nd.target)
  recordStep(world, ns, packet, StepKind.Deliver, StepAction.Protocol, link.ifindex, own ?? neigh ?? null)
  if (own !== undefined) {
    if (own.tentative && packet.pktType !== PACKET_LOOPBACK) dadFailure(world, ns, link, own, packet.smac)
    return
  }
  if (neigh === undefined || neigh.state === 'FAILED') {
    drop(world, ns, link, packet, 'CONSUMED')
    return
  }
  neighUpdate(world, ns, link, nd.target, nd.lladdr, {
    state: solicitedFlag ? 'REACHABLE' : 'STALE',
    override: (nd.flags & NA_OVERRIDE) !== 0,
    weakOverride: true,
    isRouter: (nd.flags & NA_ROUTER) !== 0,
  })
}

/** ndisc_recv_rs: a router learns who asks. It sends no advertisement: that is a daemon's task. */
function routerSolicited(world: World, ns: Netns, link: Link, packet: Packet, nd: NdBody): void {
  if (link.conf.forwarding6 === 0 || isUnspecified(packet.src)) {
    drop(world, ns, link, packet, 'CONSUMED')
    return
  }
  recordStep(world, ns, packet, StepKind.Deliver, StepAction.Protocol, link.ifindex, null)
  if (nd.lladdr < 0) return
  const update = {
    state: 'STALE',
    override: true,
    weakOverride: true,
    create: true,
    isRouter: false,
  } as const
  neighUpdate(world, ns, link, packet.src, nd.lladdr, update)
}

/** ndisc_redirect_rcv: the protocol that sent what is quoted takes it to its route. */
function redirected(
  world: World,
  ns: Netns,
  link: Link,
  packet: Packet,
  nd: NdBody,
  quoted: Packet | null,
): void {
  if (!isLinkLocal(packet.src) || quoted === null) {
    drop(world, ns, link, packet, 'NOT_SPECIFIED')
    return
  }
  recordStep(world, ns, packet, StepKind.Deliver, StepAction.IcmpError, link.ifindex, null)
  acceptRedirect6(world, ns, link, packet, nd, quoted)
}

/** ndisc_send_na: from the address itself, for anycast from the best of the link. */
function advertise(
  world: World,
  ns: Netns,
  link: Link,
  target: string,
  dst: string,
  flags: number,
  withAddress: boolean,
  cause: number,
): void {
  const src = addrOn(link, target) !== undefined ? target : selectSource6(ns, link, dst)
  if (src === undefined) return
  const router = link.conf.forwarding6 !== 0 ? NA_ROUTER : 0
  const lladdr = withAddress ? link.mac : -1
  const nd: NdBody = { target, flags: flags | router, lladdr, nonce: -1, groups: null }
  sendNd(world, ns, link, NEIGHBOUR_ADVERTISEMENT, src, dst, nd, 24, cause)
}

function sendNd(
  world: World,
  ns: Netns,
  link: Link,
  type: number,
  src: string,
  dst: string,
  nd: NdBody,
  body: number,
  cause: number,
): void {
  const icmp = createIcmp(type, 0)
  icmp.nd = nd
  const options = (nd.lladdr >= 0 ? 8 : 0) + (nd.nonce >= 0 ? 8 : 0)
  linkSend6(world, ns, link, src, dst, icmp, HOP_LIMIT, 40 + body + options, cause)
}

function isAnycast(link: Link, addr: string): boolean {
  return link.inet6?.anycast.includes(addr) ?? false
}

function isSolicitedNode(dst: string): boolean {
  return dst.startsWith('ff0200000000000000000001ff')
}

function drop(world: World, ns: Netns, link: Link, packet: Packet, reason: DropReason): void {
  recordDrop(world, ns, packet, reason, link.ifindex, null)
}
