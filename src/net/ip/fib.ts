// Models net/ipv4/fib_frontend.c, fib_semantics.c, fib_rules.c and the tables of net/ipv6/route.c (Linux 6.18), for
// both families: tables are frozen arrays, replaced at each change. Not here: nexthop objects, route notifications,
// suppress_prefixlength, ports and uids in rules, source-specific IPv6 routes.
import type { Ip } from '../../base/addr.ts'
import { inPrefix, isMulticast, maskIp, maskOf4 } from '../../base/addr.ts'
import { touch } from '../../sim/dispatch.ts'
import type { NlResult } from '../nlresult.ts'
import { nlErrno, nlError } from '../nlresult.ts'
import type { Netns, NextHop, PolicyRule, Route, RouteType, World } from '../types.ts'
import type { FibResult, Flow } from './fibindex.ts'
import { compareRoutes, tableLookup } from './fibindex.ts'
import { createFibTables, fibIds, fibTable, fibTablePut, RT_TABLE_LOCAL, RT_TABLE_MAIN } from './fibtables.ts'
import type { RouteSpec } from './fibspec.ts'
import { buildRoute, frozenRoute, matchesSpec, sameNexthops, specTable } from './fibspec.ts'

export { RT_TABLE_LOCAL, RT_TABLE_MAIN }

export const RT_TABLE_DEFAULT = 253

/** What `ip rule` gives; whatever is undefined is not matched. `table` is needed for lookups. */
export interface RuleSpec {
  family: 4 | 6
  pref?: number
  not?: boolean
  src?: Ip
  srcLen?: number
  dst?: Ip
  dstLen?: number
  iif?: string
  oif?: string
  tos?: number
  fwmark?: number
  fwmask?: number
  action?: PolicyRule['action']
  table?: number
  proto?: number
}

/**
 * Finds the route of a flow: policy rules in order of preference, in each table the longest prefix, then TOS, then
 * metric, then order. The result is shared and must not be written.
 */
export function fibLookup(_world: World, ns: Netns, flow: Flow): FibResult {
  const tables = flow.family === 4 ? ns.fib4 : ns.fib6
  const rules = rulesOf(ns, flow.family)
  const standing = rules === STANDING4 || rules === STANDING6
  const ignoreLinkdown = false
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i]!
    if (!standing && !ruleMatches(ns, rule, flow)) continue
    if (rule.action !== 'lookup') return ruleResult(rule)
    const routes = fibTable(tables, rule.table)
    if (routes === undefined || routes.length === 0) continue
    const found = tableLookup(routes, flow, rule, ignoreLinkdown)
    if (found !== null) return found
  }
  return NO_ROUTE
}

/** The result of a look-up that no rule answered. */
export const NO_ROUTE: FibResult = Object.freeze({
  route: null,
  nexthop: null,
  type: 'none',
  table: 0,
  rule: null,
  errno: 'ENETUNREACH',
})

/** inet_addr_type: what the local table says of an address: local, broadcast, multicast or unicast. */
export function addrType(ns: Netns, ip: Ip): 'local' | 'broadcast' | 'multicast' | 'unicast' | 'anycast' {
  if (ip === 0 || ip === -1) return 'broadcast'
  if (isMulticast(ip)) return 'multicast'
  const family = typeof ip === 'number' ? 4 : 6
  const routes = (family === 4 ? ns.fib4 : ns.fib6)?.local
  if (routes === undefined) return 'unicast'
  if (typeof ip === 'number' && routes.length <= FEW) return typeAmongFew(routes, ip)
  const flow: Flow = { family, dst: ip, src: 0, iif: 0, oif: 0, mark: 0, tos: 0 }
  const type = tableLookup(routes, flow, (family === 4 ? STANDING4 : STANDING6)[0]!, false)?.type
  return type === 'local' || type === 'broadcast' || type === 'anycast' ? type : 'unicast'
}

/** Tables of so few routes are read through where only a type is asked for: most hosts never need an index then. */
const FEW = 12

