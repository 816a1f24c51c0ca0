// Models net/ipv4/tcp_output.c (Linux 6.18): segments, Nagle, windows, acknowledgements, FIN and RST, path MTU.
// Not here: segmentation offload (every segment is one packet), pacing, urgent data, ECN, corking by timer.
import { acceptedSack } from './tcpsack.ts'
import type { Netns, Socket, TcpHeader, World } from '../types.ts'
import { MS, SEC } from '../wheel.ts'
import type { TcpRoute } from './tcproute.ts'
import { headerSize, sendSegment, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, tcpRoute } from './tcproute.ts'
import { after, before, seqAdd, seqDiff, seqMax } from './tcpseq.ts'
import { armTimer, stopTimer } from './tcptimer.ts'
import type { TcpSeg, TcpState } from './tcptypes.ts'
import { selectWindow } from './tcpwin.ts'

export const RTO_MIN = 200 * MS
export const RTO_MAX = 120 * SEC
export const ATO_MIN = 40 * MS
const REXMIT_REF = Object.freeze({ what: 'rexmit', key: '' } as const)

/** The end of a segment in sequence space. */
export function segEnd(seg: TcpSeg): number {
  return seqAdd(seg.seq, seg.data.length + (seg.flags & TCP_SYN ? 1 : 0) + (seg.flags & TCP_FIN ? 1 : 0))
}

export function createSeg(seq: number, data: Uint8Array, flags: number): TcpSeg {
  const fate = { retrans: 0, lost: false, resent: false, sacked: false }
  return { seq, data, flags, sentAt: 0, firstAt: 0, ...fate }
}

/** The timestamp clock: milliseconds and the connection's own offset. */
export function tsNow(world: World, offset: number): number {
  return (Math.floor(world.now / MS) + offset) >>> 0
}

/** Where a socket's segments go; the errno where there is no way. */
export function routeOf(world: World, ns: Netns, sock: Socket): TcpRoute | string {
  const { local: src, oif, mark, tos } = sock
  return tcpRoute(world, ns, { dst: sock.remote!, src, oif, mark, tos })
}

/** tcp_sync_mss: the payload of a full segment for a path MTU. */
export function syncMss(sock: Socket, t: TcpState, mtu: number): void {
  t.pmtu = mtu
  const whole = Math.min(mtu - headerSize(sock.remote!), t.mssClamp)
  // tcp_bound_to_half_wnd: a peer with a small window is not sent all of it at once.
  const half = t.maxWindow > 536 ? t.maxWindow >>> 1 : t.maxWindow
  const bare = whole - (t.tsOk ? 12 : 0)
  t.mss = Math.max(36, half > 0 && bare > half ? half : bare)
}

/**
 * tcp_transmit_skb: one segment of `seg` (or a bare acknowledgement where it is null) leaves. False where there is no
 * route for it.
 */
export function transmit(world: World, ns: Netns, sock: Socket, t: TcpState, seg: TcpSeg | null): boolean {
  const route = routeOf(world, ns, sock)
  if (typeof route === 'string') return false
  if (route.mtu < t.pmtu) syncMss(sock, t, route.mtu)
  const syn = seg !== null && (seg.flags & TCP_SYN) !== 0
  const flags = (seg?.flags ?? 0) | (t.state === 'SYN_SENT' ? 0 : TCP_ACK)
  const header = headerOf(world, t, seg === null ? t.sndNxt : seg.seq, flags, syn)
  if (t.sacks.length > 0 && t.sackOk && !syn) header.sack = acceptedSack(t)
  const data = seg === null || seg.data.length === 0 ? null : seg.data
  if ((flags & TCP_ACK) !== 0) ackSent(t)
  if (data !== null) dataSent(world, t)
  put(world, ns, sock, t, route, header, data)
  return true
}

/** Hands a header and its data to IP. */
function put(
  world: World,
  ns: Netns,
  sock: Socket,
  t: TcpState,
  route: TcpRoute,
  header: TcpHeader,
  data: Uint8Array | null,
): void {
  const spec = {
    sport: sock.lport,
    dport: sock.rport,
    ttl: sock.ttl,
    tos: sock.tos,
    mark: sock.mark,
    sock: sock.id,
    cause: t.cause,
    df: sock.pmtudisc !== 0,
    ipId: t.ipId,
  }
  t.ipId = t.ipId >= 65535 ? 1 : t.ipId + 1
  t.segsOut++
  t.bytesSent += data?.length ?? 0
  sendSegment(world, ns, route, spec, header, data)
}

/** A header with the present window and timestamps; `syn` with the options of a connection's first segment. */
function headerOf(world: World, t: TcpState, seq: number, flags: number, syn: boolean): TcpHeader {
  return {
    seq,
    ack: (flags & TCP_ACK) !== 0 ? t.rcvNxt : 0,
    flags,
    window: syn ? Math.min(65535, t.rcvWnd) : selectWindow(t),
    mss: syn ? t.advmss : 0,
    wscale: syn && t.rcvWscale >= 0 && t.wscaleOk ? t.rcvWscale : -1,
    sackOk: syn && t.sackOk,
    tsval: t.tsOk ? tsNow(world, t.tsOffset) : -1,
    tsecr: t.tsOk ? t.tsRecent : -1,
  }
}

