/** Which objects a command is about: files, TYPE NAME, TYPE/NAME, selectors. Models cli-runtime pkg/resource (1.32). */
import type { Json, JsonObject, ResourceInfo, Status } from '../../../kube/types.ts'
import { field, isRecord, withField } from '../../../kube/types.ts'
import { listDir, readFile, statFile } from '../../../run/files.ts'
import { boolFlag, listFlag, textFlag } from './flags.ts'
import { fault, once, standardInput } from './flow.ts'
import { kustomized } from './kustomize.ts'
import type { Client, Reply } from './rest.ts'
import { call, discover, kindNamed, needResource, pathOf, statusText } from './rest.ts'
import { compactJson } from './yaml.ts'

export const FILE_FLAGS = ['filename/f=*', 'recursive/R', 'kustomize/k=']
export const SELECT_FLAGS = ['selector/l=', 'field-selector=', 'all', 'all-namespaces/A', 'chunk-size=#']
/** Of commands that look at objects. */
export const LOOK_FLAGS = SELECT_FLAGS.filter((one) => one !== 'all')

/** An object as a file gives it. */
export interface FileItem {
  readonly info: ResourceInfo
  readonly namespace: string
  readonly name: string
  readonly object: JsonObject
  /** STDIN or a path */
  readonly source: string
}

/** What was asked for by words: all of a type, or one object. */
export interface Asked {
  readonly info: ResourceInfo
  /** '' for all of them */
  readonly name: string
}

export const NO_RESOURCES = `error: You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'`

export function hasFiles(client: Client): boolean {
  const built = textFlag(client.flags, 'kustomize') !== ''
  const files = listFlag(client.flags, 'filename').length > 0
  if (built && files) fault('error: only one of -f or -k can be specified')
  return built || files
}

