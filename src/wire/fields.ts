/**
 * A frame's bytes as a tree of fields, each with its place: what an inspector needs to join a field to its bytes.
 * Names are those of Wireshark's display filters. Values are read from the bytes, so they are what is on the wire.
 * Hostile input is expected: a field that would reach beyond the end is left out, nothing is thrown.
 */
import { ETH_P_8021Q, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6 } from '../net/types.ts'
import type { ByteLayer, Dissection } from './dissection.ts'
import { data, get16, get32, hex, ip4At, ip6At, layer, macAt, put } from './dissection.ts'
import { dissectUpper } from './fields-upper.ts'

/** `framed`: the bytes begin with an Ethernet header; otherwise with the network header of this EtherType. */
export function frameFields(bytes: Uint8Array, framed: boolean, etherType: number): ByteLayer[] {
  const d: Dissection = { bytes, layers: [] }
  if (!framed) {
    network(d, 0, etherType)
    return d.layers
  }
  if (bytes.length < 14) return []
  let at = 14
  let type = get16(bytes, 12)
  const eth = layer(d, 'eth', type < 0x600 ? 'IEEE 802.3 Ethernet' : 'Ethernet II', 0, 14)
  put(d, eth, 'eth.dst', 'Destination', 0, 6, macAt(bytes, 0))
  put(d, eth, 'eth.src', 'Source', 6, 6, macAt(bytes, 6))
  if (type < 0x600) put(d, eth, 'eth.len', 'Length', 12, 2, type)
  else put(d, eth, 'eth.type', 'Type', 12, 2, typeText(type))
  if (type === ETH_P_8021Q && bytes.length >= 18) {
    const tag = get16(bytes, 14)
    const vlan = layer(d, 'vlan', '802.1Q Virtual LAN', 14, 4)
    type = get16(bytes, 16)
    put(d, vlan, 'vlan.priority', 'Priority', 14, 2, tag >>> 13)
    put(d, vlan, 'vlan.dei', 'DEI', 14, 2, (tag >>> 12) & 1)
    put(d, vlan, 'vlan.id', 'ID', 14, 2, tag & 0xfff)
    put(d, vlan, 'vlan.etype', 'Type', 16, 2, typeText(type))
    at = 18
  }
  network(d, at, type)
  return d.layers
}

/** The network layer and all above it. A quoted packet inside an ICMP error comes here again. */
export function network(d: Dissection, at: number, etherType: number): void {
  if (at >= d.bytes.length) return
  if (etherType === ETH_P_ARP) arp(d, at)
  else if (etherType === ETH_P_IP) ip4(d, at)
  else if (etherType === ETH_P_IPV6) ip6(d, at)
  else data(d, at, d.bytes.length - at)
}

function arp(d: Dissection, at: number): void {
  const b = d.bytes
  const to = layer(d, 'arp', 'Address Resolution Protocol', at, 28)
  const op = get16(b, at + 6)
  put(d, to, 'arp.hw.type', 'Hardware type', at, 2, get16(b, at) === 1 ? 'Ethernet (1)' : get16(b, at))
  put(d, to, 'arp.proto.type', 'Protocol type', at + 2, 2, typeText(get16(b, at + 2)))
  put(d, to, 'arp.hw.size', 'Hardware size', at + 4, 1, b[at + 4] ?? 0)
  put(d, to, 'arp.proto.size', 'Protocol size', at + 5, 1, b[at + 5] ?? 0)
  put(d, to, 'arp.opcode', 'Opcode', at + 6, 2, op === 1 ? 'request (1)' : op === 2 ? 'reply (2)' : op)
  put(d, to, 'arp.src.hw_mac', 'Sender MAC address', at + 8, 6, macAt(b, at + 8))
  put(d, to, 'arp.src.proto_ipv4', 'Sender IP address', at + 14, 4, ip4At(b, at + 14))
  put(d, to, 'arp.dst.hw_mac', 'Target MAC address', at + 18, 6, macAt(b, at + 18))
  put(d, to, 'arp.dst.proto_ipv4', 'Target IP address', at + 24, 4, ip4At(b, at + 24))
  data(d, at + 28, b.length - at - 28)
}

function ip4(d: Dissection, at: number): void {
  const b = d.bytes
  const head = ((b[at] ?? 0) & 15) * 4
  const flags = get16(b, at + 6)
  const offset = (flags & 0x1fff) * 8
  const proto = b[at + 9] ?? 0
  const to = layer(d, 'ip', 'Internet Protocol Version 4', at, head)
  put(d, to, 'ip.version', 'Version', at, 1, (b[at] ?? 0) >>> 4)
  put(d, to, 'ip.hdr_len', 'Header Length', at, 1, `${head} bytes`)
  put(d, to, 'ip.dsfield', 'Differentiated Services Field', at + 1, 1, hex(b[at + 1] ?? 0, 2))
  put(d, to, 'ip.len', 'Total Length', at + 2, 2, get16(b, at + 2))
  put(d, to, 'ip.id', 'Identification', at + 4, 2, `${hex(get16(b, at + 4), 4)} (${get16(b, at + 4)})`)
  put(d, to, 'ip.flags', 'Flags', at + 6, 1, ipFlags(flags))
  put(d, to, 'ip.frag_offset', 'Fragment Offset', at + 6, 2, offset)
  put(d, to, 'ip.ttl', 'Time to Live', at + 8, 1, b[at + 8] ?? 0)
  put(d, to, 'ip.proto', 'Protocol', at + 9, 1, protoText(proto))
  put(d, to, 'ip.checksum', 'Header Checksum', at + 10, 2, hex(get16(b, at + 10), 4))
  put(d, to, 'ip.src', 'Source Address', at + 12, 4, ip4At(b, at + 12))
  put(d, to, 'ip.dst', 'Destination Address', at + 16, 4, ip4At(b, at + 16))
  const end = Math.min(b.length, at + Math.max(head, get16(b, at + 2)))
  if (head < 20) return
  if (offset > 0) data(d, at + head, end - at - head)
  else dissectUpper(d, at + head, end, proto, network)
}

