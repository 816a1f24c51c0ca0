/**
 * The way of every write to the store: metadata, defaults, admission, validation, allocation, revision.
 * Models apiserver pkg/registry/generic/registry/store.go and registry/rest (1.32).
 */
import type { World } from '../../net/types.ts'
import {
  nextSuffix,
  nextUid,
  nowText,
  storeGet,
  storeOldEvents,
  storePut,
  storeRemove,
  touchStore,
  storeOf,
  wallMs,
} from '../store/store.ts'
import type { Store } from '../store/types.ts'
import type { Namespace, Pod, Service } from '../objects.ts'
import { formatTime, parseTime } from '../time.ts'
import type { Actor, ApiObject, ApiResult, Draft, ResourceInfo, Status } from '../types.ts'
import { apiVersionOf, jsonEqual, resourceKey } from '../types.ts'
import { applyDefaults } from './defaults.ts'
import type { Mutable } from './draft.ts'
import { thaw, thawGiven } from './draft.ts'
import {
  allocate,
  dropTypeDependent,
  initFamilies,
  normalizeClusterIps,
  patchAllocated,
  release,
} from './service.ts'
import {
  alreadyExists,
  badRequest,
  conflict,
  failure,
  forbidden,
  invalid,
  modified,
  notFound,
} from './status.ts'
import { admitCreate, prepareCreate, prepareStatus, prepareUpdate, prepareEphemeral } from './strategy.ts'
import { validateCreate, validateUpdate } from './validate.ts'
import { validateClusterIps } from './validate-service.ts'

type M = Mutable<Draft>

export interface WriteOptions {
  readonly dryRun?: boolean
  /** '' for the main resource */
  readonly subresource?: string
  /** changes managedFields as this write asks for, on the draft before validation */
  readonly track?: (draft: M, old: ApiObject | undefined) => void
}

export interface DeleteOptions {
  readonly dryRun?: boolean
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
  /** preconditions */
  readonly uid?: string
  readonly resourceVersion?: string
}

const refuse = (status: Status): { ok: false; status: Status } => ({ ok: false, status })

/** Where a write goes: the store, or for a dry run a copy of it that is thrown away. */
function openStore(world: World, dryRun: boolean): Store {
  if (!dryRun) return touchStore(world)
  const store = storeOf(world)
  return { ...store, rng: { ...store.rng } }
}

/** Creates an object. `namespace` is the path's; a draft that names another one is refused. */
export function createObject(
  world: World,
  actor: Actor,
  info: ResourceInfo,
  namespace: string,
  given: Draft,
  options: WriteOptions = {},
): ApiResult {
  const key = resourceKey(info)
  const store = openStore(world, options.dryRun === true)
  const draft = thawGiven(key, Object.assign({ apiVersion: '', kind: '' }, given)) as M
  const early = placeDraft(info, draft, namespace)
  if (early !== undefined) return refuse(early)
  const { metadata } = draft
  if (!metadata.name && metadata.generateName) generateName(store, key, metadata)
  metadata.uid = nextUid(store)
  metadata.creationTimestamp = nowText(world)
  delete metadata.deletionTimestamp
  delete metadata.deletionGracePeriodSeconds
  delete metadata.resourceVersion
  const terminating = namespaceProblem(store, info, draft)
  if (terminating !== undefined) return refuse(terminating)
  applyDefaults(key, draft)
  prepareCreate(info, draft)
  const denied = admitCreate(info, draft, {
    serviceAccountExists: (name) =>
      storeGet(store, 'serviceaccounts', metadata.namespace ?? '', name) !== undefined,
    suffix: () => nextSuffix(store),
  })
  if (denied !== undefined) return refuse(denied)
  options.track?.(draft, undefined)
  const causes = key === 'services' ? serviceCauses(draft, undefined, store) : []
  if (causes.length === 0) causes.push(...validateCreate(info, draft as ApiObject, given))
  const name = metadata.name ?? ''
  if (causes.length > 0) return refuse(invalid(info.kind, info.group, name, causes))
  // The storage's own words; what is no version at all is let through.
  if (/^[1-9]\d*$/.test(given.metadata?.resourceVersion ?? '')) {
    return refuse(failure(500, '', 'resourceVersion should not be set on objects to be created'))
  }
  if (storeGet(store, key, metadata.namespace ?? '', name) !== undefined)
    return refuse(alreadyExists(info, name))
  if (key === 'services') {
    const full = allocate(draft as unknown as Mutable<Service>, undefined, store)
    if (full !== undefined) return refuse(full)
  }
  const object = draft as unknown as ApiObject
  if (options.dryRun === true) return { ok: true, object }
  if (key === 'events' && store.revision % EXPIRY_EVERY === 0) expireEvents(world)
  return { ok: true, object: storePut(world, key, object, actor.manager) }
}

