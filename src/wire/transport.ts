/**
 * UDP, TCP, ICMP and ICMPv6 (with neighbour discovery and MLDv2) to bytes.
 * Models RFC 768, 9293, 792, 4443, 4861 and 3810. Not here: RFC 4884 extensions.
 */
import { familyOf, type Ip } from '../base/addr.ts'
import type { IcmpHeader, NdBody, Packet, TcpHeader } from '../net/types.ts'
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../net/types.ts'
import { concatBytes, pseudoSum, put16, put32, putIp, putMac } from './bytes.ts'
import { foldChecksum, sumBytes } from './checksum.ts'

const NONE = new Uint8Array(0)
const ND_SOURCE_LLADDR = 1
const ND_TARGET_LLADDR = 2
const ND_REDIRECT = 137
const ND_REDIRECTED_HEADER = 4
const ND_NONCE = 14

/** The bytes above the network header of a whole (not fragmented) packet. `quote` encodes the packet that an error quotes. */
export function encodeTransport(packet: Packet, quote: (packet: Packet) => Uint8Array): Uint8Array {
  if (packet.icmp !== null) return encodeIcmp(packet, packet.icmp, quote)
  if (packet.proto === IPPROTO_UDP) return encodeUdp(packet)
  if (packet.proto === IPPROTO_TCP && packet.tcp !== null) return encodeTcp(packet, packet.tcp)
  return packet.payload ?? NONE
}

function encodeUdp(packet: Packet): Uint8Array {
  const payload = packet.payload ?? NONE
  const out = new Uint8Array(8 + payload.length)
  put16(out, 0, packet.sport)
  put16(out, 2, packet.dport)
  put16(out, 4, out.length)
  out.set(payload, 8)
  const sum = checksumOver(packet.src, packet.dst, IPPROTO_UDP, out)
  // Zero on the wire means "no checksum", so a computed zero is sent as all ones.
  put16(out, 6, sum === 0 ? 0xffff : sum)
  return out
}

function checksumOver(src: Ip, dst: Ip, proto: number, bytes: Uint8Array): number {
  return foldChecksum(sumBytes(bytes, 0, bytes.length, pseudoSum(src, dst, proto, bytes.length)))
}

