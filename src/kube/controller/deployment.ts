/** Deployments roll their ReplicaSets. Models pkg/controller/deployment (Kubernetes 1.32). Rolling back is a change of the template. */
import { apiCreate, apiDelete, apiGet, apiPatch, apiUpdate, apiUpdateStatus } from '../api/local.ts'
import { matchLabels } from '../api/selectors.ts'
import { enqueue, expectOwnWrite } from '../agent/agent.ts'
import { cacheGetKey, cacheList, cacheOwned } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import type { Condition, Deployment, Pod, ReplicaSet } from '../objects.ts'
import { parseTime } from '../time.ts'
import type { ApiResult, Json } from '../types.ts'
import { controllerOf, jsonEqual, objectKey } from '../types.ts'
import {
  controllerRef,
  isControlledBy,
  isPodActive,
  presentOf,
  recordEvent,
  setOwners,
  templateHash,
} from './common.ts'
import {
  cleanupUnhealthy,
  historyToDelete,
  maxScaledDown,
  maxSurge,
  newSetReplicas,
  reconciledSize,
  scaleDownOld,
  scaleProportionally,
} from './deployment/rolling.ts'
import {
  availableOf,
  DESIRED,
  findNewSet,
  HASH_LABEL,
  lastRevision,
  MAX_REPLICAS,
  oldSetsOf,
  replicasOf,
  REVISION,
  revisionOf,
  sameTemplate,
  setAnnotations,
} from './deployment/sets.ts'
import { deploymentStatus, rollingSpec } from './deployment/status.ts'
import { listOrphans, noteOrphan, orphansIn } from './claims.ts'

const DEPLOYMENTS = 'deployments.apps'
const REPLICASETS = 'replicasets.apps'

export const deploymentController: AgentProgram = {
  name: 'deployment-controller',
  wants: () => [{ resource: DEPLOYMENTS }, { resource: REPLICASETS }, { resource: 'pods' }],
  delayNs: 2_000_000,
  workNs: 200_000,
  start(ctx) {
    listOrphans(ctx, [REPLICASETS])
    for (const deployment of cacheList<Deployment>(ctx, DEPLOYMENTS)) enqueue(ctx, objectKey(deployment))
  },
  observe(ctx, change) {
    const { resource, key, type, object, previous } = change
    noteOrphan(ctx, change, [REPLICASETS])
    if (resource === DEPLOYMENTS) enqueue(ctx, key)
    else if (resource === REPLICASETS) {
      for (const set of [object, previous]) {
        const owner = set === undefined ? undefined : controllerOf(set)
        if (owner?.kind === 'Deployment') enqueue(ctx, `${set!.metadata.namespace}/${owner.name}`)
      }
      if (controllerOf(object) === undefined && type !== 'DELETED')
        enqueueSelecting(ctx, object as ReplicaSet)
    } else if (type === 'DELETED') {
      // Recreate waits for the last old pod to be gone.
      const owner = controllerOf(object)
      const set = owner?.kind === 'ReplicaSet' ? `${object.metadata.namespace}/${owner.name}` : ''
      const up = set === '' ? undefined : cacheGetKey<ReplicaSet>(ctx, REPLICASETS, set)
      const top = up === undefined ? undefined : controllerOf(up)
      if (top?.kind === 'Deployment') enqueue(ctx, `${object.metadata.namespace}/${top.name}`)
    }
  },
  reconcile,
}

function enqueueSelecting(ctx: AgentCtx, set: ReplicaSet): void {
  for (const deployment of cacheList<Deployment>(ctx, DEPLOYMENTS, set.metadata.namespace)) {
    if (matchLabels(deployment.spec.selector, set.metadata.labels)) enqueue(ctx, objectKey(deployment))
  }
}

/** One turn: the Deployment, its sets, and what was done to them. */
interface Turn {
  ctx: AgentCtx
  deployment: Deployment
  key: string
  sets: ReplicaSet[]
  note: Condition | undefined
  conflict: boolean
}

