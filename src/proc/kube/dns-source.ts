/**
 * What CoreDNS' kubernetes plugin sees of a cluster: the API server's store as of the revision that the plugin's caches
 * hold, looked up as these are.
 */
import { revisionAt, storeGetAt, storeListAt } from '../../kube/store/history.ts'
import { findStore, storeOf } from '../../kube/store/store.ts'
import { tableValues } from '../../kube/store/table.ts'
import { treeGet } from '../../kube/store/tree.ts'
import type { Store } from '../../kube/store/types.ts'
import type { EndpointSlice, Pod, Service } from '../../kube/objects.ts'
import type { World } from '../../net/types.ts'
import type { KubeDnsEndpoints, KubeDnsService, KubeDnsSource } from '../dns/kubesource.ts'

const SLICES = 'endpointslices.discovery.k8s.io'
const SERVICE_NAME = 'kubernetes.io/service-name'

/** ns from a write until the plugin's watch has brought it: half of kube-proxy's, which gathers changes. */
export const DNS_WATCH_NS = 10_000_000

/** A plugin that hears of changes whatever the network does. Undefined in a world without a cluster. */
export function directDnsSource(world: World): KubeDnsSource | undefined {
  const store = findStore(world)
  return store && storeDnsSource(world, revisionAt(store, world.now - DNS_WATCH_NS))
}

/** The cluster as of revision `seen`. */
export function storeDnsSource(world: World, seen: number): KubeDnsSource {
  const store = storeOf(world)
  const serviceNamed = (namespace: string, name: string) =>
    storeGetAt<Service>(store, 'services', namespace, name, seen)
  return {
    synced: true,
    serial: seen,
    hasNamespace: (namespace) => storeGetAt(store, 'namespaces', '', namespace, seen) !== undefined,
    service: (namespace, name) => {
      const service = serviceNamed(namespace, name)
      return service === undefined ? undefined : serviceOf(service)
    },
    endpoints: (namespace, service) => slicesOf(store, namespace, service, seen).map(endpointsOf),
    servicesByIp: (ip) => {
      if (seen < (store.changedAt.get('services') ?? 0)) {
        const all = storeListAt<Service>(store, 'services', seen).map(serviceOf)
        return all.filter(({ clusterIps }) => clusterIps.includes(ip))
      }
      const key = treeGet(store.clusterIps, ip)
      const [namespace = '', name = ''] = (key ?? '').split('/')
      const service = key === undefined ? undefined : serviceNamed(namespace, name)
      return service === undefined ? [] : [serviceOf(service)]
    },
    endpointsByIp: (ip) =>
      storeListAt<EndpointSlice>(store, SLICES, seen)
        .filter(({ endpoints }) => endpoints.some(({ addresses }) => addresses.includes(ip)))
        .map(endpointsOf),
    hasPod: (namespace, ip) =>
      storeListAt<Pod>(store, 'pods', seen, { namespace }).some(
        (pod) => pod.status?.podIP === ip && pod.status.phase === 'Running',
      ),
  }
}

function serviceOf({ metadata, spec }: Service): KubeDnsService {
  const ips =
    spec.clusterIPs !== undefined && spec.clusterIPs.length > 0 ? spec.clusterIPs : [spec.clusterIP ?? '']
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    type: spec.type ?? 'ClusterIP',
    clusterIps: ips.filter((ip) => ip !== ''),
    ports: (spec.ports ?? []).map(({ name, protocol, port }) => ({
      ...(name === undefined ? {} : { name }),
      ...(protocol === undefined ? {} : { protocol }),
      port,
    })),
    externalName: spec.externalName ?? '',
  }
}

/** A Service's slices. The controller's are named after it; others are found by their label. */
function slicesOf(store: Store, namespace: string, service: string, seen: number): EndpointSlice[] {
  const isIts = (slice: EndpointSlice) => slice.metadata.labels?.[SERVICE_NAME] === service
  const all = () => storeListAt<EndpointSlice>(store, SLICES, seen, { namespace }).filter(isIts)
  const table = store.tables.get(SLICES)
  if (table === undefined || seen < (store.changedAt.get(SLICES) ?? 0)) return all()
  const named = tableValues(table, `${namespace}/${service}`) as unknown as readonly EndpointSlice[]
  const found = named.filter(isIts)
  return found.length > 0 ? found : all()
}

/** Those that are ready. */
function endpointsOf(slice: EndpointSlice): KubeDnsEndpoints {
  const ready = slice.endpoints.filter(({ conditions }) => conditions?.ready !== false)
  return {
    namespace: slice.metadata.namespace ?? '',
    service: slice.metadata.labels?.[SERVICE_NAME] ?? '',
    endpoints: ready.flatMap(({ addresses, hostname, targetRef }) =>
      addresses.map((ip) => ({
        ip,
        ...(hostname === undefined ? {} : { hostname }),
        ...(targetRef?.name === undefined ? {} : { podName: targetRef.name }),
      })),
    ),
    ports: (slice.ports ?? []).map(({ name, protocol, port = 0 }) => ({
      ...(name === undefined ? {} : { name }),
      ...(protocol === undefined ? {} : { protocol }),
      port,
    })),
  }
}
