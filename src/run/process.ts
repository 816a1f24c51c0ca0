/**
 * Processes: made, replaced, signalled, ended. Models fork, execve, wait4, kill and exit as far as programs that
 * keep plain data need them (Linux 6.18). Not here: stopped jobs, sessions, users, zombies (a parent is told of an
 * end by an event, and the record goes at once).
 */
import type { Environment } from './env.ts'
import { NO_LINKS } from './env.ts'
import { assert } from '../base/assert.ts'
import { frozenMap } from '../base/clone.ts'
import { entryDrop, entrySet, NO_ENTRIES } from '../base/entries.ts'
import type { Netns, World } from '../net/types.ts'
import { findNetns, netnsOf } from '../net/world.ts'
import { schedule, touch } from '../sim/dispatch.ts'
import type { ChildRef, TimerRef } from './events.ts'
import { RunEv } from './events.ts'
import { containerProcessEnded } from './containerlife.ts'
import { closeFd, holdFd, NO_FDS, ownFds } from './fds.ts'
import { machineNetnsReleased, machineOf } from './machine.ts'
import { procAdd, procAt, procDrop } from './proctable.ts'
import { closeProcSockets } from './sockets.ts'
import type { Capture, Fd, Machine, ProcCtx, Process, Programs, SignalName } from './types.ts'

/** Living processes that one machine may have, and how many more for each container. */
export const PROCESS_MAX = 256
const PER_CONTAINER = 4

/** Shared by all that have none. */
const NO_NUMBERS: number[] = Object.freeze([]) as unknown as number[]

const SIGNALS: Readonly<Record<SignalName, number>> = Object.freeze({
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
})

export interface SpawnRequest {
  machine: number
  ns: number
  program: string
  argv: string[]
  env: ReadonlyMap<string, string>
  /** Frozen; see `Environment`. */
  links?: ReadonlyMap<string, string>
  hostname?: string
  cwd: string
  fds: ReadonlyMap<number, Fd>
  /** 0 where nobody waits for it. */
  ppid: number
  parentNs: number
  /** 0 or undefined: a group of its own. */
  pgid?: number
  tty?: number
  capture?: number
  /** Container to live in, '' or undefined for the machine itself. */
  container?: string
  /** Plain data that the program finds in `proc.state` at its start. */
  state?: unknown
}

/** Makes a process; it starts by an event at the present time. Answers its pid, 0 where the machine is full. */
export function spawn(world: World, request: SpawnRequest): number {
  const machine = touchMachine(world, request.machine)
  if (machine.pids.size >= PROCESS_MAX + machine.containers.size * PER_CONTAINER) return 0
  touch(world, request.ns)
  const ns = netnsOf(world, request.ns)
  const pid = machine.nextPid++
  const box = machine.containers.get(request.container ?? '')
  const proc: Process = {
    pid,
    ppid: request.ppid,
    parentNs: request.parentNs,
    pgid: request.pgid === undefined || request.pgid === 0 ? pid : request.pgid,
    machine: request.machine,
    ns: request.ns,
    container: box?.id ?? '',
    vpid: box === undefined ? pid : box.nextPid++,
    program: request.program,
    argv: request.argv,
    env: frozenMap(request.env),
    links: request.links ?? NO_LINKS,
    hostname: request.hostname ?? '',
    cwd: request.cwd,
    fds: NO_FDS,
    state: request.state,
    tty: request.tty ?? 0,
    capture: request.capture ?? 0,
    startedAt: world.now,
    timers: NO_ENTRIES,
    nextTimer: 1,
    reads: NO_NUMBERS,
    written: 0,
    children: NO_NUMBERS,
    exited: false,
  }
  // Frozen: of things without an end to hold, shared by all that have just these.
  if (Object.isFrozen(request.fds)) proc.fds = request.fds
  else {
    for (const [n, fd] of request.fds) {
      ownFds(proc).set(n, Object.isFrozen(fd) ? fd : { ...fd })
      holdFd(machine, fd)
    }
  }
  procAdd(ns, proc)
  machine.pids.set(pid, ns.id)
  schedule(world, world.now, RunEv.ProcStart, ns.id, pid, undefined)
  return pid
}

