/**
 * Making room: which pods of lower priority go, and from which node. Models plugins/defaultpreemption and
 * framework/preemption (Kubernetes 1.32). Not here: disruption budgets, which are no kind of this cluster.
 */
import { cacheGetKey } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx } from '../agent/types.ts'
import { apiDelete, apiUpdateStatus } from '../api/local.ts'
import { putDisruption, recordEvent } from '../controller/common.ts'
import type { Node, Pod } from '../objects.ts'
import { treeValues } from '../store/tree.ts'
import { objectKey } from '../types.ts'
import type { FilterPod, Refusal, Room } from './filters.ts'
import { filterNode } from './filters.ts'
import type { SchedulerState } from './placed.ts'
import { takenBy } from './placed.ts'

/** A node that would not take a pod. */
export interface Refused extends Refusal {
  readonly node: Node
}

/**
 * Drives pods of lower priority away from one of the nodes that refused a pod, which is then to have it: `node`. Where
 * that cannot be, `node` is '' (what it was, where undefined) and `why` says so.
 */
export function makeRoom(
  ctx: AgentCtx,
  state: SchedulerState,
  about: FilterPod,
  refused: readonly Refused[],
): { readonly node: string | undefined; readonly why: string } {
  const { pod } = about
  const mine = priorityOf(pod)
  const nominated = pod.status?.nominatedNodeName ?? ''
  const onNode = mine > 0 ? podsByNode(ctx, state, refused, nominated) : undefined
  const on = (node: string) => onNode?.get(node) ?? []
  const lost = refused.some(({ node, final }) => final && nameOf(node) === nominated)
  const never = notEligible(pod, lost ? [] : on(nominated))
  if (never !== undefined) return { node: undefined, why: never }
  const { best, why } = findRoom(about, refused, (node) => [
    ...on(node),
    ...nominatedPods(ctx, state, node, pod),
  ])
  if (best === undefined) return { node: '', why }
  for (const victim of best.victims) drive(ctx, pod, victim, best.node)
  for (const [key, node] of state.nominated) {
    const other = node === best.node ? cacheGetKey<Pod>(ctx, 'pods', key) : undefined
    if (other !== undefined && priorityOf(other) < mine) nominate(ctx, state, other, '')
  }
  return { node: best.node, why: '' }
}

/** The best of the nodes that refused a pod, or why none of them can be had. `podsOn`: as `preemptOn` takes them. */
export function findRoom(
  about: FilterPod,
  refused: readonly Refused[],
  podsOn: (node: string) => readonly Pod[],
): { readonly best: Preemption | undefined; readonly why: string } {
  const found: Preemption[] = []
  const reasons = refused.flatMap(({ node, final }) => {
    if (final) return ['Preemption is not helpful for scheduling']
    const result = preemptOn(about, node, podsOn(nameOf(node)))
    if ('reasons' in result) return result.reasons
    found.push(result)
    return []
  })
  const best = pickPreemption(found)
  const why = best === undefined ? `0/${refused.length} nodes are available: ${histogram(reasons)}.` : ''
  return { best, why }
}

/** Writes on which node room is made for a pod; '': on none. */
export function nominate(
  ctx: AgentCtx,
  state: SchedulerState,
  pod: Pod,
  node: string,
  status: Pod['status'] = pod.status,
): void {
  if (node === '') state.nominated.delete(objectKey(pod))
  else state.nominated.set(objectKey(pod), node)
  const { nominatedNodeName: _, ...rest } = status ?? {}
  const now = node === '' ? rest : { ...rest, nominatedNodeName: node }
  apiUpdateStatus<Pod>(ctx.world, actorOf(ctx.agent), 'pods', { ...pod, status: now })
}

/** Pods that are to come to a node before a pod: room was made for them, and they are no less important. */
export function nominatedPods(ctx: AgentCtx, state: SchedulerState, node: string, pod: Pod): Pod[] {
  const found: Pod[] = []
  for (const [key, where] of state.nominated) {
    if (where !== node || key === objectKey(pod)) continue
    const other = cacheGetKey<Pod>(ctx, 'pods', key)
    if (other !== undefined && priorityOf(other) >= priorityOf(pod)) found.push(other)
  }
  return found
}

function drive(ctx: AgentCtx, pod: Pod, victim: Pod, node: string): void {
  const { namespace = '', name } = victim.metadata
  const who = pod.spec.schedulerName ?? 'default-scheduler'
  putDisruption(ctx, victim, PREEMPTED, `${who}: preempting to accommodate a higher priority pod`)
  apiDelete(ctx.world, actorOf(ctx.agent), 'pods', namespace, name)
  recordEvent(ctx, victim, 'Normal', 'Preempted', `Preempted by pod ${pod.metadata.uid} on node ${node}`)
}

