/**
 * What the API server asks of kubelets for one container: its log, and a command in it with or without a terminal.
 * Models pkg/kubelet/server and kuberuntime's logs (1.32). Not here: attach, port forwarding, sinceTime of log lines
 * by the runtime's own clock.
 */
import { environOf } from '../../../run/env.ts'
import type { ContainerTarget } from '../../../kube/api/respond.ts'
import { nextBelow } from '../../../base/rng.ts'
import { entryDrop, entrySet } from '../../../base/entries.ts'
import { badRequest, failure, internalError, notFound } from '../../../kube/api/status.ts'
import type { Pod } from '../../../kube/objects-pod.ts'
import { storeGet, storeOf } from '../../../kube/store/store.ts'
import { formatTime, parseTime } from '../../../kube/time.ts'
import type { Status } from '../../../kube/types.ts'
import type { World } from '../../../net/types.ts'
import { containerLogs } from '../../../run/container.ts'
import { findMachine } from '../../../run/machine.ts'
import { signalProcess, spawn } from '../../../run/process.ts'
import type { Capture, Container, Fd, Machine, Pipe, Programs, SignalName } from '../../../run/types.ts'
import { addTarget, removeTarget, touch } from '../../../sim/dispatch.ts'
import { wake } from '../../../run/fds.ts'
import { entryOf } from './entry.ts'
import { livesOf } from './labels.ts'

/** Where a follower of a log stands: plain data. */
export interface LogCursor {
  readonly machine: number
  /** Id in the runtime. */
  readonly container: string
  readonly seen: number
  readonly timestamps: boolean
}

/** A command that runs in a container, on whatever machine: plain data for the process that waits for it. */
export interface ExecSession {
  readonly machine: number
  readonly ns: number
  readonly pid: number
  /** Record of its exit code, and of its output where that is no terminal. Forgotten by `kubeletExecEnd`. */
  readonly capture: number
  /** Pipe that its standard input reads, 0 for none. */
  readonly pipe: number
  readonly outSeen: number
  readonly errSeen: number
}

export interface ExecOptions {
  readonly argv: readonly string[]
  /** Terminal (id) that it is attached to; 0: its output is read by `kubeletExecMore`. */
  readonly tty: number
  /** Process group that the terminal's keys are for; with `tty`. */
  readonly pgid: number
  /** Keeps standard input open: written by `kubeletExecWrite`, or the terminal's. */
  readonly stdin: boolean
}

/** The log as GET .../log without follow answers it. Serves as `ApiHooks.log`. */
export function kubeletLogs(world: World, target: ContainerTarget): { text: string } | { status: Status } {
  const opened = kubeletLogOpen(world, target)
  return 'status' in opened ? opened : { text: opened.text }
}

/** What the log holds now, and a cursor for what comes after it. `follow` itself does not matter here. */
export function kubeletLogOpen(
  world: World,
  target: ContainerTarget,
): { text: string; cursor: LogCursor } | { status: Status } {
  const found = logOf(world, target)
  if ('status' in found) return found
  const { machine, box } = found
  const asked = (name: string) => target.query.findLast(([key]) => key === name)?.[1] ?? ''
  const timestamps = asked('timestamps') === 'true'
  const since = sinceOf(world, asked('sinceSeconds'), asked('sinceTime'))
  let lines = linesOf(world, box, 0, since, timestamps)
  if (/^[0-9]+$/.test(asked('tailLines'))) {
    const n = Number(asked('tailLines'))
    lines = n === 0 ? [] : lines.slice(-n)
  }
  let text = lines.join('')
  if (/^[0-9]+$/.test(asked('limitBytes'))) text = text.slice(0, Number(asked('limitBytes')))
  const cursor = { machine: machine.id, container: box.id, seen: box.logsLost + box.logs.length, timestamps }
  return { text, cursor }
}

/** What was written since. `ended`: the container does not run and everything was read, or it is gone. */
export function kubeletLogMore(
  world: World,
  cursor: LogCursor,
): { text: string; cursor: LogCursor; ended: boolean } {
  const box = findMachine(world, cursor.machine)?.containers.get(cursor.container)
  if (box === undefined) return { text: '', cursor, ended: true }
  const text = linesOf(world, box, cursor.seen, 0, cursor.timestamps).join('')
  const seen = box.logsLost + box.logs.length
  return { text, cursor: { ...cursor, seen }, ended: box.status !== 'running' }
}

