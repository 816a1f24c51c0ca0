// Models tcp_connect and tcp_rcv_synsent_state_process (net/ipv4/tcp_output.c, tcp_input.c; Linux 6.18): the active side
// of the handshake. Not here: simultaneous open (its SYN is answered by the timer only), fast open.
import { keepStart } from './tcpkeep.ts'
import { snmpAdd } from '../snmp.ts'
import type { Netns, Packet, Socket, TcpHeader, World } from '../types.ts'
import { sockWake } from './socket.ts'
import { learnRtt } from './tcpack.ts'
import { tcpDone } from './tcpclose.ts'
import { armRto, createSeg, routeOf, sendAck, sendPending, syncMss, transmit } from './tcpout.ts'
import { resetAnswer } from './tcpreset.ts'
import type { TcpRoute } from './tcproute.ts'
import { advmssOf, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from './tcproute.ts'
import { after, seqAdd } from './tcpseq.ts'
import { initialSeq, timestampOffset } from './tcpstate.ts'
import { stopTimer } from './tcptimer.ts'
import type { TcpState } from './tcptypes.ts'
import { initialWindow, windowEstablished } from './tcpwin.ts'
import { ackCheck, queueReceived } from './tcpdata.ts'

/** Sends the SYN of a socket that has its addresses and ports. */
export function sendSyn(world: World, ns: Netns, sock: Socket, t: TcpState, route: TcpRoute): void {
  t.state = 'SYN_SENT'
  t.openedAt = world.now
  const { local, lport, remote, rport } = sock
  t.iss = initialSeq(world, local!, lport, remote!, rport)
  t.tsOffset = timestampOffset(local!, remote!)
  t.sndUna = t.iss
  t.sndNxt = seqAdd(t.iss, 1)
  t.writeSeq = t.sndNxt
  t.pushedSeq = t.sndNxt
  t.sndSml = t.sndNxt
  t.advmss = clampedMss(t, advmssOf(route))
  if (t.userMss > 0) t.mssClamp = t.userMss
  syncMss(sock, t, route.mtu)
  const { window, scale } = initialWindow(ns, t.advmss, t.wscaleOk)
  t.rcvWnd = window
  t.rcvSsthresh = window
  t.rcvWscale = t.wscaleOk ? scale : 0
  const syn = createSeg(t.iss, new Uint8Array(0), TCP_SYN)
  syn.sentAt = world.now
  syn.firstAt = world.now
  t.inFlight = [syn]
  t.ack.lastDataAt = world.now
  snmpAdd(ns, 'TcpActiveOpens')
  transmit(world, ns, sock, t, syn)
  armRto(world, ns, sock, t)
}

/** tcp_mss_clamp: no more than the socket's own limit. */
function clampedMss(t: TcpState, mss: number): number {
  return t.userMss > 0 ? Math.min(t.userMss, mss) : mss
}

/** A segment while the SYN's answer is awaited. */
export function synSentRcv(
  world: World,
  ns: Netns,
  sock: Socket,
  t: TcpState,
  packet: Packet,
  tcp: TcpHeader,
): void {
  const { flags } = tcp
  if ((flags & TCP_ACK) !== 0) {
    if (!after(tcp.ack, t.sndUna) || after(tcp.ack, t.sndNxt)) {
      resetAnswer(world, ns, packet)
      return
    }
    if ((flags & TCP_RST) !== 0) {
      sock.err = 'ECONNREFUSED'
      snmpAdd(ns, 'TcpAttemptFails')
      tcpDone(world, ns, sock, t)
      return
    }
  }
  if ((flags & (TCP_SYN | TCP_ACK)) !== (TCP_SYN | TCP_ACK)) return
  finishConnect(world, ns, sock, t, tcp)
  if (packet.payload !== null || (flags & TCP_FIN) !== 0) {
    queueReceived(world, ns, sock, t, { ...tcp, seq: seqAdd(tcp.seq, 1) }, packet.payload)
    ackCheck(world, ns, sock, t)
  }
  sockWake(world, ns, sock)
}

/** tcp_finish_connect: options agreed, the third segment sent. */
function finishConnect(world: World, ns: Netns, sock: Socket, t: TcpState, tcp: TcpHeader): void {
  const syn = t.inFlight[0]
  t.inFlight = []
  stopTimer(t.rexmit)
  t.pending = ''
  t.tsOk = t.tsOk && tcp.tsval >= 0
  t.tsRecent = t.tsOk ? tcp.tsval : 0
  t.tsRecentAt = world.now
  t.sackOk = t.sackOk && tcp.sackOk
  t.wscaleOk = t.wscaleOk && tcp.wscale >= 0
  t.sndWscale = t.wscaleOk ? Math.min(14, tcp.wscale) : 0
  if (!t.wscaleOk) t.rcvWscale = 0
  t.sndUna = tcp.ack
  t.sndWl1 = tcp.seq
  t.sndWnd = tcp.window
  t.maxWindow = tcp.window
  t.rcvNxt = seqAdd(tcp.seq, 1)
  t.rcvWup = t.rcvNxt
  t.copiedSeq = t.rcvNxt
  t.mssClamp = clampedMss(t, tcp.mss > 0 ? tcp.mss : typeof sock.remote === 'number' ? 536 : 1220)
  if (t.tsOk) t.advmss -= 12
  const route = routeOf(world, ns, sock)
  syncMss(sock, t, typeof route === 'string' ? t.pmtu : route.mtu)
  if (syn !== undefined && syn.retrans === 0) {
    learnRtt(t, Math.max(1, Math.round((world.now - syn.sentAt) / 1000)))
  } else if (syn !== undefined && t.retransmits > 1) t.cwnd = 1
  t.retransmits = 0
  t.backoff = 0
  t.retransStamp = 0
  t.softErr = ''
  t.rttSeq = t.sndNxt
  t.ack.lastDataAt = world.now
  windowEstablished(t)
  t.state = 'ESTABLISHED'
  keepStart(world, ns, sock, t)
  sendAck(world, ns, sock, t)
  sendPending(world, ns, sock, t)
}
