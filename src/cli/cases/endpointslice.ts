/** EndpointSlices: endpoints of pods, ports, families, packing, labels, hints. */
import {
  addressTypes,
  endpointPorts,
  findPort,
  HEADLESS,
  podToEndpoint,
  SERVICE_NAME,
  shouldPodBeInEndpoints,
  shouldSetHostname,
  sliceLabels,
} from '../../kube/controller/endpointslice/endpoints.ts'
import type { SliceWrites } from '../../kube/controller/endpointslice/reconcile.ts'
import { reconcileSlices } from '../../kube/controller/endpointslice/reconcile.ts'
import {
  addPreferCloseHints,
  addZoneHints,
  hintsEnabled,
  zoneRatios,
} from '../../kube/controller/endpointslice/topology.ts'
import type {
  ContainerPort,
  Endpoint,
  EndpointSlice,
  Node,
  Pod,
  Service,
  ServicePort,
} from '../../kube/objects.ts'
import type { CaseResult, NotBuilt } from './report.ts'
import { canonical, differs, differsAsSet, runCase } from './report.ts'

// A case's fields differ from group to group: what one lacks shows as a failure of that case.
// biome-ignore lint/suspicious/noExplicitAny: data from outside, read field by field
type One = Record<string, any>

/** The group `endpointslice` of 05-controllers-and-validation.json. */
export function endpointSliceCases(groups: Record<string, readonly One[]>): CaseResult[] {
  const all = (name: string, check: (one: One) => string | NotBuilt | undefined) =>
    (groups[name] ?? []).map((one) =>
      runCase(`endpointslice ${name}`, String(one.id ?? canonical(one)), () => check(one)),
    )
  return [
    ...all('pod_to_endpoint', checkEndpoint),
    ...all('hostname', (one) =>
      differs(one.hostnameSet, shouldSetHostname(podOf(one.pod), serviceOf(one.service))),
    ),
    ...all('pod_eligibility', (one) => {
      const pod = podOf({ ...one, name: 'p', ips: one.podIP === '' ? [] : [one.podIP] })
      return differs(one.included, shouldPodBeInEndpoints(pod, one.includeTerminating))
    }),
    ...all('find_port', (one) => {
      const pod = podOf({ containers: one.containers, initContainers: one.initContainers })
      const port: ServicePort = { port: 1, targetPort: one.targetPort, protocol: one.protocol }
      return differs(one.expect, findPort(pod, port) ?? null)
    }),
    ...all('endpoint_ports', (one) => {
      const pod = podOf({
        containers: [one.containerPorts],
        initContainers: one.sidecarPorts ? [one.sidecarPorts] : [],
      })
      return differs(one.expect, endpointPorts(serviceOf({ ports: one.servicePorts }), pod))
    }),
    ...all('address_types', (one) => {
      const service = serviceOf({ clusterIP: one.clusterIP, ipFamilies: one.ipFamilies ?? undefined })
      return differsAsSet(one.expectAddressTypes, addressTypes(service))
    }),
    ...all('packing', checkPacking),
    ...all('labels', checkLabels),
    ...all('missing_node', checkMissingNode),
    ...all('hints_enabled', (one) => differs(one.enabled, hintsEnabled(one.annotations))),
    ...all('zone_hints', checkZoneHints),
    ...all('zone_ratios', (one) => {
      const got = zoneRatios(one.nodes.map(zonedNode))
      return differs(one.ratios, got === undefined ? null : Object.fromEntries(got))
    }),
    ...all('traffic_distribution', checkDistribution),
  ]
}

function podOf(one: One): Pod {
  const ips: string[] = one.ips ?? ['1.2.3.4']
  const containers = (lists: ContainerPort[][] | undefined, restartPolicy?: string) =>
    (lists ?? []).map((ports, at) => ({
      name: `c${at}`,
      image: 'x',
      ports,
      ...(restartPolicy ? { restartPolicy } : {}),
    }))
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: one.name ?? 'pod',
      namespace: one.namespace ?? 'ns',
      uid: `uid-${one.name ?? 'pod'}`,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(one.deletionTimestamp === true ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: {
      containers: containers(one.containers),
      initContainers: containers(one.initContainers, 'Always'),
      nodeName: one.node ?? '',
      hostname: one.hostname ?? '',
      subdomain: one.subdomain ?? '',
    },
    status: {
      phase: one.phase ?? 'Running',
      ...(ips.length === 0 ? {} : { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }),
      conditions: [{ type: 'Ready', status: one.ready === false ? 'False' : 'True' }],
    },
  } as unknown as Pod
}

