/**
 * StatefulSets: pods with names that stay, started and stopped in order. Models pkg/controller/statefulset
 * (Kubernetes 1.32). Not here: claims (a set with volumeClaimTemplates makes no pods and says why), maxUnavailable.
 */
import { enqueue, expectOwnWrite } from '../agent/agent.ts'
import { cacheGetKey, cacheList } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiCreate, apiDelete, apiPatch, apiUpdateStatus } from '../api/local.ts'
import type { ControllerRevision, Pod, PodTemplate, StatefulSet } from '../objects.ts'
import type { ApiResult } from '../types.ts'
import { jsonEqual, objectKey } from '../types.ts'
import { claimPods, listOrphans, noteOrphan, ownersOfPod } from './claims.ts'
import { isPodAvailable, isPodReady, presentOf, recordEvent, untilAvailable } from './common.ts'
import { slowStart } from './pod-control.ts'
import { dropRevisions, presentRevision, REVISIONS, revisionsOf, templateOf } from './revisions.ts'
import { identityOf, NAME_LABEL, ordinalOf, podOfSet, revisionNameOf } from './statefulset/pods.ts'
import { setStatus } from './statefulset/status.ts'

const SETS = 'statefulsets.apps'
/** MaxBatchSize */
const MOST_AT_ONCE = 500
/** Objects whose orphans a set adopts. */
const ADOPTED = ['pods', REVISIONS]

export const statefulSetController: AgentProgram = {
  name: 'statefulset-controller',
  wants: () => [{ resource: SETS }, { resource: 'pods' }, { resource: REVISIONS }],
  delayNs: 2_000_000,
  workNs: 200_000,
  start(ctx) {
    listOrphans(ctx, ADOPTED)
    for (const set of cacheList<StatefulSet>(ctx, SETS)) enqueue(ctx, objectKey(set))
  },
  observe(ctx, change) {
    noteOrphan(ctx, change, ADOPTED)
    const { resource, key } = change
    if (resource === SETS) enqueue(ctx, key)
    else if (resource === 'pods')
      for (const owner of ownersOfPod(ctx, change, 'StatefulSet', SETS)) enqueue(ctx, owner)
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
  /** The server refused something. */
  failed: boolean
  /** A pod of the current revision was asked to go: it is not counted any more. */
  struck: boolean
}

function reconcile(ctx: AgentCtx, key: string): Reconciled {
  const set = cacheGetKey<StatefulSet>(ctx, SETS, key)
  if (set === undefined) return {}
  const revisions = revisionsOf(ctx, set, SETS)
  const isMember = (pod: Pod) => ordinalOf(set, pod) >= 0
  const pods = claimPods(ctx, set, SETS, set.spec.selector, { concerns: isMember })
  pods.sort((a, b) => ordinalOf(set, a) - ordinalOf(set, b))
  const collisions = set.status?.collisionCount ?? 0
  const annotations = set.metadata.annotations ?? {}
  const spec = { owner: set, template: set.spec.template, annotations, collisions }
  const update = presentRevision(ctx, { ...spec, hashLabel: 'controller.kubernetes.io/hash' }, revisions)
  if (update === 'collision') {
    const status = { replicas: 0, ...set.status, collisionCount: collisions + 1 }
    apiUpdateStatus<StatefulSet>(ctx.world, actorOf(ctx.agent), SETS, { ...set, status })
    return { retry: true }
  }
  if (update === undefined) return { retry: true }
  const current = revisions.find(({ metadata }) => metadata.name === set.status?.currentRevision) ?? update
  const { nowMs } = presentOf(ctx)
  const turn: Turn = { ctx, set, key, pods, current, update, nowMs, failed: false, struck: false }
  if (set.metadata.deletionTimestamp === undefined) act(turn)
  const done = finish(turn)
  const live = new Set([current.metadata.name, update.metadata.name, ...pods.map(revisionNameOf)])
  const idle = revisions.filter(({ metadata }) => !live.has(metadata.name))
  dropRevisions(ctx, idle.slice(0, Math.max(0, idle.length - (set.spec.revisionHistoryLimit ?? 10))))
  return done
}

function finish({ ctx, set, pods, current, update, nowMs, failed, struck }: Turn): Reconciled {
  const status = setStatus(set, pods, current.metadata.name, update.metadata.name, nowMs, struck)
  if (!jsonEqual(status, set.status)) {
    const done = apiUpdateStatus<StatefulSet>(ctx.world, actorOf(ctx.agent), SETS, { ...set, status })
    if (!done.ok) return { retry: true }
  }
  if (failed) return { retry: true }
  const wait = untilAvailable(pods, set.spec.minReadySeconds ?? 0, nowMs)
  return wait === undefined ? {} : { requeueAfter: wait }
}

/** 'wait': in order, nothing else is done before that is settled. 'failed': the server refused. */
type Step = 'on' | 'wait' | 'failed'

/** What the turn does to pods: starts, then stops, then updates. In order, one step is waited for before the next. */
function act(turn: Turn): void {
  const { set, pods } = turn
  const first = set.spec.ordinals?.start ?? 0
  const count = set.spec.replicas ?? 1
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(set, pod), pod]))
  const replicas = Array.from({ length: count }, (_, n) => byOrdinal.get(first + n))
  if (!forEach(turn, replicas, (pod, n) => keepReplica(turn, pod, first + n))) return
  const isOut = (at: number) => at < first || at >= first + count
  const condemned = pods.filter((pod) => isOut(ordinalOf(set, pod))).reverse()
  const unhealthy = [...replicas, ...[...condemned].reverse()].find(
    (pod) => pod === undefined || !isWell(pod),
  )
  if (!forEach(turn, condemned, (pod) => stopOne(turn, pod, unhealthy))) return
  updatePods(turn, replicas)
}

