/**
 * What CoreDNS' `kubernetes` plugin answers, as a pure function of cluster records and a question. Models
 * plugin/kubernetes and plugin/backend_lookup.go (CoreDNS 1.11 to 1.12). Not here: zone transfers, the metadata plugin.
 */
import { formatIp, parseIp } from '../../base/addr.ts'
import type { DnsMessage, DnsQuestion, DnsRr } from '../../wire/dns.ts'
import * as dns from '../../wire/dns.ts'
import type { KubeDnsEndpoint, KubeDnsOptions, KubeDnsService, KubeDnsSource } from './kubesource.ts'
import { absolute, addressOfReverse, isBelow } from './text.ts'

/** The answer of one name that lies outside: undefined while it is not known (then `lookup` says which). */
export type Upstream = (name: string, type: number) => DnsMessage | null | undefined

export type KubeAnswer =
  /** No zone of the plugin, or fallthrough: the next plugin has the word. */
  | { kind: 'next' }
  /** A CNAME leads outside: resolve this and ask again. */
  | { kind: 'lookup'; name: string; type: number }
  | { kind: 'answer'; message: DnsMessage }

export interface KubeRequest {
  port: string
  protocol: string
  cluster: string
  endpoint: string
  service: string
  namespace: string
  podOrSvc: string
}

/** One address or name that answers, as msg.Service of CoreDNS. */
interface Found {
  host: string
  /** -1: there is no declared port. */
  port: number
  /** Its own name, for SRV targets. */
  key: string
}

type Outcome = { found: Found[]; missing: boolean }

const NOTHING: Outcome = { found: [], missing: true }
const EMPTY: Outcome = { found: [], missing: false }
const VERSION = '1.1.0'
const VERSION_TTL = 28_800
const CNAME_MAX = 7
/** IXFR and AXFR */
const TRANSFERS = [251, 252]

/** Answers `query`'s first question. `upstream` gives answers for names that the cluster does not hold. */
export function kubeAnswer(
  source: KubeDnsSource,
  options: KubeDnsOptions,
  query: DnsMessage,
  upstream: Upstream = () => null,
): KubeAnswer {
  const question = query.question[0]
  const zone = question === undefined ? undefined : zoneOf(options, question.name)
  if (question === undefined || zone === undefined) return { kind: 'next' }
  if (TRANSFERS.includes(question.type)) {
    // Zones are handed out by the plugin `transfer` only, which is not here.
    return { kind: 'answer', message: { ...dns.dnsReply(query), rcode: dns.REFUSED } }
  }
  const work: Work = { source, options, zone, upstream, wanted: null, truncated: false }
  const got = recordsOf(work, question)
  if (work.wanted !== null) return { kind: 'lookup', ...work.wanted }
  const reply = dns.dnsReply(query)
  reply.aa = true
  if (got.missing) {
    const { fall } = options
    if (fall !== null && (fall.length === 0 || fall.some((one) => isBelow(question.name, one)))) {
      return { kind: 'next' }
    }
    reply.rcode = source.synced ? dns.NXDOMAIN : dns.SERVFAIL
  }
  if (got.missing || got.answer.length === 0) reply.authority = [soa(work)]
  else {
    reply.answer = got.answer
    reply.additional = got.extra
    reply.tc = work.truncated
  }
  return { kind: 'answer', message: reply }
}

/** The parts of a name below the zone; undefined where it can be none of the schema. Lower case. */
export function parseKubeName(name: string, zone: string, multicluster = false): KubeRequest | undefined {
  const request: KubeRequest = {
    port: '', protocol: '', cluster: '', endpoint: '', service: '', namespace: '', podOrSvc: '',
  } // biome-ignore format: one list
  if (!isBelow(name, zone)) return undefined
  const lower = name.toLowerCase()
  const base = lower.slice(0, lower.length - zone.length).replace(/\.$/, '')
  if (base === '' || base === 'svc' || base === 'pod') return request
  const labels = base.split('.')
  request.podOrSvc = labels.pop()!
  if (request.podOrSvc !== 'svc' && request.podOrSvc !== 'pod') return undefined
  request.namespace = labels.pop() ?? ''
  request.service = labels.pop() ?? ''
  const strip = (label: string) => (label.startsWith('_') ? label.slice(1) : label)
  const [first, second] = labels
  if (labels.length > 2 || first === undefined) return labels.length > 2 ? undefined : request
  if (second === undefined) request.endpoint = first
  else if (!multicluster || second.startsWith('_')) {
    request.protocol = strip(second)
    request.port = strip(first)
  } else {
    request.cluster = second
    request.endpoint = first
  }
  return request
}

