/** Zone hints by the nodes' CPUs. Models k8s.io/endpointslice/topologycache (Kubernetes 1.32). */
import type { Endpoint, Node, Service } from '../../objects.ts'

const ZONE = 'topology.kubernetes.io/zone'
/** A zone may be given this much more than its share. */
const OVERLOAD = 0.2

/** The Service asks for hints by CPU. The older annotation decides where both are there. */
export function hintsEnabled(annotations: Readonly<Record<string, string>>): boolean {
  const mode =
    annotations['service.kubernetes.io/topology-aware-hints'] ??
    annotations['service.kubernetes.io/topology-mode']
  return mode === 'Auto' || mode === 'auto'
}

/** Each zone's part of the CPUs of ready worker nodes; undefined with fewer than two zones, or a node without either. */
export function zoneRatios(nodes: readonly Node[]): ReadonlyMap<string, number> | undefined {
  const cpu = new Map<string, number>()
  let total = 0
  for (const node of nodes) {
    if (isControlPlane(node) || !isNodeReady(node)) continue
    const milli = milliCpu(node.status?.allocatable?.cpu ?? node.status?.capacity?.cpu)
    const zone = node.metadata.labels?.[ZONE] ?? ''
    if (zone === '' || milli === 0) return undefined
    cpu.set(zone, (cpu.get(zone) ?? 0) + milli)
    total += milli
  }
  if (cpu.size < 2) return undefined
  return new Map([...cpu].map(([zone, milli]) => [zone, milli / total]))
}

/** Millicores of a quantity: `2`, `1500m`, `0.5`. */
export function milliCpu(quantity: string | number | undefined): number {
  if (quantity === undefined) return 0
  const text = `${quantity}`
  const value = text.endsWith('m') ? Number(text.slice(0, -1)) : Number(text) * 1000
  return Number.isFinite(value) ? value : 0
}

export function isNodeReady(node: Node): boolean {
  return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
}

export interface Hinted {
  readonly endpoints: readonly Endpoint[]
  readonly event: { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly cause: string }
}

/** Endpoints with hints so that each zone has its share, or without any where that cannot be. */
export function addZoneHints(
  endpoints: readonly Endpoint[],
  ratios: ReadonlyMap<string, number> | undefined,
): Hinted {
  const refuse = (cause: string): Hinted => ({
    endpoints: endpoints.map(withoutHints),
    event: { type: 'Warning', reason: 'TopologyAwareHintsDisabled', cause },
  })
  if (ratios === undefined) return refuse('insufficient node information')
  const ready = endpoints.filter(isReady)
  if (ratios.size < 2) return refuse('nodes only ready in one zone')
  if (ratios.size > ready.length) return refuse('insufficient number of endpoints')
  const desired = shares(ratios, ready.length)
  if (desired === undefined) {
    const words =
      'unable to allocate minimum required endpoints to each zone without exceeding overload threshold'
    return refuse(words)
  }
  if (ready.some((endpoint) => (endpoint.zone ?? '') === '')) {
    return refuse('one or more endpoints do not have a zone specified')
  }
  const zoneOf = distribute(ready, desired)
  return {
    endpoints: endpoints.map((endpoint) => {
      const zone = zoneOf.get(endpoint)
      return zone === undefined
        ? withoutHints(endpoint)
        : { ...endpoint, hints: { forZones: [{ name: zone }] } }
    }),
    event: { type: 'Normal', reason: 'TopologyAwareHintsEnabled', cause: '' },
  }
}

/** Hints of spec.trafficDistribution PreferClose: every ready endpoint serves its own zone, if it has one. */
export function addPreferCloseHints(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  return endpoints.map((endpoint) =>
    isReady(endpoint) && endpoint.zone
      ? { ...endpoint, hints: { forZones: [{ name: endpoint.zone }] } }
      : withoutHints(endpoint),
  )
}

/** How the Service's endpoints are hinted: by CPU, by their own zone, or not. */
export function hintsOf(service: Service): 'cpu' | 'close' | 'none' {
  if (hintsEnabled(service.metadata.annotations ?? {})) return 'cpu'
  return service.spec.trafficDistribution === 'PreferClose' ? 'close' : 'none'
}

/** How many endpoints each zone should serve: its part, but not fewer than its overload allows. */
function shares(ratios: ReadonlyMap<string, number>, n: number): Map<string, number> | undefined {
  const found = new Map<string, number>()
  let left = n
  for (const zone of [...ratios.keys()].sort()) {
    const desired = ratios.get(zone)! * n
    const least = Math.ceil(desired * (1 / (1 + OVERLOAD)))
    found.set(zone, Math.max(desired, least))
    left -= least
  }
  return left < 0 ? undefined : found
}

/** Endpoints serve their own zone; of zones with too many the first ones serve those that lack some. */
function distribute(ready: readonly Endpoint[], desired: ReadonlyMap<string, number>): Map<Endpoint, string> {
  const zoneOf = new Map(ready.map((endpoint) => [endpoint, endpoint.zone!]))
  const count = new Map<string, number>()
  for (const zone of zoneOf.values()) count.set(zone, (count.get(zone) ?? 0) + 1)
  const { giving, receiving } = exchange(count, desired)
  for (const endpoint of ready) {
    const left = giving.get(endpoint.zone!) ?? 0
    const to = [...receiving.keys()].find((zone) => receiving.get(zone)! > 0)
    if (to === undefined) break
    if (left <= 0) continue
    zoneOf.set(endpoint, to)
    giving.set(endpoint.zone!, left - 1)
    receiving.set(to, receiving.get(to)! - 1)
  }
  return zoneOf
}

interface Exchange {
  readonly giving: Map<string, number>
  readonly receiving: Map<string, number>
}

/** Whole endpoints from the zone with most to the zone that lacks most, while half a one is over on both sides. */
function exchange(count: ReadonlyMap<string, number>, desired: ReadonlyMap<string, number>): Exchange {
  const over = new Map<string, number>()
  const under = new Map<string, number>()
  for (const [zone, wanted] of desired) {
    const have = count.get(zone) ?? 0
    if (have > wanted) over.set(zone, have - wanted)
    else if (have < wanted) under.set(zone, wanted - have)
  }
  const giving = new Map<string, number>()
  const receiving = new Map<string, number>()
  for (;;) {
    const [from, spare] = most(over)
    const [to, lack] = most(under)
    if (from === '' || to === '' || (spare < 1 && lack < 1) || spare < 0.5 || lack < 0.5) break
    giving.set(from, (giving.get(from) ?? 0) + 1)
    over.set(from, spare - 1)
    receiving.set(to, (receiving.get(to) ?? 0) + 1)
    under.set(to, lack - 1)
  }
  return { giving, receiving }
}

function most(zones: ReadonlyMap<string, number>): [zone: string, n: number] {
  let best: [string, number] = ['', 0]
  for (const [zone, n] of zones) if (n > best[1]) best = [zone, n]
  return best
}

function isReady({ conditions }: Endpoint): boolean {
  return conditions?.ready === true
}

function withoutHints(endpoint: Endpoint): Endpoint {
  const { hints: _, ...rest } = endpoint
  return rest
}

function isControlPlane(node: Node): boolean {
  const labels = node.metadata.labels ?? {}
  return (
    Object.hasOwn(labels, 'node-role.kubernetes.io/control-plane') ||
    Object.hasOwn(labels, 'node-role.kubernetes.io/master')
  )
}
