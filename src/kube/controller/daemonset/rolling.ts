/** Which daemons are replaced next. Models daemon/update.go rollingUpdate (Kubernetes 1.32). */
import type { DaemonSet, Pod } from '../../objects.ts'
import { isPodAvailable } from '../common.ts'
import { scaledValue } from '../deployment/rolling.ts'
import { HASH } from './pods.ts'

/** A node, whether the set is to run there, whether what is there may stay, and its pods, the oldest first. */
export interface NodePods {
  readonly node: string
  readonly shouldRun: boolean
  readonly mayStay: boolean
  readonly pods: readonly Pod[]
}

export interface RollPlan {
  make: string[]
  remove: Pod[]
}

/** Pods in the order in which they were made. */
export function byAge(a: Pod, b: Pod): number {
  const [x, y] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp]
  if (x !== y) return x < y ? -1 : 1
  return a.metadata.name < b.metadata.name ? -1 : 1
}

/** How many more pods than nodes there may be: percentages are of the nodes that are to have one, rounded up. */
export function surgeOf({ spec }: DaemonSet, nodes: readonly NodePods[]): number {
  const desired = nodes.filter(({ shouldRun }) => shouldRun).length
  return scaledValue(spec.updateStrategy?.rollingUpdate?.maxSurge ?? 0, desired, true) ?? 0
}

function unavailableOf({ spec }: DaemonSet, nodes: readonly NodePods[]): number {
  const desired = nodes.filter(({ shouldRun }) => shouldRun).length
  return scaledValue(spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, desired, true) ?? 1
}

/** What to do now for every node to get to the template with this hash. */
export function planRoll(set: DaemonSet, nodes: readonly NodePods[], hash: string, nowMs: number): RollPlan {
  const surge = surgeOf(set, nodes)
  const unavailable = unavailableOf(set, nodes)
  if (surge > 0) return planSurge(set, nodes, hash, nowMs, surge)
  return planReplace(set, nodes, hash, nowMs, Math.max(unavailable, 1))
}

/** The new and the old pod of a node, without those that are going; 'many' where there are more of one. */
function pairOf({ pods }: NodePods, hash: string): { fresh?: Pod; old?: Pod } | 'many' {
  const staying = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const fresh = staying.filter(({ metadata }) => metadata.labels?.[HASH] === hash)
  const old = staying.filter(({ metadata }) => metadata.labels?.[HASH] !== hash)
  if (fresh.length > 1 || old.length > 1) return 'many'
  return {
    ...(fresh[0] === undefined ? {} : { fresh: fresh[0] }),
    ...(old[0] === undefined ? {} : { old: old[0] }),
  }
}

function planReplace(
  { spec }: DaemonSet,
  nodes: readonly NodePods[],
  hash: string,
  nowMs: number,
  most: number,
): RollPlan {
  const isUp = (pod: Pod) => isPodAvailable(pod, spec.minReadySeconds ?? 0, nowMs)
  const down: Pod[] = []
  const candidates: Pod[] = []
  let unavailable = 0
  for (const at of nodes) {
    if (!at.shouldRun && at.pods.length === 0) continue
    const pair = pairOf(at, hash)
    const { fresh, old } = pair === 'many' ? {} : pair
    if (fresh !== undefined && old === undefined) {
      if (!isUp(fresh)) unavailable++
    } else if (fresh === undefined && old !== undefined) {
      // One that does not serve is no loss.
      if (isUp(old)) candidates.push(old)
      else down.push(old)
    } else unavailable++
  }
  return { make: [], remove: [...down, ...candidates.slice(0, Math.max(0, most - unavailable))] }
}

function planSurge(
  { spec }: DaemonSet,
  nodes: readonly NodePods[],
  hash: string,
  nowMs: number,
  most: number,
): RollPlan {
  const isUp = (pod: Pod) => isPodAvailable(pod, spec.minReadySeconds ?? 0, nowMs)
  const down: string[] = []
  const candidates: string[] = []
  const remove: Pod[] = []
  let surging = 0
  for (const at of nodes) {
    const pair = pairOf(at, hash)
    if (pair === 'many') {
      surging++
      continue
    }
    const { fresh, old } = pair
    if (old === undefined) continue
    if (fresh === undefined) (isUp(old) ? candidates : down).push(at.node)
    else if (isUp(fresh)) remove.push(old)
    else surging++
  }
  return { make: [...down, ...candidates.slice(0, Math.max(0, most - surging))], remove }
}
