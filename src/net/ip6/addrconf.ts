// Models net/ipv6/addrconf.c and anycast.c (Linux 6.18): addresses, the routes that the kernel makes for them, what
// device events do to both, duplicate address detection, router solicitations. Not here: lifetimes, temporary and
// optimistic addresses, keep_addr_on_down, accept_dad 2, address tokens, advertised prefixes.
import {
  formatIp,
  formatMac,
  inPrefix,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isUnspecified,
  linkLocalOf,
  maskIp,
  solicitedNode,
} from '../../base/addr.ts'
import { nextBelow } from '../../base/rng.ts'
import { touch } from '../../sim/dispatch.ts'
import type { SimEvent } from '../../sim/queue.ts'
import { RT_TABLE_LOCAL, RT_TABLE_MAIN, routeAppend, routeDel, routesUpdate } from '../ip/fib.ts'
import { klog } from '../link/klog.ts'
import type { NlResult } from '../nlresult.ts'
import { nlError } from '../nlresult.ts'
import type { IfAddr, Link, Netns, World } from '../types.ts'
import { MS, SEC } from '../wheel.ts'
import type { Addr6Ref, Dad6, Inet6Dev } from './inet6dev.ts'
import {
  addrs6,
  ALL_ROUTERS,
  ANY6,
  armAddr6,
  inet6Dev,
  isInet6,
  linkLocalAddr,
  LOOPBACK6,
  SITE_ROUTERS,
} from './inet6dev.ts'
import { changeReport, firstReport, groupJoin, groupLeave, groupsUp, reportFromAddress } from './mld.ts'
import { anycastAnswer, sendRouterSolicitation, sendSolicitation } from './ndisc.ts'
import { neighParam } from '../ip/neighparams.ts'
import { scopeOf6 } from './select.ts'

/** `ip -6 addr add LOCAL/LEN [peer P] [nodad] [noprefixroute] [metric M]`. */
export interface Addr6Spec {
  addr: string
  len: number
  peer?: string
  nodad?: boolean
  noPrefixRoute?: boolean
  metric?: number
}

const RTPROT_KERNEL = 2
const PREFIX_METRIC = 256
const MULTICAST_NET = `ff${'0'.repeat(30)}`
const RT_SCOPE_SITE = 200
const RT_SCOPE_LINK = 253
const RT_SCOPE_HOST = 254

/** inet6_addr_add: adds an address; it is tentative until nobody else has claimed it. */
export function addr6Add(world: World, ns: Netns, link: Link, spec: Addr6Spec): NlResult {
  if (spec.len < 0 || spec.len > 128) return nlError('EINVAL', 'ipv6: Invalid prefix length')
  if (!isInet6(link) && link.kind !== 'loopback') {
    return nlError('EACCES', 'ipv6: IPv6 is disabled on this device')
  }
  const refused = refusal(link, spec.addr)
  if (refused !== null) return refused
  touch(world, ns.id)
  if (link.up) groupsUp(world, ns, link)
  if (link.up && link.kind !== 'loopback') multicastRoute(world, ns, link)
  const addr = insertAddr(link, spec)
  prefixRoute(world, ns, link, addr)
  startDad(world, ns, link, addr)
  return null
}

/** inet6_addr_del. */
export function addr6Del(
  world: World,
  ns: Netns,
  link: Link,
  spec: { addr: string; len?: number },
): NlResult {
  const found = addrs6(link).find(
    (a) => a.addr === spec.addr && (spec.len === undefined || a.len === spec.len),
  )
  if (found === undefined) return nlError('EADDRNOTAVAIL', 'ipv6: address not found')
  touch(world, ns.id)
  removeAddr(world, ns, link, found, true)
  return null
}

/** NETDEV_UP: addresses that were given before have their routes; devices without a carrier of their own are ready now. */
export function inet6LinkUp(world: World, ns: Netns, link: Link): void {
  if (!isInet6(link)) return
  const dev = inet6Dev(link)
  for (const addr of addrs6(link)) prefixRoute(world, ns, link, addr)
  // A veth's, cable's or vlan's carrier is told apart, and makes it ready.
  const told = link.kind === 'veth' || link.kind === 'phys' || link.kind === 'vlan'
  if (!told && link.carrier && !dev.ready) makeReady(world, ns, link, dev)
}

