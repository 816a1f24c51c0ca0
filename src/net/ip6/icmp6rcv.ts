// Models the receiving half of net/ipv6/icmp.c and icmp6 errors at sockets (udpv6_err, rawv6_err, ping_err; Linux 6.18).
// Refused by name where they arrive: router advertisements, redirects and multicast listener queries.
import { updatePmtu } from '../ip/route.ts'
import { pingRcv, pingSocket } from '../sock/ping.ts'
import { rawMatches } from '../sock/raw.ts'
import { sockQueueError, sockWake } from '../sock/socket.ts'
import { tcpErr } from '../sock/tcperr.ts'
import { udpSender } from '../sock/udp.ts'
import { snmpAdd } from '../snmp.ts'
import { sysctlInt } from '../sysctl.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { IcmpHeader, Link, Netns, Packet, Socket, World } from '../types.ts'
import { IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../types.ts'
import {
  echoReply6,
  ICMPV6_DEST_UNREACH,
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
  ICMPV6_PARAMPROB,
  ICMPV6_PKT_TOOBIG,
  ICMPV6_TIME_EXCEED,
} from './icmp6.ts'
import { IPV6_MIN_MTU } from './inet6dev.ts'
import { ndiscRcv } from './ndisc.ts'

/** Handles an ICMPv6 message for this host or a group of its. */
export function icmp6Rcv(world: World, ns: Netns, link: Link, packet: Packet): void {
  const icmp = packet.icmp
  snmpAdd(ns, 'Icmp6InMsgs')
  if (icmp === null) {
    snmpAdd(ns, 'Icmp6InErrors')
    recordDrop(world, ns, packet, 'UNHANDLED_PROTO', link.ifindex, null)
    return
  }
  snmpAdd(ns, `Icmp6InType${icmp.type}`)
  switch (icmp.type) {
    case ICMPV6_ECHO_REQUEST:
      if (sysctlInt(ns, 'net.ipv6.icmp.echo_ignore_all') !== 0) {
        recordDrop(world, ns, packet, 'NOT_SPECIFIED', link.ifindex, null)
        return
      }
      recordStep(world, ns, packet, StepKind.Deliver, StepAction.EchoReply, link.ifindex, null)
      echoReply6(world, ns, link, packet)
      return
    case ICMPV6_ECHO_REPLY:
      pingRcv(world, ns, link, packet)
      return
    case ICMPV6_DEST_UNREACH:
    case ICMPV6_PKT_TOOBIG:
    case ICMPV6_TIME_EXCEED:
    case ICMPV6_PARAMPROB:
      recordStep(world, ns, packet, StepKind.Deliver, StepAction.IcmpError, link.ifindex, null)
      if (icmp.quoted !== null) errorToSockets(world, ns, link, packet, icmp, icmp.quoted)
      return
    default:
      ndiscRcv(world, ns, link, packet, icmp)
  }
}

function errorToSockets(
  world: World,
  ns: Netns,
  link: Link,
  packet: Packet,
  icmp: IcmpHeader,
  quoted: Packet,
): void {
  const tooBig = icmp.type === ICMPV6_PKT_TOOBIG && icmp.mtu >= IPV6_MIN_MTU
  // ICMPv6 takes the path's MTU whoever sent the packet; UDP only for a socket of its own.
  if (tooBig && quoted.proto === IPPROTO_ICMPV6) updatePmtu(world, ns, quoted.dst, icmp.mtu)
  if (ns.sockets === null) return
  for (const sock of ns.sockets.values()) {
    if (sock.kind === 'raw' && rawMatches(sock, quoted.proto, quoted.src, quoted.dst, 0)) {
      report(world, ns, sock, packet, icmp, quoted)
    }
  }
  const owner = senderOf(ns, quoted)
  if (owner !== undefined) {
    if (tooBig) updatePmtu(world, ns, quoted.dst, icmp.mtu)
    report(world, ns, owner, packet, icmp, quoted)
  } else if (quoted.proto === IPPROTO_TCP) tcpErr(world, ns, link, packet, quoted)
}

function senderOf(ns: Netns, quoted: Packet): Socket | undefined {
  if (quoted.proto === IPPROTO_UDP) return udpSender(ns, quoted)
  if (quoted.proto !== IPPROTO_ICMPV6 || quoted.icmp === null) return undefined
  return pingSocket(ns, quoted.icmp.id, quoted.src, quoted.dst)
}

/** icmpv6_err_convert, then what a socket of the kind makes of it. */
function report(
  world: World,
  ns: Netns,
  sock: Socket,
  packet: Packet,
  icmp: IcmpHeader,
  quoted: Packet,
): void {
  const { errno, fatal } = meaningOf(icmp.type, icmp.code)
  const hard = icmp.type === ICMPV6_PKT_TOOBIG ? sock.pmtudisc === 2 : fatal
  if (sock.recvErr) {
    sockQueueError(sock, {
      at: world.now,
      packet: quoted,
      errno,
      offender: packet.src,
      info: icmp.type === ICMPV6_PKT_TOOBIG || icmp.type === ICMPV6_PARAMPROB ? icmp.mtu : 0,
      origin: 'icmp',
      type: icmp.type,
      code: icmp.code,
      ttl: packet.ttl,
    })
  } else if (!hard || sock.remote === undefined) return
  sock.err = errno
  sockWake(world, ns, sock)
}

const UNREACHABLE: readonly { errno: string; fatal: boolean }[] = Object.freeze([
  { errno: 'ENETUNREACH', fatal: false },
  { errno: 'EACCES', fatal: true },
  { errno: 'EHOSTUNREACH', fatal: false },
  { errno: 'EHOSTUNREACH', fatal: false },
  { errno: 'ECONNREFUSED', fatal: true },
  { errno: 'EACCES', fatal: true },
  { errno: 'EACCES', fatal: true },
])

function meaningOf(type: number, code: number): { errno: string; fatal: boolean } {
  if (type === ICMPV6_DEST_UNREACH) return UNREACHABLE[code] ?? { errno: 'EPROTO', fatal: true }
  if (type === ICMPV6_PKT_TOOBIG) return { errno: 'EMSGSIZE', fatal: false }
  if (type === ICMPV6_TIME_EXCEED) return { errno: 'EHOSTUNREACH', fatal: false }
  return { errno: 'EPROTO', fatal: true }
}
