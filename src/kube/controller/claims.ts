/**
 * Whose an object is: pods and revisions that a controller owns and selects, orphans that it adopts, others that it lets
 * go. Models pkg/controller/controller_ref_manager.go (Kubernetes 1.32).
 */
import { matchLabels } from '../api/selectors.ts'
import { cacheGet, cacheGetKey, cacheList, cacheOwned } from '../agent/cache.ts'
import type { AgentCtx } from '../agent/types.ts'
import type { Pod, ReplicaSet } from '../objects.ts'
import type { ApiObject, StoreChange } from '../types.ts'
import { controllerOf, jsonEqual, objectKey } from '../types.ts'
import { controllerRef, isControlledBy, setOwners } from './common.ts'

type Selector = ReplicaSet['spec']['selector']

/** Keys of the controllers of one kind that a pod's change concerns: its owner's, or of all that select an orphan. */
export function ownersOfPod(ctx: AgentCtx, change: StoreChange, kind: string, resource: string): string[] {
  return podMatters(change) ? ownersOf(ctx, change, kind, resource) : []
}

/** The same of any object, whatever changed. */
export function ownersOf(ctx: AgentCtx, change: StoreChange, kind: string, resource: string): string[] {
  const keys = new Set<string>()
  for (const object of [change.object, change.previous]) {
    const owner = object === undefined ? undefined : controllerOf(object)
    const namespace = object?.metadata.namespace ?? ''
    if (owner?.kind === kind) keys.add(`${namespace}/${owner.name}`)
    if (object !== undefined && owner === undefined && change.type !== 'DELETED') {
      for (const set of cacheList<ReplicaSet>(ctx, resource, namespace)) {
        if (matchLabels(set.spec.selector, object.metadata.labels)) keys.add(objectKey(set))
      }
    }
  }
  return [...keys]
}

/** Most of what happens to a pod (it is bound, its containers come up) changes nothing for its controller. */
function podMatters({ type, object, previous }: StoreChange): boolean {
  if (type !== 'MODIFIED') return true
  const [now, was] = [object as Pod, previous as Pod]
  if (now.status?.phase !== was.status?.phase) return true
  if (now.metadata.deletionTimestamp !== was.metadata.deletionTimestamp) return true
  const ready = ({ status }: Pod) => status?.conditions?.find((one) => one.type === 'Ready')
  const [is, had] = [ready(now), ready(was)]
  if (is?.status !== had?.status || is?.lastTransitionTime !== had?.lastTransitionTime) return true
  return (
    !jsonEqual(now.metadata.labels, was.metadata.labels) ||
    !jsonEqual(now.metadata.ownerReferences, was.metadata.ownerReferences)
  )
}

/** What is not seen is left as it is; what does not concern the controller is as if it did not match. */
interface Scope<T> {
  readonly concerns?: (object: T) => boolean
  readonly isSeen?: (object: T) => boolean
}

/** The objects of a controller: those that it owns and selects. Matching orphans are adopted, others let go. */
export function claim<T extends ApiObject>(
  ctx: AgentCtx,
  owner: ApiObject,
  resource: string,
  selector: Selector,
  kind: string,
  { concerns = () => true, isSeen = () => true }: Scope<T> = {},
): T[] {
  const { namespace = '', name, uid, deletionTimestamp } = owner.metadata
  const matches = (object: T) => matchLabels(selector, object.metadata.labels) && concerns(object)
  const claimed: T[] = []
  for (const object of cacheOwned<T>(ctx, uid, kind)) {
    if (!isControlledBy(object, owner) || !isSeen(object)) continue
    if (matches(object)) claimed.push(object)
    else if (deletionTimestamp === undefined) {
      const owners = (object.metadata.ownerReferences ?? []).filter((ref) => ref.uid !== uid)
      setOwners(ctx, kind, object, owners)
    }
  }
  if (deletionTimestamp !== undefined) return claimed
  for (const object of orphansIn<T>(ctx, namespace, kind)) {
    if (object.metadata.deletionTimestamp !== undefined || !isSeen(object) || !matches(object)) continue
    if (cacheGet(ctx, resource, namespace, name)?.metadata.uid !== uid) continue
    const owners = [...(object.metadata.ownerReferences ?? []), controllerRef(owner)]
    if (setOwners(ctx, kind, object, owners)) claimed.push(object)
  }
  return claimed
}

/** Its pods. */
export function claimPods(
  ctx: AgentCtx,
  owner: ApiObject,
  resource: string,
  selector: Selector,
  scope: Scope<Pod> = {},
): Pod[] {
  return claim<Pod>(ctx, owner, resource, selector, 'pods', scope)
}

/** What a controller keeps: objects without a controller, so that nobody searches all for them. */
export interface OrphanState {
  /** KIND, a blank, NAMESPACE/NAME */
  orphans: Map<string, true>
}

/** Finds the objects of these kinds that have no controller, once. */
export function listOrphans(ctx: AgentCtx, kinds: readonly string[] = ['pods']): void {
  const orphans = new Map<string, true>()
  for (const kind of kinds) {
    for (const object of cacheList<ApiObject>(ctx, kind))
      if (controllerOf(object) === undefined) orphans.set(`${kind} ${objectKey(object)}`, true)
  }
  ctx.agent.state = { ...(ctx.agent.state as object | null), orphans } satisfies OrphanState
}

/** Keeps that list as objects change. */
export function noteOrphan(
  ctx: AgentCtx,
  { resource, type, key, object }: StoreChange,
  kinds: readonly string[] = ['pods'],
): void {
  if (!kinds.includes(resource)) return
  const { orphans } = ctx.agent.state as OrphanState
  if (type !== 'DELETED' && controllerOf(object) === undefined) orphans.set(`${resource} ${key}`, true)
  else orphans.delete(`${resource} ${key}`)
}

/** Those in a namespace. */
export function orphansIn<T extends ApiObject>(ctx: AgentCtx, namespace: string, kind = 'pods'): T[] {
  const found: T[] = []
  const prefix = `${kind} ${namespace}/`
  for (const key of (ctx.agent.state as OrphanState).orphans.keys()) {
    if (!key.startsWith(prefix)) continue
    const object = cacheGetKey<T>(ctx, kind, key.slice(kind.length + 1))
    if (object !== undefined) found.push(object)
  }
  return found
}