function reconcile(ctx: AgentCtx, key: string): Reconciled {
  const deployment = cacheGetKey<Deployment>(ctx, DEPLOYMENTS, key)
  if (deployment === undefined) return {}
  const turn: Turn = {
    ctx,
    deployment,
    key,
    sets: claimSets(ctx, deployment),
    note: undefined,
    conflict: false,
  }
  if (deployment.metadata.deletionTimestamp !== undefined) return writeStatus(turn, undefined)
  const paused = deployment.spec.paused === true
  if (paused || isScaling(turn)) {
    const newSet = newSetOf(turn, false)
    scaleAll(turn, newSet)
    if (!paused || replicasOf(oldSetsOf(turn.sets, newSet)) === 0) cleanup(turn, newSet)
    return writeStatus(turn, newSet)
  }
  return deployment.spec.strategy?.type === 'Recreate' ? recreate(turn) : rollingUpdate(turn)
}

/** Its own sets; matching orphans are adopted, those that no longer match let go. */
function claimSets(ctx: AgentCtx, deployment: Deployment): ReplicaSet[] {
  const { namespace = '' } = deployment.metadata
  const mine: ReplicaSet[] = []
  for (const set of cacheOwned<ReplicaSet>(ctx, deployment.metadata.uid, REPLICASETS)) {
    if (!isControlledBy(set, deployment)) continue
    if (matchLabels(deployment.spec.selector, set.metadata.labels)) mine.push(set)
    else {
      const others = (set.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== deployment.metadata.uid)
      setOwners(ctx, REPLICASETS, set, others)
    }
  }
  if (deployment.metadata.deletionTimestamp !== undefined) return mine
  for (const set of orphansIn<ReplicaSet>(ctx, namespace, REPLICASETS)) {
    if (controllerOf(set) !== undefined || !matchLabels(deployment.spec.selector, set.metadata.labels))
      continue
    if (setOwners(ctx, REPLICASETS, set, [controllerRef(deployment)])) mine.push(set)
  }
  return mine
}

/** Somebody changed the number of replicas since the sets were last sized. */
function isScaling({ deployment, sets }: Turn): boolean {
  return sets
    .filter((set) => (set.spec.replicas ?? 0) > 0)
    .some((set) => {
      const desired = set.metadata.annotations?.[DESIRED]
      return desired !== undefined && Number(desired) !== (deployment.spec.replicas ?? 1)
    })
}

function rollingUpdate(turn: Turn): Reconciled {
  const newSet = newSetOf(turn, true)
  if (newSet === undefined) return turn.conflict ? { retry: true } : writeStatus(turn, newSet)
  const spec = rollingSpec(turn.deployment)
  const size = newSet.spec.replicas ?? 0
  const wanted = reconciledSize(spec, size, replicasOf(turn.sets))
  if (wanted !== size) {
    scale(turn, newSet, wanted)
    return writeStatus(turn, current(turn, newSet))
  }
  if (scaleOldDown(turn, newSet)) return writeStatus(turn, current(turn, newSet))
  if (isDone(turn, newSet)) cleanup(turn, newSet)
  return writeStatus(turn, newSet)
}

function isDone({ deployment, sets }: Turn, newSet: ReplicaSet): boolean {
  const replicas = deployment.spec.replicas ?? 1
  const old = oldSetsOf(sets, newSet)
  return (
    (newSet.status?.availableReplicas ?? 0) === replicas &&
    (newSet.status?.replicas ?? 0) === replicas &&
    old.every((set) => (set.spec.replicas ?? 0) === 0 && (set.status?.replicas ?? 0) === 0)
  )
}

