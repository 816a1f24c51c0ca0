// Models net/ipv6/ip6_input.c (Linux 6.18): from the device to a protocol, a group, or forwarding. Not here: extension
// headers but Fragment, early demux, routing headers, jumbograms.
import { isLoopback, isMulticast } from '../../base/addr.ts'
import { defragment } from '../ip/frag.ts'
import type { FibResult } from '../ip/fibindex.ts'
import { NF_ACCEPT, NF_INET_LOCAL_IN, NF_INET_PRE_ROUTING, nfDefrag, nfHook } from '../nf/hook.ts'
import { rawDeliver } from '../sock/raw.ts'
import { tcpRcv } from '../sock/tcpin.ts'
import { udpRcv } from '../sock/udp.ts'
import { snmpAdd } from '../snmp.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { Link, Netns, Packet, World } from '../types.ts'
import { IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP, PACKET_LOOPBACK, PACKET_OTHERHOST } from '../types.ts'
import { icmp6Send } from './icmp6.ts'
import { icmp6Rcv } from './icmp6rcv.ts'
import { isInet6 } from './inet6dev.ts'
import { isJoined } from './mld.ts'
import { ip6Forward } from './output.ts'
import { route6Input } from './route.ts'

/** Handles a received IPv6 packet, which it owns from here. */
export function ip6Rcv(world: World, ns: Netns, link: Link, received: Packet): void {
  let packet = received
  packet.iif = link.ifindex
  if (packet.pktType === PACKET_OTHERHOST) {
    recordDrop(world, ns, packet, 'OTHERHOST', link.ifindex, null)
    return
  }
  snmpAdd(ns, 'Ip6InReceives')
  if (!isInet6(link)) {
    snmpAdd(ns, 'Ip6InDiscards')
    recordDrop(world, ns, packet, 'IPV6DISABLED', link.ifindex, null)
    return
  }
  const outside = link.kind !== 'loopback' && packet.pktType !== PACKET_LOOPBACK
  const { src, dst } = packet
  const bad = isMulticast(src) || (outside && (isLoopback(src) || isLoopback(dst)))
  if (bad || (isMulticast(dst) && scopeDigit(dst) <= (outside ? '1' : '0'))) {
    snmpAdd(ns, 'Ip6InHdrErrors')
    const reason = isMulticast(src) || isLoopback(src) ? 'IP_INVALID_SOURCE' : 'IP_INVALID_DEST'
    recordDrop(world, ns, packet, reason, link.ifindex, null)
    return
  }
  if (ns.nf !== null) {
    const whole = nfDefrag(world, ns, link, packet)
    if (whole === null) return
    packet = whole
    if (nfHook(world, ns, NF_INET_PRE_ROUTING, packet, link.ifindex, 0) !== NF_ACCEPT) return
  }
  if (isMulticast(packet.dst)) {
    multicastInput(world, ns, link, packet)
    return
  }
  // What this host sent to itself still has its output route, unless PREROUTING changed where it goes.
  if (!outside && packet.dst === dst) {
    // It counts as heard by the device of the address.
    const owner = ns.links.find((one) => one?.addrs.some((addr) => addr.addr === dst)) ?? link
    packet.iif = owner.ifindex
    localDeliver6(world, ns, owner, packet)
    return
  }
  routed(world, ns, link, packet, route6Input(world, ns, link, packet))
}

/** ip6_input: reassembly, hook INPUT, the protocol. */
export function localDeliver6(world: World, ns: Netns, link: Link, fragmentOrPacket: Packet): void {
  let packet = fragmentOrPacket
  if (packet.moreFrags || packet.fragOffset !== 0) {
    const whole = defragment(world, ns, link, packet)
    if (whole === null) return
    packet = whole
  }
  if (ns.nf !== null && nfHook(world, ns, NF_INET_LOCAL_IN, packet, link.ifindex, 0) !== NF_ACCEPT) return
  snmpAdd(ns, 'Ip6InDelivers')
  const raw = ns.sockets !== null && rawDeliver(world, ns, link, packet)
  switch (packet.proto) {
    case IPPROTO_ICMPV6:
      icmp6Rcv(world, ns, link, packet)
      return
    case IPPROTO_UDP:
      udpRcv(world, ns, link, packet)
      return
    case IPPROTO_TCP:
      tcpRcv(world, ns, link, packet)
      return
  }
  if (raw) {
    recordDrop(world, ns, packet, 'CONSUMED', link.ifindex, null)
    return
  }
  snmpAdd(ns, 'Ip6InUnknownProtos')
  icmp6Send(world, ns, packet, 4, 1, NEXT_HEADER_AT)
  recordDrop(world, ns, packet, 'IP_NOPROTO', link.ifindex, null)
}

/** Where the header that nobody knows is named. */
const NEXT_HEADER_AT = 6

function routed(world: World, ns: Netns, link: Link, packet: Packet, fib: FibResult): void {
  if (fib.errno === '' && (fib.type === 'local' || fib.type === 'anycast')) {
    recordStep(world, ns, packet, StepKind.Route, StepAction.Local, link.ifindex, fib.route)
    localDeliver6(world, ns, link, packet)
    return
  }
  if (fib.errno === '' && fib.type === 'unicast') {
    recordStep(world, ns, packet, StepKind.Route, StepAction.Unicast, link.ifindex, fib.route)
    ip6Forward(world, ns, link, packet, fib)
    return
  }
  const evidence = fib.route ?? fib.rule
  recordStep(world, ns, packet, StepKind.Route, StepAction.NoRoute, link.ifindex, evidence)
  if (fib.errno === 'EINVAL') {
    recordDrop(world, ns, packet, 'IP_BLACKHOLE', link.ifindex, evidence)
    return
  }
  // ip6_pkt_discard and ip6_pkt_prohibit tell the sender, on a host that does not forward too.
  snmpAdd(ns, 'Ip6InNoRoutes')
  icmp6Send(world, ns, packet, 1, fib.errno === 'EACCES' ? 1 : 0, 0)
  const reason =
    fib.errno === 'EACCES' ? 'IP_PROHIBIT' : fib.errno === 'EHOSTUNREACH' ? 'IP_UNREACHABLE' : 'IP_INNOROUTES'
  recordDrop(world, ns, packet, reason, link.ifindex, evidence)
}

/** ip6_mc_input: for a group that nobody here listens to the packet is as good as somebody else's. */
function multicastInput(world: World, ns: Netns, link: Link, packet: Packet): void {
  snmpAdd(ns, 'Ip6InMcastPkts')
  if (!isJoined(link, packet.dst as string)) {
    recordDrop(world, ns, packet, 'OTHERHOST', link.ifindex, null)
    return
  }
  recordStep(world, ns, packet, StepKind.Route, StepAction.Multicast, link.ifindex, null)
  localDeliver6(world, ns, link, packet)
}

function scopeDigit(dst: Packet['dst']): string {
  return (dst as string)[3]!
}
