/** Containers as others outside the world reach them: a log that is followed, a command with its input and output. */
import type { ApiResponse, StreamSpec } from '../kube/types.ts'
import { badRequest } from '../kube/api/status.ts'
import type { Status } from '../kube/types.ts'
import type { World } from '../net/types.ts'
import type { LogCursor } from '../proc/kube/kubelet/hooks.ts'
import { kubeletLogMore, kubeletLogOpen } from '../proc/kube/kubelet/hooks.ts'
import type { ExecFollow as Exec, ExecNews } from '../proc/kube/kubelet/terminal.ts'
import {
  execEnd,
  execInput as execWrite,
  execMore as execNews,
  execStart,
} from '../proc/kube/kubelet/terminal.ts'
import type { Programs } from '../run/types.ts'

export type { StreamSpec }

/** A log that somebody follows. Plain data. */
export interface LogFollow {
  cursor: LogCursor
}

/** A command in a container that somebody waits for. Plain data. */
export interface ExecFollow {
  at: Exec
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
  const started = execStart(world, programs, spec, { argv, tty: asked('tty'), stdin: asked('stdin') })
  return 'status' in started ? { answer: answerOf(started.status) } : { follow: { at: started.follow } }
}

/** Everything that the command wrote since, and how it stands. */
export function execMore(world: World, follow: ExecFollow): ExecNews {
  const { news, follow: at } = execNews(world, follow.at)
  follow.at = at
  return news
}

/** Gives the command input; on a terminal these are keys. */
export function execInput(world: World, { at }: ExecFollow, text: string, eof: boolean): void {
  execWrite(world, at, text, eof)
}

/** Nobody waits any longer. */
export function endExec(world: World, { at }: ExecFollow): void {
  execEnd(world, at)
}

function answerOf(status: Status): ApiResponse {
  return { code: status.code ?? 500, contentType: 'application/json', body: status }
}
