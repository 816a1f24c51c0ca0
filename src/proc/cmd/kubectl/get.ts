/** `kubectl get` and `kubectl events`. Models kubectl pkg/cmd/get and pkg/cmd/events (1.32). */
import { humanDuration } from '../../../kube/api/duration.ts'
import { parseTime } from '../../../kube/time.ts'
import type { Json, JsonObject, ResourceInfo } from '../../../kube/types.ts'
import { field } from '../../../kube/types.ts'
import type { Flags } from './flags.ts'
import { boolFlag, durationFlag, hasFlag, listFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { complain, fault, loop, once, print } from './flow.ts'
import { findAll, parseRelaxed } from './jsonpath.ts'
import { goSort, naturalLess } from './gosort.ts'
import type { Format } from './output.ts'
import { columnsText, formatOf, listOf, objectText, OUTPUT_FLAGS } from './output.ts'
import type { Client } from './rest.ts'
import {
  call,
  discover,
  metaOf,
  must,
  needResource,
  openClient,
  pathOf,
  shownName,
  shownType,
  statusText,
} from './rest.ts'
import type { Asked } from './select.ts'
import {
  askedFor,
  failProblems,
  FILE_FLAGS,
  fileItems,
  hasFiles,
  listQuery,
  SELECT_FLAGS,
  unlisted,
} from './select.ts'
import type { Following } from './stream.ts'
import { followMore, watchBroken, watchEvents, watchOf } from './stream.ts'
import { getColumns } from './tabs.ts'
import { wallNow } from './clock.ts'

const TABLE =
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json'

const GET_FLAGS = [
  ...OUTPUT_FLAGS, ...FILE_FLAGS, ...SELECT_FLAGS, 'watch/w', 'watch-only', 'ignore-not-found', 'no-headers',
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
  if (hasFlag(flags, 'subresource')) fault('error: kubectl get --subresource: not modelled in Kubehop')
  if (flags.operands.length === 0 && !hasFiles(client)) fault(NO_TYPE)
  const problems: string[] = []
  const asked = targets(client, problems)
  if (boolFlag(flags, 'watch') || boolFlag(flags, 'watch-only')) return watch(client, format, asked)
  if (format.kind !== 'table' && format.kind !== 'wide') return getObjects(client, format, asked, problems)
  const parts = fetchTables(client, asked, problems)
  printTables(client, format, parts)
  if (problems.length > 0) failProblems(problems)
  if (parts.every((part) => part.rows.length === 0) && !boolFlag(flags, 'ignore-not-found'))
    none(client, asked)
  return 0
}

interface Target extends Asked {
  readonly namespace: string
}

function targets(client: Client, problems: string[]): Target[] {
  const all = discover(client)
  if (hasFiles(client)) return fileItems(client, () => all, problems)
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
  for (const { info, namespace, name } of asked) {
    const query = name === '' ? listQuery(client) : []
    const reply = call(client, 'GET', pathOf(info, namespace, name), { query })
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
  if (key !== '') sortBy(found, key, (one) => one.object)
  const objects = found.map((one) => one.object)
  if (format.kind === 'name') {
    print(flow, found.map(({ info, object }) => `${shownName(info, metaOf(object).name)}\n`).join(''))
  } else if (format.kind === 'columns') {
    if (objects.length > 0) print(flow, columnsText(format, objects, !boolFlag(flags, 'no-headers')))
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
function fetchTable(client: Client, { info, namespace, name }: Target): Part | string | undefined {
  const include: [string, string][] =
    textFlag(client.flags, 'sort-by') === '' ? [] : [['includeObject', 'Object']]
  const query = [...(name === '' ? listQuery(client) : []), ...include]
  const reply = call(client, 'GET', pathOf(info, namespace, name), { accept: TABLE, query })
  if (!reply.ok) {
    if (reply.status.reason === 'NotFound' && boolFlag(client.flags, 'ignore-not-found')) return undefined
    return statusText(name === '' ? unlisted(client, info, reply.status) : reply.status)
  }
  return partOf(info, reply.body as Json)
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
  print(client.flow, texts.join('\n'))
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
  const rows = [...part.rows]
  const key = textFlag(flags, 'sort-by')
  if (key !== '') sortBy(rows, key, (row) => row.object)
  const lines = rows.map(({ cells, object }) => {
    const meta = metaOf(object)
    const own = shown.map(({ i }) => cellText(cells[i] ?? '', i === 0 && kinds ? part.info : undefined))
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

/** Sorts by an expression, as `--sort-by`: numbers by value, everything else as text. */
function sortBy<T>(list: T[], key: string, objectOf: (one: T) => Json): void {
  const path = parseRelaxed(key)
  if (path.error !== '') fault(`error: error parsing jsonpath ${key}, ${path.error}`)
  const values = new Map(list.map((one) => [one, findAll(path, objectOf(one))[0]]))
  if (list.length > 0 && [...values.values()].every((value) => value === undefined)) {
    fault(
      `error: couldn't find any field with path "${key.startsWith('{') ? key : `{${key.startsWith('.') ? '' : '.'}${key}}`}" in the list of objects`,
    )
  }
  const compare = (a: Json | undefined, b: Json | undefined) => {
    const [noA, noB] = [a === undefined || a === null, b === undefined || b === null]
    if (noA || noB) return Number(noB) - Number(noA)
    if (typeof a === 'number' && typeof b === 'number') return a - b
    return naturalLess(String(a), String(b)) ? -1 : naturalLess(String(b), String(a)) ? 1 : 0
  }
  goSort(list, (a, b) => compare(values.get(a), values.get(b)) < 0)
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

/** `kubectl events` */
export function events(flow: Flow, args: readonly string[]): number {
  const flags: Flags = parseFlags('kubectl events', args, [
    ...OUTPUT_FLAGS,
    'all-namespaces/A',
    'for=',
    'types=*',
    'watch/w',
    'no-headers',
    'chunk-size=#',
  ])
  const client = openClient(flow, flags)
  if (flags.operands.length > 0) fault(`error: unknown command "${flags.operands[0]}" for "kubectl events"`)
  if (boolFlag(flags, 'watch'))
    fault('error: kubectl events --watch: not modelled in Kubehop; use kubectl get events -w')
  const all = discover(client)
  const about = textFlag(flags, 'for')
  const query: [string, string][] = [['limit', '500']]
  if (about !== '') {
    const [type = '', name = ''] = about.split('/')
    const info = needResource(all, type)
    if (name === '') fault('error: --for must be in resource/name form')
    query.push(['fieldSelector', `involvedObject.kind=${info.kind},involvedObject.name=${name}`])
  }
  const info = needResource(all, 'events')
  const everywhere = boolFlag(flags, 'all-namespaces')
  const list = must<Json>(call(client, 'GET', pathOf(info, everywhere ? '' : client.namespace), { query }))
  const types = listFlag(flags, 'types').flatMap((one) => one.split(','))
  const items = ((field(list, 'items') ?? []) as JsonObject[]).filter(
    (one) =>
      types.length === 0 || types.some((type) => type.toLowerCase() === String(one.type).toLowerCase()),
  )
  goSort(items, (a, b) => lastSeen(a) < lastSeen(b))
  const format = formatOf(client)
  if (items.length === 0) {
    complain(flow, everywhere ? 'No events found.\n' : `No events found in ${client.namespace} namespace.\n`)
    return 0
  }
  if (format.kind !== 'table') {
    print(
      flow,
      objectText(format, listOf(items.map((one) => ({ ...one, apiVersion: 'v1', kind: 'Event' }))), flags),
    )
    return 0
  }
  const now = wallNow(flow)
  const head = [...(everywhere ? ['NAMESPACE'] : []), 'LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE']
  const rows = items.map((one) => {
    const target = field(one, 'involvedObject')
    return [
      ...(everywhere ? [metaOf(one).namespace] : []),
      eventAge(one, now),
      String(one.type ?? ''),
      String(one.reason ?? ''),
      `${String(field(target, 'kind'))}/${String(field(target, 'name'))}`,
      String(one.message ?? '').trim(),
    ]
  })
  print(flow, getColumns(boolFlag(flags, 'no-headers') ? rows : [head, ...rows]))
  return 0
}

/** When an event was seen last, ms. */
export function lastSeen(event: JsonObject): number {
  const at =
    field(field(event, 'series') ?? null, 'lastObservedTime') ?? event.lastTimestamp ?? event.eventTime
  // Microseconds count: what the parser leaves of them is added.
  const micros = /\.\d{3}(\d{3})Z$/.exec(String(at))
  return (parseTime(String(at)) ?? 0) + (micros === null ? 0 : Number(micros[1]) / 1000)
}

/** `42s (x12 over 4m12s)` */
export function eventAge(event: JsonObject, nowMs: number): string {
  const ago = (time: Json | undefined) => {
    const ms = typeof time === 'string' ? parseTime(time) : undefined
    return ms === undefined ? '<unknown>' : humanDuration((nowMs - ms) * 1_000_000)
  }
  const first = ago(event.eventTime ?? event.firstTimestamp)
  const series = field(event, 'series')
  if (series !== undefined && series !== null) {
    return `${ago(field(series, 'lastObservedTime'))} (x${String(field(series, 'count'))} over ${first})`
  }
  if (typeof event.count === 'number' && event.count > 1) {
    return `${ago(event.lastTimestamp)} (x${event.count} over ${first})`
  }
  return first
}
