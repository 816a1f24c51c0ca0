// What the shared cases leave out. Expected: plugin/kubernetes of CoreDNS (handler.go, handler_test.go,
// kubernetes_apex_test.go).
import { expect, it } from 'vitest'
import type { DnsMessage } from '../../wire/dns.ts'
import { CLASS_IN, dnsMessage } from '../../wire/dns.ts'
import { kubeAnswer } from './kubernetes.ts'
import type { KubeDnsOptions } from './kubesource.ts'
import { kubeDnsOptions, recordsSource } from './kubesource.ts'
import { rcodeName, rdataText, typeName, typeNumber } from './text.ts'

const source = recordsSource({
  serial: 1,
  namespaces: ['default'],
  services: [
    {
      namespace: 'default',
      name: 'db',
      type: 'ClusterIP',
      clusterIps: ['None'],
      ports: [],
      externalName: '',
    },
    {
      namespace: 'default',
      name: 'alone',
      type: 'ClusterIP',
      clusterIps: ['None'],
      ports: [],
      externalName: '',
    },
  ],
  endpoints: [
    {
      namespace: 'default',
      service: 'db',
      cluster: 'cluster1',
      endpoints: [{ ip: '172.0.0.2' }, { ip: '172.0.0.3', hostname: 'two' }],
      ports: [{ name: 'sql', protocol: 'TCP', port: 5432 }],
    },
  ],
  pods: [],
})

function ask(name: string, type: string, options: Partial<KubeDnsOptions> = {}): DnsMessage {
  const all = { ...kubeDnsOptions(['cluster.local.']), localIps: ['127.0.0.1'], ...options }
  const query = dnsMessage(7, [{ name, type: typeNumber(type)!, class: CLASS_IN }])
  const got = kubeAnswer(source, all, query)
  if (got.kind !== 'answer') throw new Error(got.kind)
  return got.message
}

const shown = ({ rcode, answer, additional }: DnsMessage) => [
  rcodeName(rcode),
  ...[...answer, ...additional].map((rr) => `${rr.name} ${typeName(rr.type)} ${rdataText(rr.data)}`),
]

it('hands no zone out', () => {
  for (const type of ['AXFR', 'IXFR']) {
    const message = ask('cluster.local.', type)
    expect([shown(message), message.authority, message.aa]).toEqual([['REFUSED'], [], false])
  }
})

it('is the name server of its zone where nobody has its address as an endpoint', () => {
  expect(shown(ask('cluster.local.', 'NS'))).toEqual([
    'NOERROR',
    'cluster.local. NS ns.dns.cluster.local.',
    'ns.dns.cluster.local. A 127.0.0.1',
  ])
  expect(shown(ask('ns.dns.cluster.local.', 'A'))).toEqual(['NOERROR', 'ns.dns.cluster.local. A 127.0.0.1'])
  expect(shown(ask('ns.dns.cluster.local.', 'SRV'))).toEqual(['NOERROR'])
})

it('names endpoints of several clusters by their cluster', () => {
  const multicluster = { multiclusterZones: ['cluster.local.'] }
  const base = 'db.default.svc.cluster.local.'
  expect(shown(ask(`_sql._tcp.${base}`, 'SRV', multicluster))).toEqual([
    'NOERROR',
    `_sql._tcp.${base} SRV 0 50 5432 172-0-0-2.cluster1.${base}`,
    `_sql._tcp.${base} SRV 0 50 5432 two.cluster1.${base}`,
    `172-0-0-2.cluster1.${base} A 172.0.0.2`,
    `two.cluster1.${base} A 172.0.0.3`,
  ])
  expect(shown(ask(`two.${base}`, 'A', multicluster))).toEqual(['NXDOMAIN'])
})

it('tells a name of another type from one that is not there', () => {
  expect(shown(ask('db.default.svc.cluster.local.', 'MX'))).toEqual(['NOERROR'])
  expect(shown(ask('alone.default.svc.cluster.local.', 'A'))).toEqual(['NXDOMAIN'])
  expect(shown(ask('nobody.default.svc.cluster.local.', 'HTTPS'))).toEqual(['NXDOMAIN'])
})
