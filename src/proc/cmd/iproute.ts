/**
 * `ip route`. Models ip/iproute.c of iproute2 6.1. Refused by name: save, restore, showdump, nexthop objects, encapsulation
 * and the TCP metrics.
 */
import type { Ip } from '../../base/addr.ts'
import { inPrefix } from '../../base/addr.ts'
import {
  routeAdd,
  routeAppend,
  routeChange,
  routeDel,
  routePrepend,
  routeReplace,
  routesOf,
} from '../../net/ip/fib.ts'
import type { NextHopSpec, RouteSpec } from '../../net/ip/fibspec.ts'
import { fibTable } from '../../net/ip/fibtables.ts'
import type { Route, RouteType } from '../../net/types.ts'
import { protoNumber, scopeNumber, tableNumber } from '../print/names.ts'
import type { RouteView } from '../print/route.ts'
import { putRoute } from '../print/route.ts'
import { closeArray, createWriter, openArray, put } from '../print/writer.ts'
import type { IpRun } from './ipctx.ts'
import { placeOf } from './ipctx.ts'
import { isShow } from './iplink.ts'
import type { Words } from './iproute2.ts'
import {
  check,
  garbage,
  giveUp,
  invarg,
  matches,
  more,
  needAddr,
  needLink,
  needNumber,
  needPrefix,
  next,
  noSuchCommand,
  notModelled,
  quit,
  word,
} from './iproute2.ts'
import { routeGetCommand } from './iprouteget.ts'

export function ipRoute(run: IpRun, words: Words): void {
  if (!more(words)) {
    routeList(run, words, 'list')
    return
  }
  const command = word(words)
  words.at++
  if (isShow(command)) routeList(run, words, 'list')
  else if (matches(command, 'get')) routeGetCommand(run, words)
  else if (matches(command, 'add')) routeModify(run, words, routeAdd)
  else if (matches(command, 'change') || command === 'chg') routeModify(run, words, routeChange)
  else if (matches(command, 'replace')) routeModify(run, words, routeReplace)
  else if (matches(command, 'prepend')) routeModify(run, words, routePrepend)
  else if (matches(command, 'append')) routeModify(run, words, routeAppend)
  else if (matches(command, 'test')) notModelled('ip route test')
  else if (matches(command, 'delete')) routeModify(run, words, routeDel)
  else if (matches(command, 'flush')) routeList(run, words, 'flush')
  else if (matches(command, 'save')) notModelled('ip route save')
  else if (matches(command, 'restore')) notModelled('ip route restore')
  else if (matches(command, 'showdump')) notModelled('ip route showdump')
  else if (matches(command, 'help')) routeUsage()
  else noSuchCommand(command, 'ip route')
}

const TYPES: readonly string[] = [
  'unicast',
  'local',
  'broadcast',
  'multicast',
  'anycast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
]

type Modify = typeof routeAdd

interface RouteRequest {
  spec: Partial<RouteSpec>
  family: 0 | 4 | 6
  dst: { addr: Ip; len: number } | undefined
  hop: NextHopSpec
  hops: NextHopSpec[]
  dev: string
  hopDevs: string[]
}

function routeModify(run: IpRun, words: Words, modify: Modify): void {
  if (!more(words)) routeUsage()
  const request: RouteRequest = {
    spec: {},
    family: run.family,
    dst: undefined,
    hop: {},
    hops: [],
    dev: '',
    hopDevs: [],
  }
  for (; more(words); words.at++) {
    if (readRouteWord(words, request)) continue
    readDestination(words, request)
  }
  const family = request.family === 6 ? 6 : 4
  const everything = { addr: family === 4 ? 0 : '0'.repeat(32), len: 0 }
  // `default` has no family of its own: the gateway's is the route's.
  const dst = request.dst === undefined || request.dst.len === 0 ? everything : request.dst
  if (request.dev !== '') request.hop.oif = needLink(run.ns, request.dev).ifindex
  const hops = request.hops.map((hop, i) => {
    const dev = request.hopDevs[i] ?? ''
    return dev === '' ? hop : { ...hop, oif: needLink(run.ns, dev).ifindex }
  })
  const single = Object.keys(request.hop).length > 0 ? [request.hop] : []
  const spec: RouteSpec = { ...request.spec, family, dst: dst.addr, len: dst.len }
  const all = hops.length > 0 ? hops : single
  if (all.length > 0) spec.nexthops = all
  if (modify === routeDel && spec.scope === undefined && family === 4) spec.scope = deleteScope(spec)
  check(modify(run.world, run.ns, spec))
}

