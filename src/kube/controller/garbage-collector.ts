/**
 * Deletes what its owners leave behind. Models pkg/controller/garbagecollector (Kubernetes 1.32): Background, Foreground
 * and Orphan, blockOwnerDeletion. Its graph is the store's own index of owners, as of now: nothing here grows with it.
 */
import { enqueue } from '../agent/agent.ts'
import { cacheList } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiDelete, apiPatch } from '../api/local.ts'
import { findKind, resources } from '../api/resources.ts'
import { storeGet, storeList, storeOf, storeOwned } from '../store/store.ts'
import type { ApiObject, Json, OwnerReference, StoreChange } from '../types.ts'
import { jsonEqual, objectKey, resourceKey } from '../types.ts'
import { recordEvent } from './common.ts'

const FOREGROUND = 'foregroundDeletion'
const ORPHAN = 'orphan'

/** Events own nothing and are owned by nobody. */
const WATCHED: readonly { readonly resource: string }[] = resources
  .map(resourceKey)
  .filter((resource) => resource !== 'events')
  .map((resource) => ({ resource }))

export const garbageCollector: AgentProgram = {
  name: 'garbage-collector-controller',
  wants: () => WATCHED,
  delayNs: 3_000_000,
  workNs: 100_000,
  start(ctx) {
    for (const { resource } of WATCHED) {
      for (const object of cacheList<ApiObject>(ctx, resource)) look(ctx, resource, object)
    }
  },
  observe(ctx, change) {
    if (change.type === 'DELETED') onGone(ctx, change)
    else if (isWorthALook(change)) {
      look(ctx, change.resource, change.object)
      unblock(ctx, change)
    }
  },
  reconcile,
}

/** RESOURCE, a blank, NAMESPACE/NAME */
function queueKey(resource: string, object: ApiObject): string {
  return `${resource} ${objectKey(object)}`
}

function onGone(ctx: AgentCtx, { object }: StoreChange): void {
  for (const { resource, object: dependent } of storeOwned(storeOf(ctx.world), object.metadata.uid)) {
    enqueue(ctx, queueKey(resource, dependent))
  }
  // An owner may wait for this one to be gone.
  for (const ref of object.metadata.ownerReferences ?? []) {
    const owner = ownerOf(ctx, object, ref)
    if (owner !== undefined && waits(owner.object, FOREGROUND))
      enqueue(ctx, queueKey(owner.resource, owner.object))
  }
}

function isWorthALook({ object, previous }: StoreChange): boolean {
  if (previous === undefined || object.metadata.deletionTimestamp !== undefined) return true
  return !jsonEqual(object.metadata.ownerReferences, previous.metadata.ownerReferences)
}

/** Only what has something to be done is queued: most objects have living owners. */
function look(ctx: AgentCtx, resource: string, object: ApiObject): void {
  const { deletionTimestamp, ownerReferences = [] } = object.metadata
  if (deletionTimestamp !== undefined && (waits(object, FOREGROUND) || waits(object, ORPHAN))) {
    enqueue(ctx, queueKey(resource, object))
    return
  }
  for (const ref of ownerReferences) {
    const owner = ownerOf(ctx, object, ref)
    if (owner === undefined) tellWrongNamespace(ctx, object, ref)
    if (owner === undefined || waits(owner.object, FOREGROUND)) enqueue(ctx, queueKey(resource, object))
  }
}

/** An owner of another namespace is none; that it stands there is worth a word. Models reportInvalidNamespaceOwnerRef. */
function tellWrongNamespace(ctx: AgentCtx, object: ApiObject, ref: OwnerReference): void {
  const info = findKind(ref.apiVersion, ref.kind)
  const { namespace = '' } = object.metadata
  if (info === undefined || !info.namespaced || namespace === '') return
  const others = storeList(storeOf(ctx.world), resourceKey(info))
  if (!others.some(({ metadata }) => metadata.uid === ref.uid && metadata.namespace !== namespace)) return
  const { apiVersion, kind, name, uid } = ref
  const named = `[${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}]`
  const text = `ownerRef ${named} does not exist in namespace "${namespace}"`
  recordEvent(ctx, object, 'Warning', 'OwnerRefInvalidNamespace', text)
}

/** Owners that this object blocked a moment ago may go on. Models addUnblockedOwnersToDeleteQueue. */
function unblock(ctx: AgentCtx, { object, previous }: StoreChange): void {
  for (const ref of previous?.metadata.ownerReferences ?? []) {
    if (ref.blockOwnerDeletion !== true) continue
    const now = object.metadata.ownerReferences?.find(({ uid }) => uid === ref.uid)
    if (now?.blockOwnerDeletion === true) continue
    const owner = ownerOf(ctx, object, ref)
    if (owner !== undefined && waits(owner.object, FOREGROUND))
      enqueue(ctx, queueKey(owner.resource, owner.object))
  }
}

/** It is being deleted and this finalizer holds it. */
function waits({ metadata }: ApiObject, finalizer: string): boolean {
  return metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(finalizer) === true
}

