/** Cells of tables that take more than a field. Models pkg/printers/internalversion/printers.go (1.32). */
import type {
  Container,
  ContainerStatus,
  Endpoints,
  EndpointSlice,
  Ingress,
  LabelSelector,
  Labels,
  LoadBalancerIngress,
  Node,
  Pod,
  PodSpec,
  Service,
} from '../objects.ts'
import { parseTime } from '../time.ts'
import { humanDuration } from './duration.ts'

const NONE = '<none>'

/** `k=v` sorted by key. */
export function formatLabels(labels: Labels | undefined): string {
  const text = Object.keys(labels ?? {})
    .sort()
    .map((key) => `${key}=${labels?.[key]}`)
    .join(',')
  return text === '' ? NONE : text
}

/** A LabelSelector in the words of a query: app=web,tier in (a,b),!old */
export function formatSelector(selector: LabelSelector | undefined): string {
  const parts = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => [key, `${key}=${value}`])
  for (const { key, operator, values = [] } of selector?.matchExpressions ?? []) {
    const list = [...values].sort().join(',')
    const text =
      operator === 'In'
        ? `${key} in (${list})`
        : operator === 'NotIn'
          ? `${key} notin (${list})`
          : operator === 'Exists'
            ? key
            : `!${key}`
    parts.push([key, text])
  }
  parts.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return parts.length === 0 ? NONE : parts.map(([, text]) => text).join(',')
}

/** How long ago, `<unknown>` for no time. */
export function since(time: string | null | undefined, nowMs: number): string {
  const ms = typeof time === 'string' ? parseTime(time) : undefined
  return ms === undefined ? '<unknown>' : humanDuration((nowMs - ms) * 1_000_000)
}

export function containerNames(spec: PodSpec | undefined): string {
  return (spec?.containers ?? []).map((c) => c.name).join(',')
}

export function containerImages(spec: PodSpec | undefined): string {
  return (spec?.containers ?? []).map((c) => c.image ?? '').join(',')
}

export interface PodCells {
  readonly ready: string
  readonly status: string
  readonly restarts: string
}

