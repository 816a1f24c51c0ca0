// Models net/ipv4/route.c (Linux 6.18): where a received and where an own packet goes, source validation, redirects,
// path MTU exceptions. Not here: VRF, IGMP memberships beyond 224.0.0.1, mroute, bc_forwarding, IPsec.
import type { Ip } from '../../base/addr.ts'
import { formatIp4, isLoopback, isMulticast, maskOf4 } from '../../base/addr.ts'
import { klog } from '../link/klog.ts'
import type { DropReason } from '../trace.ts'
import type { Link, Netns, RouteException, World } from '../types.ts'
import { SEC } from '../wheel.ts'
import { inAddrOnlink, inetSelectAddr, linkOfAddr } from './devinet.ts'
import { addrType, fibLookup, NO_ROUTE, RT_TABLE_LOCAL, rulesOf } from './fib.ts'
import type { FibResult, Flow } from './fibindex.ts'
import { hasLocal4 } from './fibindex.ts'
import { fibTable } from './fibtables.ts'
import { neighKick } from './neigh.ts'

/** Where a received packet goes. */
export interface InputRoute {
  /** error: ip_error answers with `errno`, or drops where this host does not forward. drop: a martian. */
  kind: 'local' | 'forward' | 'broadcast' | 'multicast' | 'error' | 'drop'
  fib: FibResult
  errno: string
  reason: DropReason | ''
  /** It leaves by the device that it came in by, and its sender could have reached the next hop itself. */
  redirect: boolean
}

/** What is asked of the output route; `oif` binds the device, `src` 0 lets the kernel choose. */
export interface OutputQuery {
  dst: number
  src: number
  oif: number
  mark: number
  tos: number
}

/** Where an own packet goes. */
export interface RouteResult {
  fib: FibResult
  type: 'unicast' | 'local' | 'broadcast' | 'multicast'
  /** The device that carries it: `lo` for local destinations. */
  oif: number
  nextHop: Ip
  gateway: Ip | undefined
  src: number
  dst: number
  /** dst_mtu: path MTU, route's or device's. */
  mtu: number
  exception: RouteException | null
}

export interface RouteRefusal {
  errno: 'ENETUNREACH' | 'EHOSTUNREACH' | 'EINVAL' | 'EACCES' | 'ENODEV'
  fib: FibResult
}

const RT_SCOPE_LINK = 253
const RT_SCOPE_HOST = 254
const LOOPBACK4 = 0x7f000001
const PMTU_EXPIRES_NS = 600 * SEC
const REDIRECT_EXPIRES_NS = 300 * SEC
const MIN_PMTU = 552

/**
 * ip_route_input: where a packet from `link` to `dst` goes. `arp` marks the question whether to answer an ARP request,
 * for which broadcasts are no destination.
 */
export function routeInput(
  world: World,
  ns: Netns,
  link: Link,
  dst: number,
  src: number,
  tos: number,
  mark: number,
  arp: boolean,
): InputRoute {
  if (isMulticast(dst)) return multicastInput(ns, link, dst)
  if (isMulticast(src) || src === -1) return martian(ns, link, dst, src, 'IP_INVALID_SOURCE', world)
  if (dst === -1 || (dst === 0 && src === 0))
    return broadcastInput(world, ns, link, dst, src, tos, mark, NO_ROUTE, arp)
  if (src >>> 24 === 0) return martian(ns, link, dst, src, 'IP_INVALID_SOURCE', world)
  if (dst >>> 24 === 0) return martian(ns, link, dst, src, 'IP_INVALID_DEST', world)
  if (isLoopback(dst) && !routeLocalnet(ns, link))
    return martian(ns, link, dst, src, 'IP_INVALID_DEST', world)
  if (isLoopback(src) && !routeLocalnet(ns, link))
    return martian(ns, link, dst, src, 'IP_INVALID_SOURCE', world)
  const forwarding = link.conf.forwarding !== 0
  // Most ARP requests are a flood's copies, for somebody else: what the tables say beyond that nobody asks.
  if (arp && !forwarding && ns.rules4 === null && !isLocalRange(ns, dst)) return NOT_OURS
  const fib = fibLookup(world, ns, { family: 4, dst, src, iif: link.ifindex, oif: 0, mark, tos })
  if (fib.errno !== '') {
    return { kind: 'error', fib, errno: forwarding ? fib.errno : 'EHOSTUNREACH', reason: '', redirect: false }
  }
  if (fib.type === 'broadcast') return broadcastInput(world, ns, link, dst, src, tos, mark, fib, arp)
  if (fib.type === 'local') {
    const check = validateSource(world, ns, link, src, dst, tos, mark, 0)
    if (typeof check === 'string') return martian(ns, link, dst, src, check, world)
    return { kind: 'local', fib, errno: '', reason: '', redirect: false }
  }
  if (!forwarding) return { kind: 'error', fib, errno: 'EHOSTUNREACH', reason: '', redirect: false }
  if (fib.type !== 'unicast') return martian(ns, link, dst, src, 'IP_INVALID_DEST', world)
  return forwardInput(world, ns, link, dst, src, tos, mark, fib)
}

