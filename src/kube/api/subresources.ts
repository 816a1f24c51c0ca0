/** binding, eviction and scale. Models pkg/registry/core/pod/storage and apps' scale (1.32). */
import type { World } from '../../net/types.ts'
import type { Deployment, Pod } from '../objects.ts'
import { nowText, storeGet, storeOf } from '../store/store.ts'
import type { Actor, ApiObject, ApiResult, Draft, Json, ResourceInfo } from '../types.ts'
import { resourceKey } from '../types.ts'
import type { DeleteOptions } from './registry.ts'
import { deleteObject, updateObject } from './registry.ts'
import { findResource } from './resources.ts'
import { conflict, notFound } from './status.ts'

const pods = findResource('pods') as ResourceInfo

export interface BindTarget {
  readonly node: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly uid?: string
}

/** Sets spec.nodeName and the condition PodScheduled; a pod is bound once. */
export function bindPod(
  world: World,
  actor: Actor,
  namespace: string,
  name: string,
  target: BindTarget,
): ApiResult {
  const pod = storeGet<Pod>(storeOf(world), 'pods', namespace, name)
  if (pod === undefined) return { ok: false, status: notFound(pods, name) }
  if (target.uid !== undefined && target.uid !== '' && target.uid !== pod.metadata.uid) {
    return { ok: false, status: conflict(pods, name, `uid mismatch: ${target.uid}`) }
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    return {
      ok: false,
      status: conflict(
        { group: '', resource: 'pods/binding' },
        name,
        `pod ${name} is being deleted, cannot be assigned to a host`,
      ),
    }
  }
  if (pod.spec.nodeName) {
    const why = `pod ${name} is already assigned to node "${pod.spec.nodeName}"`
    return { ok: false, status: conflict({ group: '', resource: 'pods/binding' }, name, why) }
  }
  const others = (pod.status?.conditions ?? []).filter((one) => one.type !== 'PodScheduled')
  const condition = {
    type: 'PodScheduled',
    status: 'True' as const,
    lastProbeTime: null,
    lastTransitionTime: nowText(world),
  }
  const annotations = { ...pod.metadata.annotations, ...target.annotations }
  const next: Pod = {
    ...pod,
    metadata: Object.keys(annotations).length === 0 ? pod.metadata : { ...pod.metadata, annotations },
    spec: { ...pod.spec, nodeName: target.node },
    status: { ...pod.status, conditions: [...others, condition] },
  }
  return updateObject(world, actor, pods, pod, next, { subresource: 'binding' })
}

/** There are no disruption budgets here: an eviction is a deletion. */
export function evictPod(
  world: World,
  actor: Actor,
  namespace: string,
  name: string,
  options: DeleteOptions,
): ApiResult {
  const pod = storeGet<Pod>(storeOf(world), 'pods', namespace, name)
  if (pod === undefined) return { ok: false, status: notFound(pods, name) }
  return deleteObject(world, actor, pods, pod, options)
}

/** autoscaling/v1 Scale of a workload. */
export function scaleOf(object: ApiObject): ApiObject {
  const { spec, status, metadata } = object as Deployment
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata
  const labels = spec.selector.matchLabels ?? {}
  const selector = Object.keys(labels)
    .sort()
    .map((key) => `${key}=${labels[key]}`)
    .join(',')
  const scale = {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: spec.replicas ? { replicas: spec.replicas } : {},
    status: { replicas: status?.replicas ?? 0, selector },
  }
  return scale as unknown as ApiObject
}

/** Writes the replicas of a Scale to the workload; the result is the new Scale. */
export function putScale(
  world: World,
  actor: Actor,
  info: ResourceInfo,
  old: ApiObject,
  scale: Json,
  dryRun: boolean,
): ApiResult {
  const given = scale as unknown as { metadata?: { resourceVersion?: string }; spec?: { replicas?: number } }
  const { spec, metadata } = old as Deployment
  const resourceVersion = given.metadata?.resourceVersion ?? metadata.resourceVersion
  const next = {
    ...old,
    metadata: { ...metadata, resourceVersion },
    spec: { ...spec, replicas: given.spec?.replicas ?? 0 },
  }
  const result = updateObject(world, actor, info, old, next as Draft, { dryRun })
  return result.ok ? { ok: true, object: scaleOf(result.object) } : result
}

/** The kinds that have a scale. */
export function isScalable(info: ResourceInfo): boolean {
  return ['deployments.apps', 'replicasets.apps', 'statefulsets.apps'].includes(resourceKey(info))
}
