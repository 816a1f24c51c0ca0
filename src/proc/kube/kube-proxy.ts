/**
 * kube-proxy in iptables mode: watches Services and EndpointSlices and keeps a node's rules.
 * Models pkg/proxy/iptables/proxier.go and util/async.BoundedFrequencyRunner (Kubernetes 1.32). Killed, its rules stay.
 * Not here: the other modes; metrics.
 */
import { interned } from '../../base/intern.ts'
import { formatIp, parseIp } from '../../base/addr.ts'
import { cacheGet, cacheGetKey, cacheList } from '../../kube/agent/cache.ts'
import { agentTimer, enqueue } from '../../kube/agent/agent.ts'
import type { Agent, AgentCtx, AgentProgram, Reconciled } from '../../kube/agent/types.ts'
import { clusterOf } from '../../kube/cluster.ts'
import { staleConnections } from '../../kube/node/proxy/conntrack.ts'
import { JUMP_RULES } from '../../kube/node/proxy/ruleset.ts'
import type { ProxyState } from '../../kube/node/proxy/ruleset.ts'
import type { ProxyNode } from '../../kube/node/proxy/types.ts'
import type { EndpointSlice, Node, Service } from '../../kube/objects.ts'
import type { StoreChange } from '../../kube/types.ts'
import { objectKey } from '../../kube/types.ts'
import { linksOf } from '../../net/link/device.ts'
import { sysctlSet } from '../../net/sysctl.ts'
import { findNetns } from '../../net/world.ts'
import { touch } from '../../sim/dispatch.ts'
import { ctDelete, ctList } from '../../net/nf/ctops.ts'
import { nfChain } from '../../net/nf/chains.ts'
import { nfTable } from '../../net/nf/tables.ts'
import type { IptablesPlace } from './iptables.ts'
import { ensureChain, ensureRule, ruleFault } from './iptables.ts'
import type { ParsedChain, ParsedPart, PartChange, SharedChains } from './proxy-rules.ts'
import { parsedPart, patchShared, wantsComments } from './proxy-rules.ts'

const SLICES = 'endpointslices.discovery.k8s.io'
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'
/** At least so often everything is written anew. */
const FULL_SYNC = 3_600_000_000_000
/** A chain of every table: where it is gone, somebody has flushed the rules. */
const CANARY = 'KUBE-PROXY-CANARY'
/** A sync that failed is tried again after. */
const RETRY = 30_000_000_000
/** Syncs that may follow each other at once after a quiet time: burstSyncs. */
const BURST = 2
const NO_SLICES: readonly string[] = Object.freeze([])

export interface KubeProxyState {
  /** Virtual time of the last sync, -1 before the first. */
  syncedAt: number
  /** Syncs that it might have made at once, at `syncedAt`; one more in each minSyncPeriod. */
  quota: number
  fullAt: number
  /** The next sync writes everything. */
  full: boolean
  /** `NAMESPACE/NAME` of Services that changed since the last sync. */
  changed: Map<string, true>
  /** What each Service adds to the rules, by family and `NAMESPACE/NAME`. */
  parts: Map<number, Map<string, ParsedPart>>
  /** The chains that all Services share, by family; and the endpoints behind all parts. */
  shared: Map<number, SharedChains>
  endpoints: Map<number, number>
  /** Services by `NAMESPACE/NAME`, each with the names of its slices; lists are frozen, so that checkpoints share them. */
  services: Map<string, readonly string[]>
  /** Revision that the rules stand for. */
  revision: number
  /** What it would write to its log, the last lines. */
  log: string[]
  /** The latest syncs that had something to write, oldest first. */
  syncs: readonly ProxySync[]
}

/** One writing of rules: when, up to which revision, and for which Services (none named: for all). */
export interface ProxySync {
  readonly at: number
  readonly revision: number
  readonly services: readonly string[]
}

/** Syncs that are remembered. */
const KEPT_SYNCS = 24

