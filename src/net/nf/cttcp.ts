// Models net/netfilter/nf_conntrack_proto_tcp.c (Linux 6.18): the state machine and the window check of tracked TCP.
// Not here: SACK blocks, sequence adjustment by helpers, the SYN proxy, logging of invalid segments.
import { sysctlInt } from '../sysctl.ts'
import type { Netns, Packet, TcpHeader, World } from '../types.ts'
import { SEC } from '../wheel.ts'
import { ctDir } from './conntrack.ts'
import { ctEvent, ctKill } from './cttable.ts'
import { inWindow, initTcp, lastOptions, MAXACK_SET, segmentEnd } from './cttcpwin.ts'
import type { Conn, ConnTcp, Conntrack } from './types.ts'
import { CT_STATUS } from './types.ts'

const SYN = 0
const SYNACK = 1
const FIN = 2
const ACK = 3
const RST = 4
const NONE = 5

export const TCP_FIN = 1
export const TCP_SYN = 2
export const TCP_RST = 4
export const TCP_ACK = 16

export const CLOSE_INIT = 0x04
const SIMULTANEOUS_OPEN = 0x40
const EXP_CHALLENGE_ACK = 0x80
const DATA_UNACKNOWLEDGED = 0x10

const STATES: readonly string[] = [
  '',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
]
const SHORT: Readonly<Record<string, string>> = Object.freeze({
  ss: 'SYN_SENT',
  sr: 'SYN_RECV',
  es: 'ESTABLISHED',
  fw: 'FIN_WAIT',
  cw: 'CLOSE_WAIT',
  la: 'LAST_ACK',
  tw: 'TIME_WAIT',
  cl: 'CLOSE',
  s2: 'SYN_SENT2',
  iv: 'invalid',
  ig: 'ignore',
})

/**
 * Next states by direction, segment and current state. One column per state: none, SYN_SENT, SYN_RECV, ESTABLISHED,
 * FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE, SYN_SENT2. `iv` is invalid, `ig` passes without effect.
 */
const TABLE: readonly (readonly (readonly string[])[])[] = Object.freeze([
  [
    columns('ss ss ig ig ig ig ig ss ss s2'),
    columns('iv iv sr iv iv iv iv iv iv sr'),
    columns('iv iv fw fw la la la tw cl iv'),
    columns('es iv es es cw cw tw tw cl iv'),
    columns('iv cl cl cl cl cl cl cl cl cl'),
    columns('iv iv iv iv iv iv iv iv iv iv'),
  ],
  [
    columns('iv s2 iv iv iv iv iv ss iv s2'),
    columns('iv sr ig ig ig ig ig ig ig sr'),
    columns('iv iv fw fw la la la tw cl iv'),
    columns('iv ig sr es cw cw tw tw cl ig'),
    columns('iv cl cl cl cl cl cl cl cl cl'),
    columns('iv iv iv iv iv iv iv iv iv iv'),
  ],
])

/** Working state of a connection that has seen nothing. */
export function newTcp(): ConnTcp {
  return {
    end: [0, 0],
    maxEnd: [0, 0],
    maxWin: [0, 0],
    maxAck: [0, 0],
    scale: [0, 0],
    flags: [0, 0],
    lastDir: 0,
    lastIndex: NONE,
    lastSeq: 0,
    lastAck: 0,
    lastEnd: 0,
    lastWin: 0,
    lastScale: 0,
    lastFlags: 0,
    retrans: 0,
  }
}

