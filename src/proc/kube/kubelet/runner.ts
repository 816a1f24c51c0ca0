/**
 * `kubelet-probe`: the short-lived process by which a kubelet reaches into the network or a container, for probes and
 * hooks. In the real one these are goroutines; here their packets leave the node's own namespace like any other's.
 * Models pkg/probe/{http,tcp,exec} and lifecycle handlers (1.32). Not here: TLS, gRPC, redirects.
 */
import { environOf } from '../../../run/env.ts'
import { formatIp, parseIp } from '../../../base/addr.ts'
import type { AgentRules } from '../../../kube/agent/agent.ts'
import { asAgent } from '../../../kube/agent/agent.ts'
import type { Container as Spec, Handler } from '../../../kube/objects-pod.ts'
import type { IntOrString } from '../../../kube/objects.ts'
import { sockById, sockError, sockOpen } from '../../../net/sock/socket.ts'
import { tcpConnect, tcpConnected } from '../../../net/sock/tcp.ts'
import { closeFd, openPipe, readInput } from '../../../run/fds.ts'
import { exitProcess, killProcess, setTimer, spawn, spawnChild } from '../../../run/process.ts'
import type { Fd, ProcCtx, ProcEvent, Program } from '../../../run/types.ts'
import { splitHead } from '../../httpmsg.ts'
import type { Stream } from '../../stream.ts'
import { createStream, errnoText, streamClose, streamRead, streamWrite } from '../../stream.ts'
import { entryOf } from './entry.ts'
import type { BoxRun, Kubelet, PodRun, ProbeKind } from './state.ts'
import { kubeletOf, SECOND } from './state.ts'

export type Purpose = ProbeKind | 'postStart' | 'preStop'

/** What a process is to do: plain data. */
export interface Task {
  readonly agent: number
  readonly uid: string
  readonly box: string
  /** Runtime's container that it is about. */
  readonly container: string
  readonly purpose: Purpose
  readonly how: 'http' | 'tcp' | 'exec'
  readonly host: string
  readonly port: number
  readonly path: string
  readonly scheme: string
  readonly headers: readonly (readonly [string, string])[]
  readonly argv: readonly string[]
  /** ns */
  readonly timeout: number
}

/** `error`: it could not be tried at all. */
export interface TaskResult {
  readonly outcome: 'success' | 'failure' | 'error'
  readonly text: string
}

interface RunnerState {
  task: Task
  stream: Stream | null
  connected: boolean
  text: string
  child: number
  pipe: number
  code: number
}

export type TaskDone = (kubelet: Kubelet, task: Task, result: TaskResult) => void

const NAME = 'kubelet-probe'
const OUTPUT_MAX = 10_240
const NONE: TaskResult = { outcome: 'success', text: '' }

/** The program, for the composition root. */
export function runnerProgram(rules: AgentRules, done: TaskDone): Program {
  const finish = (ctx: ProcCtx, task: Task, result: TaskResult) => {
    exitProcess(ctx, 0)
    asAgent(ctx.world, rules, task.agent, (agent) => done(kubeletOf(agent, ctx.programs), task, result))
  }
  const step = (ctx: ProcCtx, result: TaskResult | undefined) => {
    if (result !== undefined) finish(ctx, (ctx.proc.state as RunnerState).task, result)
  }
  return {
    name: NAME,
    help: 'what a kubelet sends its probes by',
    start(ctx) {
      const task = ctx.proc.state as Task | undefined
      if (task === undefined) return exitProcess(ctx, 1)
      ctx.proc.state = { task, stream: null, connected: false, text: '', child: 0, pipe: 0, code: -1 }
      setTimer(ctx, ctx.world.now + task.timeout, 'timeout')
      step(ctx, task.how === 'exec' ? startExec(ctx) : startConnect(ctx))
    },
    on: (ctx, event) => step(ctx, onEvent(ctx, ctx.proc.state as RunnerState, event)),
  }
}

/** Starts a hook. Answers -1 where a process is at it, 0 where there is nothing to wait for, else when it ends (ns). */
export function runHook(
  kubelet: Kubelet,
  run: PodRun,
  spec: Spec,
  box: BoxRun,
  purpose: Purpose,
  handler: Handler,
): number {
  if (handler.sleep !== undefined) return kubelet.world.now + handler.sleep.seconds * SECOND
  const task = taskOf(kubelet, run, spec, box, purpose, handler, 30)
  return task !== undefined && launch(kubelet, task) ? -1 : 0
}

