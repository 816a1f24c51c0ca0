// Models the passive side: tcp_conn_request, tcp_check_req, reqsk_timer_handler and the accept queue
// (net/ipv4/tcp_input.c, tcp_minisocks.c, inet_connection_sock.c; Linux 6.18). Not here: SYN cookies (a full queue
// drops), fast open, TCP_DEFER_ACCEPT.
import type { Ip } from '../../base/addr.ts'
import { keepInherited, keepStart } from './tcpkeep.ts'
import { addrType } from '../ip/fib.ts'
import { snmpAdd } from '../snmp.ts'
import { sysctlInt } from '../sysctl.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { Link, Netns, Packet, Socket, TcpHeader, World } from '../types.ts'
import { SEC } from '../wheel.ts'
import { sockOpen, sockWake } from './socket.ts'
import { ackCheck, queueReceived } from './tcpdata.ts'
import { learnRtt } from './tcpack.ts'
import { sendPending, syncMss, tsNow } from './tcpout.ts'
import { resetAnswer } from './tcpreset.ts'
import { advmssOf, sendSegment, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, tcpRoute } from './tcproute.ts'
import { after, before, seqAdd } from './tcpseq.ts'
import { initialSeq, timestampOffset } from './tcpstate.ts'
import { armTimer, createTimer, stopTimer } from './tcptimer.ts'
import type { TcpRequest, TcpState } from './tcptypes.ts'
import { initialWindow, windowEstablished } from './tcpwin.ts'

/** A segment for a listener: a new SYN, the end of a handshake, or something to be reset. */
export function listenRcv(
  world: World,
  ns: Netns,
  link: Link,
  listener: Socket,
  t: TcpState,
  packet: Packet,
  tcp: TcpHeader,
): void {
  const key = requestKey(packet.dst, packet.src, packet.sport)
  const request = t.requests?.get(key)
  const { flags } = tcp
  if (request !== undefined) {
    recordStep(world, ns, packet, StepKind.Deliver, StepAction.Socket, link.ifindex, null)
    requestRcv(world, ns, listener, t, key, request, packet, tcp)
    return
  }
  if ((flags & TCP_RST) !== 0) {
    recordDrop(world, ns, packet, 'TCP_RESET', link.ifindex, null)
    return
  }
  if ((flags & TCP_ACK) !== 0) {
    recordDrop(world, ns, packet, 'NO_SOCKET', link.ifindex, null)
    resetAnswer(world, ns, packet)
    return
  }
  const group = typeof packet.dst === 'number' && addrType(ns, packet.dst) !== 'local'
  if ((flags & TCP_SYN) === 0 || (flags & TCP_FIN) !== 0 || group) {
    recordDrop(world, ns, packet, 'TCP_FLAGS', link.ifindex, null)
    return
  }
  if ((t.acceptQueue?.length ?? 0) > t.backlog || (t.requests?.size ?? 0) > t.backlog) {
    snmpAdd(ns, 'TcpExtListenOverflows')
    snmpAdd(ns, 'TcpExtListenDrops')
    recordDrop(world, ns, packet, 'TCP_LISTEN_OVERFLOW', link.ifindex, null)
    return
  }
  recordStep(world, ns, packet, StepKind.Deliver, StepAction.Socket, link.ifindex, null)
  newRequest(world, ns, listener, t, key, packet, tcp)
}

/** The timer of a half-open connection: the SYN-ACK once more, or the end. */
export function requestTimer(world: World, ns: Netns, listener: Socket, t: TcpState, key: string): void {
  const request = t.requests?.get(key)
  if (request === undefined) return
  const most = sysctlInt(ns, 'net.ipv4.tcp_synack_retries')
  if (request.timeouts >= most) {
    t.requests?.delete(key)
    return
  }
  request.timeouts++
  t.cause = 0
  if (!request.acked) {
    snmpAdd(ns, 'TcpRetransSegs')
    sendSynAck(world, ns, listener, request)
  }
  armRequest(world, ns, listener, key, request)
}

export function requestKey(local: Ip, remote: Ip, rport: number): string {
  return `${local} ${remote} ${rport}`
}

