/** Which endpoints serve which traffic. Models pkg/proxy/topology.go (Kubernetes 1.32). */
import type { ProxyEndpoint, ServicePort } from './types.ts'

export interface Categories {
  /** For traffic policy Cluster; null where the service has no use for them. */
  readonly cluster: readonly ProxyEndpoint[] | null
  /** For traffic policy Local; null where the service has no use for them. */
  readonly local: readonly ProxyEndpoint[] | null
  /** Those of either list: what needs a chain of its own on this node. */
  readonly allReachable: readonly ProxyEndpoint[]
  /** False: refuse; true with an empty list above: drop. */
  readonly hasAnyEndpoints: boolean
}

type Policy = Pick<
  ServicePort,
  'nodePort' | 'externalIPs' | 'loadBalancerIPs' | 'internalLocal' | 'externalLocal'
>

/** A node port, an external address or a load balancer's leads to it. */
export function isExternallyAccessible(port: Policy): boolean {
  return port.nodePort !== 0 || port.externalIPs.length > 0 || port.loadBalancerIPs.length > 0
}

/** Outside traffic needs the cluster's endpoints even with policy Local: for pods' and the node's own short cut. */
export function usesClusterEndpoints(port: Policy): boolean {
  return !port.internalLocal || isExternallyAccessible(port)
}

export function usesLocalEndpoints(port: Policy): boolean {
  return port.internalLocal || (port.externalLocal && isExternallyAccessible(port))
}

/**
 * Sorts a service port's endpoints. Terminating ones serve only where no ready one is, judged for each list by
 * itself. Hints count only while every ready endpoint has some and one of them names this node's zone, whatever the
 * Service's annotation says: that is what made the slices' controller write them.
 */
export function categorizeEndpoints(
  endpoints: readonly ProxyEndpoint[],
  port: Policy,
  zone: string,
): Categories {
  const wantsCluster = usesClusterEndpoints(port)
  const wantsLocal = usesLocalEndpoints(port)
  const hinted = wantsCluster && canUseHints(endpoints, zone)
  const cluster = wantsCluster
    ? readyElseTerminating(endpoints, (endpoint) => !hinted || endpoint.zoneHints.includes(zone))
    : null
  const local = wantsLocal ? readyElseTerminating(endpoints, (endpoint) => endpoint.local) : null
  const hasAnyEndpoints =
    cluster !== null ? cluster.length > 0 || (local ?? []).length > 0 : anyServes(endpoints)
  const all = cluster ?? []
  const extra = (local ?? []).filter((endpoint) => !all.includes(endpoint))
  return { cluster, local, allReachable: extra.length === 0 ? all : [...all, ...extra], hasAnyEndpoints }
}

function readyElseTerminating(
  endpoints: readonly ProxyEndpoint[],
  wanted: (endpoint: ProxyEndpoint) => boolean,
): ProxyEndpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready && wanted(endpoint))
  if (ready.length > 0) return ready
  return endpoints.filter((endpoint) => endpoint.serving && endpoint.terminating && wanted(endpoint))
}

function anyServes(endpoints: readonly ProxyEndpoint[]): boolean {
  return endpoints.some((endpoint) => endpoint.ready || (endpoint.serving && endpoint.terminating))
}

function canUseHints(endpoints: readonly ProxyEndpoint[], zone: string): boolean {
  if (zone === '') return false
  const ready = endpoints.filter((endpoint) => endpoint.ready)
  if (ready.some((endpoint) => endpoint.zoneHints.length === 0)) return false
  return ready.some((endpoint) => endpoint.zoneHints.includes(zone))
}
