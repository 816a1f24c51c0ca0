/**
 * etcd's port 2379, and the API server's connection to it: what the server is asked for it carries out when etcd has
 * answered; without etcd it fails. Models etcd's clientv3 as cmd/kube-apiserver (1.32) sets it up (keepalive after 30 s,
 * 10 s for its answer, 20 s to dial) over grpc-go, with its words and back-off (1 s, times 1.6, at most 120 s). The
 * store is the data of both: no object crosses the connection. A member of several answers while it hears of a majority
 * (`etcd-peers.ts`). Not here: watches' progress, a second connection, a liveness probe that ends an API server without etcd.
 */
import { formatIp } from '../../base/addr.ts'
import { nextBelow } from '../../base/rng.ts'
import { sockById, sockError, sockOpen } from '../../net/sock/socket.ts'
import { tcpAccept, tcpConnect, tcpConnected } from '../../net/sock/tcp.ts'
import { tcpKeepalive } from '../../net/sock/tcpkeep.ts'
import { setTimer } from '../../run/process.ts'
import type { ProcCtx, ProcEvent } from '../program.ts'
import { errnoText, streamClose, streamFlush } from '../stream.ts'
import { dialReason } from './apiclient.ts'
import type { Channel } from './channel.ts'
import { channelRead, channelSend, createChannel } from './channel.ts'
import type { Peers } from './etcd-peers.ts'
import { hasMajority } from './etcd-peers.ts'

/** Plain data of the API server's process. `About` is what it wants back with the answer. */
export interface EtcdLink<About> {
  phase: 'waiting' | 'dialing' | 'open'
  channel: Channel | null
  next: number
  /** What has no answer yet, by number. */
  asked: Map<number, About>
  failures: number
  /** Of the last failure, as grpc-go words it. */
  why: string
  readAt: number
  pinged: boolean
}

/** What an event brought: what etcd has answered, or what failed, and why. */
export interface EtcdNews<About> {
  readonly done: readonly About[]
  readonly failed: readonly About[]
  readonly why: string
}

interface Asked {
  /** 0: a ping */
  readonly n: number
  /** In an answer: why nothing came of it. */
  readonly wrong?: string
}

const ADDRESS = 0x7f000001
const PORT = 2379
const ENDPOINT = '127.0.0.1:2379'
const SECOND = 1_000_000_000
const DIAL_NS = 20 * SECOND
const IDLE_NS = 30 * SECOND
const PING_NS = 10 * SECOND
const BACKOFF_MS = 1000
const BACKOFF_MAX_MS = 120_000
const TIMER = 'etcd'

/** A connection that is not yet begun. */
export function createEtcdLink<About>(): EtcdLink<About> {
  const none = { phase: 'waiting', channel: null, next: 1, failures: 0 } as const
  return { ...none, asked: new Map(), why: '', readAt: 0, pinged: false }
}

/** Begins to connect; `link` is part of the process' state by now. Answers what fails with it. */
export function dialEtcd<About>(ctx: ProcCtx, link: EtcdLink<About>): EtcdNews<About> | undefined {
  const { world, ns, proc } = ctx
  const sock = sockOpen(world, ns, { kind: 'tcp', family: 4, pid: proc.pid })
  sock.tcp!.noDelay = true
  // grpc-go leaves the times to the system.
  tcpKeepalive(world, ns, sock, {})
  link.channel = createChannel(sock)
  link.phase = 'dialing'
  setTimer(ctx, world.now + DIAL_NS, TIMER)
  const errno = tcpConnect(world, ns, sock, ADDRESS, PORT)
  return errno === null ? undefined : lost(ctx, link, dialing(dialReason(ENDPOINT, errno)))
}

/** Asks etcd: `about` comes back. Answers why that is in vain, '' where it is not. */
export function etcdAsk<About>(ctx: ProcCtx, link: EtcdLink<About>, about: About): string {
  if (link.phase === 'waiting') return link.why
  const n = link.next++
  link.asked.set(n, about)
  if (link.phase === 'open') channelSend(ctx, link.channel!, { n } satisfies Asked)
  return ''
}

/** What an event means for the connection; undefined where it is about something else. */
export function etcdEvent<About>(
  ctx: ProcCtx,
  link: EtcdLink<About>,
  event: ProcEvent,
): EtcdNews<About> | undefined {
  const nothing = { done: [], failed: [], why: '' }
  if (event.type === 'timer' && event.tag === TIMER) return onTimer(ctx, link) ?? nothing
  if (event.type !== 'sock' || event.sock !== link.channel?.stream.sock) return undefined
  return onSocket(ctx, link) ?? nothing
}

function onTimer<About>(ctx: ProcCtx, link: EtcdLink<About>): EtcdNews<About> | undefined {
  const { world } = ctx
  if (link.phase === 'waiting') return dialEtcd(ctx, link)
  if (link.phase === 'dialing') return lost(ctx, link, dialing(`dial tcp ${ENDPOINT}: i/o timeout`))
  if (link.pinged) return lost(ctx, link, 'keepalive ping failed to receive ACK within timeout')
  const due = link.readAt + IDLE_NS
  link.pinged = world.now >= due
  if (link.pinged) channelSend(ctx, link.channel!, { n: 0 } satisfies Asked)
  setTimer(ctx, link.pinged ? world.now + PING_NS : due, TIMER)
  return undefined
}

