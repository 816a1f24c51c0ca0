/**
 * Bytes of an Ethernet frame back to a packet record. Hostile input is expected: every read is bounded, a frame
 * that says more than it holds gives `undefined`, nothing is thrown and the work is linear in the length.
 * Fragments keep their bytes as `payload` and are not reassembled here.
 */
import { familyOf, type Ip, type Mac } from '../base/addr.ts'
import type { ArpHeader, IcmpHeader, NdBody, Packet, TcpHeader } from '../net/types.ts'
import {
  ETH_P_802_2,
  ETH_P_8021Q,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from '../net/types.ts'
import { pseudoSum } from './bytes.ts'
import { isChecksumRight } from './checksum.ts'

const get16 = (b: Uint8Array, at: number): number => (b[at]! << 8) | b[at + 1]!
const get32 = (b: Uint8Array, at: number): number => (get16(b, at) << 16) | get16(b, at + 2)
const getMac = (b: Uint8Array, at: number): Mac => get16(b, at) * 4294967296 + (get32(b, at + 2) >>> 0)

function getIp6(b: Uint8Array, at: number): string {
  let text = ''
  for (let i = 0; i < 16; i++) text += b[at + i]!.toString(16).padStart(2, '0')
  return text
}

/** The packet in a frame, or undefined where the frame is malformed. `wrongChecksum` lists the layers whose checksum is off. */
export function decodeFrame(bytes: Uint8Array): { packet: Packet; wrongChecksum: string[] } | undefined {
  if (bytes.length < 14) return undefined
  const packet = emptyPacket()
  packet.dmac = getMac(bytes, 0)
  packet.smac = getMac(bytes, 6)
  let at = 12
  if (get16(bytes, at) === ETH_P_8021Q) {
    if (bytes.length < 18) return undefined
    packet.vlan = get16(bytes, at + 2) & 0xfff
    at += 4
  }
  const type = get16(bytes, at)
  packet.etherType = type < 0x600 ? ETH_P_802_2 : type
  const wrongChecksum: string[] = []
  return decodeNetwork(packet, bytes.subarray(at + 2), wrongChecksum) ? { packet, wrongChecksum } : undefined
}

function decodeNetwork(packet: Packet, body: Uint8Array, wrong: string[]): boolean {
  packet.length = body.length
  switch (packet.etherType) {
    case ETH_P_ARP:
      return decodeArp(packet, body)
    case ETH_P_IP:
      return decodeIp4(packet, body, wrong)
    case ETH_P_IPV6:
      return decodeIp6(packet, body, wrong)
    default:
      packet.payload = body
      return true
  }
}

function decodeArp(packet: Packet, b: Uint8Array): boolean {
  const isEthernetIp =
    b.length >= 28 && get16(b, 0) === 1 && get16(b, 2) === ETH_P_IP && b[4] === 6 && b[5] === 4
  if (!isEthernetIp) return false
  const arp: ArpHeader = {
    op: get16(b, 6),
    sha: getMac(b, 8),
    spa: get32(b, 14),
    tha: getMac(b, 18),
    tpa: get32(b, 24),
  }
  packet.arp = arp
  packet.length = 28
  return true
}

function decodeIp4(packet: Packet, b: Uint8Array, wrong: string[]): boolean {
  if (b.length < 20 || b[0]! >>> 4 !== 4) return false
  const header = (b[0]! & 15) * 4
  const total = get16(b, 2)
  if (header < 20 || total < header || total > b.length) return false
  if (!isChecksumRight(b, 0, header)) wrong.push('ip')
  packet.tos = b[1]!
  packet.length = total
  packet.ipId = get16(b, 4)
  const flags = get16(b, 6)
  packet.df = (flags & 0x4000) !== 0
  packet.moreFrags = (flags & 0x2000) !== 0
  packet.fragOffset = (flags & 0x1fff) * 8
  packet.ttl = b[8]!
  packet.proto = b[9]!
  packet.src = get32(b, 12)
  packet.dst = get32(b, 16)
  return decodeUpper(packet, b.subarray(header, total), wrong)
}

const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
const DESTINATION = 60
const MAX_EXTENSIONS = 8

function decodeIp6(packet: Packet, b: Uint8Array, wrong: string[]): boolean {
  if (b.length < 40 || b[0]! >>> 4 !== 6) return false
  const total = 40 + get16(b, 4)
  if (total > b.length) return false
  packet.tos = (get16(b, 0) >>> 4) & 0xff
  packet.length = total
  packet.ttl = b[7]!
  packet.src = getIp6(b, 8)
  packet.dst = getIp6(b, 24)
  let next = b[6]!
  let at = 40
  for (let i = 0; i < MAX_EXTENSIONS; i++) {
    if (next !== HOP_BY_HOP && next !== ROUTING && next !== FRAGMENT && next !== DESTINATION) break
    if (at + 8 > total) return false
    if (next === FRAGMENT) {
      packet.fragOffset = get16(b, at + 2) & 0xfff8
      packet.moreFrags = (b[at + 3]! & 1) !== 0
      packet.ipId = get32(b, at + 4) >>> 0
    }
    const size = next === FRAGMENT ? 8 : (b[at + 1]! + 1) * 8
    next = b[at]!
    at += size
    if (at > total) return false
  }
  packet.proto = next
  return decodeUpper(packet, b.subarray(at, total), wrong)
}

/** The transport header of a whole packet; a fragment's bytes stay as they are. */
function decodeUpper(packet: Packet, b: Uint8Array, wrong: string[]): boolean {
  packet.payload = b
  if (packet.moreFrags || packet.fragOffset > 0) return true
  switch (packet.proto) {
    case IPPROTO_ICMP:
      if (!isChecksumRight(b, 0, b.length)) wrong.push('icmp')
      return decodeIcmp(packet, b)
    case IPPROTO_ICMPV6:
      if (!isSumRight(packet, b)) wrong.push('icmp6')
      return decodeIcmp(packet, b)
    case IPPROTO_UDP:
      if (b.length >= 8 && get16(b, 6) !== 0 && !isSumRight(packet, b)) wrong.push('udp')
      return decodeUdp(packet, b)
    case IPPROTO_TCP:
      if (!isSumRight(packet, b)) wrong.push('tcp')
      return decodeTcp(packet, b)
    default:
      return true
  }
}

function isSumRight(packet: Packet, b: Uint8Array): boolean {
  return isChecksumRight(b, 0, b.length, pseudoSum(packet.src, packet.dst, packet.proto, b.length))
}

function decodeUdp(packet: Packet, b: Uint8Array): boolean {
  if (b.length < 8) return false
  const length = get16(b, 4)
  if (length < 8 || length > b.length) return false
  packet.sport = get16(b, 0)
  packet.dport = get16(b, 2)
  packet.payload = b.subarray(8, length)
  return true
}

function decodeTcp(packet: Packet, b: Uint8Array): boolean {
  if (b.length < 20) return false
  const header = (b[12]! >>> 4) * 4
  if (header < 20 || header > b.length) return false
  packet.sport = get16(b, 0)
  packet.dport = get16(b, 2)
  const tcp: TcpHeader = {
    seq: get32(b, 4) >>> 0,
    ack: get32(b, 8) >>> 0,
    flags: b[13]! & 0x3f,
    window: get16(b, 14),
    mss: 0,
    wscale: -1,
    sackOk: false,
    tsval: -1,
    tsecr: -1,
  }
  readTcpOptions(tcp, b.subarray(20, header))
  packet.tcp = tcp
  packet.payload = b.subarray(header)
  return true
}

function readTcpOptions(tcp: TcpHeader, b: Uint8Array): void {
  for (let at = 0; at < b.length; ) {
    const kind = b[at]!
    if (kind === 0) return
    if (kind === 1) {
      at++
      continue
    }
    const size = b[at + 1] ?? 0
    if (size < 2 || at + size > b.length) return
    if (kind === 2 && size === 4) tcp.mss = get16(b, at + 2)
    else if (kind === 3 && size === 3) tcp.wscale = b[at + 2]!
    else if (kind === 4) tcp.sackOk = true
    else if (kind === 8 && size === 10) {
      tcp.tsval = get32(b, at + 2) >>> 0
      tcp.tsecr = get32(b, at + 6) >>> 0
    } else if (kind === 5 && size >= 10 && size % 8 === 2) {
      const sack: [number, number][] = []
      for (let i = at + 2; i < at + size; i += 8) sack.push([get32(b, i) >>> 0, get32(b, i + 4) >>> 0])
      tcp.sack = sack
    }
    at += size
  }
}

function decodeIcmp(packet: Packet, b: Uint8Array): boolean {
  if (b.length < 8) return false
  const icmp: IcmpHeader = {
    type: b[0]!,
    code: b[1]!,
    id: 0,
    seq: 0,
    mtu: 0,
    gateway: 0,
    quoted: null,
    quotedLen: 0,
    nd: null,
  }
  packet.icmp = icmp
  packet.payload = b.subarray(8)
  const isSix = packet.proto === IPPROTO_ICMPV6
  if (isSix && icmp.type >= 133 && icmp.type <= 137) return decodeNd(packet, icmp, b)
  if (isSix && icmp.type === 143) return decodeMld(packet, icmp, b)
  const isError = isSix
    ? icmp.type < 128
    : icmp.type === 3 || icmp.type === 5 || icmp.type === 11 || icmp.type === 12
  if (isError) {
    if (isSix) icmp.mtu = get32(b, 4) >>> 0
    else if (icmp.type === 5) icmp.gateway = get32(b, 4)
    else icmp.mtu = get16(b, 6)
    return quote(packet, icmp, b.subarray(8))
  }
  icmp.id = get16(b, 4)
  icmp.seq = get16(b, 6)
  return true
}

/** The quoted packet's headers; what was cut off is unknown, so its lengths are those that it claims. */
function quote(packet: Packet, icmp: IcmpHeader, b: Uint8Array): boolean {
  const isSix = familyOf(packet.src) === 6
  const header = isSix ? 40 : ((b[0] ?? 0) << 2) & 60
  if (b.length < header + 8 || header < 20) return true
  const inner = emptyPacket()
  inner.etherType = packet.etherType
  const claimed = isSix ? 40 + get16(b, 4) : get16(b, 2)
  if (claimed < b.length || claimed > 65575) return true
  const padded = new Uint8Array(claimed)
  padded.set(b)
  if (!decodeNetworkShallow(inner, padded)) return true
  icmp.quoted = inner
  icmp.quotedLen = b.length
  packet.payload = null
  return true
}

/** As decodeNetwork, for a packet inside an error: its own quote, if it has one, stays bytes. */
function decodeNetworkShallow(packet: Packet, body: Uint8Array): boolean {
  const done = packet.etherType === ETH_P_IP ? decodeIp4(packet, body, []) : decodeIp6(packet, body, [])
  return done && (packet.icmp === null || packet.icmp.quoted === null)
}

function decodeNd(packet: Packet, icmp: IcmpHeader, b: Uint8Array): boolean {
  const nd: NdBody = { target: '0'.repeat(32), flags: b[4]!, lladdr: -1, nonce: -1, groups: null }
  let at = 8
  if (icmp.type === 135 || icmp.type === 136) {
    if (b.length < 24) return false
    nd.target = getIp6(b, 8)
    at = 24
  }
  if (icmp.type === 134) at = 16
  if (icmp.type === 137) {
    if (b.length < 40) return false
    nd.target = getIp6(b, 8)
    at = 40
  }
  while (at + 8 <= b.length) {
    const size = b[at + 1]! * 8
    if (size === 0 || at + size > b.length) return false
    if (b[at] === 1 || b[at] === 2) nd.lladdr = getMac(b, at + 2)
    else if (b[at] === 14) nd.nonce = getMac(b, at + 2)
    else if (b[at] === 4) quote(packet, icmp, b.subarray(at + 8, at + size))
    at += size
  }
  icmp.nd = nd
  packet.payload = null
  return true
}

function decodeMld(packet: Packet, icmp: IcmpHeader, b: Uint8Array): boolean {
  const count = get16(b, 6)
  const groups: { type: number; group: string }[] = []
  let at = 8
  for (let i = 0; i < count; i++) {
    if (at + 20 > b.length) return false
    groups.push({ type: b[at]!, group: getIp6(b, at + 4) })
    at += 20 + get16(b, at + 2) * 16 + b[at + 1]! * 4
  }
  icmp.nd = { target: '0'.repeat(32), flags: 0, lladdr: -1, nonce: -1, groups }
  packet.payload = null
  return true
}

function emptyPacket(): Packet {
  const none: Ip = 0
  return {
    id: 0,
    trace: 0,
    cause: 0,
    smac: 0,
    dmac: 0,
    etherType: 0,
    vlan: 0,
    src: none,
    dst: none,
    proto: 0,
    ttl: 0,
    tos: 0,
    ipId: 0,
    df: false,
    length: 0,
    fragOffset: 0,
    moreFrags: false,
    whole: null,
    fragMax: 0,
    sport: 0,
    dport: 0,
    icmp: null,
    tcp: null,
    arp: null,
    payload: null,
    inner: null,
    iif: 0,
    oif: 0,
    physIn: 0,
    physOut: 0,
    nfBridge: 0,
    savedMac: 0,
    pktType: 0,
    mark: 0,
    ct: 0,
    ctInfo: 0,
    nextHop: none,
    sock: 0,
  }
}
