/** One node's daemons: which is missing, which are too many. Models podsShouldBeOnNode (Kubernetes 1.32). */
import type { DaemonSet, Pod } from '../../objects.ts'
import { isPodAvailable, isPodReady } from '../common.ts'
import { HASH } from './pods.ts'
import type { NodePods } from './rolling.ts'
import { allowsSurge } from './rolling.ts'

export interface NodePlan {
  readonly make: boolean
  readonly remove: readonly Pod[]
  /** Of those: they failed, or ended well. */
  readonly ended: readonly Pod[]
}

/** `spares`: whether a failed pod is left alone for now. */
export function planNode(
  set: DaemonSet,
  { shouldRun, mayStay, pods }: NodePods,
  hash: string,
  nowMs: number,
  spares: () => boolean,
): NodePlan {
  if (shouldRun && pods.length === 0) return { make: true, remove: [], ended: [] }
  const staying = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  if (!mayStay) return { make: false, remove: staying, ended: [] }
  const ended: Pod[] = []
  const running: Pod[] = []
  for (const pod of staying) {
    const { phase } = pod.status ?? {}
    if (phase === 'Succeeded' || (phase === 'Failed' && !spares())) ended.push(pod)
    else if (phase !== 'Failed') running.push(pod)
  }
  if (!allowsSurge(set)) return { make: false, remove: [...ended, ...running.slice(1)], ended }
  if (running.length <= 1) return { make: running.length === 0 && shouldRun, remove: ended, ended }
  return { make: false, remove: [...ended, ...surplus(set, running, hash, nowMs)], ended }
}

/** While surging there may be two: an old one that is ready, and a new one that is not yet available. */
function surplus({ spec }: DaemonSet, running: readonly Pod[], hash: string, nowMs: number): Pod[] {
  const isNew = ({ metadata }: Pod) => metadata.labels?.[HASH] === hash
  const fresh = running.find(isNew)
  const old = running.find((pod) => !isNew(pod))
  const more = running.filter((pod) => pod !== fresh && pod !== old)
  if (fresh === undefined || old === undefined) return more
  const done = !isPodReady(old) || isPodAvailable(fresh, spec.minReadySeconds ?? 0, nowMs)
  return done ? [...more, old] : more
}
