// Models tcp_done, tcp_time_wait and tcp_timewait_state_process (net/ipv4/tcp.c, tcp_minisocks.c, Linux 6.18): how
// connections end. A TIME_WAIT connection is the same record with nothing in its queues.
import { snmpAdd } from '../snmp.ts'
import { recordDrop } from '../trace.ts'
import type { Link, Netns, Packet, Socket, TcpHeader, World } from '../types.ts'
import { SEC } from '../wheel.ts'
import { sysctlInt } from '../sysctl.ts'
import { sockWake } from './socket.ts'
import { sockDrop } from './socktable.ts'
import { tcpOwn } from './tcpidle.ts'
import { listenRcv } from './tcplisten.ts'
import { tcpListener } from './tcplookup.ts'
import { tsNow } from './tcpout.ts'
import { answer, bareHeader, resetAnswer } from './tcpreset.ts'
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from './tcproute.ts'
import { after, before, seqAdd } from './tcpseq.ts'
import { armTimer, stopTimer } from './tcptimer.ts'
import type { TcpState } from './tcptypes.ts'

const TIME_WAIT_NS = 60 * SEC
const WAIT_REF = Object.freeze({ what: 'wait', key: '' } as const)

/** tcp_done: the connection is over. Its record goes with its owner, at once where there is none. */
export function tcpDone(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  t.state = 'CLOSE'
  t.shutdown = 3
  t.unsent = []
  t.inFlight = []
  t.outOfOrder = []
  stopTimer(t.rexmit)
  stopTimer(t.delack)
  stopTimer(t.wait)
  if (t.keep !== null) stopTimer(t.keep.timer)
  if (t.orphan) sockDrop(ns, sock.id)
  else sockWake(world, ns, sock)
}

/** tcp_time_wait: what remains is who spoke with whom, for a minute; FIN_WAIT2 without an owner waits likewise. */
export function enterTimeWait(
  world: World,
  ns: Netns,
  sock: Socket,
  t: TcpState,
  as: 'TIME_WAIT' | 'FIN_WAIT2',
): void {
  const timeout = as === 'FIN_WAIT2' ? sysctlInt(ns, 'net.ipv4.tcp_fin_timeout') * SEC : TIME_WAIT_NS
  t.state = 'TIME_WAIT'
  t.closing = as === 'FIN_WAIT2'
  t.unsent = []
  t.inFlight = []
  t.outOfOrder = []
  t.sacks = []
  stopTimer(t.rexmit)
  stopTimer(t.delack)
  if (t.keep !== null) stopTimer(t.keep.timer)
  armTimer(world, ns, sock, t.wait, WAIT_REF, timeout)
  if (!t.orphan) sockWake(world, ns, sock)
}

/** tcp_timewait_state_process: old segments are acknowledged, a new connection may begin, strangers are reset. */
export function timeWaitRcv(
  world: World,
  ns: Netns,
  link: Link,
  sock: Socket,
  t: TcpState,
  packet: Packet,
  tcp: TcpHeader,
): void {
  const length = packet.payload?.length ?? 0
  const { flags } = tcp
  const end = seqAdd(tcp.seq, length + (flags & TCP_FIN ? 1 : 0) + (flags & TCP_SYN ? 1 : 0))
  const paws = t.tsOk && tcp.tsval >= 0 && before(tcp.tsval, t.tsRecent)
  if (t.closing) {
    finWait2Rcv(world, ns, sock, t, packet, tcp, end, paws)
    return
  }
  if ((flags & TCP_RST) !== 0) {
    if (tcp.seq === t.rcvNxt) sockDrop(ns, sock.id)
    return
  }
  const fresh = after(tcp.seq, t.rcvNxt) || (t.tsOk && tcp.tsval >= 0 && after(tcp.tsval, t.tsRecent))
  if ((flags & TCP_SYN) !== 0 && (flags & TCP_ACK) === 0 && !paws && fresh) {
    const listener = tcpListener(ns, packet.dst, packet.dport, link.ifindex)
    const own = listener === undefined ? null : tcpOwn(listener)
    if (listener !== undefined && own !== null) {
      sockDrop(ns, sock.id)
      listenRcv(world, ns, link, listener, own, packet, tcp)
      return
    }
  }
  if (paws) snmpAdd(ns, 'TcpExtPAWSEstab')
  if ((flags & TCP_ACK) !== 0 || paws || (flags & TCP_SYN) !== 0) {
    if (paws || (flags & TCP_ACK) === 0) armTimer(world, ns, sock, t.wait, WAIT_REF, TIME_WAIT_NS)
    else if (tcp.seq === t.rcvNxt && end === tcp.seq) return
    waitAck(world, ns, sock, t, packet)
    return
  }
  recordDrop(world, ns, packet, 'NOT_SPECIFIED', link.ifindex, null)
}

/** The FIN that was waited for; data for nobody is reset. */
function finWait2Rcv(
  world: World,
  ns: Netns,
  sock: Socket,
  t: TcpState,
  packet: Packet,
  tcp: TcpHeader,
  end: number,
  paws: boolean,
): void {
  const { flags } = tcp
  if (paws || after(tcp.seq, seqAdd(t.rcvNxt, t.rcvWnd)) || before(end, t.rcvNxt)) {
    if ((flags & TCP_RST) === 0) waitAck(world, ns, sock, t, packet)
    return
  }
  if ((flags & TCP_RST) !== 0) {
    sockDrop(ns, sock.id)
    return
  }
  if ((flags & TCP_SYN) !== 0 && !before(tcp.seq, t.rcvNxt)) {
    resetAnswer(world, ns, packet)
    return
  }
  if ((flags & TCP_ACK) === 0 || !after(end, t.rcvNxt) || end === tcp.seq) return
  if ((flags & TCP_FIN) === 0 || end !== seqAdd(t.rcvNxt, 1)) {
    sockDrop(ns, sock.id)
    resetAnswer(world, ns, packet)
    return
  }
  t.closing = false
  t.rcvNxt = end
  if (tcp.tsval >= 0) t.tsRecent = tcp.tsval
  armTimer(world, ns, sock, t.wait, WAIT_REF, TIME_WAIT_NS)
  waitAck(world, ns, sock, t, packet)
}

/** tcp_timewait's acknowledgement: with the last window and timestamps. */
function waitAck(world: World, ns: Netns, sock: Socket, t: TcpState, packet: Packet): void {
  const header = bareHeader(t.sndNxt, t.rcvNxt)
  header.window = Math.min(65535, t.rcvWnd >>> t.rcvWscale)
  if (t.tsOk) {
    header.tsval = tsNow(world, t.tsOffset)
    header.tsecr = t.tsRecent
  }
  answer(world, ns, packet, header, sock.mark, sock.tos)
}
