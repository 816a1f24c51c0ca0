/** The server's end of a WebSocket: messages of bytes. Models RFC 6455. Not here: extensions, text as text. */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

export interface WebSocketEnd {
  send(bytes: Uint8Array): void
  /** Says goodbye (1000) and ends the connection. */
  close(): void
}

export interface WebSocketEvents {
  message(bytes: Buffer): void
  /** The connection is over, whoever ended it. Called once. */
  closed(): void
}

const MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const MESSAGE_MAX = 4 * 1024 * 1024
const UNREAD_MAX = 16 * 1024 * 1024

/** The first of `wanted` among the subprotocols that a client offers; undefined for none, or for no WebSocket. */
export function offeredProtocol(request: IncomingMessage, wanted: readonly string[]): string | undefined {
  const { upgrade, 'sec-websocket-key': key, 'sec-websocket-version': version } = request.headers
  if (request.method !== 'GET' || upgrade?.toLowerCase() !== 'websocket' || version !== '13') return undefined
  if (key === undefined) return undefined
  const offered = String(request.headers['sec-websocket-protocol'] ?? '').split(/\s*,\s*/)
  return wanted.find((name) => offered.includes(name))
}

/** Answers the handshake and takes the connection over. `head` is what came after the request. */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocol: string,
  events: WebSocketEvents,
): WebSocketEnd {
  const key = String(request.headers['sec-websocket-key'])
  const accept = createHash('sha1')
    .update(key + MAGIC)
    .digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
  )
  const reader: Reader = { bytes: head, parts: [], size: 0, over: false }
  const write = (opcode: number, bytes: Uint8Array) => {
    if (socket.writable) socket.write(frame(opcode, bytes))
    if (socket.writableLength > UNREAD_MAX) socket.destroy()
  }
  const read = () => {
    while (!reader.over) {
      const next = nextFrame(reader)
      if (next === 'more') return
      if (next === 'bad') {
        reader.over = true
        write(8, Buffer.from([0x03, 0xea]))
        socket.end()
      } else if (next.opcode === 8) {
        reader.over = true
        write(8, next.bytes.subarray(0, 2))
        socket.end()
      } else if (next.opcode === 9) write(10, next.bytes)
      else if (next.opcode < 8) takePart(reader, next, events)
    }
  }
  socket.on('data', (piece: Buffer) => {
    reader.bytes = reader.bytes.length === 0 ? piece : Buffer.concat([reader.bytes, piece])
    read()
  })
  socket.on('end', () => socket.end())
  socket.once('close', () => events.closed())
  queueMicrotask(read)
  return {
    send: (bytes) => write(2, bytes),
    close: () => {
      reader.over = true
      write(8, Buffer.from([0x03, 0xe8]))
      socket.end()
    },
  }
}

interface Reader {
  bytes: Buffer
  parts: Buffer[]
  size: number
  over: boolean
}

interface Frame {
  readonly opcode: number
  readonly fin: boolean
  readonly bytes: Buffer
}

/** The next whole frame; `bad` where a client breaks the rules (no mask, too long, reserved bits). */
function nextFrame(reader: Reader): Frame | 'more' | 'bad' {
  const { bytes } = reader
  if (bytes.length < 2) return 'more'
  const [first = 0, second = 0] = bytes
  if ((first & 0x70) !== 0 || (second & 0x80) === 0) return 'bad'
  let length = second & 0x7f
  let at = 2
  if (length === 126) {
    if (bytes.length < 4) return 'more'
    length = bytes.readUInt16BE(2)
    at = 4
  } else if (length === 127) {
    if (bytes.length < 10) return 'more'
    const long = bytes.readBigUInt64BE(2)
    if (long > BigInt(MESSAGE_MAX)) return 'bad'
    length = Number(long)
    at = 10
  }
  const opcode = first & 15
  const fin = (first & 0x80) !== 0
  if (opcode >= 8 && (length > 125 || !fin)) return 'bad'
  if (reader.size + length > MESSAGE_MAX) return 'bad'
  if (bytes.length < at + 4 + length) return 'more'
  const mask = bytes.subarray(at, at + 4)
  const data = Buffer.from(bytes.subarray(at + 4, at + 4 + length))
  for (let i = 0; i < data.length; i++) data[i]! ^= mask[i & 3]!
  reader.bytes = bytes.subarray(at + 4 + length)
  return { opcode, fin, bytes: data }
}

function takePart(reader: Reader, { fin, bytes }: Frame, events: WebSocketEvents): void {
  reader.parts.push(bytes)
  reader.size += bytes.length
  if (!fin) return
  const message = Buffer.concat(reader.parts)
  reader.parts = []
  reader.size = 0
  events.message(message)
}

function frame(opcode: number, bytes: Uint8Array): Buffer {
  const { length } = bytes
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10)
  head[0] = 0x80 | opcode
  if (length < 126) head[1] = length
  else if (length < 65_536) {
    head[1] = 126
    head.writeUInt16BE(length, 2)
  } else {
    head[1] = 127
    head.writeBigUInt64BE(BigInt(length), 2)
  }
  return Buffer.concat([head, bytes])
}