/** Old pods go as far as enough are available: unhealthy ones first. True where a set was changed. */
function scaleOldDown(turn: Turn, newSet: ReplicaSet): boolean {
  const { deployment, sets } = turn
  const spec = rollingSpec(deployment)
  const old = oldSetsOf(sets, newSet).filter((set) => (set.spec.replicas ?? 0) > 0)
  if (old.length === 0) return false
  const available = newSet.status?.availableReplicas ?? 0
  const most = maxScaledDown(spec, replicasOf(sets), newSet.spec.replicas ?? 0, available)
  if (most <= 0) return false
  const sizes = old.map((set) => ({
    replicas: set.spec.replicas ?? 0,
    available: set.status?.availableReplicas ?? 0,
  }))
  const cleaned = cleanupUnhealthy(sizes, most)
  const left = sizes.map(({ replicas }, at) => ({ replicas: replicas - cleaned[at]! }))
  const gone = scaleDownOld(spec, left, availableOf(sets))
  let changed = false
  old.forEach((set, at) => {
    const to = left[at]!.replicas - gone[at]!
    if (to === (set.spec.replicas ?? 0)) return
    scale(turn, set, to)
    changed = true
  })
  return changed
}

function recreate(turn: Turn): Reconciled {
  const { ctx, deployment, sets } = turn
  const known = newSetOf(turn, false)
  const old = oldSetsOf(sets, known)
  let changed = false
  for (const set of old) {
    if ((set.spec.replicas ?? 0) === 0) continue
    scale(turn, set, 0)
    changed = true
  }
  if (changed || oldPodsRun(ctx, old)) return writeStatus(turn, known)
  const newSet = newSetOf(turn, true)
  if (newSet === undefined) return turn.conflict ? { retry: true } : writeStatus(turn, newSet)
  const replicas = deployment.spec.replicas ?? 1
  if ((newSet.spec.replicas ?? 0) !== replicas) scale(turn, newSet, replicas)
  const now = current(turn, newSet)
  if (isDone(turn, now)) cleanup(turn, now)
  return writeStatus(turn, now)
}

function oldPodsRun(ctx: AgentCtx, old: readonly ReplicaSet[]): boolean {
  return old.some((set) =>
    cacheOwned<Pod>(ctx, set.metadata.uid, 'pods').some((pod) => isPodActive(pod) || isLeaving(pod)),
  )
}

function isLeaving(pod: Pod): boolean {
  return (
    pod.metadata.deletionTimestamp !== undefined &&
    pod.status?.phase !== 'Succeeded' &&
    pod.status?.phase !== 'Failed'
  )
}

/** The set as it is after what this turn did to it. */
function current({ sets }: Turn, set: ReplicaSet): ReplicaSet {
  return sets.find(({ metadata }) => metadata.uid === set.metadata.uid) ?? set
}

/** The set of the Deployment's template, with its revision; made where it is missing and `create` is set. */
function newSetOf(turn: Turn, create: boolean): ReplicaSet | undefined {
  const { ctx, deployment, sets } = turn
  const found = findNewSet(deployment, sets)
  const revision = lastRevision(oldSetsOf(sets, found)) + 1
  if (found !== undefined) {
    const sizes = undefined
    const annotations = setAnnotations(deployment, found.metadata.annotations ?? {}, revision, sizes)
    const minReady = deployment.spec.minReadySeconds ?? 0
    const same =
      jsonEqual(annotations, found.metadata.annotations ?? {}) &&
      (found.spec.minReadySeconds ?? 0) === minReady
    const set = same
      ? found
      : (put(
          turn,
          apiUpdate<ReplicaSet>(ctx.world, actorOf(ctx.agent), REPLICASETS, {
            ...found,
            metadata: { ...found.metadata, annotations },
            spec: { ...found.spec, ...(minReady > 0 ? { minReadySeconds: minReady } : {}) },
          }),
        ) ?? found)
    putRevision(turn, revisionOf(set))
    if (deployment.status?.conditions?.some(({ type }) => type === 'Progressing') !== true) {
      turn.note = progress('FoundNewReplicaSet', `Found new replica set "${set.metadata.name}"`)
    }
    return set
  }
  return create ? createSet(turn, revision) : undefined
}

