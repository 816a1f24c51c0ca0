/**
 * The iptables rules of kube-proxy for one node. Models pkg/proxy/iptables/proxier.go (Kubernetes 1.32), syncProxyRules.
 * Service ports come in the order of their names, where the real one has that of a Go map. Not here: other modes.
 */
import { inPrefix, isLoopback, parseIp, parsePrefix } from '../../../base/addr.ts'
import { categorizeEndpoints } from './categorize.ts'
import { endpointsByPort, endpointsKey, servicePorts } from './ports.ts'
import { servicePortRules } from './rules.ts'
import type { RuleSink } from './rules.ts'
import type {
  EndpointSliceLike,
  ProxyEndpoint,
  ProxyNode,
  ProxyRule,
  ProxyRuleset,
  ServiceLike,
  ServicePort,
} from './types.ts'

/** From so many endpoints on, rules for the choice of an endpoint carry no comment. */
export const LARGE_CLUSTER = 1000

const FILTER_CHAINS = [
  'KUBE-SERVICES',
  'KUBE-EXTERNAL-SERVICES',
  'KUBE-FORWARD',
  'KUBE-NODEPORTS',
  'KUBE-PROXY-FIREWALL',
] as const
const NAT_CHAINS = ['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-POSTROUTING', 'KUBE-MARK-MASQ'] as const

const NEW = ['-m', 'conntrack', '--ctstate', 'NEW']

/** A rule of a built-in chain that leads to one of kube-proxy's: put at the chain's head, in this order, once. */
export interface JumpRule {
  readonly table: 'filter' | 'nat'
  readonly from: string
  readonly args: readonly string[]
}

/** The rules that lead from the built-in chains. Each is put at the head of its chain where it is missing. */
export const JUMP_RULES: readonly JumpRule[] = [
  jump('filter', 'KUBE-EXTERNAL-SERVICES', 'INPUT', 'kubernetes externally-visible service portals', NEW),
  jump('filter', 'KUBE-EXTERNAL-SERVICES', 'FORWARD', 'kubernetes externally-visible service portals', NEW),
  jump('filter', 'KUBE-NODEPORTS', 'INPUT', 'kubernetes health check service ports', []),
  jump('filter', 'KUBE-SERVICES', 'FORWARD', 'kubernetes service portals', NEW),
  jump('filter', 'KUBE-SERVICES', 'OUTPUT', 'kubernetes service portals', NEW),
  jump('filter', 'KUBE-FORWARD', 'FORWARD', 'kubernetes forwarding rules', []),
  jump('filter', 'KUBE-PROXY-FIREWALL', 'INPUT', 'kubernetes load balancer firewall', NEW),
  jump('filter', 'KUBE-PROXY-FIREWALL', 'OUTPUT', 'kubernetes load balancer firewall', NEW),
  jump('filter', 'KUBE-PROXY-FIREWALL', 'FORWARD', 'kubernetes load balancer firewall', NEW),
  jump('nat', 'KUBE-SERVICES', 'OUTPUT', 'kubernetes service portals', []),
  jump('nat', 'KUBE-SERVICES', 'PREROUTING', 'kubernetes service portals', []),
  jump('nat', 'KUBE-POSTROUTING', 'POSTROUTING', 'kubernetes postrouting rules', []),
]

/** Service ports of a cluster with their endpoints, as one node sees them. */
export interface ProxyState {
  readonly ports: readonly ServicePort[]
  /** By `endpointsKey`. */
  readonly endpoints: ReadonlyMap<string, readonly ProxyEndpoint[]>
}

/** What a node's kube-proxy knows of Services and EndpointSlices. */
export function proxyState(
  node: ProxyNode,
  services: Iterable<ServiceLike>,
  slices: Iterable<EndpointSliceLike>,
): ProxyState {
  return {
    ports: servicePorts(services, node.family),
    endpoints: endpointsByPort(slices, node.family, node.name),
  }
}

/** Chains and rules of one node's kube-proxy. The same arguments give the same rules in the same order. */
export function buildRuleset(node: ProxyNode, state: ProxyState): ProxyRuleset {
  const sink: RuleSink = { filterChains: [...FILTER_CHAINS], filter: [], natChains: [...NAT_CHAINS], nat: [] }
  writeFixedRules(node, sink)
  let total = 0
  for (const port of state.ports) total += state.endpoints.get(endpointsKey(port))?.length ?? 0
  const comments = total <= LARGE_CLUSTER
  for (const port of state.ports) {
    const endpoints = state.endpoints.get(endpointsKey(port)) ?? []
    servicePortRules(sink, node, port, categorizeEndpoints(endpoints, port, node.zone), comments)
  }
  writeNodePortJumps(node, sink)
  writeForwardRules(node, sink)
  return {
    filter: { chains: sink.filterChains, rules: sink.filter },
    nat: { chains: sink.natChains, rules: sink.nat },
  }
}

