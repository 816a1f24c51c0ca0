/** `kubectl set`: image, env, resources, selector, serviceaccount. Models kubectl pkg/cmd/set (1.32). */
import { parseQuantity } from '../../../kube/api/quantity.ts'
import { strategicMerge } from '../../../kube/api/patch.ts'
import { definitionName } from '../../../kube/api/schema.ts'
import type { Json, JsonObject } from '../../../kube/types.ts'
import { field, isRecord, jsonEqual } from '../../../kube/types.ts'
import { CHANGE_FLAGS, ended, MERGE, patchFound, STRATEGIC } from './change.ts'
import { arr, obj, str } from './describe-text.ts'
import { parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { fault } from './flow.ts'
import { printDone } from './output.ts'
import type { Client } from './rest.ts'
import { call, dryRunOf, openClient, pathOf, writeQuery } from './rest.ts'
import type { Found } from './select.ts'
import { findObjects } from './select.ts'
import { setEnv } from './set-env.ts'

const VERBS: Readonly<Record<string, (flow: Flow, args: readonly string[]) => number>> = {
  env: setEnv,
  image: setImage,
  resources: setResources,
  sa: setServiceAccount,
  selector: setSelector,
  serviceaccount: setServiceAccount,
}

/** The command: its first word says what is set. */
export function set(flow: Flow, args: readonly string[]): number {
  const [what = ''] = args
  if (Object.hasOwn(VERBS, what)) return VERBS[what]!(flow, args.slice(1))
  if (what === 'subject') fault('error: kubectl set subject: not modelled in Kubehop')
  return fault(
    what === ''
      ? "error: must specify the field to set: image or env\nSee 'kubectl set -h' for help and examples"
      : `error: unknown command "${what}"\nSee 'kubectl set -h' for help and examples`,
  )
}

interface Template {
  readonly spec: JsonObject
  readonly wrap: (spec: JsonObject) => JsonObject
}

/** Where an object describes pods; nothing, and words in `problems`, where it does not. */
export function templateOf({ info, name, object }: Found, problems: string[]): Template | undefined {
  const inner = obj(object, 'spec')
  if (info.kind === 'Pod') return { spec: inner, wrap: (spec) => ({ spec }) }
  if (!isRecord(field(inner, 'template'))) {
    const type = `*${info.version}.${info.kind}`
    const words = 'the object is not a pod or does not have a pod template'
    problems.push(`${info.resource}/${name} ${words}: ${type}`)
    return undefined
  }
  return { spec: obj(obj(inner, 'template'), 'spec'), wrap: (spec) => ({ spec: { template: { spec } } }) }
}

/** Sends what changes an object's pods, unless it changes nothing. `what` is told where the server refuses it. */
export function patchTemplate(
  client: Client,
  found: Found,
  patch: JsonObject,
  what: string,
  done: string,
  problems: string[],
): void {
  const { info, namespace, name, object } = found
  const next = strategicMerge(object, patch, definitionName(info))
  if (jsonEqual(next, object)) return
  const dry = dryRunOf(client.flags)
  if (dry === 'client') {
    printDone(client, info, next, done, dry, true)
    return
  }
  const query = writeQuery(client, 'kubectl-set', dry)
  const path = pathOf(info, namespace, name)
  const reply = call(client, 'PATCH', path, { body: patch, contentType: STRATEGIC, query })
  if (reply.ok) printDone(client, info, reply.body as Json, done, dry, true)
  else problems.push(`failed to patch ${what}: ${reply.status.message ?? ''}`)
}

function setImage(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl set image', args, CHANGE_FLAGS)
  const client = openClient(flow, flags)
  const isPair = (word: string) => word.indexOf('=') > 0
  const words = flags.operands.filter((word) => !isPair(word))
  const images = flags.operands.filter(isPair).map((word) => {
    const at = word.indexOf('=')
    return { name: word.slice(0, at), image: word.slice(at + 1) }
  })
  const problems: string[] = []
  const all = findObjects(client, words, problems, { needNames: true })
  if (images.length === 0 && problems.length === 0) fault('error: at least one image update is required')
  for (const found of all) {
    const template = templateOf(found, problems)
    if (template === undefined) continue
    const { spec, wrap } = template
    const patch: Record<string, Json> = {}
    for (const key of ['initContainers', 'containers']) {
      const changed = images.flatMap(({ name, image }) =>
        arr(spec, key)
          .filter((one) => name === '*' || one.name === name)
          .map((one) => ({ name: str(one, 'name'), image })),
      )
      if (changed.length > 0) patch[key] = changed
    }
    const names = [...arr(spec, 'containers'), ...arr(spec, 'initContainers')].map((one) => one.name)
    const missing = images.filter(({ name }) => name !== '*' && !names.includes(name))
    for (const { name } of missing) problems.push(`unable to find container named "${name}"`)
    if (Object.keys(patch).length === 0) continue
    patchTemplate(client, found, wrap(patch), 'image update to pod template', 'image updated', problems)
  }
  return ended(problems)
}

const QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

function setResources(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl set resources', args, [
    ...CHANGE_FLAGS,
    'containers/c=',
    'limits=',
    'requests=',
  ])
  const client = openClient(flow, flags)
  const problems: string[] = []
  if (flags.operands.length === 0) findObjects(client, [], problems, { needNames: true })
  const amounts = (name: string) => amountsOf(textFlag(flags, name))
  const given = ['limits', 'requests'].some((name) => textFlag(flags, name) !== '')
  if (!given) {
    fault('error: you must specify an update to requests or limits (in the form of --requests/--limits)')
  }
  const only = textFlag(flags, 'containers', '*')
  const [limits, requests] = [amounts('limits'), amounts('requests')]
  for (const found of findObjects(client, flags.operands, problems, { needNames: true })) {
    const template = templateOf(found, problems)
    if (template === undefined) continue
    const { spec, wrap } = template
    const named = arr(spec, 'containers').filter((one) => only === '*' || one.name === only)
    if (named.length === 0) {
      problems.push(`unable to find container named ${only}`)
      continue
    }
    const containers = named.map((one) => ({
      name: str(one, 'name'),
      resources: { ...(limits && { limits }), ...(requests && { requests }) },
    }))
    const what = 'resources update to pod template'
    patchTemplate(client, found, wrap({ containers }), what, 'resource requirements updated', problems)
  }
  return ended(problems)
}