function onSocket<About>(ctx: ProcCtx, link: EtcdLink<About>): EtcdNews<About> | undefined {
  const { world, ns } = ctx
  const channel = link.channel!
  const sock = sockById(ns, channel.stream.sock)
  if (sock === undefined) return undefined
  if (link.phase === 'dialing') {
    const wrong = sockError(sock)
    if (wrong !== '') return lost(ctx, link, dialing(dialReason(ENDPOINT, wrong)))
    if (!tcpConnected(sock)) return undefined
    link.phase = 'open'
    link.failures = 0
    link.readAt = world.now
    setTimer(ctx, world.now + IDLE_NS, TIMER)
    for (const n of link.asked.keys()) channelSend(ctx, channel, { n } satisfies Asked)
  }
  const { messages, errno } = channelRead(ctx, channel)
  if (messages.length > 0) {
    link.readAt = world.now
    if (link.pinged) setTimer(ctx, world.now + IDLE_NS, TIMER)
    link.pinged = false
  }
  const done: About[] = []
  const refused: About[] = []
  let why = ''
  for (const { n, wrong } of messages as Asked[]) {
    const about = link.asked.get(n)
    if (about !== undefined) (wrong === undefined ? done : refused).push(about)
    why = wrong ?? why
    link.asked.delete(n)
  }
  const failed = errno === '' ? streamFlush(ctx, channel.stream) : errno
  if (failed === '') return { done, failed: refused, why }
  const path = `${sock.local === undefined ? '' : formatIp(sock.local)}:${sock.lport}->${ENDPOINT}`
  const what = failed === 'EOF' ? failed : `read tcp ${path}: read: ${errnoText(failed).toLowerCase()}`
  return { ...lost(ctx, link, `error reading from server: ${what}`), done }
}

function dialing(reason: string): string {
  return `connection error: desc = "transport: Error while dialing: ${reason}"`
}

function lost<About>(ctx: ProcCtx, link: EtcdLink<About>, why: string): EtcdNews<About> {
  const { world } = ctx
  streamClose(ctx, link.channel!.stream)
  const failed = [...link.asked.values()]
  // A connection that stood is dialled anew at once.
  const pause =
    link.phase === 'open' ? 0 : Math.min(BACKOFF_MS * 1.6 ** Math.max(0, link.failures - 1), BACKOFF_MAX_MS)
  link.channel = null
  link.phase = 'waiting'
  link.asked = new Map()
  link.pinged = false
  link.failures = Math.min(link.failures + 1, 20)
  link.why = `rpc error: code = Unavailable desc = ${why}`
  const ms = Math.round(pause * 0.8) + nextBelow(ctx.ns.rng, Math.round(pause * 0.4) + 1)
  setTimer(ctx, world.now + ms * 1_000_000, TIMER)
  return { done: [], failed, why: link.why }
}

/** etcd takes what connects to its port. */
export function etcdAccept(
  ctx: ProcCtx,
  listener: number,
  clients: Map<number, Channel>,
  peers: Peers | null,
): void {
  const { world, ns } = ctx
  const from = sockById(ns, listener)
  if (from === undefined) return
  for (let sock = tcpAccept(world, ns, from); sock !== undefined; sock = tcpAccept(world, ns, from)) {
    sock.tcp!.noDelay = true
    clients.set(sock.id, createChannel(sock))
    etcdServe(ctx, { type: 'sock', sock: sock.id }, clients, peers)
  }
}

/** etcd answers, or has the request wait for a majority. True: the event was about a client's connection. */
export function etcdServe(
  ctx: ProcCtx,
  event: ProcEvent,
  clients: Map<number, Channel>,
  peers: Peers | null,
): boolean {
  const channel = event.type === 'sock' ? clients.get(event.sock) : undefined
  if (channel === undefined) return false
  const { messages, errno } = channelRead(ctx, channel)
  for (const { n } of messages as Asked[]) {
    if (n === 0 || peers === null || hasMajority(ctx, peers)) channelSend(ctx, channel, { n } satisfies Asked)
    else peers.held.push({ client: channel.stream.sock, n, at: ctx.world.now })
  }
  if (errno !== '' || streamFlush(ctx, channel.stream) !== '') {
    clients.delete(channel.stream.sock)
    streamClose(ctx, channel.stream)
  }
  return true
}

/** Answers a client by its socket, if it is still there: a request was done, or why nothing came of it. */
export function etcdAnswer(
  ctx: ProcCtx,
  clients: Map<number, Channel>,
  client: number,
  n: number,
  wrong: string,
): void {
  const channel = clients.get(client)
  if (channel !== undefined) channelSend(ctx, channel, (wrong === '' ? { n } : { n, wrong }) satisfies Asked)
}
