/**
 * Servers of static pages: `python3 -m http.server`, `python -m SimpleHTTPServer` and nginx. Models http.server of Python
 * 3.11, SimpleHTTPServer of Python 2.7 and nginx 1.22 with its standard site, as far as a GET or HEAD of a file, a
 * listing, a missing page and an unknown method show. Not here: other modules of Python, configuration of nginx,
 * ranges, conditional requests, compression.
 */
import type { Ip } from '../../base/addr.ts'
import { formatIp, parseIp } from '../../base/addr.ts'
import { interned } from '../../base/intern.ts'
import { sockBind, sockById, sockClose, sockOpen } from '../../net/sock/socket.ts'
import { tcpAccept, tcpListen } from '../../net/sock/tcp.ts'
import type { Socket } from '../../net/types.ts'
import { readFile } from '../../run/files.ts'
import { exitProcess, setTimer } from '../../run/process.ts'
import { dateText } from '../clock.ts'
import type { HttpHead } from '../httpmsg.ts'
import { headerOf, splitHead } from '../httpmsg.ts'
import type { ProcCtx, ProcEvent, Program } from '../program.ts'
import { err, fail, out, parseInteger } from '../program.ts'
import type { Stream } from '../stream.ts'
import { createStream, streamClose, streamFlush, streamRead, streamWrite } from '../stream.ts'
import type { HttpStyle, Page } from './httppage.ts'
import { NGINX_ROOT, pageOf } from './httppage.ts'
import { encodeUtf8 } from '../../base/utf8.ts'

/** From the request to the answer's head, from there to its body, and to the end: a server's pace, ns. */
const THINK_NS = 1_000_000
const STEP_NS = 100_000

interface Conn {
  stream: Stream
  remote: Ip
  text: string
  /** What is still to be written, piece by piece; then the connection closes unless it is kept. */
  pieces: string[]
  keep: boolean
  busy: boolean
}

/** Of all servers that nobody has connected to. */
const NO_CONNS: Map<number, Conn> = Object.freeze(new Map())

interface HttpdState {
  style: HttpStyle
  root: string
  listeners: number[]
  /** By socket id. */
  conns: Map<number, Conn>
}

/** nginx whose port is taken: it asks again. */
interface Waiting {
  place: Place
  /** How often it has still to ask. */
  left: number
}

/** How often nginx asks for a port that is taken, and how long it waits after each time. Models ngx_connection.c. */
const TRIES = 5
const RETRY_NS = 500_000_000

export const python3: Program = pythonProgram('python3', 'py3')
export const python: Program = pythonProgram('python', 'py2')
export const python2: Program = pythonProgram('python2', 'py2')

export const nginx: Program = {
  name: 'nginx',
  help: 'serve /var/www/html on port 80',
  handles: ['SIGINT', 'SIGTERM', 'SIGQUIT'],
  start(ctx) {
    const args = ctx.proc.argv.slice(1)
    if (args.includes('-v')) {
      err(ctx, 'nginx version: nginx/1.22.1\n')
      exitProcess(ctx, 0)
      return
    }
    const known =
      args.length === 0 || (args.length === 2 && args[0] === '-g' && /^daemon off;?$/.test(args[1]!))
    if (!known) {
      fail(ctx, 1, `nginx: ${args[0]}: not modelled in Kubehop (nginx serves /var/www/html on port 80)`)
      return
    }
    ctx.proc.argv = titleOf(ctx.proc.argv)
    const site = readFile(ctx, '/etc/nginx/conf.d/default.conf').text
    const root = /^\s*root\s+([^\s;]+);/m.exec(site)?.[1] ?? NGINX_ROOT
    const port = Number(/^\s*listen\s+([0-9]{1,5});/m.exec(site)?.[1] ?? 80)
    if (ctx.proc.container !== '' && ctx.proc.vpid === 1) {
      out(ctx, '/docker-entrypoint.sh: Configuration complete; ready for start up\n')
    }
    serve(ctx, { style: 'nginx', root, port, bind: undefined })
  },
  on: handle,
}

/** What ps shows of a master process; one list for all that were started by one frozen list. */
function titleOf(argv: string[]): string[] {
  const known = titles.get(argv)
  if (known !== undefined) return known
  const title = [`nginx: master process ${['nginx', ...argv.slice(1)].join(' ')}`]
  if (Object.isFrozen(argv)) titles.set(argv, Object.freeze(title) as string[])
  return title
}

