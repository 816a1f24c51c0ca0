/**
 * tracepath. Models iputils 20221126: UDP with DF set and ever larger TTL, one probe at a time; what comes back says
 * the path MTU, the hops there and, by its own TTL, the hops back. Not here: -6 to mapped addresses.
 */
import type { Ip } from '../../base/addr.ts'
import { formatIp } from '../../base/addr.ts'
import { strerror } from '../../net/nlresult.ts'
import { sockSendTo } from '../../net/sock/send.ts'
import { sockById, sockOpen, sockRecv, sockRecvErr } from '../../net/sock/socket.ts'
import type { Socket, SockMessage } from '../../net/sock/types.ts'
import { exitProcess, setTimer } from '../../run/process.ts'
import type { ProcCtx, ProcEvent, Program } from '../program.ts'
import { awaitName, nameEvent } from '../dns/waitname.ts'
import { err, out, parseOptions } from '../program.ts'
import { hostName } from './hosts.ts'

interface PathState {
  name: string
  family: 4 | 6
  dst: Ip
  port: number
  numeric: boolean
  both: boolean
  maxHops: number
  sock: number
  ttl: number
  /** Tries at this TTL that had no answer. */
  tries: number
  mtu: number
  /** `mtu` when this try began: where it has changed since, the try does not count. */
  mtuBefore: number
  overhead: number
  /** Probes by their port's distance from `port`: hops 0 for a free place. */
  history: { hops: number; sentAt: number }[]
  slot: number
  hopsTo: number
  hopsBack: number
}

const HISTORY = 64
const COLUMN = 52
const PROBES = 10
const TRIES = 3
const DEFAULT_PORT = 44444
const SIZE_MAX = 65_507
const VERSION =
  'tracepath from iputils 20221126\n' +
  'libcap: yes, IDN: yes, NLS: no, error.h: yes, getrandom(): yes, __fpending(): yes\n'
const USAGE =
  '\nUsage\n  tracepath [options] <destination>\n\nOptions:\n' +
  '  -4 -6 -b -l <length> -m <hops> -n -p <port> -V\n'

export const tracepath: Program = {
  name: 'tracepath',
  help: 'show the way to a host and its path MTU',
  start(ctx) {
    const state = openPath(ctx)
    if (state === undefined) return
    ctx.proc.state = state
    nextTry(ctx, state)
  },
  on(ctx, event: ProcEvent) {
    if (nameEvent(ctx, event, tracepath.start)) return
    if (event.type !== 'timer' && event.type !== 'sock') return
    const state = ctx.proc.state as PathState
    const sock = sockById(ctx.ns, state.sock)
    if (sock === undefined) return
    if (event.type === 'sock' && sock.err === '' && sock.rx.length === 0 && sock.errors.length === 0) return
    afterWait(ctx, state, sock)
  },
}

function openPath(ctx: ProcCtx): PathState | undefined {
  const name = ctx.proc.argv[0] ?? 'tracepath'
  const words = parseOptions(ctx.proc.argv.slice(1), '46nbh?l:m:p:V')
  let family: 0 | 4 | 6 = 0
  const numbers = { l: 0, m: 30, p: 0 }
  for (const [letter, value] of words.list) {
    if (letter === '4' || letter === '6') {
      const wanted = letter === '4' ? 4 : 6
      if (family !== 0 && family !== wanted) {
        return quit(ctx, 2, `${name}: Only one -4 or -6 option may be specified\n`)
      }
      family = wanted
    } else if (letter === 'V') {
      out(ctx, VERSION)
      return quit(ctx, 0, '')
    } else if (letter === 'l' || letter === 'm' || letter === 'p') {
      const max = letter === 'l' ? 2147483647 : letter === 'm' ? 255 : 65535
      const number = readNumber(value, max)
      if (typeof number === 'string') return quit(ctx, 1, `${name}: ${number}\n`)
      numbers[letter] = number
    } else if (letter === 'h' || letter === '?') return quit(ctx, 255, USAGE)
  }
  if (words.error !== '') return quit(ctx, 255, `${name}: ${words.error}\n${USAGE}`)
  if (words.operands.length !== 1) return quit(ctx, 255, USAGE)
  const [host, portText] = splitPort(words.operands[0]!, numbers.p)
  if (portText !== undefined) {
    const number = readNumber(portText, 65535)
    if (typeof number === 'string') return quit(ctx, 1, `${name}: ${number}\n`)
    numbers.p = number
  }
  const found = awaitName(ctx, host, family)
  if (found === undefined) return undefined
  const ip = found.addresses[0]
  if (ip === undefined) return quit(ctx, 1, `${name}: ${host}: ${found.error}\n`)
  return firstState(ctx, name, ip, numbers, words.flags)
}

