/** IPv4, IPv6, ICMP, UDP and TCP as tcpdump 4.99.3 prints them. */
import type { Packet } from '../../net/types.ts'
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../../net/types.ts'
import { transportChecksum } from '../../wire/peek.ts'
import { serviceName } from './services.ts'
import { dnsText } from './tcpdump-dns.ts'
import { icmp6Text } from './tcpdump-icmp6.ts'
import type { PrintOptions } from './tcpdump-print.ts'
import { hostText } from './tcpdump-print.ts'
import { tcpText } from './tcpdump-tcp.ts'

const PROTOCOLS: Readonly<Record<number, string>> = Object.freeze({
  0: 'Options',
  1: 'ICMP',
  2: 'IGMP',
  6: 'TCP',
  17: 'UDP',
  41: 'IPv6',
  43: 'Routing',
  44: 'Fragment',
  47: 'GRE',
  50: 'ESP',
  58: 'ICMPv6',
  60: 'Options',
  89: 'OSPF',
  132: 'SCTP',
})

/** What getprotobynumber(3) knows, as a later fragment is shown. */
const PROTOCOL_NAMES: Readonly<Record<number, string>> = Object.freeze({
  1: 'icmp',
  2: 'igmp',
  6: 'tcp',
  17: 'udp',
  47: 'gre',
  58: 'ipv6-icmp',
})

/** An IPv4 packet, beginning with `IP ` unless a link header stands before it. */
export function ip4Text(packet: Packet, o: PrintOptions): string {
  const prefix = o.link ? '' : 'IP '
  const head = o.verbose > 0 ? `${prefix}${ip4Verbose(packet)}\n    ` : prefix
  const upper = packet.whole ?? packet
  if (packet.fragOffset > 0) {
    const name = o.numeric ? undefined : PROTOCOL_NAMES[packet.proto]
    return `${head}${ends(packet, o)}: ${name ?? `ip-proto-${packet.proto}`}`
  }
  const length = packet.length - 20
  if (packet.proto === IPPROTO_ICMP && upper.icmp !== null) {
    return `${head}${ends(packet, o)}: ICMP ${icmpText(upper, length, o)}`
  }
  return head + transportText(packet, upper, length, o)
}

/** UDP, TCP, or the number of another protocol; `length` is that of the network payload. */
function transportText(packet: Packet, upper: Packet, length: number, o: PrintOptions): string {
  if (packet.proto === IPPROTO_UDP) {
    const sum = o.verbose > 1 && !packet.moreFrags ? '[udp sum ok] ' : ''
    const isDns = upper.sport === 53 || upper.dport === 53
    const dns = isDns && upper.payload !== null ? dnsText(upper.payload) : undefined
    return `${endsWithPorts(packet, upper, o)}: ${sum}${dns ?? `UDP, length ${udpLength(upper)}`}`
  }
  if (packet.proto === IPPROTO_TCP && upper.tcp !== null) {
    return `${endsWithPorts(packet, upper, o)}: ${tcpText(packet, upper, length, o)}`
  }
  return `${ends(packet, o)}:  ip-proto-${packet.proto} ${length}`
}

function udpLength(upper: Packet): number {
  return Math.max(0, upper.length - (typeof upper.src === 'number' ? 28 : 48))
}

function ip4Verbose(packet: Packet): string {
  const flags = [packet.moreFrags ? '+' : '', packet.df ? 'DF' : ''].filter((flag) => flag !== '')
  const name = PROTOCOLS[packet.proto] ?? 'unknown'
  const ecn = ['', ',ECT(1)', ',ECT(0)', ',CE'][packet.tos & 3]
  return (
    `(tos 0x${packet.tos.toString(16)}${ecn}, ttl ${packet.ttl}, id ${packet.ipId}, ` +
    `offset ${packet.fragOffset}, flags [${flags.length === 0 ? 'none' : flags.join(', ')}], ` +
    `proto ${name} (${packet.proto}), length ${packet.length})`
  )
}

/** An IPv6 packet with its extension headers. */
export function ip6Text(packet: Packet, o: PrintOptions): string {
  const prefix = o.link ? '' : 'IP6 '
  const upper = packet.whole ?? packet
  const isAlert = upper.icmp !== null && upper.icmp.nd !== null && upper.icmp.nd.groups !== null
  const next = packet.whole !== null ? 44 : isAlert ? 0 : packet.proto
  let text = prefix
  if (o.verbose > 0) {
    const traffic = packet.tos === 0 ? '' : `class 0x${packet.tos.toString(16).padStart(2, '0')}, `
    const name = PROTOCOLS[next] ?? 'unknown'
    const size = packet.length - 40
    text += `(${traffic}hlim ${packet.ttl}, next-header ${name} (${next}) payload length: ${size}) `
  }
  if (packet.whole !== null) {
    const size = packet.length - 48
    const id = o.verbose > 0 ? `0x${packet.ipId.toString(16).padStart(8, '0')}:` : ''
    text += `${ends(packet, o)}: frag (${id}${packet.fragOffset}|${size})`
    if (packet.fragOffset > 0) return text
    if (packet.proto !== IPPROTO_ICMPV6) {
      return `${text} ${portsOnly(upper, o)}: UDP, length ${udpLength(upper)}`
    }
    return `${text} ${icmp6Text(upper, size, { ...o, verbose: o.verbose > 0 ? 1 : 0 }, false)}`
  }
  if (packet.proto === IPPROTO_ICMPV6 && packet.icmp !== null) {
    const options = o.verbose > 0 ? 'HBH (rtalert: 0x0000) (padn) ' : 'HBH '
    const length = packet.length - 40 - (isAlert ? 8 : 0)
    return `${text}${ends(packet, o)}: ${isAlert ? options : ''}${icmp6Text(packet, length, o, true)}`
  }
  const verbose = packet.proto === IPPROTO_UDP && o.verbose > 0 ? 2 : o.verbose
  return text + transportText(packet, upper, packet.length - 40, { ...o, verbose })
}

