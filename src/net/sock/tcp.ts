// The calls of a stream socket: models inet_stream_connect, inet_listen, inet_csk_accept, tcp_sendmsg, tcp_recvmsg,
// tcp_shutdown and tcp_close (Linux 6.18) without waiting: what would block says EAGAIN, and the owner is told by
// Ev.SockWake. Not here: urgent data (refused by name), TCP_CORK, SO_LINGER, splice.
import type { Ip } from '../../base/addr.ts'
import { touch } from '../../sim/dispatch.ts'
import { snmpAdd } from '../snmp.ts'
import type { Netns, Socket, World } from '../types.ts'
import { autobind } from './socket.ts'
import { sockAt } from './socktable.ts'
import { enterTimeWait, tcpDone } from './tcpclose.ts'
import { readerTook } from './tcpdata.ts'
import { apart, tcpChoosePort, tcpConnection, tcpListener } from './tcplookup.ts'
import { NOTHING, tcpIdle, tcpOwn } from './tcpidle.ts'
import { queueData, queuedBytes, queueFin, sendPending, sendReset } from './tcpout.ts'
import { tcpRoute } from './tcproute.ts'
import { stopTimer } from './tcptimer.ts'
import type { TcpState } from './tcptypes.ts'
import { truesize } from './tcpwin.ts'
import { sendSyn } from './tcpsynsent.ts'
import { seqAdd, seqDiff } from './tcpseq.ts'
import { sysctlInt } from '../sysctl.ts'

/** What a read gives: bytes, the end of the stream, or an errno (EAGAIN: nothing yet). */
export type TcpRead = { data: Uint8Array; errno: '' } | { data: null; errno: string }

/** listen(2): at most net.core.somaxconn wait. Null, or the errno. */
export function tcpListen(world: World, ns: Netns, sock: Socket, backlog: number): string | null {
  touch(world, ns.id)
  const t = ownState(sock)
  if (t.state !== 'CLOSE' && t.state !== 'LISTEN') return 'EINVAL'
  if (sock.lport === 0 && !autobind(ns, sock)) return 'EADDRINUSE'
  for (const other of ns.sockets?.values() ?? []) {
    if (other === sock || other.kind !== 'tcp' || other.tcp?.state !== 'LISTEN') continue
    if (other.lport !== sock.lport || (other.oif !== 0 && sock.oif !== 0 && other.oif !== sock.oif)) continue
    if (apart(sock, other)) continue
    if (other.local === undefined || sock.local === undefined || other.local === sock.local)
      return 'EADDRINUSE'
  }
  t.backlog = Math.min(backlog < 0 ? 0xffff : backlog, sysctlInt(ns, 'net.core.somaxconn'))
  t.state = 'LISTEN'
  t.unsent = NOTHING
  t.inFlight = NOTHING
  t.rcvQueue = NOTHING
  t.outOfOrder = NOTHING
  t.sacks = NOTHING
  tcpIdle(world, sock)
  return null
}

/** accept(2): the connection that has waited longest, now owned by the listener's process; undefined: none waits. */
export function tcpAccept(world: World, ns: Netns, listener: Socket): Socket | undefined {
  touch(world, ns.id)
  const queue = stateOf(listener).acceptQueue
  while (queue !== null && queue.length > 0) {
    const sock = sockAt(ns, queue.shift()!)
    if (sock?.tcp == null) continue
    sock.tcp.parent = 0
    sock.pid = listener.pid
    return sock
  }
  return undefined
}

/**
 * connect(2): sends the SYN. Null: under way, and Ev.SockWake tells its end (`tcpConnected`, or an error by
 * `sockError`); otherwise the errno at once.
 */
export function tcpConnect(world: World, ns: Netns, sock: Socket, dst: Ip, port: number): string | null {
  touch(world, ns.id)
  const t = stateOf(sock)
  if (t.state === 'SYN_SENT') return 'EALREADY'
  if (t.state !== 'CLOSE' || sock.remote !== undefined) return 'EISCONN'
  if ((typeof dst === 'number') !== (sock.family === 4)) return 'EAFNOSUPPORT'
  const route = tcpRoute(world, ns, { dst, src: sock.local, oif: sock.oif, mark: sock.mark, tos: sock.tos })
  if (typeof route === 'string') {
    if (route === 'ENETUNREACH') snmpAdd(ns, 'IpOutNoRoutes')
    return route
  }
  if (route.type === 'broadcast' || route.type === 'multicast') return 'ENETUNREACH'
  sock.local = route.src
  sock.remote = route.dst
  sock.rport = port
  if (sock.lport === 0) sock.lport = tcpChoosePort(ns, sock, true)
  else if (inUse(world, ns, sock)) return undo(sock, 'EADDRNOTAVAIL')
  if (sock.lport === 0) return undo(sock, 'EADDRNOTAVAIL')
  sendSyn(world, ns, sock, t, route)
  return null
}

