// Models the checks of fib_create_info and fib_check_nh (net/ipv4/fib_semantics.c) and ip6_route_check_nh
// (net/ipv6/route.c), Linux 6.18: what a route must be to enter a table, in the kernel's words.
import type { Ip } from '../../base/addr.ts'
import { isMulticast, isUnspecified, maskIp } from '../../base/addr.ts'
import { nlErrno, nlError } from '../nlresult.ts'
import type { Link, Netns, NextHop, Route, RouteType, World } from '../types.ts'
import { addrType, fibLookup, RT_TABLE_LOCAL, RT_TABLE_MAIN } from './fib.ts'
import { tableLookup } from './fibindex.ts'
import { fibTable } from './fibtables.ts'

export interface NextHopSpec {
  /** ifindex, 0 or undefined where the gateway decides. */
  oif?: number
  via?: Ip
  weight?: number
  onlink?: boolean
}

/** A route as `ip route` says it. What is undefined gets the defaults that iproute2 and the kernel give. */
export interface RouteSpec {
  family: 4 | 6
  dst: Ip
  len: number
  type?: RouteType
  table?: number
  scope?: number
  /** rt_protos: 2 kernel, 3 boot (default), 4 static, 9 ra. */
  proto?: number
  metric?: number
  prefsrc?: Ip
  mtu?: number
  tos?: number
  pref?: number
  expiresAt?: number
  nexthops?: readonly NextHopSpec[]
}

type Refusal = { errno: string; message: string }

const RT_SCOPE_LINK = 253
const RT_SCOPE_HOST = 254
const RT_SCOPE_NOWHERE = 255

/** The table a spec means: local and broadcast routes go to 255 unless it is named. */
export function specTable(spec: RouteSpec): number {
  if (spec.table !== undefined && spec.table !== 0) return spec.table
  const type = spec.type
  return type === 'local' || type === 'broadcast' || type === 'anycast' ? RT_TABLE_LOCAL : RT_TABLE_MAIN
}

/** Checks a spec against the namespace and makes the frozen route, or says what the kernel refuses. */
export function buildRoute(world: World, ns: Netns, spec: RouteSpec): Route | Refusal {
  const full = spec.family === 4 ? 32 : 128
  if (spec.len > full) return nlError('EINVAL', 'Invalid prefix length')
  if (maskIp(spec.dst, spec.len) !== spec.dst) {
    return nlError('EINVAL', 'Invalid prefix for given prefix length')
  }
  const type = spec.type ?? 'unicast'
  const hops = spec.nexthops ?? []
  const base = {
    dst: spec.dst,
    len: spec.len,
    type,
    table: specTable(spec),
    scope: spec.scope ?? defaultScope(spec, type),
    proto: spec.proto ?? 3,
    metric: spec.metric ?? (spec.family === 4 ? 0 : 1024),
    prefsrc: spec.prefsrc,
    mtu: spec.mtu ?? 0,
    tos: spec.tos ?? 0,
    pref: spec.pref ?? 0,
    expiresAt: spec.expiresAt ?? 0,
  }
  // Only the kernel's own addresses have metric 0.
  const own = type === 'local' || type === 'anycast'
  if (spec.family === 6 && base.metric === 0 && !(own && base.proto === 2)) base.metric = 1024
  const checked = checkNexthops(world, ns, spec, type, base.scope, hops)
  if (!Array.isArray(checked)) return checked
  if (spec.prefsrc !== undefined && !validPrefsrc(ns, spec, type)) {
    return spec.family === 4
      ? nlError('EINVAL', 'Invalid prefsrc address')
      : nlError('EINVAL', 'Invalid source address')
  }
  const route = frozenRoute(base, checked)
  return OF_LOOPBACK.find((standing) => sameRecord(standing, route)) ?? route
}

/** RT_TABLE_LOCAL: `fib.ts`, which imports this file, is not there yet when these are made. */
const LOCAL = 255

