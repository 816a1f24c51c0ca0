/** The pods that a Service selects, as an agent knows them. */
import { cacheGetKey } from '../../agent/cache.ts'
import type { AgentCtx } from '../../agent/types.ts'
import { matchMap } from '../../api/selectors.ts'
import type { Labels, Pod } from '../../objects.ts'
import type { Selection } from './selection.ts'
import { selectionCandidates } from './selection.ts'

/** In the order of their names. */
export function selectedPods(ctx: AgentCtx, of: Selection, namespace: string, selector: Labels): Pod[] {
  const pods: Pod[] = []
  for (const key of selectionCandidates(of, namespace, selector)) {
    const pod = cacheGetKey<Pod>(ctx, 'pods', key)
    if (pod !== undefined && matchMap(selector, pod.metadata.labels)) pods.push(pod)
  }
  return pods
}
