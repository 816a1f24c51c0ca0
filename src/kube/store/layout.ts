/** Copies of objects as engines keep them in the least room. Only memory changes by it. */
import type { KubeEvent, Pod } from '../objects.ts'
import type { ApiObject } from '../types.ts'
import { EVENT } from './event-text.ts'

/** Spread first: copies that are frozen share a hidden class then, where each had one of its own. */
const PLAIN = Object.freeze({})

const POD = 'apiVersion,kind,metadata,spec,status'
const METADATA = [
  'name,namespace,uid,creationTimestamp',
  'name,namespace,uid,creationTimestamp,resourceVersion',
]

/** A copy of an object under a revision and with its name, to be frozen. */
export function draftOf<T extends ApiObject>(object: T, resourceVersion: string, name: string): T {
  if (object.kind === 'Event' && Object.keys(object).join() === EVENT) {
    return eventOf(object as unknown as Required<KubeEvent>, resourceVersion, name) as unknown as T
  }
  const metadata: { -readonly [K in keyof ApiObject['metadata']]: ApiObject['metadata'][K] } = {
    ...PLAIN,
    ...object.metadata,
    resourceVersion,
  }
  metadata.name = name
  if (object.kind === 'Pod' && Object.keys(object).join() === POD) {
    const { apiVersion, kind, spec, status } = object as unknown as Pod
    return { apiVersion, kind, metadata, spec, status } as unknown as T
  }
  return { ...PLAIN, ...object, metadata }
}

/** Events are more than all else together: field by field, which lays a record out in one piece where a spread makes two. */
function eventOf(event: Required<KubeEvent>, resourceVersion: string, name: string): ApiObject {
  const { metadata } = event
  const copy: Omit<KubeEvent, 'action' | 'series' | 'eventTime'> = {
    apiVersion: event.apiVersion,
    kind: event.kind,
    metadata: METADATA.includes(Object.keys(metadata).join())
      ? {
          name,
          namespace: metadata.namespace as string,
          uid: metadata.uid,
          creationTimestamp: metadata.creationTimestamp,
          resourceVersion,
        }
      : { ...PLAIN, ...metadata, resourceVersion },
    involvedObject: event.involvedObject,
    reason: event.reason,
    message: event.message,
    type: event.type,
    count: event.count,
    firstTimestamp: event.firstTimestamp,
    lastTimestamp: event.lastTimestamp,
    source: event.source,
    reportingComponent: event.reportingComponent,
    reportingInstance: event.reportingInstance,
  }
  return copy
}
