/**
 * kube-scheduler: binds pods to nodes. Models pkg/scheduler (Kubernetes 1.32): filters, scores, a random choice among
 * the best, FailedScheduling in its words, back-off. Not here: preemption, volumes, other schedulers' names.
 */
import { nextUint32 } from '../../base/rng.ts'
import { agentTimer, enqueue, enqueueAfter } from '../agent/agent.ts'
import { cacheGetKey, cacheList } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiBind, apiUpdateStatus } from '../api/local.ts'
import { recordEvent } from '../controller/common.ts'
import { putCondition } from '../controller/deployment/status.ts'
import type { Namespace, Node, Pod } from '../objects.ts'
import { touchStore, wallMs } from '../store/store.ts'
import type { Tree } from '../store/tree.ts'
import { createTree, treeDelete, treeGet, treeSet, treeValues } from '../store/tree.ts'
import type { StoreChange } from '../types.ts'
import { controllerOf, objectKey } from '../types.ts'
import type { FilterPod, More, NodeUse, PlacedPod, Refusal } from './filters.ts'
import { filterNode, hostPortsOf, NO_MORE, nonZeroRequestsOf, requestsOf, roomsOf } from './filters.ts'
import type { Candidate, ScoreAbout } from './score.ts'
import { scoreNodes } from './score.ts'

const SECOND = 1_000_000_000
const BACKOFF_FIRST = SECOND
const BACKOFF_MAX = 10 * SECOND
/** Pods that nothing could place are looked at again after so long even if nothing changed. */
const FLUSH = 300 * SECOND
const MIN_NODES = 100

interface Placement {
  readonly key: string
  readonly node: string
  readonly cpu: number
  readonly memory: number
  readonly nonZeroCpu: number
  readonly nonZeroMemory: number
  readonly ports: readonly string[]
  readonly more: More
  /** uid of the controller, '' for none */
  readonly owner: string
}

export interface SchedulerState {
  use: Map<string, NodeUse>
  /** By pod key: what it takes where. */
  placed: Tree<Placement>
  /** By the controller's uid and the node: how many pods of it are there. */
  siblings: Map<string, Map<string, number>>
  /** Pods that wait, to how often they were tried. */
  waiting: Map<string, number>
  /** Pods that others must keep near or away from (required affinity), or that spread. */
  picky: Map<string, true>
  /** Where the search among many nodes goes on. */
  nextNode: number
}

