/** Tuples of connections: what identifies one direction. Models nf_ct_get_tuple and nf_ct_invert_tuple (Linux 6.18). */
import type { Packet } from '../types.ts'
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../types.ts'
import { tupleHash } from './cthash.ts'
import type { Tuple } from './types.ts'

/** Request to reply and back, for the types of ICMP that have both; -1 elsewhere. */
const ICMP_INVERSE: Readonly<Record<number, number>> = Object.freeze({
  8: 0,
  0: 8,
  13: 14,
  14: 13,
  15: 16,
  16: 15,
  17: 18,
  18: 17,
})
const ICMPV6_INVERSE: Readonly<Record<number, number>> = Object.freeze({
  128: 129,
  129: 128,
  139: 140,
  140: 139,
})

/** The tuple of a packet as it is now. Asks for a whole packet: later fragments have no ports. */
export function tupleOf(packet: Packet): Tuple {
  const { src, dst, proto } = packet
  return { src, dst, proto, sport: sportOf(packet), dport: dportOf(packet) }
}

/** The tuple of the answer; null for an ICMP message that has none. */
export function invertTuple(tuple: Tuple): Tuple | null {
  const { src, dst, proto, sport, dport } = tuple
  if (proto !== IPPROTO_ICMP && proto !== IPPROTO_ICMPV6) {
    return { src: dst, dst: src, proto, sport: dport, dport: sport }
  }
  const inverse = (proto === IPPROTO_ICMP ? ICMP_INVERSE : ICMPV6_INVERSE)[dport >> 8]
  if (inverse === undefined) return null
  return { src: dst, dst: src, proto, sport, dport: (inverse << 8) | (dport & 0xff) }
}

/** The inverse of a tuple that is known to have one. */
export function invert(tuple: Tuple): Tuple {
  return invertTuple(tuple) ?? tuple
}

export function sameTuple(a: Tuple, b: Tuple): boolean {
  return (
    a.src === b.src && a.dst === b.dst && a.proto === b.proto && a.sport === b.sport && a.dport === b.dport
  )
}

/** A source as a key of Conntrack.bySource: small enough to be kept in place, so others may have it too. */
export function sourceKey(tuple: Tuple, zone: number): number {
  return tupleHash(tuple.src, 0, tuple.proto, tuple.sport, 0, zone) & 0x3fffffff
}

/** Whether two tuples come from one source. */
export function sameSide(a: Tuple, b: Tuple): boolean {
  return a.src === b.src && a.proto === b.proto && a.sport === b.sport
}

/** Whether packets of the protocol have what a tuple needs: a packet with neither ports nor a known type has none. */
export function isTrackable(packet: Packet): boolean {
  if (packet.proto === IPPROTO_ICMP || packet.proto === IPPROTO_ICMPV6) return packet.icmp !== null
  return packet.proto !== IPPROTO_TCP || packet.tcp !== null
}

/** The source port of a packet's tuple, an ICMP message's id. */
export function sportOf(packet: Packet): number {
  switch (packet.proto) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
      return packet.sport
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return packet.icmp?.id ?? 0
    default:
      return 0
  }
}

/** The destination port of a packet's tuple, an ICMP message's type and code. */
export function dportOf(packet: Packet): number {
  switch (packet.proto) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
      return packet.dport
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return packet.icmp === null ? 0 : (packet.icmp.type << 8) | packet.icmp.code
    default:
      return 0
  }
}
