/**
 * Takes pods off nodes with NoExecute taints that they do not tolerate, or no longer.
 * Models pkg/controller/tainteviction (Kubernetes 1.32).
 */
import { agentTimer, cancelAgentTimer, enqueue } from '../agent/agent.ts'
import { cacheGet, cacheGetKey, cacheList, cachePodsOnNode, splitKey } from '../agent/cache.ts'
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
    const { tainted } = ctx.agent.state as State
    if (type === 'DELETED') cancel(ctx, key)
    else if (tainted.has(pod.spec.nodeName ?? '')) {
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

/** Of a node that is gone nothing more is known: what was to go on it goes in its time. */
function noteNode(ctx: AgentCtx, node: Node, name: string, gone: boolean): void {
  const { tainted } = ctx.agent.state as State
  const has = !gone && noExecute(node).length > 0
  const had = tainted.has(name)
  if (has) tainted.set(name, true)
  else tainted.delete(name)
  if (!gone && (has || had)) for (const pod of cachePodsOnNode(ctx, name)) enqueue(ctx, objectKey(pod))
}

/** Models processPodOnNode. */
function reconcile(ctx: AgentCtx, key: string): Reconciled {
  const { world } = ctx
  const { since } = ctx.agent.state as State
  const pod = cacheGetKey<Pod>(ctx, 'pods', key)
  const node = pod === undefined ? undefined : cacheGet<Node>(ctx, 'nodes', '', pod.spec.nodeName ?? '')
  if (pod === undefined || node === undefined) return {}
  const taints = noExecute(node)
  const seconds =
    taints.length === 0 ? Number.POSITIVE_INFINITY : toleratedFor(pod.spec.tolerations ?? [], taints)
  if (seconds === Number.POSITIVE_INFINITY || seconds === 'never') {
    cancel(ctx, key)
    if (seconds === 'never') evict(ctx, key)
    return {}
  }
  const began = since.get(key)
  // What runs already runs on, whatever is tolerated now.
  if (began !== undefined && began < world.now) return {}
  if (began !== undefined) cancel(ctx, key)
  if (seconds === 0) evict(ctx, key)
  else {
    since.set(key, world.now)
    agentTimer(ctx, key, seconds * SECOND)
  }
  return {}
}

/** A pod whose time ran stays, and so it is told. */
function cancel(ctx: AgentCtx, key: string): void {
  const { since } = ctx.agent.state as State
  if (!since.delete(key)) return
  cancelAgentTimer(ctx, key)
  tell(ctx, key, `Cancelling deletion of Pod ${key}`)
}

/** The real one knows the pod by its name alone here: the event names no uid. */
function tell(ctx: AgentCtx, key: string, text: string): void {
  const metadata = { ...splitKey(key), uid: '', resourceVersion: '', creationTimestamp: '' }
  recordEvent(ctx, { apiVersion: 'v1', kind: 'Pod', metadata }, 'Normal', 'TaintManagerEviction', text)
}

/** Seconds for which all the taints are tolerated; 'never' where one is not. Models getMinTolerationTime. */
export function toleratedFor(tolerations: readonly Toleration[], taints: readonly Taint[]): number | 'never' {
  let least = Number.POSITIVE_INFINITY
  for (const taint of taints) {
    // The first that lets it pass counts, whatever the others allow.
    const first = tolerations.find((one) => tolerates([one], taint))
    if (first === undefined) return 'never'
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
  tell(ctx, key, `Marking for deletion Pod ${key}`)
  putDisruption(ctx, pod, 'DeletionByTaintManager', WHY)
  const { namespace = '', name, uid } = pod.metadata
  apiDelete(world, actorOf(agent), 'pods', namespace, name, { uid })
}
