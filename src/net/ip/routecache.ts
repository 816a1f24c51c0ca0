// The result of a routing look-up, remembered per namespace and destination, as Linux did until 3.6. Derived and never
// part of the state: it hangs off the namespace record and is forgotten whenever a table changes.
import type { Netns, World } from '../types.ts'
import { fibLookup } from './fib.ts'
import type { FibResult } from './fibindex.ts'

/** Beyond so many destinations a cache starts anew. */
const DESTINATIONS_MAX = 4096

interface RouteCache {
  generation: number
  /** Some route of the namespace asks for the TOS: then the destination alone decides nothing. */
  hasTos: boolean
  byDst: Map<number, FibResult | null>
}

const caches = new WeakMap<Netns, RouteCache>()

/**
 * The IPv4 route to `dst` where it depends on the destination alone; null where rules, TOS or several next hops have a
 * say, and the look-up must be made in full.
 */
export function cachedRoute(world: World, ns: Netns, dst: number): FibResult | null {
  if (ns.rules4 !== null) return null
  let cache = caches.get(ns)
  if (cache === undefined || cache.generation !== ns.fibGeneration || cache.byDst.size > DESTINATIONS_MAX) {
    cache = { generation: ns.fibGeneration, hasTos: asksForTos(ns), byDst: new Map() }
    caches.set(ns, cache)
  }
  if (cache.hasTos) return null
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
