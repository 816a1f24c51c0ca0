/** What a packet is, in a word and in a line: protocol, label, addresses. Labels follow tcpdump's terms. */
import { formatIp, formatMac } from '../base/addr.ts'
import type { Packet } from '../net/types.ts'
import {
  ETH_P_802_2,
  ETH_P_ARP,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from '../net/types.ts'
import type { TraceSummary } from './types.ts'

const DNS_PORT = 53

/** The protocol that decides how a packet is drawn. */
export function protoOf(packet: Packet): TraceSummary['proto'] {
  if (packet.etherType === ETH_P_ARP) return 'arp'
  if (packet.etherType === ETH_P_802_2) return 'stp'
  switch (packet.proto) {
    case IPPROTO_ICMP:
      return 'icmp'
    case IPPROTO_ICMPV6:
      return 'icmp6'
    case IPPROTO_TCP:
      return 'tcp'
    case IPPROTO_UDP:
      return packet.sport === DNS_PORT || packet.dport === DNS_PORT ? 'dns' : 'udp'
    default:
      return 'other'
  }
}

/** IANA's protocol names in upper case; the number where there is none. */
export function protoName(proto: number): string {
  return PROTO_NAMES[proto] ?? String(proto)
}

/** One line: 'ARP who-has 20.1.1.2 tell 20.1.1.1', 'ICMP echo request 20.1.1.1 > 20.1.1.2 id 1 seq 1'. */
export function packetLabel(packet: Packet): string {
  if (packet.etherType === ETH_P_802_2) return stpLabel(packet)
  if (packet.arp !== null) return `ARP ${arpText(packet)}`
  const ends = endsText(packet)
  const frag = fragText(packet)
  if (packet.icmp !== null) {
    const name = packet.proto === IPPROTO_ICMPV6 ? 'ICMP6' : 'ICMP'
    return `${name} ${icmpText(packet)} ${ends}${icmpTail(packet)}${frag}`
  }
  if (packet.tcp !== null) return `TCP ${tcpFlags(packet.tcp.flags)} ${ends}${frag}`
  if (packet.proto === IPPROTO_UDP) {
    const dns = protoOf(packet) === 'dns' ? 'DNS' : 'UDP'
    return `${dns} ${ends} length ${packet.payload?.length ?? 0}${frag}`
  }
  if (packet.proto === 0 && packet.src === 0 && packet.dst === 0) {
    return `frame of type ${etherTypeText(packet.etherType)} ${formatMac(packet.smac)} > ${formatMac(packet.dmac)}`
  }
  return `${protoName(packet.proto)} ${ends} length ${packet.length}${frag}`
}

/** The label without the protocol's name, short enough to stand beside a glyph. */
export function glyphLabel(packet: Packet): string {
  if (packet.etherType === ETH_P_802_2) return stpLabel(packet)
  if (packet.arp !== null) return arpText(packet)
  if (packet.icmp !== null) return `${icmpText(packet)} ${endsText(packet)}`
  if (packet.tcp !== null) return `${tcpFlags(packet.tcp.flags)} ${endsText(packet)}`
  return `${protoOf(packet)} ${endsText(packet)}`
}

/** Source and destination as text: protocol addresses, or hardware addresses where there are none. */
export function packetEnds(packet: Packet): { src: string; dst: string } {
  if (packet.arp !== null) return { src: formatIp(packet.arp.spa), dst: formatIp(packet.arp.tpa) }
  if (packet.src === 0 && packet.dst === 0)
    return { src: formatMac(packet.smac), dst: formatMac(packet.dmac) }
  return { src: formatIp(packet.src), dst: formatIp(packet.dst) }
}

/** '0x0800'. */
export function etherTypeText(etherType: number): string {
  return `0x${etherType.toString(16).padStart(4, '0')}`
}

/** 'SYN', 'SYN,ACK'; 'none' for no flag. */
export function tcpFlags(flags: number): string {
  const names = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'].filter((_, bit) => (flags & (1 << bit)) !== 0)
  return names.length === 0 ? 'none' : names.join(',')
}

/** An ICMP message's name, in tcpdump's words. */
export function icmpText(packet: Packet): string {
  const icmp = packet.icmp
  if (icmp === null) return 'message'
  if (packet.proto === IPPROTO_ICMPV6) return icmp6Text(icmp.type, icmp.code)
  if (icmp.type === 3) return UNREACHABLE[icmp.code] ?? `unreachable code ${icmp.code}`
  if (icmp.type === 5) return `redirect to ${formatIp(icmp.gateway)}`
  if (icmp.type === 11) return icmp.code === 0 ? 'time exceeded in-transit' : 'time exceeded in reassembly'
  return ICMP_NAMES[icmp.type] ?? `type ${icmp.type} code ${icmp.code}`
}

const PROTO_NAMES: Readonly<Record<number, string>> = {
  1: 'ICMP',
  2: 'IGMP',
  4: 'IPIP',
  6: 'TCP',
  17: 'UDP',
  41: 'IPV6',
  47: 'GRE',
  50: 'ESP',
  58: 'ICMPV6',
  89: 'OSPF',
  132: 'SCTP',
}

const UNREACHABLE: Readonly<Record<number, string>> = {
  0: 'net unreachable',
  1: 'host unreachable',
  2: 'protocol unreachable',
  3: 'port unreachable',
  4: 'fragmentation needed',
  5: 'source route failed',
  9: 'net prohibited',
  10: 'host prohibited',
  13: 'admin prohibited',
}

const ICMP_NAMES: Readonly<Record<number, string>> = {
  0: 'echo reply',
  4: 'source quench',
  8: 'echo request',
  12: 'parameter problem',
  13: 'time stamp query',
  14: 'time stamp reply',
}

const UNREACHABLE6: Readonly<Record<number, string>> = {
  0: 'no route',
  1: 'admin prohibited',
  2: 'beyond scope',
  3: 'address unreachable',
  4: 'port unreachable',
}

const ICMP6_NAMES: Readonly<Record<number, string>> = {
  2: 'packet too big',
  4: 'parameter problem',
  128: 'echo request',
  129: 'echo reply',
  130: 'multicast listener query',
  131: 'multicast listener report',
  132: 'multicast listener done',
  133: 'router solicitation',
  134: 'router advertisement',
  135: 'neighbor solicitation',
  136: 'neighbor advertisement',
  137: 'redirect',
  143: 'multicast listener report v2',
}

function icmp6Text(type: number, code: number): string {
  if (type === 1) return `unreachable, ${UNREACHABLE6[code] ?? `code ${code}`}`
  if (type === 3) return code === 0 ? 'time exceeded in-transit' : 'time exceeded in reassembly'
  return ICMP6_NAMES[type] ?? `type ${type} code ${code}`
}

function icmpTail(packet: Packet): string {
  const icmp = packet.icmp
  if (icmp === null) return ''
  const echo =
    packet.proto === IPPROTO_ICMPV6
      ? icmp.type === 128 || icmp.type === 129
      : icmp.type === 0 || icmp.type === 8
  if (echo) return ` id ${icmp.id} seq ${icmp.seq}`
  if (icmp.type === 137 && icmp.nd !== null && icmp.quoted !== null)
    return ` ${formatIp(icmp.quoted.dst)} to ${formatIp(icmp.nd.target)}`
  if (icmp.quoted !== null) return ` about ${endsText(icmp.quoted)}`
  if (icmp.nd !== null && icmp.nd.target !== '') return ` target ${formatIp(icmp.nd.target)}`
  return ''
}

function arpText(packet: Packet): string {
  const arp = packet.arp
  if (arp === null) return ''
  if (arp.op === 2) return `reply ${formatIp(arp.spa)} is-at ${formatMac(arp.sha)}`
  return `who-has ${formatIp(arp.tpa)} tell ${formatIp(arp.spa)}`
}

function stpLabel(packet: Packet): string {
  return packet.payload !== null && packet.payload[6] === 0x80 ? 'STP topology change' : 'STP config'
}

function endsText(packet: Packet): string {
  const ports = packet.proto === IPPROTO_TCP || packet.proto === IPPROTO_UDP
  return `${endText(packet.src, ports ? packet.sport : 0)} > ${endText(packet.dst, ports ? packet.dport : 0)}`
}

function endText(ip: Packet['src'], port: number): string {
  if (port === 0) return formatIp(ip)
  return typeof ip === 'number' ? `${formatIp(ip)}:${port}` : `[${formatIp(ip)}]:${port}`
}

function fragText(packet: Packet): string {
  if (packet.fragOffset === 0 && !packet.moreFrags) return ''
  return ` (fragment at ${packet.fragOffset}${packet.moreFrags ? ', more follow' : ', the last'})`
}