/** Whether the handshake is over. */
export function tcpConnected(sock: Socket): boolean {
  const { state } = stateOf(sock)
  return state !== 'SYN_SENT' && state !== 'CLOSE' && state !== 'LISTEN'
}

/**
 * send(2): takes as many bytes as the buffer has room for. 0 with EAGAIN where it is full (Ev.SockWake follows once a
 * third of it is free), EPIPE after a close, or the connection's error.
 */
export function tcpSend(
  world: World,
  ns: Netns,
  sock: Socket,
  data: Uint8Array,
): { sent: number; errno: string } {
  touch(world, ns.id)
  const t = stateOf(sock)
  if (sock.err !== '') return failed(sock)
  if ((t.shutdown & 2) !== 0) return { sent: 0, errno: 'EPIPE' }
  if (t.state === 'SYN_SENT') return full(t)
  if (t.state !== 'ESTABLISHED' && t.state !== 'CLOSE_WAIT') {
    return { sent: 0, errno: sock.remote === undefined ? 'ENOTCONN' : 'EPIPE' }
  }
  const room = t.sndBuf - queuedBytes(t)
  if (room <= 0) return full(t)
  const taken = Math.min(room, data.length)
  queueData(t, data.subarray(0, taken))
  sendPending(world, ns, sock, t)
  if (taken < data.length) t.wantsSpace = true
  return { sent: taken, errno: '' }
}

/** recv(2): at most `max` bytes. An empty array is the end of the stream. */
export function tcpRecv(world: World, ns: Netns, sock: Socket, max: number): TcpRead {
  touch(world, ns.id)
  const t = stateOf(sock)
  if (t.rcvBytes === 0) {
    if (sock.err !== '') return { data: null, errno: failed(sock).errno }
    if (t.finSeen || (t.shutdown & 1) !== 0 || (t.state === 'CLOSE' && sock.remote !== undefined)) {
      return { data: new Uint8Array(0), errno: '' }
    }
    return { data: null, errno: t.state === 'CLOSE' || t.state === 'LISTEN' ? 'ENOTCONN' : 'EAGAIN' }
  }
  const data = takeBytes(t, Math.min(max, t.rcvBytes))
  if (t.state !== 'CLOSE' && t.state !== 'TIME_WAIT') readerTook(world, ns, sock, t, data.length)
  return { data, errno: '' }
}

/** shutdown(2): 'rd', 'wr' (sends FIN behind what waits) or both. Null, or the errno. */
export function tcpShutdown(world: World, ns: Netns, sock: Socket, how: 'rd' | 'wr' | 'rdwr'): string | null {
  touch(world, ns.id)
  const t = stateOf(sock)
  if (t.state === 'CLOSE' || t.state === 'LISTEN' || t.state === 'SYN_SENT') return 'ENOTCONN'
  if (how !== 'wr') t.shutdown |= 1
  if (how !== 'rd' && (t.shutdown & 2) === 0) {
    t.shutdown |= 2
    if (closeState(t)) queueFin(world, ns, sock, t)
  }
  return null
}

/** close(2): FIN, or RST where bytes are left unread. The record stays until the kernel is done with it. */
export function tcpClose(world: World, ns: Netns, sock: Socket): void {
  touch(world, ns.id)
  const t = ownState(sock)
  t.orphan = true
  sock.pid = 0
  if (t.state === 'LISTEN') closeListener(world, ns, t)
  if (t.state === 'CLOSE' || t.state === 'LISTEN' || t.state === 'SYN_SENT') {
    tcpDone(world, ns, sock, t)
    return
  }
  if (t.state === 'TIME_WAIT') return
  const unread = t.rcvBytes > 0
  t.rcvQueue = []
  t.rcvBytes = 0
  t.rcvMem = 0
  if (unread) {
    snmpAdd(ns, 'TcpExtTCPAbortOnClose')
    sendReset(world, ns, sock, t)
    tcpDone(world, ns, sock, t)
    return
  }
  t.shutdown = 3
  if (closeState(t)) queueFin(world, ns, sock, t)
  if ((t.state as string) === 'FIN_WAIT2') enterTimeWait(world, ns, sock, t, 'FIN_WAIT2')
}

