/**
 * kube-proxy in iptables mode: watches Services and EndpointSlices and keeps a node's rules.
 * Models pkg/proxy/iptables/proxier.go and util/async.BoundedFrequencyRunner (Kubernetes 1.32). Killed, its rules stay.
 * Not here: the other modes; metrics.
 */
import { trieDelete, trieEach, trieGet, trieOf, trieSet, createTrie } from '../../base/trie.ts'
import { formatIp, parseIp } from '../../base/addr.ts'
import { entrySet, NO_ENTRIES } from '../../base/entries.ts'
import { cacheGet, cacheGetKey, cacheList } from '../../kube/agent/cache.ts'
import { agentTimer, enqueue } from '../../kube/agent/agent.ts'
import type { Agent, AgentCtx, AgentProgram, Reconciled } from '../../kube/agent/types.ts'
import { clusterOf } from '../../kube/cluster.ts'
import { staleConnections } from '../../kube/node/proxy/conntrack.ts'
import { JUMP_RULES } from '../../kube/node/proxy/ruleset.ts'
import type { ProxyNode } from '../../kube/node/proxy/types.ts'
import type { EndpointSlice, Node, Service } from '../../kube/objects.ts'
import type { StoreChange } from '../../kube/types.ts'
import { objectKey } from '../../kube/types.ts'
import { linksOf } from '../../net/link/device.ts'
import { sysctlSet } from '../../net/sysctl.ts'
import type { Netns } from '../../net/types.ts'
import { IPPROTO_UDP } from '../../net/types.ts'
import { findNetns } from '../../net/world.ts'
import { touch } from '../../sim/dispatch.ts'
import { ctDelete, ctList } from '../../net/nf/ctops.ts'
import type { Conn } from '../../net/nf/types.ts'
import { nfChain } from '../../net/nf/chains.ts'
import { nfTable } from '../../net/nf/tables.ts'
import type { IptablesPlace } from './iptables.ts'
import { ensureChain, ensureRule, ruleFault } from './iptables.ts'
import type { ParsedPart } from './proxy-parts.ts'
import { howOf, parsedPart, wantsComments } from './proxy-parts.ts'
import { indexOf, namesOf, sliceOwner, withoutSlice, withSlice } from './proxy-slices.ts'
import type { SliceIndex } from './proxy-memo.ts'
import {
  behindOnce,
  changedOnce,
  fixedOnce,
  listedOnce,
  sameIndex,
  sameNames,
  stepOnce,
  sweepOld,
  wholeOnce,
} from './proxy-memo.ts'
import type { Fixed, PartChange, Written } from './proxy-rules.ts'
import { changedRules, fixedKey, fixedRules, placeRules, wholeRules } from './proxy-rules.ts'

const SLICES = 'endpointslices.discovery.k8s.io'

/** At least so often everything is written anew. */
const FULL_SYNC = 3_600_000_000_000
/** A chain of every table: where it is gone, somebody has flushed the rules. */
const CANARY = 'KUBE-PROXY-CANARY'
/** A sync that failed is tried again after. */
const RETRY = 30_000_000_000
/** Syncs that may follow each other at once after a quiet time: burstSyncs. */
const BURST = 2

export interface KubeProxyState {
  /** Virtual time of the last sync, -1 before the first. */
  syncedAt: number
  /** Syncs that it might have made at once, at `syncedAt`; one more in each minSyncPeriod. */
  quota: number
  fullAt: number
  /** The next sync writes everything. */
  full: boolean
  /** `NAMESPACE/NAME` of Services that changed since the last sync. */
  changed: ReadonlyMap<string, true>
  /** The rules as they were written, by family; nodes share them. */
  written: Map<number, Written>
  /** Names of each Service's slices by `NAMESPACE/NAME`, where it has any; nodes share them. */
  services: SliceIndex
  /** The last change of a Service or a slice that it was told of since it listed them; null before one. */
  last: StoreChange | null
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
      changed: NO_ENTRIES,
      written: new Map(),
      services: createTrie(),
      last: null,
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
    noteSlice(ctx, change, key)
    const state = stateOf(ctx.agent)
    state.changed = entrySet(state.changed, key, true)
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
    sweepOld(ctx.world)
    if (wasFlushed(ctx)) stateOf(ctx.agent).full = true
    agentTimer(ctx, 'period', clusterOf(ctx.world).options.proxy.syncPeriod)
  },
}

