/** Commands that change objects: scale, label, annotate, set, patch, replace, taint. Models kubectl pkg/cmd (1.32). */
import type { Json, JsonObject, ResourceInfo } from '../../../kube/types.ts'
import { field, isRecord, jsonEqual, withField } from '../../../kube/types.ts'
import { quote } from '../../../kube/api/fields.ts'
import { validLabelValue } from '../../../kube/api/names.ts'
import { jsonPatch, mergePatch, strategicMerge } from '../../../kube/api/patch.ts'
import { definitionName } from '../../../kube/api/schema.ts'
import { readFile } from '../../../run/files.ts'
import { annotated, lastApplied, validation } from './applied.ts'
import { WRITE_FLAGS } from './create.ts'
import { arr, obj, str } from './describe-text.ts'
import { boolFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { fault, once, print } from './flow.ts'
import { printDone } from './output.ts'
import type { Client, Reply } from './rest.ts'
import { call, dryRunOf, openClient, pathOf, shownType, statusText, writeQuery } from './rest.ts'
import type { Found } from './select.ts'
import {
  failProblems,
  FILE_FLAGS,
  fileItems,
  findObjects,
  hasFiles,
  lazyDiscovery,
  SELECT_FLAGS,
} from './select.ts'

export const MERGE = 'application/merge-patch+json'
export const STRATEGIC = 'application/strategic-merge-patch+json'
export const CHANGE_FLAGS = [...WRITE_FLAGS, ...FILE_FLAGS, ...SELECT_FLAGS, 'local', 'record']

/** Sends a patch and says what was done; on the client's dry run only says it. */
export function patchFound(
  client: Client,
  { info, namespace, name, object }: Found,
  patch: Json,
  manager: string,
  done: string,
  problems: string[],
  type = STRATEGIC,
): void {
  const dry = dryRunOf(client.flags)
  const typed = manager === 'kubectl-rollout'
  if (dry === 'client') {
    printDone(client, info, isRecord(patch) ? mergePatch(object, patch) : object, done, dry, typed)
    return
  }
  const query = writeQuery(client, manager, dry)
  const reply = call(client, 'PATCH', pathOf(info, namespace, name), {
    body: patch,
    contentType: type,
    query,
  })
  if (reply.ok) printDone(client, info, reply.body as Json, done, dry, typed)
  else problems.push(statusText(reply.status))
}

/** A command's end: with its problems, or well. */
export function ended(problems: readonly string[]): number {
  return problems.length > 0 ? failProblems(problems) : 0
}

export function scale(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl scale', args, [
    ...CHANGE_FLAGS,
    'replicas=#',
    'current-replicas=#',
    'resource-version=',
    'timeout=',
  ])
  const client = openClient(flow, flags)
  const text = textFlag(flags, 'replicas')
  if (text === '') fault('error: required flag(s) "replicas" not set')
  if (Number(text) < 0)
    fault('error: The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0')
  const problems: string[] = []
  const dry = dryRunOf(flags)
  const all = findObjects(client, flags.operands, problems, { needNames: true })
  if (all.length === 0 && problems.length > 0) {
    fault(
      `error: no objects passed to scale ${problems.map((one) => one.replace(/^[^:]*: |\n$/g, '')).join('\n')}`,
    )
  }
  for (const found of all) {
    const { info, namespace, name, object } = found
    if (!info.subresources.includes('scale')) {
      problems.push('Error from server (NotFound): the server could not find the requested resource\n')
      continue
    }
    const wanted = textFlag(flags, 'current-replicas')
    const now = str(obj(object, 'spec'), 'replicas')
    if (wanted !== '' && wanted !== '-1' && wanted !== now) {
      problems.push(`Expected replicas to be ${wanted}, was ${now}`)
      continue
    }
    const version = textFlag(flags, 'resource-version')
    const is = str(field(object, 'metadata'), 'resourceVersion')
    if (version !== '' && version !== is) {
      problems.push(`Expected resource version to be ${version}, was ${is}`)
      continue
    }
    if (dry === 'client') {
      printDone(client, info, object, 'scaled', dry)
      continue
    }
    const reply = call(client, 'PATCH', pathOf(info, namespace, name, 'scale'), {
      body: { spec: { replicas: Number(text) } },
      contentType: MERGE,
      query: writeQuery(client, 'kubectl-scale', dry),
    })
    if (reply.ok) printDone(client, info, object, 'scaled', dry)
    else problems.push(statusText(reply.status))
  }
  return ended(problems)
}

