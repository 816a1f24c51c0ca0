/**
 * wget. Models GNU Wget 1.21.3 for one http URL after the other: -O, -q, -nv, -T, -t, --spider, -S; in Alpine's image and
 * BusyBox' own the one of BusyBox 1.35, which says less and tries once. Not here: recursion, TLS, cookies, resuming.
 */
import type { Ip } from '../../base/addr.ts'
import { formatIp, parseIp } from '../../base/addr.ts'
import { sockById, sockError, sockOpen } from '../../net/sock/socket.ts'
import { tcpConnect, tcpConnected } from '../../net/sock/tcp.ts'
import { writeFile } from '../../run/files.ts'
import { cancelTimer, exitProcess, setTimer } from '../../run/process.ts'
import { dateText } from '../clock.ts'
import type { HttpHead, HttpUrl } from '../httpmsg.ts'
import { defaultPort, formatUrl, headerOf, parseUrl, resolveUrl, splitHead } from '../httpmsg.ts'
import { isBusybox } from '../dns/resolvconf.ts'
import type { Lookup } from '../dns/resolver.ts'
import { lookupEvent, lookupStart } from '../dns/resolver.ts'
import type { ProcCtx, ProcEvent, Program } from '../program.ts'
import { err, fail, out, parseOptions } from '../program.ts'
import { createStream, errnoText, type Stream, streamClose, streamRead, streamWrite } from '../stream.ts'
import { encodeUtf8 } from '../../base/utf8.ts'

interface WgetState {
  /** It is BusyBox's. */
  busybox: boolean
  output: string
  quiet: boolean
  spider: boolean
  server: boolean
  timeoutNs: number
  tries: number
  tried: number
  url: HttpUrl
  ip: Ip
  /** The name is being looked up. */
  lookup: Lookup | null
  stream: Stream | null
  connected: boolean
  connectedAt: number
  text: string
  head: HttpHead | null
  redirects: number
}

const SEC = 1_000_000_000
/** What wget waits for a silent peer. */
const TIMEOUT_NS = 900 * SEC
const TRIES = 20

export const wget: Program = {
  name: 'wget',
  help: 'fetch a URL into a file',
  start(ctx) {
    const state = readLine(ctx)
    if (state === undefined) return
    ctx.proc.state = state
    if (state.spider && !state.quiet && !state.busybox)
      err(ctx, 'Spider mode enabled. Check if remote file exists.\n')
    fetch(ctx, state)
  },
  on(ctx, event: ProcEvent) {
    const state = ctx.proc.state as WgetState
    if (state.lookup !== null && lookupEvent(ctx, state.lookup, event)) {
      if (state.lookup.done) resolved(ctx, state, state.lookup)
    } else if (event.type === 'sock') onSocket(ctx, state, event.sock)
    else if (event.type === 'timer' && event.tag === 'again') fetch(ctx, state)
    else if (event.type === 'timer') timedOut(ctx, state)
  },
}

function readLine(ctx: ProcCtx): WgetState | undefined {
  const long = ['quiet', 'spider', 'output-document=', 'timeout=', 'tries=', 'server-response', 'no-verbose']
  const { flags, operands, error } = parseOptions(ctx.proc.argv.slice(1), 'qO:T:t:SnvcN', long)
  if (error !== '') {
    fail(ctx, 2, `wget: ${error}\nUsage: wget [OPTION]... [URL]...\n\nTry \`wget --help' for more options.`)
    return undefined
  }
  if (operands.length === 0) {
    fail(ctx, 1, "wget: missing URL\nUsage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options.")
    return undefined
  }
  if (operands.length > 1) {
    fail(ctx, 1, 'kubehop: wget with several URLs is not modelled')
    return undefined
  }
  const text = operands[0]!
  const url = parseUrl(text)
  if (url === undefined) {
    fail(ctx, 1, `${text}: Invalid host name.`)
    return undefined
  }
  if (url.scheme !== 'http') {
    fail(ctx, 1, `kubehop: wget of ${url.scheme} URLs is not modelled`)
    return undefined
  }
  const seconds = Number(flags.get('T') ?? flags.get('timeout') ?? 0) || 0
  return {
    busybox: isBusybox(ctx),
    output: flags.get('O') ?? flags.get('output-document') ?? '',
    quiet: flags.has('q') || flags.has('quiet'),
    spider: flags.has('spider'),
    server: flags.has('S') || flags.has('server-response'),
    timeoutNs: seconds > 0 ? Math.round(seconds * SEC) : TIMEOUT_NS,
    tries: Number(flags.get('t') ?? flags.get('tries') ?? TRIES) || TRIES,
    tried: 0,
    url,
    ip: 0,
    lookup: null,
    stream: null,
    connected: false,
    connectedAt: 0,
    text: '',
    head: null,
    redirects: 0,
  }
}

