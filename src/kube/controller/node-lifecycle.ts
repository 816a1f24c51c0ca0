/**
 * Watches nodes' heartbeats and taints those that are not ready. Models pkg/controller/nodelifecycle (Kubernetes 1.32)
 * with its defaults: looked at every 5 s, 50 s of grace, one node of a zone tainted NoExecute in 10 s, none while all
 * are away. Not here: labels of old versions.
 */
import { agentTimer, enqueue } from '../agent/agent.ts'
import { cacheGet, cacheList, cachePodsOnNode } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiPatch, apiUpdateStatus } from '../api/local.ts'
import type { Condition, Lease, Node, Taint } from '../objects.ts'
import { nowText } from '../store/store.ts'
import type { Json } from '../types.ts'
import { jsonEqual } from '../types.ts'
import { markPodNotReady, recordEvent, recordNodeEvent } from './common.ts'
import { disruptionOf, type NodeHealth, zoneOf } from './node/zones.ts'

const SECOND = 1_000_000_000
/** --node-monitor-period */
const PERIOD = 5 * SECOND
/** --node-monitor-grace-period */
const GRACE = 50 * SECOND
/** --node-startup-grace-period */
const STARTUP_GRACE = 60 * SECOND

const NOT_READY = 'node.kubernetes.io/not-ready'
const UNREACHABLE = 'node.kubernetes.io/unreachable'

/** Conditions to the taint that each status of theirs asks for. */
const TAINT_OF: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Ready: { False: NOT_READY, Unknown: UNREACHABLE },
  MemoryPressure: { True: 'node.kubernetes.io/memory-pressure' },
  DiskPressure: { True: 'node.kubernetes.io/disk-pressure' },
  NetworkUnavailable: { True: 'node.kubernetes.io/network-unavailable' },
  PIDPressure: { True: 'node.kubernetes.io/pid-pressure' },
}
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable'
const OWN_TAINTS = new Set([...Object.values(TAINT_OF).flatMap((by) => Object.values(by)), UNSCHEDULABLE])

interface State {
  health: Map<string, NodeHealth>
  /** By zone: when the next node may be tainted NoExecute. */
  nextEviction: Map<string, number>
}

export const nodeLifecycleController: AgentProgram = {
  name: 'node-lifecycle-controller',
  wants: () => [{ resource: 'nodes' }, { resource: 'leases.coordination.k8s.io' }, { resource: 'pods' }],
  delayNs: 2_000_000,
  workNs: 200_000,
  start(ctx) {
    ctx.agent.state = { health: new Map(), nextEviction: new Map() } satisfies State
    for (const { metadata } of cacheList<Node>(ctx, 'nodes')) enqueue(ctx, metadata.name)
    agentTimer(ctx, 'monitor', PERIOD)
  },
  relist(ctx) {
    for (const { metadata } of cacheList<Node>(ctx, 'nodes')) enqueue(ctx, metadata.name)
  },
  observe(ctx, { resource, type, key, object, previous }) {
    if (resource !== 'nodes') return
    const now = object as Node
    const was = previous as Node | undefined
    if (type === 'MODIFIED' && jsonEqual(tintOf(now), tintOf(was!))) return
    if (type !== 'DELETED') enqueue(ctx, key)
  },
  reconcile: taintNoSchedule,
  timer(ctx) {
    monitor(ctx)
    agentTimer(ctx, 'monitor', PERIOD)
  },
}

/** What of a node decides on its NoSchedule taints. */
function tintOf({ spec, status }: Node): unknown {
  return [
    spec?.unschedulable ?? false,
    spec?.taints ?? [],
    (status?.conditions ?? []).map(({ type, status: is }) => [type, is]),
  ]
}

function readyOf({ status }: Node): Condition | undefined {
  return status?.conditions?.find(({ type }) => type === 'Ready')
}

/** Taints that keep new pods away follow the conditions at once. Models doNoScheduleTaintingPass. */
function taintNoSchedule(ctx: AgentCtx, name: string): Reconciled {
  const node = cacheGet<Node>(ctx, 'nodes', '', name)
  if (node === undefined) return {}
  const wanted = new Set<string>()
  for (const { type, status } of node.status?.conditions ?? []) {
    const key = Object.hasOwn(TAINT_OF, type) ? TAINT_OF[type]![status] : undefined
    if (key !== undefined) wanted.add(key)
  }
  // A node that nobody has spoken for yet keeps the taint that it was admitted with.
  if (readyOf(node) === undefined) return {}
  if (node.spec?.unschedulable === true) wanted.add(UNSCHEDULABLE)
  const mine = ({ key, effect }: Taint) => effect === 'NoSchedule' && OWN_TAINTS.has(key)
  return putTaints(ctx, node, wanted, 'NoSchedule', mine) ? {} : { retry: true }
}

/** Replaces the taints that `mine` names by `wanted`; those that stand already keep their time. */
function putTaints(
  ctx: AgentCtx,
  node: Node,
  wanted: ReadonlySet<string>,
  effect: Taint['effect'],
  mine: (taint: Taint) => boolean,
): boolean {
  const { world, agent } = ctx
  const taints = node.spec?.taints ?? []
  const kept = taints.filter((taint) => !mine(taint) || wanted.has(taint.key))
  const has = new Set(taints.filter(mine).map(({ key }) => key))
  const fresh = [...wanted].filter((key) => !has.has(key))
  if (fresh.length === 0 && kept.length === taints.length) return true
  const timeAdded = nowText(world)
  const next = [...kept, ...fresh.map((key) => ({ key, effect, timeAdded }))]
  const { name, uid, resourceVersion } = node.metadata
  const body = {
    metadata: { uid, resourceVersion },
    spec: { taints: next.length === 0 ? null : (next as unknown as Json) },
  }
  return apiPatch(world, actorOf(agent), 'nodes', '', name, { type: 'merge', body }).ok
}

