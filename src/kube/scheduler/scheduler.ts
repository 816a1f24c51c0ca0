/**
 * kube-scheduler: binds pods to nodes. Models pkg/scheduler (Kubernetes 1.32): filters, scores, a random choice among
 * the best, FailedScheduling in its words, back-off, preemption. Not here: volumes, other schedulers' names, priority in
 * the order of the queue.
 */
import { nextUint32 } from '../../base/rng.ts'
import { agentTimer, enqueue, enqueueAfter } from '../agent/agent.ts'
import { cacheGetKey, cacheList } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiBind } from '../api/local.ts'
import { recordEvent } from '../controller/common.ts'
import { putCondition } from '../controller/deployment/status.ts'
import { selectionService } from '../controller/endpoints/selection.ts'
import type { Namespace, Node, Pod, Service } from '../objects.ts'
import { touchStore, wallMs } from '../store/store.ts'
import { treeGet, treeValues } from '../store/tree.ts'
import type { StoreChange } from '../types.ts'
import { jsonEqual, objectKey } from '../types.ts'
import type { FilterPod, NodeUse, PlacedPod, Refusal, Room } from './filters.ts'
import { filterNode, hostPortsOf, requestsOf, roomsOf } from './filters.ts'
import type { Refused } from './preempt.ts'
import { histogram, makeRoom, nominate, nominatedPods } from './preempt.ts'
import type { SchedulerState, Waiting } from './placed.ts'
import {
  alikeOf,
  createSchedulerState,
  isPicky,
  joinUse,
  place,
  release,
  settle,
  usageOf,
  takenBy,
} from './placed.ts'
import type { Candidate, ScoreAbout } from './score.ts'
import { scoreNodes } from './score.ts'

const SECOND = 1_000_000_000
const BACKOFF_FIRST = SECOND
const BACKOFF_MAX = 10 * SECOND
/** Pods that nothing could place are looked at again after so long even if nothing changed. */
const FLUSH = 300 * SECOND
const MIN_NODES = 100

export const kubeScheduler: AgentProgram = {
  name: 'kube-scheduler',
  wants: () => [
    { resource: 'pods' },
    { resource: 'nodes' },
    { resource: 'namespaces' },
    { resource: 'services' },
  ],
  delayNs: 2_000_000,
  workNs: 300_000,
  start(ctx) {
    const state = createSchedulerState()
    ctx.agent.state = state
    for (const service of cacheList<Service>(ctx, 'services')) selectionService(state.services, service)
    for (const pod of cacheList<Pod>(ctx, 'pods')) notePod(ctx, pod, objectKey(pod), false)
    agentTimer(ctx, 'flush', FLUSH)
  },
  observe(ctx, change) {
    if (change.resource === 'pods') {
      notePod(ctx, change.object as Pod, change.key, change.type === 'DELETED')
      if (change.type !== 'DELETED') noteChange(ctx, change)
    } else if (change.resource === 'nodes') noteNode(ctx, change)
    else if (change.resource === 'services')
      selectionService(stateOf(ctx).services, change.object as Service, change.type === 'DELETED')
  },
  reconcile: schedulePod,
  timer(ctx) {
    for (const key of stateOf(ctx).waiting.keys()) enqueue(ctx, key)
    agentTimer(ctx, 'flush', FLUSH)
  },
}

function stateOf(ctx: AgentCtx): SchedulerState {
  return ctx.agent.state as SchedulerState
}

function notePod(ctx: AgentCtx, pod: Pod, key: string, gone: boolean): void {
  const state = stateOf(ctx)
  if (gone || (pod.spec.nodeName ?? '') !== '') state.nominated.delete(key)
  else if (pod.status?.nominatedNodeName) state.nominated.set(key, pod.status.nominatedNodeName)
  const ended = gone || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
  const node = pod.spec.nodeName ?? ''
  if (ended) {
    const freed = treeGet(state.placed, key) !== undefined
    release(state, key)
    settle(state, key)
    state.picky.delete(key)
    if (freed) retryWaiting(ctx)
    return
  }
  if (node !== '') {
    settle(state, key)
    place(state, key, pod, node)
  } else if (
    pod.metadata.deletionTimestamp === undefined &&
    !isGated(pod) &&
    (pod.spec.schedulerName ?? 'default-scheduler') === 'default-scheduler'
  ) {
    if (!state.waiting.has(key)) {
      state.waiting.set(key, NEVER_TRIED)
      enqueue(ctx, key)
    }
  }
}

/** A node that is new, or takes more than before, may help those that wait. */
function noteNode(ctx: AgentCtx, { type, object, previous }: StoreChange): void {
  const seen = (node: Node | undefined) =>
    JSON.stringify([node?.spec, node?.metadata.labels, node?.status?.allocatable])
  if (type === 'DELETED') stateOf(ctx).use.delete(object.metadata.name)
  else if (seen(object as Node) !== seen(previous as Node | undefined)) retryWaiting(ctx)
}

