/** Services. Models ValidateService and ValidateServiceUpdate of pkg/apis/core/validation (1.32), in their order. */
import type { IntOrString, Service, ServicePort } from '../objects.ts'
import type { ApiObject, StatusCause } from '../types.ts'
import {
  duplicate,
  goStrings,
  invalidAll,
  invalidValue,
  notAllowed,
  notSupported,
  oneOf,
  quote,
  required,
  requiredOneOf,
} from './fields.ts'
import {
  dns1123Label,
  dns1123Subdomain,
  nonSpecialIp,
  qualifiedName,
  validCidr,
  validIp,
  validPortName,
  validPortNumber,
} from './names.ts'
import { externallyReachable, needsHealthCheck } from './service.ts'
import { validateLabels } from './validate-meta.ts'

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
export const PROTOCOLS = ['SCTP', 'TCP', 'UDP']
const MODE = 'service.kubernetes.io/topology-mode'
const HINTS = 'service.kubernetes.io/topology-aware-hints'

export function validateService(service: Service, old: ApiObject | undefined): StatusCause[] {
  const causes = old === undefined ? [] : changes(service, old as Service)
  const annotations = service.metadata.annotations ?? {}
  const { [MODE]: mode, [HINTS]: hints } = annotations
  if (mode !== undefined && hints !== undefined && mode !== hints) {
    const words = `must match annotations[${HINTS}] when both are specified`
    causes.push(invalidValue(`metadata.annotations[${MODE}]`, mode, words))
  }
  causes.push(...typed(service), ...ports(service), ...affinity(service), ...validateClusterIps(service))
  const { spec } = service
  for (const [i, ip] of (spec.externalIPs ?? []).entries()) {
    const wrong = validIp(ip)
    const words = wrong.length > 0 ? wrong : nonSpecialIp(ip)
    causes.push(...words.map((one) => invalidValue(`spec.externalIPs[${i}]`, ip, one)))
  }
  causes.push(...requiredOneOf('spec.type', spec.type, TYPES))
  return [...causes, ...nodePorts(service), ...balancer(service), ...policies(service)]
}

function isHeadless({ spec }: Service): boolean {
  return spec.clusterIPs?.length === 1 && spec.clusterIPs[0] === 'None'
}