/** GNU's words. */
function note(ctx: ProcCtx, state: WgetState, text: string): void {
  if (!state.quiet && !state.busybox) err(ctx, text)
}

/** BusyBox's. */
function busyNote(ctx: ProcCtx, state: WgetState, text: string): void {
  if (!state.quiet && state.busybox) err(ctx, text)
}

function stamp(ctx: ProcCtx): string {
  return dateText(ctx.world.now, '%Y-%m-%d %H:%M:%S')
}

function fetch(ctx: ProcCtx, state: WgetState): void {
  const { url } = state
  state.tried++
  const tried = state.tried > 1 ? `(try:${String(state.tried).padStart(2)}) ` : ''
  note(ctx, state, `--${stamp(ctx)}--  ${tried === '' ? '' : tried}${formatUrl(url)}\n`)
  if (parseIp(url.host) === undefined) note(ctx, state, `Resolving ${url.host} (${url.host})... `)
  const lookup = lookupStart(ctx, url.host, { family: 0 })
  state.lookup = lookup
  if (lookup.done) resolved(ctx, state, lookup)
}

function resolved(ctx: ProcCtx, state: WgetState, lookup: Lookup): void {
  const { world, ns } = ctx
  const { url } = state
  state.lookup = null
  const address = lookup.addresses[0]
  if (address === undefined && isBusybox(ctx)) {
    fail(ctx, 1, `wget: bad address '${url.host}'`)
    return
  }
  if (address === undefined) {
    note(ctx, state, `failed: ${lookup.error}.\n`)
    note(ctx, state, `wget: unable to resolve host address ‘${url.host}’\n`)
    exitProcess(ctx, 4)
    return
  }
  state.ip = address
  const ip = formatIp(address)
  if (ip !== url.host) note(ctx, state, `${lookup.addresses.map(formatIp).join(', ')}\n`)
  const shown = ip === url.host ? ip : `${url.host} (${url.host})|${ip}|`
  note(ctx, state, `Connecting to ${shown}:${url.port}... `)
  const port = url.port === defaultPort('http') ? '' : `:${url.port}`
  busyNote(ctx, state, `Connecting to ${url.host}${port} (${ip}:${url.port})\n`)
  const family = typeof address === 'number' ? 4 : 6
  const sock = sockOpen(world, ns, { kind: 'tcp', family, pid: ctx.proc.pid })
  sock.tcp!.blocking = true
  state.stream = createStream(sock)
  state.connected = false
  state.text = ''
  state.head = null
  const errno = tcpConnect(world, ns, sock, address, url.port)
  if (errno !== null) connectFailed(ctx, state, errno)
  else setTimer(ctx, world.now + state.timeoutNs, 'timeout')
}

function connectFailed(ctx: ProcCtx, state: WgetState, errno: string): void {
  cancelTimer(ctx, 'timeout')
  if (state.stream !== null) streamClose(ctx, state.stream)
  state.stream = null
  note(ctx, state, `failed: ${errnoText(errno)}.\n`)
  if (state.busybox) {
    const where = typeof state.ip === 'number' ? ` (${formatIp(state.ip)})` : ''
    fail(ctx, 1, `wget: can't connect to remote host${where}: ${errnoText(errno)}`)
    return
  }
  const final = ['ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH'].includes(errno)
  if (final) exitProcess(ctx, 4)
  else again(ctx, state, '')
}

/** The next try after a second more each time, or the end. */
function again(ctx: ProcCtx, state: WgetState, text: string): void {
  note(ctx, state, text)
  if (state.tried >= state.tries) {
    note(ctx, state, 'Giving up.\n\n')
    exitProcess(ctx, 4)
    return
  }
  note(ctx, state, 'Retrying.\n\n')
  setTimer(ctx, ctx.world.now + Math.min(10, state.tried) * SEC, 'again')
}

