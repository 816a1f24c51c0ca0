/** `kubectl apply` and `kubectl diff`. Models kubectl pkg/cmd/apply (1.32). */
import { parseSelectors } from '../../../kube/api/selectors.ts'
import type { ApiObject, Json, JsonObject } from '../../../kube/types.ts'
import { withField } from '../../../kube/types.ts'
import {
  annotated,
  LAST_APPLIED,
  lastApplied,
  setLastApplied,
  validation,
  viewLastApplied,
} from './applied.ts'
import { wallNow } from './clock.ts'
import { obj } from './describe-text.ts'
import { unifiedDiff } from './diff.ts'
import { dateText, EPOCH_SECONDS } from '../../clock.ts'
import { editLastApplied } from './edit.ts'
import type { Flags } from './flags.ts'
import { boolFlag, hasFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { complain, fault, loop, once, pause, print } from './flow.ts'
import { threeWayPatch } from './merge.ts'
import { formatOf, objectText, OUTPUT_FLAGS, printDone, withoutManaged } from './output.ts'
import { allowed, prune } from './prune.ts'
import type { Client, DryRun, Reply } from './rest.ts'
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
import { failProblems, FILE_FLAGS, fileItems, hasFiles, lazyDiscovery } from './select.ts'
import { compactJson, sorted, toYaml, typedJson } from './yaml.ts'

const STRATEGIC = 'application/strategic-merge-patch+json'
const GONE_EVERY = 1_000_000_000
const MANAGER = 'kubectl-client-side-apply'

const APPLY_FLAGS = [
  ...OUTPUT_FLAGS, ...FILE_FLAGS, 'dry-run=?unchanged', 'validate=?strict', 'server-side', 'force-conflicts', 'force',
  'field-manager=', 'overwrite', 'prune', 'prune-allowlist=*', 'selector/l=', 'all', 'wait', 'timeout=', 'cascade=?background',
  'grace-period=#', 'openapi-patch', 'subresource=',
] // biome-ignore format: one list

export function apply(flow: Flow, args: readonly string[]): number {
  if (args[0] === 'view-last-applied') return viewLastApplied(flow, args.slice(1))
  if (args[0] === 'set-last-applied') return setLastApplied(flow, args.slice(1))
  if (args[0] === 'edit-last-applied') return editLastApplied(flow, args.slice(1))
  const flags = parseFlags('kubectl apply', args, APPLY_FLAGS)
  const client = openClient(flow, flags)
  if (flags.operands.length > 0) {
    fault(
      `error: Unexpected args: [${flags.operands.join(' ')}]\nSee 'kubectl apply -h' for help and examples`,
    )
  }
  if (!hasFiles(client)) fault('error: must specify one of -f and -k')
  checkFlags(flags)
  const kinds = allowed(client)
  const dry = dryRunOf(flags)
  const problems: string[] = []
  const items = selectedItems(client, fileItems(client, lazyDiscovery(client), problems))
  if (items.length === 0 && problems.length === 0) fault('error: no objects passed to apply')
  const shown: Json[] = []
  const applied: Json[] = []
  const told: Told = (item, object, done) => {
    applied.push(object)
    const { kind } = formatOf(client)
    if (kind === 'table' || kind === 'name') printDone(client, item.info, object, done, dry)
    else shown.push(object)
  }
  for (const item of items) {
    if (boolFlag(flags, 'server-side')) serverSide(client, item, dry, problems, told)
    else clientSide(client, item, dry, problems, told)
  }
  // Where anything failed, nothing more is done or told.
  if (problems.length > 0) failProblems(problems)
  printShown(client, shown)
  if (boolFlag(flags, 'prune')) prune(client, kinds, applied, dry)
  return 0
}

/** What does not go together. */
function checkFlags(flags: Flags): void {
  const [onServer, all] = [boolFlag(flags, 'server-side'), boolFlag(flags, 'all')]
  const selector = textFlag(flags, 'selector') !== ''
  if (boolFlag(flags, 'force-conflicts') && !onServer) {
    fault('error: --force-conflicts only works with --server-side')
  }
  if (hasFlag(flags, 'subresource')) {
    if (!onServer) fault('error: --subresource can only be specified for --server-side')
    fault('error: kubectl apply --subresource: not modelled in Kubehop')
  }
  if (boolFlag(flags, 'force') && onServer) fault('error: --force cannot be used with --server-side')
  if (all && selector) fault('error: cannot set --all and --selector at the same time')
  if (!boolFlag(flags, 'prune')) return
  if (!all && !selector) {
    fault(
      'error: all resources selected for prune without explicitly passing --all. To prune all resources, pass the --all flag. If you did not mean to prune all resources, specify a label selector',
    )
  }
  if (onServer) {
    fault("error: --prune is in alpha and doesn't currently work on objects created by server-side apply")
  }
}

/** By -o: one object, or all in a list. */
function printShown({ flow, flags, ...rest }: Client, shown: readonly Json[]): void {
  const [only] = shown
  if (only === undefined) return
  const format = formatOf({ flow, flags, ...rest })
  if (shown.length === 1) print(flow, objectText(format, only, flags))
  else {
    const items = shown.map((one) => sorted(withoutManaged(one, flags)))
    const list = { kind: 'List', apiVersion: 'v1', metadata: {}, items }
    print(flow, format.kind === 'json' ? typedJson(list) : objectText(format, list, flags))
  }
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

function retrieving({ info, name, namespace, source }: FileItem): string {
  const version = `${info.group}/${info.version}`
  return `error when retrieving current configuration of:\nResource: "${version}, Resource=${info.resource}", GroupVersionKind: "${version}, Kind=${info.kind}"\nName: "${name}", Namespace: "${namespace}"\nfrom server for: "${source}"`
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
  if (
    !done.ok &&
    boolFlag(client.flags, 'force') &&
    ['Conflict', 'Invalid'].includes(done.status.reason ?? '')
  ) {
    const made = replaceIt(client, item, modified, query)
    if (made.ok) told(item, made.body as Json, 'configured')
    else problems.push(problemText(made.status))
    return
  }
  if (!done.ok) {
    const text = `error when applying patch:\n${compactJson(patch)}\nto:\n${retrieving(item).split('\n').slice(1, 3).join('\n')}\nfor: "${source}"`
    problems.push(problemText(done.status, text))
    return
  }
  told(item, done.body as Json, 'configured')
}

/** --force: what cannot be changed is deleted and made anew. */
function replaceIt(
  client: Client,
  { info, namespace, name }: FileItem,
  body: JsonObject,
  query: [string, string][],
): Reply {
  const { flow, flags } = client
  const path = pathOf(info, namespace, name)
  const grace = Number(textFlag(flags, 'grace-period', '-1'))
  const options = grace < 0 ? {} : { gracePeriodSeconds: grace }
  const gone = call(client, 'DELETE', path, { body: { propagationPolicy: 'Background', ...options } })
  if (!gone.ok) return gone
  loop<null, null>(
    flow,
    () => null,
    () => {
      if (!call(client, 'GET', path).ok) return { done: null }
      pause(flow, GONE_EVERY)
      return { next: null }
    },
  )
  return call(client, 'POST', pathOf(info, namespace), { body, query })
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
