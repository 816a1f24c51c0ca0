// Models net/ipv4/arp.c (Linux 6.18). Not here: arp_filter, proxy_arp_pvlan, per-address proxies (`ip neigh add proxy`)
// and the random delay of a proxy's answer.
import type { Mac } from '../../base/addr.ts'
import { BROADCAST_MAC, isLoopback, isMulticast } from '../../base/addr.ts'
import { devQueueXmit } from '../link/xmit.ts'
import { createPacket } from '../packet.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { ArpHeader, Link, Neigh, Netns, Packet, World } from '../types.ts'
import { ETH_P_ARP, PACKET_HOST, PACKET_LOOPBACK, PACKET_OTHERHOST } from '../types.ts'
import { SEC } from '../wheel.ts'
import { inAddrOnlink, inetSelectAddr } from './devinet.ts'
import { addrType } from './fib.ts'
import { icmpSend } from './icmp.ts'
import { neighLookup, neighUpdate } from './neigh.ts'
import { routeInput } from './route.ts'

const ARP_REQUEST = 1
const ARP_REPLY = 2
const RT_SCOPE_LINK = 253
/** An answer within a second of the last change does not change it again, so that the first of several wins. */
const LOCKTIME_NS = SEC

/** Handles a received ARP packet: answers for own addresses, learns the sender, updates what is known. */
export function arpRcv(world: World, ns: Netns, link: Link, packet: Packet): void {
  const arp = packet.arp
  if (
    arp === null ||
    link.noarp ||
    packet.pktType === PACKET_OTHERHOST ||
    packet.pktType === PACKET_LOOPBACK
  ) {
    const reason = packet.pktType === PACKET_OTHERHOST ? 'OTHERHOST' : 'NOT_SPECIFIED'
    recordDrop(world, ns, packet, reason, link.ifindex, null)
    return
  }
  const bad =
    (arp.op !== ARP_REQUEST && arp.op !== ARP_REPLY) ||
    isMulticast(arp.tpa) ||
    (isLoopback(arp.tpa) && confMax(ns, link, 'routeLocalnet') === 0)
  if (bad) {
    recordDrop(world, ns, packet, 'NOT_SPECIFIED', link.ifindex, null)
    return
  }
  if (arp.spa === 0) {
    answerProbe(world, ns, link, packet, arp)
    return
  }
  if (arp.op === ARP_REQUEST && answerRequest(world, ns, link, packet, arp)) return
  learn(world, ns, link, packet, arp)
}

/** Asks who has `neigh.ip`: everybody, or the known address only. The source is the waiting packet's, if it is ours. */
export function arpSolicit(
  world: World,
  ns: Netns,
  link: Link,
  neigh: Neigh,
  packet: Packet | null,
  unicast: boolean,
): void {
  const target = neigh.ip as number
  const source = solicitSource(ns, link, target, packet)
  const cause = packet === null ? 0 : packet.trace
  arpSend(world, ns, link, ARP_REQUEST, target, source, unicast ? neigh.mac : BROADCAST_MAC, 0, cause)
}

/** Nobody answered: host unreachable to the sender of a packet that waited. */
export function arpErrorReport(world: World, ns: Netns, packet: Packet): void {
  icmpSend(world, ns, packet, 3, 1, 0)
}

/** An announcement of one of the link's own addresses (gratuitous ARP), as arp_notify makes it. */
export function arpAnnounce(world: World, ns: Netns, link: Link, addr: number): void {
  arpSend(world, ns, link, ARP_REQUEST, addr, addr, BROADCAST_MAC, 0, 0)
}

/**
 * Builds and sends an ARP packet. `dmac` is where the frame goes, `tha` what it says of the target (0 in requests),
 * `cause` the trace of the packet that gave rise to it.
 */
export function arpSend(
  world: World,
  ns: Netns,
  link: Link,
  op: number,
  tpa: number,
  spa: number,
  dmac: Mac,
  tha: Mac,
  cause: number,
): void {
  if (link.noarp || link.kind === 'loopback') return
  const packet = createPacket(world, ETH_P_ARP, cause)
  packet.arp = { op, sha: link.mac, spa, tha, tpa }
  packet.length = 28
  packet.smac = link.mac
  packet.dmac = dmac
  packet.oif = link.ifindex
  recordStep(world, ns, packet, StepKind.Originate, StepAction.ArpInput, link.ifindex, null)
  devQueueXmit(world, ns, link, packet)
}

/** Sender 0.0.0.0: somebody asks before taking an address (RFC 5227). Answered, never learned from. */
function answerProbe(world: World, ns: Netns, link: Link, packet: Packet, arp: ArpHeader): void {
  recordStep(world, ns, packet, StepKind.Deliver, StepAction.ArpInput, link.ifindex, null)
  const own = arp.op === ARP_REQUEST && addrType(ns, arp.tpa) === 'local'
  if (own && !ignored(ns, link, arp)) {
    arpSend(world, ns, link, ARP_REPLY, 0, arp.tpa, arp.sha, arp.sha, packet.trace)
  }
}

