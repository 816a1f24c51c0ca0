/** `kubectl delete`, `wait`, `cordon`, `uncordon`, `drain`. Models kubectl pkg/cmd/delete, wait, drain (1.32). */
import type { Json, JsonObject, ResourceInfo } from '../../../kube/types.ts'
import { field } from '../../../kube/types.ts'
import { patchFound } from './change.ts'
import { WRITE_FLAGS } from './create.ts'
import { arr, obj, str } from './describe-text.ts'
import { boolFlag, durationFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { complain, fault, loop, once, pause, print } from './flow.ts'
import { findAll, valueText } from './jsonpath.ts'
import { parseRelaxed } from './jsonpath-parse.ts'
import { printDone } from './output.ts'
import type { Client } from './rest.ts'
import {
  call,
  dryRunNote,
  dryRunOf,
  groupResource,
  metaOf,
  openClient,
  pathOf,
  shownName,
  shownType,
  statusText,
  writeQuery,
} from './rest.ts'
import type { Found } from './select.ts'
import { failProblems, FILE_FLAGS, findObjects, SELECT_FLAGS } from './select.ts'

const EVERY = 200_000_000
const DELETE_FLAGS = [
  ...WRITE_FLAGS, ...FILE_FLAGS, ...SELECT_FLAGS, 'grace-period=#', 'force', 'now', 'wait', 'cascade=?background', 'timeout=',
  'ignore-not-found', 'raw=', 'interactive/i',
] // biome-ignore format: one list

export function remove(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl delete', args, DELETE_FLAGS)
  const client = openClient(flow, flags)
  if (boolFlag(flags, 'interactive')) fault('error: kubectl delete --interactive: not modelled in Kubehop')
  const dry = dryRunOf(flags)
  const all =
    boolFlag(flags, 'all') || textFlag(flags, 'selector') !== '' || textFlag(flags, 'field-selector') !== ''
  const force = boolFlag(flags, 'force')
  if (boolFlag(flags, 'all') && textFlag(flags, 'selector') !== '')
    fault("error: setting 'all' parameter but found a non empty selector. ")
  const cascade = textFlag(flags, 'cascade', 'background')
  if (!['background', 'foreground', 'orphan', 'true', 'false'].includes(cascade)) {
    fault(`error: invalid cascade value (${cascade}). Must be "background", "foreground", or "orphan"`)
  }
  const grace = boolFlag(flags, 'now') ? '1' : textFlag(flags, 'grace-period', force ? '0' : '-1')
  if (grace === '0' && !force) fault('error: --grace-period=0 must be used with --force')
  if (force) {
    complain(
      flow,
      'Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.\n',
    )
  }
  const problems: string[] = []
  const missing = boolFlag(flags, 'ignore-not-found') || (all && flags.operands.length > 0)
  const found = findObjects(client, flags.operands, problems, {
    needNames: true,
    ignoreMissing: missing,
    source: 'error when deleting',
  })
  const gone: Found[] = []
  for (const one of found) if (removeOne(client, one, grace, dry, problems)) gone.push(one)
  if (problems.length > 0) failProblems(problems)
  if (found.length === 0 && !boolFlag(flags, 'ignore-not-found')) print(flow, 'No resources found\n')
  if (dry === 'none' && boolFlag(flags, 'wait', true)) awaitGone(client, gone)
  return 0
}

function removeOne(
  client: Client,
  { info, namespace, name }: Found,
  grace: string,
  dry: string,
  problems: string[],
): boolean {
  const { flow, flags } = client
  const kind = shownType(info)
  const note = dryRunNote(dry as 'none')
  const forced = grace === '0' ? ' force' : ''
  const said = () => {
    const plain = textFlag(flags, 'output') === 'name'
    print(flow, plain ? `${shownName(info, name)}\n` : `${kind} "${name}"${forced} deleted${note}\n`)
  }
  if (dry === 'client') {
    said()
    return false
  }
  const cascade = textFlag(flags, 'cascade', 'background')
  const policies: Readonly<Record<string, string>> = {
    background: 'Background',
    foreground: 'Foreground',
    orphan: 'Orphan',
    true: 'Background',
    false: 'Orphan',
  }
  if (!Object.hasOwn(policies, cascade))
    fault(`error: invalid cascade value (${cascade}). Must be "background", "foreground", or "orphan"`)
  const body = {
    propagationPolicy: policies[cascade],
    ...(Number(grace) < 0 ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(dry === 'server' ? { dryRun: ['All'] } : {}),
  }
  const reply = call(client, 'DELETE', pathOf(info, namespace, name), { body })
  if (!reply.ok) {
    problems.push(statusText(reply.status))
    return false
  }
  said()
  return true
}

/** Until the objects are gone, or --timeout is over. */
function awaitGone(client: Client, gone: readonly Found[]): void {
  const { flow } = client
  const limit = durationFlag(textFlag(client.flags, 'timeout', '0')) ?? 0
  for (const { info, namespace, name, object } of gone) {
    const uid = str(field(object, 'metadata'), 'uid')
    loop(
      flow,
      () => (limit === 0 ? 0 : flow.ctx.world.now + limit),
      (until) => {
        const reply = call(client, 'GET', pathOf(info, namespace, name))
        if (!reply.ok || str(field(reply.body as Json, 'metadata'), 'uid') !== uid) return { done: null }
        if (until !== 0 && flow.ctx.world.now >= until) {
          fault(`error: timed out waiting for the condition on ${groupResource(info)}/${name}`)
        }
        pause(flow, EVERY)
        return { next: until }
      },
    )
  }
}

/** `kubectl wait` */
export function wait(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl wait', args, [
    ...WRITE_FLAGS,
    ...FILE_FLAGS,
    ...SELECT_FLAGS,
    'for=*',
    'timeout=',
    'local',
  ])
  const client = openClient(flow, flags)
  const given = textFlag(flags, 'for')
  const wanted = /^(delete|create)$/i.test(given) ? given.toLowerCase() : given
  if (!/^(delete|create|condition=.*|jsonpath=.+)$/s.test(wanted)) {
    const none = wanted === 'jsonpath=' ? 'jsonpath expression cannot be empty' : ''
    fault(`error: ${none || `unrecognized condition: "${given}"`}`)
  }
  if (/^jsonpath=[^=]*=['"]*$/.test(wanted)) {
    const words = 'jsonpath wait has to have a value after equal sign'
    fault(`error: ${words}, like --for=jsonpath='{.status.readyReplicas}'=3`)
  }
  const limit = durationFlag(textFlag(flags, 'timeout', '30s'))
  if (limit === undefined)
    fault(
      `Error: invalid argument "${textFlag(flags, 'timeout')}" for "--timeout" flag: time: invalid duration "${textFlag(flags, 'timeout')}"\nSee 'kubectl wait --help' for usage.`,
    )
  const until = once(flow, () => flow.ctx.world.now + limit!)
  const gone = wanted === 'delete'
  const found = wanted === 'create' ? created(client, until) : existing(client, gone)
  if (found.length === 0) return gone ? 0 : fault('error: no matching resources found')
  const failed: string[] = []
  // One deadline for all: what comes after it is not even looked at.
  let over = false
  for (const one of found) {
    if (over) {
      failed.push(timedOut(one.info, one.name))
      continue
    }
    const text = gone ? untilGone(client, one, limit!) : untilHolds(client, one, wanted, limit!)
    over = limit! > 0 && text === timedOut(one.info, one.name)
    if (text !== '') failed.push(text)
  }
  return failed.length > 0 ? failProblems(failed) : 0
}

function existing(client: Client, ignoreMissing: boolean): readonly Found[] {
  const problems: string[] = []
  const found = findObjects(client, client.flags.operands, problems, { needNames: true, ignoreMissing })
  if (problems.length > 0) failProblems(problems)
  return found
}

/** Looks every half second until all that was asked for is there. */
function created(client: Client, until: number): readonly Found[] {
  const { flow } = client
  return loop<null, readonly Found[]>(
    flow,
    () => null,
    () => {
      const problems: string[] = []
      const found = findObjects(client, client.flags.operands, problems, { needNames: true })
      const other = problems.filter((one) => !one.startsWith('Error from server (NotFound)'))
      if (other.length > 0) failProblems(other)
      if (problems.length === 0) return { done: found }
      if (once(flow, () => flow.ctx.world.now >= until)) fault('error: timed out waiting for the condition')
      pause(flow, EVERY)
      return { next: null }
    },
  )
}

function untilGone(client: Client, { info, namespace, name, object }: Found, limit: number): string {
  const { flow } = client
  return loop<number, string>(
    flow,
    () => flow.ctx.world.now + limit,
    (until) => {
      const reply = call(client, 'GET', pathOf(info, namespace, name))
      if (!reply.ok) {
        printDone(client, info, object, 'condition met')
        return { done: '' }
      }
      if (limit === 0) return { done: notMet(info, name) }
      if (flow.ctx.world.now >= until) return { done: timedOut(info, name) }
      pause(flow, EVERY)
      return { next: until }
    },
  )
}

/** A timeout of 0 looks once. */
function notMet(info: ResourceInfo, name: string): string {
  return `condition not met for ${groupResource(info)}/${name}`
}

function timedOut(info: ResourceInfo, name: string): string {
  return `timed out waiting for the condition on ${info.resource}${info.group === '' ? '' : `.${info.group}`}/${name}`
}

function untilHolds(
  client: Client,
  { info, namespace, name, object }: Found,
  condition: string,
  limit: number,
): string {
  const { flow } = client
  const check = condition === 'create' ? () => true : checkOf(condition)
  return loop<{ until: number; now: JsonObject }, string>(
    flow,
    () => ({ until: flow.ctx.world.now + limit, now: object }),
    ({ until, now }) => {
      const holds = check(now)
      if (typeof holds === 'string') return { done: `error: ${holds}\n` }
      if (holds) {
        printDone(client, info, now, 'condition met')
        return { done: '' }
      }
      if (limit === 0) return { done: notMet(info, name) }
      if (flow.ctx.world.now >= until) return { done: timedOut(info, name) }
      pause(flow, EVERY)
      const reply = call(client, 'GET', pathOf(info, namespace, name))
      if (!reply.ok) return { done: statusText(reply.status) }
      return { next: { until, now: reply.body as JsonObject } }
    },
  )
}

/** Whether an object is as it should be; words where that cannot be told. */
function checkOf(text: string): (object: JsonObject) => boolean | string {
  if (text.startsWith('condition=')) {
    const [type = '', status = 'true'] = text.slice('condition='.length).split('=')
    return (object) => {
      const found = arr(obj(object, 'status'), 'conditions').find(
        (one) => str(one, 'type').toLowerCase() === type.toLowerCase(),
      )
      const generation = Number(field(field(object, 'metadata'), 'generation') ?? 0)
      const seen = field(obj(object, 'status'), 'observedGeneration')
      if (typeof seen === 'number' && seen < generation) return false
      return found !== undefined && str(found, 'status').toLowerCase() === status.toLowerCase()
    }
  }
  const match = /^jsonpath=(\{.*\}|[^=]*)(?:=(.*))?$/s.exec(text)
  const source = (match?.[1] ?? '').replace(/^(['"])(.*)\1$/, '$2')
  const path = parseRelaxed(source)
  if (path.error !== '') fault(`error: ${path.error}`)
  const value = match?.[2]?.replace(/^(['"])(.*)\1$/, '$2')
  return (object) => {
    const [first, ...more] = findAll(path, object)
    if (first === undefined) return false
    if (more.length > 0) return 'given jsonpath expression matches more than one value'
    if (value === undefined) return true
    if (typeof first === 'object' && first !== null) {
      return 'jsonpath leads to a nested object or list which is not supported'
    }
    return valueText(first).trim() === value.trim()
  }
}

/** `cordon` and `uncordon` */
export function cordon(flow: Flow, args: readonly string[], wanted: boolean): number {
  const verb = wanted ? 'cordon' : 'uncordon'
  const flags = parseFlags(`kubectl ${verb}`, args, ['dry-run=?unchanged', 'selector/l='])
  const client = openClient(flow, flags)
  if (flags.operands.length === 0 && textFlag(flags, 'selector') === '') {
    fault(`error: USAGE: ${verb} NODE [flags]\nSee 'kubectl ${verb} -h' for help and examples`)
  }
  const problems: string[] = []
  for (const found of findObjects(client, ['nodes', ...flags.operands], problems))
    cordonOne(client, found, wanted, problems)
  return problems.length > 0 ? failProblems(problems) : 0
}

function cordonOne(client: Client, found: Found, wanted: boolean, problems: string[]): void {
  const now = obj(found.object, 'spec').unschedulable === true
  const word = wanted ? 'cordoned' : 'uncordoned'
  if (now === wanted) {
    print(client.flow, `node/${found.name} already ${word}${dryRunNote(dryRunOf(client.flags))}\n`)
    return
  }
  patchFound(
    client,
    found,
    { spec: { unschedulable: wanted ? true : null } },
    'kubectl-cordon',
    word,
    problems,
  )
}

const DRAIN_FLAGS = [
  ...WRITE_FLAGS, 'selector/l=', 'pod-selector=', 'ignore-daemonsets', 'delete-emptydir-data', 'force', 'grace-period=#',
  'timeout=', 'disable-eviction', 'skip-wait-for-delete-timeout=#', 'chunk-size=#',
] // biome-ignore format: one list

export function drain(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl drain', args, DRAIN_FLAGS)
  const client = openClient(flow, flags)
  if (flags.operands.length === 0 && textFlag(flags, 'selector') === '') {
    fault("error: USAGE: drain NODE [flags]\nSee 'kubectl drain -h' for help and examples")
  }
  const problems: string[] = []
  const nodes = findObjects(client, ['nodes', ...flags.operands], problems)
  if (problems.length > 0) failProblems(problems)
  for (const node of nodes) cordonOne(client, node, true, problems)
  if (problems.length > 0) failProblems(problems)
  for (const node of nodes) drainOne(client, node)
  return 0
}

function drainOne(client: Client, node: Found): void {
  const { flow, flags } = client
  const query: [string, string][] = [
    ['fieldSelector', `spec.nodeName=${node.name}`],
    ['limit', '500'],
  ]
  if (textFlag(flags, 'pod-selector') !== '') query.push(['labelSelector', textFlag(flags, 'pod-selector')])
  const reply = call(client, 'GET', '/api/v1/pods', { query })
  if (!reply.ok) fault(statusText(reply.status))
  const pods = reply.ok ? arr(reply.body as JsonObject, 'items') : []
  const owner = (pod: JsonObject) =>
    arr(field(pod, 'metadata'), 'ownerReferences').find((one) => one.controller === true)
  const mirror = (pod: JsonObject) => metaOf(pod).annotations['kubernetes.io/config.mirror'] !== undefined
  const shown = (list: readonly JsonObject[]) =>
    list.map((pod) => `${metaOf(pod).namespace}/${metaOf(pod).name}`).join(', ')
  // What has ended may go, whatever it was.
  const lives = (pod: JsonObject) => !['Succeeded', 'Failed'].includes(str(obj(pod, 'status'), 'phase'))
  const daemons = pods.filter((pod) => str(owner(pod), 'kind') === 'DaemonSet' && lives(pod))
  const own = pods.filter((pod) => !daemons.includes(pod) && !mirror(pod))
  const bare = own.filter((pod) => owner(pod) === undefined && lives(pod))
  const local = own.filter(
    (pod) => lives(pod) && arr(obj(pod, 'spec'), 'volumes').some((one) => one.emptyDir !== undefined),
  )
  const errors: string[] = []
  if (daemons.length > 0 && !boolFlag(flags, 'ignore-daemonsets')) {
    errors.push(`cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): ${shown(daemons)}`)
  }
  if (local.length > 0 && !boolFlag(flags, 'delete-emptydir-data')) {
    errors.push(
      `cannot delete Pods with local storage (use --delete-emptydir-data to override): ${shown(local)}`,
    )
  }
  if (bare.length > 0 && !boolFlag(flags, 'force')) {
    errors.push(
      `cannot delete cannot delete Pods that declare no controller (use --force to override): ${shown(bare)}`,
    )
  }
  if (errors.length > 0) {
    const list = errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`
    complain(
      flow,
      `error: unable to drain node "${node.name}" due to error: ${list}, continuing command...\n`,
    )
    fault(`There are pending nodes to be drained:\n ${node.name}\n${errors.join('\n')}`)
  }
  const warnings = [
    ...(daemons.length > 0 ? [`ignoring DaemonSet-managed Pods: ${shown(daemons)}`] : []),
    ...(bare.length > 0 ? [`deleting Pods that declare no controller: ${shown(bare)}`] : []),
  ]
  if (warnings.length > 0) complain(flow, `Warning: ${warnings.join('; ')}\n`)
  evictAll(client, own)
  print(flow, `node/${node.name} drained\n`)
}

/** Asks for the eviction of every pod, then waits until they are gone. */
function evictAll(client: Client, own: readonly JsonObject[]): void {
  const { flow, flags } = client
  const grace = textFlag(flags, 'grace-period', '-1')
  for (const pod of own) {
    const { namespace, name } = metaOf(pod)
    print(flow, `evicting pod ${namespace}/${name}\n`)
    const options = Number(grace) < 0 ? {} : { deleteOptions: { gracePeriodSeconds: Number(grace) } }
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace }, ...options }
    const done = call(client, 'POST', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, {
      body,
      query: writeQuery(client, ''),
    })
    if (!done.ok && done.status.reason !== 'NotFound')
      fault(`error when evicting pods/"${name}" -n "${namespace}": ${done.status.message}`)
  }
  for (const pod of own) {
    const { namespace, name } = metaOf(pod)
    const uid = str(field(pod, 'metadata'), 'uid')
    loop(
      flow,
      () => 0,
      (n) => {
        const now = call(client, 'GET', `/api/v1/namespaces/${namespace}/pods/${name}`)
        if (!now.ok || str(field(now.body as Json, 'metadata'), 'uid') !== uid) return { done: null }
        pause(flow, EVERY)
        return { next: n + 1 }
      },
    )
    print(flow, `pod/${name} evicted\n`)
  }
}
