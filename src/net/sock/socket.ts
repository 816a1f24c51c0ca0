// Models the common part of net/ipv4/af_inet.c, datagram.c, udp.c, ping.c and raw.c (Linux 6.18): sockets as records,
// their names, queues and errors. Not here: TCP, SO_REUSEPORT groups, multicast membership.
import type { Ip } from '../../base/addr.ts'
import { isMulticast } from '../../base/addr.ts'
import { nextBelow } from '../../base/rng.ts'
import { schedule, touch } from '../../sim/dispatch.ts'
import { Ev } from '../events.ts'
import { addrType } from '../ip/fib.ts'
import { ipRouteOutput, isRefusal } from '../ip/route.ts'
import { connect6 } from './send6.ts'
import { sysctlInt } from '../sysctl.ts'
import type { Netns, Packet, Socket, SocketKind, SockMessage, World } from '../types.ts'
import { tcpClose } from './tcp.ts'
import { portRange } from './portrange.ts'
import { sockAdd, sockAt, sockDrop } from './socktable.ts'
import { tcpChoosePort, tcpPortTaken } from './tcplookup.ts'
import { createTcp } from './tcpstate.ts'

/** socket(2). `proto` is the protocol of raw sockets and the ethertype of packet sockets (3: all). */
export interface SockSpec {
  kind: SocketKind
  family: 4 | 6
  pid: number
  proto?: number
}

/** net.core.rmem_default: what may wait in one socket, by truesize. */
export const SO_RCVBUF = 212992
const ERRORS_MAX = 64

/** Shared by all queues that nothing has come to. */
const EMPTY: SockMessage[] = Object.freeze([]) as unknown as SockMessage[]

/** Opens a socket of a process. Errors while reading or writing it are errno names. */
export function sockOpen(world: World, ns: Netns, spec: SockSpec): Socket {
  touch(world, ns.id)
  const id = ns.nextSock++
  const sock: Socket = {
    id,
    kind: spec.kind,
    family: spec.family,
    pid: spec.pid,
    proto: spec.proto ?? 0,
    local: undefined,
    lport: 0,
    remote: undefined,
    rport: 0,
    oif: 0,
    ttl: 0,
    tos: 0,
    mark: 0,
    pmtudisc: sysctlInt(ns, 'net.ipv4.ip_no_pmtu_disc') === 0 ? 1 : 0,
    recvErr: false,
    broadcast: false,
    icmpFilter: 0,
    err: '',
    rx: EMPTY,
    rxBytes: 0,
    errors: EMPTY,
    dropped: 0,
    tcp: spec.kind === 'tcp' ? createTcp(world, ns) : null,
  }
  sockAdd(ns, sock)
  return sock
}

/** close(2): what waited in it is gone. A packet socket stops listening, a connection is ended (see `tcpClose`). */
export function sockClose(world: World, ns: Netns, sock: Socket): void {
  touch(world, ns.id)
  if (sock.kind === 'tcp') {
    tcpClose(world, ns, sock)
    return
  }
  sockDrop(ns, sock.id)
  if (ns.taps !== null) {
    ns.taps = ns.taps.filter((tap) => tap.sock !== sock.id)
    if (ns.taps.length === 0) ns.taps = null
  }
}

/** The socket with this id, or undefined. */
export function sockById(ns: Netns, id: number): Socket | undefined {
  return sockAt(ns, id)
}

/** bind(2): an own (or wildcard, broadcast, group) address and a port, 0 for any. Null, or the errno. */
export function sockBind(
  world: World,
  ns: Netns,
  sock: Socket,
  name: { addr?: Ip; port?: number; oif?: number },
): string | null {
  touch(world, ns.id)
  const { addr, port } = name
  if (addr !== undefined && addr !== 0 && !isZero6(addr)) {
    const group = isMulticast(addr) || addrType(ns, addr) === 'broadcast'
    const own = addrType(ns, addr) === 'local' || sysctlInt(ns, 'net.ipv4.ip_nonlocal_bind') !== 0
    if (!own && !group) return 'EADDRNOTAVAIL'
    sock.local = addr
  }
  if (name.oif !== undefined) {
    if (name.oif !== 0 && ns.links[name.oif] === undefined) return 'ENODEV'
    sock.oif = name.oif
  }
  if (port !== undefined && port !== 0) {
    if (portTaken(ns, sock, port)) {
      sock.local = undefined
      return 'EADDRINUSE'
    }
    sock.lport = port
    return null
  }
  return autobind(ns, sock) ? null : 'EADDRINUSE'
}

/**
 * connect(2) of a datagram socket: looks the route up, fixes the source address and the peer. Null, or the errno
 * (ENETUNREACH, EHOSTUNREACH, EINVAL for blackhole, EACCES for prohibit and for a broadcast without SO_BROADCAST).
 */
