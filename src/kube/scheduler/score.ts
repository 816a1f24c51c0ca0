/**
 * Which of the nodes that will do is best. Models the default scores of pkg/scheduler/framework/plugins (Kubernetes
 * 1.32) with their weights: least allocated 1, balanced 1, taints 3, node affinity 2, pod affinity 2,
 * spreading 2. Not here: images.
 */
import type { Node, Pod } from '../objects.ts'
import { controllerOf } from '../types.ts'
import { affinityScores } from './affinity.ts'
import type { Amounts, FilterPod, NodeUse, Room } from './filters.ts'
import { fitsTerm, nonZeroRequestsOf, requestsOf, tolerates } from './filters.ts'
import { defaultSpreadScores, spreadScores } from './spread.ts'

export interface Candidate {
  readonly node: Node
  readonly use: NodeUse
  readonly room: Room
  /** Pods of the same controller there. */
  readonly siblings: number
}

/** What scores look at beside the candidates. */
export interface ScoreAbout extends Pick<FilterPod, 'nodes' | 'placed' | 'namespaceLabels'> {
  /** How many pods of the same owner stand on a node. */
  readonly there?: ReadonlyMap<string, number>
}

/** 0 and up; the highest wins. */
export function scoreNodes(pod: Pod, candidates: readonly Candidate[], about: ScoreAbout = NOBODY): number[] {
  const all = candidates.map(({ node }) => node)
  const near = about.placed.length === 0 ? undefined : affinityScores(pod, all, about)
  const spread = spreading(pod, all, candidates, about)
  const [wanted, open] = [requestsOf(pod), nonZeroRequestsOf(pod)]
  const intolerable = candidates.map(({ node }) => preferredTaints(pod, node))
  const preferred = candidates.map(({ node }) => preferredAffinity(pod, node))
  const most = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b), 0)
  const [mostTaints, mostPreferred] = [most(intolerable), most(preferred)]
  return candidates.map(({ use, room }, at) => {
    const resources = leastAllocated(room, use, open) + balancedAllocation(room, use, wanted)
    const taints = mostTaints === 0 ? 100 : 100 - (100 * intolerable[at]!) / mostTaints
    const affinity = mostPreferred === 0 ? 0 : (100 * preferred[at]!) / mostPreferred
    const own = resources + 3 * Math.floor(taints) + 2 * Math.floor(affinity)
    return own + 2 * (near?.[at] ?? 0) + 2 * (spread?.[at] ?? 100)
  })
}

/** By the pod's own constraints, or without any by the cluster's; undefined: all alike. */
function spreading(
  pod: Pod,
  all: readonly Node[],
  candidates: readonly Candidate[],
  { nodes, placed, there }: ScoreAbout,
): number[] | undefined {
  if ((pod.spec.topologySpreadConstraints ?? []).length > 0) return spreadScores(pod, all, nodes, placed)
  if (controllerOf(pod) === undefined || candidates.every(({ siblings }) => siblings === 0)) return undefined
  const known = there ?? new Map(candidates.map(({ node, siblings }) => [node.metadata.name, siblings]))
  return defaultSpreadScores(all, nodes.length === 0 ? all : nodes, known)
}

const NOBODY: ScoreAbout = Object.freeze({ nodes: Object.freeze([]), placed: Object.freeze([]) })

/** 0 to 100 by what stays free, of what pods ask for or would. Models noderesources/least_allocated.go. */
export function leastAllocated(room: Room, use: NodeUse, wanted: Amounts): number {
  const free = (taken: number, capacity: number) =>
    taken > capacity ? 0 : Math.floor(((capacity - taken) * 100) / capacity)
  const parts: number[] = []
  if (room.cpu !== 0) parts.push(free(use.nonZeroCpu + wanted.cpu, room.cpu))
  if (room.memory !== 0) parts.push(free(use.nonZeroMemory + wanted.memory, room.memory))
  return parts.length === 0 ? 0 : Math.floor(parts.reduce((a, b) => a + b) / parts.length)
}

/** 0 to 100 by how near the shares of CPU and memory are that pods ask for. Models noderesources/balanced_allocation.go. */
export function balancedAllocation(room: Room, use: NodeUse, wanted: Amounts): number {
  if (room.cpu === 0 || room.memory === 0) return 100
  const cpu = Math.min(1, (use.cpu + wanted.cpu) / room.cpu)
  const memory = Math.min(1, (use.memory + wanted.memory) / room.memory)
  return Math.floor((1 - Math.abs(cpu - memory) / 2) * 100)
}

function preferredTaints(pod: Pod, node: Node): number {
  if (node.spec?.taints === undefined) return 0
  const taints = node.spec.taints.filter(({ effect }) => effect === 'PreferNoSchedule')
  return taints.filter((taint) => !tolerates(pod.spec.tolerations ?? [], taint)).length
}

function preferredAffinity(pod: Pod, node: Node): number {
  const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution
  if (preferred === undefined) return 0
  return preferred.reduce((sum, { weight, preference }) => sum + (fitsTerm(preference, node) ? weight : 0), 0)
}
