// Models net/ipv4/devinet.c and the address half of fib_frontend.c (Linux 6.18): addresses, the routes that the kernel
// makes for them, and what device events do to both. Not here: lifetimes, promote_secondaries, peers with a prefix of
// their own beyond `peer ADDR/LEN`.
import type { Ip } from '../../base/addr.ts'
import { broadcast4, inPrefix, isLoopback, maskIp } from '../../base/addr.ts'
import { touch } from '../../sim/dispatch.ts'
import type { NlResult } from '../nlresult.ts'
import { masqForget } from '../nf/natrules.ts'
import { nlError } from '../nlresult.ts'
import type { IfAddr, Link, Netns, Route, World } from '../types.ts'
import { addr6Add, addr6Del } from '../ip6/addrconf.ts'
import type { Addr6Spec } from '../ip6/addrconf.ts'
import { arpAnnounce } from './arp.ts'
import {
  addrType,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  routeAppend,
  routeDel,
  routesUpdate,
  withNexthops,
} from './fib.ts'
import type { RouteSpec } from './fibspec.ts'
import { neighIfdown } from './neigh.ts'

/** `ip addr add LOCAL[/LEN] [peer P] [brd B] [scope S] [label L]`. */
export interface AddrSpec {
  addr: Ip
  len: number
  peer?: Ip
  brd?: number
  scope?: number
  label?: string
  noPrefixRoute?: boolean
  metric?: number
  /** IPv6: no duplicate address detection. */
  nodad?: boolean
}

const RT_SCOPE_LINK = 253
const RT_SCOPE_HOST = 254
const RTPROT_KERNEL = 2
const LOOPBACK4 = 0x7f000001
/** What nearly every `lo` has: one copy. */
const OF_LOOPBACK: readonly IfAddr[] = Object.freeze([
  Object.freeze({
    ...{ addr: LOOPBACK4, len: 8, peer: LOOPBACK4, brd: undefined, scope: RT_SCOPE_HOST, secondary: false },
    ...{ label: 'lo', tentative: false, dadFailed: false, noPrefixRoute: false, metric: 0 },
  }),
])

/** Adds an address, and the local, broadcast and connected routes that go with it. */
export function addrAdd(world: World, ns: Netns, link: Link, spec: AddrSpec): NlResult {
  if (typeof spec.addr === 'string') return addr6Add(world, ns, link, spec as Addr6Spec)
  if (spec.len < 0 || spec.len > 32) return nlError('EINVAL', 'ipv4: Invalid prefix length')
  touch(world, ns.id)
  const scope = spec.scope ?? (link.kind === 'loopback' && isLoopback(spec.addr) ? RT_SCOPE_HOST : 0)
  const addr: IfAddr = {
    addr: spec.addr,
    len: spec.len,
    peer: spec.peer ?? spec.addr,
    brd: spec.brd,
    scope,
    secondary: false,
    label: spec.label ?? link.name,
    tentative: false,
    dadFailed: false,
    noPrefixRoute: spec.noPrefixRoute ?? false,
    metric: spec.metric ?? 0,
  }
  if (spec.addr === 0) return null
  const list = addrs4(link)
  for (const other of list) {
    if (other.len !== addr.len || !inPrefix(addr.peer, other.peer, other.len)) continue
    if (other.addr === addr.addr) return nlError('EEXIST', 'ipv4: Address already assigned')
    if (other.scope === scope) addr.secondary = true
    else if (!other.secondary) return nlError('EINVAL', 'ipv4: Invalid scope value')
  }
  link.addrs =
    list.length === link.addrs.length && isOfLoopback(list, addr) ? OF_LOOPBACK : insertAddr(link.addrs, addr)
  addRoutes(world, ns, link, addr)
  if (link.up && Math.max(ns.confAll.arpNotify, link.conf.arpNotify) !== 0) {
    arpAnnounce(world, ns, link, addr.addr as number)
  }
  return null
}

