/** A packet's headers as Wireshark's tree shows them, outermost first. Values as on the wire at that moment. */
import { BROADCAST_MAC, formatIp, formatMac } from '../base/addr.ts'
import type { IcmpHeader, Packet } from '../net/types.ts'
import {
  ETH_P_802_2,
  ETH_P_8021Q,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  IPPROTO_ICMPV6,
  IPPROTO_UDP,
} from '../net/types.ts'
import { etherTypeText, icmpText, protoName, tcpFlags } from './proto.ts'
import type { LayerView } from './types.ts'

type Field = [name: string, value: string | number]

const MAX_DEPTH = 8

/** All layers of `packet`: link, network, transport, then what is inside (a quoted or encapsulated packet). */
export function layersOf(packet: Packet): LayerView[] {
  const layers: LayerView[] = []
  linkLayers(packet, layers)
  networkLayers(packet, layers, '', 0)
  return layers
}

function linkLayers(packet: Packet, out: LayerView[]): void {
  // Not framed yet: the neighbour decides the addresses.
  if (packet.smac === 0 && packet.dmac === 0) return
  const type = packet.vlan === 0 ? packet.etherType : ETH_P_8021Q
  const llc = type === ETH_P_802_2
  out.push(
    layer(llc ? 'IEEE 802.3' : 'Ethernet II', [
      ['Destination', macText(packet.dmac)],
      ['Source', macText(packet.smac)],
      llc ? ['Length', packet.length] : ['Type', typeText(type)],
    ]),
  )
  if (packet.vlan !== 0) {
    out.push(
      layer('802.1Q', [
        ['ID', packet.vlan],
        ['Type', typeText(packet.etherType)],
      ]),
    )
  }
}

function networkLayers(packet: Packet, out: LayerView[], prefix: string, depth: number): void {
  if (depth > MAX_DEPTH) return
  if (packet.etherType === ETH_P_802_2) {
    out.push(
      layer('Spanning Tree Protocol', [
        ['BPDU', packet.payload?.[6] === 0x80 ? 'topology change' : 'configuration'],
      ]),
    )
    return
  }
  if (packet.arp !== null) out.push(arpLayer(packet))
  else if (packet.etherType === ETH_P_IPV6 || typeof packet.src === 'string')
    out.push(ip6Layer(packet, prefix))
  else if (packet.etherType === ETH_P_IP) out.push(ip4Layer(packet, prefix))
  if (packet.fragOffset === 0) transportLayers(packet, out, prefix, depth)
  else out.push(layer(`${prefix}Fragment`, [['Bytes', packet.length - 20]]))
}

function transportLayers(packet: Packet, out: LayerView[], prefix: string, depth: number): void {
  if (packet.icmp !== null) out.push(icmpLayer(packet, packet.icmp, prefix))
  if (packet.tcp !== null) out.push(tcpLayer(packet, prefix))
  else if (packet.proto === IPPROTO_UDP) out.push(udpLayer(packet, prefix))
  const bytes = packet.payload?.length ?? 0
  if (bytes > 0) out.push(layer(`${prefix}Data`, [['Length', bytes]]))
  const quoted = packet.icmp?.quoted ?? null
  if (quoted !== null) networkLayers(quoted, out, `${prefix}Quoted `, depth + 1)
  if (packet.inner !== null) {
    linkLayers(packet.inner, out)
    networkLayers(packet.inner, out, `${prefix}Inner `, depth + 1)
  }
}

function arpLayer(packet: Packet): LayerView {
  const arp = packet.arp
  if (arp === null) return layer('ARP', [])
  const opcode = arp.op === 1 ? 'request (1)' : arp.op === 2 ? 'reply (2)' : String(arp.op)
  return layer('Address Resolution Protocol', [
    ['Opcode', opcode],
    ['Sender MAC', formatMac(arp.sha)],
    ['Sender IP', formatIp(arp.spa)],
    ['Target MAC', formatMac(arp.tha)],
    ['Target IP', formatIp(arp.tpa)],
  ])
}

