/**
 * StatefulSets: pods with names that stay, started and stopped in order. Models pkg/controller/statefulset
 * (Kubernetes 1.32). Not here: claims (a set with volumeClaimTemplates makes no pods and says why), maxUnavailable.
 */
import { enqueue, expectOwnWrite } from '../agent/agent.ts'
import { cacheGetKey, cacheList } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiCreate, apiDelete, apiUpdateStatus } from '../api/local.ts'
import type { ControllerRevision, Pod, PodTemplate, StatefulSet } from '../objects.ts'
import { controllerOf, jsonEqual, objectKey } from '../types.ts'
import { isPodAvailable, isPodReady, presentOf, recordEvent, untilAvailable } from './common.ts'
import { claimPods, listOrphans, noteOrphan, ownersOfPod } from './replicaset.ts'
import { presentRevision, revisionsOf, templateOf, truncateRevisions } from './revisions.ts'
import { ordinalOf, podOfSet, revisionNameOf } from './statefulset/pods.ts'
import { setStatus } from './statefulset/status.ts'

const SETS = 'statefulsets.apps'
const REVISIONS = 'controllerrevisions.apps'

export const statefulSetController: AgentProgram = {
  name: 'statefulset-controller',
  wants: () => [{ resource: SETS }, { resource: 'pods' }, { resource: REVISIONS }],
  delayNs: 2_000_000,
  workNs: 200_000,
  start(ctx) {
    listOrphans(ctx)
    for (const set of cacheList<StatefulSet>(ctx, SETS)) enqueue(ctx, objectKey(set))
  },
  observe(ctx, change) {
    noteOrphan(ctx, change)
    const { resource, key, type, object } = change
    if (resource === SETS) enqueue(ctx, key)
    else if (resource === 'pods')
      for (const owner of ownersOfPod(ctx, change, 'StatefulSet', SETS)) enqueue(ctx, owner)
    else if (type === 'DELETED' && controllerOf(object)?.kind === 'StatefulSet')
      enqueue(ctx, `${object.metadata.namespace}/${controllerOf(object)!.name}`)
  },
  reconcile,
}

/** One turn: the set, its pods by ordinal, and the revisions that it stands between. */
interface Turn {
  readonly ctx: AgentCtx
  readonly set: StatefulSet
  readonly key: string
  readonly pods: readonly Pod[]
  readonly current: ControllerRevision
  readonly update: ControllerRevision
  readonly nowMs: number
  /** The server's answer where it refused a pod. */
  failed: boolean
}

function reconcile(ctx: AgentCtx, key: string): Reconciled {
  const set = cacheGetKey<StatefulSet>(ctx, SETS, key)
  if (set === undefined) return {}
  const pods = claimPods(ctx, set, SETS, set.spec.selector).filter((pod) => ordinalOf(set, pod) >= 0)
  pods.sort((a, b) => ordinalOf(set, a) - ordinalOf(set, b))
  const revisions = revisionsOf(ctx, set)
  const collisions = set.status?.collisionCount ?? 0
  const spec = { owner: set, template: set.spec.template, annotations: {}, collisions }
  const update = presentRevision(ctx, { ...spec, hashLabel: 'controller.kubernetes.io/hash' }, revisions)
  if (update === 'collision') {
    const status = { replicas: 0, ...set.status, collisionCount: collisions + 1 }
    apiUpdateStatus<StatefulSet>(ctx.world, actorOf(ctx.agent), SETS, { ...set, status })
    return { retry: true }
  }
  if (update === undefined) return { retry: true }
  const current = revisions.find(({ metadata }) => metadata.name === set.status?.currentRevision) ?? update
  const { nowMs } = presentOf(ctx)
  const turn: Turn = { ctx, set, key, pods, current, update, nowMs, failed: false }
  if (set.metadata.deletionTimestamp === undefined) act(turn)
  const live = new Set([current.metadata.name, update.metadata.name, ...pods.map(revisionNameOf)])
  truncateRevisions(ctx, revisions, live, set.spec.revisionHistoryLimit ?? 10)
  return finish(turn)
}

function finish({ ctx, set, pods, current, update, nowMs, failed }: Turn): Reconciled {
  const status = setStatus(set, pods, current.metadata.name, update.metadata.name, nowMs)
  if (!jsonEqual(status, set.status)) {
    const done = apiUpdateStatus<StatefulSet>(ctx.world, actorOf(ctx.agent), SETS, { ...set, status })
    if (!done.ok) return { retry: true }
  }
  if (failed) return { retry: true }
  const wait = untilAvailable(pods, set.spec.minReadySeconds ?? 0, nowMs)
  return wait === undefined ? {} : { requeueAfter: wait }
}

/** What the turn does to pods: starts, then stops, then updates. In order, one step is waited for before the next. */
function act(turn: Turn): void {
  const { set, pods } = turn
  const first = set.spec.ordinals?.start ?? 0
  const end = first + (set.spec.replicas ?? 1)
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(set, pod), pod]))
  const inOrder = set.spec.podManagementPolicy !== 'Parallel'
  for (let at = first; at < end; at++) {
    if (keepReplica(turn, byOrdinal.get(at), at) && inOrder) return
  }
  const condemned = pods.filter((pod) => ordinalOf(set, pod) < first || ordinalOf(set, pod) >= end).reverse()
  const unhealthy = firstUnhealthy(turn, byOrdinal, first, end, condemned)
  for (const pod of condemned) {
    if (isLeaving(pod)) {
      if (inOrder) return
      continue
    }
    if (inOrder && !isHealthy(turn, pod) && pod !== unhealthy) return
    removePod(turn, pod)
    if (inOrder) return
  }
  updatePods(turn, byOrdinal, first, end)
}

