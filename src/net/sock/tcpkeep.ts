// Models SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT and tcp_keepalive_timer (net/ipv4/tcp_timer.c, Linux
// 6.18): a connection on which nothing has come for long is asked whether it is still there. Not here: TCP_USER_TIMEOUT.
import { touch } from '../../sim/dispatch.ts'
import { snmpAdd } from '../snmp.ts'
import { sysctlInt } from '../sysctl.ts'
import type { Netns, Socket, World } from '../types.ts'
import { SEC } from '../wheel.ts'
import { tcpDone } from './tcpclose.ts'
import { tcpIdle, tcpOwn } from './tcpidle.ts'
import { sendReset, sendWindowProbe } from './tcpout.ts'
import { armTimer, createTimer, stopTimer } from './tcptimer.ts'
import type { TcpKeep, TcpState } from './tcptypes.ts'

/** What a program asks for, seconds and a number of probes; 0 and what is absent: as the sysctls have it. */
export interface KeepaliveOptions {
  readonly idle?: number
  readonly interval?: number
  readonly probes?: number
}

const KEEP_REF = Object.freeze({ what: 'keep', key: '' } as const)

/** setsockopt(2) SO_KEEPALIVE and its times; null turns it off. Connections that a listener takes have it from there. */
export function tcpKeepalive(world: World, ns: Netns, sock: Socket, options: KeepaliveOptions | null): void {
  touch(world, ns.id)
  const t = tcpOwn(sock)
  if (t === null) return
  if (t.keep !== null) stopTimer(t.keep.timer)
  t.keep = options === null ? null : keepOf(options)
  if (t.state === 'LISTEN') tcpIdle(world, sock)
  else if (t.state !== 'CLOSE' && t.state !== 'SYN_SENT') keepStart(world, ns, sock, t)
}

/** The handshake is over: the clock of a socket with keepalive runs from here. */
export function keepStart(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  t.lastAckAt = world.now
  if (t.keep !== null) armTimer(world, ns, sock, t.keep.timer, KEEP_REF, idleOf(ns, t.keep))
}

/** A connection begins with what its listener has. */
export function keepInherited(from: TcpState): TcpKeep | null {
  return from.keep === null ? null : { ...from.keep, timer: createTimer() }
}

/** tcp_keepalive_timer: nothing has come for so long that the peer is asked, or given up. */
export function keepTimer(world: World, ns: Netns, sock: Socket, t: TcpState): void {
  const { keep } = t
  if (keep === null || t.state === 'CLOSE' || t.state === 'SYN_SENT' || t.state === 'TIME_WAIT') return
  const idle = idleOf(ns, keep)
  const again = (delay: number) => armTimer(world, ns, sock, keep.timer, KEEP_REF, delay)
  // What is on its way asks by itself.
  const busy = t.inFlight.length > 0 || t.unsent.length > 0
  const quiet = busy ? 0 : world.now - Math.max(t.ack.lastDataAt, t.lastAckAt)
  if (quiet < idle) {
    again(idle - quiet)
    return
  }
  const most = keep.probes > 0 ? keep.probes : sysctlInt(ns, 'net.ipv4.tcp_keepalive_probes')
  if (t.probes >= most) {
    sendReset(world, ns, sock, t)
    sock.err = t.softErr === '' ? 'ETIMEDOUT' : t.softErr
    snmpAdd(ns, 'TcpExtTCPAbortOnTimeout')
    tcpDone(world, ns, sock, t)
    return
  }
  snmpAdd(ns, 'TcpExtTCPKeepAlive')
  sendWindowProbe(world, ns, sock, t)
  t.probes++
  again(keep.interval > 0 ? keep.interval : sysctlInt(ns, 'net.ipv4.tcp_keepalive_intvl') * SEC)
}

function idleOf(ns: Netns, keep: TcpKeep): number {
  return keep.idle > 0 ? keep.idle : sysctlInt(ns, 'net.ipv4.tcp_keepalive_time') * SEC
}

function keepOf({ idle = 0, interval = 0, probes = 0 }: KeepaliveOptions): TcpKeep {
  return { idle: idle * SEC, interval: interval * SEC, probes, timer: createTimer() }
}
