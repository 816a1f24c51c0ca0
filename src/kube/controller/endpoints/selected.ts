/** The pods that a Service selects, as an agent knows them. */
import { cacheGetKeys } from '../../agent/cache.ts'
import type { AgentCtx } from '../../agent/types.ts'
import { matchMap } from '../../api/selectors.ts'
import type { Labels, Pod } from '../../objects.ts'
import type { Selection } from './selection.ts'
import { selectionCandidates } from './selection.ts'

/** In the order of their names. */
export function selectedPods(ctx: AgentCtx, of: Selection, namespace: string, selector: Labels): Pod[] {
  const candidates = cacheGetKeys<Pod>(ctx, 'pods', selectionCandidates(of, namespace, selector))
  return candidates.filter((pod) => matchMap(selector, pod.metadata.labels))
}