/** NETDEV_DOWN: all IPv6 addresses go, and every route over the device. */
export function inet6LinkDown(world: World, ns: Netns, link: Link): void {
  if (link.inet6 === null) return
  for (const addr of addrs6(link)) removeAddr(world, ns, link, addr, false)
  const dev = inet6Dev(link)
  Object.assign(dev, { ready: false, dad: [], anycast: [], rsTimer: 0, reportTimer: 0, firstReportTimer: 0 })
  routesUpdate(world, ns, 6, (route) =>
    route.nexthops.some((hop) => hop.oif === link.ifindex) ? null : route,
  )
}

/** NETDEV_UNREGISTER. */
export function inet6LinkGone(world: World, ns: Netns, link: Link): void {
  inet6LinkDown(world, ns, link)
  link.inet6 = null
}

/** NETDEV_CHANGE: a carrier makes the device ready, once; later it only reports its groups again. */
export function inet6Carrier(world: World, ns: Netns, link: Link): void {
  markCarrier(world, ns, link)
  if (!link.carrier || !isInet6(link)) return
  const dev = inet6Dev(link)
  if (dev.ready) groupsUp(world, ns, link)
  else makeReady(world, ns, link, dev)
}

/** dev_disable_change: net.ipv6.conf.X.disable_ipv6 was set for this device. */
export function disable6Changed(world: World, ns: Netns, link: Link): void {
  if (!isInet6(link)) inet6LinkDown(world, ns, link)
  else if (link.up) {
    const dev = inet6Dev(link)
    for (const addr of addrs6(link)) prefixRoute(world, ns, link, addr)
    if (link.carrier && !dev.ready) makeReady(world, ns, link, dev)
  }
}

/** dev_forward_change: net.ipv6.conf.X.forwarding was set for this device. */
export function forwarding6Changed(world: World, ns: Netns, link: Link): void {
  if (!isInet6(link)) return
  const on = link.conf.forwarding6 !== 0
  if (link.kind !== 'loopback') {
    for (const group of ROUTER_GROUPS) {
      if (on) groupJoin(world, ns, link, group)
      else groupLeave(world, ns, link, group)
    }
  }
  for (const addr of addrs6(link)) {
    if (addr.tentative) continue
    if (on) anycastJoin(world, ns, link, addr)
    else anycastLeave(world, ns, link, addr)
  }
}

const ROUTER_GROUPS = [ALL_ROUTERS, SITE_ROUTERS] as const

/** addrconf_dad_failure: somebody else has the address; it stays, unused. */
export function dadFailure(world: World, ns: Netns, link: Link, addr: IfAddr, mac: number): void {
  const dev = inet6Dev(link)
  dev.dad = dev.dad.filter((one) => one.addr !== addr.addr)
  addr.dadFailed = true
  const who = `${formatIp(addr.addr)} used by ${formatMac(mac)}`
  klog(world, ns, `IPv6: ${link.name}: IPv6 duplicate address ${who} detected!`)
}

/** Handler of Ev.Addr6Timer. */
export function addr6Timer(world: World, ns: Netns, event: SimEvent): void {
  const ref = event.ref as Addr6Ref
  const link = ns.links[event.arg]
  const dev = link?.inet6
  if (link === undefined || dev == null) return
  if (ref.what === 'dad') {
    const dad = dev.dad.find((one) => one.timer === ref.timer)
    if (dad !== undefined) dadStep(world, ns, link, dev, dad)
  } else if (ref.what === 'anycast') anycastAnswer(world, ns, link, ref)
  else if (ref.what === 'rs' && dev.rsTimer === ref.timer) solicitRouters(world, ns, link, dev)
  else if (ref.what === 'report' && dev.reportTimer === ref.timer) changeReport(world, ns, link)
  else if (ref.what === 'firstReport' && dev.firstReportTimer === ref.timer) firstReport(world, ns, link)
}

