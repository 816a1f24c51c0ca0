/**
 * A Service's EndpointSlices as they should be, with as few writes as may be.
 * Models k8s.io/endpointslice/reconciler.go (Kubernetes 1.32). Slices are filled up, never repacked for its own sake.
 */
import { jsonEqual } from '../../types.ts'
import type { Endpoint, EndpointPort, EndpointSlice, Node, Pod, Service } from '../../objects.ts'
import type { AddressType } from './endpoints.ts'
import {
  addressTypes,
  endpointPorts,
  podToEndpoint,
  portMapKey,
  shouldPodBeInEndpoints,
  sliceLabels,
} from './endpoints.ts'

/** A slice to write: `name` is '' for one that the server is to name. */
export interface SliceDraft {
  name: string
  addressType: AddressType
  labels: Readonly<Record<string, string>>
  ports: readonly EndpointPort[]
  endpoints: readonly Endpoint[]
}

export interface SliceWrites {
  create: SliceDraft[]
  update: SliceDraft[]
  remove: EndpointSlice[]
  /** Pods on nodes that are not known: the Service is to be looked at again. */
  missingNodes: string[]
}

/** What the reconciler is given. `slices` are those that carry the Service's name and this controller's. */
export interface SliceInput {
  readonly service: Service
  readonly pods: readonly Pod[]
  readonly slices: readonly EndpointSlice[]
  readonly node: (name: string) => Node | undefined
  /** --max-endpoints-per-slice */
  readonly max: number
}

interface Group {
  ports: readonly EndpointPort[]
  desired: Map<string, Endpoint>
}

/** The writes that bring a Service's slices to what its pods are. */
export function reconcileSlices(input: SliceInput): SliceWrites {
  const writes: SliceWrites = { create: [], update: [], remove: [], missingNodes: [] }
  const types = addressTypes(input.service)
  for (const type of types) {
    const existing = input.slices.filter((slice) => slice.addressType === type)
    const part = reconcileType(input, type, existing)
    writes.create.push(...part.create)
    writes.update.push(...part.update)
    writes.remove.push(...part.remove)
    writes.missingNodes.push(...part.missingNodes)
  }
  // A family that the Service has no more.
  writes.remove.push(...input.slices.filter((slice) => !(types as string[]).includes(slice.addressType)))
  return writes
}

function reconcileType(
  input: SliceInput,
  type: AddressType,
  existing: readonly EndpointSlice[],
): SliceWrites {
  const { service } = input
  const missingNodes: string[] = []
  const groups = desiredGroups(input, type, missingNodes)
  const owned = new Map<string, EndpointSlice[]>()
  const writes: SliceWrites = { create: [], update: [], remove: [], missingNodes }
  for (const slice of existing) {
    if (!isOwnedBy(slice, service)) {
      writes.remove.push(slice)
      continue
    }
    const key = portMapKey(slice.ports ?? [])
    owned.set(key, [...(owned.get(key) ?? []), slice])
  }
  for (const [key, group] of groups) reconcileGroup(input, type, owned.get(key) ?? [], group, writes)
  for (const [key, slices] of owned) if (!groups.has(key)) writes.remove.push(...slices)
  if (existing.length === writes.remove.length && writes.create.length === 0)
    addPlaceholder(service, type, writes)
  reuseRemoved(service, writes)
  return writes
}

function desiredGroups(input: SliceInput, type: AddressType, missingNodes: string[]): Map<string, Group> {
  const { service, pods, node } = input
  const groups = new Map<string, Group>()
  // Only a port with a name is a matter of the pod.
  const named = (service.spec.ports ?? []).some(({ targetPort }) => typeof targetPort === 'string')
  let ports: readonly EndpointPort[] | undefined
  let key = ''
  for (const pod of pods) {
    if (!shouldPodBeInEndpoints(pod, true)) continue
    if (named || ports === undefined) {
      ports = endpointPorts(service, pod)
      key = portMapKey(ports)
    }
    const group = groups.get(key) ?? { ports, desired: new Map<string, Endpoint>() }
    groups.set(key, group)
    const { nodeName = '' } = pod.spec
    const at = node(nodeName)
    if (at === undefined && service.spec.publishNotReadyAddresses !== true) {
      missingNodes.push(nodeName)
      continue
    }
    const endpoint = podToEndpoint(pod, at, service, type)
    if (endpoint.addresses.length > 0) group.desired.set(endpointId(endpoint), endpoint)
  }
  return groups
}

/** What makes two endpoints the same one. */
function endpointId(endpoint: Endpoint): string {
  const known = ids.get(endpoint)
  if (known !== undefined) return known
  const id = idText(endpoint)
  if (Object.isFrozen(endpoint)) ids.set(endpoint, id)
  return id
}

/** Derived from endpoints that never change, and no part of the world's state. */
const ids = new WeakMap<Endpoint, string>()

