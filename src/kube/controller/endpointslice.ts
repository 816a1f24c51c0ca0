/** Keeps the EndpointSlices of Services. Models pkg/controller/endpointslice (Kubernetes 1.32). Not here: Endpoints mirroring. */
import { apiCreate, apiDelete, apiUpdate } from '../api/local.ts'
import { agentTakes, enqueue, expectOwnWrite } from '../agent/agent.ts'
import { cacheGet, cacheGetKey, cacheList } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import type { Endpoint, EndpointSlice, Node, Pod, Service } from '../objects.ts'
import type { Draft, StoreChange } from '../types.ts'
import { objectKey } from '../types.ts'
import { nowText } from '../store/store.ts'
import { createTree, treeDelete, treeGet, treeSet } from '../store/tree.ts'
import type { Tree } from '../store/tree.ts'
import { controllerRef, recordEvent } from './common.ts'
import { CONTROLLER_NAME, MANAGED_BY, SERVICE_NAME } from './endpointslice/endpoints.ts'
import { selectedPods } from './endpoints/selected.ts'
import {
  createSelection,
  selectingServices,
  selectionChange,
  selectionPod,
  selectionService,
  selectorOf,
  servicesOfPod,
} from './endpoints/selection.ts'
import type { Selection } from './endpoints/selection.ts'
import { reconcileSlices } from './endpointslice/reconcile.ts'
import type { SliceDraft } from './endpointslice/reconcile.ts'
import { addPreferCloseHints, addZoneHints, hintsOf, zoneRatios } from './endpointslice/topology.ts'

const SLICES = 'endpointslices.discovery.k8s.io'
const MAX_PER_SLICE = 100

interface State {
  selection: Selection
  /** Slices' names by service key. */
  slices: Tree<readonly string[]>
}

export const endpointSliceController: AgentProgram = {
  name: 'endpointslice-controller',
  wants: () => [{ resource: 'services' }, { resource: 'pods' }, { resource: 'nodes' }, { resource: SLICES }],
  delayNs: 2_000_000,
  workNs: 200_000,
  start(ctx) {
    const state: State = { selection: createSelection(), slices: createTree() }
    ctx.agent.state = state
    for (const pod of cacheList<Pod>(ctx, 'pods')) selectionPod(state.selection, pod)
    for (const service of cacheList<Service>(ctx, 'services')) noteService(ctx, service, false)
    for (const slice of cacheList<EndpointSlice>(ctx, SLICES)) noteSlice(ctx, slice, false)
  },
  observe(ctx, change) {
    const gone = change.type === 'DELETED'
    if (change.resource === 'services') noteService(ctx, change.object as Service, gone)
    else if (change.resource === SLICES) noteSlice(ctx, change.object as EndpointSlice, gone, change)
    else if (change.resource === 'pods') {
      const { selection } = stateOf(ctx)
      selectionChange(selection, change)
      for (const key of servicesOfPod(selection, change)) enqueue(ctx, key)
    } else noteNode(ctx, change)
  },
  reconcile,
}

function stateOf(ctx: AgentCtx): State {
  return ctx.agent.state as State
}

function noteService(ctx: AgentCtx, service: Service, gone: boolean): void {
  selectionService(stateOf(ctx).selection, service, gone)
  enqueue(ctx, objectKey(service))
}

function noteSlice(ctx: AgentCtx, slice: EndpointSlice, gone: boolean, change?: StoreChange): void {
  const service = slice.metadata.labels?.[SERVICE_NAME]
  if (service === undefined || slice.metadata.labels?.[MANAGED_BY] !== CONTROLLER_NAME) return
  const key = `${slice.metadata.namespace}/${service}`
  const state = stateOf(ctx)
  const others = (treeGet(state.slices, key) ?? []).filter((name) => name !== slice.metadata.name)
  const names = gone ? others : [...others, slice.metadata.name]
  state.slices =
    names.length === 0 ? treeDelete(state.slices, key) : treeSet(state.slices, key, Object.freeze(names))
  // What somebody else changed is put right.
  if (change !== undefined && change.manager !== 'kube-controller-manager') enqueue(ctx, key)
}

/** A node that comes, goes or moves to another zone changes what its pods' endpoints say. */
function noteNode(ctx: AgentCtx, { object, previous, type }: StoreChange): void {
  const zone = (node: typeof object | undefined) => node?.metadata.labels?.['topology.kubernetes.io/zone']
  if (type === 'MODIFIED' && zone(object) === zone(previous)) return
  for (const key of selectingServices(stateOf(ctx).selection)) enqueue(ctx, key)
}

