/** The client's side of the REST surface: discovery, resources by the names people use, failures in kubectl's words. */
import type { ApiObject, ApiRequest, Json, JsonObject, ResourceInfo, Status } from '../../../kube/types.ts'
import { apiVersionOf, field, isRecord } from '../../../kube/types.ts'
import { statFile } from '../../../run/files.ts'
import type { KubeConfig } from './config.ts'
import { currentContext, namespaceOf, readConfig, serverOf } from './config.ts'
import type { Flags } from './flags.ts'
import { durationFlag, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { complain, fault, goTo, once, refused, send } from './flow.ts'

/** A command that has read its configuration. */
export interface Client {
  readonly flow: Flow
  readonly flags: Flags
  readonly config: KubeConfig
  readonly namespace: string
}

export type Reply<T = unknown> =
  | { readonly ok: true; readonly body: T; readonly code: number; readonly watch?: Json; readonly n?: number }
  | { readonly ok: false; readonly status: Status }

const JSON_TYPE = 'application/json'

export function openClient(flow: Flow, flags: Flags): Client {
  const config = readConfig(flow, flags)
  checkConnection(flow, flags, config)
  goTo(flow, serverOf(config, flags))
  return { flow, flags, config, namespace: namespaceOf(config, flags) }
}

/** Flags that say where to and as whom, for things that are not there. */
function checkConnection(flow: Flow, flags: Flags, config: KubeConfig): void {
  const [cluster, user] = [textFlag(flags, 'cluster'), textFlag(flags, 'user')]
  const file = textFlag(flags, 'kubeconfig')
  if (file !== '' && once(flow, () => statFile(flow.ctx, file) === undefined)) {
    fault(`error: stat ${file}: no such file or directory`)
  }
  currentContext(config, flags)
  if (cluster !== '' && !config.clusters.some(({ name }) => name === cluster)) {
    fault(`error: no server found for cluster "${cluster}"`)
  }
  if (user !== '' && !config.users.some(({ name }) => name === user))
    fault(`error: auth info "${user}" does not exist`)
  const timeout = textFlag(flags, 'request-timeout', '0')
  if (!/^[0-9]+$/.test(timeout) && durationFlag(timeout) === undefined) {
    fault(
      'error: Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)',
    )
  }
}

export interface CallOptions {
  readonly query?: readonly (readonly [string, string])[]
  readonly body?: unknown
  readonly contentType?: string
  readonly accept?: string
}

/** One request. What is no answer of a server ends the command. */
export function call(client: Client, method: string, path: string, options: CallOptions = {}): Reply {
  const { flow } = client
  const { query = [], body, contentType = JSON_TYPE, accept = JSON_TYPE } = options
  const request: ApiRequest = {
    method,
    path,
    query,
    accept,
    contentType: body === undefined ? '' : contentType,
    body: body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body),
    user: 'kubernetes-admin',
    userAgent: 'kubectl/v1.32.4 (linux/amd64) kubernetes/59526cd',
  }
  const response = send(flow, request)
  if ('unreachable' in response) {
    const host = /The connection to the server \S+ was refused/.test(response.unreachable)
    fault(host ? refused(serverOf(client.config, client.flags)) : response.unreachable)
  }
  for (const text of response.warnings ?? []) complain(flow, `Warning: ${text}\n`)
  const value = typeof response.body === 'string' ? response.body : (response.body as unknown)
  if (response.code >= 400) {
    const status = isRecord(value) ? (value as unknown as Status) : textStatus(response.code, String(value))
    return { ok: false, status }
  }
  const watch = response.watch === undefined ? {} : { watch: response.watch as unknown as Json }
  const n = response.n === undefined ? {} : { n: response.n }
  return { ok: true, body: value, code: response.code, ...watch, ...n }
}

function textStatus(code: number, message: string): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code }
}

/** The body of a request that must succeed. */
export function must<T = ApiObject>(reply: Reply): T {
  return reply.ok ? (reply.body as T) : failStatus(reply.status)
}

/** Ends the command with a server's failure. `source` says what was being done: `error when creating "x"`. */
export function failStatus(status: Status, source = ''): never {
  return fault(statusText(status, source))
}

/** A failure as kubectl prints it. */
export function statusText(status: Status, source = ''): string {
  if (status.reason === 'Invalid') return `${invalidText(status)}\n`
  const { message = '' } = status
  const text = source === '' ? message : `${source}: ${message}`
  return `Error from server${status.reason === undefined ? '' : ` (${status.reason})`}: ${text}\n`
}

/**
 * A failure among others: what is printed where it stays the only one and, behind a NUL, where there are more (then an
 * invalid object is told like every other failure). For `failProblems`.
 */
export function problemText(status: Status, source = ''): string {
  const alone = statusText(status, source)
  if (status.reason !== 'Invalid') return alone
  const among = source === '' ? status.message : `${source}: ${status.message}`
  return `${alone}\0Error from server (Invalid): ${among}\n`
}

function invalidText({ details, message = '' }: Status): string {
  if (details === undefined) return `The request is invalid${message === '' ? '' : `: ${message}`}`
  const { kind = '', name = '', causes = [] } = details
  let head = 'The request is invalid'
  if (kind !== '' || name !== '') head = `The ${kind} "${name}" is invalid`
  else if (message !== '' && causes.length === 0) head += `: ${message}`
  if (causes.length === 0) return head
  const texts = [...new Set(causes.map((one) => `${one.field}: ${one.message}`))]
  if (texts.length === 1) return `${head}: ${texts[0]}`
  return `${head}: \n${texts.map((text) => `* ${text}`).join('\n')}`
}

