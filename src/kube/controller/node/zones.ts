/** How much of each zone is away, and how fast its nodes are given up. Models nodelifecycle's ComputeZoneState (1.32). */
import type { Condition, Node } from '../../objects.ts'

/** What is known of a node's life. Times in ns. */
export interface NodeHealth {
  readonly uid: string
  readonly renewTime: string
  readonly heartbeat: string
  /** The last time when it was heard of. */
  readonly signAt: number
  /** Its pods have been marked not ready since it stopped being so. */
  readonly podsMarked: boolean
}

/** --unhealthy-zone-threshold, --large-cluster-size-threshold, --node-eviction-rate and its second one, as seconds a node. */
const UNHEALTHY = 0.55
const LARGE = 50
const SECONDS = 10
const SECONDS_SECOND = 100

export interface Disruption {
  /** Every zone is away as a whole: it may be the control plane itself that is, so nobody is given up. */
  readonly everywhere: boolean
  /** By zone: seconds between two nodes, 0 for none at all. */
  readonly secondsPerNode: ReadonlyMap<string, number>
}

export function zoneOf({ metadata }: Node): string {
  const { labels = {} } = metadata
  return `${labels['topology.kubernetes.io/region'] ?? ''}/${labels['topology.kubernetes.io/zone'] ?? ''}`
}

export function disruptionOf(
  nodes: readonly Node[],
  ready: ReadonlyMap<string, Condition['status']>,
): Disruption {
  const zones = new Map<string, { up: number; down: number }>()
  for (const node of nodes) {
    const zone = zones.get(zoneOf(node)) ?? { up: 0, down: 0 }
    zones.set(zoneOf(node), zone)
    if (ready.get(node.metadata.name) === 'True') zone.up++
    else zone.down++
  }
  const secondsPerNode = new Map<string, number>()
  let everywhere = zones.size > 0
  for (const [name, { up, down }] of zones) {
    const full = up === 0 && down > 0
    if (!full) everywhere = false
    const part = !full && down > 2 && down / (up + down) >= UNHEALTHY
    const large = up + down > LARGE
    secondsPerNode.set(name, part ? (large ? SECONDS_SECOND : 0) : SECONDS)
  }
  return { everywhere, secondsPerNode }
}
