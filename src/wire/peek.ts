/** Parts of a packet's bytes for those that must not know offsets: one layer from its header on, a checksum. */
import type { Packet } from '../net/types.ts'
import { ETH_P_IP, ETH_P_IPV6, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../net/types.ts'
import { encodeFrame, encodeNetwork } from './frame.ts'

export type Layer = 'ether' | 'network' | 'transport'

/** Bytes from a layer's header to the frame's end. A later fragment has no transport header: undefined. */
export function layerBytes(packet: Packet, layer: Layer): Uint8Array | undefined {
  if (layer === 'ether') return encodeFrame(packet)
  const bytes = encodeNetwork(packet)
  if (layer === 'network') return bytes
  if (packet.fragOffset > 0) return undefined
  if (packet.etherType === ETH_P_IP) return bytes.subarray(20)
  return packet.etherType === ETH_P_IPV6 ? bytes.subarray(40) : undefined
}

const CHECKSUM_AT: Readonly<Record<number, number>> = Object.freeze({
  [IPPROTO_ICMP]: 2,
  [IPPROTO_ICMPV6]: 2,
  [IPPROTO_UDP]: 6,
  [IPPROTO_TCP]: 16,
})

/** The transport checksum as it is on the wire; -1 where there is none. */
export function transportChecksum(packet: Packet): number {
  const at = CHECKSUM_AT[packet.proto]
  const bytes = layerBytes(packet, 'transport')
  if (at === undefined || bytes === undefined || bytes.length < at + 2) return -1
  return (bytes[at]! << 8) | bytes[at + 1]!
}
