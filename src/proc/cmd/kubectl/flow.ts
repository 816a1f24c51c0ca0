/**
 * How a command of kubectl runs: as plain code that asks, is put off, and is run again from its beginning with what was
 * answered so far. Its memory is that list of answers, so a half-done command rewinds like everything else.
 */
import { findCluster } from '../../../kube/cluster.ts'
import { apiRequest } from '../../../kube/api/rest.ts'
import type { ApiHooks } from '../../../kube/api/respond.ts'
import type { ApiRequest, ApiResponse, Json } from '../../../kube/types.ts'
import { readInput } from '../../../run/fds.ts'
import { exitProcess, setTimer } from '../../../run/process.ts'
import type { ProcCtx, ProcEvent } from '../../../run/types.ts'
import type { ApiCall } from '../../kube/apiclient.ts'
import { apiCallEvent, apiCallStart } from '../../kube/apiclient.ts'
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
  /** The request that is on its way over the network. */
  call: ApiCall | null
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

/** Ends a command: text on standard error (with its newline) and an exit code. */
export interface Fault {
  readonly fault: string
  readonly code: number
}

const LATENCY = 2_000_000
const ENTRIES_MAX = 20_000

export function fault(text: string, code = 1): never {
  throw { fault: text === '' || text.endsWith('\n') ? text : `${text}\n`, code } satisfies Fault
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

/** The answer to a request. */
export function send(flow: Flow, request: ApiRequest): ApiResponse | Unreachable {
  return answer(flow, { k: 'request', request }) as ApiResponse | Unreachable
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
    call: null,
  } satisfies FlowState
  runFlow(ctx, parts, command)
}

/** Goes on with a command that has been told something. */
export function flowEvent(ctx: ProcCtx, parts: KubectlParts, command: Command, event: ProcEvent): void {
  const state = ctx.proc.state as FlowState | undefined
  const want = state?.want
  if (state === undefined || want === null || want === undefined) return
  if (state.call !== null) {
    const end = apiCallEvent(ctx, state.call, event)
    if (end === undefined) return
    state.call = null
    goOn(ctx, parts, command, end)
  } else if (event.type === 'timer' && event.tag === 'step') {
    if (want.k === 'sleep') goOn(ctx, parts, command, null)
    if (want.k !== 'request') return
    const answered = transport(ctx, parts, state, want.request)
    if (answered !== undefined) goOn(ctx, parts, command, answered)
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
  request: ApiRequest,
): ApiResponse | Unreachable | undefined {
  if (parts.transport !== undefined) return parts.transport(ctx, request)
  const cluster = findCluster(ctx.world)
  if (cluster === undefined) return { unreachable: refused('localhost:8080') }
  const { apiEndpoint } = cluster.options
  // A control plane that is not drawn is in reach of everybody.
  if (endpointParts(apiEndpoint) === undefined) return apiRequest(ctx.world, request, parts.hooks)
  const started = apiCallStart(ctx, apiEndpoint, request)
  if ('unreachable' in started) return started
  state.call = started.call
  return undefined
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
}
