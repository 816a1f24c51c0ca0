/** `kubectl apply` and `kubectl diff`. Models kubectl pkg/cmd/apply (1.32). */
import { parseSelectors } from '../../../kube/api/selectors.ts'
import type { ApiObject, Json, JsonObject } from '../../../kube/types.ts'
import { field, isRecord, withField } from '../../../kube/types.ts'
import { wallNow } from './clock.ts'
import { obj } from './describe-text.ts'
import { unifiedDiff } from './diff.ts'
import { dateText, EPOCH_SECONDS } from '../../clock.ts'
import { boolFlag, hasFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { complain, fault, once, print } from './flow.ts'
import { threeWayPatch } from './merge.ts'
import { formatOf, objectText, OUTPUT_FLAGS, printDone, withoutManaged } from './output.ts'
import type { Client, DryRun } from './rest.ts'
import {
  call,
  dryRunOf,
  failStatus,
  openClient,
  pathOf,
  problemText,
  statusText,
  writeQuery,
} from './rest.ts'
import type { FileItem } from './select.ts'
import { failProblems, FILE_FLAGS, fileItems, findObjects, hasFiles, lazyDiscovery } from './select.ts'
import { compactJson, sorted, toJson, toYaml, typedJson } from './yaml.ts'

export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
const STRATEGIC = 'application/strategic-merge-patch+json'
const MANAGER = 'kubectl-client-side-apply'

const APPLY_FLAGS = [
  ...OUTPUT_FLAGS, ...FILE_FLAGS, 'dry-run=?unchanged', 'validate=?strict', 'server-side', 'force-conflicts', 'force',
  'field-manager=', 'overwrite', 'prune', 'prune-allowlist=*', 'selector/l=', 'all', 'wait', 'timeout=', 'cascade=?background',
  'grace-period=#', 'openapi-patch', 'applyset=', 'subresource=',
] // biome-ignore format: one list

export function apply(flow: Flow, args: readonly string[]): number {
  if (args[0] === 'view-last-applied') return viewLastApplied(flow, args.slice(1))
  if (args[0] === 'set-last-applied') return setLastApplied(flow, args.slice(1))
  if (args[0] === 'edit-last-applied') fault(`error: kubectl apply ${args[0]}: not modelled in Kubehop`)
  const flags = parseFlags('kubectl apply', args, APPLY_FLAGS)
  const client = openClient(flow, flags)
  if (flags.operands.length > 0) {
    fault(
      `error: Unexpected args: [${flags.operands.join(' ')}]\nSee 'kubectl apply -h' for help and examples`,
    )
  }
  if (!hasFiles(client)) fault('error: must specify one of -f and -k')
  for (const one of ['prune', 'applyset', 'force', 'subresource']) {
    if (hasFlag(flags, one)) fault(`error: kubectl apply --${one}: not modelled in Kubehop`)
  }
  const dry = dryRunOf(flags)
  const problems: string[] = []
  const items = selectedItems(client, fileItems(client, lazyDiscovery(client), problems))
  if (items.length === 0 && problems.length === 0) fault('error: no objects passed to apply')
  const shown: Json[] = []
  const told: Told = (item, object, done) => {
    const { kind } = formatOf(client)
    if (kind === 'table' || kind === 'name') printDone(client, item.info, object, done, dry)
    else shown.push(object)
  }
  for (const item of items) {
    if (boolFlag(flags, 'server-side')) serverSide(client, item, dry, problems, told)
    else clientSide(client, item, dry, problems, told)
  }
  if (shown.length > 0) {
    const list = { kind: 'List', apiVersion: 'v1', metadata: {}, items: shown }
    const format = formatOf(client)
    const [only] = shown
    if (shown.length === 1) print(flow, objectText(format, only!, flags))
    else {
      const items = shown.map((one) => sorted(withoutManaged(one, flags)))
      print(flow, format.kind === 'json' ? typedJson({ ...list, items }) : objectText(format, list, flags))
    }
  }
  if (problems.length > 0) failProblems(problems)
  return 0
}

/** What became of an item. */
type Told = (item: FileItem, object: Json, done: string) => void

/** What -l leaves of a file's objects. */
function selectedItems(client: Client, items: FileItem[]): FileItem[] {
  const text = textFlag(client.flags, 'selector')
  if (text === '') return items
  const parsed = parseSelectors('', text, '')
  if ('error' in parsed) return fault(`error: ${parsed.error}`)
  return items.filter(({ object }) => parsed.matches(object as unknown as ApiObject))
}

function viewLastApplied(flow: Flow, args: readonly string[]): number {
  const verb = 'kubectl apply view-last-applied'
  const flags = parseFlags(verb, args, [...OUTPUT_FLAGS, ...FILE_FLAGS, 'selector/l=', 'all'])
  const client = openClient(flow, flags)
  const output = textFlag(flags, 'output', 'yaml')
  if (output !== 'yaml' && output !== 'json') {
    const words = `Unexpected -o output mode: ${output}, the flag 'output' must be one of yaml|json`
    fault(`error: ${words}\nSee '${verb} -h' for help and examples`)
  }
  const problems: string[] = []
  for (const { name, object } of findObjects(client, flags.operands, problems)) {
    const last = lastApplied(object)
    if (last === undefined) {
      problems.push(`no last-applied-configuration annotation found on resource: ${name}\n`)
    } else print(flow, output === 'yaml' ? toYaml(last) : toJson(last))
  }
  return problems.length > 0 ? failProblems(problems) : 0
}

function setLastApplied(flow: Flow, args: readonly string[]): number {
  const verb = 'kubectl apply set-last-applied'
  const flags = parseFlags(verb, args, [
    ...OUTPUT_FLAGS,
    ...FILE_FLAGS,
    'dry-run=?unchanged',
    'create-annotation',
    'field-manager=',
  ])
  const client = openClient(flow, flags)
  const dry = dryRunOf(flags)
  const problems: string[] = []
  for (const item of fileItems(client, lazyDiscovery(client), problems)) {
    const { info, namespace, name, object } = item
    const path = pathOf(info, namespace, name)
    const reply = call(client, 'GET', path)
    if (!reply.ok) failStatus(reply.status)
    if (lastApplied(reply.body as JsonObject) === undefined && !boolFlag(flags, 'create-annotation')) {
      fault(
        `error: no last-applied-configuration annotation found on resource: ${name}, to create the annotation, run the command with --create-annotation`,
      )
    }
    const { annotations } = obj(annotated(object), 'metadata') as { annotations: JsonObject }
    const body = { metadata: { annotations: { [LAST_APPLIED]: annotations[LAST_APPLIED] } } }
    const query = writeQuery(client, 'kubectl-last-applied', dry)
    const contentType = 'application/merge-patch+json'
    const done = dry === 'client' ? reply : call(client, 'PATCH', path, { body, contentType, query })
    if (!done.ok) failStatus(done.status)
    printDone(client, info, done.body as Json, 'configured', dry)
  }
  return problems.length > 0 ? failProblems(problems) : 0
}

function retrieving({ info, name, namespace, source }: FileItem): string {
  const version = `${info.group}/${info.version}`
  return `error when retrieving current configuration of:\nResource: "${version}, Resource=${info.resource}", GroupVersionKind: "${version}, Kind=${info.kind}"\nName: "${name}", Namespace: "${namespace}"\nfrom server for: "${source}"`
}

/** The object with what was applied noted in it. */
export function annotated(object: JsonObject): JsonObject {
  const metadata = field(object, 'metadata')
  const meta = isRecord(metadata) ? metadata : {}
  const annotations = field(meta, 'annotations')
  const own = withField(isRecord(annotations) ? annotations : {}, LAST_APPLIED, undefined)
  const plain = withField(object, 'metadata', withField(meta, 'annotations', own))
  const noted = withField(own, LAST_APPLIED, `${compactJson(plain)}\n`)
  return withField(object, 'metadata', withField(meta, 'annotations', noted))
}

function clientSide(client: Client, item: FileItem, dry: DryRun, problems: string[], told: Told): void {
  const { info, namespace, name, source } = item
  if (name === '') {
    problems.push(`${retrieving(item)}: resource name may not be empty`)
    return
  }
  const modified = annotated(item.object)
  const path = pathOf(info, namespace, name)
  const query = [...writeQuery(client, MANAGER, dry), validation(client)]
  const reply = call(client, 'GET', path)
  if (!reply.ok && reply.status.reason !== 'NotFound') {
    problems.push(statusText(reply.status, retrieving(item)))
    return
  }
  if (!reply.ok) {
    if (dry === 'client') {
      told(item, modified, 'created')
      return
    }
    const made = call(client, 'POST', pathOf(info, namespace), { body: modified, query })
    if (made.ok) told(item, made.body as Json, 'created')
    else problems.push(problemText(made.status, `error when creating "${source}"`))
    return
  }
  const current = reply.body as JsonObject
  const last = lastApplied(current)
  if (last === undefined) {
    complain(
      client.flow,
      `Warning: resource ${info.resource}/${name} is missing the ${LAST_APPLIED} annotation which is required by kubectl apply. kubectl apply should only be used on resources created declaratively by either kubectl create --save-config or kubectl apply. The missing annotation will be patched automatically.\n`,
    )
  }
  const patch = threeWayPatch(info, last ?? null, modified, current)
  if (dry === 'client') {
    told(item, current, 'configured')
    return
  }
  if (Object.keys(patch).length === 0) {
    told(item, current, 'unchanged')
    return
  }
  const done = call(client, 'PATCH', path, { body: patch, contentType: STRATEGIC, query })
  if (!done.ok) {
    const text = `error when applying patch:\n${compactJson(patch)}\nto:\n${retrieving(item).split('\n').slice(1, 3).join('\n')}\nfor: "${source}"`
    problems.push(problemText(done.status, text))
    return
  }
  told(item, done.body as Json, 'configured')
}

/** What was applied last, as JSON; undefined where nothing was. */
export function lastApplied(object: JsonObject): Json | undefined {
  const text = field(field(field(object, 'metadata'), 'annotations'), LAST_APPLIED)
  if (typeof text !== 'string') return undefined
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}

/** --validate as the server takes it. */
export function validation(client: Client): [string, string] {
  const text = textFlag(client.flags, 'validate', 'strict').toLowerCase()
  const value = text === 'warn' ? 'Warn' : text === 'false' || text === 'ignore' ? 'Ignore' : 'Strict'
  return ['fieldValidation', value]
}

const CONFLICT_HELP = `Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the \`--force-conflicts\` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts`

function serverSide(client: Client, item: FileItem, dry: DryRun, problems: string[], told: Told): void {
  const { info, namespace, name, object } = item
  if (dry === 'client')
    fault("error: --dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)")
  const force = boolFlag(client.flags, 'force-conflicts')
  const query: [string, string][] = [
    ...writeQuery(client, 'kubectl', dry),
    validation(client),
    ['force', String(force)],
  ]
  const contentType = 'application/apply-patch+yaml'
  const done = call(client, 'PATCH', pathOf(info, namespace, name), { body: object, contentType, query })
  if (done.ok) {
    told(item, done.body as Json, 'serverside-applied')
    return
  }
  if (done.status.reason === 'Conflict') problems.push(`${done.status.message}\n${CONFLICT_HELP}`)
  else problems.push(problemText(done.status))
}

/** `kubectl diff -f`: what apply would change, as diff -u shows it. Exit 1 where something would. */
export function diff(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl diff', args, [
    ...FILE_FLAGS,
    'server-side',
    'force-conflicts',
    'field-manager=',
    'selector/l=',
    'prune',
    'show-managed-fields',
    'concurrency=#',
  ])
  const client = openClient(flow, flags)
  if (!hasFiles(client)) fault('error: must specify one of -f and -k')
  const problems: string[] = []
  const items = fileItems(client, lazyDiscovery(client), problems)
  if (problems.length > 0) failProblems(problems)
  const stamp = once(flow, () => String(100_000_000 + (flow.ctx.world.now % 900_000_000)))
  const texts: { file: string; text: string }[] = []
  for (const item of items) {
    const { info, namespace, name } = item
    const path = pathOf(info, namespace, name)
    const query: [string, string][] = [['dryRun', 'All'], ...writeQuery(client, MANAGER)]
    const reply = call(client, 'GET', path)
    if (!reply.ok && reply.status.reason !== 'NotFound') failStatus(reply.status)
    const live = reply.ok ? (reply.body as JsonObject) : undefined
    const modified = unannotated(item.object)
    const patch = live === undefined ? {} : threeWayPatch(info, lastApplied(live) ?? null, modified, live)
    const merged =
      live === undefined
        ? call(client, 'POST', pathOf(info, namespace), { body: item.object, query })
        : call(client, 'PATCH', path, { body: patch, contentType: STRATEGIC, query })
    if (!merged.ok) failStatus(merged.status)
    const file = `${info.group === '' ? '' : `${info.group}.`}${info.version}.${info.kind}.${namespace}.${name}`
    const before = live === undefined ? '' : toYaml(withoutManaged(live, flags))
    const after = toYaml(withoutManaged(merged.body as Json, flags))
    const [from, to] = [`/tmp/LIVE-${stamp}/${file}`, `/tmp/MERGED-${stamp}/${file}`]
    texts.push({ file, text: unifiedDiff(from, to, before, after, formatNanos(wallNow(flow))) })
  }
  // They are files in two folders: diff goes through these in the order of their names.
  texts.sort((a, b) => (a.file < b.file ? -1 : 1))
  for (const { text } of texts) print(flow, text)
  return texts.some(({ text }) => text !== '') ? 1 : 0
}

/** As `diff` prints the time of a file. */
function formatNanos(ms: number): string {
  return `${dateText((ms - EPOCH_SECONDS * 1000) * 1_000_000, '%Y-%m-%d %T')}.000000000 +0000`
}

/** The object as it would be noted, without the note; what it says of annotations is `{}` at least. */
function unannotated(object: JsonObject): JsonObject {
  const metadata = obj(annotated(object), 'metadata')
  const annotations = withField(obj(metadata, 'annotations'), LAST_APPLIED, undefined)
  return withField(object, 'metadata', withField(metadata, 'annotations', annotations))
}