export const kubeProxy: AgentProgram = {
  name: 'kube-proxy',
  wants: () => [{ resource: 'services' }, { resource: SLICES }, { resource: 'nodes' }],
  delayNs: 20_000_000,
  workNs: 5_000_000,
  start(ctx) {
    const state: KubeProxyState = {
      syncedAt: -1,
      quota: BURST,
      fullAt: -1,
      full: true,
      changed: new Map(),
      parts: new Map(),
      shared: new Map(),
      endpoints: new Map(),
      services: new Map(),
      revision: 0,
      log: [],
      syncs: [],
    }
    ctx.agent.state = state
    listServices(ctx)
    if (clusterOf(ctx.world).options.proxy.localhostNodePorts) routeLocalnet(ctx)
    enqueue(ctx, 'sync')
    agentTimer(ctx, 'period', clusterOf(ctx.world).options.proxy.syncPeriod)
  },
  observe(ctx, change) {
    const key = serviceOf(ctx, change)
    if (key === undefined) return
    noteService(ctx, change, key)
    stateOf(ctx.agent).changed.set(key, true)
    requestSync(ctx)
  },
  relist(ctx) {
    stateOf(ctx.agent).full = true
    listServices(ctx)
    requestSync(ctx)
  },
  reconcile: sync,
  timer(ctx, name) {
    enqueue(ctx, 'sync')
    if (name !== 'period') return
    if (wasFlushed(ctx)) stateOf(ctx.agent).full = true
    agentTimer(ctx, 'period', clusterOf(ctx.world).options.proxy.syncPeriod)
  },
}

/** Finds every Service and its slices, once. */
function listServices(ctx: AgentCtx): void {
  const { services } = stateOf(ctx.agent)
  services.clear()
  for (const service of cacheList<Service>(ctx, 'services')) services.set(objectKey(service), NO_SLICES)
  for (const slice of cacheList<EndpointSlice>(ctx, SLICES)) {
    const service = slice.metadata.labels?.[SERVICE_NAME_LABEL]
    if (service !== undefined) putSlice(ctx, `${slice.metadata.namespace}/${service}`, slice.metadata.name)
  }
}

function putSlice(ctx: AgentCtx, key: string, name: string): void {
  const { services } = stateOf(ctx.agent)
  const slices = services.get(key) ?? NO_SLICES
  if (!slices.includes(name)) services.set(key, Object.freeze([...slices, name]))
}

function noteService(ctx: AgentCtx, { resource, type, object }: StoreChange, key: string): void {
  const { services } = stateOf(ctx.agent)
  if (resource === SLICES) {
    const slices = services.get(key)
    if (type !== 'DELETED') putSlice(ctx, key, object.metadata.name)
    else if (slices !== undefined)
      services.set(key, Object.freeze(slices.filter((name) => name !== object.metadata.name)))
  } else if (resource === 'services' && type !== 'DELETED' && !services.has(key)) services.set(key, NO_SLICES)
}

/** Somebody emptied the tables: the canary is gone. Models pkg/util/iptables Monitor. */
function wasFlushed({ world, agent }: AgentCtx): boolean {
  const netns = findNetns(world, agent.ns)
  const state = agent.state as KubeProxyState
  if (netns === undefined || state.fullAt < 0) return false
  return [...state.parts.keys()].some((family) =>
    (['mangle', 'nat', 'filter'] as const).some(
      (table) => nfChain(nfTable(netns, family as 4 | 6, table), CANARY) === undefined,
    ),
  )
}

/** What kube-proxy of this agent knows and did. */
export function stateOf(agent: Agent): KubeProxyState {
  return agent.state as KubeProxyState
}

/** The node as its kube-proxy sees it, undefined while the Node object is unknown to it. */
export function proxyNodeOf(ctx: AgentCtx, family: 4 | 6): ProxyNode | undefined {
  const { world, agent } = ctx
  const node = cacheGet<Node>(ctx, 'nodes', '', agent.node)
  const netns = findNetns(world, agent.ns)
  if (node === undefined || netns === undefined) return undefined
  const { options } = clusterOf(world)
  const { proxy } = options
  const isFamily = (text: string) => familyOfText(text) === family
  const internal = (node.status?.addresses ?? []).filter(
    ({ type, address }) => type === 'InternalIP' && isFamily(address),
  )
  return {
    name: agent.node,
    family,
    nodeIP: internal[0]?.address ?? '',
    localIPs: linksOf(netns)
      .flatMap((link) => link.addrs.map(({ addr }) => formatIp(addr)))
      .filter(isFamily),
    zone: node.metadata.labels?.['topology.kubernetes.io/zone'] ?? '',
    detectLocal: detectLocal(ctx, node, isFamily),
    masqueradeAll: proxy.masqueradeAll,
    masqueradeBit: proxy.masqueradeBit,
    localhostNodePorts: proxy.localhostNodePorts,
    nodePortAddresses: proxy.nodePortAddresses,
    randomFully: true,
  }
}

