/**
 * Watches nodes' heartbeats and taints those that are not ready. Models pkg/controller/nodelifecycle (Kubernetes 1.32)
 * with its defaults: looked at every 5 s, 50 s of grace, one node of a zone tainted NoExecute in 10 s, none while all
 * are away.
 */
import { agentTimer, enqueue } from '../agent/agent.ts'
import { cacheGet, cacheList, cachePodsOnNode } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiPatch, apiUpdateStatus } from '../api/local.ts'
import type { Condition, Lease, Node, Taint } from '../objects.ts'
import { nowText, storeGet, storeOf } from '../store/store.ts'
import type { Json } from '../types.ts'
import { jsonEqual } from '../types.ts'
import { markPodNotReady, recordEvent, recordNodeEvent } from './common.ts'
import type { Zone } from './node/zones.ts'
import { judge, takeDue, zoneFor } from './node/zones.ts'

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

/** Labels of old versions, to those that they follow. */
const OLD_LABELS = [
  ['beta.kubernetes.io/os', 'kubernetes.io/os'],
  ['beta.kubernetes.io/arch', 'kubernetes.io/arch'],
] as const

/** What is known of a node's life. Times in ns. */
interface NodeHealth {
  readonly uid: string
  readonly renewTime: string
  /** Of its Ready condition; undefined where it has none. */
  readonly heartbeat: string | undefined
  /** The last time when it was heard of. */
  readonly signAt: number
  /** Its pods could not be marked not ready. */
  readonly podsUnmarked: boolean
}

interface State {
  health: Map<string, NodeHealth>
  zones: Map<string, Zone>
}

