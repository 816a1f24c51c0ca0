/** Clusters of many Services where every node has a kube-proxy of its own: what each costs, in memory and time. */
import { agentList } from '../../kube/agent/agent.ts'
import type { EndpointSlice, Service } from '../../kube/objects.ts'
import { findStore } from '../../kube/store/store.ts'
import type { Draft } from '../../kube/types.ts'
import type { Run } from '../../lab/headless.ts'
import { nfTable } from '../../net/nf/tables.ts'
import { netnsOf } from '../../net/world.ts'
import { stateOf } from '../../proc/kube/kube-proxy.ts'
import { runUntil } from '../../sim/dispatch.ts'
import { create, figure, heapUsed, realCluster } from './kube.ts'
import type { Row } from './report.ts'

const LARGE = { nodes: 999, few: 99, services: 10_000 }
const ENDPOINTS = 3
/** syncPeriod and a little, ns. */
const PERIOD = 32_000_000_000
/** Virtual seconds that kube-proxies may take. */
const PATIENCE = 120

function serviceOf(i: number): Draft<Service> {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `s${i}`, namespace: 'default' },
    spec: { ports: [{ port: 80 }] },
  }
}

function sliceOf(i: number): Draft<EndpointSlice> {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `s${i}-x`,
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': `s${i}` },
    },
    addressType: 'IPv4',
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: Array.from({ length: ENDPOINTS }, (_, j) => ({
      addresses: [`10.${8 + j}.${i >> 8}.${i & 255}`],
      conditions: { ready: true },
    })),
  }
}

/** Services with their slices. */
export function createServices(run: Run, services: number): void {
  for (let i = 0; i < services; i++) {
    create<Service>(run, 'services', serviceOf(i))
    create<EndpointSlice>(run, 'endpointslices.discovery.k8s.io', sliceOf(i))
  }
}

/** Lets pass what time it takes until every kube-proxy has written all Services. */
export function awaitProxies({ world, rules }: Run): void {
  const start = world.now
  const { revision } = findStore(world)!
  const behind = () => agentList(world, 'kube-proxy').some((agent) => stateOf(agent).revision < revision)
  for (let i = 1; i <= PATIENCE && behind(); i++) {
    runUntil(world, rules, { untilAt: start + i * 1_000_000_000, maxEvents: 50_000_000 })
  }
  if (world.frozen !== undefined) throw new Error(`bench: ${world.frozen.message}`)
  if (behind()) throw new Error('bench: a kube-proxy is behind')
}

/** What nodes a little behind might still have asked for is let go when their timers ring. */
export function settleProxies({ world, rules }: Run): void {
  runUntil(world, rules, { untilAt: world.now + PERIOD, maxEvents: 50_000_000 })
}

/** Heap in bytes, and seconds, that Services and their kube-proxies take. */
function proxiesTake(nodes: number, services: number): { bytes: number; seconds: number } {
  const run = realCluster(nodes)
  const before = heapUsed()
  const from = performance.now()
  createServices(run, services)
  awaitProxies(run)
  const seconds = (performance.now() - from) / 1000
  settleProxies(run)
  const bytes = heapUsed() - before
  const proxies = agentList(run.world, 'kube-proxy')
  const written = proxies.filter(({ ns }) => {
    const { common } = nfTable(netnsOf(run.world, ns), 4, 'nat')
    return common !== null && common.size > services * (1 + ENDPOINTS)
  })
  if (written.length !== nodes) throw new Error(`bench: ${written.length} of ${nodes} nodes have the rules`)
  return { bytes, seconds }
}

/** A small cluster and the largest one with the same Services: what the nodes between them cost. */
export function benchProxies(): Row[] {
  const { nodes, few, services } = LARGE
  // What is compiled meanwhile is no part of it.
  proxiesTake(2, services / 10)
  const small = proxiesTake(few, services)
  const large = proxiesTake(nodes, services)
  const of = `${services} Services, ${nodes} nodes`
  const seconds: Row = {
    ...figure(`${of}: from the first Service to the last node's rules`, large.seconds, 's'),
    reference: small.seconds,
    against: `with ${few} nodes`,
    aim: 'a ratio below 2',
  }
  if (large.bytes === 0) return [seconds]
  const more = (large.bytes - small.bytes) / (nodes - few)
  return [
    seconds,
    figure(`${of}: heap of objects, rules and indexes`, large.bytes / 1e6, 'MB', 'under 500 MB'),
    figure('  per node more', more, 'bytes'),
    figure('  per node more and Service', more / services, 'bytes', 'under 10'),
  ]
}
