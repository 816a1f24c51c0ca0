// Models the look-ups of net/ipv6/route.c and ip6_dst_lookup_tail of ip6_output.c (Linux 6.18). Not here:
// router preferences and reachability of default routers, optimistic addresses.
import type { Ip } from '../../base/addr.ts'
import { isLinkLocal, isMulticast, isUnspecified } from '../../base/addr.ts'
import { fibLookup, NO_ROUTE, routesOf, RT_TABLE_LOCAL } from '../ip/fib.ts'
import type { FibResult } from '../ip/fibindex.ts'
import { exceptionOf } from '../ip/route.ts'
import type { Link, Netns, RouteException, World } from '../types.ts'
import { SEC } from '../wheel.ts'
import { ANY6, IPV6_MIN_MTU, LOOPBACK6 } from './inet6dev.ts'
import { selectSource6 } from './select.ts'

/** What is asked of the output route; `oif` 0 leaves the device open, `src` '::' lets the kernel choose. */
export interface Output6 {
  dst: string
  src: string
  oif: number
  mark: number
  tos: number
  /** The socket is bound to `oif`: no other device will do. */
  bound?: boolean
}

/** Where an own packet goes. */
export interface Route6 {
  fib: FibResult
  type: 'unicast' | 'local' | 'multicast'
  oif: number
  nextHop: string
  gateway: string | undefined
  src: string
  dst: string
  mtu: number
  exception: RouteException | null
}

export interface Refusal6 {
  errno: string
  fib: FibResult
}

/** ip6_dst_lookup: the route of an own packet with its source address; or why there is none. */
export function route6Output(world: World, ns: Netns, query: Output6): Route6 | Refusal6 {
  const dst = isUnspecified(query.dst) ? LOOPBACK6 : query.dst
  const strict = isStrict(dst)
  const oif = query.oif !== 0 && (strict || query.bound === true || query.src === ANY6) ? query.oif : 0
  const { src, mark, tos } = query
  const fib = isMulticast(dst)
    ? groupRoute(ns, oif)
    : fibLookup(world, ns, { family: 6, dst, src, iif: 0, oif, mark, tos })
  const local = fib.errno === '' && fib.type === 'local'
  const link = local ? ns.links[1] : ns.links[fib.nexthop?.oif ?? 0]
  const failed = fib.errno !== '' || link === undefined
  const owner = local ? ns.links[fib.nexthop?.oif ?? 0] : link
  const chosen = src !== ANY6 ? src : (prefsrcOf(fib) ?? selectSource6(ns, failed ? undefined : owner, dst))
  if (chosen === undefined) return { errno: 'EADDRNOTAVAIL', fib }
  if (failed) return { errno: fib.errno === '' ? 'ENETUNREACH' : fib.errno, fib }
  const type = local ? 'local' : isMulticast(dst) ? 'multicast' : 'unicast'
  const exception = type === 'unicast' && ns.exceptions !== null ? exceptionOf(world, ns, dst) : null
  const gateway = type === 'unicast' ? gatewayOf(fib, exception, dst) : undefined
  return {
    fib,
    type,
    oif: link.ifindex,
    nextHop: gateway ?? dst,
    gateway,
    src: chosen,
    dst,
    mtu: mtuOf(fib, link, exception),
    exception,
  }
}

/** Whether route6Output refused. */
export function isRefusal6(route: Route6 | Refusal6): route is Refusal6 {
  return 'errno' in route
}

/** ip6_route_input: what a received packet for a unicast address finds. */
export function route6Input(
  world: World,
  ns: Netns,
  link: Link,
  packet: { dst: Ip; src: Ip; mark: number; tos: number },
): FibResult {
  const { dst, src, mark, tos } = packet
  const oif = isStrict(dst as string) ? link.ifindex : 0
  return fibLookup(world, ns, { family: 6, dst, src, iif: link.ifindex, oif, mark, tos })
}

/** ip6_dst_mtu_maybe_forward: what may leave by a route as one packet. */
export function forwardMtu(fib: FibResult, out: Link): number {
  return Math.max(IPV6_MIN_MTU, fib.route?.mtu || out.mtu)
}

/** What `ip -6 route get` prints. */
export interface RouteGet6 {
  fib: FibResult
  dst: string
  src: string
  oif: number
  /** 0 where the route or device says it. */
  mtu: number
  expiresInS: number
  /** The next hop where it is not the destination itself: the route's, or what a redirect said. */
  gateway: string | undefined
}

/** `ip -6 route get DST [from SRC] [oif DEV]`. */
export function routeGet6(
  world: World,
  ns: Netns,
  query: { dst: string; src?: string; oif?: number; mark?: number; tos?: number },
): RouteGet6 | { errno: string } {
  const { dst, src = ANY6, oif = 0, mark = 0, tos = 0 } = query
  const route = route6Output(world, ns, { dst, src, oif, mark, tos })
  if (isRefusal6(route)) return { errno: route.errno === 'EADDRNOTAVAIL' ? 'ENETUNREACH' : route.errno }
  const { exception } = route
  return {
    fib: route.fib,
    dst,
    src: route.src,
    oif: route.oif,
    mtu: exception?.mtu || (route.fib.route?.mtu ?? 0),
    // A redirect has no time in the kernel's answer: it goes when nobody uses it.
    expiresInS:
      exception === null || exception.mtu === 0 ? 0 : Math.floor((exception.expiresAt - world.now) / SEC),
    gateway: route.gateway,
  }
}

/** rt6_need_strict: groups and link-local addresses mean nothing without their device. */
function isStrict(dst: string): boolean {
  return isMulticast(dst) || isLinkLocal(dst)
}

/** The first multicast route, of the device that is asked for. */
function groupRoute(ns: Netns, oif: number): FibResult {
  for (const route of routesOf(ns, 6, RT_TABLE_LOCAL)) {
    const hop = route.nexthops[0]
    if (route.type !== 'multicast' || hop === undefined || (oif !== 0 && hop.oif !== oif)) continue
    return { route, nexthop: hop, type: 'multicast', table: RT_TABLE_LOCAL, rule: null, errno: '' }
  }
  return NO_ROUTE
}

/** The next hop if it is not the destination itself: what a redirect said, else the route's. */
function gatewayOf(fib: FibResult, exception: RouteException | null, dst: string): string | undefined {
  const via = (exception?.gateway ?? fib.nexthop?.via) as string | undefined
  return via === dst ? undefined : via
}

function prefsrcOf(fib: FibResult): string | undefined {
  return fib.errno === '' ? (fib.route?.prefsrc as string | undefined) : undefined
}

function mtuOf(fib: FibResult, link: Link, exception: RouteException | null): number {
  if (exception !== null && exception.mtu !== 0) return exception.mtu
  const set = fib.route?.mtu ?? 0
  return Math.max(IPV6_MIN_MTU, set !== 0 ? set : link.mtu)
}
