/** For tests of TCP: stream sockets by name, and what was sent as text like tcpdump's. */
import { parseIp } from '../../base/addr.ts'
import { assert } from '../../base/assert.ts'
import { nsOf } from '../ip/checkip.ts'
import { StepKind } from '../trace.ts'
import type { Packet, Socket, World } from '../types.ts'
import { MS } from '../wheel.ts'
import { sockBind, sockOpen } from './socket.ts'
import { tcpConnect, tcpListen, tcpRecv, tcpSend } from './tcp.ts'

/** A listener on a port of a namespace. */
export function listenOn(world: World, name: string, port: number, backlog = 5, family: 4 | 6 = 4): Socket {
  const ns = nsOf(world, name)
  const sock = sockOpen(world, ns, { kind: 'tcp', family, pid: 1 })
  sock.tcp!.reuseAddr = true
  assert(sockBind(world, ns, sock, { port }) === null, 'the port is free')
  assert(tcpListen(world, ns, sock, backlog) === null, 'it listens')
  return sock
}

/** A connection attempt, with TCP_MAXSEG where it is not 0; asserts that it could begin. */
export function connectTo(world: World, name: string, to: string, port: number, userMss = 0): Socket {
  const ns = nsOf(world, name)
  const dst = parseIp(to)!
  const sock = sockOpen(world, ns, { kind: 'tcp', family: typeof dst === 'number' ? 4 : 6, pid: 1 })
  sock.tcp!.userMss = userMss
  const errno = tcpConnect(world, ns, sock, dst, port)
  assert(errno === null, `connect: ${errno}`)
  return sock
}

/** Sends text (`size` bytes of it where given). */
export function say(world: World, name: string, sock: Socket, size: number): number {
  return tcpSend(world, nsOf(world, name), sock, new Uint8Array(size).fill(97)).sent
}

/** Reads all that waits; `-ERRNO` or `eof` where that is what comes. */
export function hear(world: World, name: string, sock: Socket): string {
  let total = 0
  for (;;) {
    const got = tcpRecv(world, nsOf(world, name), sock, 65536)
    if (got.data === null) return got.errno === 'EAGAIN' ? String(total) : `${total} -${got.errno}`
    if (got.data.length === 0) return `${total} eof`
    total += got.data.length
  }
}

/** Segments sent over devices (not lo) since `start` ns, as `A [S] seq 0 win 64240 <mss 1460,sackOK,TS,wscale 10>`. */
export function segments(world: World, start = 0, times = false): string[] {
  const first = new Map<string, number>()
  const out: string[] = []
  for (const step of world.recorder.detail ?? []) {
    if (step.kind !== StepKind.Tx || step.dev === 'lo') continue
    const { headers: packet } = step
    if (packet.tcp === null && packet.icmp === null) continue
    const key = `${packet.src} ${packet.sport} ${packet.dst} ${packet.dport}`
    if (packet.tcp !== null && ((packet.tcp.flags & 2) !== 0 || !first.has(key)))
      first.set(key, packet.tcp.seq)
    if (step.at < start) continue
    const back = `${packet.dst} ${packet.dport} ${packet.src} ${packet.sport}`
    const when = times ? `${Math.round((step.at - start) / MS)} ` : ''
    const what = packet.tcp === null ? icmp(packet) : text(packet, first.get(key)!, first.get(back))
    out.push(`${when}${step.nsName} ${what}`)
  }
  return out
}

function icmp(packet: Packet): string {
  return `icmp ${packet.icmp!.type}/${packet.icmp!.code}${packet.icmp!.mtu > 0 ? ` mtu ${packet.icmp!.mtu}` : ''}`
}

function text(packet: Packet, own: number, other: number | undefined): string {
  const tcp = packet.tcp!
  const letters = 'FSRP.U'
  const flags = [...letters].filter((_, i) => (tcp.flags & (1 << i)) !== 0).join('')
  const seq = (tcp.seq - own) >>> 0
  const size = packet.payload?.length ?? 0
  const ack = (tcp.flags & 16) !== 0 ? ` ack ${(tcp.ack - (other ?? tcp.ack)) >>> 0}` : ''
  const options = [
    ...(tcp.mss > 0 ? [`mss ${tcp.mss}`] : []),
    ...(tcp.sackOk ? ['sackOK'] : []),
    ...(tcp.tsval >= 0 ? ['TS'] : []),
    ...(tcp.wscale >= 0 ? [`wscale ${tcp.wscale}`] : []),
    ...(tcp.sack ?? []).map(([a, b]) => `sack ${(a - (other ?? 0)) >>> 0}:${(b - (other ?? 0)) >>> 0}`),
  ]
  const named = size > 0 || (tcp.flags & 7) !== 0
  const where = named ? ` seq ${seq}${size > 0 ? `:${seq + size}` : ''}` : ''
  return `[${flags}]${where}${ack} win ${tcp.window}${options.length > 0 ? ` <${options.join(',')}>` : ''}`
}
