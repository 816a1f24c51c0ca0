/** Services. Models ValidateService and ValidateServiceUpdate of pkg/apis/core/validation (1.32), in their order. */
import { parseIp } from '../../base/addr.ts'
import type { IntOrString, Service, ServicePort } from '../objects.ts'
import type { ApiObject, StatusCause } from '../types.ts'
import { duplicate, goStrings, invalidValue, notAllowed, notSupported, required } from './fields.ts'
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
  causes.push(...typed(service), ...ports(service), ...affinity(service), ...clusterIps(service))
  const { spec } = service
  for (const [i, ip] of (spec.externalIPs ?? []).entries()) {
    const wrong = validIp(ip)
    const words = wrong.length > 0 ? wrong : nonSpecialIp(ip)
    causes.push(...words.map((one) => invalidValue(`spec.externalIPs[${i}]`, ip, one)))
  }
  if (!TYPES.includes(spec.type ?? '')) causes.push(notSupported('spec.type', spec.type ?? '', TYPES))
  return [...causes, ...nodePorts(service), ...balancer(service), ...policies(service)]
}

function isHeadless({ spec }: Service): boolean {
  return spec.clusterIPs?.[0] === 'None' || spec.clusterIP === 'None'
}

function typed(service: Service): StatusCause[] {
  const { spec } = service
  const causes: StatusCause[] = []
  if ((spec.ports?.length ?? 0) === 0 && !isHeadless(service) && spec.type !== 'ExternalName') {
    causes.push(required('spec.ports'))
  }
  if (spec.type === 'LoadBalancer') {
    for (const [i, { port }] of (spec.ports ?? []).entries()) {
      const words = 'may not expose port 10250 externally since it is used by kubelet'
      if (port === 10250) causes.push(invalidValue(`spec.ports[${i}]`, port, words))
    }
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
  const seconds = config?.clientIP?.timeoutSeconds
  if (seconds === undefined) return [required(`${path}.clientIP`, 'when session affinity is ClientIP')]
  if (seconds > 0 && seconds <= 86400) return []
  return [
    invalidValue(`${path}.clientIP.timeoutSeconds`, seconds, 'must be greater than 0 and less than 86400'),
  ]
}

function clusterIps({ spec }: Service): StatusCause[] {
  if (spec.type === 'ExternalName') return []
  const causes: StatusCause[] = []
  const { clusterIPs = [], clusterIP = '', ipFamilies = [], ipFamilyPolicy } = spec
  const seen = new Set<string>()
  for (const [i, family] of ipFamilies.entries()) {
    const path = `spec.ipFamilies[${i}]`
    if (family !== 'IPv4' && family !== 'IPv6') causes.push(notSupported(path, family, ['IPv4', 'IPv6']))
    if (seen.has(family)) causes.push(duplicate(path, family))
    seen.add(family)
  }
  const kinds = ['PreferDualStack', 'RequireDualStack', 'SingleStack']
  if (ipFamilyPolicy !== undefined && !kinds.includes(ipFamilyPolicy)) {
    causes.push(notSupported('spec.ipFamilyPolicy', ipFamilyPolicy, kinds))
  }
  let broken = false
  for (const [i, ip] of clusterIPs.entries()) {
    if (i === 0 && ip === 'None') {
      if (clusterIPs.length === 1) continue
      broken = true
      causes.push(
        invalidValue('spec.clusterIPs', goStrings(clusterIPs), "'None' must be the first and only value"),
      )
      continue
    }
    const words = validIp(ip)
    broken ||= words.length > 0
    causes.push(...words.map((one) => invalidValue(`spec.clusterIPs[${i}]`, ip, one)))
  }
  const all = goStrings(clusterIPs)
  if (clusterIPs.length > 2) causes.push(invalidValue('spec.clusterIPs', all, 'may only hold up to 2 values'))
  if (broken) return causes
  const families = clusterIPs.map((ip) => (ip.includes(':') ? 'IPv6' : 'IPv4'))
  if (clusterIPs.length > 1 && new Set(families).size < clusterIPs.length) {
    causes.push(invalidValue('spec.clusterIPs', all, 'may specify no more than one IP for each IP family'))
  }
  for (const [i, family] of ipFamilies.entries()) {
    if (clusterIPs[i] === undefined || clusterIPs[i] === 'None' || families[i] === family) continue
    const words = `expected an ${family} value as indicated by \`ipFamilies[${i}]\``
    causes.push(invalidValue(`spec.clusterIPs[${i}]`, clusterIPs[i], words))
  }
  if (clusterIP !== '' && clusterIPs.length === 0) causes.push(required('spec.clusterIPs'))
  if (clusterIP === '' && clusterIPs.length > 0) {
    causes.push(notAllowed('spec.clusterIPs', 'must be empty when `clusterIP` is not specified'))
  }
  if (clusterIP !== '' && clusterIPs.length > 0 && clusterIP !== clusterIPs[0]) {
    causes.push(invalidValue('spec.clusterIPs', all, 'first value must match `clusterIP`'))
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

function balancer({ spec }: Service): StatusCause[] {
  const causes: StatusCause[] = []
  const { loadBalancerSourceRanges: list = [], loadBalancerClass: kind } = spec
  if (list.length > 0 && spec.type !== 'LoadBalancer') {
    causes.push(notAllowed('spec.LoadBalancerSourceRanges', ONLY_LB))
  }
  for (const [i, text] of list.entries()) {
    const cidr = text.trim()
    causes.push(
      ...validCidr(cidr).map((one) => invalidValue(`spec.LoadBalancerSourceRanges[${i}]`, cidr, one)),
    )
  }
  if (spec.allocateLoadBalancerNodePorts !== undefined && spec.type !== 'LoadBalancer') {
    causes.push(notAllowed('spec.allocateLoadBalancerNodePorts', ONLY_LB))
  }
  if (kind !== undefined) {
    causes.push(...qualifiedName(kind).map((one) => invalidValue('spec.loadBalancerClass', kind, one)))
    if (spec.type !== 'LoadBalancer') causes.push(notAllowed('spec.loadBalancerClass', ONLY_LB))
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
function changes({ spec }: Service, { spec: was }: Service): StatusCause[] {
  const causes: StatusCause[] = []
  const same =
    (spec.type === 'ExternalName') === (was.type === 'ExternalName') && spec.type !== 'ExternalName'
  const before = was.clusterIPs ?? []
  const now = spec.clusterIPs ?? []
  if (same && before.length > 0) {
    if (now.length === 0) {
      causes.push(invalidValue('spec.clusterIPs[0]', goStrings(now), 'primary clusterIP can not be unset'))
    } else if (now[0] !== before[0] && (now[0] === 'None' || parseIp(now[0]) !== undefined)) {
      causes.push(invalidValue('spec.clusterIPs[0]', goStrings(now), 'may not change once set'))
    }
  }
  const families = was.ipFamilies ?? []
  if (
    same &&
    families.length > 0 &&
    (spec.ipFamilies?.length ?? 0) > 0 &&
    spec.ipFamilies?.[0] !== families[0]
  ) {
    causes.push(
      invalidValue('spec.ipFamilies[0]', goStrings(spec.ipFamilies ?? []), 'may not change once set'),
    )
  }
  if (spec.type === 'LoadBalancer' && was.type === 'LoadBalancer') {
    const { loadBalancerClass: kind } = spec
    if (kind !== was.loadBalancerClass)
      causes.push(invalidValue('spec.loadBalancerClass', kind ?? 'null', 'may not change once set'))
  }
  const checked = needsHealthCheck({ spec }) && needsHealthCheck({ spec: was })
  if (checked && spec.healthCheckNodePort !== was.healthCheckNodePort) {
    causes.push(notAllowed('spec.healthCheckNodePort', 'field is immutable'))
  }
  return causes
}