/** Starts a command in a running container. It lives on the node's machine; who asked polls for its output and end. */
export function kubeletExec(
  world: World,
  programs: Programs,
  target: ContainerTarget,
  options: ExecOptions,
): { session: ExecSession } | { status: Status } {
  const found = lifeOf(world, target)
  if ('status' in found) return found
  const { machine, box } = found
  const home = machine.pids.get(box?.pid ?? 0)
  if (box === undefined || box.status !== 'running' || home === undefined) {
    return {
      status: internalError(`unable to upgrade connection: container not found ("${target.container}")`),
    }
  }
  const entry = entryOf({ world, machine, programs }, box, [...options.argv])
  if (entry.error !== '') return { status: execFailed(world, entry.error) }
  touch(world, machine.id)
  const capture = newCapture(world, machine.id)
  const pipe = options.stdin && options.tty === 0 ? openStdin(machine) : 0
  const output = (stream: 'out' | 'err'): Fd =>
    options.tty === 0 ? { kind: 'capture', capture, stream } : { kind: 'tty', tty: options.tty }
  const input: Fd = pipe !== 0 ? { kind: 'pipe', pipe, end: 'r' } : { kind: 'null' }
  const fds = new Map<number, Fd>([
    [0, options.tty !== 0 && options.stdin ? { kind: 'tty', tty: options.tty } : input],
    [1, output('out')],
    [2, output('err')],
  ])
  const env = new Map(environOf(box))
  if (options.tty !== 0) env.set('TERM', 'xterm')
  const pid = spawn(world, {
    machine: machine.id,
    ns: home,
    program: entry.program,
    argv: entry.argv,
    env,
    cwd: box.cwd,
    fds,
    ppid: 0,
    parentNs: 0,
    container: box.id,
    capture,
    ...(options.tty === 0 ? {} : { tty: options.tty, pgid: options.pgid }),
  })
  if (pid === 0) {
    removeTarget(world, capture)
    return { status: execFailed(world, 'Resource temporarily unavailable') }
  }
  const record = world.targets[capture] as Capture
  record.pid = pid
  return { session: { machine: machine.id, ns: home, pid, capture, pipe, outSeen: 0, errSeen: 0 } }
}

/** Runs a program of the node's in a namespace, its input and output kept as a command's in a container. */
export function kubeletSpawn(
  world: World,
  machine: Machine,
  ns: number,
  program: string,
  argv: readonly string[],
): ExecSession {
  touch(world, machine.id)
  const capture = newCapture(world, machine.id)
  const pipe = openStdin(machine)
  const fds = new Map<number, Fd>([
    [0, { kind: 'pipe', pipe, end: 'r' }],
    [1, { kind: 'capture', capture, stream: 'out' }],
    [2, { kind: 'capture', capture, stream: 'err' }],
  ])
  const made = { program, argv: [...argv], env: new Map(), cwd: '/', fds, ppid: 0, parentNs: 0, capture }
  const pid = spawn(world, { machine: machine.id, ns, ...made })
  ;(world.targets[capture] as Capture).pid = pid
  return { machine: machine.id, ns, pid, capture, pipe, outSeen: 0, errSeen: 0 }
}

/** What a command wrote since, and its exit code, -1 while it runs. */
export function kubeletExecMore(
  world: World,
  session: ExecSession,
): { out: string; err: string; code: number; session: ExecSession } {
  const record = world.targets[session.capture] as Capture | undefined
  if (record?.type !== 'capture') return { out: '', err: '', code: 137, session }
  const { out, err } = record
  const alive = findMachine(world, session.machine)?.pids.has(session.pid) === true
  return {
    out: out.slice(session.outSeen),
    err: err.slice(session.errSeen),
    code: record.code < 0 && !alive ? 137 : record.code,
    session: { ...session, outSeen: out.length, errSeen: err.length },
  }
}

/** Gives a command input; `eof` ends it. */
export function kubeletExecWrite(world: World, session: ExecSession, text: string, eof: boolean): void {
  const pipe = pipeOf(world, session)
  if (pipe === undefined) return
  pipe.text += text
  if (eof) pipe.writers = 0
  if (text !== '' || eof) wake(world, pipe.waiters)
}

/** Passes a signal on, as the terminal's keys send them. */
export function kubeletExecSignal(world: World, session: ExecSession, name: SignalName): void {
  const machine = findMachine(world, session.machine)
  if (machine !== undefined) signalProcess(world, machine, session.pid, name)
}

/** Forgets a session. A command that still runs goes on, its input at an end, as with a lost connection. */
export function kubeletExecEnd(world: World, session: ExecSession): void {
  kubeletExecWrite(world, session, '', true)
  const machine = findMachine(world, session.machine)
  const pipe = pipeOf(world, session)
  if (machine !== undefined && pipe !== undefined && pipe.readers === 0)
    machine.pipes = entryDrop(machine.pipes, pipe.id)
  if ((world.targets[session.capture] as Capture | undefined)?.type === 'capture') {
    removeTarget(world, session.capture)
  }
}