/** --event-ttl: an hour after its last write an event goes. Looked after on every 64th revision that brings one. */
const EVENT_TTL_MS = 3_600_000
const EXPIRY_EVERY = 64

/** Removes events whose hour is over. In the first hour there is none. */
export function expireEvents(world: World): void {
  if (world.now < EVENT_TTL_MS * 1_000_000) return
  const now = wallMs(world)
  for (const event of storeOldEvents(storeOf(world), now - EVENT_TTL_MS)) {
    const { namespace = '', name, creationTimestamp } = event.metadata
    const times = [event.series?.lastObservedTime, event.lastTimestamp, creationTimestamp]
    const last = Math.max(...times.map((text) => parseTime(text ?? '') ?? 0))
    if (now - last >= EVENT_TTL_MS) storeRemove(world, 'events', namespace, name, 'kube-apiserver')
  }
}

/** A name that nobody has: as the server, it tries eight times (RetryGenerateName). */
function generateName(store: Store, key: string, metadata: M['metadata']): void {
  for (let i = 0; i < 8; i++) {
    metadata.name = `${metadata.generateName?.slice(0, 58)}${nextSuffix(store)}`
    if (storeGet(store, key, metadata.namespace ?? '', metadata.name) === undefined) return
  }
}

/** apiVersion, kind and namespace as the path has them. */
function placeDraft(info: ResourceInfo, draft: M, namespace: string): Status | undefined {
  draft.metadata ??= {}
  const { metadata } = draft
  if (!info.namespaced) delete metadata.namespace
  else {
    if (metadata.namespace && namespace !== '' && metadata.namespace !== namespace) {
      return badRequest(
        `the namespace of the provided object does not match the namespace sent on the request`,
      )
    }
    metadata.namespace = namespace || metadata.namespace || 'default'
  }
  draft.apiVersion = apiVersionOf(info)
  draft.kind = info.kind
  return undefined
}

/** NamespaceLifecycle: the namespace must be there and must not be going away. */
function namespaceProblem(store: Store, info: ResourceInfo, { metadata }: M): Status | undefined {
  if (!info.namespaced) return undefined
  const name = metadata.namespace ?? ''
  const namespace = storeGet<Namespace>(store, 'namespaces', '', name)
  if (namespace === undefined) return notFound({ group: '', resource: 'namespaces' }, name)
  if (namespace.metadata.deletionTimestamp === undefined) return undefined
  const why = `unable to create new content in namespace ${name} because it is being terminated`
  const cause = {
    reason: 'NamespaceTerminating',
    message: `namespace ${name} is being terminated`,
    field: 'metadata.namespace',
  }
  return forbidden(info, metadata.name ?? '', why, [cause])
}

function serviceCauses(draft: M, old: ApiObject | undefined, store: Store) {
  const service = draft as unknown as Mutable<Service>
  const before = old as Service | undefined
  if (before !== undefined) patchAllocated(service, before)
  normalizeClusterIps(service, before)
  if (before !== undefined) dropTypeDependent(service, before)
  const wrong = validateClusterIps(draft as unknown as Service)
  return wrong.length > 0 ? wrong : initFamilies(service, before, store)
}

/**
 * Replaces an object, or through a subresource its status. With a resourceVersion in the draft the write is refused
 * where the object has changed since. What is deleted and has no finalizer left goes.
 */