/**
 * A pod that comes to a node, or whose labels change there, may help those that look at others; what changes of a pod
 * that waits may help itself. Models AssignedPodAdded, AssignedPodUpdated and Update of backend/queue.
 */
function noteChange(ctx: AgentCtx, { key, object, previous }: StoreChange): void {
  const { waiting, watchful } = stateOf(ctx)
  if (waiting.size === 0) return
  const [now, before] = [object as Pod, previous as Pod | undefined]
  const sameLabels = jsonEqual(now.metadata.labels, before?.metadata.labels)
  if ((now.spec.nodeName ?? '') !== '') {
    if (!sameLabels || before?.spec.nodeName !== now.spec.nodeName) retryWaiting(ctx, watchful.keys())
    return
  }
  const mine = waiting.get(key)
  if (mine === undefined || before === undefined) return
  if (!sameLabels || !jsonEqual(now.spec, before.spec)) retry(ctx, key, mine)
}

/** Pods that wait are tried again: all, or those alone that look at others. */
function retryWaiting(ctx: AgentCtx, keys?: Iterable<string>): void {
  const { waiting } = stateOf(ctx)
  for (const key of keys ?? waiting.keys()) retry(ctx, key, waiting.get(key)!)
}

/** Not sooner than its back-off after the last try: 1 s, doubled, at most 10 s. */
function retry(ctx: AgentCtx, key: string, { tries, at }: Waiting): void {
  if (tries === 0) return
  const due = at + Math.min(BACKOFF_FIRST * 2 ** Math.min(tries - 1, 10), BACKOFF_MAX)
  enqueueAfter(ctx, key, Math.max(0, due - ctx.world.now))
}

function countTry(ctx: AgentCtx, key: string, picky: boolean): void {
  const { waiting, watchful } = stateOf(ctx)
  waiting.set(key, Object.freeze({ tries: (waiting.get(key)?.tries ?? 0) + 1, at: ctx.world.now }))
  if (picky) watchful.set(key, true)
}

const NEVER_TRIED: Waiting = Object.freeze({ tries: 0, at: 0 })

/** A pod that somebody holds back is not looked at; the API server has said so in its condition. */
function isGated({ spec }: Pod): boolean {
  const { schedulingGates = [] } = spec as { readonly schedulingGates?: readonly object[] }
  return schedulingGates.length > 0
}

function schedulePod(ctx: AgentCtx, key: string): Reconciled {
  const state = stateOf(ctx)
  const pod = cacheGetKey<Pod>(ctx, 'pods', key)
  if (pod === undefined || (pod.spec.nodeName ?? '') !== '' || pod.metadata.deletionTimestamp !== undefined) {
    settle(state, key)
    return {}
  }
  if (!state.waiting.has(key)) return {}
  const nodes = cacheList<Node>(ctx, 'nodes')
  const { candidates, refused, about } = findNodes(ctx, pod, nodes)
  if (candidates.length === 0) {
    countTry(ctx, key, isPicky(pod))
    refuse(ctx, about, refused)
    return {}
  }
  const chosen = choose(ctx, about, candidates)
  const { namespace = '', name } = pod.metadata
  const bound = apiBind(ctx.world, actorOf(ctx.agent), namespace, name, chosen)
  if (!bound.ok) {
    countTry(ctx, key, false)
    return { retry: true }
  }
  settle(state, key)
  state.nominated.delete(key)
  place(state, key, bound.object, chosen)
  const message = `Successfully assigned ${namespace}/${name} to ${chosen}`
  recordEvent(ctx, pod, 'Normal', 'Scheduled', message)
  return {}
}

/** Enough nodes that will do; with many nodes not all are looked at, and the search goes on where the last one ended. */
function findNodes(
  ctx: AgentCtx,
  pod: Pod,
  nodes: readonly Node[],
): { candidates: Candidate[]; refused: Refused[]; about: FilterPod & ScoreAbout } {
  const state = stateOf(ctx)
  const placed = isPicky(pod) || state.picky.size > 0 ? placedPods(ctx, pod) : []
  const enough = nodesToFind(nodes.length)
  const candidates: Candidate[] = []
  const refused: Refused[] = []
  const namespaceLabels = (name: string) => cacheGetKey<Namespace>(ctx, 'namespaces', name)?.metadata.labels
  const about = { pod, wanted: requestsOf(pod), ports: hostPortsOf(pod), nodes, placed, namespaceLabels }
  const names = namedNodes(pod)
  const rooms = roomsOf(nodes)
  for (let i = 0; i < nodes.length && candidates.length < enough; i++) {
    const at = (state.nextNode + i) % nodes.length
    const node = nodes[at]!
    const room = rooms[at]!
    const use = usageOf(state, node.metadata.name)
    const refusal =
      names?.has(node.metadata.name) === false ? NOT_NAMED : tryNode(ctx, about, node, use, room)
    if (refusal === null) candidates.push({ node, use, room })
    else refused.push({ ...refusal, node })
    // A node on which room was made for it is taken at once.
    if (refusal === null && node.metadata.name === pod.status?.nominatedNodeName)
      return { candidates: candidates.slice(-1), refused, about }
  }
  if (nodes.length > 0) state.nextNode = (state.nextNode + candidates.length + refused.length) % nodes.length
  return {
    candidates,
    refused,
    about: { ...about, there: candidates.length > 1 ? alikeOf(ctx, state, pod) : undefined },
  }
}

