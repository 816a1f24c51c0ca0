// Models the receiving half of net/ipv4/udp.c (Linux 6.18). Not here: encapsulation, UDP-Lite, multicast membership.
import { addrType } from '../ip/fib.ts'
import { icmpSend } from '../ip/icmp.ts'
import { icmp6Send } from '../ip6/icmp6.ts'
import { clonePacket } from '../packet.ts'
import { snmpAdd } from '../snmp.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { Link, Netns, Packet, Socket, World } from '../types.ts'
import { sockQueue } from './socket.ts'

/** Hands a datagram to the best matching socket; broadcasts to every one. A closed port is answered with 3/3. */
export function udpRcv(world: World, ns: Netns, link: Link, packet: Packet): void {
  const to = addrType(ns, packet.dst)
  const group = to === 'broadcast' || to === 'multicast'
  const matching = group ? udpGroup(ns, link, packet) : udpBest(ns, link, packet)
  if (matching.length === 0) {
    snmpAdd(ns, 'UdpNoPorts')
    if (!group && typeof packet.dst === 'string') icmp6Send(world, ns, packet, 1, 4, 0)
    else if (!group) icmpSend(world, ns, packet, 3, 3, 0)
    recordDrop(world, ns, packet, 'NO_SOCKET', link.ifindex, null)
    return
  }
  recordStep(world, ns, packet, StepKind.Deliver, StepAction.Socket, link.ifindex, null)
  matching.forEach((sock, i) => {
    const copy = i === 0 ? packet : clonePacket(world, packet)
    if (sockQueue(world, ns, sock, copy)) {
      snmpAdd(ns, 'UdpInDatagrams')
      return
    }
    snmpAdd(ns, 'UdpInErrors')
    snmpAdd(ns, 'UdpRcvbufErrors')
    recordDrop(world, ns, copy, 'SOCKET_RCVBUFF', link.ifindex, null)
  })
}

/** The socket that an outgoing datagram's tuple belongs to: errors about it go there. */
export function udpSender(ns: Netns, quoted: Packet): Socket | undefined {
  if (ns.sockets === null) return undefined
  let best: Socket | undefined
  let bestScore = -1
  for (const sock of ns.sockets.values()) {
    if (sock.kind !== 'udp' || sock.lport !== quoted.sport) continue
    const score = scoreOf(sock, quoted.src, quoted.dst, quoted.dport, 0)
    if (score > bestScore) {
      best = sock
      bestScore = score
    }
  }
  return best
}

function udpBest(ns: Netns, link: Link, packet: Packet): Socket[] {
  if (ns.sockets === null) return []
  let best: Socket | undefined
  let bestScore = -1
  for (const sock of ns.sockets.values()) {
    if (sock.kind !== 'udp' || sock.lport !== packet.dport) continue
    const score = scoreOf(sock, packet.dst, packet.src, packet.sport, link.ifindex)
    if (score > bestScore) {
      best = sock
      bestScore = score
    }
  }
  return best === undefined ? [] : [best]
}

function udpGroup(ns: Netns, link: Link, packet: Packet): Socket[] {
  if (ns.sockets === null) return []
  return [...ns.sockets.values()].filter(
    (sock) =>
      sock.kind === 'udp' &&
      sock.lport === packet.dport &&
      scoreOf(sock, packet.dst, packet.src, packet.sport, link.ifindex) >= 0,
  )
}

/** compute_score: a bound address, a peer and a device each make a better match; -1 for none. */
function scoreOf(
  sock: Socket,
  own: Packet['dst'],
  peer: Packet['src'],
  peerPort: number,
  ifindex: number,
): number {
  if (sock.family === 4 && typeof own === 'string') return -1
  if (typeof own !== (sock.family === 4 ? 'number' : 'string') && sock.local !== undefined) return -1
  let score = sock.family === (typeof own === 'number' ? 4 : 6) ? 2 : 1
  if (sock.local !== undefined) {
    if (sock.local !== own) return -1
    score += 4
  }
  if (sock.remote !== undefined) {
    if (sock.remote !== peer || sock.rport !== peerPort) return -1
    score += 8
  }
  if (sock.oif !== 0 && ifindex !== 0) {
    if (sock.oif !== ifindex) return -1
    score += 4
  }
  return score
}
