/** What one pod adds to a Service's slices. Models k8s.io/endpointslice utils.go and util/controller_utils.go (Kubernetes 1.32). */
import { parseIp } from '../../../base/addr.ts'
import { deepFreeze } from '../../types.ts'
import type { ContainerPort, Endpoint, EndpointPort, Node, Pod, Service, ServicePort } from '../../objects.ts'

export type AddressType = 'IPv4' | 'IPv6'

export const SERVICE_NAME = 'kubernetes.io/service-name'
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by'
export const HEADLESS = 'service.kubernetes.io/headless'
export const CONTROLLER_NAME = 'endpointslice-controller.k8s.io'

const ZONE = 'topology.kubernetes.io/zone'

/** A pod has an address and has not come to its end. Terminating ones count only where asked for. */
export function shouldPodBeInEndpoints(pod: Pod, includeTerminating: boolean): boolean {
  const { phase, podIP, podIPs } = pod.status ?? {}
  if (phase === 'Failed' || phase === 'Succeeded') return false
  if ((podIP ?? '') === '' && (podIPs ?? []).length === 0) return false
  return includeTerminating || pod.metadata.deletionTimestamp === undefined
}

/** Its Ready condition is True. */
export function isPodReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
}

/**
 * The endpoint that a pod is for a Service; without addresses where it has none of the family. For a frozen pod the
 * same record as the last time, where nothing else has changed: slices then share it, and see at once that it stands.
 */
export function podToEndpoint(
  pod: Pod,
  node: Node | undefined,
  service: Service,
  type: AddressType,
): Endpoint {
  const known = lastOf.get(pod)
  const publish = service.spec.publishNotReadyAddresses === true
  const named = shouldSetHostname(pod, service)
  const zone = node?.metadata.labels?.[ZONE] ?? ''
  if (known?.type === type && known.publish === publish && known.named === named && known.zone === zone) {
    return known.endpoint
  }
  const endpoint = endpointOf(pod, node, service, type)
  if (Object.isFrozen(pod)) lastOf.set(pod, { type, publish, named, zone, endpoint: deepFreeze(endpoint) })
  return endpoint
}

/** Derived from pods that never change, and no part of the world's state. */
const lastOf = new WeakMap<
  Pod,
  { type: AddressType; publish: boolean; named: boolean; zone: string; endpoint: Endpoint }
>()

function endpointOf(pod: Pod, node: Node | undefined, service: Service, type: AddressType): Endpoint {
  const serving = isPodReady(pod)
  const terminating = pod.metadata.deletionTimestamp !== undefined
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating)
  const zone = node?.metadata.labels?.[ZONE] ?? ''
  const { nodeName = '' } = pod.spec
  return {
    addresses: addressesOf(pod, type),
    conditions: { ready, serving, terminating },
    ...(shouldSetHostname(pod, service) ? { hostname: pod.spec.hostname! } : {}),
    targetRef: {
      kind: 'Pod',
      namespace: pod.metadata.namespace ?? '',
      name: pod.metadata.name,
      uid: pod.metadata.uid,
    },
    ...(nodeName === '' ? {} : { nodeName }),
    ...(zone === '' ? {} : { zone }),
  }
}

/** Its host name is published: the pod's subdomain names this very Service. */
export function shouldSetHostname(pod: Pod, service: Service): boolean {
  const { hostname = '', subdomain = '' } = pod.spec
  return (
    hostname !== '' &&
    subdomain === service.metadata.name &&
    pod.metadata.namespace === service.metadata.namespace
  )
}

/** The number that a service port leads to in a pod; undefined where no container names it so. Models pod.FindPort. */
export function findPort(pod: Pod, port: ServicePort): number | undefined {
  const target = port.targetPort ?? port.port
  if (typeof target === 'number') return target
  const { containers, initContainers = [] } = pod.spec
  const sidecars = initContainers.filter((container) => container.restartPolicy === 'Always')
  for (const container of [...containers, ...sidecars]) {
    for (const declared of container.ports ?? []) {
      if (declared.name === target && protocolOf(declared) === (port.protocol ?? 'TCP'))
        return declared.containerPort
    }
  }
  return undefined
}

/** The ports of a Service as a pod serves them; a named port that it does not have is left out. */
export function endpointPorts(service: Service, pod: Pod): EndpointPort[] {
  const ports: EndpointPort[] = []
  for (const port of service.spec.ports ?? []) {
    const number = findPort(pod, port)
    if (number === undefined) continue
    ports.push({
      name: port.name ?? '',
      port: number,
      protocol: port.protocol ?? 'TCP',
      ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
    })
  }
  return ports
}

/** The same text for the same set of ports. */
export function portMapKey(ports: readonly EndpointPort[]): string {
  return ports
    .map(
      ({ name = '', port = 0, protocol = 'TCP', appProtocol = '' }) =>
        `${name}|${protocol}|${port}|${appProtocol}`,
    )
    .sort()
    .join(',')
}

/** The families that a Service has slices of. */
export function addressTypes(service: Service): AddressType[] {
  const { ipFamilies = [], clusterIP = '' } = service.spec
  if (ipFamilies.length > 0) return ipFamilies.map((family) => (family === 'IPv6' ? 'IPv6' : 'IPv4'))
  const ip = parseIp(clusterIP)
  if (ip !== undefined) return [typeof ip === 'number' ? 'IPv4' : 'IPv6']
  return ['IPv4', 'IPv6']
}

/** Labels that a slice of this Service is to have, and whether the Service's own have changed. */
export function sliceLabels(
  service: Service,
  current: Readonly<Record<string, string>>,
): { labels: Record<string, string>; changed: boolean } {
  const own = withoutReserved(service.metadata.labels ?? {})
  const had = withoutReserved(current)
  const labels = Object.fromEntries(own)
  if (isHeadless(service)) labels[HEADLESS] = ''
  labels[SERVICE_NAME] = service.metadata.name
  labels[MANAGED_BY] = CONTROLLER_NAME
  return { labels, changed: JSON.stringify(own) !== JSON.stringify(had) }
}

export function isHeadless(service: Service): boolean {
  return service.spec.clusterIP === 'None' || (service.spec.clusterIP ?? '') === ''
}

function withoutReserved(labels: Readonly<Record<string, string>>): [string, string][] {
  const reserved = [SERVICE_NAME, MANAGED_BY, HEADLESS]
  return Object.entries(labels)
    .filter(([key]) => !reserved.includes(key))
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

function addressesOf(pod: Pod, type: AddressType): string[] {
  const { podIP, podIPs } = pod.status ?? {}
  const all = podIPs !== undefined && podIPs.length > 0 ? podIPs.map(({ ip }) => ip) : [podIP ?? '']
  return all.filter((text) => {
    const ip = parseIp(text)
    return ip !== undefined && (typeof ip === 'number') === (type === 'IPv4')
  })
}

function protocolOf(port: ContainerPort): string {
  return port.protocol ?? 'TCP'
}