function newRequest(
  world: World,
  ns: Netns,
  listener: Socket,
  t: TcpState,
  key: string,
  packet: Packet,
  tcp: TcpHeader,
): void {
  const tsOk = t.tsOk && tcp.tsval >= 0
  const request: TcpRequest = {
    local: packet.dst,
    remote: packet.src,
    rport: packet.sport,
    iif: typeof packet.src === 'string' && packet.src.startsWith('fe8') ? packet.iif : listener.oif,
    iss: initialSeq(world, packet.dst, packet.dport, packet.src, packet.sport),
    irs: tcp.seq,
    mss: tcp.mss > 0 ? tcp.mss : typeof packet.src === 'number' ? 536 : 1220,
    wscale: t.wscaleOk ? tcp.wscale : -1,
    sackOk: t.sackOk && tcp.sackOk,
    tsOk,
    tsRecent: tsOk ? tcp.tsval : 0,
    tsOffset: timestampOffset(packet.dst, packet.src),
    rcvWnd: 0,
    timeouts: 0,
    sentAt: world.now,
    acked: false,
    timer: createTimer(),
  }
  if (!sendSynAck(world, ns, listener, request)) return
  t.requests ??= new Map()
  t.requests.set(key, request)
  armRequest(world, ns, listener, key, request)
}

function armRequest(world: World, ns: Netns, listener: Socket, key: string, request: TcpRequest): void {
  armTimer(world, ns, listener, request.timer, { what: 'request', key }, SEC * 2 ** request.timeouts)
}

/** tcp_make_synack. False where the peer cannot be reached. */
function sendSynAck(world: World, ns: Netns, listener: Socket, request: TcpRequest): boolean {
  const path = {
    dst: request.remote,
    src: request.local,
    oif: request.iif,
    mark: listener.mark,
    tos: listener.tos,
  }
  const route = tcpRoute(world, ns, path)
  if (typeof route === 'string') return false
  const mss = advmssOf(route)
  const scaling = request.wscale >= 0
  const { window, scale } = initialWindow(ns, mss - (request.tsOk ? 12 : 0), scaling)
  request.rcvWnd = window
  const header: TcpHeader = {
    seq: request.iss,
    ack: seqAdd(request.irs, 1),
    flags: TCP_SYN | TCP_ACK,
    window,
    mss,
    wscale: scaling ? scale : -1,
    sackOk: request.sackOk,
    tsval: request.tsOk ? tsNow(world, request.tsOffset) : -1,
    tsecr: request.tsOk ? request.tsRecent : -1,
  }
  const ends = { sport: listener.lport, dport: request.rport }
  const kept = { ttl: listener.ttl, tos: listener.tos, mark: listener.mark, sock: listener.id }
  const cause = listener.tcp?.cause ?? 0
  sendSegment(
    world,
    ns,
    route,
    { ...ends, ...kept, cause, df: listener.pmtudisc !== 0, ipId: 0 },
    header,
    null,
  )
  return true
}

/** tcp_check_req: what comes for a half-open connection. */
function requestRcv(
  world: World,
  ns: Netns,
  listener: Socket,
  t: TcpState,
  key: string,
  request: TcpRequest,
  packet: Packet,
  tcp: TcpHeader,
): void {
  const { flags } = tcp
  const next = seqAdd(request.irs, 1)
  if (
    (flags & TCP_SYN) !== 0 &&
    (flags & TCP_ACK) === 0 &&
    tcp.seq === request.irs &&
    (flags & TCP_RST) === 0
  ) {
    // The SYN came again: so does the SYN-ACK, and the timer starts anew.
    if (request.tsOk && tcp.tsval >= 0) request.tsRecent = tcp.tsval
    snmpAdd(ns, 'TcpRetransSegs')
    sendSynAck(world, ns, listener, request)
    armRequest(world, ns, listener, key, request)
    return
  }
  const end = seqAdd(tcp.seq, (packet.payload?.length ?? 0) + (flags & TCP_FIN ? 1 : 0))
  if ((flags & TCP_ACK) !== 0 && tcp.ack !== seqAdd(request.iss, 1)) {
    resetAnswer(world, ns, packet)
    return
  }
  if (before(end, next) || after(tcp.seq, seqAdd(next, request.rcvWnd))) {
    if ((flags & TCP_RST) === 0) sendSynAck(world, ns, listener, request)
    return
  }
  if ((flags & (TCP_RST | TCP_SYN)) !== 0) {
    t.requests?.delete(key)
    stopTimer(request.timer)
    if ((flags & TCP_RST) === 0) resetAnswer(world, ns, packet)
    return
  }
  if ((flags & TCP_ACK) === 0) return
  if ((t.acceptQueue?.length ?? 0) > t.backlog) {
    request.acked = true
    snmpAdd(ns, 'TcpExtListenOverflows')
    snmpAdd(ns, 'TcpExtListenDrops')
    return
  }
  t.requests?.delete(key)
  stopTimer(request.timer)
  const child = makeChild(world, ns, listener, t, request, packet, tcp)
  if (child === undefined) return
  t.acceptQueue ??= []
  t.acceptQueue.push(child.id)
  sockWake(world, ns, listener)
}

