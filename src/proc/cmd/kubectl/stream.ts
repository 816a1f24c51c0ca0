/**
 * Answers that go on, as a command follows them: watches, logs, commands in containers. Over the network they come on
 * the connection to the API server; where the control plane is not drawn, they are looked for in its store and at the
 * kubelets. Models client-go's StreamWatcher and kubectl's words for streams that break (1.32).
 */
import { watchPoll } from '../../../kube/api/watch.ts'
import type { ContainerTarget } from '../../../kube/api/respond.ts'
import type { JsonObject, Status, WatchSpec } from '../../../kube/types.ts'
import type { LogCursor } from '../../kube/kubelet/hooks.ts'
import { kubeletLogMore, kubeletLogOpen } from '../../kube/kubelet/hooks.ts'
import type { ExecAsked, ExecFollow } from '../../kube/kubelet/terminal.ts'
import { execEnd, execInput, execMore, execStart } from '../../kube/kubelet/terminal.ts'
import { dateText, EPOCH_SECONDS } from '../../clock.ts'
import { wallNow } from './clock.ts'
import type { Flow, News } from './flow.ts'
import { complain, fault, once, pause, rawMode, streamInput, streamNews, takeKeys, upgrade } from './flow.ts'
import type { Client, Reply } from './rest.ts'
import { call } from './rest.ts'

/** Where something is followed: plain data. */
export type Following =
  | { readonly k: 'net'; readonly n: number }
  | { readonly k: 'watch'; readonly spec: WatchSpec }
  | { readonly k: 'log'; readonly cursor: LogCursor }
  | { readonly k: 'exec'; readonly follow: ExecFollow }

const LOG_EVERY = 100_000_000
const WATCH_EVERY = 50_000_000
const EXEC_EVERY = 10_000_000

/** What comes next, and where to go on. Time passes until there is something, or it is `until` (0: for ever). */
export function followMore(flow: Flow, at: Following, until = 0): { news: News; next: Following } {
  if (at.k === 'net') return { news: streamNews(flow, at.n, until), next: at }
  const found = once(flow, () => poll(flow, at))
  const { news } = found
  if (news.code < 0 && news.out === '' && news.err === '') pause(flow, everyOf(at))
  return found
}

function everyOf({ k }: Following): number {
  return k === 'exec' ? EXEC_EVERY : k === 'log' ? LOG_EVERY : WATCH_EVERY
}

function poll(flow: Flow, at: Following): { news: News; next: Following } {
  const { world } = flow.ctx
  switch (at.k) {
    case 'watch': {
      const { lines, revision, ended } = watchPoll(world, at.spec, at.spec.revision)
      const news = { out: lines.join('\n'), err: '', code: ended ? 0 : -1, broken: '' }
      const headers = at.spec.headers && lines.length === 0
      return { news, next: { k: 'watch', spec: { ...at.spec, revision, headers } } }
    }
    case 'log': {
      const { text, cursor, ended } = kubeletLogMore(world, at.cursor)
      return { news: { out: text, err: '', code: ended ? 0 : -1, broken: '' }, next: { k: 'log', cursor } }
    }
    case 'exec': {
      execInput(world, at.follow, takeKeys(flow), false)
      const { news, follow } = execMore(world, at.follow)
      if (news.code >= 0) execEnd(world, follow)
      return { news: { ...news, broken: '' }, next: { k: 'exec', follow } }
    }
    default:
      return { news: { out: '', err: '', code: 0, broken: '' }, next: at }
  }
}

/** The events of a watch in what came. */
export function watchEvents(news: News | string): { type: string; object: JsonObject }[] {
  const out = typeof news === 'string' ? news : news.out
  if (out === '') return []
  return out.split('\n').map((line) => JSON.parse(line) as { type: string; object: JsonObject })
}

/**
 * Ends the command where a watch broke: a connection that was lost is an error; one that was closed or reset ends the
 * watch as a server's time-out does (apimachinery pkg/util/net IsProbableEOF).
 */
