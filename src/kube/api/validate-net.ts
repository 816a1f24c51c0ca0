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
import {
  duplicate,
  immutable,
  invalidAll,
  invalidValue,
  notAllowed,
  notSupported,
  oneOf,
  required,
  requiredOneOf,
  tooLong,
  tooMany,
} from './fields.ts'
import {
  dns1035Label,
  dns1123Label,
  dns1123Subdomain,
  domainPrefixedPath,
  nonSpecialIp,
  pathSegment,
  qualifiedName,
  validCidr,
  validIp,
  validLabelValue,
  validPortName,
  validPortNumber,
  wildcardSubdomain,
} from './names.ts'
import { validateLabels, validateSelector } from './validate-meta.ts'
import { portOrName, PROTOCOLS } from './validate-service.ts'

const CLASS = 'kubernetes.io/ingress.class'
const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix']

export function validateIngress({ metadata, spec = {} }: Ingress, old: ApiObject | undefined): StatusCause[] {
  const causes: StatusCause[] = []
  const { rules = [], tls = [], defaultBackend, ingressClassName: name } = spec
  if (rules.length === 0 && defaultBackend === undefined) {
    const words = 'either `defaultBackend` or `rules` must be specified'
    const go = spec.rules === undefined ? '[]networking.IngressRule(nil)' : '[]networking.IngressRule{}'
    causes.push(invalidValue('spec', { go }, words))
  }
  if (defaultBackend !== undefined) causes.push(...backend(defaultBackend, 'spec.defaultBackend'))
  for (const [i, { host = '', http }] of rules.entries()) {
    const path = `spec.rules[${i}]`
    if (host !== '') causes.push(...ingressHost(host, `${path}.host`))
    if (http === undefined) continue
    if ((http.paths?.length ?? 0) === 0) causes.push(required(`${path}.http.paths`))
    for (const [k, one] of (http.paths ?? []).entries()) {
      causes.push(...ingressPath(one, `${path}.http.paths[${k}]`))
    }
  }
  for (const [i, { hosts = [], secretName = '' }] of tls.entries()) {
    const at = `spec.tls[${i}]`
    for (const [k, host] of hosts.entries()) {
      causes.push(...invalidAll(`${at}.hosts[${k}]`, host, hostName(host)))
    }
    if (secretName !== '')
      causes.push(...invalidAll(`${at}.secretName`, secretName, dns1123Subdomain(secretName)))
  }
  if (name !== undefined) causes.push(...invalidAll('spec.ingressClassName', name, dns1123Subdomain(name)))
  const given = metadata.annotations?.[CLASS]
  if (old === undefined && given !== undefined && name !== undefined && given !== name) {
    const words = 'must match `ingressClassName` when both are specified'
    causes.push(invalidValue(`annotations.${CLASS}`, given, words))
  }
  return causes
}

type IngressPath = NonNullable<
  NonNullable<NonNullable<Ingress['spec']>['rules']>[number]['http']
>['paths'][number]

function hostName(host: string): string[] {
  return host.includes('*') ? wildcardSubdomain(host) : dns1123Subdomain(host)
}

function ingressHost(host: string, path: string): StatusCause[] {
  const address = parseIp(host) === undefined ? [] : ['must be a DNS name, not an IP address']
  return invalidAll(path, host, [...address, ...hostName(host)])
}

function ingressPath(one: IngressPath, path: string): StatusCause[] {
  const { pathType: type, path: text = '' } = one
  if (type === undefined) return [required(`${path}.pathType`, 'pathType must be specified')]
  const at = `${path}.path`
  const causes = oneOf(`${path}.pathType`, type, PATH_TYPES)
  const strict = type === 'Exact' || type === 'Prefix'
  const absolute = text.startsWith('/') || (text === '' && !strict)
  if (causes.length === 0 && !absolute) causes.push(invalidValue(at, text, 'must be an absolute path'))
  for (const part of strict ? ['//', '/./', '/../', '%2f', '%2F'] : []) {
    if (text.includes(part)) causes.push(invalidValue(at, text, `must not contain '${part}'`))
  }
  for (const end of strict ? ['/..', '/.'] : []) {
    if (text.endsWith(end)) causes.push(invalidValue(at, text, `cannot end with '${end}'`))
  }
  return [...causes, ...backend(one.backend, `${path}.backend`)]
}

