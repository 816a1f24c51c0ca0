/**
 * kube-proxy in iptables mode: watches Services and EndpointSlices and keeps a node's rules.
 * Models pkg/proxy/iptables/proxier.go and util/async.BoundedFrequencyRunner (Kubernetes 1.32). Killed, its rules stay.
 * Not here: the other modes; metrics.
 */
import { formatIp, parseIp } from '../../base/addr.ts'
import { cacheGet, cacheList } from '../../kube/agent/cache.ts'
import { agentTimer, enqueue } from '../../kube/agent/agent.ts'
import type { Agent, AgentCtx, AgentProgram, Reconciled } from '../../kube/agent/types.ts'
import { clusterOf } from '../../kube/cluster.ts'
import { staleConnections } from '../../kube/node/proxy/conntrack.ts'
import { buildRuleset, JUMP_RULES, proxyState } from '../../kube/node/proxy/ruleset.ts'
import type { ProxyState } from '../../kube/node/proxy/ruleset.ts'
import { rulesetText } from '../../kube/node/proxy/text.ts'
import type { ProxyNode, ProxyRuleset } from '../../kube/node/proxy/types.ts'
import type { EndpointSlice, Node, Service } from '../../kube/objects.ts'
import type { StoreChange } from '../../kube/types.ts'
import { linksOf } from '../../net/link/device.ts'
import { sysctlSet } from '../../net/sysctl.ts'
import { findNetns } from '../../net/world.ts'
import { touch } from '../../sim/dispatch.ts'
import { ctDelete, ctList } from '../../net/nf/ctops.ts'
import type { IptablesPlace } from './iptables.ts'
import { ensureChain, ensureRule, restoreRules } from './iptables.ts'

const SLICES = 'endpointslices.discovery.k8s.io'
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'
/** At least so often everything is written anew. */
const FULL_SYNC = 3_600_000_000_000
/** A sync that failed is tried again after. */
const RETRY = 30_000_000_000

export interface KubeProxyState {
  /** Virtual time of the last sync, -1 before the first. */
  syncedAt: number
  fullAt: number
  /** The next sync writes everything. */
  full: boolean
  /** `NAMESPACE/NAME` of Services that changed since the last sync. */
  changed: Map<string, true>
  /** Chains of the nat table that the last sync used, by family. */
  chains: Map<number, readonly string[]>
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
      fullAt: -1,
      full: true,
      changed: new Map(),
      chains: new Map(),
      revision: 0,
      log: [],
      syncs: [],
    }
    ctx.agent.state = state
    if (clusterOf(ctx.world).options.proxy.localhostNodePorts) routeLocalnet(ctx)
    enqueue(ctx, 'sync')
    agentTimer(ctx, 'period', clusterOf(ctx.world).options.proxy.syncPeriod)
  },
  observe(ctx, change) {
    const key = serviceOf(ctx, change)
    if (key === undefined) return
    stateOf(ctx.agent).changed.set(key, true)
    requestSync(ctx)
  },
  relist(ctx) {
    stateOf(ctx.agent).full = true
    requestSync(ctx)
  },
  reconcile: sync,
  timer(ctx) {
    enqueue(ctx, 'sync')
    agentTimer(ctx, 'period', clusterOf(ctx.world).options.proxy.syncPeriod)
  },
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

/** No more often than minSyncPeriod: the first change after a quiet time is written at once. */
function requestSync(ctx: AgentCtx): void {
  const { world, agent } = ctx
  const state = stateOf(agent)
  const { minSyncPeriod } = clusterOf(world).options.proxy
  const at = state.syncedAt < 0 ? world.now : state.syncedAt + minSyncPeriod
  if (at <= world.now) enqueue(ctx, 'sync')
  else if (!agent.timers.has('soon')) agentTimer(ctx, 'soon', at - world.now)
}

/** The Service that a change is about. */
function serviceOf(ctx: AgentCtx, { resource, object, previous }: StoreChange): string | undefined {
  const { namespace, name, labels } = object.metadata
  if (resource === 'services') return `${namespace}/${name}`
  if (resource === SLICES) {
    const service = labels?.[SERVICE_NAME_LABEL]
    return service === undefined ? undefined : `${namespace}/${service}`
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
  const netns = findNetns(world, agent.ns)
  if (netns === undefined) return {}
  const families: (4 | 6)[] = clusterOf(world).options.serviceCidrs.map((text) => familyOfText(text))
  const full = state.full || world.now - state.fullAt >= FULL_SYNC
  for (const family of families) {
    const node = proxyNodeOf(ctx, family)
    if (node === undefined) return { requeueAfter: 1_000_000_000 }
    const place: IptablesPlace = { world, ns: agent.ns, family }
    const known = proxyState(node, cacheList<Service>(ctx, 'services'), cacheList<EndpointSlice>(ctx, SLICES))
    if (full) writeJumps(place)
    const error = write(place, state, buildRuleset(node, known), full)
    if (error !== '') {
      state.log = [...state.log.slice(-99), `Failed to execute iptables-restore: ${error}`]
      state.full = true
      return { requeueAfter: RETRY }
    }
    deleteStale(ctx, known, family)
  }
  if (full || state.changed.size > 0) {
    const services = full ? [] : [...state.changed.keys()].filter((key) => key !== '')
    const entry: ProxySync = { at: world.now, revision: agent.seen, services }
    state.syncs = Object.freeze([...state.syncs.slice(1 - KEPT_SYNCS), Object.freeze(entry)])
  }
  if (full) state.fullAt = world.now
  state.full = false
  state.changed = new Map()
  state.syncedAt = world.now
  state.revision = agent.seen
  return {}
}

/** Writes the rules: all of them, or the fixed chains and those of Services that changed. */
function write(place: IptablesPlace, state: KubeProxyState, rules: ProxyRuleset, full: boolean): string {
  const { family } = place
  const before = state.chains.get(family) ?? []
  const now = new Set(rules.nat.chains)
  const stale = before.filter((chain) => !now.has(chain))
  const written = full ? rules : changedOnly(rules, state.changed, new Set(before))
  const error = restoreRules(place, rulesetText(written, stale))
  if (error === '') state.chains.set(family, Object.freeze([...rules.nat.chains]))
  return error
}

/** Chains of one Service stay as they are unless it changed: a partial sync leaves their counters alone. */
function changedOnly(
  rules: ProxyRuleset,
  changed: ReadonlyMap<string, true>,
  before: ReadonlySet<string>,
): ProxyRuleset {
  const owners = new Map<string, string>()
  for (const { chain, service } of rules.nat.rules) if (isServiceChain(chain)) owners.set(chain, service)
  const kept = (chain: string) => {
    const owner = owners.get(chain)
    return owner !== undefined && !changed.has(owner) && before.has(chain)
  }
  return {
    filter: rules.filter,
    nat: {
      chains: rules.nat.chains.filter((chain) => !kept(chain)),
      rules: rules.nat.rules.filter(({ chain }) => !kept(chain)),
    },
  }
}

function isServiceChain(chain: string): boolean {
  return /^KUBE-(SVC|SVL|EXT|FW|SEP)-/.test(chain)
}

function writeJumps(place: IptablesPlace): void {
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
