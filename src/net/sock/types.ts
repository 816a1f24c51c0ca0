/** Sockets as records. Part of the model's contract, like net/types.ts. */
import type { Ip } from '../../base/addr.ts'
import type { Packet } from '../types.ts'
import type { TcpState } from './tcptypes.ts'

export type SocketKind = 'raw' | 'ping' | 'udp' | 'tcp' | 'packet'

/** A socket; a stream socket's own state hangs below `tcp`. */
export interface Socket {
  id: number
  kind: SocketKind
  family: 4 | 6
  pid: number
  /** raw: protocol; packet: ethertype (3 for all). */
  proto: number
  local: Ip | undefined
  lport: number
  remote: Ip | undefined
  rport: number
  /** SO_BINDTODEVICE, 0 for none. */
  oif: number
  ttl: number
  tos: number
  mark: number
  /** IP_MTU_DISCOVER: 0 dont, 1 want, 2 do, 3 probe, 5 omit. */
  pmtudisc: number
  recvErr: boolean
  broadcast: boolean
  /** raw ICMP: bit n set keeps type n out (ICMP_FILTER). raw ICMPv6: 1 keeps all out but echo replies. */
  icmpFilter: number
  /** SO_ERROR: what the next call returns instead of working; '' for none. */
  err: string
  /** Received packets (raw and ping: with their IP header), bounded. */
  rx: SockMessage[]
  rxBytes: number
  /** Errors that arrived (IP_RECVERR), bounded. */
  errors: SockMessage[]
  dropped: number
  /** Stream sockets; null for all others. */
  tcp: TcpState | null
}

/** One received datagram or one entry of the error queue. */
export interface SockMessage {
  at: number
  packet: Packet
  /** Error queue: errno name (EHOSTUNREACH ...) and who said it (undefined: this host itself). */
  errno: string
  offender: Ip | undefined
  /** Path MTU for EMSGSIZE, 0 otherwise. */
  info: number
  /** Error queue: who found out, this host or an ICMP message, and that message's type and code. '' for data. */
  origin: '' | 'local' | 'icmp'
  type: number
  code: number
  /** Error queue, origin 'icmp': TTL or hop limit with which that message came (IP_RECVTTL). */
  ttl?: number
}