function firstState(
  ctx: ProcCtx,
  name: string,
  dst: Ip,
  numbers: { l: number; m: number; p: number },
  flags: ReadonlyMap<string, string>,
): PathState | undefined {
  const family = typeof dst === 'number' ? 4 : 6
  const overhead = family === 4 ? 28 : 48
  const mtu = numbers.l === 0 ? (family === 4 ? 65535 : 128_000) : numbers.l
  if (mtu <= overhead) {
    return quit(ctx, 1, `${name}: pktlen must be within: ${overhead} < value <= 2147483647\n`)
  }
  const sock = sockOpen(ctx.world, ctx.ns, { kind: 'udp', family, pid: ctx.proc.pid })
  sock.pmtudisc = 2
  sock.recvErr = true
  return {
    name,
    family,
    dst,
    port: numbers.p === 0 ? DEFAULT_PORT : numbers.p,
    numeric: flags.has('n'),
    both: flags.has('b'),
    maxHops: numbers.m,
    sock: sock.id,
    ttl: 1,
    tries: 0,
    mtu,
    mtuBefore: mtu,
    overhead,
    history: Array.from({ length: HISTORY }, () => ({ hops: 0, sentAt: 0 })),
    slot: 0,
    hopsTo: -1,
    hopsBack: -1,
  }
}

/** `HOST/PORT`, as long as no port was given by -p. */
function splitPort(text: string, port: number): [string, string | undefined] {
  const slash = text.indexOf('/')
  return slash < 0 || port !== 0 ? [text, undefined] : [text.slice(0, slash), text.slice(slash + 1)]
}

function readNumber(text: string, max: number): number | string {
  if (!/^[ \t]*[+-]?[0-9]+$/.test(text)) return `invalid argument: '${text}'`
  const value = Number(text)
  if (Math.abs(value) >= 2 ** 63) return `invalid argument: '${text}': Numerical result out of range`
  return value < 0 || value > max ? `invalid argument: '${text}': out of range: 0 <= value <= ${max}` : value
}

function quit(ctx: ProcCtx, code: number, text: string): undefined {
  err(ctx, text)
  exitProcess(ctx, code)
  return undefined
}

/** Sends a probe and waits a second for what comes, or ends. */
function nextTry(ctx: ProcCtx, state: PathState): void {
  const sock = sockById(ctx.ns, state.sock)
  if (sock === undefined) return
  // Every round sends, gives up a try, or goes one hop on: all three are bounded.
  for (let round = 0; round < 10_000; round++) {
    if (state.ttl > state.maxHops) {
      out(ctx, `     Too many hops: pmtu ${state.mtu}\n`)
      finishPath(ctx, state)
      return
    }
    state.mtuBefore = state.mtu
    const sent = probe(ctx, state, sock)
    if (sent === 'sent') {
      setTimer(ctx, ctx.world.now + 1e9, 'wait')
      return
    }
    if (judge(ctx, state, sent)) return
  }
}

/** What a try's result means; true where the run has ended. `result`: 0 the end, > 0 an answer, < 0 none. */
function judge(ctx: ProcCtx, state: PathState, result: number): boolean {
  if (state.mtu !== state.mtuBefore) {
    state.tries = 0
    return false
  }
  if (result === 0) {
    finishPath(ctx, state)
    return true
  }
  if (result < 0 && ++state.tries < TRIES) return false
  if (result < 0) out(ctx, `${pad2(state.ttl)}:  no reply\n`)
  state.ttl++
  state.tries = 0
  return false
}

function afterWait(ctx: ProcCtx, state: PathState, sock: Socket): void {
  let result: number
  const failed = sock.err !== ''
  sock.err = ''
  if (!failed && sockRecv(ctx.ns, sock) !== undefined) {
    out(ctx, `${pad2(state.ttl)}?: reply received 8)\n`)
    result = 0
  } else result = readErrors(ctx, state, sock)
  if (!judge(ctx, state, result)) nextTry(ctx, state)
}

/** Sends until one goes out: a failed one may have told the path MTU. */
function probe(ctx: ProcCtx, state: PathState, sock: Socket): 'sent' | number {
  const { world, ns } = ctx
  for (let i = 0; i < PROBES; i++) {
    const place = state.history[state.slot]!
    place.hops = state.ttl
    place.sentAt = world.now
    const size = state.mtu - state.overhead
    const dport = (state.port + state.slot) & 0xffff
    sock.ttl = state.ttl
    const payload = new Uint8Array(Math.min(size, SIZE_MAX))
    const sent =
      size > SIZE_MAX && state.family === 4
        ? { errno: 'EMSGSIZE', mtu: 0 }
        : sockSendTo(world, ns, sock, { dst: state.dst, dport, payload, ttl: state.ttl })
    if (!('errno' in sent)) {
      state.slot = (state.slot + 1) % HISTORY
      return 'sent'
    }
    const result = readErrors(ctx, state, sock)
    place.hops = 0
    if (result === 0) return 0
    if (result > 0) i = -1
  }
  state.slot = (state.slot + 1) % HISTORY
  out(ctx, `${pad2(state.ttl)}:  send failed\n`)
  return 0
}

