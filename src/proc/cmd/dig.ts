/**
 * dig. Models BIND 9.18.49 as Debian 12 has it: what it asks and prints. Not here: +trace, +multiline, +yaml, zone
 * transfers, TSIG, DNS over TLS and HTTPS.
 */
import type { Ip } from '../../base/addr.ts'
import { formatIp, parseIp } from '../../base/addr.ts'
import { nextBelow } from '../../base/rng.ts'
import { exitProcess } from '../../run/process.ts'
import type { DnsEdns, DnsMessage } from '../../wire/dns.ts'
import { NXDOMAIN } from '../../wire/dns.ts'
import { labelsOf } from '../../wire/dnsname.ts'
import { dateText } from '../clock.ts'
import { BIND_SOCKETS, serverText, toolPlan, toolServers, troubleLines } from '../dns/ask.ts'
import { headerText, sectionsText } from '../dns/digtext.ts'
import type { DnsExchange } from '../dns/exchange.ts'
import { exchangeAnswered, exchangeEvent, exchangeStart } from '../dns/exchange.ts'
import type { Lookup } from '../dns/resolver.ts'
import { lookupEvent, lookupStart } from '../dns/resolver.ts'
import { resolvConf, searchNames } from '../dns/resolvconf.ts'
import { absolute, rdataText } from '../dns/text.ts'
import type { ProcCtx, ProcEvent, Program } from '../program.ts'
import { err, out } from '../program.ts'
import type { DigQuery } from './dig-options.ts'
import { DIG_USAGE, parseDig } from './dig-options.ts'

interface DigState {
  queries: DigQuery[]
  line: string
  /** Names of the search list that are left for the present query. */
  names: string[]
  edns: DnsEdns | null
  server: Lookup | null
  exchange: DnsExchange | null
  /** The first lines have been shown. */
  begun: boolean
  code: number
}

const VERSION = '9.18.49-1~deb12u3-Debian'
const COOKIE = 10

export const dig: Program = {
  name: 'dig',
  help: 'ask name servers, and see the whole answer',
  start(ctx) {
    const line = parseDig(ctx.proc.argv.slice(1))
    err(ctx, line.warnings)
    if (line.error !== '') {
      err(ctx, `${line.error}\n${line.usage ? DIG_USAGE : ''}`)
      exitProcess(ctx, line.code)
      return
    }
    if (line.text !== '') {
      out(ctx, line.text)
      exitProcess(ctx, 0)
      return
    }
    const state: DigState = {
      queries: line.queries,
      line: ctx.proc.argv.slice(1).join(' '),
      names: [],
      edns: null,
      server: null,
      exchange: null,
      begun: false,
      code: 0,
    }
    ctx.proc.state = state
    nextQuery(ctx, state)
  },
  on(ctx, event: ProcEvent) {
    const state = ctx.proc.state as DigState
    if (state.server !== null && lookupEvent(ctx, state.server, event)) {
      if (state.server.done) serverKnown(ctx, state, state.server)
    } else if (state.exchange !== null && exchangeEvent(ctx, state.exchange, event) && state.exchange.done) {
      answered(ctx, state, state.exchange)
    }
  },
}

function nextQuery(ctx: ProcCtx, state: DigState): void {
  const query = state.queries[0]
  if (query === undefined) {
    exitProcess(ctx, state.code)
    return
  }
  const conf = resolvConf(ctx)
  if (query.ndots >= 0) conf.ndots = query.ndots
  if (query.domain !== '') conf.search = [query.domain]
  state.names = query.search ? searchNames(conf, query.name) : [absolute(query.name)]
  if (labelsOf(query.name) === undefined) {
    const why = /\.\.|^\./.test(query.name) ? 'empty label' : 'label too long'
    err(ctx, `dig: '${query.name}' is not a legal name (${why})\n`)
    exitProcess(ctx, 10)
    return
  }
  if (query.server === '') {
    ask(ctx, state, [])
    return
  }
  state.server = lookupStart(ctx, query.server, { family: query.family, addrconfig: true })
  if (state.server.done) serverKnown(ctx, state, state.server)
}

