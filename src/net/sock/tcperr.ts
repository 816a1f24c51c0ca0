// Models tcp_v4_err, tcp_v6_err, tcp_v4_mtu_reduced and tcp_simple_retransmit (Linux 6.18): what an ICMP error does to
// the connection whose segment it quotes.
import { acceptRedirect, updatePmtu } from '../ip/route.ts'
import { snmpAdd } from '../snmp.ts'
import type { Link, Netns, Packet, Socket, World } from '../types.ts'
import { IPPROTO_ICMPV6 } from '../types.ts'
import { ICMP_ERR_CONVERT } from './icmperr.ts'
import { sockWake } from './socket.ts'
import { resendLost } from './tcpack.ts'
import { tcpDone } from './tcpclose.ts'
import { requestKey } from './tcplisten.ts'
import { tcpConnection, tcpListener } from './tcplookup.ts'
import { syncMss } from './tcpout.ts'
import { after, before } from './tcpseq.ts'
import { stopTimer } from './tcptimer.ts'
import type { TcpState } from './tcptypes.ts'

const MIN_MTU6 = 1280
/**
 * How long connect(2) holds its socket. The machines of a lab are namespaces of one kernel, where a SYN and what answers
 * it cross everything within the sender's system call: what comes later went by a slow wire or waited for a timer.
 */
const CONNECT_NS = 2_000_000

/** An ICMP error that quotes a segment of this host. */
export function tcpErr(world: World, ns: Netns, link: Link, packet: Packet, quoted: Packet): void {
  const icmp = packet.icmp
  if (icmp === null) return
  const meaning =
    packet.proto === IPPROTO_ICMPV6 ? meaning6(icmp.type, icmp.code) : meaning4(icmp.type, icmp.code)
  const sock = tcpConnection(ns, quoted.src, quoted.sport, quoted.dst, quoted.dport, 0)
  if (sock === undefined || sock.tcp === null) {
    if (meaning.kind === 'error') requestErr(ns, quoted)
    return
  }
  const t = sock.tcp
  const seq = quoted.tcp?.seq ?? 0
  if (t.state === 'TIME_WAIT' || t.state === 'CLOSE' || t.state === 'LISTEN') return
  if (before(seq, t.sndUna) || after(seq, t.sndNxt)) {
    snmpAdd(ns, 'TcpExtOutOfWindowIcmps')
    return
  }
  t.cause = packet.trace
  if (meaning.kind === 'redirect') {
    acceptRedirect(world, ns, link, quoted.dst as number, packet.src as number, icmp.gateway as number)
  } else if (meaning.kind === 'mtu') mtuReduced(world, ns, sock, t, quoted, icmp.mtu)
  else if (meaning.kind === 'error') connectionErr(world, ns, sock, t, meaning.errno)
}

type Meaning = { kind: 'redirect' | 'mtu' | 'none'; errno: '' } | { kind: 'error'; errno: string }

function meaning4(type: number, code: number): Meaning {
  if (type === 5) return { kind: 'redirect', errno: '' }
  if (type === 12) return { kind: 'error', errno: 'EPROTO' }
  if (type === 11) return { kind: 'error', errno: 'EHOSTUNREACH' }
  if (type !== 3) return { kind: 'none', errno: '' }
  if (code === 4) return { kind: 'mtu', errno: '' }
  return { kind: 'error', errno: ICMP_ERR_CONVERT[code]?.errno ?? 'EHOSTUNREACH' }
}

const UNREACHABLE6 = [
  'ENETUNREACH',
  'EACCES',
  'EHOSTUNREACH',
  'EHOSTUNREACH',
  'ECONNREFUSED',
  'EACCES',
  'EACCES',
]

function meaning6(type: number, code: number): Meaning {
  if (type === 2) return { kind: 'mtu', errno: '' }
  if (type === 1) return { kind: 'error', errno: UNREACHABLE6[code] ?? 'EPROTO' }
  if (type === 3) return { kind: 'error', errno: 'EHOSTUNREACH' }
  return type === 4 ? { kind: 'error', errno: 'EPROTO' } : { kind: 'none', errno: '' }
}

/**
 * An error about a SYN ends the attempt, unless connect(2) still holds the socket: then it is remembered, and the next
 * SYN's ends it. About a connection it is only remembered.
 */
function connectionErr(world: World, ns: Netns, sock: Socket, t: TcpState, errno: string): void {
  if (t.state === 'SYN_SENT' && world.now - t.openedAt < CONNECT_NS) {
    t.softErr = errno
    // Its copy in the error queue (over IPv6 only where IPV6_RECVERR wants one) wakes who polls, and SO_ERROR tells it.
    if (t.blocking || (sock.family === 6 && !sock.recvErr)) return
    sock.err = errno
    sockWake(world, ns, sock)
    return
  }
  if (t.state === 'SYN_SENT' || t.state === 'SYN_RECV') {
    sock.err = errno
    snmpAdd(ns, 'TcpAttemptFails')
    tcpDone(world, ns, sock, t)
    return
  }
  t.softErr = errno
  if (!sock.recvErr) return
  sock.err = errno
  sockWake(world, ns, sock)
}

/** A half-open connection whose SYN-ACK cannot get there is forgotten. */
function requestErr(ns: Netns, quoted: Packet): void {
  const listener = tcpListener(ns, quoted.src, quoted.sport, 0)
  const key = requestKey(quoted.src, quoted.dst, quoted.dport)
  const request = listener?.tcp?.requests?.get(key)
  if (request === undefined || request.iss !== quoted.tcp?.seq) return
  stopTimer(request.timer)
  listener?.tcp?.requests?.delete(key)
}

/** The path takes less: smaller segments from now on, and those that were too long at once again. */
function mtuReduced(world: World, ns: Netns, sock: Socket, t: TcpState, quoted: Packet, mtu: number): void {
  if (sock.pmtudisc === 0) return
  if (typeof quoted.dst === 'string' && mtu < MIN_MTU6) return
  updatePmtu(world, ns, quoted.dst, mtu)
  if (t.pmtu <= mtu) return
  syncMss(sock, t, Math.max(mtu, typeof quoted.dst === 'string' ? MIN_MTU6 : 552))
  let lost = false
  for (const seg of t.inFlight) {
    if (seg.data.length <= t.mss || seg.sacked) continue
    seg.lost = true
    seg.resent = false
    lost = true
  }
  if (!lost) return
  if (t.ca === 'open') {
    t.ca = 'loss'
    t.highSeq = t.sndNxt
    t.ssthresh = Math.max(2, t.cwnd)
  }
  resendLost(world, ns, sock, t)
}
