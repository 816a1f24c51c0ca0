/** Which daemons are replaced next. Models daemon/update.go rollingUpdate (Kubernetes 1.32). */
import type { DaemonSet, Pod } from '../../objects.ts'
import { isPodAvailable } from '../common.ts'
import { scaledValue } from '../deployment/rolling.ts'
import { isUpdated } from './pods.ts'

/** A node, whether the set is to run there, whether what is there may stay, and its pods, the first bound and oldest first. */
export interface NodePods {
  readonly node: string
  /** The node itself is there; its pods may be without it. */
  readonly exists: boolean
  readonly shouldRun: boolean
  readonly mayStay: boolean
  readonly pods: readonly Pod[]
}

export interface RollPlan {
  make: string[]
  remove: Pod[]
}

/** Bound pods first, then in the order in which they were made. */
export function byAge(a: Pod, b: Pod): number {
  const [first, second] = [a, b].map(({ spec }) => ((spec.nodeName ?? '') === '' ? 1 : 0))
  if (first !== second) return first! - second!
  const [x, y] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp]
  if (x !== y) return x < y ? -1 : 1
  return a.metadata.name < b.metadata.name ? -1 : 1
}

/** More than one pod of a node is allowed. */
export function allowsSurge(set: DaemonSet): boolean {
  return surgeOf(set, 1) > 0
}

/** How many more pods than nodes there may be: percentages are of the nodes that are to have one, rounded up. */
function surgeOf({ spec }: DaemonSet, desired: number): number {
  if (spec.updateStrategy?.type === 'OnDelete') return 0
  return scaledValue(spec.updateStrategy?.rollingUpdate?.maxSurge ?? 0, desired, true) ?? 0
}

/** How many nodes may be without; one where neither is allowed. */
function unavailableOf({ spec }: DaemonSet, desired: number): number {
  const most = scaledValue(spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, desired, true) ?? 0
  return desired > 0 && most === 0 ? 1 : most
}

/** What to do now for every node to get to the template with this hash. */
export function planRoll(set: DaemonSet, nodes: readonly NodePods[], hash: string, nowMs: number): RollPlan {
  const desired = nodes.filter(({ shouldRun }) => shouldRun).length
  const surge = surgeOf(set, desired)
  const concerned = nodes.filter(({ shouldRun, pods }) => shouldRun || pods.length > 0)
  return surge > 0
    ? planSurge(set, concerned, hash, nowMs, surge)
    : planReplace(set, concerned, hash, nowMs, unavailableOf(set, desired))
}

/** The new and the old pod of a node, without those that are going; 'many' where there are more of one. */
function pairOf(set: DaemonSet, { pods }: NodePods, hash: string): { fresh?: Pod; old?: Pod } | 'many' {
  const staying = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const fresh = staying.filter((pod) => isUpdated(set, pod, hash))
  const old = staying.filter((pod) => !isUpdated(set, pod, hash))
  if (fresh.length > 1 || old.length > 1) return 'many'
  return {
    ...(fresh[0] === undefined ? {} : { fresh: fresh[0] }),
    ...(old[0] === undefined ? {} : { old: old[0] }),
  }
}

function planReplace(
  set: DaemonSet,
  nodes: readonly NodePods[],
  hash: string,
  nowMs: number,
  most: number,
): RollPlan {
  const isUp = (pod: Pod) => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)
  const down: Pod[] = []
  const candidates: Pod[] = []
  let unavailable = 0
  for (const at of nodes) {
    const pair = pairOf(set, at, hash)
    const { fresh, old } = pair === 'many' ? {} : pair
    if (fresh !== undefined && old === undefined) {
      if (!isUp(fresh)) unavailable++
    } else if (fresh === undefined && old !== undefined) {
      // One that does not serve is no loss, but it is one that is missing.
      if (!isUp(old)) {
        down.push(old)
        unavailable++
      } else if (unavailable < most) candidates.push(old)
    } else unavailable++
  }
  return { make: [], remove: [...down, ...candidates.slice(0, Math.max(0, most - unavailable))] }
}

function planSurge(
  set: DaemonSet,
  nodes: readonly NodePods[],
  hash: string,
  nowMs: number,
  most: number,
): RollPlan {
  const isUp = (pod: Pod) => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)
  const down: string[] = []
  const candidates: string[] = []
  const remove: Pod[] = []
  const misplaced: Pod[] = []
  let surging = 0
  let available = 0
  for (const at of nodes) {
    const pair = pairOf(set, at, hash)
    if (pair === 'many') {
      surging++
      continue
    }
    const { fresh, old } = pair
    const counted = old ?? fresh
    if (counted !== undefined && isUp(counted)) available++
    if (old === undefined) continue
    if (fresh !== undefined) {
      if (isUp(fresh)) remove.push(old)
      else surging++
    } else if (!at.shouldRun) (isUp(old) ? misplaced : remove).push(old)
    else if (!isUp(old)) down.push(at.node)
    else if (surging < most) candidates.push(at.node)
  }
  // Where the set is not to run any more, a pod goes when there is another for it elsewhere.
  const desired = nodes.filter(({ shouldRun }) => shouldRun).length
  remove.push(...misplaced.slice(0, Math.max(0, available - desired)))
  return { make: [...down, ...candidates.slice(0, Math.max(0, most - surging))], remove }
}
