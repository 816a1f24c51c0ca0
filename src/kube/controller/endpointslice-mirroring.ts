/**
 * Mirrors Endpoints that somebody made for a Service without a selector to EndpointSlices.
 * Models pkg/controller/endpointslicemirroring (Kubernetes 1.32): at most 1,000 addresses of a subset and family.
 */
import { parseIp } from '../../base/addr.ts'
import { enqueue, expectOwnWrite } from '../agent/agent.ts'
import { cacheGet, cacheGetKey, cacheList } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiCreate, apiDelete, apiUpdate } from '../api/local.ts'
import type {
  Endpoint,
  EndpointAddress,
  EndpointPort,
  Endpoints,
  EndpointSlice,
  Service,
} from '../objects.ts'
import type { Draft, StoreChange } from '../types.ts'
import { jsonEqual, objectKey } from '../types.ts'
import { controllerRef } from './common.ts'
import type { AddressType } from './endpointslice/endpoints.ts'
import { MANAGED_BY, portMapKey, SERVICE_NAME } from './endpointslice/endpoints.ts'

const SLICES = 'endpointslices.discovery.k8s.io'
const MANAGER = 'endpointslicemirroring-controller.k8s.io'
const MOST = 1000
/** Annotations of Endpoints that their mirror does not get. */
const NOT_COPIED = ['kubectl.kubernetes.io/last-applied-configuration']

interface State {
  /** Mirrors' names by the key of their Endpoints. */
  mirrors: Map<string, readonly string[]>
}

interface Wanted {
  readonly addressType: AddressType
  readonly ports: readonly EndpointPort[]
  readonly endpoints: readonly Endpoint[]
}

export const endpointSliceMirroringController: AgentProgram = {
  name: 'endpointslice-mirroring-controller',
  wants: () => [{ resource: 'endpoints' }, { resource: 'services' }, { resource: SLICES }],
  delayNs: 2_000_000,
  workNs: 200_000,
  start(ctx) {
    ctx.agent.state = { mirrors: new Map() } satisfies State
    for (const slice of cacheList<EndpointSlice>(ctx, SLICES)) noteSlice(ctx, slice, false)
    for (const endpoints of cacheList<Endpoints>(ctx, 'endpoints')) enqueue(ctx, objectKey(endpoints))
  },
  observe(ctx, { resource, type, key, object, previous, manager }: StoreChange) {
    if (resource === SLICES) {
      const mirrored = noteSlice(ctx, object as EndpointSlice, type === 'DELETED')
      if (mirrored !== undefined && manager !== 'kube-controller-manager') enqueue(ctx, mirrored)
    } else if (resource === 'endpoints') {
      const { mirrors } = ctx.agent.state as State
      if (mirrors.has(key) || (type !== 'DELETED' && isMirrored(ctx, object as Endpoints))) enqueue(ctx, key)
    } else {
      const had = previous !== undefined && hasSelector(previous as Service)
      const has = type !== 'DELETED' && hasSelector(object as Service)
      if (type !== 'MODIFIED' || had !== has) enqueue(ctx, key)
    }
  },
  reconcile,
}

function hasSelector({ spec }: Service): boolean {
  return spec.selector !== undefined
}

/** The key of the Endpoints that a slice mirrors; undefined where it is no mirror. */
function noteSlice(ctx: AgentCtx, { metadata }: EndpointSlice, gone: boolean): string | undefined {
  const { labels = {}, namespace, name } = metadata
  if (labels[MANAGED_BY] !== MANAGER || labels[SERVICE_NAME] === undefined) return undefined
  const key = `${namespace}/${labels[SERVICE_NAME]}`
  const { mirrors } = ctx.agent.state as State
  const others = (mirrors.get(key) ?? []).filter((one) => one !== name)
  const names = gone ? others : [...others, name]
  if (names.length === 0) mirrors.delete(key)
  else mirrors.set(key, Object.freeze(names))
  return key
}

function isMirrored(ctx: AgentCtx, endpoints: Endpoints): boolean {
  const { labels = {}, annotations = {} } = endpoints.metadata
  if (labels['endpointslice.kubernetes.io/skip-mirror'] === 'true') return false
  if (annotations['control-plane.alpha.kubernetes.io/leader'] !== undefined) return false
  const service = cacheGetKey<Service>(ctx, 'services', objectKey(endpoints))
  return service !== undefined && !hasSelector(service)
}