function serverKnown(ctx: ProcCtx, state: DigState, lookup: Lookup): void {
  state.server = null
  if (lookup.addresses.length > 0) {
    ask(ctx, state, lookup.addresses)
    return
  }
  const why = lookup.error === 'Temporary failure in name resolution' ? 'failure' : 'not found'
  err(ctx, `dig: couldn't get address for '${lookup.host}': ${why}\n`)
  exitProcess(ctx, 1)
}

function ask(ctx: ProcCtx, state: DigState, given: readonly Ip[]): void {
  const query = state.queries[0]!
  const cookie = Uint8Array.from({ length: 8 }, () => nextBelow(ctx.ns.rng, 256))
  const options = query.cookie ? [{ code: COOKIE, bytes: cookie }] : []
  state.edns = query.edns ? { size: query.bufsize, version: 0, do: query.dnssec, options } : null
  const wanted = toolServers(ctx, given, query.port)
  const servers = wanted.filter(
    ({ ip }) => query.family === 0 || (query.family === 4) === (typeof ip === 'number'),
  )
  const { type, klass } = query
  state.exchange = exchangeStart(ctx, {
    servers,
    plan: toolPlan(servers, query.tries, query.time),
    questions: [{ name: state.names.shift()!, type, class: klass }],
    style: 'bind',
    ...BIND_SOCKETS,
    tcp: query.tcp,
    ignoreTc: query.ignoreTc,
    rd: query.recurse,
    cd: query.cd,
    ad: query.ad,
    edns: state.edns,
  })
  if (state.exchange.done) answered(ctx, state, state.exchange)
}

function answered(ctx: ProcCtx, state: DigState, x: DnsExchange): void {
  const query = state.queries[0]!
  const asked = x.asked[0]!
  state.exchange = null
  const show = query.show
  const lines = troubleLines(x, asked.name.replace(/(.)\.$/, '$1'))
  const loud = lines
    .split('\n')
    .filter((line) => line !== '' && (show.comments || !line.startsWith(';; Truncated')))
    .filter((line) => !(query.short && line.startsWith(';; Truncated')))
  for (const line of loud) out(ctx, `${line}\n`)
  if (!exchangeAnswered(x) || asked.answer === null) {
    state.code = 9
    if (!x.tcp)
      out(
        ctx,
        `${query.globalShort || !query.cmd ? '' : banner(state, query)};; no servers could be reached\n`,
      )
    state.queries.shift()
    nextQuery(ctx, state)
    return
  }
  if (asked.answer.rcode === NXDOMAIN && state.names.length > 0) {
    ask(ctx, state, query.server === '' ? [] : x.servers.map(({ ip }) => ip))
    return
  }
  if (query.short) {
    for (const rr of asked.answer.answer) out(ctx, `${rdataText(rr.data)}\n`)
  } else print(ctx, state, query, x, asked.answer)
  state.queries.shift()
  nextQuery(ctx, state)
}

function banner(state: DigState, query: DigQuery): string {
  if (state.begun) return ''
  state.begun = true
  const found = query.server === '' ? '' : '; (1 server found)\n'
  return `\n; <<>> DiG ${VERSION} <<>> ${state.line}\n${found};; global options: +cmd\n`
}

function print(ctx: ProcCtx, state: DigState, query: DigQuery, x: DnsExchange, message: DnsMessage): void {
  const { show } = query
  let text = query.cmd ? banner(state, query) : ''
  if (show.comments) {
    text += ';; Got answer:\n'
    if (/\.local\.$/i.test(message.question[0]?.name ?? '')) {
      text += ';; WARNING: .local is reserved for Multicast DNS\n'
      text += ';; You are currently testing what happens when an mDNS query is leaked to DNS\n'
    }
    text += headerText(message)
  }
  text += sectionsText(message, show, state.edns)
  if (query.stats) {
    const server = x.servers[x.from]!
    text += `;; Query time: ${Math.floor(x.tookNs / 1_000_000)} msec\n`
    const called = query.server === '' ? formatIp(server.ip) : query.server
    text += `;; SERVER: ${serverText(server)}(${parseIp(called) === undefined ? called : formatIp(server.ip)}) (${x.proto})\n`
    text += `;; WHEN: ${dateText(ctx.world.now, '%a %b %d %H:%M:%S UTC %Y')}\n`
    text += `;; MSG SIZE  rcvd: ${x.size}\n\n`
  }
  out(ctx, text)
}
