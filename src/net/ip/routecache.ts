// The result of a routing look-up, remembered per namespace and destination, as Linux did until 3.6. Derived and never
// part of the state: it hangs off the namespace record and is forgotten whenever a table changes.
import type { Netns, World } from '../types.ts'
import { fibLookup } from './fib.ts'
import type { FibResult } from './fibindex.ts'

/** Beyond so many destinations a cache starts anew. */
const DESTINATIONS_MAX = 4096

export interface RouteCache {
  generation: number
  /** Some route of the namespace asks for the TOS: then the destination alone decides nothing. */
  hasTos: boolean
  byDst: Map<number, FibResult | null>
  /** The last source that was found not to be this host's own; 0 for none. Most packets come in flows. */
  foreign: number
}

const caches = new WeakMap<Netns, RouteCache>()

/** The namespace's cache; null where policy rules or TOS have a say, and look-ups must be made in full. */
export function routeCacheOf(ns: Netns): RouteCache | null {
  if (ns.rules4 !== null) return null
  let cache = caches.get(ns)
  if (cache === undefined || cache.generation !== ns.fibGeneration || cache.byDst.size > DESTINATIONS_MAX) {
    cache = { generation: ns.fibGeneration, hasTos: asksForTos(ns), byDst: new Map(), foreign: 0 }
    caches.set(ns, cache)
  }
  return cache.hasTos ? null : cache
}

/** The IPv4 route to `dst`; null where it has several next hops, since then more than the destination decides. */
export function cachedRoute(world: World, ns: Netns, cache: RouteCache, dst: number): FibResult | null {
  const known = cache.byDst.get(dst)
  if (known !== undefined) return known
  const found = fibLookup(world, ns, { family: 4, dst, src: 0, iif: 1, oif: 0, mark: 0, tos: 0 })
  const result = found.route !== null && found.route.nexthops.length > 1 ? null : found
  cache.byDst.set(dst, result)
  return result
}

function asksForTos(ns: Netns): boolean {
  for (const routes of ns.fib4?.values() ?? []) if (routes.some((route) => route.tos !== 0)) return true
  return false
}