function backend(one: IngressBackend | undefined, path: string): StatusCause[] {
  const { service, resource } = one ?? {}
  if (service !== undefined && resource !== undefined) {
    return [invalidValue(path, '', 'cannot set both resource and service backends')]
  }
  if (resource !== undefined) return reference(resource, `${path}.resource`)
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

interface Reference {
  readonly apiGroup?: string
  readonly kind?: string
  readonly name?: string
  readonly scope?: string
  readonly namespace?: string
}

function reference({ apiGroup, kind = '', name = '' }: Reference, path: string): StatusCause[] {
  const causes =
    apiGroup === undefined ? [] : invalidAll(`${path}.apiGroup`, apiGroup, dns1123Subdomain(apiGroup))
  for (const [field, text] of Object.entries({ kind, name })) {
    const at = `${path}.${field}`
    causes.push(
      ...(text === '' ? [required(at, `${field} is required`)] : invalidAll(at, text, pathSegment(text))),
    )
  }
  return causes
}

export function validateIngressClass({ spec }: IngressClass, old: ApiObject | undefined): StatusCause[] {
  const controller = spec?.controller ?? ''
  const path = 'spec.controller'
  const causes: StatusCause[] = []
  if (old !== undefined && (old as IngressClass).spec?.controller !== controller) {
    causes.push(immutable(path, controller))
  }
  if (controller === '') causes.push(required(path))
  else {
    if (controller.length > 250) causes.push(tooLong(path, 250))
    const { value, words } = domainPrefixedPath(controller)
    causes.push(...invalidAll(path, value, words))
  }
  const { parameters } = (spec ?? {}) as { parameters?: Reference }
  return parameters === undefined ? causes : [...causes, ...classParameters(parameters)]
}

function classParameters(one: Reference): StatusCause[] {
  const path = 'spec.parameters'
  const causes = reference(one, path)
  const { scope, namespace } = one
  if (scope === undefined) return [...causes, required(`${path}.scope`)]
  causes.push(...oneOf(`${path}.scope`, scope, ['Cluster', 'Namespace']))
  const at = `${path}.namespace`
  if (scope === 'Namespace') {
    if (namespace === undefined) causes.push(required(at, "`parameters.scope` is set to 'Namespace'"))
    else causes.push(...invalidAll(at, namespace, dns1123Label(namespace)))
  }
  if (scope === 'Cluster' && namespace !== undefined) {
    causes.push(notAllowed(at, "`parameters.scope` is set to 'Cluster'"))
  }
  return causes
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
  const causes = oneOf(`${path}.protocol`, protocol, ['TCP', 'UDP', 'SCTP'])
  const at = `${path}.endPort`
  if (endPort !== undefined && typeof port !== 'number') {
    const why = port === undefined ? 'not specified' : 'non-numeric'
    causes.push(invalidValue(at, endPort, `may not be specified when \`port\` is ${why}`))
  }
  if (port !== undefined) causes.push(...portOrName(port, `${path}.port`))
  if (typeof port !== 'number' || endPort === undefined) return causes
  if (endPort < port) causes.push(invalidValue(at, port, 'must be greater than or equal to `port`'))
  return [...causes, ...invalidAll(at, endPort, validPortNumber(endPort))]
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
  if (ipBlock !== undefined) causes.push(...addressBlock(ipBlock, `${path}.ipBlock`))
  if (given === 0) causes.push(required(path, 'must specify a peer'))
  else if (given > 1 && ipBlock !== undefined) {
    causes.push(notAllowed(path, 'may not specify both ipBlock and another peer'))
  }
  return causes
}

function addressBlock(block: NonNullable<NetworkPolicyPeer['ipBlock']>, path: string): StatusCause[] {
  const { cidr = '', except = [] } = block
  if (cidr === '') return [required(`${path}.cidr`)]
  const causes = invalidAll(`${path}.cidr`, cidr, validCidr(cidr))
  const net = parsePrefix(cidr)
  if (causes.length > 0 || net === undefined) return causes
  for (const [i, text] of except.entries()) {
    const at = `${path}.except[${i}]`
    const wrong = validCidr(text)
    causes.push(...invalidAll(at, text, wrong))
    const inner = parsePrefix(text)
    if (wrong.length > 0 || inner === undefined) continue
    const within = inner.len > net.len && inPrefix(inner.addr, net.addr, net.len)
    if (!within) causes.push(invalidValue(at, text, 'must be a strict subset of `cidr`'))
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
    for (const [name, list] of Object.entries({ addresses, notReadyAddresses })) {
      for (const [k, one] of list.entries()) {
        if (!isJudged(one, 'address'))
          judge(causes, one, 'address', endpointAddress(one, `${path}.${name}[${k}]`))
      }
    }
    for (const [k, { name = '', port, protocol, appProtocol }] of ports.entries()) {
      const at = `${path}.ports[${k}]`
      if (name === '' && ports.length > 1) causes.push(required(`${at}.name`))
      else if (name !== '') causes.push(...invalidAll(`${at}.name`, name, dns1123Label(name)))
      causes.push(...invalidAll(`${at}.port`, port ?? 0, validPortNumber(port ?? 0)))
      causes.push(...requiredOneOf(`${at}.protocol`, protocol, PROTOCOLS))
      if (appProtocol !== undefined) {
        causes.push(...invalidAll(`${at}.appProtocol`, appProtocol, qualifiedName(appProtocol)))
      }
    }
  }
  return causes
}

/**
 * What is frozen and was found well once is well: most endpoints are written again because of another one. Derived
 * from what never changes, and no part of the world's state.
 */
const judged = new WeakMap<object, string>()

function isJudged(one: object, as: string): boolean {
  return judged.get(one) === as
}

function judge(causes: StatusCause[], one: object, as: string, found: readonly StatusCause[]): void {
  if (found.length > 0) causes.push(...found)
  else if (Object.isFrozen(one)) judged.set(one, as)
}

function endpointAddress(
  { ip = '', hostname = '', nodeName }: { ip?: string; hostname?: string; nodeName?: string },
  at: string,
): StatusCause[] {
  const causes = invalidAll(`${at}.ip`, ip, validIp(ip))
  if (hostname !== '') causes.push(...invalidAll(`${at}.hostname`, hostname, dns1123Label(hostname)))
  if (nodeName !== undefined)
    causes.push(...invalidAll(`${at}.nodeName`, nodeName, dns1123Subdomain(nodeName)))
  return [...causes, ...invalidAll(`${at}.ip`, ip, nonSpecialIp(ip))]
}

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6']

export function validateEndpointSlice(slice: EndpointSlice, old: ApiObject | undefined): StatusCause[] {
  const type: string = slice.addressType ?? ''
  const causes = requiredOneOf('addressType', type, ADDRESS_TYPES)
  const endpoints = slice.endpoints ?? []
  if (endpoints.length > 1000) causes.push(tooMany('endpoints', endpoints.length, 1000))
  else
    for (const [i, one] of endpoints.entries()) {
      if (!isJudged(one, type)) judge(causes, one, type, sliceEndpoint(one, type, `endpoints[${i}]`))
    }
  const ports = slice.ports ?? []
  if (ports.length > 20000) causes.push(tooMany('ports', ports.length, 20000))
  else causes.push(...slicePorts(ports))
  const was = (old as EndpointSlice | undefined)?.addressType
  if (was !== undefined && was !== type) causes.push(immutable('addressType', type))
  return causes
}

function sliceEndpoint(
  one: NonNullable<EndpointSlice['endpoints']>[number],
  type: string,
  path: string,
): StatusCause[] {
  const { addresses = [], hostname, nodeName, hints } = one
  const { deprecatedTopology: topology } = one as { deprecatedTopology?: Record<string, string> }
  const at = `${path}.addresses`
  const causes: StatusCause[] = []
  if (addresses.length === 0) causes.push(required(at, 'must contain at least 1 address'))
  else if (addresses.length > 100) causes.push(tooMany(at, addresses.length, 100))
  causes.push(...addresses.flatMap((text, k) => sliceAddress(type, text, `${at}[${k}]`)))
  if (nodeName !== undefined)
    causes.push(...invalidAll(`${path}.nodeName`, nodeName, dns1123Subdomain(nodeName)))
  const labels = `${path}.deprecatedTopology`
  const { length: most } = Object.keys(topology ?? {})
  if (most > 16) causes.push(tooMany(labels, most, 16))
  if (topology !== undefined) causes.push(...validateLabels(topology, labels))
  if (hostname !== undefined) causes.push(...invalidAll(`${path}.hostname`, hostname, dns1123Label(hostname)))
  if (hints !== undefined) causes.push(...zoneHints(hints.forZones ?? [], `${path}.hints.forZones`))
  return causes
}

function zoneHints(zones: readonly { readonly name?: string }[], path: string): StatusCause[] {
  if (zones.length > 8) return [tooMany(path, zones.length, 8)]
  const seen = new Set<string>()
  return zones.flatMap(({ name = '' }, i) => {
    const at = `${path}[${i}].name`
    const twice = seen.has(name) ? [duplicate(at, name)] : []
    seen.add(name)
    return [...twice, ...invalidAll(at, name, validLabelValue(name))]
  })
}

function slicePorts(ports: NonNullable<EndpointSlice['ports']>): StatusCause[] {
  const causes: StatusCause[] = []
  const names = new Set<string>()
  for (const [i, { name = '', port, protocol, appProtocol }] of ports.entries()) {
    const path = `ports[${i}]`
    if (name !== '') causes.push(...invalidAll(`${path}.name`, name, dns1123Label(name)))
    if (names.has(name)) causes.push(duplicate(`${path}.name`, name))
    names.add(name)
    if (port !== undefined) causes.push(...invalidAll(`${path}.port`, port, validPortNumber(port)))
    causes.push(...oneOf(`${path}.protocol`, protocol, PROTOCOLS))
    if (appProtocol !== undefined) {
      causes.push(...invalidAll(`${path}.appProtocol`, appProtocol, qualifiedName(appProtocol)))
    }
  }
  return causes
}

function sliceAddress(type: string, text: string, path: string): StatusCause[] {
  if (type === 'FQDN') {
    if (text === '') return [required(path)]
    const name = text.replace(/\.$/, '')
    return invalidAll(path, name, domainName(name))
  }
  if (type !== 'IPv4' && type !== 'IPv6') return []
  const ip = parseIp(text)
  const fits = ip !== undefined && (typeof ip === 'number') === (type === 'IPv4')
  const words = fits ? [] : [`must be a valid ${type} address`]
  return invalidAll(path, text, [...words, ...nonSpecialIp(text)])
}

function domainName(name: string): string[] {
  const words = dns1123Subdomain(name)
  if (words.length > 0 || name.includes('.')) return words
  return ['should be a domain with at least two segments separated by dots']
}
