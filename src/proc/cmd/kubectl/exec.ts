/** `kubectl exec`, `attach` and `logs`. Models kubectl pkg/cmd/exec, attach, logs (1.32). */
import type { ContainerTarget } from '../../../kube/api/respond.ts'
import { parseTime } from '../../../kube/time.ts'
import type { JsonObject, Status } from '../../../kube/types.ts'
import { arr, obj, str } from './describe-text.ts'
import type { Flags } from './flags.ts'
import { boolFlag, durationFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { complain, fault, loop, once, pause, print, rawMode, standardInput } from './flow.ts'
import type { Client } from './rest.ts'
import { call, discover, failStatus, metaOf, must, needResource, openClient, statusText } from './rest.ts'
import { podOf, podsBehind } from './pods.ts'
import { fileItems, lazyDiscovery, unlisted } from './select.ts'
import type { Following } from './stream.ts'
import { execBroken, execWrite, followMore, openExec, openLog, streamBroken } from './stream.ts'

const LOG_POLL = 100_000_000

const EXEC_FLAGS = ['container/c=', 'stdin/i', 'tty/t', 'quiet/q', 'pod-running-timeout=', 'filename/f=*']

export function exec(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl exec', args, EXEC_FLAGS)
  const client = openClient(flow, flags)
  const own = flags.dash < 0 ? flags.operands.slice(0, 1) : flags.operands.slice(0, flags.dash)
  const command = flags.dash < 0 ? flags.operands.slice(1) : flags.operands.slice(flags.dash)
  const files = textFlag(flags, 'filename') !== ''
  if (own.length === 0 && !files) fault('error: pod, type/name or --filename must be specified')
  if (flags.dash < 0 && (command.length > 0 || (own.length > 0 && files))) {
    fault(
      "error: exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\nSee 'kubectl exec -h' for help and examples",
    )
  }
  if (command.length === 0) fault('error: you must specify at least one command for the container')
  const { name, pod } = podOf(client, files ? inFile(client) : own[0]!)
  const phase = str(obj(pod, 'status'), 'phase')
  if (phase === 'Succeeded' || phase === 'Failed') {
    fault(`error: cannot exec into a container in a completed pod; current phase is ${phase}`)
  }
  const container = containerFor(client, pod, textFlag(flags, 'container'))
  const target = { namespace: client.namespace, pod: name, container, query: [] }
  const tty = boolFlag(flags, 'tty') && boolFlag(flags, 'stdin') && flow.ctx.proc.tty !== 0
  if (boolFlag(flags, 'tty') && !tty) {
    complain(flow, 'Unable to use a TTY - input is not a terminal or the right kind of file\n')
  }
  return runInside(client, target, command, boolFlag(flags, 'stdin'), tty)
}

/** TYPE/NAME of the one object that -f names. */
function inFile(client: Client): string {
  const items = fileItems(client, lazyDiscovery(client))
  if (items.length > 1) fault('error: cannot exec into multiple objects at a time')
  const [one] = items
  return one === undefined ? fault('error: no objects passed to exec') : `${one.info.resource}/${one.name}`
}

/** The container that a command is for; the first one is said where there are more. */
export function containerFor(
  client: Client,
  pod: JsonObject,
  asked: string,
  note: (text: string) => void = (text) => complain(client.flow, text),
): string {
  const containers = arr(obj(pod, 'spec'), 'containers').map((one) => str(one, 'name'))
  const inits = arr(obj(pod, 'spec'), 'initContainers').map((one) => str(one, 'name'))
  if (asked !== '') {
    if ([...containers, ...inits].includes(asked)) return asked
    // The server says so itself, when it is asked for the stream.
    return asked
  }
  const noted = metaOf(pod).annotations['kubectl.kubernetes.io/default-container']
  if (noted !== undefined && [...containers, ...inits].includes(noted)) return noted
  if (noted !== undefined && noted !== '') {
    note(`Default container name "${noted}" not found in pod ${metaOf(pod).name}\n`)
  }
  if (boolFlag(client.flags, 'quiet') || boolFlag(client.flags, 'all-pods')) return containers[0] ?? ''
  if (containers.length > 1 || inits.length > 0) {
    const rest = [...containers, ...inits.map((name) => `${name} (init)`)].join(', ')
    note(`Defaulted container "${containers[0]}" out of: ${rest}\n`)
  }
  return containers[0] ?? ''
}

/** The command, its input and output, until it ends. */
function runInside(
  client: Client,
  target: ContainerTarget,
  argv: readonly string[],
  stdin: boolean,
  tty: boolean,
): number {
  const { flow } = client
  const opened = openExec(client, target, { argv, tty, stdin })
  if ('status' in opened) return execFailed(opened.status)
  if (stdin && !tty) execWrite(flow, opened.at, standardInput(flow))
  const code = loop<Following, number>(
    flow,
    () => opened.at,
    (at) => {
      const { news, next } = followMore(flow, at)
      // The node's terminal has made its line ends already; this one would make them again.
      print(flow, tty ? news.out.replaceAll('\r\n', '\n') : news.out)
      complain(flow, news.err)
      if (tty && news.code >= 0) rawMode(flow, 0)
      execBroken(flow, news, tty)
      return news.code >= 0 ? { done: news.code } : { next }
    },
  )
  if (code !== 0) fault(`command terminated with exit code ${code}`, code)
  return 0
}

/** What the server itself says keeps its words; what the kubelet says is an error of the stream. */
export function execFailed(status: Status): never {
  const fromServer = status.reason !== 'InternalError'
  return fault(fromServer ? statusText(status) : `error: ${status.message ?? ''}`)
}

/** `kubectl attach`: what a container prints from now on; its input is not modelled. */
export function attach(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl attach', args, EXEC_FLAGS)
  const client = openClient(flow, flags)
  const [first, second] = flags.operands
  if (first === undefined) fault('error: at least 1 argument is required for attach')
  if (flags.operands.length > 2) {
    const many = `(at most 2 arguments) saw ${flags.operands.length}: [${flags.operands.join(' ')}]`
    fault(`error: expected POD, TYPE/NAME, or TYPE NAME, ${many}`)
  }
  const word = second === undefined ? first : `${first}/${second}`
  if (boolFlag(flags, 'stdin')) fault('error: kubectl attach --stdin: not modelled in Kubehop')
  const { name, pod } = podOf(client, word!)
  const phase = str(obj(pod, 'status'), 'phase')
  if (phase === 'Succeeded' || phase === 'Failed') {
    fault(`error: cannot attach a container in a completed pod; current phase is ${phase}`)
  }
  const asked = textFlag(flags, 'container')
  if (asked !== '' && !containerNames(pod).includes(asked)) {
    fault(`error: cannot attach to the container: container ${asked} not found in pod ${name}`)
  }
  const container = containerFor(client, pod, asked)
  complain(flow, "If you don't see a command prompt, try pressing enter.\n")
  if (str(obj(pod, 'spec'), 'nodeName') === '') {
    fault(`Error from server (BadRequest): pod ${name} does not have a host assigned`)
  }
  return followPod(client, name, container)
}

function containerNames(pod: JsonObject): string[] {
  return ['containers', 'initContainers'].flatMap((key) =>
    arr(obj(pod, 'spec'), key).map((one) => str(one, 'name')),
  )
}

/** Stands by a running pod: its log from the beginning, then its exit code. */
export function attachPod(client: Client, name: string): number {
  return followPod(client, name)
}

/** The log of a pod's first container until it ends; answers its exit code. */
export function followPod(client: Client, name: string, chosen = ''): number {
  const path = `/api/v1/namespaces/${client.namespace}/pods/${name}`
  const pod = must<JsonObject>(call(client, 'GET', path))
  const container = chosen || str(arr(obj(pod, 'spec'), 'containers')[0], 'name')
  streamLog(
    client,
    { namespace: client.namespace, pod: name, container, query: [['follow', 'true']] },
    '',
    true,
  )
  return loop<number, number>(
    client.flow,
    () => 0,
    (n) => {
      const now = must<JsonObject>(call(client, 'GET', path))
      const status = arr(obj(now, 'status'), 'containerStatuses').find((one) => one.name === container)
      const ended = obj(obj(status, 'state'), 'terminated')
      if (ended.exitCode !== undefined) {
        const code = Number(ended.exitCode)
        if (code !== 0)
          complain(client.flow, `pod ${client.namespace}/${name} terminated (${str(ended, 'reason')})\n`)
        return { done: code }
      }
      if (n > 60) return { done: 0 }
      pause(client.flow, 500_000_000)
      return { next: n + 1 }
    },
  )
}

const LOG_FLAGS = [
  'follow/f', 'previous/p', 'container/c=', 'all-containers', 'all-pods', 'selector/l=', 'tail=#', 'since=', 'since-time=',
  'timestamps', 'prefix', 'limit-bytes=', 'ignore-errors', 'max-log-requests=#', 'pod-running-timeout=',
  'insecure-skip-tls-verify-backend',
] // biome-ignore format: one list

const LOG_USAGE = `error: expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.
POD or TYPE/NAME is a required argument for the logs command
See 'kubectl logs -h' for help and examples`

export function logs(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl logs', args, LOG_FLAGS)
  const client = openClient(flow, flags)
  const selector = textFlag(flags, 'selector')
  const [word, second] = flags.operands
  if ((word === undefined && selector === '') || flags.operands.length > 2) fault(LOG_USAGE)
  if (word !== undefined && selector !== '')
    fault("error: only a selector (-l) or a POD name is allowed\nSee 'kubectl logs -h' for help and examples")
  checkLogFlags(flags)
  const pods = selector === '' ? podsOf(client, word!) : selected(client, selector)
  if (pods.length === 0) {
    complain(flow, `No resources found in ${client.namespace} namespace.\n`)
    return 0
  }
  const query = logQuery(client, selector !== '')
  const follow = boolFlag(flags, 'follow')
  const targets = pods.flatMap((pod) => {
    const asked = textFlag(flags, 'container') || (second ?? '')
    const all = boolFlag(flags, 'all-containers')
    const names = all
      ? [...arr(obj(pod, 'spec'), 'initContainers'), ...arr(obj(pod, 'spec'), 'containers')].map((one) =>
          str(one, 'name'),
        )
      : [containerForLogs(client, pod, asked)]
    return names.map(
      (container): ContainerTarget => ({
        namespace: client.namespace,
        pod: metaOf(pod).name,
        container,
        query,
      }),
    )
  })
  if (follow && targets.length > 1) return followAll(client, targets)
  for (const target of targets) {
    streamLog(client, target, prefixOf(flags, target), follow)
  }
  return 0
}

/** What stands before each line. */
function prefixOf(flags: Flags, { pod, container }: ContainerTarget): string {
  return boolFlag(flags, 'prefix') || boolFlag(flags, 'all-pods') ? `[pod/${pod}/${container}] ` : ''
}

function checkLogFlags(flags: Flags): void {
  const since = textFlag(flags, 'since')
  if (since !== '' && durationFlag(since) === undefined) {
    const words = `invalid argument "${since}" for "--since" flag: time: invalid duration "${since}"`
    fault(`Error: ${words}\nSee 'kubectl logs --help' for usage.`)
  }
  const container = textFlag(flags, 'container')
  if (container !== '' && boolFlag(flags, 'all-containers')) {
    fault(`error: --all-containers=true should not be specified with container name ${container}`)
  }
  const time = textFlag(flags, 'since-time')
  if (time !== '' && parseTime(time) === undefined) {
    const layout = '2006-01-02T15:04:05Z07:00'
    fault(`error: parsing time "${time}" as "${layout}": cannot parse "${time}" as "2006"`)
  }
  if (since !== '' && time !== '')
    fault('error: at most one of `sinceTime` or `sinceSeconds` may be specified')
  if (/^-/.test(textFlag(flags, 'limit-bytes'))) fault('error: --limit-bytes must be greater than 0')
}

function containerForLogs(client: Client, pod: JsonObject, asked: string): string {
  if (asked !== '' && !containerNames(pod).includes(asked)) {
    fault(`error: container ${asked} is not valid for pod ${metaOf(pod).name}`)
  }
  return containerFor(client, pod, asked)
}

/** The pods that a word stands for: one, or all of an object's with --all-pods. */
function podsOf(client: Client, word: string): JsonObject[] {
  const slashed = word.includes('/') ? word : `pods/${word}`
  return podsBehind(client, slashed, true).pods
}

function selected(client: Client, selector: string): JsonObject[] {
  const reply = call(client, 'GET', `/api/v1/namespaces/${client.namespace}/pods`, {
    query: [['labelSelector', selector]],
  })
  if (!reply.ok) {
    const info = needResource(discover(client), 'pods')
    failStatus(unlisted(client, info, reply.status))
  }
  return [...arr(must<JsonObject>(reply), 'items')]
}

function logQuery({ flags }: Client, bySelector: boolean): [string, string][] {
  const query: [string, string][] = []
  const tail = textFlag(flags, 'tail', bySelector ? '10' : '-1')
  if (Number(tail) >= 0) query.push(['tailLines', tail])
  else if (tail !== '-1') fault('error: --tail must be greater than or equal to -1')
  for (const [flag, key] of [
    ['previous', 'previous'],
    ['timestamps', 'timestamps'],
  ] as const) {
    if (boolFlag(flags, flag)) query.push([key, 'true'])
  }
  const since = textFlag(flags, 'since')
  const past = durationFlag(since) ?? 0
  if (past !== 0) query.push(['sinceSeconds', String(Math.ceil(past / 1e9))])
  if (textFlag(flags, 'since-time') !== '') query.push(['sinceTime', textFlag(flags, 'since-time')])
  if (Number(textFlag(flags, 'limit-bytes', '0')) !== 0)
    query.push(['limitBytes', textFlag(flags, 'limit-bytes')])
  return query
}

/** Prints a log; with `follow`, until its container ends. */
function streamLog(client: Client, target: ContainerTarget, prefix: string, follow: boolean): void {
  const { flow } = client
  if (!follow) {
    const path = `/api/v1/namespaces/${target.namespace}/pods/${target.pod}/log`
    const query: [string, string][] = [
      ['container', target.container],
      ...(target.query as [string, string][]),
    ]
    const reply = call(client, 'GET', path, { query, accept: 'application/json, */*' })
    if (!reply.ok) fault(statusText(reply.status))
    print(flow, prefixed(String(must(reply)), prefix))
    return
  }
  const opened = openLog(client, following(target))
  if ('status' in opened) {
    fault(statusText(opened.status))
    return
  }
  print(flow, prefixed(opened.text, prefix))
  loop<Following, number>(
    flow,
    () => opened.at,
    (at) => {
      const { news, next } = followMore(flow, at)
      print(flow, prefixed(news.out, prefix))
      streamBroken(news)
      return news.code >= 0 ? { done: 0 } : { next }
    },
  )
}

function following(target: ContainerTarget): ContainerTarget {
  const asked = target.query.some(([key]) => key === 'follow')
  return asked ? target : { ...target, query: [['follow', 'true'], ...target.query] }
}

function followAll(client: Client, targets: readonly ContainerTarget[]): number {
  const { flow } = client
  const limit = Number(textFlag(client.flags, 'max-log-requests', '5'))
  if (targets.length > limit) {
    fault(
      `error: you are attempting to follow ${targets.length} log streams, but maximum allowed concurrency is ${limit}, use --max-log-requests to increase the limit`,
    )
  }
  const shown = (target: ContainerTarget) => prefixOf(client.flags, target)
  const opened = targets.map((target) => {
    const one = openLog(client, following(target))
    if ('status' in one) return fault(statusText(one.status))
    print(flow, prefixed(one.text, shown(target)))
    return one.at
  })
  return loop<(Following | null)[], number>(
    flow,
    () => opened,
    (places) => {
      // Every one for a moment: what has come in the meantime waits for its turn.
      const next = places.map((at, i) => {
        if (at === null) return null
        const until = at.k === 'net' ? once(flow, () => flow.ctx.world.now + LOG_POLL) : 0
        const more = followMore(flow, at, until)
        print(flow, prefixed(more.news.out, shown(targets[i]!)))
        streamBroken(more.news)
        return more.news.code >= 0 ? null : more.next
      })
      return next.every((one) => one === null) ? { done: 0 } : { next }
    },
  )
}

function prefixed(text: string, prefix: string): string {
  return prefix === '' ? text : text.replace(/^(?=[\s\S])/gm, prefix)
}
