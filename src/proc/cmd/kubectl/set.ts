/** `kubectl set`: image, env, resources, selector, serviceaccount. Models kubectl pkg/cmd/set (1.32). */
import type { Json, JsonObject } from '../../../kube/types.ts'
import { CHANGE_FLAGS, ended, MERGE, patchFound } from './change.ts'
import { arr, obj, str } from './describe-text.ts'
import { boolFlag, listFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { fault, print } from './flow.ts'
import { openClient } from './rest.ts'
import type { Found } from './select.ts'
import { findObjects, hasFiles } from './select.ts'

const NO_RESOURCE = 'error: one or more resources must be specified as <resource> <name> or <resource>/<name>'

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
      : `error: unknown command "${what}" for "kubectl set"`,
  )
}

function templateOf({ info, object }: Found): { spec: JsonObject; wrap: (spec: JsonObject) => JsonObject } {
  const inner = obj(object, 'spec')
  if (info.kind === 'Pod') return { spec: inner, wrap: (spec) => ({ spec }) }
  return { spec: obj(obj(inner, 'template'), 'spec'), wrap: (spec) => ({ spec: { template: { spec } } }) }
}

function setImage(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl set image', args, CHANGE_FLAGS)
  const client = openClient(flow, flags)
  const words = flags.operands.filter((word) => !word.includes('='))
  const images = flags.operands.filter((word) => word.includes('=')).map((word) => word.split('='))
  if (words.length === 0 && !hasFiles(client)) fault(NO_RESOURCE)
  if (images.length === 0) fault('error: at least one image update is required')
  const problems: string[] = []
  for (const found of findObjects(client, words, problems, { needNames: true })) {
    const { spec, wrap } = templateOf(found)
    const patch: Record<string, Json> = {}
    for (const key of ['initContainers', 'containers']) {
      const list = arr(spec, key)
      const changed = images.flatMap(([name, image = '']) =>
        list
          .filter((one) => (name === '*' || one.name === name) && one.image !== image)
          .map((one) => ({ name: str(one, 'name'), image })),
      )
      if (changed.length > 0) patch[key] = changed
    }
    const all = [...arr(spec, 'containers'), ...arr(spec, 'initContainers')].map((one) => one.name)
    const missing = images.filter(([name]) => name !== '*' && !all.includes(name!))
    for (const [name] of missing) problems.push(`unable to find container named "${name}"`)
    if (missing.length > 0 || Object.keys(patch).length === 0) continue
    patchFound(client, found, wrap(patch), 'kubectl-set', 'image updated', problems)
  }
  return ended(problems)
}

function setEnv(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl set env', args, [
    ...CHANGE_FLAGS,
    'containers/c=',
    'env/e=*',
    'from=',
    'keys=',
    'list',
    'overwrite',
    'prefix=',
    'resolve',
  ])
  const client = openClient(flow, flags)
  if (textFlag(flags, 'from') !== '') fault('error: kubectl set env --from: not modelled in Kubehop')
  const isEnv = (word: string) =>
    word.includes('=') || (word.endsWith('-') && /^[A-Za-z_][A-Za-z0-9_.]*-$/.test(word))
  const changes = [...flags.operands.slice(1).filter(isEnv), ...listFlag(flags, 'env')]
  const words = flags.operands.filter((word, i) => i === 0 || !isEnv(word))
  if (words.length === 0 && !hasFiles(client)) fault(NO_RESOURCE)
  const problems: string[] = []
  for (const found of findObjects(client, words, problems, { needNames: true })) {
    const { spec, wrap } = templateOf(found)
    const only = textFlag(flags, 'containers', '*')
    const containers = arr(spec, 'containers').filter((one) => only === '*' || one.name === only)
    if (boolFlag(flags, 'list')) {
      for (const one of containers) {
        print(flow, `# ${found.info.kind} ${found.name}, container ${str(one, 'name')}\n`)
        print(flow, arr(one, 'env').map(envText).join(''))
      }
      continue
    }
    const patch = containers.map((one) => ({
      name: str(one, 'name'),
      env: changes.map((word): Json => {
        if (!word.includes('=')) return { name: word.slice(0, -1), $patch: 'delete' }
        return { name: word.split('=')[0]!, value: word.split('=').slice(1).join('=') }
      }),
    }))
    patchFound(client, found, wrap({ containers: patch }), 'kubectl-set', 'env updated', problems)
  }
  return ended(problems)
}