function detectLocal(
  ctx: AgentCtx,
  node: Node,
  isFamily: (text: string) => boolean,
): ProxyNode['detectLocal'] {
  const { options } = clusterOf(ctx.world)
  const { proxy } = options
  switch (proxy.detectLocalMode) {
    case 'BridgeInterface':
      return { mode: 'bridge', name: proxy.bridgeInterface }
    case 'InterfaceNamePrefix':
      return { mode: 'prefix', prefix: proxy.interfaceNamePrefix }
    case 'NodeCIDR': {
      const own = [...(node.spec?.podCIDRs ?? []), node.spec?.podCIDR ?? ''].find(isFamily)
      return own === undefined ? { mode: 'none' } : { mode: 'cidr', cidr: own }
    }
    case 'ClusterCIDR': {
      const all = proxy.clusterCidr === '' ? options.podCidrs : proxy.clusterCidr.split(',')
      const cidr = all.find(isFamily)
      return cidr === undefined ? { mode: 'none' } : { mode: 'cidr', cidr }
    }
  }
}

/** No more often than minSyncPeriod, but for the first two changes after a quiet time: these are written at once. */
function requestSync(ctx: AgentCtx): void {
  const { world, agent } = ctx
  if (quotaOf(ctx) >= 1) enqueue(ctx, 'sync')
  else if (!agent.timers.has('soon')) {
    const { minSyncPeriod } = clusterOf(world).options.proxy
    agentTimer(ctx, 'soon', stateOf(agent).syncedAt + minSyncPeriod - world.now)
  }
}

/** What is in the token bucket now. Models client-go util/flowcontrol's throttle. */
function quotaOf({ world, agent }: AgentCtx): number {
  const { syncedAt, quota } = stateOf(agent)
  const { minSyncPeriod } = clusterOf(world).options.proxy
  if (syncedAt < 0 || minSyncPeriod === 0) return BURST
  return Math.min(BURST, quota + (world.now - syncedAt) / minSyncPeriod)
}

/** The Service that a change is about. */
function serviceOf(ctx: AgentCtx, { resource, key, object, previous }: StoreChange): string | undefined {
  const { namespace, name, labels } = object.metadata
  if (resource === 'services') return key
  if (resource === SLICES) {
    const service = labels?.[SERVICE_NAME_LABEL]
    return service === undefined ? undefined : interned(`${namespace}/${service}`)
  }
  // Of nodes only its own labels matter: zone hints are read by them.
  if (name !== ctx.agent.node) return undefined
  const zone = (of: typeof object | undefined) => of?.metadata.labels?.['topology.kubernetes.io/zone']
  if (previous !== undefined && zone(previous) === zone(object)) return undefined
  stateOf(ctx.agent).full = true
  return ''
}

function sync(ctx: AgentCtx): Reconciled {
  const { world, agent } = ctx
  const state = stateOf(agent)
  if (findNetns(world, agent.ns) === undefined) return {}
  const full = state.full || world.now - state.fullAt >= FULL_SYNC
  if (!full && state.changed.size === 0) return {}
  const families: (4 | 6)[] = clusterOf(world).options.serviceCidrs.map((text) => familyOfText(text))
  for (const family of families) {
    const node = proxyNodeOf(ctx, family)
    if (node === undefined) return { requeueAfter: 1_000_000_000 }
    const place: IptablesPlace = { world, ns: agent.ns, family }
    if (full) writeJumps(place)
    const error = ruleFault(family, () => write(ctx, place, node, full))
    if (error === '') continue
    state.log = [...state.log.slice(-99), `Failed to execute iptables-restore: ${error}`]
    state.full = true
    return { requeueAfter: RETRY }
  }
  const services = full ? [] : [...state.changed.keys()].filter((key) => key !== '')
  const entry: ProxySync = { at: world.now, revision: agent.seen, services }
  state.syncs = Object.freeze([...state.syncs.slice(1 - KEPT_SYNCS), Object.freeze(entry)])
  if (full) state.fullAt = world.now
  state.full = false
  state.changed = new Map()
  state.quota = Math.max(0, quotaOf(ctx) - 1)
  state.syncedAt = world.now
  state.revision = agent.seen
  return {}
}

