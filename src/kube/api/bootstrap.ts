/**
 * What an API server makes when it starts: the system namespaces, and in `default` the service `kubernetes` with the
 * first address of the service range and the servers' own addresses as endpoints.
 * Models pkg/controlplane (systemnamespaces, kubernetesservice) (1.32).
 */
import { assert } from '../../base/assert.ts'
import { formatIp, parsePrefix } from '../../base/addr.ts'
import type { World } from '../../net/types.ts'
import type { Endpoints, EndpointSlice, Service } from '../objects.ts'
import { storeGet, storeOf } from '../store/store.ts'
import type { Actor, ApiObject, Draft } from '../types.ts'
import { ipRange } from './alloc.ts'
import { apiCreate } from './local.ts'

const apiserver: Actor = { user: 'system:apiserver', manager: 'kube-apiserver' }

/** Makes what is not there yet. `addresses` are those that clients reach the API server at. */
export function bootstrapApi(world: World, addresses: readonly string[], port = 6443): void {
  for (const name of ['default', 'kube-node-lease', 'kube-public', 'kube-system']) {
    make(world, 'namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  }
  const [cidr] = storeOf(world).options.serviceCidrs
  const range = ipRange(cidr)
  const prefix = parsePrefix(range?.cidr ?? '')
  assert(prefix !== undefined, 'kube: the service range is a prefix')
  const first =
    typeof prefix.addr === 'number' ? formatIp(prefix.addr + 1) : formatIp(`${prefix.addr.slice(0, 31)}1`)
  const labels = { component: 'apiserver', provider: 'kubernetes' }
  const metadata = { name: 'kubernetes', namespace: 'default', labels }
  const service: Draft<Service> = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: {
      type: 'ClusterIP',
      clusterIP: first,
      ipFamilyPolicy: 'SingleStack',
      sessionAffinity: 'None',
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }],
    },
  }
  make(world, 'services', service)
  if (addresses.length === 0) return
  const endpoints: Draft<Endpoints> = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
    },
    subsets: [
      { addresses: addresses.map((ip) => ({ ip })), ports: [{ name: 'https', port, protocol: 'TCP' }] },
    ],
  }
  make(world, 'endpoints', endpoints)
  const slice: Draft<EndpointSlice> = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': 'kubernetes' },
    },
    addressType: addresses[0].includes(':') ? 'IPv6' : 'IPv4',
    endpoints: addresses.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  }
  make(world, 'endpointslices.discovery.k8s.io', slice)
}

function make<T extends ApiObject>(world: World, resource: string, draft: Draft<T>): void {
  const { namespace = '', name = '' } = draft.metadata
  if (storeGet(storeOf(world), resource, namespace, name) !== undefined) return
  const result = apiCreate(world, apiserver, resource, draft)
  assert(result.ok, `kube: the API server makes ${resource} ${name}`)
}