/** Who is on the nodes that refused a pod for something that others have, and on the one that it waits for. */
function podsByNode(
  ctx: AgentCtx,
  state: SchedulerState,
  refused: readonly Refused[],
  nominated: string,
): ReadonlyMap<string, readonly Pod[]> {
  const names = refused.filter(({ final }) => !final).map(({ node }) => nameOf(node))
  const found = new Map<string, Pod[]>([...names, nominated].map((name) => [name, []]))
  for (const { key, node } of treeValues(state.placed)) {
    const pod = found.has(node) ? cacheGetKey<Pod>(ctx, 'pods', key) : undefined
    if (pod !== undefined) found.get(node)!.push(pod)
  }
  return found
}

const nameOf = ({ metadata }: Node) => metadata.name

/** `1 Insufficient cpu, 2 node(s) …`: how often each reason is given. */
export function histogram(reasons: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ')
}

/** A node where a pod would fit if others went, the most important of them first. */
export interface Preemption {
  readonly node: string
  readonly victims: readonly Pod[]
}

export function priorityOf({ spec }: Pod): number {
  return spec.priority ?? 0
}

/**
 * The fewest pods of lower priority that must leave a node, or why none would help. `pods`: those on it, and those of
 * higher priority that are to come.
 */
export function preemptOn(
  about: FilterPod,
  node: Node,
  pods: readonly Pod[],
  room?: Room,
): Preemption | Refusal {
  const mine = priorityOf(about.pod)
  const lower = pods.filter((pod) => priorityOf(pod) < mine).sort(byImportance)
  if (lower.length === 0) return NOBODY
  const { name } = node.metadata
  const refusal = (stay: readonly Pod[]) => {
    const placed = about.placed.filter((other) => other.node !== name || stay.includes(other.pod))
    return filterNode({ ...about, placed }, node, takenBy(stay), room)
  }
  let stay = pods.filter((pod) => priorityOf(pod) >= mine)
  const helpless = refusal(stay)
  if (helpless !== null) return helpless
  const victims: Pod[] = []
  for (const pod of lower) {
    const more = [...stay, pod]
    if (refusal(more) === null) stay = more
    else victims.push(pod)
  }
  return victims.length === 0 ? NOBODY : { node: name, victims }
}

const NOBODY: Refusal = Object.freeze({
  reasons: Object.freeze(['No preemption victims found for incoming pod']),
  final: true,
})

/** Higher priority first, then whoever has run for longer. */
function byImportance(a: Pod, b: Pod): number {
  const [first, second] = [startOf(a), startOf(b)]
  return priorityOf(b) - priorityOf(a) || (first < second ? -1 : first > second ? 1 : 0)
}

/** As text that sorts; a pod that has not started is as if it started now. */
function startOf({ status }: Pod): string {
  return status?.startTime ?? '~'
}

/**
 * The node where it does the least harm: the lowest of the highest priorities, then the lowest sum of them, then the
 * fewest pods, then those that have run for the shortest time; else the first. Models pickOneNodeForPreemption.
 */
export function pickPreemption(all: readonly Preemption[]): Preemption | undefined {
  let best: readonly Preemption[] = all
  for (const harm of [highestPriority, sumOfPriorities, ({ victims }: Preemption) => victims.length]) {
    const least = best.reduce((a, one) => Math.min(a, harm(one)), Number.POSITIVE_INFINITY)
    best = best.filter((one) => harm(one) === least)
  }
  return best.reduce<Preemption | undefined>(
    (a, b) => (a === undefined || earliestOf(b) > earliestOf(a) ? b : a),
    undefined,
  )
}

const highestPriority = ({ victims }: Preemption) => priorityOf(victims[0]!)

/** Each counts more than none, however low its priority is. */
const sumOfPriorities = ({ victims }: Preemption) =>
  victims.reduce((sum, pod) => sum + priorityOf(pod) + 2 ** 31, 0)

/** When the first of the most important ones started. */
function earliestOf(one: Preemption): string {
  const first = one.victims.filter((pod) => priorityOf(pod) === highestPriority(one))
  return first.map(startOf).reduce((a, b) => (b < a ? b : a))
}

/** Why a pod may not make room (again): it never does, or those that it drove away are still going. */
export function notEligible(pod: Pod, onNominated: readonly Pod[]): string | undefined {
  if (pod.spec.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.'
  const going = onNominated.some((other) => priorityOf(other) < priorityOf(pod) && isPreempted(other))
  return going ? 'not eligible due to a terminating pod on the nominated node.' : undefined
}

function isPreempted({ metadata, status }: Pod): boolean {
  if (metadata.deletionTimestamp === undefined) return false
  const condition = status?.conditions?.find(({ type }) => type === 'DisruptionTarget')
  return condition?.status === 'True' && condition.reason === PREEMPTED
}

/** The reason in the DisruptionTarget condition of those that go. */
export const PREEMPTED = 'PreemptionByScheduler'