const NOT_OURS: InputRoute = Object.freeze({
  kind: 'error',
  fib: NO_ROUTE,
  errno: 'EHOSTUNREACH',
  reason: '',
  redirect: false,
})

/** Whether any route of the local table covers an address. A host has few: they are read one by one, without an index. */
function isLocalRange(ns: Netns, dst: number): boolean {
  const routes = ns.fib4?.local
  if (routes === undefined) return false
  for (let i = 0; i < routes.length; i++) {
    const { dst: base, len } = routes[i]!
    if ((dst & maskOf4(len)) === base) return true
  }
  return false
}

/** ip_route_output_key: the route of an own packet, with its source address; or why there is none. */
export function ipRouteOutput(world: World, ns: Netns, query: OutputQuery): RouteResult | RouteRefusal {
  let { dst, src, oif } = query
  if (src !== 0) {
    if (isMulticast(src) || src === -1 || src >>> 24 === 0) return refuse('EINVAL', NO_ROUTE)
    if (addrType(ns, src) !== 'local') return refuse('ENETUNREACH', NO_ROUTE)
    const own = oif === 0 && (isMulticast(dst) || dst === -1) ? linkOfAddr(ns, src) : undefined
    if (own !== undefined) return makeOutput(world, ns, NO_ROUTE, own, dst, src)
  }
  if (oif !== 0) {
    const link = ns.links[oif]
    if (link === undefined) return refuse('ENODEV', NO_ROUTE)
    if (!link.up) return refuse('ENETUNREACH', NO_ROUTE)
    if (dst >>> 8 === 0xe00000 || dst === -1) {
      return makeOutput(world, ns, NO_ROUTE, link, dst, src || inetSelectAddr(ns, link, 0, RT_SCOPE_LINK))
    }
    if (src === 0 && isMulticast(dst)) src = inetSelectAddr(ns, link, 0, 0)
    else if (src === 0 && dst === 0) src = inetSelectAddr(ns, link, 0, RT_SCOPE_HOST)
  }
  if (dst === 0) {
    dst = src === 0 ? LOOPBACK4 : src
    if (src === 0) src = LOOPBACK4
    return makeOutput(world, ns, NO_ROUTE, ns.links[1]!, dst, src, true)
  }
  const fib = fibLookup(world, ns, { family: 4, dst, src, iif: 1, oif, mark: query.mark, tos: query.tos })
  if (fib.errno !== '') {
    if (oif === 0) return refuse(fib.errno, fib)
    const link = ns.links[oif]!
    return makeOutput(world, ns, NO_ROUTE, link, dst, src || inetSelectAddr(ns, link, 0, RT_SCOPE_LINK))
  }
  if (fib.type === 'local') {
    const prefsrc = fib.route?.prefsrc as number | undefined
    return makeOutput(world, ns, fib, ns.links[1]!, dst, src || (prefsrc ?? dst), true)
  }
  const link = ns.links[fib.nexthop?.oif ?? 0]
  if (link === undefined) return refuse('ENETUNREACH', fib)
  return makeOutput(world, ns, fib, link, dst, src || resultSource(ns, fib, link))
}

/** Whether ipRouteOutput refused. */
export function isRefusal(route: RouteResult | RouteRefusal): route is RouteRefusal {
  return 'errno' in route
}

/** What `ip route get` prints: the route of an own packet, or with `iif` that of a received one. */
export interface RouteGet {
  type: RouteResult['type']
  dst: number
  from: number | undefined
  via: Ip | undefined
  oif: number
  /** 0 where the kernel names none. */
  table: number
  src: number | undefined
  iif: number
  /** Cache flags in order: local, brd, mc, redirected. */
  flags: string[]
  mtu: number
  expiresInS: number
}

