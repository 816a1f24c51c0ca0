/**
 * `kubectl edit`: the object as YAML in an editor, again with the reasons where it was refused, then a patch of what was
 * changed. Models kubectl pkg/cmd/util/editor (1.32): $KUBE_EDITOR, $EDITOR, else vi. Not here: several objects at
 * once, --output-patch, --save-config, --subresource.
 */
import { environOf } from '../../../run/env.ts'
import { nextBelow } from '../../../base/rng.ts'
import type { Json, JsonObject, Status } from '../../../kube/types.ts'
import { field, isRecord, jsonEqual } from '../../../kube/types.ts'
import { readFile, removeFile, writeFile } from '../../../run/files.ts'
import { spawnChild } from '../../../run/process.ts'
import { validation } from './apply.ts'
import { STRATEGIC } from './change.ts'
import { WRITE_FLAGS } from './create.ts'
import { hasFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { childEnd, complain, fault, once } from './flow.ts'
import { threeWayPatch } from './merge.ts'
import { printDone, withoutManaged } from './output.ts'
import type { Client } from './rest.ts'
import { call, discover, groupResource, kindNamed, openClient, pathOf, writeQuery } from './rest.ts'
import type { Found } from './select.ts'
import { failProblems, FILE_FLAGS, findObjects } from './select.ts'
import { toYaml } from './yaml.ts'

const HEADER = `# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
`
/** An editor that saves the same mistakes for ever ends here. */
const ROUNDS = 100

interface Reason {
  readonly head: string
  readonly other: readonly string[]
}

export function edit(flow: Flow, args: readonly string[]): number {
  const more = ['output-patch', 'windows-line-endings', 'subresource=', 'save-config', 'validate=?strict']
  const flags = parseFlags('kubectl edit', args, [...WRITE_FLAGS, ...FILE_FLAGS, ...more])
  for (const one of ['output-patch', 'save-config', 'subresource']) {
    if (hasFlag(flags, one)) fault(`error: kubectl edit --${one}: not modelled in Kubehop`)
  }
  const output = textFlag(flags, 'output')
  if (output !== '' && output !== 'json' && output !== 'yaml') {
    const words = `unable to match a printer suitable for the output format "${output}"`
    fault(`error: ${words}, allowed formats are: json,yaml`)
  }
  const client = openClient(flow, flags)
  const problems: string[] = []
  const found = findObjects(client, flags.operands, problems)
  if (problems.length > 0) failProblems(problems)
  const [first] = found
  if (found.length > 1) fault('error: kubectl edit of several objects at once: not modelled in Kubehop')
  if (first === undefined) {
    complain(flow, 'Edit cancelled, no objects found.\n')
    return fault('', 1)
  }
  return editOne(client, first)
}

function editOne(client: Client, found: Found): number {
  const { flow, flags } = client
  const object = withoutManaged(found.object, flags) as JsonObject
  const original = toYaml(object)
  let reasons: Reason[] = []
  let kept: { path: string; text: string } | undefined
  for (let round = 0; round < ROUNDS; round++) {
    const opened = headerOf(reasons) + (kept === undefined ? original : withoutComments(kept.text))
    const { path, text } = launch(flow, opened, kept?.path)
    if (kept !== undefined) {
      if (sameText(client, kept.text, text)) {
        return preserved(flow, path, 'Edit cancelled, no valid changes were saved.')
      }
      removeTemp(flow, kept.path)
    }
    if (sameText(client, original, text)) return cancelled(flow, path, 'Edit cancelled, no changes made.')
    kept = { path, text }
    const { docs, error } = flow.parts.readText(withoutComments(text))
    const [edited] = docs
    if (error !== '' || !isRecord(edited)) {
      reasons = [unread(client, found, error)]
      continue
    }
    const [version, kind] = [field(edited, 'apiVersion'), field(edited, 'kind')]
    if (kindNamed(discover(client), String(version), String(kind)) === undefined) {
      const why = `no matches for kind "${String(kind)}" in version "${String(version)}"`
      reasons = [
        { head: `The edited file had a syntax error: unable to recognize "edited-file": ${why}`, other: [] },
      ]
      continue
    }
    const status = patch(client, found, object, edited, path)
    if (status === undefined) {
      removeTemp(flow, path)
      return 0
    }
    reasons = [invalid(client, found, status, path)]
  }
  return preserved(flow, kept!.path, 'Edit cancelled, no valid changes were saved.')
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

/** An invalid object is opened again with the reason; what else the server refuses ends the command. */
function invalid({ flow }: Client, { info, name }: Found, status: Status, path: string): Reason {
  const resource = groupResource(info)
  if (status.reason === 'Invalid') {
    complain(flow, `error: ${resource} "${name}" is invalid\n`)
    const other = (status.details?.causes ?? []).map((cause) => `${cause.field}: ${cause.message}`)
    return { head: `${resource} "${name}" was not valid`, other }
  }
  if (status.reason === 'NotFound') {
    complain(flow, `error: ${resource} "${name}" could not be found on the server\n`)
    complain(flow, `The edits you made on deleted resources have been saved to "${path}"\n`)
  } else {
    complain(flow, `error: ${resource} "${name}" could not be patched: ${status.message ?? ''}\n`)
    complain(flow, `You can run \`kubectl replace -f ${path}\` to try this update again.\n`)
  }
  return fault('', 1)
}

function headerOf(reasons: readonly Reason[]): string {
  const hashed = (text: string) => text.replaceAll('\n', '\n# ')
  const lines = reasons.map(({ head, other }) => {
    const more = other.map((one) => `# * ${hashed(one)}\n`).join('')
    return `# ${hashed(head)}${other.length > 0 ? ':' : ''}\n${more}#\n`
  })
  return HEADER + lines.join('')
}

/** Writes the text to a new file and waits for the editor to end. */
function launch(flow: Flow, text: string, before: string | undefined): { path: string; text: string } {
  const { ctx } = flow
  const path = once(flow, () => {
    const made = `/tmp/kubectl-edit-${nextBelow(ctx.world.rng, 2 ** 32 - 1)}.yaml`
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