function idText({ addresses, targetRef }: Endpoint): string {
  const all = addresses.length === 1 ? addresses[0] : [...addresses].sort().join(',')
  return `${all} ${targetRef?.namespace ?? ''}/${targetRef?.name ?? ''}/${targetRef?.uid ?? ''}`
}

function reconcileGroup(
  { service, max }: SliceInput,
  type: AddressType,
  existing: readonly EndpointSlice[],
  { ports, desired }: Group,
  writes: SliceWrites,
): void {
  const left = new Map(desired)
  const update: SliceDraft[] = []
  const unchanged: SliceDraft[] = []
  for (const slice of existing) {
    const { kept, changed } = keepDesired(slice, left)
    const { labels, changed: labelsChanged } = sliceLabels(service, slice.metadata.labels ?? {})
    const draft: SliceDraft = { name: slice.metadata.name, addressType: type, labels, ports, endpoints: kept }
    if (changed && kept.length === 0) writes.remove.push(slice)
    else if (changed || labelsChanged) update.push(draft)
    else unchanged.push(draft)
  }
  // Slices that are written anyway take the new ones, the fullest first.
  for (const draft of [...update].sort((a, b) => b.endpoints.length - a.endpoints.length))
    fill(draft, left, max)
  while (left.size > 0) {
    const room = left.size < max ? sliceToFill(unchanged, left.size, max) : undefined
    if (room === undefined) {
      const { labels } = sliceLabels(service, {})
      const draft: SliceDraft = { name: '', addressType: type, labels, ports, endpoints: [] }
      fill(draft, left, max)
      writes.create.push(draft)
    } else {
      unchanged.splice(unchanged.indexOf(room), 1)
      fill(room, left, max)
      update.push(room)
    }
  }
  writes.update.push(...update)
}

/** The endpoints of a slice that are still wanted, as they are now; they are taken out of `left`. */
function keepDesired(
  slice: EndpointSlice,
  left: Map<string, Endpoint>,
): { kept: Endpoint[]; changed: boolean } {
  const kept: Endpoint[] = []
  let changed = false
  for (const endpoint of slice.endpoints ?? []) {
    const id = endpointId(endpoint)
    const now = left.get(id)
    if (now === undefined) {
      changed = true
      continue
    }
    left.delete(id)
    if (now === endpoint) kept.push(now)
    else if (sameEndpoint(now, endpoint)) kept.push(jsonEqual(now, endpoint) ? endpoint : now)
    else {
      kept.push(now)
      changed = true
    }
  }
  return { kept, changed }
}

function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  const text = ({ addresses, conditions, hostname, nodeName, zone }: Endpoint) =>
    JSON.stringify([
      addresses,
      conditions?.ready ?? null,
      conditions?.serving ?? null,
      conditions?.terminating ?? null,
      hostname ?? '',
      nodeName ?? '',
      zone ?? '',
    ])
  return text(a) === text(b)
}

function fill(draft: SliceDraft, left: Map<string, Endpoint>, max: number): void {
  const endpoints = [...draft.endpoints]
  for (const [id, endpoint] of left) {
    if (endpoints.length >= max) break
    endpoints.push(endpoint)
    left.delete(id)
  }
  draft.endpoints = endpoints
}

/** The slice that is nearest to full with `n` more, none where they fit nowhere together. */
function sliceToFill(slices: readonly SliceDraft[], n: number, max: number): SliceDraft | undefined {
  let best: SliceDraft | undefined
  let least = max
  for (const slice of slices) {
    const room = max - (n + slice.endpoints.length)
    if (room >= 0 && room < least) {
      least = room
      best = slice
    }
  }
  return best
}

/** A Service without endpoints has one empty slice of each family: its readers know it was seen. */
function addPlaceholder(service: Service, type: AddressType, writes: SliceWrites): void {
  const { labels } = sliceLabels(service, {})
  const only = writes.remove.length === 1 ? writes.remove[0]! : undefined
  if (
    only !== undefined &&
    isOwnedBy(only, service) &&
    (only.endpoints ?? []).length === 0 &&
    (only.ports ?? []).length === 0 &&
    sameLabels(only.metadata.labels ?? {}, labels)
  ) {
    writes.remove = []
    return
  }
  writes.create.push({ name: '', addressType: type, labels, ports: [], endpoints: [] })
}

function sameLabels(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key])
}

/** A slice that would go is written over by one that would be made. */
function reuseRemoved(service: Service, writes: SliceWrites): void {
  const removed: EndpointSlice[] = []
  for (const slice of writes.remove) {
    const draft = writes.create.at(-1)
    if (draft !== undefined && draft.addressType === slice.addressType && isOwnedBy(slice, service)) {
      writes.create.pop()
      writes.update.push({ ...draft, name: slice.metadata.name })
    } else removed.push(slice)
  }
  writes.remove = removed
}

function isOwnedBy(slice: EndpointSlice, service: Service): boolean {
  const owners = slice.metadata.ownerReferences ?? []
  return owners.some(({ kind, uid }) => kind === 'Service' && uid === service.metadata.uid)
}
