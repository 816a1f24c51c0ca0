/**
 * A lab's API server on 127.0.0.1, for a real kubectl: plain HTTP/1.1, watches as lines of JSON in chunks. Whoever does
 * not know the secret in the path is turned away, and so is every web page (Host and Origin are looked at). Virtual
 * time follows the clock. Not here: TLS, HTTP/2, SPDY.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ApiRequest, ApiResponse, WatchFollow } from '../lab/cluster-api.ts'
import { advanceTo, followWatch, serveApi, watchMore } from '../lab/cluster-api.ts'
import type { LogFollow } from '../lab/cluster-streams.ts'
import { followLog, logMore, startExec } from '../lab/cluster-streams.ts'
import type { Run } from '../lab/headless.ts'
import type { AttachDoor, ExecDoor } from './api-exec.ts'
import {
  CHANNEL_PROTOCOLS,
  failExec,
  openAttachDoor,
  openExecDoor,
  pushAttach,
  pushExec,
} from './api-exec.ts'
import { offeredProtocol } from './websocket.ts'

export interface ApiServerOptions {
  /** 0 for any that is free */
  readonly port: number
  /** Virtual seconds in a second. */
  readonly speed: number
  /** Called at every request, before it is answered. */
  readonly asked?: () => void
}

export interface ApiServer {
  readonly port: number
  /** Address with the secret, without a slash at its end. */
  readonly url: string
  /** Virtual seconds in a second from now on; 0: time stands still, requests are answered nevertheless. */
  setSpeed(speed: number): void
  close(): Promise<void>
}

interface Door {
  readonly run: Run
  readonly server: Server
  readonly secret: string
  /** Watches that go on, by the response that they are written to. */
  readonly watches: Map<ServerResponse, WatchFollow>
  readonly logs: Map<ServerResponse, LogFollow>
  readonly asked: () => void
  readonly execs: Set<ExecDoor>
  readonly attaches: Set<AttachDoor>
}

const EVENTS_AT_ONCE = 20_000
const TICK_MS = 20
/** The world runs as fast as it can where it cannot keep up; it does not try to catch up with more than this. */
const BEHIND_MS = 250
/** etcd's and the API server's own limit for a body. */
const BODY_MAX = 3 * 1024 * 1024
/** A watcher that does not read is closed, as the server closes one that falls behind. */
const UNREAD_MAX = 16 * 1024 * 1024

/** Starts to listen. Rejects where the port is taken. */
export async function startApiServer(run: Run, options: ApiServerOptions): Promise<ApiServer> {
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 30_000 })
  const door: Door = {
    run,
    server,
    secret: randomBytes(24).toString('base64url'),
    watches: new Map(),
    logs: new Map(),
    asked: options.asked ?? (() => {}),
    execs: new Set(),
    attaches: new Set(),
  }
  server.on('request', (request, response) => void onRequest(door, request, response))
  server.on('upgrade', (request, socket, head) => onUpgrade(door, request, socket, head))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const clock = startClock(run, options.speed, () => pushNews(door))
  const close = async () => {
    clock.stop()
    for (const response of door.watches.keys()) response.end()
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  return { port, url: `http://127.0.0.1:${port}/${door.secret}`, setSpeed: clock.setSpeed, close }
}

interface Clock {
  stop(): void
  setSpeed(speed: number): void
}

/** Lets the world's time follow the clock. */
function startClock(run: Run, firstSpeed: number, each: () => void): Clock {
  const { world, rules } = run
  let speed = firstSpeed
  let from = { real: performance.now(), virtual: world.now }
  let stopped = false
  const tick = () => {
    if (stopped) return
    const passed = performance.now() - from.real
    const reached = advanceTo(world, rules, from.virtual + Math.round(passed * 1e6 * speed), EVENTS_AT_ONCE)
    each()
    if (world.frozen === undefined && !reached && speed > 0) {
      const behind = passed - (world.now - from.virtual) / 1e6 / speed
      if (behind > BEHIND_MS) from = { real: performance.now() - BEHIND_MS / 2, virtual: world.now }
      setImmediate(tick)
    } else setTimeout(tick, TICK_MS)
  }
  tick()
  return {
    stop: () => {
      stopped = true
    },
    setSpeed: (next) => {
      speed = next
      from = { real: performance.now(), virtual: world.now }
    },
  }
}

