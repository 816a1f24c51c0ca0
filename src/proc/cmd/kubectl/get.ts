/** `kubectl get`. Models kubectl pkg/cmd/get (1.32). */
import { humanDuration } from '../../../kube/api/duration.ts'
import { parseTime } from '../../../kube/time.ts'
import type { Json, JsonObject, ResourceInfo } from '../../../kube/types.ts'
import { field } from '../../../kube/types.ts'
import type { Flags } from './flags.ts'
import { boolFlag, durationFlag, listFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { complain, fault, loop, once, print } from './flow.ts'
import type { Format } from './output.ts'
import { columnsText, formatOf, listOf, objectText, OUTPUT_FLAGS } from './output.ts'
import type { Client } from './rest.ts'
import { call, metaOf, must, openClient, pathOf, shownName, shownType, statusText } from './rest.ts'
import { sortBy, unfound } from './sorting.ts'
import type { Asked } from './select.ts'
import {
  askedFor,
  failProblems,
  FILE_FLAGS,
  fileItems,
  hasFiles,
  lazyDiscovery,
  listQuery,
  LOOK_FLAGS,
  onlyFiles,
  unlisted,
} from './select.ts'
import type { Following } from './stream.ts'
import { followMore, watchBroken, watchEvents, watchOf } from './stream.ts'
import { getColumns } from './tabs.ts'
import { wallNow } from './clock.ts'

const TABLE =
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json'

const GET_FLAGS = [
  ...OUTPUT_FLAGS, ...FILE_FLAGS, ...LOOK_FLAGS, 'watch/w', 'watch-only', 'ignore-not-found', 'no-headers',
  'show-labels', 'show-kind', 'label-columns/L=*', 'sort-by=', 'raw=', 'output-watch-events', 'server-print',
  'subresource=',
] // biome-ignore format: one list

const NO_TYPE = `You must specify the type of resource to get. Use "kubectl api-resources" for a complete list of supported resources.

error: Required resource not specified.
Use "kubectl explain <resource>" for a detailed description of that resource (e.g. kubectl explain pods).
See 'kubectl get -h' for help and examples`

interface TableRow {
  readonly cells: readonly (string | number)[]
  readonly object: Json
}

interface Column {
  readonly name: string
  readonly priority: number
}

/** One answer of the server: rows of one type. */
interface Part {
  readonly info: ResourceInfo
  readonly columns: readonly Column[]
  readonly rows: readonly TableRow[]
  readonly version: string
}

export function get(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl get', args, GET_FLAGS)
  const client = openClient(flow, flags)
  const raw = textFlag(flags, 'raw')
  if (raw !== '') return getRaw(client, raw)
  const format = formatOf(client, true)
  checkFlags(flags)
  if (flags.operands.length === 0 && !hasFiles(client)) fault(NO_TYPE)
  const problems: string[] = []
  const asked = targets(client, problems)
  if (boolFlag(flags, 'watch') || boolFlag(flags, 'watch-only')) return watch(client, format, asked)
  if (format.kind !== 'table' && format.kind !== 'wide') return getObjects(client, format, asked, problems)
  const parts = sortedParts(client, fetchTables(client, asked, problems))
  printTables(client, format, parts)
  if (problems.length > 0) failProblems(problems)
  if (parts.every((part) => part.rows.length === 0) && !boolFlag(flags, 'ignore-not-found'))
    none(client, asked)
  return 0
}

function checkFlags(flags: Flags): void {
  const output = textFlag(flags, 'output')
  if (boolFlag(flags, 'show-labels') && output !== '' && output !== 'wide') {
    fault(`error: --show-labels option cannot be used with ${output} printer`)
  }
  const watches = boolFlag(flags, 'watch') || boolFlag(flags, 'watch-only')
  if (boolFlag(flags, 'output-watch-events') && !watches) {
    fault('error: --output-watch-events option can only be used with --watch or --watch-only')
  }
}

interface Target extends Asked {
  readonly namespace: string
}

/** Where a target is read: its subresource where one is asked for, which is only there by name. */
function placeOf(client: Client, { info, namespace, name }: Target): string {
  const sub = textFlag(client.flags, 'subresource')
  if (sub !== '' && name === '') fault('error: subresource cannot be used when bulk resources are specified')
  return pathOf(info, namespace, name, sub)
}

function targets(client: Client, problems: string[]): Target[] {
  const all = lazyDiscovery(client)
  if (hasFiles(client)) {
    onlyFiles(client.flags.operands)
    return fileItems(client, all, problems)
  }
  const everywhere = boolFlag(client.flags, 'all-namespaces')
  return askedFor(client, all, client.flags.operands).map((one) => ({
    ...one,
    namespace: everywhere || !one.info.namespaced ? '' : client.namespace,
  }))
}

function none(client: Client, asked: readonly Target[]): void {
  const plain = boolFlag(client.flags, 'all-namespaces') || asked.every(({ info }) => !info.namespaced)
  complain(
    client.flow,
    plain ? 'No resources found\n' : `No resources found in ${client.namespace} namespace.\n`,
  )
}

function getRaw(client: Client, path: string): number {
  const { flags } = client
  if (flags.operands.length > 0) fault('error: arguments may not be passed when --raw is specified')
  const filters =
    boolFlag(flags, 'watch') || boolFlag(flags, 'watch-only') || textFlag(flags, 'selector') !== ''
  if (filters) {
    fault(
      'error: --raw may not be specified with other flags that filter the server request or alter the output',
    )
  }
  if (textFlag(flags, 'output') !== '') fault('error: --raw and --output are mutually exclusive')
  const [plain = '', query = ''] = path.split('?')
  const pairs = query
    .split('&')
    .filter((one) => one !== '')
    .map((one): [string, string] => [one.split('=')[0]!, one.split('=').slice(1).join('=')])
  const body = must<unknown>(call(client, 'GET', plain, { query: pairs }))
  print(client.flow, typeof body === 'string' ? body : `${JSON.stringify(body)}\n`)
  return 0
}

/** json, yaml, name, jsonpath and columns: the objects themselves. */
function getObjects(client: Client, format: Format, asked: readonly Target[], problems: string[]): number {
  const { flow, flags } = client
  const found: { info: ResourceInfo; object: JsonObject }[] = []
  let single = asked.length === 1
  for (const target of asked) {
    const { info, name } = target
    const query = name === '' ? listQuery(client) : []
    const reply = call(client, 'GET', placeOf(client, target), { query })
    if (!reply.ok) {
      const missing = reply.status.reason === 'NotFound' && boolFlag(flags, 'ignore-not-found')
      if (!missing)
        problems.push(statusText(name === '' ? unlisted(client, info, reply.status) : reply.status))
      single = single && !missing
      continue
    }
    if (name !== '') found.push({ info, object: reply.body as JsonObject })
    else {
      single = false
      const apiVersion = info.group === '' ? info.version : `${info.group}/${info.version}`
      for (const one of (field(reply.body as Json, 'items') ?? []) as JsonObject[]) {
        found.push({ info, object: { ...one, apiVersion, kind: info.kind } })
      }
    }
  }
  if (problems.length > 0 && found.length === 0) failProblems(problems)
  const key = textFlag(flags, 'sort-by')
  const wrong = key === '' ? '' : sortBy(client, found, key, (one) => one.object)
  if (wrong !== '') fault(wrong)
  const objects = found.map((one) => one.object)
  if (format.kind === 'name') {
    print(flow, found.map(({ info, object }) => `${shownName(info, metaOf(object).name)}\n`).join(''))
  } else if (format.kind === 'columns') {
    print(flow, columnsText(format, objects, !boolFlag(flags, 'no-headers')))
  } else if (single && objects.length === 1) print(flow, objectText(format, objects[0]!, flags))
  else if (objects.length > 0 || !boolFlag(flags, 'ignore-not-found')) {
    print(flow, objectText(format, listOf(objects), flags))
  }
  if (problems.length > 0) failProblems(problems)
  return 0
}

function fetchTables(client: Client, asked: readonly Target[], problems: string[]): Part[] {
  const parts: Part[] = []
  for (const one of asked) {
    const reply = fetchTable(client, one)
    if (reply === undefined) continue
    if (typeof reply === 'string') problems.push(reply)
    else parts.push(reply)
  }
  return parts
}

/** Rows, a failure's words, or nothing for what may be missing. */
function fetchTable(client: Client, target: Target): Part | string | undefined {
  const { info, name } = target
  const printed = boolFlag(client.flags, 'server-print', true)
  const include: [string, string][] =
    textFlag(client.flags, 'sort-by') === '' ? [] : [['includeObject', 'Object']]
  const query = [...(name === '' ? listQuery(client) : []), ...include]
  const reply = call(client, 'GET', placeOf(client, target), printed ? { accept: TABLE, query } : { query })
  if (!reply.ok) {
    if (reply.status.reason === 'NotFound' && boolFlag(client.flags, 'ignore-not-found')) return undefined
    return statusText(name === '' ? unlisted(client, info, reply.status) : reply.status)
  }
  return field(reply.body as Json, 'kind') === 'Table'
    ? partOf(info, reply.body as Json)
    : agesOf(client, info, reply.body as Json)
}

/** Without the server's table only names and ages are known. */
function agesOf(client: Client, info: ResourceInfo, body: Json): Part {
  const items = field(body, 'items')
  const now = wallNow(client.flow)
  const rows = (Array.isArray(items) ? (items as Json[]) : [body]).map((object) => {
    const made = parseTime(String(field(field(object, 'metadata'), 'creationTimestamp')))
    return {
      cells: [metaOf(object).name, made === undefined ? '<unknown>' : humanDuration((now - made) * 1e6)],
      object,
    }
  })
  const columns = ['Name', 'Age'].map((name) => ({ name, priority: 0 }))
  return { info, columns, rows, version: '' }
}

/**
 * The rows in the order of --sort-by. The real one looks for the field in the answers themselves where there are more
 * than one, and shows no rows where it cannot be found in them.
 */
function sortedParts(client: Client, parts: readonly Part[]): readonly Part[] {
  const key = textFlag(client.flags, 'sort-by')
  const [only] = parts
  if (key === '' || only === undefined) return parts
  if (parts.length > 1) fault(unfound(key))
  if (only.rows.length < 2) return parts
  const rows = [...only.rows]
  return [{ ...only, rows: sortBy(client, rows, key, (row) => row.object, true) === '' ? rows : [] }]
}

function partOf(info: ResourceInfo, table: Json): Part {
  return {
    info,
    columns: (field(table, 'columnDefinitions') ?? []) as unknown as Column[],
    rows: (field(table, 'rows') ?? []) as unknown as TableRow[],
    version: String(field(field(table, 'metadata'), 'resourceVersion') ?? ''),
  }
}

function printTables(client: Client, format: Format, parts: readonly Part[]): void {
  const groups: Part[] = []
  for (const part of parts) {
    if (part.rows.length === 0) continue
    const last = groups.at(-1)
    if (last !== undefined && last.info === part.info) {
      groups[groups.length - 1] = { ...last, rows: [...last.rows, ...part.rows] }
    } else groups.push(part)
  }
  const kinds = new Set(parts.map(({ info }) => info)).size > 1 || boolFlag(client.flags, 'show-kind')
  const texts = groups.map((part) =>
    getColumns(rowsOf(client, format, part, kinds, !boolFlag(client.flags, 'no-headers'))),
  )
  print(client.flow, texts.join(boolFlag(client.flags, 'no-headers') ? '' : '\n'))
}

/** A part as lines of cells. */
function rowsOf(client: Client, format: Format, part: Part, kinds: boolean, header: boolean): string[][] {
  const { flags } = client
  const wide = format.kind === 'wide'
  const shown = part.columns
    .map((column, i) => ({ column, i }))
    .filter(({ column }) => wide || column.priority === 0)
  const everywhere = boolFlag(flags, 'all-namespaces') && part.info.namespaced
  const labels = listFlag(flags, 'label-columns').flatMap((one) => one.split(','))
  const all = boolFlag(flags, 'show-labels')
  const lines = part.rows.map(({ cells, object }) => {
    const meta = metaOf(object)
    const own = shown.map(({ column, i }) =>
      cellText(cells[i] ?? '', i === 0 && kinds && column.name === 'Name' ? part.info : undefined),
    )
    return [
      ...(everywhere ? [meta.namespace] : []),
      ...own,
      ...labels.map((label) => meta.labels[label] ?? ''),
      ...(all ? [labelsText(meta.labels)] : []),
    ]
  })
  if (!header) return lines
  const heads = [
    ...(everywhere ? ['NAMESPACE'] : []),
    ...shown.map(({ column }) => column.name.toUpperCase()),
    ...labels.map((label) => label.slice(label.lastIndexOf('/') + 1).toUpperCase()),
    ...(all ? ['LABELS'] : []),
  ]
  return [heads, ...lines]
}

function cellText(cell: string | number, info: ResourceInfo | undefined): string {
  const text = String(cell)
  const cut = /[\n\f\r]/.exec(text)
  const line = cut === null ? text : `${text.slice(0, cut.index)}...`
  return info === undefined ? line : `${shownType(info)}/${line}`
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const keys = Object.keys(labels).sort()
  return keys.length === 0 ? '<none>' : keys.map((key) => `${key}=${labels[key]}`).join(',')
}

interface Watching {
  at: Following
  widths: number[]
  endsAt: number
}

function watch(client: Client, format: Format, asked: readonly Target[]): number {
  const { flow, flags } = client
  const [target] = asked
  if (asked.length !== 1 || target === undefined) fault('error: you may only specify a single resource type')
  const { info, namespace, name } = target!
  const tables = format.kind === 'table' || format.kind === 'wide'
  const path = pathOf(info, namespace, name)
  const listed = call(client, 'GET', path, {
    ...(tables ? { accept: TABLE } : {}),
    query: name === '' ? listQuery(client) : [],
  })
  const list = must<Json>(listed)
  if (textFlag(flags, 'sort-by') !== '') {
    complain(flow, 'warning: --watch requested, --sort-by will be ignored for watch events received\n')
  }
  const version = String(field(field(list, 'metadata'), 'resourceVersion') ?? '')
  const header = !boolFlag(flags, 'no-headers')
  const widths: number[] = []
  const started = tables && !boolFlag(flags, 'watch-only')
  if (started) {
    const rows = withEvent(client, rowsOf(client, format, partOf(info, list), false, header), 'ADDED', header)
    if (rows.length > (header ? 1 : 0)) print(flow, getColumns(rows, widths))
  } else if (!tables && !boolFlag(flags, 'watch-only')) {
    const items = name === '' ? ((field(list, 'items') ?? []) as JsonObject[]) : [list as JsonObject]
    print(flow, items.map((one) => watchedText(client, format, info, one)).join(''))
  }
  const limit = durationFlag(textFlag(flags, 'request-timeout', '0')) ?? 0
  const columns = partOf(info, list).columns
  const query: [string, string][] = [...listQuery(client), ['watch', 'true'], ['resourceVersion', version]]
  if (name !== '') query.push(['fieldSelector', `metadata.name=${name}`])
  const reply = call(client, 'GET', pathOf(info, namespace), { ...(tables ? { accept: TABLE } : {}), query })
  if (!reply.ok || reply.watch === undefined) return must<number>(reply)
  const opened = watchOf(reply)
  const first = (): Watching => ({
    at: opened,
    widths,
    endsAt: limit === 0 ? 0 : flow.ctx.world.now + limit,
  })
  return loop<Watching, number>(flow, first, (now) => {
    const { news, next } = followMore(flow, now.at, now.endsAt)
    const seen = [...now.widths]
    for (const event of watchEvents(news)) {
      if (event.type === 'BOOKMARK' || event.type === 'ERROR') continue
      if (!tables) {
        print(flow, watchedText(client, format, info, event.object))
        continue
      }
      const titles = header && seen.length === 0
      const part = { ...partOf(info, event.object), columns }
      const rows = withEvent(client, rowsOf(client, format, part, false, titles), event.type, titles)
      print(flow, getColumns(rows, seen))
    }
    watchBroken(news)
    const late = once(flow, () => now.endsAt !== 0 && flow.ctx.world.now >= now.endsAt)
    if (news.code >= 0 || late) return { done: 0 }
    return { next: { ...now, at: next, widths: seen } }
  })
}

/** --output-watch-events: what became of the object, in a column of its own. */
function withEvent(client: Client, rows: string[][], type: string, header: boolean): string[][] {
  if (!boolFlag(client.flags, 'output-watch-events')) return rows
  return rows.map((row, i) => [header && i === 0 ? 'EVENT' : type.padEnd(8), ...row])
}

function watchedText(client: Client, format: Format, info: ResourceInfo, object: JsonObject): string {
  const whole = {
    ...object,
    apiVersion: info.group === '' ? info.version : `${info.group}/${info.version}`,
    kind: info.kind,
  }
  if (format.kind === 'name') return `${shownName(info, metaOf(object).name)}\n`
  if (format.kind === 'columns') return columnsText(format, [whole], false)
  return `${format.kind === 'yaml' ? '---\n' : ''}${objectText(format, whole, client.flags)}`
}
