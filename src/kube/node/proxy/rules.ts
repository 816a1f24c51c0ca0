/** The rules of one service port. Models pkg/proxy/iptables/proxier.go (Kubernetes 1.32), the loop of syncProxyRules. */
import { inPrefix, parseIp, parsePrefix } from '../../../base/addr.ts'
import { isExternallyAccessible, usesClusterEndpoints, usesLocalEndpoints } from './categorize.ts'
import type { Categories } from './categorize.ts'
import { chainName } from './names.ts'
import type { LocalDetector, ProxyEndpoint, ProxyNode, ProxyRule, ServicePort } from './types.ts'

/** Where rules are gathered, by table. */
export interface RuleSink {
  filterChains: string[]
  filter: ProxyRule[]
  natChains: string[]
  nat: ProxyRule[]
}

/** What the rules of one port are made from. */
interface Plan {
  sink: RuleSink
  node: ProxyNode
  port: ServicePort
  cluster: readonly ProxyEndpoint[]
  local: readonly ProxyEndpoint[]
  reachable: readonly ProxyEndpoint[]
  has: boolean
  hasInternal: boolean
  hasExternal: boolean
  comments: boolean
  service: string
  svc: string
  svl: string
  ext: string
  fw: string
  usesFw: boolean
}

/** Adds the chains and rules of a service port. `comments` false leaves them out where endpoints are chosen. */
export function servicePortRules(
  sink: RuleSink,
  node: ProxyNode,
  port: ServicePort,
  categories: Categories,
  comments: boolean,
): void {
  const { hasAnyEndpoints: has, allReachable: reachable } = categories
  const local = categories.local ?? []
  const name = (kind: 'KUBE-SVC' | 'KUBE-SVL' | 'KUBE-EXT' | 'KUBE-FW') =>
    chainName(kind, port.name, port.protocol)
  const plan: Plan = {
    sink,
    node,
    port,
    cluster: categories.cluster ?? [],
    local,
    reachable,
    has,
    hasInternal: has && !(port.internalLocal && local.length === 0),
    hasExternal: has && !(port.externalLocal && local.length === 0),
    comments,
    service: `${port.namespace}/${port.service}`,
    svc: name('KUBE-SVC'),
    svl: name('KUBE-SVL'),
    ext: name('KUBE-EXT'),
    fw: name('KUBE-FW'),
    usesFw: has && port.loadBalancerIPs.length > 0 && port.sourceRanges.length > 0,
  }
  captureClusterIp(plan)
  captureExternalIps(plan)
  captureLoadBalancer(plan)
  captureNodePort(plan)
  if (plan.hasInternal) writeInternal(plan)
  if (has && isExternallyAccessible(port)) writeExternal(plan)
  if (plan.usesFw) writeFirewall(plan)
  if (usesClusterEndpoints(port) && plan.cluster.length > 0) writeChoice(plan, plan.svc, plan.cluster)
  if (usesLocalEndpoints(port) && plan.local.length > 0) writeChoice(plan, plan.svl, plan.local)
  for (const endpoint of reachable) writeEndpoint(plan, endpoint)
}

function nat(plan: Plan, chain: string, ...args: string[]): void {
  plan.sink.nat.push({ chain, args, service: plan.service })
}

function filter(plan: Plan, chain: string, ...args: string[]): void {
  plan.sink.filter.push({ chain, args, service: plan.service })
}

function comment(text: string): string[] {
  return ['-m', 'comment', '--comment', text]
}

function proto(plan: Plan): string[] {
  return ['-m', plan.port.protocol, '-p', plan.port.protocol]
}

function to(plan: Plan, ip: string): string[] {
  return [...proto(plan), '-d', ip, '--dport', `${plan.port.port}`]
}

/** No endpoint at all: refuse. None for this policy: drop. */
function filterTarget({ has, port }: Plan): { target: string; text: string } {
  return has
    ? { target: 'DROP', text: `${port.name} has no local endpoints` }
    : { target: 'REJECT', text: `${port.name} has no endpoints` }
}