function pushNews(door: Door): void {
  for (const [response, follow] of door.watches) {
    const { lines, ended } = watchMore(door.run.world, follow)
    if (lines.length > 0) response.write(`${lines.join('\n')}\n`)
    const stuck = response.writableLength > UNREAD_MAX
    if (ended || stuck) {
      door.watches.delete(response)
      if (stuck) response.destroy()
      else response.end()
    }
  }
  for (const [response, follow] of door.logs) {
    const { text, ended } = logMore(door.run.world, follow)
    if (text !== '') response.write(text)
    if (!ended) continue
    door.logs.delete(response)
    response.end()
  }
  for (const exec of door.execs) if (pushExec(door.run, exec)) door.execs.delete(exec)
  for (const one of door.attaches) if (pushAttach(door.run, one)) door.attaches.delete(one)
}

async function onRequest(door: Door, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const refused = refusal(door, request)
  door.asked()
  if (refused !== undefined) {
    request.resume()
    sendAnswer(response, refused)
    return
  }
  const body = await readBody(request)
  if (body === undefined) {
    response.setHeader('Connection', 'close')
    sendAnswer(response, statusAnswer(413, 'RequestEntityTooLarge', `limit is ${BODY_MAX}`))
    return
  }
  const asked = apiRequestOf(request, body)
  const answer =
    asked === undefined
      ? statusAnswer(400, 'BadRequest', 'the path cannot be decoded')
      : serveApi(door.run.world, asked)
  if (answer.watch !== undefined) beginWatch(door, response, answer)
  else if (answer.stream?.what === 'log') beginLog(door, response, answer)
  else if (answer.stream !== undefined) {
    sendAnswer(response, statusAnswer(400, 'BadRequest', 'Upgrade request required'))
  } else sendAnswer(response, answer)
}

