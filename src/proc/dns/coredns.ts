/**
 * coredns: a name server by its Corefile. Models CoreDNS 1.11.3 with the plugins of `coreconf.ts`; its log lines as that
 * version writes them, without time stamps. Not here: DNS over TLS and HTTPS, zone transfers, metrics beyond counts.
 */
import { formatIp } from '../../base/addr.ts'
import { nextBelow } from '../../base/rng.ts'
import { sockSendTo } from '../../net/sock/send.ts'
import { sockById, sockClose, sockRecv } from '../../net/sock/socket.ts'
import { tcpAccept, tcpRecv, tcpSend } from '../../net/sock/tcp.ts'
import type { Socket } from '../../net/types.ts'
import { readFile } from '../../run/files.ts'
import { exitProcess } from '../../run/process.ts'
import type { DnsEdns, DnsMessage } from '../../wire/dns.ts'
import * as dns from '../../wire/dns.ts'
import type { ProcCtx, ProcEvent, Program } from '../program.ts'
import { fail, out } from '../program.ts'
import { errnoText } from '../stream.ts'
import { decodeUtf8, encodeUtf8 } from '../../base/utf8.ts'
import { endText, questionKey, runChain } from './chain.ts'
import type { DnsCache } from './corecache.ts'
import { cacheGet, cacheHas, cachePut } from './corecache.ts'
import { logLine } from './corelog.ts'
import type { ForwardConf, ServerConf } from './coretypes.ts'
import { serverFor } from './coreconf.ts'
import type { Client, Conn, CoreState, Pending } from './corestate.ts'
import { armReload, listen, load, reload, runningText, terminate } from './corestate.ts'
import type { DnsExchange } from './exchange.ts'
import { exchangeAnswered, exchangeClose, exchangeEvent, exchangeStart } from './exchange.ts'
import { mayServe, openKube, unready, waitForKube } from './corekube.ts'
import type { KubeDnsSource, KubeWatch } from './kubesource.ts'
import { typeName } from './text.ts'

/** How the program finds what it knows of its cluster. */
type FindKube = (ctx: ProcCtx) => KubeDnsSource | undefined

const SEC = 1_000_000_000
const FORWARD_LIMIT_NS = 5 * SEC
const READ_LIMIT_NS = 2 * SEC
const PENDING_MAX = 1000
const VERSION = 'CoreDNS-1.11.3\nlinux/amd64, go1.21.11, a6338e9\n'

/** The program, with the way to a cluster's records for its `kubernetes` plugin; null: there is never one. */
export function corednsProgram(watch: KubeWatch | null): Program {
  const kube: FindKube = (ctx) => {
    const { kube: data } = ctx.proc.state as CoreState
    return watch === null || data === null ? undefined : watch.source(ctx, data)
  }
  return {
    name: 'coredns',
    help: 'name server by a Corefile (-conf FILE, -dns.port PORT)',
    handles: ['SIGTERM'],
    start: (ctx) => begin(ctx, watch),
    on(ctx, event: ProcEvent) {
      const state = ctx.proc.state as CoreState
      if (event.type === 'signal') terminate(ctx, state)
      else if (event.type === 'timer' && event.tag === 'kube') {
        if (mayServe(ctx, state, watch)) serve(ctx, state)
      } else if (state.kube !== null && watch?.event(ctx, state.kube, event) === true) return
      else if (event.type === 'timer' && event.tag === 'lameduck') exitProcess(ctx, 0)
      else if (event.type === 'sock') onSocket(ctx, state, event, kube, watch)
      else if (event.type === 'timer' && event.tag === 'reload') {
        if (!reload(ctx, state)) return
        openKube(ctx, state, watch)
        probeLoop(ctx, state)
      } else if (event.type === 'timer') exchanges(ctx, state, event, kube)
    },
  }
}

export const coredns: Program = corednsProgram(null)