export function watchBroken({ broken }: News): void {
  if (broken === '' || broken === 'EOF' || broken.includes('connection reset by peer')) return
  const words = `unable to decode an event from the watch stream: ${broken}`
  fault(`error: an error on the server ("${words}") has prevented the request from succeeding`)
}

/** Ends the command where a command in a container broke: its streams complain on their way (klog), then it does. */
export function execBroken(flow: Flow, { broken }: News, tty: boolean): void {
  if (broken === '') return
  const why = `next reader: ${broken}`
  const stamp = once(flow, () => klogStamp(wallNow(flow), flow.ctx.proc.pid))
  const streams = tty ? [150] : [150, 167]
  for (const line of streams) complain(flow, `${stamp} v2.go:${line}] "Unhandled Error" err="${why}"\n`)
  fault(`error: error reading from error stream: ${why}`)
}

/** `E1121 05:59:47.383000       3`; `level` W for a warning, F for what ends the command. */
export function klogStamp(ms: number, pid: number, level: 'E' | 'F' | 'W' = 'E'): string {
  const at = (ms - EPOCH_SECONDS * 1000) * 1_000_000
  return `${level}${dateText(at, '%m%d %T')}.${String(ms % 1000).padStart(3, '0')}000 ${String(pid).padStart(7)}`
}

/** Ends the command where a log broke. */
export function streamBroken({ broken }: News): void {
  if (broken !== '') fault(`error: ${broken === 'EOF' ? 'unexpected EOF' : broken}`)
}

/** A watch that was asked for. */
export function watchOf(reply: Extract<Reply, { ok: true }>): Following {
  if (reply.n !== undefined) return { k: 'net', n: reply.n }
  return { k: 'watch', spec: reply.watch as unknown as WatchSpec }
}

/** Opens a log that is followed. Text that is there already comes with it, or as the first news. */
export function openLog(
  client: Client,
  target: ContainerTarget,
): { text: string; at: Following } | { status: Status } {
  const { flow } = client
  const query: [string, string][] = [['container', target.container], ...(target.query as [string, string][])]
  const path = `/api/v1/namespaces/${target.namespace}/pods/${target.pod}/log`
  const reply = call(client, 'GET', path, { query, accept: 'application/json, */*' })
  if (!reply.ok) return { status: reply.status }
  if (reply.n !== undefined) return { text: '', at: { k: 'net', n: reply.n } }
  const opened = once(flow, () => kubeletLogOpen(flow.ctx.world, target))
  return 'status' in opened ? opened : { text: opened.text, at: { k: 'log', cursor: opened.cursor } }
}

/** Starts a command in a container. On a terminal, what is typed is its keys until it ends. */
export function openExec(
  client: Client,
  target: ContainerTarget,
  asked: ExecAsked,
): { at: Following } | { status: Status } {
  const { flow } = client
  const on = (name: string, wanted: boolean): [string, string][] => (wanted ? [[name, 'true']] : [])
  const query: [string, string][] = [
    ...asked.argv.map((word): [string, string] => ['command', word]),
    ['container', target.container],
    ...on('stdin', asked.stdin),
    ...on('stdout', true),
    ...on('stderr', !asked.tty),
    ...on('tty', asked.tty),
  ]
  const path = `/api/v1/namespaces/${target.namespace}/pods/${target.pod}/exec`
  const reply = call(client, 'GET', path, { query })
  if (!reply.ok) return { status: reply.status }
  if (reply.n !== undefined) {
    upgrade(flow)
    if (asked.tty) rawMode(flow, reply.n)
    return { at: { k: 'net', n: reply.n } }
  }
  const started = once(flow, () => execStart(flow.ctx.world, flow.ctx.programs, target, asked))
  if ('status' in started) return started
  if (asked.tty) rawMode(flow, -1)
  return { at: { k: 'exec', follow: started.follow } }
}

/** Gives a command all its input. */
export function execWrite(flow: Flow, at: Following, text: string): void {
  if (at.k === 'net') streamInput(flow, at.n, text, true)
  else if (at.k === 'exec') once(flow, () => execInput(flow.ctx.world, at.follow, text, true))
}