/** `ip route get DST [from SRC] [iif DEV] [oif DEV] [mark M] [tos T]`. */
export function routeGet(
  world: World,
  ns: Netns,
  query: { dst: number; src?: number; iif?: number; oif?: number; mark?: number; tos?: number },
): RouteGet | { errno: string } {
  const iif = query.iif ?? 0
  if (iif !== 0) return routeGetInput(world, ns, query, iif)
  const full = {
    dst: query.dst,
    src: query.src ?? 0,
    oif: query.oif ?? 0,
    mark: query.mark ?? 0,
    tos: query.tos ?? 0,
  }
  const route = ipRouteOutput(world, ns, full)
  if (isRefusal(route)) return { errno: route.errno }
  const flags: string[] = []
  const joined = route.type === 'multicast' && route.dst >>> 0 === 0xe0000001
  if (route.type === 'local' || route.type === 'broadcast' || joined) flags.push('local')
  if (route.type === 'broadcast') flags.push('brd')
  if (route.type === 'multicast') flags.push('mc')
  const pmtu = route.exception !== null && route.exception.mtu !== 0
  if (route.exception?.gateway !== undefined) flags.push('redirected')
  return {
    type: route.type,
    dst: query.dst,
    from: query.src === 0 ? undefined : query.src,
    via: route.gateway,
    oif: route.oif,
    table: route.type === 'unicast' ? route.fib.table : 0,
    src: query.src === undefined || query.src === 0 ? route.src : undefined,
    iif: 0,
    flags,
    mtu: pmtu ? route.exception!.mtu : (route.fib.route?.mtu ?? 0),
    expiresInS: route.exception === null ? 0 : Math.floor((route.exception.expiresAt - world.now) / SEC),
  }
}

/** The path MTU exception or redirect for a destination that is still valid, or null. */
export function exceptionOf(world: World, ns: Netns, dst: Ip): RouteException | null {
  const found = ns.exceptions?.get(dst)
  return found === undefined || found.expiresAt <= world.now ? null : found
}

/** update_or_create_fnhe for fragmentation needed: remembers a smaller path MTU for 600 s (mtu_expires). */
export function updatePmtu(world: World, ns: Netns, dst: Ip, mtu: number): void {
  const old = exceptionOf(world, ns, dst)
  const current = old !== null && old.mtu !== 0 ? old.mtu : pathMtu(world, ns, dst)
  if (current <= mtu) return
  ns.exceptions ??= new Map()
  ns.exceptions.set(dst, {
    dst,
    mtu: typeof dst === 'number' ? Math.max(mtu, MIN_PMTU) : mtu,
    gateway: old?.gateway,
    expiresAt: world.now + PMTU_EXPIRES_NS,
  })
}

/** __ip_do_redirect: remembers another gateway for one destination, if the rules allow it. */
export function acceptRedirect(
  world: World,
  ns: Netns,
  link: Link,
  dst: number,
  oldGateway: number,
  newGateway: number,
): boolean {
  // The redirected packet must have gone by the gateway that complains, over this link.
  const all = ns.confAll.acceptRedirects !== 0
  const own = link.conf.acceptRedirects !== 0
  const accept = link.conf.forwarding !== 0 ? all && own : all || own
  if (!accept || newGateway === oldGateway) return false
  if (newGateway === 0 || newGateway === -1 || isMulticast(newGateway)) return false
  const shared = ns.confAll.sharedMedia !== 0 || link.conf.sharedMedia !== 0
  if (!shared && !inAddrOnlink(link, newGateway, oldGateway)) return false
  const secure = ns.confAll.secureRedirects !== 0 || link.conf.secureRedirects !== 0
  if (!shared && secure && !isDefaultGateway(ns, newGateway)) return false
  const route = ipRouteOutput(world, ns, { dst, src: 0, oif: 0, mark: 0, tos: 0 })
  if (isRefusal(route) || route.gateway !== oldGateway || route.oif !== link.ifindex) return false
  if (shared && addrType(ns, newGateway) !== 'unicast') return false
  // An unknown gateway is only asked for; the next redirect finds it known and is taken.
  if (!neighKick(world, ns, link, newGateway)) return false
  const old = exceptionOf(world, ns, dst)
  const expiresAt = Math.max(old?.expiresAt ?? 0, world.now + REDIRECT_EXPIRES_NS)
  ns.exceptions ??= new Map()
  ns.exceptions.set(dst, { dst, mtu: old?.mtu ?? 0, gateway: newGateway, expiresAt })
  return true
}

/** max(all, interface): the effective rp_filter. */
export function rpFilter(ns: Netns, link: Link): number {
  return Math.max(ns.confAll.rpFilter, link.conf.rpFilter)
}

/** IN_DEV_ORCONF(send_redirects). */
export function sendsRedirects(ns: Netns, link: Link): boolean {
  return ns.confAll.sendRedirects !== 0 || link.conf.sendRedirects !== 0
}