function begin(ctx: ProcCtx, watch: KubeWatch | null): void {
  const args = ctx.proc.argv.slice(1)
  let file = 'Corefile'
  let base = 53
  for (let i = 0; i < args.length; i++) {
    const [name, value] = args[i]!.replace(/^--?/, '').split('=') as [string, string?]
    if (name === 'conf') file = value ?? args[++i] ?? ''
    else if (name === 'dns.port' || name === 'p') base = Number(value ?? args[++i])
    else if (name === 'version') {
      out(ctx, VERSION)
      exitProcess(ctx, 0)
      return
    } else if (name !== 'quiet') {
      fail(ctx, 2, `flag provided but not defined: -${name}`)
      return
    }
  }
  const loaded = load(ctx, file, base)
  if (typeof loaded === 'string') {
    fail(ctx, 1, loaded)
    return
  }
  const state: CoreState = {
    file,
    base,
    ...loaded,
    listeners: new Map(),
    conns: new Map(),
    pending: new Map(),
    nextPending: 1,
    caches: new Map(),
    turn: 0,
    loopName: '',
    loopSeen: 0,
    loopExchange: null,
    requests: 0,
    kube: null,
    waits: null,
    ready: false,
  }
  ctx.proc.state = state
  const wrong = openKube(ctx, state, watch) || listen(ctx, state, 'http')
  if (wrong !== '') fail(ctx, 1, wrong)
  else if (state.kube === null) serve(ctx, state)
  else waitForKube(ctx, state)
}

/** Every plugin has started: it opens its ports and says so. */
function serve(ctx: ProcCtx, state: CoreState): void {
  const wrong = listen(ctx, state, 'dns')
  if (wrong !== '') {
    fail(ctx, 1, wrong)
    return
  }
  for (const { zone, port } of state.conf.servers) out(ctx, `${zone}:${port}\n`)
  if (state.conf.reloadS > 0) out(ctx, runningText(state.hash))
  out(ctx, VERSION)
  armReload(ctx, state)
  probeLoop(ctx, state)
}

/** The loop plugin: a question that only this server would ask, sent to itself; seen more than twice, it is a loop. */
function probeLoop(ctx: ProcCtx, state: CoreState): void {
  const server = state.conf.servers.find((one) => one.loop)
  if (server === undefined) return
  const part = () => `${nextBelow(ctx.ns.rng, 2 ** 31)}${nextBelow(ctx.ns.rng, 2 ** 31)}`
  state.loopName = `${part()}.${part()}.${server.zone === '.' ? '' : server.zone}`
  state.loopSeen = 0
  const limit = { server: 0, timeoutNs: READ_LIMIT_NS }
  state.loopExchange = exchangeStart(ctx, {
    servers: [{ ip: server.bind[0] ?? 0x7f000001, port: server.port }],
    plan: [limit],
    questions: [{ name: state.loopName, type: 13 }],
    style: 'bind',
    timer: 'loop',
  })
}

function onSocket(
  ctx: ProcCtx,
  state: CoreState,
  event: ProcEvent & { type: 'sock' },
  kube: FindKube,
  watch: KubeWatch | null,
): void {
  const { world, ns } = ctx
  const sock = sockById(ns, event.sock)
  const listener = state.listeners.get(event.sock)
  if (sock === undefined) state.conns.delete(event.sock)
  else if (listener?.kind === 'udp') {
    for (let got = sockRecv(ns, sock); got !== undefined; got = sockRecv(ns, sock)) {
      const { packet } = got
      const client: Client = { ip: packet.src, port: packet.sport, proto: 'udp', sock: sock.id }
      received(ctx, state, client, listener.port, packet.payload ?? new Uint8Array(0), kube)
      if (ctx.proc.exited) return
    }
  } else if (listener !== undefined) {
    for (let made = tcpAccept(world, ns, sock); made !== undefined; made = tcpAccept(world, ns, sock)) {
      const http = listener.kind === 'tcp' ? '' : listener.kind
      state.conns.set(made.id, { port: listener.port, http, rx: new Uint8Array(0) })
      onConn(ctx, state, made, kube, watch)
    }
  } else if (state.conns.has(event.sock)) onConn(ctx, state, sock, kube, watch)
  else exchanges(ctx, state, event, kube)
}