/** What iproute2 says of scope when it deletes: nowhere (any), but for local routes. */
function deleteScope(spec: RouteSpec): number {
  return spec.type === 'local' ? 254 : 255
}

function readDestination(words: Words, request: RouteRequest): void {
  if (word(words) === 'to') next(words)
  if (TYPES.includes(word(words)) && request.spec.type === undefined) {
    request.spec.type = word(words) as RouteType
    next(words)
  } else if (word(words) === 'nat') notModelled('ip route nat')
  if (matches(word(words), 'help')) routeUsage()
  if (request.dst !== undefined) garbage('to', word(words))
  request.dst = needPrefix(word(words), request.family)
  if (request.family === 0 && !/^(default|any|all)$/.test(word(words))) {
    request.family = typeof request.dst.addr === 'number' ? 4 : 6
  }
}

function readRouteWord(words: Words, request: RouteRequest): boolean {
  const { spec } = request
  const text = word(words)
  if (text === 'src') {
    spec.prefsrc = needAddr(next(words), request.family)
    if (request.family === 0) request.family = typeof spec.prefsrc === 'number' ? 4 : 6
  } else if (text === 'via') readVia(words, request, request.hop)
  else if (text === 'tos' || matches(text, 'dsfield')) spec.tos = needTos(next(words))
  else if (text === 'expires') notModelled('ip route expires')
  else if (text === 'metric' || matches(text, 'priority') || text === 'preference') {
    spec.metric = needNumber(next(words), 0xffffffff, '"metric" value is invalid\n')
  } else if (text === 'scope') {
    const scope = scopeNumber(next(words))
    if (scope === undefined) invarg('invalid "scope" value\n', word(words))
    spec.scope = scope
  } else if (text === 'mtu') {
    if (next(words) === 'lock') notModelled('a locked mtu')
    spec.mtu = needNumber(word(words), 0xffffffff, '"mtu" value is invalid\n')
  } else if (matches(text, 'protocol')) {
    const proto = protoNumber(next(words))
    if (proto === undefined) invarg('"protocol" value is invalid\n', word(words))
    spec.proto = proto
  } else if (matches(text, 'table')) {
    const table = tableNumber(next(words))
    if (table === undefined) invarg('"table" value is invalid\n', word(words))
    spec.table = table
  } else if (text === 'dev' || text === 'oif') {
    request.dev = next(words)
  } else if (text === 'onlink') request.hop.onlink = true
  else if (text === 'nexthop') readNexthops(words, request)
  else if (text === 'pref') spec.pref = needPref(next(words))
  else if (text === 'pervasive' || text === 'nhid' || REFUSED.includes(text)) notModelled(`ip route ${text}`)
  else if (text === 'weight') request.hop.weight = needWeight(next(words))
  else return false
  return true
}

const REFUSED: readonly string[] =
  'hoplimit advmss reordering rtt rto_min window cwnd initcwnd initrwnd features quickack congctl rttvar ssthresh realms vrf encap ttl-propagate fastopen_no_cookie as'.split(
    ' ',
  )

/** `via [ inet | inet6 ] ADDRESS`. A gateway of the other family is not modelled. */
function readVia(words: Words, request: RouteRequest, hop: NextHopSpec): void {
  let family = request.family
  const text = next(words)
  if (text === 'inet' || text === 'inet6') {
    family = text === 'inet' ? 4 : 6
    next(words)
    if (request.family !== 0 && request.family !== family) notModelled('a gateway of the other family')
  }
  const via = needAddr(word(words), family)
  if (request.family === 0) request.family = typeof via === 'number' ? 4 : 6
  hop.via = via
}

function readNexthops(words: Words, request: RouteRequest): void {
  while (more(words) && word(words) === 'nexthop') {
    next(words)
    const hop: NextHopSpec = {}
    let dev = ''
    for (; more(words) && word(words) !== 'nexthop'; words.at++) {
      if (word(words) === 'via') readVia(words, request, hop)
      else if (word(words) === 'dev') dev = next(words)
      else if (word(words) === 'weight') hop.weight = needWeight(next(words))
      else if (word(words) === 'onlink') hop.onlink = true
      else if (word(words) === 'encap' || word(words) === 'realms') notModelled(`nexthop ${word(words)}`)
      else giveUp(`Error: "nexthop" or end of line is expected instead of "${word(words)}"\n`)
    }
    request.hops.push(hop)
    request.hopDevs.push(dev)
  }
  words.at--
}

function needWeight(text: string): number {
  const weight = needNumber(text, 256, '"weight" is invalid')
  if (weight === 0) invarg('"weight" is invalid', text)
  return weight
}