function isLeaving(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined
}

/** Runs, and has been ready for long enough. */
function isHealthy({ set, nowMs }: Turn, pod: Pod): boolean {
  if (pod.status?.phase !== 'Running' || isLeaving(pod)) return false
  return isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)
}

/** The pod of lowest ordinal that is not healthy: it alone may be stopped while it is so. */
function firstUnhealthy(
  { set }: Turn,
  byOrdinal: ReadonlyMap<number, Pod>,
  first: number,
  end: number,
  condemned: readonly Pod[],
): Pod | undefined {
  const bad = (pod: Pod) => pod.status?.phase !== 'Running' || !isPodReady(pod) || isLeaving(pod)
  for (let at = first; at < end; at++) {
    const pod = byOrdinal.get(at)
    if (pod === undefined || bad(pod)) return pod
  }
  return [...condemned].sort((a, b) => ordinalOf(set, a) - ordinalOf(set, b)).find(bad)
}

/** Sees to one replica. True where the ones after it have to wait. */
function keepReplica(turn: Turn, pod: Pod | undefined, ordinal: number): boolean {
  const { ctx, set } = turn
  if (pod === undefined) {
    makePod(turn, ordinal)
    return true
  }
  const { phase } = pod.status ?? {}
  if (phase === 'Failed' || phase === 'Succeeded') {
    if (isLeaving(pod)) return true
    const [type, reason, what] =
      phase === 'Failed'
        ? (['Warning', 'RecreatingFailedPod', 'failed'] as const)
        : (['Normal', 'RecreatingTerminatedPod', 'terminated'] as const)
    const message = `StatefulSet ${objectKey(set)} is recreating ${what} Pod ${pod.metadata.name}`
    recordEvent(ctx, set, type, reason, message)
    removePod(turn, pod)
    return true
  }
  return !isHealthy(turn, pod)
}

/** Below the partition a pod has the template that the set is coming from. */
function templateAt({ set, current, update }: Turn, ordinal: number): [PodTemplate, string] {
  const { updateStrategy, ordinals } = set.spec
  const partition = updateStrategy?.rollingUpdate?.partition ?? 0
  const old = updateStrategy?.type !== 'OnDelete' && ordinal < (ordinals?.start ?? 0) + partition
  const revision = old ? current : update
  return [templateOf(revision), revision.metadata.name]
}

function makePod(turn: Turn, ordinal: number): void {
  const { ctx, set, key } = turn
  const name = `${set.metadata.name}-${ordinal}`
  const [claim] = set.spec.volumeClaimTemplates ?? []
  if (claim !== undefined) {
    const claimName = `${(claim.metadata as { name?: string } | undefined)?.name ?? ''}-${name}`
    const why = 'PersistentVolumeClaims are not modelled'
    const message = `create Claim ${claimName} for Pod ${name} in StatefulSet ${set.metadata.name} failed error: ${why}`
    recordEvent(ctx, set, 'Warning', 'FailedCreate', message)
    return
  }
  const [template, revision] = templateAt(turn, ordinal)
  const made = apiCreate<Pod>(
    ctx.world,
    actorOf(ctx.agent),
    'pods',
    podOfSet(set, template, revision, ordinal),
  )
  expectOwnWrite(ctx, key, made)
  say(turn, 'create', name, made.ok ? undefined : (made.status.message ?? ''))
}

function removePod(turn: Turn, pod: Pod): void {
  const { ctx, key } = turn
  const { namespace = '', name, uid } = pod.metadata
  const gone = apiDelete(ctx.world, actorOf(ctx.agent), 'pods', namespace, name, { uid })
  expectOwnWrite(ctx, key, gone)
  say(turn, 'delete', name, gone.ok ? undefined : (gone.status.message ?? ''))
}

function say(turn: Turn, verb: 'create' | 'delete', pod: string, failure: string | undefined): void {
  const { ctx, set } = turn
  const What = verb === 'create' ? 'Create' : 'Delete'
  const head = `${verb} Pod ${pod} in StatefulSet ${set.metadata.name}`
  if (failure === undefined) recordEvent(ctx, set, 'Normal', `Successful${What}`, `${head} successful`)
  else {
    turn.failed = true
    recordEvent(ctx, set, 'Warning', `Failed${What}`, `${head} failed error: ${failure}`)
  }
}

/** The highest pod of an old template goes, once all above it are healthy. */
function updatePods(turn: Turn, byOrdinal: ReadonlyMap<number, Pod>, first: number, end: number): void {
  const { set, update } = turn
  const { updateStrategy } = set.spec
  if (updateStrategy?.type === 'OnDelete') return
  const least = first + (updateStrategy?.rollingUpdate?.partition ?? 0)
  for (let at = end - 1; at >= least; at--) {
    const pod = byOrdinal.get(at)
    if (pod === undefined) return
    if (revisionNameOf(pod) !== update.metadata.name && !isLeaving(pod)) {
      removePod(turn, pod)
      return
    }
    if (!isHealthy(turn, pod)) return
  }
}
