// Models nf_conntrack_inet_error and the icmp_error halves of nf_conntrack_proto_icmp.c and _icmpv6.c (Linux 6.18):
// which connection an ICMP error is about.
import type { Netns, Packet, World } from '../types.ts'
import { IPPROTO_ICMP } from '../types.ts'
import { CT_RELATED, CT_RELATED_REPLY, CT_UNTRACKED } from './conntrack.ts'
import { ctLookup } from './cttable.ts'
import { invertTuple, isTrackable, tupleOf } from './tuple.ts'
import type { Conntrack } from './types.ts'

/** It quotes a packet as errors do; with an option before the quotation it counts as no error (only the first is read). */
const NDISC_REDIRECT = 137

/** Neighbour discovery and MLD are never tracked. */
const UNTRACKED6: readonly number[] = [130, 131, 132, 133, 134, 135, 136, 143]

/** `related`: the packet has the connection it is about. `go on`: it is no error, and is tracked as itself. */
export function icmpErrorIn(
  world: World,
  ns: Netns,
  ct: Conntrack,
  packet: Packet,
  zone: number,
): 'related' | 'untracked' | 'invalid' | 'go on' {
  const icmp = packet.icmp!
  const { type } = icmp
  if (packet.proto === IPPROTO_ICMP) {
    if (type !== 3 && type !== 4 && type !== 5 && type !== 11 && type !== 12) {
      return type > 18 ? 'invalid' : 'go on'
    }
  } else {
    if (UNTRACKED6.includes(type)) {
      packet.ct = 0
      packet.ctInfo = CT_UNTRACKED
      return 'untracked'
    }
    if (type >= 128 && (type !== NDISC_REDIRECT || (icmp.nd?.lladdr ?? 0) >= 0)) return 'go on'
  }
  const { quoted } = icmp
  if (quoted === null || quoted.fragOffset !== 0 || !isTrackable(quoted)) return 'invalid'
  const inner = invertTuple(tupleOf(quoted))
  const found = inner === null ? 0 : ctLookup(world, ns, ct, inner, zone)
  if (found === 0) return 'invalid'
  const conn = ct.conns.get(Math.floor(found / 2))!
  const reply = found % 2 === 1
  // The error must go where the quoted packet came from.
  if ((reply ? conn.reply : conn.orig).dst !== packet.dst) return 'invalid'
  packet.ct = conn.id
  packet.ctInfo = reply ? CT_RELATED_REPLY : CT_RELATED
  return 'related'
}