function typeAmongFew(routes: readonly Route[], ip: number): ReturnType<typeof addrType> {
  let best: Route | undefined
  for (let i = 0; i < routes.length; i++) {
    const route = routes[i]!
    if ((best !== undefined && route.len <= best.len) || (ip & maskOf4(route.len)) !== route.dst) continue
    if (route.tos !== 0 || (route.nexthops.length > 0 && route.nexthops.every(({ dead }) => dead))) continue
    best = route
  }
  const type = best?.type
  return type === 'local' || type === 'broadcast' || type === 'anycast' ? type : 'unicast'
}

/** `ip route add`: fails with File exists where prefix, TOS and metric are taken. */
export function routeAdd(world: World, ns: Netns, spec: RouteSpec): NlResult {
  return insertRoute(world, ns, spec, { create: true, excl: true, replace: false, append: false })
}

/** `ip route append`: after those of the same prefix and metric. The kernel's own routes are made this way. */
export function routeAppend(world: World, ns: Netns, spec: RouteSpec): NlResult {
  return insertRoute(world, ns, spec, { create: true, excl: false, replace: false, append: true })
}

/** `ip route prepend`: before those of the same prefix and metric. */
export function routePrepend(world: World, ns: Netns, spec: RouteSpec): NlResult {
  return insertRoute(world, ns, spec, { create: true, excl: false, replace: false, append: false })
}

/** `ip route replace`: changes the first of the same prefix, TOS and metric, or adds. */
export function routeReplace(world: World, ns: Netns, spec: RouteSpec): NlResult {
  return insertRoute(world, ns, spec, { create: true, excl: false, replace: true, append: false })
}

/** `ip route change`: as replace, but there must be one. */
export function routeChange(world: World, ns: Netns, spec: RouteSpec): NlResult {
  return insertRoute(world, ns, spec, { create: false, excl: false, replace: true, append: false })
}

/** `ip route del`: the first that has all that the spec names. */
export function routeDel(world: World, ns: Netns, spec: RouteSpec): NlResult {
  const id = specTable(spec)
  const routes = tableOf(ns, spec.family, id)
  const known = fibTable(ns.fib4, id) !== undefined || id === RT_TABLE_MAIN || id === RT_TABLE_LOCAL
  if (!known && spec.family === 4) {
    return nlError('ESRCH', 'FIB table does not exist')
  }
  if (maskIp(spec.dst, spec.len) !== spec.dst)
    return nlError('EINVAL', 'Invalid prefix for given prefix length')
  const i = routes.findIndex((route) => matchesSpec(route, spec))
  if (i < 0) return nlErrno('ESRCH')
  setTable(world, ns, spec.family, id, routes.toSpliced(i, 1))
  return null
}

/** The routes of one table, or of all, in the order in which the kernel lists them. */
export function routesOf(ns: Netns, family: 4 | 6, table?: number): readonly Route[] {
  if (table !== undefined) return tableOf(ns, family, table)
  const tables = family === 4 ? ns.fib4 : ns.fib6
  const ids = fibIds(tables).sort((a, b) => (a & 255) - (b & 255) || b - a)
  return ids.flatMap((id) => fibTable(tables, id) ?? [])
}

/**
 * Maps every route of a family through `change`: null removes it, the same record keeps it. For device events
 * (linkdown, dead, gone) and flushes.
 */
export function routesUpdate(
  world: World,
  ns: Netns,
  family: 4 | 6,
  change: (route: Route) => Route | null,
): void {
  const tables = family === 4 ? ns.fib4 : ns.fib6
  for (const id of fibIds(tables)) {
    const routes = fibTable(tables, id) ?? []
    const next: Route[] = []
    let changed = false
    for (const route of routes) {
      const kept = change(route)
      if (kept !== route) changed = true
      if (kept !== null) next.push(kept)
    }
    if (changed) setTable(world, ns, family, id, next)
  }
}

/** A copy of a route with other next hops, frozen. */
export function withNexthops(route: Route, nexthops: NextHop[]): Route {
  return frozenRoute(
    route,
    nexthops.map((hop) => Object.freeze(hop)),
  )
}