/** The name of one endpoint below its service: its hostname, or its address with dashes. */
export function endpointHostname(endpoint: KubeDnsEndpoint, podNames = false): string {
  if (endpoint.hostname !== undefined && endpoint.hostname !== '') return endpoint.hostname
  if (podNames && endpoint.podName !== undefined && endpoint.podName !== '') return endpoint.podName
  const dashed = endpoint.ip.replaceAll(/[.:]/g, '-')
  return dashed.endsWith('-') ? `${dashed}0` : dashed
}

interface Work {
  source: KubeDnsSource
  options: KubeDnsOptions
  /** In the letter case of the question. */
  zone: string
  upstream: Upstream
  wanted: { name: string; type: number } | null
  truncated: boolean
}

interface Records {
  answer: DnsRr[]
  extra: DnsRr[]
  missing: boolean
}

function zoneOf(options: KubeDnsOptions, name: string): string | undefined {
  let best = ''
  for (const zone of options.zones) if (isBelow(name, zone) && zone.length > best.length) best = zone
  return best === '' ? undefined : name.slice(name.length - best.length)
}

function recordsOf(work: Work, question: DnsQuestion): Records {
  const { name, type } = question
  const apex = name.length === work.zone.length
  switch (type) {
    case dns.TYPE_A:
    case dns.TYPE_AAAA:
      return addresses(work, name, type, [])
    case dns.TYPE_TXT:
      return texts(work, name)
    case dns.TYPE_CNAME: {
      const { found, missing } = services(work, name)
      const first = found.find((one) => parseIp(one.host) === undefined)
      return { answer: first === undefined ? [] : [cname(work, name, first.host)], extra: [], missing }
    }
    case dns.TYPE_PTR:
      return pointers(work, name)
    case dns.TYPE_SRV:
      return servers(work, name)
    case dns.TYPE_SOA:
      if (apex) return { answer: [soa(work)], extra: [], missing: false }
      break
    case dns.TYPE_NS:
      if (apex) return nameServers(work)
  }
  return { answer: [], extra: [], missing: services(work, name).missing }
}

function addresses(work: Work, name: string, type: number, before: readonly DnsRr[]): Records {
  const { found, missing } = services(work, name)
  const answer: DnsRr[] = []
  const seen = new Set<string>()
  for (const { host } of found) {
    const ip = parseIp(host)
    if (ip === undefined) answer.push(...alias(work, name, type, host, before))
    else if ((typeof ip === 'number') === (type === dns.TYPE_A) && !seen.has(host)) {
      seen.add(host)
      answer.push(record(work, name, type, { kind: 'ip', ip }))
    }
  }
  return { answer, extra: [], missing }
}

/** A CNAME with what it leads to: in the cluster, or by the upstream. */
function alias(work: Work, name: string, type: number, host: string, before: readonly DnsRr[]): DnsRr[] {
  const target = absolute(host)
  if (target.toLowerCase() === name.toLowerCase() || before.length > CNAME_MAX) return []
  const made = cname(work, name, host)
  if (before.some((one) => one.name.toLowerCase() === name.toLowerCase())) return []
  if (isBelow(target, work.zone)) {
    const next = addresses(work, target, type, [...before, made])
    return next.missing || next.answer.length === 0 ? [] : [made, ...next.answer]
  }
  const message = work.upstream(target, type)
  if (message === undefined) work.wanted = { name: target, type }
  if (message === undefined || message === null) return []
  if (message.tc) work.truncated = true
  return [made, ...message.answer]
}

function texts(work: Work, name: string): Records {
  const base = name.slice(0, name.length - work.zone.length).toLowerCase()
  if (base === 'dns-version.') {
    const made = record(work, name, dns.TYPE_TXT, { kind: 'txt', texts: [VERSION] })
    return { answer: [{ ...made, ttl: VERSION_TTL }], extra: [], missing: false }
  }
  const { found } = services(work, name)
  return { answer: [], extra: [], missing: found.length === 0 }
}