/** Finds every Service and its slices, once. */
function listServices(ctx: AgentCtx): void {
  const services = cacheList<Service>(ctx, 'services')
  const slices = cacheList<EndpointSlice>(ctx, SLICES)
  const state = stateOf(ctx.agent)
  state.last = null
  state.services = listedOnce(ctx.world, services, slices, () => indexOf(slices))
}

/** Which slices a Service has: what this makes of an index depends on the change alone. */
function noteSlice(ctx: AgentCtx, change: StoreChange, key: string): void {
  const { resource, type, object } = change
  const state = stateOf(ctx.agent)
  if (resource === SLICES || resource === 'services') state.last = change
  if (resource !== SLICES) return
  const index = state.services
  const { name } = object.metadata
  const names = trieGet(index, key) ?? ''
  const now = type === 'DELETED' ? withoutSlice(names, name) : withSlice(names, name)
  if (now === names) return
  state.services = stepOnce(ctx.world, index, change, () =>
    now === '' ? trieDelete(index, key) : trieSet(index, key, now),
  )
}

/** Somebody emptied the tables: the canary is gone. Models pkg/util/iptables Monitor. */
function wasFlushed({ world, agent }: AgentCtx): boolean {
  const netns = findNetns(world, agent.ns)
  const state = agent.state as KubeProxyState
  if (netns === undefined || state.fullAt < 0) return false
  return [...state.written.keys()].some((family) =>
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
    // Nothing else asks for them.
    localIPs: proxy.nodePortAddresses.length === 0 ? [] : addressesOf(netns).filter(isFamily),
    zone: node.metadata.labels?.['topology.kubernetes.io/zone'] ?? '',
    detectLocal: detectLocal(ctx, node, isFamily),
    masqueradeAll: proxy.masqueradeAll,
    masqueradeBit: proxy.masqueradeBit,
    localhostNodePorts: proxy.localhostNodePorts,
    nodePortAddresses: proxy.nodePortAddresses,
    randomFully: true,
  }
}