function refusal(link: Link, addr: string): NlResult {
  if (isUnspecified(addr)) return nlError('EADDRNOTAVAIL', 'ipv6: Invalid address')
  if (isMulticast(addr)) {
    const text = 'ipv6: Cannot assign multicast address without "IFA_F_MCAUTOJOIN" flag'
    return nlError('EINVAL', text)
  }
  if (isLoopback(addr) && link.kind !== 'loopback') {
    return nlError('EADDRNOTAVAIL', 'ipv6: Cannot assign loopback address on this device')
  }
  const known = link.addrs.some((a) => a.addr === addr)
  return known ? nlError('EEXIST', 'ipv6: address already assigned') : null
}

/** ipv6_link_dev_addr: wider scopes first, the newest first within one. */
function insertAddr(link: Link, spec: Addr6Spec): IfAddr {
  const addr: IfAddr = {
    addr: spec.addr,
    len: spec.len,
    peer: spec.peer ?? spec.addr,
    brd: undefined,
    scope: rtScopeOf(spec.addr),
    secondary: false,
    label: '',
    tentative: true,
    dadFailed: false,
    noPrefixRoute: spec.noPrefixRoute ?? false,
    metric: spec.metric ?? 0,
  }
  if (spec.nodad === true) addr.nodad = true
  const rank = scopeOf6(spec.addr)
  const at = link.addrs.findIndex((a) => typeof a.addr === 'string' && rank >= scopeOf6(a.addr))
  link.addrs = link.addrs.toSpliced(at < 0 ? link.addrs.length : at, 0, addr)
  return addr
}

function rtScopeOf(ip: string): number {
  if (isLoopback(ip)) return RT_SCOPE_HOST
  if (isLinkLocal(ip)) return RT_SCOPE_LINK
  return scopeOf6(ip) === 5 ? RT_SCOPE_SITE : 0
}

/** IF_READY: the device gets its own address and every waiting one is checked. */
function makeReady(world: World, ns: Netns, link: Link, dev: Inet6Dev): void {
  dev.ready = true
  // A device that is made on a router joins ff02::2 only; switching forwarding on joins ff05::2 too.
  const routers = dev.groups.some((known) => known.addr === ALL_ROUTERS)
  if (link.conf.forwarding6 !== 0 && link.kind !== 'loopback' && !routers) {
    groupJoin(world, ns, link, ALL_ROUTERS)
  }
  groupsUp(world, ns, link)
  if (link.kind === 'loopback') {
    if (!link.addrs.some((a) => a.addr === LOOPBACK6)) {
      const own = insertAddr(link, { addr: LOOPBACK6, len: 128, noPrefixRoute: false })
      startDad(world, ns, link, own)
    }
  } else {
    multicastRoute(world, ns, link)
    if (linkLocal(link) === undefined) {
      const own = insertAddr(link, { addr: linkLocalOf(link.mac), len: 64 })
      prefixRoute(world, ns, link, own)
    }
  }
  for (const addr of addrs6(link)) if (addr.tentative) startDad(world, ns, link, addr)
}

function linkLocal(link: Link): IfAddr | undefined {
  return addrs6(link).find((a) => isLinkLocal(a.addr))
}

/** addrconf_dad_begin and _kick: joins the address' group and waits for up to a second, so that not all ask at once. */
function startDad(world: World, ns: Netns, link: Link, addr: IfAddr): void {
  const dev = inet6Dev(link)
  const ip = addr.addr as string
  if (dev.dad.some((one) => one.addr === ip)) return
  const quiet = link.kind === 'loopback' || link.noarp
  if (!quiet && !dev.joined.includes(ip)) {
    dev.joined = [...dev.joined, ip]
    groupJoin(world, ns, link, solicitedNode(ip))
  }
  const off = ns.confAll.acceptDad < 1 && link.conf.acceptDad < 1
  if (quiet || off || addr.nodad === true) {
    dadDone(world, ns, link, addr)
    return
  }
  if (!dev.ready) return
  const nonce = nextBelow(ns.rng, 0x1000000) * 0x1000000 + nextBelow(ns.rng, 0x1000000)
  const delay = nextBelow(ns.rng, 250) * 4 * MS
  dev.dad = [...dev.dad, { addr: ip, probes: 1, nonce, timer: armAddr6(world, ns, link, 'dad', delay) }]
}

