/**
 * kubectl's connection to the API server: dialled once, used for every request and for what goes on after an answer
 * (watches, logs, commands); what is cut is noticed by pings. Plain data for the process that holds it.
 * Models client-go's transport (1.32): one HTTP/2 connection, a ping after 30 s without a frame, 15 s for its answer
 * (with a command in a container: a WebSocket, a ping every 5 s, 61 s without an answer);
 * and kubectl's words where there is no answer (cmd/util/helpers.go StandardErrorMessage). Not here: proxies, names
 * instead of addresses, the connection of its own that a command in a container has.
 */
import { formatIp, parseIp } from '../../base/addr.ts'
import type { Socket } from '../../net/types.ts'
import { sockById, sockError, sockOpen } from '../../net/sock/socket.ts'
import { tcpConnect, tcpConnected } from '../../net/sock/tcp.ts'
import { tcpKeepalive } from '../../net/sock/tcpkeep.ts'
import { cancelTimer, setTimer } from '../../run/process.ts'
import type { ProcCtx, ProcEvent } from '../program.ts'
import { errnoText, streamClose, streamFlush } from '../stream.ts'
import type { FromServer, ToServer } from './apiwire.ts'
import { endpointParts, GO_KEEPALIVE } from './apiwire.ts'
import type { Channel } from './channel.ts'
import { channelRead, channelSend, createChannel } from './channel.ts'

/** A connection, or one that is coming about. */
export interface ApiConn {
  readonly endpoint: string
  readonly channel: Channel
  open: boolean
  /** What is to be sent as soon as it stands. */
  queue: ToServer[]
  /** Number of the next request. */
  next: number
  readAt: number
  pinged: boolean
  /** It carries a command: a WebSocket with a heartbeat of its own. */
  upgraded: boolean
}

/** What an event brought. `lost`: the connection is over, and why; undefined while it stands. */
export interface ApiNews {
  readonly messages: readonly FromServer[]
  readonly lost?: string
}

const DIAL_NS = 30_000_000_000
const IDLE_NS = 30_000_000_000
const PING_NS = 15_000_000_000
const BEAT_NS = 5_000_000_000
const DEADLINE_NS = 61_000_000_000
const TIMER = 'apiconn'

/** What gorilla/websocket says of a connection that ends without a word. */
export const WEBSOCKET_CUT = 'websocket: close 1006 (abnormal closure): unexpected EOF'

/** Begins to connect to `endpoint` (ADDRESS:PORT). The process' events go to `apiConnEvent` from now on. */
export function apiDial(ctx: ProcCtx, endpoint: string): ApiConn | { readonly unreachable: string } {
  const { world, ns, proc } = ctx
  const parts = endpointParts(endpoint)
  if (parts === undefined) return { unreachable: refusedText(endpoint) }
  const sock = sockOpen(world, ns, { kind: 'tcp', family: 4, pid: proc.pid })
  sock.tcp!.noDelay = true
  tcpKeepalive(world, ns, sock, GO_KEEPALIVE)
  const channel = createChannel(sock)
  const errno = tcpConnect(world, ns, sock, parseIp(parts.host)!, parts.port)
  if (errno !== null) {
    streamClose(ctx, channel.stream)
    return { unreachable: dialText(endpoint, errno) }
  }
  setTimer(ctx, world.now + DIAL_NS, TIMER)
  return { endpoint, channel, open: false, queue: [], next: 1, readAt: 0, pinged: false, upgraded: false }
}

/** Sends a message, as soon as the connection stands. */
export function apiSend(ctx: ProcCtx, conn: ApiConn, message: ToServer): void {
  if (conn.open) channelSend(ctx, conn.channel, message)
  else conn.queue.push(message)
}

/** The connection carries a command from now on. */
export function apiUpgrade(ctx: ProcCtx, conn: ApiConn): void {
  conn.upgraded = true
  setTimer(ctx, ctx.world.now + BEAT_NS, TIMER)
}

