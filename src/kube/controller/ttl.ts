/**
 * Writes on every node how long a kubelet may keep what it read of Secrets and ConfigMaps: the larger the cluster, the
 * longer. Models pkg/controller/ttl (Kubernetes 1.32).
 */
import { enqueue } from '../agent/agent.ts'
import { cacheGet, cacheList } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiPatch } from '../api/local.ts'
import type { Node } from '../objects.ts'

const TTL = 'node.alpha.kubernetes.io/ttl'

/** Sizes of clusters, from and to, and their seconds; they overlap, so that a node more or less changes nothing. */
const STEPS = [
  [0, 100, 0],
  [90, 500, 15],
  [450, 1000, 30],
  [900, 2000, 60],
  [1800, 2 ** 31 - 1, 300],
] as const

interface State {
  nodes: number
  step: number
}

export const ttlController: AgentProgram = {
  name: 'ttl-controller',
  wants: () => [{ resource: 'nodes' }],
  delayNs: 2_000_000,
  workNs: 100_000,
  start(ctx) {
    let state: State = { nodes: 0, step: 0 }
    for (const { metadata } of cacheList<Node>(ctx, 'nodes')) {
      state = counted(state, 1)
      enqueue(ctx, metadata.name)
    }
    ctx.agent.state = state
  },
  observe(ctx, { type, key, object }) {
    const state = ctx.agent.state as State
    if (type !== 'MODIFIED') ctx.agent.state = counted(state, type === 'ADDED' ? 1 : -1)
    if (type !== 'DELETED' && object.metadata.annotations?.[TTL] !== secondsOf(ctx)) enqueue(ctx, key)
  },
  reconcile,
}

/** One node more, or one less: at most one step further. */
export function counted({ nodes, step }: State, more: 1 | -1): State {
  const now = nodes + more
  const [from, to] = STEPS[step]!
  return { nodes: now, step: more === 1 ? step + (now > to ? 1 : 0) : step - (now < from ? 1 : 0) }
}

/** What a node's annotation is to say, s. */
export function ttlAt({ step }: State): number {
  return STEPS[step]![2]
}

function secondsOf({ agent }: AgentCtx): string {
  return `${ttlAt(agent.state as State)}`
}

function reconcile(ctx: AgentCtx, name: string): Reconciled {
  const node = cacheGet<Node>(ctx, 'nodes', '', name)
  const seconds = secondsOf(ctx)
  if (node === undefined || node.metadata.annotations?.[TTL] === seconds) return {}
  const body = { metadata: { annotations: { [TTL]: seconds } } }
  const done = apiPatch(ctx.world, actorOf(ctx.agent), 'nodes', '', name, { type: 'merge', body })
  return done.ok ? {} : { retry: true }
}