function serviceOf(one: One): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: one.name ?? 'foo',
      namespace: one.namespace ?? 'ns',
      uid: one.uid ?? 'uid-service',
      labels: one.labels ?? {},
    },
    spec: {
      clusterIP: one.clusterIP ?? '10.0.0.1',
      ports: one.ports ?? [{ name: 'http', port: 80, targetPort: 80, protocol: 'TCP' }],
      publishNotReadyAddresses: one.publishNotReadyAddresses ?? false,
      ...(one.ipFamilies === undefined ? {} : { ipFamilies: one.ipFamilies }),
    },
  } as unknown as Service
}

function nodeNamed(name: string, labels: Record<string, string> = {}): Node {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } } as unknown as Node
}

function checkEndpoint(one: One): string {
  const node = one.node === null ? undefined : nodeNamed(one.node.name, one.node.labels)
  const got = podToEndpoint(podOf(one.pod), node, serviceOf(one.service), one.addressType)
  const { kind, name } = got.targetRef ?? {}
  return differs(one.expect, { ...got, targetRef: { kind, name } })
}

/** Slices of the given lengths for the pods p0 ..., as this controller would have written them before the change. */
function slicesOf(service: Service, lengths: readonly number[], pods: readonly Pod[]): EndpointSlice[] {
  let at = 0
  return lengths.map((length, number) => {
    const endpoints: Endpoint[] = []
    for (let i = 0; i < length; i++)
      endpoints.push(podToEndpoint(pods[at++]!, nodeNamed('n'), service, 'IPv4'))
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `foo-${number}`,
        namespace: 'ns',
        labels: sliceLabels(service, {}).labels,
        ownerReferences: [
          { kind: 'Service', apiVersion: 'v1', name: 'foo', uid: service.metadata.uid, controller: true },
        ],
      },
      addressType: 'IPv4',
      ports: endpointPorts(service, pods[0]!),
      endpoints,
    } as unknown as EndpointSlice
  })
}

function checkPacking(one: One): string {
  const pods = Array.from({ length: one.pods }, (_, i) =>
    podOf({ name: `p${i}`, ips: [`10.1.${i >> 8}.${i & 255}`], node: 'n' }),
  )
  const before = serviceOf(one.ownerUID === 'different' ? { uid: 'another' } : {})
  const slices = slicesOf(before, one.existing, pods)
  const { service, now } = afterChange(one, pods)
  const writes = reconcileSlices({
    service,
    pods: now,
    slices,
    node: (name) => (name === 'n' ? nodeNamed('n') : undefined),
    max: one.maxEndpointsPerSlice ?? 100,
  })
  const counts = countsOf(writes)
  return (
    differs(one.writes, counts) || differs([...one.expectLengths].sort(), lengthsAfter(slices, writes).sort())
  )
}

function afterChange(one: One, pods: readonly Pod[]): { service: Service; now: readonly Pod[] } {
  const change: string = one.change ?? ''
  const service = (more: One) => ({ service: serviceOf(more), now: pods })
  if (change === 'targetPort')
    return service({ ports: [{ name: 'http', port: 80, targetPort: 81, protocol: 'TCP' }] })
  if (change === 'service labels') return service({ labels: { changed: 'yes' } })
  if (change.startsWith('service labels ')) {
    const keys = change.slice('service labels '.length).split(', ')
    return service({ labels: Object.fromEntries(keys.map((key) => [key, 'x'])) })
  }
  if (change.startsWith('readiness')) {
    // The first pod of each slice is no longer ready.
    let at = 0
    const first = new Set(
      (one.existing as number[]).map((length) => {
        at += length
        return at - length
      }),
    )
    const now = pods.map((pod, i) =>
      first.has(i) ? { ...pod, status: { ...pod.status, conditions: [] } } : pod,
    )
    return { service: serviceOf({}), now: now as Pod[] }
  }
  if (change !== '') throw new Error(`no such change: ${change}`)
  return service({})
}

