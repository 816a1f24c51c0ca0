// Models tcp_ack, tcp_clean_rtx_queue, tcp_rtt_estimator and tcp_fastretrans_alert (net/ipv4/tcp_input.c, Linux 6.18) with
// Reno's congestion control. Not here: CUBIC and BBR, undo, F-RTO, proportional rate reduction, RACK's reordering window.
import { snmpAdd } from '../snmp.ts'
import type { Netns, Socket, TcpHeader, World } from '../types.ts'
import { MS } from '../wheel.ts'
import {
  armProbe0,
  armRto,
  inNetwork,
  queuedBytes,
  retransmit,
  RTO_MAX,
  scheduleProbe,
  segEnd,
  sendAck,
  tsNow,
} from './tcpout.ts'
import { markLost, markSacked } from './tcpsack.ts'
import { after, before, seqAdd } from './tcpseq.ts'
import { sockWake } from './socket.ts'
import { stopTimer } from './tcptimer.ts'
import type { TcpState } from './tcptypes.ts'

const DUPLICATES = 3

/** What an acknowledgement was: taken, or of something never sent, or too old to matter. */
export type AckFate = 'ok' | 'old' | 'future'

/** Takes an acknowledgement: the window, what is confirmed, round trips, loss. */
export function tcpAck(
  world: World,
  ns: Netns,
  sock: Socket,
  t: TcpState,
  tcp: TcpHeader,
  length: number,
): AckFate {
  const { ack } = tcp
  if (after(ack, t.sndNxt)) {
    sendAck(world, ns, sock, t)
    return 'old'
  }
  if (before(ack, t.sndUna)) {
    if (before(ack, (t.sndUna - t.maxWindow) >>> 0)) {
      sendAck(world, ns, sock, t)
      return 'old'
    }
    if (tcp.sack !== undefined && markSacked(t, tcp.sack)) fastRetransmit(world, ns, sock, t)
    return 'ok'
  }
  // Whatever it says: the peer is there.
  t.softErr = ''
  t.probes = 0
  t.lastAckAt = world.now
  const window = tcp.window * 2 ** t.sndWscale
  const news = updateWindow(t, tcp, window)
  const forward = after(ack, t.sndUna)
  const before0 = t.inFlight.length
  const limited = t.cwnd < 2 * before0
  if (forward) cleanQueue(world, ns, sock, t, tcp)
  const sacked = tcp.sack !== undefined && markSacked(t, tcp.sack)
  if (forward) {
    t.dupAcks = 0
    t.backoff = 0
    t.retransmits = 0
    recovered(t, limited, before0 - t.inFlight.length)
  } else if (length === 0 && !news && t.inFlight.length > 0 && window === t.sndWnd) t.dupAcks++
  if (sacked || t.ca !== 'open' || t.dupAcks > 0) fastRetransmit(world, ns, sock, t)
  afterAck(world, ns, sock, t, forward)
  return 'ok'
}

/** tcp_ack_update_window. True where the window changed. */
function updateWindow(t: TcpState, tcp: TcpHeader, window: number): boolean {
  const newer =
    after(tcp.ack, t.sndUna) ||
    after(tcp.seq, t.sndWl1) ||
    (tcp.seq === t.sndWl1 && (window > t.sndWnd || window === 0))
  if (!newer) return false
  t.sndWl1 = tcp.seq
  const changed = t.sndWnd !== window
  t.sndWnd = window
  t.maxWindow = Math.max(t.maxWindow, window)
  return changed
}

/** Takes out what is confirmed, and learns the round trip from it. */
function cleanQueue(world: World, ns: Netns, sock: Socket, t: TcpState, tcp: TcpHeader): void {
  const was = t.sndUna
  t.sndUna = tcp.ack
  t.bytesAcked += (tcp.ack - was) >>> 0
  let sentAt = 0
  let clean = true
  while (t.inFlight.length > 0) {
    const seg = t.inFlight[0]!
    if (after(segEnd(seg), tcp.ack)) break
    if (seg.retrans > 0) clean = false
    else if (!seg.sacked) sentAt = seg.sentAt
    t.inFlight.shift()
  }
  if (clean && sentAt > 0) learnRtt(t, Math.max(1, Math.round((world.now - sentAt) / 1000)))
  else if (t.tsOk && tcp.tsecr > 0) {
    const ms = (tsNow(world, t.tsOffset) - tcp.tsecr) | 0
    if (ms >= 0 && ms < 120_000) learnRtt(t, Math.max(1, ms) * 1000)
  }
  t.retransStamp = 0
  if (t.wantsSpace && queuedBytes(t) * 3 <= t.sndBuf * 2) {
    t.wantsSpace = false
    sockWake(world, ns, sock)
  }
}