function reconcile(ctx: AgentCtx, key: string): Reconciled {
  const { world, agent } = ctx
  const endpoints = cacheGetKey<Endpoints>(ctx, 'endpoints', key)
  const namespace = key.slice(0, key.indexOf('/'))
  const slices = ((agent.state as State).mirrors.get(key) ?? [])
    .map((name) => cacheGet<EndpointSlice>(ctx, SLICES, namespace, name))
    .filter((slice) => slice !== undefined)
  const left = [...slices]
  let well = true
  const note = (result: Parameters<typeof expectOwnWrite>[2]) => {
    expectOwnWrite(ctx, key, result)
    if (!result.ok && result.status.reason !== 'Forbidden' && result.status.code !== 404) well = false
  }
  if (endpoints !== undefined && isMirrored(ctx, endpoints)) {
    const labels = {
      ...endpoints.metadata.labels,
      [SERVICE_NAME]: endpoints.metadata.name,
      [MANAGED_BY]: MANAGER,
    }
    const annotations = Object.fromEntries(
      Object.entries(endpoints.metadata.annotations ?? {}).filter(([name]) => !NOT_COPIED.includes(name)),
    )
    for (const wanted of mirrorsOf(endpoints)) {
      const old = left.find((slice) => isSamePlace(slice, wanted))
      if (old === undefined) {
        note(apiCreate(world, actorOf(agent), SLICES, newSlice(endpoints, wanted, labels, annotations)))
        continue
      }
      left.splice(left.indexOf(old), 1)
      const same =
        jsonEqual(old.endpoints, wanted.endpoints) &&
        jsonEqual(old.metadata.labels ?? {}, labels) &&
        jsonEqual(old.metadata.annotations ?? {}, annotations)
      if (same) continue
      const metadata = { ...old.metadata, labels, annotations }
      note(apiUpdate<EndpointSlice>(world, actorOf(agent), SLICES, { ...old, ...wanted, metadata }))
    }
  }
  for (const { metadata } of left) note(apiDelete(world, actorOf(agent), SLICES, namespace, metadata.name))
  return well ? {} : { retry: true }
}

function isSamePlace(slice: EndpointSlice, { addressType, ports }: Wanted): boolean {
  return slice.addressType === addressType && portMapKey(slice.ports ?? []) === portMapKey(ports)
}

/** One slice for each subset and family in it. */
function mirrorsOf({ subsets = [] }: Endpoints): Wanted[] {
  const wanted: Wanted[] = []
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of subsets) {
    const slicePorts = ports.map(
      ({ name = '', port, protocol = 'TCP', appProtocol }): EndpointPort => ({
        name,
        port,
        protocol,
        ...(appProtocol === undefined ? {} : { appProtocol }),
      }),
    )
    for (const addressType of ['IPv4', 'IPv6'] as const) {
      const fits = ({ ip }: EndpointAddress) =>
        parseIp(ip) !== undefined && ip.includes(':') === (addressType === 'IPv6')
      const endpoints = [
        ...addresses.filter(fits).map((address) => endpointOf(address, true)),
        ...notReadyAddresses.filter(fits).map((address) => endpointOf(address, false)),
      ]
      if (endpoints.length > 0)
        wanted.push({ addressType, ports: slicePorts, endpoints: endpoints.slice(0, MOST) })
    }
  }
  return wanted
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname === undefined ? {} : { hostname }),
    ...(targetRef === undefined ? {} : { targetRef }),
    ...(nodeName === undefined ? {} : { nodeName }),
  }
}

function newSlice(
  endpoints: Endpoints,
  wanted: Wanted,
  labels: Readonly<Record<string, string>>,
  annotations: Readonly<Record<string, string>>,
): Draft<EndpointSlice> {
  const { namespace = '', name } = endpoints.metadata
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ownerReferences: [controllerRef({ ...endpoints, apiVersion: 'v1', kind: 'Endpoints' })],
    },
    ...wanted,
  }
}