/** Removes an address; an IPv4 primary takes its secondaries with it, as promote_secondaries=0 has it. */
export function addrDel(world: World, ns: Netns, link: Link, spec: { addr: Ip; len?: number }): NlResult {
  if (typeof spec.addr === 'string') return addr6Del(world, ns, link, { ...spec, addr: spec.addr })
  touch(world, ns.id)
  const found = addrs4(link).find(
    (a) => a.addr === spec.addr && (spec.len === undefined || a.len === spec.len),
  )
  if (found === undefined) return nlError('EADDRNOTAVAIL', 'ipv4: Address not found')
  removeAddr(world, ns, link, found)
  if (addrs4(link).length === 0) disableIp(world, ns, link)
  return null
}

/** Removes every IPv4 address of a link that `select` takes. Returns how many. */
export function addrFlush(world: World, ns: Netns, link: Link, select: (a: IfAddr) => boolean): number {
  touch(world, ns.id)
  const before = link.addrs.length
  for (const addr of addrs4(link)) {
    if (link.addrs.includes(addr) && select(addr)) removeAddr(world, ns, link, addr)
  }
  if (before > link.addrs.length && addrs4(link).length === 0) disableIp(world, ns, link)
  return before - link.addrs.length
}

/** NETDEV_UP: `lo` gets 127.0.0.1/8, every address its connected and broadcast routes again. */
export function inetLinkUp(world: World, ns: Netns, link: Link): void {
  touch(world, ns.id)
  if (link.kind === 'loopback' && !link.addrs.some((a) => a.addr === LOOPBACK4)) {
    addrAdd(world, ns, link, { addr: LOOPBACK4, len: 8, scope: RT_SCOPE_HOST })
  }
  for (const addr of addrs4(link)) {
    addRoutes(world, ns, link, addr)
    if (Math.max(ns.confAll.arpNotify, link.conf.arpNotify) !== 0)
      arpAnnounce(world, ns, link, addr.addr as number)
  }
  syncNexthops(world, ns, link, false)
}

/** NETDEV_DOWN: routes over the link go (its own local routes stay), and its neighbours. */
export function inetLinkDown(world: World, ns: Netns, link: Link): void {
  touch(world, ns.id)
  routesUpdate(world, ns, 4, (route) => dropHops(route, link.ifindex, false))
  neighIfdown(world, ns, link, false)
}

/** NETDEV_UNREGISTER: addresses, all routes, neighbours and what was learned about paths over it. */
export function inetLinkGone(world: World, ns: Netns, link: Link): void {
  touch(world, ns.id)
  for (const addr of addrs4(link)) if (link.addrs.includes(addr)) removeAddr(world, ns, link, addr)
  disableIp(world, ns, link)
  neighIfdown(world, ns, link, false)
}

/** NETDEV_CHANGE: routes are marked linkdown or not; neighbours are forgotten when the carrier goes. */
export function inetCarrier(world: World, ns: Netns, link: Link): void {
  touch(world, ns.id)
  syncNexthops(world, ns, link, !link.carrier)
  if (!link.carrier) neighIfdown(world, ns, link, true)
}

/** NETDEV_CHANGE of IFF_NOARP: what was found out with ARP, or without it, is void. */
export function inetArpChanged(world: World, ns: Netns, link: Link): void {
  touch(world, ns.id)
  neighIfdown(world, ns, link, false)
}

/** NETDEV_CHANGEADDR: what others were told is void, and arp_notify tells them again. */
export function inetMacChanged(world: World, ns: Netns, link: Link): void {
  touch(world, ns.id)
  neighIfdown(world, ns, link, false)
  if (!link.up || Math.max(ns.confAll.arpNotify, link.conf.arpNotify) === 0) return
  for (const addr of addrs4(link)) arpAnnounce(world, ns, link, addr.addr as number)
}

