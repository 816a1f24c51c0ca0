/** Containers as others outside the world reach them: a log that is followed, a command with its input and output. */
import type { ApiResponse, StreamSpec } from '../kube/types.ts'
import { badRequest, internalError } from '../kube/api/status.ts'
import { clusterOf } from '../kube/cluster.ts'
import type { Pod } from '../kube/objects.ts'
import { storeGet, storeOf } from '../kube/store/store.ts'
import type { Status } from '../kube/types.ts'
import type { World } from '../net/types.ts'
import type { ExecSession, LogCursor } from '../proc/kube/kubelet/hooks.ts'
import {
  kubeletExec,
  kubeletExecEnd,
  kubeletExecMore,
  kubeletExecWrite,
  kubeletLogMore,
  kubeletLogOpen,
} from '../proc/kube/kubelet/hooks.ts'
import { findMachine } from '../run/machine.ts'
import { closeTty, createTty, findTty, ttyKeys, ttyText } from '../run/tty.ts'
import type { Programs } from '../run/types.ts'
import { touch } from '../sim/dispatch.ts'

export type { StreamSpec }

/** A log that somebody follows. Plain data. */
export interface LogFollow {
  cursor: LogCursor
}

/** A command in a container that somebody waits for. Plain data. */
export interface ExecFollow {
  session: ExecSession
  /** Terminal, 0 for none, and how much of what it shows was taken. */
  tty: number
  shown: number
}

/** What a command wrote since it was last asked; `code` is -1 while it runs. */
export interface ExecNews {
  readonly out: string
  readonly err: string
  readonly code: number
}

/** Opens a log: what it holds, and how it goes on; or the failure to answer. */
export function followLog(
  world: World,
  spec: StreamSpec,
): { text: string; follow: LogFollow } | { answer: ApiResponse } {
  const opened = kubeletLogOpen(world, spec)
  if ('status' in opened) return { answer: answerOf(opened.status) }
  return { text: opened.text, follow: { cursor: opened.cursor } }
}

/** What was written since. `ended`: nothing more will be. */
export function logMore(world: World, follow: LogFollow): { text: string; ended: boolean } {
  const { text, cursor, ended } = kubeletLogMore(world, follow.cursor)
  follow.cursor = cursor
  return { text, ended }
}

/** Starts the command that an exec request is for; or the failure to answer. */
export function startExec(
  world: World,
  programs: Programs,
  spec: StreamSpec,
): { follow: ExecFollow } | { answer: ApiResponse } {
  const argv = spec.query.filter(([key]) => key === 'command').map(([, value]) => value)
  const asked = (name: string) => spec.query.some(([key, value]) => key === name && value === 'true')
  if (spec.what !== 'exec') return { answer: answerOf(badRequest(`pods/${spec.what} is not modelled`)) }
  if (argv.length === 0)
    return { answer: answerOf(badRequest('you must specify at least one command for the container')) }
  const machine = nodeMachine(world, spec)
  if (machine === undefined)
    return { answer: answerOf(internalError(`the node of ${spec.pod} is no machine`)) }
  const tty = asked('tty') ? createTty(world, machine, findMachine(world, machine)!.rootNs) : 0
  const started = kubeletExec(world, programs, spec, { argv, tty, pgid: 0, stdin: asked('stdin') })
  if ('status' in started) {
    if (tty !== 0) closeTty(world, tty)
    return { answer: answerOf(started.status) }
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

/** Everything that the command wrote since, and how it stands. */
export function execMore(world: World, follow: ExecFollow): ExecNews {
  const { out, err, code, session } = kubeletExecMore(world, follow.session)
  follow.session = session
  if (follow.tty === 0) return { out, err, code }
  const { text, dropped } = ttyText(world, follow.tty)
  const fresh = text.slice(Math.max(0, follow.shown - dropped))
  follow.shown = dropped + text.length
  return { out: fresh, err: '', code }
}

/** Gives the command input; on a terminal these are keys. */
export function execInput(world: World, follow: ExecFollow, text: string, eof: boolean): void {
  if (follow.tty === 0) kubeletExecWrite(world, follow.session, text, eof)
  else if (text !== '') ttyKeys(world, follow.tty, text)
}

/** Nobody waits any longer. */
export function endExec(world: World, follow: ExecFollow): void {
  kubeletExecEnd(world, follow.session)
  if (follow.tty !== 0) closeTty(world, follow.tty)
}

function nodeMachine(world: World, { namespace, pod }: StreamSpec): number | undefined {
  const node = storeGet<Pod>(storeOf(world), 'pods', namespace, pod)?.spec.nodeName ?? ''
  return clusterOf(world).nodes.get(node)?.machine
}

function answerOf(status: Status): ApiResponse {
  return { code: status.code ?? 500, contentType: 'application/json', body: status }
}