/** What a child inherits unless told otherwise. */
export interface ChildOptions {
  ns?: number
  env?: ReadonlyMap<string, string>
  cwd?: string
  fds?: ReadonlyMap<number, Fd>
  pgid?: number
  container?: string
  state?: unknown
}

/** A child of the calling process, with its descriptors, environment, group and directory. 0 where the machine is full. */
export function spawnChild(
  ctx: ProcCtx,
  program: string,
  argv: string[],
  options: ChildOptions = {},
): number {
  const { world, proc } = ctx
  const pid = spawn(world, {
    machine: proc.machine,
    ns: options.ns ?? proc.ns,
    program,
    argv,
    ...(options.env === undefined ? environmentOf(proc) : { env: options.env }),
    cwd: options.cwd ?? proc.cwd,
    fds: options.fds ?? proc.fds,
    ppid: proc.pid,
    parentNs: proc.ns,
    pgid: options.pgid ?? proc.pgid,
    tty: proc.tty,
    container: options.container ?? proc.container,
    state: options.state,
  })
  if (pid !== 0) proc.children = proc.children.concat(pid)
  return pid
}

/** As `spawnChild`, in another namespace (`ip netns exec`). */
export function spawnIn(
  ctx: ProcCtx,
  ns: number,
  program: string,
  argv: string[],
  options: ChildOptions = {},
): number {
  return spawnChild(ctx, program, argv, { ...options, ns })
}

/** Goes on as another program with the same pid, descriptors and parent (execve). The caller must return at once. */
export function execProgram(
  ctx: ProcCtx,
  program: string,
  argv: string[],
  env?: ReadonlyMap<string, string>,
): void {
  const { world, proc } = ctx
  proc.program = program
  proc.argv = argv
  if (env !== undefined) {
    proc.env = frozenMap(env)
    proc.links = NO_LINKS
  }
  proc.state = undefined
  proc.timers = NO_ENTRIES
  proc.reads = NO_NUMBERS
  schedule(world, world.now, RunEv.ProcStart, proc.ns, proc.pid, undefined)
}

/** Ends the process: descriptors, sockets and timers go, the parent is told. Codes as the shell sees them (0-255). */
export function exitProcess(ctx: ProcCtx, code: number): void {
  const { world, ns, machine, proc } = ctx
  if (proc.exited) return
  proc.exited = true
  touch(world, machine.id)
  for (const n of [...proc.fds.keys()]) closeFd(ctx, n)
  proc.timers = NO_ENTRIES
  proc.reads = NO_NUMBERS
  closeProcSockets(world, ns, proc.pid)
  procDrop(ns, proc.pid)
  machine.pids.delete(proc.pid)
  const capture = world.targets[proc.capture] as Capture | undefined
  if (capture?.type === 'capture') {
    touch(world, capture.id)
    capture.code = code & 255
  }
  if (proc.ppid !== 0 && findProcess(world, machine, proc.ppid) !== undefined) {
    const ref: ChildRef = { pid: proc.pid, code: code & 255 }
    schedule(world, world.now, RunEv.ProcChild, proc.parentNs, proc.ppid, ref)
  }
  if (proc.container !== '') containerProcessEnded(world, machine, proc, code & 255)
  machine.watchers = machine.watchers.filter((one) => one.pid !== proc.pid)
  machineNetnsReleased(world, machine, ns.id)
}

/** Arms the timer `tag` at `at` ns, instead of the one of that tag that is armed. */
export function setTimer(ctx: ProcCtx, at: number, tag: string): void {
  const { world, proc } = ctx
  const gen = proc.nextTimer++
  proc.timers = entrySet(proc.timers, tag, gen)
  const ref: TimerRef = { tag, gen }
  schedule(world, Math.max(world.now, Math.round(at)), RunEv.ProcTimer, proc.ns, proc.pid, ref)
}