function createSet(turn: Turn, revision: number): ReplicaSet | undefined {
  const { ctx, deployment, sets, key } = turn
  const { world, agent } = ctx
  const spec = rollingSpec(deployment)
  const { template } = deployment.spec
  const hash = templateHash(template, deployment.status?.collisionCount ?? 0)
  const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash }
  const replicas = newSetReplicas(spec, 0, replicasOf(sets))
  const sizes = { desired: spec.replicas, max: spec.replicas + maxSurge(spec) }
  const { selector } = deployment.spec
  const made = apiCreate<ReplicaSet>(world, actorOf(agent), REPLICASETS, {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace ?? '',
      labels,
      annotations: setAnnotations(deployment, {}, revision, sizes),
      ownerReferences: [controllerRef(deployment)],
    },
    spec: {
      replicas,
      ...((deployment.spec.minReadySeconds ?? 0) > 0
        ? { minReadySeconds: deployment.spec.minReadySeconds! }
        : {}),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  })
  expectOwnWrite(ctx, key, made)
  if (made.ok) {
    turn.sets.push(made.object)
    const { name } = made.object.metadata
    if (replicas > 0) event(turn, `Scaled up replica set ${name} from 0 to ${replicas}`)
    putRevision(turn, revision)
    turn.note = progress('NewReplicaSetCreated', `Created new replica set "${name}"`)
    return made.object
  }
  if (made.status.reason === 'AlreadyExists') collide(turn, `${deployment.metadata.name}-${hash}`)
  else
    turn.note = {
      type: 'Progressing',
      status: 'False',
      reason: 'ReplicaSetCreateError',
      message: made.status.message ?? '',
    }
  return undefined
}

/** A set of that name with another template: the hash is drawn anew. */
function collide(turn: Turn, name: string): void {
  const { ctx, deployment } = turn
  const { namespace = '' } = deployment.metadata
  const there = apiGet<ReplicaSet>(ctx.world, REPLICASETS, namespace, name)
  turn.conflict = true
  if (
    there.ok &&
    isControlledBy(there.object, deployment) &&
    sameTemplate(there.object.spec.template!, deployment.spec.template)
  )
    return
  const collisionCount = (deployment.status?.collisionCount ?? 0) + 1
  const status = { ...deployment.status, collisionCount }
  apiUpdateStatus<Deployment>(ctx.world, actorOf(ctx.agent), DEPLOYMENTS, { ...deployment, status })
}

/** The Deployment is told which revision it is at: with its status, so that its generation stays. */
function putRevision(turn: Turn, revision: number): void {
  const { ctx, deployment } = turn
  if (revisionOf(deployment) === revision) return
  const { namespace = '', name } = deployment.metadata
  const body = { metadata: { annotations: { [REVISION]: `${revision}` } } } as Json
  const done = apiPatch<Deployment>(ctx.world, actorOf(ctx.agent), DEPLOYMENTS, namespace, name, {
    type: 'merge',
    body,
    subresource: 'status',
  })
  if (done.ok) turn.deployment = done.object
  expectOwnWrite(ctx, turn.key, done)
}

/** Sizes every active set after the Deployment was scaled. Models deployment scale(). */
function scaleAll(turn: Turn, newSet: ReplicaSet | undefined): void {
  const { deployment, sets } = turn
  const spec = rollingSpec(deployment)
  const active = sets.filter((set) => (set.spec.replicas ?? 0) > 0)
  const only = active.length <= 1 ? (active[0] ?? newSet) : undefined
  if (only !== undefined) {
    if ((only.spec.replicas ?? 0) !== spec.replicas || !sized(only, spec.replicas))
      scale(turn, only, spec.replicas)
    return
  }
  if (newSet !== undefined && isSaturated(deployment, newSet)) {
    for (const set of oldSetsOf(active, newSet)) scale(turn, set, 0)
    return
  }
  if (spec.type !== 'RollingUpdate') return
  const sizes = scaleProportionally(
    active.map((set) => ({
      name: set.metadata.name,
      replicas: set.spec.replicas ?? 0,
      maxReplicas: Number(set.metadata.annotations?.[MAX_REPLICAS] ?? 0),
      createdAt: parseTime(set.metadata.creationTimestamp) ?? 0,
    })),
    spec,
    deployment.status?.replicas ?? 0,
  )
  for (const set of active) scale(turn, set, sizes.get(set.metadata.name) ?? 0)
}

