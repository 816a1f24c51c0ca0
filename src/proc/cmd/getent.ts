/** getent. Models glibc 2.36 for hosts, ahosts, ahostsv4 and ahostsv6; the other databases are refused by name. */
import type { Ip } from '../../base/addr.ts'
import { formatIp, parseIp } from '../../base/addr.ts'
import { exitProcess } from '../../run/process.ts'
import { DNS_PORT, TYPE_PTR } from '../../wire/dns.ts'
import type { DnsExchange } from '../dns/exchange.ts'
import { exchangeEvent, exchangeStart } from '../dns/exchange.ts'
import type { Lookup } from '../dns/resolver.ts'
import { lookupEvent, lookupStart, resolverPlan } from '../dns/resolver.ts'
import { hostsLines, libcOf, resolvConf } from '../dns/resolvconf.ts'
import { reverseName } from '../dns/text.ts'
import type { ProcCtx, ProcEvent, Program } from '../program.ts'
import { fail, out } from '../program.ts'

interface GetentState {
  database: string
  keys: string[]
  /** hosts: the families that are left for the present key. */
  families: (4 | 6)[]
  lookup: Lookup | null
  reverse: DnsExchange | null
  code: number
}

const OTHERS =
  'aliases ethers group gshadow initgroups netgroup networks passwd protocols rpc services shadow'

export const getent: Program = {
  name: 'getent',
  help: 'look names up as programs do: getent hosts|ahosts|ahostsv4|ahostsv6 NAME',
  start(ctx) {
    const [database, ...keys] = ctx.proc.argv.slice(1)
    if (database === undefined) return fail(ctx, 1, 'getent: wrong number of arguments')
    if (!/^a?hosts(v[46])?$/.test(database) || /^hostsv/.test(database)) {
      if (OTHERS.split(' ').includes(database)) {
        return fail(ctx, 1, `kubehop: getent ${database} is not modelled`)
      }
      out(ctx, "Try `getent --help' or `getent --usage' for more information.\n")
      return fail(ctx, 1, `Unknown database: ${database}`)
    }
    if (keys.length === 0) {
      for (const { ip, names } of hostsLines(ctx)) out(ctx, hostsLine(ip, names))
      exitProcess(ctx, 0)
      return
    }
    ctx.proc.state = {
      database,
      keys,
      families: [],
      lookup: null,
      reverse: null,
      code: 0,
    } satisfies GetentState
    nextKey(ctx, ctx.proc.state as GetentState)
  },
  on(ctx, event: ProcEvent) {
    const state = ctx.proc.state as GetentState
    if (state.lookup !== null && lookupEvent(ctx, state.lookup, event)) {
      if (state.lookup.done) looked(ctx, state, state.lookup)
    } else if (state.reverse !== null && exchangeEvent(ctx, state.reverse, event) && state.reverse.done) {
      named(ctx, state, state.reverse)
    }
  },
}

function hostsLine(ip: Ip, names: readonly string[]): string {
  return `${formatIp(ip).padEnd(15)} ${names.join(' ')}\n`
}

function nextKey(ctx: ProcCtx, state: GetentState): void {
  const key = state.keys[0]
  if (key === undefined) {
    exitProcess(ctx, state.code)
    return
  }
  if (state.database !== 'hosts') {
    const family = state.database.endsWith('4') ? 4 : state.database.endsWith('6') ? 6 : 0
    state.lookup = lookupStart(ctx, key, { family, addrconfig: true })
    if (state.lookup.done) looked(ctx, state, state.lookup)
    return
  }
  const ip = parseIp(key)
  if (ip === undefined) {
    // gethostbyname2(3): IPv6 first, and IPv4 where there is none.
    state.families = [6, 4]
    nextFamily(ctx, state)
    return
  }
  const line = hostsLines(ctx).find((one) => one.ip === ip)
  if (line !== undefined) {
    out(ctx, hostsLine(ip, line.names))
    done(ctx, state, true)
    return
  }
  const { servers, plan } = resolverPlan(resolvConf(ctx), libcOf(ctx))
  state.reverse = exchangeStart(ctx, {
    servers: servers.map((one) => ({ ip: one, port: DNS_PORT })),
    plan,
    questions: [{ name: reverseName(ip), type: TYPE_PTR }],
    style: libcOf(ctx),
    skipFailed: true,
  })
  if (state.reverse.done) named(ctx, state, state.reverse)
}

function nextFamily(ctx: ProcCtx, state: GetentState): void {
  const family = state.families.shift()
  if (family === undefined) {
    done(ctx, state, false)
    return
  }
  state.lookup = lookupStart(ctx, state.keys[0]!, { family })
  if (state.lookup.done) looked(ctx, state, state.lookup)
}

function looked(ctx: ProcCtx, state: GetentState, lookup: Lookup): void {
  state.lookup = null
  const { addresses, canon, aliases } = lookup
  if (state.database === 'hosts') {
    for (const ip of addresses) out(ctx, hostsLine(ip, [canon, ...aliases]))
    if (addresses.length > 0) done(ctx, state, true)
    else nextFamily(ctx, state)
    return
  }
  for (const [i, ip] of addresses.entries()) {
    const text = formatIp(ip).padEnd(15)
    out(ctx, `${text} STREAM ${i === 0 ? canon : ''}\n${text} DGRAM  \n${text} RAW    \n`)
  }
  done(ctx, state, addresses.length > 0)
}

function named(ctx: ProcCtx, state: GetentState, x: DnsExchange): void {
  state.reverse = null
  const names = (x.asked[0]!.answer?.answer ?? []).flatMap((rr) =>
    rr.type === TYPE_PTR && rr.data.kind === 'name' ? [rr.data.name.replace(/\.$/, '')] : [],
  )
  if (names.length > 0) out(ctx, hostsLine(parseIp(state.keys[0]!)!, names))
  done(ctx, state, names.length > 0)
}

function done(ctx: ProcCtx, state: GetentState, found: boolean): void {
  if (!found) state.code = 2
  state.keys.shift()
  nextKey(ctx, state)
}
