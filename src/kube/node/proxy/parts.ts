/**
 * What one Service adds to a node's rules, by itself: kept from sync to sync, so that a change costs what it changes.
 * Models the partial syncs of pkg/proxy/iptables/proxier.go (Kubernetes 1.32).
 */
import { categorizeEndpoints } from './categorize.ts'
import { endpointsByPort, endpointsKey, servicePorts } from './ports.ts'
import type { RuleSink } from './rules.ts'
import { servicePortRules } from './rules.ts'
import type {
  EndpointSliceLike,
  ProxyEndpoint,
  ProxyNode,
  ProxyRule,
  ServiceLike,
  ServicePort,
} from './types.ts'

export interface ServicePart {
  readonly ports: readonly ServicePort[]
  /** By `endpointsKey`. */
  readonly endpoints: ReadonlyMap<string, readonly ProxyEndpoint[]>
  /** Rules of the chains that all Services share, in order. */
  readonly filter: readonly ProxyRule[]
  readonly nat: readonly ProxyRule[]
  /** Its own chains of the nat table. */
  readonly own: ReadonlyMap<string, readonly ProxyRule[]>
}

const SHARED: ReadonlySet<string> = new Set(['KUBE-SERVICES', 'KUBE-NODEPORTS'])

/** The part of one Service with its slices. `comments` false leaves them out where endpoints are chosen. */
export function servicePart(
  node: ProxyNode,
  service: ServiceLike,
  slices: Iterable<EndpointSliceLike>,
  comments: boolean,
): ServicePart {
  const ports = servicePorts([service], node.family)
  const endpoints = endpointsByPort(slices, node.family, node.name)
  const sink: RuleSink = { filterChains: [], filter: [], natChains: [], nat: [] }
  for (const port of ports) {
    const listed = endpoints.get(endpointsKey(port)) ?? []
    servicePortRules(sink, node, port, categorizeEndpoints(listed, port, node.zone), comments)
  }
  const own = new Map<string, ProxyRule[]>()
  for (const chain of sink.natChains) own.set(chain, [])
  const nat: ProxyRule[] = []
  for (const rule of sink.nat) {
    if (SHARED.has(rule.chain)) nat.push(rule)
    else own.get(rule.chain)!.push(rule)
  }
  return { ports, endpoints, filter: sink.filter, nat, own }
}

/** How many endpoints a part has: from 1,000 in all on, choices carry no comments. */
export function endpointCount(part: ServicePart): number {
  let count = 0
  for (const port of part.ports) count += part.endpoints.get(endpointsKey(port))?.length ?? 0
  return count
}