/** Several failures: one as it is, more as one list. */
export function failAll(errors: readonly string[]): never {
  return fault(errors.join(''))
}

export interface Discovered {
  readonly resources: readonly ResourceInfo[]
  /** Words of groups that did not answer. */
  readonly failed: string
}

const AGGREGATED =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json'

/** All resources that the server has. */
export function discover(client: Client): readonly ResourceInfo[] {
  const found: ResourceInfo[] = []
  for (const path of ['/api', '/apis']) {
    const list = must<Json>(call(client, 'GET', path, { accept: AGGREGATED }))
    for (const item of items(field(list, 'items'))) {
      const group = String(field(field(item, 'metadata'), 'name') ?? '')
      for (const version of items(field(item, 'versions'))) {
        for (const one of items(field(version, 'resources'))) found.push(resourceOf(group, version, one))
      }
    }
  }
  return found
}

function items(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}

function strings(value: Json | undefined): readonly string[] {
  return items(value).map(String)
}

function resourceOf(group: string, version: Json, one: Json): ResourceInfo {
  return {
    group,
    version: String(field(version, 'version')),
    kind: String(field(field(one, 'responseKind'), 'kind')),
    resource: String(field(one, 'resource')),
    singular: String(field(one, 'singularResource')),
    shortNames: strings(field(one, 'shortNames')),
    namespaced: field(one, 'scope') === 'Namespaced',
    categories: strings(field(one, 'categories')),
    subresources: items(field(one, 'subresources')).map((sub) => String(field(sub, 'subresource'))),
    verbs: strings(field(one, 'verbs')),
  }
}

/** The resource that a word names: plural, singular, short name, with or without `.group` or `.version.group`. */
export function resourceNamed(all: readonly ResourceInfo[], word: string): ResourceInfo | undefined {
  const [name = '', ...rest] = word.toLowerCase().split('.')
  const group = rest.join('.')
  const fits = (info: ResourceInfo) =>
    group === '' ||
    info.group === group ||
    info.group.startsWith(`${group}.`) ||
    `${info.version}.${info.group}` === group
  const among = all.filter(fits)
  return (
    among.find((info) => info.resource === name) ??
    among.find((info) => info.singular === name) ??
    among.find((info) => info.shortNames.includes(name)) ??
    // A short name stands for its type in whatever version is asked for.
    all.find(
      (info) => info.shortNames.includes(name) && rest.length > 1 && info.group === rest.slice(1).join('.'),
    )
  )
}

/** As `resourceNamed`; a word that names nothing ends the command. */
export function needResource(all: readonly ResourceInfo[], word: string): ResourceInfo {
  return (
    resourceNamed(all, word) ??
    fault(`error: the server doesn't have a resource type "${word.split('.')[0]}"`)
  )
}

/** The path of a collection ('' namespace: all of them) or of an object. */
export function pathOf(info: ResourceInfo, namespace: string, name = '', subresource = ''): string {
  const base = info.group === '' ? `/api/${info.version}` : `/apis/${info.group}/${info.version}`
  const inside = info.namespaced && namespace !== '' ? `/namespaces/${namespace}` : ''
  const tail = name === '' ? '' : `/${name}${subresource === '' ? '' : `/${subresource}`}`
  return `${base}${inside}/${info.resource}${tail}`
}

/** `deployment.apps/web`, `pod/x`: how kubectl names an object. */
export function shownName(info: ResourceInfo, name: string): string {
  return `${shownType(info)}/${name}`
}

export function shownType({ group, kind }: ResourceInfo): string {
  return group === '' ? kind.toLowerCase() : `${kind.toLowerCase()}.${group}`
}

/** `pods`, `deployments.apps` */
export function groupResource({ group, resource }: ResourceInfo): string {
  return group === '' ? resource : `${resource}.${group}`
}

/** The kind of an object among what the server has. */
export function kindNamed(
  all: readonly ResourceInfo[],
  apiVersion: string,
  kind: string,
): ResourceInfo | undefined {
  return all.find((info) => info.kind === kind && apiVersionOf(info) === apiVersion)
}

export type DryRun = 'none' | 'client' | 'server'

/** --dry-run */
export function dryRunOf(flags: Flags): DryRun {
  const value = textFlag(flags, 'dry-run', 'none')
  switch (value) {
    case 'none':
    case 'false':
      return 'none'
    case 'client':
    case 'unchanged':
    case 'true':
      return 'client'
    case 'server':
      return 'server'
    default:
      return fault(`error: Invalid dry-run value (${value}). Must be "none", "server", or "client".`)
  }
}

/** The query of a write. */
export function writeQuery(client: Client, manager: string, dry: DryRun = 'none'): [string, string][] {
  const query: [string, string][] = []
  if (dry === 'server') query.push(['dryRun', 'All'])
  const named = textFlag(client.flags, 'field-manager', manager)
  if (named !== '') query.push(['fieldManager', named])
  return query
}

/** What is added to the line that says what was done. */
export function dryRunNote(dry: DryRun): string {
  return dry === 'none' ? '' : dry === 'client' ? ' (dry run)' : ' (server dry run)'
}

/** Metadata of any object, for reading. */
export function metaOf(object: unknown): {
  readonly name: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
} {
  const meta = field(object as JsonObject, 'metadata')
  const record = (key: string) => {
    const value = field(meta, key)
    return (isRecord(value) ? value : {}) as Readonly<Record<string, string>>
  }
  return {
    name: String(field(meta, 'name') ?? ''),
    namespace: String(field(meta, 'namespace') ?? ''),
    labels: record('labels'),
    annotations: record('annotations'),
  }
}