/** `ip rule add`. Without a preference it goes before the first rule that is not at 0. */
export function ruleAdd(world: World, ns: Netns, spec: RuleSpec): NlResult {
  const rules = rulesOf(ns, spec.family)
  // A lookup without a table gets the first that is empty (fib_empty_table).
  let table = spec.table ?? 0
  if (table === 0) for (table = 1; tableOf(ns, spec.family, table).length > 0; ) table++
  const rule = createRule({ ...spec, table }, spec.pref ?? defaultPref(rules))
  if (spec.pref !== undefined && rules.some((other) => sameRule(other, rule))) return nlErrno('EEXIST')
  const at = rules.findIndex((other) => other.pref > rule.pref)
  setRules(world, ns, spec.family, rules.toSpliced(at < 0 ? rules.length : at, 0, rule))
  return null
}

/** `ip rule del`: the first that has all that the spec names. */
export function ruleDel(world: World, ns: Netns, spec: RuleSpec): NlResult {
  const rules = rulesOf(ns, spec.family)
  const i = rules.findIndex((rule) => ruleHas(rule, spec))
  if (i < 0) return nlErrno('ENOENT')
  setRules(world, ns, spec.family, rules.toSpliced(i, 1))
  return null
}

/** `ip rule flush`: all but the one at preference 0. */
export function ruleFlush(world: World, ns: Netns, family: 4 | 6): NlResult {
  setRules(
    world,
    ns,
    family,
    rulesOf(ns, family).filter((rule) => rule.pref === 0),
  )
  return null
}

/** The policy rules in order. IPv6 has no `default` table. */
export function rulesOf(ns: Netns, family: 4 | 6): readonly PolicyRule[] {
  return family === 4 ? (ns.rules4 ?? STANDING4) : (ns.rules6 ?? STANDING6)
}

interface InsertMode {
  create: boolean
  excl: boolean
  replace: boolean
  append: boolean
}

function insertRoute(world: World, ns: Netns, spec: RouteSpec, mode: InsertMode): NlResult {
  const built = buildRoute(world, ns, spec)
  if ('errno' in built) return built
  const route = built
  const routes = tableOf(ns, spec.family, route.table)
  const from = routes.findIndex((other) => compareRoutes(route, other) <= 0)
  const first = from < 0 ? routes.length : from
  let end = first
  while (end < routes.length && compareRoutes(route, routes[end]!) === 0) end++
  if (end === first) {
    if (!mode.create) return nlErrno('ENOENT')
    setTable(world, ns, spec.family, route.table, routes.toSpliced(first, 0, route))
    return null
  }
  if (mode.excl) return nlErrno('EEXIST')
  const same = routes.findIndex((other, i) => i >= first && i < end && sameRoute(other, route))
  if (mode.replace) {
    if (same >= 0 && same !== first) return nlErrno('EEXIST')
    setTable(world, ns, spec.family, route.table, routes.toSpliced(first, 1, route))
    return null
  }
  if (same >= 0) return nlErrno('EEXIST')
  setTable(world, ns, spec.family, route.table, routes.toSpliced(mode.append ? end : first, 0, route))
  return null
}

function sameRoute(a: Route, b: Route): boolean {
  return (
    a.type === b.type &&
    a.scope === b.scope &&
    a.proto === b.proto &&
    a.prefsrc === b.prefsrc &&
    a.mtu === b.mtu &&
    sameNexthops(a.nexthops, b.nexthops)
  )
}

function tableOf(ns: Netns, family: 4 | 6, table: number): readonly Route[] {
  return fibTable(family === 4 ? ns.fib4 : ns.fib6, table) ?? []
}

function setTable(world: World, ns: Netns, family: 4 | 6, table: number, routes: readonly Route[]): void {
  touch(world, ns.id)
  if (family === 4) ns.fib4 ??= createFibTables()
  else ns.fib6 ??= createFibTables()
  const tables = (family === 4 ? ns.fib4 : ns.fib6)!
  if (family === 4) ns.fibGeneration++
  if (ns.exceptions !== null) dropExceptions(ns, fibTable(tables, table) ?? [], routes)
  fibTablePut(tables, table, Object.freeze(routes) as readonly Route[])
}

