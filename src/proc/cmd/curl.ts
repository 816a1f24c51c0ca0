/**
 * curl. Models curl 7.88.1 for http URLs: what it prints, its exit codes, its timeouts. Not here: TLS and every other
 * protocol (an https URL is connected to and then refused by name), happy eyeballs, reuse of connections between URLs
 * of different hosts, cookies, proxies.
 */
import type { Ip } from '../../base/addr.ts'
import { formatIp, parseIp } from '../../base/addr.ts'
import { linkByName } from '../../net/link/device.ts'
import { sockBind, sockById, sockError, sockOpen } from '../../net/sock/socket.ts'
import { tcpKeepalive } from '../../net/sock/tcpkeep.ts'
import { tcpConnect, tcpConnected } from '../../net/sock/tcp.ts'
import { writeFile } from '../../run/files.ts'
import { cancelTimer, exitProcess, setTimer } from '../../run/process.ts'
import type { HttpUrl } from '../httpmsg.ts'
import { parseUrl } from '../httpmsg.ts'
import type { Lookup } from '../dns/resolver.ts'
import { lookupClose, lookupEvent, lookupStart } from '../dns/resolver.ts'
import type { ProcCtx, ProcEvent, Program } from '../program.ts'
import { err, out, resolveHost } from '../program.ts'
import { createStream, errnoNumber, errnoText, streamClose, streamWrite } from '../stream.ts'
import type { CurlOptions } from './curl-options.ts'
import { parseCurl } from './curl-options.ts'
import { curlInput } from './curl-read.ts'
import type { CurlState } from './curl-state.ts'
import { firstTransfer, millis, progressHead, progressLine, requestText, writeOutText } from './curl-state.ts'

const MS = 1_000_000
/** What curl itself waits for a connection. */
const CONNECT_LIMIT_NS = 300_000 * MS
/** A finished curl takes a moment to clean up before its connections close. */
const LINGER_NS = 4 * MS

export const curl: Program = {
  name: 'curl',
  help: 'fetch a URL over HTTP',
  start(ctx) {
    const line = parseCurl(ctx.proc.argv.slice(1))
    if ('error' in line) {
      if (line.code === 0) out(ctx, `${line.error}\n`)
      else err(ctx, `${line.error}\n`)
      exitProcess(ctx, line.code)
      return
    }
    const { options } = line
    const state: CurlState = {
      options,
      at: 0,
      code: 0,
      conns: 0,
      now: firstTransfer(ctx.world.now),
      known: new Map(),
      lookup: null,
    }
    ctx.proc.state = state
    if (options.verbose) {
      for (const { host, port, addresses } of options.resolve) {
        err(ctx, `* Added ${host}:${port}:${addresses.join(',')} to DNS cache\n`)
      }
    }
    begin(ctx, state)
  },
  on(ctx, event: ProcEvent) {
    const state = ctx.proc.state as CurlState
    if (state.lookup !== null && lookupEvent(ctx, state.lookup, event)) {
      if (state.lookup.done) resolved(ctx, state, state.lookup)
    } else if (event.type === 'timer' && event.tag === 'close') closed(ctx, state)
    else if (event.type === 'timer') timedOut(ctx, state, event.tag)
    else if (event.type === 'sock') onSocket(ctx, state, event.sock)
  },
}

/** Begins with the URL whose turn it is. */
function begin(ctx: ProcCtx, state: CurlState): void {
  const text = state.options.urls[state.at]!
  state.now = firstTransfer(ctx.world.now)
  const url = parseUrl(text)
  if (!state.options.silent && state.at === 0 && showsProgress(ctx, state)) err(ctx, progressHead())
  if (url === undefined) {
    finish(ctx, state, 3, 'URL using bad/illegal format or missing URL')
    return
  }
  if (url.scheme !== 'http' && url.scheme !== 'https') {
    finish(ctx, state, 1, `Protocol "${url.scheme}" not supported or disabled in libcurl`)
    return
  }
  if (state.options.maxTimeNs > 0) setTimer(ctx, ctx.world.now + state.options.maxTimeNs, 'max')
  connect(ctx, state, url)
}

