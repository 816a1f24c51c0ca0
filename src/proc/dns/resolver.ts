/**
 * getaddrinfo(3) for programs, as plain data that their state holds: /etc/hosts, the search list, A and AAAA together,
 * errors as gai_strerror(3) says them. Models glibc 2.36 (resolv/res_query.c, sysdeps/posix/getaddrinfo.c) and musl
 * 1.2 (src/network/lookup_name.c). Not here: mDNS, systemd-resolved, IDNA, the sorting of RFC 6724 beyond "what has a
 * route first, then IPv6".
 */
import type { Ip } from '../../base/addr.ts'
import { isLoopback, parseIp } from '../../base/addr.ts'
import { nextBelow } from '../../base/rng.ts'
import { linksOf } from '../../net/link/device.ts'
import { sockClose, sockConnect, sockOpen } from '../../net/sock/socket.ts'
import type { ProcCtx, ProcEvent } from '../../run/types.ts'
import type { DnsMessage } from '../../wire/dns.ts'
import * as dns from '../../wire/dns.ts'
import type { DnsExchange, DnsTry } from './exchange.ts'
import { exchangeAnswered, exchangeClose, exchangeEvent, exchangeStart } from './exchange.ts'
import type { Libc, ResolvConf } from './resolvconf.ts'
import { hostSources, hostsLines, libcOf, resolvConf, searchNames } from './resolvconf.ts'
import { isHostName, parseNumeric } from './hostname.ts'

/** A lookup on its way, or done: then `addresses`, or `error` in gai_strerror(3)'s words. */
export interface Lookup {
  host: string
  types: number[]
  libc: Libc
  conf: ResolvConf
  /** Names that are still to be asked for. */
  names: string[]
  asIs: string
  exchange: DnsExchange | null
  done: boolean
  addresses: Ip[]
  /** The name that the addresses belong to, without the dot at the end. */
  canon: string
  /** Names on the way there: what /etc/hosts has besides, or what CNAMEs led from. */
  aliases: string[]
  error: '' | GaiError
  /** What earlier names came to. */
  sawNodata: boolean
  sawServfail: boolean
  /** What the name as it is came to, where it was asked for first. */
  first: '' | GaiError
}

export type GaiError =
  | 'Name or service not known'
  | 'Temporary failure in name resolution'
  | 'No address associated with hostname'
  | 'Non-recoverable failure in name resolution'
  | 'Address family for hostname not supported'

export interface LookupOptions {
  family: 0 | 4 | 6
  /** AI_ADDRCONFIG: only families that the namespace has addresses of. */
  addrconfig?: boolean
  /** gethostbyname2(3): /etc/hosts gives the first line only, and the search runs over for each family. */
}

export const EAI_NONAME: GaiError = 'Name or service not known'
export const EAI_AGAIN: GaiError = 'Temporary failure in name resolution'
export const EAI_NODATA: GaiError = 'No address associated with hostname'
export const EAI_FAIL: GaiError = 'Non-recoverable failure in name resolution'
export const EAI_ADDRFAMILY: GaiError = 'Address family for hostname not supported'

const SEC = 1_000_000_000
const LOCALHOST = 0x7f000001

/** Begins a lookup; it is `done` at once for numbers, lines of /etc/hosts and what cannot be a name. */
export function lookupStart(ctx: ProcCtx, host: string, options: LookupOptions): Lookup {
  const conf = resolvConf(ctx)
  const types = typesOf(ctx, options)
  const lookup: Lookup = {
    host,
    types,
    libc: libcOf(ctx),
    conf,
    names: [],
    asIs: '',
    exchange: null,
    done: false,
    addresses: [],
    canon: host,
    aliases: [],
    error: '',
    sawNodata: false,
    sawServfail: false,
    first: '',
  }
  const literal = parseIp(host) ?? parseNumeric(host)
  if (literal !== undefined) {
    const is = typeof literal === 'number' ? 4 : 6
    return options.family === 0 || options.family === is
      ? found(ctx, lookup, [literal], host)
      : failed(lookup, EAI_ADDRFAMILY)
  }
  if (!isHostName(host) || types.length === 0) return failed(lookup, EAI_NONAME)
  for (const source of hostSources(ctx)) {
    if (source === 'files' && fromHosts(ctx, lookup)) return lookup
    if (source !== 'dns') continue
    lookup.names = searchNames(conf, host, lookup.libc)
    lookup.asIs = host.endsWith('.') ? host : `${host}.`
    askNext(ctx, lookup)
    return lookup
  }
  return failed(lookup, EAI_NONAME)
}

