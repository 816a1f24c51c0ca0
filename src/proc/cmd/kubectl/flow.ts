/**
 * How a command of kubectl runs: as plain code that asks, is put off, and is run again from its beginning with what was
 * answered so far. Its memory is that list of answers, so a half-done command rewinds like everything else.
 */
import { findCluster } from '../../../kube/cluster.ts'
import { apiRequest } from '../../../kube/api/rest.ts'
import type { ApiHooks } from '../../../kube/api/respond.ts'
import type { ApiRequest, ApiResponse, Json } from '../../../kube/types.ts'
import { readInput } from '../../../run/fds.ts'
import { cancelTimer, exitProcess, setTimer } from '../../../run/process.ts'
import { ttyRaw } from '../../../run/tty.ts'
import type { ProcCtx, ProcEvent } from '../../../run/types.ts'
import type { ApiConn, ApiNews } from '../../kube/apiclient.ts'
import { apiConnEvent, apiDial, apiSend, apiUpgrade, unreachableText } from '../../kube/apiclient.ts'
import type { StreamMessage } from '../../kube/apiwire.ts'
import { endpointParts } from '../../kube/apiwire.ts'
import { err, out } from '../../program.ts'

/** What a manifest's text holds: its documents, or the reader's words of what is wrong. */
export interface ReadText {
  readonly docs: readonly Json[]
  readonly error: string
}

/** No answer at all: the words of the client's network. */
export interface Unreachable {
  readonly unreachable: string
}

/** What the composition root hands in. */
export interface KubectlParts {
  /** Reads YAML or JSON documents. */
  readonly readText: (text: string) => ReadText
  /** Where requests go; the cluster of the world by default. */
  readonly transport?: (ctx: ProcCtx, request: ApiRequest) => ApiResponse | Unreachable
  /** What the kubelets answer for their containers. */
  readonly hooks?: ApiHooks
}

type Want =
  | { k: 'request'; request: ApiRequest }
  | { k: 'input' }
  | { k: 'sleep'; ns: number }
  | { k: 'child' }
  | { k: 'container' }
  /** What comes on a stream; nothing by the time `until` (0: waits for ever). */
  | { k: 'stream'; n: number; until: number }
  /** Anything that happens to the command's own sockets, or on its connection; at the latest after `every` ns. */
  | { k: 'forward'; every: number }

/** What came on a stream: text, and how it stands. */
export interface News {
  readonly out: string
  readonly err: string
  /** A command's exit code (0 for what is none), -1: it goes on. */
  readonly code: number
  /** Why there is no end as there should be, in the client's words; '' for nothing. */
  readonly broken: string
}

/** An answer, with its number where it came over the network: a stream goes on under that. */
export type Answered = ApiResponse & { readonly n?: number }

type Entry =
  | { k: 'answer'; value: unknown }
  /** A loop's value, or what it came to, and what had been printed by then. */
  | { k: 'loop' | 'done'; value: unknown; outs: number; errs: number }

/** A running command's memory. */
export interface FlowState {
  k: 'kubectl'
  entries: Entry[]
  want: Want | null
  input: string
  outs: number
  errs: number
  /** HOST:PORT that is asked where it is not the cluster's own; '' for that. */
  server: string
  /** Connection to the API server, null for none yet. */
  conn: ApiConn | null
  /** Number of the request that is on its way, 0 for none. */
  call: number
  /** What came on streams and nobody has asked for yet. */
  inbox: StreamMessage[]
  /** Streams that have not ended. */
  streams: number[]
  /** Keys of its terminal go to this stream as they are typed, 0 for none; -1: they gather in `keys`. */
  raw: number
  keys: string
  /** Answers to requests that nobody waits for, by their numbers. */
  answers: { n: number; response: ApiResponse }[]
  /** Why the connection is over, '' while it stands. */
  gone: string
}

/** One run of a command's code. */
export interface Flow {
  readonly ctx: ProcCtx
  readonly parts: KubectlParts
  readonly state: FlowState
  at: number
  outs: number
  errs: number
}

export type Command = (flow: Flow) => number

/** Ends the code's run where an answer is missing. */
interface PutOff {
  readonly putOff: Want
}

/** Ends a command: text on standard error (with its newline) and an exit code; before it `out` on standard output. */
export interface Fault {
  readonly fault: string
  readonly out: string
  readonly code: number
}

