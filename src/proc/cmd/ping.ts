/**
 * ping. Models iputils 20221126 with root's rights. Not here: record route, time stamps, node information, adaptive
 * intervals, flow labels. All its memory is `PingState`, so that a half-done ping rewinds.
 */
import { strerror } from '../../net/nlresult.ts'
import { sockById, sockRecv, sockRecvErr } from '../../net/sock/socket.ts'
import type { Socket } from '../../net/types.ts'
import { exitProcess, setTimer } from '../../run/process.ts'
import type { ProcCtx, ProcEvent, Program } from '../program.ts'
import { hasWaited, nameEvent } from '../dns/waitname.ts'
import { err, out } from '../program.ts'
import { isOurs, nameOf, parseReply, sendProbe, stamp } from './ping-io.ts'
import { parsePing } from './ping-options.ts'
import { openPing } from './ping-open.ts'
import type { PingState } from './ping-state.ts'
import { acknowledge, hasSeen, inFlight } from './ping-state.ts'
import { icmp6Words, icmpWords, snapshot, statistics } from './ping-text.ts'

/** Shortest wait between two looks at the clock, ms. */
const MIN_INTERVAL = 10
/** Probes that one event sends at most (preload). */
const BURST_MAX = 65536

export const ping: Program = {
  name: 'ping',
  help: 'send ICMP echo requests to a host and show the answers',
  handles: ['SIGINT', 'SIGQUIT', 'SIGALRM'],
  start(ctx) {
    const name = ctx.proc.argv[0] ?? 'ping'
    const parse = parsePing(ctx.proc.argv.slice(1), name)
    if (!hasWaited(ctx)) err(ctx, parse.warning)
    if (parse.code >= 0) {
      out(ctx, parse.out)
      err(ctx, parse.error)
      exitProcess(ctx, parse.code)
      return
    }
    const state = openPing(ctx, parse.options, name)
    if (state === undefined) return
    ctx.proc.state = state
    out(ctx, firstLine(ctx, state))
    const { deadline } = parse.options
    if (deadline > 0) setTimer(ctx, ctx.world.now + deadline * 1e9, 'alarm')
    mainLoop(ctx, state)
  },
  on(ctx, event: ProcEvent) {
    if (nameEvent(ctx, event, ping.start)) return
    const state = ctx.proc.state as PingState
    if (event.type === 'signal') {
      if (event.name === 'SIGQUIT') err(ctx, snapshot(state.counts, state.timed))
      else finishPing(ctx, state)
      return
    }
    if (event.type === 'timer' && event.tag === 'alarm') {
      finishPing(ctx, state)
      return
    }
    if (event.type !== 'timer' && event.type !== 'sock') return
    const sock = sockById(ctx.ns, state.sock)
    if (sock !== undefined && hasInput(sock)) drain(ctx, state, sock)
    mainLoop(ctx, state)
  },
}

function firstLine(ctx: ProcCtx, state: PingState): string {
  const { options, host, family } = state
  const six = family === 6
  const from =
    options.device !== '' || options.source !== undefined
      ? `from ${nameOf(ctx, true, state.source)} ${options.device}: `
      : ''
  if (six)
    return `PING ${host}(${nameOf(ctx, state.numeric, state.dst, state.zone)}) ${from}${options.size} data bytes\n`
  const to = nameOf(ctx, true, state.dst)
  return `PING ${host} (${to}) ${from}${options.size}(${options.size + 28}) bytes of data.\n`
}

/** Sends what is due and arms the timer, until there is nothing to read; ends the run where its end is reached. */
function mainLoop(ctx: ProcCtx, state: PingState): void {
  for (let i = 0; i < BURST_MAX; i++) {
    const { options, counts } = state
    const enough = options.count > 0 && counts.received + counts.errors >= options.count
    if (enough || (options.deadline > 0 && counts.errors > 0)) {
      finishPing(ctx, state)
      return
    }
    let next = 0
    for (let n = 0; next <= 0 && n < BURST_MAX && !ctx.proc.exited; n++) {
      next = scheduleExit(ctx, state, pinger(ctx, state))
    }
    const sock = sockById(ctx.ns, state.sock)
    if (ctx.proc.exited || sock === undefined) return
    if (!hasInput(sock)) {
      const short = next <= MIN_INTERVAL && inFlight(counts, state.acked) !== 0
      setTimer(ctx, ctx.world.now + (short ? MIN_INTERVAL : next) * 1e6, 'next')
      return
    }
    drain(ctx, state, sock)
  }
}

/** Sends a packet if one is due by the token bucket. Answers milliseconds until the next one. */
function pinger(ctx: ProcCtx, state: PingState): number {
  const { options, counts } = state
  const { interval } = state
  if (options.count > 0 && counts.sent >= options.count && options.deadline === 0) return 1000
  const { now } = ctx.world
  if (!state.started) {
    state.started = true
    state.lastAt = now
    state.tokens = interval * (options.preload - 1)
  } else {
    let tokens = millisBetween(state.lastAt, now)
    const full = inFlight(counts, state.acked) >= options.preload
    if (interval === 0 && tokens < MIN_INTERVAL && full) return MIN_INTERVAL - tokens
    tokens = Math.min(tokens + state.tokens, interval * options.preload)
    if (tokens < interval) return interval - tokens
    state.lastAt = now
    state.tokens = tokens - interval
  }
  if (options.outstanding && counts.sent > 0 && !hasSeen(state, counts.sent & 0xffff)) {
    out(ctx, `${stamp(ctx, options)}no answer yet for icmp_seq=${counts.sent & 0xffff}\n`)
  }
  return transmit(ctx, state)
}