/** inet_select_addr: the link's primary address nearest to `dst` within `scope`, else one of another link; 0 for none. */
export function inetSelectAddr(ns: Netns, link: Link | undefined, dst: number, scope: number): number {
  let first = 0
  if (link !== undefined) {
    for (const a of link.addrs) {
      if (typeof a.addr !== 'number' || a.secondary || Math.min(a.scope, RT_SCOPE_HOST) > scope) continue
      if (dst === 0 || inPrefix(dst, a.peer, a.len)) return a.addr
      if (first === 0) first = a.addr
    }
  }
  if (first !== 0) return first
  for (const other of ns.links) {
    if (other === undefined) continue
    for (const a of other.addrs) {
      if (typeof a.addr !== 'number' || a.secondary) continue
      if (a.scope !== RT_SCOPE_LINK && a.scope <= scope) return a.addr
    }
  }
  return 0
}

/** Source selection for `dst` leaving by `oif` (0: any link). */
export function selectSource(ns: Netns, dst: number, oif: number, scope: number): number {
  return inetSelectAddr(ns, ns.links[oif], dst, scope)
}

/** inet_addr_onlink: whether `a` (and `b`, unless 0) lie in the subnet of one primary address of the link. */
export function inAddrOnlink(link: Link, a: number, b: number): boolean {
  return link.addrs.some(
    (ifa) =>
      typeof ifa.addr === 'number' &&
      !ifa.secondary &&
      inPrefix(a, ifa.peer, ifa.len) &&
      (b === 0 || inPrefix(b, ifa.peer, ifa.len)),
  )
}

/** The link that holds an IPv4 address (__ip_dev_find), or undefined. */
export function linkOfAddr(ns: Netns, addr: number): Link | undefined {
  for (const link of ns.links) {
    if (link === undefined) continue
    for (const a of link.addrs) if (a.addr === addr) return link
  }
  const local = addrType(ns, addr) === 'local'
  return local ? ns.links[1] : undefined
}

/** fib_disable_ip: a link that lost its last address loses every route over it and its neighbours, permanent ones too. */
function disableIp(world: World, ns: Netns, link: Link): void {
  routesUpdate(world, ns, 4, (route) => dropHops(route, link.ifindex, true))
  neighIfdown(world, ns, link, false, true)
}

function addrs4(link: Link): IfAddr[] {
  return link.addrs.filter((a) => typeof a.addr === 'number')
}

function isOfLoopback(others: readonly IfAddr[], addr: IfAddr): boolean {
  const standing = OF_LOOPBACK[0]!
  return (
    others.length === 0 && (Object.keys(addr) as (keyof IfAddr)[]).every((key) => addr[key] === standing[key])
  )
}

/** Primaries before secondaries; a primary goes after those of its scope or wider. IPv6 addresses keep to the end. */
function insertAddr(list: readonly IfAddr[], addr: IfAddr): IfAddr[] {
  let at = 0
  list.forEach((other, i) => {
    if (typeof other.addr !== 'number') return
    if (addr.secondary || (!other.secondary && addr.scope <= other.scope)) at = i + 1
  })
  return list.toSpliced(at, 0, addr)
}

function removeAddr(world: World, ns: Netns, link: Link, addr: IfAddr): void {
  const primary = primaryOf(link, addr)
  if (!addr.secondary) {
    for (const other of addrs4(link)) {
      if (!other.secondary || other.len !== addr.len || !inPrefix(other.peer, addr.peer, addr.len)) continue
      link.addrs = link.addrs.filter((a) => a !== other)
      delRoutes(world, ns, link, other, addr)
    }
  }
  link.addrs = link.addrs.filter((a) => a !== addr)
  masqForget(world, ns, link.ifindex, addr.addr)
  delRoutes(world, ns, link, addr, primary)
}

/** The primary that a secondary belongs to: its address is the source of the secondary's routes. */
function primaryOf(link: Link, addr: IfAddr): IfAddr {
  if (!addr.secondary) return addr
  return (
    addrs4(link).find((a) => !a.secondary && a.len === addr.len && inPrefix(addr.peer, a.peer, a.len)) ?? addr
  )
}

