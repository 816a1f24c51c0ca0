/**
 * The cloud's part of Services of type LoadBalancer: each gets an address that the provider has, and keeps it.
 * Models cloud-provider's service controller (Kubernetes 1.32) for a provider that is a list of addresses. With an empty
 * list nothing happens: such Services wait. Not here: node lists of the balancers (the lab's machine has its own).
 */
import { enqueue } from '../agent/agent.ts'
import { cacheGetKey, cacheList } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiPatch, apiUpdateStatus } from '../api/local.ts'
import { findCluster } from '../cluster.ts'
import type { LoadBalancerIngress, Service } from '../objects.ts'
import { jsonEqual, objectKey } from '../types.ts'
import { recordEvent } from './common.ts'

const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup'
/** minRetryDelay and maxRetryDelay of the service controller, ns */
const [RETRY, RETRY_MOST] = [5_000_000_000, 300_000_000_000]

interface State {
  /** Addresses in use, to the Service that has it. */
  used: Map<string, string>
  /** Service keys to the addresses they have. */
  given: Map<string, readonly string[]>
  /** Services of which something changed that a balancer is about. */
  changed: Map<string, true>
  /** How often a Service has found no address. */
  failures: Map<string, number>
}

export const serviceLbController: AgentProgram = {
  name: 'service-lb-controller',
  wants: () => [{ resource: 'services' }],
  delayNs: 2_000_000,
  workNs: 200_000,
  start(ctx) {
    const state: State = { used: new Map(), given: new Map(), changed: new Map(), failures: new Map() }
    ctx.agent.state = state
    for (const service of cacheList<Service>(ctx, 'services')) {
      const ips = ingressIps(service)
      if (wantsBalancer(service) && ips.length > 0) keep(state, objectKey(service), ips)
      if (concerns(service)) enqueue(ctx, objectKey(service))
    }
  },
  observe(ctx, { key, object, previous, type }) {
    const now = object as Service
    const was = previous as Service | undefined
    const state = ctx.agent.state as State
    if (type === 'DELETED') {
      release(state, key)
      state.changed.delete(key)
      state.failures.delete(key)
      return
    }
    if (was !== undefined && hasProvider(ctx) && needsUpdate(ctx, was, now)) state.changed.set(key, true)
    if (concerns(now) || (was !== undefined && concerns(was))) enqueue(ctx, key)
  },
  reconcile,
}

function wantsBalancer({ spec }: Service): boolean {
  return spec.type === 'LoadBalancer' && spec.loadBalancerClass === undefined
}

function hasFinalizer({ metadata }: Service): boolean {
  return metadata.finalizers?.includes(FINALIZER) === true
}

function concerns(service: Service): boolean {
  return wantsBalancer(service) || hasFinalizer(service)
}

function ingressIps({ status }: Service): string[] {
  return (status?.loadBalancer?.ingress ?? []).map(({ ip = '' }) => ip).filter((ip) => ip !== '')
}

function hasProvider({ world }: AgentCtx): boolean {
  return (findCluster(world)?.options.loadBalancerAddresses ?? []).length > 0
}

/** Whether a change is one that a balancer is about; some of them are told. Models needsUpdate. */
function needsUpdate(ctx: AgentCtx, was: Service, now: Service): boolean {
  const [old, spec] = [was.spec, now.spec]
  const [had, has] = [wantsBalancer(was), wantsBalancer(now)]
  if (!had && !has) return false
  const tell = (reason: string, text: string) => {
    recordEvent(ctx, now, 'Normal', reason, text)
    return true
  }
  const list = (values: readonly string[] = []) => `[${values.join(' ')}]`
  if (had !== has) return tell('Type', `${old.type} -> ${spec.type}`)
  const ranges = [list(old.loadBalancerSourceRanges), list(spec.loadBalancerSourceRanges)]
  if (ranges[0] !== ranges[1]) return tell('LoadBalancerSourceRanges', ranges.join(' -> '))
  const rest = ({ ports = [], sessionAffinity, sessionAffinityConfig }: Service['spec']) => [
    ports.map(({ name, protocol, port, nodePort, targetPort }) => [
      name,
      protocol,
      port,
      nodePort,
      targetPort,
    ]),
    sessionAffinity,
    sessionAffinityConfig,
  ]
  if (!jsonEqual(rest(old), rest(spec))) return true
  if ((old.loadBalancerIP ?? '') !== (spec.loadBalancerIP ?? ''))
    return tell('LoadbalancerIP', `${old.loadBalancerIP ?? ''} -> ${spec.loadBalancerIP ?? ''}`)
  const [before, after] = [old.externalIPs ?? [], spec.externalIPs ?? []]
  if (before.length !== after.length) return tell('ExternalIP', `Count: ${before.length} -> ${after.length}`)
  const added = after.find((ip, i) => ip !== before[i])
  if (added !== undefined) return tell('ExternalIP', `Added: ${added}`)
  if (!jsonEqual(was.metadata.annotations ?? {}, now.metadata.annotations ?? {})) return true
  if (old.externalTrafficPolicy !== spec.externalTrafficPolicy) {
    const text = `${old.externalTrafficPolicy ?? ''} -> ${spec.externalTrafficPolicy ?? ''}`
    return tell('ExternalTrafficPolicy', text)
  }
  const [check, newCheck] = [old.healthCheckNodePort ?? 0, spec.healthCheckNodePort ?? 0]
  return check !== newCheck && tell('HealthCheckNodePort', `${check} -> ${newCheck}`)
}

