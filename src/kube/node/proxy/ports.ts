/**
 * Service ports and endpoints out of Services and EndpointSlices.
 * Models pkg/proxy/serviceport.go, servicechangetracker.go and endpointslicecache.go (Kubernetes 1.32).
 */
import { familyOf, formatIp, formatPrefix, maskIp, parseIp, parsePrefix } from '../../../base/addr.ts'
import { endpointText, servicePortName } from './names.ts'
import type { EndpointSliceLike, ProxyEndpoint, ServiceLike, ServicePort } from './types.ts'

/** Mostly; one list for all. */
const NO_HINTS: readonly string[] = Object.freeze([])

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'
/** Objects with one of these are no business of kube-proxy: its informers leave them out. */
const OTHER_PROXY_LABEL = 'service.kubernetes.io/service-proxy-name'
const HEADLESS_LABEL = 'service.kubernetes.io/headless'

/** The service ports of one family in the order of their names; headless and ExternalName Services have none. */
export function servicePorts(services: Iterable<ServiceLike>, family: 4 | 6): ServicePort[] {
  const ports: ServicePort[] = []
  for (const service of services) addPorts(ports, service, family)
  return ports.sort((a, b) => compare(a.name, b.name) || compare(a.protocol, b.protocol))
}

/**
 * Endpoints by `NAMESPACE/NAME[:PORT]` + '/' + protocol, each list in the order of its addresses' text.
 * An address that stands more than once counts once: as it stands first (slices in the order given, where the real one
 * has that of a Go map), unless a later one is on this node.
 */
export function endpointsByPort(
  slices: Iterable<EndpointSliceLike>,
  family: 4 | 6,
  nodeName: string,
): Map<string, ProxyEndpoint[]> {
  const found = new Map<string, Map<string, ProxyEndpoint>>()
  for (const slice of slices) {
    if (slice.addressType !== (family === 4 ? 'IPv4' : 'IPv6')) continue
    addSlice(found, slice, family, nodeName)
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
  if (isMarked(metadata, OTHER_PROXY_LABEL) || isMarked(metadata, HEADLESS_LABEL)) return
  const namespace = metadata.namespace ?? 'default'
  const external = spec.type === 'NodePort' || spec.type === 'LoadBalancer'
  const externalIPs = ipsOf(spec.externalIPs ?? [], family)
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
      loadBalancerIPs: ipsOf(
        ingress.filter((entry) => (entry.ipMode ?? 'VIP') === 'VIP').map((entry) => entry.ip ?? ''),
        family,
      ),
      sourceRanges: sourceRangesOf(service, family),
      stickySeconds:
        spec.sessionAffinity === 'ClientIP'
          ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10800)
          : 0,
      internalLocal: spec.internalTrafficPolicy === 'Local',
      externalLocal,
      healthCheckNodePort:
        spec.type === 'LoadBalancer' && externalLocal ? (spec.healthCheckNodePort ?? 0) : 0,
    })
  }
}

function clusterIpOf({ spec }: ServiceLike, family: 4 | 6): string {
  const all =
    spec.clusterIPs !== undefined && spec.clusterIPs.length > 0 ? spec.clusterIPs : [spec.clusterIP ?? '']
  return ipsOf(all, family)[0] ?? ''
}

/** The networks that may ask, without their host bits; what is none is passed over. */
function sourceRangesOf({ spec }: ServiceLike, family: 4 | 6): string[] {
  return (spec.loadBalancerSourceRanges ?? []).flatMap((text) => {
    const trimmed = text.trim()
    const prefix = trimmed.includes('/') ? parsePrefix(unpadded(trimmed)) : undefined
    if (prefix === undefined || familyOf(prefix.addr) !== family) return []
    return [formatPrefix({ addr: maskIp(prefix.addr, prefix.len), len: prefix.len })]
  })
}

function isMarked(
  { labels }: { readonly labels?: Readonly<Record<string, string>> },
  label: string,
): boolean {
  return labels?.[label] !== undefined
}

function ipsOf(texts: readonly string[], family: 4 | 6): string[] {
  return texts.map((text) => ipText(text, family)).filter((text) => text !== '')
}

/** The address as rules name it: older objects may say it with leading zeros or long. '' for what is none of the family. */
function ipText(text: string, family: 4 | 6): string {
  const ip = parseIp(text) ?? parseIp(unpadded(text))
  if (ip === undefined || familyOf(ip) !== family) return ''
  const plain = formatIp(ip)
  return plain === text ? text : plain
}

/** A dotted quad without leading zeros: `010.0.0.1` is read as decimal. */
function unpadded(text: string): string {
  return text.includes(':') ? text : text.replace(/\b0+(?=\d)/g, '')
}

function protocolOf(protocol: string | undefined): 'tcp' | 'udp' | 'sctp' {
  return protocol === 'UDP' ? 'udp' : protocol === 'SCTP' ? 'sctp' : 'tcp'
}

function addSlice(
  found: Map<string, Map<string, ProxyEndpoint>>,
  slice: EndpointSliceLike,
  family: 4 | 6,
  nodeName: string,
): void {
  const service = slice.metadata.labels?.[SERVICE_NAME_LABEL]
  if (service === undefined || service === '') return
  if (isMarked(slice.metadata, OTHER_PROXY_LABEL) || isMarked(slice.metadata, HEADLESS_LABEL)) return
  const namespace = slice.metadata.namespace ?? 'default'
  for (const port of slice.ports ?? []) {
    if (port.port === undefined || port.port === null || port.port === 0) continue
    const key = `${servicePortName(namespace, service, port.name ?? '')}/${protocolOf(port.protocol)}`
    const endpoints = found.get(key) ?? new Map<string, ProxyEndpoint>()
    found.set(key, endpoints)
    for (const endpoint of slice.endpoints ?? []) {
      const ip = ipText(endpoint.addresses[0] ?? '', family)
      if (ip === '') continue
      const text = endpointText(ip, port.port)
      const local = nodeName !== '' && endpoint.nodeName === nodeName
      if (endpoints.has(text) && !local) continue
      const { ready, serving, terminating } = endpoint.conditions ?? {}
      endpoints.set(text, {
        ip,
        port: port.port,
        text,
        local,
        ready: ready ?? true,
        serving: serving ?? true,
        terminating: terminating ?? false,
        zoneHints: endpoint.hints?.forZones?.map((zone) => zone.name) ?? NO_HINTS,
      })
    }
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
