/** A cluster's start: its store, the control plane, every node's agents, and its manifests applied in their order. */
import type { AgentRules } from '../kube/agent/agent.ts'
import { startAgent } from '../kube/agent/agent.ts'
import { bootstrapApi } from '../kube/api/bootstrap.ts'
import { apiCreate, apiDelete, apiPatch } from '../kube/api/local.ts'
import { findKind } from '../kube/api/resources.ts'
import type { ClusterOptions } from '../kube/cluster.ts'
import { createCluster } from '../kube/cluster.ts'
import { storeChanges } from '../kube/store/history.ts'
import { createStore, storeOf } from '../kube/store/store.ts'
import type { Actor, ApiResult, Draft, Json, StoreChange } from '../kube/types.ts'
import { resourceKey } from '../kube/types.ts'
import type { World } from '../net/types.ts'
import { CONTROLLERS } from '../proc/kube/daemons.ts'
import { machineNamed } from '../run/machine.ts'
import type { Machine } from '../run/types.ts'
import { dnsAddon } from './cluster-addons.ts'
import { addressesOf, prepareNode, startDaemon, startNode } from './cluster-join.ts'
import { clusterOptions } from './cluster-options.ts'
import type { ClusterDoc, LabCluster } from './cluster-types.ts'
import { LABEL_NODE } from './cluster-types.ts'
import type { Diagnostic, Lab } from './types.ts'

const USER: Actor = { user: 'kubernetes-admin', manager: 'kubectl-client-side-apply' }
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
const API_PORT = 6443

/** Starts the cluster that a lab describes; machines have their addresses already. */
export function startCluster(world: World, lab: Lab, rules: AgentRules): Diagnostic[] {
  const { cluster } = lab
  if (cluster === undefined) return []
  const nodes = lab.machines.filter((machine) => machine.labels.has(LABEL_NODE))
  const control = nodes
    .filter((machine) => machine.labels.get(LABEL_NODE) === 'control-plane')
    .map(({ name }) => machineNamed(world, name))
    .filter((machine) => machine !== undefined)
  const addresses = control.map((machine) => addressesOf(world, machine)[0] ?? '').filter((one) => one !== '')
  const [address = ''] = control.length === 0 ? [] : addressesOf(world, control[0]!)
  const options = clusterOptions(cluster, address === '' ? '' : `${address}:${API_PORT}`)
  const { wallMs } = world.scalars
  createStore(world, {
    serviceCidrs: options.serviceCidrs,
    ...(wallMs === undefined ? {} : { epochMs: wallMs }),
  })
  createCluster(world, options)
  bootstrapApi(world, address === '' ? [] : addresses, API_PORT)
  for (const node of nodes) {
    const machine = machineNamed(world, node.name)
    if (machine === undefined) continue
    const role = node.labels.get(LABEL_NODE) === 'control-plane' ? 'control-plane' : 'worker'
    prepareNode(world, machine, role)
  }
  startControlPlane(world, rules, control)
  const failed = applyManifests(world, cluster)
  installDns(world, cluster, options)
  for (const node of nodes) {
    const machine = machineNamed(world, node.name)
    if (machine !== undefined) startNode(world, machine)
  }
  return failed
}

/** On its machines as processes, or, where none is drawn, out of the picture: then the network cannot cut it off. */
function startControlPlane(world: World, rules: AgentRules, machines: readonly Machine[]): void {
  for (const machine of machines) {
    for (const name of ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler']) {
      startDaemon(world, machine, name)
    }
  }
  if (machines.length > 0) return
  for (const program of [...CONTROLLERS, 'kube-scheduler']) {
    if (rules.programs.has(program)) startAgent(world, rules, { program })
  }
}

function applyManifests(world: World, { manifests }: LabCluster): Diagnostic[] {
  const failed: Diagnostic[] = []
  // Namespaces first, as everybody's tools order them: objects in them may stand before.
  const ordered = [...manifests].sort(
    (a, b) => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace'),
  )
  for (const doc of ordered) {
    const result = applyManifest(world, doc)
    if (!result.ok) {
      failed.push({
        severity: 'warning',
        message: result.status.message ?? 'the API server refused it',
        ...doc.span,
      })
    }
  }
  return failed
}

