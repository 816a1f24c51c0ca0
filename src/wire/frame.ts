/**
 * A packet record to the bytes of its Ethernet frame. Checksums are always right, as they are on a wire
 * without offloads. Not on the hot path.
 */
import { assert } from '../base/assert.ts'
import { familyOf } from '../base/addr.ts'
import type { Packet } from '../net/types.ts'
import { ETH_P_802_2, ETH_P_8021Q, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, IPPROTO_ICMPV6 } from '../net/types.ts'
import { concatBytes, put16, put32, putIp, putMac } from './bytes.ts'
import { foldChecksum, sumBytes } from './checksum.ts'
import { encodeTransport, hasRouterAlert } from './transport.ts'

/** The whole frame: Ethernet II (or 802.3 with LLC for spanning tree), the 802.1Q tag where there is one, the packet. */
export function encodeFrame(packet: Packet): Uint8Array {
  assert(packet.inner === null, 'encapsulated frames are encoded by their tunnel')
  const body = encodeNetwork(packet)
  const tagged = packet.vlan !== 0
  const head = new Uint8Array(tagged ? 18 : 14)
  putMac(head, 0, packet.dmac)
  putMac(head, 6, packet.smac)
  if (tagged) {
    put16(head, 12, ETH_P_8021Q)
    put16(head, 14, packet.vlan)
  }
  put16(head, head.length - 2, packet.etherType === ETH_P_802_2 ? body.length : packet.etherType)
  return concatBytes([head, body])
}

/** The bytes above the Ethernet header. */
export function encodeNetwork(packet: Packet): Uint8Array {
  switch (packet.etherType) {
    case ETH_P_ARP:
      return encodeArp(packet)
    case ETH_P_IP:
    case ETH_P_IPV6:
      return encodeIp(packet)
    default:
      return packet.payload ?? new Uint8Array(0)
  }
}

function encodeArp(packet: Packet): Uint8Array {
  const arp = packet.arp
  assert(arp !== null, 'an ARP packet has its header')
  const out = new Uint8Array(28)
  put16(out, 0, 1)
  put16(out, 2, ETH_P_IP)
  out[4] = 6
  out[5] = 4
  put16(out, 6, arp.op)
  putMac(out, 8, arp.sha)
  put32(out, 14, arp.spa)
  putMac(out, 18, arp.tha)
  put32(out, 24, arp.tpa)
  return out
}

function encodeIp(packet: Packet): Uint8Array {
  const isFour = familyOf(packet.src) === 4
  const whole = encodeTransport(packet.whole ?? packet, encodeIp)
  const header = isFour ? 20 : packet.whole === null ? 40 : 48
  const body =
    packet.whole === null
      ? whole
      : whole.subarray(packet.fragOffset, packet.fragOffset + packet.length - header)
  return isFour ? encodeIp4(packet, body) : encodeIp6(packet, body)
}

function encodeIp4(packet: Packet, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(20 + body.length)
  out[0] = 0x45
  out[1] = packet.tos
  put16(out, 2, out.length)
  put16(out, 4, packet.ipId)
  put16(out, 6, (packet.df ? 0x4000 : 0) | (packet.moreFrags ? 0x2000 : 0) | (packet.fragOffset >>> 3))
  out[8] = packet.ttl
  out[9] = packet.proto
  putIp(out, 12, packet.src)
  putIp(out, 16, packet.dst)
  put16(out, 10, foldChecksum(sumBytes(out, 0, 20)))
  out.set(body, 20)
  return out
}

/** Hop-by-hop options with the router alert for MLD (RFC 2711), padded to eight bytes. */
const ROUTER_ALERT = [IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0]

function encodeIp6(packet: Packet, body: Uint8Array): Uint8Array {
  const isAlert = hasRouterAlert(packet)
  const isFragment = packet.whole !== null
  const extension = isAlert
    ? Uint8Array.from(ROUTER_ALERT)
    : isFragment
      ? fragmentHeader(packet)
      : new Uint8Array(0)
  const out = new Uint8Array(40 + extension.length + body.length)
  put32(out, 0, 0x60000000 | (packet.tos << 20))
  put16(out, 4, extension.length + body.length)
  out[6] = isAlert ? 0 : isFragment ? 44 : packet.proto
  out[7] = packet.ttl
  putIp(out, 8, packet.src)
  putIp(out, 24, packet.dst)
  out.set(extension, 40)
  out.set(body, 40 + extension.length)
  return out
}

function fragmentHeader(packet: Packet): Uint8Array {
  const out = new Uint8Array(8)
  out[0] = packet.proto
  put16(out, 2, (packet.fragOffset & 0xfff8) | (packet.moreFrags ? 1 : 0))
  put32(out, 4, packet.ipId)
  return out
}
