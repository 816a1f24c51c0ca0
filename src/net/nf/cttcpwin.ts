// Models tcp_in_window of net/netfilter/nf_conntrack_proto_tcp.c (Linux 6.18), after "Real Stateful TCP Packet Filtering
// in IP Filter" (van Rooij). Sequence numbers are unsigned 32-bit and compared modulo 2^32.
import type { Packet, TcpHeader } from '../types.ts'
import type { Conn, ConnTcp } from './types.ts'

const WINDOW_SCALE = 0x01
const SACK_PERM = 0x02
const BE_LIBERAL = 0x08
const DATA_UNACKNOWLEDGED = 0x10
export const MAXACK_SET = 0x20
const TCP_FIN = 1
const TCP_SYN = 2
const TCP_RST = 4
const TCP_ACK = 16
/** An acknowledgement may lie so far behind. */
const MAX_ACK_WINDOW = 66000
const SCALE_MAX = 14

/** The sequence number after the segment. */
export function segmentEnd(packet: Packet): number {
  const th = packet.tcp!
  const extra = ((th.flags & TCP_SYN) !== 0 ? 1 : 0) + ((th.flags & TCP_FIN) !== 0 ? 1 : 0)
  return (th.seq + (packet.payload?.length ?? 0) + extra) >>> 0
}

/** A connection's first segment: a SYN, or one from the middle. */
export function initTcp(tcp: ConnTcp, packet: Packet, opening: boolean): void {
  const th = packet.tcp!
  const end = segmentEnd(packet)
  tcp.end[0] = end
  tcp.maxWin[0] = Math.max(1, th.window)
  if (opening) {
    tcp.maxEnd[0] = end
    options(tcp, 0, th)
    return
  }
  tcp.maxEnd[0] = (end + tcp.maxWin[0]) >>> 0
  tcp.flags[0] = SACK_PERM | BE_LIBERAL
  tcp.flags[1] = SACK_PERM | BE_LIBERAL
}

/** What an ignored SYN offered, in case it is answered. */
export function lastOptions(tcp: ConnTcp, th: TcpHeader, flags: number): void {
  tcp.lastFlags = flags
  tcp.lastScale = 0
  if (th.wscale >= 0) {
    tcp.lastFlags |= WINDOW_SCALE
    tcp.lastScale = Math.min(SCALE_MAX, th.wscale)
  }
  if (th.sackOk) tcp.lastFlags |= SACK_PERM
}

/** `ignore`: outside, but harmless: it passes and changes nothing. */
export function inWindow(
  conn: Conn,
  packet: Packet,
  dir: 0 | 1,
  isAck: boolean,
  liberal: boolean,
): 'accept' | 'ignore' | 'invalid' {
  const tcp = conn.tcp!
  const th = packet.tcp!
  const other = (1 - dir) as 0 | 1
  const end = segmentEnd(packet)
  let seq = th.seq >>> 0
  let last = end
  let ack = th.ack >>> 0
  const syn = (th.flags & TCP_SYN) !== 0
  const acks = (th.flags & TCP_ACK) !== 0
  if (tcp.maxWin[dir] === 0) {
    if (syn) {
      initSender(tcp, dir, th, end)
      if (!acks) return 'accept'
    } else joinMiddle(tcp, dir, th, end, ack)
  } else if (syn && after(end, tcp.end[dir]) && (conn.state === 'SYN_SENT' || conn.state === 'SYN_RECV')) {
    initSender(tcp, dir, th, end)
    if (dir === 1 && !acks) return 'accept'
  }
  if (!acks || ((th.flags & TCP_RST) !== 0 && ack === 0)) ack = tcp.end[other]
  if ((th.flags & TCP_RST) !== 0 && seq === 0 && conn.state === 'SYN_SENT') {
    seq = tcp.end[dir]
    last = seq
  }
  const verdict = within(tcp, dir, seq, last, ack)
  if (verdict !== 'accept') {
    return liberal || (tcp.flags[dir] & BE_LIBERAL) !== 0 ? 'accept' : verdict
  }
  update(tcp, dir, th, last, ack)
  if (isAck) countRetransmission(tcp, dir, seq, ack, last, th.window)
  return 'accept'
}