/** As `filterNode`, with those that are to come to the node before the pod, and without them. */
function tryNode(ctx: AgentCtx, about: FilterPod, node: Node, use: NodeUse, room: Room): Refusal | null {
  const state = stateOf(ctx)
  const { name } = node.metadata
  const toCome = state.nominated.size === 0 ? [] : nominatedPods(ctx, state, name, about.pod)
  if (toCome.length > 0) {
    const placed = [...about.placed, ...toCome.map((pod) => ({ pod, node: name }))]
    const refusal = filterNode({ ...about, placed }, node, joinUse(use, takenBy(toCome)), room)
    if (refusal !== null) return refusal
  }
  return filterNode(about, node, use, room)
}

const NOT_NAMED: Refusal = Object.freeze({
  reasons: Object.freeze(["node(s) didn't satisfy plugin(s) [NodeAffinity]"]),
  final: true,
})

/** The nodes that required affinity names, where each of its terms names some: a daemon's pod has one. */
function namedNodes({ spec }: Pod): ReadonlySet<string> | undefined {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  const all = new Set<string>()
  for (const { matchFields = [] } of required?.nodeSelectorTerms ?? []) {
    const named = matchFields.filter(({ key, operator }) => key === 'metadata.name' && operator === 'In')
    if (named.length === 0) return undefined
    const lists = named.map(({ values = [] }) => values)
    for (const name of lists[0]!) if (lists.every((list) => list.includes(name))) all.add(name)
  }
  return all.size > 0 ? all : undefined
}

/** numFeasibleNodesToFind: all of fewer than 100, else 50 % less a part for size, at least 5 % and 100. */
function nodesToFind(n: number): number {
  if (n < MIN_NODES) return n
  const percent = Math.max(50 - Math.floor(n / 125), 5)
  return Math.max(Math.floor((n * percent) / 100), MIN_NODES)
}

function placedPods(ctx: AgentCtx, pod: Pod): PlacedPod[] {
  const state = stateOf(ctx)
  const keys = isPicky(pod) ? treeValues(state.placed).map(({ key }) => key) : state.picky.keys()
  const found: PlacedPod[] = []
  for (const key of keys) {
    const other = cacheGetKey<Pod>(ctx, 'pods', key)
    const node = treeGet(state.placed, key)?.node
    if (other !== undefined && node !== undefined) found.push({ pod: other, node })
  }
  return found
}

/** The best, and among equals one by the cluster's own random stream. */
function choose(ctx: AgentCtx, about: FilterPod & ScoreAbout, candidates: readonly Candidate[]): string {
  const scores = scoreNodes(about.pod, candidates, about)
  const best = scores.reduce((a, b) => Math.max(a, b), 0)
  const equals = candidates.filter((_, at) => scores[at] === best)
  const at = equals.length === 1 ? 0 : nextUint32(touchStore(ctx.world).rng) % equals.length
  return equals[at]!.node.metadata.name
}

function refuse(ctx: AgentCtx, about: FilterPod, refused: readonly Refused[]): void {
  const { pod, nodes } = about
  const state = stateOf(ctx)
  const { node, why } = nodes.length === 0 ? NO_ROOM : makeRoom(ctx, state, about, refused)
  const message = failureText(nodes.length, refused, why)
  recordEvent(ctx, pod, 'Warning', 'FailedScheduling', message)
  const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message } as const
  const conditions = putCondition(pod.status?.conditions ?? [], condition, wallMs(ctx.world)).map(
    ({ lastUpdateTime: _, ...rest }) => rest,
  )
  const before = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')
  const was = pod.status?.nominatedNodeName ?? ''
  if (before?.message === message && (node ?? was) === was) return
  nominate(ctx, state, pod, node ?? was, { ...pod.status, conditions })
}

const NO_ROOM = Object.freeze({ node: '', why: '' })

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) …. preemption: …` Models FitError.Error. */
export function failureText(total: number, refused: readonly Refusal[], why: string): string {
  if (total === 0) return 'no nodes available to schedule pods'
  const reasons = histogram(refused.flatMap(({ reasons }) => reasons))
  return `0/${total} nodes are available: ${reasons}.${why === '' ? '' : ` preemption: ${why}`}`
}