function ends(packet: Packet, o: PrintOptions): string {
  return `${hostText(packet.src, o)} > ${hostText(packet.dst, o)}`
}

function endsWithPorts(packet: Packet, upper: Packet, o: PrintOptions): string {
  const proto = packet.proto === IPPROTO_TCP ? 'tcp' : 'udp'
  const from = `${hostText(packet.src, o)}.${portText(upper.sport, proto, o)}`
  return `${from} > ${hostText(packet.dst, o)}.${portText(upper.dport, proto, o)}`
}

function portsOnly(upper: Packet, o: PrintOptions): string {
  return `${portText(upper.sport, 'udp', o)} > ${portText(upper.dport, 'udp', o)}`
}

/** A port by its service's name or number. */
export function portText(port: number, proto: 'tcp' | 'udp', o: PrintOptions): string {
  return (o.numeric ? undefined : serviceName(port, proto)) ?? String(port)
}

const UNREACHABLE: Readonly<Record<number, string>> = Object.freeze({
  0: 'net # unreachable',
  1: 'host # unreachable',
  5: '# unreachable - source route failed',
  6: 'net # unreachable - unknown',
  7: 'host # unreachable - unknown',
  8: '# unreachable - source host isolated',
  9: 'net # unreachable - admin prohibited',
  10: 'host # unreachable - admin prohibited',
  11: 'net # unreachable - tos prohibited',
  12: 'host # unreachable - tos prohibited',
  13: 'host # unreachable - admin prohibited filter',
  14: 'host # unreachable - host precedence violation',
  15: 'host # unreachable - precedence cutoff',
})

const REDIRECTS: readonly string[] = Object.freeze([
  'redirect # to net',
  'redirect # to host',
  'redirect-tos # to net',
  'redirect-tos # to host',
])

function icmpText(upper: Packet, length: number, o: PrintOptions): string {
  const icmp = upper.icmp!
  const tail = `, length ${length}`
  if (icmp.type === 8 || icmp.type === 0) {
    const what = icmp.type === 8 ? 'request' : 'reply'
    return `echo ${what}, id ${icmp.id}, seq ${icmp.seq}${tail}`
  }
  if (icmp.type === 13 || icmp.type === 14) {
    const what = icmp.type === 13 ? 'query' : 'reply'
    return `time stamp ${what} id ${icmp.id} seq ${icmp.seq}${tail}`
  }
  const { quoted } = icmp
  if (quoted === null) return `type-#${icmp.type}${tail}`
  const dst = hostText(quoted.dst, o)
  const inner = o.verbose > 0 ? `\n\t${ip4Text(quoted, { ...o, verbose: o.verbose })}` : ''
  return `${errorText(upper, quoted, dst, o)}${tail}${inner}`
}

function errorText(upper: Packet, quoted: Packet, dst: string, o: PrintOptions): string {
  const { type, code, mtu, gateway } = upper.icmp!
  if (type === 3) {
    if (code === 2) return `${dst} protocol ${quoted.proto} unreachable`
    if (code === 3) return `${dst} ${portPhrase(quoted, o)} unreachable`
    if (code === 4) return `${dst} unreachable - need to frag${mtu === 0 ? '' : ` (mtu ${mtu})`}`
    return (UNREACHABLE[code] ?? `# unreachable - #${code}`).replace('#', () => dst)
  }
  if (type === 5) {
    const words = REDIRECTS[code] ?? `redirect-#${code} # to`
    const at = words.lastIndexOf('#')
    return `${words.slice(0, at)}${dst}${words.slice(at + 1)} ${hostText(gateway, o)}`
  }
  if (type === 11) {
    return ['time exceeded in-transit', 'ip reassembly time exceeded'][code] ?? `time exceeded-#${code}`
  }
  if (type === 12) return `parameter problem - octet ${mtu >>> 8}`
  return `type-#${type}`
}

function portPhrase(quoted: Packet, o: PrintOptions): string {
  const upper = quoted.whole ?? quoted
  if (quoted.proto === IPPROTO_TCP) return `tcp port ${portText(upper.dport, 'tcp', o)}`
  if (quoted.proto === IPPROTO_UDP) return `udp port ${portText(upper.dport, 'udp', o)}`
  // For other protocols tcpdump takes the third and fourth byte for a port: of an ICMP message that is its checksum.
  const port = quoted.proto === IPPROTO_ICMP ? transportChecksum(quoted) : 0
  return `protocol ${quoted.proto} port ${port}`
}
