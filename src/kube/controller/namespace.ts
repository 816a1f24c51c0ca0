/** Empties namespaces that are deleted, then lets them go. Models pkg/controller/namespace (Kubernetes 1.32). */
import { enqueueAfter } from '../agent/agent.ts'
import { cacheGet, cacheList } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiDelete, apiFinalize, apiUpdateStatus } from '../api/local.ts'
import { resources } from '../api/resources.ts'
import type { Condition, Namespace, Pod } from '../objects.ts'
import { nowText, storeGet, storeList, storeOf, wallMs } from '../store/store.ts'
import { parseTime } from '../time.ts'
import type { ApiObject, ResourceInfo } from '../types.ts'
import { jsonEqual, resourceKey } from '../types.ts'

const SECOND = 1_000_000_000
/** Other caches get so long to see that the namespace goes. */
const GRACE = 5 * SECOND

/** What is waited for where only a finalizer holds something, s */
const FINALIZER_ESTIMATE = 15
/** A namespace that fails is tried again at least once a minute. */
const [BACKOFF_BASE, BACKOFF_MAX] = [5_000_000, 60 * SECOND]

const CONTENT: readonly ResourceInfo[] = resources
  .filter(({ namespaced }) => namespaced)
  .sort((a, b) => (resourceKey(a) < resourceKey(b) ? -1 : 1))

interface State {
  /** How often a namespace's deletion has failed. */
  failures: Map<string, number>
}

export const namespaceController: AgentProgram = {
  name: 'namespace-controller',
  wants: () => [{ resource: 'namespaces' }],
  delayNs: 2_000_000,
  workNs: 500_000,
  start(ctx) {
    ctx.agent.state ??= { failures: new Map() } satisfies State
    for (const namespace of cacheList<Namespace>(ctx, 'namespaces')) look(ctx, namespace)
  },
  observe(ctx, { key, object, type }) {
    if (type !== 'DELETED') look(ctx, object as Namespace)
    else (ctx.agent.state as State).failures.delete(key)
  },
  reconcile,
}

function look(ctx: AgentCtx, { metadata }: Namespace): void {
  if (metadata.deletionTimestamp !== undefined) enqueueAfter(ctx, metadata.name, GRACE)
}

function reconcile(ctx: AgentCtx, name: string): Reconciled {
  const namespace = cacheGet<Namespace>(ctx, 'namespaces', '', name)
  if (namespace?.metadata.deletionTimestamp === undefined) return {}
  if ((namespace.spec?.finalizers ?? []).length === 0) return {}
  const since = parseTime(namespace.metadata.deletionTimestamp) ?? 0
  const left = deleteContent(ctx, name, wallMs(ctx.world) - since)
  writeConditions(ctx, name, left)
  const { failures } = ctx.agent.state as State
  if (left.errors.length > 0) {
    const before = failures.get(name) ?? 0
    failures.set(name, before + 1)
    return { requeueAfter: Math.min(BACKOFF_BASE * 2 ** Math.min(before, 30), BACKOFF_MAX) }
  }
  if (left.estimate > 0) return { requeueAfter: (Math.floor(left.estimate / 2) + 1) * SECOND }
  failures.delete(name)
  return finalize(ctx, name) ? {} : { retry: true }
}

/** What is left after all was deleted. */
interface Left {
  /** s until it may be gone */
  estimate: number
  /** As the real one prints them. */
  readonly errors: string[]
  readonly resources: string[]
  /** Finalizers that hold something, to how many objects. */
  readonly finalizers: Map<string, number>
}

/** Deletes everything in it. `ms`: since when it goes. Models deleteAllContent. */
function deleteContent(ctx: AgentCtx, name: string, ms: number): Left {
  const left: Left = { estimate: 0, errors: [], resources: [], finalizers: new Map() }
  for (const info of CONTENT) {
    const resource = resourceKey(info)
    const isPods = resource === 'pods'
    const grace = isPods ? graceOf(storeList<Pod>(storeOf(ctx.world), resource, name)) : 0
    for (const { metadata } of storeList(storeOf(ctx.world), resource, name))
      deleteOne(ctx, resource, metadata)
    const remaining = storeList(storeOf(ctx.world), resource, name)
    if (remaining.length === 0) continue
    left.resources.push(`${info.resource}.${info.group} has ${remaining.length} resource instances`)
    const held = remaining.flatMap(({ metadata }) => metadata.finalizers ?? [])
    for (const one of held) left.finalizers.set(one, (left.finalizers.get(one) ?? 0) + 1)
    const estimate = ms < grace * 1000 ? grace : held.length > 0 ? FINALIZER_ESTIMATE : 0
    left.estimate = Math.max(left.estimate, estimate)
    const gvr = `${info.group}/${info.version}, Resource=${info.resource}`
    if (estimate === 0)
      left.errors.push(`unexpected items still remain in namespace: ${name} for gvr: ${gvr}`)
  }
  return left
}

