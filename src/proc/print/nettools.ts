/** Tables as arp(8) and route(8) of net-tools 2.10 print them. */
import { formatIp4, formatMac, maskOf4 } from '../../base/addr.ts'
import { routesOf } from '../../net/ip/fib.ts'
import type { Neigh, Netns, Route } from '../../net/types.ts'

/** One row of the ARP table in the form with columns, with its line end. `name`: address or host name. */
export function arpRow(ns: Netns, neigh: Neigh, name: string): string {
  const dev = ns.links[neigh.ifindex]?.name ?? ''
  const known = neigh.hasMac && neigh.state !== 'FAILED' && neigh.state !== 'INCOMPLETE'
  const hardware = known ? `ether   ${formatMac(neigh.mac).padEnd(20)}` : '        (incomplete)        '
  const flags = known ? (neigh.state === 'PERMANENT' ? 'CM' : 'C') : ''
  return `${name.slice(0, 23).padEnd(25)}${hardware}${flags.padEnd(6)}${' '.repeat(16)}${dev}\n`
}

export const ARP_HEAD = 'Address                  HWtype  HWaddress           Flags Mask            Iface\n'

/** One row in the form of BSD (`arp -a`), with its line end. */
export function arpBsdRow(ns: Netns, neigh: Neigh, name: string): string {
  const dev = ns.links[neigh.ifindex]?.name ?? ''
  const known = neigh.hasMac && neigh.state !== 'FAILED' && neigh.state !== 'INCOMPLETE'
  const at = known
    ? `${formatMac(neigh.mac)} [ether]${neigh.state === 'PERMANENT' ? ' PERM' : ''}`
    : '<incomplete>'
  return `${name} (${formatIp4(neigh.ip as number)}) at ${at} on ${dev}\n`
}

/** The main table as `route` prints it; with `numeric` 0.0.0.0 instead of default. */
export function routeTable(ns: Netns, numeric: boolean): string {
  let text = 'Kernel IP routing table\n'
  text += 'Destination     Gateway         Genmask         Flags Metric Ref    Use Iface\n'
  for (const route of routesOf(ns, 4, 254)) {
    if (route.type !== 'broadcast' && route.type !== 'multicast') text += routeRow(ns, route, numeric)
  }
  return text
}

function routeRow(ns: Netns, route: Route, numeric: boolean): string {
  const dst = !numeric && route.len === 0 ? 'default' : formatIp4(route.dst as number)
  const mask = formatIp4(maskOf4(route.len))
  const reject = route.type === 'unreachable' || route.type === 'prohibit'
  const hop = route.nexthops[0]
  const via = typeof hop?.via === 'number' ? formatIp4(hop.via) : '0.0.0.0'
  const flags = reject ? '!' : `U${typeof hop?.via === 'number' ? 'G' : ''}${route.len === 32 ? 'H' : ''}`
  const dev = reject ? '-' : (ns.links[hop?.oif ?? 0]?.name ?? '*')
  const columns = [dst, reject ? '-' : via, mask].map((one) => one.padEnd(15)).join(' ')
  const metric = String(route.metric).padEnd(6)
  return `${columns} ${flags.padEnd(6)}${metric} ${reject ? '- ' : '0 '}       0 ${dev}\n`
}