/** In order one after the other; in parallel in growing batches, whoever waits. False: not all could be done. */
function forEach<T>(turn: Turn, items: readonly T[], step: (item: T, n: number) => Step): boolean {
  if (isOrdered(turn)) return items.every((item, n) => step(item, n) === 'on')
  const act = (n: number) => (step(items[n]!, n) === 'failed' ? 'failed' : undefined)
  return slowStart(items.length, act, MOST_AT_ONCE) === undefined
}

function isOrdered({ set }: Turn): boolean {
  return set.spec.podManagementPolicy !== 'Parallel'
}

function isLeaving(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined
}

/** Runs, is ready, and is not going. */
function isWell(pod: Pod): boolean {
  return pod.status?.phase === 'Running' && isPodReady(pod) && !isLeaving(pod)
}

/** And has been so for long enough. */
function isSettled({ set, nowMs }: Turn, pod: Pod): boolean {
  return isWell(pod) && isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)
}

/** Sees to one replica. */
function keepReplica(turn: Turn, pod: Pod | undefined, ordinal: number): Step {
  if (pod === undefined) return makePod(turn, ordinal)
  const { phase } = pod.status ?? {}
  if (phase === 'Failed' || phase === 'Succeeded') {
    // Its successor is made when it is gone.
    return isLeaving(pod) || removePod(turn, pod) ? 'wait' : 'failed'
  }
  if (isOrdered(turn) && !isSettled(turn, pod)) return 'wait'
  return putIdentity(turn, pod, ordinal) ? 'on' : 'failed'
}

/** One that is not to be goes; in order, the last first, and each only if those below it are well. */
function stopOne(turn: Turn, pod: Pod, unhealthy: Pod | undefined): Step {
  const ordered = isOrdered(turn)
  if (isLeaving(pod)) return ordered ? 'wait' : 'on'
  if (ordered && pod !== unhealthy && !isSettled(turn, pod)) return 'wait'
  return removePod(turn, pod) ? 'wait' : 'failed'
}