/** tcp_event_ack_sent. */
function ackSent(t: TcpState): void {
  const { ack } = t
  if (ack.quick > 0) {
    ack.quick--
    if (ack.quick === 0) ack.atoNs = ATO_MIN
  }
  ack.scheduled = false
  ack.now = false
  ack.pushed = 0
  stopTimer(t.delack)
}

/** tcp_event_data_sent: an answer within the delay of the acknowledgement makes the conversation interactive. */
function dataSent(world: World, t: TcpState): void {
  if (world.now - t.ack.lastDataAt < t.ack.atoNs) t.ack.pingpong = true
  t.lastSentAt = world.now
}

/** tcp_send_ack: now, without data. */
export function sendAck(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  if (t.state === 'CLOSE') return
  transmit(world, ns, sock, t, null)
}

/** tcp_send_active_reset: the connection ends here and now. */
export function sendReset(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  const route = routeOf(world, ns, sock)
  if (typeof route === 'string') return
  const header = headerOf(world, t, acceptableSeq(t), TCP_RST | TCP_ACK, false)
  t.sndNxt = seqMax(t.sndNxt, t.sndUna)
  put(world, ns, sock, t, route, header, null)
}

function acceptableSeq(t: TcpState): number {
  const edge = seqAdd(t.sndUna, t.sndWnd)
  return before(edge, t.sndNxt) && t.sndWnd > 0 ? edge : t.sndNxt
}

/** Appends bytes to the write queue, in segments of at most the MSS; the last is pushed. */
export function queueData(t: TcpState, data: Uint8Array): void {
  let at = 0
  while (at < data.length) {
    let tail = t.unsent.at(-1)
    if (tail === undefined || tail.data.length >= t.mss || (tail.flags & TCP_FIN) !== 0) {
      tail = createSeg(t.writeSeq, new Uint8Array(0), 0)
      t.unsent.push(tail)
    }
    const piece = data.subarray(at, at + t.mss - tail.data.length)
    const joined = new Uint8Array(tail.data.length + piece.length)
    joined.set(tail.data)
    joined.set(piece, tail.data.length)
    tail.data = joined
    t.writeSeq = seqAdd(t.writeSeq, piece.length)
    at += piece.length
    // forced_push: half the peer's largest window went out without a push.
    if (after(t.writeSeq, seqAdd(t.pushedSeq, t.maxWindow >>> 1))) push(t, tail)
  }
  const tail = t.unsent.at(-1)
  if (tail !== undefined) push(t, tail)
}

function push(t: TcpState, seg: TcpSeg): void {
  seg.flags |= TCP_PSH
  t.pushedSeq = t.writeSeq
}

/** tcp_send_fin: behind what waits, or alone. */
export function queueFin(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  const tail = t.unsent.at(-1)
  if (tail !== undefined) tail.flags |= TCP_FIN
  else t.unsent.push(createSeg(t.writeSeq, new Uint8Array(0), TCP_FIN))
  t.writeSeq = seqAdd(t.writeSeq, 1)
  sendPending(world, ns, sock, t, true)
}

/** tcp_write_xmit: sends what the window, the congestion window and Nagle let go. `push` turns Nagle off. */
export function sendPending(world: World, ns: Netns, sock: Socket, t: TcpState, push = false): void {
  if (t.state === 'CLOSE' || t.state === 'SYN_SENT' || t.state === 'LISTEN') return
  let sent = false
  while (t.unsent.length > 0 && inNetwork(t) < t.cwnd) {
    const seg = t.unsent[0]!
    if (seg.data.length > t.mss) splitSeg(t.unsent, 0, t.mss)
    if (after(segEnd(seg), seqAdd(t.sndUna, t.sndWnd)) && !(seg.data.length === 0 && t.sndWnd > 0)) break
    if (!push && !t.noDelay && t.unsent.length === 1 && nagleHolds(t, seg)) break
    if (!transmit(world, ns, sock, t, seg)) break
    t.unsent.shift()
    newSent(world, t, seg)
    sent = true
  }
  if (sent) {
    if (t.pending !== 'retrans' || t.rexmit.at === 0) armRto(world, ns, sock, t)
    scheduleProbe(world, ns, sock, t)
  } else if (t.inFlight.length === 0 && t.unsent.length > 0 && t.rexmit.at === 0)
    armProbe0(world, ns, sock, t)
}

/** tcp_event_new_data_sent. */
function newSent(world: World, t: TcpState, seg: TcpSeg): void {
  if (seg.data.length > 0 && seg.data.length < t.mss) t.sndSml = segEnd(seg)
  seg.sentAt = world.now
  seg.firstAt = world.now
  t.sndNxt = segEnd(seg)
  t.inFlight.push(seg)
}