/** Takes an event of the process. False where it is not the lookup's. Afterwards look at `done`. */
export function lookupEvent(ctx: ProcCtx, lookup: Lookup, event: ProcEvent): boolean {
  const { exchange } = lookup
  if (exchange === null || !exchangeEvent(ctx, exchange, event)) return false
  if (exchange.done && !lookup.done) exchanged(ctx, lookup, exchange)
  return true
}

/** Gives a lookup up. */
export function lookupClose(ctx: ProcCtx, lookup: Lookup): void {
  if (lookup.exchange !== null) exchangeClose(ctx, lookup.exchange)
  lookup.done = true
}

/** The tries of res_send: every server in turn, `attempts` times; later ones of a round wait longer. */
export function resolverPlan(conf: ResolvConf, libc: Libc, first = 0): { servers: Ip[]; plan: DnsTry[] } {
  const servers = conf.servers.length === 0 ? [LOCALHOST] : [...conf.servers]
  const attempts = Math.max(1, conf.attempts)
  const plan: DnsTry[] = []
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (libc === 'musl') {
      plan.push({ server: -1, timeoutNs: Math.round((Math.max(1, conf.timeout) * SEC) / attempts) })
      continue
    }
    for (let n = 0; n < servers.length; n++) {
      let seconds = conf.timeout * 2 ** n
      if (n > 0) seconds = Math.floor(seconds / servers.length)
      plan.push({ server: (n + first) % servers.length, timeoutNs: Math.max(1, seconds) * SEC })
    }
  }
  return { servers, plan }
}

/** What has a route first, then IPv6 before IPv4; otherwise as it came. */
export function sortAddresses(ctx: ProcCtx, addresses: readonly Ip[]): Ip[] {
  if (addresses.length < 2) return [...addresses]
  const usable = (ip: Ip): boolean => {
    const family = typeof ip === 'number' ? 4 : 6
    const sock = sockOpen(ctx.world, ctx.ns, { kind: 'udp', family, pid: ctx.proc.pid })
    const errno = sockConnect(ctx.world, ctx.ns, sock, ip, 53)
    sockClose(ctx.world, ctx.ns, sock)
    return errno === null
  }
  const reach = new Map<string, boolean>()
  for (const ip of addresses) if (!reach.has(String(ip))) reach.set(String(ip), usable(ip))
  const rank = (ip: Ip) => (reach.get(String(ip)) === true ? 0 : 2) + (typeof ip === 'string' ? 0 : 1)
  return [...addresses].sort((a, b) => rank(a) - rank(b))
}

/** The addresses of an answer by its CNAMEs, the name at their end, and the names before it. */
export function followAnswer(message: DnsMessage, name: string, type: number) {
  let at = name
  const aliases: string[] = []
  for (let i = 0; i < 16; i++) {
    const next = message.answer.find(
      (rr) => rr.type === dns.TYPE_CNAME && rr.name.toLowerCase() === at.toLowerCase(),
    )
    if (next?.data.kind !== 'name') break
    aliases.push(at.replace(/\.$/, ''))
    at = next.data.name
  }
  const addresses: Ip[] = []
  for (const rr of message.answer) {
    if (rr.type === type && rr.data.kind === 'ip' && rr.name.toLowerCase() === at.toLowerCase()) {
      addresses.push(rr.data.ip)
    }
  }
  return { addresses, canon: at.replace(/(.)\.$/, '$1'), aliases }
}

function typesOf(ctx: ProcCtx, { family, addrconfig }: LookupOptions): number[] {
  const has = (six: boolean) =>
    addrconfig !== true ||
    linksOf(ctx.ns).some((link) =>
      link.addrs.some(({ addr }) => (typeof addr === 'string') === six && !isLoopback(addr)),
    )
  const types: number[] = []
  if (family !== 6 && (has(false) || !has(true))) types.push(dns.TYPE_A)
  if (family !== 4 && has(true)) types.push(dns.TYPE_AAAA)
  return types
}

function fromHosts(ctx: ProcCtx, lookup: Lookup): boolean {
  const wanted = lookup.host.replace(/\.$/, '').toLowerCase()
  const lines = hostsLines(ctx).filter(
    ({ ip, names }) =>
      lookup.types.includes(typeof ip === 'number' ? dns.TYPE_A : dns.TYPE_AAAA) &&
      names.some((name) => name.toLowerCase() === wanted),
  )
  if (lines.length === 0) return false
  lookup.aliases = lines[0]!.names.slice(1)
  found(
    ctx,
    lookup,
    lines.map(({ ip }) => ip),
    lines[0]!.names[0]!,
  )
  return true
}

