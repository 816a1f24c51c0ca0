/** kube-proxy on a node of a cluster with many Services: what one change costs beside writing everything. */
import type { AgentRules } from '../../kube/agent/agent.ts'
import { agentHandlers, startAgent } from '../../kube/agent/agent.ts'
import { createCluster, DEFAULT_CLUSTER } from '../../kube/cluster.ts'
import { createStore, storePut } from '../../kube/store/store.ts'
import type { World } from '../../net/types.ts'
import { createWorld, netnsOf } from '../../net/world.ts'
import { nfChains } from '../../net/nf/chains.ts'
import { nfTable } from '../../net/nf/tables.ts'
import { kubeProxy, stateOf } from '../../proc/kube/kube-proxy.ts'
import type { Agent } from '../../kube/agent/types.ts'
import { findMachine, machineAdd } from '../../run/machine.ts'
import { runUntil } from '../../sim/dispatch.ts'
import type { Rules } from '../../sim/world.ts'
import { median, type Row } from './report.ts'

const SERVICES = 10_000
const CHANGES = 40
const WARM = 10
const SLICES = 'endpointslices.discovery.k8s.io'

interface Node {
  world: World
  ns: number
  agent: number
  pass: (seconds: number) => void
}

/** A node whose kube-proxy starts with the first `pass`. */
function nodeWith(services: number): Node {
  const world = createWorld(1)
  createStore(world)
  createCluster(world, { ...DEFAULT_CLUSTER, podCidrs: ['10.128.0.0/9'] })
  const ns = findMachine(world, machineAdd(world, 'n1', 'host'))!.rootNs
  const status = { addresses: [{ type: 'InternalIP', address: '192.168.0.1' }] }
  storePut(world, 'nodes', { kind: 'Node', metadata: metadata('n1', ''), status } as never, 'bench')
  for (let i = 0; i < services; i++) {
    putService(world, i)
    putSlice(world, i, 3)
  }
  const agents: AgentRules = {
    programs: new Map([['kube-proxy', kubeProxy]]),
    transport: { notify: () => {}, send: () => false, act: () => false },
  }
  const handlers: Rules<World>['handlers'][number][] = []
  for (const [kind, handler] of Object.entries(agentHandlers(agents))) handlers[Number(kind)] = handler
  const agent = startAgent(world, agents, { program: 'kube-proxy', node: 'n1', ns })
  const pass = (seconds: number): void => {
    const rules = { handlers, applyInput: () => {} }
    runUntil(world, rules, { untilAt: world.now + seconds * 1e9, maxEvents: 100_000 })
    if (world.frozen !== undefined) throw new Error(world.frozen.message)
  }
  return { world, ns, agent, pass }
}

function metadata(name: string, namespace: string, labels: Record<string, string> = {}) {
  return { name, namespace, uid: name, labels, resourceVersion: '', creationTimestamp: '' }
}

function putService(world: World, i: number): void {
  const clusterIP = `10.96.${i >> 8}.${i & 255}`
  const spec = {
    type: 'ClusterIP',
    clusterIP,
    clusterIPs: [clusterIP],
    ports: [{ port: 80, protocol: 'TCP' }],
  }
  const service = { apiVersion: 'v1', kind: 'Service', metadata: metadata(`s${i}`, 'default'), spec }
  storePut(world, 'services', service as never, 'bench')
}

function putSlice(world: World, i: number, endpoints: number): void {
  const name = `s${i}`
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadata(`${name}-x`, 'default', { 'kubernetes.io/service-name': name }),
    addressType: 'IPv4',
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: Array.from({ length: endpoints }, (_, j) => ({
      addresses: [`10.${128 + j}.${i >> 8}.${i & 255}`],
      nodeName: 'n2',
      conditions: { ready: true },
    })),
  }
  storePut(world, SLICES, slice as never, 'bench')
}

function ms(work: () => void): number {
  const from = performance.now()
  work()
  return performance.now() - from
}

/** Milliseconds of real time. */
export function proxyTimes(services: number): { full: number; changes: number[]; lost: number[] } {
  const node = nodeWith(services)
  const { world, ns, agent, pass } = node
  // The first writes everything; so does the second, which parses nothing that is known.
  pass(2)
  const state = stateOf(world.targets[agent] as Agent)
  const rules = (): number => nfChains(nfTable(netnsOf(world, ns), 4, 'nat')).length
  const before = rules()
  if (before < services * 4) throw new Error('bench: kube-proxy has written too little')
  ;(globalThis as { gc?: () => void }).gc?.()
  const full = ms(() => {
    // As after a restart: nothing is known.
    state.full = true
    state.written = new Map()
    putSlice(world, 0, 3)
    pass(2)
  })
  const changeTo = (which: number, endpoints: number): number => {
    const synced = state.syncedAt
    const took = ms(() => {
      putSlice(world, which, endpoints)
      pass(2)
    })
    if (state.syncedAt === synced) throw new Error('bench: nothing was written')
    return took
  }
  const changes: number[] = []
  const lost: number[] = []
  for (let i = 0; i < CHANGES + WARM; i++) {
    const which = (i * 7919) % services
    const took = changeTo(which, i % 2 === 0 ? 2 : 4)
    if (rules() === before) throw new Error('bench: no chain came or went')
    changeTo(which, 3)
    if (i >= WARM) changes.push(took)
  }
  for (let i = 0; i < CHANGES + WARM; i++) {
    const took = changeTo(((i >> 1) * 7919) % services, i % 2 === 0 ? 0 : 3)
    if (i >= WARM) lost.push(took)
  }
  return { full, changes, lost }
}

export function benchProxy(): Row[] {
  const { full, changes, lost } = proxyTimes(SERVICES)
  const one = median(changes)
  return [
    { name: 'every rule of 10,000 Services', value: full, unit: 'ms', reference: 0, against: '', aim: '' },
    {
      name: `one Service's endpoints changed, median of ${CHANGES}`,
      value: one,
      unit: 'ms',
      reference: full,
      against: 'writing everything',
      aim: '1/500',
    },
    {
      name: `a Service lost its last endpoint, or has one again, median of ${CHANGES}`,
      value: median(lost),
      unit: 'ms',
      reference: full,
      against: 'writing everything',
      aim: '',
    },
  ]
}
