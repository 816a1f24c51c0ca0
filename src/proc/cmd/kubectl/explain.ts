/** `kubectl explain`. Models kubectl pkg/explain/v2 (1.32): the plaintext template over OpenAPI v3. */
import type { Json, JsonObject } from '../../../kube/types.ts'
import { apiVersionOf, field, isRecord } from '../../../kube/types.ts'
import { obj, str } from './describe-text.ts'
import { boolFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { fault, print } from './flow.ts'
import { call, discover, must, openClient, resourceNamed } from './rest.ts'

const NO_TYPE =
  'error: You must specify the type of resource to explain. Use "kubectl api-resources" for a complete list of supported resources.'
const WIDTH = 76

export function explain(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl explain', args, ['recursive', 'api-version=', 'output='])
  const client = openClient(flow, flags)
  const [word] = flags.operands
  if (word === undefined) fault(NO_TYPE)
  if (flags.operands.length > 1) fault('error: We accept only this format: explain RESOURCE')
  const [type = '', ...path] = word!.split('.')
  const info = resourceNamed(discover(client), type)
  if (info === undefined) fault(`the server doesn't have a resource type "${type}"`)
  const root = info!.group === '' ? `api/${info!.version}` : `apis/${info!.group}/${info!.version}`
  const index = must<JsonObject>(call(client, 'GET', '/openapi/v3'))
  const entry = obj(obj(index, 'paths'), root)
  if (textFlag(flags, 'api-version') !== '' && textFlag(flags, 'api-version') !== apiVersionOf(info!)) {
    const version = textFlag(flags, 'api-version')
    const shown = version.includes('/') ? version : `/${version}`
    fault(`error: couldn't find resource for "${shown}, Resource=${info!.resource}"`)
  }
  const address = str(entry, 'serverRelativeURL') || `/openapi/v3/${root}`
  const [at = '', query = ''] = address.split('?')
  const pairs = query === '' ? [] : [query.split('=') as [string, string]]
  const document = must<JsonObject>(call(client, 'GET', at, { query: pairs }))
  const schemas = obj(obj(document, 'components'), 'schemas')
  const top = Object.values(schemas).find((one) => {
    const kinds = field(one, 'x-kubernetes-group-version-kind')
    return (
      Array.isArray(kinds) &&
      kinds.some(
        (kind) => str(kind as Json, 'kind') === info!.kind && str(kind as Json, 'group') === info!.group,
      )
    )
  })
  if (top === undefined) fault(`error: couldn't find resource for "${root}, Kind=${info!.kind}"`)
  const group = info!.group === '' ? '' : `GROUP:      ${info!.group}\n`
  print(flow, `${group}KIND:       ${info!.kind}\nVERSION:    ${info!.version}\n\n`)
  print(flow, explained(schemas, top as JsonObject, path, boolFlag(flags, 'recursive')))
  return 0
}

/** A schema without its reference, array or map around it. */
function inner(schemas: JsonObject, schema: JsonObject): JsonObject {
  let at = schema
  for (let i = 0; i < 10; i++) {
    const ref = refOf(at)
    if (ref !== '') at = obj(schemas, ref)
    else if (at.items !== undefined) at = obj(at, 'items')
    else if (isRecord(at.additionalProperties)) at = obj(at, 'additionalProperties')
    else return at
  }
  return at
}

function refOf(schema: JsonObject): string {
  const [only] = Array.isArray(schema.allOf) ? (schema.allOf as JsonObject[]) : []
  const ref = str(schema, '$ref') || str(only, '$ref')
  return ref.slice(ref.lastIndexOf('/') + 1)
}

function explained(
  schemas: JsonObject,
  top: JsonObject,
  path: readonly string[],
  recursive: boolean,
): string {
  let at = top
  let outer = top
  for (const name of path) {
    const next = field(obj(inner(schemas, at), 'properties'), name)
    if (!isRecord(next)) return fault(`error: field "${name}" does not exist`)
    outer = next
    at = next
  }
  const target = inner(schemas, at)
  let text = ''
  if (path.length > 0) text += `FIELD: ${path.at(-1)} <${typeName(schemas, outer)}>\n${enumText(outer, 0)}\n`
  else text += ''
  text += `\nDESCRIPTION:\n`.replace(/^\n/, path.length > 0 ? '\n' : '')
  const words = [str(outer, 'description'), ...(target === outer ? [] : [str(target, 'description')])].filter(
    (one) => one !== '',
  )
  text += words.length === 0 ? '    <empty>\n' : words.map((one) => wrapped(one, 4)).join('')
  text += '    \n'
  const properties = obj(target, 'properties')
  if (Object.keys(properties).length === 0) return `${text}\n`
  return `${text}FIELDS:\n${fieldsText(schemas, target, recursive, 1)}\n`
}

function fieldsText(
  schemas: JsonObject,
  schema: JsonObject,
  recursive: boolean,
  level: number,
  seen: readonly JsonObject[] = [],
): string {
  const properties = obj(schema, 'properties')
  const required = Array.isArray(schema.required) ? schema.required.map(String) : []
  const pad = '  '.repeat(level)
  let text = ''
  for (const name of Object.keys(properties).sort()) {
    const one = properties[name] as JsonObject
    text += `${pad}${name}\t<${typeName(schemas, one)}>${required.includes(name) ? ' -required-' : ''}\n${enumText(one, level)}`
    const child = inner(schemas, one)
    if (recursive) {
      if (!seen.includes(child)) text += fieldsText(schemas, child, true, level + 1, [...seen, child])
      continue
    }
    const own = str(one, 'description')
    text += `${own === '' ? `${pad}  <no description>\n` : wrapped(own, 4)}\n`
  }
  return text
}

function enumText(schema: JsonObject, level: number): string {
  if (!Array.isArray(schema.enum)) return ''
  return `${'  '.repeat(level)}enum: ${schema.enum.map(String).join(', ')}\n`
}

/** `[]ServicePort`, `map[string]string`, `integer` */
function typeName(schemas: JsonObject, schema: JsonObject): string {
  const ref = refOf(schema)
  if (ref !== '') {
    const target = obj(schemas, ref)
    const plain =
      target.properties === undefined && str(target, 'type') !== '' && str(target, 'type') !== 'object'
    return plain ? str(target, 'type') : ref.slice(ref.lastIndexOf('.') + 1)
  }
  if (str(schema, 'type') === 'array') return `[]${typeName(schemas, obj(schema, 'items'))}`
  if (isRecord(schema.additionalProperties))
    return `map[string]${typeName(schemas, obj(schema, 'additionalProperties'))}`
  if (Array.isArray(schema.oneOf) && str(schema, 'type') === '')
    return str(schema, 'format') === 'int-or-string' ? 'IntOrString' : 'Quantity'
  const plain = str(schema, 'type')
  return plain === 'object' || plain === '' ? 'Object' : plain
}

/** Paragraphs as the template wraps them: at words, behind an indentation. */
function wrapped(text: string, indent: number): string {
  const pad = ' '.repeat(indent)
  return text
    .split('\n')
    .flatMap((paragraph) => wrapLine(paragraph))
    .map((one) => `${pad}${one.replace(/ +$/, '')}\n`)
    .join('')
}

function wrapLine(text: string): string[] {
  if (text.length <= WIDTH) return [text]
  const lines: string[] = []
  let current = ''
  for (const word of text.split(' ')) {
    if (current !== '' && current.length + 1 + word.length > WIDTH) {
      lines.push(current)
      current = word
    } else current = current === '' ? word : `${current} ${word}`
  }
  return [...lines, current]
}
