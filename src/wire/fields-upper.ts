/** Fields of what IP carries: ICMP, ICMPv6, UDP, TCP with its options, and DNS in UDP. See fields.ts. */
import { ETH_P_IP, ETH_P_IPV6 } from '../net/types.ts'
import type { ByteLayer, Dissection } from './dissection.ts'
import { data, get16, get32, hex, ip4At, ip6At, layer, macAt, put, textAt } from './dissection.ts'
import { dissectDns } from './fields-dns.ts'

type Network = (d: Dissection, at: number, etherType: number) => void

/** The upper layer at `at`; its bytes end at `end`. `network` opens the packet that an error quotes. */
export function dissectUpper(d: Dissection, at: number, end: number, proto: number, network: Network): void {
  if (at >= end) return
  if (proto === 6) tcp(d, at, end)
  else if (proto === 17) udp(d, at, end)
  else if (proto === 1) icmp(d, at, end, network)
  else if (proto === 58) icmp6(d, at, end, network)
  else data(d, at, end - at)
}

const DNS_PORT = 53

function udp(d: Dissection, at: number, end: number): void {
  const b = d.bytes
  const to = layer(d, 'udp', 'User Datagram Protocol', at, 8)
  ports(d, to, 'udp', at)
  put(d, to, 'udp.length', 'Length', at + 4, 2, get16(b, at + 4))
  put(d, to, 'udp.checksum', 'Checksum', at + 6, 2, hex(get16(b, at + 6), 4))
  const isDns = get16(b, at) === DNS_PORT || get16(b, at + 2) === DNS_PORT
  if (isDns && end - at - 8 >= 12) dissectDns(d, at + 8, end)
  else data(d, at + 8, end - at - 8)
}

function ports(d: Dissection, to: ByteLayer, name: string, at: number): void {
  put(d, to, `${name}.srcport`, 'Source Port', at, 2, get16(d.bytes, at))
  put(d, to, `${name}.dstport`, 'Destination Port', at + 2, 2, get16(d.bytes, at + 2))
}

const TCP_FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR']

function tcp(d: Dissection, at: number, end: number): void {
  const b = d.bytes
  const head = ((b[at + 12] ?? 0) >>> 4) * 4
  const flags = get16(b, at + 12) & 0xfff
  const set = TCP_FLAGS.filter((_, i) => (flags & (1 << i)) !== 0)
  const to = layer(d, 'tcp', 'Transmission Control Protocol', at, Math.max(20, head))
  ports(d, to, 'tcp', at)
  put(d, to, 'tcp.seq_raw', 'Sequence Number (raw)', at + 4, 4, get32(b, at + 4))
  put(d, to, 'tcp.ack_raw', 'Acknowledgment number (raw)', at + 8, 4, get32(b, at + 8))
  put(d, to, 'tcp.hdr_len', 'Header Length', at + 12, 1, `${head} bytes`)
  put(d, to, 'tcp.flags', 'Flags', at + 12, 2, `${hex(flags, 3)} (${set.join(', ') || '<None>'})`)
  put(d, to, 'tcp.window_size_value', 'Window', at + 14, 2, get16(b, at + 14))
  put(d, to, 'tcp.checksum', 'Checksum', at + 16, 2, hex(get16(b, at + 16), 4))
  put(d, to, 'tcp.urgent_pointer', 'Urgent Pointer', at + 18, 2, get16(b, at + 18))
  if (head > 20) tcpOptions(d, to, at + 20, Math.min(end, at + head))
  if (head >= 20 && at + head < end) {
    const length = end - at - head
    const body = layer(d, 'tcp.payload', 'TCP payload', at + head, length)
    put(d, body, 'tcp.payload', 'TCP payload', at + head, length, textAt(b, at + head, length))
  }
}

/** Each option as one field; padding is named too, so that every byte of the header belongs to a field. */
function tcpOptions(d: Dissection, to: ByteLayer, from: number, end: number): void {
  const b = d.bytes
  put(d, to, 'tcp.options', 'Options', from, end - from, `${end - from} bytes`)
  for (let at = from; at < end; ) {
    const kind = b[at] ?? 0
    if (kind < 2) {
      const [name, title] = kind === 0 ? ['eol', 'End of Option List'] : ['nop', 'No-Operation']
      put(d, to, `tcp.options.${name}`, `Option: ${title}`, at, 1, kind)
      at++
      continue
    }
    const length = b[at + 1] ?? 0
    if (length < 2 || at + length > end) return
    const [name, title, value] = tcpOption(b, at, kind, length)
    put(d, to, `tcp.options.${name}`, `Option: ${title}`, at, length, value)
    at += length
  }
}

function tcpOption(b: Uint8Array, at: number, kind: number, length: number): [string, string, string] {
  switch (kind) {
    case 2:
      return ['mss', 'Maximum segment size', `${get16(b, at + 2)} bytes`]
    case 3:
      return [
        'wscale',
        'Window scale',
        `${b[at + 2] ?? 0} (multiply by ${2 ** Math.min(14, b[at + 2] ?? 0)})`,
      ]
    case 4:
      return ['sack_perm', 'SACK permitted', 'permitted']
    case 5:
      return ['sack', 'SACK', `${get32(b, at + 2)}-${get32(b, at + 6)}`]
    case 8:
      return ['timestamp', 'Timestamps', `TSval ${get32(b, at + 2)}, TSecr ${get32(b, at + 6)}`]
    default:
      return ['unknown', `Unknown (${kind})`, `${length} bytes`]
  }
}

