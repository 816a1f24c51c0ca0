/** What `kubectl describe` writes with: levels, columns, labels, events. Models kubectl pkg/describe (1.32). */
import { humanDuration } from '../../../kube/api/duration.ts'
import { parseTime } from '../../../kube/time.ts'
import type { Json, JsonObject } from '../../../kube/types.ts'
import { field, isRecord } from '../../../kube/types.ts'
import { dateText, EPOCH_SECONDS } from '../../clock.ts'
import { boolFlag } from './flags.ts'
import { eventAge, lastSeen } from './events.ts'
import { goSort } from './gosort.ts'
import type { Client } from './rest.ts'
import { call, metaOf } from './rest.ts'
import { describeColumns } from './tabs.ts'

/** A description in the making. Text between two flushes is aligned as one. */
export interface Sheet {
  readonly client: Client
  readonly nowMs: number
  parts: string[]
  text: string
}

export function newSheet(client: Client, nowMs: number): Sheet {
  return { client, nowMs, parts: [], text: '' }
}

/** Adds a line, indented by two spaces a level. */
export function line(sheet: Sheet, level: number, text: string): void {
  sheet.text += `${'  '.repeat(level)}${text}\n`
}

/** What follows is aligned apart from what stands. */
export function flush(sheet: Sheet): void {
  sheet.parts.push(describeColumns(sheet.text))
  sheet.text = ''
}

export function sheetText(sheet: Sheet): string {
  flush(sheet)
  return sheet.parts.join('')
}

export function str(value: Json | undefined, key: string): string {
  const found = field(value, key)
  return found === undefined || found === null ? '' : String(found)
}

export function arr(value: Json | undefined, key: string): readonly JsonObject[] {
  const found = field(value, key)
  return Array.isArray(found) ? (found as JsonObject[]) : []
}

export function obj(value: Json | undefined, key: string): JsonObject {
  const found = field(value, key)
  return isRecord(found) ? found : {}
}

/** RFC 1123 with a numeric zone, as Go's time.RFC1123Z. */
export function longTime(text: string): string {
  const ms = parseTime(text)
  if (ms === undefined) return 'Mon, 01 Jan 0001 00:00:00 +0000'
  return dateText((ms - EPOCH_SECONDS * 1000) * 1_000_000, '%a, %d %b %Y %T %z')
}

/** How long ago, `<unknown>` for no time. */
export function ago(sheet: Sheet, text: string): string {
  const ms = parseTime(text)
  return ms === undefined ? '<unknown>' : humanDuration((sheet.nowMs - ms) * 1_000_000)
}

/** `Labels:` with one label a line. */
export function labelLines(sheet: Sheet, title: string, labels: Readonly<Record<string, unknown>>): void {
  const keys = Object.keys(labels).sort()
  if (keys.length === 0) sheet.text += `${title}:\t<none>\n`
  keys.forEach((key, i) => {
    sheet.text += `${i === 0 ? `${title}:` : ''}\t${key}=${String(labels[key])}\n`
  })
}

const LONG = 140
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/** `Annotations:`; what apply remembers is left out. */
export function annotationLines(sheet: Sheet, title: string, all: Readonly<Record<string, string>>): void {
  const keys = Object.keys(all)
    .filter((key) => key !== LAST_APPLIED)
    .sort()
  if (keys.length === 0) sheet.text += `${title}:\t<none>\n`
  keys.forEach((key, i) => {
    const value = all[key]!.replace(/\n$/, '')
    const head = i === 0 ? `${title}:\t` : '\t'
    if (value.length + key.length + 2 <= LONG && !value.includes('\n')) {
      sheet.text += `${head}${key}: ${value}\n`
      return
    }
    sheet.text += `${head}${key}:\n`
    for (const one of value.split('\n')) {
      const cut = one.length > LONG - 2 ? `${one.slice(0, LONG - 2)}...` : one
      sheet.text += `\t  ${cut}\n`
    }
  })
}

/** Name, namespace, labels, annotations: how most descriptions begin. */
export function headLines(sheet: Sheet, object: JsonObject): void {
  const meta = metaOf(object)
  line(sheet, 0, `Name:\t${meta.name}`)
  if (meta.namespace !== '') line(sheet, 0, `Namespace:\t${meta.namespace}`)
  labelLines(sheet, 'Labels', meta.labels)
  annotationLines(sheet, 'Annotations', meta.annotations)
}

/** `Events:` of an object, asked for at the server. */
export function eventLines(sheet: Sheet, object: JsonObject): void {
  if (!boolFlag(sheet.client.flags, 'show-events', true)) return
  const meta = metaOf(object)
  const uid = str(field(object, 'metadata'), 'uid')
  // A node's events carry the node's name as their uid.
  const selector = [
    `involvedObject.name=${meta.name}`,
    ...(meta.namespace === '' ? [] : [`involvedObject.namespace=${meta.namespace}`]),
    `involvedObject.kind=${String(object.kind)}`,
    ...(object.kind === 'Node' ? [] : [`involvedObject.uid=${uid}`]),
  ].join(',')
  const path = meta.namespace === '' ? '/api/v1/events' : `/api/v1/namespaces/${meta.namespace}/events`
  const query: [string, string][] = [
    ['fieldSelector', selector],
    ['limit', '500'],
  ]
  const reply = call(sheet.client, 'GET', path, { query })
  const list = reply.ok ? [...arr(reply.body as Json, 'items')] : []
  if (list.length === 0) {
    line(sheet, 0, 'Events:\t<none>')
    return
  }
  flush(sheet)
  goSort(list, (a, b) => lastSeen(a) < lastSeen(b))
  line(sheet, 0, 'Events:')
  line(sheet, 1, 'Type\tReason\tAge\tFrom\tMessage')
  line(sheet, 1, '----\t------\t----\t----\t-------')
  for (const one of list) {
    const from = str(field(one, 'source'), 'component') || str(one, 'reportingComponent')
    line(
      sheet,
      1,
      `${str(one, 'type')}\t${str(one, 'reason')}\t${eventAge(one, sheet.nowMs)}\t${from}\t${str(one, 'message').trim()}`,
    )
  }
}

/** `ReplicaSet/web-77777`, '' where nothing controls it. */
export function controllerText(object: JsonObject): string {
  const owner = arr(field(object, 'metadata'), 'ownerReferences').find((one) => one.controller === true)
  return owner === undefined ? '' : `${str(owner, 'kind')}/${str(owner, 'name')}`
}

/** Objects of a collection, '' for those that may not be had. */
export function listAt(sheet: Sheet, path: string, labelSelector = ''): readonly JsonObject[] {
  const query: [string, string][] = labelSelector === '' ? [] : [['labelSelector', labelSelector]]
  const reply = call(sheet.client, 'GET', path, { query: [...query, ['limit', '500']] })
  return reply.ok ? arr(reply.body as Json, 'items') : []
}
