/**
 * How CoreDNS' kubernetes plugin reaches the cluster: a connection from its pod to the `kubernetes` Service, over which
 * it lists and watches; cut off, it goes on with what it knows. Models plugin/kubernetes (CoreDNS 1.11.3) over client-go
 * 0.29.3, with the words of its reflectors, and rest.InClusterConfig. Not here: the reflectors' traces, a connection of
 * its own after a reload, an API server with an IPv6 address (then, and where no control plane is drawn, changes
 * arrive whatever the network does).
 */
import { nextBelow } from '../../base/rng.ts'
import type { AgentRules } from '../../kube/agent/agent.ts'
import { agentList, findAgent } from '../../kube/agent/agent.ts'
import type { AgentProgram } from '../../kube/agent/types.ts'
import { findCluster } from '../../kube/cluster.ts'
import type { Want } from '../../kube/store/types.ts'
import type { StoreChange } from '../../kube/types.ts'
import type { World } from '../../net/types.ts'
import { environOf } from '../../run/env.ts'
import type { KubeDnsOptions, KubeWatch } from '../dns/kubesource.ts'
import type { ProcCtx } from '../program.ts'
import { out } from '../program.ts'
import type { ApiLink } from './apilink.ts'
import { apiLinkEvent, closeApiLink, createApiLink, dialApi, PING_LOST } from './apilink.ts'
import { endpointParts } from './apiwire.ts'
import { DNS_WATCH_NS, directDnsSource, storeDnsSource } from './dns-source.ts'

/** What a coredns process keeps of it. */
interface DnsKube {
  /** null: the API server is out of the picture. */
  link: ApiLink | null
  /** The reflectors list before they watch again. */
  lists: boolean
}

const WATCHED: readonly Want[] = ['namespaces', 'services', 'endpointslices.discovery.k8s.io'].map(
  (resource) => Object.freeze({ resource }),
)

const KINDS: readonly (readonly [kind: string, path: string])[] = [
  ['Namespace', 'api/v1/namespaces'],
  ['Service', 'api/v1/services'],
  ['EndpointSlice', 'apis/discovery.k8s.io/v1/endpointslices'],
]
const POD_KIND = ['Pod', 'api/v1/pods'] as const

const PREFIX = 'pkg/mod/k8s.io/client-go@v0.29.3/tools/cache/reflector.go:229:'

/** net.Dialer's KeepAlive of 30 s in Go 1.21, which sets both times. */
const KEEPALIVE = Object.freeze({ idle: 30, interval: 30 })

/** When a plugin's caches learnt of a Service's last change, by its key: the lately changed ones. */
export type DnsLearnt = Map<string, { readonly revision: number; readonly at: number }>

const LEARNT_MOST = 1024

/** The plugin's caches as agents: they do nothing but know. */
export const dnsWatchers: readonly AgentProgram[] = [
  watcher('coredns', WATCHED),
  watcher('coredns-pods-verified', [...WATCHED, Object.freeze({ resource: 'pods' })]),
]

function watcher(name: string, wants: readonly Want[]): AgentProgram {
  return {
    name,
    wants: () => wants,
    delayNs: DNS_WATCH_NS,
    workNs: 0,
    start({ agent }) {
      agent.state ??= new Map() satisfies DnsLearnt
    },
    observe({ agent, world }, { resource, key, revision }) {
      if (resource !== 'services') return
      const learnt = agent.state as DnsLearnt
      learnt.delete(key)
      learnt.set(key, Object.freeze({ revision, at: world.now }))
      for (const oldest of learnt.size > LEARNT_MOST ? learnt.keys() : []) {
        learnt.delete(oldest)
        break
      }
    },
    reconcile: () => ({}),
  }
}

/**
 * When the first CoreDNS has learnt of a Service's change (ns): undefined while none has. Where the API server is out of
 * the picture it takes `DNS_WATCH_NS`.
 */
export function dnsLearntAt(world: World, { key, revision, at }: StoreChange): number | undefined {
  const watchers = dnsWatchers.flatMap(({ name }) => agentList(world, name))
  if (watchers.length === 0) return at + DNS_WATCH_NS <= world.now ? at + DNS_WATCH_NS : undefined
  const times = watchers.flatMap(({ seen, state }) => {
    if (seen < revision) return []
    const last = (state as DnsLearnt).get(key)
    return [last?.revision === revision ? last.at : at + DNS_WATCH_NS]
  })
  return times.length === 0 ? undefined : Math.min(...times)
}

