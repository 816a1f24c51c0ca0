/**
 * An Event as the recorders write it, in some 70 characters: of what it holds most follows from its name, its reason and
 * its other fields. What is written otherwise has no such text. A piece never reaches into what stands around it.
 */
import type { KubeEvent } from '../objects.ts'
import type { ApiObject } from '../types.ts'
import type { Reader } from './pack.ts'
import {
  momentOf,
  momentText,
  packNumber,
  packText,
  packUid,
  readNumber,
  readText,
  readUid,
  UID_LENGTH,
} from './pack.ts'
import { packSaid, readSaid } from './phrases.ts'

type Recorded = Omit<Required<KubeEvent>, 'action' | 'series' | 'eventTime'> & {
  readonly firstTimestamp: string
  readonly lastTimestamp: string
}

/** The fields of an event as the recorders write it. */
export const EVENT =
  'apiVersion,kind,metadata,involvedObject,reason,message,type,count,firstTimestamp,lastTimestamp,source,' +
  'reportingComponent,reportingInstance'
const FIELDS = EVENT.split(',')
const METADATA = ['name', 'namespace', 'uid', 'creationTimestamp', 'resourceVersion']
const CLUSTER_WIDE = ['kind', 'name', 'uid', 'apiVersion', 'resourceVersion']
const NAMESPACED = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion']
const OF_CLUSTER = ['component']
const OF_HOST = ['component', 'host']

/** Whose events they mostly are; the number in the text is the place in the list, 0 for others. */
const COMPONENTS = ['', 'kubelet', 'default-scheduler', 'replicaset-controller', 'deployment-controller']

/** Characters of the bits and the component. */
const HEAD = 3

/** What need not be said, a bit each. */
const Bit = {
  namespaced: 1,
  itsNamespace: 2,
  itsName: 4,
  pod: 8,
  normal: 16,
  itsComponent: 32,
  host: 64,
  itsInstance: 128,
  uid: 256,
  itsUid: 512,
  firstNow: 1024,
  lastNow: 2048,
  itsRevision: 4096,
  once: 8192,
} as const

/** Of a frozen event what it was last asked for: the table wants it, and then the log. */
const texts = new WeakMap<ApiObject, EventText>()

/** An event's text without its key, and when it was made or last written, whichever was later (`momentOf`). */
export interface EventText {
  readonly text: string
  readonly last: number
}

/** The text of an event under its key; undefined where it has none. */
export function eventText(object: ApiObject, namespace: string, name: string): EventText | undefined {
  const known = texts.get(object)
  const { metadata } = object
  if (known !== undefined && metadata.namespace === namespace && metadata.name === name) return known
  const made = textOf(object, namespace, name)
  if (made !== undefined && Object.isFrozen(object)) texts.set(object, made)
  return made
}

function textOf(object: ApiObject, namespace: string, name: string): EventText | undefined {
  if (!isRecorded(object) || object.metadata.namespace !== namespace || object.metadata.name !== name)
    return undefined
  const { metadata, involvedObject: about, source, reason, message } = object
  const made = momentOf(metadata.creationTimestamp)
  const first = momentOf(object.firstTimestamp)
  const last = momentOf(object.lastTimestamp)
  const revision = decimal(metadata.resourceVersion)
  if (made === undefined || first === undefined || last === undefined || revision === undefined)
    return undefined
  const uid = packUid(metadata.uid)
  const itsUid = packUid(about.uid ?? '')
  const itsRevision = decimal(about.resourceVersion ?? '')
  const host = source.host
  const component = Math.max(0, COMPONENTS.indexOf(source.component ?? ''))
  let bits = 0
  let rest = ''
  if (about.namespace !== undefined) {
    bits |= Bit.namespaced
    if (about.namespace === namespace) bits |= Bit.itsNamespace
    else rest += packText(about.namespace)
  }
  if (about.name === whoseOf(name)) bits |= Bit.itsName
  else rest += packText(about.name!)
  if (about.kind === 'Pod' && about.apiVersion === 'v1') bits |= Bit.pod
  else rest += packText(about.kind!) + packText(about.apiVersion!)
  if (object.type === 'Normal') bits |= Bit.normal
  else rest += packText(object.type)
  if (host !== undefined) {
    bits |= Bit.host
    rest += packText(host)
  }
  if (component === 0) rest += packText(source.component!)
  if (object.reportingComponent === source.component) bits |= Bit.itsComponent
  else rest += packText(object.reportingComponent)
  if (object.reportingInstance === (host ?? '')) bits |= Bit.itsInstance
  else rest += packText(object.reportingInstance)
  if (first === made) bits |= Bit.firstNow
  else rest += packNumber(first)
  if (object.count === 1) bits |= Bit.once
  else rest += packNumber(object.count)
  rest += packSaid(reason, message, `${about.namespace}/${about.name}`)
  if (uid !== undefined) bits |= Bit.uid
  if (last === made) bits |= Bit.lastNow
  if (itsUid !== undefined) bits |= Bit.itsUid
  if (itsRevision !== undefined) bits |= Bit.itsRevision
  const pieces = [
    String.fromCharCode(bits & 255, bits >> 8, component),
    uid ?? packText(metadata.uid),
    packNumber(made),
    last === made ? '' : packNumber(last),
    packNumber(revision),
    itsUid ?? packText(about.uid!),
    itsRevision === undefined ? packText(about.resourceVersion!) : packNumber(itsRevision),
    rest,
  ]
  return { text: pieces.join(''), last: Math.max(made, last) }
}

