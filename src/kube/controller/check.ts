/** For tests: a cluster's store with agents, and nodes whose pods are ready a moment after they are bound. */
import { createWorld } from '../../net/world.ts'
import type { World } from '../../net/types.ts'
import { runUntil } from '../../sim/dispatch.ts'
import type { Handler, Rules } from '../../sim/world.ts'
import type { AgentRules } from '../agent/agent.ts'
import { agentHandlers, enqueue, findAgent, startAgent } from '../agent/agent.ts'
import { cacheGetKey, cacheList } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentProgram } from '../agent/types.ts'
import { bootstrapApi } from '../api/bootstrap.ts'
import { apiCreate, apiDelete, apiGet, apiList, apiPatch, apiUpdateStatus } from '../api/local.ts'
import type { ClusterOptions } from '../cluster.ts'
import { createCluster, DEFAULT_CLUSTER } from '../cluster.ts'
import type { KubeEvent, Node, Pod } from '../objects.ts'
import { createStore, nowText } from '../store/store.ts'
import type { Actor, ApiObject, Draft } from '../types.ts'
import { objectKey } from '../types.ts'

export const USER: Actor = { user: 'kubernetes-admin', manager: 'kubectl' }

export interface CheckCluster {
  readonly world: World
  readonly rules: Rules<World>
  readonly agents: AgentRules
}

/** A world with a store and these agents started, in order. */
export function checkCluster(
  programs: readonly AgentProgram[],
  options: Partial<ClusterOptions> = {},
  seed = 1,
): CheckCluster {
  const world = createWorld(seed)
  const whole = { ...DEFAULT_CLUSTER, ...options }
  createStore(world, { serviceCidrs: whole.serviceCidrs })
  createCluster(world, whole)
  bootstrapApi(world, ['10.100.0.2'])
  const agents: AgentRules = {
    programs: new Map([...programs, instantKubelet].map((program) => [program.name, program])),
    transport: { notify: () => {}, send: () => false, act: () => false },
  }
  const handlers: (Handler<World> | undefined)[] = []
  for (const [kind, handler] of Object.entries(agentHandlers(agents))) handlers[Number(kind)] = handler
  const rules: Rules<World> = { handlers, applyInput: () => {} }
  for (const program of programs) startAgent(world, agents, { program: program.name })
  return { world, rules, agents }
}

/** Lets virtual time pass, seconds. Throws where a handler threw. */
export function pass(cluster: CheckCluster, seconds: number): void {
  const { world, rules } = cluster
  const end = world.now + Math.round(seconds * 1e9)
  runUntil(world, rules, { untilAt: end, maxEvents: 1_000_000 })
  if (world.frozen !== undefined) throw new Error(world.frozen.message)
  world.now = Math.max(world.now, end)
}

/** Creates an object as a user would. Throws where the server refuses. */
export function make<T extends ApiObject>(cluster: CheckCluster, resource: string, draft: Draft<T>): T {
  const made = apiCreate<T>(cluster.world, USER, resource, draft)
  if (!made.ok) throw new Error(made.status.message)
  return made.object
}

/** A node that is ready, as a kubelet would have registered it. */
export function makeNode(cluster: CheckCluster, name: string, labels: Record<string, string> = {}): Node {
  const node = make<Node>(cluster, 'nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec: {},
    status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110' } },
  })
  const ready = apiPatch<Node>(cluster.world, USER, 'nodes', '', name, {
    type: 'merge',
    body: { spec: { taints: null } },
  })
  if (!ready.ok) throw new Error(ready.status.message)
  beat(cluster, name)
  return node
}

/** What a kubelet says of its node: conditions, `ready` or not. */
export function beat(cluster: CheckCluster, name: string, ready: 'True' | 'False' = 'True'): void {
  const now = nowText(cluster.world)
  const old = apiGet<Node>(cluster.world, 'nodes', '', name)
  if (!old.ok) throw new Error(old.status.message)
  const was = old.object.status?.conditions?.find(({ type }) => type === 'Ready')
  const since = was?.status === ready ? (was.lastTransitionTime ?? now) : now
  const one = (type: string, status: 'True' | 'False', lastTransitionTime: string) =>
    ({ type, status, lastHeartbeatTime: now, lastTransitionTime, reason: 'Kubelet', message: '' }) as const
  const conditions = [one('MemoryPressure', 'False', now), one('Ready', ready, since)]
  const status = { ...old.object.status, conditions }
  const done = apiUpdateStatus<Node>(cluster.world, USER, 'nodes', { ...old.object, status })
  if (!done.ok) throw new Error(done.status.message)
}

/** Messages of the events about an object, oldest first, as `REASON MESSAGE`. */
export function eventsOf(cluster: CheckCluster, name: string): string[] {
  return apiList<KubeEvent>(cluster.world, 'events')
    .filter(({ involvedObject }) => involvedObject.name === name)
    .sort((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion))
    .map(({ reason, message }) => `${reason} ${message}`)
}

/** All objects of a resource in `default`. */
export function all<T extends ApiObject>(
  cluster: CheckCluster,
  resource: string,
  labelSelector = '',
): readonly T[] {
  return apiList<T>(cluster.world, resource, { namespace: 'default', labelSelector })
}

/**
 * Stands for all kubelets: a pod runs at once, is ready after a second with an address of its own, and is gone as
 * soon as it is asked to go.
 */
const instantKubelet: AgentProgram = {
  name: 'instant-kubelet',
  wants: () => [{ resource: 'pods' }],
  delayNs: 1_000_000,
  workNs: 100_000,
  start(ctx) {
    ctx.agent.state ??= { next: 2, bound: false }
    for (const pod of cacheList<Pod>(ctx, 'pods')) enqueue(ctx, objectKey(pod))
  },
  observe(ctx, { key, type }) {
    if (type !== 'DELETED') enqueue(ctx, key)
  },
  reconcile(ctx, key) {
    const { world, agent } = ctx
    const pod = cacheGetKey<Pod>(ctx, 'pods', key)
    if (pod === undefined) return {}
    const { namespace = '', name } = pod.metadata
    if (pod.metadata.deletionTimestamp !== undefined) {
      apiDelete(world, actorOf(agent), 'pods', namespace, name, { gracePeriodSeconds: 0 })
      return {}
    }
    const state = agent.state as { next: number; bound: boolean }
    if (pod.status?.podIP !== undefined || (state.bound && (pod.spec.nodeName ?? '') === '')) return {}
    const podIP = `10.${244 + (state.next >> 16)}.${(state.next >> 8) & 255}.${state.next & 255}`
    state.next++
    const since = { lastTransitionTime: nowText(world) }
    const done = apiUpdateStatus<Pod>(world, actorOf(agent), 'pods', {
      ...pod,
      status: {
        ...pod.status,
        phase: 'Running',
        podIP,
        podIPs: [{ ip: podIP }],
        conditions: [{ type: 'Ready', status: 'True', ...since }],
      },
    })
    return done.ok ? {} : { retry: true }
  },
}

/** Starts what stands for the kubelets; with `bound`, pods wait for the scheduler first. */
export function startKubelets({ world, agents }: CheckCluster, bound = false): void {
  const id = startAgent(world, agents, { program: 'instant-kubelet' })
  findAgent(world, id)!.state = { next: 2, bound }
}
