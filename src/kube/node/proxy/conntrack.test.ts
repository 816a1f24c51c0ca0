// Which UDP connections kube-proxy ends: the table of pkg/proxy/conntrack/cleanup_test.go (Kubernetes 1.32).
import { expect, it } from 'vitest'
import { parseIp } from '../../../base/addr.ts'
import type { Conn } from '../../../net/nf/types.ts'
import { staleConnections } from './conntrack.ts'
import { proxyState } from './ruleset.ts'
import type { ProxyNode } from './types.ts'

const IPS = ['172.30.1.1', '4.4.4.4', '3.3.3.3']
const [SERVING, NOT_SERVING, GONE] = ['10.240.0.4', '10.240.1.5', '10.240.2.6']
const PORT = 8000
const NODE_PORT = 32000
const PROTOCOLS = [6, 17, 132]

function connection(proto: number, dst: string, dport: number, from: string): Conn {
  const orig = { proto, src: parseIp('1.2.3.4'), sport: 999, dst: parseIp(dst), dport }
  return { orig, reply: { proto, src: parseIp(from), sport: PORT + 1, dst: orig.src, dport: 999 } } as Conn
}

function text({ orig, reply }: Conn): string {
  return JSON.stringify([orig.proto, orig.dst, orig.dport, reply.src])
}

function stale(serving: string[], connections: Conn[]): string[] {
  const ports = ['TCP', 'UDP', 'SCTP'].map((protocol) => ({
    name: `test-${protocol.toLowerCase()}`,
    protocol,
  }))
  const state = proxyState(
    { name: 'n1', family: 4 } as ProxyNode,
    [
      {
        metadata: { namespace: 'ns', name: 'svc' },
        spec: {
          type: 'LoadBalancer',
          clusterIP: IPS[0]!,
          externalIPs: [IPS[1]!],
          ports: ports.map((one) => ({
            ...one,
            port: PORT,
            nodePort: one.protocol === 'TCP' ? 0 : NODE_PORT,
          })),
        },
        status: { loadBalancer: { ingress: [{ ip: IPS[2]! }] } },
      },
    ],
    [
      {
        metadata: { namespace: 'ns', name: 'svc-0', labels: { 'kubernetes.io/service-name': 'svc' } },
        addressType: 'IPv4',
        endpoints: [SERVING, NOT_SERVING].map((ip) => ({
          addresses: [ip!],
          conditions: { serving: serving.includes(ip!) },
        })),
        ports: ports.map((one) => ({ ...one, port: PORT })),
      },
    ],
  )
  return staleConnections(state, connections).map(text)
}

const all = [SERVING!, NOT_SERVING!, GONE!].flatMap((from) =>
  PROTOCOLS.flatMap((proto) => [
    ...IPS.flatMap((ip) => [PORT, 9999].map((port) => connection(proto, ip, port, from))),
    connection(proto, '192.168.0.9', NODE_PORT, from),
  ]),
)
const untranslated = IPS.flatMap((ip) => [PORT, 9999].map((port) => connection(17, ip, port, ip)))

it('ends those of UDP to an address that does not serve, whatever the port there', () => {
  const expected = [...all, ...untranslated].filter(
    ({ orig, reply }) => orig.proto === 17 && orig.dport !== 9999 && reply.src !== parseIp(SERVING!),
  )
  expect(expected).toHaveLength(11)
  expect(stale([SERVING!], [...all, ...untranslated])).toEqual(expected.map(text))
})

it('leaves all of a service port that nothing serves', () => {
  expect(stale([], [...all, ...untranslated])).toEqual([])
})
