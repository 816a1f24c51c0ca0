// Models tcp_v4_send_reset and tcp_v4_send_ack (net/ipv4/tcp_ipv4.c, Linux 6.18): segments that no full socket sends.
import { addrType } from '../ip/fib.ts'
import { snmpAdd } from '../snmp.ts'
import type { Netns, Packet, TcpHeader, World } from '../types.ts'
import { sendSegment, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, tcpRoute } from './tcproute.ts'
import { seqAdd } from './tcpseq.ts'

/** Answers a segment with RST: what it acknowledges, or what it brought, names the place. Never a RST. */
export function resetAnswer(world: World, ns: Netns, packet: Packet): void {
  const tcp = packet.tcp!
  if ((tcp.flags & TCP_RST) !== 0) return
  if (typeof packet.dst === 'number' && addrType(ns, packet.dst) !== 'local') return
  const hasAck = (tcp.flags & TCP_ACK) !== 0
  const length = (packet.payload?.length ?? 0) + (tcp.flags & TCP_SYN ? 1 : 0) + (tcp.flags & TCP_FIN ? 1 : 0)
  const header = bareHeader(hasAck ? tcp.ack : 0, hasAck ? 0 : seqAdd(tcp.seq, length))
  header.flags = hasAck ? TCP_RST : TCP_RST | TCP_ACK
  snmpAdd(ns, 'TcpOutRsts')
  answer(world, ns, packet, header, 0, packet.tos)
}

/** Sends `header` back to where `packet` came from. */
export function answer(
  world: World,
  ns: Netns,
  packet: Packet,
  header: TcpHeader,
  mark: number,
  tos: number,
): void {
  const route = tcpRoute(world, ns, { dst: packet.src, src: packet.dst, oif: linkScope(packet), mark, tos })
  if (typeof route === 'string') return
  const ends = { sport: packet.dport, dport: packet.sport }
  const spec = { ...ends, ttl: 0, tos, mark, sock: 0, cause: packet.trace, df: true, ipId: 0 }
  sendSegment(world, ns, route, spec, header, null)
}

export function bareHeader(seq: number, ack: number): TcpHeader {
  return { seq, ack, flags: TCP_ACK, window: 0, mss: 0, wscale: -1, sackOk: false, tsval: -1, tsecr: -1 }
}

/** Link-local peers are answered over the link that they are on. */
function linkScope(packet: Packet): number {
  return typeof packet.src === 'string' && packet.src.startsWith('fe8') ? packet.iif : 0
}