/** What to do for a probe or hook; undefined where its port has no number. */
export function taskOf(
  kubelet: Kubelet,
  run: PodRun,
  spec: Spec,
  box: BoxRun,
  purpose: Purpose,
  handler: Handler,
  seconds: number,
): Task | undefined {
  const { httpGet, tcpSocket, exec } = handler
  const ref = httpGet ?? tcpSocket
  const port = ref === undefined ? 0 : portOf(spec, ref.port)
  if (port === undefined) return undefined
  const headers = (httpGet?.httpHeaders ?? []).map(({ name, value }) => [name, value] as const)
  const path = httpGet?.path ?? ''
  return {
    agent: kubelet.ctx.agent.id,
    uid: run.uid,
    box: box.name,
    container: box.id,
    purpose,
    how: httpGet !== undefined ? 'http' : tcpSocket !== undefined ? 'tcp' : 'exec',
    host: ref?.host === undefined || ref.host === '' ? (run.ips[0] ?? '') : ref.host,
    port,
    path: path.startsWith('/') ? path : `/${path}`,
    scheme: (httpGet?.scheme ?? 'HTTP').toLowerCase(),
    headers,
    argv: exec?.command ?? [],
    timeout: seconds * SECOND,
  }
}

/** Makes the process. False where the machine is full. */
export function launch({ ctx, world, machine }: Kubelet, task: Task): boolean {
  const pid = spawn(world, {
    machine: machine.id,
    ns: machine.rootNs,
    program: NAME,
    argv: [NAME],
    env: new Map(),
    cwd: '/',
    fds: new Map(),
    ppid: ctx.agent.pid,
    parentNs: ctx.agent.ns,
    state: task,
  })
  return pid !== 0
}

function portOf({ ports = [] }: Spec, port: IntOrString): number | undefined {
  if (typeof port === 'number') return port
  return (
    ports.find((one) => one.name === port)?.containerPort ??
    (/^[0-9]+$/.test(port) ? Number(port) : undefined)
  )
}

function startConnect(ctx: ProcCtx): TaskResult | undefined {
  const { world, ns, proc } = ctx
  const state = proc.state as RunnerState
  const { task } = state
  if (task.scheme === 'https') return failed(`Get "${urlOf(task)}": TLS is not modelled in Kubehop`)
  const ip = parseIp(task.host)
  if (ip === undefined) return failed(`Get "${urlOf(task)}": dial tcp: lookup ${task.host}: no such host`)
  const sock = sockOpen(world, ns, { kind: 'tcp', family: typeof ip === 'number' ? 4 : 6, pid: proc.pid })
  state.stream = createStream(sock)
  const errno = tcpConnect(world, ns, sock, ip, task.port)
  return errno === null ? undefined : dialFailed(task, errnoText(errno))
}

function onEvent(ctx: ProcCtx, state: RunnerState, event: ProcEvent): TaskResult | undefined {
  const { task } = state
  if (event.type === 'timer') return timedOut(ctx, state)
  if (event.type === 'signal') return failed('interrupted')
  if (task.how === 'exec') return onExec(ctx, state, event)
  if (event.type !== 'sock' || state.stream === null) return undefined
  const sock = sockById(ctx.ns, state.stream.sock)
  if (sock === undefined) return undefined
  if (!state.connected) {
    const errno = sockError(sock)
    if (errno !== '') return dialFailed(task, errnoText(errno))
    if (!tcpConnected(sock)) return undefined
    state.connected = true
    if (task.how === 'tcp') {
      streamClose(ctx, state.stream)
      return NONE
    }
    streamWrite(ctx, state.stream, requestText(task))
  }
  return readAnswer(ctx, state, state.stream)
}

