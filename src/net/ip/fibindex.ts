// Models the look-up half of net/ipv4/fib_trie.c and net/ipv6/ip6_fib.c (Linux 6.18): longest prefix, then TOS, metric
// and order. The index is derived from a table's frozen array on first use and is no part of the world's state.
import type { Ip } from '../../base/addr.ts'
import { compareIp, inPrefix, maskIp, maskOf4 } from '../../base/addr.ts'
import type { NextHop, PolicyRule, Route, RouteType } from '../types.ts'

/** What a look-up found. Shared and never written: the same route gives the same record. */
export interface FibResult {
  /** Null: no rule or no table had a route. */
  readonly route: Route | null
  readonly nexthop: NextHop | null
  readonly type: RouteType | 'none'
  readonly table: number
  readonly rule: PolicyRule | null
  /** '' where the packet may go; ENETUNREACH, EHOSTUNREACH, EINVAL (blackhole), EACCES (prohibit). */
  readonly errno: '' | 'ENETUNREACH' | 'EHOSTUNREACH' | 'EINVAL' | 'EACCES'
}

/** What is asked. `scope` is the least scope a route must have (253 while a gateway is resolved). */
export interface Flow {
  family: 4 | 6
  dst: Ip
  src: Ip
  iif: number
  oif: number
  mark: number
  tos: number
  scope?: number
  /** Spreads flows over equal next hops. */
  hash?: number
}

/** Listing and matching order: IPv4 by address then longest prefix; IPv6 longest prefix below before its cover. */
export function compareRoutes(a: Route, b: Route): number {
  if (typeof a.dst === 'number') {
    return compareIp(a.dst, b.dst) || b.len - a.len || b.tos - a.tos || a.metric - b.metric
  }
  if (a.len !== b.len) {
    if (a.len > b.len ? inPrefix(a.dst, b.dst, b.len) : inPrefix(b.dst, a.dst, a.len)) return b.len - a.len
  }
  return compareIp(a.dst, b.dst) || b.len - a.len || a.metric - b.metric
}

export interface Leaf {
  route: Route
  results: FibResult[]
}

interface FibIndex {
  lens: number[]
  masks: number[]
  maps: Map<Ip, Leaf[]>[]
}

const ERRNO_OF: Readonly<Record<RouteType, FibResult['errno']>> = {
  unicast: '',
  local: '',
  broadcast: '',
  multicast: '',
  anycast: '',
  blackhole: 'EINVAL',
  unreachable: 'EHOSTUNREACH',
  prohibit: 'EACCES',
  throw: '',
}

const indexes = new WeakMap<readonly Route[], FibIndex>()

/** The most specific usable route of one table; null to try the next rule (none matched, or `throw`). */
export function tableLookup(
  routes: readonly Route[],
  flow: Flow,
  rule: PolicyRule,
  ignoreLinkdown: boolean,
): FibResult | null {
  const index = indexes.get(routes) ?? buildIndex(routes)
  const { lens, maps, masks } = index
  const dst = flow.dst
  for (let i = 0; i < lens.length; i++) {
    const key = typeof dst === 'number' ? dst & masks[i]! : maskIp(dst, lens[i]!)
    const leaves = maps[i]!.get(key)
    if (leaves === undefined) continue
    for (let j = 0; j < leaves.length; j++) {
      const found = matchLeaf(leaves[j]!, flow, ignoreLinkdown)
      if (found === null) continue
      if (found.type === 'throw') return null
      return found.rule === rule ? found : withRule(leaves[j]!, found, rule)
    }
  }
  return null
}

/** Whether the table has a host route of type local for an IPv4 address: one of this host's own. */
export function hasLocal4(routes: readonly Route[], addr: number): boolean {
  const { lens, maps } = indexes.get(routes) ?? buildIndex(routes)
  if (lens[0] !== 32) return false
  const leaves = maps[0]!.get(addr)
  return leaves?.some((leaf) => leaf.route.type === 'local') ?? false
}

function matchLeaf(leaf: Leaf, flow: Flow, ignoreLinkdown: boolean): FibResult | null {
  const route = leaf.route
  if (route.tos !== 0 && route.tos !== flow.tos) return null
  if (flow.scope !== undefined && route.scope < flow.scope) return null
  const hops = route.nexthops
  if (hops.length === 0) return leaf.results[0]!
  if (hops.length > 1 && flow.oif === 0) return leaf.results[pickNexthop(hops, flow, ignoreLinkdown)] ?? null
  for (let i = 0; i < hops.length; i++) {
    const hop = hops[i]!
    if (hop.dead || (ignoreLinkdown && hop.linkdown)) continue
    if (flow.oif !== 0 && flow.oif !== hop.oif) continue
    return leaf.results[i]!
  }
  return null
}

/** fib_select_multipath: by the flow's hash, in proportion to the weights of the living next hops. */
function pickNexthop(hops: readonly NextHop[], flow: Flow, ignoreLinkdown: boolean): number {
  let total = 0
  for (const hop of hops) if (!hop.dead && !(ignoreLinkdown && hop.linkdown)) total += hop.weight
  if (total === 0) return -1
  let left = (flow.hash ?? flowHash(flow.src, flow.dst)) % total
  for (let i = 0; i < hops.length; i++) {
    const hop = hops[i]!
    if (hop.dead || (ignoreLinkdown && hop.linkdown)) continue
    left -= hop.weight
    if (left < 0) return i
  }
  return -1
}

/** fib_multipath_hash_policy 0: source and destination. The kernel's own hash is seeded at random; this one is not. */
export function flowHash(src: Ip, dst: Ip): number {
  let h = hashIp(src) ^ Math.imul(hashIp(dst), 0x9e3779b1)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

function hashIp(ip: Ip): number {
  if (typeof ip === 'number') return ip
  let h = 0
  for (let i = 0; i < ip.length; i++) h = (Math.imul(h, 31) + ip.charCodeAt(i)) | 0
  return h
}

/** Results are made once per rule; a table is nearly always reached by one rule only. */
function withRule(leaf: Leaf, found: FibResult, rule: PolicyRule): FibResult {
  const i = leaf.results.indexOf(found)
  const result: FibResult = { ...found, rule }
  leaf.results[i] = result
  return result
}

function buildIndex(routes: readonly Route[]): FibIndex {
  const byLen = new Map<number, Map<Ip, Leaf[]>>()
  for (const route of routes) {
    const map = byLen.get(route.len) ?? new Map<Ip, Leaf[]>()
    byLen.set(route.len, map)
    const leaf = createLeaf(route)
    const leaves = map.get(route.dst)
    if (leaves === undefined) map.set(route.dst, [leaf])
    else leaves.push(leaf)
  }
  const lens = [...byLen.keys()].sort((a, b) => b - a)
  const index: FibIndex = {
    lens,
    masks: lens.map((len) => (len <= 32 ? maskOf4(len) : 0)),
    maps: lens.map((len) => byLen.get(len)!),
  }
  indexes.set(routes, index)
  return index
}

function createLeaf(route: Route): Leaf {
  const hops: (NextHop | null)[] = route.nexthops.length === 0 ? [null] : [...route.nexthops]
  const errno = ERRNO_OF[route.type]
  const results = hops.map((nexthop) => ({
    route,
    nexthop,
    type: route.type,
    table: route.table,
    rule: null,
    errno,
  }))
  return { route, results }
}