function askNext(ctx: ProcCtx, lookup: Lookup): void {
  const name = lookup.names.shift()
  if (name === undefined) {
    const { first, sawNodata, sawServfail } = lookup
    failed(lookup, first !== '' ? first : sawNodata ? EAI_NODATA : sawServfail ? EAI_AGAIN : EAI_NONAME)
    return
  }
  const { conf, libc } = lookup
  const count = Math.max(1, conf.servers.length)
  const first = conf.rotate && libc === 'glibc' ? nextBelow(ctx.ns.rng, count) : 0
  const { servers, plan } = resolverPlan(conf, libc, first)
  lookup.exchange = exchangeStart(ctx, {
    servers: servers.map((ip) => ({ ip, port: dns.DNS_PORT })),
    plan,
    questions: lookup.types.map((type) => ({ name, type })),
    style: libc,
    tcp: conf.useVc && libc === 'glibc',
    skipFailed: true,
    single: conf.singleReopen ? 2 : conf.single ? 1 : 0,
    edns: conf.edns0 && libc === 'glibc' ? { size: 1200, version: 0, do: false, options: [] } : null,
  })
  if (lookup.exchange.done) exchanged(ctx, lookup, lookup.exchange)
}

/** One name is answered, or not. */
function exchanged(ctx: ProcCtx, lookup: Lookup, x: DnsExchange): void {
  lookup.exchange = null
  const name = x.asked[0]!.name
  const addresses: Ip[] = []
  let canon = ''
  for (const { answer, type } of x.asked) {
    if (answer === null) continue
    const got = followAnswer(answer, name, type)
    addresses.push(...got.addresses)
    if (got.addresses.length > 0 && canon === '') {
      canon = got.canon
      lookup.aliases = got.aliases
    }
  }
  if (addresses.length > 0) found(ctx, lookup, addresses, canon)
  else if (lookup.libc === 'musl') muslGoesOn(ctx, lookup, x)
  else glibcGoesOn(ctx, lookup, x, name)
}

function muslGoesOn(ctx: ProcCtx, lookup: Lookup, x: DnsExchange): void {
  const answer = x.asked[0]!.answer
  if (!exchangeAnswered(x) || answer === null) failed(lookup, EAI_AGAIN)
  else if (answer.rcode === dns.NXDOMAIN) askNext(ctx, lookup)
  else failed(lookup, answer.rcode === dns.NOERROR ? EAI_NODATA : EAI_FAIL)
}

/** __res_context_search: which failures go on to the next name, and which do not. */
function glibcGoesOn(ctx: ProcCtx, lookup: Lookup, x: DnsExchange, name: string): void {
  const answered = x.asked.find((one) => one.answer !== null)?.answer
  const asIs = name === lookup.asIs
  let error: GaiError = EAI_AGAIN
  let stop = false
  if (answered !== undefined && answered !== null) {
    const { rcode } = answered
    // A CNAME to nothing is an answer for the search: it ends there.
    if (rcode === dns.NOERROR && answered.answer.length > 0) {
      failed(lookup, EAI_NODATA)
      return
    }
    error = rcode === dns.NOERROR ? EAI_NODATA : rcode === dns.NXDOMAIN ? EAI_NONAME : EAI_FAIL
    stop = error === EAI_FAIL
  } else if (x.troubles.some(({ kind }) => kind === 'refused' || kind === 'connect') && x.lastRcode < 0) {
    const silent = x.troubles.some(({ kind }) => kind === 'timeout')
    if (!silent) {
      failed(lookup, EAI_AGAIN)
      return
    }
    stop = true
  } else stop = x.lastRcode !== dns.SERVFAIL
  if (error === EAI_NODATA) lookup.sawNodata = true
  if (error === EAI_AGAIN) lookup.sawServfail = true
  if (asIs && lookup.names.length > 0) lookup.first = error
  else if (stop && !asIs) lookup.names = lookup.names.filter((one) => one === lookup.asIs)
  askNext(ctx, lookup)
}

function found(ctx: ProcCtx, lookup: Lookup, addresses: readonly Ip[], canon: string): Lookup {
  lookup.done = true
  lookup.addresses = sortAddresses(ctx, addresses)
  lookup.canon = canon
  return lookup
}

function failed(lookup: Lookup, error: GaiError): Lookup {
  lookup.done = true
  lookup.error = error
  return lookup
}
