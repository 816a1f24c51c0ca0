// Models the receiving half of net/ipv4/icmp.c (Linux 6.18). Not here: timestamps, address masks, router discovery.
import { icmpErrorToSockets } from '../sock/icmperr.ts'
import { pingRcv } from '../sock/ping.ts'
import { snmpAdd } from '../snmp.ts'
import { sysctlInt } from '../sysctl.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { Link, Netns, Packet, World } from '../types.ts'
import { addrType } from './fib.ts'
import {
  ICMP_DEST_UNREACH,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_PARAMETERPROB,
  ICMP_REDIRECT,
  ICMP_TIME_EXCEEDED,
  icmpCounter,
  icmpEchoReply,
} from './icmp.ts'

/** Handles an ICMP message for this host: echo is answered, errors go to the sockets that they are about. */
export function icmpRcv(world: World, ns: Netns, link: Link, packet: Packet): void {
  const icmp = packet.icmp
  snmpAdd(ns, 'IcmpInMsgs')
  if (icmp === null) {
    snmpAdd(ns, 'IcmpInErrors')
    recordDrop(world, ns, packet, 'UNHANDLED_PROTO', link.ifindex, null)
    return
  }
  snmpAdd(ns, icmpCounter('In', icmp.type))
  const to = addrType(ns, packet.dst)
  const group = to === 'broadcast' || to === 'multicast'
  if (group && (icmp.type !== ICMP_ECHO || sysctlInt(ns, 'net.ipv4.icmp_echo_ignore_broadcasts') !== 0)) {
    recordDrop(world, ns, packet, 'INVALID_PROTO', link.ifindex, null)
    return
  }
  switch (icmp.type) {
    case ICMP_ECHO:
      if (sysctlInt(ns, 'net.ipv4.icmp_echo_ignore_all') !== 0) {
        recordDrop(world, ns, packet, 'NOT_SPECIFIED', link.ifindex, null)
        return
      }
      recordStep(world, ns, packet, StepKind.Deliver, StepAction.EchoReply, link.ifindex, null)
      icmpEchoReply(world, ns, link, packet)
      return
    case ICMP_ECHOREPLY:
      pingRcv(world, ns, link, packet)
      return
    case ICMP_DEST_UNREACH:
    case ICMP_TIME_EXCEEDED:
    case ICMP_PARAMETERPROB:
    case ICMP_REDIRECT:
      if (icmp.type === ICMP_TIME_EXCEEDED && icmp.code === 1) snmpAdd(ns, 'IpReasmFails')
      recordStep(world, ns, packet, StepKind.Deliver, StepAction.IcmpError, link.ifindex, null)
      if (icmp.quoted !== null) icmpErrorToSockets(world, ns, link, packet, icmp.quoted)
      return
    default:
      recordStep(world, ns, packet, StepKind.Deliver, StepAction.Protocol, link.ifindex, null)
  }
}
