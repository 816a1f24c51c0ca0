/**
 * nc. Models netcat-openbsd 1.219 as Debian builds it, over TCP and UDP. Not here: Unix sockets, proxies, TLS, telnet
 * negotiation, source routing, -e (Debian's has none either), the second address of a name.
 */
import type { Ip } from '../../base/addr.ts'
import { formatIp, UNSPECIFIED_IP6 } from '../../base/addr.ts'
import { sockSendTo } from '../../net/sock/send.ts'
import {
  sockBind,
  sockById,
  sockClose,
  sockConnect,
  sockError,
  sockOpen,
  sockRecv,
} from '../../net/sock/socket.ts'
import { tcpAccept, tcpConnect, tcpConnected, tcpListen, tcpShutdown } from '../../net/sock/tcp.ts'
import type { Socket } from '../../net/types.ts'
import { readInput } from '../../run/fds.ts'
import { cancelTimer, exitProcess, setTimer } from '../../run/process.ts'
import { isBusybox } from '../dns/resolvconf.ts'
import type { Lookup } from '../dns/resolver.ts'
import { lookupEvent, lookupStart } from '../dns/resolver.ts'
import type { ProcCtx, ProcEvent, Program } from '../program.ts'
import { err, fail, out, parseOptions, resolveHost } from '../program.ts'
import { createStream, errnoText, type Stream, streamClose, streamRead, streamWrite } from '../stream.ts'
import { decodeUtf8, encodeUtf8 } from '../../base/utf8.ts'
import { serviceName, servicePort } from './services.ts'

interface NcState {
  listen: boolean
  keep: boolean
  udp: boolean
  zero: boolean
  verbose: boolean
  numeric: boolean
  noStdin: boolean
  /** -N */
  shut: boolean
  /** -q: seconds, -1 for never. */
  quitS: number
  /** -w in ns, 0 for none. */
  waitNs: number
  family: 0 | 4 | 6
  source: string
  sport: number
  host: string
  ip: Ip | undefined
  /** The name is being looked up. */
  lookup: Lookup | null
  ports: number[]
  port: number
  found: boolean
  listener: number
  stream: Stream | null
  connected: boolean
  stdinEof: boolean
  netEof: boolean
  reading: boolean
  probes: number
  /** UDP server: the peer it keeps to. */
  peer: { ip: Ip; port: number } | null
}

const SEC = 1_000_000_000
const SHORT = '46CDdFhklNnrStUuvZzI:i:M:m:O:P:p:q:s:T:V:W:w:X:x:b'
const REFUSED = 'CDFiMmOPrSTtUVWXxZIb'
const USAGE = `usage: nc [-46CDdFhklNnrStUuvZz] [-I length] [-i interval] [-M ttl]
\t  [-m minttl] [-O length] [-P proxy_username] [-p source_port]
\t  [-q seconds] [-s sourceaddr] [-T keyword] [-V rtable] [-W recvlimit]
\t  [-w timeout] [-X proxy_protocol] [-x proxy_address[:port]]
\t  [destination] [port]
`

export const nc: Program = {
  name: 'nc',
  help: 'TCP and UDP connections and listens',
  start(ctx) {
    const state = readLine(ctx)
    if (state === undefined) return
    ctx.proc.state = state
    if (state.listen) listen(ctx, state)
    else nextPort(ctx, state)
  },
  on(ctx, event: ProcEvent) {
    const state = ctx.proc.state as NcState
    if (state.lookup !== null && lookupEvent(ctx, state.lookup, event)) {
      if (state.lookup.done) resolved(ctx, state, state.lookup)
    } else if (event.type === 'sock') onSocket(ctx, state, event.sock)
    else if (event.type === 'input') onInput(ctx, state, event.text, event.eof)
    else if (event.type === 'timer') onTimer(ctx, state, event.tag)
  },
}

