// Models net/ipv4/tcp_ipv4.c tcp_v4_rcv and net/ipv4/tcp_input.c (Linux 6.18): a received segment finds its socket and
// moves its state. Not here: header prediction (it changes nothing that can be seen), urgent data, fast open, ECN.
import { snmpAdd } from '../snmp.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { Link, Netns, Packet, Socket, TcpHeader, World } from '../types.ts'
import { PACKET_HOST } from '../types.ts'
import { tcpAck } from './tcpack.ts'
import { ackCheck, queueReceived } from './tcpdata.ts'
import { tcpOwn } from './tcpidle.ts'
import { listenRcv } from './tcplisten.ts'
import { tcpLookup } from './tcplookup.ts'
import { armRto, sendAck, sendPending } from './tcpout.ts'
import { resetAnswer } from './tcpreset.ts'
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from './tcproute.ts'
import { after, before, seqAdd, seqDiff } from './tcpseq.ts'
import { synSentRcv } from './tcpsynsent.ts'
import type { TcpState } from './tcptypes.ts'
import { enterTimeWait, tcpDone, timeWaitRcv } from './tcpclose.ts'
import { receiveWindow } from './tcpwin.ts'
import { sockWake } from './socket.ts'

/** A segment for this host. */
export function tcpRcv(world: World, ns: Netns, link: Link, packet: Packet): void {
  const tcp = packet.tcp
  if (tcp === null || packet.pktType !== PACKET_HOST) {
    recordDrop(world, ns, packet, tcp === null ? 'UNHANDLED_PROTO' : 'OTHERHOST', link.ifindex, null)
    return
  }
  snmpAdd(ns, 'TcpInSegs')
  const sock = tcpLookup(ns, link, packet)
  if (sock === undefined || sock.tcp === null || sock.tcp.state === 'CLOSE') {
    recordDrop(world, ns, packet, 'NO_SOCKET', link.ifindex, null)
    resetAnswer(world, ns, packet)
    return
  }
  const t = sock.tcp.state === 'LISTEN' ? tcpOwn(sock)! : sock.tcp
  t.cause = packet.trace
  t.segsIn++
  if (t.state === 'LISTEN') {
    listenRcv(world, ns, link, sock, t, packet, tcp)
    return
  }
  recordStep(world, ns, packet, StepKind.Deliver, StepAction.Socket, link.ifindex, null)
  if (t.state === 'TIME_WAIT') timeWaitRcv(world, ns, link, sock, t, packet, tcp)
  else if (t.state === 'SYN_SENT') synSentRcv(world, ns, sock, t, packet, tcp)
  else connectedRcv(world, ns, sock, t, packet, tcp)
}

/** tcp_rcv_state_process and tcp_rcv_established for every state with a known peer. */
function connectedRcv(
  world: World,
  ns: Netns,
  sock: Socket,
  t: TcpState,
  packet: Packet,
  tcp: TcpHeader,
): void {
  const length = packet.payload?.length ?? 0
  if (!acceptable(world, ns, sock, t, tcp, length)) return
  if ((tcp.flags & TCP_ACK) === 0) return
  const acked = tcpAck(world, ns, sock, t, tcp, length)
  if (acked === 'old') return
  if (t.state === 'SYN_RECV') {
    if (acked !== 'ok') return
    t.state = 'ESTABLISHED'
  }
  if (!finishClosing(world, ns, sock, t, packet, tcp, length)) return
  if (length > 0 || (tcp.flags & TCP_FIN) !== 0) {
    queueReceived(world, ns, sock, t, tcp, packet.payload)
    if ((t.state as string) === 'CLOSE' || (t.state as string) === 'TIME_WAIT') return
  }
  sendPending(world, ns, sock, t)
  ackCheck(world, ns, sock, t)
}

