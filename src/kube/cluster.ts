/**
 * What a cluster was set up with: networks, node agents' configuration, and which machine is which node.
 * Models kubeadm's ClusterConfiguration, KubeProxyConfiguration and KubeletConfiguration as far as networking goes.
 */
import { assert } from '../base/assert.ts'
import type { World } from '../net/types.ts'
import { addTarget, touch } from '../sim/dispatch.ts'
import type { Target } from '../sim/world.ts'

/** KubeProxyConfiguration, times in ns. */
export interface KubeProxyOptions {
  readonly mode: 'iptables'
  /** '' follows networking.podSubnet. */
  readonly clusterCidr: string
  readonly detectLocalMode: 'ClusterCIDR' | 'NodeCIDR' | 'BridgeInterface' | 'InterfaceNamePrefix'
  readonly bridgeInterface: string
  readonly interfaceNamePrefix: string
  readonly masqueradeAll: boolean
  readonly masqueradeBit: number
  readonly localhostNodePorts: boolean
  readonly nodePortAddresses: readonly string[]
  readonly minSyncPeriod: number
  readonly syncPeriod: number
  /** metrics and healthz are not served; the ports are listening sockets */
  readonly healthzPort: number
}

/** KubeletConfiguration, times in ns. */
export interface KubeletOptions {
  readonly clusterDns: readonly string[]
  readonly clusterDomain: string
  readonly nodeStatusUpdateFrequency: number
  readonly nodeLeaseDurationSeconds: number
  readonly maxPods: number
  readonly port: number
  /** What runs containers: decides what `docker ps` and `crictl ps` find. */
  readonly runtime: 'containerd' | 'docker'
  readonly makeIptablesUtilChains: boolean
}

export interface ClusterOptions {
  /** v1.32.x */
  readonly version: string
  readonly clusterName: string
  readonly podCidrs: readonly string[]
  readonly serviceCidrs: readonly string[]
  readonly dnsDomain: string
  /** Prefix length of each node's pod range, by family. */
  readonly nodeMask4: number
  readonly nodeMask6: number
  /** The controller manager gives out pod ranges. */
  readonly allocateNodeCidrs: boolean
  /** A controller that serves Services of type LoadBalancer: the addresses it has, none for no such controller. */
  readonly loadBalancerAddresses: readonly string[]
  readonly proxy: KubeProxyOptions
  readonly kubelet: KubeletOptions
  /** CNI configuration of every node, by file name; `{{.PodCIDR}}` stands for the node's range. */
  readonly cniConf: readonly { readonly file: string; readonly text: string }[]
  /** Address and port of the API server as agents reach it; '' where the control plane is out of the picture. */
  readonly apiEndpoint: string
}

/** A machine of the lab that is a node. */
export interface ClusterNode {
  readonly name: string
  readonly machine: number
  readonly role: 'control-plane' | 'worker'
  /** InternalIP, the first the one that agents use. */
  readonly addresses: readonly string[]
}

export interface Cluster extends Target {
  type: 'cluster'
  options: ClusterOptions
  nodes: Map<string, ClusterNode>
}

const SECOND = 1_000_000_000

export const DEFAULT_PROXY: KubeProxyOptions = Object.freeze({
  mode: 'iptables',
  clusterCidr: '',
  detectLocalMode: 'ClusterCIDR',
  bridgeInterface: '',
  interfaceNamePrefix: '',
  masqueradeAll: false,
  masqueradeBit: 14,
  localhostNodePorts: true,
  nodePortAddresses: Object.freeze([]),
  minSyncPeriod: SECOND,
  syncPeriod: 30 * SECOND,
  healthzPort: 10256,
})

export const DEFAULT_KUBELET: KubeletOptions = Object.freeze({
  clusterDns: Object.freeze(['10.96.0.10']),
  clusterDomain: 'cluster.local',
  nodeStatusUpdateFrequency: 10 * SECOND,
  nodeLeaseDurationSeconds: 40,
  maxPods: 110,
  port: 10250,
  runtime: 'containerd',
  makeIptablesUtilChains: true,
})

/** kubeadm's defaults. */
export const DEFAULT_CLUSTER: ClusterOptions = Object.freeze({
  version: 'v1.32.4',
  clusterName: 'kubernetes',
  podCidrs: Object.freeze([]),
  serviceCidrs: Object.freeze(['10.96.0.0/12']),
  dnsDomain: 'cluster.local',
  nodeMask4: 24,
  nodeMask6: 64,
  allocateNodeCidrs: true,
  loadBalancerAddresses: Object.freeze([]),
  proxy: DEFAULT_PROXY,
  kubelet: DEFAULT_KUBELET,
  cniConf: Object.freeze([]),
  apiEndpoint: '',
})

/** Makes the cluster's record; a world has at most one. Answers its id. */
export function createCluster(world: World, options: ClusterOptions): number {
  assert(world.scalars.kubeCluster === undefined, 'kube: the world has a cluster already')
  const cluster: Cluster = {
    id: 0,
    epoch: 0,
    type: 'cluster',
    options: Object.freeze(options),
    nodes: new Map(),
  }
  const id = addTarget(world, cluster)
  world.scalars.kubeCluster = id
  return id
}

/** The cluster, undefined in a world without one. */
export function findCluster(world: World): Cluster | undefined {
  const id = world.scalars.kubeCluster
  return id === undefined ? undefined : (world.targets[id] as Cluster | undefined)
}

/** The cluster; asserts that there is one. */
export function clusterOf(world: World): Cluster {
  const cluster = findCluster(world)
  assert(cluster !== undefined && cluster.type === 'cluster', 'kube: the world has no cluster')
  return cluster
}

/** Makes a machine a node, or changes what is known of it. */
export function setClusterNode(world: World, node: ClusterNode): void {
  const { id } = clusterOf(world)
  touch(world, id)
  clusterOf(world).nodes.set(node.name, Object.freeze(node))
}

/** The node that a machine is. */
export function nodeOfMachine(world: World, machine: number): ClusterNode | undefined {
  const cluster = findCluster(world)
  if (cluster === undefined) return undefined
  for (const node of cluster.nodes.values()) if (node.machine === machine) return node
  return undefined
}
