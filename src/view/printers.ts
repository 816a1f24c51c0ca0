/** Rows of tables as their tools print them. */
import { formatIp, formatMac } from '../base/addr.ts'
import type { FdbEntry, Neigh, Netns, Route } from '../net/types.ts'

export function routeText(ns: Netns, route: Route): string {
  const hop = route.nexthops[0]
  const dst = route.len === 0 ? 'default' : `${formatIp(route.dst)}/${route.len}`
  const via = hop?.via === undefined ? '' : ` via ${formatIp(hop.via)}`
  return `${dst}${via} dev ${ns.links[hop?.oif ?? 0]?.name ?? ''}`
}

export function neighText(ns: Netns, neigh: Neigh): string {
  const mac = neigh.hasMac ? ` lladdr ${formatMac(neigh.mac)}` : ''
  return `${formatIp(neigh.ip)} dev ${ns.links[neigh.ifindex]?.name ?? ''}${mac} ${neigh.state}`
}

export function fdbText(ns: Netns, entry: FdbEntry): string {
  return `${formatMac(entry.mac)} dev ${ns.links[entry.port]?.name ?? ''}`
}