/** kubeadm's CoreDNS, unless the file says `dns: {disabled: true}` or brings a Deployment of that name itself. */
function installDns(
  world: World,
  { clusterConfiguration, manifests }: LabCluster,
  options: ClusterOptions,
): void {
  const dns = clusterConfiguration?.value.dns as { disabled?: boolean } | undefined
  if (dns?.disabled === true) return
  const names = (doc: { value: unknown }) => (doc.value as Draft).metadata
  if (manifests.some((doc) => doc.kind === 'Deployment' && names(doc)?.name === 'coredns')) return
  for (const value of dnsAddon(options)) {
    const doc = { apiVersion: String(value.apiVersion), kind: String(value.kind), value }
    if (manifests.some((own) => own.kind === doc.kind && names(own)?.name === names(doc)?.name)) continue
    applyManifest(world, doc)
  }
}

/** What `kubectl apply` does with one document: creates the object, or changes what the text changed. */
export function applyManifest(
  world: World,
  doc: Pick<ClusterDoc, 'apiVersion' | 'kind' | 'value'>,
): ApiResult {
  const info = findKind(doc.apiVersion, doc.kind)!
  const resource = resourceKey(info)
  const value = doc.value as unknown as Draft
  const namespace = info.namespaced ? (value.metadata?.namespace ?? 'default') : ''
  const annotations = {
    ...value.metadata?.annotations,
    [LAST_APPLIED]: `${JSON.stringify(withAnnotations(doc, namespace))}\n`,
  }
  const metadata = { ...value.metadata, ...(namespace === '' ? {} : { namespace }), annotations }
  const draft = { ...value, metadata } as Draft
  const made = apiCreate(world, USER, resource, draft)
  if (made.ok || made.status.reason !== 'AlreadyExists') return made
  return apiPatch(world, USER, resource, namespace, metadata.name ?? '', {
    type: 'strategic',
    body: draft as unknown as Json,
  })
}

/** Takes away what a document made. */
export function deleteManifest(world: World, doc: ClusterDoc): void {
  const info = findKind(doc.apiVersion, doc.kind)
  if (info === undefined) return
  const metadata = (doc.value as unknown as Draft).metadata
  const namespace = info.namespaced ? (metadata?.namespace ?? 'default') : ''
  apiDelete(world, USER, resourceKey(info), namespace, metadata?.name ?? '')
}

function withAnnotations(doc: Pick<ClusterDoc, 'apiVersion' | 'kind' | 'value'>, namespace: string): object {
  const { metadata } = doc.value as unknown as Draft
  return {
    apiVersion: doc.apiVersion,
    kind: doc.kind,
    ...doc.value,
    metadata: { annotations: {}, ...metadata, ...(namespace === '' ? {} : { namespace }) },
  }
}

/** So long nothing must have been written for a cluster to count as settled, and so long it is given at least. */
const QUIET_NS = 3_000_000_000

/** Leaders renew their leases all the time. */
function isRenewal({ resource, key, type }: StoreChange): boolean {
  return resource === 'leases.coordination.k8s.io' && key.startsWith('kube-system/') && type === 'MODIFIED'
}

/** Every pod runs and is ready, has ended, or has waited for a while without a change. Asked after each event. */
export function clusterSettled(world: World): boolean {
  const store = storeOf(world)
  const since = world.scalars.kubeQuietSince ?? world.now
  const { kubeQuietAt = 0 } = world.scalars
  if (kubeQuietAt !== store.revision) {
    world.scalars.kubeQuietAt = store.revision
    const changes = storeChanges(store, kubeQuietAt)
    if (changes === 'gone' || !changes.every(isRenewal)) {
      world.scalars.kubeQuietSince = world.now
      return false
    }
  }
  if (world.now - since < QUIET_NS) return false
  return true
}