/** Reads the error queue: 0 where the way ends, the MTU where something was heard, -1 for nothing. */
function readErrors(ctx: ProcCtx, state: PathState, sock: Socket): number {
  let progress = -1
  for (let entry = sockRecvErr(ctx.ns, sock); entry !== undefined; entry = sockRecvErr(ctx.ns, sock)) {
    progress = state.mtu
    if (showError(ctx, state, entry)) return 0
    progress = state.mtu
  }
  return progress
}

/** Prints one entry; true where the way ends with it. */
function showError(ctx: ProcCtx, state: PathState, entry: SockMessage): boolean {
  const upper = entry.packet.whole ?? entry.packet
  // The kernel tells IPv6 senders the port of what was too big, IPv4 senders not.
  const nameless = entry.origin === 'local' && state.family === 4
  const place = nameless ? undefined : state.history[(upper.dport - state.port) & 0xffff]
  const known = place !== undefined && place.hops > 0
  const hops = known ? place.hops : -1
  let line = ''
  if (entry.origin === 'local') line = `${pad2(state.ttl)}?: ${'[LOCALHOST]'.padEnd(32)} `
  else {
    line = hops > 0 ? `${pad2(hops)}:  ` : `${pad2(state.ttl)}?: `
    line += hostColumn(ctx, state, entry.offender ?? state.dst)
  }
  if (known) {
    line += `${timeText(entry.at - place.sentAt)} `
    place.hops = 0
  }
  const end = ending(state, entry, hops)
  out(ctx, line + end.text)
  if (end.error !== '') err(ctx, end.error)
  return end.last
}

function ending(
  state: PathState,
  entry: SockMessage,
  hops: number,
): { text: string; last: boolean; error: string } {
  const back = hopsOf(entry.ttl ?? 0)
  switch (entry.errno) {
    case 'ETIMEDOUT':
      return { text: '\n', last: false, error: '' }
    case 'EMSGSIZE':
      state.mtu = entry.info
      return { text: `pmtu ${entry.info}\n`, last: false, error: '' }
    case 'ECONNREFUSED':
      state.hopsTo = hops < 0 ? state.ttl : hops
      state.hopsBack = back
      return { text: 'reached\n', last: true, error: '' }
    case 'EPROTO':
      return { text: '!P\n', last: true, error: '' }
    case 'EHOSTUNREACH': {
      const exceeded =
        entry.origin === 'icmp' && entry.type === (state.family === 4 ? 11 : 3) && entry.code === 0
      if (!exceeded) return { text: '!H\n', last: true, error: '' }
      const asymmetric = back !== (hops >= 0 ? hops : state.ttl)
      return { text: `${asymmetric ? `asymm ${pad2(back)} ` : ''}\n`, last: false, error: '' }
    }
    case 'ENETUNREACH':
      return { text: '!N\n', last: true, error: '' }
    case 'EACCES':
      return { text: '!A\n', last: true, error: '' }
    default:
      return { text: '\n', last: true, error: `${state.name}: NET ERROR: ${strerror(entry.errno)}\n` }
  }
}

/** Hops behind a packet that began with 64, 128 or 255. */
function hopsOf(ttl: number): number {
  if (ttl <= 64) return 65 - ttl
  return ttl <= 128 ? 129 - ttl : 256 - ttl
}

function hostColumn(ctx: ProcCtx, state: PathState, ip: Ip): string {
  const number = formatIp(ip)
  const name = hostName(ctx, ip) ?? number
  const first = state.numeric ? number : name
  const second = state.numeric ? name : number
  const text = state.both ? `${first} (${second})` : first
  return text + ' '.repeat(COLUMN - Math.min(text.length, COLUMN - 1))
}

function timeText(ns: number): string {
  const us = Math.floor(ns / 1000)
  return `${String(Math.floor(us / 1000)).padStart(3)}.${String(us % 1000).padStart(3, '0')}ms`
}

function finishPath(ctx: ProcCtx, state: PathState): void {
  const to = state.hopsTo >= 0 ? `hops ${state.hopsTo} ` : ''
  const back = state.hopsBack >= 0 ? `back ${state.hopsBack} ` : ''
  out(ctx, `     Resume: pmtu ${state.mtu} ${to}${back}\n`)
  exitProcess(ctx, 0)
}

function pad2(n: number): string {
  return String(n).padStart(2)
}
