/**
 * traceroute. Models Dmitry Butskoy's version 2.1.2 with the methods "default" (UDP, a port for each probe) and "icmp".
 * Not here: TCP, DCCP, raw protocols, source routes, path MTU discovery, autonomous systems.
 */
import type { Ip } from '../../base/addr.ts'
import { formatIp, parseIp } from '../../base/addr.ts'
import { linkByName } from '../../net/link/device.ts'
import { strerror } from '../../net/nlresult.ts'
import { sockSendTo } from '../../net/sock/send.ts'
import {
  sockBind,
  sockById,
  sockClose,
  sockConnect,
  sockOpen,
  sockRecv,
  sockRecvErr,
} from '../../net/sock/socket.ts'
import type { Socket, SockMessage } from '../../net/sock/types.ts'
import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../../net/types.ts'
import { exitProcess, setTimer } from '../../run/process.ts'
import type { ProcCtx, ProcEvent, Program } from '../program.ts'
import { awaitName, nameEvent } from '../dns/waitname.ts'
import { err, out, resolveHost } from '../program.ts'
import { hostName } from './hosts.ts'
import type { TraceOptions } from './traceroute-options.ts'
import { parseTrace } from './traceroute-options.ts'
import type { Probe } from './traceroute-probe.ts'
import { checkExpired, timeoutOf, unreachableMark } from './traceroute-probe.ts'

interface TraceState {
  options: TraceOptions
  family: 4 | 6
  dst: Ip
  source: Ip | undefined
  /** UDP: bytes above the UDP header. ICMP: above the ICMP header. */
  dataBytes: number
  /** The next probe's port or sequence number. */
  next: number
  /** ICMP: the one socket and the id. */
  sock: number
  ident: number
  probes: Probe[]
  start: number
  end: number
  lastSend: number
}

const UDP_PORT = 33434
/** Rounds of the loop that one event may take: every probe is printed and sent once. */
const ROUNDS_MAX = 20_000

export const traceroute: Program = {
  name: 'traceroute',
  help: 'show the routers on the way to a host',
  start(ctx) {
    let dst: Ip | undefined
    let waits = false
    const parse = parseTrace(ctx.proc.argv.slice(1), (host, options) => {
      const found = awaitName(ctx, host, options.family)
      waits = found === undefined
      dst = found?.addresses[0]
      return found?.error ?? ''
    })
    if (waits && parse.code < 0) return
    if (parse.code >= 0 || dst === undefined) {
      err(ctx, parse.error)
      exitProcess(ctx, Math.max(0, parse.code))
      return
    }
    const state = openTrace(ctx, parse.options, dst)
    if (state === undefined) return
    ctx.proc.state = state
    if (state.options.icmp && !openIcmp(ctx, state)) return
    out(ctx, header(state))
    advance(ctx, state)
  },
  on(ctx, event: ProcEvent) {
    if (nameEvent(ctx, event, traceroute.start)) return
    const state = ctx.proc.state as TraceState
    if (event.type === 'sock') {
      const sock = sockById(ctx.ns, event.sock)
      if (sock === undefined) return
      receive(ctx, state, sock)
    } else if (event.type !== 'timer') return
    advance(ctx, state)
  },
}

function openTrace(ctx: ProcCtx, options: TraceOptions, dst: Ip): TraceState | undefined {
  const family = typeof dst === 'number' ? 4 : 6
  const source = options.source === '' ? undefined : parseIp(options.source)
  if (options.source !== '' && source === undefined) {
    const found = resolveHost(ctx, options.source, family)
    err(ctx, `${options.source}: ${found.error}\n`)
    exitProcess(ctx, 2)
    return undefined
  }
  if (source !== undefined && typeof source !== typeof dst) {
    err(ctx, 'IP version mismatch in addresses specified\n')
    exitProcess(ctx, 2)
    return undefined
  }
  const headers = (family === 4 ? 20 : 40) + 8
  const dataBytes = options.length < 0 ? 32 : Math.max(0, options.length - headers)
  const count = options.maxHops * options.queries
  const probes: Probe[] = Array.from({ length: count }, () => ({
    done: false,
    final: false,
    sentAt: 0,
    recvAt: 0,
    recvTtl: 0,
    res: undefined,
    mark: '',
    sock: 0,
    seq: 0,
  }))
  return {
    options,
    family,
    dst,
    source,
    dataBytes,
    next: options.port >= 0 ? options.port & 0xffff : options.icmp ? 1 : UDP_PORT,
    sock: 0,
    ident: ctx.proc.pid & 0xffff,
    probes,
    start: (options.firstHop - 1) * options.queries,
    end: count,
    lastSend: 0,
  }
}