/** Looks the host up and connects to its first address. */
function connect(ctx: ProcCtx, state: CurlState, url: HttpUrl): void {
  const { options, now } = state
  now.url = url
  now.startedAt = ctx.world.now
  const limit = options.connectTimeoutNs > 0 ? options.connectTimeoutNs : CONNECT_LIMIT_NS
  setTimer(ctx, ctx.world.now + limit, 'connect')
  const known = knownAddresses(state, url)
  if (known !== undefined) {
    note(ctx, state, `Hostname ${url.host} was found in DNS cache`)
    connectTo(ctx, state, url, known)
    return
  }
  const lookup = lookupStart(ctx, url.host, { family: options.family })
  state.lookup = lookup
  if (lookup.done) resolved(ctx, state, lookup)
}

/** --resolve, or what an earlier transfer found. */
function knownAddresses(state: CurlState, url: HttpUrl): Ip[] | undefined {
  const fixed = state.options.resolve.find(
    (one) => (one.host === url.host || one.host === '*') && one.port === url.port,
  )
  if (fixed !== undefined) return fixed.addresses.flatMap((one) => parseIp(one) ?? [])
  return state.known.get(`${url.host}:${url.port}`)
}

function resolved(ctx: ProcCtx, state: CurlState, lookup: Lookup): void {
  const url = state.now.url!
  state.lookup = null
  if (lookup.addresses.length > 0) state.known.set(`${url.host}:${url.port}`, lookup.addresses)
  connectTo(ctx, state, url, lookup.addresses)
}

function connectTo(ctx: ProcCtx, state: CurlState, url: HttpUrl, addresses: readonly Ip[]): void {
  if (addresses.length === 0) {
    note(ctx, state, `Could not resolve host: ${url.host}`)
    closing(ctx, state)
    finish(ctx, state, 6, `Could not resolve host: ${url.host}`)
    return
  }
  state.now.addresses = [...addresses]
  tryNext(ctx, state)
}

/** Tries the next address; without one the attempt has failed. */
function tryNext(ctx: ProcCtx, state: CurlState): void {
  const { world, ns } = ctx
  const { now, options } = state
  const ip = now.addresses.shift()
  if (ip === undefined) {
    connectFailed(ctx, state, "Couldn't connect to server", 7)
    return
  }
  const { port } = now.url!
  now.address = ip
  const shown = typeof ip === 'string' ? `[${formatIp(ip)}]` : formatIp(ip)
  note(ctx, state, `  Trying ${shown}:${port}...`)
  const sock = sockOpen(world, ns, { kind: 'tcp', family: typeof ip === 'number' ? 4 : 6, pid: ctx.proc.pid })
  sock.tcp!.noDelay = true
  const seconds = options.keepaliveTime
  if (!options.noKeepalive) tcpKeepalive(world, ns, sock, { idle: seconds, interval: seconds })
  now.stream = createStream(sock)
  if (options.iface !== '' && !bindTo(ctx, state, options)) return
  const errno = tcpConnect(world, ns, sock, ip, port)
  if (errno === null) return
  note(ctx, state, `Immediate connect fail for ${formatIp(ip)}: ${errnoText(errno)}`)
  streamClose(ctx, now.stream)
  now.stream = null
  tryNext(ctx, state)
}