/** Next hops that are nothing but one of the first devices, as most hosts have them: one list of each. */
const PLAIN_HOPS: readonly (readonly NextHop[])[] = [1, 2, 3].flatMap((oif) =>
  [RT_SCOPE_LINK, RT_SCOPE_HOST, RT_SCOPE_NOWHERE].map((scope) =>
    Object.freeze([Object.freeze(createHop(oif, undefined, {}, scope, false))]),
  ),
)

/** The routes that `lo` with 127.0.0.1/8 has in nearly every namespace: one copy of each. */
const OF_LOOPBACK: readonly Route[] = [
  loopbackRoute(0x7f000000, 8, 'local', RT_SCOPE_HOST),
  loopbackRoute(0x7f000001, 32, 'local', RT_SCOPE_HOST),
  loopbackRoute(0x7fffffff, 32, 'broadcast', RT_SCOPE_LINK),
]

function loopbackRoute(dst: number, len: number, type: RouteType, scope: number): Route {
  const base = { dst, len, type, table: LOCAL, scope, proto: 2, metric: 0, prefsrc: 0x7f000001 }
  const hop = createHop(1, undefined, {}, type === 'local' ? RT_SCOPE_NOWHERE : RT_SCOPE_HOST, false)
  return frozenRoute({ ...base, mtu: 0, tos: 0, pref: 0, expiresAt: 0 }, [Object.freeze(hop)])
}

function sameRecord(a: Route, b: Route): boolean {
  if (a.dst !== b.dst || b.nexthops.length !== 1) return false
  const [hop, other] = [a.nexthops[0]!, b.nexthops[0]!]
  const keys = Object.keys(a) as (keyof Route)[]
  const parts = Object.keys(hop) as (keyof NextHop)[]
  return (
    keys.every((key) => key === 'nexthops' || a[key] === b[key]) &&
    parts.every((key) => hop[key] === other[key])
  )
}

/** Field by field: engines give each frozen copy of a spread record a hidden class of its own. */
export function frozenRoute(route: Omit<Route, 'nexthops'>, nexthops: readonly NextHop[]): Route {
  return Object.freeze({
    dst: route.dst,
    len: route.len,
    type: route.type,
    table: route.table,
    scope: route.scope,
    proto: route.proto,
    metric: route.metric,
    prefsrc: route.prefsrc,
    mtu: route.mtu,
    tos: route.tos,
    pref: route.pref,
    expiresAt: route.expiresAt,
    nexthops: sharedHops(nexthops),
  })
}

function sharedHops(hops: readonly NextHop[]): readonly NextHop[] {
  const hop = hops[0]
  if (hops.length === 1 && hop !== undefined && hop.oif <= 3 && hop.via === undefined) {
    const found = PLAIN_HOPS.find(([plain]) => sameHop(plain!, hop))
    if (found !== undefined) return found
  }
  // A list that has grown keeps room for more.
  return Object.freeze(hops.slice())
}

function sameHop(a: NextHop, b: NextHop): boolean {
  return (
    a.oif === b.oif &&
    a.via === b.via &&
    a.scope === b.scope &&
    a.weight === b.weight &&
    a.onlink === b.onlink &&
    a.dead === b.dead &&
    a.linkdown === b.linkdown
  )
}

/** Whether `ip route del` with this spec means this route. */
export function matchesSpec(route: Route, spec: RouteSpec): boolean {
  if (route.dst !== spec.dst || route.len !== spec.len) return false
  if (spec.type !== undefined && spec.type !== route.type) return false
  if (spec.scope !== undefined && spec.scope !== RT_SCOPE_NOWHERE && spec.scope !== route.scope) return false
  if (spec.proto !== undefined && spec.proto !== 0 && spec.proto !== route.proto) return false
  if (spec.metric !== undefined && spec.metric !== 0 && spec.metric !== route.metric) return false
  if (spec.prefsrc !== undefined && spec.prefsrc !== route.prefsrc) return false
  if (spec.tos !== undefined && spec.tos !== route.tos) return false
  const hops = spec.nexthops
  if (hops === undefined || hops.length === 0) return true
  if (hops.length > 1 && hops.length !== route.nexthops.length) return false
  return hops.every((hop, i) => {
    const have = route.nexthops[i]
    if (have === undefined) return hop.oif === undefined && hop.via === undefined
    return (
      (hop.oif === undefined || hop.oif === 0 || hop.oif === have.oif) &&
      (hop.via === undefined || hop.via === have.via)
    )
  })
}

