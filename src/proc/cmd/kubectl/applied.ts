/** What was applied last, as a note in the object: looked at, set, added. Models kubectl pkg/cmd/apply (1.32). */
import type { Json, JsonObject } from '../../../kube/types.ts'
import { field, isRecord, withField } from '../../../kube/types.ts'
import { obj } from './describe-text.ts'
import { boolFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { fault, print } from './flow.ts'
import { OUTPUT_FLAGS, printDone } from './output.ts'
import type { Client } from './rest.ts'
import { call, dryRunOf, failStatus, openClient, pathOf, writeQuery } from './rest.ts'
import {
  failProblems,
  FILE_FLAGS,
  fileItems,
  findObjects,
  hasFiles,
  lazyDiscovery,
  NO_RESOURCES,
} from './select.ts'
import { compactJson, toJson, toYaml } from './yaml.ts'

export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/** `kubectl apply view-last-applied` */
export function viewLastApplied(flow: Flow, args: readonly string[]): number {
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

/** `kubectl apply set-last-applied` */
export function setLastApplied(flow: Flow, args: readonly string[]): number {
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
  if (!hasFiles(client)) fault(NO_RESOURCES)
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