function readLine(ctx: ProcCtx): NcState | undefined {
  const { flags, operands, error } = parseOptions(ctx.proc.argv.slice(1), SHORT)
  const stop = (text: string, code = 1): undefined => {
    fail(ctx, code, text)
    return undefined
  }
  if (error !== '') return stop(`nc: ${error}\n${USAGE.trimEnd()}`)
  for (const letter of REFUSED) if (flags.has(letter)) return stop(`kubehop: nc -${letter} is not modelled`)
  const listening = flags.has('l')
  const [first, second] = operands
  let host = ''
  let portText = ''
  if (listening && operands.length <= 1) portText = first ?? flags.get('p') ?? ''
  else if (operands.length === 2) [host, portText] = [first!, second!]
  else if (operands.length === 1 && first !== undefined) return stop(USAGE.trimEnd())
  else if (!listening) return stop(USAGE.trimEnd())
  if (listening && portText === '') return stop('nc: missing port number')
  if (listening && operands.length === 1 && flags.has('p')) {
    host = first!
    portText = flags.get('p')!
  }
  const ports = portsOf(portText, flags.has('u'))
  if (typeof ports === 'string') return stop(`nc: ${ports}`)
  return {
    listen: listening,
    keep: flags.has('k'),
    udp: flags.has('u'),
    zero: flags.has('z'),
    verbose: flags.has('v'),
    numeric: flags.has('n'),
    noStdin: flags.has('d'),
    shut: flags.has('N'),
    quitS: flags.has('q') ? Number(flags.get('q')) || 0 : -1,
    waitNs: flags.has('w') ? Math.round((Number(flags.get('w')) || 0) * SEC) : 0,
    family: flags.has('4') ? 4 : flags.has('6') ? 6 : 0,
    source: flags.get('s') ?? '',
    sport: listening ? 0 : Number(flags.get('p') ?? 0) || 0,
    host,
    ip: undefined,
    lookup: null,
    ports,
    port: ports[0]!,
    found: false,
    listener: 0,
    stream: null,
    connected: false,
    stdinEof: false,
    netEof: false,
    reading: false,
    probes: 0,
    peer: null,
  }
}

/** `80`, `http`, `79-81`; or the complaint. */
function portsOf(text: string, udp: boolean): number[] | string {
  const range = /^([0-9]+)-([0-9]+)$/.exec(text)
  if (range !== null) {
    let [low, high] = [Number(range[1]), Number(range[2])]
    if (low < 1 || low > 65535) return `port number too ${low < 1 ? 'small' : 'large'}: ${range[1]}`
    if (high < 1 || high > 65535) return `port number too ${high < 1 ? 'small' : 'large'}: ${range[2]}`
    if (low > high) [low, high] = [high, low]
    return Array.from({ length: high - low + 1 }, (_, i) => low + i)
  }
  if (/^[0-9]+$/.test(text)) {
    const port = Number(text)
    if (port < 1) return `port number too small: ${text}`
    return port > 65535 ? `port number too large: ${text}` : [port]
  }
  const named = servicePort(text)
  void udp
  return named === undefined ? `port number invalid: ${text}` : [named]
}

function protoOf(state: NcState): 'tcp' | 'udp' {
  return state.udp ? 'udp' : 'tcp'
}

function listen(ctx: ProcCtx, state: NcState): void {
  const { world, ns } = ctx
  const found = state.host === '' ? undefined : resolveHost(ctx, state.host, state.family)
  if (found !== undefined && found.ip === undefined) {
    fail(ctx, 1, `nc: getaddrinfo: ${found.error}`)
    return
  }
  const family = found?.ip !== undefined ? (typeof found.ip === 'number' ? 4 : 6) : state.family === 6 ? 6 : 4
  const sock = sockOpen(world, ns, { kind: state.udp ? 'udp' : 'tcp', family, pid: ctx.proc.pid })
  if (sock.tcp !== null) sock.tcp.reuseAddr = true
  const name = found?.ip === undefined ? { port: state.port } : { addr: found.ip, port: state.port }
  const errno = sockBind(world, ns, sock, name) ?? (state.udp ? null : tcpListen(world, ns, sock, 1))
  if (errno !== null) {
    fail(ctx, 1, `nc: ${errnoText(errno)}`)
    return
  }
  state.listener = sock.id
  if (state.verbose) {
    const any = family === 4 ? '0.0.0.0' : formatIp(UNSPECIFIED_IP6)
    const bound = state.udp ? 'Bound on' : 'Listening on'
    err(ctx, `${bound} ${found?.ip === undefined ? any : formatIp(found.ip)} ${state.port}\n`)
  }
}