function transmit(ctx: ProcCtx, state: PingState): number {
  const { options, counts } = state
  const failed = sendProbe(ctx, state)
  if (failed === '') {
    advance(state)
    if (!options.quiet && options.flood && isDotVisible(ctx, state)) out(ctx, '.')
    return state.interval - state.tokens
  }
  const sock = sockById(ctx.ns, state.sock)
  const handled = sock === undefined ? -1 : receiveError(ctx, state, sock)
  if (failed === 'EAGAIN') {
    state.tokens += state.interval
    return MIN_INTERVAL
  }
  advance(state)
  // iputils says why only where an ICMP error came along with the failure: an empty error queue counts as a local error.
  if (handled >= 0 && !options.quiet) {
    if (options.flood) out(ctx, 'E')
    else err(ctx, `${state.name}: sendmsg: ${strerror(failed)}\n`)
  }
  state.tokens = 0
  return Math.max(counts.sent === 0 ? 1 : state.interval, MIN_INTERVAL)
}

function advance(state: PingState): void {
  const { counts } = state
  counts.sent++
  if ((counts.sent & 0xffff) - state.acked > 0x7fff) state.acked = (counts.sent + 1) & 0xffff
}

function isDotVisible(ctx: ProcCtx, state: PingState): boolean {
  const width = ctx.proc.fds.get(1)?.kind === 'tty' ? 80 : 2147483647
  if (state.options.preload < width && state.counts.pipe < width) return true
  return inFlight(state.counts, state.acked) < width
}

/** After the last packet: how long answers are waited for, once. */
function scheduleExit(ctx: ProcCtx, state: PingState, next: number): number {
  const { options, counts } = state
  if (options.count === 0 || counts.sent < options.count || options.deadline > 0) return next
  if (state.waiting) return next
  state.waiting = true
  const wait =
    counts.received > 0 ? Math.max(2 * counts.max, 1000 * state.interval) : Math.trunc(options.linger * 1000)
  setTimer(ctx, ctx.world.now + wait * 1000, 'alarm')
  return Math.max(next, Math.trunc(wait / 1000), 1)
}

function hasInput(sock: Socket): boolean {
  return sock.err !== '' || sock.rx.length > 0 || sock.errors.length > 0
}

/** Reads errors first, then packets, as recvmsg(2) does, until all is read or nothing more is on its way. */
function drain(ctx: ProcCtx, state: PingState, sock: Socket): void {
  while (hasInput(sock)) {
    if (sock.err !== '' || sock.errors.length > 0) {
      const errno = sock.err
      sock.err = ''
      if (sock.errors.length > 0) receiveError(ctx, state, sock)
      else err(ctx, `${state.name}: recvmsg: ${strerror(errno)}\n`)
    } else {
      const message = sockRecv(ctx.ns, sock)
      if (message !== undefined) parseReply(ctx, state, sock, message)
    }
    if (inFlight(state.counts, state.acked) === 0) return
  }
}

/** One entry of the error queue: 1 an ICMP error, -1 a local one or an empty queue, 0 somebody else's. */
function receiveError(ctx: ProcCtx, state: PingState, sock: Socket): number {
  const { options, counts } = state
  const entry = sockRecvErr(ctx.ns, sock)
  if (entry === undefined) return -1
  if (entry.origin === 'local') {
    if (options.quiet) return -1
    if (options.flood) out(ctx, 'E')
    else if (entry.errno !== 'EMSGSIZE') {
      err(ctx, `${state.name}: local error: ${strerror(entry.errno)}\n`)
    } else
      err(
        ctx,
        `${state.name}: local error: message too long, mtu${state.family === 6 ? ': ' : '='}${entry.info}\n`,
      )
    counts.errors++
    return -1
  }
  const quoted = entry.packet
  const request = state.family === 4 ? 8 : 128
  const icmp = quoted.icmp
  if (icmp === null || icmp.type !== request || quoted.dst !== state.dst || !isOurs(sock, state, icmp.id))
    return 0
  acknowledge(counts, state, icmp.seq)
  if (sock.kind === 'raw' && state.family === 4) sock.icmpFilter = ~((1 << 4) | (1 << 5) | 1)
  counts.errors++
  if (options.quiet) return 1
  if (options.flood) {
    out(ctx, '\bE')
    return 1
  }
  const who = nameOf(ctx, state.numeric, entry.offender ?? state.source)
  const words =
    state.family === 4
      ? icmpWords(entry.type, entry.code, entry.info)
      : icmp6Words(entry.type, entry.code, entry.info)
  out(ctx, `${stamp(ctx, options)}From ${who} icmp_seq=${icmp.seq} ${words}\n`)
  return 1
}

function finishPing(ctx: ProcCtx, state: PingState): void {
  const { options, counts } = state
  const elapsed = state.started ? state.lastAt - state.startAt : 0
  out(ctx, statistics(state.host, counts, elapsed, state.timed, options.flood || state.interval === 0))
  const short = options.deadline > 0 && counts.received < options.count
  exitProcess(ctx, counts.received === 0 || short ? 1 : 0)
}

/** Milliseconds as ping counts them: seconds and nanoseconds apart, the latter cut towards zero. */
function millisBetween(from: number, to: number): number {
  const seconds = Math.floor(to / 1e9) - Math.floor(from / 1e9)
  return seconds * 1000 + Math.trunc(((to % 1e9) - (from % 1e9)) / 1e6)
}