const LATENCY = 2_000_000
const ENTRIES_MAX = 20_000

export function fault(text: string, code = 1, out = ''): never {
  throw { fault: text === '' || text.endsWith('\n') ? text : `${text}\n`, code, out } satisfies Fault
}

export function isFault(thrown: unknown): thrown is Fault {
  return typeof thrown === 'object' && thrown !== null && 'fault' in thrown
}

/** Prints on standard output, once however often the code runs. */
export function print(flow: Flow, text: string): void {
  const fresh = Math.max(0, flow.state.outs - flow.outs)
  flow.outs += text.length
  if (text.length <= fresh) return
  out(flow.ctx, text.slice(fresh))
  flow.state.outs = flow.outs
}

/** The same on standard error. */
export function complain(flow: Flow, text: string): void {
  const fresh = Math.max(0, flow.state.errs - flow.errs)
  flow.errs += text.length
  if (text.length <= fresh) return
  err(flow.ctx, text.slice(fresh))
  flow.state.errs = flow.errs
}

/** Requests go to this address from now on. */
export function goTo(flow: Flow, server: string): void {
  once(flow, () => {
    const endpoint = findCluster(flow.ctx.world)?.options.apiEndpoint || 'kubernetes:6443'
    const asked = server.includes(':') ? server : `${server}:443`
    flow.state.server = asked === endpoint ? '' : asked
    return null
  })
}

/** The answer to a request. */
export function send(flow: Flow, request: ApiRequest): Answered | Unreachable {
  return answer(flow, { k: 'request', request }) as Answered | Unreachable
}

/** What comes next on the stream of the answer with the number `n`. */
export function streamNews(flow: Flow, n: number, until = 0): News {
  return answer(flow, { k: 'stream', n, until }) as News
}

/** The socket to which something happened; 0: there is news of the connection, or time has passed. */
export function forwardNews(flow: Flow, every: number): number {
  return answer(flow, { k: 'forward', every }) as number
}

/** From now on what is typed goes to a command as it is: to a stream, or (-1) to whom `takeKeys` gives it. */
export function rawMode(flow: Flow, to: number): void {
  once(flow, () => {
    const { world, proc } = flow.ctx
    flow.state.raw = to
    ttyRaw(world, proc.tty, to === 0 ? 0 : proc.pid)
    if (to !== 0) readInput(flow.ctx, 0)
    return null
  })
}

/** What was typed since it was last asked; within `once`. */
export function takeKeys({ state }: Flow): string {
  const { keys } = state
  state.keys = ''
  return keys
}

/** The connection carries a command in a container from now on. */
export function upgrade(flow: Flow): void {
  once(flow, () => {
    if (flow.state.conn !== null) apiUpgrade(flow.ctx, flow.state.conn)
    return null
  })
}

/** Input for the command behind a stream. */
export function streamInput(flow: Flow, n: number, text: string, eof: boolean): void {
  once(flow, () => {
    const { conn } = flow.state
    if (conn !== null) apiSend(flow.ctx, conn, { k: 'input', n, text, eof })
    return null
  })
}

/** All of standard input. */
export function standardInput(flow: Flow): string {
  return answer(flow, { k: 'input' }) as string
}

/** Lets virtual time pass. */
export function pause(flow: Flow, ns: number): void {
  answer(flow, { k: 'sleep', ns })
}

/** Waits for the end of a child; its exit code. */
export function childEnd(flow: Flow): number {
  return answer(flow, { k: 'child' }) as number
}

/** Waits until a watched container writes or ends; its exit code, -1 while it lives. */
export function containerNews(flow: Flow): number {
  return answer(flow, { k: 'container' }) as number
}

/** A value that is worked out once: what files say, what time it is, anything that is done to the world. */
export function once<T>(flow: Flow, make: () => T): T {
  const { state } = flow
  if (flow.at === state.entries.length) state.entries.push({ k: 'answer', value: make() })
  const entry = state.entries[flow.at++]!
  return entry.value as T
}

/**
 * Does `step` again and again, each time with what the last one gave; `done` in its answer ends it. Only the last
 * value is remembered, so a loop may run for ever.
 */
