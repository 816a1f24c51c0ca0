/**
 * What the API server, its store and every agent share: objects, resources, results, requests.
 * Objects are deep-frozen records that are replaced as a whole; nobody changes one in place.
 */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject

/** Keys may be anything, `__proto__` too: read with `field`, build with `Object.fromEntries` or `withField`. */
export interface JsonObject {
  readonly [key: string]: Json | undefined
}

export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

export interface ManagedFields {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  readonly time?: string
  readonly fieldsType: 'FieldsV1'
  readonly fieldsV1: JsonObject
  readonly subresource?: string
}

export interface ObjectMeta {
  readonly name: string
  readonly generateName?: string
  /** absent for cluster-scoped objects */
  readonly namespace?: string
  readonly uid: string
  /** the store's revision at the last write, in decimal */
  readonly resourceVersion: string
  readonly generation?: number
  /** RFC 3339, whole seconds */
  readonly creationTimestamp: string
  readonly deletionTimestamp?: string
  readonly deletionGracePeriodSeconds?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly OwnerReference[]
  readonly finalizers?: readonly string[]
  readonly managedFields?: readonly ManagedFields[]
}

/** Any API object. The kinds in `objects.ts` extend it. */
export interface ApiObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
}

/** What a caller hands in: metadata that the server fills may be missing. */
export type Draft<T extends ApiObject = ApiObject> = Omit<T, 'metadata'> & {
  readonly metadata: Partial<ObjectMeta>
}

/** A kind of object as discovery names it. */
export interface ResourceInfo {
  /** '' for the core group */
  readonly group: string
  readonly version: string
  readonly kind: string
  /** plural, as in paths */
  readonly resource: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly namespaced: boolean
  readonly categories: readonly string[]
  readonly subresources: readonly string[]
  readonly verbs: readonly string[]
}

/** metav1.StatusCause */
export interface StatusCause {
  readonly reason: string
  readonly message: string
  readonly field: string
}

/** metav1.Status: what every failure is. */
export interface Status {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: Readonly<Record<string, never>>
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  readonly reason?: string
  readonly details?: {
    readonly name?: string
    readonly group?: string
    readonly kind?: string
    readonly uid?: string
    readonly causes?: readonly StatusCause[]
    readonly retryAfterSeconds?: number
  }
  readonly code?: number
}

/** `warnings` are what the server sends as `Warning: 299` headers. */
export type ApiResult<T = ApiObject> =
  | { readonly ok: true; readonly object: T; readonly warnings?: readonly string[] }
  | { readonly ok: false; readonly status: Status }

/** Who calls: `user` as authenticated, `manager` the field manager that a write is recorded under. */
export interface Actor {
  readonly user: string
  readonly manager: string
}

export interface ApiRequest {
  readonly method: string
  /** decoded path without query: /api/v1/namespaces/default/pods/web */
  readonly path: string
  readonly query: readonly (readonly [string, string])[]
  readonly accept: string
  readonly contentType: string
  /** text; of a protobuf body, one character for each byte */
  readonly body: string
  readonly user: string
  readonly userAgent: string
}

export interface ApiResponse {
  readonly code: number
  readonly contentType: string
  /** an object is to be sent as JSON */
  readonly body: string | object
  readonly warnings?: readonly string[]
  /** the body is the beginning of a stream of events, one JSON text a line: poll the rest with `watchPoll` */
  readonly watch?: WatchSpec
  /** the request is for a container (log -f, exec): whoever registered the hook goes on with it */
  readonly stream?: StreamSpec
}

/** What a watch follows. Plain data: a connection keeps it. */
export interface WatchSpec {
  readonly resource: string
  readonly namespace: string | undefined
  readonly labelSelector: string
  readonly fieldSelector: string
  readonly bookmarks: boolean
  /** events carry Tables */
  readonly table: boolean
  /** events carry PartialObjectMetadata */
  readonly partial: boolean
  /** of a Table's rows: Metadata, Object, None */
  readonly includeObject: string
  /** the first poll's first event has the column definitions */
  readonly headers: boolean
  /** first revision of interest: everything after it */
  readonly revision: number
  /** ns of virtual time when the server ends it; 0 for never */
  readonly endsAt: number
}

/** A log or exec request for a container, as parsed. */
export interface StreamSpec {
  readonly what: 'log' | 'exec' | 'attach' | 'portforward'
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly query: readonly (readonly [string, string])[]
}

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'

export interface WatchEvent {
  readonly type: WatchEventType
  readonly object: ApiObject
  readonly revision: number
}

/** One write as the store's log keeps it. For DELETED, `object` is the last state with the deletion's revision. */
export interface StoreChange {
  readonly revision: number
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  /** `resourceKey`: pods, deployments.apps */
  readonly resource: string
  /** NAMESPACE/NAME or NAME */
  readonly key: string
  readonly object: ApiObject
  readonly previous: ApiObject | undefined
  /** ns of virtual time */
  readonly at: number
  /** the writer's field manager */
  readonly manager: string
}

/** `pods`, `deployments.apps`, `endpointslices.discovery.k8s.io`: names a resource everywhere. */
export function resourceKey(info: { readonly resource: string; readonly group: string }): string {
  return info.group === '' ? info.resource : `${info.resource}.${info.group}`
}

/** `v1`, `apps/v1` */
export function apiVersionOf(info: { readonly group: string; readonly version: string }): string {
  return info.group === '' ? info.version : `${info.group}/${info.version}`
}

/** `NAMESPACE/NAME`, or `NAME` for cluster-scoped objects. */
export function objectKey(object: { readonly metadata: Partial<ObjectMeta> }): string {
  const { namespace, name } = object.metadata
  return namespace === undefined || namespace === '' ? `${name}` : `${namespace}/${name}`
}

/** The owner that has `controller: true`. */
export function controllerOf(object: ApiObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((ref) => ref.controller === true)
}

/** An own field, never one of the prototype's. */
export function field(object: Json | undefined, key: string): Json | undefined {
  if (typeof object !== 'object' || object === null || Array.isArray(object)) return undefined
  return Object.hasOwn(object, key) ? (object as JsonObject)[key] : undefined
}

/** A copy with one field set, or removed where `value` is undefined; safe for any key. */
export function withField(object: JsonObject, key: string, value: Json | undefined): JsonObject {
  const copy = { ...object }
  if (value === undefined) {
    delete copy[key]
    return copy
  }
  Object.defineProperty(copy, key, { value, enumerable: true, configurable: true, writable: true })
  return copy
}

export function isRecord(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Freezes a value and all below it; what is frozen already is taken to be frozen to the ground. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  if (Array.isArray(value)) for (let i = 0; i < value.length; i++) freezeBelow(value[i])
  else for (const key in value) freezeBelow((value as Record<string, unknown>)[key])
  return Object.freeze(value)
}

function freezeBelow(value: unknown): void {
  if (typeof value === 'object' && value !== null) deepFreeze(value)
}

/** Equal as JSON values: order of keys does not count, a key with undefined equals a missing one. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    for (let i = 0; i < a.length; i++) if (!jsonEqual(a[i], b[i])) return false
    return true
  }
  let fields = 0
  // Records have no enumerable fields but their own.
  for (const key in a) {
    const mine = (a as JsonObject)[key]
    if (mine === undefined) continue
    if (!Object.hasOwn(b, key) || !jsonEqual(mine, (b as JsonObject)[key])) return false
    fields++
  }
  for (const key in b) if ((b as JsonObject)[key] !== undefined) fields--
  return fields === 0
}