/** Equal next hops, the state of their links aside. */
export function sameNexthops(a: readonly NextHop[], b: readonly NextHop[]): boolean {
  if (a.length !== b.length) return false
  return a.every((hop, i) => {
    const other = b[i]!
    return (
      hop.oif === other.oif &&
      hop.via === other.via &&
      hop.weight === other.weight &&
      hop.onlink === other.onlink
    )
  })
}

/** What iproute2 fills in: link for routes without a gateway, host for local ones. IPv6 has no scopes. */
function defaultScope(spec: RouteSpec, type: RouteType): number {
  if (spec.family === 6) return 0
  if (type === 'local') return RT_SCOPE_HOST
  if (type === 'broadcast' || type === 'multicast' || type === 'anycast') return RT_SCOPE_LINK
  if (type !== 'unicast') return 0
  const hops = spec.nexthops ?? []
  return hops.length === 1 && hops[0]!.via === undefined ? RT_SCOPE_LINK : 0
}

function checkNexthops(
  world: World,
  ns: Netns,
  spec: RouteSpec,
  type: RouteType,
  scope: number,
  hops: readonly NextHopSpec[],
): NextHop[] | Refusal {
  if (type === 'blackhole' || type === 'unreachable' || type === 'prohibit' || type === 'throw') {
    if (hops.length === 0) return []
    if (spec.family === 6) return []
    return nlError('EINVAL', 'Gateway, device and multipath can not be specified for this route type')
  }
  if (hops.length === 0) return nlErrno('ENODEV')
  const out: NextHop[] = []
  for (const hop of hops) {
    const checked =
      spec.family === 4 ? checkHop4(world, ns, spec, scope, hop) : checkHop6(world, ns, spec, hop)
    if ('errno' in checked) return checked
    out.push(Object.freeze(checked))
  }
  return out
}

function checkHop4(
  world: World,
  ns: Netns,
  spec: RouteSpec,
  scope: number,
  hop: NextHopSpec,
): NextHop | Refusal {
  const oif = hop.oif ?? 0
  const link = ns.links[oif]
  if (oif !== 0 && link === undefined) return nlErrno('ENODEV')
  if (scope === RT_SCOPE_HOST) {
    if (hop.via !== undefined) return nlError('EINVAL', 'Route with host scope can not have a gateway')
    if (link === undefined) return nlErrno('ENODEV')
    return createHop(oif, undefined, hop, RT_SCOPE_NOWHERE, false)
  }
  if (hop.via === undefined || hop.via === 0) {
    if (link === undefined) return nlErrno('ENODEV')
    if (!link.up) return nlError('ENETDOWN', 'Device for nexthop is not up')
    return createHop(oif, undefined, hop, RT_SCOPE_HOST, !link.carrier)
  }
  return hop.onlink === true ? checkOnlink(ns, scope, hop, link) : checkGateway4(world, ns, spec, scope, hop)
}

function checkOnlink(ns: Netns, scope: number, hop: NextHopSpec, link: Link | undefined): NextHop | Refusal {
  if (scope >= RT_SCOPE_LINK) return nlError('EINVAL', 'Nexthop has invalid scope')
  if (link === undefined) return nlError('ENODEV', 'Nexthop device required for onlink')
  if (!link.up) return nlError('ENETDOWN', 'Nexthop device is not up')
  if (addrType(ns, hop.via!) !== 'unicast') return nlError('EINVAL', 'Nexthop has invalid gateway')
  return createHop(link.ifindex, hop.via, hop, RT_SCOPE_LINK, !link.carrier)
}