/** `label` and `annotate`: KEY=VALUE sets, KEY- removes. */
export function label(flow: Flow, args: readonly string[], what: 'label' | 'annotation'): number {
  const verb = what === 'label' ? 'label' : 'annotate'
  const flags = parseFlags(`kubectl ${verb}`, args, [
    ...CHANGE_FLAGS,
    'overwrite',
    'list',
    'resource-version=',
  ])
  const client = openClient(flow, flags)
  const isChange = (word: string) => word.includes('=') || (word.endsWith('-') && word.length > 1)
  const first = flags.operands.findIndex(isChange)
  const words = first < 0 ? flags.operands : flags.operands.slice(0, first)
  const changes = first < 0 ? [] : flags.operands.slice(first)
  const stray = changes.find((word) => !isChange(word))
  if (stray !== undefined) fault(`error: all resources must be specified before ${what} changes: ${stray}`)
  if (words.length === 0 && !hasFiles(client))
    fault('error: one or more resources must be specified as <resource> <name> or <resource>/<name>')
  if (changes.length === 0 && !boolFlag(flags, 'list'))
    fault(`error: at least one ${what} update is required`)
  if (boolFlag(flags, 'all') && textFlag(flags, 'selector') !== '') {
    fault('error: cannot set --all and --selector at the same time')
  }
  checkChanges(changes, what)
  const problems: string[] = []
  for (const found of findObjects(client, words, problems, { needNames: true })) {
    const key = what === 'label' ? 'labels' : 'annotations'
    const own = obj(field(found.object, 'metadata'), key)
    if (boolFlag(flags, 'list')) {
      print(
        flow,
        Object.keys(own)
          .sort()
          .map((name) => `${name}=${String(own[name])}\n`)
          .join(''),
      )
      continue
    }
    changeLabels(client, found, key, own, changes, problems, verb)
  }
  return ended(problems)
}

/** What the client itself sees to be wrong. */
function checkChanges(changes: readonly string[], what: 'label' | 'annotation'): void {
  const set = changes.filter((word) => word.includes('='))
  for (const word of what === 'label' ? set : []) {
    const errors = validLabelValue(word.split('=').slice(1).join('='))
    if (errors.length > 0) fault(`error: invalid label value: ${quote(word)}: ${errors.join(';')}`)
  }
  const names = set.map((word) => word.split('=')[0])
  const both = changes
    .filter((word) => !word.includes('='))
    .map((word) => word.slice(0, -1))
    .filter((name) => names.includes(name))
  if (both.length === 0) return
  const words = what === 'label' ? 'a label' : `the following annotation(s)`
  const list = what === 'label' ? '' : `: ${both.join(', ')}`
  fault(`error: can not both modify and remove ${words} in the same command${list}`)
}

function changeLabels(
  client: Client,
  found: Found,
  key: 'labels' | 'annotations',
  own: JsonObject,
  changes: readonly string[],
  problems: string[],
  verb: string,
): void {
  const set: Record<string, string | null> = {}
  const declared: string[] = []
  let [changed, removed] = [false, false]
  for (const word of changes) {
    if (!word.includes('=')) {
      const name = word.slice(0, -1)
      if (field(own, name) === undefined) {
        print(client.flow, `${key.slice(0, -1)} "${name}" not found.\n`)
        continue
      }
      set[name] = null
      removed = true
      continue
    }
    const [name = '', ...rest] = word.split('=')
    const value = rest.join('=')
    const old = field(own, name)
    if (old !== undefined && old !== value && !boolFlag(client.flags, 'overwrite')) {
      if (verb === 'label') {
        problems.push(`'${name}' already has a value (${String(old)}), and --overwrite is false`)
        return
      }
      declared.push(`'${name}' already has a value (${String(old)})`)
    }
    if (old !== value) changed = true
    set[name] = value
  }
  if (declared.length > 0) {
    const words = '--overwrite is false but found the following declared annotation(s): '
    problems.push(`${words}${declared.join('; ')}`)
    return
  }
  const past = verb === 'label' ? 'labeled' : 'annotated'
  const done = changed
    ? past
    : removed
      ? verb === 'label'
        ? 'unlabeled'
        : 'annotated'
      : verb === 'label'
        ? 'not labeled'
        : 'annotated'
  if (!changed && !removed) {
    printDone(client, found.info, found.object, done, dryRunOf(client.flags))
    return
  }
  patchFound(client, found, { metadata: { [key]: set } }, `kubectl-${verb}`, done, problems, MERGE)
}