export function loop<T, R>(flow: Flow, first: () => T, step: (value: T) => { next: T } | { done: R }): R {
  const { state } = flow
  const place = flow.at
  if (place === state.entries.length) {
    state.entries.push({ k: 'loop', value: first(), outs: flow.outs, errs: flow.errs })
  }
  for (;;) {
    const entry = state.entries[place] as Extract<Entry, { k: 'loop' | 'done' }>
    flow.outs = entry.outs
    flow.errs = entry.errs
    flow.at = place + 1
    if (entry.k === 'done') return entry.value as R
    const result = step(entry.value as T)
    const ended = 'done' in result
    state.entries.length = place
    state.entries.push({
      k: ended ? 'done' : 'loop',
      value: ended ? result.done : result.next,
      outs: flow.outs,
      errs: flow.errs,
    })
  }
}

function answer(flow: Flow, want: Want): unknown {
  const { state } = flow
  if (flow.at < state.entries.length) return state.entries[flow.at++]!.value
  if (state.entries.length > ENTRIES_MAX) fault('error: too many requests')
  throw { putOff: want } satisfies PutOff
}

/** Starts a command in a process. */
export function startFlow(ctx: ProcCtx, parts: KubectlParts, command: Command): void {
  ctx.proc.state = {
    k: 'kubectl',
    entries: [],
    want: null,
    input: '',
    outs: 0,
    errs: 0,
    server: '',
    conn: null,
    call: 0,
    inbox: [],
    streams: [],
    raw: 0,
    keys: '',
    answers: [],
    gone: '',
  } satisfies FlowState
  runFlow(ctx, parts, command)
}

/** Goes on with a command that has been told something. */
export function flowEvent(ctx: ProcCtx, parts: KubectlParts, command: Command, event: ProcEvent): void {
  const state = ctx.proc.state as FlowState | undefined
  const want = state?.want
  if (state === undefined || want === null || want === undefined) return
  const news = state.conn === null ? undefined : apiConnEvent(ctx, state.conn, event)
  if (news !== undefined) {
    onNews(ctx, parts, command, news)
  } else if (event.type === 'timer' && event.tag === 'step') {
    if (want.k === 'sleep') goOn(ctx, parts, command, null)
    if (want.k === 'forward') goOn(ctx, parts, command, 0)
    if (want.k === 'stream') goOn(ctx, parts, command, newsOf(state, want.n))
    if (want.k !== 'request') return
    const answered = transport(ctx, parts, state, want)
    if (answered !== undefined) goOn(ctx, parts, command, answered)
  } else if (event.type === 'sock' && want.k === 'forward') goOn(ctx, parts, command, event.sock)
  else if (event.type === 'input' && state.raw !== 0) {
    if (state.raw < 0) state.keys += event.text
    else if (state.conn !== null)
      apiSend(ctx, state.conn, { k: 'input', n: state.raw, text: event.text, eof: false })
    readInput(ctx, 0)
  } else if (event.type === 'input' && want.k === 'input') {
    state.input += event.text
    if (event.eof) goOn(ctx, parts, command, state.input)
    else readInput(ctx, 0)
  } else if (event.type === 'child' && want.k === 'child') goOn(ctx, parts, command, event.code)
  else if (event.type === 'container' && want.k === 'container') {
    goOn(ctx, parts, command, event.what === 'end' ? event.code : -1)
  }
}

/** The answer; undefined where it has to cross the network first. */
function transport(
  ctx: ProcCtx,
  parts: KubectlParts,
  state: FlowState,
  { request }: Extract<Want, { k: 'request' }>,
): ApiResponse | Unreachable | undefined {
  if (parts.transport !== undefined) return parts.transport(ctx, request)
  const cluster = findCluster(ctx.world)
  if (cluster === undefined) return { unreachable: refused('localhost:8080') }
  const endpoint = state.server || cluster.options.apiEndpoint
  if (state.server !== '' && endpointParts(endpoint) === undefined) return unnamed(endpoint)
  // A control plane that is not drawn is in reach of everybody.
  if (endpointParts(endpoint) === undefined) return apiRequest(ctx.world, request, parts.hooks)
  if (state.conn === null) {
    const dialed = apiDial(ctx, endpoint)
    if ('unreachable' in dialed) return dialed
    state.conn = dialed
  }
  state.call = state.conn.next++
  apiSend(ctx, state.conn, { k: 'call', n: state.call, request })
  return undefined
}

