/**
 * Bridge netfilter: IP's hooks inside a bridge, where net.bridge.bridge-nf-call-iptables (ip6tables) asks for them.
 * Models net/bridge/br_netfilter_hooks.c and br_netfilter_ipv6.c (Linux 6.18) with the module loaded. Not here: frames
 * in vlan and PPPoE tags, arptables, nf-pass-vlan-input-dev.
 */
import { defragment, fragment } from '../ip/frag.ts'
import { neighLookup, neighResolve } from '../ip/neigh.ts'
import { gatewayOf, ipRouteOutput, isRefusal, routeInput } from '../ip/route.ts'
import { route6Input } from '../ip6/route.ts'
import { sysctlInt } from '../sysctl.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { Link, Netns, Packet, World } from '../types.ts'
import { ETH_P_IP, ETH_P_IPV6, PACKET_HOST, PACKET_OTHERHOST } from '../types.ts'
import { ctOf } from './conntrack.ts'
import { NF_ACCEPT, NF_INET_FORWARD, NF_INET_POST_ROUTING, NF_INET_PRE_ROUTING, nfRun } from './hook.ts'
import { BRNF_INFO } from './match.ts'
import { CT_STATUS } from './types.ts'

/** The frame waits for a neighbour and comes back through the bridge device: it is not the bridge's own. */
export const BRNF_BRIDGED_DNAT = 4
/** An IPv6 packet whose route was looked up here; the bridge itself receives it. */
export const BRNF_ROUTED = 8

/**
 * `bridge`: the frame goes on as it is. `taken`: it was dropped, or is on its way through the neighbour. The packet may
 * be another one than was given (put together from fragments).
 */
export interface BrnfResult {
  verdict: 'bridge' | 'taken'
  packet: Packet
}

/** br_nf_pre_routing: a frame entered by a port. */
export function brnfPreRouting(
  world: World,
  ns: Netns,
  brLink: Link,
  port: Link,
  received: Packet,
): BrnfResult {
  const asIs: BrnfResult = { verdict: 'bridge', packet: received }
  if (received.vlan !== 0 || !isCalled(ns, received)) return asIs
  const taken: BrnfResult = { verdict: 'taken', packet: received }
  let packet = received
  packet.nfBridge = BRNF_INFO
  packet.physIn = port.ifindex
  packet.physOut = 0
  if (packet.moreFrags || packet.fragOffset !== 0) {
    const active = typeof packet.src === 'number' ? ns.nf?.active4 : ns.nf?.active6
    if (active === true) {
      const whole = defragment(world, ns, brLink, packet)
      if (whole === null) return taken
      packet = whole
    }
  }
  const other = packet.pktType === PACKET_OTHERHOST
  if (other) packet.pktType = PACKET_HOST
  const { dst } = packet
  if (nfRun(world, ns, NF_INET_PRE_ROUTING, packet, brLink.ifindex, 0) !== NF_ACCEPT) return taken
  if (other) packet.pktType = PACKET_OTHERHOST
  if (packet.dst === dst) return { verdict: 'bridge', packet }
  return translated(world, ns, brLink, packet)
}

/**
 * br_nf_forward_ip and br_nf_post_routing: a frame that came in by a port (or went through a neighbour) leaves by
 * another. The frames to send: none where it was dropped, several where it had to be cut again.
 */
export function brnfForward(world: World, ns: Netns, brLink: Link, to: Link, packet: Packet): Packet[] {
  if ((packet.nfBridge & BRNF_INFO) === 0) return [packet]
  packet.physOut = to.ifindex
  const other = packet.pktType === PACKET_OTHERHOST
  if (other) packet.pktType = PACKET_HOST
  const bridge = brLink.ifindex
  if (nfRun(world, ns, NF_INET_FORWARD, packet, bridge, bridge) !== NF_ACCEPT) return []
  if (nfRun(world, ns, NF_INET_POST_ROUTING, packet, 0, bridge) !== NF_ACCEPT) return []
  if (other) packet.pktType = PACKET_OTHERHOST
  packet.nfBridge = 0
  packet.physOut = 0
  const room = packet.fragMax === 0 ? to.mtu : Math.min(to.mtu, packet.fragMax)
  if (packet.length <= room) return [packet]
  const { smac, dmac } = packet
  const pieces = fragment(world, ns, packet, to.ifindex, room)
  for (const piece of pieces) Object.assign(piece, { smac, dmac })
  return pieces
}