/** Derived from frozen lists, and no part of the world's state. */
const titles = new WeakMap<readonly string[], string[]>()

/** What the image httpd runs: Apache with its standard site. */
export const apache: Program = {
  name: 'httpd-foreground',
  help: 'serve /usr/local/apache2/htdocs on port 80 (in the image httpd)',
  handles: ['SIGINT', 'SIGTERM', 'SIGQUIT'],
  start(ctx) {
    ctx.proc.argv = ['httpd', '-DFOREGROUND']
    serve(ctx, { style: 'apache', root: '/usr/local/apache2/htdocs', port: 80, bind: undefined })
  },
  on: handle,
}

function pythonProgram(name: string, style: HttpStyle): Program {
  return {
    name,
    help: `${name} -m ${style === 'py3' ? 'http.server' : 'SimpleHTTPServer'} [PORT]: serve files`,
    handles: ['SIGINT'],
    start(ctx) {
      const args = ctx.proc.argv.slice(1)
      const module = args[0] === '-m' ? args[1] : undefined
      const old = module === 'SimpleHTTPServer'
      if (module !== 'http.server' && !old) {
        fail(ctx, 1, `${name}: only -m http.server and -m SimpleHTTPServer are modelled in Kubehop`)
        return
      }
      if (old && style === 'py3') {
        fail(ctx, 1, '/usr/bin/python3: No module named SimpleHTTPServer')
        return
      }
      if (old) startOld(ctx, args.slice(2))
      else startNew(ctx, args.slice(2))
    },
    on: handle,
  }
}

function startOld(ctx: ProcCtx, args: readonly string[]): void {
  const port = args[0] === undefined ? 8000 : parseInteger(args[0])
  if (port === undefined) {
    fail(ctx, 1, `ValueError: invalid literal for int() with base 10: '${args[0]}'`)
    return
  }
  serve(ctx, { style: 'py2', root: ctx.proc.cwd, port, bind: undefined })
}

const USAGE3 = 'usage: server.py [-h] [--cgi] [-b ADDRESS] [-d DIRECTORY] [-p VERSION] [port]\n'

function startNew(ctx: ProcCtx, args: readonly string[]): void {
  let port = 8000
  let bind: string | undefined
  let root = ctx.proc.cwd
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--bind' || arg === '-b') bind = args[++i] ?? ''
    else if (arg === '--directory' || arg === '-d') root = args[++i] ?? root
    else if (arg.startsWith('-')) {
      fail(ctx, 2, `${USAGE3}server.py: error: unrecognized arguments: ${arg}`)
      return
    } else {
      const number = parseInteger(arg)
      if (number === undefined) {
        fail(ctx, 2, `${USAGE3}server.py: error: argument port: invalid int value: '${arg}'`)
        return
      }
      port = number
    }
  }
  serve(ctx, { style: 'py3', root, port, bind })
}

interface Place {
  style: HttpStyle
  root: string
  port: number
  bind: string | undefined
}

function serve(ctx: ProcCtx, place: Place): void {
  const { style } = place
  // getaddrinfo(3), which Python 3 asks, takes the lower 16 bits of any number.
  const port = style === 'py3' ? place.port & 0xffff : place.port
  if (port < 0 || port > 65535) {
    fail(ctx, 1, 'OverflowError: getsockaddrarg: port must be 0-65535.')
    return
  }
  const addr = place.bind === undefined ? undefined : parseIp(place.bind)
  if (place.bind !== undefined && addr === undefined) {
    fail(ctx, 1, 'socket.gaierror: [Errno -2] Name or service not known')
    return
  }
  const families: (4 | 6)[] = isFull(style) ? [4, 6] : [typeof addr === 'string' ? 6 : 4]
  const listeners: number[] = []
  for (const family of families) {
    const sock = listenAt(ctx, style, family, addr, port)
    if (typeof sock === 'string') {
      for (const id of listeners) sockClose(ctx.world, ctx.ns, sockById(ctx.ns, id)!)
      refused(ctx, place, family, sock)
      return
    }
    listeners.push(sock.id)
  }
  const state: HttpdState = {
    style,
    root: interned(place.root),
    listeners: listeners.slice(),
    conns: NO_CONNS,
  }
  ctx.proc.state = state
  // Python keeps what it prints into a container's log in its buffer; requests go to stderr, at once.
  if (isFull(style) || ctx.proc.fds.get(1)?.kind === 'log') return
  const host = addr === undefined ? '0.0.0.0' : formatIp(addr)
  const shown = sockById(ctx.ns, listeners[0]!)?.lport ?? port
  const url = host.includes(':') ? `http://[${host}]:${shown}/` : `http://${host}:${shown}/`
  const line =
    style === 'py2'
      ? `Serving HTTP on ${host} port ${shown} ...\n`
      : `Serving HTTP on ${host} port ${shown} (${url}) ...\n`
  out(ctx, line)
}

