/** Pods near and away from others. Models plugins/interpodaffinity (Kubernetes 1.32): its filter and its score. */
import { matchLabels } from '../api/selectors.ts'
import type { Labels, Node, Pod, PodAffinityTerm } from '../objects.ts'
import type { FilterInput, PlacedPod, Refusal } from './filters.ts'
import { final } from './filters.ts'

type NamespaceLabels = (name: string) => Labels | undefined

export function checkPodAffinity(input: FilterInput): Refusal | null {
  const { pod, node, placed } = input
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {}
  const near = podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
  if (near.length > 0 && !isNear(input, near)) return final("node(s) didn't match pod affinity rules")
  for (const term of podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
    const hit = placed.some(
      (other) => selects(term, other.pod, pod, input) && sameDomain(input, term, other.node),
    )
    if (hit) return { reasons: ["node(s) didn't match pod anti-affinity rules"], final: false }
  }
  const anti = "node(s) didn't satisfy existing pods anti-affinity rules"
  for (const other of placed) {
    const terms =
      other.pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
    for (const term of terms) {
      if (node.metadata.labels?.[term.topologyKey] === undefined) continue
      if (sameDomain(input, term, other.node) && selects(term, pod, other.pod, input))
        return { reasons: [anti], final: false }
    }
  }
  return null
}

/** In every term's domain stands a pod that all the terms select; the first of a group may begin anywhere. */
function isNear(input: FilterInput, terms: readonly PodAffinityTerm[]): boolean {
  const { pod, node, nodes, placed } = input
  if (terms.some(({ topologyKey }) => node.metadata.labels?.[topologyKey] === undefined)) return false
  const hits = placed.filter((other) => terms.every((term) => selects(term, other.pod, pod, input)))
  if (terms.every((term) => hits.some((other) => sameDomain(input, term, other.node)))) return true
  const counted = hits.some(({ node: name }) => {
    const labels = labelsOf(nodes, name)
    return terms.some(({ topologyKey }) => labels?.[topologyKey] !== undefined)
  })
  return !counted && terms.every((term) => selects(term, pod, pod, input))
}

function sameDomain({ node, nodes }: FilterInput, { topologyKey }: PodAffinityTerm, other: string): boolean {
  const here = node.metadata.labels?.[topologyKey]
  return here !== undefined && labelsOf(nodes, other)?.[topologyKey] === here
}

function labelsOf(nodes: readonly Node[], name: string): Labels | undefined {
  return nodes.find(({ metadata }) => metadata.name === name)?.metadata.labels
}

/** A term of `owner` selects `pod`: in the owner's namespace, or in those named or chosen by their labels. */
function selects(
  term: PodAffinityTerm,
  pod: Pod,
  owner: Pod,
  { namespaceLabels }: { readonly namespaceLabels?: NamespaceLabels },
): boolean {
  const { labelSelector, namespaces = [], namespaceSelector } = term
  const namespace = pod.metadata.namespace ?? ''
  const own = namespaces.length === 0 && namespaceSelector === undefined
  const inside = own
    ? namespace === owner.metadata.namespace
    : namespaces.includes(namespace) || matchLabels(namespaceSelector, namespaceLabels?.(namespace) ?? {})
  return inside && matchLabels(labelSelector, pod.metadata.labels)
}

/** --hard-pod-affinity-symmetric-weight: what a pod that must be near this one counts. */
const HARD = 1

interface ScoreInput {
  readonly nodes: readonly Node[]
  readonly placed: readonly PlacedPod[]
  readonly namespaceLabels?: NamespaceLabels
}

/** 0 to 100 for each candidate by what the pod and those that run wish of each other. */
export function affinityScores(pod: Pod, candidates: readonly Node[], input: ScoreInput): number[] {
  const sums = new Map<string, Map<string, number>>()
  const add = ({ topologyKey }: PodAffinityTerm, weight: number, labels: Labels) => {
    const domain = labels[topologyKey]
    if (domain === undefined) return
    const found = sums.get(topologyKey) ?? new Map<string, number>()
    sums.set(topologyKey, found)
    found.set(domain, (found.get(domain) ?? 0) + weight)
  }
  for (const { pod: other, node } of input.placed) {
    const labels = labelsOf(input.nodes, node)
    if (labels === undefined) continue
    for (const [a, b] of [
      [pod, other],
      [other, pod],
    ] as const) {
      const { podAffinity, podAntiAffinity } = a.spec.affinity ?? {}
      for (const [kind, sign] of [
        [podAffinity, 1],
        [podAntiAffinity, -1],
      ] as const) {
        for (const {
          weight,
          podAffinityTerm: term,
        } of kind?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
          if (selects(term, b, a, input)) add(term, sign * weight, labels)
        }
      }
      if (a !== other) continue
      for (const term of podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
        if (selects(term, pod, other, input)) add(term, HARD, labels)
      }
    }
  }
  const raw = candidates.map(({ metadata: { labels = {} } }) => {
    let sum = 0
    for (const [key, domains] of sums) sum += domains.get(labels[key] ?? '') ?? 0
    return sum
  })
  const [most, least] = [Math.max(...raw), Math.min(...raw)]
  return raw.map((sum) => (most === least ? 0 : Math.trunc((100 * (sum - least)) / (most - least))))
}
