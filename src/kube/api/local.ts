/** The API for agents in the same process: objects in, objects out, no JSON text. Everything else is as over REST. */
import type { World } from '../../net/types.ts'
import { storeGet, storeList, storeOf } from '../store/store.ts'
import type { Pod } from '../objects.ts'
import type { Actor, ApiObject, ApiResult, Draft, Json, ResourceInfo } from '../types.ts'
import { assert } from '../../base/assert.ts'
import type { DeleteOptions } from './registry.ts'
import { createObject, deleteObject, updateObject } from './registry.ts'
import { patchObject, type PatchType } from './patch.ts'
import { findResource } from './resources.ts'
import { parseSelectors } from './selectors.ts'
import { notFound } from './status.ts'
import { bindPod, evictPod } from './subresources.ts'

export interface ListOptions {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

export interface PatchOptions {
  readonly type: PatchType
  readonly body: Json
  readonly subresource?: 'status'
  readonly force?: boolean
}

/** The object, or 404. `namespace` is '' for cluster-scoped resources; `resource` is a resource key. */
export function apiGet<T extends ApiObject = ApiObject>(
  world: World,
  resource: string,
  namespace: string,
  name: string,
): ApiResult<T> {
  const object = storeGet<T>(storeOf(world), resource, namespace, name)
  return object === undefined ? { ok: false, status: notFound(infoOf(resource), name) } : { ok: true, object }
}

/** All objects that both selectors match. Asserts that the selectors are well formed. */
export function apiList<T extends ApiObject = ApiObject>(
  world: World,
  resource: string,
  { namespace = '', labelSelector = '', fieldSelector = '' }: ListOptions = {},
): readonly T[] {
  const objects = storeList<T>(storeOf(world), resource, namespace)
  if (labelSelector === '' && fieldSelector === '') return objects
  const parsed = parseSelectors(resource, labelSelector, fieldSelector)
  assert('matches' in parsed, 'kube: an agent uses a bad selector')
  return objects.filter(parsed.matches)
}

/** Creates an object in `draft.metadata.namespace`. */
export function apiCreate<T extends ApiObject = ApiObject>(
  world: World,
  actor: Actor,
  resource: string,
  draft: Draft<T>,
): ApiResult<T> {
  const namespace = draft.metadata.namespace ?? ''
  return createObject(world, actor, infoOf(resource), namespace, draft) as ApiResult<T>
}

/** Replaces an object; refused with 409 where `metadata.resourceVersion` is set and no longer the latest. */
export function apiUpdate<T extends ApiObject = ApiObject>(
  world: World,
  actor: Actor,
  resource: string,
  object: Draft<T>,
): ApiResult<T> {
  return update<T>(world, actor, resource, object, '')
}

/** Replaces the status only. */
export function apiUpdateStatus<T extends ApiObject = ApiObject>(
  world: World,
  actor: Actor,
  resource: string,
  object: Draft<T>,
): ApiResult<T> {
  return update<T>(world, actor, resource, object, 'status')
}

/** Replaces spec.finalizers of a namespace: with the last one gone, so is the namespace. */
export function apiFinalize<T extends ApiObject = ApiObject>(
  world: World,
  actor: Actor,
  object: Draft<T>,
): ApiResult<T> {
  return update<T>(world, actor, 'namespaces', object, 'finalize')
}

/** Applies a patch: JSON (RFC 6902), merge (RFC 7386), strategic merge, or server-side apply. */
export function apiPatch<T extends ApiObject = ApiObject>(
  world: World,
  actor: Actor,
  resource: string,
  namespace: string,
  name: string,
  { type, body, subresource, force }: PatchOptions,
): ApiResult<T> {
  const options = { subresource: subresource ?? '', force: force === true }
  return patchObject(world, actor, infoOf(resource), namespace, name, type, body, options) as ApiResult<T>
}

/**
 * Deletes an object. The result holds its last state; it may still stand (grace, finalizers): see `gone`.
 */
export function apiDelete<T extends ApiObject = ApiObject>(
  world: World,
  actor: Actor,
  resource: string,
  namespace: string,
  name: string,
  options: DeleteOptions = {},
): ApiResult<T> & { gone?: boolean } {
  const info = infoOf(resource)
  const old = storeGet(storeOf(world), resource, namespace, name)
  if (old === undefined) return { ok: false, status: notFound(info, name) }
  return deleteObject(world, actor, info, old, options) as ApiResult<T> & { gone?: boolean }
}

/** Binds a pod to a node, as the scheduler does. */
export function apiBind(
  world: World,
  actor: Actor,
  namespace: string,
  pod: string,
  node: string,
): ApiResult<Pod> {
  return bindPod(world, actor, namespace, pod, { node }) as ApiResult<Pod>
}

/** Evicts a pod: a deletion that a disruption budget might refuse. */
export function apiEvict(
  world: World,
  actor: Actor,
  namespace: string,
  pod: string,
  options: DeleteOptions = {},
): ApiResult<Pod> {
  return evictPod(world, actor, namespace, pod, options) as ApiResult<Pod>
}

function update<T extends ApiObject>(
  world: World,
  actor: Actor,
  resource: string,
  object: Draft<T>,
  subresource: string,
): ApiResult<T> {
  const info = infoOf(resource)
  const { namespace = '', name = '' } = object.metadata
  const old = storeGet(storeOf(world), resource, namespace, name)
  if (old === undefined) return { ok: false, status: notFound(info, name) }
  return updateObject(world, actor, info, old, object, { subresource }) as ApiResult<T>
}

function infoOf(resource: string): ResourceInfo {
  const info = findResource(resource)
  assert(info !== undefined, `kube: ${resource} is a served resource`)
  return info
}
