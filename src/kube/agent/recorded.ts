/** An event as an agent recorded it, written at the API server. Models client-go tools/record's create and patch. */
import type { World } from '../../net/types.ts'
import { apiCreate, apiPatch } from '../api/local.ts'
import { isCombined } from '../controller/correlator.ts'
import type { KubeEvent } from '../objects.ts'
import { storeGet, storeOf, timeText } from '../store/store.ts'
import type { Actor, ApiObject, ApiResult } from '../types.ts'

/** What an agent says. */
export interface Recorded {
  readonly about: Pick<ApiObject, 'apiVersion' | 'kind'> & {
    readonly metadata: Pick<ApiObject['metadata'], 'name' | 'namespace' | 'uid' | 'resourceVersion'>
  }
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  readonly component: string
  /** '' for the control plane */
  readonly host: string
  /** When it was recorded, and when its like was first (ns): by this it is named. */
  readonly at: number
  readonly since: number
  readonly isNew: boolean
}

/** Writes it: a new event, or one more of those that it is like. */
export function putEvent(world: World, actor: Actor, event: Recorded): ApiResult {
  const { about, reason, message, component, host } = event
  const { name: whose, namespace = 'default' } = about.metadata
  let at = event.since
  let name = eventName(world, whose, at)
  const store = storeOf(world)
  let known = storeGet<KubeEvent>(store, 'events', namespace, name)
  // Two events of one instant: real clocks never show the same nanosecond twice.
  while (known !== undefined && (event.isNew || !isSame(known, event))) {
    name = eventName(world, whose, ++at)
    known = storeGet<KubeEvent>(store, 'events', namespace, name)
  }
  const now = timeText(store, event.at)
  if (known !== undefined) {
    const body = { message, count: (known.count ?? 1) + 1, lastTimestamp: now }
    return apiPatch<ApiObject>(world, actor, 'events', namespace, name, { type: 'merge', body })
  }
  return apiCreate<KubeEvent>(world, actor, 'events', {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace },
    involvedObject: referenceTo(about),
    reason,
    message,
    type: event.type,
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
    eventTime: null,
    source: { component, ...(host === '' ? {} : { host }) },
    reportingComponent: component,
    reportingInstance: host,
  })
}

/** Each in one piece: engines lay a record with a spread in it out in two. */
function referenceTo({ kind, apiVersion, metadata }: Recorded['about']): KubeEvent['involvedObject'] {
  const { namespace, name, uid, resourceVersion } = metadata
  return namespace === undefined
    ? { kind, name, uid, apiVersion, resourceVersion }
    : { kind, namespace, name, uid, apiVersion, resourceVersion }
}

function isSame(known: KubeEvent, { component, reason, message }: Recorded): boolean {
  if (known.source?.component !== component || known.reason !== reason) return false
  return known.message === message || (isCombined(known.message ?? '') && isCombined(message))
}

/** An object's name and the time in nanoseconds since 1970, in hexadecimal: an object's events list in their order. */
function eventName(world: World, whose: string, at: number): string {
  const { epochMs, firstEpochMs = epochMs } = storeOf(world).options
  const nanos = BigInt(firstEpochMs) * 1_000_000n + BigInt(at)
  return `${whose}.${nanos.toString(16)}`
}
