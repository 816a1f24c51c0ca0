/** What clusters cost: pods from nothing to Running, and the heap of pods and services. */
import { agentList } from '../../kube/agent/agent.ts'
import { apiList, apiPatch } from '../../kube/api/local.ts'
import type { CheckCluster } from '../../kube/controller/check.ts'
import { checkCluster, make, makeNode, pass, startKubelets, USER } from '../../kube/controller/check.ts'
import type { Deployment, Pod, Service } from '../../kube/objects.ts'
import { clusterAgents } from '../../lab/cluster-agents.ts'
import { startRun } from '../../lab/headless.ts'
import { CONTROLLERS } from '../../proc/kube/daemons.ts'
import { runUntil } from '../../sim/dispatch.ts'
import { median, type Row } from './report.ts'

const PER_SET = 50
const PER_NODE = 100
const SIZES = [100, 1000, 5000]
const REAL_SIZES = [100, 1000]
const SERVICES = 2000

/** Pods created to Running in a second of real time, at growing sizes, and heap. */
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
  instantSeconds(100)
  rate('instant kubelet', SIZES, instantSeconds, '5,000 pods/s, and a ratio of 1')
  rate('real kubelets', REAL_SIZES, realSeconds, 'a ratio of 1')
  return [...rows, ...heapRows()]
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
    make<Deployment>(cluster, 'deployments.apps', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: app, namespace: 'default' },
      spec: {
        replicas: PER_SET,
        selector: { matchLabels: { app } },
        template: {
          metadata: { labels: { app } },
          spec: { containers: [{ name: 'c', image: 'nginx:1.27' }] },
        },
      },
    })
    makeService(cluster, app)
  }
}

function makeService(cluster: CheckCluster, app: string): void {
  make<Service>(cluster, 'services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: app, namespace: 'default' },
    spec: { selector: { app }, ports: [{ port: 80 }] },
  })
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

/** Nodes on one switch with kubelets, CNI bridges and kube-proxies; one Deployment that is scaled up. */
function realLab(nodes: number): string {
  const names = Array.from({ length: nodes }, (_, i) => `n${i}`)
  const node = (name: string, i: number) =>
    `    ${name}:\n      kind: linux\n      labels: {kubehop.dev/node: worker}\n      exec:\n` +
    `        - ip addr add 10.100.0.${i + 2}/24 dev eth0\n`
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
networking: {podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/12}
---
cniVersion: 1.0.0
name: cbr0
plugins:
  - type: bridge
    bridge: cbr0
    isGateway: true
    ipam: {type: host-local, ranges: [[{subnet: "{{.PodCIDR}}"}]]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: nginx}]}
`
}

function realSeconds(pods: number): number {
  const { run, diagnostics } = startRun(realLab(Math.ceil(pods / PER_NODE)), 1)
  if (run === undefined) throw new Error(`bench: ${diagnostics[0]?.message}`)
  const { world, rules } = run
  const body = { spec: { replicas: pods } }
  apiPatch(world, USER, 'deployments.apps', 'default', 'web', { type: 'merge', body })
  const from = performance.now()
  const start = world.now
  for (let i = 1; i <= 300 && runningPods(world) < pods; i++) {
    runUntil(world, rules, { untilAt: start + i * 1_000_000_000, maxEvents: 10_000_000 })
  }
  if (world.frozen !== undefined) throw new Error(`bench: ${world.frozen.message}`)
  if (runningPods(world) < pods) throw new Error(`bench: ${runningPods(world)} of ${pods} run`)
  return (performance.now() - from) / 1000
}

function heapRows(): Row[] {
  const { gc } = globalThis as { gc?: () => void }
  if (gc === undefined) return []
  const used = () => {
    gc()
    return process.memoryUsage().heapUsed
  }
  const pods = 5000
  const cluster = instantCluster(pods)
  const empty = used()
  deployAll(cluster, pods)
  pass(cluster, 60)
  const full = used()
  for (let i = 0; i < SERVICES; i++) makeService(cluster, `idle-${i}`)
  pass(cluster, 60)
  const more = used()
  if (agentList(cluster.world).length === 0) throw new Error('bench: the cluster is gone')
  const row = (name: string, value: number): Row => {
    return { name, value, unit: 'bytes', reference: 0, against: '', aim: '' }
  }
  return [
    row(
      'heap per pod, with its share of Deployment, Service, slices, Endpoints, events and log',
      (full - empty) / pods,
    ),
    row('heap per Service without pods, with its slice and Endpoints', (more - full) / SERVICES),
  ]
}
