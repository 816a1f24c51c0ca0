/** What a StatefulSet says of its pods. Models updateStatefulSet's status and completeRollingUpdate (Kubernetes 1.32). */
import type { Pod, StatefulSet } from '../../objects.ts'
import { isPodAvailable, isPodReady } from '../common.ts'
import { revisionNameOf } from './pods.ts'

/** `current` and `update` are revisions' names; `struck`: one of the current ones was asked to go a moment ago. With all pods new and ready, the update becomes the current one. */
export function setStatus(
  set: StatefulSet,
  pods: readonly Pod[],
  current: string,
  update: string,
  nowMs: number,
  struck = false,
): NonNullable<StatefulSet['status']> {
  const count = (holds: (pod: Pod) => boolean) => pods.filter(holds).length
  const runs = (pod: Pod) => pod.status?.phase === 'Running' && isPodReady(pod)
  const stays = (pod: Pod) => pod.metadata.deletionTimestamp === undefined
  const has = (revision: string) => (pod: Pod) => stays(pod) && revisionNameOf(pod) === revision
  const minReady = set.spec.minReadySeconds ?? 0
  const replicas = pods.length
  const ready = count(runs)
  const available = count((pod) => runs(pod) && isPodAvailable(pod, minReady, nowMs))
  const updated = count(has(update))
  const wanted = set.spec.replicas ?? 1
  const done =
    set.spec.updateStrategy?.type !== 'OnDelete' &&
    updated === wanted &&
    ready === wanted &&
    replicas === wanted
  const currently = done ? updated : count(has(current)) - (struck ? 1 : 0)
  return {
    observedGeneration: set.metadata.generation ?? 0,
    replicas,
    ...(ready > 0 ? { readyReplicas: ready } : {}),
    availableReplicas: available,
    ...(currently !== 0 ? { currentReplicas: currently } : {}),
    ...(updated > 0 ? { updatedReplicas: updated } : {}),
    currentRevision: done ? update : current,
    updateRevision: update,
    collisionCount: set.status?.collisionCount ?? 0,
  }
}
