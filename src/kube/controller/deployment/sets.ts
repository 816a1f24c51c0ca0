/** A Deployment's ReplicaSets: which is new, revisions, annotations. Models deployment/util and sync.go (Kubernetes 1.32). */
import type { Deployment, PodTemplate, ReplicaSet } from '../../objects.ts'
import { jsonEqual } from '../../types.ts'

export const HASH_LABEL = 'pod-template-hash'
export const REVISION = 'deployment.kubernetes.io/revision'
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history'
export const DESIRED = 'deployment.kubernetes.io/desired-replicas'
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas'

/** Annotations of the Deployment that its ReplicaSets do not get. */
const NOT_COPIED: readonly string[] = [
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED,
  MAX_REPLICAS,
  'deprecated.deployment.rollback.to',
]

/** The set whose template is the Deployment's, the oldest where several are. */
export function findNewSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const same = sets.filter((set) => sameTemplate(set.spec.template!, deployment.spec.template))
  return same.sort(byCreation)[0]
}

/** The other sets, in order of creation. */
export function oldSetsOf(sets: readonly ReplicaSet[], newSet: ReplicaSet | undefined): ReplicaSet[] {
  return sets.filter((set) => set.metadata.uid !== newSet?.metadata.uid).sort(byCreation)
}

export function byCreation(a: ReplicaSet, b: ReplicaSet): number {
  const [x, y] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp]
  if (x !== y) return x < y ? -1 : 1
  return a.metadata.name < b.metadata.name ? -1 : 1
}

export function replicasOf(sets: readonly (ReplicaSet | undefined)[]): number {
  return sets.reduce((sum, set) => sum + (set?.spec.replicas ?? 0), 0)
}

export function availableOf(sets: readonly (ReplicaSet | undefined)[]): number {
  return sets.reduce((sum, set) => sum + (set?.status?.availableReplicas ?? 0), 0)
}

export function revisionOf(object: {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> }
}): number {
  return Number(object.metadata.annotations?.[REVISION] ?? 0)
}

/** The highest revision of the sets. */
export function lastRevision(sets: readonly ReplicaSet[]): number {
  return sets.reduce((most, set) => Math.max(most, revisionOf(set)), 0)
}

/** Annotations that a new set has: the Deployment's own, its revision and the sizes it was made for. */
export function setAnnotations(
  deployment: Deployment,
  current: Readonly<Record<string, string>>,
  revision: number,
  sizes: { desired: number; max: number } | undefined,
): Record<string, string> {
  const own = Object.entries(deployment.metadata.annotations ?? {}).filter(
    ([key]) => !NOT_COPIED.includes(key),
  )
  const out: Record<string, string> = { ...current, ...Object.fromEntries(own) }
  const had = Number(current[REVISION] ?? 0)
  if (had < revision) {
    out[REVISION] = `${revision}`
    if (had > 0) {
      const history = current[REVISION_HISTORY]
      out[REVISION_HISTORY] = history === undefined ? `${had}` : `${history},${had}`
    }
  }
  if (sizes !== undefined) {
    out[DESIRED] = `${sizes.desired}`
    out[MAX_REPLICAS] = `${sizes.max}`
  }
  return out
}

/** Templates are the same but for the hash label that a set adds. */
export function sameTemplate(a: PodTemplate, b: PodTemplate): boolean {
  return jsonEqual(withoutHash(a), withoutHash(b))
}

function withoutHash(template: PodTemplate): unknown {
  const { [HASH_LABEL]: _, ...labels } = template.metadata?.labels ?? {}
  const { annotations = {}, ...metadata } = template.metadata ?? {}
  return { ...template, metadata: { ...metadata, labels, annotations } }
}
