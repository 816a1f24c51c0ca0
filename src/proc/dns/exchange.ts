/**
 * One or two questions to name servers, until they are answered or nobody is left: the part that glibc calls res_send.
 * Plain data in the process' state; the process hands it every event. Models resolv/res_send.c (glibc 2.36: both
 * questions on one socket, a server at a time), src/network/res_msend.c (musl 1.2: all servers at once) and the one
 * question at a time of the BIND 9.18 tools.
 */
import type { Ip } from '../../base/addr.ts'
import { formatIp } from '../../base/addr.ts'
import { nextBelow } from '../../base/rng.ts'
import { sockSendTo } from '../../net/sock/send.ts'
import { sockById, sockClose, sockConnect, sockError, sockOpen, sockRecv } from '../../net/sock/socket.ts'
import { tcpConnect, tcpConnected, tcpRecv, tcpSend } from '../../net/sock/tcp.ts'
import type { Socket } from '../../net/types.ts'
import { cancelTimer, setTimer } from '../../run/process.ts'
import type { ProcCtx, ProcEvent } from '../../run/types.ts'
import type { DnsEdns, DnsMessage } from '../../wire/dns.ts'
import * as dns from '../../wire/dns.ts'

export interface DnsServer {
  ip: Ip
  port: number
}

/** One try: a server of the list (-1: all at once) and how long it may take. */
export interface DnsTry {
  server: number
  timeoutNs: number
}

export interface DnsAsked {
  name: string
  type: number
  id: number
  bytes: Uint8Array
  answer: DnsMessage | null
  /** In this try a server said that it will not answer. */
  failed: boolean
}

/** What went wrong on the way, for tools that say so. */
export interface DnsTrouble {
  kind: 'timeout' | 'refused' | 'servfail' | 'truncated' | 'connect'
  server: number
  errno: string
  /** The own address and port that it was asked from. */
  from: string
}

export interface DnsExchange {
  servers: DnsServer[]
  plan: DnsTry[]
  at: number
  asked: DnsAsked[]
  style: 'glibc' | 'musl' | 'bind'
  /** IP_MTU_DISCOVER of its UDP sockets, TCP_MAXSEG of its TCP sockets, where they are not the system's. */
  pmtudisc: number | undefined
  maxSeg: number
  /** Ask over TCP from now on. */
  tcp: boolean
  /** A truncated answer is taken as it is. */
  ignoreTc: boolean
  /** Answers of SERVFAIL, REFUSED and NOTIMP send it to the next server. */
  skipFailed: boolean
  /** One question at a time: 1 on one socket, 2 on a new one each. */
  single: 0 | 1 | 2
  /** Sockets by server index; 0 for none. */
  socks: number[]
  stream: number
  streamOpen: boolean
  rx: Uint8Array
  done: boolean
  troubles: DnsTrouble[]
  /** Who gave the last answer, how long it took (ns), its bytes and way. */
  from: number
  sentAt: number
  tookNs: number
  size: number
  proto: 'UDP' | 'TCP'
  /** Code of the last reply that was passed over, -1 for none. */
  lastRcode: number
  servfailLeft: number
  /** musl's way, but every reply is an answer. */
  takeFailed: boolean
  /** Tag of its timer: a process may have several exchanges. */
  timer: string
}

export interface ExchangeSpec {
  servers: readonly DnsServer[]
  plan: readonly DnsTry[]
  questions: readonly { name: string; type: number; class?: number }[]
  style: DnsExchange['style']
  pmtudisc?: number
  maxSeg?: number
  tcp?: boolean
  ignoreTc?: boolean
  skipFailed?: boolean
  single?: 0 | 1 | 2
  rd?: boolean
  cd?: boolean
  ad?: boolean
  edns?: DnsEdns | null
  timer?: string
  takeFailed?: boolean
}

const RX_MAX = 131_072

