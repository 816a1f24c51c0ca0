/** Messages about the link itself, neighbour discovery and MLD: they need no route (icmp6_dst_alloc, Linux 6.18). */
import { neighResolve } from '../ip/neigh.ts'
import { NF_ACCEPT, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING, nfHook } from '../nf/hook.ts'
import { createPacket } from '../packet.ts'
import { snmpAdd } from '../snmp.ts'
import { recordStep, StepAction, StepKind } from '../trace.ts'
import type { IcmpHeader, Link, Netns, World } from '../types.ts'
import { ETH_P_IPV6, IPPROTO_ICMPV6, PACKET_HOST } from '../types.ts'

/** Sends an ICMPv6 message over `link`. `length` counts from the IPv6 header on; `cause` is the trace that gave rise to it. */
export function linkSend6(
  world: World,
  ns: Netns,
  link: Link,
  src: string,
  dst: string,
  icmp: IcmpHeader,
  hopLimit: number,
  length: number,
  cause: number,
): void {
  if (link.kind === 'loopback') return
  const packet = createPacket(world, ETH_P_IPV6, cause)
  Object.assign(packet, { src, dst, icmp, length, proto: IPPROTO_ICMPV6, ttl: hopLimit })
  packet.pktType = PACKET_HOST
  packet.oif = link.ifindex
  packet.nextHop = dst
  snmpAdd(ns, 'Ip6OutRequests')
  snmpAdd(ns, 'Icmp6OutMsgs')
  snmpAdd(ns, `Icmp6OutType${icmp.type}`)
  recordStep(world, ns, packet, StepKind.Originate, StepAction.Protocol, link.ifindex, null)
  if (ns.nf !== null) {
    if (nfHook(world, ns, NF_INET_LOCAL_OUT, packet, 0, link.ifindex) !== NF_ACCEPT) return
    if (nfHook(world, ns, NF_INET_POST_ROUTING, packet, 0, link.ifindex) !== NF_ACCEPT) return
  }
  neighResolve(world, ns, link, packet, dst)
}
