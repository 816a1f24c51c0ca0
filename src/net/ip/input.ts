// Models net/ipv4/ip_input.c and ip_error of route.c (Linux 6.18): from the device to a protocol or to forwarding.
// Not here: IP options, early demux, VRF.
import { NF_ACCEPT, NF_INET_LOCAL_IN, NF_INET_PRE_ROUTING, nfDefrag, nfHook } from '../nf/hook.ts'
import { rawDeliver } from '../sock/raw.ts'
import { tcpRcv } from '../sock/tcpin.ts'
import { udpRcv } from '../sock/udp.ts'
import { snmpAdd, snmpOf } from '../snmp.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { Link, Netns, Packet, World } from '../types.ts'
import {
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  PACKET_BROADCAST,
  PACKET_LOOPBACK,
  PACKET_OTHERHOST,
} from '../types.ts'
import { MS } from '../wheel.ts'
import { ipForward } from './forward.ts'
import { defragment } from './frag.ts'
import { icmpPeer, icmpSend } from './icmp.ts'
import { icmpRcv } from './icmprcv.ts'
import { plainForward, ruledForward } from './plainforward.ts'
import type { InputRoute } from './route.ts'
import { routeInput } from './route.ts'

/** ip_error: five errors at once to one source, then one a second; ICMP's own limit takes from the same tokens. */
const ERROR_COST = 1000
const ERROR_BURST = 5000

/** Handles a received IPv4 packet, which it owns from here. */
export function ipRcv(world: World, ns: Netns, link: Link, received: Packet): void {
  let packet = received
  packet.iif = link.ifindex
  if (packet.pktType === PACKET_OTHERHOST) {
    recordDrop(world, ns, packet, 'OTHERHOST', link.ifindex, null)
    return
  }
  snmpOf(ns).IpInReceives++
  const dst = packet.dst
  if (ns.nf !== null) {
    const whole = nfDefrag(world, ns, link, packet)
    if (whole === null) return
    packet = whole
    if (nfHook(world, ns, NF_INET_PRE_ROUTING, packet, link.ifindex, 0) !== NF_ACCEPT) return
    if (ruledForward(world, ns, link, packet)) return
  } else if (plainForward(world, ns, link, packet)) return
  ipRcvFinish(world, ns, link, packet, dst !== packet.dst)
}

/**
 * ip_rcv_finish: the routing decision and what follows. Also entered by what reassembles or bridges before PREROUTING.
 * `translated` says that PREROUTING changed the destination, so that a looped packet's own route no longer holds.
 */
export function ipRcvFinish(world: World, ns: Netns, link: Link, packet: Packet, translated: boolean): void {
  // What this host sent to itself still has its output route; no look-up, no source validation.
  if (!translated && (link.kind === 'loopback' || packet.pktType === PACKET_LOOPBACK)) {
    localDeliver(world, ns, link, packet)
    return
  }
  const { dst, src, tos, mark } = packet
  const route = routeInput(world, ns, link, dst as number, src as number, tos, mark, false)
  switch (route.kind) {
    case 'forward':
      recordStep(world, ns, packet, StepKind.Route, StepAction.Unicast, link.ifindex, route.fib.route)
      ipForward(world, ns, link, packet, route.fib, route.redirect)
      return
    case 'local':
      recordStep(world, ns, packet, StepKind.Route, StepAction.Local, link.ifindex, route.fib.route)
      localDeliver(world, ns, link, packet)
      return
    case 'broadcast':
    case 'multicast': {
      const action = route.kind === 'broadcast' ? StepAction.Broadcast : StepAction.Multicast
      snmpAdd(ns, route.kind === 'broadcast' ? 'IpExtInBcastPkts' : 'IpExtInMcastPkts')
      recordStep(world, ns, packet, StepKind.Route, action, link.ifindex, route.fib.route)
      if (packet.pktType !== PACKET_LOOPBACK) packet.pktType = PACKET_BROADCAST
      localDeliver(world, ns, link, packet)
      return
    }
    case 'error':
      ipError(world, ns, link, packet, route)
      return
    case 'drop':
      if (route.reason === 'IP_RPFILTER') snmpAdd(ns, 'TcpExtIPReversePathFilter')
      recordDrop(world, ns, packet, route.reason === '' ? 'NOT_SPECIFIED' : route.reason, link.ifindex, null)
      return
  }
}

