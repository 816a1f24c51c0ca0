/** Keeps the Endpoints of Services with a selector. Models pkg/controller/endpoint (Kubernetes 1.32). */
import { parseIp } from '../../base/addr.ts'
import { agentTakes, enqueue, expectOwnWrite } from '../agent/agent.ts'
import { cacheGetKey, cacheList } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiCreate, apiDelete, apiUpdate } from '../api/local.ts'
import type { EndpointAddress, Endpoints, EndpointSubset, Pod, Service, ServicePort } from '../objects.ts'
import { nowText } from '../store/store.ts'
import type { Draft } from '../types.ts'
import { deepFreeze, jsonEqual, objectKey } from '../types.ts'
import { isPodReady, recordEvent } from './common.ts'
import { commonSubset, repackSubsets } from './endpoints/repack.ts'
import { selectedPods } from './endpoints/selected.ts'
import type { Selection } from './endpoints/selection.ts'
import {
  createSelection,
  isSelecting,
  selectionChange,
  selectionPod,
  selectionService,
  selectorOf,
  servicesOfPod,
} from './endpoints/selection.ts'
import { truncateSubsets } from './endpoints/truncate.ts'
import {
  findPort,
  HEADLESS,
  isHeadless,
  shouldPodBeInEndpoints,
  shouldSetHostname,
} from './endpointslice/endpoints.ts'

type EndpointPort = NonNullable<EndpointSubset['ports']>[number]

const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time'
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity'

export const endpointsController: AgentProgram = {
  name: 'endpoints-controller',
  wants: () => [{ resource: 'services' }, { resource: 'pods' }, { resource: 'endpoints' }],
  delayNs: 2_000_000,
  workNs: 200_000,
  start(ctx) {
    const selection = createSelection()
    ctx.agent.state = selection
    for (const pod of cacheList<Pod>(ctx, 'pods')) selectionPod(selection, pod)
    for (const service of cacheList<Service>(ctx, 'services')) {
      selectionService(selection, service)
      enqueue(ctx, objectKey(service))
    }
    // Endpoints whose Service went while nobody looked.
    for (const endpoints of cacheList<Endpoints>(ctx, 'endpoints')) enqueue(ctx, objectKey(endpoints))
  },
  observe(ctx, change) {
    const selection = ctx.agent.state as Selection
    if (change.resource === 'services') {
      selectionService(selection, change.object as Service, change.type === 'DELETED')
      enqueue(ctx, change.key)
    } else if (change.resource === 'pods') {
      selectionChange(selection, change)
      for (const key of servicesOfPod(selection, change)) enqueue(ctx, key)
    } else if (change.type === 'DELETED' && isSelecting(selection, change.key)) enqueue(ctx, change.key)
  },
  reconcile,
}

function reconcile(ctx: AgentCtx, key: string): Reconciled {
  const service = cacheGetKey<Service>(ctx, 'services', key)
  if (service === undefined) return removeOrphan(ctx, key)
  const selector = selectorOf(service)
  // Without a selector they are somebody else's.
  if (selector === undefined || service.metadata.deletionTimestamp !== undefined) return {}
  const pods = selectedPods(ctx, ctx.agent.state as Selection, service.metadata.namespace ?? '', selector)
  agentTakes(ctx, pods.length)
  const { subsets, truncated } = truncateSubsets(endpointSubsets(service, pods))
  return write(ctx, service, cacheGetKey<Endpoints>(ctx, 'endpoints', key), subsets, truncated)
}

/** What was mirrored for a Service that is gone goes too; what somebody else made without a Service stays. */
function removeOrphan(ctx: AgentCtx, key: string): Reconciled {
  const endpoints = cacheGetKey<Endpoints>(ctx, 'endpoints', key)
  if (endpoints?.metadata.annotations?.[TRIGGER_TIME] === undefined) return {}
  const { namespace = '', name } = endpoints.metadata
  apiDelete(ctx.world, actorOf(ctx.agent), 'endpoints', namespace, name)
  return {}
}

/** What a Service's pods make of its Endpoints, packed. */
export function endpointSubsets(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const named = (service.spec.ports ?? []).some(({ targetPort }) => typeof targetPort === 'string')
  return named ? repackSubsets(subsetsOf(service, pods)) : commonSubsets(service, pods)
}

/** Without named ports all pods have the same ones: there is nothing to repack. */
function commonSubsets(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const { ports = [], clusterIP, publishNotReadyAddresses } = service.spec
  if (ports.length === 0 && clusterIP !== 'None') return []
  const all = publishNotReadyAddresses === true
  const ready: EndpointAddress[] = []
  const notReady: EndpointAddress[] = []
  for (const pod of pods) {
    if (!shouldPodBeInEndpoints(pod, all)) continue
    const address = addressOf(service, pod)
    if (address !== undefined) (all || isPodReady(pod) ? ready : notReady).push(address)
  }
  if (ready.length + notReady.length === 0) return []
  return [commonSubset(ports.map(portOf), ready, notReady)]
}