export function updateObject(
  world: World,
  actor: Actor,
  info: ResourceInfo,
  old: ApiObject,
  given: Draft,
  options: WriteOptions = {},
): ApiResult {
  const key = resourceKey(info)
  const { name } = old.metadata
  const { uid, resourceVersion } = given.metadata
  if (uid !== undefined && uid !== '' && uid !== old.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`
    return refuse(conflict(info, name, why))
  }
  if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) return refuse(modified(info, name))
  // The commonest writes: an agent reports a status, the scheduler binds. Nothing else is looked at or copied.
  if (options.subresource === 'binding') return settle(world, actor, key, old, given as ApiObject, false)
  if (options.subresource === 'status' && options.track === undefined && keepsNotes(given, old)) {
    const { status } = given as { status?: unknown }
    return settle(world, actor, key, old, { ...old, status } as ApiObject, options.dryRun === true)
  }
  const store = openStore(world, options.dryRun === true)
  let draft = thawGiven(key, given) as M
  const early = placeDraft(info, draft, old.metadata.namespace ?? '')
  if (early !== undefined) return refuse(early)
  if (options.subresource === 'status') draft = thaw(prepareStatus(draft, old)) as M
  if (options.subresource === 'ephemeralcontainers') draft = thaw(prepareEphemeral(draft, old)) as M
  keepSystemFields(draft, old)
  applyDefaults(key, draft)
  if (options.subresource !== 'status' && options.subresource !== 'finalize') prepareUpdate(info, draft, old)
  options.track?.(draft, old)
  const causes =
    key === 'services' && options.subresource !== 'status' ? serviceCauses(draft, old, store) : []
  if (causes.length === 0)
    causes.push(...validateUpdate(info, draft as ApiObject, old, options.subresource ?? ''))
  if (causes.length > 0) return refuse(invalid(info.kind, info.group, name, causes))
  if (key === 'services' && options.subresource !== 'status') {
    const full = allocate(draft as unknown as Mutable<Service>, old as Service, store)
    if (full !== undefined) return refuse(full)
  }
  return settle(world, actor, key, old, draft as unknown as ApiObject, options.dryRun === true)
}

/** A status write may bring annotations: a Deployment's revision comes so. */
function keepsNotes({ metadata: { annotations } }: Draft, old: ApiObject): boolean {
  return annotations === undefined || jsonEqual(annotations, old.metadata.annotations ?? {})
}

function keepSystemFields(draft: M, old: ApiObject): void {
  const { metadata } = draft
  const was = old.metadata as unknown as Record<string, unknown>
  const fields = metadata as unknown as Record<string, unknown>
  const owned = [
    'name',
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'generateName',
  ]
  for (const field of [...owned, 'resourceVersion', 'generation']) {
    if (was[field] === undefined) delete fields[field]
    else fields[field] = was[field]
  }
  if (metadata.managedFields === undefined && old.metadata.managedFields !== undefined) {
    metadata.managedFields = thaw(old.metadata.managedFields)
  }
}

/** Stores an update, unless nothing changed or the object only waited for this to go. */
function settle(
  world: World,
  actor: Actor,
  key: string,
  old: ApiObject,
  next: ApiObject,
  dryRun: boolean,
): ApiResult {
  if (jsonEqual(old, next)) return { ok: true, object: old }
  if (dryRun) return { ok: true, object: next }
  if (isDone(key, next)) {
    const gone = removeNow(world, actor, key, old)
    return { ok: true, object: gone ?? next }
  }
  return { ok: true, object: storePut(world, key, next, actor.manager) }
}

/** Deleted, no finalizer left and no grace to wait for. */
function isDone(key: string, object: ApiObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata
  if (deletionTimestamp === undefined || (finalizers?.length ?? 0) > 0) return false
  if (key === 'namespaces') return ((object as Namespace).spec?.finalizers?.length ?? 0) === 0
  return (deletionGracePeriodSeconds ?? 0) === 0
}

function removeNow(world: World, actor: Actor, key: string, object: ApiObject): ApiObject | undefined {
  const { namespace = '', name } = object.metadata
  if (key === 'services') {
    release(object as Service, undefined, touchStore(world))
    storeRemove(world, 'endpoints', namespace, name, actor.manager)
  }
  return storeRemove(world, key, namespace, name, actor.manager)
}

/**
 * Deletes an object: at once, or by a deletionTimestamp while a pod's grace lasts, finalizers stand or a namespace
 * still has content. The result is the object as it is after that; `gone` says whether it has left the store.
 */
export function deleteObject(
  world: World,
  actor: Actor,
  info: ResourceInfo,
  old: ApiObject,
  options: DeleteOptions = {},
): ApiResult & { gone?: boolean } {
  const key = resourceKey(info)
  const { name, uid, resourceVersion } = old.metadata
  if (options.uid !== undefined && options.uid !== uid) {
    const why = `Precondition failed: UID in precondition: ${options.uid}, UID in object meta: ${uid}`
    return refuse(conflict(info, name, why))
  }
  if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion) {
    const why = `Precondition failed: ResourceVersion in precondition: ${options.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`
    return refuse(conflict(info, name, why))
  }
  if (key === 'namespaces' && ['default', 'kube-system', 'kube-public'].includes(name)) {
    return refuse(forbidden(info, name, 'this namespace may not be deleted'))
  }
  const grace = graceOf(key, old, options.gracePeriodSeconds)
  const finalizers = withPropagation(old.metadata.finalizers ?? [], options.propagationPolicy)
  const waits = grace > 0 || finalizers.length > 0 || key === 'namespaces'
  if (!waits) {
    if (options.dryRun === true) return { ok: true, object: old, gone: true }
    return { ok: true, object: removeNow(world, actor, key, old) ?? old, gone: true }
  }
  const next = markDeleted(world, key, old, grace, finalizers)
  if (jsonEqual(next, old)) return { ok: true, object: old, gone: false }
  const result = settle(world, actor, key, old, next, options.dryRun === true)
  return { ...result, gone: isDone(key, next) }
}

function graceOf(key: string, object: ApiObject, asked: number | undefined): number {
  if (key !== 'pods') return 0
  const { spec, status } = object as Pod
  if (!spec.nodeName || status?.phase === 'Succeeded' || status?.phase === 'Failed') return 0
  return Math.max(0, asked ?? spec.terminationGracePeriodSeconds ?? 30)
}

function withPropagation(
  finalizers: readonly string[],
  policy: DeleteOptions['propagationPolicy'],
): readonly string[] {
  if (policy === undefined) return finalizers
  const rest = finalizers.filter((one) => one !== 'foregroundDeletion' && one !== 'orphan')
  if (policy === 'Foreground') return [...rest, 'foregroundDeletion']
  return policy === 'Orphan' ? [...rest, 'orphan'] : rest
}

function markDeleted(
  world: World,
  key: string,
  old: ApiObject,
  grace: number,
  finalizers: readonly string[],
): ApiObject {
  const { deletionTimestamp: since, deletionGracePeriodSeconds: before, ...rest } = old.metadata
  const now = wallMs(world)
  // A second deletion may only shorten the grace.
  const shorter = since === undefined || grace < (before ?? 0)
  const deletionTimestamp = shorter ? formatTime(now + grace * 1000) : since
  const deletionGracePeriodSeconds = shorter ? grace : before
  const generation =
    rest.generation === undefined ? {} : { generation: rest.generation + (since === undefined ? 1 : 0) }
  const named = finalizers.length > 0 || rest.finalizers !== undefined ? { finalizers } : {}
  const metadata = {
    ...rest,
    ...generation,
    deletionTimestamp,
    ...(key === 'namespaces' ? {} : { deletionGracePeriodSeconds }),
    ...named,
  }
  if (key !== 'namespaces') return { ...old, metadata } as ApiObject
  return { ...old, metadata, status: { ...(old as Namespace).status, phase: 'Terminating' } } as ApiObject
}