/** ip_local_deliver: reassembly, hook INPUT, the protocol. */
export function localDeliver(world: World, ns: Netns, link: Link, fragmentOrPacket: Packet): void {
  let packet = fragmentOrPacket
  if (packet.moreFrags || packet.fragOffset !== 0) {
    const whole = defragment(world, ns, link, packet)
    if (whole === null) return
    packet = whole
  }
  if (ns.nf !== null && nfHook(world, ns, NF_INET_LOCAL_IN, packet, link.ifindex, 0) !== NF_ACCEPT) return
  deliverProtocol(world, ns, link, packet)
}

function deliverProtocol(world: World, ns: Netns, link: Link, packet: Packet): void {
  const raw = ns.sockets !== null && rawDeliver(world, ns, link, packet)
  switch (packet.proto) {
    case IPPROTO_ICMP:
      snmpOf(ns).IpInDelivers++
      icmpRcv(world, ns, link, packet)
      return
    case IPPROTO_UDP:
      snmpOf(ns).IpInDelivers++
      udpRcv(world, ns, link, packet)
      return
    case IPPROTO_TCP:
      snmpOf(ns).IpInDelivers++
      tcpRcv(world, ns, link, packet)
      return
  }
  if (raw) {
    snmpOf(ns).IpInDelivers++
    recordDrop(world, ns, packet, 'CONSUMED', link.ifindex, null)
    return
  }
  snmpAdd(ns, 'IpInUnknownProtos')
  icmpSend(world, ns, packet, 3, 2, 0)
  recordDrop(world, ns, packet, 'IP_NOPROTO', link.ifindex, null)
}

/** There is no route: an error to the sender, or silence from a host that does not forward. */
function ipError(world: World, ns: Netns, link: Link, packet: Packet, route: InputRoute): void {
  const evidence = route.fib.route ?? route.fib.rule
  recordStep(world, ns, packet, StepKind.Route, StepAction.NoRoute, link.ifindex, evidence)
  if (link.conf.forwarding === 0) {
    snmpAdd(ns, 'IpInAddrErrors')
    recordDrop(world, ns, packet, 'IP_INADDRERRORS', link.ifindex, evidence)
    return
  }
  let code = -1
  if (route.errno === 'EHOSTUNREACH') code = 1
  else if (route.errno === 'ENETUNREACH') {
    code = 0
    snmpAdd(ns, 'IpExtInNoRoutes')
  } else if (route.errno === 'EACCES') code = 13
  if (code >= 0) {
    const peer = icmpPeer(world, ns, packet.src)
    peer.tokens = Math.min(ERROR_BURST, peer.tokens + Math.floor((world.now - peer.at) / MS))
    peer.at = world.now
    if (peer.tokens >= ERROR_COST) {
      peer.tokens -= ERROR_COST
      icmpSend(world, ns, packet, 3, code, 0)
    }
  }
  recordDrop(world, ns, packet, dropReason(route), link.ifindex, evidence)
}

function dropReason(route: InputRoute): 'IP_BLACKHOLE' | 'IP_UNREACHABLE' | 'IP_PROHIBIT' | 'IP_INNOROUTES' {
  switch (route.fib.type) {
    case 'blackhole':
      return 'IP_BLACKHOLE'
    case 'unreachable':
      return 'IP_UNREACHABLE'
    case 'prohibit':
      return 'IP_PROHIBIT'
    default:
      return 'IP_INNOROUTES'
  }
}