/** Mark and mask of packets that are to be masqueraded: `0x4000/0x4000`. */
export function masqueradeMark(node: ProxyNode): string {
  const mark = `0x${(2 ** node.masqueradeBit).toString(16)}`
  return `${mark}/${mark}`
}

function jump(
  table: 'filter' | 'nat',
  to: string,
  from: string,
  comment: string,
  matches: readonly string[],
): JumpRule {
  return { table, from, args: [...matches, '-m', 'comment', '--comment', comment, '-j', to] }
}

function fixed(chain: string, ...args: string[]): ProxyRule {
  return { chain, args, service: '' }
}

function writeFixedRules(node: ProxyNode, sink: RuleSink): void {
  const mark = masqueradeMark(node)
  const bit = mark.split('/')[0]!
  const masquerade = [
    '-m',
    'comment',
    '--comment',
    'kubernetes service traffic requiring SNAT',
    '-j',
    'MASQUERADE',
  ]
  if (node.randomFully) masquerade.push('--random-fully')
  sink.nat.push(
    fixed('KUBE-POSTROUTING', '-m', 'mark', '!', '--mark', mark, '-j', 'RETURN'),
    fixed('KUBE-POSTROUTING', '-j', 'MARK', '--xor-mark', bit),
    fixed('KUBE-POSTROUTING', ...masquerade),
    fixed('KUBE-MARK-MASQ', '-j', 'MARK', '--or-mark', bit),
  )
  if (node.family !== 4 || !node.localhostNodePorts) return
  // With route_localnet a neighbour could reach what listens on 127.0.0.1 only.
  sink.filterChains.push('KUBE-FIREWALL')
  sink.filter.push(
    fixed(
      'KUBE-FIREWALL',
      ...['-m', 'comment', '--comment', 'block incoming localnet connections'],
      ...['-d', '127.0.0.0/8', '!', '-s', '127.0.0.0/8'],
      ...['-m', 'conntrack', '!', '--ctstate', 'RELATED,ESTABLISHED,DNAT', '-j', 'DROP'],
    ),
  )
}

/** Behind every service's own rule: node ports, on all of the node's addresses or on the chosen ones. */
function writeNodePortJumps(node: ProxyNode, sink: RuleSink): void {
  const comment = 'kubernetes service nodeports; NOTE: this must be the last rule in this chain'
  const write = (...matches: string[]) =>
    sink.nat.push(
      fixed('KUBE-SERVICES', '-m', 'comment', '--comment', comment, ...matches, '-j', 'KUBE-NODEPORTS'),
    )
  const prefixes = node.nodePortAddresses.map((text) => parsePrefix(text))
  const ofFamily = prefixes.filter(
    (p) => p !== undefined && (typeof p.addr === 'number' ? 4 : 6) === node.family,
  )
  if (ofFamily.length === 0 || ofFamily.some((prefix) => prefix!.len === 0)) {
    const local = ['-m', 'addrtype', '--dst-type', 'LOCAL']
    if (node.family === 6) local.push('!', '-d', '::1/128')
    else if (!node.localhostNodePorts) local.push('!', '-d', '127.0.0.0/8')
    write(...local)
    return
  }
  for (const text of node.localIPs) {
    const ip = parseIp(text)
    if (ip === undefined || !ofFamily.some((prefix) => inPrefix(ip, prefix!.addr, prefix!.len))) continue
    if (isLoopback(ip) && (node.family === 6 || !node.localhostNodePorts)) continue
    write('-d', text)
  }
}

function writeForwardRules(node: ProxyNode, sink: RuleSink): void {
  const commented = (text: string) => ['-m', 'comment', '--comment', text]
  sink.filter.push(
    fixed('KUBE-FORWARD', '-m', 'conntrack', '--ctstate', 'INVALID', '-j', 'DROP'),
    fixed(
      'KUBE-FORWARD',
      ...commented('kubernetes forwarding rules'),
      ...['-m', 'mark', '--mark', masqueradeMark(node), '-j', 'ACCEPT'],
    ),
    fixed(
      'KUBE-FORWARD',
      ...commented('kubernetes forwarding conntrack rule'),
      ...['-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED', '-j', 'ACCEPT'],
    ),
  )
}