/** What an object's `scale` answers with. */
const SCALE = {
  group: 'autoscaling', version: 'v1', kind: 'Scale', resource: 'scales', singular: 'scale', shortNames: [], namespaced: true,
  categories: [], subresources: [], verbs: [],
} // biome-ignore format: one list

export function patch(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl patch', args, [
    ...CHANGE_FLAGS,
    'patch/p=',
    'patch-file=',
    'type=',
    'subresource=',
  ])
  const client = openClient(flow, flags)
  const file = textFlag(flags, 'patch-file')
  if (file !== '' && textFlag(flags, 'patch') !== '') {
    fault('error: cannot specify --patch and --patch-file together')
  }
  const read0 = once(flow, () => (file === '' ? { text: '', error: '' } : readFile(flow.ctx, file)))
  if (read0.error !== '') {
    fault(`error: unable to read patch file: open ${file}: ${read0.error.toLowerCase()}`)
  }
  const text = file === '' ? textFlag(flags, 'patch') : read0.text
  if (text === '') fault('error: must specify --patch or --patch-file containing the contents of the patch')
  const type = textFlag(flags, 'type', 'strategic')
  const types: Readonly<Record<string, string>> = {
    strategic: STRATEGIC,
    merge: MERGE,
    json: 'application/json-patch+json',
  }
  if (!Object.hasOwn(types, type)) fault(`error: --type must be one of [json merge strategic], not "${type}"`)
  // What looks like JSON goes to the server as it is, and that says what is wrong with it.
  const raw = /^\s*\{/.test(text)
  const read = flow.parts.readText(text)
  const value = read.error === '' ? read.docs[0] : undefined
  if (value === undefined && (!raw || dryRunOf(flags) === 'client')) {
    const why = read.error.replace('error converting YAML to JSON: ', '')
    fault(`error: unable to parse ${quote(text)}: ${why}`)
  }
  const problems: string[] = []
  const sub = textFlag(flags, 'subresource')
  for (const found of findObjects(client, flags.operands, problems, { needNames: true })) {
    const { info, namespace, name, object } = found
    const dry = dryRunOf(flags)
    const query = writeQuery(client, 'kubectl-patch', dry)
    const path = pathOf(info, namespace, name, sub)
    const body = raw ? text : typeof value === 'string' ? JSON.stringify(value) : value
    const reply =
      dry === 'client'
        ? patchedHere(info, object, type, value!)
        : call(client, 'PATCH', path, { body, contentType: types[type]!, query })
    if (!reply.ok) {
      problems.push(statusText(reply.status))
      continue
    }
    const version = (one: Json) => String(field(field(one, 'metadata'), 'resourceVersion'))
    const same =
      sub === ''
        ? jsonEqual(plainOf(reply.body as Json), plainOf(object))
        : version(reply.body as Json) === version(object)
    const shown = sub === 'scale' ? SCALE : info
    printDone(client, shown, reply.body as Json, same ? 'patched (no change)' : 'patched')
  }
  return ended(problems)
}

/** Without who wrote it when. */
function plainOf(object: Json): Json {
  const metadata = field(object, 'metadata')
  if (!isRecord(object) || !isRecord(metadata)) return object
  return withField(object, 'metadata', withField(metadata, 'managedFields', undefined))
}

/** The client's dry run works the patch out by itself. */
function patchedHere(info: ResourceInfo, object: JsonObject, type: string, patch: Json): Reply {
  if (type === 'json') {
    const patched = jsonPatch(object, patch)
    return 'error' in patched
      ? fault(`error: ${patched.error}`)
      : { ok: true, code: 200, body: patched.value }
  }
  const record = isRecord(patch) ? patch : {}
  const body =
    type === 'merge' ? mergePatch(object, record) : strategicMerge(object, record, definitionName(info))
  return { ok: true, code: 200, body }
}