/** A server by a name: nothing listens on this machine itself, other names nobody knows. */
function unnamed(endpoint: string): Unreachable {
  const host = endpoint.replace(/:\d+$/, '')
  if (host === 'localhost') return { unreachable: refused(endpoint) }
  return { unreachable: `Unable to connect to the server: dial tcp: lookup ${host}: no such host` }
}

/** What the connection brought, or that it is over. */
function onNews(ctx: ProcCtx, parts: KubectlParts, command: Command, { messages, lost }: ApiNews): void {
  const state = ctx.proc.state as FlowState
  const { endpoint } = state.conn!
  let answered: Answered | Unreachable | undefined
  for (const message of messages) {
    if (message.k === 'called' && message.n === state.call) {
      const { n, response } = message
      const goesOn = response.watch !== undefined || response.stream !== undefined
      answered = goesOn ? { ...response, n } : response
      if (goesOn) state.streams.push(n)
      state.call = 0
    } else if (message.k === 'called') state.answers.push({ n: message.n, response: message.response })
    else if (message.k === 'data' || message.k === 'end') state.inbox.push(message)
  }
  if (lost !== undefined) {
    state.conn = null
    state.gone = lost
    for (const n of state.streams) state.inbox.push({ k: 'end', n, code: 0, broken: lost })
    if (state.call !== 0) answered = { unreachable: unreachableText(endpoint, lost) }
    state.call = 0
  }
  const { want } = state
  if (want?.k === 'request' && answered !== undefined) goOn(ctx, parts, command, answered)
  else if (want?.k === 'forward') goOn(ctx, parts, command, 0)
  else if (want?.k === 'stream' && state.inbox.some(({ n }) => n === want.n)) {
    cancelTimer(ctx, 'step')
    goOn(ctx, parts, command, newsOf(state, want.n))
  }
}

/** Takes what came on a stream out of the inbox. */
export function newsOf(state: FlowState, n: number): News {
  let news: News = { out: '', err: '', code: -1, broken: '' }
  for (const message of state.inbox) {
    if (message.n !== n || news.code >= 0) continue
    if (message.k === 'end') news = { ...news, code: message.code, broken: message.broken }
    else {
      // Lines of a watch stand apart; text of a log or a command is as it is.
      const gap = message.lines === true && news.out !== '' ? '\n' : ''
      news = { ...news, out: news.out + gap + message.out, err: news.err + message.err }
    }
  }
  state.inbox = state.inbox.filter((message) => message.n !== n)
  if (news.code >= 0) state.streams = state.streams.filter((one) => one !== n)
  return news
}

/** What the client says of a port that nobody listens on. */
export function refused(server: string): string {
  return `The connection to the server ${server} was refused - did you specify the right host or port?`
}

function goOn(ctx: ProcCtx, parts: KubectlParts, command: Command, value: unknown): void {
  const state = ctx.proc.state as FlowState
  state.want = null
  state.entries.push({ k: 'answer', value })
  runFlow(ctx, parts, command)
}

function runFlow(ctx: ProcCtx, parts: KubectlParts, command: Command): void {
  const state = ctx.proc.state as FlowState
  const flow: Flow = { ctx, parts, state, at: 0, outs: 0, errs: 0 }
  try {
    exitProcess(ctx, command(flow))
  } catch (thrown) {
    if (isFault(thrown)) {
      print(flow, thrown.out)
      complain(flow, thrown.fault)
      exitProcess(ctx, thrown.code)
    } else if (isPutOff(thrown)) putOff(ctx, state, thrown.putOff)
    else throw thrown
  }
}

function isPutOff(thrown: unknown): thrown is PutOff {
  return typeof thrown === 'object' && thrown !== null && 'putOff' in thrown
}

function putOff(ctx: ProcCtx, state: FlowState, want: Want): void {
  state.want = want
  if (want.k === 'request') setTimer(ctx, ctx.world.now + LATENCY, 'step')
  else if (want.k === 'sleep') setTimer(ctx, ctx.world.now + want.ns, 'step')
  else if (want.k === 'input') readInput(ctx, 0)
  else if (want.k === 'forward' && want.every > 0) setTimer(ctx, ctx.world.now + want.every, 'step')
  else if (want.k === 'stream') {
    if (state.inbox.some(({ n }) => n === want.n)) setTimer(ctx, ctx.world.now, 'step')
    else if (want.until > 0) setTimer(ctx, want.until, 'step')
  }
}