function needTos(text: string): number {
  const value = /^[0-9a-fA-F]{1,2}$|^0x[0-9a-fA-F]{1,2}$/.test(text) ? Number.parseInt(text, 16) : -1
  if (value < 0) invarg('"tos" value is invalid\n', text)
  return value
}

function needPref(text: string): number {
  const value = ['medium', 'high', '', 'low'].indexOf(text)
  if (value < 0 || text === '') invarg('"pref" value is invalid\n', text)
  return value
}

interface RouteFilter {
  view: RouteView
  family: 4 | 6 | 0
  /** A table's number, 0 for all, -1 for the cache. */
  table: number
  oif: number
  proto: number
  scope: number
  type: string
  tos: number
  metric: number
  via: Ip | undefined
  src: Ip | undefined
  root: { addr: Ip; len: number } | undefined
  match: { addr: Ip; len: number } | undefined
}

function readRouteFilter(run: IpRun, words: Words): RouteFilter {
  const filter: RouteFilter = {
    view: {
      details: run.details,
      table: true,
      dev: false,
      proto: false,
      scope: false,
      via: false,
      src: false,
      metric: false,
    },
    family: run.family,
    table: 254,
    oif: 0,
    proto: -1,
    scope: -1,
    type: '',
    tos: -1,
    metric: -1,
    via: undefined,
    src: undefined,
    root: undefined,
    match: undefined,
  }
  for (; more(words); words.at++)
    if (!readRouteSelector(run, words, filter)) readPrefixSelector(words, filter)
  filter.view.table = filter.table !== 0
  return filter
}

function readRouteSelector(run: IpRun, words: Words, filter: RouteFilter): boolean {
  const text = word(words)
  if (matches(text, 'table')) {
    const name = next(words)
    if (name === 'cache') filter.table = -1
    else if (name === 'all') filter.table = 0
    else {
      const table = tableNumber(name)
      if (table === undefined) invarg('table id value is invalid\n', name)
      filter.table = table
    }
  } else if (text === 'vrf') notModelled('vrf')
  else if (matches(text, 'cached') || matches(text, 'cloned')) filter.table = -1
  else if (text === 'tos' || matches(text, 'dsfield')) filter.tos = needTos(next(words))
  else if (matches(text, 'protocol')) {
    const name = next(words)
    const proto = protoNumber(name)
    if (proto === undefined && name !== 'all') invarg('invalid "protocol"\n', name)
    filter.proto = proto ?? -1
    filter.view.proto = true
  } else if (matches(text, 'scope')) {
    const name = next(words)
    const scope = scopeNumber(name)
    if (scope === undefined && name !== 'all') invarg('invalid "scope"\n', name)
    filter.scope = scope ?? -1
    filter.view.scope = true
  } else if (matches(text, 'type')) {
    filter.type = next(words)
    if (!TYPES.includes(filter.type)) invarg('node type value is invalid\n', filter.type)
  } else if (text === 'dev' || text === 'oif' || text === 'iif') {
    filter.oif = needLink(run.ns, next(words)).ifindex
    filter.view.dev = true
  } else if (text === 'via') {
    if (next(words) === 'inet' || word(words) === 'inet6') next(words)
    filter.via = needAddr(word(words), filter.family)
    filter.view.via = true
  } else if (text === 'src') {
    filter.src = needAddr(next(words), filter.family)
    filter.view.src = true
  } else if (text === 'metric' || matches(text, 'priority') || text === 'preference') {
    filter.metric = needNumber(next(words), 0xffffffff, '"metric" value is invalid\n')
    filter.view.metric = true
  } else if (matches(text, 'realms') || text === 'from' || text === 'nhid')
    notModelled(`ip route show ${text}`)
  else return false
  return true
}

function readPrefixSelector(words: Words, filter: RouteFilter): void {
  let text = word(words)
  if (text === 'to') text = next(words)
  if (matches(text, 'root')) {
    filter.root = needPrefix(next(words), filter.family)
    return
  }
  if (matches(text, 'match')) {
    filter.match = needPrefix(next(words), filter.family)
    return
  }
  if (matches(text, 'exact')) text = next(words)
  const prefix = needPrefix(text, filter.family)
  filter.root = prefix
  filter.match = prefix
  if (filter.family === 0) filter.family = typeof prefix.addr === 'number' ? 4 : 6
}

