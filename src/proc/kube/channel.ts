/**
 * What runs over a connection to port 6443: messages as lines of JSON inside TLS application data records, so that a
 * capture shows encrypted data of the right length. Models RFC 8446 section 5.1's record layer. Not here: the
 * handshake, encryption, HTTP/2's frames.
 */
import { tcpRecv } from '../../net/sock/tcp.ts'
import { sockById } from '../../net/sock/socket.ts'
import type { Socket } from '../../net/types.ts'
import type { Stream, StreamPlace } from '../stream.ts'
import { createStream, streamFlush } from '../stream.ts'
import { decodeUtf8, encodeUtf8 } from '../../base/utf8.ts'

export interface Channel {
  stream: Stream
  /** Bytes of a record that has not arrived as a whole. */
  partial: Uint8Array
  /** Beginning of a character, and of a line, whose rest is in the next record. */
  carry: number[]
  line: string
}

const HEAD = 5
const RECORD_MAX = 16_384
const READ_MAX = 65_536

export function createChannel(sock: Socket): Channel {
  return { stream: createStream(sock), partial: new Uint8Array(0), carry: [], line: '' }
}

/** Sends a message, or keeps what the socket has no room for. Answers '' or the errno. */
export function channelSend(at: StreamPlace, channel: Channel, message: object): string {
  const bytes = encodeUtf8(`${JSON.stringify(message)}\n`)
  for (let from = 0; from < bytes.length; from += RECORD_MAX) {
    const piece = bytes.subarray(from, from + RECORD_MAX)
    const record = new Uint8Array(HEAD + piece.length)
    record.set([23, 3, 3, piece.length >> 8, piece.length & 255])
    record.set(piece, HEAD)
    channel.stream.outbox.push(record)
  }
  return streamFlush(at, channel.stream)
}

/** Everything that has arrived whole. `errno` is EOF at the other side's end, '' while the connection stands. */
export function channelRead(at: StreamPlace, channel: Channel): { messages: unknown[]; errno: string } {
  const sock = sockById(at.ns, channel.stream.sock)
  if (sock === undefined) return { messages: [], errno: 'EBADF' }
  const messages: unknown[] = []
  for (;;) {
    const { data, errno } = tcpRecv(at.world, at.ns, sock, READ_MAX)
    if (data === null) return { messages, errno: errno === 'EAGAIN' ? '' : errno }
    if (data.length === 0) return { messages, errno: 'EOF' }
    channel.stream.received += data.length
    if (!takeBytes(channel, data, messages)) return { messages, errno: 'EPROTO' }
  }
}

/** False: what came is no record, or no JSON (somebody speaks another protocol). */
function takeBytes(channel: Channel, data: Uint8Array, messages: unknown[]): boolean {
  const bytes = new Uint8Array(channel.partial.length + data.length)
  bytes.set(channel.partial)
  bytes.set(data, channel.partial.length)
  let from = 0
  while (bytes.length - from >= HEAD) {
    const length = (bytes[from + 3]! << 8) | bytes[from + 4]!
    if (bytes[from] !== 23 || length > RECORD_MAX) return false
    if (bytes.length - from < HEAD + length) break
    const { text, rest } = decodeUtf8(channel.carry, bytes.subarray(from + HEAD, from + HEAD + length))
    channel.carry = rest
    channel.line += text
    from += HEAD + length
  }
  channel.partial = bytes.slice(from)
  const lines = channel.line.split('\n')
  channel.line = lines.pop() ?? ''
  try {
    for (const line of lines) messages.push(JSON.parse(line))
  } catch {
    return false
  }
  return true
}