function timedOut(ctx: ProcCtx, state: WgetState): void {
  if (state.busybox) {
    if (state.stream !== null) streamClose(ctx, state.stream)
    fail(ctx, 1, 'wget: download timed out')
    return
  }
  if (!state.connected) {
    connectFailed(ctx, state, 'ETIMEDOUT')
    return
  }
  if (state.stream !== null) streamClose(ctx, state.stream)
  state.stream = null
  again(ctx, state, 'Read error (Connection timed out) in headers.\n')
}

function onSocket(ctx: ProcCtx, state: WgetState, id: number): void {
  const sock = sockById(ctx.ns, id)
  if (sock === undefined || state.stream?.sock !== id) return
  if (!state.connected) {
    const errno = sockError(sock)
    if (errno !== '') {
      connectFailed(ctx, state, errno)
      return
    }
    if (!tcpConnected(sock)) return
    state.connected = true
    state.connectedAt = ctx.world.now
    note(ctx, state, 'connected.\nHTTP request sent, awaiting response... ')
    streamWrite(ctx, state.stream, request(state))
  }
  setTimer(ctx, ctx.world.now + state.timeoutNs, 'timeout')
  const got = streamRead(ctx, state.stream)
  state.text += got.text
  if (state.head === null) {
    const split = splitHead(state.text)
    if (split !== undefined) {
      state.head = split.head
      state.text = split.rest
      if (headDone(ctx, state, split.head)) return
    }
  }
  const failed = got.errno !== '' && got.errno !== 'EAGAIN'
  if (state.head === null && (got.eof || failed)) {
    streamClose(ctx, state.stream)
    state.stream = null
    if (state.busybox) {
      fail(ctx, 1, 'wget: error getting response')
      return
    }
    const why = failed ? `Read error (${errnoText(got.errno)}) in headers.\n` : 'No data received.\n'
    again(ctx, state, why)
    return
  }
  if (state.head === null) return
  const length = lengthOf(state.head)
  if (got.eof || failed || (length >= 0 && encodeUtf8(state.text).length >= length))
    saved(ctx, state, state.head)
}

function request(state: WgetState): string {
  const { url, spider } = state
  const host = url.host.includes(':') ? `[${url.host}]` : url.host
  const port = url.port === defaultPort('http') ? '' : `:${url.port}`
  if (state.busybox) {
    const first = `${spider ? 'HEAD' : 'GET'} ${url.path} HTTP/1.1\r\nHost: ${host}${port}\r\n`
    return `${first}User-Agent: Wget\r\nConnection: close\r\n\r\n`
  }
  return (
    `${spider ? 'HEAD' : 'GET'} ${url.path} HTTP/1.1\r\nHost: ${host}${port}\r\nUser-Agent: Wget/1.21.3\r\n` +
    'Accept: */*\r\nAccept-Encoding: identity\r\nConnection: Keep-Alive\r\n\r\n'
  )
}

function lengthOf(head: HttpHead): number {
  const text = headerOf(head, 'content-length')
  return /^[0-9]+$/.test(text) ? Number(text) : -1
}

