/** What clusters cost: pods from nothing to Running, and the heap of pods and services. */
import { agentList } from '../../kube/agent/agent.ts'
import { apiCreate, apiList } from '../../kube/api/local.ts'
import type { CheckCluster } from '../../kube/controller/check.ts'
import { checkCluster, make, makeNode, pass, startKubelets, USER } from '../../kube/controller/check.ts'
import type { Deployment, Pod, Service } from '../../kube/objects.ts'
import type { ApiObject, Draft } from '../../kube/types.ts'
import { clusterAgents } from '../../lab/cluster-agents.ts'
import type { Run } from '../../lab/headless.ts'
import { startRun } from '../../lab/headless.ts'
import { CONTROLLERS } from '../../proc/kube/daemons.ts'
import { runUntil } from '../../sim/dispatch.ts'
import { median, type Row } from './report.ts'

const PER_SET = 50
const PER_NODE = 100
const SIZES = [100, 1000, 5000]
/** Pods that run before any is measured. */
const WARM = 1000
const SERVICES = 2000
/** The largest cluster that is tried: a lab has a thousand machines, one of them is the switch. */
export const LARGE = { nodes: 999, pods: 30_000, services: 10_000 }
/** Virtual seconds that pods may take to run. */
const PATIENCE = 600

/** Pods created to Running in a second of real time, at growing sizes. */
export function benchKube(): Row[] {
  const rows: Row[] = []
  const rate = (name: string, sizes: readonly number[], seconds: (pods: number) => number, aim: string) => {
    let small = 0
    for (const pods of sizes) {
      const value = pods / median(Array.from({ length: pods < 1000 ? 5 : 1 }, () => seconds(pods)))
      const reference = small
      if (small === 0) small = value
      const against = `at ${sizes[0]} pods`
      rows.push({ name: `${name}, ${pods} pods`, value, unit: 'pods/s', reference, against, aim })
    }
  }
  // Until a thousand pods have run what is measured is the compiler, not the pods.
  instantSeconds(WARM)
  rate('instant kubelet', SIZES, instantSeconds, '5,000 pods/s, and a ratio of 1')
  realSeconds(WARM)
  rate('real kubelets', SIZES, realSeconds, '5,000 pods/s, and a ratio of 1')
  return [...bootRows(), ...rows]
}

/** From the text of a lab to nodes that are ready. */
function bootRows(): Row[] {
  const rate = (nodes: number) => {
    const from = performance.now()
    realCluster(nodes)
    return nodes / ((performance.now() - from) / 1000)
  }
  rate(10)
  const small = median([rate(10), rate(10), rate(10)])
  const [name, unit] = ['a cluster of 100 nodes boots', 'nodes/s']
  return [{ name, value: rate(100), unit, reference: small, against: 'of 10 nodes', aim: 'a ratio of 1' }]
}

function instantCluster(pods: number): CheckCluster {
  const { programs } = clusterAgents(new Map())
  const names = [...CONTROLLERS, 'kube-scheduler']
  const cluster = checkCluster(
    names.map((name) => programs.get(name)!),
    { podCidrs: ['10.244.0.0/16'] },
  )
  startKubelets(cluster, true)
  for (let i = 0; i < Math.ceil(pods / PER_NODE); i++) makeNode(cluster, `n${i}`)
  pass(cluster, 1)
  return cluster
}

function deployAll(cluster: CheckCluster, pods: number): void {
  for (let i = 0; i < pods / PER_SET; i++) {
    const app = `web-${i}`
    make<Deployment>(cluster, 'deployments.apps', deploymentOf(app, PER_SET))
    makeService(cluster, app)
  }
}

function deploymentOf(app: string, replicas: number): Draft<Deployment> {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: app, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app } },
      template: {
        metadata: { labels: { app } },
        spec: { containers: [{ name: 'c', image: 'nginx:1.27' }] },
      },
    },
  }
}

function makeService(cluster: CheckCluster, app: string): void {
  make<Service>(cluster, 'services', serviceOf(app, 'default'))
}

function serviceOf(app: string, namespace: string): Draft<Service> {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: app, namespace },
    spec: { selector: { app }, ports: [{ port: 80 }] },
  }
}

function runningPods(world: CheckCluster['world']): number {
  const pods = apiList<Pod>(world, 'pods', { namespace: 'default' })
  return pods.filter(({ status }) => status?.phase === 'Running').length
}

function instantSeconds(pods: number): number {
  const cluster = instantCluster(pods)
  const from = performance.now()
  deployAll(cluster, pods)
  for (let i = 0; i < 100 && runningPods(cluster.world) < pods; i++) pass(cluster, 1)
  if (runningPods(cluster.world) < pods)
    throw new Error(`bench: ${runningPods(cluster.world)} of ${pods} run`)
  return (performance.now() - from) / 1000
}

