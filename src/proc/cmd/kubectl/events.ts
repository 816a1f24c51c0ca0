/** `kubectl events`. Models kubectl pkg/cmd/events (1.32). */
import { humanDuration } from '../../../kube/api/duration.ts'
import { parseTime } from '../../../kube/time.ts'
import type { Json, JsonObject, ResourceInfo } from '../../../kube/types.ts'
import { field } from '../../../kube/types.ts'
import { wallNow } from './clock.ts'
import type { Flags } from './flags.ts'
import { boolFlag, listFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { complain, fault, loop, print } from './flow.ts'
import { goSort } from './gosort.ts'
import { formatOf, OUTPUT_FLAGS, typedText, withoutManaged } from './output.ts'
import type { Client } from './rest.ts'
import { call, discover, metaOf, must, needResource, openClient, pathOf, resourceNamed } from './rest.ts'
import type { Following } from './stream.ts'
import { followMore, watchBroken, watchEvents, watchOf } from './stream.ts'
import { getColumns } from './tabs.ts'

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
  const all = discover(client)
  const about = textFlag(flags, 'for')
  const query: [string, string][] = [['limit', '500']]
  if (about !== '') query.push(['fieldSelector', aboutSelector(all, about)])
  const info = needResource(all, 'events')
  const types = listFlag(flags, 'types').flatMap((one) => one.split(','))
  const odd = types.find((type) => !['normal', 'warning'].includes(type.toLowerCase()))
  if (odd !== undefined) fault('error: valid --types are Normal or Warning')
  const wanted = (one: JsonObject) =>
    types.length === 0 || types.some((type) => type.toLowerCase() === String(one.type).toLowerCase())
  const everywhere = boolFlag(flags, 'all-namespaces')
  const path = pathOf(info, everywhere ? '' : client.namespace)
  if (boolFlag(flags, 'watch')) return watchThem(client, path, query, wanted)
  const list = must<Json>(call(client, 'GET', path, { query }))
  const items = ((field(list, 'items') ?? []) as JsonObject[]).filter(wanted)
  goSort(items, (a, b) => lastSeen(a) < lastSeen(b))
  const format = formatOf(client)
  if (items.length === 0) {
    complain(flow, everywhere ? 'No events found.\n' : `No events found in ${client.namespace} namespace.\n`)
    return 0
  }
  // A list has no name, and nobody says so.
  if (format.kind === 'name') return 0
  if (format.kind !== 'table') {
    const shown = items.map((one) => withoutManaged(typedEvent(one), flags))
    print(flow, typedText(format, { kind: 'EventList', apiVersion: 'v1', metadata: {}, items: shown }, flags))
    return 0
  }
  const now = wallNow(flow)
  print(flow, getColumns([...headOf(flags), ...items.map((one) => rowOf(flags, one, now))]))
  return 0
}

/** --for TYPE/NAME as a selector of fields. */
function aboutSelector(all: readonly ResourceInfo[], about: string): string {
  const [type = '', name = '', ...more] = about.split('/')
  if (!about.includes('/')) fault('error: --for must be in resource/name form')
  if (more.length > 0) fault('error: arguments in resource/name form may not have more than one slash')
  if (type === '') fault('error: a resource must be present, got: /, Resource=')
  const info = resourceNamed(all, type) ?? fault(`the server doesn't have a resource type "${type}"`)
  return `involvedObject.kind=${info.kind},involvedObject.name=${name}`
}

interface Watching {
  readonly at: Following
  readonly widths: number[]
  readonly count: number
}

/** Those that there are, then each as it comes; one that goes is not told. */
function watchThem(
  client: Client,
  path: string,
  query: [string, string][],
  wanted: (one: JsonObject) => boolean,
): number {
  const { flow, flags } = client
  const format = formatOf(client)
  const reply = call(client, 'GET', path, { query: [...query, ['watch', 'true']] })
  if (!reply.ok || reply.watch === undefined) return must<number>(reply)
  const opened = watchOf(reply)
  const tell = (lines: string, widths: readonly number[], count: number) => {
    const seen = [...widths]
    let told = count
    const now = wallNow(flow)
    for (const { type, object } of watchEvents(lines)) {
      if (type === 'BOOKMARK' || type === 'ERROR' || type === 'DELETED' || !wanted(object)) continue
      if (format.kind === 'table') {
        print(flow, getColumns([...(told === 0 ? headOf(flags) : []), rowOf(flags, object, now)], seen))
      } else if (format.kind === 'name') print(flow, `event/${metaOf(object).name}\n`)
      else {
        const gap = format.kind === 'yaml' && told > 0 ? '---\n' : ''
        print(flow, `${gap}${typedText(format, typedEvent(object), flags)}`)
      }
      told++
    }
    return { widths: seen, count: told }
  }
  // Those that there are come with the answer.
  const begun = tell(typeof reply.body === 'string' ? reply.body.trim() : '', [], 0)
  const first = (): Watching => ({ at: opened, ...begun })
  return loop<Watching, number>(flow, first, ({ at, widths, count }) => {
    const { news, next } = followMore(flow, at)
    const told = tell(news.out, widths, count)
    watchBroken(news)
    return news.code >= 0 ? { done: 0 } : { next: { at: next, ...told } }
  })
}

/** An event with what Go's type always has. */
function typedEvent(one: JsonObject): JsonObject {
  const always = { source: {}, firstTimestamp: null, lastTimestamp: null, eventTime: null }
  const by = { reportingComponent: '', reportingInstance: '' }
  return { ...always, ...by, ...one, kind: 'Event', apiVersion: 'v1' }
}

function headOf(flags: Flags): string[][] {
  if (boolFlag(flags, 'no-headers')) return []
  const everywhere = boolFlag(flags, 'all-namespaces')
  return [[...(everywhere ? ['NAMESPACE'] : []), 'LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE']]
}

function rowOf(flags: Flags, one: JsonObject, now: number): string[] {
  const target = field(one, 'involvedObject')
  return [
    ...(boolFlag(flags, 'all-namespaces') ? [metaOf(one).namespace] : []),
    eventAge(one, now),
    String(one.type ?? ''),
    String(one.reason ?? ''),
    `${String(field(target, 'kind'))}/${String(field(target, 'name'))}`,
    String(one.message ?? '').trim(),
  ]
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