function addressesOf(netns: Netns): string[] {
  return linksOf(netns).flatMap((link) => link.addrs.map(({ addr }) => formatIp(addr)))
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
function serviceOf(ctx: AgentCtx, change: StoreChange): string | undefined {
  const { resource, key, object, previous } = change
  if (resource === 'services') return key
  if (resource === SLICES) return sliceOwner(change)
  const { name } = object.metadata
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
  const entry: ProxySync = { at: world.now, revision: agent.seen, services: sameNames(world, services) }
  state.syncs = Object.freeze([...state.syncs.slice(1 - KEPT_SYNCS), Object.freeze(entry)])
  if (full) state.fullAt = world.now
  state.full = false
  state.changed = NO_ENTRIES
  state.services = sameIndex(world, state.services)
  state.quota = Math.max(0, quotaOf(ctx) - 1)
  state.syncedAt = world.now
  state.revision = agent.seen
  return {}
}

/** Writes the shared chains and the own chains of Services that changed; at a full sync those of all. */
function write(ctx: AgentCtx, place: IptablesPlace, node: ProxyNode, full: boolean): void {
  const { world, agent } = ctx
  const state = stateOf(agent)
  const { family } = place
  const before = state.written.get(family)
  const fixed = fixedOnce(world, fixedKey(node), () => fixedRules(node))
  const changed = full || before === undefined ? null : [...state.changed.keys()].filter((key) => key !== '')
  const comments = wantsComments(before?.endpoints ?? likelyEndpoints(ctx, family))
  let keys = changed
  let now = changed === null ? all(ctx, node, fixed, comments) : some(ctx, node, fixed, before!, changed)
  if (wantsComments(now.endpoints) !== comments) {
    // The cluster has grown large, or small again: every choice is written anew.
    keys = null
    now = all(ctx, node, fixed, !comments)
  }
  placeRules(place, before, now, keys)
  state.written.set(family, now)
  deleteStale(ctx, family, now, keys)
}

/** About how many endpoints there are: parts that are parsed with comments for nothing cost as much as those that count. */
function likelyEndpoints(ctx: AgentCtx, family: 4 | 6): number {
  let count = 0
  for (const { addressType, endpoints, ports } of cacheList<EndpointSlice>(ctx, SLICES)) {
    if (addressType === (family === 4 ? 'IPv4' : 'IPv6'))
      count += (endpoints?.length ?? 0) * (ports?.length ?? 0)
  }
  return count
}

/** The rules of all Services. */
function all(ctx: AgentCtx, node: ProxyNode, fixed: Fixed, comments: boolean): Written {
  const { world, agent } = ctx
  const { last, services: index } = stateOf(agent)
  const how = howOf(node, comments)
  const make = () => {
    const services = cacheList<Service>(ctx, 'services')
    const slices = cacheList<EndpointSlice>(ctx, SLICES)
    return wholeOnce(world, { services, slices, index }, how, fixed, () => {
      const parts = services.map((service): [string, ParsedPart] => {
        const key = objectKey(service)
        return [key, partOf(ctx, node, key, comments, how, undefined)!]
      })
      return { how, fixed, written: wholeRules(fixed, trieOf(parts)) }
    }).written
  }
  const written = last === null ? make() : behindOnce(world, last, how, fixed, make)
  return ofNode(ctx, node, written, comments, how)
}

/** The rules with those of some Services as they are now: these are all that changed since `before`. */
function some(
  ctx: AgentCtx,
  node: ProxyNode,
  fixed: Fixed,
  before: Written,
  keys: readonly string[],
): Written {
  const { world, agent } = ctx
  const { last } = stateOf(agent)
  const comments = wantsComments(before.endpoints)
  const how = howOf(node, comments)
  const make = () => {
    const changes = keys.map(
      (key): PartChange => ({
        key,
        now: partOf(ctx, node, key, comments, how, trieGet(before.parts, key)),
      }),
    )
    return changedOnce(world, before, fixed, changes, () => changedRules(before, fixed, changes))
  }
  const written = last === null ? make() : behindOnce(world, last, how, fixed, make)
  return ofNode(ctx, node, written, comments, how)
}

/** The rules with this node's own where they say something of the node: another one may have worked them out. */
function ofNode(ctx: AgentCtx, node: ProxyNode, written: Written, comments: boolean, how: string): Written {
  const { special, parts, fixed } = written
  const changes: PartChange[] = []
  for (const key of special) {
    const now = partOf(ctx, node, key, comments, how, undefined)
    if (now !== trieGet(parts, key)) changes.push({ key, now })
  }
  if (changes.length === 0) return written
  return changedOnce(ctx.world, written, fixed, changes, () => changedRules(written, fixed, changes))
}

function partOf(
  ctx: AgentCtx,
  node: ProxyNode,
  key: string,
  comments: boolean,
  how: string,
  before: ParsedPart | undefined,
): ParsedPart | undefined {
  const service = cacheGetKey<Service>(ctx, 'services', key)
  if (service === undefined) return undefined
  const slices: EndpointSlice[] = []
  const names = trieGet(stateOf(ctx.agent).services, key) ?? ''
  for (const name of namesOf(names)) {
    const slice = cacheGet<EndpointSlice>(ctx, SLICES, service.metadata.namespace ?? '', name)
    if (slice !== undefined) slices.push(slice)
  }
  return parsedPart(node, service, slices, comments, how, before)
}

/** Jumps from the built-in chains, and the chains by whose absence a flush is noticed. */
function writeJumps(place: IptablesPlace): void {
  for (const table of ['mangle', 'nat', 'filter']) ensureChain(place, table, CANARY)
  for (const { table, from, args } of JUMP_RULES) {
    ensureChain(place, table, args.at(-1)!)
    ensureRule(place, 'prepend', table, from, args)
  }
}

/**
 * UDP connections whose endpoint is gone would go on to nowhere: nothing but their entry leads there. Those of the
 * Services in `keys`, without it those of all.
 */
function deleteStale(ctx: AgentCtx, family: 4 | 6, now: Written, keys: readonly string[] | null): void {
  const { world, agent } = ctx
  const netns = findNetns(world, agent.ns)
  if (netns === undefined) return
  const connections = ctList(world, netns, family).filter(({ orig }) => orig.proto === IPPROTO_UDP)
  if (connections.length === 0) return
  const gone = new Set<Conn>()
  const look = (part: ParsedPart | undefined) => {
    for (const conn of part === undefined ? [] : staleConnections(part.known, connections)) {
      if (!gone.has(conn)) ctDelete(world, netns, conn)
      gone.add(conn)
    }
  }
  if (keys === null) trieEach(now.parts, look)
  else for (const key of keys) look(trieGet(now.parts, key))
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