/** Sends the first try. `done` may be set at once. */
export function exchangeStart(ctx: ProcCtx, spec: ExchangeSpec): DnsExchange {
  const asked = spec.questions.map(({ name, type, class: klass = dns.CLASS_IN }) => {
    const id = nextBelow(ctx.ns.rng, 65_536)
    const message = dns.dnsMessage(id, [{ name, type, class: klass }])
    message.rd = spec.rd ?? true
    message.cd = spec.cd ?? false
    message.ad = spec.ad ?? false
    message.edns = spec.edns ?? null
    return { name, type, id, bytes: dns.encodeDns(message), answer: null, failed: false }
  })
  const x: DnsExchange = {
    servers: [...spec.servers],
    plan: [...spec.plan],
    at: -1,
    asked,
    style: spec.style,
    pmtudisc: spec.pmtudisc,
    maxSeg: spec.maxSeg ?? 0,
    tcp: spec.tcp ?? false,
    ignoreTc: spec.ignoreTc ?? false,
    skipFailed: spec.skipFailed ?? false,
    single: spec.single ?? 0,
    socks: spec.servers.map(() => 0),
    stream: 0,
    streamOpen: false,
    rx: new Uint8Array(0),
    done: false,
    troubles: [],
    from: -1,
    sentAt: ctx.world.now,
    tookNs: 0,
    size: 0,
    proto: 'UDP',
    lastRcode: -1,
    servfailLeft: 2 * spec.questions.length,
    timer: spec.timer ?? 'dns',
    takeFailed: spec.takeFailed ?? false,
  }
  nextTry(ctx, x)
  return x
}

/** Takes an event. False where it belongs to somebody else. Afterwards look at `done`. */
export function exchangeEvent(ctx: ProcCtx, x: DnsExchange, event: ProcEvent): boolean {
  if (event.type === 'timer' && event.tag === x.timer) {
    if (!x.done) timedOut(ctx, x)
    return true
  }
  if (event.type !== 'sock') return false
  if (event.sock === x.stream && x.stream !== 0) {
    if (!x.done) onStream(ctx, x)
    return true
  }
  const server = x.socks.indexOf(event.sock)
  if (server < 0) return false
  if (!x.done) onDatagrams(ctx, x, server)
  return true
}

/** Whether every question has an answer. */
export function exchangeAnswered(x: DnsExchange): boolean {
  return x.asked.every((one) => one.answer !== null)
}

/** Closes what is open; for a lookup that is given up too. */
export function exchangeClose(ctx: ProcCtx, x: DnsExchange): void {
  x.done = true
  cancelTimer(ctx, x.timer)
  for (const [i, id] of x.socks.entries()) if (id !== 0) closeServer(ctx, x, i)
  closeStream(ctx, x)
}

function trouble(
  ctx: ProcCtx,
  x: DnsExchange,
  kind: DnsTrouble['kind'],
  server: number,
  errno: string,
): void {
  const sock = sockById(ctx.ns, x.tcp ? x.stream : (x.socks[Math.max(0, server)] ?? 0))
  const own = sock?.local === undefined ? '' : formatIp(sock.local)
  const from = own.includes(':') ? `[${own}]:${sock!.lport}` : `${own}:${sock?.lport ?? 0}`
  x.troubles.push({ kind, server, errno, from })
}

function closeServer(ctx: ProcCtx, x: DnsExchange, server: number): void {
  const sock = sockById(ctx.ns, x.socks[server]!)
  if (sock !== undefined) sockClose(ctx.world, ctx.ns, sock)
  x.socks[server] = 0
}

function closeStream(ctx: ProcCtx, x: DnsExchange): void {
  const sock = x.stream === 0 ? undefined : sockById(ctx.ns, x.stream)
  if (sock !== undefined) sockClose(ctx.world, ctx.ns, sock)
  x.stream = 0
  x.streamOpen = false
  x.rx = new Uint8Array(0)
}

/** The next try of the plan, or the end. */
function nextTry(ctx: ProcCtx, x: DnsExchange): void {
  closeStream(ctx, x)
  for (;;) {
    x.at++
    const one = x.plan[x.at]
    if (one === undefined) {
      exchangeClose(ctx, x)
      return
    }
    x.sentAt = ctx.world.now
    for (const q of x.asked) q.failed = false
    const errno = one.server < 0 ? sendAll(ctx, x) : sendTry(ctx, x, one.server)
    if (errno === '') {
      setTimer(ctx, ctx.world.now + one.timeoutNs, x.timer)
      return
    }
    trouble(ctx, x, 'connect', one.server, errno)
  }
}

function sendTry(ctx: ProcCtx, x: DnsExchange, server: number): string {
  if (x.tcp) return openStream(ctx, x, server)
  const opened = udpOf(ctx, x, server)
  if (typeof opened === 'string') return opened
  for (const one of waiting(x)) {
    const sent = sockSendTo(ctx.world, ctx.ns, opened, { payload: one.bytes })
    if ('errno' in sent) return sent.errno
  }
  return ''
}

