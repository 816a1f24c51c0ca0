/** Names of table rows: a step's evidence and the inspector's table point at the same row by the same text. */
import { formatIp, formatMac } from '../base/addr.ts'
import type { FdbEntry, Neigh, Route } from '../net/types.ts'
import { evidenceOf } from './evidence.ts'

export function routeRef(route: Route): string {
  return `route/${route.table}/${formatIp(route.dst)}/${route.len}/${route.metric}/${route.tos}`
}

export function neighRef(neigh: Neigh): string {
  return `neigh/${neigh.ifindex}/${formatIp(neigh.ip)}`
}

export function fdbRef(entry: FdbEntry): string {
  return `fdb/${entry.port}/${formatMac(entry.mac)}/${entry.vlan}`
}

/** A rule or a policy of netfilter, by the id of its counters. */
export function nfRef(id: number): string {
  return `nf/${id}`
}

export function connRef(id: number): string {
  return `conn/${id}`
}

/** The row that a step's evidence is; '' where it is none. */
export function evidenceRef(value: unknown): string {
  const found = evidenceOf(value)
  switch (found.kind) {
    case 'route':
      return routeRef(found.route)
    case 'neigh':
      return neighRef(found.neigh)
    case 'fdb':
      return fdbRef(found.entry)
    case 'rule':
      return nfRef(found.hit.id)
    case 'connection':
      return found.note.conn === undefined ? '' : connRef(found.note.conn.id)
    default:
      return ''
  }
}
