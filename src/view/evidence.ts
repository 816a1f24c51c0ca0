/** What a step's evidence is. Details cross as plain records, so they are told apart by their fields. */
import type { Ip } from '../base/addr.ts'
import type { HookEvidence } from '../net/nf/ctx.ts'
import type { Conn } from '../net/nf/types.ts'
import type { FdbEntry, Neigh, Route } from '../net/types.ts'

export type Evidence =
  | { kind: 'route'; route: Route }
  | { kind: 'neigh'; neigh: Neigh }
  | { kind: 'fdb'; entry: FdbEntry }
  | { kind: 'rule'; hit: HookEvidence }
  | { kind: 'connection'; note: ConnNote }
  | { kind: 'none' }

/** What conntrack or its translation says of a packet. */
export interface ConnNote {
  /** conntrack or nat. */
  readonly table: string
  readonly what: 'new' | 'state' | 'invalid' | 'full' | 'clash' | 'lost' | 'translate'
  readonly conn?: Conn
  /** Its state before. */
  readonly before?: string
  readonly field?: 'source' | 'destination'
  readonly from?: { ip: Ip; port: number }
  readonly to?: { ip: Ip; port: number }
}

export function evidenceOf(value: unknown): Evidence {
  if (typeof value !== 'object' || value === null) return { kind: 'none' }
  const record = value as Record<string, unknown>
  if ('nexthops' in record) return { kind: 'route', route: value as Route }
  if ('route' in record) return evidenceOf(record.route)
  if ('hasMac' in record) return { kind: 'neigh', neigh: value as Neigh }
  if ('table' in record && 'verdict' in record) return { kind: 'rule', hit: value as HookEvidence }
  if ('table' in record && 'what' in record) return { kind: 'connection', note: value as ConnNote }
  if ('mac' in record && 'port' in record && 'usedAt' in record)
    return { kind: 'fdb', entry: value as FdbEntry }
  return { kind: 'none' }
}

/** The next hop that the route sends this packet by: the one on the step's device, else the first. */
export function nexthopOf(route: Route, oif: number): Route['nexthops'][number] | undefined {
  return route.nexthops.find((hop) => hop.oif === oif) ?? route.nexthops[0]
}