/** Nodes on one switch with kubelets, CNI bridges and kube-proxies. */
function realLab(nodes: number): string {
  const names = Array.from({ length: nodes }, (_, i) => `n${i}`)
  const node = (name: string, i: number) =>
    `    ${name}:\n      kind: linux\n      labels: {kubehop.dev/node: worker}\n      exec:\n` +
    `        - ip addr add 10.100.${(i + 2) >> 8}.${(i + 2) & 255}/16 dev eth0\n`
  const link = (name: string) => `    - endpoints: ["${name}:eth0", "sw:${name}"]\n`
  return `name: bench
topology:
  nodes:
${names.map(node).join('')}    sw:
      kind: bridge
  links:
${names.map(link).join('')}---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
networking: {podSubnet: 10.0.0.0/12, serviceSubnet: 10.96.0.0/12}
---
cniVersion: 1.0.0
name: cbr0
plugins:
  - type: bridge
    bridge: cbr0
    isGateway: true
    ipam: {type: host-local, ranges: [[{subnet: "{{.PodCIDR}}"}]]}
`
}

export function realCluster(nodes: number): Run {
  const { run, diagnostics } = startRun(realLab(nodes), 1)
  if (run === undefined) throw new Error(`bench: ${diagnostics[0]?.message}`)
  return run
}

export function create<T extends ApiObject>({ world }: Run, resource: string, draft: Draft<T>): void {
  const made = apiCreate<T>(world, USER, resource, draft)
  if (!made.ok) throw new Error(`bench: ${made.status.message}`)
}

/** Deployments of so many pods in all. */
export function deployPods(run: Run, pods: number): void {
  for (let i = 0; i < pods / PER_SET; i++)
    create<Deployment>(run, 'deployments.apps', deploymentOf(`web-${i}`, PER_SET))
}

/** Lets pass what time it takes until so many pods run. */
export function awaitPods({ world, rules }: Run, pods: number): void {
  const start = world.now
  for (let i = 1; i <= PATIENCE && runningPods(world) < pods; i++) {
    runUntil(world, rules, { untilAt: start + i * 1_000_000_000, maxEvents: 50_000_000 })
  }
  if (world.frozen !== undefined) throw new Error(`bench: ${world.frozen.message}`)
  if (runningPods(world) < pods) throw new Error(`bench: ${runningPods(world)} of ${pods} run`)
}

function realSeconds(pods: number): number {
  const run = realCluster(Math.ceil(pods / PER_NODE))
  const from = performance.now()
  for (let i = 0; i < pods / PER_SET; i++) {
    create<Deployment>(run, 'deployments.apps', deploymentOf(`web-${i}`, PER_SET))
    create<Service>(run, 'services', serviceOf(`web-${i}`, 'default'))
  }
  awaitPods(run, pods)
  return (performance.now() - from) / 1000
}

/** Bytes in use after a collection; 0 where the engine does not let itself be asked. */
export function heapUsed(): number {
  const { gc } = globalThis as { gc?: () => void }
  if (gc === undefined) return 0
  // One that is under way when asked keeps what died since it began; the next one starts anew.
  for (let i = 0; i < 3; i++) gc()
  const { heapUsed: used, arrayBuffers } = process.memoryUsage()
  return used + arrayBuffers
}

export function figure(name: string, value: number, unit: string, aim = ''): Row {
  return { name, value, unit, reference: 0, against: '', aim }
}

/** What a pod and a Service take in a cluster whose kubelet has a pod ready at once. */
export function benchKubeHeap(): Row[] {
  const pods = 5000
  const cluster = instantCluster(pods)
  const empty = heapUsed()
  if (empty === 0) return []
  deployAll(cluster, pods)
  pass(cluster, 60)
  const full = heapUsed()
  makeIdle(cluster, SERVICES)
  const more = heapUsed()
  if (agentList(cluster.world).length === 0) throw new Error('bench: the cluster is gone')
  const share = 'with its share of Deployment, Service, slices, Endpoints, events and log'
  return [
    figure(`heap per pod, ${share}`, (full - empty) / pods, 'bytes'),
    figure('heap per Service without pods, with its slice and Endpoints', (more - full) / SERVICES, 'bytes'),
  ]
}

function makeIdle(cluster: CheckCluster, services: number): void {
  for (let i = 0; i < services; i++) makeService(cluster, `idle-${i}`)
  pass(cluster, 60)
}

/** The largest cluster that is tried with the instant kubelet, by itself: what stood before it counts for nothing. */
export function benchLargest(): Row[] {
  const { nodes, pods, services } = LARGE
  const before = heapUsed()
  if (before === 0) return []
  const cluster = instantCluster(nodes * PER_NODE)
  deployAll(cluster, pods)
  makeIdle(cluster, services - pods / PER_SET)
  if (runningPods(cluster.world) < pods) throw new Error('bench: not all pods run')
  const name = `heap of ${nodes} nodes, ${pods} pods, ${services} Services, instant kubelet`
  return [figure(name, (heapUsed() - before) / 1e6, 'MB', 'under 500 MB')]
}