/** What an event means for the connection; undefined where it is about something else. A lost one is closed. */
export function apiConnEvent(ctx: ProcCtx, conn: ApiConn, event: ProcEvent): ApiNews | undefined {
  const mine =
    (event.type === 'timer' && event.tag === TIMER) ||
    (event.type === 'sock' && event.sock === conn.channel.stream.sock)
  if (!mine) return undefined
  const news = event.type === 'timer' ? onTimer(ctx, conn) : onSocket(ctx, conn)
  if (news.lost !== undefined) {
    cancelTimer(ctx, TIMER)
    streamClose(ctx, conn.channel.stream)
  }
  return news
}

function onTimer(ctx: ProcCtx, conn: ApiConn): ApiNews {
  const { world } = ctx
  if (!conn.open) return { messages: [], lost: `dial tcp ${conn.endpoint}: i/o timeout` }
  if (conn.upgraded) return beat(ctx, conn)
  if (conn.pinged) return { messages: [], lost: 'http2: client connection lost' }
  const due = conn.readAt + IDLE_NS
  if (world.now < due) setTimer(ctx, due, TIMER)
  else {
    conn.pinged = true
    apiSend(ctx, conn, { k: 'ping', n: conn.next++ })
    setTimer(ctx, world.now + PING_NS, TIMER)
  }
  return { messages: [] }
}

/** Models client-go's tools/remotecommand/websocket.go: pings and the deadline for reading. */
function beat(ctx: ProcCtx, conn: ApiConn): ApiNews {
  const { world } = ctx
  const deadline = conn.readAt + DEADLINE_NS
  const sock = sockById(ctx.ns, conn.channel.stream.sock)
  if (world.now >= deadline && sock !== undefined) {
    return { messages: [], lost: `read tcp ${pathOf(conn, sock)}: i/o timeout` }
  }
  apiSend(ctx, conn, { k: 'ping', n: conn.next++ })
  setTimer(ctx, Math.min(world.now + BEAT_NS, deadline), TIMER)
  return { messages: [] }
}

function onSocket(ctx: ProcCtx, conn: ApiConn): ApiNews {
  const { world } = ctx
  const sock = sockById(ctx.ns, conn.channel.stream.sock)
  if (sock === undefined) return { messages: [] }
  if (!conn.open) {
    const errno = sockError(sock)
    if (errno !== '') return { messages: [], lost: dialReason(conn.endpoint, errno) }
    if (!tcpConnected(sock)) return { messages: [] }
    conn.open = true
    conn.readAt = world.now
    setTimer(ctx, world.now + IDLE_NS, TIMER)
    for (const message of conn.queue) channelSend(ctx, conn.channel, message)
    conn.queue = []
  }
  const path = pathOf(conn, sock)
  const { messages, errno } = channelRead(ctx, conn.channel)
  if (messages.length > 0) {
    conn.readAt = world.now
    if (conn.pinged) setTimer(ctx, world.now + IDLE_NS, TIMER)
    conn.pinged = false
  }
  const failed = errno === '' ? streamFlush(ctx, conn.channel.stream) : errno
  const heard = messages as FromServer[]
  if (failed === '') return { messages: heard }
  const end = conn.upgraded ? WEBSOCKET_CUT : 'EOF'
  return { messages: heard, lost: failed === 'EOF' ? end : `read tcp ${path}: read: ${goText(failed)}` }
}

/** `192.168.1.100:40000->192.168.1.11:6443` */
function pathOf({ endpoint }: ApiConn, { local, lport }: Socket): string {
  return `${local === undefined ? '' : formatIp(local)}:${lport}->${endpoint}`
}

/** What kubectl says where a request got no answer: `reason` as `ApiNews.lost` gives it. */
export function unreachableText(endpoint: string, reason: string): string {
  if (/connect: connection refused$/.test(reason)) return refusedText(endpoint)
  return `Unable to connect to the server: ${reason}`
}

function dialText(endpoint: string, errno: string): string {
  return unreachableText(endpoint, dialReason(endpoint, errno))
}

/** Go's words for a connection that did not come about. */
export function dialReason(endpoint: string, errno: string): string {
  return `dial tcp ${endpoint}: connect: ${goText(errno)}`
}

function refusedText(endpoint: string): string {
  return `The connection to the server ${endpoint} was refused - did you specify the right host or port?`
}

/** Go's own table of errno texts has no capitals. */
function goText(errno: string): string {
  return errnoText(errno).toLowerCase()
}
