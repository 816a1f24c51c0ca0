/**
 * Takes pods off nodes with NoExecute taints that they do not tolerate, or no longer.
 * Models pkg/controller/tainteviction (Kubernetes 1.32).
 */
import { agentTimer, cancelAgentTimer, enqueue } from '../agent/agent.ts'
import { cacheGet, cacheGetKey, cacheList, cachePodsOnNode } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiDelete } from '../api/local.ts'
import type { Node, Pod, Taint, Toleration } from '../objects.ts'
import { tolerates } from '../scheduler/filters.ts'
import { jsonEqual, objectKey } from '../types.ts'
import { putDisruption, recordEvent } from './common.ts'

const SECOND = 1_000_000_000
const WHY = 'Taint manager: deleting due to NoExecute taint'

interface State {
  /** Nodes that have NoExecute taints. */
  tainted: Map<string, true>
  /** Pods whose time runs, to when it began. */
  since: Map<string, number>
}

export const taintEvictionController: AgentProgram = {
  name: 'taint-eviction-controller',
  wants: () => [{ resource: 'nodes' }, { resource: 'pods' }],
  delayNs: 2_000_000,
  workNs: 100_000,
  start(ctx) {
    ctx.agent.state ??= { tainted: new Map(), since: new Map() } satisfies State
    for (const node of cacheList<Node>(ctx, 'nodes')) noteNode(ctx, node, node.metadata.name, false)
  },
  observe(ctx, { resource, type, key, object, previous }) {
    if (resource === 'nodes') {
      const [now, was] = [noExecute(object as Node), noExecute(previous as Node | undefined)]
      if (type !== 'MODIFIED' || !jsonEqual(now, was)) noteNode(ctx, object as Node, key, type === 'DELETED')
      return
    }
    const pod = object as Pod
    const was = previous as Pod | undefined
    const { tainted, since } = ctx.agent.state as State
    if (type === 'DELETED') {
      since.delete(key)
      cancelAgentTimer(ctx, key)
    } else if (tainted.has(pod.spec.nodeName ?? '')) {
      const same = was?.spec.nodeName === pod.spec.nodeName
      if (!same || !jsonEqual(was?.spec.tolerations, pod.spec.tolerations)) enqueue(ctx, key)
    }
  },
  reconcile,
  timer: (ctx, key) => evict(ctx, key),
}

function noExecute(node: Node | undefined): readonly Taint[] {
  return (node?.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute')
}

function noteNode(ctx: AgentCtx, node: Node, name: string, gone: boolean): void {
  const { tainted } = ctx.agent.state as State
  const has = !gone && noExecute(node).length > 0
  const had = tainted.has(name)
  if (has) tainted.set(name, true)
  else tainted.delete(name)
  if (has || had) for (const pod of cachePodsOnNode(ctx, name)) enqueue(ctx, objectKey(pod))
}

function reconcile(ctx: AgentCtx, key: string): Reconciled {
  const { world } = ctx
  const { since } = ctx.agent.state as State
  const pod = cacheGetKey<Pod>(ctx, 'pods', key)
  const node = pod === undefined ? undefined : cacheGet<Node>(ctx, 'nodes', '', pod.spec.nodeName ?? '')
  const taints = noExecute(node)
  if (pod === undefined || taints.length === 0) {
    if (!since.delete(key)) return {}
    cancelAgentTimer(ctx, key)
    const message = `Cancelling deletion of Pod ${key}`
    if (pod !== undefined) recordEvent(ctx, pod, 'Normal', 'TaintManagerEviction', message)
    return {}
  }
  const seconds = toleratedFor(pod.spec.tolerations ?? [], taints)
  if (seconds === Number.POSITIVE_INFINITY) {
    if (since.delete(key)) cancelAgentTimer(ctx, key)
    return {}
  }
  if (seconds <= 0) {
    evict(ctx, key)
    return {}
  }
  // A taint that takes another's place does not begin the time anew.
  const began = since.get(key) ?? world.now
  if (since.has(key) && began + seconds * SECOND < world.now) return {}
  since.set(key, began)
  agentTimer(ctx, key, began + seconds * SECOND - world.now)
  return {}
}

/** Seconds for which all the taints are tolerated; 0 where one is not. */
function toleratedFor(tolerations: readonly Toleration[], taints: readonly Taint[]): number {
  let least = Number.POSITIVE_INFINITY
  for (const taint of taints) {
    // The first that lets it pass counts, whatever the others allow.
    const first = tolerations.find((one) => tolerates([one], taint))
    if (first === undefined) return 0
    const { tolerationSeconds: seconds } = first
    if (seconds !== undefined) least = Math.min(least, Math.max(0, seconds))
  }
  return least
}

function evict(ctx: AgentCtx, key: string): void {
  const { world, agent } = ctx
  const { since } = agent.state as State
  since.delete(key)
  cancelAgentTimer(ctx, key)
  const pod = cacheGetKey<Pod>(ctx, 'pods', key)
  if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return
  recordEvent(ctx, pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${key}`)
  putDisruption(ctx, pod, 'DeletionByTaintManager', WHY)
  const { namespace = '', name, uid } = pod.metadata
  apiDelete(world, actorOf(agent), 'pods', namespace, name, { uid })
}