/** What to send now: all that is unanswered, or the first where it asks one by one. */
function waiting(x: DnsExchange): DnsAsked[] {
  const left = x.asked.filter((one) => one.answer === null)
  return x.single === 0 ? left : left.slice(0, 1)
}

function udpOf(ctx: ProcCtx, x: DnsExchange, server: number): Socket | string {
  const { world, ns } = ctx
  const known = sockById(ns, x.socks[server]!)
  if (known !== undefined) return known
  const { ip, port } = x.servers[server]!
  const family = typeof ip === 'number' ? 4 : 6
  const sock = sockOpen(world, ns, { kind: 'udp', family, pid: ctx.proc.pid })
  if (x.pmtudisc !== undefined) sock.pmtudisc = x.pmtudisc
  x.socks[server] = sock.id
  const errno = sockConnect(world, ns, sock, ip, port)
  if (errno === null) return sock
  closeServer(ctx, x, server)
  return errno
}

/** musl: everything unanswered to every server, from one socket a family, not connected. */
function sendAll(ctx: ProcCtx, x: DnsExchange): string {
  const { world, ns } = ctx
  let errno = 'ENETUNREACH'
  for (const one of x.asked) {
    if (one.answer !== null) continue
    for (const [i, { ip, port }] of x.servers.entries()) {
      const family = typeof ip === 'number' ? 4 : 6
      const first = x.servers.findIndex((other) => typeof other.ip === typeof ip)
      if (x.socks[first] === 0)
        x.socks[first] = sockOpen(world, ns, { kind: 'udp', family, pid: ctx.proc.pid }).id
      const sock = sockById(ns, x.socks[first]!)!
      const sent = sockSendTo(world, ns, sock, { dst: ip, dport: port, payload: one.bytes })
      if (!('errno' in sent)) errno = ''
      void i
    }
  }
  return errno
}

function openStream(ctx: ProcCtx, x: DnsExchange, server: number): string {
  const { ip, port } = x.servers[server]!
  const family = typeof ip === 'number' ? 4 : 6
  const sock = sockOpen(ctx.world, ctx.ns, { kind: 'tcp', family, pid: ctx.proc.pid })
  sock.tcp!.userMss = x.maxSeg
  sock.tcp!.blocking = x.style === 'glibc'
  x.stream = sock.id
  const errno = tcpConnect(ctx.world, ctx.ns, sock, ip, port)
  if (errno !== null) closeStream(ctx, x)
  return errno ?? ''
}

function timedOut(ctx: ProcCtx, x: DnsExchange): void {
  const one = x.plan[x.at]!
  trouble(ctx, x, 'timeout', one.server, 'ETIMEDOUT')
  // One of two answers came: there are servers (and NATs) that lose the second of two questions from one port.
  const half = x.style === 'glibc' && x.asked.length > 1 && x.asked.some((q) => q.answer !== null)
  if (half && !x.tcp && x.single < 2) {
    x.single = x.single === 0 ? 1 : 2
    if (x.single === 2) closeServer(ctx, x, one.server)
    x.at--
  }
  nextTry(ctx, x)
}

function onDatagrams(ctx: ProcCtx, x: DnsExchange, server: number): void {
  const sock = sockById(ctx.ns, x.socks[server]!)
  if (sock === undefined) return
  const errno = sockError(sock)
  if (errno !== '') {
    trouble(ctx, x, 'refused', server, errno)
    closeServer(ctx, x, server)
    if (x.plan[x.at]!.server === server) nextTry(ctx, x)
    return
  }
  for (let got = sockRecv(ctx.ns, sock); got !== undefined && !x.done; got = sockRecv(ctx.ns, sock)) {
    const { packet } = got
    const from = x.servers.findIndex(({ ip, port }) => ip === packet.src && port === packet.sport)
    if (from >= 0 && packet.payload !== null && !x.tcp) received(ctx, x, from, packet.payload)
  }
}