/** The API server's words around the kubelet's around containerd's around runc's. */
function execFailed(world: World, why: string): Status {
  const id = Array.from({ length: 64 }, () => nextBelow(world.rng, 16).toString(16)).join('')
  const server = 'Internal error occurred: Internal error occurred: error executing command in container: '
  const runtime = `failed to exec in container: failed to start exec "${id}": OCI runtime exec failed: `
  const runc = `exec failed: unable to start container process: ${why}: unknown`
  return failure(500, 'InternalError', `${server}${runtime}${runc}`)
}

function newCapture(world: World, machine: number): number {
  const record: Capture = {
    id: 0,
    epoch: 0,
    type: 'capture',
    pid: 0,
    machine,
    out: '',
    err: '',
    code: -1,
    cut: false,
  }
  return addTarget(world, record)
}

/** The writer is the caller on another machine: it counts as one. */
function openStdin(machine: Machine): number {
  const pipe: Pipe = { id: machine.nextPipe++, text: '', readers: 0, writers: 1, waiters: [] }
  machine.pipes = entrySet(machine.pipes, pipe.id, pipe)
  return pipe.id
}

function pipeOf(world: World, { machine, pipe }: ExecSession): Pipe | undefined {
  if (pipe === 0) return undefined
  touch(world, machine)
  return findMachine(world, machine)?.pipes.get(pipe)
}

type Life = { machine: Machine; box: Container | undefined; pod: Pod; lives: Container[] }

function lifeOf(
  world: World,
  { namespace, pod: name, container }: ContainerTarget,
): Life | { status: Status } {
  const pod = storeGet<Pod>(storeOf(world), 'pods', namespace, name)
  if (pod === undefined) return { status: notFound({ group: '', resource: 'pods' }, name) }
  const found = livesOf(world, pod, container)
  if (found === undefined) {
    return { status: internalError(`node "${pod.spec.nodeName ?? ''}" not found`) }
  }
  return { ...found, pod, box: found.lives.at(-1) }
}

function logOf(
  world: World,
  target: ContainerTarget,
): { machine: Machine; box: Container } | { status: Status } {
  const found = lifeOf(world, target)
  if ('status' in found) return found
  const { container, pod: name } = target
  const { machine, lives, pod } = found
  const previous = target.query.some(([key, value]) => key === 'previous' && value === 'true')
  if (previous) {
    const box = lives.at(-1)?.status === 'running' ? lives.at(-2) : lastEnded(lives, pod, container)
    if (box !== undefined) return { machine, box }
    return { status: badRequest(`previous terminated container "${container}" in pod "${name}" not found`) }
  }
  const box = lives.findLast((one) => one.startedAt >= 0)
  if (box !== undefined) return { machine, box }
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]
  const waiting = statuses.find((one) => one.name === container)?.state?.waiting
  const reason = waiting?.reason ?? 'ContainerCreating'
  const pulls = reason === 'ErrImagePull' || reason === 'ImagePullBackOff'
  const why = pulls ? 'trying and failing to pull image' : reason
  return { status: badRequest(`container "${container}" in pod "${name}" is waiting to start: ${why}`) }
}

/** While a container waits to be started again, the previous one is the last that ended. */
function lastEnded(lives: readonly Container[], pod: Pod, container: string): Container | undefined {
  const status = pod.status?.containerStatuses?.find((one) => one.name === container)
  return (status?.restartCount ?? 0) > 0 || status?.lastState?.terminated !== undefined
    ? lives.findLast((one) => one.status === 'exited')
    : undefined
}

/** Whole lines and the last piece of one, each with its newline as written. */
function linesOf(world: World, box: Container, from: number, since: number, timestamps: boolean): string[] {
  const lines: string[] = []
  const epoch = storeOf(world).options.epochMs
  let open: Record<string, boolean> = {}
  for (const { at, stream, text } of containerLogs(box, from)) {
    if (at < since) continue
    for (const piece of text.split(/(?<=\n)/)) {
      if (piece === '') continue
      if (open[stream] === true && lines.length > 0) lines[lines.length - 1] += piece
      else lines.push(timestamps ? `${nanoTime(epoch, at)} ${piece}` : piece)
      open = { ...open, [stream]: !piece.endsWith('\n') }
    }
  }
  return lines
}

/** RFC 3339 with nine digits. */
function nanoTime(epochMs: number, at: number): string {
  const ms = epochMs + Math.floor(at / 1_000_000)
  const inSecond = (((epochMs % 1000) * 1_000_000 + at) % 1_000_000_000).toString().padStart(9, '0')
  return `${formatTime(ms).slice(0, -1)}.${inSecond}Z`
}

function sinceOf(world: World, seconds: string, time: string): number {
  if (/^[0-9]+$/.test(seconds)) return Math.max(0, world.now - Number(seconds) * 1_000_000_000)
  const ms = time === '' ? undefined : parseTime(time)
  return ms === undefined ? 0 : Math.max(0, (ms - storeOf(world).options.epochMs) * 1_000_000)
}
