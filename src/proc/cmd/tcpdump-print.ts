/**
 * A frame as tcpdump 4.99.3 prints it: link header, ARP, IPv4, IPv6 and spanning tree. Not here: what is above UDP, and
 * link types other than Ethernet and Linux cooked v2.
 */
import type { Ip, Mac } from '../../base/addr.ts'
import { BROADCAST_MAC, formatIp, formatMac } from '../../base/addr.ts'
import { decodeBpdu } from '../../net/link/bpdu.ts'
import type { Packet } from '../../net/types.ts'
import { ETH_P_802_2, ETH_P_8021Q, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6 } from '../../net/types.ts'
import { layerBytes } from '../../wire/peek.ts'
import { hexLines } from './tcpdump-hex.ts'
import { ip4Text, ip6Text } from './tcpdump-ip.ts'

/** How to print. Functions live as long as one event: the program's state holds the letters only. */
export interface PrintOptions {
  /** -e */
  link: boolean
  /** How many -v. */
  verbose: number
  /** -q */
  quick: boolean
  /** -i any: the device's name, its index and the direction come first. */
  cooked: { name: string; ifindex: number; way: string } | null
  /** -n: neither names nor vendors. */
  numeric: boolean
  /** -S */
  absolute: boolean
  /** A host's name; undefined for its number. */
  host(ip: Ip): string | undefined
  /** TCP conversations by ends: what is subtracted from sequence numbers. */
  flows: Map<string, TcpFlow>
}

export interface TcpFlow {
  seq: number
  ack: number
}

/** The packet without its time, without a newline at the end. */
export function frameText(packet: Packet, o: PrintOptions): string {
  const { etherType } = packet
  const head = o.cooked !== null ? cookedHead(packet, o) : o.link ? etherHead(packet, o) : ''
  if (etherType === ETH_P_802_2) return head + stpText(packet, o)
  if (etherType === ETH_P_ARP && packet.arp !== null) {
    return `${head}${o.link ? '' : 'ARP, '}${arpText(packet, o)}`
  }
  if (etherType === ETH_P_IP) return head + ip4Text(packet, o)
  if (etherType === ETH_P_IPV6) return head + ip6Text(packet, o)
  const length = packet.length + (o.cooked === null ? 14 : 20)
  const unknown = o.link ? '' : unknownHead(packet, o, length)
  return `${head}${unknown}\n${hexLines(layerBytes(packet, 'network') ?? new Uint8Array(0), false)}`
}

/** A host by name or number. */
export function hostText(ip: Ip, o: PrintOptions): string {
  return (o.numeric ? undefined : o.host(ip)) ?? formatIp(ip)
}

function macText(mac: Mac, o: PrintOptions): string {
  if (o.numeric) return formatMac(mac)
  if (mac === BROADCAST_MAC) return 'Broadcast'
  return `${formatMac(mac)} (oui ${mac < 0x1000000 ? 'Ethernet' : 'Unknown'})`
}

const TYPES: Readonly<Record<number, string>> = Object.freeze({
  [ETH_P_ARP]: 'ARP',
  [ETH_P_IP]: 'IPv4',
  [ETH_P_IPV6]: 'IPv6',
  [ETH_P_8021Q]: '802.1Q',
})

function typeText(etherType: number, o: PrintOptions): string {
  const name = TYPES[etherType] ?? 'Unknown'
  if (o.quick) return name === 'Unknown' ? `Unknown Ethertype (0x${hex4(etherType)})` : name
  return `ethertype ${name} (0x${hex4(etherType)})`
}

function etherHead(packet: Packet, o: PrintOptions): string {
  const ends = `${macText(packet.smac, o)} > ${macText(packet.dmac, o)}, `
  if (packet.etherType === ETH_P_802_2) {
    const llc = 'LLC, dsap STP (0x42) Individual, ssap STP (0x42) Command, ctrl 0x03: '
    return `${ends}802.3, length ${packet.length}: ${llc}`
  }
  if (packet.vlan === 0) return `${ends}${typeText(packet.etherType, o)}, length ${packet.length + 14}: `
  const tag = `${typeText(ETH_P_8021Q, o)}, length ${packet.length + 18}: vlan ${packet.vlan}, p 0, `
  return `${ends}${tag}${typeText(packet.etherType, o)}, `
}

function unknownHead(packet: Packet, o: PrintOptions, length: number): string {
  if (o.cooked !== null) return `${typeText(packet.etherType, o)}, length ${length}: `
  return etherHead(packet, o)
}

function cookedHead(packet: Packet, o: PrintOptions): string {
  const { name, ifindex, way } = o.cooked!
  const place = `${name.padEnd(5)} ${way.padEnd(3)} `
  if (!o.link) return place
  const type = packet.etherType === ETH_P_802_2 ? '802.3' : typeText(packet.etherType, o)
  return `${place}ifindex ${ifindex} ${macText(packet.smac, o)} ${type}, length ${packet.length + 20}: `
}

function arpText(packet: Packet, o: PrintOptions): string {
  const { op, sha, spa, tha, tpa } = packet.arp!
  const kind = o.verbose > 0 ? 'Ethernet (len 6), IPv4 (len 4), ' : ''
  const length = `, length ${packet.length}`
  if (op === 1) {
    const known = tha === 0 ? '' : ` (${macText(tha, o)})`
    return `${kind}Request who-has ${hostText(tpa, o)}${known} tell ${hostText(spa, o)}${length}`
  }
  if (op === 2) return `${kind}Reply ${hostText(spa, o)} is-at ${macText(sha, o)}${length}`
  if (op === 3) return `${kind}Reverse Request who-is ${macText(tha, o)} tell ${macText(sha, o)}${length}`
  if (op === 4) return `${kind}Reverse Reply ${macText(tha, o)} at ${hostText(tpa, o)}${length}`
  return `${kind}Unknown (${op})${length}`
}

function stpText(packet: Packet, o: PrintOptions): string {
  const bpdu = decodeBpdu(packet.payload ?? new Uint8Array(0))
  if (bpdu === undefined) return `STP${packet.length < 4 ? ' [|stp]' : ''}`
  if (bpdu.type === 0x80) return 'STP 802.1d, Topology Change'
  const flags = [
    bpdu.topologyChange ? 'Topology change' : '',
    bpdu.topologyChangeAck ? 'Topology change ACK' : '',
  ].filter((flag) => flag !== '')
  const list = flags.length === 0 ? 'none' : flags.join(', ')
  const head =
    `STP 802.1d, Config, Flags [${list}], bridge-id ${bridgeId(bpdu.bridge)}.${hex4(bpdu.port)}` +
    `, length ${packet.length - 3}`
  if (o.verbose === 0) return head
  const age = `message-age ${seconds(bpdu.messageAgeNs)}s, max-age ${seconds(bpdu.maxAgeNs)}s`
  const times = `hello-time ${seconds(bpdu.helloNs)}s, forwarding-delay ${seconds(bpdu.forwardDelayNs)}s`
  return `${head}\n\t${age}, ${times}\n\troot-id ${bridgeId(bpdu.root)}, root-pathcost ${bpdu.rootCost}`
}

/** Sixteen hex digits as priority and address. */
function bridgeId(id: string): string {
  return `${id.slice(0, 4)}.${(id.slice(4).match(/../g) ?? []).join(':')}`
}

function seconds(ns: number): string {
  return (ns / 1e9).toFixed(2)
}

function hex4(n: number): string {
  return n.toString(16).padStart(4, '0')
}
