/**
 * What the scheduler knows of pods that have their node: what they take of it, which stand beside those that are like
 * them. Models pkg/scheduler/backend/cache and plugins/helper/spread.go (Kubernetes 1.32).
 */
import { cacheGetKey } from '../agent/cache.ts'
import type { AgentCtx } from '../agent/types.ts'
import { matchMap } from '../api/selectors.ts'
import type { Selection } from '../controller/endpoints/selection.ts'
import { createSelection, servicesSelecting } from '../controller/endpoints/selection.ts'
import type { Pod, Service } from '../objects.ts'
import type { Tree } from '../store/tree.ts'
import { createTree, treeDelete, treeGet, treeSet, treeValues } from '../store/tree.ts'
import { controllerOf } from '../types.ts'
import type { More, NodeUse } from './filters.ts'
import { hostPortsOf, NO_MORE, nonZeroRequestsOf, requestsOf } from './filters.ts'

/** What a pod takes of its node. */
interface Demand {
  readonly cpu: number
  readonly memory: number
  readonly nonZeroCpu: number
  readonly nonZeroMemory: number
  readonly ports: readonly string[]
  readonly more: More
}

interface Placement {
  readonly key: string
  readonly node: string
  readonly demand: Demand
  /** uid of the ReplicaSet or StatefulSet that counts it; '': nobody does, or it ends */
  readonly owner: string
}

/** A pod without a node. */
export interface Waiting {
  /** How often it was tried, and when for the last time. */
  readonly tries: number
  readonly at: number
}

export interface SchedulerState {
  use: Map<string, NodeUse>
  /** By pod key: what it takes where. */
  placed: Tree<Placement>
  /** What the pod that was placed last takes: most take the same. */
  last: Demand | null
  /** By the uid of a ReplicaSet or StatefulSet and the node: how many pods of it are there and do not end. */
  siblings: Map<string, Map<string, number>>
  /** Pods that wait. */
  waiting: Map<string, Waiting>
  /** Those of them that were refused and look at others: `isPicky`. */
  watchful: Map<string, true>
  /** Pods that others must keep near or away from (required affinity), or that spread. */
  picky: Map<string, true>
  /** Pods that wait for a node on which room was made for them, to that node. */
  nominated: Map<string, string>
  /** Services by what they select. */
  services: Selection
  /** Where the search among many nodes goes on. */
  nextNode: number
}

export function createSchedulerState(): SchedulerState {
  return {
    use: new Map(),
    placed: createTree(),
    last: null,
    siblings: new Map(),
    waiting: new Map(),
    watchful: new Map(),
    picky: new Map(),
    nominated: new Map(),
    services: createSelection(),
    nextNode: 0,
  }
}

/** What is taken of a node. */
export function usageOf(state: SchedulerState, node: string): NodeUse {
  const known = state.use.get(node)
  if (known !== undefined) return known
  const use = takenBy([])
  state.use.set(node, use)
  return use
}

/** What pods take of their node together. */
export function takenBy(pods: readonly Pod[]): NodeUse {
  const [none, open] = [
    { cpu: 0, memory: 0 },
    { nonZeroCpu: 0, nonZeroMemory: 0 },
  ]
  const use: NodeUse = { ...none, ...open, pods: 0, ports: new Map(), more: null }
  for (const pod of pods) take(use, demandOf(pod), 1)
  return use
}

/** Two uses of one node together. */
export function joinUse(a: NodeUse, b: NodeUse): NodeUse {
  const sum = { ...a, ports: new Map(a.ports), more: new Map(a.more) }
  const ports = [...b.ports.keys()]
  take(sum, { ...b, ports, more: [...(b.more ?? [])] }, 1)
  sum.pods += b.pods - 1
  return sum
}

/** Takes in where a pod is; its key is kept, and best the one that the store keeps. */
export function place(state: SchedulerState, key: string, pod: Pod, node: string): void {
  const owner = spreadOwner(pod)
  const was = treeGet(state.placed, key)
  if (was?.node === node && was.owner === owner) return
  release(state, key)
  const demand = demandOf(pod)
  state.last = state.last !== null && isSame(state.last, demand) ? state.last : Object.freeze(demand)
  const placement: Placement = { key, node, demand: state.last, owner }
  state.placed = treeSet(state.placed, key, Object.freeze(placement))
  if (isPicky(pod)) state.picky.set(key, true)
  take(usageOf(state, node), placement.demand, 1)
  if (owner !== '') countSibling(state, owner, node, 1)
}