function servers(work: Work, name: string): Records {
  if (isDefaultServer(work, name)) return { answer: [], extra: [], missing: false }
  const { found: all, missing } = services(work, name)
  const found = all.filter((one) => parseIp(one.host) !== undefined)
  const weight = Math.max(1, Math.floor(100 / Math.max(1, found.length)))
  const answer: DnsRr[] = []
  const extra: DnsRr[] = []
  const seen = new Set<string>()
  for (const { host, port, key } of found) {
    if (port === -1) continue
    if (!seen.has(`${key} ${port}`)) {
      seen.add(`${key} ${port}`)
      answer.push(record(work, name, dns.TYPE_SRV, { kind: 'srv', priority: 0, weight, port, target: key }))
    }
    const ip = parseIp(host)!
    if (seen.has(`${key} ${host}`)) continue
    seen.add(`${key} ${host}`)
    extra.push(record(work, key, typeof ip === 'number' ? dns.TYPE_A : dns.TYPE_AAAA, { kind: 'ip', ip }))
  }
  return { answer, extra, missing }
}

function pointers(work: Work, name: string): Records {
  const ip = addressOfReverse(name)
  if (ip === undefined) return { answer: [], extra: [], missing: lookUp(work, name).missing }
  const { source, options } = work
  const primary = options.zones.find((zone) => !zone.endsWith('.arpa.')) ?? work.zone
  const text = formatIp(ip)
  const shown = (namespace: string) => options.namespaces.length === 0 || exposed(options, namespace)
  const service = source.servicesByIp(text).find((one) => shown(one.namespace))
  const names: string[] = []
  if (service !== undefined) names.push(`${service.name}.${service.namespace}.svc.${primary}`)
  else {
    for (const slice of source.endpointsByIp(text)) {
      if (!shown(slice.namespace)) continue
      for (const endpoint of slice.endpoints) {
        if (endpoint.ip !== text) continue
        const own = endpointHostname(endpoint, options.endpointPodNames)
        names.push(`${own}.${slice.service}.${slice.namespace}.svc.${primary}`)
      }
    }
  }
  const answer = [...new Set(names)].map((one) =>
    record(work, name, dns.TYPE_PTR, { kind: 'name', name: one.toLowerCase() }),
  )
  return { answer, extra: [], missing: answer.length === 0 }
}

/** The servers of the zone: the services that have this server as an endpoint, else `ns.dns.ZONE`. */
function nameServers(work: Work): Records {
  const names = serverNames(work)
  const answer: DnsRr[] = []
  const extra: DnsRr[] = []
  for (const { key, host } of names) {
    if (!answer.some((one) => one.data.kind === 'name' && one.data.name === key)) {
      answer.push(record(work, work.zone, dns.TYPE_NS, { kind: 'name', name: key }))
    }
    const ip = parseIp(host)!
    extra.push(record(work, key, typeof ip === 'number' ? dns.TYPE_A : dns.TYPE_AAAA, { kind: 'ip', ip }))
  }
  return { answer, extra, missing: false }
}

function serverNames(work: Work): Found[] {
  const names: Found[] = []
  let endpoints = 0
  for (const ip of work.options.localIps) {
    for (const slice of work.source.endpointsByIp(ip)) {
      endpoints++
      const service = work.source.service(slice.namespace, slice.service)
      if (service === undefined) continue
      const key = `${service.name}.${service.namespace}.svc.${work.zone}`
      if (isHeadless(service)) {
        const own = slice.endpoints.find((one) => one.ip === ip)
        if (own !== undefined) names.push({ key: `${endpointHostname(own)}.${key}`, host: ip, port: 0 })
      } else for (const host of service.clusterIps) names.push({ key, host, port: 0 })
    }
  }
  if (endpoints > 0) return names
  return work.options.localIps.map((host) => ({ key: `ns.dns.${work.zone}`, host, port: 0 }))
}

/** What answers a name: as Services() of the plugin, which adds the zone's own server. */
function services(work: Work, name: string): Outcome {
  return isDefaultServer(work, name) ? { found: serverNames(work), missing: false } : lookUp(work, name)
}

function isDefaultServer({ zone }: Work, name: string): boolean {
  return name.toLowerCase() === `ns.dns.${zone}`.toLowerCase()
}

function lookUp(work: Work, name: string): Outcome {
  const { options, zone } = work
  const multicluster = options.multiclusterZones.some((one) => one.toLowerCase() === zone.toLowerCase())
  const request = parseKubeName(name, zone, multicluster)
  if (request === undefined) return NOTHING
  if (request.podOrSvc === '') return EMPTY
  if (zone.toLowerCase().endsWith('.arpa.') || !exposed(options, request.namespace)) return NOTHING
  return request.podOrSvc === 'pod' ? pods(work, request) : findServices(work, request, multicluster)
}

