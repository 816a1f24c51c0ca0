/** The documents of a lab file that describe a cluster: told apart, read, and checked as the API server would. */
import type { Document } from 'yaml'
import { checkManifest } from '../kube/api/check.ts'
import { jsonDocument } from './cluster-json.ts'
import type { ClusterDoc, LabCluster } from './cluster-types.ts'
import { LABEL_NODE } from './cluster-types.ts'
import type { Lab, Span } from './types.ts'
import type { Field, Source } from './yaml.ts'
import { problem, spanOf, spanOfNode, stringOf } from './yaml.ts'

const CONFIG_FIELDS: Readonly<Record<string, readonly string[]>> = {
  ClusterConfiguration: [
    ...['apiVersion', 'kind', 'kubernetesVersion', 'clusterName', 'networking', 'controlPlaneEndpoint'],
    ...['controllerManager', 'apiServer', 'dns'],
  ],
  KubeProxyConfiguration: [
    ...[
      'apiVersion',
      'kind',
      'mode',
      'clusterCIDR',
      'detectLocalMode',
      'detectLocal',
      'iptables',
      'nodePortAddresses',
    ],
    ...['hostnameOverride', 'bindAddress', 'healthzBindAddress', 'metricsBindAddress'],
  ],
  KubeletConfiguration: [
    ...['apiVersion', 'kind', 'clusterDNS', 'clusterDomain', 'maxPods', 'port', 'nodeStatusUpdateFrequency'],
    ...['nodeLeaseDurationSeconds', 'makeIPTablesUtilChains', 'containerRuntimeEndpoint', 'cgroupDriver'],
  ],
}

const GROUPS: Readonly<Record<string, RegExp>> = {
  ClusterConfiguration: /^kubeadm\.k8s\.io\/v1beta[34]$/,
  KubeProxyConfiguration: /^kubeproxy\.config\.k8s\.io\/v1alpha1$/,
  KubeletConfiguration: /^kubelet\.config\.k8s\.io\/v1beta1$/,
}

export function emptyCluster(): LabCluster {
  return {
    clusterConfiguration: undefined,
    proxyConfiguration: undefined,
    kubeletConfiguration: undefined,
    conflists: [],
    manifests: [],
  }
}

/** A CNI conflist has no apiVersion and no kind, but a cniVersion. */
export function isConflist(all: ReadonlyMap<string, Field>): boolean {
  return all.has('cniVersion') && !all.has('apiVersion') && !all.has('kind')
}

/** Takes a document into the cluster; what is wrong with it is said at its place. */
export function readClusterDoc(
  source: Source,
  doc: Document.Parsed,
  all: Map<string, Field>,
  lab: Lab,
): void {
  const read = jsonDocument(source, doc)
  if (read === undefined || doc.contents === null) return
  lab.cluster ??= emptyCluster()
  const text = (name: string) => stringOf(source, doc, all.get(name)?.value ?? null, name, true) ?? ''
  const span = spanOfNode(source, doc.contents)
  if (isConflist(all)) {
    lab.cluster.conflists.push({ apiVersion: '', kind: 'CNI', ...read, span })
    if (!Array.isArray(read.value.plugins)) problem(source, span, 'a CNI configuration list needs "plugins"')
    return
  }
  const entry: ClusterDoc = { apiVersion: text('apiVersion'), kind: text('kind'), ...read, span }
  if (GROUPS[entry.kind]?.test(entry.apiVersion) === true) readConfig(source, entry, lab.cluster)
  else readManifest(source, entry, lab)
}

function readConfig(source: Source, doc: ClusterDoc, cluster: LabCluster): void {
  const slot = SLOTS[doc.kind]!
  if (cluster[slot] !== undefined) {
    problem(source, headSpan(doc), `a lab has one ${doc.kind}; this is a second one`)
    return
  }
  cluster[slot] = doc
  for (const name of Object.keys(doc.value)) {
    if (CONFIG_FIELDS[doc.kind]!.includes(name)) continue
    problem(source, at(doc, name), `field "${name.slice(0, 60)}" of ${doc.kind} is not modelled`)
  }
  const mode = doc.value.mode
  if (doc.kind === 'KubeProxyConfiguration' && mode !== undefined && mode !== '' && mode !== 'iptables') {
    problem(source, at(doc, 'mode'), proxyModeError(String(mode)))
  }
}

/** What kube-proxy 1.32 says of a mode, and which of the real ones are not modelled yet. */
function proxyModeError(mode: string): string {
  if (mode === 'ipvs' || mode === 'nftables') return `kube-proxy mode "${mode}" is not modelled yet`
  return `Invalid value: "${mode.slice(0, 40)}": must be iptables, ipvs, nftables or blank (blank means the best-available proxy [currently iptables])`
}

const SLOTS: Readonly<
  Record<string, 'clusterConfiguration' | 'proxyConfiguration' | 'kubeletConfiguration'>
> = {
  ClusterConfiguration: 'clusterConfiguration',
  KubeProxyConfiguration: 'proxyConfiguration',
  KubeletConfiguration: 'kubeletConfiguration',
}

function readManifest(source: Source, doc: ClusterDoc, lab: Lab): void {
  for (const { message, path, severity, about } of checkManifest(doc.apiVersion, doc.kind, doc.value)) {
    problem(source, at(doc, path), message, severity, about)
    if (about === 'storedOnly' && !lab.notModelled.includes(doc.kind)) lab.notModelled.push(doc.kind)
  }
  lab.cluster?.manifests.push(doc)
}

/** The place of a field, or of the nearest field around it that is there. */
export function at(doc: ClusterDoc, path: string): Span {
  for (let name = path; name !== ''; name = parentOf(name)) {
    const span = doc.spans.get(name)
    if (span !== undefined) return span
  }
  return headSpan(doc)
}

function parentOf(path: string): string {
  const cut = Math.max(path.lastIndexOf('.'), path.lastIndexOf('['))
  return cut < 0 ? '' : path.slice(0, cut)
}

function headSpan(doc: ClusterDoc): Span {
  return doc.spans.get('kind') ?? doc.spans.get('apiVersion') ?? doc.span
}

/** A lab with cluster documents has a machine that is a node, and one control plane at most. */
export function checkClusterNodes(source: Source, lab: Lab): void {
  if (lab.cluster === undefined) return
  const nodes = lab.machines.filter((machine) => machine.labels.has(LABEL_NODE))
  const first = [...lab.cluster.manifests, ...lab.cluster.conflists][0] ?? lab.cluster.clusterConfiguration
  if (nodes.length === 0) {
    const span = first === undefined ? spanOf(source, 0, 0) : headSpan(first)
    problem(source, span, `no machine is a node of the cluster: give one the label ${LABEL_NODE}: worker`)
  }
  for (const machine of nodes) {
    const value = machine.labels.get(LABEL_NODE)!
    if (value === 'worker' || value === 'control-plane') continue
    problem(source, machine.span, `label "${LABEL_NODE}" must be worker or control-plane`)
  }
}