function header(state: TraceState): string {
  const { options, dst, family, dataBytes } = state
  const bytes = dataBytes + (family === 4 ? 28 : 48)
  return `traceroute to ${options.host} (${formatIp(dst)}), ${options.maxHops} hops max, ${bytes} byte packets`
}

/** Options that every socket has. False: the process has ended. */
function tune(ctx: ProcCtx, state: TraceState, sock: Socket): boolean {
  const { world, ns } = ctx
  const { options } = state
  if (options.device !== '') {
    const link = linkByName(ns, options.device)
    if (link === undefined) return broken(ctx, 'setsockopt SO_BINDTODEVICE', 'ENODEV')
    sock.oif = link.ifindex
  }
  if (state.source !== undefined) {
    const errno = sockBind(world, ns, sock, { addr: state.source })
    if (errno !== null) return broken(ctx, 'bind', errno)
  }
  sock.pmtudisc = options.dontFragment ? 3 : 0
  sock.tos = options.tos & 255
  sock.mark = options.mark
  return true
}

/** What perror(3) says of a failed call; a new line first, since the header has none. */
function broken(ctx: ProcCtx, what: string, errno: string): false {
  err(ctx, `\n${what}: ${strerror(errno)}\n`)
  exitProcess(ctx, 1)
  return false
}

function openIcmp(ctx: ProcCtx, state: TraceState): boolean {
  const { world, ns } = ctx
  const proto = state.family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6
  const sock = sockOpen(world, ns, { kind: 'raw', family: state.family, pid: ctx.proc.pid, proto })
  state.sock = sock.id
  if (!tune(ctx, state, sock)) return false
  const errno = sockConnect(world, ns, sock, state.dst, 0)
  if (errno !== null) return broken(ctx, 'connect', errno)
  if (state.family === 4) sock.icmpFilter = ~1
  sock.recvErr = true
  return true
}

/** Prints what is known in order, sends what may be sent, and waits for an answer or the first probe's end. */
function advance(ctx: ProcCtx, state: TraceState): void {
  for (let round = 0; round < ROUNDS_MAX && state.start < state.end; round++) {
    const wake = oneRound(ctx, state)
    if (ctx.proc.exited) return
    if (wake > ctx.world.now) {
      setTimer(ctx, wake, 'wake')
      return
    }
  }
  out(ctx, '\n')
  exitProcess(ctx, 0)
}

/** Answers when to look again, 0 for at once. */
function oneRound(ctx: ProcCtx, state: TraceState): number {
  const { probes, options } = state
  const { now } = ctx.world
  const per = options.queries
  let wake = 0
  let busy = 0
  for (let n = state.start; n < state.end; n++) {
    const probe = probes[n]!
    if (n === state.start && !probe.done && probe.sentAt > 0) {
      const expires = probe.sentAt + timeoutOf(probes, n, options)
      if (expires > now) wake = expires
      else {
        finishProbe(ctx, probe)
        checkExpired(probes, n, per)
      }
    }
    if (probe.done) {
      if (n === state.start) {
        out(ctx, probeText(ctx, state, n))
        state.start++
      }
      if (probe.final) state.end = (Math.floor(n / per) + 1) * per
      continue
    }
    if (probe.sentAt === 0) {
      const next = state.lastSend + options.pause * 1e9
      if (options.pause > 0 && state.lastSend > 0 && next > now) {
        wake = next
        break
      }
      if (!sendProbe(ctx, state, probe, Math.floor(n / per) + 1)) return wake
      state.lastSend = now
    }
    if (wake === 0) wake = probe.sentAt + timeoutOf(probes, n, options)
    if (++busy >= options.parallel) break
  }
  return wake
}

/** Sends one probe. False: the process has ended. A probe that could not go counts as sent: its error says more. */
function sendProbe(ctx: ProcCtx, state: TraceState, probe: Probe, ttl: number): boolean {
  const { world, ns } = ctx
  const seq = state.next
  state.next = (state.next + 1) & 0xffff
  let sock: Socket | undefined
  if (state.options.icmp) {
    sock = sockById(ns, state.sock)
    probe.seq = seq
  } else {
    sock = sockOpen(world, ns, { kind: 'udp', family: state.family, pid: ctx.proc.pid })
    if (!tune(ctx, state, sock)) return false
    sock.ttl = ttl
    const errno = sockConnect(world, ns, sock, state.dst, seq)
    if (errno !== null) return broken(ctx, 'connect', errno)
    sock.recvErr = true
    probe.sock = sock.id
  }
  if (sock === undefined) return false
  probe.sentAt = Math.max(1, world.now)
  const type = state.family === 4 ? 8 : 128
  const icmp = { type, code: 0, id: state.ident, seq }
  const payload = pattern(state)
  const sent = sockSendTo(world, ns, sock, state.options.icmp ? { payload, icmp, ttl } : { payload, ttl })
  if (!('errno' in sent)) return true
  if (sent.errno !== 'EMSGSIZE' && sent.errno !== 'EHOSTUNREACH') return broken(ctx, 'send', sent.errno)
  if (sock.errors.length > 0) receive(ctx, state, sock)
  return true
}

