/** A DaemonSet's pods, and the nodes that they may be on. Models daemon/util and NodeShouldRunDaemonPod (Kubernetes 1.32). */
import type { Affinity, DaemonSet, Node, Pod, Taint, Toleration } from '../../objects.ts'
import { fitsNodeAffinity, tolerates } from '../../scheduler/filters.ts'
import type { Draft } from '../../types.ts'
import { podFromTemplate } from '../pod-control.ts'

export const HASH = 'controller-revision-hash'
const GENERATION = 'pod-template-generation'
const SET_GENERATION = 'deprecated.daemonset.template.generation'

/** What daemons put up with on a node; the network being away only where they are on the host's. */
const STANDARD: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
]
const NETWORK: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
}

/** The pod for one node: the scheduler binds it, by an affinity to the node's name. */
export function daemonPod(set: DaemonSet, node: string, hash: string): Draft<Pod> {
  const generation = generationOf(set)
  const draft = podFromTemplate(set.spec.template, set)
  const labels = {
    ...draft.metadata.labels,
    [HASH]: hash,
    ...(generation === undefined ? {} : { [GENERATION]: generation }),
  }
  const term = { matchFields: [{ key: 'metadata.name', operator: 'In' as const, values: [node] }] }
  const { affinity } = draft.spec
  const bound: Affinity = {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] },
    },
  }
  const spec = { ...draft.spec, affinity: bound, tolerations: tolerationsOf(set) }
  return { ...draft, metadata: { ...draft.metadata, labels }, spec }
}

/** The number that the server gives to each template of the set. */
function generationOf({ metadata }: DaemonSet): string | undefined {
  const text = metadata.annotations?.[SET_GENERATION] ?? ''
  return /^-?[0-9]+$/.test(text) ? `${Number(text)}` : undefined
}

/** Made from the set's present template: by its hash or by its number. */
export function isUpdated(set: DaemonSet, { metadata }: Pod, hash: string): boolean {
  const generation = generationOf(set)
  return (
    metadata.labels?.[HASH] === hash ||
    (generation !== undefined && metadata.labels?.[GENERATION] === generation)
  )
}

/** A toleration that the template has already stays in its place, for ever. */
function tolerationsOf({ spec }: DaemonSet): Toleration[] {
  const { tolerations = [], hostNetwork } = spec.template.spec
  const all = [...tolerations]
  for (const added of hostNetwork === true ? [...STANDARD, NETWORK] : STANDARD) {
    let found = false
    for (const [i, one] of all.entries()) {
      if (one.key !== added.key || one.effect !== added.effect || one.operator !== added.operator) continue
      if ((one.value ?? '') !== '') continue
      all[i] = added
      found = true
    }
    if (!found) all.push(added)
  }
  return all
}

/** The node that a pod is bound to, or made for. */
export function nodeOfPod(pod: Pod): string {
  return (pod.spec.nodeName ?? '') !== '' ? pod.spec.nodeName! : targetNode(pod)
}

/** The node that its affinity names, '' for none. */
export function targetNode({ spec }: Pod): string {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  for (const { matchFields = [] } of required?.nodeSelectorTerms ?? []) {
    const field = matchFields.find(({ key, operator }) => key === 'metadata.name' && operator === 'In')
    if (field?.values?.length === 1) return field.values[0]!
  }
  return ''
}

/** Whether the set's pod is to be on a node, and whether one that is there may stay. */
export function standsOn(set: DaemonSet, node: Node): { shouldRun: boolean; mayStay: boolean } {
  const { spec } = set.spec.template
  const wrongName = (spec.nodeName ?? '') !== '' && spec.nodeName !== node.metadata.name
  if (wrongName || !fitsNodeAffinity({ spec } as Pod, node)) return { shouldRun: false, mayStay: false }
  const tolerations = tolerationsOf(set)
  const barred = (effect: Taint['effect']) => (taint: Taint) =>
    taint.effect === effect && !tolerates(tolerations, taint)
  const taints = node.spec?.taints ?? []
  const evicts = taints.some(barred('NoExecute'))
  return { shouldRun: !evicts && !taints.some(barred('NoSchedule')), mayStay: !evicts }
}
