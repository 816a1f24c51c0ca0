/** Programs that only images have: the sleeper that holds a pod's namespaces, and a small store that speaks to redis-cli. */
import { sockBind, sockById, sockOpen } from '../../../net/sock/socket.ts'
import { tcpAccept, tcpListen } from '../../../net/sock/tcp.ts'
import { exitProcess } from '../../../run/process.ts'
import type { ProcCtx, ProcEvent, Program } from '../../program.ts'
import { out } from '../../program.ts'
import type { Stream } from '../../stream.ts'
import { createStream, streamClose, streamRead, streamWrite } from '../../stream.ts'
import { encodeUtf8 } from '../../../base/utf8.ts'

/** Models kubernetes/build/pause: it waits for a signal. */
const pause: Program = {
  name: 'pause',
  help: 'sleep until told to end (in the image pause)',
  handles: ['SIGINT', 'SIGTERM'],
  start() {},
  on(ctx, event) {
    if (event.type !== 'signal') return
    out(ctx, 'Shutting down, got signal: Terminated\n')
    exitProcess(ctx, 0)
  },
}

interface RedisState {
  listener: number
  conns: Map<number, { stream: Stream; text: string }>
  values: Map<string, string>
}

const PORT = 6379
const VALUES_MAX = 10_000

const redis: Program = {
  name: 'redis-server',
  help: 'a small key-value server on port 6379 (in the image redis): PING, ECHO, SET, GET, DEL, INCR',
  handles: ['SIGINT', 'SIGTERM'],
  start(ctx) {
    const { world, ns, proc } = ctx
    const sock = sockOpen(world, ns, { kind: 'tcp', family: 4, pid: proc.pid })
    sock.tcp!.reuseAddr = true
    const errno = sockBind(world, ns, sock, { port: PORT }) ?? tcpListen(world, ns, sock, 511)
    if (errno !== null) {
      out(
        ctx,
        `${proc.vpid}:M # Warning: Could not create server TCP listening socket *:${PORT}: bind: Address already in use\n`,
      )
      out(ctx, `${proc.vpid}:M # Failed listening on port ${PORT} (tcp), aborting.\n`)
      return exitProcess(ctx, 1)
    }
    ctx.proc.state = { listener: sock.id, conns: new Map(), values: new Map() } satisfies RedisState
    out(ctx, `${proc.vpid}:M * Ready to accept connections tcp\n`)
  },
  on(ctx, event) {
    if (event.type === 'signal') exitProcess(ctx, 0)
    else if (event.type === 'sock') heard(ctx, ctx.proc.state as RedisState, event)
  },
}

export const imagePrograms: readonly Program[] = [pause, redis]

function heard(ctx: ProcCtx, state: RedisState, event: Extract<ProcEvent, { type: 'sock' }>): void {
  const listener = sockById(ctx.ns, state.listener)
  while (event.sock === state.listener && listener !== undefined) {
    const sock = tcpAccept(ctx.world, ctx.ns, listener)
    if (sock === undefined) return
    state.conns.set(sock.id, { stream: createStream(sock), text: '' })
    read(ctx, state, sock.id)
  }
  read(ctx, state, event.sock)
}

function read(ctx: ProcCtx, state: RedisState, id: number): void {
  const conn = state.conns.get(id)
  if (conn === undefined) return
  const got = streamRead(ctx, conn.stream)
  conn.text += got.text
  for (;;) {
    const taken = takeCommand(conn.text)
    if (taken === undefined) break
    conn.text = taken.rest
    if (taken.words.length === 0) continue
    if (/^quit$/i.test(taken.words[0]!)) {
      streamWrite(ctx, conn.stream, '+OK\r\n')
      got.eof = true
      break
    }
    streamWrite(ctx, conn.stream, answer(state, taken.words))
  }
  if (!got.eof && (got.errno === '' || got.errno === 'EAGAIN') && conn.text.length < 65_536) return
  streamClose(ctx, conn.stream)
  state.conns.delete(id)
}

/** An inline command, or an array of bulk strings (RESP 2). Undefined while it is not whole. */
function takeCommand(text: string): { words: string[]; rest: string } | undefined {
  if (!text.startsWith('*')) {
    const end = text.indexOf('\n')
    if (end < 0) return undefined
    return {
      words: text
        .slice(0, end)
        .split(/\s+/)
        .filter((word) => word !== ''),
      rest: text.slice(end + 1),
    }
  }
  const head = /^\*([0-9]{1,4})\r\n/.exec(text)
  if (head === null) return undefined
  const words: string[] = []
  let at = head[0].length
  for (let i = 0; i < Number(head[1]); i++) {
    const size = /^\$([0-9]{1,6})\r\n/.exec(text.slice(at))
    if (size === null) return undefined
    const from = at + size[0].length
    const length = Number(size[1])
    if (text.length < from + length + 2) return undefined
    words.push(text.slice(from, from + length))
    at = from + length + 2
  }
  return { words, rest: text.slice(at) }
}

function answer(state: RedisState, words: readonly string[]): string {
  const [name = '', key = '', value = ''] = words
  const bulk = (text: string | undefined) =>
    text === undefined ? '$-1\r\n' : `$${encodeUtf8(text).length}\r\n${text}\r\n`
  switch (name.toUpperCase()) {
    case 'PING':
      return words.length > 1 ? bulk(key) : '+PONG\r\n'
    case 'ECHO':
      return bulk(key)
    case 'GET':
      return bulk(state.values.get(key))
    case 'SET':
      if (state.values.size >= VALUES_MAX) return '-OOM command not allowed when used memory is too large\r\n'
      state.values.set(key, value)
      return '+OK\r\n'
    case 'DEL':
      return `:${state.values.delete(key) ? 1 : 0}\r\n`
    case 'INCR': {
      const next = Number(state.values.get(key) ?? 0) + 1
      if (!Number.isSafeInteger(next)) return '-ERR value is not an integer or out of range\r\n'
      state.values.set(key, String(next))
      return `:${next}\r\n`
    }
    default:
      return `-ERR unknown command '${name}', with args beginning with: \r\n`
  }
}
