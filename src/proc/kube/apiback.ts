/**
 * What the API server asks kubelets for in somebody's name: a connection to port 10250 of the pod's node for each log
 * and each command. Models pkg/registry/core/pod's streaming (1.32): the dialer's 30 s, the transport's health check
 * (30 s, 15 s). Not here: konnectivity.
 */
import { parseIp } from '../../base/addr.ts'
import { failure } from '../../kube/api/status.ts'
import { clusterOf } from '../../kube/cluster.ts'
import type { Node, Pod } from '../../kube/objects.ts'
import { storeGet, storeOf } from '../../kube/store/store.ts'
import type { ApiResponse, Status, StreamSpec } from '../../kube/types.ts'
import { sockById, sockError, sockOpen } from '../../net/sock/socket.ts'
import { tcpConnect, tcpConnected } from '../../net/sock/tcp.ts'
import { tcpKeepalive } from '../../net/sock/tcpkeep.ts'
import { setTimer } from '../../run/process.ts'
import type { ProcCtx } from '../program.ts'
import { streamClose, streamFlush } from '../stream.ts'
import { dialReason, WEBSOCKET_CUT } from './apiclient.ts'
import type { FromServer } from './apiwire.ts'
import { GO_KEEPALIVE } from './apiwire.ts'
import type { Channel } from './channel.ts'
import { channelRead, channelSend, createChannel } from './channel.ts'
import type { FromKubelet, ToKubelet } from './kubeletserve.ts'

/** A connection to a kubelet: plain data of the API server's process. */
export interface Backend {
  readonly channel: Channel
  /** Socket of the client that it is for, and the number of its request. */
  readonly client: number
  readonly n: number
  readonly spec: StreamSpec
  readonly first: ToKubelet
  readonly endpoint: string
  readonly dialedAt: number
  phase: 'dialing' | 'asked' | 'open'
  /** A log that is not followed is answered as a whole. */
  whole: string | null
  readAt: number
}

/** What a client is to be told. */
export type Tell = (client: number, message: FromServer) => void

const DIAL_NS = 30_000_000_000
const IDLE_NS = 30_000_000_000
const LOST_NS = 45_000_000_000
const LOOK_NS = 1_000_000_000
const TIMER = 'backends'

/** Asks the kubelet for what an answer's `stream` stands for. */
export function backendOpen(
  ctx: ProcCtx,
  backends: Map<number, Backend>,
  { client, n }: { client: number; n: number },
  spec: StreamSpec,
  tell: Tell,
): void {
  const { world, ns, proc } = ctx
  const asked = (name: string) => spec.query.some(([key, value]) => key === name && value === 'true')
  const argv = spec.query.filter(([key]) => key === 'command').map(([, value]) => value)
  const follow = asked('follow')
  const port = Number(spec.query.find(([key]) => key === 'ports')?.[1] ?? 0)
  const first: ToKubelet =
    spec.what === 'log'
      ? { k: 'log', target: spec, follow }
      : spec.what === 'portforward'
        ? { k: 'forward', target: spec, port }
        : { k: 'exec', target: spec, asked: { argv, tty: asked('tty'), stdin: asked('stdin') } }
  const endpoint = kubeletOf(ctx, spec)
  const sock = sockOpen(world, ns, { kind: 'tcp', family: 4, pid: proc.pid })
  sock.tcp!.noDelay = true
  tcpKeepalive(world, ns, sock, GO_KEEPALIVE)
  const back: Backend = {
    channel: createChannel(sock),
    ...{ client, n, spec, first, endpoint, phase: 'dialing', dialedAt: world.now, readAt: world.now },
    whole: spec.what === 'log' && !follow ? '' : null,
  }
  const address = parseIp(endpoint.split(':')[0] ?? '')
  const errno = address === undefined ? 'EHOSTUNREACH' : tcpConnect(world, ns, sock, address, 10250)
  if (errno !== null) {
    streamClose(ctx, back.channel.stream)
    tell(client, called(n, failed(back, dialReason(endpoint, errno))))
    return
  }
  backends.set(sock.id, back)
  setTimer(ctx, world.now + LOOK_NS, TIMER)
}

function kubeletOf({ world }: ProcCtx, { namespace, pod }: StreamSpec): string {
  const store = storeOf(world)
  const name = storeGet<Pod>(store, 'pods', namespace, pod)?.spec.nodeName ?? ''
  const node = storeGet<Node>(store, 'nodes', '', name)
  const known = node?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address
  const address = known ?? clusterOf(world).nodes.get(name)?.addresses[0] ?? ''
  return `${address}:10250`
}

/** True: the event was about a connection to a kubelet. */
export function backendEvent(
  ctx: ProcCtx,
  backends: Map<number, Backend>,
  event: { type: string; sock?: number; tag?: string },
  tell: Tell,
): boolean {
  if (event.type === 'timer' && event.tag === TIMER) {
    for (const back of [...backends.values()]) look(ctx, backends, back, tell)
    if (backends.size > 0) setTimer(ctx, ctx.world.now + LOOK_NS, TIMER)
    return true
  }
  const back = event.type === 'sock' ? backends.get(event.sock ?? 0) : undefined
  if (back === undefined) return false
  onSocket(ctx, backends, back, tell)
  return true
}

