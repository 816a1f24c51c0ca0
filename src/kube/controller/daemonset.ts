/** DaemonSets: a pod on every node that will have it. Models pkg/controller/daemon (Kubernetes 1.32). */
import { enqueue } from '../agent/agent.ts'
import { cacheGetKey, cacheList } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiUpdateStatus } from '../api/local.ts'
import type { ControllerRevision, DaemonSet, Node, Pod } from '../objects.ts'
import type { StoreChange } from '../types.ts'
import { jsonEqual, objectKey } from '../types.ts'
import type { OrphanState } from './claims.ts'
import { claimPods, listOrphans, noteOrphan, ownersOf, ownersOfPod } from './claims.ts'
import { presentOf, recordEvent, untilAvailable } from './common.ts'
import type { Backoff } from './daemonset/backoff.ts'
import { spareFailed } from './daemonset/backoff.ts'
import { planNode } from './daemonset/manage.ts'
import { daemonPod, HASH, nodeOfPod, standsOn } from './daemonset/pods.ts'
import type { NodePods, RollPlan } from './daemonset/rolling.ts'
import { byAge, planRoll } from './daemonset/rolling.ts'
import { daemonStatus } from './daemonset/status.ts'
import { createPod, deletePod, slowStart } from './pod-control.ts'
import { dropRevisions, presentRevision, REVISIONS, revisionsOf } from './revisions.ts'

const SETS = 'daemonsets.apps'
/** BurstReplicas: so many pods are made or removed in one go. */
const BURST = 250
/** Objects whose orphans a set adopts. */
const ADOPTED = ['pods', REVISIONS]

interface State extends OrphanState {
  /** Failed pods that were removed, so that not all of this happens at once. */
  backoff: Backoff
}

export const daemonSetController: AgentProgram = {
  name: 'daemonset-controller',
  wants: () => [{ resource: SETS }, { resource: 'pods' }, { resource: 'nodes' }, { resource: REVISIONS }],
  delayNs: 2_000_000,
  workNs: 200_000,
  start(ctx) {
    listOrphans(ctx, ADOPTED)
    ctx.agent.state = { backoff: new Map(), ...(ctx.agent.state as OrphanState) } satisfies State
    for (const set of cacheList<DaemonSet>(ctx, SETS)) enqueue(ctx, objectKey(set))
  },
  observe(ctx, change) {
    noteOrphan(ctx, change, ADOPTED)
    const { resource, key } = change
    if (resource === SETS) enqueue(ctx, key)
    else if (resource === 'pods')
      for (const set of ownersOfPod(ctx, change, 'DaemonSet', SETS)) enqueue(ctx, set)
    else if (resource === REVISIONS)
      for (const set of ownersOf(ctx, change, 'DaemonSet', SETS)) enqueue(ctx, set)
    else if (resource === 'nodes') onNode(ctx, change)
  },
  reconcile,
}

/** Heartbeats change nothing for daemons; labels and taints do. One that is deleted takes its pods with it, in time. */
function onNode(ctx: AgentCtx, { type, object, previous }: StoreChange): void {
  if (type === 'DELETED') return
  const [node, was] = [object as Node, previous as Node | undefined]
  const seen = ({ metadata, spec }: Node) => [metadata.labels ?? {}, spec?.taints ?? []]
  if (was !== undefined && jsonEqual(seen(node), seen(was))) return
  for (const set of cacheList<DaemonSet>(ctx, SETS)) {
    const old = was === undefined ? { shouldRun: false, mayStay: false } : standsOn(set, was)
    const now = standsOn(set, node)
    const differs = was !== undefined && old.mayStay !== now.mayStay
    if (old.shouldRun !== now.shouldRun || differs) enqueue(ctx, objectKey(set))
  }
}

function reconcile(ctx: AgentCtx, key: string): Reconciled {
  const set = cacheGetKey<DaemonSet>(ctx, SETS, key)
  // Of one that goes nobody knows what is left: its status stays as it is.
  if (set === undefined || set.metadata.deletionTimestamp !== undefined) return {}
  const revisions = revisionsOf(ctx, set, SETS)
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
  const { failed, waitNs } = act(ctx, set, key, nodes, hash)
  if (!failed) {
    const old = revisions.filter(({ metadata }) => metadata.name !== present.metadata.name)
    dropRevisions(ctx, tooOld(old, pods, set.spec.revisionHistoryLimit ?? 10))
  }
  return finish(ctx, set, nodes, hash, failed, waitNs)
}

/** Beyond the limit, those that no pod has, the oldest first. Models cleanupHistory. */
function tooOld(
  old: readonly ControllerRevision[],
  pods: readonly Pod[],
  limit: number,
): readonly ControllerRevision[] {
  const live = new Set(pods.map(({ metadata }) => metadata.labels?.[HASH] ?? ''))
  const idle = old.filter(({ metadata }) => !live.has(metadata.labels?.[HASH] ?? ''))
  return idle.slice(0, Math.max(0, old.length - limit))
}

