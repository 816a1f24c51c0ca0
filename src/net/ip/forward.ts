// Models net/ipv4/ip_forward.c (Linux 6.18). Not here: source routing, router alert, xfrm.
import { NF_ACCEPT, NF_INET_FORWARD, nfHook } from '../nf/hook.ts'
import { snmpAdd, snmpOf } from '../snmp.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { Link, Netns, Packet, World } from '../types.ts'
import { PACKET_HOST } from '../types.ts'
import { MS, SEC } from '../wheel.ts'
import { icmpPeer, icmpSend } from './icmp.ts'
import { ipOutput } from './output.ts'
import type { FibResult } from './fibindex.ts'
import { exceptionOf, gatewayOf } from './route.ts'

/** RFC 1812 5.3.7: so many redirects to one source that goes on ignoring them. */
const REDIRECT_NUMBER = 9
const REDIRECT_LOAD_NS = 20 * MS
const REDIRECT_SILENCE_NS = 20.48 * SEC

/** Sends a received packet on: TTL, size, redirect, hook FORWARD, output. */
export function ipForward(
  world: World,
  ns: Netns,
  link: Link,
  packet: Packet,
  fib: FibResult,
  redirect: boolean,
): void {
  if (packet.pktType !== PACKET_HOST) {
    recordDrop(world, ns, packet, 'NOT_SPECIFIED', link.ifindex, null)
    return
  }
  const out = ns.links[fib.nexthop!.oif]!
  if (packet.ttl <= 1) {
    snmpAdd(ns, 'IpInHdrErrors')
    icmpSend(world, ns, packet, 11, 0, 0)
    recordDrop(world, ns, packet, 'TTL_EXPIRED', link.ifindex, fib.route)
    return
  }
  const routeMtu = fib.route!.mtu
  const mtu = routeMtu !== 0 ? routeMtu : out.mtu
  if (packet.df && packet.length > mtu) {
    snmpAdd(ns, 'IpFragFails')
    icmpSend(world, ns, packet, 3, 4, mtu)
    recordDrop(world, ns, packet, 'PKT_TOO_BIG', link.ifindex, fib.route)
    return
  }
  packet.ttl--
  const learned = ns.exceptions === null ? null : exceptionOf(world, ns, packet.dst)
  packet.nextHop = learned?.gateway ?? gatewayOf(fib) ?? packet.dst
  recordStep(world, ns, packet, StepKind.Forward, StepAction.None, out.ifindex, null)
  if (redirect) sendRedirect(world, ns, packet)
  if (ns.nf !== null && nfHook(world, ns, NF_INET_FORWARD, packet, link.ifindex, out.ifindex) !== NF_ACCEPT)
    return
  snmpOf(ns).IpForwDatagrams++
  ipOutput(world, ns, packet, out, mtu)
}

/** ip_rt_send_redirect: tells a neighbour of the shorter way, each time after a longer pause. */
function sendRedirect(world: World, ns: Netns, packet: Packet): void {
  const peer = icmpPeer(world, ns, packet.src)
  if (world.now > peer.at + REDIRECT_SILENCE_NS) {
    peer.tokens = 0
    peer.redirects = 0
  }
  if (peer.redirects >= REDIRECT_NUMBER) {
    peer.at = world.now
    return
  }
  if (peer.redirects !== 0 && world.now <= peer.at + REDIRECT_LOAD_NS * 2 ** peer.redirects) return
  icmpSend(world, ns, packet, 5, 1, packet.nextHop)
  peer.at = world.now
  peer.redirects++
}