function portOf(port: ServicePort): EndpointPort {
  const { name, protocol = 'TCP', appProtocol, targetPort } = port
  return {
    ...(name === undefined || name === '' ? {} : { name }),
    port: typeof targetPort === 'number' ? targetPort : port.port,
    protocol,
    ...(appProtocol === undefined ? {} : { appProtocol }),
  }
}

/** One subset for each pod and port, not yet packed. */
function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const all = service.spec.publishNotReadyAddresses === true
  const subsets: EndpointSubset[] = []
  for (const pod of pods) {
    const address = addressOf(service, pod)
    if (!shouldPodBeInEndpoints(pod, all) || address === undefined) continue
    const at = all || isPodReady(pod) ? { addresses: [address] } : { notReadyAddresses: [address] }
    const { ports = [], clusterIP } = service.spec
    if (ports.length === 0 && clusterIP === 'None') subsets.push(at)
    for (const port of ports) {
      const number = findPort(pod, port)
      if (number === undefined) continue
      subsets.push({ ...at, ports: [{ ...portOf(port), port: number }] })
    }
  }
  return subsets
}

/** The pod's address of the Service's first family; for a frozen pod the same record as the last time. */
function addressOf(service: Service, pod: Pod): EndpointAddress | undefined {
  const { ipFamilies = [], clusterIP = '' } = service.spec
  const v6 = ipFamilies.length > 0 ? ipFamilies[0] === 'IPv6' : clusterIP.includes(':')
  const named = shouldSetHostname(pod, service)
  const known = lastOf.get(pod)
  if (known?.v6 === v6 && known.named === named) return known.address
  const address = newAddress(service, pod, v6)
  if (Object.isFrozen(pod)) lastOf.set(pod, { v6, named, address: deepFreeze(address) })
  return address
}

/** Derived from pods that never change, and no part of the world's state. */
const lastOf = new WeakMap<Pod, { v6: boolean; named: boolean; address: EndpointAddress | undefined }>()

function newAddress(service: Service, pod: Pod, v6: boolean): EndpointAddress | undefined {
  const { podIP = '', podIPs = [] } = pod.status ?? {}
  const texts = podIPs.length > 0 ? podIPs.map(({ ip }) => ip) : [podIP]
  const ip = texts.find((text) => parseIp(text) !== undefined && text.includes(':') === v6)
  if (ip === undefined) return undefined
  const { namespace = '', name, uid } = pod.metadata
  return {
    ip,
    ...(shouldSetHostname(pod, service) ? { hostname: pod.spec.hostname! } : {}),
    ...((pod.spec.nodeName ?? '') === '' ? {} : { nodeName: pod.spec.nodeName! }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  }
}

function write(
  ctx: AgentCtx,
  service: Service,
  current: Endpoints | undefined,
  subsets: readonly EndpointSubset[],
  truncated: boolean,
): Reconciled {
  const { world, agent } = ctx
  const key = objectKey(service)
  const labels: Record<string, string> = { ...service.metadata.labels }
  if (isHeadless(service)) labels[HEADLESS] = ''
  else delete labels[HEADLESS]
  const marked = current?.metadata.annotations?.[OVER_CAPACITY] === 'truncated'
  const same =
    current !== undefined &&
    jsonEqual(current.subsets ?? [], subsets) &&
    jsonEqual(current.metadata.labels ?? {}, labels) &&
    marked === truncated
  if (same) return {}
  const { [OVER_CAPACITY]: _, ...annotations } = current?.metadata.annotations ?? {}
  const metadata = {
    ...current?.metadata,
    name: service.metadata.name,
    namespace: service.metadata.namespace ?? '',
    labels,
    annotations: {
      ...annotations,
      [TRIGGER_TIME]: nowText(world),
      ...(truncated ? { [OVER_CAPACITY]: 'truncated' } : {}),
    },
  }
  const draft: Draft<Endpoints> = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata,
    ...(subsets.length === 0 ? {} : { subsets }),
  }
  const done =
    current === undefined
      ? apiCreate<Endpoints>(world, actorOf(agent), 'endpoints', draft)
      : apiUpdate<Endpoints>(world, actorOf(agent), 'endpoints', draft)
  expectOwnWrite(ctx, key, done)
  if (done.ok) return {}
  const { reason, message } = done.status
  if (reason === 'Forbidden') return {}
  if (reason === 'AlreadyExists' || reason === 'Conflict') return { retry: true }
  const [what, text] =
    current === undefined
      ? ['Create', `Failed to create endpoint for service ${key}: ${message ?? ''}`]
      : ['Update', `Failed to update endpoint ${key}: ${message ?? ''}`]
  recordEvent(ctx, service, 'Warning', `FailedTo${what}Endpoint`, text)
  return { retry: true }
}
