/**
 * Whether a pod may run on a node. Models pkg/scheduler/framework/plugins (Kubernetes 1.32): NodeUnschedulable, NodeName,
 * TaintToleration, NodeAffinity, NodePorts, NodeResourcesFit, PodTopologySpread, InterPodAffinity, in this order.
 */
import { parseQuantity } from '../api/quantity.ts'
import { matchLabels, matchMap } from '../api/selectors.ts'
import type {
  Container,
  Node,
  NodeSelectorTerm,
  Pod,
  PodAffinityTerm,
  SelectorRequirement,
  Taint,
  Toleration,
} from '../objects.ts'

/** What is taken of a node, by the pods that are bound to it or assumed to be. */
export interface NodeUse {
  /** millicores */
  cpu: number
  /** bytes */
  memory: number
  pods: number
  /** `PROTOCOL/IP/PORT` of host ports, to how many have it */
  ports: Map<string, number>
}

/** A pod where it runs: what affinity and spreading look at. */
export interface PlacedPod {
  readonly pod: Pod
  readonly node: string
}

/** What is the same for all nodes that a pod may go to. */
export interface FilterPod {
  readonly pod: Pod
  /** `requestsOf` it and its `hostPortsOf`. */
  readonly wanted: Amounts
  readonly ports: readonly string[]
  readonly nodes: readonly Node[]
  /** Pods that affinity or spreading may look at; empty where nobody asks for either. */
  readonly placed: readonly PlacedPod[]
}

interface FilterInput extends FilterPod {
  readonly node: Node
  readonly use: NodeUse
  readonly room: Room
}

/** What a node has to give. */
export interface Room extends Amounts {
  readonly pods: number
}

/** millicores and bytes */
export interface Amounts {
  readonly cpu: number
  readonly memory: number
}

/** Why a node is refused: `final` where taking other pods away would not help. */
export interface Refusal {
  readonly reasons: readonly string[]
  readonly final: boolean
}

/** Null: the pod may run there. */
export function filterNode(
  about: FilterPod,
  node: Node,
  use: NodeUse,
  room: Room = allocatableOf(node),
): Refusal | null {
  const { pod, wanted, ports, nodes, placed } = about
  const input: FilterInput = { pod, wanted, ports, nodes, placed, node, use, room }
  return (
    checkUnschedulable(input) ??
    checkTaints(input) ??
    checkNodeAffinity(input) ??
    checkPorts(input) ??
    checkResources(input) ??
    checkSpread(input) ??
    checkPodAffinity(input)
  )
}

/**
 * A pod's requests: the larger of its containers and sidecars together, and each init container beside the sidecars
 * that were started before it. Models PodRequests of component-helpers/resource.
 */
export function requestsOf(pod: Pod): Amounts {
  const sum = { cpu: 0, memory: 0 }
  const add = (to: { cpu: number; memory: number }, resources: Container['resources']) => {
    to.cpu += milli(resources?.requests?.cpu)
    to.memory += bytes(resources?.requests?.memory)
  }
  for (const { resources } of pod.spec.containers) add(sum, resources)
  const sidecars = { cpu: 0, memory: 0 }
  const most = { cpu: 0, memory: 0 }
  for (const { resources, restartPolicy } of pod.spec.initContainers ?? []) {
    const now = { ...sidecars }
    add(now, resources)
    if (restartPolicy === 'Always') {
      add(sum, resources)
      add(sidecars, resources)
    }
    most.cpu = Math.max(most.cpu, now.cpu)
    most.memory = Math.max(most.memory, now.memory)
  }
  return { cpu: Math.max(sum.cpu, most.cpu), memory: Math.max(sum.memory, most.memory) }
}

/** Host ports that a pod takes, as `PROTOCOL/IP/PORT`; on the host's network every declared port is one. */
export function hostPortsOf(pod: Pod): string[] {
  const ports: string[] = []
  for (const { ports: declared = [] } of pod.spec.containers) {
    for (const { hostPort = 0, hostIP = '', protocol = 'TCP', containerPort } of declared) {
      const port = hostPort !== 0 ? hostPort : pod.spec.hostNetwork === true ? containerPort : 0
      if (port !== 0) ports.push(`${protocol}/${hostIP === '' ? '0.0.0.0' : hostIP}/${port}`)
    }
  }
  return ports
}

