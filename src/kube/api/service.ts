/**
 * How a Service gets its families, cluster IPs and node ports, and what a change of type clears.
 * Models pkg/registry/core/service/{strategy.go,storage/alloc.go,storage/storage.go} (1.32).
 */
import { parseIp } from '../../base/addr.ts'
import type { IpFamily, Service } from '../objects.ts'
import type { Rng } from '../../base/rng.ts'
import type { Status, StatusCause } from '../types.ts'
import type { Store } from '../store/types.ts'
import { treeDelete, treeGet, treeSet } from '../store/tree.ts'
import type { IpRange } from './alloc.ts'
import { ipInRange, ipRange, pickIp, pickPort } from './alloc.ts'
import type { Mutable } from './draft.ts'
import { goStrings, invalidValue } from './fields.ts'
import { failure, internalError, invalid } from './status.ts'

type M = Mutable<Service>
type Old = Service | undefined

/** The part of the store that addresses come from; a copy of it makes a dry run. */
export type Allocators = Pick<Store, 'clusterIps' | 'nodePorts' | 'options'> & { rng: Rng }

function ranges(allocators: Pick<Allocators, 'options'>): IpRange[] {
  return allocators.options.serviceCidrs.flatMap((cidr) => ipRange(cidr) ?? [])
}

export function needsClusterIp(service: Pick<Service, 'spec'> | undefined): boolean {
  return service !== undefined && service.spec.type !== 'ExternalName'
}

function needsNodePort({ spec }: Pick<Service, 'spec'>): boolean {
  if (spec.type === 'NodePort') return true
  return spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false
}

function usesNodePort({ spec }: Pick<Service, 'spec'>): boolean {
  return spec.type === 'NodePort' || spec.type === 'LoadBalancer'
}

export function needsHealthCheck({ spec }: Pick<Service, 'spec'>): boolean {
  return spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local'
}

export function externallyReachable({ spec }: Pick<Service, 'spec'>): boolean {
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') return true
  return spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0
}

const sameList = (a: readonly string[] = [], b: readonly string[] = []) =>
  a.length === b.length && a.every((one, i) => one === b[i])

/** clusterIP and clusterIPs are two names of one thing: a caller that knows only the first one is helped. */
export function normalizeClusterIps({ spec }: M, old: Old): void {
  const none = (spec.clusterIPs?.length ?? 0) === 0
  if (old === undefined) {
    if (spec.clusterIP && none) spec.clusterIPs = [spec.clusterIP]
    return
  }
  const { clusterIP = '', clusterIPs = [] } = old.spec
  if (clusterIP === (spec.clusterIP ?? '')) {
    if (none && clusterIPs.length > 0) spec.clusterIPs = [...clusterIPs]
    return
  }
  if (!sameList(clusterIPs, spec.clusterIPs)) return
  if (spec.clusterIP) spec.clusterIPs = [spec.clusterIP]
  else delete spec.clusterIPs
}

/** An update that leaves out what the server had given keeps it. */
export function patchAllocated(service: M, old: Service): void {
  const { spec } = service
  if (needsClusterIp(old) && needsClusterIp(service)) {
    if (!spec.clusterIP && old.spec.clusterIP !== undefined) spec.clusterIP = old.spec.clusterIP
    if ((spec.clusterIPs?.length ?? 0) === 0 && old.spec.clusterIPs)
      spec.clusterIPs = [...old.spec.clusterIPs]
  }
  if (usesNodePort(old) && usesNodePort(service)) {
    const now = new Set((spec.ports ?? []).map((p) => p.nodePort ?? 0))
    const before = new Map((old.spec.ports ?? []).map((p) => [p.name ?? '', p.nodePort ?? 0]))
    const numbers = new Set(before.values())
    for (const port of spec.ports ?? []) {
      const was = before.get(port.name ?? '') ?? 0
      // A number that the same write gives to some port is that port's.
      if (port.nodePort || was === 0 || (numbers.has(was) && now.has(was))) continue
      port.nodePort = was
    }
  }
  if (needsHealthCheck(old) && needsHealthCheck(service) && !spec.healthCheckNodePort) {
    if (old.spec.healthCheckNodePort) spec.healthCheckNodePort = old.spec.healthCheckNodePort
  }
}