function countsOf({ create, update, remove }: SliceWrites): Record<string, number> {
  const counts: Record<string, number> = {}
  if (create.length > 0) counts.create = create.length
  if (update.length > 0) counts.update = update.length
  if (remove.length > 0) counts.delete = remove.length
  return counts
}

function lengthsAfter(slices: readonly EndpointSlice[], { create, update, remove }: SliceWrites): number[] {
  const updated = new Map(update.map((draft) => [draft.name, draft.endpoints.length]))
  const kept = slices.filter((slice) => !remove.includes(slice))
  return [
    ...kept.map((slice) => updated.get(slice.metadata.name) ?? slice.endpoints.length),
    ...create.map((draft) => draft.endpoints.length),
  ]
}

function checkLabels(one: One): string {
  const service = serviceOf({ labels: one.serviceLabels, clusterIP: one.headless ? 'None' : '10.0.0.1' })
  const { labels, changed } = sliceLabels(service, one.sliceLabels)
  const extra = Object.fromEntries(
    Object.entries(labels).filter(
      ([key]) => ![SERVICE_NAME, HEADLESS, 'endpointslice.kubernetes.io/managed-by'].includes(key),
    ),
  )
  return differs(
    { extra: one.expectExtra, headless: one.expectHeadlessLabel, update: one.expectLabelsUpdate },
    { extra, headless: Object.hasOwn(labels, HEADLESS), update: changed },
  )
}

function checkMissingNode(one: One): string {
  const pods = Object.entries(one.pods as Record<string, string>).map(([name, node], i) =>
    podOf({ name, node, ips: [`10.1.0.${i + 1}`] }),
  )
  const service = serviceOf({ publishNotReadyAddresses: one.publishNotReadyAddresses })
  const slices = one.existing === 0 ? [] : slicesOf(service, [one.existing], pods)
  const writes = reconcileSlices({
    service,
    pods,
    slices,
    node: (name) => (one.knownNodes.includes(name) ? nodeNamed(name) : undefined),
    max: 100,
  })
  const total = lengthsAfter(slices, writes).reduce((sum, length) => sum + length, 0)
  return differs(
    { writes: one.writes, endpoints: one.expectEndpoints, error: one.error },
    { writes: countsOf(writes), endpoints: total, error: writes.missingNodes.length > 0 },
  )
}

function checkZoneHints(one: One): string {
  const endpoints: Endpoint[] = one.endpoints.map(({ ip, zone, ready }: One) => ({
    addresses: [ip],
    conditions: { ready },
    ...(zone ? { zone } : {}),
  }))
  const ratios = one.ratios === null ? undefined : new Map<string, number>(Object.entries(one.ratios))
  const got = addZoneHints(endpoints, ratios)
  const hints = got.endpoints.map((endpoint) => endpoint.hints?.forZones?.map(({ name }) => name) ?? null)
  const { type, reason, cause } = got.event
  return differs(
    { hints: one.endpoints.map((endpoint: One) => endpoint.hints ?? null), event: one.event },
    { hints, event: one.event.cause === undefined ? { type, reason } : { type, reason, cause } },
  )
}

function zonedNode({ zone, cpuMilli, ready, controlPlane }: One): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: 'n',
      labels: {
        ...(zone ? { 'topology.kubernetes.io/zone': zone } : {}),
        ...(controlPlane ? { 'node-role.kubernetes.io/control-plane': '' } : {}),
      },
    },
    status: {
      allocatable: { cpu: `${cpuMilli ?? 0}m` },
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  } as unknown as Node
}

function checkDistribution(one: One): string | NotBuilt {
  if (one.trafficDistribution !== null && one.trafficDistribution !== 'PreferClose') {
    return { notBuilt: 'Kubernetes 1.32 does not know this value' }
  }
  const { zone, node, ready } = one.endpoint
  const endpoint: Endpoint = {
    addresses: ['10.1.0.1'],
    nodeName: node,
    conditions: { ready },
    ...(zone ? { zone } : {}),
  }
  const [got] = one.trafficDistribution === null ? [endpoint] : addPreferCloseHints([endpoint])
  const hints = got!.hints?.forZones?.map(({ name }) => name)
  return differs(one.expectHints, hints === undefined ? null : { forZones: hints })
}