function captureClusterIp(plan: Plan): void {
  const { port } = plan
  const match = to(plan, port.clusterIP)
  if (plan.hasInternal) {
    const chain = port.internalLocal ? plan.svl : plan.svc
    nat(plan, 'KUBE-SERVICES', ...comment(`${port.name} cluster IP`), ...match, '-j', chain)
    return
  }
  const { target, text } = filterTarget(plan)
  filter(plan, 'KUBE-SERVICES', ...comment(text), ...match, '-j', target)
}

function captureExternalIps(plan: Plan): void {
  const { port } = plan
  const { target, text } = filterTarget(plan)
  for (const ip of port.externalIPs) {
    if (plan.has)
      nat(plan, 'KUBE-SERVICES', ...comment(`${port.name} external IP`), ...to(plan, ip), '-j', plan.ext)
    if (!plan.hasExternal)
      filter(plan, 'KUBE-EXTERNAL-SERVICES', ...comment(text), ...to(plan, ip), '-j', target)
  }
}

function captureLoadBalancer(plan: Plan): void {
  const { port } = plan
  for (const ip of port.loadBalancerIPs) {
    const match = to(plan, ip)
    const chain = plan.usesFw ? plan.fw : plan.ext
    if (plan.has)
      nat(plan, 'KUBE-SERVICES', ...comment(`${port.name} loadbalancer IP`), ...match, '-j', chain)
    if (plan.usesFw) {
      const text = `${port.name} traffic not accepted by ${plan.fw}`
      filter(plan, 'KUBE-PROXY-FIREWALL', ...comment(text), ...match, '-j', 'DROP')
    }
  }
  if (plan.hasExternal) return
  const { target, text } = filterTarget(plan)
  for (const ip of port.loadBalancerIPs) {
    filter(plan, 'KUBE-EXTERNAL-SERVICES', ...comment(text), ...to(plan, ip), '-j', target)
  }
}

function captureNodePort(plan: Plan): void {
  const { port } = plan
  if (port.nodePort !== 0) {
    const match = [...proto(plan), '--dport', `${port.nodePort}`]
    if (plan.has) nat(plan, 'KUBE-NODEPORTS', ...comment(port.name), ...match, '-j', plan.ext)
    if (!plan.hasExternal) {
      const { target, text } = filterTarget(plan)
      const local = ['-m', 'addrtype', '--dst-type', 'LOCAL']
      filter(plan, 'KUBE-EXTERNAL-SERVICES', ...comment(text), ...local, ...match, '-j', target)
    }
  }
  if (port.healthCheckNodePort === 0) return
  const match = ['-m', 'tcp', '-p', 'tcp', '--dport', `${port.healthCheckNodePort}`]
  filter(plan, 'KUBE-NODEPORTS', ...comment(`${port.name} health check node port`), ...match, '-j', 'ACCEPT')
}

/** Traffic to the cluster IP from outside the pods is masqueraded, so that its answer comes back through this node. */
function writeInternal(plan: Plan): void {
  const { node, port } = plan
  const chain = port.internalLocal ? plan.svl : plan.svc
  const match = [...comment(`${port.name} cluster IP`), ...to(plan, port.clusterIP)]
  if (node.masqueradeAll) nat(plan, chain, ...match, '-j', 'KUBE-MARK-MASQ')
  else if (node.detectLocal.mode !== 'none') {
    nat(plan, chain, ...match, ...ifNotLocal(node.detectLocal), '-j', 'KUBE-MARK-MASQ')
  }
}

/** All outside destinations meet here: masquerade with policy Cluster, else the short cuts of pods and of the node. */
function writeExternal(plan: Plan): void {
  const { node, port, ext } = plan
  plan.sink.natChains.push(ext)
  const about = (text: string) => comment(text.replace('%', port.name))
  if (!port.externalLocal) {
    nat(plan, ext, ...about('masquerade traffic for % external destinations'), '-j', 'KUBE-MARK-MASQ')
  } else {
    const local = ['-m', 'addrtype', '--src-type', 'LOCAL']
    if (node.detectLocal.mode !== 'none') {
      const pods = about('pod traffic for % external destinations')
      nat(plan, ext, ...pods, ...ifLocal(node.detectLocal), '-j', plan.svc)
    }
    const masquerade = about('masquerade LOCAL traffic for % external destinations')
    nat(plan, ext, ...masquerade, ...local, '-j', 'KUBE-MARK-MASQ')
    nat(plan, ext, ...about('route LOCAL traffic for % external destinations'), ...local, '-j', plan.svc)
  }
  if (plan.hasExternal) nat(plan, ext, '-j', port.externalLocal ? plan.svl : plan.svc)
}