/** What the new type has no use for goes, unless the same write changes it. */
export function dropTypeDependent(service: M, old: Service): void {
  const { spec } = service
  const was = old.spec
  if (needsClusterIp(old) && !needsClusterIp(service)) {
    if (spec.clusterIP === was.clusterIP && sameList(spec.clusterIPs, was.clusterIPs)) {
      delete spec.clusterIP
      delete spec.clusterIPs
    }
    if (sameList(spec.ipFamilies, was.ipFamilies)) delete spec.ipFamilies
    if (spec.ipFamilyPolicy === was.ipFamilyPolicy) delete spec.ipFamilyPolicy
  }
  if (usesNodePort(old) && !usesNodePort(service)) {
    const before = new Set((was.ports ?? []).map((p) => p.nodePort ?? 0))
    if ((spec.ports ?? []).every((p) => !p.nodePort || before.has(p.nodePort))) {
      for (const port of spec.ports ?? []) delete port.nodePort
    }
  }
  if (
    needsHealthCheck(old) &&
    !needsHealthCheck(service) &&
    spec.healthCheckNodePort === was.healthCheckNodePort
  ) {
    delete spec.healthCheckNodePort
  }
  if (was.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === was.allocateLoadBalancerNodePorts) {
      delete spec.allocateLoadBalancerNodePorts
    }
    if (spec.loadBalancerClass === was.loadBalancerClass) delete spec.loadBalancerClass
  }
  if (externallyReachable(old) && !externallyReachable(service)) {
    if (spec.externalTrafficPolicy === was.externalTrafficPolicy) delete spec.externalTrafficPolicy
  }
}

const IP_POLICY = 'spec.ipFamilyPolicy'

/** Fills ipFamilies and ipFamilyPolicy in; what contradicts the cluster's families is returned. */
export function initFamilies(service: M, old: Old, allocators: Pick<Allocators, 'options'>): StatusCause[] {
  const { spec } = service
  if (spec.type === 'ExternalName') return []
  const families = ranges(allocators).map((range) => range.family)
  if (keepsBoth(service, old)) return []
  const alone = spec.clusterIP === 'None' && Object.keys(spec.selector ?? {}).length === 0
  spec.ipFamilyPolicy ??= old?.spec.ipFamilyPolicy ?? (alone ? 'RequireDualStack' : 'SingleStack')
  const policy = spec.ipFamilyPolicy
  const errors: StatusCause[] = []
  if (old !== undefined && needsClusterIp(old)) errors.push(...releaseSecond(service, old))
  if (policy === 'SingleStack') {
    const words = "must be 'RequireDualStack' or 'PreferDualStack' when multiple"
    for (const [list, what] of [
      [spec.clusterIPs, 'cluster IPs'],
      [spec.ipFamilies, 'IP families'],
    ] as const) {
      if (list?.length === 2) errors.push(invalidValue(IP_POLICY, policy, `${words} ${what} are specified`))
    }
  }
  errors.push(...familiesOfIps(service, families))
  if (errors.length > 0) return errors
  if (alone) {
    headlessFamilies(service, families[0])
    return []
  }
  if (policy === 'RequireDualStack' && families.length < 2) {
    errors.push(invalidValue(IP_POLICY, policy, 'this cluster is not configured for dual-stack services'))
  }
  for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
    if (families.includes(family)) continue
    errors.push(invalidValue(`spec.ipFamilies[${i}]`, family, 'not configured on this cluster'))
  }
  if (errors.length > 0) return errors
  if ((spec.ipFamilies?.length ?? 0) === 0) spec.ipFamilies = [families[0]]
  const [first] = spec.ipFamilies as IpFamily[]
  if (policy !== 'SingleStack' && spec.ipFamilies?.length === 1 && families.length === 2) {
    spec.ipFamilies.push(other(first))
  }
  return []
}

/** A service that would take two families if it could is left as it is where the cluster's families change. */
function keepsBoth({ spec }: M, old: Old): boolean {
  if (old === undefined || old.spec.type !== spec.type) return false
  const prefers = 'PreferDualStack'
  if (spec.ipFamilyPolicy !== prefers || (old.spec.ipFamilyPolicy ?? prefers) !== prefers) return false
  return sameList(spec.clusterIPs, old.spec.clusterIPs) && sameList(spec.ipFamilies, old.spec.ipFamilies)
}

/** A service without a selector may name families that the cluster has not. */
function headlessFamilies({ spec }: M, family: IpFamily): void {
  if ((spec.ipFamilies?.length ?? 0) === 0) spec.ipFamilies = [family]
  const families = spec.ipFamilies as IpFamily[]
  if (families.length < 2 && spec.ipFamilyPolicy !== 'SingleStack') families.push(other(families[0]))
}

function other(family: IpFamily): IpFamily {
  return family === 'IPv4' ? 'IPv6' : 'IPv4'
}

/**
 * Going back to one family drops the second address and family, unless they were changed too; a second one that is
 * left out without going back is an error.
 */
