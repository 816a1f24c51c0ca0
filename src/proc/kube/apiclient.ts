/**
 * One request to the API server over its port: what kubectl does. Plain data for the process that waits for the answer.
 * Models client-go's transport (1.32) and kubectl's words where there is no answer (cmd/util/helpers.go
 * StandardErrorMessage). Not here: connections that are used again, proxies, names instead of addresses.
 */
import { parseIp } from '../../base/addr.ts'
import type { ApiRequest, ApiResponse } from '../../kube/types.ts'
import { sockById, sockError, sockOpen } from '../../net/sock/socket.ts'
import { tcpConnect, tcpConnected } from '../../net/sock/tcp.ts'
import { cancelTimer, setTimer } from '../../run/process.ts'
import type { ProcCtx, ProcEvent } from '../program.ts'
import { errnoText, streamClose, streamFlush } from '../stream.ts'
import type { FromServer, ToServer } from './apiwire.ts'
import { endpointParts } from './apiwire.ts'
import type { Channel } from './channel.ts'
import { channelRead, channelSend, createChannel } from './channel.ts'

/** A request under way. */
export interface ApiCall {
  readonly endpoint: string
  readonly request: ApiRequest
  readonly channel: Channel
  sent: boolean
}

/** What became of a request: an answer, or what kubectl prints where there is none (without a newline). */
export type ApiCallEnd = ApiResponse | { readonly unreachable: string }

const DIAL_NS = 30_000_000_000
/** Without a sign of life: the health check's 30 s, and 15 s for the answer to its ping. */
const SILENT_NS = 45_000_000_000
const TIMER = 'apicall'

/** Begins a request to `endpoint` (ADDRESS:PORT). The process' events go to `apiCallEvent` until that has an end. */
export function apiCallStart(
  ctx: ProcCtx,
  endpoint: string,
  request: ApiRequest,
): { call: ApiCall } | { unreachable: string } {
  const { world, ns, proc } = ctx
  const parts = endpointParts(endpoint)
  if (parts === undefined) return { unreachable: refusedText(endpoint) }
  const sock = sockOpen(world, ns, { kind: 'tcp', family: 4, pid: proc.pid })
  sock.tcp!.noDelay = true
  const call: ApiCall = { endpoint, request, channel: createChannel(sock), sent: false }
  const errno = tcpConnect(world, ns, sock, parseIp(parts.host)!, parts.port)
  if (errno !== null) {
    streamClose(ctx, call.channel.stream)
    return { unreachable: dialText(endpoint, errno) }
  }
  setTimer(ctx, world.now + DIAL_NS, TIMER)
  return { call }
}

/** Goes on with a request. Undefined: it is not over, or the event is about something else. */
export function apiCallEvent(ctx: ProcCtx, call: ApiCall, event: ProcEvent): ApiCallEnd | undefined {
  const end = progress(ctx, call, event)
  if (end === undefined) return undefined
  cancelTimer(ctx, TIMER)
  streamClose(ctx, call.channel.stream)
  return end
}

/** Gives a request up: Ctrl-C. */
export function apiCallCancel(ctx: ProcCtx, call: ApiCall): void {
  cancelTimer(ctx, TIMER)
  streamClose(ctx, call.channel.stream)
}

function progress(ctx: ProcCtx, call: ApiCall, event: ProcEvent): ApiCallEnd | undefined {
  const { channel, endpoint } = call
  if (event.type === 'timer' && event.tag === TIMER) {
    const words = call.sent ? 'http2: client connection lost' : `dial tcp ${endpoint}: i/o timeout`
    return { unreachable: `Unable to connect to the server: ${words}` }
  }
  if (event.type !== 'sock' || event.sock !== channel.stream.sock) return undefined
  const sock = sockById(ctx.ns, channel.stream.sock)
  if (sock === undefined) return undefined
  if (!call.sent) {
    const errno = sockError(sock)
    if (errno !== '') return { unreachable: dialText(endpoint, errno) }
    if (!tcpConnected(sock)) return undefined
    call.sent = true
    setTimer(ctx, ctx.world.now + SILENT_NS, TIMER)
    channelSend(ctx, channel, { k: 'call', n: 1, request: call.request } satisfies ToServer)
  }
  const { messages, errno } = channelRead(ctx, channel)
  for (const message of messages as FromServer[]) if (message.k === 'called') return message.response
  const failed = errno === '' ? streamFlush(ctx, channel.stream) : errno
  if (failed === '') return undefined
  const words = failed === 'EOF' ? 'EOF' : `read tcp ->${endpoint}: read: ${goText(failed)}`
  return { unreachable: `Unable to connect to the server: ${words}` }
}

function dialText(endpoint: string, errno: string): string {
  if (errno === 'ECONNREFUSED') return refusedText(endpoint)
  return `Unable to connect to the server: dial tcp ${endpoint}: connect: ${goText(errno)}`
}

function refusedText(endpoint: string): string {
  return `The connection to the server ${endpoint} was refused - did you specify the right host or port?`
}

/** Go's own table of errno texts has no capitals. */
function goText(errno: string): string {
  return errnoText(errno).toLowerCase()
}