/** --interface: a device, or an own address. */
function bindTo(ctx: ProcCtx, state: CurlState, options: CurlOptions): boolean {
  const { world, ns } = ctx
  const sock = sockById(ns, state.now.stream!.sock)!
  const link = linkByName(ns, options.iface)
  if (link !== undefined) {
    sock.oif = link.ifindex
    const own = link.addrs.find((a) => typeof a.addr === (sock.family === 4 ? 'number' : 'string'))
    if (own !== undefined) sockBind(world, ns, sock, { addr: own.addr, port: options.localPort })
    return true
  }
  const found = resolveHost(ctx, options.iface, sock.family)
  const refused = (text: string): boolean => {
    note(ctx, state, text)
    streamClose(ctx, state.now.stream!)
    connectFailed(ctx, state, 'Failed binding local connection end', 45, text)
    return false
  }
  if (found.ip === undefined) {
    note(ctx, state, `Could not resolve host: ${options.iface}`)
    return refused(`Couldn't bind to '${options.iface}'`)
  }
  const family = sock.family === 4 ? 2 : 10
  note(
    ctx,
    state,
    `Name '${options.iface}' family ${family} resolved to '${formatIp(found.ip)}' family ${family}`,
  )
  const errno = sockBind(world, ns, sock, { addr: found.ip, port: options.localPort })
  if (errno !== null) return refused(`bind failed with errno ${errnoNumber(errno)}: ${errnoText(errno)}`)
  note(ctx, state, `Local port: ${options.localPort}`)
  return true
}

function connectFailed(ctx: ProcCtx, state: CurlState, why: string, code: number, text = ''): void {
  const { now } = state
  const took = millis(ctx.world.now - now.startedAt)
  const line = `Failed to connect to ${now.url!.host} port ${now.url!.port} after ${took} ms: ${why}`
  note(ctx, state, line)
  closing(ctx, state)
  finish(ctx, state, code, text === '' ? line : text)
}

function onSocket(ctx: ProcCtx, state: CurlState, id: number): void {
  const { now } = state
  if (now.done || now.stream === null || now.stream.sock !== id) return
  const sock = sockById(ctx.ns, id)
  if (sock === undefined) return
  if (!now.connected) {
    const errno = sockError(sock)
    if (errno !== '') {
      const { port } = now.url!
      note(ctx, state, `connect to ${formatIp(now.address!)} port ${port} failed: ${errnoText(errno)}`)
      streamClose(ctx, now.stream)
      now.stream = null
      tryNext(ctx, state)
      return
    }
    if (!tcpConnected(sock)) return
    connected(ctx, state)
    if (now.done) return
  }
  const result = curlInput(ctx, state)
  if (result.kind === 'redirect') {
    now.redirects++
    note(ctx, state, `Issue another request to this URL: '${result.text}'`)
    closing(ctx, state)
    streamClose(ctx, now.stream)
    const { redirects, received } = now
    state.now = { ...firstTransfer(ctx.world.now), redirects, received }
    connect(ctx, state, result.url)
  } else if (result.kind === 'end') {
    if (result.left) note(ctx, state, `Connection #${state.conns - 1} to host ${now.url!.host} left intact`)
    else closing(ctx, state)
    finish(ctx, state, result.code, result.text)
  }
}

function connected(ctx: ProcCtx, state: CurlState): void {
  const { now, options } = state
  const url = now.url!
  const sock = sockById(ctx.ns, now.stream!.sock)!
  now.connected = true
  now.connectedAt = ctx.world.now
  now.local = sock.local
  now.localPort = sock.lport
  cancelTimer(ctx, 'connect')
  note(ctx, state, `Connected to ${url.host} (${formatIp(now.address!)}) port ${url.port} (#${state.conns})`)
  state.conns++
  if (url.scheme === 'https') {
    closing(ctx, state)
    finish(ctx, state, 35, 'kubehop: TLS is not modelled')
    return
  }
  const text = requestText(options, url)
  if (options.verbose) for (const line of text.head.split(/(?<=\n)/)) err(ctx, `> ${line}`)
  if (options.verbose && text.body !== '') dataNote(ctx, `} [${text.body.length} bytes data]`)
  streamWrite(ctx, now.stream!, text.head + text.body)
}

