// Models tcp_data_queue, tcp_fin, tcp_event_data_recv and __tcp_ack_snd_check (net/ipv4/tcp_input.c, Linux 6.18):
// received bytes and when they are acknowledged.
import { snmpAdd } from '../snmp.ts'
import type { Netns, Socket, TcpHeader, World } from '../types.ts'
import { MS } from '../wheel.ts'
import { sockWake } from './socket.ts'
import { enterTimeWait } from './tcpclose.ts'
import { ATO_MIN, sendAck } from './tcpout.ts'
import { TCP_FIN, TCP_PSH } from './tcproute.ts'
import { dropBlocks, noteBlock } from './tcpsack.ts'
import { after, before, seqAdd, seqDiff } from './tcpseq.ts'
import { armTimer } from './tcptimer.ts'
import type { TcpState } from './tcptypes.ts'
import { growWindow, measureMss, receiveWindow, truesize, windowNow } from './tcpwin.ts'

const QUICK_MAX = 16
const DELACK_MAX = 200 * MS
const DELACK_REF = Object.freeze({ what: 'delack', key: '' } as const)

/** Takes the data and FIN of a segment: in order, ahead of order, or again. */
export function queueReceived(
  world: World,
  ns: Netns,
  sock: Socket,
  t: TcpState,
  tcp: TcpHeader,
  payload: Uint8Array | null,
): void {
  let data = payload ?? NONE
  const fin = (tcp.flags & TCP_FIN) !== 0
  let { seq } = tcp
  const end = seqAdd(seq, data.length + (fin ? 1 : 0))
  if (!after(end, t.rcvNxt)) {
    again(world, ns, sock, t, seq, end)
    return
  }
  const room = receiveWindow(t)
  if (seq !== t.rcvNxt && after(seq, seqAdd(t.rcvNxt, room))) return
  if (after(seq, t.rcvNxt)) {
    outOfOrder(world, t, seq, data, fin)
    return
  }
  const over = seqDiff(t.rcvNxt, seq)
  if (over > 0) {
    data = data.slice(over)
    seq = t.rcvNxt
  }
  if (room === 0 && data.length > 0) {
    // A probe of the closed window: its byte is not taken, but answered.
    t.ack.quick = Math.max(t.ack.quick, 1)
    t.ack.now = true
    t.ack.scheduled = true
    return
  }
  if (data.length > 0) takeData(world, t, data, (tcp.flags & TCP_PSH) !== 0)
  if (fin) takeFin(world, ns, sock, t)
  fillFromQueue(world, ns, sock, t)
  if (data.length > 0 && !t.orphan) sockWake(world, ns, sock)
}

/** __tcp_ack_snd_check: acknowledges now, or soon. */
export function ackCheck(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  const { ack } = t
  if (!ack.scheduled) return
  const much = seqDiff(t.rcvNxt, t.rcvWup) > t.rcvMss && windowNow(t) >= t.rcvWnd
  if (much || (ack.quick > 0 && !ack.pingpong) || ack.now || t.outOfOrder.length > 0) {
    sendAck(world, ns, sock, t)
    return
  }
  delayAck(world, ns, sock, t)
}

/** tcp_cleanup_rbuf: the reader took `copied` bytes; maybe the peer is waiting to hear of it. */
export function readerTook(world: World, ns: Netns, sock: Socket, t: TcpState, copied: number): void {
  const { ack } = t
  let now = false
  if (ack.scheduled) {
    const unsaid = seqDiff(t.rcvNxt, t.rcvWup) > t.rcvMss
    const pushed = ack.pushed === 2 || (ack.pushed === 1 && !ack.pingpong)
    now = unsaid || (copied > 0 && pushed && t.rcvMem === 0)
  }
  if (copied > 0 && !now && (t.shutdown & 1) === 0) {
    const window = receiveWindow(t)
    if (2 * window <= t.windowClamp) {
      const next = windowNow(t)
      now = next > 0 && next >= 2 * window
    }
  }
  if (now) sendAck(world, ns, sock, t)
}

/** tcp_delack_timer: the delay is over. */
export function delayedAck(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  const { ack } = t
  if (!ack.scheduled || t.state === 'CLOSE') return
  if (ack.pingpong) {
    ack.pingpong = false
    ack.atoNs = ATO_MIN
  } else ack.atoNs = Math.min(ack.atoNs * 2, t.rtoNs)
  snmpAdd(ns, 'TcpExtDelayedACKs')
  sendAck(world, ns, sock, t)
}

const NONE = new Uint8Array(0)

/** tcp_send_delayed_ack. */
function delayAck(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  const { ack } = t
  let delay = ack.atoNs
  if (delay > ATO_MIN) {
    let most = ack.pingpong || ack.pushed > 0 ? DELACK_MAX : 500 * MS
    if (t.srttUs > 0) most = Math.min(most, Math.max((t.srttUs >> 3) * 1000, ATO_MIN))
    delay = Math.min(delay, most)
  }
  delay = Math.min(delay, DELACK_MAX)
  if (t.delack.at !== 0) {
    const left = t.delack.at - world.now
    if (left <= delay / 4) {
      sendAck(world, ns, sock, t)
      return
    }
    if (left <= delay) return
  }
  armTimer(world, ns, sock, t.delack, DELACK_REF, delay)
}