/** Ends a connection with RST and forgets it (SO_LINGER with 0 seconds, tcp_disconnect). */
export function tcpAbort(world: World, ns: Netns, sock: Socket): void {
  touch(world, ns.id)
  const t = ownState(sock)
  t.orphan = true
  if (t.state !== 'CLOSE' && t.state !== 'LISTEN' && t.state !== 'SYN_SENT' && t.state !== 'TIME_WAIT') {
    sendReset(world, ns, sock, t)
  }
  tcpDone(world, ns, sock, t)
}

/** Bytes that wait to be read. */
export function tcpReadable(sock: Socket): number {
  return sock.tcp?.rcvBytes ?? 0
}

/** What `ss` shows as Recv-Q and Send-Q. */
export function tcpQueues(sock: Socket): { recv: number; send: number } {
  const t = stateOf(sock)
  if (t.state === 'LISTEN') return { recv: t.acceptQueue?.length ?? 0, send: t.backlog }
  if (t.state === 'TIME_WAIT') return { recv: 0, send: 0 }
  const fin = t.finSeen && t.copiedSeq !== t.rcvNxt ? 1 : 0
  return { recv: Math.max(0, seqDiff(t.rcvNxt, t.copiedSeq) - fin), send: queuedBytes(t) }
}

function stateOf(sock: Socket): TcpState {
  if (sock.tcp === null) throw new Error(`socket ${sock.id} is no stream socket`)
  return sock.tcp
}

function ownState(sock: Socket): TcpState {
  tcpOwn(sock)
  return stateOf(sock)
}

function failed(sock: Socket): { sent: number; errno: string } {
  const errno = sock.err
  sock.err = ''
  return { sent: 0, errno }
}

function full(t: TcpState): { sent: number; errno: string } {
  t.wantsSpace = true
  return { sent: 0, errno: 'EAGAIN' }
}

/** A bound port: the four-tuple must be new. A connection in TIME_WAIT of more than a second gives way (tcp_tw_reuse). */
function inUse(_world: World, ns: Netns, sock: Socket): boolean {
  const other = tcpConnection(ns, sock.local!, sock.lport, sock.remote!, sock.rport, sock.oif)
  return other !== undefined && other !== sock
}

function undo(sock: Socket, errno: string): string {
  sock.remote = undefined
  sock.rport = 0
  return errno
}

/** tcp_close_state: the state after our FIN. True where one is to be sent. */
function closeState(t: TcpState): boolean {
  if (t.state === 'ESTABLISHED' || t.state === 'SYN_RECV') t.state = 'FIN_WAIT1'
  else if (t.state === 'CLOSE_WAIT') t.state = 'LAST_ACK'
  else return false
  return true
}

/** inet_csk_listen_stop: those who wait are reset, half-open ones forgotten. */
function closeListener(world: World, ns: Netns, t: TcpState): void {
  for (const request of t.requests?.values() ?? []) stopTimer(request.timer)
  t.requests = null
  for (const id of t.acceptQueue ?? []) {
    const child = sockAt(ns, id)
    if (child !== undefined) tcpAbort(world, ns, child)
  }
  t.acceptQueue = null
}

function takeBytes(t: TcpState, size: number): Uint8Array {
  const out = new Uint8Array(size)
  let at = 0
  while (at < size) {
    const head = t.rcvQueue[0]!
    const piece = Math.min(head.length, size - at)
    out.set(head.subarray(0, piece), at)
    at += piece
    if (piece === head.length) {
      t.rcvQueue.shift()
      t.rcvMem -= truesize(head.length)
    } else {
      t.rcvQueue[0] = head.slice(piece)
      t.rcvMem += truesize(head.length - piece) - truesize(head.length)
    }
  }
  t.rcvBytes -= size
  if (t.rcvQueue.length === 0) t.rcvMem = 0
  t.copiedSeq = seqAdd(t.copiedSeq, size)
  return out
}

/** The listener of a port on an address, for those who look: `undefined` where nobody listens. */
export function tcpListening(ns: Netns, own: Ip, port: number): Socket | undefined {
  return tcpListener(ns, own, port, 0)
}