export function replace(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl replace', args, [
    ...WRITE_FLAGS,
    ...FILE_FLAGS,
    'force',
    'cascade=?background',
    'grace-period=#',
    'timeout=',
    'wait',
    'raw=',
    'subresource=',
  ])
  const client = openClient(flow, flags)
  if (!hasFiles(client)) fault('error: must specify one of -f and -k')
  if (boolFlag(flags, 'force') && dryRunOf(flags) !== 'none') {
    fault('error: --dry-run can not be used when --force is set')
  }
  const dry = dryRunOf(flags)
  const problems: string[] = []
  const items = fileItems(client, lazyDiscovery(client), problems)
  if (items.length === 0 && problems.length === 0) fault('error: no objects passed to replace')
  for (const { info, namespace, name } of boolFlag(flags, 'force') ? items : []) {
    const body = { gracePeriodSeconds: 0 }
    const gone = call(client, 'DELETE', pathOf(info, namespace, name), { body })
    if (gone.ok) print(flow, `${shownType(info)} "${name}" deleted\n`)
  }
  for (const { info, namespace, name, object, source } of items) {
    const path = pathOf(info, namespace, name)
    const query = [...writeQuery(client, 'kubectl-replace', dry), validation(client)]
    if (boolFlag(flags, 'force')) {
      const made = call(client, 'POST', pathOf(info, namespace), { body: object, query })
      if (made.ok) printDone(client, info, made.body as Json, 'replaced', dry)
      else problems.push(statusText(made.status, `error when replacing "${source}"`))
      continue
    }
    if (dry === 'client') {
      printDone(client, info, object, 'replaced', dry)
      continue
    }
    const current = call(client, 'GET', path)
    const noted = current.ok && lastApplied(current.body as JsonObject) !== undefined
    const reply = call(client, 'PUT', path, { body: noted ? annotated(object) : object, query })
    if (reply.ok) printDone(client, info, reply.body as Json, 'replaced', dry)
    else problems.push(statusText(reply.status, `error when replacing "${source}"`))
  }
  return ended(problems)
}

export function taint(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl taint', args, [...CHANGE_FLAGS, 'overwrite'])
  const client = openClient(flow, flags)
  const isTaint = (word: string) => /^[^=:]+(=[^:]*)?(:[A-Za-z]+)?-?$/.test(word) && /[:=]|-$/.test(word)
  const at = flags.operands.findIndex(
    (word, i) => i > 0 && isTaint(word) && (/[:=]/.test(word) || word.endsWith('-')),
  )
  const words = at < 0 ? flags.operands : flags.operands.slice(0, at)
  const specs = at < 0 ? [] : flags.operands.slice(at)
  if (words.length === 0) fault('error: one or more resources must be specified as <resource> <name>')
  if (specs.length === 0) fault('error: at least one taint update is required')
  const problems: string[] = []
  for (const found of findObjects(client, words, problems, { needNames: true }))
    taintOne(client, found, specs, problems)
  return ended(problems)
}

interface Taint {
  readonly key: string
  readonly value: string
  readonly effect: string
}

function taintOne(client: Client, found: Found, specs: readonly string[], problems: string[]): void {
  let taints = arr(obj(found.object, 'spec'), 'taints').map((one) => ({ ...one }) as JsonObject)
  let done = ''
  for (const spec of specs) {
    const remove = spec.endsWith('-')
    const { key, value, effect } = readTaint(remove ? spec.slice(0, -1) : spec)
    const same = (one: JsonObject) => one.key === key && (effect === '' || one.effect === effect)
    if (remove) {
      if (!taints.some(same)) {
        problems.push(`taint "${spec.slice(0, -1)}" not found`)
        return
      }
      taints = taints.filter((one) => !same(one))
      done = done === '' || done === 'untainted' ? 'untainted' : 'modified'
      continue
    }
    if (!['NoSchedule', 'PreferNoSchedule', 'NoExecute'].includes(effect)) {
      const words = `error: invalid taint effect: ${effect}, unsupported taint effect`
      fault(`${words}\nSee 'kubectl taint -h' for help and examples`)
    }
    if (taints.some(same) && !boolFlag(client.flags, 'overwrite')) {
      problems.push(
        `node ${found.name} already has ${key} taint(s) with same effect(s) and --overwrite is false`,
      )
      return
    }
    const changed = taints.some(same)
    const fresh: JsonObject = { effect, key, ...(value === '' ? {} : { value }) }
    taints = [...taints.filter((one) => !same(one)), fresh]
    done = !changed && (done === '' || done === 'tainted') ? 'tainted' : 'modified'
  }
  const next = taints.length === 0 ? null : taints
  patchFound(client, found, { spec: { taints: next } }, 'kubectl-taint', done, problems, MERGE)
}

function readTaint(text: string): Taint {
  const [head = '', effect = ''] = text.split(':')
  const [key = '', value = ''] = head.split('=')
  return { key, value, effect }
}
