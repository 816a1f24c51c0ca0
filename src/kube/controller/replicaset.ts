/** ReplicaSets keep their number of pods. Models pkg/controller/replicaset/replica_set.go (Kubernetes 1.32). */
import { apiUpdateStatus } from '../api/local.ts'
import { agentTakes, enqueue } from '../agent/agent.ts'
import { cacheGetKey, cacheList, cacheOwned } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import type { Condition, Pod, ReplicaSet } from '../objects.ts'
import { nowText } from '../store/store.ts'
import { controllerOf, jsonEqual, objectKey } from '../types.ts'
import { claimPods, listOrphans, noteOrphan, ownersOfPod } from './claims.ts'
import { isPodActive, isPodAvailable, isPodReady, presentOf, untilAvailable } from './common.ts'
import { createPod, deletePod, podFromTemplate, slowStart } from './pod-control.ts'
import { podsToDelete } from './replicaset/ranks.ts'

const REPLICASETS = 'replicasets.apps'
/** BurstReplicas: so many pods are made or removed in one go. */
const BURST = 500

export const replicaSetController: AgentProgram = {
  name: 'replicaset-controller',
  wants: () => [{ resource: REPLICASETS }, { resource: 'pods' }],
  delayNs: 2_000_000,
  workNs: 200_000,
  start(ctx) {
    listOrphans(ctx)
    for (const set of cacheList<ReplicaSet>(ctx, REPLICASETS)) enqueue(ctx, objectKey(set))
  },
  observe(ctx, change) {
    noteOrphan(ctx, change)
    if (change.resource === REPLICASETS) enqueue(ctx, change.key)
    else for (const key of ownersOfPod(ctx, change, 'ReplicaSet', REPLICASETS)) enqueue(ctx, key)
  },
  reconcile,
}

function reconcile(ctx: AgentCtx, key: string): Reconciled {
  const set = cacheGetKey<ReplicaSet>(ctx, REPLICASETS, key)
  if (set === undefined) return {}
  // Pods at their end are nobody's business: they are neither counted nor adopted nor let go.
  const active = claimPods(ctx, set, REPLICASETS, set.spec.selector, { isSeen: isPodActive })
  agentTakes(ctx, active.length)
  const failure = set.metadata.deletionTimestamp === undefined ? manage(ctx, key, set, active) : undefined
  return writeStatus(ctx, set, active, failure)
}

/** Makes what is missing or removes what is too much. Answers the first failure. */
function manage(ctx: AgentCtx, key: string, set: ReplicaSet, active: readonly Pod[]): string | undefined {
  const diff = active.length - (set.spec.replicas ?? 1)
  if (diff < 0) {
    const draft = podFromTemplate(set.spec.template!, set)
    return slowStart(Math.min(-diff, BURST), () => createPod(ctx, key, set, draft))
  }
  if (diff === 0) return undefined
  let failure: string | undefined
  const { nowMs } = presentOf(ctx)
  for (const pod of podsToDelete(active, relatedPods(ctx, set), Math.min(diff, BURST), nowMs)) {
    const message = deletePod(ctx, key, set, pod)
    failure ??= message
  }
  return failure
}

/** The pods of all sets that have the same controller; of a set that has none, no pod. */
function relatedPods(ctx: AgentCtx, set: ReplicaSet): readonly Pod[] {
  const owner = controllerOf(set)
  if (owner === undefined) return []
  const sets = cacheOwned<ReplicaSet>(ctx, owner.uid, REPLICASETS)
  return sets.flatMap(({ metadata }) => cacheOwned<Pod>(ctx, metadata.uid, 'pods'))
}

function writeStatus(
  ctx: AgentCtx,
  set: ReplicaSet,
  active: readonly Pod[],
  failure: string | undefined,
): Reconciled {
  const { world, agent } = ctx
  const { nowMs } = presentOf(ctx)
  const minReady = set.spec.minReadySeconds ?? 0
  const labels = Object.entries(set.spec.template?.metadata?.labels ?? {})
  let [ready, available, fully] = [0, 0, 0]
  for (const pod of active) {
    if (labels.every(([key, value]) => pod.metadata.labels?.[key] === value)) fully++
    if (!isPodReady(pod)) continue
    ready++
    if (isPodAvailable(pod, minReady, nowMs)) available++
  }
  const conditions = conditionsOf(ctx, set, active.length, failure)
  const status: ReplicaSet['status'] = {
    replicas: active.length,
    ...(fully > 0 ? { fullyLabeledReplicas: fully } : {}),
    ...(ready > 0 ? { readyReplicas: ready } : {}),
    ...(available > 0 ? { availableReplicas: available } : {}),
    observedGeneration: set.metadata.generation ?? 0,
    ...(conditions.length > 0 ? { conditions } : {}),
  }
  if (!jsonEqual(status, set.status)) {
    const written = apiUpdateStatus<ReplicaSet>(world, actorOf(agent), REPLICASETS, { ...set, status })
    if (!written.ok) return { retry: true }
  }
  if (failure !== undefined) return { retry: true }
  const wait = untilAvailable(active, minReady, nowMs)
  return wait === undefined ? {} : { requeueAfter: wait }
}

/** A failure is told until all goes well again, in the words of the first time. */
function conditionsOf(
  ctx: AgentCtx,
  { spec, status }: ReplicaSet,
  active: number,
  message: string | undefined,
): readonly Condition[] {
  const conditions = status?.conditions ?? []
  const known = conditions.some(({ type }) => type === 'ReplicaFailure')
  if (message === undefined) return conditions.filter(({ type }) => type !== 'ReplicaFailure')
  if (known) return conditions
  const reason = active < (spec.replicas ?? 1) ? 'FailedCreate' : 'FailedDelete'
  const lastTransitionTime = nowText(ctx.world)
  return [...conditions, { type: 'ReplicaFailure', status: 'True', lastTransitionTime, reason, message }]
}