/** tcp_v4_syn_recv_sock: the connection's own socket, established by the segment that made it. */
function makeChild(
  world: World,
  ns: Netns,
  listener: Socket,
  lt: TcpState,
  request: TcpRequest,
  packet: Packet,
  tcp: TcpHeader,
): Socket | undefined {
  const path = {
    dst: request.remote,
    src: request.local,
    oif: request.iif,
    mark: listener.mark,
    tos: listener.tos,
  }
  const route = tcpRoute(world, ns, path)
  if (typeof route === 'string') return undefined
  const child = sockOpen(world, ns, { kind: 'tcp', family: listener.family, pid: listener.pid })
  const { lport, ttl, tos, mark, pmtudisc } = listener
  Object.assign(child, { lport, ttl, tos, mark, pmtudisc, oif: request.iif })
  child.local = request.local
  child.remote = request.remote
  child.rport = request.rport
  const t = child.tcp!
  t.parent = listener.id
  t.reuseAddr = lt.reuseAddr
  t.noDelay = lt.noDelay
  t.keep = keepInherited(lt)
  t.state = 'ESTABLISHED'
  keepStart(world, ns, child, t)
  t.cause = packet.trace
  t.tsOk = request.tsOk
  t.tsOffset = request.tsOffset
  t.tsRecent = request.tsOk && tcp.tsval >= 0 ? tcp.tsval : request.tsRecent
  t.sackOk = request.sackOk
  t.wscaleOk = request.wscale >= 0
  t.sndWscale = Math.max(0, Math.min(14, request.wscale))
  t.mssClamp = request.mss
  t.advmss = advmssOf(route) - (t.tsOk ? 12 : 0)
  const { scale } = initialWindow(ns, t.advmss, t.wscaleOk)
  t.rcvWscale = t.wscaleOk ? scale : 0
  startAt(t, request, tcp)
  syncMss(child, t, route.mtu)
  windowEstablished(t)
  if (request.timeouts === 0) learnRtt(t, Math.max(1, Math.round((world.now - request.sentAt) / 1000)))
  if (packet.payload !== null || (tcp.flags & TCP_FIN) !== 0) {
    queueReceived(world, ns, child, t, tcp, packet.payload)
    ackCheck(world, ns, child, t)
  }
  sendPending(world, ns, child, t)
  return child
}

/** Sequence numbers and windows as the handshake left them. */
function startAt(t: TcpState, request: TcpRequest, tcp: TcpHeader): void {
  t.iss = request.iss
  t.sndUna = seqAdd(request.iss, 1)
  t.sndNxt = t.sndUna
  t.writeSeq = t.sndUna
  t.pushedSeq = t.sndUna
  t.sndSml = t.sndUna
  t.rttSeq = t.sndUna
  t.rcvNxt = seqAdd(request.irs, 1)
  t.rcvWup = t.rcvNxt
  t.copiedSeq = t.rcvNxt
  t.rcvWnd = request.rcvWnd
  t.rcvSsthresh = request.rcvWnd
  t.sndWnd = tcp.window * 2 ** t.sndWscale
  t.maxWindow = t.sndWnd
  t.sndWl1 = tcp.seq
}
