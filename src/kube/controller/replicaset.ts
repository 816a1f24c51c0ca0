/** ReplicaSets keep their number of pods. Models pkg/controller/replicaset/replica_set.go (Kubernetes 1.32). */
import { apiCreate, apiDelete, apiUpdateStatus } from '../api/local.ts'
import { matchLabels } from '../api/selectors.ts'
import { agentTakes, enqueue, expectOwnWrite } from '../agent/agent.ts'
import { cacheGet, cacheGetKey, cacheList, cacheOwned } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import type { Pod, PodTemplate, ReplicaSet } from '../objects.ts'
import { parseTime } from '../time.ts'
import type { ApiObject, Draft, StoreChange } from '../types.ts'
import { controllerOf, jsonEqual, objectKey } from '../types.ts'
import {
  controllerRef,
  isControlledBy,
  isPodActive,
  isPodAvailable,
  isPodReady,
  presentOf,
  readySince,
  recordEvent,
  setOwners,
  untilAvailable,
} from './common.ts'

const REPLICASETS = 'replicasets.apps'
/** BurstReplicas: so many pods are made or removed in one go. */
const BURST = 500

export const replicaSetController: AgentProgram = {
  name: 'replicaset-controller',
  wants: () => [{ resource: REPLICASETS }, { resource: 'pods' }],
  delayNs: 2_000_000,
  workNs: 200_000,
  start(ctx) {
    listOrphans(ctx)
    for (const set of cacheList<ReplicaSet>(ctx, REPLICASETS)) enqueue(ctx, objectKey(set))
  },
  observe(ctx, change) {
    noteOrphan(ctx, change)
    if (change.resource === REPLICASETS) enqueue(ctx, change.key)
    else for (const key of ownersOfPod(ctx, change, 'ReplicaSet', REPLICASETS)) enqueue(ctx, key)
  },
  reconcile,
}