/** The owner that a reference names, if it stands: cluster-scoped, or in the dependent's namespace. */
function ownerOf(
  ctx: AgentCtx,
  dependent: ApiObject,
  { apiVersion, kind, name, uid }: OwnerReference,
): { resource: string; object: ApiObject } | undefined {
  const info = findKind(apiVersion, kind)
  if (info === undefined) return undefined
  const namespace = info.namespaced ? (dependent.metadata.namespace ?? '') : ''
  const resource = resourceKey(info)
  const object = storeGet(storeOf(ctx.world), resource, namespace, name)
  return object?.metadata.uid === uid ? { resource, object } : undefined
}

/** The real one asks the server before it deletes; so does this. */
function reconcile(ctx: AgentCtx, key: string): Reconciled {
  const resource = key.slice(0, key.indexOf(' '))
  const place = key.slice(resource.length + 1)
  const slash = place.indexOf('/')
  const namespace = slash < 0 ? '' : place.slice(0, slash)
  const object = storeGet(storeOf(ctx.world), resource, namespace, place.slice(slash + 1))
  if (object === undefined) return {}
  if (waits(object, ORPHAN)) return orphan(ctx, resource, object) ? {} : { retry: true }
  if (waits(object, FOREGROUND)) return finishForeground(ctx, resource, object) ? {} : { retry: true }
  if (object.metadata.deletionTimestamp !== undefined) return {}
  return attemptToDelete(ctx, resource, object) ? {} : { retry: true }
}

/** Deletes an object whose owners are all gone or on their way, or strikes those that are. Models attemptToDeleteItem. */
function attemptToDelete(ctx: AgentCtx, resource: string, object: ApiObject): boolean {
  const { namespace = '', name, uid, finalizers = [], ownerReferences: refs = [] } = object.metadata
  if (refs.length === 0) return true
  const solid: OwnerReference[] = []
  let waiting = false
  for (const ref of refs) {
    const info = findKind(ref.apiVersion, ref.kind)
    // A kind that is not served cannot be asked for, and nothing of a namespace can own what is in none.
    if (info === undefined || (info.namespaced && namespace === '')) return true
    const owner = ownerOf(ctx, object, ref)
    if (owner === undefined) continue
    if (waits(owner.object, FOREGROUND)) waiting = true
    else solid.push(ref)
  }
  if (solid.length === refs.length) return true
  if (solid.length > 0) return putOwners(ctx, resource, object, solid)
  const dependents = storeOwned(storeOf(ctx.world), uid)
  const foreground = waiting && dependents.length > 0
  // Two that wait for each other would wait for ever.
  if (foreground && dependents.some((one) => waits(one.object, FOREGROUND))) {
    const free = refs.map((ref) =>
      ref.blockOwnerDeletion === true ? { ...ref, blockOwnerDeletion: false } : ref,
    )
    if (!jsonEqual(free, refs) && !putOwners(ctx, resource, object, free)) return false
  }
  const propagationPolicy = foreground ? 'Foreground' : policyOf(finalizers)
  const gone = apiDelete(ctx.world, actorOf(ctx.agent), resource, namespace, name, { uid, propagationPolicy })
  return gone.ok || gone.status.code === 404
}

function policyOf(finalizers: readonly string[]): 'Orphan' | 'Foreground' | 'Background' {
  if (finalizers.includes(ORPHAN)) return 'Orphan'
  return finalizers.includes(FOREGROUND) ? 'Foreground' : 'Background'
}

/** Its dependents go first; when none that blocks is left, so does it. */
function finishForeground(ctx: AgentCtx, resource: string, object: ApiObject): boolean {
  const { uid } = object.metadata
  const dependents = storeOwned(storeOf(ctx.world), uid)
  const blocks = ({ object: one }: { object: ApiObject }) =>
    one.metadata.ownerReferences?.some((ref) => ref.uid === uid && ref.blockOwnerDeletion === true) === true
  for (const dependent of dependents) {
    if (dependent.object.metadata.deletionTimestamp === undefined)
      enqueue(ctx, queueKey(dependent.resource, dependent.object))
  }
  return dependents.some(blocks) || dropFinalizer(ctx, resource, object, FOREGROUND)
}

/** Its dependents are let go, then it goes. */
function orphan(ctx: AgentCtx, resource: string, object: ApiObject): boolean {
  const { uid } = object.metadata
  for (const dependent of storeOwned(storeOf(ctx.world), uid)) {
    const refs = (dependent.object.metadata.ownerReferences ?? []).filter((ref) => ref.uid !== uid)
    if (!putOwners(ctx, dependent.resource, dependent.object, refs)) return false
  }
  return dropFinalizer(ctx, resource, object, ORPHAN)
}

function putOwners(
  ctx: AgentCtx,
  resource: string,
  { metadata }: ApiObject,
  refs: readonly OwnerReference[],
): boolean {
  const { namespace = '', name, uid } = metadata
  const body = { metadata: { uid, ownerReferences: refs.length === 0 ? null : (refs as unknown as Json) } }
  return apiPatch(ctx.world, actorOf(ctx.agent), resource, namespace, name, { type: 'merge', body }).ok
}

function dropFinalizer(ctx: AgentCtx, resource: string, { metadata }: ApiObject, finalizer: string): boolean {
  const { namespace = '', name, uid, finalizers = [] } = metadata
  const body = { metadata: { uid, finalizers: finalizers.filter((one) => one !== finalizer) } }
  return apiPatch(ctx.world, actorOf(ctx.agent), resource, namespace, name, { type: 'merge', body }).ok
}
