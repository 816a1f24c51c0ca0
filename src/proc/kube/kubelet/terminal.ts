/**
 * Commands in containers, with a terminal of the node's where one is asked for: what the kubelet's exec and `lab api`
 * hand on. Models the CRI's streaming server (containerd 2.0). Not here: the window's size.
 */
import type { ContainerTarget } from '../../../kube/api/respond.ts'
import { internalError, notFound } from '../../../kube/api/status.ts'
import { clusterOf } from '../../../kube/cluster.ts'
import type { Pod } from '../../../kube/objects-pod.ts'
import { storeGet, storeOf } from '../../../kube/store/store.ts'
import type { Status } from '../../../kube/types.ts'
import type { World } from '../../../net/types.ts'
import { findMachine } from '../../../run/machine.ts'
import { closeTty, createTty, findTty, ttyKeys, ttyText } from '../../../run/tty.ts'
import type { Programs } from '../../../run/types.ts'
import { touch } from '../../../sim/dispatch.ts'
import type { ExecSession } from './hooks.ts'
import {
  kubeletExec,
  kubeletExecEnd,
  kubeletExecMore,
  kubeletExecSignal,
  kubeletExecWrite,
  kubeletSpawn,
} from './hooks.ts'
import { BOX_NAME, containersOfPod, livesOf, PAUSE_NAME } from './labels.ts'

/** A command in a container that somebody waits for. Plain data. */
export interface ExecFollow {
  readonly session: ExecSession
  /** Terminal, 0 for none, and how much of what it shows was taken. */
  readonly tty: number
  readonly shown: number
  /** Of a connection into a pod: containerd's words where it does not come about. */
  readonly why?: string
}

/** What a command wrote since it was last asked; `code` is -1 while it runs. */
export interface ExecNews {
  readonly out: string
  readonly err: string
  readonly code: number
}

export interface ExecAsked {
  readonly argv: readonly string[]
  readonly tty: boolean
  readonly stdin: boolean
}

/** Starts a command, or says why not. */
export function execStart(
  world: World,
  programs: Programs,
  target: ContainerTarget,
  { argv, tty: wanted, stdin }: ExecAsked,
): { follow: ExecFollow } | { status: Status } {
  const machine = nodeMachine(world, target)
  if (machine === undefined) return { status: internalError(`the node of ${target.pod} is no machine`) }
  const tty = wanted ? createTty(world, machine, findMachine(world, machine)!.rootNs) : 0
  const started = kubeletExec(world, programs, target, { argv, tty, pgid: 0, stdin })
  if ('status' in started) {
    if (tty !== 0) closeTty(world, tty)
    return started
  }
  const { session } = started
  const screen = findTty(world, tty)
  if (screen !== undefined) {
    touch(world, tty)
    screen.ns = session.ns
    screen.fg = session.pid
    screen.shell = session.pid
  }
  return { follow: { session, tty, shown: 0 } }
}

/**
 * A connection to a port inside a pod, made in the pod's network by a process of the node's: what comes from it and
 * what goes to it are that command's output and input. Models what `nsenter -n socat - TCP4:localhost:PORT` did.
 */
export function forwardStart(
  world: World,
  { namespace, pod: name }: ContainerTarget,
  port: number,
): { follow: ExecFollow } | { status: Status } {
  const pod = storeGet<Pod>(storeOf(world), 'pods', namespace, name)
  if (pod === undefined) return { status: notFound({ group: '', resource: 'pods' }, name) }
  for (const { name: container } of pod.spec.containers) {
    const found = livesOf(world, pod, container)
    const box = found?.lives.at(-1)
    const home = found?.machine.pids.get(box?.pid ?? 0)
    if (found === undefined || box?.status !== 'running' || home === undefined) continue
    const session = kubeletSpawn(world, found.machine, home, 'nc', ['nc', '-N', '127.0.0.1', String(port)])
    const sandbox = containersOfPod(found.machine, pod.metadata.uid).find(
      (one) => one.labels[BOX_NAME] === PAUSE_NAME,
    )
    const space = [...found.machine.sandboxes.values()].find(({ ns }) => ns === home)?.key ?? ''
    const why = refusedText(sandbox?.id ?? '', space, port)
    return { follow: { session, tty: 0, shown: 0, why } }
  }
  return { status: internalError(`pod ${name} has no running container`) }
}

/** containerd's (internal/cri/server/sandbox_portforward_linux.go) around Go's dialer's. */
function refusedText(id: string, space: string, port: number): string {
  const dialed = `IPv4: dial tcp4 127.0.0.1:${port}: connect: connection refused`
  const inside = `failed to connect to localhost:${port} inside namespace "${id}", ${dialed}`
  const where = space === '' ? 'host network namespace' : `network namespace "${space}"`
  const six = 'IPv6 dial tcp6: address localhost: no suitable address found '
  return `error forwarding port ${port} to pod ${id}, uid : failed to execute portforward in ${where}: ${inside} ${six}`
}

/** Everything that the command wrote since, how it stands, and where to go on. */
export function execMore(world: World, follow: ExecFollow): { news: ExecNews; follow: ExecFollow } {
  const { out, err, code, session } = kubeletExecMore(world, follow.session)
  if (follow.tty === 0) return { news: { out, err, code }, follow: { ...follow, session } }
  const { text, dropped } = ttyText(world, follow.tty)
  const fresh = text.slice(Math.max(0, follow.shown - dropped))
  const shown = dropped + text.length
  return { news: { out: fresh, err: '', code }, follow: { ...follow, session, shown } }
}

/** Ends a command that nobody waits for any longer: a connection that was forwarded. */
export function forwardEnd(world: World, { session }: ExecFollow): void {
  kubeletExecSignal(world, session, 'SIGTERM')
  kubeletExecEnd(world, session)
}

/** Gives the command input; on a terminal these are keys. */
export function execInput(world: World, { session, tty }: ExecFollow, text: string, eof: boolean): void {
  if (tty === 0) kubeletExecWrite(world, session, text, eof)
  else if (text !== '') ttyKeys(world, tty, text)
}

/** Nobody waits any longer: a command without a terminal goes on, one on a terminal is hung up. */
export function execEnd(world: World, { session, tty }: ExecFollow): void {
  kubeletExecEnd(world, session)
  if (tty !== 0) closeTty(world, tty)
}

function nodeMachine(world: World, { namespace, pod }: ContainerTarget): number | undefined {
  const node = storeGet<Pod>(storeOf(world), 'pods', namespace, pod)?.spec.nodeName ?? ''
  return clusterOf(world).nodes.get(node)?.machine
}