function releaseSecond({ spec }: M, { spec: was }: Service): StatusCause[] {
  const lists = [
    [spec.clusterIPs, was.clusterIPs, 'cluster IP'],
    [spec.ipFamilies, was.ipFamilies, 'IP family'],
  ] as const
  const errors: StatusCause[] = []
  for (const [now, before, what] of lists) {
    if (spec.ipFamilyPolicy === 'SingleStack') {
      if (now?.length === 2 && sameList(now, before)) now.length = 1
      continue
    }
    // Left out altogether they are filled in again.
    const reduced = (now?.length ?? 0) > 0 && now!.length < (before?.length ?? 0)
    const words = `must be 'SingleStack' to release the secondary ${what}`
    if (reduced) errors.push(invalidValue(IP_POLICY, spec.ipFamilyPolicy, words))
  }
  return errors
}

function familiesOfIps({ spec }: M, families: readonly IpFamily[]): StatusCause[] {
  const errors: StatusCause[] = []
  for (const [i, text] of (spec.clusterIPs ?? []).entries()) {
    if (text === 'None') break
    if (i < (spec.ipFamilies?.length ?? 0) || parseIp(text) === undefined) continue
    const family = text.includes(':') ? 'IPv6' : 'IPv4'
    if (families.includes(family)) {
      spec.ipFamilies ??= []
      spec.ipFamilies.push(family)
    } else {
      const words = `${family} is not configured on this cluster`
      errors.push(invalidValue(`spec.clusterIPs[${i}]`, goStrings(spec.clusterIPs ?? []), words))
    }
  }
  return errors
}

/**
 * Gives a validated service its cluster IPs, node ports and health check port, and takes back what an older version
 * held and this one does not. On failure nothing is changed.
 */
export function allocate(service: M, old: Old, allocators: Allocators): Status | undefined {
  const { clusterIps, nodePorts } = allocators
  if (old !== undefined) release(old, service, allocators)
  const error =
    allocateIps(service, allocators) ??
    allocatePorts(service, old, allocators) ??
    allocateHealthCheck(service, old, allocators)
  if (error !== undefined) {
    allocators.clusterIps = clusterIps
    allocators.nodePorts = nodePorts
  }
  return error
}

/** Takes back a service's addresses and ports; those that `keep` still names stay. */
export function release(
  service: Pick<Service, 'metadata' | 'spec'>,
  keep: M | undefined,
  allocators: Allocators,
): void {
  const kept = new Set(keep !== undefined && needsClusterIp(keep) ? (keep.spec.clusterIPs ?? []) : [])
  if (needsClusterIp(service)) {
    for (const ip of service.spec.clusterIPs ?? []) {
      if (ip !== 'None' && !kept.has(ip)) allocators.clusterIps = treeDelete(allocators.clusterIps, ip)
    }
  }
  const ports = new Set(keep === undefined ? [] : portsOf(keep.spec))
  for (const port of portsOf(service.spec)) {
    if (!ports.has(port)) allocators.nodePorts = treeDelete(allocators.nodePorts, String(port))
  }
}

function portsOf(spec: Pick<Service, 'spec'>['spec']): number[] {
  const ports = (spec.ports ?? []).map((port) => port.nodePort ?? 0)
  return [...ports, spec.healthCheckNodePort ?? 0].filter((port) => port !== 0)
}

function owner(service: M): string {
  return `${service.metadata.namespace}/${service.metadata.name}`
}

function refused(service: M, cause: StatusCause): Status {
  return invalid('Service', '', service.metadata.name ?? '', [cause])
}

function allocateIps(service: M, allocators: Allocators): Status | undefined {
  const { spec } = service
  if (!needsClusterIp(service)) return undefined
  if (spec.clusterIPs?.[0] === 'None' || spec.clusterIP === 'None') {
    spec.clusterIP = 'None'
    spec.clusterIPs = ['None']
    return undefined
  }
  const mine = owner(service)
  const asked = spec.clusterIPs ?? []
  const given: string[] = []
  const taken = [...asked]
  for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
    const range = ranges(allocators).find((one) => one.family === family)
    if (range === undefined) continue
    const text = asked[i]
    if (text !== undefined) {
      const user = treeGet(allocators.clusterIps, text)
      if (user === mine) {
        given.push(text)
        continue
      }
      const why = !ipInRange(range, text)
        ? `the provided IP (${text}) is not in the valid range. The range of valid IPs is ${range.cidr}`
        : user !== undefined
          ? 'provided IP is already allocated'
          : ''
      if (why !== '') {
        const words = `failed to allocate IP ${text}: ${why}`
        return refused(service, invalidValue('spec.clusterIPs', goStrings(taken), words))
      }
      given.push(text)
    } else {
      const ip = pickIp(range, allocators.rng, (one) => treeGet(allocators.clusterIps, one) !== undefined)
      if (ip === undefined) return internalError('failed to allocate a serviceIP: range is full')
      given.push(ip)
    }
    allocators.clusterIps = treeSet(allocators.clusterIps, given[i], mine)
  }
  // A copy: an array that was pushed to has room for 16 more, in every Service.
  spec.clusterIPs = given.slice()
  spec.clusterIP = given[0]
  return undefined
}