function ip6(d: Dissection, at: number): void {
  const b = d.bytes
  const to = layer(d, 'ipv6', 'Internet Protocol Version 6', at, 40)
  const first = get32(b, at)
  put(d, to, 'ipv6.version', 'Version', at, 1, first >>> 28)
  put(d, to, 'ipv6.tclass', 'Traffic Class', at, 4, hex((first >>> 20) & 0xff, 2))
  put(d, to, 'ipv6.flow', 'Flow Label', at + 1, 3, hex(first & 0xfffff, 5))
  put(d, to, 'ipv6.plen', 'Payload Length', at + 4, 2, get16(b, at + 4))
  put(d, to, 'ipv6.nxt', 'Next Header', at + 6, 1, protoText(b[at + 6] ?? 0))
  put(d, to, 'ipv6.hlim', 'Hop Limit', at + 7, 1, b[at + 7] ?? 0)
  put(d, to, 'ipv6.src', 'Source Address', at + 8, 16, ip6At(b, at + 8))
  put(d, to, 'ipv6.dst', 'Destination Address', at + 24, 16, ip6At(b, at + 24))
  const end = Math.min(b.length, at + 40 + get16(b, at + 4))
  ip6Rest(d, at + 40, end, b[at + 6] ?? 0)
}

const HOP_BY_HOP = 0
const FRAGMENT = 44

/** One extension header (what this model sends), then the upper layer. */
function ip6Rest(d: Dissection, at: number, end: number, next: number): void {
  const b = d.bytes
  if (next !== HOP_BY_HOP && next !== FRAGMENT) {
    dissectUpper(d, at, end, next, network)
    return
  }
  const after = b[at] ?? 0
  if (next === HOP_BY_HOP) {
    const length = ((b[at + 1] ?? 0) + 1) * 8
    const to = layer(d, 'ipv6.hopopts', 'IPv6 Hop-by-Hop Option', at, length)
    put(d, to, 'ipv6.hopopts.nxt', 'Next Header', at, 1, protoText(after))
    put(d, to, 'ipv6.hopopts.len', 'Length', at + 1, 1, b[at + 1] ?? 0)
    dissectUpper(d, at + length, end, after, network)
    return
  }
  const to = layer(d, 'ipv6.fraghdr', 'Fragment Header for IPv6', at, 8)
  put(d, to, 'ipv6.fraghdr.nxt', 'Next header', at, 1, protoText(after))
  put(d, to, 'ipv6.fraghdr.offset', 'Offset', at + 2, 2, get16(b, at + 2) & 0xfff8)
  put(d, to, 'ipv6.fraghdr.more', 'More Fragments', at + 2, 2, (b[at + 3] ?? 0) & 1)
  put(d, to, 'ipv6.fraghdr.ident', 'Identification', at + 4, 4, hex(get32(b, at + 4), 8))
  if ((get16(b, at + 2) & 0xfff8) > 0) data(d, at + 8, end - at - 8)
  else dissectUpper(d, at + 8, end, after, network)
}

function ipFlags(word: number): string {
  const set = [(word & 0x4000) === 0 ? '' : "Don't fragment", (word & 0x2000) === 0 ? '' : 'More fragments']
  const text = set.filter((one) => one !== '').join(', ')
  return `${hex(word >>> 13, 1)}${text === '' ? '' : `, ${text}`}`
}

const PROTOS: Readonly<Record<number, string>> = Object.freeze({
  0: 'IPv6 Hop-by-Hop Option',
  1: 'ICMP',
  6: 'TCP',
  17: 'UDP',
  44: 'Fragment Header for IPv6',
  58: 'ICMPv6',
})

function protoText(proto: number): string {
  const name = PROTOS[proto]
  return name === undefined ? String(proto) : `${name} (${proto})`
}

const TYPES: Readonly<Record<number, string>> = Object.freeze({
  [ETH_P_IP]: 'IPv4',
  [ETH_P_ARP]: 'ARP',
  [ETH_P_IPV6]: 'IPv6',
  [ETH_P_8021Q]: '802.1Q Virtual LAN',
})

function typeText(type: number): string {
  const name = TYPES[type]
  return name === undefined ? hex(type, 4) : `${name} (${hex(type, 4)})`
}