function reconcile(ctx: AgentCtx, key: string): Reconciled {
  const service = cacheGetKey<Service>(ctx, 'services', key)
  if (service === undefined || service.spec.type === 'ExternalName') return {}
  const selector = selectorOf(service)
  // Without a selector somebody else keeps its slices.
  if (selector === undefined) return {}
  const { namespace = '' } = service.metadata
  const pods = selectedPods(ctx, stateOf(ctx).selection, namespace, selector)
  agentTakes(ctx, pods.length)
  const slices = (treeGet(stateOf(ctx).slices, key) ?? [])
    .map((name) => cacheGet<EndpointSlice>(ctx, SLICES, namespace, name))
    .filter((slice) => slice !== undefined)
  const writes = reconcileSlices({
    service,
    pods,
    slices,
    node: nodesOf(ctx),
    max: MAX_PER_SLICE,
  })
  const hinted = { ...writes, ...withHints(ctx, service, writes.create, writes.update) }
  if (!carryOut(ctx, service, slices, hinted)) return { retry: true }
  if (writes.missingNodes.length > 0) {
    recordMissing(ctx, service, writes.missingNodes)
    return { retry: true }
  }
  return {}
}

/** Looks nodes up, each once. */
function nodesOf(ctx: AgentCtx): (name: string) => Node | undefined {
  const found = new Map<string, Node | undefined>()
  return (name) => {
    if (!found.has(name)) found.set(name, cacheGet<Node>(ctx, 'nodes', '', name))
    return found.get(name)
  }
}

function recordMissing(ctx: AgentCtx, service: Service, nodes: readonly string[]): void {
  const { namespace, name } = service.metadata
  const text = nodes
    .map((node) => `skipping Pod for Service ${namespace}/${name}: Node ${node} Not Found`)
    .join(', ')
  const message = `Error updating Endpoint Slices for Service ${namespace}/${name}: ${text}`
  recordEvent(ctx, service, 'Warning', 'FailedToUpdateEndpointSlices', message)
}

function withHints(
  ctx: AgentCtx,
  service: Service,
  create: readonly SliceDraft[],
  update: readonly SliceDraft[],
): { create: SliceDraft[]; update: SliceDraft[] } {
  const mode = hintsOf(service)
  if (mode === 'none') return { create: [...create], update: [...update] }
  const all = [...create, ...update].flatMap(({ endpoints }) => endpoints)
  const hinted =
    mode === 'close'
      ? addPreferCloseHints(all)
      : addZoneHints(all, zoneRatios(cacheList<Node>(ctx, 'nodes'))).endpoints
  const by = new Map<Endpoint, Endpoint>(all.map((endpoint, at) => [endpoint, hinted[at]!]))
  const put = (draft: SliceDraft): SliceDraft => ({
    ...draft,
    endpoints: draft.endpoints.map((one) => by.get(one)!),
  })
  return { create: create.map(put), update: update.map(put) }
}

function carryOut(
  ctx: AgentCtx,
  service: Service,
  slices: readonly EndpointSlice[],
  writes: { create: SliceDraft[]; update: SliceDraft[]; remove: EndpointSlice[] },
): boolean {
  const { world, agent } = ctx
  const actor = actorOf(agent)
  const key = objectKey(service)
  let well = true
  const note = (result: Parameters<typeof expectOwnWrite>[2]) => {
    expectOwnWrite(ctx, key, result)
    if (!result.ok) well = false
  }
  // While its namespace goes nothing new can be made in it, and nobody is told.
  if (service.metadata.deletionTimestamp === undefined) {
    for (const draft of writes.create)
      note(apiCreate<EndpointSlice>(world, actor, SLICES, newSlice(ctx, service, draft)))
  }
  for (const draft of writes.update) {
    const old = slices.find((slice) => slice.metadata.name === draft.name)
    if (old === undefined) continue
    const { labels, ports, endpoints } = draft
    const metadata = { ...old.metadata, labels, annotations: triggerTime(ctx) }
    note(apiUpdate<EndpointSlice>(world, actor, SLICES, { ...old, metadata, ports, endpoints }))
  }
  for (const slice of writes.remove) {
    const { namespace = '', name } = slice.metadata
    const gone = apiDelete(world, actor, SLICES, namespace, name)
    if (gone.ok || gone.status.code !== 404) note(gone)
  }
  return well
}

function newSlice(ctx: AgentCtx, service: Service, draft: SliceDraft): Draft<EndpointSlice> {
  const { namespace = '', name } = service.metadata
  const annotations = draft.endpoints.length > 0 ? { annotations: triggerTime(ctx) } : {}
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels: draft.labels,
      ...annotations,
      ownerReferences: [controllerRef(service)],
    },
    addressType: draft.addressType,
    ports: draft.ports,
    endpoints: draft.endpoints,
  }
}

/** When the change came that the slice follows: how long it took on to the rules is read from it. */
function triggerTime({ world }: AgentCtx): Readonly<Record<string, string>> {
  return { 'endpoints.kubernetes.io/last-change-trigger-time': nowText(world) }
}