/** tcp_validate_incoming: PAWS, the window, RST and SYN. True where the segment goes on. */
function acceptable(
  world: World,
  ns: Netns,
  sock: Socket,
  t: TcpState,
  tcp: TcpHeader,
  length: number,
): boolean {
  const rst = (tcp.flags & TCP_RST) !== 0
  const end = seqAdd(tcp.seq, length + (tcp.flags & TCP_FIN ? 1 : 0))
  if (t.tsOk && tcp.tsval >= 0 && seqDiff(tcp.tsval, t.tsRecent) < 0 && t.tsRecent !== 0 && !rst) {
    snmpAdd(ns, 'TcpExtPAWSEstab')
    dupAck(world, ns, sock, t, tcp.seq, end)
    return false
  }
  // tcp_sequence: something of it lies in the window.
  if (before(end, t.rcvWup) || after(tcp.seq, seqAdd(t.rcvNxt, receiveWindow(t)))) {
    if (!rst) {
      if ((tcp.flags & TCP_SYN) !== 0) sendAck(world, ns, sock, t)
      else dupAck(world, ns, sock, t, tcp.seq, end)
    }
    return false
  }
  if (rst) {
    if (tcp.seq === t.rcvNxt) tcpReset(world, ns, sock, t)
    else sendAck(world, ns, sock, t)
    return false
  }
  if ((tcp.flags & TCP_SYN) !== 0) {
    // RFC 5961: a challenge.
    snmpAdd(ns, 'TcpExtTCPChallengeACK')
    sendAck(world, ns, sock, t)
    return false
  }
  if (t.tsOk && tcp.tsval >= 0 && !after(tcp.seq, t.rcvWup)) {
    t.tsRecent = tcp.tsval
    t.tsRecentAt = world.now
  }
  return true
}

/** tcp_send_dupack: what was out of the window is answered with what is expected. */
function dupAck(world: World, ns: Netns, sock: Socket, t: TcpState, seq: number, end: number): void {
  if (end !== seq && before(seq, t.rcvNxt)) {
    t.ack.quick = Math.max(t.ack.quick, 2)
    if (t.sackOk) t.sacks.unshift([seq, after(end, t.rcvNxt) ? t.rcvNxt : end])
  }
  sendAck(world, ns, sock, t)
}

/** tcp_reset: the peer ended it. */
function tcpReset(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  sock.err = t.state === 'CLOSE_WAIT' ? 'EPIPE' : 'ECONNRESET'
  snmpAdd(ns, 'TcpEstabResets')
  tcpDone(world, ns, sock, t)
}

/** The states after our FIN: what its acknowledgement leads to, and data that nobody will read. */
function finishClosing(
  world: World,
  ns: Netns,
  sock: Socket,
  t: TcpState,
  packet: Packet,
  tcp: TcpHeader,
  length: number,
): boolean {
  const finAcked = t.sndUna === t.writeSeq
  if (t.state === 'FIN_WAIT1' && finAcked) {
    t.state = 'FIN_WAIT2'
    t.shutdown |= 2
    if (!t.orphan) sockWake(world, ns, sock)
    else if (length === 0) {
      if ((tcp.flags & TCP_FIN) === 0) {
        enterTimeWait(world, ns, sock, t, 'FIN_WAIT2')
        return false
      }
    }
  } else if (t.state === 'CLOSING' && finAcked) {
    enterTimeWait(world, ns, sock, t, 'TIME_WAIT')
    return false
  } else if (t.state === 'LAST_ACK' && finAcked) {
    tcpDone(world, ns, sock, t)
    return false
  }
  if (t.orphan && length > 0 && after(seqAdd(tcp.seq, length), t.rcvNxt)) {
    // Nobody will read it: the peer is told so.
    snmpAdd(ns, 'TcpExtTCPAbortOnData')
    resetAnswer(world, ns, packet)
    tcpDone(world, ns, sock, t)
    return false
  }
  if (t.inFlight.length > 0 && t.rexmit.at === 0) armRto(world, ns, sock, t)
  return true
}