/** In the background: a finalizer of the garbage collector's that waits for others is struck, too. */
function deleteOne(ctx: AgentCtx, resource: string, metadata: ApiObject['metadata']): void {
  const { namespace = '', name, uid, deletionTimestamp, finalizers = [] } = metadata
  const waits = finalizers.includes('foregroundDeletion') || finalizers.includes('orphan')
  if (deletionTimestamp !== undefined && !waits) return
  apiDelete(ctx.world, actorOf(ctx.agent), resource, namespace, name, {
    uid,
    propagationPolicy: 'Background',
  })
}

/** The longest grace of pods that have not ended, s. */
function graceOf(pods: readonly Pod[]): number {
  const lives = pods.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed')
  return Math.max(0, ...lives.map(({ spec }) => spec.terminationGracePeriodSeconds ?? 0))
}

function writeConditions(ctx: AgentCtx, name: string, { errors, resources: some, finalizers }: Left): void {
  const namespace = storeGet<Namespace>(storeOf(ctx.world), 'namespaces', '', name)
  if (namespace === undefined) return
  const remaining = [...some].sort()
  const held = [...finalizers].map(([one, n]) => `${one} in ${n} resource instances`).sort()
  const texts: readonly (readonly [string, Condition['status'], string, string])[] = [
    [
      'NamespaceDeletionDiscoveryFailure',
      'False',
      'ResourcesDiscovered',
      'All resources successfully discovered',
    ],
    [
      'NamespaceDeletionGroupVersionParsingFailure',
      'False',
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ],
    errors.length === 0
      ? [
          'NamespaceDeletionContentFailure',
          'False',
          'ContentDeleted',
          'All content successfully deleted, may be waiting on finalization',
        ]
      : [
          'NamespaceDeletionContentFailure',
          'True',
          'ContentDeletionFailed',
          `Failed to delete all resource types, ${errors.length} remaining: ${[...errors].sort().join(', ')}`,
        ],
    remaining.length === 0
      ? ['NamespaceContentRemaining', 'False', 'ContentRemoved', 'All content successfully removed']
      : [
          'NamespaceContentRemaining',
          'True',
          'SomeResourcesRemain',
          `Some resources are remaining: ${remaining.join(', ')}`,
        ],
    held.length === 0
      ? [
          'NamespaceFinalizersRemaining',
          'False',
          'ContentHasNoFinalizers',
          'All content-preserving finalizers finished',
        ]
      : [
          'NamespaceFinalizersRemaining',
          'True',
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${held.join(', ')}`,
        ],
  ]
  const was = namespace.status?.conditions ?? []
  const conditions = texts.map(([type, status, reason, message]): Condition => {
    const old = was.find((one) => one.type === type)
    const since = old?.status === status ? old.lastTransitionTime : undefined
    return { type, status, reason, message, lastTransitionTime: since ?? nowText(ctx.world) }
  })
  if (jsonEqual(was, conditions)) return
  const status = { ...namespace.status, conditions }
  apiUpdateStatus<Namespace>(ctx.world, actorOf(ctx.agent), 'namespaces', { ...namespace, status })
}

function finalize(ctx: AgentCtx, name: string): boolean {
  const namespace = storeGet<Namespace>(storeOf(ctx.world), 'namespaces', '', name)
  if (namespace === undefined) return true
  const finalizers = (namespace.spec?.finalizers ?? []).filter((one) => one !== 'kubernetes')
  const next = { ...namespace, spec: { ...namespace.spec, finalizers } }
  return apiFinalize<Namespace>(ctx.world, actorOf(ctx.agent), next).ok
}