/** What a node has to give, read once from each record. Derived, and no part of the world's state. */
export function allocatableOf({ status }: Node): Room {
  const { allocatable } = status ?? {}
  if (allocatable === undefined) return NOTHING
  const known = allocatables.get(allocatable)
  if (known !== undefined) return known
  const { cpu, memory, pods = 110 } = allocatable
  const read = { cpu: milli(cpu), memory: bytes(memory), pods: Number(pods) }
  if (Object.isFrozen(allocatable)) allocatables.set(allocatable, read)
  return read
}

const NOTHING = Object.freeze({ cpu: 0, memory: 0, pods: 110 })
const allocatables = new WeakMap<object, Room>()

/** The same for a list of nodes, read once for each list. */
export function roomsOf(nodes: readonly Node[]): readonly Room[] {
  const known = rooms.get(nodes)
  if (known !== undefined) return known
  const all = nodes.map(allocatableOf)
  rooms.set(nodes, all)
  return all
}

const rooms = new WeakMap<readonly Node[], readonly Room[]>()

export function milli(quantity: string | number | undefined): number {
  return quantity === undefined ? 0 : Math.ceil((parseQuantity(quantity) ?? 0) * 1000)
}

export function bytes(quantity: string | number | undefined): number {
  return quantity === undefined ? 0 : Math.ceil(parseQuantity(quantity) ?? 0)
}

/** A toleration lets a taint pass. Models ToleratesTaint. */
export function tolerates(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some(({ key = '', operator = 'Equal', value = '', effect = '' }) => {
    if (effect !== '' && effect !== taint.effect) return false
    if (key === '') return operator === 'Exists'
    if (key !== taint.key) return false
    return operator === 'Exists' || value === (taint.value ?? '')
  })
}

/** The node's labels and name fit nodeSelector and required node affinity. */
export function fitsNodeAffinity(pod: Pod, node: Node): boolean {
  const { nodeSelector, affinity } = pod.spec
  if (nodeSelector !== undefined && !matchMap(nodeSelector, node.metadata.labels)) return false
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return required === undefined || required.nodeSelectorTerms.some((term) => fitsTerm(term, node))
}

export function fitsTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false
  const labels = node.metadata.labels ?? {}
  const fields = { 'metadata.name': node.metadata.name }
  return (
    matchExpressions.every((requirement) => fitsRequirement(requirement, labels)) &&
    matchFields.every((requirement) => fitsRequirement(requirement, fields))
  )
}

function fitsRequirement(
  { key, operator, values = [] }: SelectorRequirement,
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key]! : undefined
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0])
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0])
  }
}

const final = (reason: string): Refusal => ({ reasons: [reason], final: true })

function checkUnschedulable({ pod, node }: FilterInput): Refusal | null {
  if (node.spec?.unschedulable !== true) return null
  const taint: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }
  return tolerates(pod.spec.tolerations ?? [], taint) ? null : final('node(s) were unschedulable')
}

function checkTaints({ pod, node }: FilterInput): Refusal | null {
  for (const taint of node.spec?.taints ?? []) {
    if (taint.effect === 'PreferNoSchedule' || tolerates(pod.spec.tolerations ?? [], taint)) continue
    return final(`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`)
  }
  return null
}

function checkNodeAffinity({ pod, node }: FilterInput): Refusal | null {
  return fitsNodeAffinity(pod, node) ? null : final("node(s) didn't match Pod's node affinity/selector")
}

function checkPorts({ ports, use }: FilterInput): Refusal | null {
  for (const wanted of ports) {
    for (const taken of use.ports.keys()) {
      if (!portsClash(wanted, taken)) continue
      return { reasons: ["node(s) didn't have free ports for the requested pod ports"], final: false }
    }
  }
  return null
}

function portsClash(a: string, b: string): boolean {
  const [protocolA, ipA, portA] = a.split('/')
  const [protocolB, ipB, portB] = b.split('/')
  return protocolA === protocolB && portA === portB && (ipA === ipB || ipA === '0.0.0.0' || ipB === '0.0.0.0')
}