function keep(state: State, key: string, ips: readonly string[]): void {
  state.given.set(key, Object.freeze([...ips]))
  for (const ip of ips) state.used.set(ip, key)
}

function release(state: State, key: string): void {
  for (const ip of state.given.get(key) ?? []) state.used.delete(ip)
  state.given.delete(key)
}

function reconcile(ctx: AgentCtx, key: string): Reconciled {
  const { world, agent } = ctx
  const service = cacheGetKey<Service>(ctx, 'services', key)
  const addresses = findCluster(world)?.options.loadBalancerAddresses ?? []
  if (service === undefined || !hasProvider(ctx)) return {}
  if (!wantsBalancer(service) || service.metadata.deletionTimestamp !== undefined)
    return tearDown(ctx, service)
  const state = agent.state as State
  const { loadBalancerIP = '' } = service.spec
  const given = state.given.get(key)
  const has = loadBalancerIP === '' || given?.includes(loadBalancerIP) === true ? given : undefined
  const right = has !== undefined && jsonEqual(ingressIps(service), has)
  const changed = state.changed.delete(key)
  if (right && hasFinalizer(service) && !changed) return {}
  recordEvent(ctx, service, 'Normal', 'EnsuringLoadBalancer', 'Ensuring load balancer')
  if (!hasFinalizer(service) && !putFinalizers(ctx, service, true)) return { retry: true }
  const ips = has ?? choose(state, service, addresses)
  if (ips.length === 0) {
    const text = 'Error syncing load balancer: failed to ensure load balancer: no address is left'
    recordEvent(ctx, service, 'Warning', 'SyncLoadBalancerFailed', text)
    const before = state.failures.get(key) ?? 0
    state.failures.set(key, before + 1)
    return { requeueAfter: Math.min(RETRY * 2 ** Math.min(before, 30), RETRY_MOST) }
  }
  state.failures.delete(key)
  if (has === undefined) release(state, key)
  keep(state, key, ips)
  if (!right && !putIngress(ctx, service, ips)) return { retry: true }
  recordEvent(ctx, service, 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer')
  return {}
}

/** A free address of each family of the Service, in the list's order; the one that it asks for where that is free. */
function choose(state: State, { spec }: Service, addresses: readonly string[]): string[] {
  const free = addresses.filter((ip) => !state.used.has(ip))
  const { loadBalancerIP = '', ipFamilies = ['IPv4'] } = spec
  if (loadBalancerIP !== '') return free.includes(loadBalancerIP) ? [loadBalancerIP] : []
  const found = ipFamilies.map((family) => free.find((ip) => ip.includes(':') === (family === 'IPv6')))
  return found.filter((ip) => ip !== undefined)
}

/** Deleted, or of another type now: the address goes back. */
function tearDown(ctx: AgentCtx, service: Service): Reconciled {
  if (!hasFinalizer(service)) return {}
  recordEvent(ctx, service, 'Normal', 'DeletingLoadBalancer', 'Deleting load balancer')
  const state = ctx.agent.state as State
  release(state, objectKey(service))
  state.changed.delete(objectKey(service))
  const leaves = service.metadata.deletionTimestamp !== undefined
  if (!leaves && !putIngress(ctx, service, [])) return { retry: true }
  if (!putFinalizers(ctx, service, false)) return { retry: true }
  recordEvent(ctx, service, 'Normal', 'DeletedLoadBalancer', 'Deleted load balancer')
  return {}
}

function putFinalizers(ctx: AgentCtx, { metadata }: Service, has: boolean): boolean {
  const others = (metadata.finalizers ?? []).filter((one) => one !== FINALIZER)
  const finalizers = has ? [...others, FINALIZER] : others
  const body = { metadata: { uid: metadata.uid, finalizers } }
  const { namespace = '', name } = metadata
  return apiPatch(ctx.world, actorOf(ctx.agent), 'services', namespace, name, { type: 'merge', body }).ok
}

function putIngress(ctx: AgentCtx, service: Service, ips: readonly string[]): boolean {
  const ingress = ips.map((ip): LoadBalancerIngress => ({ ip, ipMode: 'VIP' }))
  const loadBalancer = ips.length === 0 ? {} : { ingress }
  // Its finalizer was written a moment ago: only the status goes, whatever the version.
  const metadata = { ...service.metadata, resourceVersion: '' }
  const status = { ...service.status, loadBalancer }
  return apiUpdateStatus<Service>(ctx.world, actorOf(ctx.agent), 'services', { ...service, metadata, status })
    .ok
}