/** Keys of the controllers of one kind that a pod's change concerns: its owner's, or of all that select an orphan. */
export function ownersOfPod(ctx: AgentCtx, change: StoreChange, kind: string, resource: string): string[] {
  const keys = new Set<string>()
  if (!podMatters(change)) return []
  for (const pod of [change.object, change.previous]) {
    const owner = pod === undefined ? undefined : controllerOf(pod)
    const namespace = pod?.metadata.namespace ?? ''
    if (owner?.kind === kind) keys.add(`${namespace}/${owner.name}`)
    if (pod !== undefined && owner === undefined && change.type !== 'DELETED') {
      for (const set of cacheList<ReplicaSet>(ctx, resource, namespace)) {
        if (matchLabels(set.spec.selector, pod.metadata.labels)) keys.add(objectKey(set))
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

function reconcile(ctx: AgentCtx, key: string): Reconciled {
  const set = cacheGetKey<ReplicaSet>(ctx, REPLICASETS, key)
  if (set === undefined) return {}
  const pods = claimPods(ctx, set, REPLICASETS, set.spec.selector)
  agentTakes(ctx, pods.length)
  const active = pods.filter(isPodActive)
  let failure = ''
  if (set.metadata.deletionTimestamp === undefined) failure = manage(ctx, set, active, pods)
  return writeStatus(ctx, set, active, failure)
}

/**
 * The pods of a controller: those that it owns and selects. Matching orphans are adopted, others let go.
 * Models controller_ref_manager.go.
 */
export function claimPods(
  ctx: AgentCtx,
  owner: ApiObject,
  resource: string,
  selector: ReplicaSet['spec']['selector'],
): Pod[] {
  const { namespace = '' } = owner.metadata
  const claimed: Pod[] = []
  for (const pod of cacheOwned<Pod>(ctx, owner.metadata.uid, 'pods')) {
    if (!isControlledBy(pod, owner)) continue
    if (matchLabels(selector, pod.metadata.labels)) claimed.push(pod)
    else if (owner.metadata.deletionTimestamp === undefined) {
      const owners = (pod.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== owner.metadata.uid)
      setOwners(ctx, 'pods', pod, owners)
    }
  }
  if (owner.metadata.deletionTimestamp !== undefined) return claimed
  const fresh = cacheGet(ctx, resource, namespace, owner.metadata.name)
  for (const pod of orphansIn<Pod>(ctx, namespace)) {
    if (!matchLabels(selector, pod.metadata.labels) || fresh?.metadata.uid !== owner.metadata.uid) continue
    if (!isPodActive(pod)) continue
    const owners = [...(pod.metadata.ownerReferences ?? []), controllerRef(owner)]
    if (setOwners(ctx, 'pods', pod, owners)) claimed.push(pod)
  }
  return claimed
}

/** What a controller keeps: objects of one kind without a controller, so that nobody searches all for them. */
export interface OrphanState {
  /** Their keys. */
  orphans: Map<string, true>
}

/** Finds the objects without a controller, once. */
export function listOrphans(ctx: AgentCtx, kind = 'pods'): void {
  const orphans = new Map<string, true>()
  for (const object of cacheList<ApiObject>(ctx, kind))
    if (controllerOf(object) === undefined) orphans.set(objectKey(object), true)
  ctx.agent.state = { ...(ctx.agent.state as object | null), orphans } satisfies OrphanState
}

/** Keeps that list as objects change. */
export function noteOrphan(ctx: AgentCtx, { resource, type, key, object }: StoreChange, kind = 'pods'): void {
  if (resource !== kind) return
  const { orphans } = ctx.agent.state as OrphanState
  if (type !== 'DELETED' && controllerOf(object) === undefined) orphans.set(key, true)
  else orphans.delete(key)
}

/** Those in a namespace. */
export function orphansIn<T extends ApiObject>(ctx: AgentCtx, namespace: string, kind = 'pods'): T[] {
  const found: T[] = []
  for (const key of (ctx.agent.state as OrphanState).orphans.keys()) {
    const object = key.startsWith(`${namespace}/`) ? cacheGetKey<T>(ctx, kind, key) : undefined
    if (object !== undefined) found.push(object)
  }
  return found
}

/** Makes what is missing or removes what is too much. Answers the server's message where it refused. */
function manage(ctx: AgentCtx, set: ReplicaSet, active: readonly Pod[], all: readonly Pod[]): string {
  const { world, agent } = ctx
  const diff = active.length - (set.spec.replicas ?? 1)
  if (diff < 0) {
    for (let i = 0; i < Math.min(-diff, BURST); i++) {
      const made = apiCreate<Pod>(world, actorOf(agent), 'pods', podFromTemplate(set.spec.template!, set))
      expectOwnWrite(ctx, objectKey(set), made)
      if (!made.ok) {
        const message = made.status.message ?? ''
        recordEvent(ctx, set, 'Warning', 'FailedCreate', `Error creating: ${message}`)
        return message
      }
      recordEvent(ctx, set, 'Normal', 'SuccessfulCreate', `Created pod: ${made.object.metadata.name}`)
    }
  } else if (diff > 0) {
    for (const pod of podsToDelete(active, all, Math.min(diff, BURST), presentOf(ctx).nowMs)) {
      const { namespace = '', name } = pod.metadata
      const gone = apiDelete(world, actorOf(agent), 'pods', namespace, name)
      expectOwnWrite(ctx, objectKey(set), gone)
      if (gone.ok) recordEvent(ctx, set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`)
    }
  }
  return ''
}

/** A pod as its controller makes it: the template's, owned, with a name that the server completes. */
export function podFromTemplate(template: PodTemplate, owner: ApiObject): Draft<Pod> {
  const { labels, annotations } = template.metadata ?? {}
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${owner.metadata.name}-`,
      namespace: owner.metadata.namespace ?? '',
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [controllerRef(owner)],
    },
    spec: template.spec,
  }
}

/** Models ActivePodsWithRanks of pkg/controller: without a node, not yet running, not ready, cheap, doubled on a node, young. */
export function podsToDelete(
  active: readonly Pod[],
  all: readonly Pod[],
  n: number,
  nowMs: number,
): readonly Pod[] {
  if (n >= active.length) return active
  const perNode = new Map<string, number>()
  for (const pod of all) {
    const node = pod.spec.nodeName ?? ''
    if (isPodActive(pod)) perNode.set(node, (perNode.get(node) ?? 0) + 1)
  }
  const phases = ['Pending', 'Unknown', 'Running']
  const rank = (pod: Pod): number[] => [
    (pod.spec.nodeName ?? '') === '' ? 0 : 1,
    phases.indexOf(pod.status?.phase ?? 'Pending'),
    isPodReady(pod) ? 1 : 0,
    Number(pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0),
    -(perNode.get(pod.spec.nodeName ?? '') ?? 0),
  ]
  const restarts = (pod: Pod) =>
    Math.max(0, ...(pod.status?.containerStatuses ?? []).map(({ restartCount }) => restartCount))
  const madeAt = (pod: Pod) => parseTime(pod.metadata.creationTimestamp) ?? 0
  return [...active]
    .sort(
      (a, b) =>
        compareRanks(rank(a), rank(b)) ||
        byAge(a, b, readySince(a) ?? 0, readySince(b) ?? 0, nowMs) ||
        restarts(b) - restarts(a) ||
        byAge(a, b, madeAt(a), madeAt(b), nowMs),
    )
    .slice(0, n)
}

/** The younger first, as far as one is of another power of two of nanoseconds; else by uid (LogarithmicScaleDown). */
function byAge(a: Pod, b: Pod, since: number, other: number, nowMs: number): number {
  if (since === other) return 0
  const power = (ms: number) => (nowMs > ms ? Math.trunc(Math.log2((nowMs - ms) * 1e6)) : -1)
  return power(since) - power(other) || compareText(a.metadata.uid, b.metadata.uid)
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return 0
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function writeStatus(ctx: AgentCtx, set: ReplicaSet, active: readonly Pod[], failure: string): Reconciled {
  const { world, agent } = ctx
  const { nowMs } = presentOf(ctx)
  const minReady = set.spec.minReadySeconds ?? 0
  const labels = Object.entries(set.spec.template?.metadata?.labels ?? {})
  let [ready, available, fully] = [0, 0, 0]
  for (const pod of active) {
    if (labels.every(([key, value]) => pod.metadata.labels?.[key] === value)) fully++
    if (!isPodReady(pod)) continue
    ready++
    if (isPodAvailable(pod, minReady, nowMs)) available++
  }
  const others = (set.status?.conditions ?? []).filter(({ type }) => type !== 'ReplicaFailure')
  const failed =
    failure === ''
      ? []
      : [{ type: 'ReplicaFailure', status: 'True' as const, reason: 'FailedCreate', message: failure }]
  const conditions = [...others, ...failed]
  const status: ReplicaSet['status'] = {
    replicas: active.length,
    ...(fully > 0 ? { fullyLabeledReplicas: fully } : {}),
    ...(ready > 0 ? { readyReplicas: ready } : {}),
    ...(available > 0 ? { availableReplicas: available } : {}),
    observedGeneration: set.metadata.generation ?? 0,
    ...(conditions.length > 0 ? { conditions } : {}),
  }
  if (!jsonEqual(status, set.status)) {
    const written = apiUpdateStatus<ReplicaSet>(world, actorOf(agent), REPLICASETS, { ...set, status })
    if (!written.ok) return { retry: true }
  }
  if (failure !== '') return { retry: true }
  const wait = untilAvailable(active, minReady, nowMs)
  return wait === undefined ? {} : { requeueAfter: wait }
}