/** nf_conntrack_tcp_packet. `repeat`: an old connection made room, and the segment begins a new one. */
export function tcpPacket(
  world: World,
  ns: Netns,
  ct: Conntrack,
  conn: Conn,
  packet: Packet,
): 'accept' | 'invalid' | 'repeat' {
  const th = packet.tcp!
  const tcp = conn.tcp!
  if (!validFlags(th.flags)) return 'invalid'
  if ((conn.status & CT_STATUS.CONFIRMED) === 0 && !begin(ns, conn, packet)) return 'invalid'
  const dir = ctDir(packet)
  const index = indexOf(th)
  let old = conn.state
  let next = TABLE[dir]![index]![STATES.indexOf(old)]!
  let checked = false
  switch (next) {
    case 'SYN_SENT':
      if (STATES.indexOf(old) < STATES.indexOf('TIME_WAIT')) break
      if (
        ((tcp.flags[0] | tcp.flags[1]) & CLOSE_INIT) !== 0 ||
        (tcp.lastDir === dir && tcp.lastIndex === RST)
      ) {
        ctKill(world, ns, ct, conn)
        return 'repeat'
      }
      if (!ignored(packet, tcp, dir, index)) return 'accept'
      old = 'SYN_SENT'
      next = 'SYN_RECV'
      break
    case 'ignore':
      if (!ignored(packet, tcp, dir, index)) return 'accept'
      old = 'SYN_SENT'
      next = 'SYN_RECV'
      break
    case 'invalid':
      return 'invalid'
    case 'TIME_WAIT':
      // An answer to a stray SYN is no acknowledgement of the FIN.
      if (old === 'LAST_ACK' && index === ACK && tcp.lastDir !== dir && tcp.lastIndex === SYN) {
        if ((tcp.lastFlags & EXP_CHALLENGE_ACK) !== 0) {
          tcp.lastFlags &= ~EXP_CHALLENGE_ACK
          return 'accept'
        }
      }
      break
    case 'SYN_SENT2':
      tcp.lastFlags |= SIMULTANEOUS_OPEN
      break
    case 'SYN_RECV':
      if (dir === 1 && index === ACK && (tcp.lastFlags & SIMULTANEOUS_OPEN) !== 0) next = 'ESTABLISHED'
      break
    case 'CLOSE': {
      if (index !== RST) break
      const verdict = resets(conn, th, tcp, dir, old)
      if (verdict === 'invalid') return 'invalid'
      if (verdict === 'keep') next = old
      checked = answersIgnored(conn, th, tcp)
    }
  }
  if (!checked) {
    const verdict = inWindow(conn, packet, dir, index === ACK, liberal(ns))
    if (verdict === 'ignore') return 'accept'
    if (verdict === 'invalid') return 'invalid'
  }
  return settle(world, ns, ct, conn, th, dir, index, old, next)
}

/** The segment is in the window: state, timeout, flags. */
function settle(
  world: World,
  ns: Netns,
  ct: Conntrack,
  conn: Conn,
  th: TcpHeader,
  dir: 0 | 1,
  index: number,
  old: string,
  next: string,
): 'accept' {
  const tcp = conn.tcp!
  tcp.lastIndex = index
  tcp.lastDir = dir
  conn.state = next
  if (old !== next && next === 'FIN_WAIT') tcp.flags[dir] |= CLOSE_INIT
  let timeout = stateTimeout(ns, next)
  const unack = sysctlInt(ns, 'net.netfilter.nf_conntrack_tcp_timeout_unacknowledged')
  const retransmitted = sysctlInt(ns, 'net.netfilter.nf_conntrack_tcp_timeout_max_retrans')
  if (tcp.retrans >= sysctlInt(ns, 'net.netfilter.nf_conntrack_tcp_max_retrans') && timeout > retransmitted) {
    timeout = retransmitted
  } else if (index === RST) {
    timeout = stateTimeout(ns, 'CLOSE')
  } else if (((tcp.flags[0] | tcp.flags[1]) & DATA_UNACKNOWLEDGED) !== 0 && timeout > unack) {
    timeout = unack
  } else if (th.window === 0 && timeout > retransmitted) {
    timeout = retransmitted
  }
  if ((conn.status & CT_STATUS.SEEN_REPLY) === 0) {
    // A connection whose only answer is a reset never was one.
    if ((th.flags & TCP_RST) !== 0) {
      ctKill(world, ns, ct, conn)
      return 'accept'
    }
    if (index === SYN && old === 'SYN_SENT') return 'accept'
    if (next === 'ESTABLISHED' && timeout > unack) timeout = unack
  } else if (
    (conn.status & CT_STATUS.ASSURED) === 0 &&
    (old === 'SYN_RECV' || old === 'ESTABLISHED') &&
    next === 'ESTABLISHED'
  ) {
    conn.status |= CT_STATUS.ASSURED
    if (old === next) ctEvent(world, ns, ct, 'UPDATE', conn)
  }
  conn.expiresAt = world.now + timeout * SEC
  return 'accept'
}

/** tcp_new: a first segment opens a connection, or is taken for the middle of one. */
function begin(ns: Netns, conn: Conn, packet: Packet): boolean {
  const th = packet.tcp!
  if (conn.state !== '') return true
  const state = TABLE[0]![indexOf(th)]![0]!
  if (state === 'invalid' || state === 'ignore') return false
  if (state !== 'SYN_SENT' && sysctlInt(ns, 'net.netfilter.nf_conntrack_tcp_loose') === 0) return false
  initTcp(conn.tcp!, packet, state === 'SYN_SENT')
  // The kernel has no timeout yet; a SYN's is set here since a retransmission does not renew it.
  return true
}