/** What was learned about paths over a next hop goes with its route. */
function dropExceptions(ns: Netns, before: readonly Route[], after: readonly Route[]): void {
  const kept = new Set(after)
  for (const route of before) {
    if (kept.has(route)) continue
    for (const dst of ns.exceptions?.keys() ?? []) {
      if (inPrefix(dst, route.dst, route.len)) ns.exceptions?.delete(dst)
    }
  }
}

function setRules(world: World, ns: Netns, family: 4 | 6, rules: readonly PolicyRule[]): void {
  touch(world, ns.id)
  const frozen = Object.freeze(rules) as readonly PolicyRule[]
  if (family === 4) ns.rules4 = frozen
  else ns.rules6 = frozen
}

function createRule(spec: RuleSpec, pref: number): PolicyRule {
  const any = spec.family === 4 ? 0 : '0'.repeat(32)
  const action = spec.action ?? 'lookup'
  return Object.freeze({
    pref,
    family: spec.family,
    not: spec.not ?? false,
    src: spec.src ?? any,
    srcLen: spec.srcLen ?? 0,
    dst: spec.dst ?? any,
    dstLen: spec.dstLen ?? 0,
    iif: spec.iif ?? '',
    oif: spec.oif ?? '',
    tos: spec.tos ?? 0,
    fwmark: spec.fwmark ?? 0,
    fwmask: spec.fwmask ?? (spec.fwmark === undefined ? 0 : -1),
    action,
    table: action === 'lookup' ? (spec.table ?? 0) : 0,
    proto: spec.proto ?? 3,
  })
}

/** fib_default_rule_pref: one below the second rule. */
function defaultPref(rules: readonly PolicyRule[]): number {
  const second = rules[1]
  return second !== undefined && second.pref > 0 ? second.pref - 1 : 0
}

function sameRule(a: PolicyRule, b: PolicyRule): boolean {
  return RULE_FIELDS.every((field) => a[field] === b[field])
}

function ruleHas(rule: PolicyRule, spec: RuleSpec): boolean {
  return RULE_FIELDS.every((field) => {
    const wanted = spec[field]
    if (wanted === undefined) return true
    return rule[field] === wanted
  })
}

function ruleMatches(ns: Netns, rule: PolicyRule, flow: Flow): boolean {
  const hit =
    (rule.srcLen === 0 || inPrefix(flow.src, rule.src, rule.srcLen)) &&
    (rule.dstLen === 0 || inPrefix(flow.dst, rule.dst, rule.dstLen)) &&
    (rule.iif === '' || ns.links[flow.iif === 0 ? 1 : flow.iif]?.name === rule.iif) &&
    (rule.oif === '' || ns.links[flow.oif]?.name === rule.oif) &&
    (rule.tos === 0 || rule.tos === flow.tos) &&
    ((rule.fwmark ^ flow.mark) & rule.fwmask) === 0
  return hit !== rule.not
}

function ruleResult(rule: PolicyRule): FibResult {
  const errno = rule.action === 'prohibit' ? 'EACCES' : rule.action === 'blackhole' ? 'EINVAL' : 'ENETUNREACH'
  const type: RouteType = rule.action === 'lookup' ? 'unicast' : rule.action
  return { route: null, nexthop: null, type, table: 0, rule, errno }
}

const RULE_FIELDS = [
  'pref',
  'not',
  'src',
  'srcLen',
  'dst',
  'dstLen',
  'iif',
  'oif',
  'tos',
  'fwmark',
  'fwmask',
  'action',
  'table',
] as const

function standingRule(family: 4 | 6, pref: number, table: number): PolicyRule {
  return createRule({ family, table, proto: 2 }, pref)
}

const STANDING4: readonly PolicyRule[] = Object.freeze([
  standingRule(4, 0, RT_TABLE_LOCAL),
  standingRule(4, 32766, RT_TABLE_MAIN),
  standingRule(4, 32767, RT_TABLE_DEFAULT),
])
const STANDING6: readonly PolicyRule[] = Object.freeze([
  standingRule(6, 0, RT_TABLE_LOCAL),
  standingRule(6, 32766, RT_TABLE_MAIN),
])