/** The head is read. True where that was all. */
function headDone(ctx: ProcCtx, state: WgetState, head: HttpHead): boolean {
  const status = Number(head.second)
  const line = `${head.second} ${head.third}`.trim()
  if (state.server) {
    const lines = head.text.replaceAll('\r', '').trimEnd().split('\n')
    note(ctx, state, `\n${lines.map((one) => `  ${one}\n`).join('')}`)
  } else note(ctx, state, `${line}\n`)
  const location = headerOf(head, 'location')
  const target =
    status >= 300 && status < 400 && location !== '' ? resolveUrl(state.url, location) : undefined
  if (target !== undefined && state.redirects < 20) {
    note(ctx, state, `Location: ${location} [following]\n`)
    streamClose(ctx, state.stream!)
    state.url = target
    state.redirects++
    state.tried = 0
    fetch(ctx, state)
    return true
  }
  if (status >= 400) {
    if (state.busybox) {
      const first = head.text.split(/\r?\n/)[0] ?? ''
      streamClose(ctx, state.stream!)
      fail(ctx, 1, `wget: server returned error: ${first}`)
      return true
    }
    if (state.spider) {
      note(ctx, state, 'Remote file does not exist -- broken link!!!\n\n')
    } else note(ctx, state, `${stamp(ctx)} ERROR ${head.second}: ${head.third}.\n\n`)
    streamClose(ctx, state.stream!)
    exitProcess(ctx, 8)
    return true
  }
  const length = lengthOf(head)
  const type = headerOf(head, 'content-type').split(';')[0]
  const shown = length < 0 ? 'unspecified' : `${length}${length > 1023 ? ` (${human(length)})` : ''}`
  note(ctx, state, `Length: ${shown}${type === '' ? '' : ` [${type}]`}\n`)
  if (state.spider) busyNote(ctx, state, 'remote file exists\n')
  else busyNote(ctx, state, state.output === '-' ? 'writing to stdout\n' : `saving to '${targetOf(state)}'\n`)
  if (!state.spider) {
    note(ctx, state, `Saving to: ‘${state.output === '-' ? 'STDOUT' : targetOf(state)}’\n\n`)
    return false
  }
  const more = type === 'text/html'
  note(
    ctx,
    state,
    more
      ? 'Remote file exists and could contain further links,\nbut recursion is disabled -- not retrieving.\n\n'
      : 'Remote file exists.\n\n',
  )
  streamClose(ctx, state.stream!)
  exitProcess(ctx, 0)
  return true
}

function targetOf(state: WgetState): string {
  if (state.output !== '') return state.output
  return state.url.path.split('?')[0]!.split('/').at(-1) || 'index.html'
}

function saved(ctx: ProcCtx, state: WgetState, head: HttpHead): void {
  cancelTimer(ctx, 'timeout')
  const length = lengthOf(head)
  const bytes = encodeUtf8(state.text).length
  const seconds = Math.max(1e-6, (ctx.world.now - state.connectedAt) / 1e9)
  const rate = speed(bytes / seconds)
  const percent = length > 0 ? `${Math.floor((100 * bytes) / length)}%` : ''
  note(ctx, state, `     0K${' '.repeat(55)}${percent.padStart(4)} ${rate.short}=${took(seconds)}\n\n`)
  const size = length >= 0 ? `[${bytes}/${length}]` : `[${bytes}]`
  const name = (state.output === '-' ? '-' : (targetOf(state).split('/').at(-1) ?? '')).slice(0, 20)
  const bar = `${name.padEnd(20)} 100% |${'*'.repeat(32)}| ${String(bytes).padStart(5)}  0:00:00 ETA\n`
  const done = state.output === '-' ? 'written to stdout' : `'${targetOf(state)}' saved`
  if (state.output === '-') {
    out(ctx, state.text)
    note(ctx, state, `${stamp(ctx)} (${rate.long}) - written to stdout ${size}\n\n`)
  } else {
    const target = targetOf(state)
    const error = target === '/dev/null' ? '' : writeFile(ctx, target, state.text)
    if (error !== '') {
      err(ctx, `${target}: ${error}\n\nCannot write to ‘${target}’ (${error}).\n`)
      exitProcess(ctx, 3)
      return
    }
    note(ctx, state, `${stamp(ctx)} (${rate.long}) - ‘${target}’ saved ${size}\n\n`)
  }
  busyNote(ctx, state, `${bar}${done}\n`)
  streamClose(ctx, state.stream!)
  exitProcess(ctx, 0)
}

function speed(rate: number): { short: string; long: string } {
  const units: [number, string, string][] = [
    [1073741824, 'G', 'GB/s'],
    [1048576, 'M', 'MB/s'],
    [1024, 'K', 'KB/s'],
  ]
  const [unit, letter, name] = units.find(([size]) => rate >= size) ?? [1, ' ', 'B/s']
  const value = rate / unit
  const text = value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2)
  return { short: `${text.padStart(4)}${letter}`, long: `${text} ${name}` }
}

function took(seconds: number): string {
  if (seconds < 0.001) return '0s'
  return seconds < 10 ? `${Number(seconds.toPrecision(1))}s` : `${Math.round(seconds)}s`
}

function human(bytes: number): string {
  const units: [number, string][] = [
    [1073741824, 'G'],
    [1048576, 'M'],
    [1024, 'K'],
  ]
  const [unit, letter] = units.find(([size]) => bytes >= size) ?? [1, '']
  const value = bytes / unit
  return `${value < 10 ? value.toFixed(1) : Math.round(value)}${letter}`
}