function typed(service: Service): StatusCause[] {
  const { spec } = service
  const causes: StatusCause[] = []
  if ((spec.ports?.length ?? 0) === 0 && !isHeadless(service) && spec.type !== 'ExternalName') {
    causes.push(required('spec.ports'))
  }
  if ((spec.type === 'LoadBalancer' || spec.type === 'NodePort') && isHeadless(service)) {
    causes.push(
      invalidValue('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`),
    )
  }
  if (spec.type !== 'ExternalName') return causes
  const words = 'may not be set for ExternalName services'
  if ((spec.clusterIPs?.length ?? 0) > 0) causes.push(notAllowed('spec.clusterIPs', words))
  if ((spec.ipFamilies?.length ?? 0) > 0) causes.push(notAllowed('spec.ipFamilies', words))
  if (spec.ipFamilyPolicy !== undefined) causes.push(notAllowed('spec.ipFamilyPolicy', words))
  const cname = (spec.externalName ?? '').replace(/\.$/, '')
  if (cname === '') causes.push(required('spec.externalName'))
  else causes.push(...dns1123Subdomain(cname).map((one) => invalidValue('spec.externalName', cname, one)))
  return causes
}

function ports({ spec }: Service): StatusCause[] {
  const names = new Set<string>()
  const all = spec.ports ?? []
  const causes = all.flatMap((port, i) => servicePort(port, all.length > 1, names, `spec.ports[${i}]`))
  return [...causes, ...validateLabels(spec.selector, 'spec.selector')]
}

function servicePort(port: ServicePort, named: boolean, names: Set<string>, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  const { name = '', protocol = '', appProtocol } = port
  if (name !== '') {
    causes.push(...dns1123Label(name).map((one) => invalidValue(`${path}.name`, name, one)))
    if (names.has(name)) causes.push(duplicate(`${path}.name`, name))
    names.add(name)
  } else if (named) causes.push(required(`${path}.name`))
  causes.push(
    ...validPortNumber(port.port ?? 0).map((one) => invalidValue(`${path}.port`, port.port ?? 0, one)),
  )
  if (protocol === '') causes.push(required(`${path}.protocol`))
  else if (!PROTOCOLS.includes(protocol)) causes.push(notSupported(`${path}.protocol`, protocol, PROTOCOLS))
  causes.push(...portOrName(port.targetPort ?? 0, `${path}.targetPort`))
  if (appProtocol !== undefined) {
    causes.push(
      ...qualifiedName(appProtocol).map((one) => invalidValue(`${path}.appProtocol`, appProtocol, one)),
    )
  }
  return causes
}

/** A port's number or the name of one. */
export function portOrName(port: IntOrString, path: string): StatusCause[] {
  const words = typeof port === 'number' ? validPortNumber(port) : validPortName(port)
  return words.map((one) => invalidValue(path, port, one))
}

function affinity({ spec }: Service): StatusCause[] {
  const kinds = ['ClientIP', 'None']
  const { sessionAffinity = '', sessionAffinityConfig: config } = spec
  const path = 'spec.sessionAffinityConfig'
  if (!kinds.includes(sessionAffinity)) return [notSupported('spec.sessionAffinity', sessionAffinity, kinds)]
  if (sessionAffinity === 'None') {
    return config === undefined ? [] : [notAllowed(path, 'must not be set when session affinity is None')]
  }
  const words = 'when session affinity type is ClientIP'
  if (config === undefined) return [required(path, words)]
  if (config.clientIP === undefined) return [required(`${path}.clientIP`, words)]
  const seconds = config.clientIP.timeoutSeconds
  if (seconds === undefined) return [required(`${path}.clientIP.timeoutSeconds`, words)]
  if (seconds > 0 && seconds <= 86400) return []
  return [
    invalidValue(`${path}.clientIP.timeoutSeconds`, seconds, 'must be greater than 0 and less than 86400'),
  ]
}

/** What contradicts itself among clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy: asked before addresses are given. */
export function validateClusterIps(service: Service): StatusCause[] {
  const { spec } = service
  if (spec.type === 'ExternalName') return []
  const causes: StatusCause[] = []
  const { clusterIPs = [], clusterIP = '', ipFamilies = [], ipFamilyPolicy } = spec
  const all = goStrings(clusterIPs)
  if (clusterIP === '' && clusterIPs.length > 0) {
    causes.push(invalidValue('spec.clusterIPs', all, 'must be empty when `clusterIP` is not specified'))
  } else if (clusterIP !== '' && clusterIPs.length === 0) causes.push(required('spec.clusterIPs'))
  else if (clusterIP !== '' && clusterIP !== clusterIPs[0]) {
    causes.push(invalidValue('spec.clusterIPs', all, 'first value must match `clusterIP`'))
  }
  const seen = new Set<string>()
  for (const [i, family] of ipFamilies.entries()) {
    const path = `spec.ipFamilies[${i}]`
    causes.push(...oneOf(path, family, ['IPv4', 'IPv6']))
    if (seen.has(family)) causes.push(duplicate(path, family))
    seen.add(family)
  }
  const kinds = ['PreferDualStack', 'RequireDualStack', 'SingleStack']
  causes.push(...oneOf('spec.ipFamilyPolicy', ipFamilyPolicy, kinds))
  return [...causes, ...addresses(clusterIPs, isHeadless(service) ? [] : ipFamilies)]
}

function addresses(clusterIPs: readonly string[], ipFamilies: readonly string[]): StatusCause[] {
  const causes: StatusCause[] = []
  const all = goStrings(clusterIPs)
  let broken = false
  for (const [i, ip] of clusterIPs.entries()) {
    if (i === 0 && ip === 'None') {
      if (clusterIPs.length === 1) continue
      broken = true
      causes.push(invalidValue('spec.clusterIPs', all, "'None' must be the first and only value"))
      continue
    }
    const words = validIp(ip)
    broken ||= words.length > 0
    causes.push(...invalidAll(`spec.clusterIPs[${i}]`, ip, words))
  }
  if (clusterIPs.length > 2) causes.push(invalidValue('spec.clusterIPs', all, 'may only hold up to 2 values'))
  if (broken) return causes
  const families = clusterIPs.map((ip) => (ip.includes(':') ? 'IPv6' : 'IPv4'))
  if (clusterIPs.length > 1 && new Set(families).size < 2) {
    causes.push(invalidValue('spec.clusterIPs', all, 'may specify no more than one IP for each IP family'))
  }
  for (const [i, family] of ipFamilies.entries()) {
    const known = family === 'IPv4' || family === 'IPv6'
    if (clusterIPs[i] === undefined || !known || families[i] === family) continue
    const words = `expected an ${family} value as indicated by \`ipFamilies[${i}]\``
    causes.push(invalidValue(`spec.clusterIPs[${i}]`, clusterIPs[i], words))
  }
  return causes
}

function nodePorts({ spec }: Service): StatusCause[] {
  const causes: StatusCause[] = []
  const all = spec.ports ?? []
  if (spec.type === 'ClusterIP') {
    const words = "may not be used when `type` is 'ClusterIP'"
    for (const [i, port] of all.entries())
      if (port.nodePort) causes.push(notAllowed(`spec.ports[${i}].nodePort`, words))
  }
  const used = new Set<string>()
  for (const [i, { nodePort, protocol }] of all.entries()) {
    if (!nodePort) continue
    if (used.has(`${protocol}/${nodePort}`)) causes.push(duplicate(`spec.ports[${i}].nodePort`, nodePort))
    used.add(`${protocol}/${nodePort}`)
  }
  const open = new Set<string>()
  for (const [i, { port, protocol }] of all.entries()) {
    if (open.has(`${protocol}/${port}`)) {
      const go = `core.ServicePort{Name:"", Protocol:"${protocol}", AppProtocol:(*string)(nil), Port:${port}, TargetPort:intstr.IntOrString{Type:0, IntVal:0, StrVal:""}, NodePort:0}`
      causes.push(duplicate(`spec.ports[${i}]`, { go }))
    }
    open.add(`${protocol}/${port}`)
  }
  return causes
}

const ONLY_LB = "may only be used when `type` is 'LoadBalancer'"

const RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges'

function balancer(service: Service): StatusCause[] {
  const { spec } = service
  const causes = sourceRanges(service)
  const { allocateLoadBalancerNodePorts: allocate } = spec
  if (allocate !== undefined && spec.type !== 'LoadBalancer') {
    causes.push(notAllowed('spec.allocateLoadBalancerNodePorts', ONLY_LB))
  }
  return [...causes, ...balancerClass(spec)]
}

function balancerClass({ loadBalancerClass: kind, type }: Service['spec']): StatusCause[] {
  if (kind === undefined) return []
  if (type !== 'LoadBalancer') return [notAllowed('spec.loadBalancerClass', ONLY_LB)]
  return invalidAll('spec.loadBalancerClass', kind, qualifiedName(kind))
}

/** The field, else the annotation that was before it. */
function sourceRanges({ spec, metadata }: Service): StatusCause[] {
  const list = spec.loadBalancerSourceRanges ?? []
  const annotation = metadata.annotations?.[RANGES]
  const path = list.length > 0 ? 'spec.LoadBalancerSourceRanges' : `metadata.annotations[${RANGES}]`
  if (list.length === 0 && annotation === undefined) return []
  const causes = spec.type === 'LoadBalancer' ? [] : [notAllowed(path, ONLY_LB)]
  const given = list.length > 0 ? list : annotation?.trim() ? annotation.split(',') : []
  for (const [i, text] of given.entries()) {
    const at = list.length > 0 ? `${path}[${i}]` : path
    causes.push(...invalidAll(at, text.trim(), validCidr(text.trim())))
  }
  return causes
}

function policies(service: Service): StatusCause[] {
  const { spec } = service
  const causes: StatusCause[] = []
  const kinds = ['Cluster', 'Local']
  const external: string = spec.externalTrafficPolicy ?? ''
  if (!externallyReachable(service)) {
    const words = 'may only be set for externally-accessible services'
    if (external !== '') causes.push(invalidValue('spec.externalTrafficPolicy', external, words))
  } else if (external === '') causes.push(required('spec.externalTrafficPolicy'))
  else if (!kinds.includes(external)) causes.push(notSupported('spec.externalTrafficPolicy', external, kinds))
  const check = spec.healthCheckNodePort ?? 0
  const path = 'spec.healthCheckNodePort'
  if (check !== 0 && !needsHealthCheck(service)) {
    const words = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
    causes.push(invalidValue(path, check, words))
  } else if (check !== 0) causes.push(...validPortNumber(check).map((one) => invalidValue(path, check, one)))
  const internal: string | undefined = spec.internalTrafficPolicy
  if (internal !== undefined && !kinds.includes(internal)) {
    causes.push(notSupported('spec.internalTrafficPolicy', internal, kinds))
  }
  const distribution = spec.trafficDistribution
  if (distribution !== undefined && distribution !== 'PreferClose') {
    causes.push(notSupported('spec.trafficDistribution', distribution, ['PreferClose']))
  }
  return causes
}

/** What an update may not change. */
function changes(service: Service, old: Service): StatusCause[] {
  const { spec } = service
  const { spec: was } = old
  const causes: StatusCause[] = []
  if (spec.type !== 'ExternalName' && was.type !== 'ExternalName') {
    causes.push(...clusterIpChanges(service, old), ...familyChanges(service, old))
  }
  if (spec.type === 'LoadBalancer' && was.type === 'LoadBalancer') {
    const { loadBalancerClass: kind } = spec
    if (kind !== was.loadBalancerClass)
      causes.push(invalidValue('spec.loadBalancerClass', kind, 'may not change once set'))
  }
  causes.push(...balancerClass(spec))
  const checked = needsHealthCheck({ spec }) && needsHealthCheck({ spec: was })
  if (checked && spec.healthCheckNodePort !== was.healthCheckNodePort) {
    causes.push(notAllowed('spec.healthCheckNodePort', 'field is immutable'))
  }
  return causes
}

const ONCE = 'may not change once set'

function releasing(spec: Service['spec'], what: string): StatusCause[] {
  if (spec.ipFamilyPolicy === 'SingleStack') return []
  const words = `must be set to 'SingleStack' when releasing the secondary ${what}`
  return [invalidValue('spec.ipFamilyPolicy', spec.ipFamilyPolicy, words)]
}

function clusterIpChanges(service: Service, old: Service): StatusCause[] {
  if (isHeadless(service) && isHeadless(old)) return []
  const now = service.spec.clusterIPs ?? []
  const was = old.spec.clusterIPs ?? []
  const all = goStrings(now)
  const first = 'spec.clusterIPs[0]'
  if (was.length === now.length) {
    return was.flatMap((ip, i) => (ip === now[i] ? [] : [invalidValue(`spec.clusterIPs[${i}]`, all, ONCE)]))
  }
  if (now.length === 0) return [invalidValue(first, all, 'primary clusterIP can not be unset')]
  const causes = was.length > 0 && now[0] !== was[0] ? [invalidValue(first, all, ONCE)] : []
  const fewer = was.length > now.length && now.length === 1
  return fewer ? [...causes, ...releasing(service.spec, 'clusterIP')] : causes
}

function familyChanges(service: Service, old: Service): StatusCause[] {
  if (isHeadless(service) || isHeadless(old)) return []
  const now = service.spec.ipFamilies ?? []
  const was = old.spec.ipFamilies ?? []
  const ips = goStrings(service.spec.clusterIPs ?? [])
  const first = 'spec.ipFamilies[0]'
  const go = { go: `[]core.IPFamily{${now.map(quote).join(', ')}}` }
  if (was.length === now.length) {
    return was.flatMap((family, i) => (family === now[i] ? [] : [invalidValue(first, go, ONCE)]))
  }
  const causes: StatusCause[] = []
  if (was.length > now.length && (service.spec.clusterIPs?.length ?? 0) === 0) {
    causes.push(invalidValue(first, go, 'primary ipFamily can not be unset'))
  }
  // Upstream prints the addresses here.
  if (was.length > 0 && now.length > 0 && now[0] !== was[0]) causes.push(invalidValue(first, ips, ONCE))
  const fewer = was.length > now.length && now.length === 1
  return fewer ? [...causes, ...releasing(service.spec, 'ipFamily')] : causes
}
