/** What a step's evidence is. Details cross as plain records, so they are told apart by their fields. */
import type { FdbEntry, Neigh, Route } from '../net/types.ts'

export type Evidence =
  | { kind: 'route'; route: Route }
  | { kind: 'neigh'; neigh: Neigh }
  | { kind: 'fdb'; entry: FdbEntry }
  | { kind: 'none' }

export function evidenceOf(value: unknown): Evidence {
  if (typeof value !== 'object' || value === null) return { kind: 'none' }
  const record = value as Record<string, unknown>
  if ('nexthops' in record) return { kind: 'route', route: value as Route }
  if ('route' in record) return evidenceOf(record.route)
  if ('hasMac' in record) return { kind: 'neigh', neigh: value as Neigh }
  if ('mac' in record && 'port' in record && 'usedAt' in record)
    return { kind: 'fdb', entry: value as FdbEntry }
  return { kind: 'none' }
}

/** The next hop that the route sends this packet by: the one on the step's device, else the first. */
export function nexthopOf(route: Route, oif: number): Route['nexthops'][number] | undefined {
  return route.nexthops.find((hop) => hop.oif === oif) ?? route.nexthops[0]
}
