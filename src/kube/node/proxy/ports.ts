/**
 * Service ports and endpoints out of Services and EndpointSlices.
 * Models pkg/proxy/serviceport.go, servicechangetracker.go and endpointslicecache.go (Kubernetes 1.32).
 */
import { parseIp, parsePrefix } from '../../../base/addr.ts'
import { hintsEnabled } from '../../controller/endpointslice/topology.ts'
import { endpointText, servicePortName } from './names.ts'
import type { EndpointSliceLike, ProxyEndpoint, ServiceLike, ServicePort } from './types.ts'

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'

/** The service ports of one family in the order of their names; headless and ExternalName Services have none. */
export function servicePorts(services: Iterable<ServiceLike>, family: 4 | 6): ServicePort[] {
  const ports: ServicePort[] = []
  for (const service of services) addPorts(ports, service, family)
  return ports.sort((a, b) => compare(a.name, b.name) || compare(a.protocol, b.protocol))
}

/**
 * Endpoints by `NAMESPACE/NAME[:PORT]` + '/' + protocol, each list in the order of its addresses' text.
 * An address that stands in several slices counts once.
 */
export function endpointsByPort(
  slices: Iterable<EndpointSliceLike>,
  family: 4 | 6,
  nodeName: string,
): Map<string, ProxyEndpoint[]> {
  const found = new Map<string, Map<string, ProxyEndpoint>>()
  for (const slice of slices) {
    if (slice.addressType !== (family === 4 ? 'IPv4' : 'IPv6')) continue
    addSlice(found, slice, nodeName)
  }
  const byPort = new Map<string, ProxyEndpoint[]>()
  for (const [key, endpoints] of found) {
    byPort.set(
      key,
      [...endpoints.values()].sort((a, b) => compare(a.text, b.text)),
    )
  }
  return byPort
}

/** The key of `endpointsByPort` for a service port. */
export function endpointsKey(port: ServicePort): string {
  return `${port.name}/${port.protocol}`
}

function addPorts(ports: ServicePort[], service: ServiceLike, family: 4 | 6): void {
  const { metadata, spec } = service
  const clusterIP = clusterIpOf(service, family)
  if (clusterIP === '' || spec.type === 'ExternalName') return
  const namespace = metadata.namespace ?? 'default'
  const external = spec.type === 'NodePort' || spec.type === 'LoadBalancer'
  const externalIPs = (spec.externalIPs ?? []).filter((ip) => isFamily(ip, family))
  const externalLocal = spec.externalTrafficPolicy === 'Local' && (external || externalIPs.length > 0)
  const ingress = service.status?.loadBalancer?.ingress ?? []
  for (const port of spec.ports ?? []) {
    ports.push({
      name: servicePortName(namespace, metadata.name, port.name ?? ''),
      namespace,
      service: metadata.name,
      protocol: protocolOf(port.protocol),
      clusterIP,
      port: port.port,
      nodePort: port.nodePort ?? 0,
      externalIPs,
      loadBalancerIPs: ingress
        .filter((entry) => (entry.ipMode ?? 'VIP') === 'VIP' && isFamily(entry.ip ?? '', family))
        .map((entry) => entry.ip!),
      sourceRanges: sourceRangesOf(service, family),
      stickySeconds:
        spec.sessionAffinity === 'ClientIP'
          ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10800)
          : 0,
      internalLocal: spec.internalTrafficPolicy === 'Local',
      externalLocal,
      healthCheckNodePort:
        spec.type === 'LoadBalancer' && externalLocal ? (spec.healthCheckNodePort ?? 0) : 0,
      followsHints: followsHints(service),
    })
  }
}

/**
 * Hints are the endpointslice controller's answer to topology-mode Auto or to trafficDistribution. 1.32 reads them
 * whatever the annotation says; without either nobody sets them, so stale ones are left out here.
 */
function followsHints({ metadata, spec }: ServiceLike): boolean {
  return hintsEnabled(metadata.annotations ?? {}) || (spec.trafficDistribution ?? '') !== ''
}

function clusterIpOf({ spec }: ServiceLike, family: 4 | 6): string {
  const all =
    spec.clusterIPs !== undefined && spec.clusterIPs.length > 0 ? spec.clusterIPs : [spec.clusterIP ?? '']
  return all.find((ip) => isFamily(ip, family)) ?? ''
}

function sourceRangesOf({ metadata, spec }: ServiceLike, family: 4 | 6): string[] {
  if (spec.type !== 'LoadBalancer') return []
  const annotation = metadata.annotations?.['service.beta.kubernetes.io/load-balancer-source-ranges'] ?? ''
  const own = spec.loadBalancerSourceRanges ?? []
  const texts = own.length > 0 ? own : annotation.split(',').filter((text) => text.trim() !== '')
  return texts
    .map((text) => text.trim())
    .filter((text) => {
      const prefix = parsePrefix(text)
      return prefix !== undefined && isFamily(text.split('/')[0]!, family)
    })
}

function isFamily(text: string, family: 4 | 6): boolean {
  const ip = parseIp(text)
  return ip !== undefined && (typeof ip === 'number' ? 4 : 6) === family
}

function protocolOf(protocol: string | undefined): 'tcp' | 'udp' | 'sctp' {
  return protocol === 'UDP' ? 'udp' : protocol === 'SCTP' ? 'sctp' : 'tcp'
}

function addSlice(
  found: Map<string, Map<string, ProxyEndpoint>>,
  slice: EndpointSliceLike,
  nodeName: string,
): void {
  const service = slice.metadata.labels?.[SERVICE_NAME_LABEL]
  if (service === undefined || service === '') return
  const namespace = slice.metadata.namespace ?? 'default'
  for (const port of slice.ports ?? []) {
    if (port.port === undefined || port.port === null) continue
    const key = `${servicePortName(namespace, service, port.name ?? '')}/${protocolOf(port.protocol)}`
    const endpoints = found.get(key) ?? new Map<string, ProxyEndpoint>()
    found.set(key, endpoints)
    for (const endpoint of slice.endpoints ?? []) {
      const ip = endpoint.addresses[0]
      if (ip === undefined) continue
      const text = endpointText(ip, port.port)
      const { ready, serving, terminating } = endpoint.conditions ?? {}
      endpoints.set(text, {
        ip,
        port: port.port,
        text,
        local: nodeName !== '' && endpoint.nodeName === nodeName,
        ready: ready ?? true,
        serving: serving ?? true,
        terminating: terminating ?? false,
        zoneHints: (endpoint.hints?.forZones ?? []).map((zone) => zone.name),
      })
    }
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
