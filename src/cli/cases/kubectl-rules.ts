/** The rules that 06-kubectl.json states in words, each as a check of the function that prints such a cell. */
import { printCells } from '../../kube/api/printers.ts'
import type { ApiObject } from '../../kube/types.ts'
import { getColumns } from '../../proc/cmd/kubectl/tabs.ts'
import { differs } from './report.ts'

const NOW = 1_800_000_000_000

function cell(resource: string, at: number, object: object, wide = true): string {
  const metadata = { name: 'x', creationTimestamp: '2026-01-01T00:00:00Z' }
  return String(printCells(resource, { metadata, ...object } as unknown as ApiObject, NOW, wide)[at])
}

const service = (spec: object, status: object = {}, wide = true) =>
  cell('services', 3, { spec: { ports: [], ...spec }, status }, wide)
const balancer = (ingress: object[]) => ({ loadBalancer: { ingress } })

export const CELL_RULES: Readonly<Record<string, () => string>> = {
  'service EXTERNAL-IP': () =>
    differs(
      ['<none>', '192.0.2.1,192.0.2.2', '<pending>', 'www.example.com', '<unknown>'],
      [
        service({ type: 'ClusterIP' }),
        service({ type: 'NodePort', externalIPs: ['192.0.2.1', '192.0.2.2'] }),
        service({ type: 'LoadBalancer' }),
        service({ type: 'ExternalName', externalName: 'www.example.com' }),
        service({ type: 'Other' }),
      ],
    ) ||
    differs(
      ['203.0.113.10,...', '203.0.113.10,203.0.113.11'],
      [false, true].map((wide) =>
        service({ type: 'LoadBalancer' }, balancer([{ ip: '203.0.113.11' }, { ip: '203.0.113.10' }]), wide),
      ),
    ),
  'service CLUSTER-IP': () =>
    differs(
      ['10.96.0.1', '<none>'],
      [
        cell('services', 2, { spec: { clusterIPs: ['10.96.0.1', 'fd00::1'] } }),
        cell('services', 2, { spec: {} }),
      ],
    ),
  'service PORT(S)': () =>
    differs(
      ['80:30080/TCP,53/UDP', '<none>'],
      [
        cell('services', 4, {
          spec: {
            ports: [
              { port: 80, nodePort: 30080, protocol: 'TCP' },
              { port: 53, protocol: 'UDP' },
            ],
          },
        }),
        cell('services', 4, { spec: { ports: [] } }),
      ],
    ),
  'ingress HOSTS': () => {
    const hosts = (n: number) => ({
      spec: { rules: Array.from({ length: n }, (_, i) => ({ host: `h${i}` })) },
    })
    return differs(
      ['*', 'h0,h1,h2', 'h0,h1,h2 + 2 more...'],
      [0, 3, 5].map((n) => cell('ingresses.networking.k8s.io', 2, hosts(n))),
    )
  },
  'ingress PORTS': () =>
    differs(
      ['80', '80, 443'],
      [{}, { tls: [{}] }].map((spec) => cell('ingresses.networking.k8s.io', 4, { spec })),
    ),
  'ingress ADDRESS': () =>
    differs(
      ['', '203.0.113.1'],
      [[], [{ ip: '203.0.113.1' }]].map((list) =>
        cell('ingresses.networking.k8s.io', 3, { spec: {}, status: balancer(list) }),
      ),
    ),
  endpoints: () => {
    const ips = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'].map((ip) => ({ ip }))
    const ports = [{ port: 80 }]
    return differs(
      ['<none>', '', '10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...'],
      [[], [{ notReadyAddresses: ips, ports }], [{ addresses: ips, ports }]].map((subsets) =>
        cell('endpoints', 1, { subsets }),
      ),
    )
  },
  'endpointslice PORTS/ENDPOINTS': () => {
    const key = 'endpointslices.discovery.k8s.io'
    const ports = [{ port: 1 }, { name: 'a' }, {}, { port: 4 }]
    const endpoints = [{ addresses: ['10.0.0.1'], conditions: { ready: false } }]
    return differs(
      ['1,a,* + 1 more...', '10.0.0.1', '<unset>', '<unset>'],
      [
        cell(key, 2, { ports }),
        cell(key, 3, { endpoints }),
        cell(key, 2, { ports: [] }),
        cell(key, 3, { endpoints: [] }),
      ],
    )
  },
  'node STATUS': () => {
    const node = (status: string, unschedulable = false) =>
      cell('nodes', 1, {
        spec: { unschedulable },
        status: { conditions: status === '' ? [] : [{ type: 'Ready', status }] },
      })
    return differs(
      ['Ready', 'NotReady', 'Unknown', 'Ready,SchedulingDisabled'],
      [node('True'), node('False'), node(''), node('True', true)],
    )
  },
  'node ROLES': () => {
    const roles = (labels: object) => cell('nodes', 2, { metadata: { name: 'n', labels } })
    return differs(
      ['control-plane,worker', '<none>'],
      [roles({ 'node-role.kubernetes.io/worker': '', 'kubernetes.io/role': 'control-plane' }), roles({})],
    )
  },
  restarts: () => {
    const pod = (lastState: object, restartCount: number) =>
      cell('pods', 3, {
        spec: { containers: [{}] },
        status: { containerStatuses: [{ restartCount, lastState }] },
      })
    const terminated = { finishedAt: '2027-01-15T07:59:00Z' }
    return differs(['0', '4', '4 (60s ago)'], [pod({}, 0), pod({}, 4), pod({ terminated }, 4)])
  },
  AGE: () =>
    differs(
      ['<unknown>', '60s'],
      [undefined, '2027-01-15T07:59:00Z'].map((creationTimestamp) =>
        cell('namespaces', 2, { metadata: { name: 'n', creationTimestamp } }),
      ),
    ),
  'pod IP/NODE/NOMINATED': () =>
    differs(
      ['<none>', '<none>', '<none>'],
      [5, 6, 7].map((at) => cell('pods', at, { spec: { containers: [] }, status: {} })),
    ),
  'readiness gates': () => {
    const readinessGates = [{ conditionType: 'a' }, { conditionType: 'b' }]
    const conditions = [
      { type: 'a', status: 'True' },
      { type: 'b', status: 'False' },
    ]
    return differs(
      ['1/2', '<none>'],
      [
        cell('pods', 8, { spec: { containers: [], readinessGates }, status: { conditions } }),
        cell('pods', 8, { spec: { containers: [] }, status: {} }),
      ],
    )
  },
  'selector column': () =>
    differs(
      ['a=1,b=2', '<none>'],
      [{ b: '2', a: '1' }, {}].map((selector) => cell('services', 6, { spec: { selector } })),
    ),
}