/** The next port of the range, or the end. */
function nextPort(ctx: ProcCtx, state: NcState): void {
  const port = state.ports.shift()
  if (port === undefined) {
    exitProcess(ctx, state.found ? 0 : 1)
    return
  }
  state.port = port
  state.connected = false
  if (state.ip === undefined) {
    const lookup = lookupStart(ctx, state.host, { family: state.family })
    state.lookup = lookup
    if (lookup.done) resolved(ctx, state, lookup)
    return
  }
  connect(ctx, state, state.ip, port)
}

function resolved(ctx: ProcCtx, state: NcState, lookup: Lookup): void {
  state.lookup = null
  state.ip = lookup.addresses[0]
  if (state.ip !== undefined) connect(ctx, state, state.ip, state.port)
  else if (isBusybox(ctx)) fail(ctx, 1, `nc: bad address '${state.host}'`)
  else fail(ctx, 1, `nc: getaddrinfo for host "${state.host}" port ${state.port}: ${lookup.error}`)
}

function connect(ctx: ProcCtx, state: NcState, ip: Ip, port: number): void {
  const { world, ns } = ctx
  const family = typeof ip === 'number' ? 4 : 6
  const sock = sockOpen(world, ns, { kind: state.udp ? 'udp' : 'tcp', family, pid: ctx.proc.pid })
  if (sock.tcp !== null) {
    sock.tcp.reuseAddr = true
    sock.tcp.blocking = isBusybox(ctx)
  }
  if (state.source !== '' || state.sport !== 0) {
    const own = state.source === '' ? undefined : resolveHost(ctx, state.source, family).ip
    const name = own === undefined ? { port: state.sport } : { addr: own, port: state.sport }
    const errno = sockBind(world, ns, sock, name)
    if (errno !== null) {
      fail(ctx, 1, `nc: bind failed: ${errnoText(errno)}`)
      return
    }
  }
  state.stream = createStream(sock)
  const errno = state.udp ? sockConnect(world, ns, sock, ip, port) : tcpConnect(world, ns, sock, ip, port)
  if (errno !== null) {
    connectFailed(ctx, state, `failed: ${errnoText(errno)}`)
    return
  }
  if (state.udp) {
    state.connected = true
    if (state.verbose || state.zero) probe(ctx, state, sock)
    else established(ctx, state)
  } else if (state.waitNs > 0) setTimer(ctx, world.now + state.waitNs, 'connect')
}

function connectFailed(ctx: ProcCtx, state: NcState, what: string): void {
  cancelTimer(ctx, 'connect')
  if (state.verbose) {
    const ip = formatIp(state.ip!)
    const where = state.numeric || state.host === ip ? state.host : `${state.host} (${ip})`
    err(ctx, `nc: connect to ${where} port ${state.port} (${protoOf(state)}) ${what}\n`)
  }
  if (state.stream !== null) streamClose(ctx, state.stream)
  state.stream = null
  nextPort(ctx, state)
}

/** udptest: a byte now and then shows whether an error comes back. */
function probe(ctx: ProcCtx, state: NcState, sock: Socket): void {
  const total = 2 + (state.waitNs > 0 ? Math.max(1, Math.round(state.waitNs / SEC)) : 3)
  const errno = sockError(sock)
  const sent = errno === '' ? sockSendTo(ctx.world, ctx.ns, sock, { payload: encodeUtf8('X') }) : { errno }
  state.probes++
  if ('errno' in sent) {
    streamClose(ctx, state.stream!)
    state.stream = null
    nextPort(ctx, state)
  } else if (state.probes === 1) setTimer(ctx, ctx.world.now + 50_000, 'probe')
  else if (state.probes < total) setTimer(ctx, ctx.world.now + SEC, 'probe')
  else established(ctx, state)
}