/** A listening socket, or why there is none. */
function listenAt(
  ctx: ProcCtx,
  style: HttpStyle,
  family: 4 | 6,
  addr: Ip | undefined,
  port: number,
): Socket | string {
  const { world, ns, proc } = ctx
  const sock = sockOpen(world, ns, { kind: 'tcp', family, pid: proc.pid })
  sock.tcp!.reuseAddr = true
  if (isFull(style)) sock.tcp!.noDelay = true
  const name = addr === undefined ? { port } : { addr, port }
  // nginx asks for IPv6 only on its second socket: the first one has IPv4.
  const errno =
    (isFull(style) && family === 6 ? bindSix(ctx, sock, port) : sockBind(world, ns, sock, name)) ??
    tcpListen(world, ns, sock, isFull(style) ? 511 : 5)
  if (errno === null) return sock
  sockClose(world, ns, sock)
  return errno
}

/** What a server says of a port that it does not get. */
function refused(ctx: ProcCtx, place: Place, family: 4 | 6, errno: string): void {
  const { style, port } = place
  if (style === 'apache') {
    const why = `(98)Address already in use: AH00072: make_sock: could not bind to address`
    err(
      ctx,
      `${why} 0.0.0.0:${port}\nno listening sockets available, shutting down\nAH00015: Unable to open logs\n`,
    )
    exitProcess(ctx, 1)
  } else if (style === 'nginx') {
    const where = family === 6 ? `[::]:${port}` : `0.0.0.0:${port}`
    err(ctx, `nginx: [emerg] bind() to ${where} failed (98: Address already in use)\n`)
    const left = ((ctx.proc.state as Waiting | undefined)?.left ?? TRIES) - 1
    const state: Waiting = { place, left }
    ctx.proc.state = state
    setTimer(ctx, ctx.world.now + RETRY_NS, 'bind')
  } else if (errno === 'EADDRNOTAVAIL') fail(ctx, 1, 'OSError: [Errno 99] Cannot assign requested address')
  else fail(ctx, 1, `${style === 'py2' ? 'socket.error' : 'OSError'}: [Errno 98] Address already in use`)
}

function askAgain(ctx: ProcCtx, { place, left }: Waiting): void {
  if (left > 0) serve(ctx, place)
  else fail(ctx, 1, 'nginx: [emerg] still could not bind()')
}

function isFull(style: HttpStyle): boolean {
  return style === 'nginx' || style === 'apache'
}

function bindSix(ctx: ProcCtx, sock: Socket, port: number): string | null {
  sock.tcp!.v6only = true
  return sockBind(ctx.world, ctx.ns, sock, { port })
}

function handle(ctx: ProcCtx, event: ProcEvent): void {
  const state = ctx.proc.state as HttpdState | Waiting
  if ('left' in state) {
    if (event.type === 'timer') askAgain(ctx, state)
    else if (event.type === 'signal') exitProcess(ctx, 0)
    return
  }
  if (event.type === 'sock') {
    if (state.listeners.includes(event.sock)) acceptAll(ctx, state, event.sock)
    else if (state.conns.has(event.sock)) readable(ctx, state, state.conns.get(event.sock)!)
  } else if (event.type === 'timer') {
    const conn = state.conns.get(Number(event.tag))
    if (conn !== undefined) nextPiece(ctx, state, conn)
  } else if (event.type === 'signal') {
    if (!isFull(state.style)) out(ctx, '\nKeyboard interrupt received, exiting.\n')
    exitProcess(ctx, 0)
  }
}

function acceptAll(ctx: ProcCtx, state: HttpdState, id: number): void {
  const listener = sockById(ctx.ns, id)
  if (listener === undefined) return
  for (;;) {
    const sock = tcpAccept(ctx.world, ctx.ns, listener)
    if (sock === undefined) return
    const conn: Conn = {
      stream: createStream(sock),
      remote: sock.remote!,
      text: '',
      pieces: [],
      keep: false,
      busy: false,
    }
    if (state.conns === NO_CONNS) state.conns = new Map()
    state.conns.set(sock.id, conn)
    readable(ctx, state, conn)
  }
}