/** Who may use the load balancer's address; the rest falls through to KUBE-PROXY-FIREWALL's drop. */
function writeFirewall(plan: Plan): void {
  const { node, port, fw } = plan
  plan.sink.natChains.push(fw)
  const about = comment(`${port.name} loadbalancer IP`)
  const nodeIp = parseIp(node.nodeIP)
  let fromNode = false
  for (const range of port.sourceRanges) {
    nat(plan, fw, ...about, '-s', range, '-j', plan.ext)
    const prefix = parsePrefix(range)!
    if (nodeIp !== undefined && inPrefix(nodeIp, prefix.addr, prefix.len)) fromNode = true
  }
  // The balancer's address may be the node's own: then a request from the node has it as its source.
  if (fromNode) for (const ip of port.loadBalancerIPs) nat(plan, fw, ...about, '-s', ip, '-j', plan.ext)
  nat(plan, fw, ...comment(`other traffic to ${port.name} will be dropped by KUBE-PROXY-FIREWALL`))
}

/** Session affinity first, then a draw: endpoint i of n is taken with 1/(n-i), the last always. */
function writeChoice(plan: Plan, chain: string, endpoints: readonly ProxyEndpoint[]): void {
  const { port } = plan
  plan.sink.natChains.push(chain)
  const about = (endpoint: ProxyEndpoint) =>
    plan.comments ? comment(`${port.name} -> ${endpoint.text}`) : []
  if (port.stickySeconds > 0) {
    for (const endpoint of endpoints) {
      const sep = sepChain(port, endpoint)
      const recent = [
        '-m',
        'recent',
        '--name',
        sep,
        '--rcheck',
        '--seconds',
        `${port.stickySeconds}`,
        '--reap',
      ]
      nat(plan, chain, ...about(endpoint), ...recent, '-j', sep)
    }
  }
  for (let i = 0; i < endpoints.length; i++) {
    const endpoint = endpoints[i]!
    const left = endpoints.length - i
    const draw =
      left > 1 ? ['-m', 'statistic', '--mode', 'random', '--probability', probabilityText(left)] : []
    nat(plan, chain, ...about(endpoint), ...draw, '-j', sepChain(port, endpoint))
  }
}

function writeEndpoint(plan: Plan, endpoint: ProxyEndpoint): void {
  const { port } = plan
  const sep = sepChain(port, endpoint)
  plan.sink.natChains.push(sep)
  const about = plan.comments ? comment(port.name) : []
  // A pod that is given itself must not see its own address as the source.
  nat(plan, sep, ...about, '-s', endpoint.ip, '-j', 'KUBE-MARK-MASQ')
  const recent = port.stickySeconds > 0 ? ['-m', 'recent', '--name', sep, '--set'] : []
  nat(plan, sep, ...about, ...recent, ...proto(plan), '-j', 'DNAT', '--to-destination', endpoint.text)
}

function sepChain(port: ServicePort, endpoint: ProxyEndpoint): string {
  return chainName('KUBE-SEP', port.name, port.protocol, endpoint.text)
}

/** 1/n with ten decimals. */
export function probabilityText(n: number): string {
  return (1 / n).toFixed(10)
}

function ifLocal(detector: LocalDetector): string[] {
  switch (detector.mode) {
    case 'cidr':
      return ['-s', detector.cidr]
    case 'bridge':
      return ['-i', detector.name]
    case 'prefix':
      return ['-i', `${detector.prefix}+`]
    case 'none':
      return []
  }
}

function ifNotLocal(detector: LocalDetector): string[] {
  return detector.mode === 'none' ? [] : ['!', ...ifLocal(detector)]
}
