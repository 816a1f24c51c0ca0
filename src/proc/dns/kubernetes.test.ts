/**
 * CoreDNS' own answers (plugin/kubernetes tests) and the DNS specification of Kubernetes, from the shared cases. They
 * lie beside a working copy, not in it: without them these tests skip.
 */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseIp } from '../../base/addr.ts'
import type { DnsMessage, DnsRr } from '../../wire/dns.ts'
import { CLASS_IN, decodeDns, dnsMessage, encodeDns } from '../../wire/dns.ts'
import { kubeAnswer, parseKubeName } from './kubernetes.ts'
import type { KubeDnsOptions, KubeDnsRecords, KubeDnsService } from './kubesource.ts'
import { kubeDnsOptions, recordsSource } from './kubesource.ts'
import { rcodeName, rdataText, typeName, typeNumber } from './text.ts'

const folder = new URL('../../../../shared/cases/', import.meta.url)
const present = existsSync(new URL('02-dns-coredns.json', folder))
const shared = it.skipIf(!present) // skips: the cases lie beside a working copy, not in it

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
interface Slice {
  namespace: string
  service: string
  addresses: { ip: string; hostname?: string }[]
  ports: { name?: string; protocol?: string; port: number }[]
}
interface Fixture {
  zone?: string
  zones?: string[]
  services: KubeDnsService[]
  endpointSlices: Slice[]
  pods?: { namespace: string; ip: string }[]
  missingNamespaces?: string[]
}
interface Group {
  id: string
  fixture: string
  options: Partial<KubeDnsOptions> & { apiSynced?: boolean }
  queries: Query[]
}
interface Cases {
  fixtures: Record<string, Fixture>
  name_parse_cases: { zone: string; cases: [string, Record<string, string> | 'error'][] }
  groups: Group[]
}

function load<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as T
}

function recordsOf(
  fixture: Fixture,
  missing: readonly string[],
  synced: boolean,
  cluster: string,
): KubeDnsRecords {
  const namespaces = new Set<string>()
  for (const { namespace } of [...fixture.services, ...fixture.endpointSlices, ...(fixture.pods ?? [])]) {
    if (!missing.includes(namespace)) namespaces.add(namespace)
  }
  return {
    synced,
    serial: 1_499_347_823,
    namespaces: [...namespaces],
    services: fixture.services.map((one) => ({
      ...one,
      externalName: one.externalName ?? '',
      clusterIps: (one as unknown as { clusterIPs: string[] }).clusterIPs,
    })),
    endpoints: fixture.endpointSlices.map(({ namespace, service, addresses, ports }) => ({
      namespace, service, endpoints: addresses, ports, cluster,
    })), // biome-ignore format: one record
    pods: fixture.pods ?? [],
  }
}

function rrOf(rr: CaseRr): DnsRr {
  const ip = parseIp(rr.data!)
  const data: DnsRr['data'] = ip === undefined ? { kind: 'name', name: rr.data! } : { kind: 'ip', ip }
  return { name: rr.name, type: typeNumber(rr.type)!, class: CLASS_IN, ttl: rr.ttl ?? 0, data }
}

function textOf(rr: DnsRr): string {
  return `${rr.name} ${rr.ttl} ${typeName(rr.type)} ${rdataText(rr.data)}`
}

function ask(records: KubeDnsRecords, options: KubeDnsOptions, query: Query): DnsMessage {
  const question = dnsMessage(7, [{ name: query.qname, type: typeNumber(query.qtype)!, class: CLASS_IN }])
  const upstream = { ...dnsMessage(0), answer: (query.upstream_answers ?? []).map(rrOf) }
  upstream.tc = query.truncated_by_upstream ?? false
  const got = kubeAnswer(recordsSource(records), options, question, () => upstream)
  if (got.kind !== 'answer') throw new Error(`${query.qname}: ${got.kind}`)
  const wire = decodeDns(encodeDns(got.message))
  expect(wire.message).toEqual(got.message)
  return got.message
}