/** `@ABC...`: the bytes of the whole message, header included, where the method has one in its buffer. */
function pattern(state: TraceState): Uint8Array {
  const from = state.options.icmp ? 8 : 0
  return Uint8Array.from({ length: state.dataBytes }, (_, i) => 0x40 + ((i + from) & 0x3f))
}

/** Reads all that waits in a socket. */
function receive(ctx: ProcCtx, state: TraceState, sock: Socket): void {
  sock.err = ''
  for (let entry = sockRecvErr(ctx.ns, sock); entry !== undefined; entry = sockRecvErr(ctx.ns, sock)) {
    if (!takeError(ctx, state, sock, entry)) return
  }
  for (let data = sockRecv(ctx.ns, sock); data !== undefined; data = sockRecv(ctx.ns, sock)) {
    const { packet } = data
    const reply = state.family === 4 ? 0 : 129
    const probe = state.options.icmp
      ? packet.icmp?.type === reply && packet.icmp.id === state.ident
        ? bySeq(state, packet.icmp.seq)
        : undefined
      : bySock(state, sock)
    if (probe === undefined) continue
    probe.final = true
    answered(ctx, probe, packet.src, data.at, packet.ttl)
  }
}

/** One entry of the error queue. False: the process has ended. */
function takeError(ctx: ProcCtx, state: TraceState, sock: Socket, entry: SockMessage): boolean {
  const probe =
    state.options.icmp && entry.origin === 'icmp'
      ? bySeq(state, entry.packet.icmp?.id === state.ident ? entry.packet.icmp.seq : -1)
      : state.options.icmp
        ? state.probes.findLast((one) => one.sentAt > 0 && !one.done)
        : bySock(state, sock)
  if (probe === undefined) return true
  if (entry.origin === 'local') {
    if (entry.errno !== 'EMSGSIZE' || entry.info === 0) return broken(ctx, 'local recverr', entry.errno)
    probe.mark = `!F-${entry.info}`
    probe.final = true
    answered(ctx, probe, undefined, entry.at, 0)
    return true
  }
  const mark = unreachableMark(state.family, entry.type, entry.code, entry.info)
  if (mark !== undefined) {
    probe.mark = mark
    probe.final = true
  }
  answered(ctx, probe, entry.offender, entry.at, entry.ttl ?? 0)
  return true
}

function answered(ctx: ProcCtx, probe: Probe, from: Ip | undefined, at: number, ttl: number): void {
  probe.res = from
  probe.recvAt = Math.max(at, probe.sentAt + 1)
  probe.recvTtl = ttl
  finishProbe(ctx, probe)
}

function finishProbe(ctx: ProcCtx, probe: Probe): void {
  const sock = probe.sock === 0 ? undefined : sockById(ctx.ns, probe.sock)
  if (sock !== undefined) sockClose(ctx.world, ctx.ns, sock)
  probe.sock = 0
  probe.seq = 0
  probe.done = true
}

function bySeq(state: TraceState, seq: number): Probe | undefined {
  return seq <= 0 ? undefined : state.probes.find((probe) => probe.seq === seq)
}

function bySock(state: TraceState, sock: Socket): Probe | undefined {
  return state.probes.find((probe) => probe.sock === sock.id)
}

/** ` 1  10.0.0.1  0.045 ms`: a hop's number before its first probe, an address where it differs from the one before. */
function probeText(ctx: ProcCtx, state: TraceState, n: number): string {
  const { probes, options } = state
  const probe = probes[n]!
  const place = n % options.queries
  let text = place === 0 ? `\n${String(Math.floor(n / options.queries) + 1).padStart(2)} ` : ''
  if (probe.res === undefined) text += ' *'
  else {
    let before = n - 1
    while (before >= n - place && probes[before]!.res === undefined) before--
    if (before < n - place || probes[before]!.res !== probe.res) text += addressText(ctx, options, probe.res)
  }
  if (probe.recvAt > 0) text += `  ${((probe.recvAt - probe.sentAt) / 1e6).toFixed(3)} ms`
  return probe.mark === '' ? text : `${text} ${probe.mark}`
}

function addressText(ctx: ProcCtx, options: TraceOptions, ip: Ip): string {
  const number = formatIp(ip)
  return options.numeric ? ` ${number}` : ` ${hostName(ctx, ip) ?? number} (${number})`
}