export function sockConnect(world: World, ns: Netns, sock: Socket, dst: Ip, port: number): string | null {
  touch(world, ns.id)
  if (typeof dst === 'string')
    return sock.family === 6 ? connect6(world, ns, sock, dst, port) : 'EAFNOSUPPORT'
  const src = typeof sock.local === 'number' ? sock.local : 0
  const route = ipRouteOutput(world, ns, { dst, src, oif: sock.oif, mark: sock.mark, tos: sock.tos & 0x1c })
  if (isRefusal(route)) return route.errno
  if (route.type === 'broadcast' && !sock.broadcast) return 'EACCES'
  if (sock.local === undefined) sock.local = route.src
  sock.remote = route.dst
  sock.rport = port
  if (sock.lport === 0 && !autobind(ns, sock)) return 'EAGAIN'
  return null
}

/** The next received message, or undefined where none waits. Called in the namespace's own event or after `touch`. */
export function sockRecv(_ns: Netns, sock: Socket): SockMessage | undefined {
  const message = sock.rx.length === 0 ? undefined : sock.rx.shift()
  if (message !== undefined) sock.rxBytes -= rxSize(message.packet)
  return message
}

/** The next entry of the error queue (MSG_ERRQUEUE), or undefined. */
export function sockRecvErr(_ns: Netns, sock: Socket): SockMessage | undefined {
  return sock.errors.length === 0 ? undefined : sock.errors.shift()
}

/** Takes the pending error (SO_ERROR), '' for none. A call that would work or wait returns this first. */
export function sockError(sock: Socket): string {
  const { err } = sock
  sock.err = ''
  return err
}

/** Puts a received packet into a socket and wakes its process. False where its buffer is full. */
export function sockQueue(world: World, ns: Netns, sock: Socket, packet: Packet): boolean {
  const size = rxSize(packet)
  if (sock.rxBytes + size > SO_RCVBUF) {
    sock.dropped++
    return false
  }
  if (Object.isFrozen(sock.rx)) sock.rx = []
  sock.rx.push({
    at: world.now,
    packet,
    errno: '',
    offender: undefined,
    info: 0,
    origin: '',
    type: 0,
    code: 0,
  })
  sock.rxBytes += size
  sockWake(world, ns, sock)
  return true
}

/** Puts an entry into the error queue. What waits is bounded; later errors are lost, as with a full buffer. */
export function sockQueueError(sock: Socket, entry: SockMessage): void {
  if (sock.errors.length >= ERRORS_MAX) return
  if (Object.isFrozen(sock.errors)) sock.errors = []
  sock.errors.push(entry)
}

/** Tells the owner that there is something to read. */
export function sockWake(world: World, ns: Netns, sock: Socket): void {
  schedule(world, world.now, Ev.SockWake, ns.id, sock.pid, sock.id)
}

/** Gives a port (or ICMP id) to a socket that has none. False where all are taken. */
export function autobind(ns: Netns, sock: Socket): boolean {
  if (sock.kind === 'raw' || sock.kind === 'packet') return true
  if (sock.kind === 'ping') {
    for (let i = 0; i < 65535; i++) {
      const id = ((sock.id + i - 1) % 65535) + 1
      if (portTaken(ns, sock, id)) continue
      sock.lport = id
      return true
    }
    return false
  }
  if (sock.kind === 'tcp') {
    sock.lport = tcpChoosePort(ns, sock, false)
    return sock.lport !== 0
  }
  const [low, high] = portRange(ns)
  const span = high - low + 1
  const first = nextBelow(ns.rng, span)
  for (let i = 0; i < span; i++) {
    const port = low + ((first + i) % span)
    if (portTaken(ns, sock, port)) continue
    sock.lport = port
    return true
  }
  return false
}

/** Whether another socket of the kind holds this port on an overlapping address. */
function portTaken(ns: Netns, sock: Socket, port: number): boolean {
  if (sock.kind === 'tcp') return tcpPortTaken(ns, sock, port)
  if (ns.sockets === null) return false
  for (const other of ns.sockets.values()) {
    if (other === sock || other.kind !== sock.kind || other.lport !== port) continue
    if (other.family !== sock.family && other.local !== undefined) continue
    if (other.oif !== 0 && sock.oif !== 0 && other.oif !== sock.oif) continue
    if (other.local === undefined || sock.local === undefined || other.local === sock.local) return true
  }
  return false
}

/** What a message costs in the buffer: its bytes in a power-of-two block, and the skb record. */
function rxSize(packet: Packet): number {
  let block = 512
  while (block < packet.length + 384) block *= 2
  return block + 256
}

function isZero6(ip: Ip): boolean {
  return typeof ip === 'string' && ip === '0'.repeat(32)
}