/** addrconf_dad_work: one solicitation from `::`, then a second of silence. */
function dadStep(world: World, ns: Netns, link: Link, dev: Inet6Dev, dad: Dad6): void {
  if (dad.probes === 0) {
    dev.dad = dev.dad.filter((one) => one !== dad)
    const addr = link.addrs.find((a) => a.addr === dad.addr)
    if (addr !== undefined) dadDone(world, ns, link, addr)
    return
  }
  dad.probes--
  const wait = neighParam(ns, link, dad.addr, 'retrans_time_ms') * MS
  dad.timer = armAddr6(world, ns, link, 'dad', wait)
  sendSolicitation(world, ns, link, dad.addr, solicitedNode(dad.addr), ANY6, dad.nonce, 0)
}

/** addrconf_dad_completed: the address is this host's. With a first link-local one, groups are reported and routers asked for. */
function dadDone(world: World, ns: Netns, link: Link, addr: IfAddr): void {
  const lonely = isLinkLocal(addr.addr) && linkLocalAddr(link) === undefined
  addr.tentative = false
  const ip = addr.addr as string
  ownRoute(world, ns, link, 'local', ip)
  if (link.conf.forwarding6 !== 0) anycastJoin(world, ns, link, addr)
  if (!lonely || link.kind === 'loopback') return
  const dev = inet6Dev(link)
  reportFromAddress(world, ns, link)
  if (!asksRouters(link)) return
  sendRouterSolicitation(world, ns, link, ip)
  dev.rsProbes = 1
  dev.rsIntervalNs = 4 * SEC * vary(ns, 0.9)
  dev.rsTimer = armAddr6(world, ns, link, 'rs', Math.round(dev.rsIntervalNs))
}

/** addrconf_rs_timer: on and on, each time after about twice the wait, up to an hour. */
function solicitRouters(world: World, ns: Netns, link: Link, dev: Inet6Dev): void {
  dev.rsTimer = 0
  const src = linkLocalAddr(link)
  if (!dev.ready || !asksRouters(link) || src === undefined) return
  dev.rsProbes++
  sendRouterSolicitation(world, ns, link, src)
  const next = dev.rsIntervalNs * vary(ns, 1.9)
  dev.rsIntervalNs = next > 3600 * SEC ? 3600 * SEC * vary(ns, 0.9) : next
  dev.rsTimer = armAddr6(world, ns, link, 'rs', Math.round(dev.rsIntervalNs))
}

/** RFC 3315 section 14: from `from` to 0.2 more. */
function vary(ns: Netns, from: number): number {
  return from + nextBelow(ns.rng, 200_001) / 1_000_000
}

/** ipv6_accept_ra: routers do not ask, unless accept_ra is 2. */
function asksRouters(link: Link): boolean {
  return link.conf.acceptRa === 2 || (link.conf.acceptRa === 1 && link.conf.forwarding6 === 0)
}

/** ipv6_del_addr. `cleanup`: the prefix' route goes unless another address has the prefix. */
function removeAddr(world: World, ns: Netns, link: Link, addr: IfAddr, cleanup: boolean): void {
  const ip = addr.addr as string
  const dev = inet6Dev(link)
  link.addrs = link.addrs.filter((a) => a !== addr)
  dev.dad = dev.dad.filter((one) => one.addr !== ip)
  if (link.conf.forwarding6 !== 0 && !addr.tentative) anycastLeave(world, ns, link, addr)
  if (dev.joined.includes(ip)) {
    dev.joined = dev.joined.filter((one) => one !== ip)
    groupLeave(world, ns, link, solicitedNode(ip))
  }
  const host = { family: 6 as const, dst: ip, len: 128, nexthops: [{ oif: link.ifindex }] }
  if (!addr.tentative) routeDel(world, ns, { ...host, type: 'local', table: RT_TABLE_LOCAL })
  if (cleanup && !addr.noPrefixRoute) dropPrefixRoute(world, ns, link, addr)
  const owned = ns.links.some((l) => l?.addrs.some((a) => a.addr === ip && !a.tentative) === true)
  if (!owned) routesUpdate(world, ns, 6, (route) => (route.prefsrc === ip ? withoutSource(route) : route))
}

/** rt6_remove_prefsrc: the route stays and the kernel chooses again. */
function withoutSource<T extends object>(route: T): T {
  return Object.freeze({ ...route, prefsrc: undefined })
}

