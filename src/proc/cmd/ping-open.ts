/** From ping's command line to an open socket: names, source, device, and what each failure says. */
import type { Ip } from '../../base/addr.ts'
import { isLinkLocal, isMulticast, isUnspecified } from '../../base/addr.ts'
import { nextBelow } from '../../base/rng.ts'
import { linkByName } from '../../net/link/device.ts'
import { strerror } from '../../net/nlresult.ts'
import { sockBind, sockClose, sockConnect, sockOpen } from '../../net/sock/socket.ts'
import { sysctlGet } from '../../net/sysctl.ts'
import type { Link, Socket } from '../../net/types.ts'
import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../../net/types.ts'
import type { ProcCtx } from '../program.ts'
import { isBusybox } from '../dns/resolvconf.ts'
import { awaitName, hasWaited } from '../dns/waitname.ts'
import { err, fail, out } from '../program.ts'
import type { PingOptions } from './ping-options.ts'
import type { PingState } from './ping-state.ts'

/** Raw sockets keep all but source quench, unreachable, redirect, time exceeded, parameter problem and echo reply out. */
const FILTER = ~((1 << 4) | (1 << 3) | (1 << 11) | (1 << 12) | (1 << 5) | 1)

/** Bytes of a time stamp at the payload's begin. */
const TIME_BYTES = 16

/**
 * Resolves, binds and connects as ping does before its first line. Undefined where the process has ended, or waits for
 * the name (then it begins again).
 */
export function openPing(ctx: ProcCtx, options: PingOptions, name: string): PingState | undefined {
  const { world, ns } = ctx
  const target = options.operands[options.operands.length - 1]!
  const again = hasWaited(ctx)
  if (options.pattern !== undefined && !options.quiet && !again) out(ctx, patternLine(options))
  const kind = mayPing(ctx) && options.ident !== 0 ? 'ping' : 'raw'
  if (options.verbose && !again) err(ctx, socketsLine(name, kind, options, options.family))
  const percent = target.indexOf('%')
  const scope = target.includes(':') && percent >= 0 ? target.slice(percent + 1) : ''
  const found = awaitName(ctx, scope === '' ? target : target.slice(0, percent), options.family)
  if (found === undefined) return undefined
  const ip = found.addresses[0]
  if (ip === undefined && isBusybox(ctx)) {
    fail(ctx, 1, `${name}: bad address '${target}'`)
    return undefined
  }
  if (ip === undefined) return quit(ctx, `${name}: ${target}: ${found.error}`)
  const family = typeof ip === 'number' ? 4 : 6
  if (options.verbose) {
    out(ctx, `ai->ai_family: AF_INET${family === 6 ? '6' : ''}, ai->ai_canonname: '${found.canon}'\n`)
  }
  if (options.operands.length > 1) {
    return quit(ctx, `${name}: source routes: not modelled in Kubehop`)
  }
  const own = options.source
  if (own !== undefined && typeof own !== typeof ip) options.source = undefined
  const sock = sockOpen(world, ns, {
    kind,
    family,
    pid: ctx.proc.pid,
    proto: family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
  })
  const state = firstState(ctx, options, name, ip, found.canon, sock)
  state.host = family === 6 ? target : found.canon
  state.zone = scope
  state.numeric = options.numeric || isLiteral(target)
  if (!route(ctx, state, sock, scope) || !setOptions(ctx, state, sock)) return undefined
  return state
}

function firstState(
  ctx: ProcCtx,
  options: PingOptions,
  name: string,
  dst: Ip,
  host: string,
  sock: Socket,
): PingState {
  const interval = options.interval >= 0 ? options.interval : options.flood ? 0 : 1000
  return {
    options,
    name,
    family: sock.family,
    host,
    dst,
    source: sock.family === 4 ? 0 : '0'.repeat(32),
    zone: '',
    numeric: false,
    multicast: false,
    timed: options.size >= TIME_BYTES,
    sock: sock.id,
    ident: options.ident,
    interval,
    startAt: ctx.world.now,
    started: false,
    lastAt: 0,
    tokens: 0,
    waiting: false,
    counts: {
      sent: 0,
      received: 0,
      repeats: 0,
      errors: 0,
      pipe: -1,
      min: Number.MAX_SAFE_INTEGER,
      max: 0,
      sum: 0,
      squares: 0,
      ewma: 0,
    },
    acked: 0,
    seen: new Uint32Array(1),
    confirm: false,
  }
}