/** In an update every port without a number gets one of its own, also beside one of the other protocol. */
function updatePorts(service: M, old: Service, allocators: Allocators): Status | undefined {
  const kept = new Set((old.spec.ports ?? []).map((port) => port.nodePort ?? 0))
  const seen = new Set<string>()
  for (const [i, port] of (service.spec.ports ?? []).entries()) {
    if (!port.nodePort && !needsNodePort(service)) continue
    if (port.nodePort) {
      const path = `spec.ports[${i}].nodePort`
      const error = takePort(service, path, port.nodePort, kept, allocators)
      if (error !== undefined) return error
      kept.add(port.nodePort)
    } else {
      const picked = pickPort(allocators.options.nodePorts, allocators.rng, (one) => isTaken(allocators, one))
      if (picked === undefined) return internalError('failed to allocate a nodePort: range is full')
      port.nodePort = picked
    }
    const one = `${port.protocol} ${port.nodePort}`
    // The server's own error, without a reason.
    if (seen.has(one)) return failure(500, '', `duplicate nodePort: {${one}}`)
    seen.add(one)
    allocators.nodePorts = treeSet(allocators.nodePorts, String(port.nodePort), owner(service))
  }
  return undefined
}

function allocatePorts(service: M, old: Old, allocators: Allocators): Status | undefined {
  const { spec } = service
  if (!usesNodePort(service)) return undefined
  if (old !== undefined) return updatePorts(service, old, allocators)
  const kept = new Set<number>()
  // Two ports of one number (53/TCP and 53/UDP) share a node port.
  const shared = new Map<number, number>()
  for (const [i, port] of (spec.ports ?? []).entries()) {
    if (!port.nodePort && !needsNodePort(service)) continue
    const known = shared.get(port.port)
    if (known !== undefined && (!port.nodePort || port.nodePort === known)) {
      port.nodePort = known
      continue
    }
    const asked = port.nodePort || spec.ports?.find((one) => one.port === port.port && one.nodePort)?.nodePort
    if (asked) {
      const error = takePort(service, `spec.ports[${i}].nodePort`, asked, kept, allocators)
      if (error !== undefined) return error
      port.nodePort = asked
    } else {
      const picked = pickPort(allocators.options.nodePorts, allocators.rng, (one) => isTaken(allocators, one))
      if (picked === undefined) return internalError('failed to allocate a nodePort: range is full')
      port.nodePort = picked
    }
    shared.set(port.port, port.nodePort)
    allocators.nodePorts = treeSet(allocators.nodePorts, String(port.nodePort), owner(service))
  }
  return undefined
}

function allocateHealthCheck(service: M, old: Old, allocators: Allocators): Status | undefined {
  const { spec } = service
  if (!needsHealthCheck(service)) return undefined
  if (spec.healthCheckNodePort) {
    const kept = new Set(old === undefined ? [] : portsOf(old.spec))
    const why = kept.has(spec.healthCheckNodePort) ? '' : portProblem(spec.healthCheckNodePort, allocators)
    if (why !== '') {
      const what = `failed to allocate requested HealthCheck NodePort ${spec.healthCheckNodePort}`
      return internalError(`${what}: ${why}`)
    }
  } else {
    const picked = pickPort(allocators.options.nodePorts, allocators.rng, (one) => isTaken(allocators, one))
    if (picked === undefined) {
      return internalError('failed to allocate a HealthCheck NodePort 0: range is full')
    }
    spec.healthCheckNodePort = picked
  }
  allocators.nodePorts = treeSet(allocators.nodePorts, String(spec.healthCheckNodePort), owner(service))
  return undefined
}

function takePort(
  service: M,
  path: string,
  port: number,
  kept: ReadonlySet<number>,
  allocators: Allocators,
): Status | undefined {
  const why = kept.has(port) ? '' : portProblem(port, allocators)
  return why === '' ? undefined : refused(service, invalidValue(path, port, why))
}

/** Why a port of the nodes cannot be had; '' where it can. */
function portProblem(port: number, allocators: Allocators): string {
  const [low, high] = allocators.options.nodePorts
  if (port < low || port > high) {
    return `provided port is not in the valid range. The range of valid ports is ${low}-${high}`
  }
  return isTaken(allocators, port) ? 'provided port is already allocated' : ''
}

function isTaken(allocators: Allocators, port: number): boolean {
  return treeGet(allocators.nodePorts, String(port)) !== undefined
}