function onConn(ctx: ProcCtx, state: CoreState, sock: Socket, kube: FindKube, watch: KubeWatch | null): void {
  const { world, ns } = ctx
  const conn = state.conns.get(sock.id)!
  for (;;) {
    const got = tcpRecv(world, ns, sock, 65_536)
    if (got.data === null && got.errno === 'EAGAIN') return
    if (got.data === null || got.data.length === 0) {
      state.conns.delete(sock.id)
      sockClose(world, ns, sock)
      return
    }
    const rx = new Uint8Array(conn.rx.length + got.data.length)
    rx.set(conn.rx)
    rx.set(got.data, conn.rx.length)
    conn.rx = rx
    if (conn.http !== '') {
      serveHttp(ctx, state, sock, conn, watch)
      return
    }
    while (conn.rx.length >= 2) {
      const length = (conn.rx[0]! << 8) | conn.rx[1]!
      if (conn.rx.length < length + 2) break
      const bytes = conn.rx.slice(2, length + 2)
      conn.rx = conn.rx.slice(length + 2)
      const client: Client = { ip: sock.remote!, port: sock.rport, proto: 'tcp', sock: sock.id }
      received(ctx, state, client, conn.port, bytes, kube)
      if (ctx.proc.exited || !state.conns.has(sock.id)) return
    }
  }
}

function serveHttp(ctx: ProcCtx, state: CoreState, sock: Socket, conn: Conn, watch: KubeWatch | null): void {
  const text = decodeUtf8([], conn.rx).text
  if (!text.includes('\r\n\r\n') && text.length < 8192) return
  const path = text.split(' ')[1] ?? '/'
  const right = { health: '/health', ready: '/ready', prometheus: '/metrics', '': '' }[conn.http]
  const metrics = `# TYPE coredns_dns_requests_total counter\ncoredns_dns_requests_total ${state.requests}\n`
  const waits = path === right && conn.http === 'ready' ? unready(ctx, state, watch) : ''
  const fine = conn.http === 'prometheus' ? metrics : waits || 'OK'
  const body = path === right ? fine : '404 page not found\n'
  const status = path !== right ? '404 Not Found' : waits === '' ? '200 OK' : '503 Service Unavailable'
  const head = `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`
  tcpSend(ctx.world, ctx.ns, sock, encodeUtf8(head + body))
  state.conns.delete(sock.id)
  sockClose(ctx.world, ctx.ns, sock)
}

/** A message from a client. */
function received(
  ctx: ProcCtx,
  state: CoreState,
  client: Client,
  port: number,
  bytes: Uint8Array,
  kube: FindKube,
): void {
  const got = dns.decodeDns(bytes)
  state.requests++
  if (got.message === undefined) {
    if (bytes.length < 12 || (bytes[2]! & 0x80) !== 0) return
    const reply = { ...dns.dnsMessage(got.id), qr: true, rcode: dns.FORMERR }
    sendBytes(ctx, client, dns.encodeDns(reply))
    return
  }
  const query = got.message
  if (query.qr) return
  if (query.opcode !== 0 || query.question.length !== 1) {
    sendBytes(ctx, client, dns.encodeDns(dns.dnsReply(query, query.opcode !== 0 ? dns.NOTIMP : dns.FORMERR)))
    return
  }
  const question = query.question[0]!
  // Other classes are let in where a server of the port could forward them.
  const isOpen = state.conf.servers.some((one) => one.port === port && one.forwards.length > 0)
  if (question.class !== dns.CLASS_IN && !isOpen) {
    sendBytes(ctx, client, dns.encodeDns(dns.dnsReply(query, dns.REFUSED)))
    return
  }
  const server = serverFor(state.conf, port, question.name)
  if (
    server?.loop === true &&
    question.type === 13 &&
    question.name === state.loopName &&
    ++state.loopSeen > 2
  ) {
    const from = endText(client.ip, client.port)
    out(
      ctx,
      `[FATAL] plugin/loop: Loop (${from} -> :${port}) detected for zone "${server.zone}", ` +
        `see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO ${state.loopName}"\n`,
    )
    exitProcess(ctx, 1)
    return
  }
  const known = new Map<string, DnsMessage | null>()
  work(
    ctx,
    state,
    { client, port, query, size: bytes.length, since: ctx.world.now, known, text: '', refresh: false },
    kube,
  )
}

type Asked = Omit<Pending, 'id' | 'key' | 'exchange'>