function pods(work: Work, request: KubeRequest): Outcome {
  const { source, options } = work
  const { namespace, service: podName } = request
  if (options.pods === 'disabled') return NOTHING
  if (podName === '') return source.hasNamespace(namespace) ? EMPTY : NOTHING
  const four = podName.split('-').length === 4 && !podName.includes('--')
  const ip = parseIp(podName.replaceAll('-', four ? '.' : ':'))
  if (ip === undefined) return NOTHING
  const host = formatIp(ip)
  const there = options.pods === 'insecure' ? source.hasNamespace(namespace) : source.hasPod(namespace, host)
  const key = `${podName}.${namespace}.pod.${work.zone}`
  return there ? { found: [{ host, port: 0, key }], missing: false } : NOTHING
}

function findServices(work: Work, request: KubeRequest, multicluster: boolean): Outcome {
  const { source, options } = work
  const { namespace } = request
  if (request.service === '') return source.hasNamespace(namespace) ? EMPTY : NOTHING
  const service = source.service(namespace, request.service)
  if (service === undefined) return NOTHING
  const slices = source.endpoints(namespace, service.name)
  const base = `${service.name}.${service.namespace}.svc.${work.zone}`
  if (service.type === 'ExternalName') {
    if (request.endpoint !== '' || request.port !== '' || request.protocol !== '') return NOTHING
    if (parseIp(service.externalName) !== undefined || service.externalName === '') return NOTHING
    return { found: [{ host: service.externalName, port: 0, key: base }], missing: false }
  }
  const headless = isHeadless(service)
  if (options.ignoreEmptyService && !headless && slices.every((slice) => slice.endpoints.length === 0)) {
    return NOTHING
  }
  const found: Found[] = []
  if (headless || request.endpoint !== '') {
    for (const slice of slices) {
      if (multicluster && request.endpoint !== '' && slice.cluster !== request.cluster) continue
      for (const endpoint of slice.endpoints) {
        const own = endpointHostname(endpoint, options.endpointPodNames)
        if (request.endpoint !== '' && own.toLowerCase() !== request.endpoint) continue
        for (const port of declared(slice.ports)) {
          if (!matches(request, port)) continue
          const full = multicluster ? `${own}.${slice.cluster}` : own
          found.push({ host: endpoint.ip, port: port.port, key: `${full}.${base}`.toLowerCase() })
        }
      }
    }
    for (const one of found) one.key = one.key.slice(0, -work.zone.length) + work.zone
    return { found, missing: found.length === 0 }
  }
  let missing = true
  for (const port of declared(service.ports)) {
    if (!matches(request, port)) continue
    missing = false
    for (const host of service.clusterIps) found.push({ host, port: port.port, key: base })
  }
  return { found, missing }
}

interface Port {
  name?: string
  protocol?: string
  port: number
}

/** A service or slice without ports still has addresses. */
function declared(ports: readonly Port[]): readonly Port[] {
  return ports.length === 0 ? [{ port: -1 }] : ports
}

function matches(request: KubeRequest, port: Port): boolean {
  const same = (a: string, b = '') => a === '' || a === b.toLowerCase()
  return same(request.port, port.name) && same(request.protocol, port.protocol)
}

function isHeadless(service: KubeDnsService): boolean {
  return service.clusterIps.includes('None')
}

function exposed(options: KubeDnsOptions, namespace: string): boolean {
  return options.namespaces.length === 0 || options.namespaces.includes(namespace)
}

function cname(work: Work, name: string, host: string): DnsRr {
  return record(work, name, dns.TYPE_CNAME, { kind: 'name', name: absolute(host) })
}

function record(work: Work, name: string, type: number, data: DnsRr['data']): DnsRr {
  return { name, type, class: dns.CLASS_IN, ttl: work.options.ttl, data }
}

function soa(work: Work): DnsRr {
  const { zone, options, source } = work
  const data: DnsRr['data'] = {
    kind: 'soa',
    mname: `ns.dns.${zone}`,
    rname: `hostmaster.${zone}`,
    serial: source.serial,
    refresh: 7200,
    retry: 1800,
    expire: 86_400,
    minimum: options.ttl,
  }
  return { ...record(work, zone, dns.TYPE_SOA, data), ttl: Math.min(300, options.ttl) }
}