function ip4Layer(packet: Packet, prefix: string): LayerView {
  const flags = [packet.df ? "Don't fragment" : '', packet.moreFrags ? 'More fragments' : ''].filter(
    (f) => f !== '',
  )
  return layer(`${prefix}Internet Protocol Version 4`, [
    ['DS field', `0x${packet.tos.toString(16).padStart(2, '0')}`],
    ['Total Length', packet.length],
    ['Identification', `0x${(packet.ipId & 0xffff).toString(16).padStart(4, '0')} (${packet.ipId & 0xffff})`],
    ['Flags', flags.length === 0 ? 'none' : flags.join(', ')],
    ['Fragment Offset', packet.fragOffset],
    ['Time to Live', packet.ttl],
    ['Protocol', `${protoName(packet.proto)} (${packet.proto})`],
    ['Source Address', formatIp(packet.src)],
    ['Destination Address', formatIp(packet.dst)],
  ])
}

function ip6Layer(packet: Packet, prefix: string): LayerView {
  return layer(`${prefix}Internet Protocol Version 6`, [
    ['Traffic Class', `0x${packet.tos.toString(16).padStart(2, '0')}`],
    ['Payload Length', packet.length - 40],
    ['Next Header', `${protoName(packet.proto)} (${packet.proto})`],
    ['Hop Limit', packet.ttl],
    ['Source Address', formatIp(packet.src)],
    ['Destination Address', formatIp(packet.dst)],
  ])
}

function icmpLayer(packet: Packet, icmp: IcmpHeader, prefix: string): LayerView {
  const six = packet.proto === IPPROTO_ICMPV6
  const fields: Field[] = [
    ['Type', `${icmp.type} (${icmpText(packet)})`],
    ['Code', icmp.code],
  ]
  const echo = six ? icmp.type === 128 || icmp.type === 129 : icmp.type === 0 || icmp.type === 8
  if (echo) fields.push(['Identifier', icmp.id], ['Sequence Number', icmp.seq])
  if (icmp.mtu !== 0) fields.push(['MTU of next hop', icmp.mtu])
  if (!six && icmp.type === 5) fields.push(['Gateway Address', formatIp(icmp.gateway)])
  if (icmp.nd !== null) {
    if (icmp.nd.target !== '') fields.push(['Target Address', formatIp(icmp.nd.target)])
    if (icmp.type === 137 && icmp.quoted !== null)
      fields.push(['Destination Address', formatIp(icmp.quoted.dst)])
    if (icmp.nd.lladdr >= 0) fields.push(['Link-layer address', formatMac(icmp.nd.lladdr)])
    for (const { group } of icmp.nd.groups ?? []) fields.push(['Multicast Address', formatIp(group)])
  }
  return layer(`${prefix}Internet Control Message Protocol${six ? ' v6' : ''}`, fields)
}

function udpLayer(packet: Packet, prefix: string): LayerView {
  return layer(`${prefix}User Datagram Protocol`, [
    ['Source Port', packet.sport],
    ['Destination Port', packet.dport],
    ['Length', (packet.payload?.length ?? 0) + 8],
  ])
}

function tcpLayer(packet: Packet, prefix: string): LayerView {
  const tcp = packet.tcp
  if (tcp === null) return layer('TCP', [])
  const fields: Field[] = [
    ['Source Port', packet.sport],
    ['Destination Port', packet.dport],
    ['Sequence Number', tcp.seq >>> 0],
    ['Acknowledgment Number', tcp.ack >>> 0],
    ['Flags', tcpFlags(tcp.flags)],
    ['Window', tcp.window],
  ]
  if (tcp.mss !== 0) fields.push(['Maximum segment size', tcp.mss])
  return layer(`${prefix}Transmission Control Protocol`, fields)
}

function layer(name: string, fields: Field[]): LayerView {
  return { name, fields: fields.map(([field, value]) => ({ name: field, value: String(value) })) }
}

function macText(mac: number): string {
  return mac === BROADCAST_MAC ? 'ff:ff:ff:ff:ff:ff (broadcast)' : formatMac(mac)
}

function typeText(etherType: number): string {
  const name = TYPE_NAMES[etherType]
  return name === undefined ? etherTypeText(etherType) : `${name} (${etherTypeText(etherType)})`
}

const TYPE_NAMES: Readonly<Record<number, string>> = {
  [ETH_P_IP]: 'IPv4',
  [ETH_P_ARP]: 'ARP',
  [ETH_P_IPV6]: 'IPv6',
  [ETH_P_8021Q]: '802.1Q',
}
