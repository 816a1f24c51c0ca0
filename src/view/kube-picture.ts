/** A cluster on the picture: nodes with their state, pods with their rooms, Services with lines to their endpoints. */
import { formatIp } from '../base/addr.ts'
import { clusterIp, podCells, servicePorts } from '../kube/api/cells.ts'
import { clusterOf } from '../kube/cluster.ts'
import type { EndpointSlice, Node, Pod, Service } from '../kube/objects.ts'
import { storeGet, storeList, storeOf, wallMs } from '../kube/store/store.ts'
import type { World } from '../net/types.ts'
import { findNetns, netnsNamed, registryOf } from '../net/world.ts'
import { refOf } from './kube-objects.ts'
import type {
  ClusterNodeView,
  ClusterPicture,
  ClusterPodView,
  EndpointView,
  ServiceView,
} from './kube-types.ts'

const SLICES = 'endpointslices.discovery.k8s.io'
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'

export function clusterPicture(world: World): ClusterPicture {
  const rooms = roomsByAddress(world)
  const pods = storeList<Pod>(storeOf(world), 'pods').map((pod) => podView(world, pod, rooms))
  return { nodes: nodeViews(world), pods, services: serviceViews(world, rooms) }
}

function nodeViews(world: World): ClusterNodeView[] {
  const store = storeOf(world)
  return [...clusterOf(world).nodes.values()].map(({ name, role }) => {
    const node = storeGet<Node>(store, 'nodes', '', name)
    const ready = node?.status?.conditions?.find((one) => one.type === 'Ready')
    const state = node === undefined ? '' : ready?.status === 'True' ? 'Ready' : 'NotReady'
    return { machine: name, role, state, schedulable: node?.spec?.unschedulable !== true }
  })
}

function podView(world: World, pod: Pod, rooms: ReadonlyMap<string, string>): ClusterPodView {
  const node = pod.spec.nodeName ?? ''
  const ip = pod.status?.podIP ?? ''
  return {
    ref: refOf(pod),
    node,
    room: pod.spec.hostNetwork === true ? '' : roomOf(world, pod, rooms),
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
function serviceViews(world: World, rooms: ReadonlyMap<string, string>): ServiceView[] {
  const store = storeOf(world)
  const slices = new Map<string, EndpointSlice[]>()
  for (const slice of storeList<EndpointSlice>(store, SLICES)) {
    const service = slice.metadata.labels?.[SERVICE_NAME_LABEL]
    const key = `${slice.metadata.namespace}/${service}`
    const known = slices.get(key)
    if (known === undefined) slices.set(key, [slice])
    else known.push(slice)
  }
  return storeList<Service>(store, 'services').map((service) => {
    const { namespace, name } = service.metadata
    return {
      ref: refOf(service),
      type: service.spec.type ?? 'ClusterIP',
      clusterIp: clusterIp(service),
      ports: servicePorts(service),
      endpoints: (slices.get(`${namespace}/${name}`) ?? []).flatMap((slice) => endpointsOf(slice, rooms)),
    }
  })
}

function endpointsOf(slice: EndpointSlice, rooms: ReadonlyMap<string, string>): EndpointView[] {
  const port = (slice.ports ?? []).map((one) => one.port ?? '*').join(',')
  return (slice.endpoints ?? []).map(({ addresses, conditions, targetRef }) => {
    const ip = addresses[0] ?? ''
    return {
      ip,
      port,
      ready: conditions?.ready !== false,
      terminating: conditions?.terminating === true,
      room: rooms.get(ip) ?? '',
      pod: targetRef?.kind === 'Pod' ? (targetRef.name ?? '') : '',
    }
  })
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
