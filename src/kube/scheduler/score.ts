/**
 * Which of the nodes that will do is best. Models the default scores of pkg/scheduler/framework/plugins (Kubernetes
 * 1.32) with their weights: least allocated 1, balanced 1, images 1, taints 3, node affinity 2,
 * pod affinity 2, spreading 2.
 */
import type { Node, Pod } from '../objects.ts'
import { affinityScores } from './affinity.ts'
import type { Amounts, FilterPod, NodeUse, Room } from './filters.ts'
import { fitsNodeAffinity, fitsTerm, nonZeroRequestsOf, requestsOf, tolerates } from './filters.ts'
import { defaultSpreadScores, spreadScores } from './spread.ts'

export interface Candidate {
  readonly node: Node
  readonly use: NodeUse
  readonly room: Room
}

/** What scores look at beside the candidates. */
export interface ScoreAbout extends Pick<FilterPod, 'nodes' | 'placed' | 'namespaceLabels'> {
  /** Where the cluster's own constraints count pods: how many stand on a node; undefined: they count none. */
  readonly there?: ReadonlyMap<string, number>
}

/** 0 and up; the highest wins. */
export function scoreNodes(pod: Pod, candidates: readonly Candidate[], about: ScoreAbout = NOBODY): number[] {
  const all = candidates.map(({ node }) => node)
  const near = about.placed.length === 0 ? undefined : affinityScores(pod, all, about)
  const spread = spreading(pod, all, about)
  const [wanted, open] = [requestsOf(pod), nonZeroRequestsOf(pod)]
  const [taints, affinity] = [taintScores(pod, all), nodeAffinityScores(pod, all)]
  const images = imageScores(pod, all, about.nodes)
  return candidates.map(({ use, room }, at) => {
    const resources = leastAllocated(room, use, open) + balancedAllocation(room, use, wanted)
    const own = resources + images[at]! + 3 * taints[at]! + 2 * affinity[at]!
    return own + 2 * (near?.[at] ?? 0) + 2 * (spread?.[at] ?? 0)
  })
}

/** By the pod's own constraints, or without any by the cluster's; undefined: all alike. */
function spreading(
  pod: Pod,
  all: readonly Node[],
  { nodes, placed, there }: ScoreAbout,
): number[] | undefined {
  if ((pod.spec.topologySpreadConstraints ?? []).length > 0) return spreadScores(pod, all, nodes, placed)
  if (there === undefined) return undefined
  const anywhere = pod.spec.nodeSelector === undefined && pod.spec.affinity?.nodeAffinity === undefined
  const counted = anywhere ? nodes : nodes.filter((node) => fitsNodeAffinity(pod, node))
  return defaultSpreadScores(all, counted, there)
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

/** 0 to 100 by how few PreferNoSchedule taints the pod does not tolerate. Models tainttoleration/taint_toleration.go. */
export function taintScores(pod: Pod, nodes: readonly Node[]): number[] {
  const { tolerations = [] } = pod.spec
  const counts = nodes.map(({ spec }) => {
    let count = 0
    for (const taint of spec?.taints ?? [])
      if (taint.effect === 'PreferNoSchedule' && !tolerates(tolerations, taint)) count++
    return count
  })
  return toHundred(counts).map((score) => 100 - score)
}

/** 0 to 100 by the weights of the preferred terms that a node fits. Models nodeaffinity/node_affinity.go. */
export function nodeAffinityScores(pod: Pod, nodes: readonly Node[]): number[] {
  const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution
  if (preferred === undefined) return nodes.map(() => 0)
  return toHundred(
    nodes.map((node) =>
      preferred.reduce((sum, { weight, preference }) => sum + (fitsTerm(preference, node) ? weight : 0), 0),
    ),
  )
}

/** DefaultNormalizeScore of plugins/helper: the largest becomes 100. */
function toHundred(scores: readonly number[]): number[] {
  const most = scores.reduce((a, b) => Math.max(a, b), 0)
  return scores.map((score) => (most === 0 ? 0 : Math.floor((100 * score) / most)))
}

const MIB = 1024 * 1024
/** Images below the first count nothing; the second is all that a container's can count. */
const [IMAGE_LEAST, IMAGE_MOST] = [23 * MIB, 1000 * MIB]

/**
 * 0 to 100 by how large the pod's images are that a node has, each counted by the part of `nodes` that have it: so that
 * the first node with an image does not draw all pods. Models imagelocality/image_locality.go.
 */
export function imageScores({ spec }: Pod, candidates: readonly Node[], nodes: readonly Node[]): number[] {
  if (candidates.every(({ status }) => status?.images === undefined)) return candidates.map(() => 0)
  const names = [...(spec.initContainers ?? []), ...spec.containers].map(({ image = '' }) =>
    taggedImage(image),
  )
  const sizes = new Map(nodes.map((node) => [node, imageSizes(node)]))
  const part = (name: string) => nodes.filter((node) => sizes.get(node)!.has(name)).length / nodes.length
  const parts = new Map(names.map((name) => [name, part(name)]))
  const most = IMAGE_MOST * names.length
  return candidates.map((node) => {
    const here = sizes.get(node) ?? imageSizes(node)
    const sum = names.reduce((all, name) => all + Math.trunc((here.get(name) ?? 0) * parts.get(name)!), 0)
    const held = Math.min(Math.max(sum, IMAGE_LEAST), most)
    return Math.trunc((100 * (held - IMAGE_LEAST)) / (most - IMAGE_LEAST))
  })
}

function imageSizes({ status }: Node): ReadonlyMap<string, number> {
  const images = (status?.images ?? []) as readonly {
    readonly names?: readonly string[]
    sizeBytes?: number
  }[]
  return new Map(images.flatMap(({ names = [], sizeBytes = 0 }) => names.map((name) => [name, sizeBytes])))
}

/** A name without a tag or a digest means the tag latest. */
function taggedImage(name: string): string {
  return name.lastIndexOf(':') <= name.lastIndexOf('/') ? `${name}:latest` : name
}
