/** Routes as `ip route` prints them. Models print_route of ip/iproute.c (iproute2 6.1). */
import { formatIp } from '../../base/addr.ts'
import type { NextHop, Route } from '../../net/types.ts'
import type { Place } from './names.ts'
import { protoName, scopeName, tableName } from './names.ts'
import type { Writer } from './writer.ts'
import {
  both,
  closeArray,
  closeObject,
  COLOR,
  newline,
  openArray,
  openObject,
  put,
  strings,
  tinted,
} from './writer.ts'

/** What a filter fixes is not printed again. */
export interface RouteView {
  details: number
  /** One table was asked for (by default the main table). */
  table: boolean
  dev: boolean
  proto: boolean
  scope: boolean
  via: boolean
  src: boolean
  metric: boolean
  /** `ip -6 route get`: the source that was asked for, and how long a learned MTU holds. */
  from?: string
  expiresInS?: number
}

/** Nothing hidden but the table. */
export const PLAIN_ROUTE: RouteView = Object.freeze({
  details: 0,
  table: true,
  dev: false,
  proto: false,
  scope: false,
  via: false,
  src: false,
  metric: false,
})

/** One route, to the end of its line. */
export function putRoute(w: Writer, place: Place, route: Route, view: RouteView = PLAIN_ROUTE): void {
  openObject(w)
  const hop = route.nexthops.length === 1 ? route.nexthops[0] : undefined
  if (route.type !== 'unicast' || view.details > 0) both(w, 'type', route.type, `${route.type} `)
  const dst = routeDst(route)
  tinted(w, tint(route.dst), 'dst', dst, `${dst} `)
  if (view.from !== undefined) both(w, 'from', formatIp(view.from), `from ${formatIp(view.from)} `)
  if (route.tos !== 0) {
    const tos = `0x${route.tos.toString(16).padStart(2, '0')}`
    both(w, 'tos', tos, `tos ${tos} `)
  }
  if (hop?.via !== undefined && !view.via) putVia(w, hop, route)
  if (hop !== undefined && hop.oif !== 0 && !view.dev) putDev(w, place, hop.oif)
  else if (route.nexthops.length === 0 && typeof route.dst === 'string' && !view.dev) putDev(w, place, 1)
  if ((route.table !== 254 || view.details > 0) && !view.table) {
    both(w, 'table', tableName(route.table), `table ${tableName(route.table)} `)
  }
  if ((route.proto !== 3 || view.details > 0) && !view.proto) {
    both(w, 'protocol', protoName(route.proto), `proto ${protoName(route.proto)} `)
  }
  if ((route.scope !== 0 || view.details > 0) && !view.scope) {
    both(w, 'scope', scopeName(route.scope), `scope ${scopeName(route.scope)} `)
  }
  if (route.prefsrc !== undefined && !view.src) {
    const src = formatIp(route.prefsrc)
    put(w, 'src ')
    tinted(w, tint(route.prefsrc), 'prefsrc', src, `${src} `)
  }
  if ((route.metric !== 0 || typeof route.dst === 'string') && !view.metric)
    both(w, 'metric', route.metric, `metric ${route.metric} `)
  const flags = hop === undefined ? [] : hopFlags(hop)
  strings(w, 'flags', flags)
  for (const flag of flags) put(w, `${flag} `)
  const expires = view.expiresInS ?? 0
  if (expires > 0) both(w, 'expires', expires, `expires ${expires}sec `)
  putMetrics(w, route.mtu)
  if (route.nexthops.length > 1) putMultipath(w, place, route)
  if (typeof route.dst === 'string') {
    const pref = ['medium', 'high', '2', 'low'][route.pref] ?? String(route.pref)
    both(w, 'pref', pref, `pref ${pref}`)
  }
  put(w, '\n')
  closeObject(w)
}

/** `default`, an address, or a prefix. */
export function routeDst(route: { dst: Route['dst']; len: number }): string {
  const full = typeof route.dst === 'number' ? 32 : 128
  if (route.len === 0) return 'default'
  return route.len === full ? formatIp(route.dst) : `${formatIp(route.dst)}/${route.len}`
}

/** State flags of a next hop. */
export function hopFlags(hop: NextHop): string[] {
  const flags: string[] = []
  if (hop.dead) flags.push('dead')
  if (hop.onlink) flags.push('onlink')
  if (hop.linkdown) flags.push('linkdown')
  return flags
}

export function putDev(w: Writer, place: Place, oif: number): void {
  const name = place.ns.links[oif]?.name ?? `if${oif}`
  put(w, 'dev ')
  tinted(w, COLOR.ifname, 'dev', name, `${name} `)
}