describe('the kubernetes plugin', () => {
  shared('answers as CoreDNS does', () => {
    const cases = load<Cases>('02-dns-coredns.json')
    let count = 0
    for (const group of cases.groups) {
      const cluster = group.options.multiclusterZones === undefined ? '' : 'cluster1'
      const fixture = cases.fixtures[group.fixture.split(' ')[0]!]!
      const { apiSynced, ...rest } = group.options
      const zones = fixture.zones ?? [fixture.zone!]
      const options = { ...kubeDnsOptions(zones), ...rest }
      const records = recordsOf(fixture, fixture.missingNamespaces ?? [], apiSynced ?? true, cluster)
      for (const query of group.queries) {
        const got = ask(records, options, query)
        const what = `${group.id} ${query.qname} ${query.qtype}`
        const shown = (rr: CaseRr) => `${rr.name} ${rr.ttl} ${rr.type} ${rr.data}`
        expect([what, rcodeName(got.rcode)]).toEqual([what, query.rcode])
        const serial = (text: string) => text.replace('1499347823', 'S')
        expect([what, ...got.answer.map(textOf).map(serial).sort()]).toEqual([
          what,
          ...query.answer.map(shown).map(serial).sort(),
        ])
        if (query.additional !== undefined) {
          expect([what, ...got.additional.map(textOf).sort()]).toEqual([
            what,
            ...query.additional.map(shown).sort(),
          ])
        }
        const soas = got.authority.map((rr) =>
          rr.data.kind === 'soa' ? `${rr.name} ${rr.data.mname} ${rr.data.rname}` : '',
        )
        expect([what, ...soas]).toEqual([
          what,
          ...(query.authority ?? []).map((one) => `${one.name} ${one.mname} ${one.rname}`),
        ])
        if (query.truncated_by_upstream === true) expect([what, got.tc]).toEqual([what, true])
        count++
      }
    }
    expect(count).toBeGreaterThan(0)
  })

  shared('takes names apart as CoreDNS does', () => {
    const { zone, cases } = load<Cases>('02-dns-coredns.json').name_parse_cases
    for (const [name, want] of cases) {
      const got = parseKubeName(name, zone)
      if (want === 'error') expect([name, got]).toEqual([name, undefined])
      else {
        expect(got).toBeDefined()
        const said = Object.fromEntries(Object.entries(got!).filter(([, value]) => value !== ''))
        expect([name, said]).toEqual([name, want])
      }
    }
  })

  shared('follows the specification', () => {
    interface Spec {
      id: string
      state?: Record<string, unknown>
      queries?: Query[]
    }
    const { spec } = load<{ spec: Spec[] }>('02-dns-schema-and-search.json')
    let count = 0
    for (const { id, state = {}, queries = [] } of spec) {
      const [namespace, name] = ((state.service as string) ?? 'default/none').split('/') as [string, string]
      const ports = (state.ports as { name: string; protocol: string; port: number }[]) ?? []
      const external = (state.externalName as string) ?? ''
      const endpoints = (state.readyEndpoints as { ip: string; hostname?: string }[]) ?? []
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
      for (const query of queries) {
        const outside = query.answer.filter((one) => one.name === 'www.example.com.')
        const got = ask(records, options, { ...query, upstream_answers: outside })
        const line = (type: string, one: string, data: string) => `${one} ${type} ${data}`
        const gotLines = got.answer.map((rr) => {
          const data = rdataText(rr.data).replace(/^"(.*)"$/, '$1')
          return line(
            typeName(rr.type),
            rr.name,
            rr.data.kind === 'srv' ? data.replace(/^\d+ \d+/, '* *') : data,
          )
        })
        expect([id, rcodeName(got.rcode), ...gotLines.sort()]).toEqual([
          id,
          query.rcode,
          ...query.answer.map((one) => line(one.type, one.name, one.data!)).sort(),
        ])
        count++
      }
    }
    expect(count).toBeGreaterThan(0)
  })
})