export function cancelTimer(ctx: ProcCtx, tag: string): void {
  ctx.proc.timers = entryDrop(ctx.proc.timers, tag)
}

/** Sends a signal; it arrives by an event. False where there is no such process. */
export function signalProcess(world: World, machine: Machine, pid: number, name: SignalName): boolean {
  const ns = machine.pids.get(pid)
  if (ns === undefined) return false
  schedule(world, world.now, RunEv.ProcSignal, ns, pid, name)
  return true
}

/** Ends another process of the machine at once, as SIGKILL does. */
export function killProcess(ctx: ProcCtx, pid: number): void {
  const id = ctx.machine.pids.get(pid)
  if (id === undefined) return
  touch(ctx.world, id)
  const other = procCtx(ctx.world, netnsOf(ctx.world, id), pid, ctx.programs)
  if (other !== undefined) exitProcess(other, 128 + SIGNALS.SIGKILL)
}

/** Sends a signal to every process of a group. False where there is none. */
export function signalGroup(world: World, machine: Machine, pgid: number, name: SignalName): boolean {
  let found = false
  for (const proc of processesOf(world, machine)) {
    if (proc.pgid === pgid) found = signalProcess(world, machine, proc.pid, name) || found
  }
  return found
}

/** A signal's number as `kill -l` has it. */
export function signalNumber(name: SignalName): number {
  return SIGNALS[name]
}

/** `9`, `KILL`, `SIGKILL` or `sigkill`; undefined for a signal that is not modelled. */
export function parseSignal(text: string): SignalName | undefined {
  const upper = text.toUpperCase()
  for (const name of Object.keys(SIGNALS) as SignalName[]) {
    if (upper === name || upper === name.slice(3) || text === String(SIGNALS[name])) return name
  }
  return undefined
}

/** The living process with this pid. */
export function findProcess(world: World, machine: Machine, pid: number): Process | undefined {
  const id = machine.pids.get(pid)
  return id === undefined ? undefined : procAt(findNetns(world, id), pid)
}

/** All living processes of a machine, by pid. */
export function processesOf(world: World, machine: Machine): Process[] {
  const list: Process[] = []
  for (const pid of machine.pids.keys()) {
    const proc = findProcess(world, machine, pid)
    if (proc !== undefined) list.push(proc)
  }
  return list
}

/** What a process sees of the others: all of them, or those of its own container, each with its number there. */
export function processesSeen(
  world: World,
  machine: Machine,
  viewer: Process,
): { pid: number; proc: Process }[] {
  const inside = viewer.container
  return processesOf(world, machine)
    .filter((proc) => inside === '' || proc.container === inside)
    .map((proc) => ({ pid: inside === '' ? proc.pid : proc.vpid, proc }))
}

/** The machine's number of the process that the viewer knows as `pid`; undefined where it sees none. */
export function pidSeen(world: World, machine: Machine, viewer: Process, pid: number): number | undefined {
  if (viewer.container === '') return machine.pids.has(pid) ? pid : undefined
  return processesSeen(world, machine, viewer).find((one) => one.pid === pid)?.proc.pid
}

/** The number by which the viewer knows a process of the machine; the machine's own where it sees none. */
export function pidShown(world: World, machine: Machine, viewer: Process, pid: number): number {
  return viewer.container === '' ? pid : (findProcess(world, machine, pid)?.vpid ?? pid)
}

/** The context of a living process; undefined where it or its machine is gone. */
export function procCtx(world: World, ns: Netns, pid: number, programs: Programs): ProcCtx | undefined {
  const proc = procAt(ns, pid)
  const machine = machineOf(world, ns.id)
  return proc === undefined || machine === undefined ? undefined : { world, ns, machine, proc, programs }
}

function environmentOf({ env, links, hostname }: Process): Environment {
  return { env, links, hostname }
}

function touchMachine(world: World, id: number): Machine {
  touch(world, id)
  const machine = world.targets[id] as Machine | undefined
  assert(machine !== undefined && machine.type === 'machine', `target ${id} is a machine`)
  return machine
}