/** Passes a client's input on. */
export function backendInput(
  ctx: ProcCtx,
  backends: Map<number, Backend>,
  at: { client: number; n: number },
  text: string,
  eof: boolean,
): void {
  const back = [...backends.values()].find((one) => one.client === at.client && one.n === at.n)
  if (back !== undefined) channelSend(ctx, back.channel, { k: 'input', text, eof } satisfies ToKubelet)
}

/** The client is gone: nobody needs its connections any longer. */
export function backendsDrop(ctx: ProcCtx, backends: Map<number, Backend>, client: number): void {
  for (const back of [...backends.values()]) if (back.client === client) close(ctx, backends, back)
}

/** Times that are over. A command's connection has no health check. */
function look(ctx: ProcCtx, backends: Map<number, Backend>, back: Backend, tell: Tell): void {
  const { now } = ctx.world
  if (back.phase === 'dialing') {
    if (now - back.dialedAt < DIAL_NS) return
    close(ctx, backends, back)
    tell(back.client, called(back.n, failed(back, `dial tcp ${back.endpoint}: i/o timeout`)))
    return
  }
  const flushed = streamFlush(ctx, back.channel.stream)
  if (flushed !== '') broken(ctx, backends, back, tell)
  else if (back.spec.what !== 'log') return
  else if (now - back.readAt >= LOST_NS) broken(ctx, backends, back, tell)
  else if (now - back.readAt >= IDLE_NS && now - back.readAt < IDLE_NS + LOOK_NS) {
    channelSend(ctx, back.channel, { k: 'ping' } satisfies ToKubelet)
  }
}

function onSocket(ctx: ProcCtx, backends: Map<number, Backend>, back: Backend, tell: Tell): void {
  const { world } = ctx
  const sock = sockById(ctx.ns, back.channel.stream.sock)
  if (sock === undefined) return
  if (back.phase === 'dialing') {
    const errno = sockError(sock)
    if (errno !== '') {
      close(ctx, backends, back)
      tell(back.client, called(back.n, failed(back, dialReason(back.endpoint, errno))))
      return
    }
    if (!tcpConnected(sock)) return
    back.phase = 'asked'
    back.readAt = world.now
    channelSend(ctx, back.channel, back.first)
  }
  const { messages, errno } = channelRead(ctx, back.channel)
  if (messages.length > 0) back.readAt = world.now
  let over = false
  for (const message of messages as FromKubelet[]) over = relay(back, message, tell) || over
  if (over) close(ctx, backends, back)
  else if (errno !== '' || streamFlush(ctx, back.channel.stream) !== '') broken(ctx, backends, back, tell)
}

/** Hands on what a kubelet said. True: it said all. */
function relay(back: Backend, message: FromKubelet, tell: Tell): boolean {
  const { client, n, spec } = back
  switch (message.k) {
    case 'failed':
      tell(client, called(n, statusAnswer(message.status)))
      return true
    case 'opened': {
      back.phase = 'open'
      const code = spec.what === 'log' ? 200 : 101
      if (back.whole === null)
        tell(client, called(n, { code, contentType: 'text/plain', body: '', stream: spec }))
      return false
    }
    case 'data':
      if (back.whole === null) tell(client, { k: 'data', n, out: message.out, err: message.err })
      else back.whole += message.out
      return false
    case 'end':
      if (back.whole === null) tell(client, { k: 'end', n, code: message.code, broken: message.why ?? '' })
      else tell(client, called(n, { code: 200, contentType: 'text/plain', body: back.whole }))
      return true
    default:
      return false
  }
}

/** The connection failed on its way: what has begun is cut off, what has not is refused. */
function broken(ctx: ProcCtx, backends: Map<number, Backend>, back: Backend, tell: Tell): void {
  close(ctx, backends, back)
  const { client, n } = back
  if (back.phase === 'open' && back.whole === null) {
    const reset = `stream error: stream ID ${2 * n - 1}; INTERNAL_ERROR; received from peer`
    tell(client, { k: 'end', n, code: 0, broken: back.spec.what === 'log' ? reset : WEBSOCKET_CUT })
  } else tell(client, called(n, failed(back, 'http2: client connection lost')))
}

function close(ctx: ProcCtx, backends: Map<number, Backend>, back: Backend): void {
  backends.delete(back.channel.stream.sock)
  streamClose(ctx, back.channel.stream)
}

/** The server's words for a kubelet that it does not reach. */
function failed({ spec, endpoint }: Backend, why: string): ApiResponse {
  const { namespace, pod, container } = spec
  if (spec.what !== 'log') return statusAnswer(nameless(`error dialing backend: ${why}`))
  const query = spec.query.filter(([key]) => key !== 'container').map(([key, value]) => `${key}=${value}`)
  const url = `https://${endpoint}/containerLogs/${namespace}/${pod}/${container}`
  return statusAnswer(nameless(`Get "${url}${query.length === 0 ? '' : `?${query.join('&')}`}": ${why}`))
}

/** A failure without a reason: kubectl prints `Error from server: ...`. */
export function nameless(message: string): Status {
  const { reason: _none, ...rest } = failure(500, '', message)
  return rest
}

/** A failure as an answer. */
export function statusAnswer(status: Status): ApiResponse {
  return { code: status.code ?? 500, contentType: 'application/json', body: status }
}

function called(n: number, response: ApiResponse): FromServer {
  return { k: 'called', n, response }
}
