// The result of a routing look-up, remembered per namespace and destination, as Linux did until 3.6, and for plain
// forwarding the whole way with device and neighbour. Derived and never part of the state: it hangs off the world, knows
// the namespace record that it was made for (a rewind puts another in its place) and ends whenever a table changes.
import type { InterfaceConf, Link, Neigh, Netns, World } from '../types.ts'
import { fibLookup } from './fib.ts'
import type { FibResult } from './fibindex.ts'
import { fibIds, fibTable } from './fibtables.ts'

/** Beyond so many destinations a cache starts anew. */
const DESTINATIONS_MAX = 4096
const WAY_BITS = 8

export interface RouteCache {
  ns: Netns
  generation: number
  /** Some route of the namespace asks for the TOS: then the destination alone decides nothing. */
  hasTos: boolean
  byDst: Map<number, FibResult | null>
  /** The ways last taken, at the place that `waySlot` gives their destination. */
  ways: (Way | null)[]
}

/** How packets from `link` to one destination are forwarded, while what it names is what the namespace has. */
export interface Way {
  dst: number
  link: Link
  conf: InterfaceConf
  confAll: InterfaceConf
  /** The last source that was found not to be this host's own. Most packets come in flows. */
  src: number
  oif: number
  out: Link
  /** The route's, 0 for the device's. */
  mtu: number
  nextHop: number
  neigh: Neigh
}

/** The namespace's cache; null where policy rules or TOS have a say, and look-ups must be made in full. */
export function routeCacheOf(world: World, ns: Netns): RouteCache | null {
  if (ns.rules4 !== null) return null
  const cache = world.routes[ns.id]
  if (cache !== undefined && cache.ns === ns && cache.generation === ns.fibGeneration) {
    return cache.hasTos ? null : cache
  }
  return newCache(world, ns)
}

export function waySlot(dst: number): number {
  return Math.imul(dst, 0x9e3779b1) >>> (32 - WAY_BITS)
}

/** The IPv4 route to `dst`; null where it has several next hops, since then more than the destination decides. */
export function cachedRoute(world: World, ns: Netns, cache: RouteCache, dst: number): FibResult | null {
  const known = cache.byDst.get(dst)
  if (known !== undefined) return known
  const found = fibLookup(world, ns, { family: 4, dst, src: 0, iif: 1, oif: 0, mark: 0, tos: 0 })
  const result = found.route !== null && found.route.nexthops.length > 1 ? null : found
  if (cache.byDst.size >= DESTINATIONS_MAX) cache.byDst.clear()
  cache.byDst.set(dst, result)
  return result
}

function newCache(world: World, ns: Netns): RouteCache | null {
  while (world.routes.length < ns.id) world.routes.push(undefined)
  const hasTos = asksForTos(ns)
  const cache = { ns, generation: ns.fibGeneration, hasTos, byDst: new Map(), ways: [] }
  world.routes[ns.id] = cache
  return hasTos ? null : cache
}

function asksForTos(ns: Netns): boolean {
  for (const id of fibIds(ns.fib4)) if (fibTable(ns.fib4, id)?.some((route) => route.tos !== 0)) return true
  return false
}