/** Who may not ask gets this. */
function refusal(door: Door, request: IncomingMessage): ApiResponse | undefined {
  const { port } = door.server.address() as AddressInfo
  const { host, origin } = request.headers
  if (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`) {
    return statusAnswer(403, 'Forbidden', 'this server is for 127.0.0.1 only')
  }
  if (origin !== undefined || request.headers['sec-fetch-site'] !== undefined) {
    return statusAnswer(403, 'Forbidden', 'this server is not for web pages')
  }
  const [, secret = ''] = (request.url ?? '').split(/[/?]/)
  if (!sameText(secret, door.secret)) {
    return statusAnswer(403, 'Forbidden', 'the address lacks its secret: use the kubeconfig as printed')
  }
  return undefined
}

function sameText(a: string, b: string): boolean {
  const [one, two] = [Buffer.from(a), Buffer.from(b)]
  return one.length === two.length && timingSafeEqual(one, two)
}

/** The whole body, one character for each byte; undefined where it is too long. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length
    if (size <= BODY_MAX) pieces.push(piece)
  }
  return size > BODY_MAX ? undefined : Buffer.concat(pieces)
}

/** As the engine knows requests; undefined where the address is none. */
function apiRequestOf(request: IncomingMessage, body: Buffer): ApiRequest | undefined {
  const url = request.url ?? ''
  const cut = url.indexOf('?')
  const path = (cut < 0 ? url : url.slice(0, cut)).replace(/^\/[^/]*/, '')
  const query = cut < 0 ? '' : url.slice(cut + 1)
  const { accept = '', 'content-type': contentType = '', 'user-agent': userAgent = '' } = request.headers
  const binary = contentType.startsWith('application/vnd.kubernetes.protobuf')
  try {
    return {
      method: request.method ?? 'GET',
      path: decodeURIComponent(path === '' ? '/' : path),
      query: [...new URLSearchParams(query)],
      accept,
      contentType,
      body: body.toString(binary ? 'latin1' : 'utf8'),
      user: 'kubernetes-admin',
      userAgent,
    }
  } catch {
    return undefined
  }
}

function beginWatch(door: Door, response: ServerResponse, answer: ApiResponse): void {
  writeHead(response, answer)
  response.flushHeaders()
  if (answer.body !== '') response.write(answer.body)
  door.watches.set(response, followWatch(door.run.world, answer.watch!))
  response.on('close', () => door.watches.delete(response))
}

function beginLog(door: Door, response: ServerResponse, answer: ApiResponse): void {
  const opened = followLog(door.run.world, answer.stream!)
  if ('answer' in opened) {
    sendAnswer(response, opened.answer)
    return
  }
  writeHead(response, answer)
  response.flushHeaders()
  if (opened.text !== '') response.write(opened.text)
  door.logs.set(response, opened.follow)
  response.on('close', () => door.logs.delete(response))
}

function sendAnswer(response: ServerResponse, answer: ApiResponse): void {
  writeHead(response, answer)
  response.end(bodyText(answer))
}

function bodyText({ body }: ApiResponse): string {
  return typeof body === 'string' ? body : `${JSON.stringify(body)}\n`
}

function writeHead(response: ServerResponse, { code, contentType, warnings = [] }: ApiResponse): void {
  const headers: Record<string, string | string[]> = {
    'Cache-Control': 'no-cache, private',
    'Content-Type': contentType,
    'X-Content-Type-Options': 'nosniff',
  }
  if (warnings.length > 0) headers.Warning = warnings.map((text) => `299 - "${quoted(text)}"`)
  response.writeHead(code, headers)
}

/** Header text is ASCII in quotes. */
function quoted(text: string): string {
  return text.replaceAll(/[^ -~]/g, '?').replaceAll(/["\\]/g, '\\$&')
}

function statusAnswer(code: number, reason: string, message: string): ApiResponse {
  const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code }
  return { code, contentType: 'application/json', body }
}

/** A request to become another protocol: a WebSocket for a command in a container, and nothing else. */
function onUpgrade(door: Door, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  socket.on('error', () => socket.destroy())
  const { run, execs, attaches } = door
  door.asked()
  const refused = refusal(door, request)
  const asked = refused === undefined ? apiRequestOf(request, Buffer.alloc(0)) : undefined
  const answer = refused ?? (asked === undefined ? undefined : serveApi(run.world, asked))
  if (answer?.stream === undefined) {
    refuseUpgrade(socket, answer ?? statusAnswer(400, 'BadRequest', 'the path cannot be decoded'))
    return
  }
  const protocol = offeredProtocol(request, CHANNEL_PROTOCOLS)
  if (protocol === undefined) {
    const words = `unable to upgrade: only WebSockets are spoken here (${CHANNEL_PROTOCOLS.join(', ')})`
    refuseUpgrade(socket, statusAnswer(400, 'BadRequest', words))
    return
  }
  const upgrade = { request, socket, head, protocol }
  if (answer.stream.what === 'attach') {
    const opened = followLog(run.world, answer.stream)
    if ('answer' in opened) failExec(upgrade, opened.answer.body)
    else {
      const one: AttachDoor = openAttachDoor(opened.follow, opened.text, upgrade, () => attaches.delete(one))
      attaches.add(one)
    }
    return
  }
  const started = startExec(run.world, run.rules.programs, answer.stream)
  if ('answer' in started) {
    // As the kubelet does it: the connection comes about, and its channel for errors says why nothing else did.
    failExec(upgrade, started.answer.body)
    return
  }
  const exec: ExecDoor = openExecDoor(run, started.follow, upgrade, () => execs.delete(exec))
  execs.add(exec)
}

function refuseUpgrade(socket: Duplex, answer: ApiResponse): void {
  const text = bodyText(answer)
  const code = answer.code === 101 ? 400 : answer.code
  const start = `HTTP/1.1 ${code} Refused\r\nContent-Type: ${answer.contentType}\r\nConnection: close\r\n`
  socket.end(`${start}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
}