function routeGetInput(
  world: World,
  ns: Netns,
  query: { dst: number; src?: number; mark?: number; tos?: number },
  iif: number,
): RouteGet | { errno: string } {
  const link = ns.links[iif]
  if (link === undefined) return { errno: 'ENODEV' }
  const route = routeInput(world, ns, link, query.dst, query.src ?? 0, query.tos ?? 0, query.mark ?? 0, false)
  if (route.kind === 'drop') return { errno: 'EINVAL' }
  if (route.kind === 'error') return { errno: route.errno }
  const flags = route.kind === 'forward' ? [] : ['local']
  if (route.kind === 'broadcast') flags.push('brd')
  if (route.kind === 'multicast') flags.push('mc')
  if (route.redirect) flags.push('redirect')
  return {
    type: route.kind === 'forward' ? 'unicast' : route.kind,
    dst: query.dst,
    from: query.src,
    via: route.kind === 'forward' ? gatewayOf(route.fib) : undefined,
    oif: route.kind === 'forward' ? (route.fib.nexthop?.oif ?? 0) : 1,
    table: route.fib.table,
    src: undefined,
    iif,
    flags,
    mtu: 0,
    expiresInS: 0,
  }
}

function forwardInput(
  world: World,
  ns: Netns,
  link: Link,
  dst: number,
  src: number,
  tos: number,
  mark: number,
  fib: FibResult,
): InputRoute {
  const out = ns.links[fib.nexthop?.oif ?? 0]
  if (out === undefined) return { kind: 'error', fib, errno: 'ENETUNREACH', reason: '', redirect: false }
  const check = validateSource(world, ns, link, src, dst, tos, mark, out.ifindex)
  if (typeof check === 'string') return martian(ns, link, dst, src, check, world)
  const redirect =
    out === link &&
    check &&
    sendsRedirects(ns, out) &&
    (ns.confAll.sharedMedia !== 0 ||
      out.conf.sharedMedia !== 0 ||
      inAddrOnlink(out, src, (gatewayOf(fib) as number | undefined) ?? 0))
  return { kind: 'forward', fib, errno: '', reason: '', redirect }
}

/**
 * fib_validate_source: a drop reason, or whether the source is on the link that it came from (known only where it
 * had to be looked up).
 */
function validateSource(
  world: World,
  ns: Netns,
  link: Link,
  src: number,
  dst: number,
  tos: number,
  mark: number,
  oif: number,
): DropReason | boolean {
  const rpf = rpFilter(ns, link)
  const acceptLocal = ns.confAll.acceptLocal !== 0 || link.conf.acceptLocal !== 0
  if (rpf === 0 && (link.ifindex !== oif || !sendsRedirects(ns, link))) {
    if (acceptLocal) return false
    if (ns.rules4 === null) return isOwn(ns, src) ? 'IP_LOCAL_SOURCE' : false
  }
  const flow: Flow = { family: 4, dst: src, src: dst, iif: oif === 0 ? 1 : oif, oif: 0, mark: 0, tos }
  const back = fibLookup(world, ns, flow)
  if (back.errno !== '') return rpf === 0 ? false : 'IP_RPFILTER'
  if (back.type !== 'unicast' && (back.type !== 'local' || !acceptLocal)) {
    return back.type === 'local' ? 'IP_LOCAL_SOURCE' : 'IP_INVALID_SOURCE'
  }
  const sameDev = back.route?.nexthops.some((hop) => hop.oif === link.ifindex) ?? false
  if (sameDev || (back.type === 'local' && link.ifindex === 1))
    return (back.nexthop?.scope ?? 0) >= RT_SCOPE_HOST
  if (!link.addrs.some((a) => typeof a.addr === 'number')) return rpf === 0 ? false : 'IP_RPFILTER'
  if (rpf === 1) return 'IP_RPFILTER'
  flow.oif = link.ifindex
  flow.mark = mark
  const bound = fibLookup(world, ns, flow)
  return bound.errno === '' && bound.type === 'unicast' && (bound.nexthop?.scope ?? 0) >= RT_SCOPE_HOST
}

function isOwn(ns: Netns, addr: number): boolean {
  const local = ns.fib4?.local
  return local !== undefined && hasLocal4(local, addr)
}

function broadcastInput(
  world: World,
  ns: Netns,
  link: Link,
  dst: number,
  src: number,
  tos: number,
  mark: number,
  fib: FibResult,
  arp: boolean,
): InputRoute {
  if (arp) return { kind: 'drop', fib, errno: 'EINVAL', reason: 'IP_INVALID_DEST', redirect: false }
  if (src >>> 24 !== 0) {
    const check = validateSource(world, ns, link, src, 0, tos, mark, 0)
    if (typeof check === 'string') return martian(ns, link, dst, src, check, world)
  }
  return { kind: 'broadcast', fib, errno: '', reason: '', redirect: false }
}

