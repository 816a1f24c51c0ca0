// Models neigh_add, neigh_delete of net/core/neighbour.c and `ip neigh` of iproute2: entries made by hand.
import type { Ip, Mac } from '../../base/addr.ts'
import { inPrefix } from '../../base/addr.ts'
import { touch } from '../../sim/dispatch.ts'
import type { NlResult } from '../nlresult.ts'
import { nlErrno, nlError } from '../nlresult.ts'
import type { Link, NeighState, Netns, World } from '../types.ts'
import { createNeigh, neighLookup, neighRemove, neighsOf, neighUpdate } from './neigh.ts'

/** `ip neigh add IP [lladdr MAC] [nud STATE] dev LINK`; state is PERMANENT unless said. */
export interface NeighSpec {
  ip: Ip
  mac?: Mac
  state?: NeighState
  router?: boolean
  proto?: number
}

/** What `ip neigh flush` and `show` select; undefined selects all. */
export interface NeighFilter {
  family?: 4 | 6
  ifindex?: number
  ip?: Ip
  len?: number
  states?: readonly NeighState[]
}

export function neighAdd(world: World, ns: Netns, link: Link, spec: NeighSpec): NlResult {
  return putNeigh(world, ns, link, spec, true, true)
}

export function neighReplace(world: World, ns: Netns, link: Link, spec: NeighSpec): NlResult {
  return putNeigh(world, ns, link, spec, true, false)
}

export function neighChange(world: World, ns: Netns, link: Link, spec: NeighSpec): NlResult {
  return putNeigh(world, ns, link, spec, false, false)
}

export function neighDel(world: World, ns: Netns, link: Link, ip: Ip): NlResult {
  touch(world, ns.id)
  const neigh = neighLookup(ns, link.ifindex, ip)
  if (neigh === undefined) return nlErrno('ENOENT')
  neighRemove(world, ns, link, neigh)
  return null
}

/** `ip neigh flush`: what the filter selects, permanent and NOARP entries only where their state is named. Returns how many. */
export function neighFlush(world: World, ns: Netns, filter: NeighFilter): number {
  touch(world, ns.id)
  const states = filter.states ?? ['INCOMPLETE', 'REACHABLE', 'STALE', 'DELAY', 'PROBE', 'FAILED']
  let count = 0
  for (const neigh of neighsOf(ns)) {
    const link = ns.links[neigh.ifindex]
    if (link === undefined || !states.includes(neigh.state)) continue
    if (filter.ifindex !== undefined && filter.ifindex !== neigh.ifindex) continue
    if (filter.family !== undefined && (typeof neigh.ip === 'number' ? 4 : 6) !== filter.family) continue
    if (
      filter.ip !== undefined &&
      !inPrefix(neigh.ip, filter.ip, filter.len ?? (typeof filter.ip === 'number' ? 32 : 128))
    ) {
      continue
    }
    neighRemove(world, ns, link, neigh)
    count++
  }
  return count
}

function putNeigh(
  world: World,
  ns: Netns,
  link: Link,
  spec: NeighSpec,
  create: boolean,
  excl: boolean,
): NlResult {
  touch(world, ns.id)
  const old = neighLookup(ns, link.ifindex, spec.ip)
  if (old === undefined && !create) return nlErrno('ENOENT')
  if (old !== undefined && excl) return nlErrno('EEXIST')
  const state = spec.state ?? 'PERMANENT'
  const neigh = old ?? createNeigh(world, ns, link, spec.ip)
  if (spec.proto !== undefined) neigh.proto = spec.proto
  const errno = neighUpdate(world, ns, link, spec.ip, spec.mac ?? -1, {
    state,
    override: true,
    admin: true,
    isRouter: spec.router,
  })
  if (errno === 'EINVAL') {
    if (old === undefined) neighRemove(world, ns, link, neigh)
    return nlError('EINVAL', 'No link layer address given')
  }
  return errno === '' ? null : nlErrno(errno)
}