function sized(set: ReplicaSet, replicas: number): boolean {
  return set.metadata.annotations?.[DESIRED] === `${replicas}`
}

function isSaturated(deployment: Deployment, set: ReplicaSet): boolean {
  const replicas = deployment.spec.replicas ?? 1
  return set.spec.replicas === replicas && sized(set, replicas) && set.status?.availableReplicas === replicas
}

/** Changes a set's size, and notes for what size of the Deployment that was. */
function scale(turn: Turn, set: ReplicaSet, to: number): void {
  const { ctx, deployment } = turn
  const spec = rollingSpec(deployment)
  const from = set.spec.replicas ?? 0
  const annotations = {
    ...set.metadata.annotations,
    [DESIRED]: `${spec.replicas}`,
    [MAX_REPLICAS]: `${spec.replicas + maxSurge(spec)}`,
  }
  if (from === to && jsonEqual(annotations, set.metadata.annotations)) return
  const done = put(
    turn,
    apiUpdate<ReplicaSet>(ctx.world, actorOf(ctx.agent), REPLICASETS, {
      ...set,
      metadata: { ...set.metadata, annotations },
      spec: { ...set.spec, replicas: to },
    }),
  )
  if (done === undefined || from === to) return
  event(turn, `Scaled ${to > from ? 'up' : 'down'} replica set ${set.metadata.name} from ${from} to ${to}`)
}

function put(turn: Turn, result: ApiResult<ReplicaSet>): ReplicaSet | undefined {
  expectOwnWrite(turn.ctx, turn.key, result)
  if (!result.ok) {
    turn.conflict = true
    return undefined
  }
  const { uid } = result.object.metadata
  turn.sets = turn.sets.map((set) => (set.metadata.uid === uid ? result.object : set))
  return result.object
}

/** Old sets beyond the history limit go. */
function cleanup(turn: Turn, newSet: ReplicaSet | undefined): void {
  const { ctx, deployment, sets } = turn
  const old = oldSetsOf(sets, newSet).filter((set) => set.metadata.deletionTimestamp === undefined)
  const limit = deployment.spec.revisionHistoryLimit ?? 10
  const sizes = old.map((set) => ({
    replicas: set.spec.replicas ?? 0,
    statusReplicas: set.status?.replicas ?? 0,
  }))
  for (const at of historyToDelete(sizes, limit)) {
    const { namespace = '', name } = old[at]!.metadata
    expectOwnWrite(ctx, turn.key, apiDelete(ctx.world, actorOf(ctx.agent), REPLICASETS, namespace, name))
  }
}

function event({ ctx, deployment }: Turn, message: string): void {
  recordEvent(ctx, deployment, 'Normal', 'ScalingReplicaSet', message)
}

function progress(reason: string, message: string): Condition {
  return { type: 'Progressing', status: 'True', reason, message }
}

function writeStatus(turn: Turn, newSet: ReplicaSet | undefined): Reconciled {
  const { ctx, deployment, sets } = turn
  const { nowMs } = presentOf(ctx)
  const status = deploymentStatus(deployment, sets, newSet, nowMs, turn.note)
  if (!jsonEqual(status, deployment.status)) {
    const done = apiUpdateStatus<Deployment>(ctx.world, actorOf(ctx.agent), DEPLOYMENTS, {
      ...deployment,
      status,
    })
    if (!done.ok) return { retry: true }
  }
  if (turn.conflict) return { retry: true }
  const waiting = status.conditions?.find(({ type }) => type === 'Progressing')
  const done =
    waiting === undefined || waiting.reason === 'NewReplicaSetAvailable' || waiting.status === 'False'
  if (done) return {}
  // Looked at again when its deadline has passed.
  const since = parseTime(waiting.lastUpdateTime ?? '') ?? nowMs
  const at = since + (deployment.spec.progressDeadlineSeconds ?? 600) * 1000 + 1000
  return { requeueAfter: Math.max(1, at - nowMs) * 1_000_000 }
}
