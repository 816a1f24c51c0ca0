/**
 * Containers as every engine makes them: a sandbox is a network namespace with a host name, a container a first
 * process with a file tree and process numbers of its own in a sandbox. Docker and a kubelet's runtime are its users;
 * what connects a sandbox to a network is theirs. Not here: cgroups, users, mounts, seccomp.
 */
import { assert } from '../base/assert.ts'
import { frozenMap } from '../base/clone.ts'
import type { Rng } from '../base/rng.ts'
import { nextUint32 } from '../base/rng.ts'
import { linkSet } from '../net/link/netlink.ts'
import { createNetns } from '../net/netns.ts'
import type { World } from '../net/types.ts'
import { netnsNamed, netnsOf } from '../net/world.ts'
import { touch } from '../sim/dispatch.ts'
import { containerFiles } from './containerlife.ts'
import { NO_LINKS } from './env.ts'
import { findMachine, forsakeNetns } from './machine.ts'
import { signalProcess, spawn } from './process.ts'
import type { Container, Fd, FileNode, LogChunk, Machine, Mount, Sandbox } from './types.ts'

export interface SandboxSpec {
  id: string
  /** Its namespace is called `MACHINE.NAME`, or `MACHINE.NAME-ID` where that is taken. */
  name: string
  key: string
  hostname: string
  /** Take the machine's own namespace instead of a new one. */
  host?: boolean
}

export interface ContainerSpec {
  id: string
  name: string
  runtime: string
  image: string
  imageId: string
  program: string
  argv: string[]
  env: ReadonlyMap<string, string>
  /** Frozen; see `Environment`. */
  links?: ReadonlyMap<string, string>
  cwd: string
  hostname: string
  tty?: boolean
  labels?: Readonly<Record<string, string>>
  /** The image's files: a frozen record of frozen nodes. */
  base: Readonly<Record<string, FileNode>>
}

const NO_MOUNTS: readonly Mount[] = Object.freeze([])
/** What a container's first process has where nothing else is said: nothing to read, and the log. */
const STANDARD: ReadonlyMap<number, Fd> = Object.freeze(
  new Map<number, Fd>([
    [0, Object.freeze({ kind: 'null' })],
    [1, Object.freeze({ kind: 'log', stream: 'out' })],
    [2, Object.freeze({ kind: 'log', stream: 'err' })],
  ]),
)
const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({})
const NO_LOGS: LogChunk[] = Object.freeze([]) as unknown as LogChunk[]
const NO_FILES: Map<string, FileNode | null> = Object.freeze(new Map())

/** A network namespace with `lo` up, or the machine's own. */
export function createSandbox(world: World, machineId: number, spec: SandboxSpec): Sandbox {
  const machine = touched(world, machineId)
  assert(!machine.sandboxes.has(spec.id), 'the sandbox is new')
  const borrowed = spec.host === true
  const box: Sandbox = {
    id: spec.id,
    name: spec.name,
    ns: machine.rootNs,
    borrowed,
    key: spec.key,
    hostname: spec.hostname,
  }
  if (!borrowed) {
    const wished = `${machine.name}.${spec.name}`
    const name = netnsNamed(world, wished) === undefined ? wished : `${wished}-${spec.id.slice(0, 12)}`
    const ns = createNetns(world, name, machine.id)
    box.ns = ns.id
    linkSet(world, ns, ns.links[1]!, { up: true })
  }
  machine.sandboxes.set(box.id, box)
  return box
}

/** Takes a sandbox away; its namespace goes with the last process in it. */
export function removeSandbox(world: World, machineId: number, id: string): void {
  const machine = touched(world, machineId)
  const box = machine.sandboxes.get(id)
  if (box === undefined) return
  machine.sandboxes.delete(id)
  if (!box.borrowed) forsakeNetns(world, machine, box.ns)
}

/** A container that does not run yet. */
export function createContainer(world: World, machineId: number, spec: ContainerSpec): Container {
  const machine = touched(world, machineId)
  assert(!machine.containers.has(spec.id), 'the container is new')
  const box: Container = {
    id: spec.id,
    name: spec.name,
    runtime: spec.runtime,
    image: spec.image,
    imageId: spec.imageId,
    program: spec.program,
    argv: spec.argv,
    env: frozenMap(spec.env),
    links: spec.links ?? NO_LINKS,
    cwd: spec.cwd,
    hostname: spec.hostname,
    sandbox: '',
    tty: spec.tty ?? false,
    labels: spec.labels ?? NO_LABELS,
    hosts: '',
    base: spec.base,
    files: NO_FILES,
    mounts: NO_MOUNTS,
    status: 'created',
    pid: 0,
    nextPid: 1,
    exitCode: 0,
    createdAt: world.now,
    startedAt: -1,
    finishedAt: -1,
    restarts: 0,
    logs: NO_LOGS,
    logsLost: 0,
  }
  machine.containers.set(box.id, box)
  return box
}