/** True where the request was for this host or for somebody it speaks for; then nothing more is learned. */
function answerRequest(world: World, ns: Netns, link: Link, packet: Packet, arp: ArpHeader): boolean {
  const route = routeInput(world, ns, link, arp.tpa, arp.spa, 0, 0, true)
  if (route.kind === 'local') {
    recordStep(world, ns, packet, StepKind.Deliver, StepAction.ArpInput, link.ifindex, route.fib.route)
    if (!ignored(ns, link, arp)) reply(world, ns, link, packet, arp)
    return true
  }
  const proxy = route.kind === 'forward' && confMax(ns, link, 'proxyArp') !== 0
  if (!proxy || route.fib.nexthop?.oif === link.ifindex) return false
  recordStep(world, ns, packet, StepKind.Deliver, StepAction.ArpInput, link.ifindex, route.fib.route)
  reply(world, ns, link, packet, arp)
  return true
}

function reply(world: World, ns: Netns, link: Link, packet: Packet, arp: ArpHeader): void {
  neighUpdate(world, ns, link, arp.spa, arp.sha, { state: 'STALE', override: true, create: true })
  arpSend(world, ns, link, ARP_REPLY, arp.spa, arp.tpa, arp.sha, arp.sha, packet.trace)
}

/** Replies and gratuitous ARP update what is known; only arp_accept lets them make an entry. */
function learn(world: World, ns: Netns, link: Link, packet: Packet, arp: ArpHeader): void {
  const known = neighLookup(ns, link.ifindex, arp.spa)
  const accept = confMax(ns, link, 'arpAccept')
  const gratuitous = isGratuitous(ns, arp)
  const make =
    known === undefined &&
    accept !== 0 &&
    (accept === 1 || inAddrOnlink(link, arp.spa, 0)) &&
    (gratuitous || (arp.op === ARP_REPLY && addrType(ns, arp.spa) === 'unicast'))
  recordStep(world, ns, packet, StepKind.Deliver, StepAction.ArpInput, link.ifindex, known ?? null)
  if (known === undefined && !make) {
    recordDrop(world, ns, packet, 'CONSUMED', link.ifindex, null)
    return
  }
  const late = known === undefined || world.now > known.updatedAt + LOCKTIME_NS
  const solicited = arp.op === ARP_REPLY && packet.pktType === PACKET_HOST
  neighUpdate(world, ns, link, arp.spa, arp.sha, {
    state: solicited ? 'REACHABLE' : 'STALE',
    override: late || gratuitous,
    create: make,
  })
}

/** arp_is_garp: sender and target address are one, and of somebody else. */
function isGratuitous(ns: Netns, arp: ArpHeader): boolean {
  if (arp.tpa !== arp.spa) return false
  if (arp.op === ARP_REPLY && arp.tha !== 0 && arp.tha !== arp.sha) return false
  return addrType(ns, arp.spa) === 'unicast'
}

/** arp_ignore: 0 answers for any local address on any device, 1 the device's own, 2 also from its subnet, 3-8. */
function ignored(ns: Netns, link: Link, arp: ArpHeader): boolean {
  const own = link.addrs.some((a) => a.addr === arp.tpa)
  switch (confMax(ns, link, 'arpIgnore')) {
    case 0:
      return false
    case 1:
      return !own
    case 2:
      return !(own && inAddrOnlink(link, arp.spa, arp.tpa))
    case 3: {
      const scope = linkScopeOf(ns, arp.tpa)
      return scope === undefined || scope >= RT_SCOPE_LINK + 1
    }
    case 8:
      return true
    default:
      return false
  }
}

function linkScopeOf(ns: Netns, addr: number): number | undefined {
  for (const link of ns.links) {
    const found = link?.addrs.find((a) => a.addr === addr)
    if (found !== undefined) return found.scope
  }
  return undefined
}

/** arp_announce: 0 the packet's own source, 1 that if the target shares its subnet, 2 the best of the device. */
function solicitSource(ns: Netns, link: Link, target: number, packet: Packet | null): number {
  const announce = confMax(ns, link, 'arpAnnounce')
  const src = packet === null || typeof packet.src !== 'number' ? 0 : packet.src
  if (src !== 0 && announce < 2 && addrType(ns, src) === 'local') {
    if (announce === 0 || inAddrOnlink(link, target, src)) return src
  }
  return inetSelectAddr(ns, link, target, RT_SCOPE_LINK)
}

function confMax(
  ns: Netns,
  link: Link,
  name: 'routeLocalnet' | 'proxyArp' | 'arpIgnore' | 'arpAnnounce' | 'arpAccept',
): number {
  return Math.max(ns.confAll[name], link.conf[name])
}