/** Writes the shared chains and the own chains of Services that changed; at a full sync those of all. */
function write(ctx: AgentCtx, place: IptablesPlace, node: ProxyNode, full: boolean): void {
  const state = stateOf(ctx.agent)
  const { family } = place
  const parts = state.parts.get(family) ?? new Map<string, ParsedPart>()
  state.parts.set(family, parts)
  const keys = full ? new Set([...parts.keys(), ...state.services.keys()]) : new Set(state.changed.keys())
  let endpoints = full ? countAll(parts) : (state.endpoints.get(family) ?? 0)
  const comments = wantsComments(endpoints)
  const changes: PartChange[] = []
  const chains = new Map<string, ParsedChain>()
  const removed = new Map<string, true>()
  for (const key of keys) {
    const before = parts.get(key)
    const now = partOf(ctx, place, node, key, comments, before)
    if (now === undefined) parts.delete(key)
    else parts.set(key, now)
    changes.push({ before, now })
    endpoints += (now?.endpoints ?? 0) - (before?.endpoints ?? 0)
    const kept = new Set(now?.own.map(({ name }) => name))
    for (const { name } of before?.own ?? []) if (!kept.has(name)) removed.set(name, true)
    // Chains of a Service that changed are written even where they read the same: so does the real one.
    for (const chain of now?.own ?? []) chains.set(chain.name, chain)
    const known = now?.known ?? (before === undefined ? undefined : none(before.known))
    if (known !== undefined) deleteStale(ctx, known, family)
  }
  const own = {
    chains: [...chains.values()],
    removed: [...removed.keys()].filter((name) => !chains.has(name)),
  }
  const last = state.shared.get(family)
  state.shared.set(family, patchShared(place, node, parts, full ? null : changes, last, own))
  state.endpoints.set(family, endpoints)
  // The cluster has grown large, or small again: every choice is written anew.
  if (wantsComments(endpoints) !== comments) {
    state.full = true
    write(ctx, place, node, true)
  }
}

function countAll(parts: ReadonlyMap<string, ParsedPart>): number {
  let total = 0
  for (const part of parts.values()) total += part.endpoints
  return total
}

/** The Service's ports without an endpoint: what is left of one that is gone. */
function none({ ports }: ProxyState): ProxyState {
  return { ports, endpoints: new Map() }
}

function partOf(
  ctx: AgentCtx,
  place: IptablesPlace,
  node: ProxyNode,
  key: string,
  comments: boolean,
  before: ParsedPart | undefined,
): ParsedPart | undefined {
  const service = cacheGetKey<Service>(ctx, 'services', key)
  if (service === undefined) return undefined
  const slices: EndpointSlice[] = []
  for (const name of stateOf(ctx.agent).services.get(key) ?? NO_SLICES) {
    const slice = cacheGet<EndpointSlice>(ctx, SLICES, service.metadata.namespace ?? '', name)
    if (slice !== undefined) slices.push(slice)
  }
  return parsedPart(place, node, service, slices, comments, before)
}

/** Jumps from the built-in chains, and the chains by whose absence a flush is noticed. */
function writeJumps(place: IptablesPlace): void {
  for (const table of ['mangle', 'nat', 'filter']) ensureChain(place, table, CANARY)
  for (const { table, from, args } of JUMP_RULES) {
    ensureChain(place, table, args.at(-1)!)
    ensureRule(place, 'prepend', table, from, args)
  }
}

/** UDP connections whose endpoint is gone would go on to nowhere: nothing but their entry leads there. */
function deleteStale(ctx: AgentCtx, state: ProxyState, family: 4 | 6): void {
  const { world, agent } = ctx
  const netns = findNetns(world, agent.ns)
  if (netns === undefined) return
  for (const conn of staleConnections(state, ctList(world, netns, family))) ctDelete(world, netns, conn)
}

function routeLocalnet(ctx: AgentCtx): void {
  const { world, agent } = ctx
  touch(world, agent.ns)
  const netns = findNetns(world, agent.ns)
  if (netns !== undefined) sysctlSet(world, netns, 'net.ipv4.conf.all.route_localnet', '1')
}

function familyOfText(text: string): 4 | 6 {
  return typeof parseIp(text.split('/')[0]!) === 'string' ? 6 : 4
}
