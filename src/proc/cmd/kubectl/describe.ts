/** `kubectl describe`. Models kubectl pkg/cmd/describe and pkg/describe/describe.go (1.32). */
import { formatSelector } from '../../../kube/api/cells.ts'
import type { LabelSelector } from '../../../kube/objects.ts'
import type { Json, JsonObject, ResourceInfo } from '../../../kube/types.ts'
import { field, isRecord, jsonEqual, withField } from '../../../kube/types.ts'
import { wallNow } from './clock.ts'
import {
  describeEndpoints,
  describeEndpointSlice,
  describeIngress,
  describeIngressClass,
  describePolicy,
  describeService,
} from './describe-net.ts'
import { describeNode } from './describe-node.ts'
import { describePod, templateLines } from './describe-pod.ts'
import type { Sheet } from './describe-text.ts'
import {
  annotationLines, arr, controllerText, eventLines, flush, headLines, labelLines, line, listAt, longTime, newSheet, obj,
  sheetText, str,
} from './describe-text.ts' // biome-ignore format: one list
import { boolFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { complain, fault, print } from './flow.ts'
import { groupResource, metaOf, openClient } from './rest.ts'
import type { Client } from './rest.ts'
import type { Found } from './select.ts'
import { failProblems, FILE_FLAGS, findObjects, hasFiles, LOOK_FLAGS } from './select.ts'

const NO_TYPE =
  'error: You must specify the type of resource to describe. Use "kubectl api-resources" for a complete list of supported resources.'

export function describe(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl describe', args, [...FILE_FLAGS, ...LOOK_FLAGS, 'show-events'])
  const client = openClient(flow, flags)
  if (flags.operands.length === 0 && !hasFiles(client)) fault(NO_TYPE)
  const [types = '', ...names] = flags.operands
  if (names.length > 0 && types.includes(',')) fault('error: you may only specify a single resource type')
  const problems: string[] = []
  const { found, matched } = withPrefixes(client, problems)
  // Two words are TYPE and PREFIX to it, even where they are names.
  const words = flags.operands.length === 2 && problems.some((one) => one.includes('(NotFound)'))
  if (words && flags.operands[0]!.includes('/')) failProblems(problems)
  const texts = found.map(({ info, object }) => {
    const sheet = newSheet(client, wallNow(flow))
    const describer = DESCRIBERS[groupResource(info)] ?? describeOther
    describer(sheet, object, info)
    return sheetText(sheet)
  })
  print(flow, matched ? texts.map((text) => `${text}\n`).join('') : texts.join('\n\n'))
  if (problems.length > 0) failProblems(problems)
  if (found.length === 0) {
    const plain = boolFlag(flags, 'all-namespaces') || textFlag(flags, 'filename') !== ''
    complain(flow, plain ? 'No resources found\n' : `No resources found in ${client.namespace} namespace.\n`)
  }
  return 0
}

/** The objects that are asked for; one name that nothing has stands for all that begin with it. */
function withPrefixes(client: Client, problems: string[]): { found: Found[]; matched: boolean } {
  const { operands } = client.flags
  const found = findObjects(client, operands, problems)
  const [type = '', prefix = ''] = operands
  const asked = { found, matched: false }
  if (found.length > 0 || prefix === '' || operands.length > 2 || hasFiles(client)) return asked
  if (problems.length !== 1 || !problems[0]!.startsWith('Error from server (NotFound)')) return asked
  const all = findObjects(client, [type], []).filter(({ name }) => name.startsWith(prefix))
  if (all.length === 0) return asked
  problems.length = 0
  return { found: all, matched: true }
}

type Describer = (sheet: Sheet, object: JsonObject, info: ResourceInfo) => void

const DESCRIBERS: Readonly<Record<string, Describer>> = {
  pods: describePod,
  services: describeService,
  endpoints: describeEndpoints,
  'endpointslices.discovery.k8s.io': describeEndpointSlice,
  'ingresses.networking.k8s.io': describeIngress,
  'ingressclasses.networking.k8s.io': describeIngressClass,
  'networkpolicies.networking.k8s.io': describePolicy,
  nodes: describeNode,
  'deployments.apps': describeDeployment,
  'replicasets.apps': describeReplicaSet,
  'statefulsets.apps': describeStatefulSet,
  'daemonsets.apps': describeDaemonSet,
  configmaps: describeConfigMap,
  secrets: describeSecret,
  namespaces: describeNamespace,
  serviceaccounts: describeServiceAccount,
}

function selectorOf(object: JsonObject): string {
  return formatSelector(field(obj(object, 'spec'), 'selector') as unknown as LabelSelector | undefined)
}

function created(sheet: Sheet, object: JsonObject): void {
  line(sheet, 0, `CreationTimestamp:\t${longTime(str(field(object, 'metadata'), 'creationTimestamp'))}`)
}

function describeDeployment(sheet: Sheet, object: JsonObject): void {
  const meta = metaOf(object)
  const spec = obj(object, 'spec')
  const status = obj(object, 'status')
  const sets = ownedBy(sheet, object, 'apis/apps/v1', 'replicasets')
  line(sheet, 0, `Name:\t${meta.name}`)
  line(sheet, 0, `Namespace:\t${meta.namespace}`)
  created(sheet, object)
  labelLines(sheet, 'Labels', meta.labels)
  annotationLines(sheet, 'Annotations', meta.annotations)
  line(sheet, 0, `Selector:\t${selectorOf(object)}`)
  const n = (key: string) => str(status, key) || '0'
  line(
    sheet,
    0,
    `Replicas:\t${str(spec, 'replicas')} desired | ${n('updatedReplicas')} updated | ${n('replicas')} total | ${n('availableReplicas')} available | ${n('unavailableReplicas')} unavailable`,
  )
  const strategy = obj(spec, 'strategy')
  line(sheet, 0, `StrategyType:\t${str(strategy, 'type')}`)
  line(sheet, 0, `MinReadySeconds:\t${str(spec, 'minReadySeconds') || '0'}`)
  if (strategy.rollingUpdate !== undefined) {
    const rolling = obj(strategy, 'rollingUpdate')
    const text = `${str(rolling, 'maxUnavailable')} max unavailable, ${str(rolling, 'maxSurge')} max surge`
    line(sheet, 0, `RollingUpdateStrategy:\t${text}`)
  }
  const template = obj(spec, 'template')
  templateLines(sheet, template)
  const conditions = arr(status, 'conditions')
  if (conditions.length > 0) {
    line(sheet, 0, 'Conditions:')
    line(sheet, 1, 'Type\tStatus\tReason')
    line(sheet, 1, '----\t------\t------')
    for (const one of conditions)
      line(sheet, 1, `${str(one, 'type')} \t${str(one, 'status')}\t${str(one, 'reason')}`)
  }
  const fresh = sets.find((set) => jsonEqual(plainTemplate(set), template))
  const show = (list: readonly JsonObject[]) =>
    list
      .map((set) => {
        const replicas = str(obj(set, 'status'), 'replicas') || '0'
        return `${metaOf(set).name} (${replicas}/${str(obj(set, 'spec'), 'replicas')} replicas created)`
      })
      .join(', ') || '<none>'
  line(sheet, 0, `OldReplicaSets:\t${show(sets.filter((set) => set !== fresh))}`)
  line(sheet, 0, `NewReplicaSet:\t${show(fresh === undefined ? [] : [fresh])}`)
  eventLines(sheet, object)
}

/** A set's template without the label that tells sets apart. */
export function plainTemplate(set: JsonObject): Json {
  const template = obj(obj(set, 'spec'), 'template')
  const metadata = obj(template, 'metadata')
  const labels = withField(obj(metadata, 'labels'), 'pod-template-hash', undefined)
  return withField(template, 'metadata', withField(metadata, 'labels', labels))
}

/** Objects of a type that an object controls. */
export function ownedBy(sheet: Sheet, owner: JsonObject, root: string, resource: string): JsonObject[] {
  const meta = metaOf(owner)
  const uid = str(field(owner, 'metadata'), 'uid')
  const selector = selectorOf(owner)
  const path = `/${root}/namespaces/${meta.namespace}/${resource}`
  return listAt(sheet, path, selector === '<none>' ? '' : selector).filter((one) =>
    arr(field(one, 'metadata'), 'ownerReferences').some((ref) => ref.controller === true && ref.uid === uid),
  )
}

function podStatus(sheet: Sheet, owner: JsonObject): void {
  const pods = ownedBy(sheet, owner, 'api/v1', 'pods')
  const count = (phase: string) => pods.filter((pod) => str(obj(pod, 'status'), 'phase') === phase).length
  line(
    sheet,
    0,
    `Pods Status:\t${count('Running')} Running / ${count('Pending')} Waiting / ${count('Succeeded')} Succeeded / ${count('Failed')} Failed`,
  )
}

function describeReplicaSet(sheet: Sheet, object: JsonObject): void {
  const meta = metaOf(object)
  const status = obj(object, 'status')
  line(sheet, 0, `Name:\t${meta.name}`)
  line(sheet, 0, `Namespace:\t${meta.namespace}`)
  line(sheet, 0, `Selector:\t${selectorOf(object)}`)
  labelLines(sheet, 'Labels', meta.labels)
  annotationLines(sheet, 'Annotations', meta.annotations)
  const owner = controllerText(object)
  if (owner !== '') line(sheet, 0, `Controlled By:\t${owner}`)
  const desired = str(obj(object, 'spec'), 'replicas')
  line(sheet, 0, `Replicas:\t${str(status, 'replicas') || '0'} current / ${desired} desired`)
  podStatus(sheet, object)
  templateLines(sheet, obj(obj(object, 'spec'), 'template'))
  const conditions = arr(status, 'conditions')
  if (conditions.length > 0) {
    line(sheet, 0, 'Conditions:')
    line(sheet, 1, 'Type\tStatus\tReason')
    line(sheet, 1, '----\t------\t------')
    for (const one of conditions)
      line(sheet, 1, `${str(one, 'type')} \t${str(one, 'status')}\t${str(one, 'reason')}`)
  }
  eventLines(sheet, object)
}

function describeStatefulSet(sheet: Sheet, object: JsonObject): void {
  const meta = metaOf(object)
  const spec = obj(object, 'spec')
  line(sheet, 0, `Name:\t${meta.name}`)
  line(sheet, 0, `Namespace:\t${meta.namespace}`)
  created(sheet, object)
  line(sheet, 0, `Selector:\t${selectorOf(object)}`)
  labelLines(sheet, 'Labels', meta.labels)
  annotationLines(sheet, 'Annotations', meta.annotations)
  line(
    sheet,
    0,
    `Replicas:\t${str(spec, 'replicas')} desired | ${str(obj(object, 'status'), 'replicas') || '0'} total`,
  )
  const strategy = obj(spec, 'updateStrategy')
  line(sheet, 0, `Update Strategy:\t${str(strategy, 'type')}`)
  const partition = str(obj(strategy, 'rollingUpdate'), 'partition')
  if (partition !== '') line(sheet, 1, `Partition:\t${partition}`)
  podStatus(sheet, object)
  templateLines(sheet, obj(spec, 'template'))
  const claims = arr(spec, 'volumeClaimTemplates')
  line(sheet, 0, claims.length === 0 ? 'Volume Claims:\t<none>' : 'Volume Claims:')
  for (const one of claims) line(sheet, 1, `Name:\t${metaOf(one).name}`)
  eventLines(sheet, object)
}

function describeDaemonSet(sheet: Sheet, object: JsonObject): void {
  const meta = metaOf(object)
  const status = obj(object, 'status')
  const nodes = obj(obj(obj(obj(object, 'spec'), 'template'), 'spec'), 'nodeSelector')
  line(sheet, 0, `Name:\t${meta.name}`)
  line(sheet, 0, `Selector:\t${selectorOf(object)}`)
  line(
    sheet,
    0,
    `Node-Selector:\t${formatSelector({ matchLabels: nodes as Readonly<Record<string, string>> })}`,
  )
  labelLines(sheet, 'Labels', meta.labels)
  annotationLines(sheet, 'Annotations', meta.annotations)
  const n = (key: string) => str(status, key) || '0'
  line(sheet, 0, `Desired Number of Nodes Scheduled: ${n('desiredNumberScheduled')}`)
  line(sheet, 0, `Current Number of Nodes Scheduled: ${n('currentNumberScheduled')}`)
  line(sheet, 0, `Number of Nodes Scheduled with Up-to-date Pods: ${n('updatedNumberScheduled')}`)
  line(sheet, 0, `Number of Nodes Scheduled with Available Pods: ${n('numberAvailable')}`)
  line(sheet, 0, `Number of Nodes Misscheduled: ${n('numberMisscheduled')}`)
  podStatus(sheet, object)
  templateLines(sheet, obj(obj(object, 'spec'), 'template'))
  eventLines(sheet, object)
}

function describeConfigMap(sheet: Sheet, object: JsonObject): void {
  headLines(sheet, object)
  flush(sheet)
  line(sheet, 0, '')
  line(sheet, 0, 'Data')
  line(sheet, 0, '====')
  const data = obj(object, 'data')
  for (const key of Object.keys(data).sort()) {
    sheet.parts.push(`${sheet.text}${key}:\n----\n${String(data[key])}\n\n`)
    sheet.text = ''
  }
  line(sheet, 0, '')
  line(sheet, 0, 'BinaryData')
  line(sheet, 0, '====')
  const binary = obj(object, 'binaryData')
  for (const key of Object.keys(binary).sort()) {
    line(sheet, 0, `${key}: ${bytesOf(String(binary[key]))} bytes`)
  }
  line(sheet, 0, '')
  eventLines(sheet, object)
}

/** Bytes behind base64. */
function bytesOf(text: string): number {
  const plain = text.replace(/=+$/, '')
  return Math.floor((plain.length * 3) / 4)
}

function describeSecret(sheet: Sheet, object: JsonObject): void {
  headLines(sheet, object)
  line(sheet, 0, '')
  line(sheet, 0, `Type:\t${str(object, 'type')}`)
  line(sheet, 0, '')
  line(sheet, 0, 'Data')
  line(sheet, 0, '====')
  const data = obj(object, 'data')
  for (const key of Object.keys(data).sort()) line(sheet, 0, `${key}:\t${bytesOf(String(data[key]))} bytes`)
}

function describeNamespace(sheet: Sheet, object: JsonObject): void {
  const meta = metaOf(object)
  line(sheet, 0, `Name:\t${meta.name}`)
  labelLines(sheet, 'Labels', meta.labels)
  annotationLines(sheet, 'Annotations', meta.annotations)
  line(sheet, 0, `Status:\t${str(obj(object, 'status'), 'phase')}`)
  line(sheet, 0, '')
  line(sheet, 0, 'No resource quota.')
  line(sheet, 0, '')
  line(sheet, 0, 'No LimitRange resource.')
}

function describeServiceAccount(sheet: Sheet, object: JsonObject): void {
  headLines(sheet, object)
  const names = (key: string) => arr(object, key).map((one) => str(one, 'name'))
  for (const [title, list] of [
    ['Image pull secrets', names('imagePullSecrets')],
    ['Mountable secrets', names('secrets')],
    ['Tokens', []],
  ] as const) {
    if (list.length === 0) line(sheet, 0, `${title}:\t<none>`)
    list.forEach((name, i) => {
      line(sheet, 0, `${i === 0 ? `${title}:` : ''}\t${name}`)
    })
  }
  eventLines(sheet, object)
}

/** Any kind without a description of its own: its fields by their names. */
function describeOther(sheet: Sheet, object: JsonObject): void {
  const meta = metaOf(object)
  line(sheet, 0, `Name:\t${meta.name}`)
  line(sheet, 0, `Namespace:\t${meta.namespace}`)
  labelLines(sheet, 'Labels', meta.labels)
  annotationLines(sheet, 'Annotations', meta.annotations)
  const skipped = new Set(['managedFields', 'name', 'namespace', 'labels', 'annotations'])
  fieldLines(sheet, 0, withMeta(object, skipped))
  eventLines(sheet, object)
}

function withMeta(object: JsonObject, skipped: ReadonlySet<string>): JsonObject {
  const metadata = obj(object, 'metadata')
  const kept = Object.fromEntries(Object.entries(metadata).filter(([key]) => !skipped.has(key)))
  return withField(object, 'metadata', kept)
}

function fieldLines(sheet: Sheet, level: number, value: JsonObject): void {
  for (const key of Object.keys(value).sort()) {
    const inner = value[key]
    const title = titleOf(key)
    if (isRecord(inner)) {
      line(sheet, level, `${title}:`)
      fieldLines(sheet, level + 1, inner)
    } else if (Array.isArray(inner)) {
      line(sheet, level, `${title}:`)
      for (const one of inner as readonly Json[]) {
        if (isRecord(one)) fieldLines(sheet, level + 1, one)
        else line(sheet, level + 1, String(one))
      }
    } else line(sheet, level, `${title}:\t${inner === null ? '<nil>' : String(inner)}`)
  }
}

/** holderIdentity: Holder Identity; apiVersion: API Version. */
function titleOf(key: string): string {
  const spaced = key.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/^./, (char) => char.toUpperCase())
  return spaced.replace(/\b(Api|Uid|Url|Ip|Id)\b/g, (word) => word.toUpperCase())
}