export function release(state: SchedulerState, key: string): void {
  const was = treeGet(state.placed, key)
  if (was === undefined) return
  state.placed = treeDelete(state.placed, key)
  take(usageOf(state, was.node), was.demand, -1)
  if (was.owner !== '') countSibling(state, was.owner, was.node, -1)
}

function demandOf(pod: Pod): Demand {
  const { cpu, memory, more = NO_MORE } = requestsOf(pod)
  const { cpu: nonZeroCpu, memory: nonZeroMemory } = nonZeroRequestsOf(pod)
  return { cpu, memory, nonZeroCpu, nonZeroMemory, ports: Object.freeze(hostPortsOf(pod)), more }
}

function isSame(a: Demand, b: Demand): boolean {
  if (a.cpu !== b.cpu || a.memory !== b.memory || a.ports.length + b.ports.length > 0) return false
  return a.nonZeroCpu === b.nonZeroCpu && a.nonZeroMemory === b.nonZeroMemory && a.more === b.more
}

function take(use: NodeUse, demand: Demand, by: 1 | -1): void {
  use.cpu += by * demand.cpu
  use.memory += by * demand.memory
  use.nonZeroCpu += by * demand.nonZeroCpu
  use.nonZeroMemory += by * demand.nonZeroMemory
  use.pods += by
  for (const port of demand.ports) count(use.ports, port, by)
  if (demand.more.length === 0) return
  use.more ??= new Map()
  for (const [name, amount] of demand.more) count(use.more, name, by * amount)
}

function count(amounts: Map<string, number>, name: string, by: number): void {
  const now = (amounts.get(name) ?? 0) + by
  if (now === 0) amounts.delete(name)
  else amounts.set(name, now)
}

function countSibling(state: SchedulerState, owner: string, node: string, by: number): void {
  const there = state.siblings.get(owner) ?? new Map<string, number>()
  const count = (there.get(node) ?? 0) + by
  if (count > 0) there.set(node, count)
  else there.delete(node)
  if (there.size > 0) state.siblings.set(owner, there)
  else state.siblings.delete(owner)
}

/** A pod waits no more. */
export function settle(state: SchedulerState, key: string): void {
  state.waiting.delete(key)
  state.watchful.delete(key)
}

/** The uid of the owner whose pods are spread; '' where there is none, or the pod ends: then it counts no more. */
function spreadOwner(pod: Pod): string {
  const owner = controllerOf(pod)
  if (owner === undefined || !SPREAD.includes(owner.kind)) return ''
  return pod.metadata.deletionTimestamp === undefined ? owner.uid : ''
}

const SPREAD: readonly string[] = ['ReplicaSet', 'StatefulSet']

/**
 * How many pods that are like a new one stand on a node: those of its ReplicaSet or StatefulSet, else those that all
 * its Services select. Undefined: nothing says what is like it.
 */
export function alikeOf(
  ctx: AgentCtx,
  state: SchedulerState,
  pod: Pod,
): ReadonlyMap<string, number> | undefined {
  const owner = spreadOwner(pod)
  if (owner !== '') return state.siblings.get(owner) ?? new Map()
  const { namespace = '', labels } = pod.metadata
  const keys = servicesSelecting(state.services, namespace, labels)
  if (keys.length === 0) return undefined
  const selectors = keys.map((key) => cacheGetKey<Service>(ctx, 'services', key)?.spec.selector ?? {})
  const selector = Object.assign({}, ...selectors) as Record<string, string>
  const there = new Map<string, number>()
  for (const { key, node } of treeValues(state.placed, `${namespace}/`)) {
    const { metadata } = cacheGetKey<Pod>(ctx, 'pods', key) ?? {}
    if (metadata === undefined || metadata.deletionTimestamp !== undefined) continue
    if (matchMap(selector, metadata.labels)) there.set(node, (there.get(node) ?? 0) + 1)
  }
  return there
}

/** Pods that required affinity or spreading may look at. */
export function isPicky({ spec }: Pod): boolean {
  const { affinity, topologySpreadConstraints = [] } = spec
  return (
    affinity?.podAffinity !== undefined ||
    affinity?.podAntiAffinity !== undefined ||
    topologySpreadConstraints.length > 0
  )
}
