// Models net/ipv4/tcp_timer.c (Linux 6.18): what happens when one of TCP's timers goes off.
import type { SimEvent } from '../../sim/queue.ts'
import { snmpAdd } from '../snmp.ts'
import { sysctlInt } from '../sysctl.ts'
import type { Netns, Socket, World } from '../types.ts'
import { sockAt, sockDrop } from './socktable.ts'
import { tcpDone } from './tcpclose.ts'
import { delayedAck } from './tcpdata.ts'
import { keepTimer } from './tcpkeep.ts'
import { requestTimer } from './tcplisten.ts'
import {
  armProbe0,
  armRto,
  retransmit,
  RTO_MAX,
  segEnd,
  sendLossProbe,
  sendWindowProbe,
  splitSeg,
  transmit,
} from './tcpout.ts'
import { after, seqAdd, seqDiff } from './tcpseq.ts'
import type { TcpTimerRef } from './tcptimer.ts'
import { timerDue } from './tcptimer.ts'
import type { TcpState, TcpTimer } from './tcptypes.ts'

/** Ev.TcpTimer: arg is the socket's id, ref says which of its timers. */
export function tcpTimer(world: World, ns: Netns, event: SimEvent): void {
  const ref = event.ref as TcpTimerRef
  const sock = sockAt(ns, event.arg)
  const t = sock?.tcp
  if (sock === undefined || t === undefined || t === null) return
  const timer = timerOf(t, ref)
  if (timer === undefined || !timerDue(world, ns, sock, timer, ref)) return
  t.cause = 0
  switch (ref.what) {
    case 'request':
      requestTimer(world, ns, sock, t, ref.key)
      return
    case 'delack':
      delayedAck(world, ns, sock, t)
      return
    case 'wait':
      sockDrop(ns, sock.id)
      return
    case 'keep':
      keepTimer(world, ns, sock, t)
      return
    case 'rexmit':
      if (t.pending === 'probe0') probeTimer(world, ns, sock, t)
      else if (t.pending === 'tlp') {
        snmpAdd(ns, 'TcpExtTCPLossProbes')
        sendLossProbe(world, ns, sock, t)
      } else retransmitTimer(world, ns, sock, t)
  }
}

function timerOf(t: TcpState, { what, key }: TcpTimerRef): TcpTimer | undefined {
  if (what === 'request') return t.requests?.get(key)?.timer
  return what === 'keep' ? t.keep?.timer : t[what]
}

/** tcp_retransmit_timer. */
function retransmitTimer(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  const first = t.inFlight[0]
  if (first === undefined) return
  if (timedOut(world, ns, t)) {
    sock.err = t.softErr === '' ? 'ETIMEDOUT' : t.softErr
    snmpAdd(ns, 'TcpExtTCPAbortOnTimeout')
    tcpDone(world, ns, sock, t)
    return
  }
  snmpAdd(ns, 'TcpRetransSegs')
  if (t.state !== 'SYN_SENT') enterLoss(t)
  t.retransmits++
  if (!retransmit(world, ns, sock, t, 0)) {
    // Nothing could be sent (no route, a closed window): the timer runs on as it is.
    if (t.retransStamp === 0) t.retransStamp = world.now
  }
  const linear =
    t.state === 'SYN_SENT' && t.backoff + t.linear < sysctlInt(ns, 'net.ipv4.tcp_syn_linear_timeouts')
  if (linear) t.linear++
  else t.backoff++
  armRto(world, ns, sock, t)
}

/** tcp_write_timeout: whether it has been tried long enough. */
function timedOut(world: World, ns: Netns, t: TcpState): boolean {
  if (t.state === 'SYN_SENT') {
    const linear = sysctlInt(ns, 'net.ipv4.tcp_syn_linear_timeouts')
    return t.retransmits >= sysctlInt(ns, 'net.ipv4.tcp_syn_retries') + linear
  }
  if (t.retransStamp === 0) return false
  const retries = t.orphan ? orphanRetries(t) : sysctlInt(ns, 'net.ipv4.tcp_retries2')
  return world.now - t.retransStamp >= modelTimeout(retries)
}

/** tcp_orphan_retries with the sysctl at 0: eight, or none after an unreachable. */
function orphanRetries(t: TcpState): number {
  return t.softErr !== '' ? 0 : 8
}

/** tcp_model_timeout: how long so many doublings of the smallest timeout take. */
function modelTimeout(retries: number): number {
  const least = 200_000_000
  const doublings = Math.floor(Math.log2(RTO_MAX / least))
  if (retries <= doublings) return (2 ** (retries + 1) - 1) * least
  return (2 ** (doublings + 1) - 1) * least + (retries - doublings) * RTO_MAX
}

/** tcp_enter_loss: everything that is not confirmed counts as lost, one segment at a time. */
function enterLoss(t: TcpState): void {
  if (t.ca !== 'loss') t.ssthresh = Math.max(2, t.cwnd >> 1)
  t.ca = 'loss'
  t.cwnd = 1
  t.cwndCnt = 0
  t.highSeq = t.sndNxt
  t.dupAcks = 0
  for (const seg of t.inFlight) {
    seg.resent = false
    seg.lost = !seg.sacked
  }
}

/** tcp_probe_timer and tcp_write_wakeup: asks whether the window has opened. */
function probeTimer(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  const next = t.unsent[0]
  if (t.inFlight.length > 0 || next === undefined) {
    t.probes = 0
    return
  }
  const most = t.orphan ? orphanRetries(t) : sysctlInt(ns, 'net.ipv4.tcp_retries2')
  if (t.probes >= most) {
    sock.err = t.softErr === '' ? 'ETIMEDOUT' : t.softErr
    tcpDone(world, ns, sock, t)
    return
  }
  const room = seqDiff(seqAdd(t.sndUna, t.sndWnd), next.seq)
  if (room > 0) {
    if (after(segEnd(next), seqAdd(t.sndUna, t.sndWnd)) && next.data.length > room)
      splitSeg(t.unsent, 0, room)
    if (next.data.length > t.mss) splitSeg(t.unsent, 0, t.mss)
    next.flags |= 8
    if (transmit(world, ns, sock, t, next)) {
      t.unsent.shift()
      next.sentAt = world.now
      next.firstAt = world.now
      t.inFlight.push(next)
      t.sndNxt = segEnd(next)
      armRto(world, ns, sock, t)
      return
    }
  } else sendWindowProbe(world, ns, sock, t)
  t.probes++
  if (t.backoff < 15) t.backoff++
  armProbe0(world, ns, sock, t)
}