/** `cpu=200m,memory=64Mi` as an object; undefined for no text. */
function amountsOf(text: string): JsonObject | undefined {
  if (text === '') return undefined
  return Object.fromEntries(
    text.split(',').map((one): [string, Json] => {
      const [name = '', value] = one.split('=')
      if (value === undefined) fault(`error: Invalid argument syntax ${one}, expected <resource>=<value>`)
      if (parseQuantity(value!) === undefined) fault(`error: ${QUANTITY}`)
      return [name, value!]
    }),
  )
}

function setSelector(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl set selector', args, [...CHANGE_FLAGS, 'resource-version='])
  const client = openClient(flow, flags)
  const text = flags.operands.at(-1)
  if (text === undefined) fault('error: one selector is required')
  const words = flags.operands.slice(0, -1)
  const problems: string[] = []
  for (const found of findObjects(client, words, problems, { needNames: true })) {
    const selector = Object.fromEntries(
      text!.split(',').map((one): [string, string] => {
        const [key = '', value] = one.split('=')
        if (value === undefined)
          fault(`error: match expression [{${key} Exists []}] not supported on this object`)
        return [key, value!]
      }),
    )
    if (found.info.kind !== 'Service') {
      problems.push('setting a selector is only supported for Services')
      continue
    }
    const gone = Object.keys(obj(obj(found.object, 'spec'), 'selector')).filter((key) => !(key in selector))
    const change = { ...selector, ...Object.fromEntries(gone.map((key) => [key, null])) }
    patchFound(
      client,
      found,
      { spec: { selector: change } },
      'kubectl-set',
      'selector updated',
      problems,
      MERGE,
    )
  }
  return ended(problems)
}

function setServiceAccount(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl set serviceaccount', args, CHANGE_FLAGS)
  const client = openClient(flow, flags)
  const words = flags.operands.slice(0, -1)
  const name = flags.operands.at(-1)
  if (name === undefined) fault('error: serviceaccount is required')
  const problems: string[] = []
  for (const found of findObjects(client, words, problems, { needNames: true })) {
    const template = templateOf(found, problems)
    if (template === undefined) continue
    const patch = template.wrap({ serviceAccountName: name! })
    patchTemplate(client, found, patch, 'ServiceAccountName', 'serviceaccount updated', problems)
  }
  return ended(problems)
}
