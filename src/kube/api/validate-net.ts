/** Ingress, IngressClass, NetworkPolicy, Endpoints, EndpointSlice. Models pkg/apis/{networking,discovery,core}/validation (1.32). */
import { parseIp, parsePrefix, inPrefix } from '../../base/addr.ts'
import type {
  Endpoints,
  EndpointSlice,
  Ingress,
  IngressBackend,
  IngressClass,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '../objects.ts'
import type { ApiObject, StatusCause } from '../types.ts'
import { duplicate, immutable, invalidValue, notAllowed, notSupported, required, tooMany } from './fields.ts'
import {
  dns1035Label,
  dns1123Label,
  dns1123Subdomain,
  nonSpecialIp,
  qualifiedName,
  validCidr,
  validIp,
  validPortName,
  validPortNumber,
  wildcardSubdomain,
} from './names.ts'
import { validateSelector } from './validate-apps.ts'
import { portOrName, PROTOCOLS } from './validate-service.ts'

const CLASS = 'kubernetes.io/ingress.class'
const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix']

export function validateIngress({ metadata, spec = {} }: Ingress, old: ApiObject | undefined): StatusCause[] {
  const causes: StatusCause[] = []
  const given = metadata.annotations?.[CLASS]
  if (old === undefined && given !== undefined && spec.ingressClassName !== undefined) {
    causes.push(
      invalidValue(
        `metadata.annotations[${CLASS}]`,
        given,
        'can not be set when the class field is also set',
      ),
    )
  }
  const { rules = [], tls = [], defaultBackend, ingressClassName: name } = spec
  if (rules.length === 0 && defaultBackend === undefined) {
    const words = 'either `defaultBackend` or `rules` must be specified'
    causes.push(invalidValue('spec', { go: '[]networking.IngressRule(nil)' }, words))
  }
  for (const [i, { host = '', http }] of rules.entries()) {
    const path = `spec.rules[${i}]`
    if (host !== '') causes.push(...ingressHost(host, `${path}.host`))
    if (http === undefined) continue
    if ((http.paths?.length ?? 0) === 0) causes.push(required(`${path}.http.paths`))
    for (const [k, one] of (http.paths ?? []).entries()) {
      const at = `${path}.http.paths[${k}]`
      causes.push(...ingressPath(one.pathType, one.path ?? '', at), ...backend(one.backend, `${at}.backend`))
    }
  }
  for (const [i, { hosts = [] }] of tls.entries()) {
    for (const [k, host] of hosts.entries()) causes.push(...ingressHost(host, `spec.tls[${i}].hosts[${k}]`))
  }
  if (defaultBackend !== undefined) causes.push(...backend(defaultBackend, 'spec.defaultBackend'))
  if (name !== undefined) {
    causes.push(...dns1123Subdomain(name).map((one) => invalidValue('spec.ingressClassName', name, one)))
  }
  return causes
}

function ingressHost(host: string, path: string): StatusCause[] {
  const words =
    parseIp(host) !== undefined
      ? ['must be a DNS name, not an IP address']
      : host.includes('*')
        ? wildcardSubdomain(host)
        : dns1123Subdomain(host)
  return words.map((one) => invalidValue(path, host, one))
}

function ingressPath(type: string | undefined, text: string, path: string): StatusCause[] {
  if (type === undefined) return [required(`${path}.pathType`, 'pathType must be specified')]
  if (!PATH_TYPES.includes(type)) return [notSupported(`${path}.pathType`, type, PATH_TYPES)]
  const at = `${path}.path`
  if (type === 'ImplementationSpecific') {
    return text === '' || text.startsWith('/') ? [] : [invalidValue(at, text, 'must be an absolute path')]
  }
  const causes: StatusCause[] = []
  if (!text.startsWith('/')) causes.push(invalidValue(at, text, 'must be an absolute path'))
  for (const part of ['//', '/./', '/../', '%2f', '%2F']) {
    if (text.includes(part)) causes.push(invalidValue(at, text, `must not contain '${part}'`))
  }
  for (const end of ['/..', '/.']) {
    if (text.endsWith(end)) causes.push(invalidValue(at, text, `cannot end with '${end}'`))
  }
  return causes
}

function backend(one: IngressBackend | undefined, path: string): StatusCause[] {
  const { service, resource } = one ?? {}
  if (service !== undefined && resource !== undefined) {
    return [invalidValue(path, '', 'cannot set both resource and service backends')]
  }
  if (resource !== undefined) {
    const causes: StatusCause[] = []
    if (!resource.kind) causes.push(required(`${path}.resource.kind`))
    if (!resource.name) causes.push(required(`${path}.resource.name`))
    return causes
  }
  if (service === undefined) return [invalidValue(path, '', 'resource or service backend is required')]
  const causes: StatusCause[] = []
  const { name: service_ = '', port } = service
  if (service_ === '') causes.push(required(`${path}.service.name`))
  else
    causes.push(
      ...dns1035Label(service_).map((words) => invalidValue(`${path}.service.name`, service_, words)),
    )
  const { name = '', number = 0 } = port ?? {}
  if (name !== '' && number !== 0)
    causes.push(invalidValue(path, '', 'cannot set both port name & port number'))
  else if (name !== '') {
    causes.push(...validPortName(name).map((words) => invalidValue(`${path}.service.port.name`, name, words)))
  } else if (number !== 0) {
    causes.push(
      ...validPortNumber(number).map((words) => invalidValue(`${path}.service.port.number`, number, words)),
    )
  } else causes.push(required(path, 'port name or number is required'))
  return causes
}

export function validateIngressClass({ spec }: IngressClass, old: ApiObject | undefined): StatusCause[] {
  const controller = spec?.controller ?? ''
  const was = (old as IngressClass | undefined)?.spec?.controller
  if (was !== undefined && was !== controller) return [immutable('spec.controller', controller)]
  if (controller === '') return [required('spec.controller')]
  if (!controller.includes('/')) {
    return [
      invalidValue('spec.controller', controller, 'must be a domain-prefixed path (such as "acme.io/foo")'),
    ]
  }
  return dns1123Subdomain(controller.split('/')[0]).map((one) =>
    invalidValue('spec.controller', controller, one),
  )
}

export function validateNetworkPolicy({ spec }: NetworkPolicy): StatusCause[] {
  const causes = validateSelector(spec?.podSelector, 'spec.podSelector')
  for (const [i, rule] of (spec?.ingress ?? []).entries()) {
    const path = `spec.ingress[${i}]`
    causes.push(...(rule.ports ?? []).flatMap((one, k) => policyPort(one, `${path}.ports[${k}]`)))
    causes.push(...(rule.from ?? []).flatMap((one, k) => policyPeer(one, `${path}.from[${k}]`)))
  }
  for (const [i, rule] of (spec?.egress ?? []).entries()) {
    const path = `spec.egress[${i}]`
    causes.push(...(rule.ports ?? []).flatMap((one, k) => policyPort(one, `${path}.ports[${k}]`)))
    causes.push(...(rule.to ?? []).flatMap((one, k) => policyPeer(one, `${path}.to[${k}]`)))
  }
  const types: readonly string[] = spec?.policyTypes ?? []
  if (types.length > 2) {
    const go = `[]networking.PolicyType{${types.map((one) => JSON.stringify(one)).join(', ')}}`
    return [...causes, invalidValue('spec.policyTypes', { go }, 'may not specify more than two policyTypes')]
  }
  for (const [i, one] of types.entries()) {
    // In the order in which the server's source has them.
    if (one !== 'Ingress' && one !== 'Egress')
      causes.push(notSupported(`spec.policyTypes[${i}]`, one, ['Ingress', 'Egress']))
  }
  return causes
}

function policyPort({ protocol, port, endPort }: NetworkPolicyPort, path: string): StatusCause[] {
  const causes: StatusCause[] = []
  if (protocol !== undefined && !PROTOCOLS.includes(protocol)) {
    causes.push(notSupported(`${path}.protocol`, protocol, PROTOCOLS))
  }
  if (port !== undefined) causes.push(...portOrName(port, `${path}.port`))
  if (endPort === undefined) return causes
  if (port === undefined)
    causes.push(required(`${path}.port`, 'must be specified when `endPort` is specified'))
  else if (typeof port === 'string') {
    causes.push(invalidValue(`${path}.endPort`, endPort, 'may not be specified when `port` is non-numeric'))
  } else if (endPort < port) {
    causes.push(invalidValue(`${path}.endPort`, endPort, 'must be greater than or equal to `port`'))
  }
  return causes
}

function policyPeer(
  { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer,
  path: string,
): StatusCause[] {
  const causes: StatusCause[] = []
  const given = [podSelector, namespaceSelector, ipBlock].filter((one) => one !== undefined).length
  if (podSelector !== undefined) causes.push(...validateSelector(podSelector, `${path}.podSelector`))
  if (namespaceSelector !== undefined) {
    causes.push(...validateSelector(namespaceSelector, `${path}.namespaceSelector`))
  }
  if (ipBlock !== undefined) {
    const { cidr = '', except = [] } = ipBlock
    const at = `${path}.ipBlock`
    if (cidr === '') return [...causes, required(`${at}.cidr`)]
    causes.push(...validCidr(cidr).map((one) => invalidValue(`${at}.cidr`, cidr, one)))
    const net = parsePrefix(cidr)
    for (const [i, text] of except.entries()) {
      causes.push(...validCidr(text).map((one) => invalidValue(`${at}.except[${i}]`, text, one)))
      const inner = parsePrefix(text)
      if (net === undefined || inner === undefined) continue
      const words = 'must be a strict subset of `cidr`'
      const within = inner.len > net.len && inPrefix(inner.addr, net.addr, net.len)
      if (!within) causes.push(invalidValue(`${at}.except[${i}]`, text, words))
    }
  }
  if (given === 0) causes.push(required(path, 'must specify a peer'))
  else if (given > 1 && ipBlock !== undefined) {
    causes.push(notAllowed(path, 'may not specify both ipBlock and another peer'))
  }
  return causes
}

export function validateEndpoints({ subsets = [] }: Endpoints): StatusCause[] {
  const causes: StatusCause[] = []
  for (const [i, { addresses = [], notReadyAddresses = [], ports = [] }] of subsets.entries()) {
    const path = `subsets[${i}]`
    if (addresses.length + notReadyAddresses.length === 0) {
      causes.push(required(path, 'must specify `addresses` or `notReadyAddresses`'))
    }
    for (const [name, list] of [
      ['addresses', addresses],
      ['notReadyAddresses', notReadyAddresses],
    ] as const) {
      for (const [k, { ip = '', hostname }] of list.entries()) {
        const at = `${path}.${name}[${k}]`
        const wrong = validIp(ip)
        const words = wrong.length > 0 ? wrong : nonSpecialIp(ip)
        causes.push(...words.map((one) => invalidValue(`${at}.ip`, ip, one)))
        if (hostname)
          causes.push(...dns1123Label(hostname).map((one) => invalidValue(`${at}.hostname`, hostname, one)))
      }
    }
    for (const [k, { name = '', port, protocol = '' }] of ports.entries()) {
      const at = `${path}.ports[${k}]`
      if (name === '' && ports.length > 1) causes.push(required(`${at}.name`))
      else if (name !== '')
        causes.push(...dns1123Label(name).map((one) => invalidValue(`${at}.name`, name, one)))
      causes.push(...validPortNumber(port ?? 0).map((one) => invalidValue(`${at}.port`, port ?? 0, one)))
      if (!PROTOCOLS.includes(protocol)) causes.push(notSupported(`${at}.protocol`, protocol, PROTOCOLS))
    }
  }
  return causes
}

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6']

export function validateEndpointSlice(slice: EndpointSlice, old: ApiObject | undefined): StatusCause[] {
  const causes: StatusCause[] = []
  const type: string = slice.addressType ?? ''
  if (type === '') causes.push(required('addressType'))
  else if (!ADDRESS_TYPES.includes(type)) causes.push(notSupported('addressType', type, ADDRESS_TYPES))
  const endpoints = slice.endpoints ?? []
  if (endpoints.length > 1000) causes.push(tooMany('endpoints', endpoints.length, 1000))
  for (const [i, { addresses = [], hostname }] of endpoints.entries()) {
    const path = `endpoints[${i}]`
    if (addresses.length === 0) causes.push(required(`${path}.addresses`, 'must contain at least 1 address'))
    else if (addresses.length > 100) causes.push(tooMany(`${path}.addresses`, addresses.length, 100))
    for (const [k, text] of addresses.entries())
      causes.push(...sliceAddress(type, text, `${path}.addresses[${k}]`))
    if (hostname)
      causes.push(...dns1123Label(hostname).map((one) => invalidValue(`${path}.hostname`, hostname, one)))
  }
  const names = new Set<string>()
  for (const [i, { name = '', port, protocol = '', appProtocol }] of (slice.ports ?? []).entries()) {
    const path = `ports[${i}]`
    if (name !== '') causes.push(...dns1123Label(name).map((one) => invalidValue(`${path}.name`, name, one)))
    if (names.has(name)) causes.push(duplicate(`${path}.name`, name))
    names.add(name)
    if (protocol === '') causes.push(required(`${path}.protocol`))
    else if (!PROTOCOLS.includes(protocol)) causes.push(notSupported(`${path}.protocol`, protocol, PROTOCOLS))
    if (port !== undefined)
      causes.push(...validPortNumber(port).map((one) => invalidValue(`${path}.port`, port, one)))
    if (appProtocol)
      causes.push(
        ...qualifiedName(appProtocol).map((one) => invalidValue(`${path}.appProtocol`, appProtocol, one)),
      )
  }
  const was = (old as EndpointSlice | undefined)?.addressType
  if (was !== undefined && was !== type) causes.push(immutable('addressType', type))
  return causes
}

function sliceAddress(type: string, text: string, path: string): StatusCause[] {
  if (type === 'FQDN') return dns1123Subdomain(text).map((one) => invalidValue(path, text, one))
  const ip = parseIp(text)
  if (ip === undefined || (typeof ip === 'number') !== (type === 'IPv4')) {
    return [invalidValue(path, text, `must be a valid ${type} address`)]
  }
  return nonSpecialIp(text).map((one) => invalidValue(path, text, one))
}