function readAnswer(ctx: ProcCtx, state: RunnerState, stream: Stream): TaskResult | undefined {
  const { task } = state
  const got = streamRead(ctx, stream)
  state.text += got.text.slice(0, OUTPUT_MAX)
  const split = splitHead(state.text)
  const errno = got.errno === 'EAGAIN' ? '' : got.errno
  if (split === undefined) {
    if (errno !== '') {
      streamClose(ctx, stream)
      return failed(`Get "${urlOf(task)}": read tcp ${hostPort(task)}: read: ${lower(errnoText(errno))}`)
    }
    if (!got.eof) return undefined
    streamClose(ctx, stream)
    const whole = /^(<|[^H])/.test(state.text)
    return failed(`Get "${urlOf(task)}": ${whole && state.text !== '' ? 'malformed HTTP response' : 'EOF'}`)
  }
  streamClose(ctx, stream)
  const status = Number(/^HTTP\/[0-9.]+ ([0-9]{3})/.exec(state.text)?.[1] ?? 0)
  return status >= 200 && status < 400 ? NONE : failed(`HTTP probe failed with statuscode: ${status}`)
}

function requestText(task: Task): string {
  const own = new Set(task.headers.map(([name]) => name.toLowerCase()))
  const lines = [`GET ${task.path} HTTP/1.1`]
  if (!own.has('host')) lines.push(`Host: ${hostPort(task)}`)
  if (!own.has('user-agent')) lines.push('User-Agent: kube-probe/1.32')
  if (!own.has('accept')) lines.push('Accept: */*')
  for (const [name, value] of task.headers) lines.push(`${name}: ${value}`)
  lines.push('Connection: close', '', '')
  return lines.join('\r\n')
}

function startExec(ctx: ProcCtx): TaskResult | undefined {
  const { world, machine, programs, proc } = ctx
  const state = proc.state as RunnerState
  const { task } = state
  const box = machine.containers.get(task.container)
  const ns = machine.pids.get(box?.pid ?? 0)
  if (box === undefined || ns === undefined) return { outcome: 'error', text: 'container not running' }
  const entry = entryOf({ world, machine, programs }, box, [...task.argv])
  if (entry.error !== '') {
    const oci = `OCI runtime exec failed: exec failed: unable to start container process: ${entry.error}`
    const id = `failed to start exec "${task.container}"`
    return {
      outcome: 'error',
      text: `rpc error: code = Unknown desc = failed to exec in container: ${id}: ${oci}: unknown`,
    }
  }
  const { r, w } = openPipe(ctx)
  const out = proc.fds.get(w)!
  const fds = new Map<number, Fd>([
    [0, { kind: 'null' }],
    [1, out],
    [2, out],
  ])
  const inside = { ns, container: box.id, env: environOf(box), cwd: box.cwd, fds }
  state.child = spawnChild(ctx, entry.program, entry.argv, inside)
  state.pipe = r
  closeFd(ctx, w)
  if (state.child === 0) return { outcome: 'error', text: 'Resource temporarily unavailable' }
  readInput(ctx, r)
  return undefined
}

function onExec(ctx: ProcCtx, state: RunnerState, event: ProcEvent): TaskResult | undefined {
  if (event.type === 'input') {
    if (state.text.length < OUTPUT_MAX) state.text += event.text
    if (!event.eof) {
      readInput(ctx, event.fd)
      return undefined
    }
    state.pipe = 0
  } else if (event.type === 'child') state.code = event.code
  if (state.code < 0 || state.pipe !== 0) return undefined
  return state.code === 0 ? NONE : failed(state.text)
}

function timedOut(ctx: ProcCtx, state: RunnerState): TaskResult {
  const { task } = state
  if (state.stream !== null) streamClose(ctx, state.stream)
  if (task.how === 'exec') {
    if (state.child !== 0) killProcess(ctx, state.child)
    const command = task.argv.join(' ')
    return failed(`command timed out: "${command}" timed out after ${task.timeout / SECOND}s`)
  }
  if (task.how === 'tcp') return failed(`dial tcp ${hostPort(task)}: i/o timeout`)
  return failed(
    `Get "${urlOf(task)}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
  )
}

function dialFailed(task: Task, why: string): TaskResult {
  const dial = `dial tcp ${hostPort(task)}: connect: ${lower(why)}`
  return failed(task.how === 'tcp' ? dial : `Get "${urlOf(task)}": ${dial}`)
}

function failed(text: string): TaskResult {
  return { outcome: 'failure', text }
}

function urlOf(task: Task): string {
  return `${task.scheme}://${hostPort(task)}${task.path}`
}

function hostPort({ host, port }: Task): string {
  const ip = parseIp(host)
  return typeof ip === 'string' ? `[${formatIp(ip)}]:${port}` : `${host}:${port}`
}

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
