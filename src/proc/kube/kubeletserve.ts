/**
 * What a kubelet serves on port 10250: logs, and commands in containers, one to a connection. The API server connects.
 * Models pkg/kubelet/server's containerLogs and exec (1.32). Not here: TLS' handshake, authentication, metrics, attach,
 * forwarding by anything but a process in the pod's network.
 */
import type { ContainerTarget } from '../../kube/api/respond.ts'
import type { Status } from '../../kube/types.ts'
import { sockById } from '../../net/sock/socket.ts'
import { tcpAccept } from '../../net/sock/tcp.ts'
import { setTimer } from '../../run/process.ts'
import type { ProcCtx, ProcEvent } from '../program.ts'
import { streamClose, streamFlush } from '../stream.ts'
import type { Channel } from './channel.ts'
import { channelRead, channelSend, createChannel } from './channel.ts'
import type { LogCursor } from './kubelet/hooks.ts'
import { kubeletLogMore, kubeletLogOpen } from './kubelet/hooks.ts'
import type { ExecAsked, ExecFollow } from './kubelet/terminal.ts'
import { execEnd, execInput, execMore, execStart, forwardEnd, forwardStart } from './kubelet/terminal.ts'

export type ToKubelet =
  | { k: 'log'; target: ContainerTarget; follow: boolean }
  | { k: 'exec'; target: ContainerTarget; asked: ExecAsked }
  | { k: 'forward'; target: ContainerTarget; port: number }
  | { k: 'input'; text: string; eof: boolean }
  | { k: 'ping' }

export type FromKubelet =
  | { k: 'failed'; status: Status }
  | { k: 'opened' }
  | { k: 'data'; out: string; err: string }
  | { k: 'end'; code: number; why?: string }
  | { k: 'pong' }

type Serving =
  | { k: 'none' }
  | { k: 'log'; cursor: LogCursor }
  | { k: 'exec'; follow: ExecFollow; forward?: true }

/** A connection to the port: plain data of the kubelet's process. */
export interface KubeletConn {
  readonly channel: Channel
  serving: Serving
}

const LOG_EVERY = 100_000_000
const EXEC_EVERY = 10_000_000
const TIMER = 'serve'

/** Takes what has connected to the port. */
export function kubeletAccept(ctx: ProcCtx, listener: number, conns: Map<number, KubeletConn>): void {
  const { world, ns } = ctx
  const from = sockById(ns, listener)
  if (from === undefined) return
  for (let sock = tcpAccept(world, ns, from); sock !== undefined; sock = tcpAccept(world, ns, from)) {
    sock.tcp!.noDelay = true
    const conn: KubeletConn = { channel: createChannel(sock), serving: { k: 'none' } }
    conns.set(sock.id, conn)
    read(ctx, conns, conn)
  }
}

/** True: the event was about a connection to the port. */
export function kubeletServe(ctx: ProcCtx, event: ProcEvent, conns: Map<number, KubeletConn>): boolean {
  if (event.type === 'timer' && event.tag === TIMER) {
    for (const conn of [...conns.values()]) push(ctx, conns, conn)
    again(ctx, conns)
    return true
  }
  const conn = event.type === 'sock' ? conns.get(event.sock) : undefined
  if (conn === undefined) return false
  read(ctx, conns, conn)
  return true
}

function read(ctx: ProcCtx, conns: Map<number, KubeletConn>, conn: KubeletConn): void {
  const { messages, errno } = channelRead(ctx, conn.channel)
  for (const message of messages as ToKubelet[]) answer(ctx, conn, message)
  const failed = errno === '' ? streamFlush(ctx, conn.channel.stream) : errno
  if (failed !== '') close(ctx, conns, conn)
  else again(ctx, conns)
}

function answer(ctx: ProcCtx, conn: KubeletConn, message: ToKubelet): void {
  const { world, programs } = ctx
  switch (message.k) {
    case 'log': {
      const opened = kubeletLogOpen(world, message.target)
      if ('status' in opened) {
        say(ctx, conn, { k: 'failed', status: opened.status })
        return
      }
      say(ctx, conn, { k: 'opened' })
      if (opened.text !== '') say(ctx, conn, { k: 'data', out: opened.text, err: '' })
      if (message.follow) conn.serving = { k: 'log', cursor: opened.cursor }
      else say(ctx, conn, { k: 'end', code: 0 })
      return
    }
    case 'exec': {
      const started = execStart(world, programs, message.target, message.asked)
      if ('status' in started) {
        say(ctx, conn, { k: 'failed', status: started.status })
        return
      }
      say(ctx, conn, { k: 'opened' })
      conn.serving = { k: 'exec', follow: started.follow }
      return
    }
    case 'forward': {
      const started = forwardStart(world, message.target, message.port)
      if ('status' in started) {
        say(ctx, conn, { k: 'failed', status: started.status })
        return
      }
      say(ctx, conn, { k: 'opened' })
      conn.serving = { k: 'exec', follow: started.follow, forward: true }
      return
    }
    case 'input':
      if (conn.serving.k === 'exec') execInput(world, conn.serving.follow, message.text, message.eof)
      return
    case 'ping':
      say(ctx, conn, { k: 'pong' })
      return
    default:
  }
}

/** Sends what there is to send; nothing while the connection takes nothing. */
function push(ctx: ProcCtx, conns: Map<number, KubeletConn>, conn: KubeletConn): void {
  const { world } = ctx
  const { serving, channel } = conn
  if (streamFlush(ctx, channel.stream) !== '') {
    close(ctx, conns, conn)
    return
  }
  if (channel.stream.outbox.length > 0) return
  if (serving.k === 'log') {
    const { text, cursor, ended } = kubeletLogMore(world, serving.cursor)
    conn.serving = ended ? { k: 'none' } : { k: 'log', cursor }
    if (text !== '') say(ctx, conn, { k: 'data', out: text, err: '' })
    if (ended) say(ctx, conn, { k: 'end', code: 0 })
  } else if (serving.k === 'exec') {
    const { news, follow } = execMore(world, serving.follow)
    const { out, err, code } = news
    conn.serving = code < 0 ? { ...serving, follow } : { k: 'none' }
    if (out !== '' || err !== '') say(ctx, conn, { k: 'data', out, err })
    if (code < 0) return
    execEnd(world, follow)
    say(ctx, conn, { k: 'end', code, ...(code > 0 && follow.why !== undefined ? { why: follow.why } : {}) })
  }
}

function again(ctx: ProcCtx, conns: Map<number, KubeletConn>): void {
  let every = 0
  for (const { serving } of conns.values()) {
    if (serving.k === 'exec') every = EXEC_EVERY
    else if (serving.k === 'log' && every === 0) every = LOG_EVERY
  }
  if (every > 0) setTimer(ctx, ctx.world.now + every, TIMER)
}

/** The other side is gone: a command goes on without input, one on a terminal is hung up. */
function close(ctx: ProcCtx, conns: Map<number, KubeletConn>, conn: KubeletConn): void {
  const { serving, channel } = conn
  conns.delete(channel.stream.sock)
  streamClose(ctx, channel.stream)
  if (serving.k !== 'exec') return
  if (serving.forward === true) forwardEnd(ctx.world, serving.follow)
  else execEnd(ctx.world, serving.follow)
}

function say(ctx: ProcCtx, conn: KubeletConn, message: FromKubelet): void {
  channelSend(ctx, conn.channel, message)
}