function routeList(run: IpRun, words: Words, what: 'list' | 'flush'): void {
  if (what === 'flush' && !more(words)) giveUp('"ip route flush" requires arguments.\n')
  const filter = readRouteFilter(run, words)
  const { w } = run
  if (filter.table < 0) {
    openArray(w)
    closeArray(w)
    if (what === 'flush') w.text = ''
    return
  }
  const families: (4 | 6)[] = filter.family !== 0 ? [filter.family] : filter.table === 0 ? [4, 6] : [4]
  const routes = families.flatMap((family) => [...routesOf(run.ns, family, filter.table || undefined)])
  if (
    routes.length === 0 &&
    filter.table > 0 &&
    !(filter.table >= 253 && filter.table <= 255) &&
    families[0] === 4
  ) {
    const known = fibTable(run.ns.fib4, filter.table) !== undefined
    const word2 = what === 'flush' ? 'Flush' : 'Dump'
    if (!known) giveUp(`Error: ipv4: FIB table does not exist.\n${word2} terminated\n`, 2)
  }
  const found = routes.filter((route) => routeMatches(route, filter))
  if (what === 'flush') {
    flushRoutes(run, found, filter)
    return
  }
  const place = placeOf(run)
  openArray(w)
  for (const route of found) putRoute(w, place, route, filter.view)
  closeArray(w)
}

function routeMatches(route: Route, filter: RouteFilter): boolean {
  if (filter.proto >= 0 && route.proto !== filter.proto) return false
  if (filter.scope >= 0 && route.scope !== filter.scope) return false
  if (filter.type !== '' && route.type !== filter.type) return false
  if (filter.tos >= 0 && route.tos !== filter.tos) return false
  if (filter.metric >= 0 && route.metric !== filter.metric) return false
  if (filter.oif !== 0 && !route.nexthops.some((hop) => hop.oif === filter.oif)) return false
  if (filter.via !== undefined && !route.nexthops.some((hop) => hop.via === filter.via)) return false
  if (filter.src !== undefined && route.prefsrc !== filter.src) return false
  const { root, match } = filter
  if (root !== undefined && (route.len < root.len || !inPrefix(route.dst, root.addr, root.len))) return false
  if (match === undefined) return true
  return route.len <= match.len && inPrefix(match.addr, route.dst, route.len)
}

function flushRoutes(run: IpRun, routes: readonly Route[], filter: RouteFilter): void {
  const w = createWriter({})
  const place = placeOf(run)
  let count = 0
  for (const route of routes) {
    if (run.stats > 1) putRoute(w, place, route, filter.view)
    const { dst, len, type, table, scope, proto, metric, tos } = route
    const family = typeof dst === 'number' ? 4 : 6
    const spec: RouteSpec = { family, dst, len, type, table, proto, metric, tos }
    if (family === 4) spec.scope = scope
    if (route.nexthops.length > 0) {
      spec.nexthops = route.nexthops.map((hop) => {
        return hop.via === undefined ? { oif: hop.oif } : { oif: hop.oif, via: hop.via }
      })
    }
    if (routeDel(run.world, run.ns, spec) === null) count++
  }
  if (run.stats > 0) {
    if (count === 0) put(w, 'Nothing to flush.\n')
    else put(w, `\n*** Round 1, deleting ${count} entries ***\n*** Flush is complete after 1 round ***\n`)
  }
  run.options.json = false
  run.w.json = false
  run.w.text = w.text
}

function routeUsage(): never {
  quit(
    'Usage: ip route { list | flush } SELECTOR\n' +
      '       ip route get ADDRESS [ from ADDRESS iif STRING ] [ oif STRING ] [ mark NUMBER ] [ tos TOS ]\n' +
      '       ip route { add | del | change | append | prepend | replace } ROUTE\n' +
      'SELECTOR := [ root PREFIX ] [ match PREFIX ] [ exact PREFIX ] [ table TABLE_ID ] [ dev STRING ]\n' +
      '            [ via ADDRESS ] [ proto RTPROTO ] [ type TYPE ] [ scope SCOPE ]\n' +
      'ROUTE := [ TYPE ] PREFIX [ via ADDRESS ] [ dev STRING ] [ src ADDRESS ] [ table TABLE_ID ] [ metric METRIC ]\n' +
      '         [ proto RTPROTO ] [ scope SCOPE ] [ tos TOS ] [ mtu NUMBER ] [ onlink ] [ nexthop NH ]...\n' +
      'NH := [ via ADDRESS ] [ dev STRING ] [ weight NUMBER ] [ onlink ]\n' +
      'TYPE := { unicast | local | broadcast | multicast | throw | unreachable | prohibit | blackhole }\n',
  )
}