/** fib_add_ifaddr. */
function addRoutes(world: World, ns: Netns, link: Link, addr: IfAddr): void {
  const prefsrc = primaryOf(link, addr).addr as number
  for (const spec of kernelRoutes(link, addr, prefsrc)) routeAppend(world, ns, spec)
}

function kernelRoutes(link: Link, addr: IfAddr, prefsrc: number): RouteSpec[] {
  const local = addr.addr as number
  const peer = addr.peer as number
  const specs = [kernelRoute(link, 'local', local, 32, prefsrc, 0)]
  if (!link.up) return specs
  if (addr.brd !== undefined && addr.brd !== -1 && addr.brd !== 0) {
    specs.push(kernelRoute(link, 'broadcast', addr.brd, 32, prefsrc, 0))
  }
  const net = maskIp(peer, addr.len) as number
  if (net >>> 24 === 0 || addr.secondary || (net === local && addr.len === 32)) return specs
  if (!addr.noPrefixRoute) {
    const type = link.kind === 'loopback' ? 'local' : 'unicast'
    specs.push(kernelRoute(link, type, net, addr.len, prefsrc, addr.metric))
  }
  if (addr.len < 31) specs.push(kernelRoute(link, 'broadcast', broadcast4(net, addr.len), 32, prefsrc, 0))
  return specs
}

/** fib_magic. */
function kernelRoute(
  link: Link,
  type: 'local' | 'broadcast' | 'unicast',
  dst: number,
  len: number,
  prefsrc: number,
  metric: number,
): RouteSpec {
  return {
    family: 4,
    dst,
    len,
    type,
    table: type === 'unicast' ? RT_TABLE_MAIN : RT_TABLE_LOCAL,
    scope: type === 'local' ? RT_SCOPE_HOST : RT_SCOPE_LINK,
    proto: RTPROT_KERNEL,
    metric,
    prefsrc,
    nexthops: [{ oif: link.ifindex }],
  }
}

/** fib_del_ifaddr: what no remaining address of the link calls for goes; so do routes that used it as source. */
function delRoutes(world: World, ns: Netns, link: Link, addr: IfAddr, primary: IfAddr): void {
  const kept = addrs4(link).flatMap((a) => kernelRoutes(link, a, primaryOf(link, a).addr as number))
  for (const spec of kernelRoutes(link, addr, primary.addr as number)) {
    const needed = kept.some(
      (k) => k.type === spec.type && k.dst === spec.dst && k.len === spec.len && k.prefsrc === spec.prefsrc,
    )
    if (!needed) routeDel(world, ns, spec)
  }
  const gone = addr.addr
  if (addrType(ns, gone) === 'local') return
  routesUpdate(world, ns, 4, (route) =>
    route.table === RT_TABLE_MAIN && route.prefsrc === gone ? null : route,
  )
}

/** Routes over a device that is down or gone: dead next hops fall out, a route without any left goes. */
function dropHops(route: Route, ifindex: number, gone: boolean): Route | null {
  if (!route.nexthops.some((hop) => hop.oif === ifindex)) return route
  if (route.type === 'local' && route.scope === RT_SCOPE_HOST && !gone) return route
  const alive = route.nexthops.some((hop) => hop.oif !== ifindex && !hop.dead)
  if (!alive) return null
  return withNexthops(
    route,
    route.nexthops.map((hop) => (hop.oif === ifindex ? { ...hop, dead: true, linkdown: true } : hop)),
  )
}

/** fib_sync_up and fib_sync_down_dev for the carrier: only flags change. */
function syncNexthops(world: World, ns: Netns, link: Link, linkdown: boolean): void {
  const down = linkdown || !link.carrier
  routesUpdate(world, ns, 4, (route) => {
    const stale = route.nexthops.some(
      (hop) => hop.oif === link.ifindex && hop.scope !== 255 && (hop.linkdown !== down || hop.dead),
    )
    if (!stale) return route
    return withNexthops(
      route,
      route.nexthops.map((hop) =>
        hop.oif === link.ifindex ? { ...hop, linkdown: down, dead: link.up ? false : hop.dead } : hop,
      ),
    )
  })
}