export const kubeScheduler: AgentProgram = {
  name: 'kube-scheduler',
  wants: () => [{ resource: 'pods' }, { resource: 'nodes' }, { resource: 'namespaces' }],
  delayNs: 2_000_000,
  workNs: 300_000,
  start(ctx) {
    const state: SchedulerState = {
      use: new Map(),
      placed: createTree(),
      siblings: new Map(),
      waiting: new Map(),
      picky: new Map(),
      nextNode: 0,
    }
    ctx.agent.state = state
    for (const pod of cacheList<Pod>(ctx, 'pods')) notePod(ctx, pod, false)
    agentTimer(ctx, 'flush', FLUSH)
  },
  observe(ctx, change) {
    if (change.resource === 'pods') notePod(ctx, change.object as Pod, change.type === 'DELETED')
    else if (change.resource === 'nodes') noteNode(ctx, change)
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

function notePod(ctx: AgentCtx, pod: Pod, gone: boolean): void {
  const state = stateOf(ctx)
  const key = objectKey(pod)
  const ended = gone || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
  const node = pod.spec.nodeName ?? ''
  if (ended) {
    const freed = treeGet(state.placed, key) !== undefined
    release(state, key)
    state.waiting.delete(key)
    state.picky.delete(key)
    if (freed) retryWaiting(ctx)
    return
  }
  if (node !== '') {
    state.waiting.delete(key)
    place(state, pod, node)
  } else if (
    pod.metadata.deletionTimestamp === undefined &&
    !isGated(pod) &&
    (pod.spec.schedulerName ?? 'default-scheduler') === 'default-scheduler'
  ) {
    if (!state.waiting.has(key)) {
      state.waiting.set(key, 0)
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

/** Pods that wait are tried again after their back-off: 1 s, doubled, at most 10 s. */
function retryWaiting(ctx: AgentCtx): void {
  for (const [key, tries] of stateOf(ctx).waiting) {
    if (tries === 0) continue
    enqueueAfter(ctx, key, Math.min(BACKOFF_FIRST * 2 ** Math.min(tries - 1, 10), BACKOFF_MAX))
  }
}

function usageOf(state: SchedulerState, node: string): NodeUse {
  const known = state.use.get(node)
  if (known !== undefined) return known
  const use: NodeUse = {
    cpu: 0,
    memory: 0,
    nonZeroCpu: 0,
    nonZeroMemory: 0,
    pods: 0,
    ports: new Map(),
    more: null,
  }
  state.use.set(node, use)
  return use
}

function place(state: SchedulerState, pod: Pod, node: string): void {
  const key = objectKey(pod)
  if (treeGet(state.placed, key)?.node === node) return
  release(state, key)
  const { cpu, memory, more = NO_MORE } = requestsOf(pod)
  const ports = hostPortsOf(pod)
  const owner = controllerOf(pod)?.uid ?? ''
  const { cpu: nonZeroCpu, memory: nonZeroMemory } = nonZeroRequestsOf(pod)
  const placement: Placement = {
    key,
    node,
    cpu,
    memory,
    nonZeroCpu,
    nonZeroMemory,
    ports: Object.freeze(ports),
    more,
    owner,
  }
  state.placed = treeSet(state.placed, key, Object.freeze(placement))
  if (isPicky(pod)) state.picky.set(key, true)
  const use = usageOf(state, node)
  use.cpu += cpu
  use.memory += memory
  use.nonZeroCpu += nonZeroCpu
  use.nonZeroMemory += nonZeroMemory
  use.pods++
  for (const port of ports) use.ports.set(port, (use.ports.get(port) ?? 0) + 1)
  takeMore(use, more, 1)
  if (owner !== '') countSibling(state, owner, node, 1)
}

function countSibling(state: SchedulerState, owner: string, node: string, by: number): void {
  const there = state.siblings.get(owner) ?? new Map<string, number>()
  const count = (there.get(node) ?? 0) + by
  if (count > 0) there.set(node, count)
  else there.delete(node)
  if (there.size > 0) state.siblings.set(owner, there)
  else state.siblings.delete(owner)
}

function release(state: SchedulerState, key: string): void {
  const was = treeGet(state.placed, key)
  if (was === undefined) return
  state.placed = treeDelete(state.placed, key)
  const use = usageOf(state, was.node)
  use.cpu -= was.cpu
  use.memory -= was.memory
  use.nonZeroCpu -= was.nonZeroCpu
  use.nonZeroMemory -= was.nonZeroMemory
  use.pods--
  for (const port of was.ports) {
    const left = (use.ports.get(port) ?? 1) - 1
    if (left === 0) use.ports.delete(port)
    else use.ports.set(port, left)
  }
  takeMore(use, was.more, -1)
  if (was.owner !== '') countSibling(state, was.owner, was.node, -1)
}

function takeMore(use: NodeUse, more: More, by: number): void {
  for (const [name, amount] of more) {
    use.more ??= new Map()
    const now = (use.more.get(name) ?? 0) + by * amount
    if (now === 0) use.more.delete(name)
    else use.more.set(name, now)
  }
}

/** A pod that somebody holds back is not looked at; the API server has said so in its condition. */
function isGated({ spec }: Pod): boolean {
  const { schedulingGates = [] } = spec as { readonly schedulingGates?: readonly object[] }
  return schedulingGates.length > 0
}

function isPicky({ spec }: Pod): boolean {
  const { affinity, topologySpreadConstraints = [] } = spec
  return (
    affinity?.podAffinity !== undefined ||
    affinity?.podAntiAffinity !== undefined ||
    topologySpreadConstraints.length > 0
  )
}

function schedulePod(ctx: AgentCtx, key: string): Reconciled {
  const state = stateOf(ctx)
  const pod = cacheGetKey<Pod>(ctx, 'pods', key)
  if (pod === undefined || (pod.spec.nodeName ?? '') !== '' || pod.metadata.deletionTimestamp !== undefined) {
    state.waiting.delete(key)
    return {}
  }
  if (!state.waiting.has(key)) return {}
  const nodes = cacheList<Node>(ctx, 'nodes')
  const { candidates, refused, about } = findNodes(ctx, pod, nodes)
  if (candidates.length === 0) {
    state.waiting.set(key, (state.waiting.get(key) ?? 0) + 1)
    refuse(ctx, pod, nodes.length, refused)
    return {}
  }
  const chosen = choose(ctx, about, candidates)
  const { namespace = '', name } = pod.metadata
  const bound = apiBind(ctx.world, actorOf(ctx.agent), namespace, name, chosen)
  if (!bound.ok) {
    state.waiting.set(key, (state.waiting.get(key) ?? 0) + 1)
    return { retry: true }
  }
  state.waiting.delete(key)
  place(state, bound.object, chosen)
  const message = `Successfully assigned ${namespace}/${name} to ${chosen}`
  recordEvent(ctx, pod, 'Normal', 'Scheduled', message)
  return {}
}

/** Enough nodes that will do; with many nodes not all are looked at, and the search goes on where the last one ended. */
function findNodes(
  ctx: AgentCtx,
  pod: Pod,
  nodes: readonly Node[],
): { candidates: Candidate[]; refused: Refusal[]; about: FilterPod & ScoreAbout } {
  const state = stateOf(ctx)
  const owner = controllerOf(pod)?.uid ?? ''
  const placed = isPicky(pod) || state.picky.size > 0 ? placedPods(ctx, pod) : []
  const enough = nodesToFind(nodes.length)
  const candidates: Candidate[] = []
  const refused: Refusal[] = []
  const namespaceLabels = (name: string) => cacheGetKey<Namespace>(ctx, 'namespaces', name)?.metadata.labels
  const about = { pod, wanted: requestsOf(pod), ports: hostPortsOf(pod), nodes, placed, namespaceLabels }
  const names = namedNodes(pod)
  const there = state.siblings.get(owner)
  const rooms = roomsOf(nodes)
  for (let i = 0; i < nodes.length && candidates.length < enough; i++) {
    const at = (state.nextNode + i) % nodes.length
    const node = nodes[at]!
    const room = rooms[at]!
    const use = usageOf(state, node.metadata.name)
    const refusal = names?.has(node.metadata.name) === false ? NOT_NAMED : filterNode(about, node, use, room)
    if (refusal !== null) refused.push(refusal)
    else candidates.push({ node, use, room, siblings: there?.get(node.metadata.name) ?? 0 })
  }
  if (nodes.length > 0) state.nextNode = (state.nextNode + candidates.length + refused.length) % nodes.length
  return { candidates, refused, about: { ...about, there } }
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

function refuse(ctx: AgentCtx, pod: Pod, total: number, refused: readonly Refusal[]): void {
  const message = failureText(total, refused, pod.spec.preemptionPolicy === 'Never')
  recordEvent(ctx, pod, 'Warning', 'FailedScheduling', message)
  const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message } as const
  const conditions = putCondition(pod.status?.conditions ?? [], condition, wallMs(ctx.world)).map(
    ({ lastUpdateTime: _, ...rest }) => rest,
  )
  const before = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')
  if (before?.message === message) return
  apiUpdateStatus<Pod>(ctx.world, actorOf(ctx.agent), 'pods', {
    ...pod,
    status: { ...pod.status, conditions },
  })
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) …. preemption: …` Models FitError.Error. */
export function failureText(total: number, refused: readonly Refusal[], never = false): string {
  if (total === 0) return 'no nodes available to schedule pods'
  const head = `0/${total} nodes are available`
  const why = histogram(refused.flatMap(({ reasons }) => reasons))
  if (never) return `${head}: ${why}. preemption: not eligible due to preemptionPolicy=Never.`
  const helpless = refused.map((refusal) =>
    refusal.final
      ? 'Preemption is not helpful for scheduling'
      : 'No preemption victims found for incoming pod',
  )
  return `${head}: ${why}. preemption: ${head}: ${histogram(helpless)}.`
}

function histogram(reasons: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ')
}