function dropPrefixRoute(world: World, ns: Netns, link: Link, addr: IfAddr): void {
  const shared = addrs6(link).some(
    (a) => a.len === addr.len && !a.noPrefixRoute && inPrefix(a.peer, addr.peer, addr.len),
  )
  if (shared) return
  routeDel(world, ns, {
    family: 6,
    dst: maskIp(addr.peer, addr.len),
    len: addr.len,
    type: 'unicast',
    table: RT_TABLE_MAIN,
    proto: RTPROT_KERNEL,
    nexthops: [{ oif: link.ifindex }],
  })
}

/** addrconf_prefix_route; ::1/128 of the loopback device has none. */
function prefixRoute(world: World, ns: Netns, link: Link, addr: IfAddr): void {
  if (addr.noPrefixRoute || !link.up || addr.addr === LOOPBACK6) return
  routeAppend(world, ns, {
    family: 6,
    dst: maskIp(addr.peer, addr.len),
    len: addr.len,
    type: 'unicast',
    table: RT_TABLE_MAIN,
    proto: RTPROT_KERNEL,
    metric: addr.metric !== 0 ? addr.metric : PREFIX_METRIC,
    nexthops: [{ oif: link.ifindex }],
  })
}

function multicastRoute(world: World, ns: Netns, link: Link): void {
  routeAppend(world, ns, {
    family: 6,
    dst: MULTICAST_NET,
    len: 8,
    type: 'multicast',
    table: RT_TABLE_LOCAL,
    proto: RTPROT_KERNEL,
    metric: PREFIX_METRIC,
    nexthops: [{ oif: link.ifindex }],
  })
}

/** addrconf_f6i_alloc. */
function ownRoute(world: World, ns: Netns, link: Link, type: 'local' | 'anycast', dst: string): void {
  routeAppend(world, ns, {
    family: 6,
    dst,
    len: 128,
    type,
    table: RT_TABLE_LOCAL,
    proto: RTPROT_KERNEL,
    metric: 0,
    nexthops: [{ oif: link.ifindex }],
  })
}

/** addrconf_join_anycast: a router answers for the zero address of its subnets (RFC 4291 section 2.6.1). */
function anycastJoin(world: World, ns: Netns, link: Link, addr: IfAddr): void {
  const subnet = maskIp(addr.addr, addr.len) as string
  if (addr.len >= 127 || isUnspecified(subnet)) return
  const dev = inet6Dev(link)
  if (!dev.anycast.includes(subnet)) {
    ownRoute(world, ns, link, 'anycast', subnet)
    if (link.kind !== 'loopback') groupJoin(world, ns, link, solicitedNode(subnet))
  }
  dev.anycast = [...dev.anycast, subnet]
}

function anycastLeave(world: World, ns: Netns, link: Link, addr: IfAddr): void {
  const subnet = maskIp(addr.addr, addr.len) as string
  const dev = inet6Dev(link)
  const at = dev.anycast.indexOf(subnet)
  if (at < 0) return
  dev.anycast = dev.anycast.toSpliced(at, 1)
  if (dev.anycast.includes(subnet)) return
  if (link.kind !== 'loopback') groupLeave(world, ns, link, solicitedNode(subnet))
  const host = { family: 6 as const, dst: subnet, len: 128, nexthops: [{ oif: link.ifindex }] }
  routeDel(world, ns, { ...host, type: 'anycast', table: RT_TABLE_LOCAL })
}

/** rt6_sync_up and rt6_sync_down_dev: routes say whether their link has a carrier. */
function markCarrier(world: World, ns: Netns, link: Link): void {
  const linkdown = !link.carrier
  routesUpdate(world, ns, 6, (route) => {
    if (route.type === 'local' || route.type === 'anycast') return route
    if (!route.nexthops.some((hop) => hop.oif === link.ifindex && hop.linkdown !== linkdown)) return route
    const nexthops = route.nexthops.map((hop) =>
      hop.oif === link.ifindex ? Object.freeze({ ...hop, linkdown }) : hop,
    )
    return Object.freeze({ ...route, nexthops: Object.freeze(nexthops) })
  })
}