function readable(ctx: ProcCtx, state: HttpdState, conn: Conn): void {
  const got = streamRead(ctx, conn.stream)
  conn.text += got.text
  if (got.errno !== '' && got.errno !== 'EAGAIN') {
    drop(ctx, state, conn)
    return
  }
  if (conn.busy) {
    if (conn.stream.outbox.length > 0) nextPiece(ctx, state, conn)
    return
  }
  const split = splitHead(conn.text)
  if (split === undefined) {
    // Python looks at the first line alone: a version that is none is answered at once.
    const [first = '', second = '', ...more] = /^([^\n]*?)\r?\n/.exec(conn.text)?.[1]?.split(/\s+/) ?? []
    if (!isFull(state.style) && more.length > 0 && !/^HTTP\/\d+\.\d+$/.test(more.join(' '))) {
      const head = { first, second, third: more.join(' '), headers: [], text: conn.text }
      conn.text = ''
      answer(ctx, state, conn, head)
      return
    }
    if (got.eof || conn.text.length > 65_536) drop(ctx, state, conn)
    return
  }
  const length = Number(headerOf(split.head, 'content-length')) || 0
  const discard = !isFull(state.style)
  if (!discard && split.rest.length < length && !got.eof) return
  conn.text = discard ? '' : split.rest.slice(length)
  answer(ctx, state, conn, split.head)
}

function answer(ctx: ProcCtx, state: HttpdState, conn: Conn, head: HttpHead): void {
  const page = pageOf(ctx, state.style, state.root, head)
  conn.keep = page.keep
  const body = head.first === 'HEAD' ? '' : page.body
  conn.pieces = isFull(state.style) ? [page.head + body] : body === '' ? [page.head] : [page.head, body]
  conn.busy = true
  log(ctx, state, conn, head, page)
  setTimer(ctx, ctx.world.now + THINK_NS, String(conn.stream.sock))
}

function log(ctx: ProcCtx, state: HttpdState, conn: Conn, head: HttpHead, page: Page): void {
  if (isFull(state.style)) {
    if (ctx.proc.container !== '') out(ctx, accessLine(ctx, conn, head, page))
    return
  }
  const who = `${formatIp(conn.remote)} - - [${dateText(ctx.world.now, '%d/%b/%Y %T')}]`
  if (page.error !== '') err(ctx, `${who} code ${page.status}, message ${page.error}\n`)
  const request = `${head.first} ${head.second} ${head.third}`.trim()
  err(ctx, `${who} "${request}" ${page.status} -\n`)
}

/** The combined log format that the images write to their standard output. */
function accessLine(ctx: ProcCtx, conn: Conn, head: HttpHead, page: Page): string {
  const who = `${formatIp(conn.remote)} - - [${dateText(ctx.world.now, '%d/%b/%Y:%T %z')}]`
  const agent = headerOf(head, 'user-agent')
  const request = `${head.first} ${head.second} ${head.third}`
  return `${who} "${request}" ${page.status} ${encodeUtf8(page.body).length} "-" "${agent === '' ? '-' : agent}" "-"\n`
}

function nextPiece(ctx: ProcCtx, state: HttpdState, conn: Conn): void {
  let errno = streamFlush(ctx, conn.stream)
  const id = String(conn.stream.sock)
  if (errno === '' && conn.stream.outbox.length === 0) {
    const piece = conn.pieces.shift()
    if (piece !== undefined) {
      errno = streamWrite(ctx, conn.stream, piece)
      if (errno === '') {
        if (conn.stream.outbox.length === 0) setTimer(ctx, ctx.world.now + STEP_NS, id)
        return
      }
    } else if (conn.keep) {
      conn.busy = false
      if (conn.text !== '') readable(ctx, state, conn)
      return
    }
  } else if (errno === '') return
  drop(ctx, state, conn)
}

function drop(ctx: ProcCtx, state: HttpdState, conn: Conn): void {
  state.conns.delete(conn.stream.sock)
  const sock = sockById(ctx.ns, conn.stream.sock)
  if (sock === undefined) return
  streamClose(ctx, conn.stream)
  if (sock.tcp?.state === 'LISTEN') sockClose(ctx.world, ctx.ns, sock)
}