function timedOut(ctx: ProcCtx, state: CurlState, tag: string): void {
  const { now } = state
  if (now.done) return
  const took = millis(ctx.world.now - now.begunAt)
  if (state.lookup !== null && (tag === 'connect' || tag === 'max')) {
    lookupClose(ctx, state.lookup)
    state.lookup = null
    const text = `Resolving timed out after ${took} milliseconds`
    note(ctx, state, text)
    closing(ctx, state)
    finish(ctx, state, 28, text)
    return
  }
  if (tag === 'connect' && !now.connected) {
    const limit = millis(state.options.connectTimeoutNs || CONNECT_LIMIT_NS)
    const family = typeof now.address === 'number' ? 'ipv4' : 'ipv6'
    note(ctx, state, `${family} connect timeout after ${limit}ms, move on!`)
    if (now.stream !== null) streamClose(ctx, now.stream)
    connectFailed(ctx, state, 'Timeout was reached', 28)
  } else if (tag === 'max') {
    const { size, body } = now
    const of = size >= 0 ? `${body} out of ${size}` : `${body}`
    const text = now.connected
      ? `Operation timed out after ${took} milliseconds with ${of} bytes received`
      : `Connection timed out after ${took} milliseconds`
    note(ctx, state, text)
    closing(ctx, state)
    finish(ctx, state, 28, text)
  }
}

/** The transfer is over: output, the error, and the next URL, or the end. */
function finish(ctx: ProcCtx, state: CurlState, code: number, text: string): void {
  const { now, options } = state
  if (now.done) return
  now.done = true
  cancelTimer(ctx, 'max')
  cancelTimer(ctx, 'connect')
  if (!options.silent && showsProgress(ctx, state)) {
    err(ctx, progressLine(now, ctx.world.now))
    err(ctx, '\n')
  }
  writeOutput(ctx, state)
  state.code = code
  const quiet = options.silent && !options.showError
  if (options.writeOut !== '') out(ctx, writeOutText(state, code, text, ctx.world.now))
  if (code !== 0 && !quiet) err(ctx, `curl: (${code}) ${text}\n`)
  if (now.stream === null) closed(ctx, state)
  else setTimer(ctx, ctx.world.now + LINGER_NS, 'close')
}

function closed(ctx: ProcCtx, state: CurlState): void {
  if (state.now.stream !== null) streamClose(ctx, state.now.stream)
  state.at++
  if (state.at < state.options.urls.length) begin(ctx, state)
  else exitProcess(ctx, state.code)
}

function writeOutput(ctx: ProcCtx, state: CurlState): void {
  const { now, options } = state
  const target = outputOf(state)
  if (target === '' || target === '-' || target === '/dev/null' || !now.connected) return
  const error = writeFile(ctx, target, now.saved)
  if (error !== '') {
    err(ctx, `curl: (23) Failure writing output to destination\n`)
    if (state.code === 0) state.code = 23
  }
  void options
}

function outputOf(state: CurlState): string {
  const { options, now } = state
  if (options.remoteName) return now.url!.path.split('?')[0]!.split('/').at(-1) || 'index.html'
  return options.outputs[state.at] ?? ''
}

/** The progress meter is for those who do not see the page itself. */
function showsProgress(ctx: ProcCtx, state: CurlState): boolean {
  const { options } = state
  if (options.remoteName || (options.outputs[state.at] ?? '-') !== '-') return true
  return ctx.proc.fds.get(1)?.kind !== 'tty'
}

/** `* ` lines of -v. */
function note(ctx: ProcCtx, state: CurlState, text: string): void {
  if (state.options.verbose) err(ctx, `* ${text}\n`)
}

function dataNote(ctx: ProcCtx, text: string): void {
  if (ctx.proc.fds.get(1)?.kind !== 'tty') err(ctx, `${text}\n`)
}

function closing(ctx: ProcCtx, state: CurlState): void {
  const number = state.now.connected ? state.conns - 1 : state.conns
  note(ctx, state, `Closing connection ${number}`)
}