/** One look at all nodes. Models monitorNodeHealth. */
function monitor(ctx: AgentCtx): void {
  const { health, nextEviction } = ctx.agent.state as State
  const nodes = cacheList<Node>(ctx, 'nodes')
  const names = new Set(nodes.map(({ metadata }) => metadata.name))
  for (const [name, { uid }] of health) {
    if (names.has(name)) continue
    recordNodeEvent(ctx, { name, uid }, 'RemovingNode', `Removing Node ${name} from Controller`)
    health.delete(name)
  }
  const ready = new Map<string, Condition['status']>()
  for (const node of nodes) ready.set(node.metadata.name, checkNode(ctx, node))
  const disruption = disruptionOf(nodes, ready)
  for (const node of nodes) {
    const status = ready.get(node.metadata.name)!
    if (status === 'True' || disruption.everywhere) {
      setNoExecute(ctx, node, undefined)
      continue
    }
    const wanted = status === 'Unknown' ? UNREACHABLE : NOT_READY
    const other = status === 'Unknown' ? NOT_READY : UNREACHABLE
    const taints = (node.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute')
    if (taints.some(({ key }) => key === wanted)) continue
    const swaps = taints.some(({ key }) => key === other)
    const zone = zoneOf(node)
    const seconds = disruption.secondsPerNode.get(zone) ?? 10
    if (!swaps && (seconds === 0 || (nextEviction.get(zone) ?? 0) > ctx.world.now)) continue
    if (!swaps) nextEviction.set(zone, ctx.world.now + seconds * SECOND)
    setNoExecute(ctx, node, wanted)
  }
}

function setNoExecute(ctx: AgentCtx, { metadata }: Node, key: string | undefined): void {
  // What this very round wrote into its conditions is not in the cache yet.
  const node = cacheGet<Node>(ctx, 'nodes', '', metadata.name)
  if (node === undefined) return
  const mine = (taint: Taint) =>
    taint.effect === 'NoExecute' && (taint.key === NOT_READY || taint.key === UNREACHABLE)
  const { resourceVersion: _, ...rest } = node.metadata
  const fresh = { ...node, metadata: { ...rest, resourceVersion: '' } }
  putTaints(ctx, fresh, new Set(key === undefined ? [] : [key]), 'NoExecute', mine)
}

/** Notes a node's signs of life, and where they stay away says so in its conditions. Answers what Ready is now. */
function checkNode(ctx: AgentCtx, node: Node): Condition['status'] {
  const { world } = ctx
  const { health } = ctx.agent.state as State
  const { name, uid } = node.metadata
  const observed = readyOf(node)
  const renewTime =
    cacheGet<Lease>(ctx, 'leases.coordination.k8s.io', 'kube-node-lease', name)?.spec?.renewTime ?? ''
  const heartbeat = observed?.lastHeartbeatTime ?? ''
  const known = health.get(name)
  const came = known === undefined || known.uid !== uid
  if (came) recordNodeEvent(ctx, { name, uid }, 'RegisteredNode', `Registered Node ${name} in Controller`)
  const seen = came || renewTime > known.renewTime || heartbeat !== known.heartbeat
  const signAt = seen ? world.now : known.signAt
  const grace = observed === undefined ? STARTUP_GRACE : GRACE
  let status: Condition['status'] = observed?.status ?? 'Unknown'
  let marked = came ? false : known.podsMarked
  // The real one asks for more than the grace, but each of its looks comes a little later than 5 s after the last.
  if (world.now >= signAt + grace && putUnknown(ctx, node)) status = 'Unknown'
  if (status === 'True') marked = false
  else if (observed?.status === 'True') {
    recordEvent(ctx, node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`)
  }
  if (status !== 'True' && observed !== undefined && !marked) marked = markPodsNotReady(ctx, name)
  health.set(name, Object.freeze({ uid, renewTime, heartbeat, signAt, podsMarked: marked }))
  return status
}

/** Conditions of a node that is silent are no longer known. False where the write failed: the next look tries again. */
function putUnknown(ctx: AgentCtx, node: Node): boolean {
  const { world, agent } = ctx
  const now = nowText(world)
  const conditions = [...(node.status?.conditions ?? [])]
  for (const type of ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']) {
    const at = conditions.findIndex((one) => one.type === type)
    const old = conditions[at]
    if (old === undefined) {
      conditions.push({
        type,
        status: 'Unknown',
        lastHeartbeatTime: node.metadata.creationTimestamp,
        lastTransitionTime: now,
        reason: 'NodeStatusNeverUpdated',
        message: 'Kubelet never posted node status.',
      })
    } else if (old.status !== 'Unknown') {
      conditions[at] = {
        ...old,
        status: 'Unknown',
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
        lastTransitionTime: now,
      }
    }
  }
  if (jsonEqual(conditions, node.status?.conditions)) return true
  const status = { ...node.status, conditions }
  return apiUpdateStatus<Node>(world, actorOf(agent), 'nodes', { ...node, status }).ok
}

function markPodsNotReady(ctx: AgentCtx, node: string): boolean {
  let well = true
  for (const pod of cachePodsOnNode(ctx, node)) if (!markPodNotReady(ctx, pod)) well = false
  return well
}
