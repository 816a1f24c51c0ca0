/** A program's end of a TCP connection: text in, text out, with what does not fit yet kept as plain data. */
import { sockById, sockClose } from '../net/sock/socket.ts'
import { tcpRecv, tcpSend } from '../net/sock/tcp.ts'
import type { Socket } from '../net/types.ts'
import type { ProcCtx } from '../run/types.ts'
import { decodeUtf8, encodeUtf8 } from '../base/utf8.ts'

const READ_MAX = 65_536

/** Where a connection's socket is. */
export type StreamPlace = Pick<ProcCtx, 'world' | 'ns'>

export interface Stream {
  sock: number
  /** Bytes that the socket had no room for. */
  outbox: Uint8Array[]
  /** Beginning of a character whose other bytes are still on their way. */
  carry: number[]
  sent: number
  received: number
}

/** What a connection had to say: text, and how it stands. errno '' is fine, EAGAIN is nothing yet. */
export interface StreamRead {
  text: string
  bytes: number
  eof: boolean
  errno: string
}

export function createStream(sock: Socket): Stream {
  return { sock: sock.id, outbox: [], carry: [], sent: 0, received: 0 }
}

/** Sends text, or keeps it until there is room. Answers '' or the errno. */
export function streamWrite(ctx: ProcCtx, stream: Stream, text: string): string {
  if (text !== '') stream.outbox.push(encodeUtf8(text))
  return streamFlush(ctx, stream)
}

/** Sends what waits. Answers '' or the errno. */
export function streamFlush(ctx: StreamPlace, stream: Stream): string {
  const sock = sockById(ctx.ns, stream.sock)
  if (sock === undefined) return 'EBADF'
  while (stream.outbox.length > 0) {
    const head = stream.outbox[0]!
    const { sent, errno } = tcpSend(ctx.world, ctx.ns, sock, head)
    if (errno === 'EAGAIN') return ''
    if (errno !== '') return errno
    stream.sent += sent
    if (sent === head.length) stream.outbox.shift()
    else {
      stream.outbox[0] = head.slice(sent)
      return ''
    }
  }
  return ''
}

/** Reads everything that waits. */
export function streamRead(ctx: ProcCtx, stream: Stream): StreamRead {
  const sock = sockById(ctx.ns, stream.sock)
  const result: StreamRead = { text: '', bytes: 0, eof: false, errno: '' }
  if (sock === undefined) return { ...result, errno: 'EBADF' }
  for (;;) {
    const got = tcpRecv(ctx.world, ctx.ns, sock, READ_MAX)
    if (got.data === null) {
      if (got.errno !== 'EAGAIN' || result.bytes === 0) result.errno = got.errno
      break
    }
    if (got.data.length === 0) {
      result.eof = true
      break
    }
    const { text, rest } = decodeUtf8(stream.carry, got.data)
    stream.carry = rest
    result.text += text
    result.bytes += got.data.length
  }
  stream.received += result.bytes
  return result
}

/** close(2). */
export function streamClose(ctx: StreamPlace, stream: Stream): void {
  const sock = sockById(ctx.ns, stream.sock)
  if (sock !== undefined) sockClose(ctx.world, ctx.ns, sock)
  stream.outbox = []
}

/** What strerror(3) says of the errors that sockets have. */
export function errnoText(errno: string): string {
  return ERRNO[errno] ?? errno
}

/** The number of an errno. */
export function errnoNumber(errno: string): number {
  return NUMBERS[errno] ?? 0
}

const ERRNO: Readonly<Record<string, string>> = Object.freeze({
  EACCES: 'Permission denied',
  EADDRINUSE: 'Address already in use',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  EAFNOSUPPORT: 'Address family not supported by protocol',
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  EHOSTDOWN: 'Host is down',
  EHOSTUNREACH: 'No route to host',
  EINPROGRESS: 'Operation now in progress',
  EINVAL: 'Invalid argument',
  EMSGSIZE: 'Message too long',
  ENETUNREACH: 'Network is unreachable',
  ENODEV: 'No such device',
  ENONET: 'Machine is not on the network',
  ENOPROTOOPT: 'Protocol not available',
  ENOTCONN: 'Transport endpoint is not connected',
  EOPNOTSUPP: 'Operation not supported',
  EPERM: 'Operation not permitted',
  EPIPE: 'Broken pipe',
  EPROTO: 'Protocol error',
  ETIMEDOUT: 'Connection timed out',
})

const NUMBERS: Readonly<Record<string, number>> = Object.freeze({
  EACCES: 13,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  EAFNOSUPPORT: 97,
  ECONNREFUSED: 111,
  ECONNRESET: 104,
  EHOSTUNREACH: 113,
  EINVAL: 22,
  ENETUNREACH: 101,
  ENODEV: 19,
  EPIPE: 32,
  ETIMEDOUT: 110,
})
