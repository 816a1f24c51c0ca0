/** DaemonSets: a pod on every node that will have it. Models pkg/controller/daemon (Kubernetes 1.32). */
import { enqueue, expectOwnWrite } from '../agent/agent.ts'
import { cacheGetKey, cacheList } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiCreate, apiDelete, apiUpdateStatus } from '../api/local.ts'
import type { DaemonSet, Node, Pod } from '../objects.ts'
import type { StoreChange } from '../types.ts'
import { jsonEqual, objectKey } from '../types.ts'
import { presentOf, recordEvent, untilAvailable } from './common.ts'
import { daemonPod, HASH, nodeOfPod, standsOn } from './daemonset/pods.ts'
import type { NodePods } from './daemonset/rolling.ts'
import { byAge, planRoll, surgeOf } from './daemonset/rolling.ts'
import { daemonStatus } from './daemonset/status.ts'
import { claimPods, listOrphans, noteOrphan, ownersOfPod } from './replicaset.ts'
import { presentRevision, revisionsOf, truncateRevisions } from './revisions.ts'

const SETS = 'daemonsets.apps'
const REVISIONS = 'controllerrevisions.apps'
const GENERATION = 'deprecated.daemonset.template.generation'

export const daemonSetController: AgentProgram = {
  name: 'daemonset-controller',
  wants: () => [{ resource: SETS }, { resource: 'pods' }, { resource: 'nodes' }, { resource: REVISIONS }],
  delayNs: 2_000_000,
  workNs: 200_000,
  start(ctx) {
    listOrphans(ctx)
    enqueueAll(ctx)
  },
  observe(ctx, change) {
    noteOrphan(ctx, change)
    const { resource, key } = change
    if (resource === SETS) enqueue(ctx, key)
    else if (resource === 'pods')
      for (const set of ownersOfPod(ctx, change, 'DaemonSet', SETS)) enqueue(ctx, set)
    else if (resource === 'nodes' && nodeMatters(change)) enqueueAll(ctx)
  },
  reconcile,
}

function enqueueAll(ctx: AgentCtx): void {
  for (const set of cacheList<DaemonSet>(ctx, SETS)) enqueue(ctx, objectKey(set))
}

/** Heartbeats change nothing for daemons; labels, taints and the node itself do. */
function nodeMatters({ type, object, previous }: StoreChange): boolean {
  const seen = (node: Node | undefined) => [node?.metadata.labels ?? {}, node?.spec?.taints ?? []]
  return type !== 'MODIFIED' || !jsonEqual(seen(object as Node), seen(previous as Node | undefined))
}

function reconcile(ctx: AgentCtx, key: string): Reconciled {
  const set = cacheGetKey<DaemonSet>(ctx, SETS, key)
  if (set === undefined) return {}
  const revisions = revisionsOf(ctx, set)
  const collisions = set.status?.collisionCount ?? 0
  const annotations = set.metadata.annotations ?? {}
  const spec = { owner: set, template: set.spec.template, annotations, collisions }
  const present = presentRevision(ctx, { ...spec, hashLabel: HASH }, revisions)
  if (present === 'collision') {
    const status = { ...emptyStatus, ...set.status, collisionCount: collisions + 1 }
    apiUpdateStatus<DaemonSet>(ctx.world, actorOf(ctx.agent), SETS, { ...set, status })
  }
  if (present === undefined || present === 'collision') return { retry: true }
  const hash = present.metadata.labels?.[HASH] ?? ''
  const pods = claimPods(ctx, set, SETS, set.spec.selector)
  const nodes = nodesOf(ctx, set, pods)
  const leaves = set.metadata.deletionTimestamp !== undefined
  const failed = leaves ? false : act(ctx, set, key, nodes, hash)
  if (!leaves) {
    const live = new Set([present.metadata.name])
    for (const pod of pods) live.add(`${set.metadata.name}-${pod.metadata.labels?.[HASH] ?? ''}`)
    truncateRevisions(ctx, revisions, live, set.spec.revisionHistoryLimit ?? 10)
  }
  return finish(ctx, set, nodes, hash, failed)
}

const emptyStatus = {
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
}

/** Every node with what stands on it; pods of nodes that are gone are the garbage collector's. */
function nodesOf(ctx: AgentCtx, set: DaemonSet, pods: readonly Pod[]): NodePods[] {
  const byNode = new Map<string, Pod[]>()
  for (const pod of [...pods].sort(byAge)) {
    const name = nodeOfPod(pod)
    byNode.set(name, [...(byNode.get(name) ?? []), pod])
  }
  return cacheList<Node>(ctx, 'nodes').map((node) => ({
    node: node.metadata.name,
    ...standsOn(set, node),
    pods: byNode.get(node.metadata.name) ?? [],
  }))
}