function checkResources({ wanted, use, room }: FilterInput): Refusal | null {
  const reasons: string[] = []
  if (use.pods + 1 > room.pods) reasons.push('Too many pods')
  if (wanted.cpu > 0 && use.cpu + wanted.cpu > room.cpu) reasons.push('Insufficient cpu')
  if (wanted.memory > 0 && use.memory + wanted.memory > room.memory) reasons.push('Insufficient memory')
  return reasons.length === 0 ? null : { reasons, final: false }
}

function checkSpread({ pod, node, nodes, placed }: FilterInput): Refusal | null {
  const what = "node(s) didn't match pod topology spread constraints"
  for (const constraint of pod.spec.topologySpreadConstraints ?? []) {
    if (constraint.whenUnsatisfiable !== 'DoNotSchedule') continue
    const { topologyKey, labelSelector, maxSkew, minDomains = 1 } = constraint
    const here = node.metadata.labels?.[topologyKey]
    if (here === undefined) return final(`${what} (missing required label)`)
    const counts = new Map<string, number>()
    const domainOf = new Map<string, string>()
    for (const other of nodes) {
      const domain = other.metadata.labels?.[topologyKey]
      if (domain === undefined || !fitsNodeAffinity(pod, other)) continue
      domainOf.set(other.metadata.name, domain)
      if (!counts.has(domain)) counts.set(domain, 0)
    }
    for (const other of placed) {
      const domain = domainOf.get(other.node)
      if (domain === undefined || other.pod.metadata.namespace !== pod.metadata.namespace) continue
      if (other.pod.metadata.deletionTimestamp !== undefined) continue
      if (matchLabels(labelSelector, other.pod.metadata.labels)) counts.set(domain, counts.get(domain)! + 1)
    }
    const least = counts.size < minDomains ? 0 : Math.min(...counts.values())
    const self = matchLabels(labelSelector, pod.metadata.labels) ? 1 : 0
    if ((counts.get(here) ?? 0) + self - least > maxSkew) return { reasons: [what], final: false }
  }
  return null
}

function checkPodAffinity(input: FilterInput): Refusal | null {
  const { pod, node, placed } = input
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {}
  for (const term of podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
    const hits = placed.filter((other) => matchesTerm(term, other.pod, pod))
    // The first of a group that wants to be near itself may begin anywhere.
    if (
      hits.length === 0 &&
      matchesTerm(term, pod, pod) &&
      node.metadata.labels?.[term.topologyKey] !== undefined
    )
      continue
    if (!hits.some((other) => sameDomain(input, term, other.node)))
      return final("node(s) didn't match pod affinity rules")
  }
  for (const term of podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
    const hit = placed.some(
      (other) => matchesTerm(term, other.pod, pod) && sameDomain(input, term, other.node),
    )
    if (hit) return { reasons: ["node(s) didn't match pod anti-affinity rules"], final: false }
  }
  const anti = "node(s) didn't satisfy existing pods anti-affinity rules"
  for (const other of placed) {
    const terms =
      other.pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
    for (const term of terms) {
      if (sameDomain(input, term, other.node) && matchesTerm(term, pod, other.pod))
        return { reasons: [anti], final: false }
    }
  }
  return null
}

function sameDomain({ node, nodes }: FilterInput, { topologyKey }: PodAffinityTerm, other: string): boolean {
  const here = node.metadata.labels?.[topologyKey]
  if (here === undefined) return false
  return nodes.find(({ metadata }) => metadata.name === other)?.metadata.labels?.[topologyKey] === here
}

/**
 * A term of `owner` selects `pod`: in the owner's namespace, in those named, in all for an empty namespaceSelector.
 * Selecting namespaces by their labels is not modelled: such a term selects none.
 */
function matchesTerm(term: PodAffinityTerm, pod: Pod, owner: Pod): boolean {
  const { labelSelector, namespaces = [], namespaceSelector } = term
  const { matchLabels: labels = {}, matchExpressions = [] } = namespaceSelector ?? {}
  const everywhere =
    namespaceSelector !== undefined && Object.keys(labels).length + matchExpressions.length === 0
  const namespace = pod.metadata.namespace ?? ''
  const own = namespaces.length === 0 && namespaceSelector === undefined
  const inNamespace =
    everywhere || (own ? namespace === owner.metadata.namespace : namespaces.includes(namespace))
  return inNamespace && matchLabels(labelSelector, pod.metadata.labels)
}