/** There is a connection: said, and used. */
function established(ctx: ProcCtx, state: NcState): void {
  cancelTimer(ctx, 'connect')
  state.found = true
  if (state.verbose || (state.zero && state.udp)) {
    const ip = formatIp(state.ip!)
    const where = state.numeric || state.host === ip ? state.host : `${state.host} (${ip})`
    const service = state.numeric ? undefined : serviceName(state.port, protoOf(state))
    const name = `${protoOf(state)}/${service ?? '*'}`
    if (state.verbose) err(ctx, `Connection to ${where} ${state.port} port [${name}] succeeded!\n`)
  }
  if (state.zero) {
    streamClose(ctx, state.stream!)
    closeSocket(ctx, state)
    state.stream = null
    state.probes = 0
    nextPort(ctx, state)
    return
  }
  converse(ctx, state)
}

/** readwrite: both directions from now on. */
function converse(ctx: ProcCtx, state: NcState): void {
  idle(ctx, state)
  if (state.noStdin) state.stdinEof = true
  else if (!state.stdinEof && !state.reading) {
    state.reading = true
    readInput(ctx, 0)
  } else if (state.stdinEof) inputEnded(ctx, state)
  if (state.stream !== null) receive(ctx, state)
}

/** -w: so long without a byte, and it ends. */
function idle(ctx: ProcCtx, state: NcState): void {
  if (state.waitNs > 0) setTimer(ctx, ctx.world.now + state.waitNs, 'idle')
}

function onSocket(ctx: ProcCtx, state: NcState, id: number): void {
  if (id === state.listener) {
    if (state.udp) datagrams(ctx, state)
    else if (state.stream === null) acceptOne(ctx, state)
    return
  }
  if (state.stream === null || state.stream.sock !== id) return
  const sock = sockById(ctx.ns, id)
  if (sock === undefined) return
  if (!state.connected) {
    const errno = sockError(sock)
    if (errno !== '') connectFailed(ctx, state, `failed: ${errnoText(errno)}`)
    else if (tcpConnected(sock)) {
      state.connected = true
      established(ctx, state)
    }
    return
  }
  receive(ctx, state)
}

function acceptOne(ctx: ProcCtx, state: NcState): void {
  const { world, ns } = ctx
  const listener = sockById(ns, state.listener)
  const sock = listener === undefined ? undefined : tcpAccept(world, ns, listener)
  if (sock === undefined) return
  state.stream = createStream(sock)
  state.connected = true
  state.netEof = false
  if (state.verbose) err(ctx, `Connection received on ${formatIp(sock.remote!)} ${sock.rport}\n`)
  if (!state.keep && listener !== undefined) {
    sockClose(world, ns, listener)
    state.listener = 0
  }
  converse(ctx, state)
}

/** UDP: what came is written; a listener keeps to its first peer. */
function datagrams(ctx: ProcCtx, state: NcState): void {
  const sock = sockById(ctx.ns, state.listener !== 0 ? state.listener : (state.stream?.sock ?? 0))
  if (sock === undefined) return
  for (let got = sockRecv(ctx.ns, sock); got !== undefined; got = sockRecv(ctx.ns, sock)) {
    const { packet } = got
    if (state.listen && state.peer === null) {
      state.peer = { ip: packet.src, port: packet.sport }
      if (state.verbose) err(ctx, `Connection received on ${formatIp(packet.src)} ${packet.sport}\n`)
      if (!state.keep) sockConnect(ctx.world, ctx.ns, sock, packet.src, packet.sport)
      state.reading = true
      readInput(ctx, 0)
    }
    out(ctx, decodeUtf8([], packet.payload ?? new Uint8Array(0)).text)
    idle(ctx, state)
  }
  // An error (a port unreachable) ends both directions, and nc without a complaint but while it still tries the port.
  const errno = sockError(sock)
  if (errno !== '' && !state.listen) exitProcess(ctx, state.found ? 0 : 1)
}

