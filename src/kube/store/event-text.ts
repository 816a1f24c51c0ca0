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
const METADATA = 'name,namespace,uid,creationTimestamp,resourceVersion'
const CLUSTER_WIDE = 'kind,name,uid,apiVersion,resourceVersion'
const NAMESPACED = 'kind,namespace,name,uid,apiVersion,resourceVersion'

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

/** When an event was last heard of (as `momentOf`), and its text without its key; undefined where it has none. */
export function eventText(
  object: ApiObject,
  namespace: string,
  name: string,
): { text: string; last: number } | undefined {
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
  const say = (bit: number, known: boolean, otherwise: () => string) => {
    if (known) bits |= bit
    else rest += otherwise()
  }
  if (about.namespace !== undefined) {
    bits |= Bit.namespaced
    say(Bit.itsNamespace, about.namespace === namespace, () => packText(about.namespace!))
  }
  say(Bit.itsName, about.name === whoseOf(name), () => packText(about.name!))
  say(
    Bit.pod,
    about.kind === 'Pod' && about.apiVersion === 'v1',
    () => packText(about.kind!) + packText(about.apiVersion!),
  )
  say(Bit.normal, object.type === 'Normal', () => packText(object.type))
  if (host !== undefined) {
    bits |= Bit.host
    rest += packText(host)
  }
  if (component === 0) rest += packText(source.component!)
  say(Bit.itsComponent, object.reportingComponent === source.component, () =>
    packText(object.reportingComponent),
  )
  say(Bit.itsInstance, object.reportingInstance === (host ?? ''), () => packText(object.reportingInstance))
  say(Bit.firstNow, first === made, () => packNumber(first))
  say(Bit.once, object.count === 1, () => packNumber(object.count))
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
  if (event.kind !== 'Event' || event.apiVersion !== 'v1' || Object.keys(event).join() !== EVENT) return false
  const { metadata, involvedObject: about, source } = event
  if (!areTexts(metadata, [METADATA]) || !areTexts(about, [CLUSTER_WIDE, NAMESPACED])) return false
  if (!areTexts(source, ['component', 'component,host'])) return false
  const {
    reason,
    message,
    type,
    count,
    firstTimestamp,
    lastTimestamp,
    reportingComponent,
    reportingInstance,
  } = event
  const texts = [reason, message, type, firstTimestamp, lastTimestamp, reportingComponent, reportingInstance]
  return texts.every(isText) && Number.isSafeInteger(count) && count >= 0 && !Object.is(count, -0)
}

function areTexts(record: unknown, shapes: readonly string[]): boolean {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return false
  return shapes.includes(Object.keys(record).join()) && Object.values(record).every(isText)
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