/** The plugin's way to the cluster of the process' world. */
export function kubeWatch(rules: AgentRules): KubeWatch {
  return {
    open: (ctx, pods) => open(ctx, rules, pods),
    fits(data, pods) {
      const { link } = data as DnsKube
      return link === null || link.programs.includes(programFor(pods))
    },
    event(ctx, data, event) {
      const { link } = data as DnsKube
      if (link === null) return false
      const { losses } = link
      if (!apiLinkEvent(ctx, rules, link, event)) return false
      if (link.losses > losses) tellLoss(ctx, data as DnsKube, link)
      else if (link.phase === 'open') (data as DnsKube).lists = false
      return true
    },
    synced: (data) => {
      const { link } = data as DnsKube
      return link === null || link.agents.length > 0
    },
    source({ world }, data) {
      const { link } = data as DnsKube
      if (link === null) return directDnsSource(world)
      const agent = findAgent(world, link.agents[0] ?? 0)
      return agent === undefined ? undefined : storeDnsSource(world, agent.seen)
    },
    close(ctx, data) {
      const { link } = data as DnsKube
      if (link !== null) closeApiLink(ctx, rules, link)
    },
  }
}

function programFor(pods: KubeDnsOptions['pods']): string {
  return pods === 'verified' ? 'coredns-pods-verified' : 'coredns'
}

function open(
  ctx: ProcCtx,
  rules: AgentRules,
  pods: KubeDnsOptions['pods'],
): { data: DnsKube | null; error: string } {
  const cluster = findCluster(ctx.world)
  if (cluster === undefined) return { data: null, error: '' }
  const direct = { data: { link: null, lists: true }, error: '' }
  if (cluster.options.apiEndpoint === '') return direct
  const env = environOf(ctx.proc)
  const [host, port] = [env.get('KUBERNETES_SERVICE_HOST') ?? '', env.get('KUBERNETES_SERVICE_PORT') ?? '']
  if (host === '' || port === '') {
    const missing = 'KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined'
    return { data: null, error: `plugin/kubernetes: unable to load in-cluster configuration, ${missing}` }
  }
  const endpoint = `${host}:${port}`
  if (endpointParts(endpoint) === undefined) return direct
  const link = createApiLink({ endpoint, programs: [programFor(pods)], node: '', keepalive: KEEPALIVE })
  const data: DnsKube = { link, lists: true }
  dialApi(ctx, rules, link)
  if (link.losses > 0) tellLoss(ctx, data, link)
  return { data, error: '' }
}

/**
 * What the reflectors say of a connection that ended, or did not come about. A watch that the server ended, or whose
 * server refuses it, is tried again without a word.
 */
function tellLoss(ctx: ProcCtx, data: DnsKube, link: ApiLink): void {
  const { lostIn, why } = link
  if (lostIn === 'open') {
    if (why !== PING_LOST) return
    data.lists = true
    const decode = `unable to decode an event from the watch stream: ${why}`
    const ended = `an error on the server ("${decode}") has prevented the request from succeeding`
    for (const [kind] of kindsOf(link)) say(ctx, 'INFO', `watch of *v1.${kind} ended with: ${ended}`)
    return
  }
  const seen = findAgent(ctx.world, link.agents[0] ?? 0)?.seen
  const retried = !data.lists && lostIn === 'dialing'
  if (retried && why.endsWith('connection refused')) return
  for (const [kind, path] of kindsOf(link)) {
    const url = `https://${link.endpoint}/${path}`
    if (retried) {
      const left = 300 + nextBelow(ctx.ns.rng, 300)
      const times = `timeout=${Math.floor(left / 60)}m${left % 60}s&timeoutSeconds=${left}`
      const query = `allowWatchBookmarks=true&resourceVersion=${seen}&${times}&watch=true`
      say(ctx, 'ERROR', `Failed to watch *v1.${kind}: Get "${url}?${query}": ${why}`)
      continue
    }
    const query = seen === undefined ? 'limit=500&resourceVersion=0' : `resourceVersion=${seen}`
    const failed = `failed to list *v1.${kind}: Get "${url}?${query}": ${why}`
    say(ctx, 'INFO', failed)
    say(ctx, 'ERROR', `Failed to watch *v1.${kind}: ${failed}`)
  }
  data.lists = true
}

function kindsOf({ programs }: ApiLink): readonly (readonly [kind: string, path: string])[] {
  return programs.includes('coredns') ? KINDS : [...KINDS, POD_KIND]
}

function say(ctx: ProcCtx, level: 'INFO' | 'ERROR', text: string): void {
  out(ctx, `[${level}] plugin/kubernetes: ${PREFIX} ${text}\n`)
}