const ROWS = [
  ['A', 'LONG', 'LAST'],
  ['longest-cell', 'x', 'y'],
]

type Typed = (command: string) => { stdout: string; stderr: string }

/** What is told of whole tables, asked of the program. */
export const FORMATTING: Readonly<Record<string, (typed: Typed) => string>> = {
  padding: () => differs('A              LONG   LAST\nlongest-cell   x      y\n', getColumns(ROWS)),
  header: (typed) => differs('NAME STATUS AGE', headOf(typed('kubectl get ns').stdout)),
  'namespace column': (typed) =>
    differs('NAMESPACE NAME DATA AGE', headOf(typed('kubectl get cm -A').stdout)),
  'several types in one request': (typed) =>
    differs(
      [
        'NAME',
        'networkpolicy.networking.k8s.io/deny-all',
        'networkpolicy.networking.k8s.io/np',
        '',
        'NAME',
        'configmap/cfg',
        '',
      ],
      firstWords(typed('kubectl get netpol,cm').stdout),
    ),
  empty: (typed) =>
    differs(
      ['No resources found in default namespace.\n', 'No resources found\n', 'No resources found\n'],
      ['ds', 'ds -A', 'ingressclasses'].map((words) => typed(`kubectl get ${words}`).stderr),
    ),
  'trailing spaces': (typed) => differs(false, / \n/.test(typed('kubectl get pods').stdout)),
}

function headOf(text: string): string {
  return text.split('\n')[0]!.replace(/ +/g, ' ')
}

function firstWords(text: string): string[] {
  return text.split('\n').map((line) => line.split(' ')[0]!)
}