export function putMetrics(w: Writer, mtu: number): void {
  if (mtu === 0) return
  openArray(w, 'metrics')
  openObject(w)
  both(w, 'mtu', mtu, `mtu ${mtu} `)
  closeObject(w)
  closeArray(w)
}

/** A gateway; one of the other family says its family. */
function putVia(w: Writer, hop: NextHop, route: Route): void {
  const via = hop.via!
  const text = formatIp(via)
  if (typeof via === typeof route.dst) {
    put(w, 'via ')
    tinted(w, tint(via), 'gateway', text, `${text} `)
    return
  }
  const family = typeof via === 'number' ? 'inet' : 'inet6'
  openObject(w, 'via')
  both(w, 'family', family, `via ${family} `)
  tinted(w, tint(via), 'host', text, `${text} `)
  closeObject(w)
}

function putMultipath(w: Writer, place: Place, route: Route): void {
  openArray(w, 'nexthops')
  for (const hop of route.nexthops) {
    openObject(w)
    newline(w)
    put(w, '\tnexthop ')
    if (hop.via !== undefined) putVia(w, hop, route)
    if (hop.oif !== 0) putDev(w, place, hop.oif)
    both(w, 'weight', hop.weight, `weight ${hop.weight} `)
    const flags = hopFlags(hop)
    strings(w, 'flags', flags)
    for (const flag of flags) put(w, `${flag} `)
    closeObject(w)
  }
  closeArray(w)
}

function tint(ip: number | string): string {
  return typeof ip === 'number' ? COLOR.inet : COLOR.inet6
}

/** What `ip route get` prints of one look-up. */
export interface RouteGetView {
  details: number
  type: string
  dst: Route['dst']
  from: Route['dst'] | undefined
  via: Route['dst'] | undefined
  oif: number
  table: number
  src: Route['dst'] | undefined
  mark: number
  /** ifindex of the incoming device, 0 for an own packet. */
  iif: number
  mtu: number
  /** Seconds until the cached path MTU or redirect is forgotten, 0 for none. */
  expires: number
  flags: readonly string[]
}

/** The answer for an IPv4 destination: the route and a line about the cache. */
export function putRouteGet(w: Writer, place: Place, got: RouteGetView): void {
  openArray(w)
  openObject(w)
  if (got.type !== 'unicast' || got.details > 0) both(w, 'type', got.type, `${got.type} `)
  const dst = formatIp(got.dst)
  tinted(w, tint(got.dst), 'dst', dst, `${dst} `)
  if (got.from !== undefined) {
    const from = formatIp(got.from)
    both(w, 'from', from, `from ${from} `)
  }
  if (got.via !== undefined) {
    const via = formatIp(got.via)
    put(w, 'via ')
    tinted(w, tint(got.via), 'gateway', via, `${via} `)
  }
  putDev(w, place, got.oif)
  if (got.details > 0 && got.table !== 0)
    both(w, 'table', tableName(got.table), `table ${tableName(got.table)} `)
  if (got.src !== undefined) {
    const src = formatIp(got.src)
    put(w, 'src ')
    tinted(w, tint(got.src), 'prefsrc', src, `${src} `)
  }
  strings(w, 'flags', [])
  if (got.mark !== 0) {
    const mark = got.mark >= 16 ? `0x${got.mark.toString(16)}` : String(got.mark)
    both(w, 'mark', got.mark, `mark ${mark} `)
  }
  if (got.iif === 0) both(w, 'uid', 0, 'uid 0 ')
  newline(w)
  put(w, '    cache ')
  strings(w, 'cache', got.flags)
  if (got.flags.length > 0) put(w, `<${got.flags.join(',')}> `)
  if (got.expires !== 0) both(w, 'expires', got.expires, `expires ${got.expires}sec `)
  putMetrics(w, got.mtu)
  const iif = place.ns.links[got.iif]?.name
  if (got.iif !== 0 && iif !== undefined) both(w, 'iif', iif, `iif ${iif} `)
  put(w, '\n')
  closeObject(w)
  closeArray(w)
}

/** A route as one line of text without its end: evidence in traces, rows in tables. */
export function routeLine(place: Place, route: Route, view: RouteView = PLAIN_ROUTE): string {
  const w: Writer = {
    json: false,
    pretty: false,
    oneline: true,
    color: false,
    text: '',
    depth: 0,
    sep: false,
  }
  putRoute(w, place, route, view)
  return w.text.trimEnd()
}
