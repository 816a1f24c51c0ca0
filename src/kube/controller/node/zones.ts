/**
 * How much of each zone is away, and how fast its nodes are given up. Models nodelifecycle's ComputeZoneState,
 * handleDisruption and RateLimitedTimedQueue (Kubernetes 1.32).
 */
import type { Condition, Node } from '../../objects.ts'

/** --unhealthy-zone-threshold, --large-cluster-size-threshold, --node-eviction-rate and its second one, as ns a node. */
const UNHEALTHY = 0.55
const LARGE = 50
const PERIOD = 10_000_000_000
const PERIOD_SECOND = 100_000_000_000
const EXCLUDED = 'node.kubernetes.io/exclude-disruption'

export type ZoneState = 'initial' | 'normal' | 'full' | 'partial'

/** One zone: what is known of it, and when the next of its nodes may be given up. */
export interface Zone {
  state: ZoneState
  /** ns between two nodes, 0 for none at all */
  period: number
  next: number
  /** Nodes that are to be given up, in their order. */
  queue: Map<string, true>
}

export function zoneOf({ metadata }: Node): string {
  const { labels = {} } = metadata
  return `${labels['topology.kubernetes.io/region'] ?? ''}/${labels['topology.kubernetes.io/zone'] ?? ''}`
}

/** The zone of a node; a new one may give up its first node at once. */
export function zoneFor(zones: Map<string, Zone>, node: Node, now: number): Zone {
  const known = zones.get(zoneOf(node))
  if (known !== undefined) return known
  const zone: Zone = { state: 'initial', period: PERIOD, next: now, queue: new Map() }
  zones.set(zoneOf(node), zone)
  return zone
}

/** Of a zone's nodes, how they are. */
export function zoneState(ready: readonly (Condition['status'] | undefined)[]): ZoneState {
  const down = ready.filter((status) => status !== 'True').length
  if (down > 0 && down === ready.length) return 'full'
  return down > 2 && down / ready.length >= UNHEALTHY ? 'partial' : 'normal'
}

/** What the nodes' states mean for all zones: 'entered' or 'left' where all zones together went down or came back. */
export function judge(
  zones: Map<string, Zone>,
  nodes: readonly Node[],
  ready: ReadonlyMap<string, Condition['status'] | undefined>,
  now: number,
): 'entered' | 'left' | undefined {
  const byZone = new Map<string, (Condition['status'] | undefined)[]>()
  for (const node of nodes) {
    if (node.metadata.labels?.[EXCLUDED] !== undefined || !ready.has(node.metadata.name)) continue
    const key = zoneOf(node)
    const all = byZone.get(key)
    if (all === undefined) byZone.set(key, [ready.get(node.metadata.name)])
    else all.push(ready.get(node.metadata.name))
  }
  const states = new Map([...byZone].map(([key, all]) => [key, zoneState(all)]))
  const allAre = [...states.values()].every((state) => state === 'full')
  const known = [...zones].filter(([key]) => states.has(key)).map(([, zone]) => zone)
  const allWere = known.every(({ state }) => state === 'full')
  if (allAre && allWere) return undefined
  for (const [key, state] of states) {
    const zone = zones.get(key)!
    if (!allAre && !allWere && zone.state === state) continue
    setPeriod(zone, allAre ? 0 : periodOf(state, byZone.get(key)!.length), now)
    zone.state = state
  }
  return allAre ? 'entered' : allWere ? 'left' : undefined
}

function periodOf(state: ZoneState, nodes: number): number {
  if (state !== 'partial') return PERIOD
  return nodes > LARGE ? PERIOD_SECOND : 0
}

/** Who waited before waits anew. */
function setPeriod(zone: Zone, period: number, now: number): void {
  if (zone.period === period) return
  const waited = zone.period === 0 || zone.next > now
  zone.period = period
  zone.next = waited ? now + period : now
}

/** Nodes of a zone whose turn it is now. */
export function takeDue(zone: Zone, now: number): string[] {
  const due: string[] = []
  for (const name of zone.queue.keys()) {
    if (zone.period === 0 || zone.next > now) break
    zone.next = now + zone.period
    due.push(name)
  }
  for (const name of due) zone.queue.delete(name)
  return due
}