/** The event whose text without its key begins here. Not frozen yet. */
export function readEvent(from: Reader, namespace: string, name: string): KubeEvent {
  const { text } = from
  const bits = text.charCodeAt(from.at) | (text.charCodeAt(from.at + 1) << 8)
  const component = text.charCodeAt(from.at + 2)
  from.at += HEAD
  const has = (bit: number) => (bits & bit) !== 0
  const uid = has(Bit.uid) ? readUid(from) : readText(from)
  const made = readNumber(from)
  const last = has(Bit.lastNow) ? made : readNumber(from)
  const resourceVersion = String(readNumber(from))
  const itsUid = has(Bit.itsUid) ? readUid(from) : readText(from)
  const itsRevision = has(Bit.itsRevision) ? String(readNumber(from)) : readText(from)
  const itsNamespace = !has(Bit.namespaced) ? undefined : has(Bit.itsNamespace) ? namespace : readText(from)
  const itsName = has(Bit.itsName) ? whoseOf(name) : readText(from)
  const kind = has(Bit.pod) ? 'Pod' : readText(from)
  const apiVersion = has(Bit.pod) ? 'v1' : readText(from)
  const type = has(Bit.normal) ? 'Normal' : readText(from)
  const host = has(Bit.host) ? readText(from) : undefined
  const sourceComponent = component === 0 ? readText(from) : COMPONENTS[component]!
  const reportingComponent = has(Bit.itsComponent) ? sourceComponent : readText(from)
  const reportingInstance = has(Bit.itsInstance) ? (host ?? '') : readText(from)
  const first = has(Bit.firstNow) ? made : readNumber(from)
  const count = has(Bit.once) ? 1 : readNumber(from)
  const { reason, message } = readSaid(from, `${itsNamespace}/${itsName}`)
  const involvedObject =
    itsNamespace === undefined
      ? { kind, name: itsName, uid: itsUid, apiVersion, resourceVersion: itsRevision }
      : {
          kind,
          namespace: itsNamespace,
          name: itsName,
          uid: itsUid,
          apiVersion,
          resourceVersion: itsRevision,
        }
  const creationTimestamp = momentText(made)
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace, uid, creationTimestamp, resourceVersion },
    involvedObject,
    reason,
    message,
    type: type as Recorded['type'],
    count,
    firstTimestamp: first === made ? creationTimestamp : momentText(first),
    lastTimestamp: last === made ? creationTimestamp : momentText(last),
    source: host === undefined ? { component: sourceComponent } : { component: sourceComponent, host },
    reportingComponent,
    reportingInstance,
  }
}

/** When the event whose text without its key begins here was made or last written, whichever was later. */
export function readLast(from: Reader): number {
  const { text } = from
  const bits = text.charCodeAt(from.at) | (text.charCodeAt(from.at + 1) << 8)
  const skip = { text, at: from.at + HEAD }
  if ((bits & Bit.uid) !== 0) skip.at += UID_LENGTH
  else readText(skip)
  const made = readNumber(skip)
  return (bits & Bit.lastNow) !== 0 ? made : Math.max(made, readNumber(skip))
}

/** Whether all of it are fields that the text has, in their order and of their types. */
function isRecorded(object: ApiObject): object is ApiObject & Recorded {
  const event = object as unknown as Recorded
  if (event.kind !== 'Event' || event.apiVersion !== 'v1' || !isLaidOut(event, FIELDS, false)) return false
  const { metadata, involvedObject: about, source } = event
  if (!isLaidOut(metadata, METADATA, true)) return false
  if (!isLaidOut(about, NAMESPACED, true) && !isLaidOut(about, CLUSTER_WIDE, true)) return false
  if (!isLaidOut(source, OF_HOST, true) && !isLaidOut(source, OF_CLUSTER, true)) return false
  const { count, reason, message, type, firstTimestamp, lastTimestamp } = event
  if (!isText(reason) || !isText(message) || !isText(type)) return false
  if (!isText(firstTimestamp) || !isText(lastTimestamp)) return false
  if (!isText(event.reportingComponent) || !isText(event.reportingInstance)) return false
  return Number.isSafeInteger(count) && count >= 0 && !Object.is(count, -0)
}

/** Whether a record has these fields in this order and no others; all texts, if `texts` says so. */
function isLaidOut(record: object, fields: readonly string[], texts: boolean): boolean {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return false
  let i = 0
  for (const key in record) {
    if (key !== fields[i]) return false
    if (texts && !isText((record as Record<string, unknown>)[key])) return false
    i++
  }
  return i === fields.length
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

/** The number that is written so, and in no other way. */
function decimal(text: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined
}

/** What an event's name begins with: whom it is about. */
function whoseOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('.')))
}
