/** A cluster on the picture: nodes with their state, pods with their rooms, Services with lines to their endpoints. */
import { formatIp } from '../base/addr.ts'
import { clusterIp, podCells, servicePorts } from '../kube/api/cells.ts'
import { clusterOf } from '../kube/cluster.ts'
import type { Endpoint, EndpointSlice, Node, Pod, Service } from '../kube/objects.ts'
import { storeGet, storeList, storeOf, wallMs } from '../kube/store/store.ts'
import type { World } from '../net/types.ts'
import { findNetns, netnsNamed, registryOf } from '../net/world.ts'
import { refOf } from './kube-objects.ts'
import type { ClusterNodeView, ClusterPicture, ClusterPodView, EndpointView } from './kube-types.ts'

const SLICES = 'endpointslices.discovery.k8s.io'
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'

/** A node with more pods tells their numbers; so does every node where all of them together have more. */
const MAX_PODS_OF_NODE = 60
const MAX_PODS = 300
const MAX_SERVICES = 40
const MAX_ENDPOINTS = 100

/** What the page draws of a cluster, bounded: thousands of pods, services and endpoints become numbers. */
export function clusterPicture(world: World): ClusterPicture {
  const rooms = roomsByAddress(world)
  const byNode = podsByNode(world)
  const few = [...byNode.values()].filter((pods) => pods.length <= MAX_PODS_OF_NODE)
  const most = few.reduce((sum, pods) => sum + pods.length, 0) <= MAX_PODS ? MAX_PODS_OF_NODE : 0
  const shown = [...byNode.values()].filter((pods) => pods.length <= most).flat()
  return {
    nodes: nodeViews(world, byNode, most),
    pods: shown.map((pod) => podView(world, pod, rooms)),
    ...serviceViews(world, rooms),
  }
}

/** '' for those that are bound to none. */
function podsByNode(world: World): Map<string, Pod[]> {
  const found = new Map<string, Pod[]>()
  for (const pod of storeList<Pod>(storeOf(world), 'pods')) {
    const node = pod.spec.nodeName ?? ''
    const known = found.get(node)
    if (known === undefined) found.set(node, [pod])
    else known.push(pod)
  }
  return found
}

function nodeViews(
  world: World,
  byNode: ReadonlyMap<string, readonly Pod[]>,
  most: number,
): ClusterNodeView[] {
  const store = storeOf(world)
  return [...clusterOf(world).nodes.values()].map(({ name, role }) => {
    const node = storeGet<Node>(store, 'nodes', '', name)
    const ready = node?.status?.conditions?.find((one) => one.type === 'Ready')
    const state = node === undefined ? '' : ready?.status === 'True' ? 'Ready' : 'NotReady'
    const own = byNode.get(name) ?? []
    const pods = own.length
    const readyPods = own.filter(isReady).length
    const schedulable = node?.spec?.unschedulable !== true
    return { machine: name, role, state, schedulable, pods, readyPods, many: pods > most }
  })
}

function podView(world: World, pod: Pod, rooms: ReadonlyMap<string, string>): ClusterPodView {
  const node = pod.spec.nodeName ?? ''
  const ip = pod.status?.podIP ?? ''
  return {
    ref: refOf(pod),
    node,
    room: pod.spec.hostNetwork === true ? '' : roomOf(world, pod, rooms),
    hostNetwork: pod.spec.hostNetwork === true,
    status: podCells(pod, wallMs(world)).status,
    ready: isReady(pod),
    ip,
  }
}

/** By its address, and before it has one by its name. */
function roomOf(world: World, pod: Pod, rooms: ReadonlyMap<string, string>): string {
  const node = pod.spec.nodeName ?? ''
  const byAddress = rooms.get(pod.status?.podIP ?? '')
  if (byAddress?.startsWith(`${node}.`) === true) return byAddress
  const name = `${node}.${pod.metadata.name}`
  return node !== '' && netnsNamed(world, name) !== undefined ? name : ''
}

function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true
}

/** Every Service's endpoints as the EndpointSlices have them, whatever their pods say. */
function serviceViews(
  world: World,
  rooms: ReadonlyMap<string, string>,
): Pick<ClusterPicture, 'services' | 'moreServices'> {
  const store = storeOf(world)
  const all = storeList<Service>(store, 'services')
  const ordered = [...all.filter((one) => !isSystem(one)), ...all.filter(isSystem)]
  const slices = new Map<string, EndpointSlice[]>()
  for (const slice of storeList<EndpointSlice>(store, SLICES)) {
    const service = slice.metadata.labels?.[SERVICE_NAME_LABEL]
    const key = `${slice.metadata.namespace}/${service}`
    const known = slices.get(key)
    if (known === undefined) slices.set(key, [slice])
    else known.push(slice)
  }
  const services = ordered.slice(0, MAX_SERVICES).map((service) => {
    const { namespace, name } = service.metadata
    const own = slices.get(`${namespace}/${name}`) ?? []
    const endpoints = own.flatMap((slice) => slice.endpoints ?? [])
    return {
      ref: refOf(service),
      type: service.spec.type ?? 'ClusterIP',
      clusterIp: clusterIp(service),
      ports: servicePorts(service),
      endpoints: endpointsOf(own, rooms),
      count: endpoints.length,
      ready: endpoints.filter(({ conditions }) => conditions?.ready !== false).length,
    }
  })
  return { services, moreServices: all.length - services.length }
}

function isSystem({ metadata: { namespace, name } }: Service): boolean {
  return namespace === 'kube-system' || (namespace === 'default' && name === 'kubernetes')
}

function endpointsOf(slices: readonly EndpointSlice[], rooms: ReadonlyMap<string, string>): EndpointView[] {
  const found: EndpointView[] = []
  for (const slice of slices) {
    const port = (slice.ports ?? []).map((one) => one.port ?? '*').join(',')
    for (const endpoint of slice.endpoints ?? []) {
      if (found.length === MAX_ENDPOINTS) return found
      found.push(endpointOf(endpoint, port, rooms))
    }
  }
  return found
}

function endpointOf(
  { addresses, conditions, targetRef }: Endpoint,
  port: string,
  rooms: ReadonlyMap<string, string>,
): EndpointView {
  const ip = addresses[0] ?? ''
  return {
    ip,
    port,
    ready: conditions?.ready !== false,
    terminating: conditions?.terminating === true,
    room: rooms.get(ip) ?? '',
    pod: targetRef?.kind === 'Pod' ? (targetRef.name ?? '') : '',
  }
}

/** Which room has an address; one on the loopback device names none. */
function roomsByAddress(world: World): Map<string, string> {
  const found = new Map<string, string>()
  for (const [name, id] of registryOf(world).netns) {
    if (name.includes('#')) continue
    for (const link of findNetns(world, id)?.links ?? []) {
      if (link === undefined || link.kind === 'loopback') continue
      for (const { addr } of link.addrs) found.set(formatIp(addr), name)
    }
  }
  return found
}
