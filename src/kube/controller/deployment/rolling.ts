/** A Deployment's arithmetic. Models pkg/controller/deployment/util/deployment_util.go, rolling.go and sync.go (Kubernetes 1.32). */
import type { IntOrString } from '../../objects.ts'

/** What a number or percentage is of a total; undefined where it is neither. Models intstr.GetScaledValueFromIntOrPercent. */
export function scaledValue(value: IntOrString, total: number, roundUp: boolean): number | undefined {
  if (typeof value === 'number') return value
  const match = /^([0-9]+)%$/.exec(value)
  if (match === null) return undefined
  const part = (Number(match[1]) * total) / 100
  return roundUp ? Math.ceil(part) : Math.floor(part)
}

/** maxSurge rounded up and maxUnavailable rounded down; both 0 means one may be unavailable. */
export function resolveFenceposts(
  maxSurge: IntOrString,
  maxUnavailable: IntOrString,
  desired: number,
): { surge: number; unavailable: number } | undefined {
  const surge = scaledValue(maxSurge, desired, true)
  const unavailable = scaledValue(maxUnavailable, desired, false)
  if (surge === undefined || unavailable === undefined) return undefined
  return surge === 0 && unavailable === 0 ? { surge: 0, unavailable: 1 } : { surge, unavailable }
}

export interface RollingSpec {
  readonly type: 'RollingUpdate' | 'Recreate'
  readonly replicas: number
  readonly maxSurge: IntOrString
  readonly maxUnavailable: IntOrString
}

/** Pods that may be missing, never more than there are. */
export function maxUnavailable(spec: RollingSpec): number {
  if (spec.type !== 'RollingUpdate' || spec.replicas === 0) return 0
  const { unavailable } = resolveFenceposts(spec.maxSurge, spec.maxUnavailable, spec.replicas) ?? {
    unavailable: 0,
  }
  return Math.min(unavailable, spec.replicas)
}

/** Pods that may be too many. */
export function maxSurge(spec: RollingSpec): number {
  return spec.type === 'RollingUpdate' ? (scaledValue(spec.maxSurge, spec.replicas, true) ?? 0) : 0
}

/** The size of the new ReplicaSet: as many as surge allows beside what there is. `total` counts its own pods too. */
export function newSetReplicas(spec: RollingSpec, newReplicas: number, total: number): number {
  if (spec.type === 'Recreate') return spec.replicas
  const room = spec.replicas + maxSurge(spec) - total
  if (room <= 0) return newReplicas
  return newReplicas + Math.min(room, spec.replicas - newReplicas)
}

/** The size that the new ReplicaSet is brought to: no more than is asked for, else as many as may be added. */
export function reconciledSize(spec: RollingSpec, newReplicas: number, total: number): number {
  return newReplicas > spec.replicas ? spec.replicas : newSetReplicas(spec, newReplicas, total)
}

/** How many unhealthy pods of old sets may go first. */
export function cleanupUnhealthy(
  sets: readonly { readonly replicas: number; readonly available: number }[],
  most: number,
): number[] {
  let left = most
  return sets.map(({ replicas, available }) => {
    if (left <= 0 || replicas === 0 || replicas === available) return 0
    const gone = Math.min(left, replicas - available)
    left -= gone
    return gone
  })
}

/** How many pods of old sets may go so that enough are available in all. */
export function scaleDownOld(
  spec: RollingSpec,
  sets: readonly { readonly replicas: number }[],
  available: number,
): number[] {
  let left = Math.max(0, available - (spec.replicas - maxUnavailable(spec)))
  return sets.map(({ replicas }) => {
    const gone = Math.min(left, replicas)
    left -= gone
    return gone
  })
}

/** How many pods old sets may lose at most in one step; 0: nothing to do. */
export function maxScaledDown(
  spec: RollingSpec,
  all: number,
  newReplicas: number,
  newAvailable: number,
): number {
  return all - (spec.replicas - maxUnavailable(spec)) - (newReplicas - newAvailable)
}

export interface ScalableSet {
  readonly name: string
  readonly replicas: number
  /** annotation deployment.kubernetes.io/max-replicas, 0 where it is missing */
  readonly maxReplicas: number
  /** later is newer */
  readonly createdAt: number
}

/**
 * Sizes of the active sets of a Deployment that was scaled while it rolls: each in proportion, what rounding leaves
 * goes to the largest (among equals the newest when growing, the oldest when shrinking).
 */
export function scaleProportionally(
  sets: readonly ScalableSet[],
  spec: RollingSpec,
  deploymentReplicas: number,
): ReadonlyMap<string, number> {
  const allowed = spec.replicas > 0 ? spec.replicas + maxSurge(spec) : 0
  const current = sets.reduce((sum, set) => sum + set.replicas, 0)
  const toAdd = allowed - current
  const byAge = (a: ScalableSet, b: ScalableSet) =>
    a.createdAt - b.createdAt || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  const ordered = [...sets].sort((a, b) => b.replicas - a.replicas || (toAdd > 0 ? byAge(b, a) : byAge(a, b)))
  const sizes = new Map<string, number>()
  let added = 0
  for (const set of ordered) {
    const part = toAdd === 0 ? 0 : proportion(set, allowed, deploymentReplicas, toAdd, added)
    sizes.set(set.name, set.replicas + part)
    added += part
  }
  const largest = ordered[0]
  if (largest !== undefined && toAdd !== 0) {
    sizes.set(largest.name, Math.max(0, sizes.get(largest.name)! + (toAdd - added)))
  }
  return sizes
}

function proportion(
  set: ScalableSet,
  allowed: number,
  deploymentReplicas: number,
  toAdd: number,
  added: number,
): number {
  if (set.replicas === 0 || toAdd === added) return 0
  const annotated = set.maxReplicas > 0 ? set.maxReplicas : deploymentReplicas
  const size = allowed === 0 ? 0 : roundHalfAway((set.replicas * allowed) / annotated)
  const fraction = size - set.replicas
  const left = toAdd - added
  return toAdd > 0 ? Math.min(fraction, left) : Math.max(fraction, left)
}

function roundHalfAway(value: number): number {
  return value < 0 ? -Math.round(-value) : Math.round(value)
}

/** Old sets that the history limit takes: the oldest ones that have no pods left. Answers how many from the front. */
export function historyToDelete(
  oldSets: readonly { readonly replicas: number; readonly statusReplicas: number }[],
  limit: number,
): number[] {
  const over = oldSets.length - limit
  const gone: number[] = []
  for (let i = 0; i < over; i++) {
    const set = oldSets[i]!
    if (set.replicas === 0 && set.statusReplicas === 0) gone.push(i)
  }
  return gone
}

/** Every pod is of the new template, there are as many as asked for, and all are available. */
export function isComplete(
  replicas: number,
  status: {
    readonly replicas?: number
    readonly updatedReplicas?: number
    readonly availableReplicas?: number
  },
): boolean {
  return (
    (status.updatedReplicas ?? 0) === replicas &&
    (status.replicas ?? 0) === replicas &&
    (status.availableReplicas ?? 0) === replicas
  )
}