/** READY, STATUS and RESTARTS of a pod. */
export function podCells(pod: Pod, nowMs: number): PodCells {
  const { spec, status } = pod
  let reason: string = status?.reason || status?.phase || ''
  const scheduled = status?.conditions?.find((one) => one.type === 'PodScheduled')
  if (scheduled?.reason === 'SchedulingGated') reason = 'SchedulingGated'
  const inits = initCells(spec.initContainers ?? [], status?.initContainerStatuses ?? [])
  let { restarts, last, ready } = inits
  const initialized = status?.conditions?.some((one) => one.type === 'Initialized' && one.status === 'True')
  if (inits.reason !== undefined) reason = inits.reason
  if (inits.reason === undefined || initialized === true) {
    restarts = inits.sidecarRestarts
    last = inits.sidecarLast
    let running = false
    for (const one of [...(status?.containerStatuses ?? [])].reverse()) {
      restarts += one.restartCount
      last = later(last, one.lastState?.terminated?.finishedAt)
      const { waiting, terminated } = one.state ?? {}
      if (waiting?.reason) reason = waiting.reason
      else if (terminated !== undefined) reason = terminated.reason || endOf(terminated)
      else if (one.ready && one.state?.running !== undefined) {
        running = true
        ready++
      }
    }
    if (reason === 'Completed' && running) {
      const isReady = status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True')
      reason = isReady === true ? 'Running' : 'NotReady'
    }
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (status?.reason === 'NodeLost') reason = 'Unknown'
    else if (status?.phase !== 'Succeeded' && status?.phase !== 'Failed') reason = 'Terminating'
  }
  const sidecars = (spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').length
  const ago =
    restarts !== 0 && last !== undefined ? ` (${humanDuration((nowMs - last) * 1_000_000)} ago)` : ''
  return {
    ready: `${ready}/${spec.containers.length + sidecars}`,
    status: reason,
    restarts: `${restarts}${ago}`,
  }
}

interface Inits {
  restarts: number
  last: number | undefined
  ready: number
  sidecarRestarts: number
  sidecarLast: number | undefined
  /** set while initialization goes on or has failed */
  reason: string | undefined
}

function initCells(containers: readonly Container[], statuses: readonly ContainerStatus[]): Inits {
  const out: Inits = {
    restarts: 0,
    last: undefined,
    ready: 0,
    sidecarRestarts: 0,
    sidecarLast: undefined,
    reason: undefined,
  }
  for (const [i, one] of statuses.entries()) {
    const sidecar = containers.find((c) => c.name === one.name)?.restartPolicy === 'Always'
    const finished = one.lastState?.terminated?.finishedAt
    out.restarts += one.restartCount
    out.last = later(out.last, finished)
    if (sidecar) {
      out.sidecarRestarts += one.restartCount
      out.sidecarLast = later(out.sidecarLast, finished)
    }
    const { waiting, terminated } = one.state ?? {}
    if (terminated?.exitCode === 0) continue
    if (sidecar && one.started === true) {
      if (one.ready) out.ready++
      continue
    }
    if (terminated !== undefined) out.reason = `Init:${terminated.reason || endOf(terminated)}`
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') out.reason = `Init:${waiting.reason}`
    else out.reason = `Init:${i}/${containers.length}`
    break
  }
  return out
}

function endOf(terminated: { readonly exitCode: number; readonly signal?: number }): string {
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`
}

function later(known: number | undefined, time: string | undefined): number | undefined {
  const ms = time === undefined ? undefined : parseTime(time)
  if (ms === undefined) return known
  return known === undefined || known < ms ? ms : known
}

/** EXTERNAL-IP; load-balancer addresses are cut to 16 characters unless `wide`. */
export function externalIp({ spec, status }: Service, wide: boolean): string {
  const external = spec.externalIPs ?? []
  switch (spec.type) {
    case 'ClusterIP':
    case 'NodePort':
      return external.length === 0 ? NONE : external.join(',')
    case 'LoadBalancer': {
      const text = loadBalancer(status?.loadBalancer?.ingress, wide)
      const all = [...(text === '' ? [] : text.split(',')), ...external]
      return all.length === 0 ? '<pending>' : all.join(',')
    }
    case 'ExternalName':
      return spec.externalName ?? ''
    default:
      return '<unknown>'
  }
}

/** Addresses of a load balancer's status, each once, sorted. */
export function loadBalancer(ingress: readonly LoadBalancerIngress[] | undefined, wide: boolean): string {
  const set = new Set(
    (ingress ?? []).map((one) => one.ip || one.hostname || '').filter((text) => text !== ''),
  )
  const text = [...set].sort().join(',')
  return !wide && text.length > 16 ? `${text.slice(0, 13)}...` : text
}

export function clusterIp({ spec }: Service): string {
  return spec.clusterIPs?.[0] || NONE
}

/** 80:30080/TCP,443/TCP */
export function servicePorts({ spec }: Service): string {
  const ports = (spec.ports ?? []).map(
    ({ port, nodePort, protocol }) => `${port}${nodePort ? `:${nodePort}` : ''}/${protocol}`,
  )
  return ports.length === 0 ? NONE : ports.join(',')
}

function upToThree(all: readonly string[]): string {
  const text = all.slice(0, 3).join(',')
  return all.length > 3 ? `${text} + ${all.length - 3} more...` : text
}

export function hostPort(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}

/** ENDPOINTS of an Endpoints object: ready addresses. */
export function endpointsText({ subsets = [] }: Endpoints): string {
  if (subsets.length === 0) return NONE
  const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) => addresses.map(({ ip }) => hostPort(ip, port))),
  )
  return upToThree(all)
}

export function slicePorts({ ports = [] }: EndpointSlice): string {
  const all = (ports ?? []).map(({ name, port }) => (port === undefined ? name || '*' : String(port)))
  return all.length === 0 ? '<unset>' : upToThree(all)
}

export function sliceEndpoints({ endpoints = [] }: EndpointSlice): string {
  const all = (endpoints ?? []).flatMap(({ addresses }) => addresses)
  return all.length === 0 ? '<unset>' : upToThree(all)
}

/** HOSTS */
export function ingressHosts({ spec }: Ingress): string {
  const all = (spec?.rules ?? []).flatMap(({ host }) => (host ? [host] : []))
  if (all.length === 0) return '*'
  const text = all.slice(0, 3).join(',')
  const rules = spec?.rules?.length ?? 0
  return all.length > 3 ? `${text} + ${rules - 3} more...` : text
}

/** STATUS of a node. */
export function nodeStatus({ spec, status }: Node): string {
  const ready = status?.conditions?.find((one) => one.type === 'Ready')
  const text = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'
  return spec?.unschedulable === true ? `${text},SchedulingDisabled` : text
}

/** ROLES of a node. */
export function nodeRoles({ metadata }: Node): string {
  const roles = new Set<string>()
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (key.startsWith('node-role.kubernetes.io/')) {
      const role = key.slice('node-role.kubernetes.io/'.length)
      if (role !== '') roles.add(role)
    } else if (key === 'kubernetes.io/role' && value !== '') roles.add(value)
  }
  return roles.size === 0 ? NONE : [...roles].sort().join(',')
}

export function nodeAddress({ status }: Node, type: string): string {
  return status?.addresses?.find((one) => one.type === type)?.address ?? NONE
}
