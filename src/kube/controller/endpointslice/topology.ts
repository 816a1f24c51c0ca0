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
  if (ready.some((endpoint) => (endpoint.zone ?? '') === ''))
    return refuse('zone is not specified on endpoint')
  const expected = allocations(ratios, ready.length)
  if (expected === undefined) return refuse('insufficient number of endpoints')
  const zoneOf = distribute(ready, expected)
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

/** Hints of spec.trafficDistribution PreferClose: every ready endpoint serves its own zone. */
export function addPreferCloseHints(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const ready = endpoints.filter(isReady)
  if (ready.some((endpoint) => (endpoint.zone ?? '') === '')) return endpoints.map(withoutHints)
  return endpoints.map((endpoint) =>
    isReady(endpoint)
      ? { ...endpoint, hints: { forZones: [{ name: endpoint.zone! }] } }
      : withoutHints(endpoint),
  )
}

/** How the Service's endpoints are hinted: by CPU, by their own zone, or not. */
export function hintsOf(service: Service): 'cpu' | 'close' | 'none' {
  if (hintsEnabled(service.metadata.annotations ?? {})) return 'cpu'
  return service.spec.trafficDistribution === 'PreferClose' ? 'close' : 'none'
}

interface Allocation {
  /** The fewest endpoints with which no other endpoint is asked for more than its overload. */
  readonly min: number
  readonly max: number
  readonly desired: number
}

function allocations(ratios: ReadonlyMap<string, number>, n: number): Map<string, Allocation> | undefined {
  const found = new Map<string, Allocation>()
  let lowest = 0
  let highest = 0
  for (const [zone, ratio] of ratios) {
    const desired = ratio * n
    const min = Math.ceil(desired * (1 / (1 + OVERLOAD)))
    found.set(zone, { min, max: Math.ceil(desired), desired })
    lowest += min
    highest += Math.ceil(desired)
  }
  if (lowest > n || highest < n || n < ratios.size) return undefined
  return found
}

/** Endpoints stay in their zone up to its share; what is over goes to zones that lack some. */
function distribute(
  ready: readonly Endpoint[],
  expected: ReadonlyMap<string, Allocation>,
): Map<Endpoint, string> {
  const zoneOf = new Map<Endpoint, string>()
  const count = new Map<string, number>()
  const spare: Endpoint[] = []
  for (const endpoint of ready) {
    const zone = endpoint.zone!
    const have = count.get(zone) ?? 0
    if (have < (expected.get(zone)?.max ?? 0)) {
      zoneOf.set(endpoint, zone)
      count.set(zone, have + 1)
    } else spare.push(endpoint)
  }
  for (const zone of [...expected.keys()].sort()) {
    const { min } = expected.get(zone)!
    for (let have = count.get(zone) ?? 0; have < min; have++) {
      const endpoint = spare.shift() ?? takeFromFullest(zoneOf, count, expected, zone)
      if (endpoint === undefined) break
      zoneOf.set(endpoint, zone)
      count.set(zone, have + 1)
    }
  }
  for (const endpoint of spare) {
    const zone = [...expected.keys()].sort().find((name) => (count.get(name) ?? 0) < expected.get(name)!.max)
    if (zone === undefined) break
    zoneOf.set(endpoint, zone)
    count.set(zone, (count.get(zone) ?? 0) + 1)
  }
  return zoneOf
}

function takeFromFullest(
  zoneOf: Map<Endpoint, string>,
  count: Map<string, number>,
  expected: ReadonlyMap<string, Allocation>,
  to: string,
): Endpoint | undefined {
  let best: Endpoint | undefined
  let most = 0
  for (const [endpoint, zone] of zoneOf) {
    const over = (count.get(zone) ?? 0) - (expected.get(zone)?.min ?? 0)
    if (zone !== to && over > most) {
      most = over
      best = endpoint
    }
  }
  if (best === undefined) return undefined
  const from = zoneOf.get(best)!
  zoneOf.delete(best)
  count.set(from, count.get(from)! - 1)
  return best
}

function isReady({ conditions }: Endpoint): boolean {
  return conditions?.ready !== false
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
