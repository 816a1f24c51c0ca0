/** DNS: CoreDNS' kubernetes plugin and the DNS specification of Kubernetes. */
import { parseIp } from '../../base/addr.ts'
import { kubeAnswer, parseKubeName } from '../../proc/dns/kubernetes.ts'
import type { KubeDnsOptions, KubeDnsRecords, KubeDnsService } from '../../proc/dns/kubesource.ts'
import { kubeDnsOptions, recordsSource } from '../../proc/dns/kubesource.ts'
import { absolute, rcodeName, rdataText, typeName, typeNumber } from '../../proc/dns/text.ts'
import type { DnsMessage, DnsRr } from '../../wire/dns.ts'
import { CLASS_IN, decodeDns, dnsMessage, encodeDns } from '../../wire/dns.ts'
import type { CaseResult } from './report.ts'
import { differs, differsAsSet, runCase } from './report.ts'

interface CaseRr {
  name: string
  ttl?: number
  type: string
  data?: string
}

interface Query {
  qname: string
  qtype: string
  rcode: string
  answer: CaseRr[]
  authority?: (CaseRr & { mname: string; rname: string })[]
  additional?: CaseRr[]
  upstream_answers?: CaseRr[]
  truncated_by_upstream?: boolean
}

interface Fixture {
  zone?: string
  zones?: string[]
  services: (KubeDnsService & { clusterIPs: string[] })[]
  endpointSlices: {
    namespace: string
    service: string
    addresses: { ip: string; hostname?: string }[]
    ports: { name?: string; protocol?: string; port: number }[]
  }[]
  pods?: { namespace: string; ip: string }[]
  missingNamespaces?: string[]
}

interface Group {
  id: string
  fixture: string
  options: Partial<KubeDnsOptions> & { apiSynced?: boolean }
  queries: Query[]
}

/** 02-dns-coredns.json. */
export function corednsCases(data: unknown): CaseResult[] {
  const {
    groups,
    fixtures,
    name_parse_cases: names,
  } = data as {
    groups: Group[]
    fixtures: Record<string, Fixture>
    name_parse_cases?: { zone: string; cases: [string, Record<string, string> | 'error'][] }
  }
  return [
    ...groups.flatMap((group) =>
      group.queries.map((query) =>
        runCase(`dns ${group.id}`, `${query.qname} ${query.qtype}`, () => checkQuery(group, fixtures, query)),
      ),
    ),
    ...(names?.cases ?? []).map(([name, want]) =>
      runCase('dns names', name, () => {
        // Only a multi-cluster zone has names with a cluster in them.
        const multicluster = typeof want === 'object' && want.cluster !== undefined
        const got = parseKubeName(name, names!.zone, multicluster)
        if (want === 'error') return differs(undefined, got)
        return differs(
          want,
          Object.fromEntries(Object.entries(got ?? {}).filter(([, value]) => value !== '')),
        )
      }),
    ),
  ]
}

function checkQuery(group: Group, fixtures: Record<string, Fixture>, query: Query): string {
  const fixture = fixtures[group.fixture.split(' ')[0]!]!
  const { apiSynced, ...rest } = group.options
  const cluster = rest.multiclusterZones === undefined ? '' : 'cluster1'
  const zones = fixture.zones ?? [fixture.zone!]
  // The server's own address is nobody's endpoint.
  const options = { ...kubeDnsOptions(zones), localIps: ['127.0.0.1'], ...rest }
  const got = ask(recordsOf(fixture, apiSynced ?? true, cluster, query.qname), options, query)
  const shown = (rr: CaseRr) => unserial(`${rr.name} ${rr.ttl} ${rr.type} ${rr.data}`)
  const soas = got.authority.map(({ name, data }) =>
    data.kind === 'soa' ? `${name} ${data.mname} ${data.rname}` : '',
  )
  return (
    differs(query.rcode, rcodeName(got.rcode)) ||
    differsAsSet(query.answer.map(shown), got.answer.map(textOf)) ||
    (query.additional === undefined
      ? ''
      : differsAsSet(query.additional.map(shown), got.additional.map(textOf))) ||
    differs(
      (query.authority ?? []).map((one) => `${one.name} ${one.mname} ${one.rname}`),
      soas,
    ) ||
    (query.truncated_by_upstream === true ? differs(true, got.tc) : '')
  )
}