/** The four bounds: data not beyond what the receiver allowed, acknowledgements not beyond what was sent; neither too old. */
function within(
  tcp: ConnTcp,
  dir: 0 | 1,
  seq: number,
  end: number,
  ack: number,
): 'accept' | 'ignore' | 'invalid' {
  const other = (1 - dir) as 0 | 1
  const oldest = Math.max(tcp.maxWin[dir], MAX_ACK_WINDOW)
  const inReceive = tcp.maxWin[other] === 0 || after(end, tcp.end[dir] - tcp.maxWin[other] - 1)
  const ackOk = after(ack, tcp.end[other] - oldest - 1)
  if (!before(seq, tcp.maxEnd[dir] + 1)) {
    const overshot = (end - tcp.maxEnd[dir] + 1) >>> 0
    const little = inReceive && overshot <= tcp.maxWin[other] && before(ack, tcp.end[other] + 1)
    return little && ackOk ? 'ignore' : 'invalid'
  }
  if (!before(ack, tcp.end[other] + 1)) return 'invalid'
  if (!inReceive || !ackOk) return 'ignore'
  return 'accept'
}

function update(tcp: ConnTcp, dir: 0 | 1, th: TcpHeader, end: number, ack: number): void {
  const other = (1 - dir) as 0 | 1
  const win = (th.flags & TCP_SYN) !== 0 ? th.window : th.window * 2 ** tcp.scale[dir]
  if (tcp.maxWin[dir] < win) tcp.maxWin[dir] = win
  if (after(end, tcp.end[dir])) {
    tcp.end[dir] = end
    tcp.flags[dir] |= DATA_UNACKNOWLEDGED
  }
  if ((th.flags & TCP_ACK) !== 0) {
    if ((tcp.flags[dir] & MAXACK_SET) === 0) {
      tcp.maxAck[dir] = ack
      tcp.flags[dir] |= MAXACK_SET
    } else if (after(ack, tcp.maxAck[dir])) tcp.maxAck[dir] = ack
  }
  if (tcp.maxWin[other] !== 0 && after(end, tcp.maxEnd[dir])) {
    tcp.maxWin[other] += (end - tcp.maxEnd[dir]) >>> 0
  }
  if (after(ack + win, tcp.maxEnd[other] - 1)) {
    tcp.maxEnd[other] = (ack + win + (win === 0 ? 1 : 0)) >>> 0
  }
  if (ack === tcp.end[other]) tcp.flags[other] &= ~DATA_UNACKNOWLEDGED
}

function countRetransmission(
  tcp: ConnTcp,
  dir: 0 | 1,
  seq: number,
  ack: number,
  end: number,
  win: number,
): void {
  if (
    tcp.lastDir === dir &&
    tcp.lastSeq === seq &&
    tcp.lastAck === ack &&
    tcp.lastEnd === end &&
    tcp.lastWin === win
  ) {
    tcp.retrans++
    return
  }
  tcp.lastDir = dir
  tcp.lastSeq = seq
  tcp.lastAck = ack
  tcp.lastEnd = end
  tcp.lastWin = win
  tcp.retrans = 0
}

/** tcp_init_sender: a SYN or SYN-ACK says where its side begins. */
function initSender(tcp: ConnTcp, dir: 0 | 1, th: TcpHeader, end: number): void {
  tcp.end[dir] = end
  tcp.maxEnd[dir] = end
  tcp.maxWin[dir] = Math.max(1, th.window)
  options(tcp, dir, th)
  // Windows are scaled only where both sides offered it.
  if (dir === 1 && (tcp.flags[0] & tcp.flags[1] & WINDOW_SCALE) === 0) tcp.scale = [0, 0]
}

/** The first segment of a side whose beginning was not seen. */
function joinMiddle(tcp: ConnTcp, dir: 0 | 1, th: TcpHeader, end: number, ack: number): void {
  const other = (1 - dir) as 0 | 1
  const win = Math.max(1, th.window * 2 ** tcp.scale[dir])
  tcp.end[dir] = end
  tcp.maxWin[dir] = win
  tcp.maxEnd[dir] = (end + win) >>> 0
  if (tcp.maxWin[other] === 0) {
    tcp.end[other] = ack
    tcp.maxEnd[other] = ack
  } else if (ack === (tcp.end[other] + 1) >>> 0) tcp.end[other] = ack
}

function options(tcp: ConnTcp, dir: 0 | 1, th: TcpHeader): void {
  tcp.scale[dir] = 0
  tcp.flags[dir] = 0
  if (th.wscale >= 0) {
    tcp.scale[dir] = Math.min(SCALE_MAX, th.wscale)
    tcp.flags[dir] |= WINDOW_SCALE
  }
  if (th.sackOk) tcp.flags[dir] |= SACK_PERM
}

function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0
}

function after(a: number, b: number): boolean {
  return ((b - a) | 0) < 0
}
