/** Empties namespaces that are deleted, then lets them go. Models pkg/controller/namespace (Kubernetes 1.32). */
import { enqueueAfter } from '../agent/agent.ts'
import { cacheGet, cacheList } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiDelete, apiFinalize, apiUpdateStatus } from '../api/local.ts'
import { resources } from '../api/resources.ts'
import type { Condition, Namespace, Pod } from '../objects.ts'
import { nowText, storeGet, storeList, storeOf } from '../store/store.ts'
import type { ApiObject } from '../types.ts'
import { jsonEqual, resourceKey } from '../types.ts'

const SECOND = 1_000_000_000
/** Other caches get so long to see that the namespace goes. */
const GRACE = 5 * SECOND

const CONTENT: readonly string[] = resources
  .filter(({ namespaced }) => namespaced)
  .map(resourceKey)
  .sort()

export const namespaceController: AgentProgram = {
  name: 'namespace-controller',
  wants: () => [{ resource: 'namespaces' }],
  delayNs: 2_000_000,
  workNs: 500_000,
  start(ctx) {
    for (const namespace of cacheList<Namespace>(ctx, 'namespaces')) look(ctx, namespace)
  },
  observe(ctx, { object, type }) {
    if (type !== 'DELETED') look(ctx, object as Namespace)
  },
  reconcile,
}

function look(ctx: AgentCtx, { metadata }: Namespace): void {
  if (metadata.deletionTimestamp !== undefined) enqueueAfter(ctx, metadata.name, GRACE)
}

function reconcile(ctx: AgentCtx, name: string): Reconciled {
  const namespace = cacheGet<Namespace>(ctx, 'namespaces', '', name)
  if (namespace?.metadata.deletionTimestamp === undefined) return {}
  if ((namespace.spec?.finalizers ?? []).length === 0) return {}
  const grace = deleteContent(ctx, name)
  const left = new Map<string, readonly ApiObject[]>()
  for (const resource of CONTENT) {
    const objects = storeList(storeOf(ctx.world), resource, name)
    if (objects.length > 0) left.set(resource, objects)
  }
  writeConditions(ctx, name, left)
  if (left.size > 0) return { requeueAfter: (Math.floor(grace / 2) + 1) * SECOND }
  return finalize(ctx, name) ? {} : { retry: true }
}

/** Deletes everything in it. Answers the longest grace, seconds, that a pod still has. */
function deleteContent(ctx: AgentCtx, name: string): number {
  let grace = 0
  for (const resource of CONTENT) {
    for (const { metadata } of storeList(storeOf(ctx.world), resource, name)) {
      if (metadata.deletionTimestamp === undefined) {
        const { uid } = metadata
        apiDelete(ctx.world, actorOf(ctx.agent), resource, name, metadata.name, { uid })
      }
      const pod =
        resource === 'pods' ? storeGet<Pod>(storeOf(ctx.world), resource, name, metadata.name) : undefined
      grace = Math.max(grace, pod?.metadata.deletionGracePeriodSeconds ?? 0)
    }
  }
  return grace
}

function writeConditions(ctx: AgentCtx, name: string, left: ReadonlyMap<string, readonly ApiObject[]>): void {
  const namespace = storeGet<Namespace>(storeOf(ctx.world), 'namespaces', '', name)
  if (namespace === undefined) return
  const finalizers = new Map<string, number>()
  for (const objects of left.values()) {
    for (const { metadata } of objects) {
      for (const one of metadata.finalizers ?? []) finalizers.set(one, (finalizers.get(one) ?? 0) + 1)
    }
  }
  const remaining = [...left].map(([resource, { length }]) => `${resource}. has ${length} resource instances`)
  const held = [...finalizers].map(([one, n]) => `${one} in ${n} resource instances`).sort()
  const texts: readonly (readonly [string, Condition['status'], string, string])[] = [
    [
      'NamespaceDeletionDiscoveryFailure',
      'False',
      'ResourcesDiscovered',
      'All resources successfully discovered',
    ],
    [
      'NamespaceDeletionGroupVersionParsingFailure',
      'False',
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ],
    [
      'NamespaceDeletionContentFailure',
      'False',
      'ContentDeleted',
      'All content successfully deleted, may be waiting on finalization',
    ],
    remaining.length === 0
      ? ['NamespaceContentRemaining', 'False', 'ContentRemoved', 'All content successfully removed']
      : [
          'NamespaceContentRemaining',
          'True',
          'SomeResourcesRemain',
          `Some resources are remaining: ${remaining.join(', ')}`,
        ],
    held.length === 0
      ? [
          'NamespaceFinalizersRemaining',
          'False',
          'ContentHasNoFinalizers',
          'All content-preserving finalizers finished',
        ]
      : [
          'NamespaceFinalizersRemaining',
          'True',
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${held.join(', ')}`,
        ],
  ]
  const was = namespace.status?.conditions ?? []
  const conditions = texts.map(([type, status, reason, message]): Condition => {
    const old = was.find((one) => one.type === type)
    const since = old?.status === status ? old.lastTransitionTime : undefined
    return { type, status, reason, message, lastTransitionTime: since ?? nowText(ctx.world) }
  })
  if (jsonEqual(was, conditions)) return
  const status = { ...namespace.status, conditions }
  apiUpdateStatus<Namespace>(ctx.world, actorOf(ctx.agent), 'namespaces', { ...namespace, status })
}

function finalize(ctx: AgentCtx, name: string): boolean {
  const namespace = storeGet<Namespace>(storeOf(ctx.world), 'namespaces', '', name)
  if (namespace === undefined) return true
  const finalizers = (namespace.spec?.finalizers ?? []).filter((one) => one !== 'kubernetes')
  const next = { ...namespace, spec: { ...namespace.spec, finalizers } }
  return apiFinalize<Namespace>(ctx.world, actorOf(ctx.agent), next).ok
}