/** Of the namespaces that a name may mean only those are absent that the fixture says are. */
function recordsOf(fixture: Fixture, synced: boolean, cluster: string, name: string): KubeDnsRecords {
  const missing = fixture.missingNamespaces ?? []
  const all = [...fixture.services, ...fixture.endpointSlices, ...(fixture.pods ?? [])]
  const named = [...all.map(({ namespace }) => namespace), ...name.toLowerCase().split('.')]
  return {
    synced,
    serial: 1,
    namespaces: [...new Set(named)].filter((one) => !missing.includes(one)),
    services: fixture.services.map((one) => ({
      ...one,
      externalName: one.externalName ?? '',
      clusterIps: one.clusterIPs,
    })),
    endpoints: fixture.endpointSlices.map(({ namespace, service, addresses, ports }) => ({
      namespace,
      service,
      endpoints: addresses,
      ports,
      cluster,
    })),
    pods: fixture.pods ?? [],
  }
}

/** Asks, and passes the answer through its bytes. */
function ask(records: KubeDnsRecords, options: KubeDnsOptions, query: Query): DnsMessage {
  const name = absolute(query.qname)
  const question = dnsMessage(7, [{ name, type: typeNumber(query.qtype)!, class: CLASS_IN }])
  const upstream = { ...dnsMessage(0), answer: (query.upstream_answers ?? []).map(rrOf) }
  upstream.tc = query.truncated_by_upstream ?? false
  const got = kubeAnswer(recordsSource(records), options, question, () => upstream)
  if (got.kind !== 'answer') throw new Error(`no answer but ${got.kind}`)
  const { message } = decodeDns(encodeDns(got.message))
  if (message === undefined) throw new Error('the answer does not decode')
  return message
}

function rrOf(rr: CaseRr): DnsRr {
  const ip = parseIp(rr.data!)
  const data: DnsRr['data'] = ip === undefined ? { kind: 'name', name: rr.data! } : { kind: 'ip', ip }
  return { name: rr.name, type: typeNumber(rr.type)!, class: CLASS_IN, ttl: rr.ttl ?? 0, data }
}

function textOf(rr: DnsRr): string {
  return unserial(`${rr.name} ${rr.ttl} ${typeName(rr.type)} ${unquoted(rr)}`)
}

/** A text without its quotation marks, as the cases have it. */
function unquoted({ data }: DnsRr): string {
  return data.kind === 'txt' ? data.texts.join(' ') : rdataText(data)
}

/** An SOA's serial is a time, of theirs or of ours. */
function unserial(text: string): string {
  return text.replace(/(SOA \S+ \S+) \d+/, '$1 *')
}

interface Spec {
  id: string
  state?: Record<string, unknown>
  queries?: Query[]
}

/** 02-dns-schema-and-search.json: `spec`. The resolvers' cases are run by the test of dig and getent. */
export function dnsSpecCases(data: unknown): CaseResult[] {
  return (data as { spec: Spec[] }).spec.flatMap(({ id, state = {}, queries = [] }) =>
    queries.map((query) =>
      runCase('dns specification', `${id}: ${query.qname} ${query.qtype}`, () => checkSpec(state, query)),
    ),
  )
}

function checkSpec(state: Record<string, unknown>, query: Query): string {
  const [namespace = '', name = ''] = String(state.service ?? 'default/none').split('/')
  const ports = (state.ports ?? []) as { name: string; protocol: string; port: number }[]
  const external = (state.externalName ?? '') as string
  const endpoints = (state.readyEndpoints ?? []) as { ip: string; hostname?: string }[]
  const records: KubeDnsRecords = {
    serial: 1,
    namespaces: [namespace],
    services: [
      {
        namespace,
        name,
        type: external === '' ? 'ClusterIP' : 'ExternalName',
        clusterIps: state.clusterIP === undefined ? [] : [state.clusterIP as string],
        ports,
        externalName: external,
      },
    ],
    endpoints: [{ namespace, service: name, endpoints, ports }],
    pods: [],
  }
  const options = kubeDnsOptions(['cluster.local.', 'in-addr.arpa.', 'ip6.arpa.'])
  const outside = query.answer.filter((one) => one.name === 'www.example.com.')
  const got = ask(records, options, { ...query, upstream_answers: outside })
  const lines = got.answer.map((rr) => {
    const data = rdataText(rr.data).replace(/^"(.*)"$/, '$1')
    return `${rr.name} ${typeName(rr.type)} ${rr.data.kind === 'srv' ? data.replace(/^\d+ \d+/, '* *') : data}`
  })
  const wanted = query.answer.map((one) => `${one.name} ${one.type} ${one.data}`)
  return differs(query.rcode, rcodeName(got.rcode)) || differsAsSet(wanted, lines)
}