/** TCP options in the order in which Linux writes them (net/ipv4/tcp_output.c tcp_options_write). */
export function tcpOptions(tcp: TcpHeader): Uint8Array {
  const bytes: number[] = []
  if (tcp.mss > 0) bytes.push(2, 4, tcp.mss >>> 8, tcp.mss & 0xff)
  if (tcp.tsval >= 0) {
    // SACK-permitted takes the place of the two pads before the timestamps.
    bytes.push(...(tcp.sackOk ? [4, 2] : [1, 1]), 8, 10)
    for (const value of [tcp.tsval, tcp.tsecr]) {
      bytes.push((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff)
    }
  } else if (tcp.sackOk) bytes.push(1, 1, 4, 2)
  if (tcp.wscale >= 0) bytes.push(1, 3, 3, tcp.wscale)
  if (tcp.sack !== undefined && tcp.sack.length > 0) {
    bytes.push(1, 1, 5, 2 + 8 * tcp.sack.length)
    for (const edge of tcp.sack.flat()) {
      bytes.push((edge >>> 24) & 0xff, (edge >>> 16) & 0xff, (edge >>> 8) & 0xff, edge & 0xff)
    }
  }
  return Uint8Array.from(bytes)
}

function encodeTcp(packet: Packet, tcp: TcpHeader): Uint8Array {
  const options = tcpOptions(tcp)
  const payload = packet.payload ?? NONE
  const header = 20 + options.length
  const out = new Uint8Array(header + payload.length)
  put16(out, 0, packet.sport)
  put16(out, 2, packet.dport)
  put32(out, 4, tcp.seq)
  put32(out, 8, tcp.ack)
  put16(out, 12, ((header / 4) << 12) | tcp.flags)
  put16(out, 14, tcp.window)
  out.set(options, 20)
  out.set(payload, header)
  put16(out, 16, checksumOver(packet.src, packet.dst, IPPROTO_TCP, out))
  return out
}

function encodeIcmp(packet: Packet, icmp: IcmpHeader, quote: (packet: Packet) => Uint8Array): Uint8Array {
  const out = concatBytes([icmpHeader(icmp, packet.proto), icmpBody(packet, icmp, quote)])
  const sum =
    packet.proto === IPPROTO_ICMP
      ? foldChecksum(sumBytes(out, 0, out.length))
      : checksumOver(packet.src, packet.dst, IPPROTO_ICMPV6, out)
  put16(out, 2, sum)
  return out
}

/** Type, code, empty checksum and the four bytes that depend on the type. */
function icmpHeader(icmp: IcmpHeader, proto: number): Uint8Array {
  const out = new Uint8Array(8)
  out[0] = icmp.type
  out[1] = icmp.code
  if (proto === IPPROTO_ICMPV6) {
    if (icmp.nd !== null) {
      if (icmp.nd.groups !== null) put16(out, 6, icmp.nd.groups.length)
      else out[4] = icmp.nd.flags
    } else if (icmp.quoted !== null) put32(out, 4, icmp.mtu)
    else {
      put16(out, 4, icmp.id)
      put16(out, 6, icmp.seq)
    }
  } else if (icmp.type === 5) putIp(out, 4, icmp.gateway)
  else if (icmp.quoted !== null) put16(out, 6, icmp.mtu)
  else {
    put16(out, 4, icmp.id)
    put16(out, 6, icmp.seq)
  }
  return out
}

function icmpBody(packet: Packet, icmp: IcmpHeader, quote: (packet: Packet) => Uint8Array): Uint8Array {
  if (icmp.nd !== null) return ndBody(icmp, icmp.nd, quote)
  if (icmp.quoted !== null) return quote(icmp.quoted).subarray(0, icmp.quotedLen)
  return packet.payload ?? NONE
}

function ndBody(icmp: IcmpHeader, nd: NdBody, quote: (packet: Packet) => Uint8Array): Uint8Array {
  if (nd.groups !== null) return mldRecords(nd.groups)
  const isSolicitation = icmp.type === 133 || icmp.type === 135
  const hasTarget = icmp.type === 135 || icmp.type === 136 || icmp.type === ND_REDIRECT
  const parts: Uint8Array[] = []
  if (hasTarget) {
    const target = new Uint8Array(16)
    putIp(target, 0, nd.target)
    parts.push(target)
  }
  if (icmp.type === ND_REDIRECT && icmp.quoted !== null) {
    const dst = new Uint8Array(16)
    putIp(dst, 0, icmp.quoted.dst)
    parts.push(dst)
  }
  if (nd.lladdr >= 0) parts.push(ndOption(isSolicitation ? ND_SOURCE_LLADDR : ND_TARGET_LLADDR, nd.lladdr))
  if (nd.nonce >= 0) parts.push(ndOption(ND_NONCE, nd.nonce))
  if (icmp.quoted !== null) {
    const head = new Uint8Array(8)
    head[0] = ND_REDIRECTED_HEADER
    head[1] = (icmp.quotedLen + 8) >> 3
    parts.push(head, quote(icmp.quoted).subarray(0, icmp.quotedLen))
  }
  return concatBytes(parts)
}

/** An eight-byte option that carries 48 bits. */
function ndOption(type: number, value: number): Uint8Array {
  const out = new Uint8Array(8)
  out[0] = type
  out[1] = 1
  putMac(out, 2, value)
  return out
}

function mldRecords(groups: readonly { type: number; group: string }[]): Uint8Array {
  const out = new Uint8Array(20 * groups.length)
  groups.forEach((record, i) => {
    out[20 * i] = record.type
    putIp(out, 20 * i + 4, record.group)
  })
  return out
}

/** True for the messages that travel behind a hop-by-hop header with a router alert (MLD). */
export function hasRouterAlert(packet: Packet): boolean {
  return (
    familyOf(packet.src) === 6 &&
    packet.icmp !== null &&
    packet.icmp.nd !== null &&
    packet.icmp.nd.groups !== null
  )
}