/** A segment without effect, remembered. True where it answers a remembered SYN, and the connection starts again from it. */
function ignored(packet: Packet, tcp: ConnTcp, dir: 0 | 1, index: number): boolean {
  const th = packet.tcp!
  if (index === SYNACK && tcp.lastIndex === SYN && tcp.lastDir !== dir && th.ack >>> 0 === tcp.lastEnd) {
    const other = tcp.lastDir
    tcp.end[other] = tcp.lastEnd
    tcp.maxEnd[other] = tcp.lastEnd
    tcp.maxWin[other] = Math.max(1, tcp.lastWin)
    tcp.scale[other] = tcp.lastScale
    tcp.lastFlags &= ~EXP_CHALLENGE_ACK
    tcp.flags[other] = tcp.lastFlags
    tcp.end[dir] = 0
    tcp.maxEnd[dir] = 0
    tcp.maxWin[dir] = 0
    tcp.maxAck[dir] = 0
    tcp.scale[dir] = 0
    tcp.flags[dir] = 0
    return true
  }
  tcp.lastIndex = index
  tcp.lastDir = dir
  tcp.lastSeq = th.seq >>> 0
  tcp.lastEnd = segmentEnd(packet)
  tcp.lastWin = th.window
  if (index === SYN) lastOptions(tcp, th, EXP_CHALLENGE_ACK)
  return false
}

/** A reset that fits badly: out of date, or not exactly where the other side is. */
function resets(
  conn: Conn,
  th: TcpHeader,
  tcp: ConnTcp,
  dir: 0 | 1,
  old: string,
): 'close' | 'keep' | 'invalid' {
  const other = (1 - dir) as 0 | 1
  if ((tcp.flags[other] & MAXACK_SET) === 0) return 'close'
  const seq = th.seq >>> 0
  if (((seq - tcp.maxAck[other]) | 0) < 0) return 'invalid'
  const established = old === 'ESTABLISHED' && (conn.status & CT_STATUS.ASSURED) !== 0
  if (!established || seq === tcp.maxAck[other]) return 'close'
  if (tcp.lastIndex === ACK && tcp.lastDir === dir && seq === tcp.lastEnd) return 'close'
  return 'keep'
}

/** A reset that answers a segment which was let through as `ignore`. */
function answersIgnored(conn: Conn, th: TcpHeader, tcp: ConnTcp): boolean {
  const syn = (conn.status & CT_STATUS.SEEN_REPLY) !== 0 && tcp.lastIndex === SYN
  const ack = (conn.status & CT_STATUS.ASSURED) === 0 && tcp.lastIndex === ACK
  return (syn || ack) && th.ack >>> 0 === tcp.lastEnd
}

function indexOf(th: TcpHeader): number {
  if ((th.flags & TCP_RST) !== 0) return RST
  if ((th.flags & TCP_SYN) !== 0) return (th.flags & TCP_ACK) !== 0 ? SYNACK : SYN
  if ((th.flags & TCP_FIN) !== 0) return FIN
  return (th.flags & TCP_ACK) !== 0 ? ACK : NONE
}

/** tcp_valid_flags: combinations that no stack sends. PSH counts for nothing; URG only with ACK, or with SYN. */
function validFlags(flags: number): boolean {
  const plain = flags & ~8 & 63
  return VALID_FLAGS.includes(plain)
}

const VALID_FLAGS: readonly number[] = Object.freeze([2, 34, 18, 4, 20, 17, 49, 16, 48])

function stateTimeout(ns: Netns, state: string): number {
  return sysctlInt(ns, TIMEOUTS[state]!)
}

const PREFIX = 'net.netfilter.nf_conntrack_tcp_timeout_'
const TIMEOUTS: Readonly<Record<string, string>> = Object.freeze({
  SYN_SENT: `${PREFIX}syn_sent`,
  SYN_SENT2: `${PREFIX}syn_sent`,
  SYN_RECV: `${PREFIX}syn_recv`,
  ESTABLISHED: `${PREFIX}established`,
  FIN_WAIT: `${PREFIX}fin_wait`,
  CLOSE_WAIT: `${PREFIX}close_wait`,
  LAST_ACK: `${PREFIX}last_ack`,
  TIME_WAIT: `${PREFIX}time_wait`,
  CLOSE: `${PREFIX}close`,
})

function liberal(ns: Netns): boolean {
  return sysctlInt(ns, 'net.netfilter.nf_conntrack_tcp_be_liberal') !== 0
}

function columns(text: string): readonly string[] {
  return Object.freeze(text.split(' ').map((word) => SHORT[word]!))
}