function receive(ctx: ProcCtx, state: NcState): void {
  if (state.udp) {
    datagrams(ctx, state)
    return
  }
  const got = streamRead(ctx, state.stream!)
  if (got.text !== '') {
    out(ctx, got.text)
    idle(ctx, state)
  }
  if (got.errno !== '' && got.errno !== 'EAGAIN') {
    if (state.verbose) err(ctx, `nc: read failed (0/2): ${errnoText(got.errno)}\n`)
    over(ctx, state, 1)
    return
  }
  streamWrite(ctx, state.stream!, '')
  if (got.eof && !state.netEof) {
    state.netEof = true
    if (state.listen || state.stdinEof) over(ctx, state, 0)
  }
}

function onInput(ctx: ProcCtx, state: NcState, text: string, eof: boolean): void {
  state.reading = false
  if (text !== '') send(ctx, state, text)
  if (ctx.proc.exited) return
  if (eof) {
    state.stdinEof = true
    idle(ctx, state)
    inputEnded(ctx, state)
    return
  }
  idle(ctx, state)
  state.reading = true
  readInput(ctx, 0)
}

function send(ctx: ProcCtx, state: NcState, text: string): void {
  if (state.udp) {
    const sock = sockById(ctx.ns, state.listener !== 0 ? state.listener : (state.stream?.sock ?? 0))
    if (sock === undefined) return
    const to =
      state.peer === null || sock.remote !== undefined ? {} : { dst: state.peer.ip, dport: state.peer.port }
    sockSendTo(ctx.world, ctx.ns, sock, { payload: encodeUtf8(text), ...to })
    return
  }
  if (state.stream === null) return
  const errno = streamWrite(ctx, state.stream, text)
  if (errno !== '') {
    if (state.verbose) err(ctx, `nc: write failed (0/2): ${errnoText(errno)}\n`)
    over(ctx, state, 1)
  }
}

/** Standard input is at its end: -N closes this direction, -q waits a while, otherwise the peer has the word. */
function inputEnded(ctx: ProcCtx, state: NcState): void {
  const sock = state.stream === null ? undefined : sockById(ctx.ns, state.stream.sock)
  if (state.netEof) over(ctx, state, 0)
  else if (state.quitS >= 0) setTimer(ctx, ctx.world.now + state.quitS * SEC, 'quit')
  else if (state.shut && sock?.tcp != null) tcpShutdown(ctx.world, ctx.ns, sock, 'wr')
  if (state.shut && state.quitS >= 0 && sock?.tcp != null) tcpShutdown(ctx.world, ctx.ns, sock, 'wr')
}

function onTimer(ctx: ProcCtx, state: NcState, tag: string): void {
  if (tag === 'probe') {
    const sock = state.stream === null ? undefined : sockById(ctx.ns, state.stream.sock)
    if (sock !== undefined) probe(ctx, state, sock)
  } else if (tag === 'connect' && !state.connected) {
    connectFailed(ctx, state, 'timed out: Operation now in progress')
  } else if (tag === 'idle' || tag === 'quit') over(ctx, state, 0)
}

/** This conversation is over: the next one with -k, or the end. */
function over(ctx: ProcCtx, state: NcState, code: number): void {
  cancelTimer(ctx, 'idle')
  cancelTimer(ctx, 'quit')
  closeSocket(ctx, state)
  if (state.listen && state.keep && state.listener !== 0) {
    state.stream = null
    state.connected = false
    state.netEof = false
    state.peer = null
    if (!state.udp) acceptOne(ctx, state)
    return
  }
  if (!state.listen && state.ports.length > 0) {
    state.stream = null
    state.netEof = false
    nextPort(ctx, state)
    return
  }
  exitProcess(ctx, code)
}

function closeSocket(ctx: ProcCtx, state: NcState): void {
  const sock = state.stream === null ? undefined : sockById(ctx.ns, state.stream.sock)
  if (sock !== undefined) sockClose(ctx.world, ctx.ns, sock)
}