function checkGateway4(
  world: World,
  ns: Netns,
  spec: RouteSpec,
  scope: number,
  hop: NextHopSpec,
): NextHop | Refusal {
  const via = hop.via as Ip
  const flow = {
    family: 4 as const,
    dst: via,
    src: 0,
    iif: 1,
    oif: hop.oif ?? 0,
    mark: 0,
    tos: 0,
    scope: Math.max(scope + 1, RT_SCOPE_LINK),
  }
  const table = specTable(spec)
  const own = table === RT_TABLE_MAIN ? undefined : fibTable(ns.fib4, table)
  let found = own === undefined ? null : tableLookup(own, flow, fallbackRule, false)
  found ??= fibLookup(world, ns, flow)
  if (found.errno !== '' || found.nexthop === null)
    return nlError('ENETUNREACH', 'Nexthop has invalid gateway')
  if (found.type !== 'unicast' && found.type !== 'local') {
    return nlError('EINVAL', 'Nexthop has invalid gateway')
  }
  const link = ns.links[found.nexthop.oif]
  if (link === undefined) return nlError('EINVAL', 'No egress device for nexthop')
  if (!link.up) return nlErrno('ENETDOWN')
  return createHop(link.ifindex, via, hop, found.route!.scope, !link.carrier)
}

/** A rule for look-ups in one table only: it never shows. */
const fallbackRule = Object.freeze({
  pref: 0,
  family: 4 as const,
  not: false,
  src: 0,
  srcLen: 0,
  dst: 0,
  dstLen: 0,
  iif: '',
  oif: '',
  tos: 0,
  fwmark: 0,
  fwmask: 0,
  action: 'lookup' as const,
  table: 0,
  proto: 0,
})

function checkHop6(world: World, ns: Netns, spec: RouteSpec, hop: NextHopSpec): NextHop | Refusal {
  const oif = hop.oif ?? 0
  let link = ns.links[oif]
  if (oif !== 0 && link === undefined) return nlErrno('ENODEV')
  const via = hop.via
  if (via !== undefined && !isUnspecified(via)) {
    if (isMulticast(via)) return nlError('EINVAL', 'Invalid gateway address')
    if (addrType(ns, via) === 'local') return nlError('EINVAL', 'Gateway can not be a local address')
    if (isLinkLocalText(via) && link === undefined) return nlError('EINVAL', 'Egress device not specified')
    if (!isLinkLocalText(via) && hop.onlink !== true) {
      const found = fibLookup(world, ns, {
        family: 6,
        dst: via,
        src: '0'.repeat(32),
        iif: 0,
        oif,
        mark: 0,
        tos: 0,
      })
      const via2 = found.nexthop?.via
      if (found.errno !== '' || found.nexthop === null || via2 !== undefined) return nlErrno('EHOSTUNREACH')
      link = ns.links[found.nexthop.oif]
    }
  }
  if (link === undefined) return nlErrno('ENODEV')
  if (!link.up && spec.type !== 'local' && spec.type !== 'anycast') {
    return spec.nexthops?.length === 1 ? nlError('ENETDOWN', 'Nexthop device is not up') : nlErrno('ENETDOWN')
  }
  const hopVia = via !== undefined && isUnspecified(via) ? undefined : via
  const own = spec.type === 'local' || spec.type === 'anycast'
  const linkdown = !own && !link.carrier && link.kind !== 'loopback'
  return createHop(link.ifindex, hopVia, hop, RT_SCOPE_LINK, linkdown)
}

function isLinkLocalText(ip: Ip): boolean {
  return typeof ip === 'string' && ip.startsWith('fe8')
}

function createHop(
  oif: number,
  via: Ip | undefined,
  hop: NextHopSpec,
  scope: number,
  linkdown: boolean,
): NextHop {
  return { oif, via, weight: hop.weight ?? 1, onlink: hop.onlink ?? false, scope, dead: false, linkdown }
}

function validPrefsrc(ns: Netns, spec: RouteSpec, type: RouteType): boolean {
  if (type === 'local' && spec.dst === spec.prefsrc) return true
  return addrType(ns, spec.prefsrc!) === 'local'
}