/** Below the partition a pod has the template that the set is coming from. */
function templateAt({ set, current, update }: Turn, ordinal: number): [PodTemplate, string] {
  const { updateStrategy, ordinals } = set.spec
  const partition = updateStrategy?.rollingUpdate?.partition ?? 0
  const old = updateStrategy?.type !== 'OnDelete' && ordinal < (ordinals?.start ?? 0) + partition
  const revision = old ? current : update
  return [templateOf(revision), revision.metadata.name]
}

function makePod(turn: Turn, ordinal: number): Step {
  const { ctx, set, key } = turn
  const name = `${set.metadata.name}-${ordinal}`
  const [volume] = set.spec.volumeClaimTemplates ?? []
  if (volume !== undefined) {
    const claimName = `${(volume.metadata as { name?: string } | undefined)?.name ?? ''}-${name}`
    const why = 'PersistentVolumeClaims are not modelled'
    const message = `create Claim ${claimName} for Pod ${name} in StatefulSet ${set.metadata.name} failed error: ${why}`
    recordEvent(ctx, set, 'Warning', 'FailedCreate', message)
    return 'wait'
  }
  const [template, revision] = templateAt(turn, ordinal)
  const draft = podOfSet(set, template, revision, ordinal)
  const made = apiCreate<Pod>(ctx.world, actorOf(ctx.agent), 'pods', draft)
  expectOwnWrite(ctx, key, made)
  if (!made.ok && made.status.reason === 'AlreadyExists') {
    turn.failed = true
    return 'failed'
  }
  return say(turn, 'create', name, made) ? 'wait' : 'failed'
}

function removePod(turn: Turn, pod: Pod): boolean {
  const { ctx, key } = turn
  const { namespace = '', name, uid } = pod.metadata
  const gone = apiDelete(ctx.world, actorOf(ctx.agent), 'pods', namespace, name, { uid })
  expectOwnWrite(ctx, key, gone)
  return say(turn, 'delete', name, gone)
}

/** The labels that say who it is: an adopted pod may lack them. */
function putIdentity(turn: Turn, { metadata }: Pod, ordinal: number): boolean {
  const { ctx, key, set } = turn
  const identity = identityOf(set, ordinal)
  if (metadata.labels?.[NAME_LABEL] === metadata.name) return true
  const { namespace = '', name, uid } = metadata
  const body = { metadata: { uid, labels: identity } }
  const done = apiPatch(ctx.world, actorOf(ctx.agent), 'pods', namespace, name, { type: 'merge', body })
  expectOwnWrite(ctx, key, done)
  return say(turn, 'update', name, done)
}

const WORDS = { create: 'Create', delete: 'Delete', update: 'Update' } as const

/** Tells of it. False where it failed. */
function say(turn: Turn, verb: keyof typeof WORDS, pod: string, result: ApiResult): boolean {
  const { ctx, set } = turn
  const head = `${verb} Pod ${pod} in StatefulSet ${set.metadata.name}`
  if (result.ok) recordEvent(ctx, set, 'Normal', `Successful${WORDS[verb]}`, `${head} successful`)
  else {
    turn.failed = true
    const message = `${head} failed error: ${result.status.message ?? ''}`
    recordEvent(ctx, set, 'Warning', `Failed${WORDS[verb]}`, message)
  }
  return result.ok
}

/** The highest pod of an old template goes, once all above it are well. */
function updatePods(turn: Turn, replicas: readonly (Pod | undefined)[]): void {
  const { set, update } = turn
  const { updateStrategy } = set.spec
  if (updateStrategy?.type === 'OnDelete') return
  const least = updateStrategy?.rollingUpdate?.partition ?? 0
  for (let n = replicas.length - 1; n >= least; n--) {
    const pod = replicas[n]
    if (pod === undefined) return
    if (revisionNameOf(pod) !== update.metadata.name && !isLeaving(pod)) {
      turn.struck = removePod(turn, pod)
      return
    }
    if (!isWell(pod)) return
  }
}