/** A variable as --list prints it: where its value comes from is a remark. */
function envText(env: JsonObject): string {
  const from = obj(env, 'valueFrom')
  const name = str(env, 'name')
  const source = (key: string) => obj(from, key)
  if (from.fieldRef !== undefined)
    return `# ${name} from field path ${str(source('fieldRef'), 'fieldPath')}\n`
  for (const [key, words] of [
    ['secretKeyRef', 'secret'],
    ['configMapKeyRef', 'configmap'],
  ] as const) {
    if (from[key] === undefined) continue
    return `# ${name} from ${words} ${str(source(key), 'name')}, key ${str(source(key), 'key')}\n`
  }
  if (from.resourceFieldRef !== undefined) {
    const ref = source('resourceFieldRef')
    const where = str(ref, 'containerName')
    return `# ${name} from resource ${where === '' ? '' : `${where}/`}${str(ref, 'resource')}\n`
  }
  return `${name}=${str(env, 'value')}\n`
}

function setResources(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl set resources', args, [
    ...CHANGE_FLAGS,
    'containers/c=',
    'limits=',
    'requests=',
  ])
  const client = openClient(flow, flags)
  if (flags.operands.length === 0 && !hasFiles(client)) fault(NO_RESOURCE)
  const amounts = (name: string) => amountsOf(textFlag(flags, name))
  const [limits, requests] = [amounts('limits'), amounts('requests')]
  if (limits === undefined && requests === undefined) {
    fault('error: you must specify an update to requests or limits (in the form of --requests/--limits)')
  }
  const only = textFlag(flags, 'containers', '*')
  const problems: string[] = []
  for (const found of findObjects(client, flags.operands, problems, { needNames: true })) {
    const { spec, wrap } = templateOf(found)
    const named = arr(spec, 'containers').filter((one) => only === '*' || one.name === only)
    if (named.length === 0) {
      problems.push(`unable to find container named ${only}`)
      continue
    }
    const containers = named.map((one) => ({
      name: str(one, 'name'),
      resources: { ...(limits && { limits }), ...(requests && { requests }) },
    }))
    patchFound(client, found, wrap({ containers }), 'kubectl-set', 'resource requirements updated', problems)
  }
  return ended(problems)
}

/** `cpu=200m,memory=64Mi` as an object; undefined for no text. */
function amountsOf(text: string): JsonObject | undefined {
  if (text === '') return undefined
  return Object.fromEntries(
    text.split(',').map((one): [string, Json] => {
      const [name = '', value] = one.split('=')
      if (value === undefined) fault(`error: invalid argument syntax ${one}, expected <resource>=<value>`)
      return [name, value!]
    }),
  )
}

function setSelector(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl set selector', args, [...CHANGE_FLAGS, 'resource-version='])
  const client = openClient(flow, flags)
  const text = flags.operands.at(-1) ?? ''
  const words = flags.operands.slice(0, -1)
  if (words.length === 0 && !hasFiles(client)) fault(NO_RESOURCE)
  const selector = amountsOf(text) ?? {}
  const problems: string[] = []
  for (const found of findObjects(client, words, problems, { needNames: true })) {
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
  if (words.length === 0 && !hasFiles(client)) fault(NO_RESOURCE)
  const problems: string[] = []
  for (const found of findObjects(client, words, problems, { needNames: true })) {
    const spec = { serviceAccountName: name! }
    patchFound(client, found, templateOf(found).wrap(spec), 'kubectl-set', 'serviceaccount updated', problems)
  }
  return ended(problems)
}
