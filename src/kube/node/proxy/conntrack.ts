/** Connections that lead to endpoints which are gone. Models pkg/proxy/conntrack/cleanup.go (Kubernetes 1.32). */
import { formatIp } from '../../../base/addr.ts'
import type { Conn } from '../../../net/nf/types.ts'
import { IPPROTO_UDP } from '../../../net/types.ts'
import { endpointText } from './names.ts'
import { endpointsKey } from './ports.ts'
import type { ProxyState } from './ruleset.ts'

/**
 * The UDP connections to a service address or node port that were translated to an address which does not serve it any
 * more, whatever the port. A service port that nothing serves has none: its rules refuse what comes. TCP's end by
 * themselves.
 */
export function staleConnections(state: ProxyState, connections: readonly Conn[]): Conn[] {
  const udp = state.ports.filter((port) => port.protocol === 'udp')
  if (udp.length === 0) return []
  const byAddress = new Map<string, ReadonlySet<string>>()
  const byNodePort = new Map<number, ReadonlySet<string>>()
  for (const port of udp) {
    const endpoints = state.endpoints.get(endpointsKey(port)) ?? []
    const serving = new Set(endpoints.filter((endpoint) => endpoint.serving).map(({ ip }) => ip))
    if (serving.size === 0) continue
    for (const ip of [port.clusterIP, ...port.externalIPs, ...port.loadBalancerIPs]) {
      byAddress.set(endpointText(ip, port.port), serving)
    }
    if (port.nodePort !== 0) byNodePort.set(port.nodePort, serving)
  }
  return connections.filter(({ orig, reply }) => {
    if (orig.proto !== IPPROTO_UDP) return false
    const from = formatIp(reply.src)
    const lists = [byAddress.get(endpointText(formatIp(orig.dst), orig.dport)), byNodePort.get(orig.dport)]
    return lists.some((serving) => serving !== undefined && !serving.has(from))
  })
}