const emptyStatus = {
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
}

/** Every node with what stands on it, and those that only pods name. Pods at their end that go already do not count. */
function nodesOf(ctx: AgentCtx, set: DaemonSet, pods: readonly Pod[]): NodePods[] {
  const byNode = new Map<string, Pod[]>()
  for (const pod of [...pods].sort(byAge)) {
    const name = nodeOfPod(pod)
    const ended = pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded'
    if (name === '' || (ended && pod.metadata.deletionTimestamp !== undefined)) continue
    byNode.set(name, [...(byNode.get(name) ?? []), pod])
  }
  const nodes = cacheList<Node>(ctx, 'nodes').map((node): NodePods => {
    const { name } = node.metadata
    const mine = byNode.get(name) ?? []
    byNode.delete(name)
    return { node: name, exists: true, ...standsOn(set, node), pods: mine }
  })
  for (const [node, mine] of byNode)
    nodes.push({ node, exists: false, shouldRun: false, mayStay: false, pods: mine })
  return nodes
}

interface Done {
  /** The server refused something. */
  readonly failed: boolean
  /** ns after which a failed pod's time has come. */
  readonly waitNs?: number
}

/** Pods are made and removed: what is missing or too much, and only where that is nothing, what an update asks for. */
function act(ctx: AgentCtx, set: DaemonSet, key: string, nodes: readonly NodePods[], hash: string): Done {
  const { nowMs } = presentOf(ctx)
  const plan: RollPlan = { make: [], remove: [] }
  const { backoff } = ctx.agent.state as State
  let waitNs: number | undefined
  for (const at of nodes) {
    if (!at.exists) {
      // One that was never bound is nobody else's to remove.
      plan.remove.push(...at.pods.filter(({ spec }) => (spec.nodeName ?? '') === ''))
      continue
    }
    const spares = () => {
      const wait = spareFailed(backoff, set, at.node, ctx.world.now)
      if (wait > 0) waitNs = Math.min(wait, waitNs ?? wait)
      return wait > 0
    }
    const { make, remove, ended } = planNode(set, at, hash, nowMs, spares)
    if (make) plan.make.push(at.node)
    for (const pod of ended) tellEnded(ctx, set, pod, at.node)
    plan.remove.push(...remove)
  }
  const rolls = plan.make.length === 0 && plan.remove.length === 0
  const whole =
    rolls && set.spec.updateStrategy?.type !== 'OnDelete' ? planRoll(set, nodes, hash, nowMs) : plan
  return { failed: carryOut(ctx, set, key, whole, hash), ...(waitNs === undefined ? {} : { waitNs }) }
}

function tellEnded(ctx: AgentCtx, set: DaemonSet, pod: Pod, node: string): void {
  const where = `daemon pod ${objectKey(pod)} on node ${node}, will try to`
  if (pod.status?.phase === 'Failed')
    recordEvent(ctx, set, 'Warning', 'FailedDaemonPod', `Found failed ${where} kill it`)
  else recordEvent(ctx, set, 'Normal', 'SucceededDaemonPod', `Found succeeded ${where} delete it`)
}

/** True where the server refused something. */
function carryOut(
  ctx: AgentCtx,
  set: DaemonSet,
  key: string,
  { make, remove }: RollPlan,
  hash: string,
): boolean {
  const create = (n: number) => createPod(ctx, key, set, daemonPod(set, make[n]!, hash))
  let failed = slowStart(Math.min(make.length, BURST), create) !== undefined
  for (const pod of remove.slice(0, BURST)) if (deletePod(ctx, key, set, pod) !== undefined) failed = true
  return failed
}

function finish(
  ctx: AgentCtx,
  set: DaemonSet,
  nodes: readonly NodePods[],
  hash: string,
  failed: boolean,
  waitNs: number | undefined,
): Reconciled {
  const { nowMs } = presentOf(ctx)
  const status = daemonStatus(set, nodes, hash, nowMs)
  if (!jsonEqual(status, set.status)) {
    const done = apiUpdateStatus<DaemonSet>(ctx.world, actorOf(ctx.agent), SETS, { ...set, status })
    if (!done.ok) return { retry: true }
  }
  if (failed) return { retry: true }
  const pods = nodes.flatMap((at) => at.pods)
  const available = untilAvailable(pods, set.spec.minReadySeconds ?? 0, nowMs)
  const waits = [waitNs, available].filter((wait) => wait !== undefined)
  return waits.length === 0 ? {} : { requeueAfter: Math.min(...waits) }
}
