/**
 * Removes pods that no kubelet will: of nodes that are gone, never bound and deleted, and on nodes that somebody
 * declared out of service. Models pkg/controller/podgc (Kubernetes 1.32). Not here: the limit of 12,500 ended pods.
 */
import { agentTimer } from '../agent/agent.ts'
import { cacheGet, cacheGetKey, cacheList, cachePodsOnNode } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram } from '../agent/types.ts'
import { apiDelete } from '../api/local.ts'
import type { Node, Pod } from '../objects.ts'
import { objectKey } from '../types.ts'
import { putDisruption } from './common.ts'

const SECOND = 1_000_000_000
const PERIOD = 20 * SECOND
/** A node that is missing is given so long to come back. */
const QUARANTINE = 40 * SECOND
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service'

interface State {
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
    ctx.agent.state = { missing: new Map(), leaving: new Map() } satisfies State
    for (const pod of cacheList<Pod>(ctx, 'pods')) notePod(ctx, pod)
    agentTimer(ctx, 'collect', PERIOD)
  },
  relist(ctx) {
    for (const pod of cacheList<Pod>(ctx, 'pods')) notePod(ctx, pod)
  },
  observe(ctx, { resource, type, key, object, previous }) {
    const { missing, leaving } = ctx.agent.state as State
    if (resource === 'nodes') {
      if (type === 'DELETED') missing.set(key, ctx.world.now + QUARANTINE)
      else missing.delete(key)
    } else if (type === 'DELETED') leaving.delete(key)
    else if (
      previous === undefined ||
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

function notePod(ctx: AgentCtx, pod: Pod): void {
  const { missing, leaving } = ctx.agent.state as State
  const node = pod.spec.nodeName ?? ''
  if (pod.metadata.deletionTimestamp !== undefined) leaving.set(objectKey(pod), true)
  if (node === '' || missing.has(node)) return
  if (cacheGet<Node>(ctx, 'nodes', '', node) === undefined) missing.set(node, ctx.world.now + QUARANTINE)
}

function collect(ctx: AgentCtx): void {
  const { world } = ctx
  const { missing, leaving } = ctx.agent.state as State
  for (const [name, until] of missing) {
    if (until > world.now) continue
    missing.delete(name)
    if (cacheGet<Node>(ctx, 'nodes', '', name) !== undefined) continue
    for (const pod of cachePodsOnNode(ctx, name)) remove(ctx, pod, 'PodGC: node no longer exists')
  }
  for (const key of leaving.keys()) {
    const pod = cacheGetKey<Pod>(ctx, 'pods', key)
    if (pod === undefined) leaving.delete(key)
    else if ((pod.spec.nodeName ?? '') === '') remove(ctx, pod, '')
    else if (isOutOfService(cacheGet<Node>(ctx, 'nodes', '', pod.spec.nodeName!))) {
      remove(ctx, pod, 'PodGC: node has out-of-service taint')
    }
  }
}

/** Not ready, and declared so by its administrator. */
function isOutOfService(node: Node | undefined): boolean {
  const ready = node?.status?.conditions?.find(({ type }) => type === 'Ready')
  if (node === undefined || ready?.status === 'True') return false
  return (node.spec?.taints ?? []).some(({ key }) => key === OUT_OF_SERVICE)
}

/** A pod that never ran is not marked failed. */
function remove(ctx: AgentCtx, pod: Pod, why: string): void {
  const { namespace = '', name, uid } = pod.metadata
  const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
  if (why !== '' && !ended) putDisruption(ctx, pod, 'DeletionByPodGC', why, 'Failed')
  apiDelete(ctx.world, actorOf(ctx.agent), 'pods', namespace, name, { uid, gracePeriodSeconds: 0 })
}
