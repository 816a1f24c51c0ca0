/** `kubectl rollout`. Models kubectl pkg/cmd/rollout and pkg/polymorphichelpers (1.32). */
import { quote } from '../../../kube/api/fields.ts'
import { formatTime } from '../../../kube/time.ts'
import type { Json, JsonObject } from '../../../kube/types.ts'
import { field, isRecord, jsonEqual, withField } from '../../../kube/types.ts'
import { patchFound } from './change.ts'
import { wallNow } from './clock.ts'
import { WRITE_FLAGS } from './create.ts'
import { templateLines } from './describe-pod.ts'
import { arr, newSheet, obj, str } from './describe-text.ts'
import { plainTemplate, ownedBy } from './describe.ts'
import { boolFlag, durationFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { fault, loop, once, print } from './flow.ts'
import type { Client } from './rest.ts'
import { formatOf, typedText } from './output.ts'
import { call, groupResource, metaOf, must, openClient, pathOf, shownName, shownType } from './rest.ts'
import type { Found } from './select.ts'
import { failProblems, FILE_FLAGS, findObjects, SELECT_FLAGS } from './select.ts'
import type { Following } from './stream.ts'
import { followMore, watchBroken, watchEvents, watchOf } from './stream.ts'
import { describeColumns } from './tabs.ts'

const REVISION = 'deployment.kubernetes.io/revision'
const CAUSE = 'kubernetes.io/change-cause'
const ROLLOUT_FLAGS = [
  ...WRITE_FLAGS,
  ...FILE_FLAGS,
  ...SELECT_FLAGS,
  'revision=#',
  'to-revision=#',
  'watch/w',
  'timeout=',
]

const REPLICA_SET = {
  group: 'apps', version: 'v1', kind: 'ReplicaSet', resource: 'replicasets', singular: 'replicaset', shortNames: [],
  namespaced: true, categories: [], subresources: [], verbs: [],
} // biome-ignore format: one list

type Verb = (client: Client, found: Found, problems: string[]) => void

const VERBS: Readonly<Record<string, Verb>> = {
  status: statusOf,
  history,
  undo,
  restart,
  pause: (client, found, problems) => pauseOr(client, found, problems, true),
  resume: (client, found, problems) => pauseOr(client, found, problems, false),
}

export function rollout(flow: Flow, args: readonly string[]): number {
  const [name = ''] = args
  if (!Object.hasOwn(VERBS, name)) {
    fault(
      name === ''
        ? "error: a subcommand is needed: history, pause, restart, resume, status, undo\nSee 'kubectl rollout -h' for help and examples"
        : `error: unknown command "${args.join(' ')}"\nSee 'kubectl rollout -h' for help and examples`,
    )
  }
  // Only an undo can be tried out.
  const spec = name === 'undo' ? ROLLOUT_FLAGS : ROLLOUT_FLAGS.filter((one) => !one.startsWith('dry-run'))
  const flags = parseFlags(`kubectl rollout ${name}`, args.slice(1), spec)
  const client = openClient(flow, flags)
  if (flags.operands.length === 0 && textFlag(flags, 'filename') === '')
    fault('error: required resource not specified')
  const problems: string[] = []
  for (const found of findObjects(client, flags.operands, problems, {})) {
    if (!['Deployment', 'DaemonSet', 'StatefulSet'].includes(found.info.kind)) {
      const { group, kind } = found.info
      const shown = quote(group === '' ? kind : `${kind}.${group}`)
      const known = ['CronJob', 'Job', 'Pod', 'ReplicaSet', 'ReplicationController'].includes(kind)
      const lacking = (thing: string, what: string) =>
        known
          ? `no ${thing} has been implemented for ${shown}`
          : `error retrieving ${what} for ${shown}, no visitor method exists for {${group} ${kind}}`
      const words: Readonly<Record<string, string>> = {
        status: `no status viewer has been implemented for ${shown.slice(1, -1)}`,
        history: lacking('history viewer', 'history'),
        undo: lacking('rollbacker', 'rollbacker'),
      }
      problems.push(
        words[name] ??
          `${groupResource(found.info)} "${found.name}" ${{ restart: 'restarting', pause: 'pausing', resume: 'resuming' }[name] ?? name} is not supported`,
      )
      continue
    }
    VERBS[name]!(client, found, problems)
  }
  if (problems.length === 0) return 0
  // Those that patch tell each failure as an error of its own.
  const each = ['pause', 'restart', 'resume'].includes(name) && problems.length > 1
  return failProblems(
    each ? problems.map((one) => (/^[Ee]rror/.test(one) ? one : `error: ${one}`)) : problems,
  )
}

/** Waits until a rollout is done, saying how far it is at each change. */
function statusOf(client: Client, { info, namespace, name }: Found): void {
  const { flow, flags } = client
  const limit = durationFlag(textFlag(flags, 'timeout', '0')) ?? 0
  const asked = Number(textFlag(flags, 'revision', '0'))
  const tell = (object: JsonObject): boolean => {
    const { text, done, failed } = progress(info.kind, object, asked)
    if (failed) fault(`error: ${text}`)
    print(flow, `${text}\n`)
    return done
  }
  const now = must<JsonObject>(call(client, 'GET', pathOf(info, namespace, name)))
  if (tell(now) || !boolFlag(flags, 'watch', true)) return
  const query: [string, string][] = [
    ['fieldSelector', `metadata.name=${name}`],
    ['resourceVersion', str(field(now, 'metadata'), 'resourceVersion')],
    ['watch', 'true'],
  ]
  const reply = call(client, 'GET', pathOf(info, namespace), { query })
  if (!reply.ok || reply.watch === undefined) return void must(reply)
  const opened = watchOf(reply)
  const first = () => ({ at: opened, until: limit === 0 ? 0 : flow.ctx.world.now + limit })
  loop<{ at: Following; until: number }, null>(flow, first, ({ at, until }) => {
    const { news, next } = followMore(flow, at, until)
    for (const event of watchEvents(news)) {
      if (event.type === 'DELETED') fault('error: object has been deleted')
      if (event.type !== 'BOOKMARK' && tell(event.object)) return { done: null }
    }
    watchBroken(news)
    if (news.code >= 0) fault('error: timed out waiting for the condition')
    const late = once(flow, () => until !== 0 && flow.ctx.world.now >= until)
    if (late) fault('error: timed out waiting for the condition')
    return { next: { at: next, until } }
  })
}

interface Progress {
  text: string
  done: boolean
  failed: boolean
}

function progress(kind: string, object: JsonObject, asked: number): Progress {
  const { name } = metaOf(object)
  const spec = obj(object, 'spec')
  const status = obj(object, 'status')
  const n = (key: string) => Number(field(status, key) ?? 0)
  const going = (text: string): Progress => ({ text, done: false, failed: false })
  const finished = (text: string): Progress => ({ text, done: true, failed: false })
  const generation = Number(field(field(object, 'metadata'), 'generation') ?? 0)
  if (kind === 'Deployment') {
    const revision = Number(metaOf(object).annotations[REVISION] ?? 0)
    if (asked > 0 && revision !== asked) {
      return {
        text: `desired revision (${asked}) is different from the running revision (${revision})`,
        done: true,
        failed: true,
      }
    }
    if (generation > n('observedGeneration'))
      return going('Waiting for deployment spec update to be observed...')
    const condition = arr(status, 'conditions').find((one) => one.type === 'Progressing')
    if (condition?.reason === 'ProgressDeadlineExceeded') {
      return { text: `deployment "${name}" exceeded its progress deadline`, done: true, failed: true }
    }
    const replicas = Number(spec.replicas ?? 1)
    const head = `Waiting for deployment "${name}" rollout to finish:`
    if (n('updatedReplicas') < replicas)
      return going(`${head} ${n('updatedReplicas')} out of ${replicas} new replicas have been updated...`)
    if (n('replicas') > n('updatedReplicas'))
      return going(`${head} ${n('replicas') - n('updatedReplicas')} old replicas are pending termination...`)
    if (n('availableReplicas') < n('updatedReplicas')) {
      return going(
        `${head} ${n('availableReplicas')} of ${n('updatedReplicas')} updated replicas are available...`,
      )
    }
    return finished(`deployment "${name}" successfully rolled out`)
  }
  if (kind === 'DaemonSet') {
    if (generation > n('observedGeneration'))
      return going('Waiting for daemon set spec update to be observed...')
    const head = `Waiting for daemon set "${name}" rollout to finish:`
    const desired = n('desiredNumberScheduled')
    if (n('updatedNumberScheduled') < desired)
      return going(`${head} ${n('updatedNumberScheduled')} out of ${desired} new pods have been updated...`)
    if (n('numberAvailable') < desired)
      return going(`${head} ${n('numberAvailable')} of ${desired} updated pods are available...`)
    return finished(`daemon set "${name}" successfully rolled out`)
  }
  return setProgress(spec, status, generation)
}

/** A StatefulSet's. */
function setProgress(spec: JsonObject, status: JsonObject, generation: number): Progress {
  const n = (key: string) => Number(field(status, key) ?? 0)
  const going = (text: string): Progress => ({ text, done: false, failed: false })
  const finished = (text: string): Progress => ({ text, done: true, failed: false })
  if (generation > n('observedGeneration'))
    return going('Waiting for statefulset spec update to be observed...')
  const replicas = Number(spec.replicas ?? 1)
  if (n('readyReplicas') < replicas)
    return going(`Waiting for ${replicas - n('readyReplicas')} pods to be ready...`)
  const partition = Number(field(obj(obj(spec, 'updateStrategy'), 'rollingUpdate'), 'partition') ?? 0)
  if (
    spec.updateStrategy !== undefined &&
    field(obj(spec, 'updateStrategy'), 'rollingUpdate') !== undefined
  ) {
    if (n('updatedReplicas') < replicas - partition) {
      return going(
        `Waiting for partitioned roll out to finish: ${n('updatedReplicas')} out of ${replicas - partition} new pods have been updated...`,
      )
    }
    return finished(`partitioned roll out complete: ${n('updatedReplicas')} new pods have been updated...`)
  }
  if (str(status, 'updateRevision') !== str(status, 'currentRevision')) {
    return going(
      `waiting for statefulset rolling update to complete ${n('updatedReplicas')} pods at revision ${str(status, 'updateRevision')}...`,
    )
  }
  return finished(
    `statefulset rolling update complete ${n('currentReplicas')} pods at revision ${str(status, 'currentRevision')}...`,
  )
}

interface Revision {
  readonly number: number
  readonly cause: string
  /** Without and with the label that tells a deployment's sets apart. */
  readonly template: Json
  readonly whole: Json
  /** What `history -o` prints: the set, or the object as it was then. */
  readonly object: JsonObject
}

/** What an object was before, oldest first: its sets, or its controller revisions. */
function revisionsOf(client: Client, { info, object }: Found): Revision[] {
  const sheet = newSheet(client, 0)
  const list =
    info.kind === 'Deployment'
      ? ownedBy(sheet, object, 'apis/apps/v1', 'replicasets').map((one) => ({
          number: Number(metaOf(one).annotations[REVISION] ?? 0),
          cause: metaOf(one).annotations[CAUSE] ?? '',
          template: plainTemplate(one),
          whole: obj(obj(one, 'spec'), 'template'),
          object: { kind: 'ReplicaSet', apiVersion: 'apps/v1', ...one },
        }))
      : ownedBy(sheet, object, 'apis/apps/v1', 'controllerrevisions').map((one) => {
          const template = field(obj(obj(one, 'data'), 'spec'), 'template') ?? null
          const plain = isRecord(template) ? withField(template, '$patch', undefined) : template
          const spec = withField(obj(object, 'spec'), 'template', plain)
          return {
            number: Number(one.revision ?? 0),
            cause: metaOf(one).annotations[CAUSE] ?? '',
            template,
            whole: template,
            object: withField(object, 'spec', spec),
          }
        })
  return list.filter(({ number }) => number > 0).sort((a, b) => a.number - b.number)
}

function history(client: Client, found: Found): void {
  const { flow, flags } = client
  const revisions = revisionsOf(client, found)
  const asked = Number(textFlag(flags, 'revision', '0'))
  const format = formatOf(client)
  if (format.kind !== 'table') {
    const shown = asked > 0 ? revisions.filter(({ number }) => number === asked) : revisions
    if (asked > 0 && shown.length === 0) fault('error: unable to find the specified revision')
    const info = found.info.kind === 'Deployment' ? REPLICA_SET : found.info
    const texts = shown.map(({ object }) =>
      format.kind === 'name' ? `${shownName(info, metaOf(object).name)}\n` : typedText(format, object, flags),
    )
    print(flow, texts.join(format.kind === 'yaml' ? '---\n' : ''))
    return
  }
  const head = `${shownType(found.info)}/${found.name} `
  if (asked > 0) {
    const one = revisions.find(({ number }) => number === asked)
    if (one === undefined) fault('error: unable to find the specified revision')
    const sheet = newSheet(client, wallNow(flow))
    templateLines(sheet, withCause(one!.whole as JsonObject, one!.cause))
    print(flow, `${head}with revision #${asked}\n${sheet.text}\n`)
    return
  }
  const rows = revisions.map(({ number, cause }) => [String(number), cause || '<none>'])
  const lines = [['REVISION', 'CHANGE-CAUSE'], ...rows].map((row) => `${row.join('\t')}\n`)
  print(flow, `${head}\n${describeColumns(lines.join(''))}\n`)
}

/** A revision's cause stands among its template's annotations. */
function withCause(template: JsonObject, cause: string): JsonObject {
  if (cause === '') return template
  const metadata = obj(template, 'metadata')
  const annotations = withField(obj(metadata, 'annotations'), CAUSE, cause)
  return withField(template, 'metadata', withField(metadata, 'annotations', annotations))
}

function undo(client: Client, found: Found, problems: string[]): void {
  const asked = Number(textFlag(client.flags, 'to-revision', '0'))
  const current = obj(obj(found.object, 'spec'), 'template')
  if (obj(found.object, 'spec').paused === true) {
    problems.push(
      `you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again`,
    )
    return
  }
  const revisions = revisionsOf(client, found)
  const target = asked > 0 ? revisions.find(({ number }) => number === asked) : revisions.at(-2)
  if (target === undefined) {
    const none =
      found.info.kind === 'Deployment'
        ? `no rollout history found for deployment "${found.name}"`
        : 'no last revision to roll back to'
    problems.push(asked > 0 ? `unable to find specified revision ${asked} in history` : none)
    return
  }
  const plain = isRecord(target.template) ? withField(target.template, '$patch', undefined) : target.template
  if (jsonEqual(plain, current)) {
    print(
      client.flow,
      `${shownType(found.info)}/${found.name} skipped rollback (current template already matches revision ${target.number})\n`,
    )
    return
  }
  const body = [{ op: 'replace', path: '/spec/template', value: plain }]
  patchFound(client, found, body, 'kubectl-rollout', 'rolled back', problems, 'application/json-patch+json')
}

function restart(client: Client, found: Found, problems: string[]): void {
  if (obj(found.object, 'spec').paused === true) {
    problems.push(
      `${found.info.resource}.${found.info.group} "${found.name}" can't restart paused deployment (run rollout resume first)`,
    )
    return
  }
  const annotations = { 'kubectl.kubernetes.io/restartedAt': formatTime(wallNow(client.flow)) }
  const patch = { spec: { template: { metadata: { annotations } } } }
  patchFound(client, found, patch, 'kubectl-rollout', 'restarted', problems)
}

function pauseOr(client: Client, found: Found, problems: string[], wanted: boolean): void {
  const word = wanted ? 'paused' : 'resumed'
  if (found.info.kind !== 'Deployment') {
    problems.push(
      `${found.info.resource}.${found.info.group} "${found.name}" ${wanted ? 'pausing' : 'resuming'} is not supported`,
    )
    return
  }
  if ((obj(found.object, 'spec').paused === true) === wanted) {
    const state = wanted ? 'already paused' : 'not paused'
    problems.push(`${found.info.resource}.${found.info.group} "${found.name}" is ${state}`)
    return
  }
  patchFound(client, found, { spec: { paused: wanted ? true : null } }, 'kubectl-rollout', word, problems)
}
