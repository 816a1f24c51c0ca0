/** What a DaemonSet says of its pods. Models updateDaemonSetStatus (Kubernetes 1.32). */
import type { DaemonSet } from '../../objects.ts'
import { isPodAvailable, isPodReady } from '../common.ts'
import { isUpdated } from './pods.ts'
import type { NodePods } from './rolling.ts'

/** Each node that is there counts by its first pod. */
export function daemonStatus(
  set: DaemonSet,
  nodes: readonly NodePods[],
  hash: string,
  nowMs: number,
): NonNullable<DaemonSet['status']> {
  let [desired, current, ready, available, updated, misscheduled] = [0, 0, 0, 0, 0, 0]
  for (const { exists, shouldRun, pods } of nodes) {
    if (!exists) continue
    const [pod] = pods
    if (!shouldRun) {
      if (pod !== undefined) misscheduled++
      continue
    }
    desired++
    if (pod === undefined) continue
    current++
    if (isPodReady(pod)) {
      ready++
      if (isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)) available++
    }
    if (isUpdated(set, pod, hash)) updated++
  }
  const unavailable = desired - available
  const { collisionCount, conditions } = set.status ?? {}
  return {
    currentNumberScheduled: current,
    numberMisscheduled: misscheduled,
    desiredNumberScheduled: desired,
    numberReady: ready,
    observedGeneration: set.metadata.generation ?? 0,
    ...(updated > 0 ? { updatedNumberScheduled: updated } : {}),
    ...(available > 0 ? { numberAvailable: available } : {}),
    ...(unavailable > 0 ? { numberUnavailable: unavailable } : {}),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    ...(conditions === undefined ? {} : { conditions }),
  }
}
