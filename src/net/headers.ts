/** Protocol headers as records: what a packet carries above Ethernet and IP. Part of the model's contract, like types.ts. */
import type { Ip, Mac } from '../base/addr.ts'
import type { Packet } from './types.ts'

export interface ArpHeader {
  /** 1 request, 2 reply. */
  op: number
  sha: Mac
  spa: number
  tha: Mac
  tpa: number
}

/** ICMP and ICMPv6, neighbour discovery and MLD included. Fields that a type does not have are 0 or null. */
export interface IcmpHeader {
  type: number
  code: number
  id: number
  seq: number
  /** Fragmentation needed, packet too big. */
  mtu: number
  /** Redirect. */
  gateway: Ip
  /** The packet an error quotes, as it was when quoted; `quotedLen` bytes of it are on the wire. */
  quoted: Packet | null
  quotedLen: number
  nd: NdBody | null
}

/** Neighbour discovery and MLDv2 bodies (RFC 4861, RFC 3810). */
export interface NdBody {
  target: string
  /** NA: router, solicited, override bits as on the wire (0x80, 0x40, 0x20). */
  flags: number
  /** Source or target link-layer address option; -1 where absent. */
  lladdr: Mac
  /** Nonce option of enhanced duplicate address detection (RFC 7527), 48 bits; -1 where absent. */
  nonce: number
  /** MLDv2 report: record type and group. */
  groups: { type: number; group: string }[] | null
}

export interface TcpHeader {
  seq: number
  ack: number
  /** FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32. */
  flags: number
  window: number
  /** 0 where absent. */
  mss: number
  /** -1 where absent. */
  wscale: number
  sackOk: boolean
  /** Timestamps option; -1 where absent. */
  tsval: number
  tsecr: number
  /** SACK blocks [left edge, right edge), absent for none. */
  sack?: readonly (readonly [number, number])[]
}
