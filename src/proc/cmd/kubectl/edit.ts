/**
 * `kubectl edit`: the object as YAML in an editor, again with the reasons where it was refused, then a patch of what was
 * changed. Models kubectl pkg/cmd/util/editor (1.32): $KUBE_EDITOR, $EDITOR, else vi. Not here: --output-patch,
 * --save-config, --subresource.
 */
import { environOf } from '../../../run/env.ts'
import { nextBelow } from '../../../base/rng.ts'
import type { Json, JsonObject, Status } from '../../../kube/types.ts'
import { field, isRecord, jsonEqual } from '../../../kube/types.ts'
import { readFile, removeFile, writeFile } from '../../../run/files.ts'
import { spawnChild } from '../../../run/process.ts'
import { LAST_APPLIED, lastApplied, validation } from './applied.ts'
import { STRATEGIC } from './change.ts'
import { WRITE_FLAGS } from './create.ts'
import { hasFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { childEnd, complain, fault, once } from './flow.ts'
import { threeWayPatch } from './merge.ts'
import { printDone, withoutManaged } from './output.ts'
import type { Client } from './rest.ts'
import {
  call,
  discover,
  groupResource,
  kindNamed,
  metaOf,
  openClient,
  pathOf,
  statusText,
  writeQuery,
} from './rest.ts'
import type { Found } from './select.ts'
import { failProblems, FILE_FLAGS, findObjects } from './select.ts'
import { compactJson, toJson, toYaml } from './yaml.ts'

const HEADER = `# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
`
const APPLIED_HEADER = `# Please edit the 'last-applied-configuration' annotations below.
# Lines beginning with a '#' will be ignored, and an empty file will abort the edit.
#
`
/** An editor that saves the same mistakes for ever ends here. */
const ROUNDS = 100

interface Reason {
  readonly head: string
  readonly other: readonly string[]
}

/** What is edited: objects, or what was applied of them. */
interface Editing {
  readonly client: Client
  readonly items: readonly Found[]
  readonly applied: boolean
}

/** What the saved file came to. */
interface Results {
  readonly reasons: Reason[]
  retryable: number
  missing: number
}

export function edit(flow: Flow, args: readonly string[]): number {
  const more = ['output-patch', 'windows-line-endings', 'subresource=', 'save-config', 'validate=?strict']
  const flags = parseFlags('kubectl edit', args, [...WRITE_FLAGS, ...FILE_FLAGS, ...more])
  for (const one of ['output-patch', 'save-config', 'subresource']) {
    if (hasFlag(flags, one)) fault(`error: kubectl edit --${one}: not modelled in Kubehop`)
  }
  const client = openClient(flow, flags)
  const items = editable(client)
  if (items.length === 0) {
    complain(flow, 'Edit cancelled, no objects found.\n')
    return fault('', 1)
  }
  return editAll({ client, items, applied: false })
}

/** `kubectl apply edit-last-applied` */
export function editLastApplied(flow: Flow, args: readonly string[]): number {
  const more = ['windows-line-endings', 'field-manager=', 'validate=?strict']
  const flags = parseFlags('kubectl apply edit-last-applied', args, [...WRITE_FLAGS, ...FILE_FLAGS, ...more])
  const client = openClient(flow, flags)
  const items = editable(client).flatMap((one): Found[] => {
    const object = lastApplied(one.object)
    return isRecord(object ?? null) ? [{ ...one, object: object as JsonObject }] : []
  })
  if (items.length === 0) {
    fault(
      'error: no last-applied-configuration annotation found on resources, to create the annotation, use command `kubectl apply set-last-applied --create-annotation`',
    )
  }
  return editAll({ client, items, applied: true })
}

function editable(client: Client): readonly Found[] {
  const output = textFlag(client.flags, 'output')
  if (output !== '' && output !== 'json' && output !== 'yaml') {
    const words = `unable to match a printer suitable for the output format "${output}"`
    fault(`error: ${words}, allowed formats are: json,yaml`)
  }
  const problems: string[] = []
  const found = findObjects(client, client.flags.operands, problems)
  if (problems.length > 0) failProblems(problems)
  return found
}

/** The objects' text, several as a list. */
function textOf({ client, items }: Editing): string {
  const objects = items.map(({ object }) => withoutManaged(object, client.flags))
  const list = { apiVersion: 'v1', items: objects, kind: 'List', metadata: {} }
  const shown = objects.length === 1 ? objects[0]! : list
  return textFlag(client.flags, 'output') === 'json' ? toJson(shown) : toYaml(shown)
}

function editAll(editing: Editing): number {
  const { client, applied, items } = editing
  const { flow } = client
  const original = textOf(editing)
  let reasons: readonly Reason[] = []
  let kept: { path: string; text: string } | undefined
  for (let round = 0; round < ROUNDS; round++) {
    const json = textFlag(client.flags, 'output') === 'json'
    const header = json ? '' : headerOf(reasons, applied)
    const opened = header + (kept === undefined ? original : withoutComments(kept.text))
    const { path, text } = launch(flow, opened, kept?.path, json ? 'json' : 'yaml')
    if (kept !== undefined) {
      if (sameText(client, kept.text, text)) {
        return preserved(flow, path, 'Edit cancelled, no valid changes were saved.')
      }
      removeTemp(flow, kept.path)
    }
    if (sameText(client, original, text)) return cancelled(flow, path, 'Edit cancelled, no changes made.')
    kept = { path, text }
    const read = edited(client, items[0]!, text)
    if ('reason' in read) {
      reasons = [read.reason]
      continue
    }
    const results: Results = { reasons: [], retryable: 0, missing: 0 }
    for (const object of read.objects) change(editing, object, path, results)
    if (results.retryable > 0) {
      complain(flow, `You can run \`kubectl replace -f ${path}\` to try this update again.\n`)
      return fault('', 1)
    }
    if (results.missing > 0) {
      complain(flow, `The edits you made on deleted resources have been saved to "${path}"\n`)
      return fault('', 1)
    }
    reasons = results.reasons
    if (reasons.length > 0) continue
    removeTemp(flow, path)
    return 0
  }
  return preserved(flow, kept!.path, 'Edit cancelled, no valid changes were saved.')
}

/** The objects of a saved file, or why it has to be opened again. */
function edited(
  client: Client,
  first: Found,
  text: string,
): { objects: readonly JsonObject[] } | { reason: Reason } {
  const { docs, error } = client.flow.parts.readText(withoutComments(text))
  if (error !== '' || docs.length === 0 || !docs.every(isRecord)) {
    return { reason: unread(client, first, error) }
  }
  const missing = ['apiVersion', 'kind'].filter((key) => docs.some((doc) => field(doc, key) === undefined))
  if (missing.length > 0) {
    return { reason: unread(client, first, missing.map((key) => `${key} not set`).join(', ')) }
  }
  const objects = docs.flatMap((doc) => {
    const inner = field(doc, 'items')
    return field(doc, 'kind') === 'List' && Array.isArray(inner) ? (inner as Json[]) : [doc]
  })
  for (const object of objects) {
    const [version, kind] = [field(object, 'apiVersion'), field(object, 'kind')]
    if (kindNamed(discover(client), String(version), String(kind)) !== undefined) continue
    const why = `no matches for kind "${String(kind)}" in version "${String(version)}"`
    const head = `The edited file had a syntax error: unable to recognize "edited-file": ${why}`
    return { reason: { head, other: [] } }
  }
  return { objects: objects as JsonObject[] }
}

/** Sends what became of an object. */
function change(
  { client, items, applied }: Editing,
  object: JsonObject,
  path: string,
  results: Results,
): void {
  const { flow, flags } = client
  const uid = (one: Json) => field(field(one, 'metadata'), 'uid') ?? ''
  const found = items.find((one) => uid(one.object) === uid(object))
  if (found === undefined) preserved(flow, path, 'no original object found')
  const before = withoutManaged(found!.object, flags) as JsonObject
  if (jsonEqual(before, object)) {
    printDone(client, found!.info, object, 'skipped')
    return
  }
  const status = applied ? annotate(client, object) : patch(client, found!, before, object, path)
  if (status === undefined) return
  const { info, name } = found!
  const resource = groupResource(info)
  if (status.reason === 'Invalid') {
    complain(flow, `error: ${resource} "${name}" is invalid\n`)
    const other = (status.details?.causes ?? []).map((cause) => `${cause.field}: ${cause.message}`)
    results.reasons.push({ head: `${resource} "${name}" was not valid`, other })
  } else if (status.reason === 'NotFound') {
    complain(flow, `error: ${resource} "${name}" could not be found on the server\n`)
    results.missing++
  } else {
    complain(flow, `error: ${resource} "${name}" could not be patched: ${status.message ?? ''}\n`)
    results.retryable++
  }
}

/** Notes what was edited as what was applied. */
function annotate(client: Client, object: JsonObject): Status | undefined {
  const all = discover(client)
  const info = kindNamed(all, String(object.apiVersion), String(object.kind))!
  const { name } = metaOf(object)
  const body = { metadata: { annotations: { [LAST_APPLIED]: `${compactJson(object)}\n` } } }
  const contentType = 'application/merge-patch+json'
  const query = [...writeQuery(client, 'kubectl-client-side-apply'), validation(client)]
  const reply = call(client, 'PATCH', pathOf(info, client.namespace, name), { body, contentType, query })
  if (!reply.ok) fault(statusText(reply.status))
  printDone(client, info, object, 'edited')
  return undefined
}

/** What no object can be read from is opened again, as an invalid one is. */
function unread({ flow }: Client, { info, name }: Found, error: string): Reason {
  const resource = groupResource(info)
  complain(flow, `error: ${resource} "${name}" is invalid\n`)
  const why = error === '' ? 'the object is no mapping' : error.replace(/^.*?(?=yaml: )/, '')
  const other = [`<nil>: Invalid value: "The edited file failed validation": ${why}`]
  return { head: `${resource} "${name}" was not valid`, other }
}

/** Sends what was changed. Undefined: done, or nothing to do; else the server's refusal. */
function patch(
  client: Client,
  { info, namespace, name }: Found,
  object: JsonObject,
  edited: JsonObject,
  path: string,
): Status | undefined {
  const identity = (one: Json) => [
    field(one, 'apiVersion') ?? null,
    field(one, 'kind') ?? null,
    field(field(one, 'metadata'), 'name') ?? null,
  ]
  if (!jsonEqual(identity(object), identity(edited))) {
    preserved(client.flow, path, 'At least one of apiVersion, kind and name was changed')
  }
  const body = threeWayPatch(info, object, edited, object)
  if (Object.keys(body).length === 0) {
    printDone(client, info, object, 'skipped')
    return undefined
  }
  const query = [...writeQuery(client, 'kubectl-edit'), validation(client)]
  const reply = call(client, 'PATCH', pathOf(info, namespace, name), { body, contentType: STRATEGIC, query })
  if (!reply.ok) return reply.status
  printDone(client, info, reply.body as Json, 'edited')
  return undefined
}

function headerOf(reasons: readonly Reason[], applied: boolean): string {
  const hashed = (text: string) => text.replaceAll('\n', '\n# ')
  const lines = reasons.map(({ head, other }) => {
    const more = other.map((one) => `# * ${hashed(one)}\n`).join('')
    return `# ${hashed(head)}${other.length > 0 ? ':' : ''}\n${more}#\n`
  })
  return (applied ? APPLIED_HEADER : HEADER) + lines.join('')
}

/** Writes the text to a new file and waits for the editor to end. */
function launch(
  flow: Flow,
  text: string,
  before: string | undefined,
  ext: string,
): { path: string; text: string } {
  const { ctx } = flow
  const path = once(flow, () => {
    const made = `/tmp/kubectl-edit-${nextBelow(ctx.world.rng, 2 ** 32 - 1)}.${ext}`
    writeFile(ctx, made, text)
    return made
  })
  const words = editorWords(environOf(ctx.proc), path)
  const shown = words.slice(0, -1).join(' ')
  const missing = !ctx.programs.has(words[0]!) || (words[0] === 'vi' && ctx.proc.tty === 0)
  if (missing) preserved(flow, before ?? '', `unable to launch the editor "${shown}"`)
  const pid = once(flow, () => spawnChild(ctx, words[0]!, words))
  if (pid === 0) preserved(flow, before ?? '', `there was a problem with the editor "${shown}"`)
  if (childEnd(flow) !== 0) preserved(flow, before ?? '', `there was a problem with the editor "${shown}"`)
  return { path, text: once(flow, () => readFile(ctx, path).text) }
}

/** Words with quotes or escapes are a shell's business; others are parted at spaces. */
function editorWords(env: ReadonlyMap<string, string>, path: string): string[] {
  const editor = [env.get('KUBE_EDITOR'), env.get('EDITOR')].find((one) => one !== undefined && one !== '')
  if (editor === undefined) return ['vi', path]
  if (/["'\\]/.test(editor)) return ['sh', '-c', `${editor} "${path}"`]
  return [...editor.split(' '), path]
}

function sameText(client: Client, a: string, b: string): boolean {
  const [one, other] = [client.flow.parts.readText(a), client.flow.parts.readText(b)]
  if (one.error === '' && other.error === '') return jsonEqual([...one.docs], [...other.docs])
  return withoutComments(a) === withoutComments(b)
}

function withoutComments(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
}

function removeTemp(flow: Flow, path: string): void {
  once(flow, () => removeFile(flow.ctx, path))
}

function cancelled(flow: Flow, path: string, words: string): number {
  removeTemp(flow, path)
  complain(flow, `${words}\n`)
  return 0
}

function preserved(flow: Flow, path: string, words: string): never {
  if (path !== '') complain(flow, `A copy of your changes has been stored to "${path}"\n`)
  return fault(`error: ${words}`)
}