/** The source and device, by a probe socket's connect(2) where no source is given. False: the process has ended. */
function route(ctx: ProcCtx, state: PingState, sock: Socket, scope: string): boolean {
  const { world, ns } = ctx
  const { options, name } = state
  if (options.device === '' && scope !== '') sock.oif = linkByName(ns, scope)?.ifindex ?? 0
  let device: Link | undefined
  if (options.device !== '') {
    device = linkByName(ns, options.device)
    if (device === undefined) {
      const unknown = state.family === 6 || isMulticast(state.dst)
      const why = unknown
        ? `unknown iface: ${options.device}`
        : `SO_BINDTODEVICE ${options.device}: ${strerror('ENODEV')}`
      return quit(ctx, `${name}: ${why}`) !== undefined
    }
    sock.oif = device.ifindex
  }
  if (options.source !== undefined) {
    state.source = options.source
    return chooseTarget(state)
  }
  // The kernel connects to no link-local address without its device; ping does not try.
  if (state.family === 6 && isLinkScope(state.dst)) {
    warnDevice(ctx, state, device)
    return chooseTarget(state)
  }
  const probe = sockOpen(world, ns, { kind: 'udp', family: state.family, pid: ctx.proc.pid })
  Object.assign(probe, { oif: sock.oif, tos: options.tos, mark: options.mark })
  let errno = sockConnect(world, ns, probe, state.dst, 1025)
  if (errno === 'EACCES' && state.family === 4) {
    if (!options.broadcast) {
      const why = 'Do you want to ping broadcast? Then -b. If not, check your local firewall rules'
      return quit(ctx, `${name}: ${why}`) !== undefined
    }
    err(ctx, 'WARNING: pinging broadcast address\n')
    probe.broadcast = true
    errno = sockConnect(world, ns, probe, state.dst, 1025)
  }
  if (errno !== null) return quit(ctx, `${name}: connect: ${strerror(errno)}`) !== undefined
  state.source = probe.local ?? state.source
  sockClose(world, ns, probe)
  warnDevice(ctx, state, device)
  return chooseTarget(state)
}

function warnDevice(ctx: ProcCtx, state: PingState, device: Link | undefined): void {
  if (device === undefined || device.addrs.some((addr) => addr.addr === state.source)) return
  const why = 'Warning: source address might be selected on device other than:'
  err(ctx, `${state.name}: ${why} ${state.options.device}\n`)
}

/** fe80::/10 and ff02::/16. */
function isLinkScope(ip: Ip): boolean {
  return isLinkLocal(ip) || (typeof ip === 'string' && /^ff.2/.test(ip))
}

function chooseTarget(state: PingState): boolean {
  if (state.family === 4 && isUnspecified(state.dst)) state.dst = state.source
  return true
}

/** What setsockopt(2) and bind(2) do. False: the process has ended. */
function setOptions(ctx: ProcCtx, state: PingState, sock: Socket): boolean {
  const { world, ns } = ctx
  const { options, name, family } = state
  sock.tos = options.tos
  sock.mark = options.mark
  const group = isMulticast(state.dst)
  state.multicast = group || options.broadcast
  if (options.pmtudisc >= 0) sock.pmtudisc = options.pmtudisc
  else if (state.multicast) sock.pmtudisc = 2
  if (options.source !== undefined || (options.ident > 0 && sock.kind === 'ping')) {
    const port = sock.kind === 'ping' && options.ident > 0 ? options.ident : undefined
    const errno = sockBind(
      world,
      ns,
      sock,
      port === undefined ? { addr: state.source } : { addr: state.source, port },
    )
    const what = family === 4 ? 'bind' : 'bind icmp socket'
    if (errno !== null) return quit(ctx, `${name}: ${what}: ${strerror(errno)}`) !== undefined
  }
  if (sock.kind === 'raw') sock.icmpFilter = family === 4 ? FILTER : 1
  sock.recvErr = true
  sock.broadcast = options.broadcast
  if (options.ttl === 0 && family === 4) {
    return quit(ctx, `${name}: cannot set unicast time-to-live: ${strerror('EINVAL')}`) !== undefined
  }
  if (options.ttl >= 0) sock.ttl = options.ttl
  if (state.interval < 0 || state.interval >= Math.trunc(2147483647 / options.preload)) {
    return quit(ctx, `${name}: illegal preload and/or interval: ${state.interval}`) !== undefined
  }
  if (sock.kind === 'raw' && state.ident < 0) state.ident = nextBelow(ns.rng, 65535) + 1
  return true
}

/** Whether a host was given as a number: then no name is looked for. */
function isLiteral(text: string): boolean {
  return text.includes(':') || /^(0[xX][0-9a-fA-F]+|[0-9]+)(\.(0[xX][0-9a-fA-F]+|[0-9]+)){0,3}$/.test(text)
}

/** net.ipv4.ping_group_range: whether root's group may open ICMP datagram sockets. */
function mayPing(ctx: ProcCtx): boolean {
  const range = sysctlGet(ctx.world, ctx.ns, 'net.ipv4.ping_group_range') ?? '1\t0'
  const [low, high] = range.split(/\s+/).map(Number)
  return low === 0 && high !== undefined && high >= 0
}

function patternLine(options: PingOptions): string {
  const hex = (options.pattern ?? []).map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return `PATTERN: 0x${hex}\n`
}

function socketsLine(name: string, kind: 'ping' | 'raw', options: PingOptions, family: 0 | 4 | 6): string {
  const type = kind === 'raw' ? 'SOCK_RAW' : 'SOCK_DGRAM'
  const warning = options.ident === 0 ? `${name}: WARNING: ident 0 => forcing raw socket\n` : ''
  const four = family === 6 ? '-1 (socktype: 0)' : `3 (socktype: ${type})`
  const six = family === 4 ? '-1 (socktype: 0)' : `${family === 6 ? 3 : 4} (socktype: ${type})`
  const hint = family === 0 ? 'AF_UNSPEC' : family === 4 ? 'AF_INET' : 'AF_INET6'
  return `${warning}${name}: sock4.fd: ${four}, sock6.fd: ${six}, hints.ai_family: ${hint}\n\n`
}

/** Ends the process with 2 and the line. */
function quit(ctx: ProcCtx, line: string): undefined {
  fail(ctx, 2, line)
  return undefined
}
