/** A capture filter (pcap-filter(7)) as plain data, and whether a frame matches it. */
import type { Ip, Mac } from '../../base/addr.ts'
import { BROADCAST_MAC, inPrefix, isMulticast, isMulticastMac } from '../../base/addr.ts'
import type { Packet } from '../../net/types.ts'
import {
  ETH_P_802_2,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from '../../net/types.ts'
import { layerBytes } from '../../wire/peek.ts'

export type Direction = 'both' | 'src' | 'dst' | 'each'
export type Proto = '' | 'ether' | 'ip' | 'ip6' | 'arp' | 'rarp' | 'tcp' | 'udp' | 'icmp' | 'icmp6' | 'other'

export type Filter =
  | { op: 'all' }
  | { op: 'and' | 'or'; a: Filter; b: Filter }
  | { op: 'not'; a: Filter }
  /** `both`: source or destination; `each`: source and destination. */
  | { op: 'net'; proto: Proto; dir: Direction; addr: Ip; len: number }
  | { op: 'mac'; dir: Direction; mac: Mac }
  | { op: 'port'; proto: Proto; dir: Direction; low: number; high: number }
  /** A protocol number of IPv4, IPv6 or both (''). */
  | { op: 'proto'; proto: Proto; number: number }
  | { op: 'type'; etherType: number }
  | { op: 'is'; what: 'broadcast' | 'multicast' | 'ip multicast' | 'ip6 multicast' | 'inbound' | 'outbound' }
  /** -1 for any. */
  | { op: 'vlan'; id: number }
  | { op: 'compare'; how: string; a: Arith; b: Arith }

export type Arith =
  | { op: 'number'; value: number }
  | { op: 'len' }
  | { op: 'load'; proto: Proto; at: Arith; size: number }
  | { op: 'calc'; how: string; a: Arith; b: Arith }

/** Whether a frame passes; `dir` is how it crossed the device. */
export function matches(filter: Filter, packet: Packet, dir: 'in' | 'out'): boolean {
  switch (filter.op) {
    case 'all':
      return true
    case 'and':
      return matches(filter.a, packet, dir) && matches(filter.b, packet, dir)
    case 'or':
      return matches(filter.a, packet, dir) || matches(filter.b, packet, dir)
    case 'not':
      return !matches(filter.a, packet, dir)
    case 'net':
      return matchesNet(filter, packet)
    case 'mac':
      return either(filter.dir, packet.smac === filter.mac, packet.dmac === filter.mac)
    case 'port':
      return matchesPort(filter, packet)
    case 'proto': {
      const four = filter.proto !== 'ip6' && packet.etherType === ETH_P_IP
      const six = filter.proto !== 'ip' && packet.etherType === ETH_P_IPV6
      return (four || six) && firstProto(packet) === filter.number
    }
    case 'type':
      return packet.etherType === filter.etherType
    case 'is':
      return matchesKind(filter.what, packet, dir)
    case 'vlan':
      return filter.id < 0 ? packet.vlan !== 0 : packet.vlan === filter.id
    case 'compare':
      return compares(filter, packet)
  }
}

/** The protocol that the header names: MLD stands behind hop-by-hop options, where libpcap does not look for it. */
function firstProto(packet: Packet): number {
  const nd = packet.icmp?.nd
  return packet.etherType === ETH_P_IPV6 && nd !== null && nd !== undefined && nd.groups !== null
    ? 0
    : packet.proto
}

/** Bytes of the whole frame. */
export function frameLength(packet: Packet): number {
  return packet.length + 14 + (packet.vlan === 0 ? 0 : 4)
}

function either(dir: Direction, src: boolean, dst: boolean): boolean {
  if (dir === 'src') return src
  if (dir === 'dst') return dst
  return dir === 'each' ? src && dst : src || dst
}

function matchesNet(filter: Extract<Filter, { op: 'net' }>, packet: Packet): boolean {
  const { proto, dir, addr, len } = filter
  const arp = packet.arp
  if (arp !== null) {
    const reverse = arp.op === 3 || arp.op === 4
    if (proto !== '' && proto !== (reverse ? 'rarp' : 'arp')) return false
    return either(dir, inPrefix(arp.spa, addr, len), inPrefix(arp.tpa, addr, len))
  }
  if (packet.etherType !== ETH_P_IP && packet.etherType !== ETH_P_IPV6) return false
  if (proto === 'arp' || proto === 'rarp') return false
  return either(dir, inPrefix(packet.src, addr, len), inPrefix(packet.dst, addr, len))
}

function matchesPort(filter: Extract<Filter, { op: 'port' }>, packet: Packet): boolean {
  if (packet.etherType !== ETH_P_IP && packet.etherType !== ETH_P_IPV6) return false
  if (packet.fragOffset > 0 || (packet.etherType === ETH_P_IPV6 && packet.whole !== null)) return false
  const wanted = filter.proto === 'tcp' ? IPPROTO_TCP : filter.proto === 'udp' ? IPPROTO_UDP : -1
  if (wanted >= 0 ? packet.proto !== wanted : packet.proto !== IPPROTO_TCP && packet.proto !== IPPROTO_UDP) {
    return false
  }
  const { sport, dport } = packet.whole ?? packet
  const inside = (port: number) => port >= filter.low && port <= filter.high
  return either(filter.dir, inside(sport), inside(dport))
}

function matchesKind(what: string, packet: Packet, dir: 'in' | 'out'): boolean {
  const ip = packet.etherType === ETH_P_IP
  const ip6 = packet.etherType === ETH_P_IPV6
  switch (what) {
    case 'broadcast':
      return packet.dmac === BROADCAST_MAC
    case 'multicast':
      return isMulticastMac(packet.dmac)
    case 'ip multicast':
      return ip && (packet.dst as number) >>> 24 >= 224
    case 'ip6 multicast':
      return ip6 && isMulticast(packet.dst)
    case 'inbound':
      return dir === 'in'
    default:
      return dir === 'out'
  }
}

function compares(filter: Extract<Filter, { op: 'compare' }>, packet: Packet): boolean {
  const a = evaluate(filter.a, packet)
  const b = evaluate(filter.b, packet)
  if (a === undefined || b === undefined) return false
  switch (filter.how) {
    case '=':
    case '==':
      return a === b
    case '!=':
      return a !== b
    case '<':
      return a < b
    case '>':
      return a > b
    case '<=':
      return a <= b
    default:
      return a >= b
  }
}

/** Unsigned 32 bits; undefined where the frame has no such protocol or byte. */
function evaluate(arith: Arith, packet: Packet): number | undefined {
  if (arith.op === 'number') return arith.value
  if (arith.op === 'len') return frameLength(packet)
  if (arith.op === 'load') return load(arith, packet)
  const a = evaluate(arith.a, packet)
  const b = evaluate(arith.b, packet)
  if (a === undefined || b === undefined) return undefined
  return calculate(arith.how, a, b)
}

/** As a 32-bit machine does it; undefined for a division by nothing. */
export function calculate(how: string, a: number, b: number): number | undefined {
  switch (how) {
    case '+':
      return (a + b) >>> 0
    case '-':
      return (a - b) >>> 0
    case '*':
      return Math.imul(a, b) >>> 0
    case '/':
      return b === 0 ? undefined : Math.floor(a / b)
    case '%':
      return b === 0 ? undefined : a % b
    case '&':
      return (a & b) >>> 0
    case '|':
      return (a | b) >>> 0
    case '^':
      return (a ^ b) >>> 0
    case '<<':
      return b > 31 ? 0 : (a << b) >>> 0
    default:
      return b > 31 ? 0 : a >>> b
  }
}

const LAYERS: Readonly<Record<Proto, 'ether' | 'network' | 'transport' | ''>> = Object.freeze({
  '': '',
  ether: 'ether',
  ip: 'network',
  ip6: 'network',
  arp: 'network',
  rarp: 'network',
  tcp: 'transport',
  udp: 'transport',
  icmp: 'transport',
  icmp6: 'transport',
  other: '',
})

const NUMBERS: Readonly<Partial<Record<Proto, number>>> = Object.freeze({
  tcp: IPPROTO_TCP,
  udp: IPPROTO_UDP,
  icmp: IPPROTO_ICMP,
  icmp6: IPPROTO_ICMPV6,
})

function load(arith: Extract<Arith, { op: 'load' }>, packet: Packet): number | undefined {
  const { proto, size } = arith
  const layer = LAYERS[proto]
  const number = NUMBERS[proto]
  const type = proto === 'ip6' || proto === 'icmp6' ? ETH_P_IPV6 : proto === 'arp' ? ETH_P_ARP : ETH_P_IP
  if (layer === '' || (proto !== 'ether' && packet.etherType !== type)) return undefined
  if (number !== undefined && firstProto(packet) !== number) return undefined
  if (packet.etherType === ETH_P_802_2 && layer !== 'ether') return undefined
  const at = evaluate(arith.at, packet)
  const bytes = layerBytes(packet, layer)
  if (at === undefined || bytes === undefined || at + size > bytes.length) return undefined
  let value = 0
  for (let i = 0; i < size; i++) value = value * 256 + bytes[at + i]!
  return value
}
