/** `kubectl set env`. Models kubectl pkg/cmd/set/set_env.go (1.32). */
import { decodeUtf8 } from '../../../base/utf8.ts'
import { decodeBase64 } from '../../../kube/api/base64.ts'
import type { JsonObject } from '../../../kube/types.ts'
import { field } from '../../../kube/types.ts'
import { CHANGE_FLAGS, ended } from './change.ts'
import { arr, obj, str } from './describe-text.ts'
import { boolFlag, listFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { complain, fault, print } from './flow.ts'
import type { Client } from './rest.ts'
import { call, metaOf, openClient } from './rest.ts'
import type { Found } from './select.ts'
import { findObjects } from './select.ts'
import { patchTemplate, templateOf } from './set.ts'

const KEY_WORDS =
  "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')"
const ONE_RESOURCE =
  'error: one or more resources must be specified as <resource> <name> or <resource>/<name>'

export function setEnv(flow: Flow, args: readonly string[]): number {
  const more = ['containers/c=', 'env/e=*', 'from=', 'keys=*', 'list', 'overwrite', 'prefix=', 'resolve']
  const flags = parseFlags('kubectl set env', args, [...CHANGE_FLAGS, ...more])
  const client = openClient(flow, flags)
  const isEnv = (word: string) =>
    word === '-' || word.includes('=') || (word.endsWith('-') && word.length > 1)
  const first = flags.operands.findIndex(isEnv)
  const words = first < 0 ? flags.operands : flags.operands.slice(0, first)
  const changes = [...(first < 0 ? [] : flags.operands.slice(first)), ...listFlag(flags, 'env')]
  const stray = changes.find((word) => !isEnv(word))
  if (stray !== undefined) {
    fault(`error: all resources must be specified before environment changes: ${stray}`)
  }
  if (words.length === 0 && listFlag(flags, 'filename').length === 0) fault(ONE_RESOURCE)
  const from = textFlag(flags, 'from')
  const sourced = from === '' ? [] : envFrom(client, from)
  const entries = [...sourced, ...changes.map(entryOf)]
  const both = entries.find(
    (one) => '$patch' in one && entries.some((other) => other.name === one.name && !('$patch' in other)),
  )
  if (both !== undefined) {
    fault('error: can not both modify and remove the same environment variable in the same command')
  }
  const problems: string[] = []
  const only = textFlag(flags, 'containers', '*')
  for (const found of findObjects(client, words, problems, { needNames: true })) {
    const template = templateOf(found, problems)
    if (template === undefined) continue
    const chosen = (key: string) => arr(template.spec, key).filter((one) => matches(only, str(one, 'name')))
    const [inits, own] = [chosen('initContainers'), chosen('containers')]
    if (inits.length + own.length === 0) {
      complain(
        flow,
        `Warning: ${found.info.kind}/${found.name} does not have any containers matching "${only}"\n`,
      )
      continue
    }
    if (boolFlag(flags, 'list')) {
      listEnv(client, found, [...own, ...inits])
      continue
    }
    const changed = (list: readonly JsonObject[]) =>
      list.map((one) => ({ name: str(one, 'name'), env: entries }))
    const patch = {
      ...(inits.length > 0 && { initContainers: changed(inits) }),
      ...(own.length > 0 && { containers: changed(own) }),
    }
    if (entries.length === 0) continue
    patchTemplate(client, found, template.wrap(patch), 'env update to pod template', 'env updated', problems)
  }
  return ended(problems)
}

/** `*` stands for anything. */
function matches(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((one) => one.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(name)
}

function entryOf(word: string): JsonObject {
  const at = word.indexOf('=')
  if (at < 0) return { name: word.slice(0, -1), $patch: 'delete' }
  const name = word.slice(0, at)
  if (!/^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(name))
    fault(`error: "${name}" is not a valid key name: ${KEY_WORDS}`)
  return { name, value: word.slice(at + 1) }
}

/** What --from names, key by key. */
function envFrom(client: Client, from: string): JsonObject[] {
  const { flow, flags } = client
  const problems: string[] = []
  const plain: Client = { ...client, flags: { ...flags, values: new Map() } }
  const keys = listFlag(flags, 'keys').flatMap((one) => one.split(','))
  const prefix = textFlag(flags, 'prefix')
  const entries = findObjects(plain, [from], problems, { needNames: true }).flatMap(
    ({ info, name, object }) => {
      const ref = info.kind === 'ConfigMap' ? 'configMapKeyRef' : info.kind === 'Secret' ? 'secretKeyRef' : ''
      if (ref === '') return fault(`error: unsupported resource specified in --from`)
      return Object.keys(obj(object, 'data'))
        .filter((key) => keys.length === 0 || keys.includes(key))
        .sort()
        .map((key): JsonObject => {
          const shown = key.replace(/[^a-zA-Z0-9_]/g, '_').toUpperCase()
          if (shown !== key) complain(flow, `Warning: key ${key} transferred to ${shown}\n`)
          return { name: `${prefix}${shown}`, valueFrom: { [ref]: { key, name } } }
        })
    },
  )
  if (problems.length > 0) ended(problems)
  return entries
}

function listEnv(client: Client, found: Found, containers: readonly JsonObject[]): void {
  const { flow, flags } = client
  const wrong: string[] = []
  for (const one of containers) {
    print(flow, `# ${found.info.kind} ${found.name}, container ${str(one, 'name')}\n`)
    for (const env of arr(one, 'env')) {
      const resolved = boolFlag(flags, 'resolve') ? resolve(client, found, env) : undefined
      if (resolved !== undefined && 'value' in resolved) {
        print(flow, `${str(env, 'name')}=${resolved.value}\n`)
        continue
      }
      print(flow, envText(env))
      if (resolved !== undefined)
        wrong.push(`error retrieving reference for ${str(env, 'name')}: ${resolved.error}\n`)
    }
  }
  for (const text of wrong) complain(flow, text)
}

/** The value that a reference leads to; undefined for what stands there by itself. */
function resolve(
  client: Client,
  found: Found,
  env: JsonObject,
): { value: string } | { error: string } | undefined {
  const from = obj(env, 'valueFrom')
  for (const [ref, resource] of [
    ['secretKeyRef', 'secrets'],
    ['configMapKeyRef', 'configmaps'],
  ] as const) {
    if (from[ref] === undefined) continue
    const [name, key] = [str(obj(from, ref), 'name'), str(obj(from, ref), 'key')]
    const reply = call(client, 'GET', `/api/v1/namespaces/${found.namespace}/${resource}/${name}`)
    if (!reply.ok) return { error: reply.status.message ?? '' }
    const value = field(obj(reply.body as JsonObject, 'data'), key)
    if (typeof value !== 'string') {
      return { error: `key ${key} not found in ${resource === 'secrets' ? 'secret' : 'config map'} ${name}` }
    }
    const bytes = resource === 'secrets' ? decodeBase64(value) : undefined
    return { value: bytes === undefined ? value : decodeUtf8([], Uint8Array.from(bytes)).text }
  }
  const path = str(obj(from, 'fieldRef'), 'fieldPath')
  if (from.fieldRef === undefined) return undefined
  const meta = metaOf(found.object)
  if (path === 'metadata.name') return { value: meta.name }
  if (path === 'metadata.namespace') return { value: meta.namespace }
  return { error: `unsupported fieldPath: ${path}` }
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