/** Every host is in 224.0.0.1; other groups are not joined by anything that is modelled. */
function multicastInput(_ns: Netns, link: Link, dst: number): InputRoute {
  const ours = dst >>> 0 === 0xe0000001 || link.groups.includes(dst)
  const reason = ours ? '' : 'IP_INVALID_DEST'
  return { kind: ours ? 'multicast' : 'drop', fib: NO_ROUTE, errno: '', reason, redirect: false }
}

function martian(
  ns: Netns,
  link: Link,
  dst: number,
  src: number,
  reason: DropReason,
  world: World,
): InputRoute {
  if (ns.confAll.logMartians !== 0 || link.conf.logMartians !== 0) {
    const what = reason === 'IP_INVALID_DEST' ? 'destination' : 'source'
    const text =
      what === 'source'
        ? `IPv4: martian source ${formatIp4(dst)} from ${formatIp4(src)}, on dev ${link.name}`
        : `IPv4: martian destination ${formatIp4(dst)} from ${formatIp4(src)}, dev ${link.name}`
    klog(world, ns, text)
  }
  return { kind: 'drop', fib: NO_ROUTE, errno: 'EINVAL', reason, redirect: false }
}

/** __mkroute_output. */
function makeOutput(
  world: World,
  ns: Netns,
  fib: FibResult,
  link: Link,
  dst: number,
  src: number,
  local = false,
): RouteResult | RouteRefusal {
  if (isLoopback(src) && link.kind !== 'loopback' && !routeLocalnet(ns, link)) return refuse('EINVAL', fib)
  let type: RouteResult['type'] = local || fib.type === 'local' ? 'local' : 'unicast'
  if (dst === -1 || fib.type === 'broadcast') type = 'broadcast'
  else if (isMulticast(dst)) type = 'multicast'
  else if (dst >>> 24 === 0) return refuse('EINVAL', fib)
  if (link.kind === 'loopback' && type === 'unicast') type = 'local'
  const exception = type === 'unicast' && ns.exceptions !== null ? exceptionOf(world, ns, dst) : null
  const gateway = type === 'unicast' ? (exception?.gateway ?? gatewayOf(fib)) : undefined
  return {
    fib,
    type,
    oif: link.ifindex,
    nextHop: gateway ?? dst,
    gateway,
    src,
    dst,
    mtu: mtuOf(fib, link, exception),
    exception,
  }
}

function mtuOf(fib: FibResult, link: Link, exception: RouteException | null): number {
  if (exception !== null && exception.mtu !== 0) return exception.mtu
  const set = fib.route?.mtu ?? 0
  return set !== 0 ? set : Math.min(link.mtu, 65535)
}

/** The gateway of a result: only where it was resolved on the link, not where it is an own address. */
export function gatewayOf(fib: FibResult): Ip | undefined {
  const hop = fib.nexthop
  return hop !== null && hop.via !== undefined && hop.scope === RT_SCOPE_LINK ? hop.via : undefined
}

function pathMtu(world: World, ns: Netns, dst: Ip): number {
  const family = typeof dst === 'number' ? 4 : 6
  const fib = fibLookup(world, ns, { family, dst, src: 0, iif: 1, oif: 0, mark: 0, tos: 0 })
  return fib.route?.mtu || (ns.links[fib.nexthop?.oif ?? 0]?.mtu ?? 65535)
}

/** fib_result_prefsrc. */
function resultSource(ns: Netns, fib: FibResult, link: Link): number {
  const prefsrc = fib.route?.prefsrc
  if (typeof prefsrc === 'number') return prefsrc
  return inetSelectAddr(ns, link, (fib.nexthop?.via as number | undefined) ?? 0, fib.route?.scope ?? 0)
}

function isDefaultGateway(ns: Netns, addr: number): boolean {
  for (const rule of rulesOf(ns, 4)) {
    const routes = rule.table === RT_TABLE_LOCAL ? undefined : fibTable(ns.fib4, rule.table)
    if (routes?.some((r) => r.len === 0 && r.nexthops.some((hop) => hop.via === addr))) return true
  }
  return false
}

function routeLocalnet(ns: Netns, link: Link): boolean {
  return ns.confAll.routeLocalnet !== 0 || link.conf.routeLocalnet !== 0
}

function refuse(errno: RouteRefusal['errno'], fib: FibResult): RouteRefusal {
  return { errno, fib }
}