function work(ctx: ProcCtx, state: CoreState, asked: Asked, kube: FindKube): void {
  const { query, client } = asked
  const server = serverFor(state.conf, asked.port, query.question[0]!.name)
  if (server === undefined) {
    reply(ctx, asked, undefined, dns.dnsReply(query, dns.REFUSED))
    return
  }
  const { name } = query.question[0]!
  const cache = server.cache !== null && cacheHas(server.cache, name) ? server.cache : null
  const store: DnsCache = state.caches.get(`${server.zone}:${server.port}`) ?? new Map()
  const key = `${questionKey(query.question[0]!)} ${query.edns?.do === true} ${query.cd}`
  const kept = cache === null || asked.refresh ? undefined : cacheGet(store, cache, key, ctx.world.now)
  if (kept !== undefined) {
    reply(ctx, asked, server, { ...kept.message, id: query.id, question: query.question, rd: query.rd })
    if (kept.refresh) work(ctx, state, { ...asked, known: new Map(), refresh: true, text: '' }, kube)
    return
  }
  const read = (path: string) => {
    const got = readFile(ctx, path)
    return got.error === '' ? got.text : undefined
  }
  const result = runChain({ server, kube: kube(ctx), read, client, known: asked.known }, query)
  if (result.kind === 'wanted') {
    forwardTo(ctx, state, asked, result.forward, result.question, kube)
    return
  }
  if (result.kind === 'reply') {
    if (cache !== null) state.caches.set(`${server.zone}:${server.port}`, store)
    const message =
      cache === null ? result.message : cachePut(store, cache, key, result.message, ctx.world.now)
    reply(ctx, asked, server, message)
    return
  }
  reply(ctx, asked, server, dns.dnsReply(query, result.rcode), true)
  const why = asked.text || result.text
  if (server.errors && why !== '') {
    const { type } = query.question[0]!
    out(ctx, `[ERROR] plugin/errors: ${result.rcode} ${name.toLowerCase()} ${typeName(type)}: ${why}\n`)
  }
}

function forwardTo(
  ctx: ProcCtx,
  state: CoreState,
  asked: Asked,
  forward: ForwardConf,
  question: DnsMessage['question'][number],
  kube: FindKube,
): void {
  if (state.pending.size >= PENDING_MAX) {
    reply(ctx, asked, undefined, dns.dnsReply(asked.query, dns.REFUSED))
    return
  }
  const count = forward.servers.length
  const order = forward.servers.map((_, i) => i)
  if (forward.policy === 'random' && count > 1) order.sort(() => nextBelow(ctx.ns.rng, 3) - 1)
  if (forward.policy === 'round_robin') {
    const first = state.turn++ % count
    order.push(...order.splice(0, first))
  }
  const plan = []
  for (let left = FORWARD_LIMIT_NS, i = 0; left > 0; i++, left -= READ_LIMIT_NS) {
    plan.push({ server: order[i % count]!, timeoutNs: Math.min(left, READ_LIMIT_NS) })
  }
  const id = state.nextPending++
  const { query, client } = asked
  const exchange = exchangeStart(ctx, {
    servers: forward.servers,
    plan,
    questions: [question],
    style: 'bind',
    tcp: forward.forceTcp || (client.proto === 'tcp' && !forward.preferUdp),
    ignoreTc: !forward.preferUdp,
    rd: query.rd,
    cd: query.cd,
    ad: query.ad,
    edns: query.edns,
    timer: `up${id}`,
  })
  const pending: Pending = { ...asked, id, key: questionKey(question), exchange }
  state.pending.set(id, pending)
  if (exchange.done) answered(ctx, state, pending, kube)
}

/** Events of the sockets and timers of exchanges. */
function exchanges(ctx: ProcCtx, state: CoreState, event: ProcEvent, kube: FindKube): void {
  if (state.loopExchange !== null && exchangeEvent(ctx, state.loopExchange, event)) {
    if (state.loopExchange.done) state.loopExchange = null
    return
  }
  for (const pending of state.pending.values()) {
    if (!exchangeEvent(ctx, pending.exchange, event)) continue
    if (pending.exchange.done) answered(ctx, state, pending, kube)
    return
  }
}