/** Pods are made and removed. True where the server refused one. */
function act(ctx: AgentCtx, set: DaemonSet, key: string, nodes: readonly NodePods[], hash: string): boolean {
  const { nowMs } = presentOf(ctx)
  const surges = set.spec.updateStrategy?.type !== 'OnDelete' && surgeOf(set, nodes) > 0
  const make: string[] = []
  const remove: Pod[] = []
  for (const at of nodes) manage(ctx, set, at, surges, hash, make, remove)
  if (make.length === 0 && remove.length === 0 && set.spec.updateStrategy?.type !== 'OnDelete') {
    const rolled = planRoll(set, nodes, hash, nowMs)
    make.push(...rolled.make)
    remove.push(...rolled.remove)
  }
  let failed = false
  for (const pod of remove) if (!removePod(ctx, set, key, pod)) failed = true
  for (const node of make) if (!makePod(ctx, set, key, node, hash)) failed = true
  return failed
}

/** One node's pods: one where the set is to run, none where it may not stay. Models podsShouldBeOnNode. */
function manage(
  ctx: AgentCtx,
  set: DaemonSet,
  { node, shouldRun, mayStay, pods }: NodePods,
  surges: boolean,
  hash: string,
  make: string[],
  remove: Pod[],
): void {
  const staying = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  if (!mayStay) {
    remove.push(...staying)
    return
  }
  const running: Pod[] = []
  for (const pod of staying) {
    const { phase } = pod.status ?? {}
    if (phase !== 'Failed' && phase !== 'Succeeded') {
      running.push(pod)
      continue
    }
    const where = `daemon pod ${objectKey(pod)} on node ${node}, will try to`
    if (phase === 'Failed')
      recordEvent(ctx, set, 'Warning', 'FailedDaemonPod', `Found failed ${where} kill it`)
    else recordEvent(ctx, set, 'Normal', 'SucceededDaemonPod', `Found succeeded ${where} delete it`)
    remove.push(pod)
  }
  if (pods.length === 0 && shouldRun) make.push(node)
  // While surging, the oldest of each template stays: one old, one new.
  const isNew = (pod: Pod) => pod.metadata.labels?.[HASH] === hash
  const groups = surges ? [running.filter(isNew), running.filter((pod) => !isNew(pod))] : [running]
  for (const group of groups) remove.push(...group.slice(1))
}

function makePod(ctx: AgentCtx, set: DaemonSet, key: string, node: string, hash: string): boolean {
  const generation = set.metadata.annotations?.[GENERATION]
  const draft = daemonPod(set, node, hash, generation)
  const made = apiCreate<Pod>(ctx.world, actorOf(ctx.agent), 'pods', draft)
  expectOwnWrite(ctx, key, made)
  if (made.ok)
    recordEvent(ctx, set, 'Normal', 'SuccessfulCreate', `Created pod: ${made.object.metadata.name}`)
  else recordEvent(ctx, set, 'Warning', 'FailedCreate', `Error creating: ${made.status.message ?? ''}`)
  return made.ok
}

function removePod(ctx: AgentCtx, set: DaemonSet, key: string, pod: Pod): boolean {
  const { namespace = '', name, uid } = pod.metadata
  const gone = apiDelete(ctx.world, actorOf(ctx.agent), 'pods', namespace, name, { uid })
  expectOwnWrite(ctx, key, gone)
  if (gone.ok) recordEvent(ctx, set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`)
  return gone.ok || gone.status.code === 404
}

function finish(
  ctx: AgentCtx,
  set: DaemonSet,
  nodes: readonly NodePods[],
  hash: string,
  failed: boolean,
): Reconciled {
  const { nowMs } = presentOf(ctx)
  const status = daemonStatus(set, nodes, hash, nowMs)
  if (!jsonEqual(status, set.status)) {
    const done = apiUpdateStatus<DaemonSet>(ctx.world, actorOf(ctx.agent), SETS, { ...set, status })
    if (!done.ok) return { retry: true }
  }
  if (failed) return { retry: true }
  const pods = nodes.flatMap((at) => at.pods)
  const wait = untilAvailable(pods, set.spec.minReadySeconds ?? 0, nowMs)
  return wait === undefined ? {} : { requeueAfter: wait }
}