/** The texts that -f names. */
export function readSources(client: Client): { source: string; text: string }[] {
  const { flow, flags } = client
  const folder = textFlag(flags, 'kustomize')
  if (folder !== '') return [{ source: folder, text: kustomized(flow, folder) }]
  const paths = listFlag(flags, 'filename').flatMap((one) => one.split(','))
  return paths.flatMap((path) => {
    if (path === '-') return [{ source: 'STDIN', text: standardInput(flow) }]
    if (/^https?:\/\//.test(path)) fault(`error: -f ${path}: URLs are not modelled in Kubehop`)
    return once(flow, () => readPath(client, path, boolFlag(flags, 'recursive')))
  })
}

function readPath(client: Client, path: string, deep: boolean): { source: string; text: string }[] {
  const { ctx } = client.flow
  const stat = statFile(ctx, path)
  if (stat === undefined) fault(`error: the path "${path}" does not exist`)
  const names = listDir(ctx, path)
  if (names === undefined) return [{ source: path, text: readFile(ctx, path).text }]
  return names.flatMap((name) => {
    const inner = `${path.replace(/\/$/, '')}/${name}`
    if (listDir(ctx, inner) !== undefined) return deep ? readPath(client, inner, true) : []
    return /\.(json|yaml|yml)$/.test(name) ? [{ source: inner, text: readFile(ctx, inner).text }] : []
  })
}

/** The objects of the files. `validated`: apiVersion and kind are asked for as the validation says it. */
export function fileItems(
  client: Client,
  all: () => readonly ResourceInfo[],
  problems: string[] = [],
): FileItem[] {
  const items: FileItem[] = []
  for (const { source, text } of readSources(client)) {
    const read = client.flow.parts.readText(text)
    if (read.error !== '') fault(`error: error parsing ${source}: ${read.error}`)
    for (const doc of read.docs) {
      const problem = addDocument(client, all, items, source, doc)
      if (problem !== '') problems.push(problem)
    }
  }
  return items
}

function addDocument(
  client: Client,
  all: () => readonly ResourceInfo[],
  items: FileItem[],
  source: string,
  doc: Json,
): string {
  if (doc === null) return ''
  if (!isRecord(doc)) {
    return `error parsing ${source}: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${Array.isArray(doc) ? 'array' : typeof doc} into Go value of type map[string]interface {}`
  }
  const [apiVersion, kind] = [field(doc, 'apiVersion'), field(doc, 'kind')]
  const missing = [
    ...(typeof apiVersion !== 'string' || apiVersion === '' ? ['apiVersion not set'] : []),
    ...(typeof kind !== 'string' || kind === '' ? ['kind not set'] : []),
  ]
  if (missing.length > 0) return missingText(client, source, doc, missing)
  const inner = field(doc, 'items')
  if (String(kind).endsWith('List') && Array.isArray(inner)) {
    for (const one of inner as Json[]) {
      const problem = addDocument(client, all, items, source, one)
      if (problem !== '') return problem
    }
    return ''
  }
  const meta = field(doc, 'metadata')
  const name = String(field(meta, 'name') ?? '')
  const given = String(field(meta, 'namespace') ?? '')
  const info = kindNamed(all(), String(apiVersion), String(kind))
  if (info === undefined) {
    return `resource mapping not found for name: "${name}" namespace: "${given}" from "${source}": no matches for kind "${kind}" in version "${apiVersion}"\nensure CRDs are installed first`
  }
  const asked = textFlag(client.flags, 'namespace')
  if (info.namespaced && given !== '' && asked !== '' && given !== asked) {
    return `the namespace from the provided object "${given}" does not match the namespace "${asked}". You must pass '--namespace=${given}' to perform this operation.`
  }
  const namespace = info.namespaced ? given || client.namespace : ''
  const placed =
    isRecord(meta) && info.namespaced
      ? withField(doc, 'metadata', withField(meta, 'namespace', namespace))
      : doc
  const unnamed = info.namespaced && !isRecord(meta) ? withField(doc, 'metadata', { namespace }) : placed
  items.push({ info, namespace, name, object: unnamed, source })
  return ''
}

function missingText(client: Client, source: string, doc: JsonObject, missing: string[]): string {
  if (['false', 'ignore'].includes(textFlag(client.flags, 'validate').toLowerCase())) {
    const what = missing[0]!.startsWith('kind') ? 'Kind' : missing.length > 1 ? 'Kind' : 'apiVersion'
    return `unable to decode "${source}": Object '${what}' is missing in '${compactJson(doc)}'`
  }
  const list = missing.length === 1 ? missing[0] : `[${missing.join(', ')}]`
  return `error validating "${source}": error validating data: ${list}; if you choose to ignore these errors, turn validation off with --validate=false`
}

/** Ends the command with problems found on the way: one with `error:`, several as they are. */
export function failProblems(list: readonly string[]): never {
  const problems = list.map((one) => one.split('\0').at(list.length === 1 ? 0 : -1)!)
  if (problems.length === 1) {
    const [only] = problems as [string]
    const known = /^(error: |Error from server|The |the server )/.test(only)
    fault(known ? only : `error: ${only}`)
  }
  return fault(problems.map((one) => (one.endsWith('\n') ? one : `${one}\n`)).join(''))
}

/**
 * What the words ask for: TYPE, TYPE NAME..., TYPE/NAME... `all`: a type alone stands for all its objects; else it ends
 * the command unless there is a selector. In the order in which cli-runtime's builder looks.
 */
export function askedFor(
  client: Client,
  all: () => readonly ResourceInfo[],
  words: readonly string[],
  alone = true,
): Asked[] {
  const { flags } = client
  const each = eachOfTypes(words)
  const pairs = each.some((word) => word.includes('/')) ? each.map(pairOf) : undefined
  const everywhere = boolFlag(flags, 'all-namespaces')
  if (isSelected(client) || (alone && pairs === undefined && words.length === 1)) {
    if (pairs !== undefined) {
      fault('error: selectors and the all flag cannot be used when passing resource/name arguments')
    }
    if (words.length > 1) fault('error: name cannot be provided when a selector is specified')
    if (words.length === 0) fault('error: at least one resource must be specified to use a selector')
    return typesOf(all(), words[0]!).map((info) => ({ info, name: '' }))
  }
  const one = (info: ResourceInfo, name: string): Asked => {
    if (everywhere && info.namespaced) {
      fault('error: a resource cannot be retrieved by name across all namespaces')
    }
    return { info, name }
  }
  if (pairs !== undefined) return pairs.map(([type, name]) => one(needResource(all(), type), name))
  const [types = '', ...names] = words
  if (words.length === 0) fault(NO_RESOURCES)
  const infos = typesOf(all(), types)
  if (names.length === 0) fault('error: resource(s) were provided, but no name was specified')
  if (infos.length > 1) fault('error: you must specify only one resource')
  return infos.flatMap((info) => names.map((name) => one(info, name)))
}

/** `pods,svc web` is `pods/web svc/web`. */
function eachOfTypes(words: readonly string[]): readonly string[] {
  const [types = '', ...names] = words
  if (names.length === 0 || !types.includes(',')) return words
  return types.split(',').flatMap((type) => names.map((name) => `${type}/${name}`))
}

function pairOf(word: string): readonly [type: string, name: string] {
  const parts = word.split('/')
  if (parts.length === 1) {
    fault(
      `error: there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'`,
    )
  }
  if (parts.length > 2) fault('error: arguments in resource/name form may not have more than one slash')
  const [type = '', name = ''] = parts
  if (type === '' || name === '' || type.includes(',')) {
    fault('error: arguments in resource/name form must have a single resource and name')
  }
  return [type, name]
}

/** Whether labels, fields or --all say what is meant. */
function isSelected({ flags }: Client): boolean {
  const given = (name: string) => textFlag(flags, name).trim() !== ''
  return given('selector') || given('field-selector') || boolFlag(flags, 'all')
}

/** Files and words are not given together. */
export function onlyFiles(words: readonly string[]): void {
  if (words.length === 0) return
  fault(
    words.every((word) => word.includes('/'))
      ? 'error: resource/name arguments cannot be provided when a path is specified'
      : 'error: when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well',
  )
}

/** The types of a word: `deploy,rs`, `all`. */
export function typesOf(all: readonly ResourceInfo[], words: string): ResourceInfo[] {
  const found: ResourceInfo[] = []
  for (const word of words.split(',')) {
    const category = all.filter((info) => info.categories.includes(word))
    for (const info of category.length > 0 ? category : [needResource(all, word)]) {
      if (!found.includes(info)) found.push(info)
    }
  }
  return found
}

/** Discovery, asked for when the first object needs it. */
export function lazyDiscovery(client: Client): () => readonly ResourceInfo[] {
  let all: readonly ResourceInfo[] | undefined
  return () => {
    all ??= discover(client)
    return all
  }
}

/** An object that stands on the server. */
export interface Found {
  readonly info: ResourceInfo
  readonly namespace: string
  readonly name: string
  readonly object: JsonObject
}

export interface FindOptions {
  /** Without names or a selector nothing is asked for: then these words end the command. */
  readonly needNames?: boolean
  /** Not found is no failure. */
  readonly ignoreMissing?: boolean
  /** What was being done, for failures of what files name: `error when deleting`. */
  readonly source?: string
}

/** The objects that words, flags or files name, as the server has them. Failures gather in `problems`. */
export function findObjects(
  client: Client,
  words: readonly string[],
  problems: string[],
  options: FindOptions = {},
): Found[] {
  const { flags } = client
  if (hasFiles(client)) {
    onlyFiles(words)
    const all = discover(client)
    return fileItems(client, () => all, problems).flatMap(({ info, namespace, name, source }) =>
      keep(info, namespace, name, call(client, 'GET', pathOf(info, namespace, name)), problems, {
        ...options,
        source: options.source === undefined ? '' : `${options.source} "${source}"`,
      }),
    )
  }
  const asked = askedFor(client, lazyDiscovery(client), words, options.needNames !== true)
  return asked.flatMap(({ info, name }) => {
    const namespace = info.namespaced ? client.namespace : ''
    if (name !== '') {
      return keep(info, namespace, name, call(client, 'GET', pathOf(info, namespace, name)), problems, {
        ...options,
        source: '',
      })
    }
    const where = boolFlag(flags, 'all-namespaces') ? '' : namespace
    const reply = call(client, 'GET', pathOf(info, where), { query: listQuery(client) })
    if (!reply.ok) {
      problems.push(statusText(unlisted(client, info, reply.status)))
      return []
    }
    return listItems(info, reply.body as Json)
  })
}

function keep(
  info: ResourceInfo,
  namespace: string,
  name: string,
  reply: Reply,
  problems: string[],
  options: FindOptions,
): Found[] {
  if (reply.ok) return [{ info, namespace, name, object: reply.body as JsonObject }]
  if (reply.status.reason !== 'NotFound' || options.ignoreMissing !== true)
    problems.push(statusText(reply.status, options.source))
  return []
}

/** A refused list, with what was asked for. */
export function unlisted({ flags }: Client, info: ResourceInfo, status: Status): Status {
  if (status.reason !== 'BadRequest' && status.reason !== 'NotFound') return status
  const what = `"${info.group === '' ? '' : info.group}/${info.version}, Resource=${info.resource}"`
  const [labels, fields] = [textFlag(flags, 'selector'), textFlag(flags, 'field-selector')]
  const { message = '' } = status
  if (message.startsWith('Unable to find')) return status
  if (labels === '' && fields === '') return { ...status, message: `Unable to list ${what}: ${message}` }
  const match = `label selector "${labels}", field selector "${fields}"`
  return { ...status, message: `Unable to find ${what} that match ${match}: ${message}` }
}

export function listQuery(client: Client): [string, string][] {
  const query: [string, string][] = []
  for (const [flag, key] of [
    ['selector', 'labelSelector'],
    ['field-selector', 'fieldSelector'],
  ] as const) {
    const value = textFlag(client.flags, flag)
    if (value !== '') query.push([key, value])
  }
  query.push(['limit', '500'])
  return query
}

/** A list's items as objects with their kinds. */
export function listItems(info: ResourceInfo, list: Json): Found[] {
  const items = field(list, 'items')
  if (!Array.isArray(items)) return []
  const apiVersion = info.group === '' ? info.version : `${info.group}/${info.version}`
  return (items as JsonObject[]).map((one) => {
    const meta = field(one, 'metadata')
    const object: JsonObject = { ...one, apiVersion, kind: info.kind }
    return {
      info,
      namespace: String(field(meta, 'namespace') ?? ''),
      name: String(field(meta, 'name') ?? ''),
      object,
    }
  })
}
