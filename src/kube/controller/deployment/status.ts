/** A Deployment's status and conditions. Models deployment/progress.go and sync.go (Kubernetes 1.32). */
import type { Condition, Deployment, ReplicaSet } from '../../objects.ts'
import { formatTime, parseTime } from '../../time.ts'
import { hasTimedOut, REASON_NEW_RS_AVAILABLE, REASON_TIMED_OUT } from './progress.ts'
import { isComplete, maxUnavailable } from './rolling.ts'
import type { RollingSpec } from './rolling.ts'
import { availableOf } from './sets.ts'

type Status = NonNullable<Deployment['status']>

/** How a Deployment rolls, with its defaults. */
export function rollingSpec(deployment: Deployment): RollingSpec {
  const { replicas = 1, strategy } = deployment.spec
  const { maxSurge = '25%', maxUnavailable: unavailable = '25%' } = strategy?.rollingUpdate ?? {}
  return { type: strategy?.type ?? 'RollingUpdate', replicas, maxSurge, maxUnavailable: unavailable }
}

/** The status as its sets are now, conditions included. `note` is what happened in this turn to the newest set. */
export function deploymentStatus(
  deployment: Deployment,
  all: readonly ReplicaSet[],
  newSet: ReplicaSet | undefined,
  nowMs: number,
  note: Condition | undefined,
): Status {
  const sum = (pick: (status: NonNullable<ReplicaSet['status']>) => number | undefined) =>
    all.reduce((total, set) => total + (set.status === undefined ? 0 : (pick(set.status) ?? 0)), 0)
  const replicas = sum((status) => status.replicas)
  const updated = newSet?.status?.replicas ?? 0
  const ready = sum((status) => status.readyReplicas)
  const available = availableOf(all)
  const wanted = all.reduce((total, set) => total + (set.spec.replicas ?? 0), 0)
  const unavailable = Math.max(0, wanted - available)
  const counts: Status = {
    observedGeneration: deployment.metadata.generation ?? 0,
    ...(replicas > 0 ? { replicas } : {}),
    ...(updated > 0 ? { updatedReplicas: updated } : {}),
    ...(ready > 0 ? { readyReplicas: ready } : {}),
    ...(available > 0 ? { availableReplicas: available } : {}),
    ...(unavailable > 0 ? { unavailableReplicas: unavailable } : {}),
    ...(deployment.status?.collisionCount === undefined
      ? {}
      : { collisionCount: deployment.status.collisionCount }),
  }
  let conditions = deployment.status?.conditions ?? []
  conditions = putCondition(conditions, availability(deployment, available), nowMs)
  if (note !== undefined) conditions = putCondition(conditions, note, nowMs)
  const progress = progressOf(deployment, counts, newSet, conditions, nowMs)
  if (progress !== undefined) conditions = putCondition(conditions, progress, nowMs)
  conditions = putFailure(conditions, all, newSet, nowMs)
  return { ...counts, conditions }
}

/** A condition put in: its transition time moves only with its status, its update time with any change. */
export function putCondition(
  conditions: readonly Condition[],
  condition: Condition,
  nowMs: number,
): readonly Condition[] {
  const old = conditions.find(({ type }) => type === condition.type)
  if (old !== undefined && old.status === condition.status && old.reason === condition.reason) {
    if (old.message === condition.message || condition.type === 'Available') return conditions
  }
  const now = formatTime(nowMs)
  const transition = old !== undefined && old.status === condition.status ? old.lastTransitionTime : now
  const put: Condition = { ...condition, lastUpdateTime: now, lastTransitionTime: transition ?? now }
  return [...conditions.filter(({ type }) => type !== condition.type), put]
}

function availability(deployment: Deployment, available: number): Condition {
  const spec = rollingSpec(deployment)
  return available >= spec.replicas - maxUnavailable(spec)
    ? {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
      }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      }
}

function progressOf(
  deployment: Deployment,
  counts: Status,
  newSet: ReplicaSet | undefined,
  conditions: readonly Condition[],
  nowMs: number,
): Condition | undefined {
  const replicas = deployment.spec.replicas ?? 1
  const about =
    newSet === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${newSet.metadata.name}"`
  const progressing = (status: 'True' | 'False', reason: string, message: string): Condition => ({
    type: 'Progressing',
    status,
    reason,
    message,
  })
  const old = conditions.find(({ type }) => type === 'Progressing')
  const settled = counts.replicas === counts.updatedReplicas && old?.reason === REASON_NEW_RS_AVAILABLE
  if (settled) return undefined
  if (isComplete(replicas, withZeros(counts))) {
    return progressing('True', REASON_NEW_RS_AVAILABLE, `${about} has successfully progressed.`)
  }
  if (hasProgressed(deployment.status ?? {}, counts)) {
    return progressing('True', 'ReplicaSetUpdated', `${about} is progressing.`)
  }
  const deadline = deployment.spec.progressDeadlineSeconds ?? 600
  const updatedAt = parseTime(old?.lastUpdateTime ?? '')
  const known =
    old === undefined || updatedAt === undefined ? undefined : { reason: old.reason ?? '', updatedAt }
  if (hasTimedOut(deadline, known, nowMs)) {
    return progressing('False', REASON_TIMED_OUT, `${about} has timed out progressing.`)
  }
  return undefined
}

function withZeros(counts: Status): { replicas: number; updatedReplicas: number; availableReplicas: number } {
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = counts
  return { replicas, updatedReplicas, availableReplicas }
}

/** More new pods, fewer old ones, or more that are ready or available than before. */
function hasProgressed(old: Status, now: Status): boolean {
  const get = (status: Status, key: 'replicas' | 'updatedReplicas' | 'readyReplicas' | 'availableReplicas') =>
    status[key] ?? 0
  const oldOnes = (status: Status) => get(status, 'replicas') - get(status, 'updatedReplicas')
  return (
    get(now, 'updatedReplicas') > get(old, 'updatedReplicas') ||
    oldOnes(now) < oldOnes(old) ||
    get(now, 'readyReplicas') > get(old, 'readyReplicas') ||
    get(now, 'availableReplicas') > get(old, 'availableReplicas')
  )
}

function putFailure(
  conditions: readonly Condition[],
  all: readonly ReplicaSet[],
  newSet: ReplicaSet | undefined,
  nowMs: number,
): readonly Condition[] {
  const failed = [newSet, ...all]
    .map((set) => set?.status?.conditions?.find(({ type }) => type === 'ReplicaFailure'))
    .find((condition) => condition !== undefined)
  if (failed === undefined) return conditions.filter(({ type }) => type !== 'ReplicaFailure')
  return putCondition(conditions, failed, nowMs)
}