/** Bytes in order: into the reader's queue. */
function takeData(world: World, t: TcpState, data: Uint8Array, pushed: boolean): void {
  // tcp_clamp_window: what was offered is taken, and the buffer grows by what it is over.
  t.rcvBuf = Math.max(t.rcvBuf, t.rcvMem)
  t.rcvQueue.push(data)
  t.rcvBytes += data.length
  t.rcvMem += truesize(data.length)
  t.rcvNxt = seqAdd(t.rcvNxt, data.length)
  t.bytesReceived += data.length
  dataReceived(world, t, data.length, pushed)
}

/** tcp_event_data_recv: the first data is answered quickly; then the pace decides. */
function dataReceived(world: World, t: TcpState, length: number, pushed: boolean): void {
  const { ack } = t
  ack.scheduled = true
  measureMss(t, length, pushed)
  if (ack.atoNs === 0) {
    quicken(t)
    ack.atoNs = ATO_MIN
  } else {
    const gap = world.now - ack.lastDataAt
    if (gap <= ATO_MIN / 2) ack.atoNs = ack.atoNs / 2 + ATO_MIN / 2
    else if (gap < ack.atoNs) ack.atoNs = Math.min(ack.atoNs / 2 + gap, t.rtoNs)
    else if (gap > t.rtoNs) quicken(t)
  }
  ack.lastDataAt = world.now
  growWindow(t, length)
}

/** tcp_incr_quickack. */
function quicken(t: TcpState): void {
  const quick = Math.max(2, Math.floor(t.rcvWnd / (2 * t.rcvMss)))
  t.ack.quick = Math.max(t.ack.quick, Math.min(quick, QUICK_MAX))
}

/** tcp_fin. */
function takeFin(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  if (t.finSeen) return
  t.finSeen = true
  t.rcvNxt = seqAdd(t.rcvNxt, 1)
  t.shutdown |= 1
  t.ack.scheduled = true
  t.outOfOrder = []
  t.sacks = []
  if (t.state === 'ESTABLISHED' || t.state === 'SYN_RECV') {
    t.state = 'CLOSE_WAIT'
    t.ack.pingpong = true
  } else if (t.state === 'FIN_WAIT1') {
    sendAck(world, ns, sock, t)
    t.state = 'CLOSING'
  } else if (t.state === 'FIN_WAIT2') {
    sendAck(world, ns, sock, t)
    enterTimeWait(world, ns, sock, t, 'TIME_WAIT')
  }
  if (!t.orphan) sockWake(world, ns, sock)
}

/** A segment that is here already: the sender is told at once, with a D-SACK. */
function again(world: World, ns: Netns, sock: Socket, t: TcpState, seq: number, end: number): void {
  snmpAdd(ns, 'TcpExtDelayedACKLost')
  if (t.sackOk && end !== seq) t.sacks.unshift([seq, end])
  t.ack.quick = Math.max(t.ack.quick, 2)
  t.ack.pingpong = false
  t.ack.scheduled = true
  sendAck(world, ns, sock, t)
}

/** tcp_data_queue_ofo: kept by sequence; what is known already is left out. */
function outOfOrder(world: World, t: TcpState, seq: number, data: Uint8Array, fin: boolean): void {
  t.ack.scheduled = true
  t.ack.now = true
  if (t.ack.atoNs === 0) {
    t.ack.atoNs = ATO_MIN
    t.ack.lastDataAt = world.now
  }
  const size = truesize(data.length)
  if (t.rcvMem + size > t.rcvBuf * 2) return
  const at = t.outOfOrder.findIndex((one) => !before(one.seq, seq))
  const same = t.outOfOrder.some((one) => one.seq === seq && one.data.length >= data.length)
  if (!same) {
    const piece = { seq, data, fin }
    if (at < 0) t.outOfOrder.push(piece)
    else t.outOfOrder.splice(at, 0, piece)
  }
  if (t.sackOk) noteBlock(t, seq, seqAdd(seq, data.length + (fin ? 1 : 0)))
}

/** tcp_ofo_queue: what now follows without a gap. */
function fillFromQueue(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  while (t.outOfOrder.length > 0) {
    const next = t.outOfOrder[0]!
    if (after(next.seq, t.rcvNxt)) break
    t.outOfOrder.shift()
    t.ack.now = true
    const data = next.data.slice(Math.max(0, seqDiff(t.rcvNxt, next.seq)))
    if (data.length > 0) takeData(world, t, data, false)
    if (next.fin) takeFin(world, ns, sock, t)
  }
  dropBlocks(t)
}