/** tcp_nagle_test with Minshall's condition: a small segment waits while another small one is on its way. */
function nagleHolds(t: TcpState, seg: TcpSeg): boolean {
  if (seg.data.length >= t.mss || (seg.flags & TCP_FIN) !== 0) return false
  return t.inFlight.length > 0 && after(t.sndSml, t.sndUna) && !after(t.sndSml, t.sndNxt)
}

/** tcp_packets_in_flight. */
export function inNetwork(t: TcpState): number {
  let n = t.inFlight.length
  for (const seg of t.inFlight) {
    if (seg.sacked) n--
    else if (seg.lost && !seg.resent) n--
  }
  return n
}

/** Cuts a segment in two at `size` bytes. */
export function splitSeg(list: TcpSeg[], at: number, size: number): void {
  const seg = list[at]!
  const rest: TcpSeg = { ...seg, seq: seqAdd(seg.seq, size), data: seg.data.slice(size) }
  seg.data = seg.data.slice(0, size)
  seg.flags &= ~(TCP_FIN | TCP_PSH)
  list.splice(at + 1, 0, rest)
}

/** tcp_retransmit_skb: sends segment `at` of those in flight once more. False where it could not be sent. */
export function retransmit(world: World, ns: Netns, sock: Socket, t: TcpState, at: number): boolean {
  const seg = t.inFlight[at]!
  trimAcked(t, seg)
  if (seg.data.length > t.mss) splitSeg(t.inFlight, at, t.mss)
  const room = seqDiff(seqAdd(t.sndUna, t.sndWnd), seg.seq)
  // What the peer has shut its window on is probed with as much as fits, or not at all.
  if (room <= 0 && seg.seq !== t.sndUna) return false
  if (room > 0 && seg.data.length > room) splitSeg(t.inFlight, at, room)
  if (!transmit(world, ns, sock, t, seg)) return false
  seg.retrans++
  seg.resent = seg.lost
  seg.sentAt = world.now
  t.retransTotal++
  if (t.retransStamp === 0) t.retransStamp = world.now
  return true
}

/** What of a segment is acknowledged already is not sent again. */
function trimAcked(t: TcpState, seg: TcpSeg): void {
  const over = seqDiff(t.sndUna, seg.seq)
  if (over <= 0 || (seg.flags & TCP_SYN) !== 0) return
  seg.data = seg.data.slice(Math.min(over, seg.data.length))
  seg.seq = t.sndUna
}

/** Starts the retransmission timer anew. */
export function armRto(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  t.pending = 'retrans'
  armTimer(world, ns, sock, t.rexmit, REXMIT_REF, rtoOf(t))
}

/** The timeout with its backoff. */
export function rtoOf(t: TcpState): number {
  return Math.min(RTO_MAX, t.rtoNs * 2 ** t.backoff)
}

/** Zero window probes (tcp_check_probe_timer). */
export function armProbe0(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  t.pending = 'probe0'
  const delay = Math.min(RTO_MAX, Math.max(t.rtoNs, RTO_MIN) * 2 ** Math.min(t.backoff, 20))
  armTimer(world, ns, sock, t.rexmit, REXMIT_REF, delay)
}

/** tcp_schedule_loss_probe: the tail of what was sent is asked about before the retransmission timer has its turn. */
export function scheduleProbe(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  if (!t.sackOk || t.ca !== 'open' || t.inFlight.length === 0 || t.inFlight.some((seg) => seg.sacked)) return
  if (t.state === 'SYN_RECV' || t.pending === 'probe0') return
  const twice = t.srttUs === 0 ? SEC : (t.srttUs >> 2) * 1000
  let delay = t.srttUs === 0 ? SEC : twice + (t.inFlight.length === 1 ? RTO_MIN : 2 * MS)
  const oldest = t.inFlight[0]!
  const left = oldest.sentAt + rtoOf(t) - world.now
  if (left > 0) delay = Math.min(delay, left)
  t.pending = 'tlp'
  armTimer(world, ns, sock, t.rexmit, REXMIT_REF, delay)
}

/** tcp_send_loss_probe: new data where the window has room, else the last segment again; then the usual timer. */
export function sendLossProbe(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  const next = t.unsent[0]
  if (next !== undefined && !after(segEnd(next), seqAdd(t.sndUna, t.sndWnd))) {
    if (next.data.length > t.mss) splitSeg(t.unsent, 0, t.mss)
    if (transmit(world, ns, sock, t, next)) {
      t.unsent.shift()
      newSent(world, t, next)
    }
  } else if (t.inFlight.length > 0) retransmit(world, ns, sock, t, t.inFlight.length - 1)
  armRto(world, ns, sock, t)
}

/** Bytes that wait in the write queue, sent or not. */
export function queuedBytes(t: TcpState): number {
  return Math.max(0, seqDiff(t.writeSeq, t.sndUna))
}

/** A segment of zero length below the window: makes the peer say what its window is (tcp_xmit_probe_skb). */
export function sendWindowProbe(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  const route = routeOf(world, ns, sock)
  if (typeof route === 'string') return
  const header = headerOf(world, t, (t.sndUna + 0xffffffff) >>> 0, TCP_ACK, false)
  put(world, ns, sock, t, route, header, null)
}
