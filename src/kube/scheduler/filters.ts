/**
 * Whether a pod may run on a node. Models pkg/scheduler/framework/plugins (Kubernetes 1.32): NodeUnschedulable, NodeName,
 * TaintToleration, NodeAffinity, NodePorts, NodeResourcesFit, PodTopologySpread, InterPodAffinity, in this order.
 */
import { parseQuantity } from '../api/quantity.ts'
import { matchMap } from '../api/selectors.ts'
import type {
  Container,
  Labels,
  Node,
  NodeSelectorTerm,
  Pod,
  SelectorRequirement,
  Taint,
  Toleration,
} from '../objects.ts'
import { checkPodAffinity } from './affinity.ts'
import { checkSpread } from './spread.ts'

/** Amounts of resources other than CPU and memory, by name: ephemeral-storage, huge pages, extended ones. */
export type More = readonly (readonly [name: string, amount: number])[]

export const NO_MORE: More = Object.freeze([])

/** What is taken of a node, by the pods that are bound to it or assumed to be. */
export interface NodeUse {
  /** millicores */
  cpu: number
  /** bytes */
  memory: number
  /** The same as scores count it: `nonZeroRequestsOf` each pod. */
  nonZeroCpu: number
  nonZeroMemory: number
  pods: number
  /** `PROTOCOL/IP/PORT` of host ports, to how many have it */
  ports: Map<string, number>
  /** What is taken of other resources; null: nothing was ever. */
  more?: Map<string, number> | null
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
  /** Labels of a namespace. */
  readonly namespaceLabels?: (name: string) => Labels | undefined
}

export interface FilterInput extends FilterPod {
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
  readonly more?: More
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
  const { pod, wanted, ports, nodes, placed, namespaceLabels } = about
  const input: FilterInput = { pod, wanted, ports, nodes, placed, namespaceLabels, node, use, room }
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
  return { ...sumRequests(pod, 0, 0), more: otherRequests(pod) }
}

/** As scores count them: what a container leaves open is 100m and 200Mi. Models pkg/scheduler/util/pod_resources.go. */
export function nonZeroRequestsOf(pod: Pod): Amounts {
  return sumRequests(pod, DEFAULT_CPU, DEFAULT_MEMORY)
}

const DEFAULT_CPU = 100
const DEFAULT_MEMORY = 200 * 1024 * 1024

function sumRequests(pod: Pod, openCpu: number, openMemory: number): { cpu: number; memory: number } {
  const sum = { cpu: 0, memory: 0 }
  const add = (to: { cpu: number; memory: number }, resources: Container['resources']) => {
    const { cpu, memory } = resources?.requests ?? {}
    to.cpu += cpu === undefined ? openCpu : milli(cpu)
    to.memory += memory === undefined ? openMemory : bytes(memory)
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

/** The same of every other resource that a container names. */
function otherRequests({ spec }: Pod): More {
  const { containers, initContainers = [] } = spec
  let names: Set<string> | undefined
  for (const list of [containers, initContainers]) {
    for (const { resources } of list) {
      for (const name in resources?.requests) {
        if (name !== 'cpu' && name !== 'memory') names = (names ?? new Set()).add(name)
      }
    }
  }
  if (names === undefined) return NO_MORE
  const of = ({ resources }: Container, name: string) => bytes(resources?.requests?.[name])
  const all = [...names].map((name) => {
    let sum = containers.reduce((all, one) => all + of(one, name), 0)
    let [sidecars, most] = [0, 0]
    for (const one of initContainers) {
      most = Math.max(most, sidecars + of(one, name))
      if (one.restartPolicy !== 'Always') continue
      sidecars += of(one, name)
      sum += of(one, name)
    }
    return Object.freeze([name, Math.max(sum, most)] as const)
  })
  return Object.freeze(all)
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
  const { cpu, memory, pods = 110, ...others } = allocatable
  const names = Object.keys(others)
  const more = names.length === 0 ? NO_MORE : names.map((name) => [name, bytes(others[name])] as const)
  const read = { cpu: milli(cpu), memory: bytes(memory), pods: Number(pods), more }
  if (Object.isFrozen(allocatable)) allocatables.set(allocatable, read)
  return read
}

const NOTHING = Object.freeze({ cpu: 0, memory: 0, pods: 110, more: NO_MORE })
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
  return quantity === undefined ? 0 : whole((parseQuantity(quantity) ?? 0) * 1000)
}

export function bytes(quantity: string | number | undefined): number {
  return quantity === undefined ? 0 : whole(parseQuantity(quantity) ?? 0)
}

/** Rounded up, but for what the arithmetic of fractions adds: 9m is 9, not 9.000000000000002. */
function whole(amount: number): number {
  const near = Math.round(amount)
  return Math.abs(amount - near) <= near * 1e-15 * 4 ? near : Math.ceil(amount)
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

export const final = (reason: string): Refusal => ({ reasons: [reason], final: true })

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
  for (const [name, amount] of wanted.more ?? NO_MORE) {
    if (amount === 0) continue
    const [, most = 0] = room.more?.find(([one]) => one === name) ?? []
    if (amount > most - (use.more?.get(name) ?? 0)) reasons.push(`Insufficient ${name}`)
  }
  return reasons.length === 0 ? null : { reasons, final: false }
}
