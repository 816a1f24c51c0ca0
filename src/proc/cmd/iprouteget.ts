/** `ip route get`. Models iproute_get of ip/iproute.c (iproute2 6.1). */
import type { Ip } from '../../base/addr.ts'
import { fibLookup } from '../../net/ip/fib.ts'
import { routeGet } from '../../net/ip/route.ts'
import { routeGet6 } from '../../net/ip6/route.ts'
import { strerror } from '../../net/nlresult.ts'
import { PLAIN_ROUTE, putRoute, putRouteGet } from '../print/route.ts'
import { closeArray, openArray } from '../print/writer.ts'
import { err } from '../program.ts'
import type { IpRun } from './ipctx.ts'
import { placeOf } from './ipctx.ts'
import type { Words } from './iproute2.ts'
import {
  giveUp,
  invarg,
  matches,
  more,
  needLink,
  needNumber,
  needPrefix,
  next,
  notModelled,
  word,
} from './iproute2.ts'

interface GetRequest {
  dst: { addr: Ip; len: number; given: boolean } | undefined
  from: Ip | undefined
  iif: string
  oif: string
  mark: number
  tos: number
  fibmatch: boolean
}

export function routeGetCommand(run: IpRun, words: Words): void {
  const request = readGet(run, words)
  const { dst } = request
  if (dst === undefined) giveUp('need at least a destination address\n')
  const oif = request.oif === '' ? 0 : needLink(run.ns, request.oif).ifindex
  const iif = request.iif === '' ? 0 : needLink(run.ns, request.iif).ifindex
  const full = typeof dst.addr === 'number' ? 32 : 128
  if (dst.len !== full && dst.given) {
    err(run.ctx, `Warning: /${dst.len} as prefix is invalid, only /${full} (or none) is supported.\n`)
  }
  if (typeof dst.addr !== 'number') {
    get6(run, dst.addr, request, oif, iif)
    return
  }
  if (request.fibmatch) {
    showMatch(run, dst.addr, request, oif)
    return
  }
  const src = typeof request.from === 'number' ? request.from : 0
  const { mark, tos } = request
  const got = routeGet(run.world, run.ns, { dst: dst.addr, src, iif, oif, mark, tos })
  if ('errno' in got) giveUp(`RTNETLINK answers: ${strerror(got.errno)}\n`, 2)
  const { expiresInS, ...rest } = got
  putRouteGet(run.w, placeOf(run), { ...rest, details: run.details, mark, expires: expiresInS })
}

function readGet(run: IpRun, words: Words): GetRequest {
  const request: GetRequest = {
    dst: undefined,
    from: undefined,
    iif: '',
    oif: '',
    mark: 0,
    tos: 0,
    fibmatch: false,
  }
  let family = run.family
  for (; more(words); words.at++) {
    const text = word(words)
    if (text === 'tos' || matches(text, 'dsfield')) {
      const tos = next(words)
      if (!/^(0x)?[0-9a-fA-F]{1,2}$/.test(tos)) invarg('TOS value is invalid\n', tos)
      request.tos = Number.parseInt(tos, 16)
    } else if (matches(text, 'from')) {
      if (matches(next(words), 'help'))
        giveUp('Usage: ip route get ADDRESS [ from ADDRESS iif STRING ]\n', 255)
      request.from = needPrefix(word(words), family).addr
    } else if (matches(text, 'iif')) request.iif = next(words)
    else if (matches(text, 'mark')) request.mark = needNumber(next(words), 0xffffffff, 'invalid mark value')
    else if (matches(text, 'oif') || text === 'dev') request.oif = next(words)
    else if (matches(text, 'notify') || matches(text, 'connected')) notModelled(`ip route get ${text}`)
    else if (text === 'vrf') notModelled('vrf')
    else if (text === 'fibmatch') request.fibmatch = true
    else if (/^(uid|ipproto|sport|dport)$/.test(text)) next(words)
    else {
      if (text === 'to') next(words)
      request.dst = needPrefix(word(words), family)
      if (family === 0) family = typeof request.dst.addr === 'number' ? 4 : 6
    }
  }
  return request
}

/** `fibmatch`: the route itself as its table lists it. */
function showMatch(run: IpRun, dst: Ip, request: GetRequest, oif: number): void {
  const family = typeof dst === 'number' ? 4 : 6
  const any = family === 4 ? 0 : '0'.repeat(32)
  const { mark, tos } = request
  const flow = { family, dst, src: request.from ?? any, iif: 0, oif, mark, tos } as const
  const found = fibLookup(run.world, run.ns, flow)
  if (found.route === null) giveUp(`RTNETLINK answers: ${strerror(found.errno)}\n`, 2)
  openArray(run.w)
  putRoute(run.w, placeOf(run), found.route, { ...PLAIN_ROUTE, details: run.details, table: false })
  closeArray(run.w)
}

/** An IPv6 destination: the kernel answers with the route cut down to the address. */
function get6(run: IpRun, dst: string, request: GetRequest, oif: number, iif: number): void {
  if (request.fibmatch || iif !== 0) {
    if (iif !== 0) notModelled('ip -6 route get iif')
    showMatch(run, dst, request, oif)
    return
  }
  const any = '0'.repeat(32)
  const from = typeof request.from === 'string' ? request.from : any
  const { mark, tos } = request
  const got = routeGet6(run.world, run.ns, { dst, src: from, oif, mark, tos })
  if ('errno' in got) giveUp(`RTNETLINK answers: ${strerror(got.errno)}\n`, 2)
  const { route, nexthop } = got.fib
  if (route === null) giveUp(`RTNETLINK answers: ${strerror('ENETUNREACH')}\n`, 2)
  openArray(run.w)
  const nexthops = nexthop === null ? [] : [{ ...nexthop, oif: got.oif, via: got.gateway }]
  const prefsrc = from === any ? got.src : undefined
  const shown = { ...route, dst, len: 128, nexthops, prefsrc, mtu: got.mtu }
  const { expiresInS } = got
  putRoute(run.w, placeOf(run), shown, {
    ...PLAIN_ROUTE,
    details: run.details,
    table: false,
    from,
    expiresInS,
  })
  closeArray(run.w)
}
