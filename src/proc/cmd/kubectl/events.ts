/** `kubectl events`. Models kubectl pkg/cmd/events (1.32). */
import { humanDuration } from '../../../kube/api/duration.ts'
import { parseTime } from '../../../kube/time.ts'
import type { Json, JsonObject } from '../../../kube/types.ts'
import { field } from '../../../kube/types.ts'
import { wallNow } from './clock.ts'
import type { Flags } from './flags.ts'
import { boolFlag, listFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { complain, fault, print } from './flow.ts'
import { goSort } from './gosort.ts'
import { formatOf, listOf, objectText, OUTPUT_FLAGS } from './output.ts'
import { call, discover, metaOf, must, needResource, openClient, pathOf, resourceNamed } from './rest.ts'
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
  if (boolFlag(flags, 'watch'))
    fault('error: kubectl events --watch: not modelled in Kubehop; use kubectl get events -w')
  const all = discover(client)
  const about = textFlag(flags, 'for')
  const query: [string, string][] = [['limit', '500']]
  if (about !== '') {
    const [type = '', name = ''] = about.split('/')
    const info = resourceNamed(all, type) ?? fault(`the server doesn't have a resource type "${type}"`)
    if (name === '') fault('error: --for must be in resource/name form')
    query.push(['fieldSelector', `involvedObject.kind=${info.kind},involvedObject.name=${name}`])
  }
  const info = needResource(all, 'events')
  const everywhere = boolFlag(flags, 'all-namespaces')
  const list = must<Json>(call(client, 'GET', pathOf(info, everywhere ? '' : client.namespace), { query }))
  const types = listFlag(flags, 'types').flatMap((one) => one.split(','))
  const odd = types.find((type) => !['normal', 'warning'].includes(type.toLowerCase()))
  if (odd !== undefined) fault('error: valid --types are Normal or Warning')
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