/** A message from a server: one of the answers, or the reason to ask another one. */
function received(ctx: ProcCtx, x: DnsExchange, from: number, bytes: Uint8Array): void {
  const { message } = dns.decodeDns(bytes)
  if (message === undefined || !message.qr) return
  const question = message.question[0]
  const one = x.asked.find(
    (q) =>
      q.answer === null &&
      q.id === message.id &&
      (question === undefined ||
        (question.type === q.type && question.name.toLowerCase() === q.name.toLowerCase())),
  )
  if (one === undefined) return
  Object.assign(x, {
    from,
    tookNs: ctx.world.now - x.sentAt,
    size: bytes.length,
    proto: x.tcp ? 'TCP' : 'UDP',
  })
  const { rcode } = message
  if (rcode === dns.SERVFAIL || rcode === dns.REFUSED || rcode === dns.NOTIMP) {
    if (failedReply(ctx, x, from, one, rcode)) return
  }
  if (message.tc && !x.tcp && !x.ignoreTc) {
    trouble(ctx, x, 'truncated', from, '')
    x.tcp = true
    for (const q of x.asked) q.answer = null
    x.plan.splice(x.at + 1, 0, { server: from, timeoutNs: x.plan[x.at]!.timeoutNs })
    nextTry(ctx, x)
    return
  }
  one.answer = message
  if (x.asked.every((q) => q.answer !== null || q.failed)) exchangeClose(ctx, x)
  else if (x.single !== 0) {
    if (x.single === 2) closeServer(ctx, x, from)
    sendTry(ctx, x, from)
    setTimer(ctx, ctx.world.now + x.plan[x.at]!.timeoutNs, x.timer)
  }
}

/** Whether a reply without an answer is passed over. */
function failedReply(ctx: ProcCtx, x: DnsExchange, from: number, one: DnsAsked, rcode: number): boolean {
  x.lastRcode = rcode
  if (x.style === 'musl') {
    const again = rcode === dns.SERVFAIL && x.servfailLeft-- > 0
    if (again) resend(ctx, x, from, one)
    return again || !x.takeFailed
  }
  if (!x.skipFailed) return false
  if (x.style === 'bind') {
    // The tools ask another server only, and take what the last one says.
    const next = x.plan.findIndex((other, i) => i > x.at && other.server !== from)
    if (next < 0 || rcode !== dns.SERVFAIL) return false
    trouble(ctx, x, 'servfail', from, '')
    x.at = next - 1
    nextTry(ctx, x)
    return true
  }
  // The other of two questions may have an answer still.
  one.failed = true
  if (x.asked.some((q) => q.answer === null && !q.failed)) return true
  if (x.asked.some((q) => q.answer !== null)) exchangeClose(ctx, x)
  else nextTry(ctx, x)
  return true
}

function resend(ctx: ProcCtx, x: DnsExchange, server: number, one: DnsAsked): void {
  const { ip, port } = x.servers[server]!
  const id = x.socks.find((sock, i) => sock !== 0 && typeof x.servers[i]!.ip === typeof ip)
  const sock = sockById(ctx.ns, id ?? 0)
  if (sock !== undefined) sockSendTo(ctx.world, ctx.ns, sock, { dst: ip, dport: port, payload: one.bytes })
}

function onStream(ctx: ProcCtx, x: DnsExchange): void {
  const { world, ns } = ctx
  const sock = sockById(ns, x.stream)
  if (sock === undefined) return
  const { server } = x.plan[x.at]!
  if (!x.streamOpen) {
    const errno = sockError(sock)
    if (errno !== '') {
      trouble(ctx, x, errno === 'ECONNREFUSED' ? 'refused' : 'connect', server, errno)
      nextTry(ctx, x)
      return
    }
    if (!tcpConnected(sock)) return
    x.streamOpen = true
    for (const one of waiting(x)) tcpSend(world, ns, sock, dns.frameDns(one.bytes))
  }
  for (;;) {
    const got = tcpRecv(world, ns, sock, RX_MAX)
    if (got.data === null) {
      if (got.errno !== 'EAGAIN') nextTry(ctx, x)
      return
    }
    if (got.data.length === 0) {
      nextTry(ctx, x)
      return
    }
    const joined = new Uint8Array(x.rx.length + got.data.length)
    joined.set(x.rx)
    joined.set(got.data, x.rx.length)
    x.rx = joined
    while (x.rx.length >= 2) {
      const length = (x.rx[0]! << 8) | x.rx[1]!
      if (x.rx.length < length + 2) break
      const bytes = x.rx.slice(2, length + 2)
      x.rx = x.rx.slice(length + 2)
      received(ctx, x, server, bytes)
      if (x.done || x.stream === 0) return
    }
  }
}