/**
 * br_nf_dev_xmit: the bridge device transmits a frame that only waited for its neighbour: it goes on as if it had just
 * come in by its port, with the source address that it had. Undefined: the frame is the bridge's own.
 */
export function brnfDevXmit(ns: Netns, packet: Packet): Link | undefined {
  if ((packet.nfBridge & BRNF_BRIDGED_DNAT) === 0) return undefined
  packet.nfBridge &= ~BRNF_BRIDGED_DNAT
  packet.physOut = 0
  packet.smac = packet.savedMac
  const conn = ctOf(ns, packet)
  if (conn !== undefined) conn.status &= ~CT_STATUS.PARKED
  return ns.links[packet.physIn]
}

function isCalled(ns: Netns, packet: Packet): boolean {
  if (packet.etherType === ETH_P_IP) {
    return ns.nf?.rules4 != null && sysctlInt(ns, 'net.bridge.bridge-nf-call-iptables') !== 0
  }
  if (packet.etherType !== ETH_P_IPV6 || ns.nf?.rules6 == null) return false
  return sysctlInt(ns, 'net.bridge.bridge-nf-call-ip6tables') !== 0
}

/**
 * PREROUTING changed the destination. Where that lies behind the same bridge the frame stays bridged and takes the new
 * neighbour's address; elsewhere the bridge itself receives and routes it.
 */
function translated(world: World, ns: Netns, brLink: Link, packet: Packet): BrnfResult {
  const way = wayOf(world, ns, brLink, packet)
  if (way === null) {
    recordDrop(world, ns, packet, 'IP_INNOROUTES', brLink.ifindex, null)
    return { verdict: 'taken', packet }
  }
  if (way === 'up') {
    packet.dmac = brLink.mac
    packet.pktType = PACKET_HOST
    if (typeof packet.dst === 'string') packet.nfBridge |= BRNF_ROUTED
    return { verdict: 'bridge', packet }
  }
  recordStep(world, ns, packet, StepKind.Route, StepAction.Unicast, brLink.ifindex, way.evidence)
  const neigh = neighLookup(ns, brLink.ifindex, way.nextHop)
  const connected = neigh?.state === 'REACHABLE' || neigh?.state === 'PERMANENT' || neigh?.state === 'NOARP'
  if (neigh !== undefined && connected && neigh.hh) {
    recordStep(world, ns, packet, StepKind.Neigh, StepAction.Resolved, brLink.ifindex, neigh)
    packet.dmac = neigh.mac
    return { verdict: 'bridge', packet }
  }
  packet.nfBridge |= BRNF_BRIDGED_DNAT
  packet.savedMac = packet.smac
  packet.nextHop = way.nextHop
  const conn = ctOf(ns, packet)
  if (conn !== undefined && (conn.status & CT_STATUS.CONFIRMED) === 0) conn.status |= CT_STATUS.PARKED
  neighResolve(world, ns, brLink, packet, way.nextHop)
  return { verdict: 'taken', packet }
}

interface Way {
  nextHop: Packet['dst']
  evidence: unknown
}

/** Bridged to a neighbour, `up` to be routed, or null for nowhere. */
function wayOf(world: World, ns: Netns, brLink: Link, packet: Packet): Way | 'up' | null {
  if (typeof packet.dst === 'string') {
    const fib = route6Input(world, ns, brLink, packet)
    if (fib.errno !== '') return null
    if (fib.type !== 'unicast' || fib.nexthop?.oif !== brLink.ifindex) return 'up'
    return { nextHop: fib.nexthop.via ?? packet.dst, evidence: fib.route }
  }
  const { dst, src, tos, mark } = packet
  const route = routeInput(world, ns, brLink, dst, src as number, tos, mark, false)
  if (route.kind === 'forward' || route.kind === 'local') {
    if (route.kind === 'local' || route.fib.nexthop?.oif !== brLink.ifindex) return 'up'
    return { nextHop: gatewayOf(route.fib) ?? dst, evidence: route.fib.route }
  }
  // A host that does not forward still bridges what it has translated.
  if (route.kind !== 'error' || brLink.conf.forwarding !== 0) return null
  const out = ipRouteOutput(world, ns, { dst, src: 0, oif: 0, mark: 0, tos })
  if (isRefusal(out) || out.oif !== brLink.ifindex) return null
  return { nextHop: out.nextHop, evidence: out.fib.route }
}