function answered(ctx: ProcCtx, state: CoreState, pending: Pending, kube: FindKube): void {
  const { exchange } = pending
  state.pending.delete(pending.id)
  exchangeClose(ctx, exchange)
  const { id: _id, key, exchange: _exchange, ...asked } = pending
  asked.known.set(key, exchangeAnswered(exchange) ? exchange.asked[0]!.answer : null)
  if (!exchangeAnswered(exchange)) asked.text = troubleText(exchange)
  work(ctx, state, asked, kube)
}

function troubleText(x: DnsExchange): string {
  const last = x.troubles.at(-1)
  if (last === undefined) return 'no healthy upstream host'
  const { ip, port } = x.servers[last.server]!
  const proto = x.tcp ? 'tcp' : 'udp'
  const to = endText(ip, port)
  if (last.kind === 'timeout') return `read ${proto} ${last.from}->${to}: i/o timeout`
  const what = errnoText(last.errno).toLowerCase()
  return x.tcp ? `dial tcp ${to}: connect: ${what}` : `read udp ${last.from}->${to}: read: ${what}`
}

/**
 * The last part of every answer: order, EDNS, size, log. `unwritten`: no plugin wrote it, they handed back a code alone,
 * which the server says when all of them are done: for `log` there was no message.
 */
function reply(
  ctx: ProcCtx,
  asked: Asked,
  server: ServerConf | undefined,
  message: DnsMessage,
  unwritten = false,
): void {
  const { client, query } = asked
  if (asked.refresh) return
  if (server?.loadbalance === true) shuffle(ctx, message)
  const max = client.proto === 'tcp' ? 65_535 : Math.max(dns.DNS_UDP_SIZE, query.edns?.size ?? 0)
  const sent: DnsMessage = {
    ...message,
    rd: query.rd,
    cd: query.cd,
    edns: mirrored(query.edns, message.edns),
  }
  const bytes = dns.encodeDns(sent, false, max)
  sendBytes(ctx, client, bytes)
  if (server === undefined || server.log.length === 0) return
  const took = ctx.world.now - asked.since
  const line = logLine(
    server.log,
    { client, local: localOf(ctx, client), size: asked.size, max, query, took },
    {
      message: unwritten ? null : sent,
      // As it was before the server made it fit and put its OPT record in.
      size: dns.encodeDns({ ...sent, edns: message.edns }, false).length,
      tc: (bytes[2]! & 2) !== 0,
    },
  )
  if (line !== '') out(ctx, `[INFO] ${line}\n`)
}

function localOf({ ns }: ProcCtx, client: Client): string {
  const local = sockById(ns, client.sock)?.local
  return local === undefined ? '' : formatIp(local)
}

/** The asker's OPT record comes back, without options that are not understood. */
function mirrored(asked: DnsEdns | null, own: DnsEdns | null): DnsEdns | null {
  if (asked === null) return null
  const kept = own === null ? asked.options : own.options
  const known = [3, 9, 10, 11, 12]
  return {
    size: asked.size,
    version: 0,
    do: asked.do,
    options: kept.filter(({ code }) => known.includes(code)),
  }
}

/** loadbalance: CNAMEs first, addresses turned. */
function shuffle(ctx: ProcCtx, message: DnsMessage): void {
  const rest = message.answer.filter((rr) => rr.type !== dns.TYPE_A && rr.type !== dns.TYPE_AAAA)
  const addresses = message.answer.filter((rr) => rr.type === dns.TYPE_A || rr.type === dns.TYPE_AAAA)
  for (let i = addresses.length - 1; i > 0; i--) {
    const j = nextBelow(ctx.ns.rng, i + 1)
    ;[addresses[i], addresses[j]] = [addresses[j]!, addresses[i]!]
  }
  message.answer = [...rest, ...addresses]
}

function sendBytes(ctx: ProcCtx, client: Client, bytes: Uint8Array): void {
  const { world, ns } = ctx
  const sock = sockById(ns, client.sock)
  if (sock === undefined) return
  if (client.proto === 'tcp') tcpSend(world, ns, sock, dns.frameDns(bytes))
  else sockSendTo(world, ns, sock, { dst: client.ip, dport: client.port, payload: bytes })
}