/** tcp_rtt_estimator and tcp_set_rto: all in microseconds, smoothed values shifted as the kernel keeps them. */
export function learnRtt(t: TcpState, us: number): void {
  const rtoMin = 200_000
  if (t.srttUs === 0) {
    t.srttUs = us * 8
    t.mdevUs = us * 2
    t.rttvarUs = Math.max(t.mdevUs, rtoMin)
    t.mdevMaxUs = t.rttvarUs
    t.rttSeq = t.sndNxt
  } else {
    let m = us - Math.floor(t.srttUs / 8)
    t.srttUs += m
    if (m < 0) {
      m = -m - Math.floor(t.mdevUs / 4)
      if (m > 0) m = Math.floor(m / 8)
    } else m -= Math.floor(t.mdevUs / 4)
    t.mdevUs += m
    if (t.mdevUs > t.mdevMaxUs) {
      t.mdevMaxUs = t.mdevUs
      if (t.mdevMaxUs > t.rttvarUs) t.rttvarUs = t.mdevMaxUs
    }
    if (after(t.sndUna, t.rttSeq)) {
      if (t.mdevMaxUs < t.rttvarUs) t.rttvarUs -= Math.floor((t.rttvarUs - t.mdevMaxUs) / 4)
      t.rttSeq = t.sndNxt
      t.mdevMaxUs = rtoMin
    }
  }
  t.srttUs = Math.max(1, t.srttUs)
  t.rtoNs = Math.min(RTO_MAX, Math.ceil((t.srttUs / 8 + t.rttvarUs) / 1000) * MS)
}

/** What an advance does to congestion: recovery ends at its mark, otherwise the window opens. */
function recovered(t: TcpState, limited: boolean, acked: number): void {
  if (t.ca !== 'open') {
    if (!before(t.sndUna, t.highSeq)) {
      t.ca = 'open'
      t.cwnd = Math.max(t.ssthresh, 2)
      for (const seg of t.inFlight) {
        seg.lost = false
        seg.resent = false
      }
      return
    }
    if (t.ca === 'loss') growCwnd(t, acked)
    // A partial acknowledgement: what comes first now is lost too.
    const first = t.inFlight[0]
    if (first !== undefined && !first.sacked && !first.resent) first.lost = true
    return
  }
  if (limited || t.cwnd < t.ssthresh) growCwnd(t, acked)
}

/** tcp_reno_cong_avoid. */
function growCwnd(t: TcpState, acked: number): void {
  let left = acked
  if (t.cwnd < t.ssthresh) {
    const grown = Math.min(t.cwnd + left, t.ssthresh)
    left -= grown - t.cwnd
    t.cwnd = grown
  }
  t.cwndCnt += left
  while (t.cwndCnt >= t.cwnd) {
    t.cwndCnt -= t.cwnd
    t.cwnd++
  }
}

/** tcp_fastretrans_alert: three later segments, or three duplicates, and the gap is filled. */
function fastRetransmit(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  const first = t.inFlight[0]
  if (first === undefined) return
  let lost = markLost(t)
  if (!t.sackOk && t.dupAcks >= DUPLICATES && t.ca === 'open') {
    first.lost = true
    lost = true
  }
  if (lost && t.ca === 'open') {
    t.ca = 'recovery'
    t.highSeq = t.sndNxt
    t.ssthresh = Math.max(2, t.cwnd >> 1)
    t.cwnd = t.ssthresh
    snmpAdd(ns, t.sackOk ? 'TcpExtTCPSackRecovery' : 'TcpExtTCPRenoRecovery')
  }
  if (t.ca !== 'open') resendLost(world, ns, sock, t)
}

/** tcp_xmit_retransmit_queue: lost segments, as many as the congestion window lets. */
export function resendLost(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  for (let i = 0; i < t.inFlight.length && inNetwork(t) < t.cwnd; i++) {
    const seg = t.inFlight[i]!
    if (!seg.lost || seg.resent || seg.sacked) continue
    if (!retransmit(world, ns, sock, t, i)) break
    snmpAdd(ns, 'TcpRetransSegs')
    armRto(world, ns, sock, t)
  }
}

/** Timers after an acknowledgement. */
function afterAck(world: World, ns: Netns, sock: Socket, t: TcpState, forward: boolean): void {
  if (t.inFlight.length > 0) {
    if (forward) {
      armRto(world, ns, sock, t)
      scheduleProbe(world, ns, sock, t)
    }
    return
  }
  const next = t.unsent[0]
  if (next === undefined) {
    stopTimer(t.rexmit)
    t.pending = ''
  } else if (after(segEnd(next), seqAdd(t.sndUna, t.sndWnd))) {
    if (t.pending !== 'probe0' || forward || t.rexmit.at === 0) armProbe0(world, ns, sock, t)
  } else {
    stopTimer(t.rexmit)
    t.pending = ''
    t.backoff = 0
  }
}
