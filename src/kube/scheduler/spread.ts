/** Spreading over domains of topology. Models plugins/podtopologyspread (Kubernetes 1.32): its filter and its score. */
import { matchLabels } from '../api/selectors.ts'
import type { LabelSelector, Node, Pod, TopologySpreadConstraint } from '../objects.ts'
import type { FilterInput, PlacedPod, Refusal } from './filters.ts'
import { final, fitsNodeAffinity, tolerates } from './filters.ts'

const HOST = 'kubernetes.io/hostname'

/** A constraint with what a pod's own labels add to its selector. */
interface Constraint extends TopologySpreadConstraint {
  readonly selector: LabelSelector | undefined
}

function constraintsOf(pod: Pod, whenUnsatisfiable: Constraint['whenUnsatisfiable']): Constraint[] {
  const mine = pod.metadata.labels ?? {}
  return (pod.spec.topologySpreadConstraints ?? [])
    .filter((one) => one.whenUnsatisfiable === whenUnsatisfiable)
    .map((one) => {
      const keys = (one.matchLabelKeys ?? []).filter((key) => Object.hasOwn(mine, key))
      const { labelSelector } = one
      if (keys.length === 0) return { ...one, selector: labelSelector }
      const more = keys.map((key) => ({ key, operator: 'In' as const, values: [mine[key]!] }))
      const matchExpressions = [...(labelSelector?.matchExpressions ?? []), ...more]
      return { ...one, selector: { ...labelSelector, matchExpressions } }
    })
}

/** Whether a node's pods and its domain count at all. */
function counts(one: Constraint, pod: Pod, node: Node): boolean {
  if (one.nodeAffinityPolicy !== 'Ignore' && !fitsNodeAffinity(pod, node)) return false
  if (one.nodeTaintsPolicy !== 'Honor') return true
  return (node.spec?.taints ?? []).every(
    (taint) => taint.effect === 'PreferNoSchedule' || tolerates(pod.spec.tolerations ?? [], taint),
  )
}

const hasAll = (node: Node, all: readonly Constraint[]) =>
  all.every(({ topologyKey }) => node.metadata.labels?.[topologyKey] !== undefined)

/** Pods by domain, among nodes that have every key. */
function countDomains(
  one: Constraint,
  all: readonly Constraint[],
  pod: Pod,
  nodes: readonly Node[],
  placed: readonly PlacedPod[],
): Map<string, number> {
  const found = new Map<string, number>()
  const domainOf = new Map<string, string>()
  for (const node of nodes) {
    if (!hasAll(node, all) || !counts(one, pod, node)) continue
    const domain = node.metadata.labels![one.topologyKey]!
    domainOf.set(node.metadata.name, domain)
    if (!found.has(domain)) found.set(domain, 0)
  }
  for (const other of placed) {
    const domain = domainOf.get(other.node)
    if (domain === undefined || !isLike(one, pod, other.pod)) continue
    found.set(domain, found.get(domain)! + 1)
  }
  return found
}

function isLike({ selector }: Constraint, pod: Pod, other: Pod): boolean {
  if (other.metadata.namespace !== pod.metadata.namespace) return false
  return other.metadata.deletionTimestamp === undefined && matchLabels(selector, other.metadata.labels)
}

export function checkSpread({ pod, node, nodes, placed }: FilterInput): Refusal | null {
  if (pod.spec.topologySpreadConstraints === undefined) return null
  const what = "node(s) didn't match pod topology spread constraints"
  const all = constraintsOf(pod, 'DoNotSchedule')
  for (const one of all) {
    const here = node.metadata.labels?.[one.topologyKey]
    if (here === undefined) return final(`${what} (missing required label)`)
    const found = countDomains(one, all, pod, nodes, placed)
    const least = found.size < (one.minDomains ?? 1) ? 0 : Math.min(...found.values())
    const self = matchLabels(one.selector, pod.metadata.labels) ? 1 : 0
    if ((found.get(here) ?? 0) + self - least > one.maxSkew) return { reasons: [what], final: false }
  }
  return null
}

/** 0 to 100 for each candidate by the pod's constraints that are wishes; undefined where it has none. */
export function spreadScores(
  pod: Pod,
  candidates: readonly Node[],
  nodes: readonly Node[],
  placed: readonly PlacedPod[],
): number[] | undefined {
  const all = constraintsOf(pod, 'ScheduleAnyway')
  if (all.length === 0) return undefined
  const fit = candidates.map((node) => hasAll(node, all))
  const raw = candidates.map(() => 0)
  for (const one of all) {
    const found = countDomains(one, all, pod, nodes, placed)
    const here = candidates.map((node) => node.metadata.labels?.[one.topologyKey] ?? '')
    const domains = new Set(here.filter((_, at) => fit[at]))
    const size = one.topologyKey === HOST ? fit.filter((yes) => yes).length : domains.size
    const weight = Math.log(size + 2)
    for (const at of raw.keys()) {
      if (fit[at]) raw[at]! += (found.get(here[at]!) ?? 0) * weight + one.maxSkew - 1
    }
  }
  return normalized(raw, fit)
}

const ZONE = 'topology.kubernetes.io/zone'

/**
 * The same by the cluster's own constraints: hosts with a skew of 3, zones with one of 5. `there`: how many pods that
 * are like it stand on a node.
 */
export function defaultSpreadScores(
  candidates: readonly Node[],
  nodes: readonly Node[],
  there: ReadonlyMap<string, number>,
): number[] {
  const hosts = Math.log(candidates.length + 2)
  const raw = candidates.map(({ metadata }) => (there.get(metadata.name) ?? 0) * hosts + 2)
  const zoneOf = ({ metadata }: Node) => metadata.labels?.[ZONE]
  const zones = candidates.map(zoneOf)
  if (zones.some((zone) => zone !== undefined)) {
    const counts = new Map<string, number>()
    for (const node of nodes) {
      const zone = zoneOf(node)
      const count = there.get(node.metadata.name) ?? 0
      if (zone !== undefined) counts.set(zone, (counts.get(zone) ?? 0) + count)
    }
    const weight = Math.log(new Set(zones).size + 2)
    for (const [at, zone] of zones.entries()) {
      if (zone !== undefined) raw[at]! += (counts.get(zone) ?? 0) * weight + 4
    }
  }
  return normalized(
    raw,
    raw.map(() => true),
  )
}

function normalized(raw: readonly number[], fit: readonly boolean[]): number[] {
  const scores = raw.map(Math.round)
  const own = scores.filter((_, at) => fit[at])
  const [most, least] = [Math.max(0, ...own), Math.min(...own)]
  return scores.map((score, at) => {
    if (!fit[at]) return 0
    return most === 0 ? 100 : Math.trunc((100 * (most + least - score)) / most)
  })
}