export const nodeLifecycleController: AgentProgram = {
  name: 'node-lifecycle-controller',
  wants: () => [{ resource: 'nodes' }, { resource: 'leases.coordination.k8s.io' }, { resource: 'pods' }],
  delayNs: 2_000_000,
  workNs: 200_000,
  start(ctx) {
    ctx.agent.state = { health: new Map(), zones: new Map() } satisfies State
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
  reconcile: followNode,
  timer(ctx) {
    monitor(ctx)
    agentTimer(ctx, 'monitor', PERIOD)
  },
}

/** What of a node decides on its NoSchedule taints and old labels. */
function tintOf({ metadata, spec, status }: Node): unknown {
  return [
    OLD_LABELS.flat().map((name) => metadata.labels?.[name]),
    spec?.unschedulable ?? false,
    spec?.taints ?? [],
    (status?.conditions ?? []).map(({ type, status: is }) => [type, is]),
  ]
}

function readyOf({ status }: Node): Condition | undefined {
  return status?.conditions?.find(({ type }) => type === 'Ready')
}

function followNode(ctx: AgentCtx, name: string): Reconciled {
  const done = taintNoSchedule(ctx, name)
  putOldLabels(ctx, name)
  return done
}

/** Models reconcileNodeLabels. */
function putOldLabels(ctx: AgentCtx, name: string): void {
  const { labels = {}, uid } = cacheGet<Node>(ctx, 'nodes', '', name)?.metadata ?? {}
  const wanted = OLD_LABELS.filter(([old, now]) => labels[now] !== undefined && labels[old] !== labels[now])
  if (uid === undefined || wanted.length === 0) return
  const fresh = Object.fromEntries(wanted.map(([old, now]) => [old, labels[now]!]))
  const body = { metadata: { uid, labels: fresh } }
  apiPatch(ctx.world, actorOf(ctx.agent), 'nodes', '', name, { type: 'merge', body })
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
  const { health, zones } = ctx.agent.state as State
  const { now } = ctx.world
  const nodes = cacheList<Node>(ctx, 'nodes')
  const names = new Set(nodes.map(({ metadata }) => metadata.name))
  for (const [name, { uid }] of health) {
    if (names.has(name)) continue
    recordNodeEvent(ctx, { name, uid }, 'RemovingNode', `Removing Node ${name} from Controller`)
    health.delete(name)
  }
  const ready = new Map<string, Condition['status'] | undefined>()
  for (const node of nodes) {
    const zone = zoneFor(zones, node, now)
    const { name } = node.metadata
    // One that it sees for the first time begins without those taints, whoever gave them.
    const came = !health.has(name)
    if (came) forgive(ctx, node, zone)
    const { observed, current } = checkNode(ctx, node)
    ready.set(name, current)
    // What was found out in this very look counts from the next one on.
    if (current !== undefined) decide(ctx, node, observed, zone)
    if (current !== undefined && came && observed !== 'True') zone.queue.set(name, true)
  }
  const turn = judge(zones, nodes, ready, now)
  if (turn === 'entered') for (const node of nodes) forgive(ctx, node, zoneFor(zones, node, now))
  if (turn === 'left')
    for (const [name, one] of health) health.set(name, Object.freeze({ ...one, signAt: now }))
  for (const zone of zones.values()) {
    for (const name of takeDue(zone, now)) {
      const node = cacheGet<Node>(ctx, 'nodes', '', name)
      const status = ready.get(name)
      if (node === undefined || status === undefined || status === 'True') continue
      setNoExecute(ctx, node, status === 'Unknown' ? UNREACHABLE : NOT_READY)
    }
  }
}

/** Its NoExecute taint: taken off, changed for the other one at once, or put into its zone's queue. */
function decide(ctx: AgentCtx, node: Node, status: Condition['status'], zone: Zone): void {
  if (status === 'True') {
    forgive(ctx, node, zone)
    return
  }
  const wanted = status === 'Unknown' ? UNREACHABLE : NOT_READY
  const other = status === 'Unknown' ? NOT_READY : UNREACHABLE
  const has = (key: string) => node.spec?.taints?.some((one) => one.effect === 'NoExecute' && one.key === key)
  if (has(other) === true) setNoExecute(ctx, node, wanted)
  else if (has(wanted) !== true) zone.queue.set(node.metadata.name, true)
}

function forgive(ctx: AgentCtx, node: Node, zone: Zone): void {
  zone.queue.delete(node.metadata.name)
  setNoExecute(ctx, node, undefined)
}

function setNoExecute(ctx: AgentCtx, { metadata }: Node, key: string | undefined): void {
  // The server is asked: what this very round wrote is not in the cache yet.
  const node = storeGet<Node>(storeOf(ctx.world), 'nodes', '', metadata.name)
  if (node === undefined) return
  const mine = (taint: Taint) =>
    taint.effect === 'NoExecute' && (taint.key === NOT_READY || taint.key === UNREACHABLE)
  const { resourceVersion: _, ...rest } = node.metadata
  const fresh = { ...node, metadata: { ...rest, resourceVersion: '' } }
  putTaints(ctx, fresh, new Set(key === undefined ? [] : [key]), 'NoExecute', mine)
}

/**
 * Notes a node's signs of life, and where they stay away says so in its conditions. Answers what Ready was and what it is
 * now; undefined where nobody has said anything yet.
 */
function checkNode(
  ctx: AgentCtx,
  node: Node,
): { observed: Condition['status']; current: Condition['status'] | undefined } {
  const { world } = ctx
  const { health } = ctx.agent.state as State
  const { name, uid } = node.metadata
  const condition = readyOf(node)
  const renewTime =
    cacheGet<Lease>(ctx, 'leases.coordination.k8s.io', 'kube-node-lease', name)?.spec?.renewTime ?? ''
  const heartbeat = condition === undefined ? undefined : (condition.lastHeartbeatTime ?? '')
  const known = health.get(name)
  const came = known === undefined || known.uid !== uid
  if (came) recordNodeEvent(ctx, { name, uid }, 'RegisteredNode', `Registered Node ${name} in Controller`)
  const seen = came || renewTime > known.renewTime || heartbeat !== known.heartbeat
  const signAt = seen ? world.now : known.signAt
  const grace = condition === undefined ? STARTUP_GRACE : GRACE
  const observed = condition?.status ?? 'Unknown'
  let current = condition?.status
  // The real one asks for more than the grace, but each of its looks comes a little later than 5 s after the last.
  if (world.now >= signAt + grace && putUnknown(ctx, node)) current = 'Unknown'
  let podsUnmarked = !came && known.podsUnmarked
  const falls = current !== undefined && current !== 'True' && observed === 'True'
  if (falls) recordEvent(ctx, node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`)
  if (falls || (podsUnmarked && observed !== 'True')) podsUnmarked = !markPodsNotReady(ctx, name)
  else podsUnmarked = false
  const after = current === 'Unknown' && condition === undefined ? node.metadata.creationTimestamp : heartbeat
  health.set(name, Object.freeze({ uid, renewTime, heartbeat: after, signAt, podsUnmarked }))
  return { observed, current }
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