/** Where a container's first process reads and writes; what is not given is nothing, and the log. */
export interface StartOptions {
  fds?: ReadonlyMap<number, Fd>
  tty?: number
  pgid?: number
}

/** Starts a container in a sandbox. Answers the machine's number of its first process, 0 where the machine is full. */
export function startContainer(
  world: World,
  machineId: number,
  id: string,
  sandboxId: string,
  options: StartOptions = {},
): number {
  const machine = touched(world, machineId)
  const box = machine.containers.get(id)
  const sandbox = machine.sandboxes.get(sandboxId)
  assert(box !== undefined && sandbox !== undefined && box.status !== 'running', 'the container can start')
  box.sandbox = sandboxId
  box.nextPid = 1
  const fds = options.fds === undefined ? STANDARD : new Map<number, Fd>([...STANDARD, ...options.fds])
  const pid = spawn(world, {
    machine: machineId,
    ns: sandbox.ns,
    program: box.program,
    argv: box.argv,
    env: box.env,
    links: box.links,
    hostname: box.hostname,
    cwd: box.cwd,
    fds,
    ppid: 0,
    parentNs: 0,
    container: id,
    ...(options.tty === undefined ? {} : { tty: options.tty }),
    ...(options.pgid === undefined ? {} : { pgid: options.pgid }),
  })
  if (pid === 0) return 0
  box.pid = pid
  box.status = 'running'
  box.startedAt = world.now
  box.exitCode = 0
  return pid
}

/** Asks a container to end (SIGTERM), or ends it (SIGKILL). False where it does not run. */
export function stopContainer(world: World, machineId: number, id: string, kill = false): boolean {
  const machine = touched(world, machineId)
  const pid = machine.containers.get(id)?.pid ?? 0
  return pid !== 0 && signalProcess(world, machine, pid, kill ? 'SIGKILL' : 'SIGTERM')
}

/** Forgets a container that does not run. */
export function removeContainer(world: World, machineId: number, id: string): void {
  const machine = touched(world, machineId)
  const box = machine.containers.get(id)
  assert(box === undefined || box.status !== 'running', 'the container has ended')
  machine.containers.delete(id)
  machine.watchers = machine.watchers.filter((one) => one.container !== id)
}

/** A container's log from piece number `from` on, counted from its first start. */
export function containerLogs(box: Container, from = 0): readonly LogChunk[] {
  return box.logs.slice(Math.max(0, from - box.logsLost))
}

/** The oldest running container of a namespace but the one that only holds it: whose inside a terminal there shows. */
export function containerAt(machine: Machine, ns: number): Container | undefined {
  if (ns === machine.rootNs) return undefined
  let holder: Container | undefined
  for (const box of machine.containers.values()) {
    if (box.status !== 'running' || machine.pids.get(box.pid) !== ns) continue
    if (box.program !== 'pause') return box
    holder ??= box
  }
  return holder
}

/** Puts a file into a container's tree, as the engine itself writes /etc/hosts. */
export function putContainerFile(
  world: World,
  machineId: number,
  id: string,
  path: string,
  text: string,
): void {
  const box = touched(world, machineId).containers.get(id)
  const node: FileNode = { kind: 'file', text, mode: 0o644, mtime: world.now }
  if (box !== undefined) containerFiles(box).set(path, Object.freeze(node))
}

/** `digits` random hex digits from a stream. */
export function randomHex(rng: Rng, digits: number): string {
  const codes: number[] = []
  for (let word = 0; codes.length < digits; ) {
    if ((codes.length & 7) === 0) word = nextUint32(rng)
    const digit = word >>> 28
    codes.push(digit < 10 ? 48 + digit : 87 + digit)
    word <<= 4
  }
  // At once: a text that was added up stays a tree of its pieces.
  return String.fromCharCode(...codes)
}

/** The random stream of a machine, for names and addresses that engines draw; its namespace is touched. */
export function machineRng(world: World, machine: Machine): Rng {
  touch(world, machine.rootNs)
  return netnsOf(world, machine.rootNs).rng
}

function touched(world: World, id: number): Machine {
  touch(world, id)
  const machine = findMachine(world, id)
  assert(machine !== undefined, `target ${id} is a machine`)
  return machine
}