const ICMP_TYPES: Readonly<Record<number, string>> = Object.freeze({
  0: 'Echo (ping) reply',
  3: 'Destination unreachable',
  5: 'Redirect',
  8: 'Echo (ping) request',
  11: 'Time-to-live exceeded',
})

function icmp(d: Dissection, at: number, end: number, network: Network): void {
  const b = d.bytes
  const type = b[at] ?? 0
  const to = layer(d, 'icmp', 'Internet Control Message Protocol', at, 8)
  put(d, to, 'icmp.type', 'Type', at, 1, named(ICMP_TYPES, type))
  put(d, to, 'icmp.code', 'Code', at + 1, 1, b[at + 1] ?? 0)
  put(d, to, 'icmp.checksum', 'Checksum', at + 2, 2, hex(get16(b, at + 2), 4))
  if (type === 0 || type === 8) echo(d, to, 'icmp', at)
  else if (type === 5) put(d, to, 'icmp.redir_gw', 'Gateway Address', at + 4, 4, ip4At(b, at + 4))
  else if (type === 3 && b[at + 1] === 4)
    put(d, to, 'icmp.mtu', 'MTU of next hop', at + 6, 2, get16(b, at + 6))
  if (type === 3 || type === 5 || type === 11) network(d, at + 8, ETH_P_IP)
  else data(d, at + 8, end - at - 8)
}

function echo(d: Dissection, to: ByteLayer, name: string, at: number): void {
  const isFour = name === 'icmp'
  const [id, seq] = isFour
    ? ['icmp.ident', 'icmp.seq']
    : ['icmpv6.echo.identifier', 'icmpv6.echo.sequence_number']
  put(d, to, id!, 'Identifier (BE)', at + 4, 2, get16(d.bytes, at + 4))
  put(d, to, seq!, 'Sequence Number (BE)', at + 6, 2, get16(d.bytes, at + 6))
}

const ICMP6_TYPES: Readonly<Record<number, string>> = Object.freeze({
  1: 'Destination Unreachable',
  2: 'Packet Too Big',
  3: 'Time Exceeded',
  128: 'Echo (ping) request',
  129: 'Echo (ping) reply',
  133: 'Router Solicitation',
  134: 'Router Advertisement',
  135: 'Neighbor Solicitation',
  136: 'Neighbor Advertisement',
  137: 'Redirect',
  143: 'Multicast Listener Report Message v2',
})

function icmp6(d: Dissection, at: number, end: number, network: Network): void {
  const b = d.bytes
  const type = b[at] ?? 0
  const isNd = type === 135 || type === 136
  const isEcho = type === 128 || type === 129
  const to = layer(d, 'icmpv6', 'Internet Control Message Protocol v6', at, isEcho || type < 4 ? 8 : end - at)
  put(d, to, 'icmpv6.type', 'Type', at, 1, named(ICMP6_TYPES, type))
  put(d, to, 'icmpv6.code', 'Code', at + 1, 1, b[at + 1] ?? 0)
  put(d, to, 'icmpv6.checksum', 'Checksum', at + 2, 2, hex(get16(b, at + 2), 4))
  if (isEcho) echo(d, to, 'icmpv6', at)
  if (type === 2) put(d, to, 'icmpv6.mtu', 'MTU', at + 4, 4, get32(b, at + 4))
  if (isNd) {
    const name = type === 135 ? 'icmpv6.nd.ns.target_address' : 'icmpv6.nd.na.target_address'
    if (type === 136) put(d, to, 'icmpv6.nd.na.flag', 'Flags', at + 4, 4, hex(get32(b, at + 4), 8))
    put(d, to, name, 'Target Address', at + 8, 16, ip6At(b, at + 8))
    ndOptions(d, to, at + 24, end)
  } else if (type >= 1 && type <= 3) network(d, at + 8, ETH_P_IPV6)
  else if (type === 133) ndOptions(d, to, at + 8, end)
  else if (type === 137) {
    put(d, to, 'icmpv6.nd.rd.target_address', 'Target Address', at + 8, 16, ip6At(b, at + 8))
    put(d, to, 'icmpv6.rd.na.destination_address', 'Destination Address', at + 24, 16, ip6At(b, at + 24))
    ndOptions(d, to, at + 40, end)
  } else if (type === 143)
    put(d, to, 'icmpv6.mldr.nb_mcast_records', 'Number of records', at + 6, 2, get16(b, at + 6))
  else data(d, at + 8, end - at - 8)
}

function ndOptions(d: Dissection, to: ByteLayer, from: number, end: number): void {
  for (let at = from; at + 8 <= end; ) {
    const length = (d.bytes[at + 1] ?? 0) * 8
    if (length === 0 || at + length > end) return
    const kind = d.bytes[at] ?? 0
    const isMac = kind === 1 || kind === 2
    const title =
      kind === 1 ? 'Source link-layer address' : kind === 2 ? 'Target link-layer address' : 'Nonce'
    const value = isMac ? macAt(d.bytes, at + 2) : `type ${kind}`
    put(d, to, 'icmpv6.opt', `ICMPv6 Option (${title})`, at, length, value)
    at += length
  }
}

function named(names: Readonly<Record<number, string>>, value: number): string {
  return names[value] === undefined ? String(value) : `${value} (${names[value]})`
}
