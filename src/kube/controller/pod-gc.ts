/**
 * Removes pods that no kubelet will: of nodes that are gone, never bound and deleted, and on nodes that somebody
 * declared out of service; and the oldest of those that have ended. Models pkg/controller/podgc (Kubernetes 1.32).
 */
import { agentTimer } from '../agent/agent.ts'
import { cacheGet, cacheGetKey, cacheList, cachePodsOnNode } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram } from '../agent/types.ts'
import { apiDelete, apiUpdateStatus } from '../api/local.ts'
import type { Node, Pod } from '../objects.ts'
import { objectKey } from '../types.ts'
import { putDisruption } from './common.ts'

const SECOND = 1_000_000_000
const PERIOD = 20 * SECOND
/** A node that is missing is given so long to come back. */
const QUARANTINE = 40 * SECOND
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service'

/** --terminated-pod-gc-threshold */
const MOST_ENDED = 12_500

interface State {
  /** Pods that have ended. */
  ended: Map<string, true>
  /** Nodes that pods name and that are not there, to when they are given up. */
  missing: Map<string, number>
  /** Pods that are to go. */
  leaving: Map<string, true>
}

export const podGarbageCollector: AgentProgram = {
  name: 'pod-garbage-collector-controller',
  wants: () => [{ resource: 'pods' }, { resource: 'nodes' }],
  delayNs: 2_000_000,
  workNs: 100_000,
  start(ctx) {
    ctx.agent.state = { ended: new Map(), missing: new Map(), leaving: new Map() } satisfies State
    for (const pod of cacheList<Pod>(ctx, 'pods')) notePod(ctx, pod)
    agentTimer(ctx, 'collect', PERIOD)
  },
  relist(ctx) {
    for (const pod of cacheList<Pod>(ctx, 'pods')) notePod(ctx, pod)
  },
  observe(ctx, { resource, type, key, object, previous }) {
    const { ended, missing, leaving } = ctx.agent.state as State
    if (resource === 'nodes') {
      if (type === 'DELETED') missing.set(key, ctx.world.now + QUARANTINE)
      else missing.delete(key)
    } else if (type === 'DELETED') {
      leaving.delete(key)
      ended.delete(key)
    } else if (
      previous === undefined ||
      isEnded(object as Pod) ||
      (previous as Pod).spec.nodeName !== (object as Pod).spec.nodeName ||
      object.metadata.deletionTimestamp !== undefined
    ) {
      notePod(ctx, object as Pod)
    }
  },
  reconcile: () => ({}),
  timer(ctx) {
    collect(ctx)
    agentTimer(ctx, 'collect', PERIOD)
  },
}

function isEnded({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

function notePod(ctx: AgentCtx, pod: Pod): void {
  const { ended, missing, leaving } = ctx.agent.state as State
  if (isEnded(pod)) ended.set(objectKey(pod), true)
  const node = pod.spec.nodeName ?? ''
  if (pod.metadata.deletionTimestamp !== undefined) leaving.set(objectKey(pod), true)
  if (node === '' || missing.has(node)) return
  if (cacheGet<Node>(ctx, 'nodes', '', node) === undefined) missing.set(node, ctx.world.now + QUARANTINE)
}

function collect(ctx: AgentCtx): void {
  const { world } = ctx
  const { missing, leaving } = ctx.agent.state as State
  for (const pod of surplus(ctx, MOST_ENDED)) remove(ctx, pod)
  const unbound: Pod[] = []
  for (const key of leaving.keys()) {
    const pod = cacheGetKey<Pod>(ctx, 'pods', key)
    if (pod === undefined) leaving.delete(key)
    else if ((pod.spec.nodeName ?? '') === '') unbound.push(pod)
    else if (isOutOfService(cacheGet<Node>(ctx, 'nodes', '', pod.spec.nodeName!))) remove(ctx, pod)
  }
  for (const [name, until] of missing) {
    if (until > world.now) continue
    missing.delete(name)
    if (cacheGet<Node>(ctx, 'nodes', '', name) !== undefined) continue
    for (const pod of cachePodsOnNode(ctx, name)) remove(ctx, pod, 'PodGC: node no longer exists')
  }
  for (const pod of unbound) remove(ctx, pod)
}

/** Of the pods that have ended those beyond `most`: evicted ones first, then the oldest. Models gcTerminated. */
function surplus(ctx: AgentCtx, most: number): readonly Pod[] {
  const { ended } = ctx.agent.state as State
  if (ended.size <= most) return []
  const pods = [...ended.keys()].flatMap((key) => cacheGetKey<Pod>(ctx, 'pods', key) ?? [])
  return firstToGo(pods).slice(0, Math.max(0, pods.length - most))
}

/** Ended pods in the order in which they are removed. */
export function firstToGo(pods: readonly Pod[]): readonly Pod[] {
  const evicted = ({ status }: Pod) => (status?.phase === 'Failed' && status.reason === 'Evicted' ? 0 : 1)
  const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
  return [...pods].sort(
    (a, b) =>
      evicted(a) - evicted(b) ||
      order(a.metadata.creationTimestamp, b.metadata.creationTimestamp) ||
      order(a.metadata.name, b.metadata.name),
  )
}

/** Not ready, and declared so by its administrator. */
function isOutOfService(node: Node | undefined): boolean {
  const ready = node?.status?.conditions?.find(({ type }) => type === 'Ready')
  if (node === undefined || ready?.status === 'True') return false
  return (node.spec?.taints ?? []).some(({ key }) => key === OUT_OF_SERVICE)
}

/** Nobody else will say that it has failed. */
function remove(ctx: AgentCtx, pod: Pod, why = ''): void {
  const { namespace = '', name, uid } = pod.metadata
  if (!isEnded(pod)) {
    if (why !== '') putDisruption(ctx, pod, 'DeletionByPodGC', why, 'Failed')
    else {
      const status = { ...pod.status, phase: 'Failed' as const }
      apiUpdateStatus<Pod>(ctx.world, actorOf(ctx.agent), 'pods', { ...pod, status })
    }
  }
  apiDelete(ctx.world, actorOf(ctx.agent), 'pods', namespace, name, { uid, gracePeriodSeconds: 0 })
}
