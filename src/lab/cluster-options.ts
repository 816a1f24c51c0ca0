/** A cluster's options from its configuration documents, with kubeadm's defaults. */
import { DEFAULT_CLUSTER, DEFAULT_KUBELET, DEFAULT_PROXY } from '../kube/cluster.ts'
import type { ClusterOptions, KubeletOptions, KubeProxyOptions } from '../kube/cluster.ts'
import type { Json, JsonObject } from '../kube/types.ts'
import type { ClusterDoc, LabCluster } from './cluster-types.ts'

/** What the documents say; what they leave out is kubeadm's default. `endpoint`: the API server's, '' for none drawn. */
export function clusterOptions(cluster: LabCluster, endpoint: string): ClusterOptions {
  const { clusterConfiguration: config, proxyConfiguration: proxy, kubeletConfiguration: kubelet } = cluster
  const networking = objectOf(config?.value.networking)
  const dnsDomain = textOf(networking.dnsDomain, DEFAULT_CLUSTER.dnsDomain)
  const serviceCidrs = listOf(networking.serviceSubnet, DEFAULT_CLUSTER.serviceCidrs)
  const manager = extraArgs(objectOf(config?.value.controllerManager))
  return {
    ...DEFAULT_CLUSTER,
    version: textOf(config?.value.kubernetesVersion, DEFAULT_CLUSTER.version),
    clusterName: textOf(config?.value.clusterName, DEFAULT_CLUSTER.clusterName),
    podCidrs: listOf(networking.podSubnet, []),
    serviceCidrs,
    dnsDomain,
    nodeMask4: Number(manager.get('node-cidr-mask-size') ?? manager.get('node-cidr-mask-size-ipv4') ?? 24),
    nodeMask6: Number(manager.get('node-cidr-mask-size-ipv6') ?? 64),
    allocateNodeCidrs: manager.get('allocate-node-cidrs') !== 'false',
    loadBalancerAddresses: listOf(manager.get('kubehop-load-balancer-addresses') ?? '', []),
    proxy: proxyOptions(proxy),
    kubelet: kubeletOptions(kubelet, dnsDomain, serviceCidrs),
    cniConf: cluster.conflists.map((doc, at) => ({ file: conflistFile(doc, at), text: conflistText(doc) })),
    apiEndpoint: endpoint,
  }
}

function proxyOptions(doc: ClusterDoc | undefined): KubeProxyOptions {
  if (doc === undefined) return DEFAULT_PROXY
  const { value } = doc
  const iptables = objectOf(value.iptables)
  const detect = objectOf(value.detectLocal)
  const mode = textOf(value.detectLocalMode, '')
  return {
    ...DEFAULT_PROXY,
    clusterCidr: textOf(value.clusterCIDR, ''),
    detectLocalMode: mode === '' ? 'ClusterCIDR' : (mode as KubeProxyOptions['detectLocalMode']),
    bridgeInterface: textOf(detect.bridgeInterface, ''),
    interfaceNamePrefix: textOf(detect.interfaceNamePrefix, ''),
    masqueradeAll: iptables.masqueradeAll === true,
    masqueradeBit: typeof iptables.masqueradeBit === 'number' ? iptables.masqueradeBit : 14,
    localhostNodePorts: iptables.localhostNodePorts !== false,
    nodePortAddresses: Array.isArray(value.nodePortAddresses) ? value.nodePortAddresses.map(String) : [],
    minSyncPeriod: durationNs(iptables.minSyncPeriod, DEFAULT_PROXY.minSyncPeriod),
    syncPeriod: durationNs(iptables.syncPeriod, DEFAULT_PROXY.syncPeriod),
  }
}

function kubeletOptions(
  doc: ClusterDoc | undefined,
  dnsDomain: string,
  serviceCidrs: readonly string[],
): KubeletOptions {
  const value = doc?.value ?? {}
  const endpoint = textOf(value.containerRuntimeEndpoint, '')
  const dns = Array.isArray(value.clusterDNS) ? value.clusterDNS.map(String) : [tenth(serviceCidrs[0] ?? '')]
  return {
    ...DEFAULT_KUBELET,
    clusterDns: dns.filter((text) => text !== ''),
    clusterDomain: textOf(value.clusterDomain, dnsDomain),
    maxPods: typeof value.maxPods === 'number' ? value.maxPods : DEFAULT_KUBELET.maxPods,
    port: typeof value.port === 'number' ? value.port : DEFAULT_KUBELET.port,
    nodeStatusUpdateFrequency: durationNs(
      value.nodeStatusUpdateFrequency,
      DEFAULT_KUBELET.nodeStatusUpdateFrequency,
    ),
    nodeLeaseDurationSeconds:
      typeof value.nodeLeaseDurationSeconds === 'number' ? value.nodeLeaseDurationSeconds : 40,
    makeIptablesUtilChains: value.makeIPTablesUtilChains !== false,
    runtime: /cri-?dockerd/.test(endpoint) ? 'docker' : 'containerd',
  }
}

/** kubeadm gives the cluster's DNS the tenth address of the service range. */
function tenth(cidr: string): string {
  const parts = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/\d+$/.exec(cidr)
  if (parts !== null) return `${parts[1]}.${parts[2]}.${parts[3]}.${Number(parts[4]) + 10}`
  const six = /^(.*)::\/\d+$/.exec(cidr)
  return six === null ? '' : `${six[1]}::a`
}

function conflistFile(doc: ClusterDoc, at: number): string {
  const name = textOf(doc.value.name, 'net').replaceAll(/[^a-zA-Z0-9_.-]/g, '-')
  return `${10 + at}-${name}.conflist`
}

function conflistText(doc: ClusterDoc): string {
  return `${JSON.stringify(doc.value, null, 2)}\n`
}

/** `extraArgs` as v1beta4 writes them, a list of name and value, or as v1beta3 did, a mapping. */
function extraArgs(component: JsonObject): Map<string, string> {
  const { extraArgs: given } = component
  if (Array.isArray(given)) {
    return new Map(given.map((one) => [String(objectOf(one).name), String(objectOf(one).value)]))
  }
  return new Map(Object.entries(objectOf(given)).map(([name, value]) => [name, String(value)]))
}

function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
}

function textOf(value: Json | undefined, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? value : otherwise
}

function listOf(value: Json | undefined, otherwise: readonly string[]): readonly string[] {
  if (typeof value !== 'string' || value === '') return otherwise
  return value.split(',').map((text) => text.trim())
}

/** A Go duration (`1s`, `500ms`, `1m30s`) in ns. */
export function durationNs(value: Json | undefined, otherwise: number): number {
  if (typeof value !== 'string' || !/^([0-9.]+(ns|us|ms|s|m|h))+$/.test(value)) return otherwise
  const units: Record<string, number> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 }
  let total = 0
  for (const [, number, unit] of value.matchAll(/([0-9.]+)(ns|us|ms|s|m|h)/g))
    total += Number(number) * units[unit!]!
  return Math.round(total)
}
