/** Tests only: one node whose pods are asked about. */
import { apiCreate, apiDelete, apiList, apiPatch } from '../kube/api/local.ts'
import type { KubeEvent } from '../kube/objects.ts'
import type { Container, ContainerStatus, Pod, PodSpec } from '../kube/objects-pod.ts'
import { storeGet, storeOf } from '../kube/store/store.ts'
import type { Actor, Draft } from '../kube/types.ts'
import { kubeletLogs } from '../proc/kube/kubelet/hooks.ts'
import { typeAll } from './headless.ts'
import { openScenario, type Scenario } from './scenario.fixture.ts'

export const USER: Actor = { user: 'kubernetes-admin', manager: 'kubectl' }
export const NODE = `name: pods
topology:
  nodes:
    node1:
      kind: linux
      labels: {kubehop.dev/node: worker}
      exec:
        - ip addr add 10.100.0.2/24 dev eth0
        - ip route add default via 10.100.0.1
        - sh -c 'echo nameserver 10.100.0.1 > /etc/resolv.conf'
    gw:
      kind: linux
      exec:
        - ip addr add 10.100.0.1/24 dev eth0
  links:
    - endpoints: ["node1:eth0", "gw:eth0"]
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
networking:
  podSubnet: 10.244.0.0/16
`
export const CNI = `---
cniVersion: 1.0.0
name: cbr0
plugins:
  - type: bridge
    bridge: cbr0
    isDefaultGateway: true
    ipMasq: true
    ipam: {type: host-local, subnet: "{{.PodCIDR}}"}
  - type: portmap
    capabilities: {portMappings: true}
`

export function lab(text = NODE + CNI): Scenario {
  const opened = open(text)
  // Every pod is the test's: the addon's are scaled away.
  const body = { spec: { replicas: 0 } }
  apiPatch(opened.run.world, USER, 'deployments.apps', 'kube-system', 'coredns', { type: 'merge', body })
  opened.wait(45)
  return opened
}

/** Waits add up though nothing may happen in between. */
export function open(text: string): Scenario {
  const opened = openScenario(text)
  const { run } = opened
  let clock = run.world.now
  const wait = (seconds: number) => {
    clock = Math.max(clock, run.world.now) + seconds * 1e9
    typeAll(run, [], clock - run.bootedAt)
    if (run.world.frozen !== undefined) throw new Error(run.world.frozen.message)
    run.world.now = Math.max(run.world.now, clock)
  }
  return { ...opened, wait }
}

export function make(
  opened: Scenario,
  name: string,
  spec: Partial<PodSpec>,
  labels: Record<string, string> = {},
): void {
  const full: PodSpec = { containers: [], ...spec }
  create(opened, 'pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels },
    spec: full,
  })
}

export function create(opened: Scenario, resource: string, draft: object): void {
  const made = apiCreate(opened.run.world, USER, resource, draft as Draft)
  if (!made.ok) throw new Error(made.status.message)
}

export function pod(opened: Scenario, name: string): Pod {
  const found = storeGet<Pod>(storeOf(opened.run.world), 'pods', 'default', name)
  if (found === undefined) throw new Error(`no pod ${name}`)
  return found
}

export function ip(opened: Scenario, name: string): string {
  return pod(opened, name).status?.podIP ?? 'no address'
}

export function box(opened: Scenario, name: string, at = 0): ContainerStatus {
  return pod(opened, name).status!.containerStatuses![at]!
}

export function condition(opened: Scenario, name: string, type: string): string {
  const found = pod(opened, name).status?.conditions?.find((one) => one.type === type)
  return [found?.status, found?.reason, found?.message].filter((text) => text !== undefined).join(' ')
}

export function events(opened: Scenario, name: string, reason: string): string[] {
  const all = apiList<KubeEvent>(opened.run.world, 'events', { namespace: 'default' })
  return all
    .filter((one) => one.involvedObject.name === name && one.reason === reason)
    .map((one) => `${one.message}`)
}

export function logs(
  opened: Scenario,
  name: string,
  container = 'c',
  query: [string, string][] = [],
): string {
  const got = kubeletLogs(opened.run.world, { namespace: 'default', pod: name, container, query })
  return 'text' in got ? got.text : `${got.status.message}`
}

export function remove(opened: Scenario, name: string, gracePeriodSeconds?: number): void {
  const options = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }
  apiDelete(opened.run.world, USER, 'pods', 'default', name, options)
}

export function exists(opened: Scenario, name: string): boolean {
  return storeGet<Pod>(storeOf(opened.run.world), 'pods', 'default', name) !== undefined
}

export const NGINX: Container = { name: 'c', image: 'nginx', imagePullPolicy: 'IfNotPresent' }
export function shell(script: string, more: Partial<Container> = {}): Container {
  return { name: 'c', image: 'busybox:1', command: ['sh', '-c', script], ...more }
}
