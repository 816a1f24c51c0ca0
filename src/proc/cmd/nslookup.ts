/**
 * nslookup and host. Model BIND 9.18.49 (one question at a time, the search list for the first), and nslookup of
 * BusyBox 1.35 in images with musl. Not here: nslookup's prompt, zone transfers, -v's every word.
 */
import type { Ip } from '../../base/addr.ts'
import { formatIp, parseIp } from '../../base/addr.ts'
import { exitProcess } from '../../run/process.ts'
import type { DnsMessage, DnsRr } from '../../wire/dns.ts'
import * as dns from '../../wire/dns.ts'
import { BIND_SOCKETS, serverText, toolPlan, toolServers, troubleLines } from '../dns/ask.ts'
import type { DnsExchange } from '../dns/exchange.ts'
import { exchangeAnswered, exchangeEvent, exchangeStart } from '../dns/exchange.ts'
import type { Lookup } from '../dns/resolver.ts'
import { followAnswer, lookupEvent, lookupStart } from '../dns/resolver.ts'
import { isBusybox, resolvConf, searchNames } from '../dns/resolvconf.ts'
import { rcodeName, rdataText, reverseName, typeName, typeNumber } from '../dns/text.ts'
import type { ProcCtx, ProcEvent, Program } from '../program.ts'
import { err, fail, out } from '../program.ts'
import { busyboxLookup } from './nslookup-busybox.ts'

interface AskState {
  tool: 'nslookup' | 'host'
  host: string
  server: string
  port: number
  /** Types to ask for, the present one first. */
  types: number[]
  /** No type was named: then only addresses are looked for, and what is missing is not complained of. */
  standard: boolean
  reverse: boolean
  names: string[]
  tcp: boolean
  recurse: boolean
  time: number
  tries: number
  ips: Ip[]
  lookup: Lookup | null
  exchange: DnsExchange | null
  headed: boolean
  found: boolean
  code: number
}

const HOST_USAGE =
  'Usage: host [-aCdilrTvVw] [-c class] [-N ndots] [-t type] [-W time]\n' +
  '            [-R number] [-m flag] [-p port] hostname [server]\n'

export const nslookup: Program = {
  name: 'nslookup',
  help: 'ask name servers for a name or an address',
  start(ctx) {
    if (isBusybox(ctx)) {
      busyboxLookup(ctx, { type: 'input', fd: -1, text: '', eof: true })
      return
    }
    const state = firstState('nslookup')
    const words: string[] = []
    for (const arg of ctx.proc.argv.slice(1)) {
      const option = /^-([A-Za-z0-9]+)(?:=(.*))?$/.exec(arg)
      if (option === null) words.push(arg)
      else if (!nslookupOption(ctx, state, option[1]!, option[2] ?? '')) return
    }
    if (words.length === 0) fail(ctx, 1, "kubehop: nslookup's prompt is not modelled: nslookup NAME [SERVER]")
    else begin(ctx, state, words[0]!, words[1] ?? '')
  },
  on(ctx, event: ProcEvent) {
    if (isBusybox(ctx)) busyboxLookup(ctx, event)
    else onEvent(ctx, event)
  },
}

export const host: Program = {
  name: 'host',
  help: 'look a name or an address up',
  start(ctx) {
    const state = firstState('host')
    const words: string[] = []
    const args = ctx.proc.argv.slice(1)
    for (let i = 0; i < args.length; i++) {
      const arg = args[i]!
      if (!/^-./.test(arg)) {
        words.push(arg)
        continue
      }
      for (let j = 1; j < arg.length; j++) {
        const letter = arg[j]!
        if ('tWRpcNm'.includes(letter)) {
          const value = arg.slice(j + 1) || args[++i] || ''
          if (!hostOption(ctx, state, letter, value)) return
          break
        }
        if (letter === 'T') state.tcp = true
        else if (letter === 'r') state.recurse = false
        else if (letter === 'a') Object.assign(state, { types: [dns.TYPE_ANY], standard: false, tcp: true })
        else if (!'46dsUw'.includes(letter)) {
          fail(ctx, 1, `kubehop: host -${letter} is not modelled`)
          return
        }
      }
    }
    if (words.length === 0 || words.length > 2) {
      err(ctx, HOST_USAGE)
      exitProcess(ctx, 1)
    } else begin(ctx, state, words[0]!, words[1] ?? '')
  },
  on: onEvent,
}

function firstState(tool: AskState['tool']): AskState {
  return {
    tool,
    host: '',
    server: '',
    port: 53,
    types: tool === 'host' ? [dns.TYPE_A, dns.TYPE_AAAA, dns.TYPE_MX] : [dns.TYPE_A, dns.TYPE_AAAA],
    standard: true,
    reverse: false,
    names: [],
    tcp: false,
    recurse: true,
    time: 5,
    tries: tool === 'host' ? 2 : 3,
    ips: [],
    lookup: null,
    exchange: null,
    headed: false,
    found: false,
    code: 0,
  }
}

function setType(ctx: ProcCtx, state: AskState, text: string): boolean {
  const type = typeNumber(text)
  if (type === undefined) {
    if (state.tool === 'host') fail(ctx, 2, `host: invalid type: ${text}`)
    else out(ctx, `unknown query type: ${text}\n`)
    return state.tool !== 'host'
  }
  state.types = [type]
  state.standard = false
  return true
}

function nslookupOption(ctx: ProcCtx, state: AskState, name: string, value: string): boolean {
  if (/^(ty|type|q|query|querytype)$/.test(name)) return setType(ctx, state, value)
  if (/^ti(meout)?$/.test(name)) state.time = Math.max(1, Number(value) || 1)
  else if (/^ret(ry)?$/.test(name)) state.tries = Math.max(1, Number(value) || 1)
  else if (/^po(rt)?$/.test(name)) state.port = Number(value) || 53
  else if (/^vc$/.test(name)) state.tcp = true
  else if (/^norec(urse)?$/.test(name)) state.recurse = false
  else if (!/^(debug|nodebug|search|nosearch|novc|rec|recurse|sil|d2|fail|nofail)$/.test(name)) {
    out(ctx, `*** Invalid option: ${name}\n`)
  }
  return true
}

function hostOption(ctx: ProcCtx, state: AskState, letter: string, value: string): boolean {
  if (letter === 't') return setType(ctx, state, value)
  if (letter === 'W') state.time = Math.max(1, Number(value) || 1)
  else if (letter === 'R') state.tries = Math.max(1, (Number(value) || 0) + 1)
  else if (letter === 'p') state.port = Number(value) || 53
  return true
}

function begin(ctx: ProcCtx, state: AskState, name: string, server: string): void {
  const ip = parseIp(name)
  ctx.proc.state = state
  state.host = name
  state.server = server
  if (ip !== undefined) {
    Object.assign(state, { reverse: true, types: [dns.TYPE_PTR], names: [reverseName(ip)] })
  } else state.names = searchNames(resolvConf(ctx), name)
  if (server === '') ask(ctx, state)
  else {
    state.lookup = lookupStart(ctx, server, { family: 0, addrconfig: true })
    if (state.lookup.done) serverKnown(ctx, state, state.lookup)
  }
}

function onEvent(ctx: ProcCtx, event: ProcEvent): void {
  const state = ctx.proc.state as AskState
  if (state.lookup !== null && lookupEvent(ctx, state.lookup, event)) {
    if (state.lookup.done) serverKnown(ctx, state, state.lookup)
  } else if (state.exchange !== null && exchangeEvent(ctx, state.exchange, event) && state.exchange.done) {
    answered(ctx, state, state.exchange)
  }
}

function serverKnown(ctx: ProcCtx, state: AskState, lookup: Lookup): void {
  state.lookup = null
  state.ips = lookup.addresses.slice(0, 1)
  if (state.ips.length > 0) ask(ctx, state)
  else fail(ctx, 1, `${state.tool}: couldn't get address for '${state.server}': not found`)
}

function ask(ctx: ProcCtx, state: AskState): void {
  const servers = toolServers(ctx, state.ips, state.port)
  state.exchange = exchangeStart(ctx, {
    servers,
    plan: toolPlan(servers, state.tries, state.time),
    questions: [{ name: state.names[0]!, type: state.types[0]! }],
    style: 'bind',
    ...BIND_SOCKETS,
    tcp: state.tcp,
    skipFailed: true,
    rd: state.recurse,
  })
  if (state.exchange.done) answered(ctx, state, state.exchange)
}

function answered(ctx: ProcCtx, state: AskState, x: DnsExchange): void {
  const asked = x.asked[0]!
  const shown = asked.name.replace(/(.)\.$/, '$1')
  const { answer } = asked
  const truncated = state.tool === 'host' ? /^;; Truncated.*\n/gm : /^$/
  out(ctx, troubleLines(x, shown).replace(truncated, ''))
  if (x.tcp) state.tcp = true
  state.exchange = null
  if (!exchangeAnswered(x) || answer === null) {
    if (!x.tcp) out(ctx, ';; no servers could be reached\n')
    end(ctx, state, 1)
    return
  }
  if (answer.rcode === dns.NXDOMAIN && state.names.length > 1) {
    state.names.shift()
    ask(ctx, state)
    return
  }
  head(ctx, state, x, answer)
  if (answer.rcode !== dns.NOERROR) {
    const code = rcodeName(answer.rcode)
    const dotted = state.reverse && state.tool === 'host' ? `${shown}.` : shown
    if (state.tool === 'nslookup') out(ctx, `** server can't find ${shown}: ${code}\n`)
    else out(ctx, `Host ${dotted} not found: ${answer.rcode}(${code})\n`)
    end(ctx, state, 1)
    return
  }
  if (state.tool === 'nslookup') nslookupBody(ctx, state, answer, shown)
  else hostBody(ctx, state, answer, shown)
  state.types.shift()
  const { canon } = followAnswer(answer, asked.name, asked.type)
  state.names = [canon === '.' ? '.' : `${canon}.`]
  if (state.types.length > 0) ask(ctx, state)
  else end(ctx, state, state.code)
}

function end(ctx: ProcCtx, state: AskState, code: number): void {
  if (state.tool === 'nslookup') out(ctx, '\n')
  exitProcess(ctx, code)
}

/** Who answered: nslookup says it of every forward lookup, host where a server was named. */
function head(ctx: ProcCtx, state: AskState, x: DnsExchange, answer: DnsMessage): void {
  if (state.headed) return
  state.headed = true
  const server = x.servers[x.from]!
  if (state.tool === 'host') {
    if (state.server === '') return
    out(ctx, `Using domain server:\nName: ${state.server}\nAddress: ${serverText(server)}\nAliases: \n\n`)
    return
  }
  if (state.reverse) return
  if (answer.rcode === dns.SERVFAIL) out(ctx, `;; Got SERVFAIL reply from ${formatIp(server.ip)}\n`)
  const called = state.server === '' ? formatIp(server.ip) : state.server
  out(ctx, `Server:\t\t${called}\nAddress:\t${serverText(server)}\n\n`)
}

function nslookupBody(ctx: ProcCtx, state: AskState, answer: DnsMessage, shown: string): void {
  const type = state.types[0]!
  const first = !state.found && (type === dns.TYPE_A || !state.standard || state.reverse)
  if (first && !answer.aa) out(ctx, 'Non-authoritative answer:\n')
  const records =
    state.standard && state.found ? answer.answer.filter((rr) => rr.type === type) : answer.answer
  for (const rr of records) out(ctx, nslookupRecord(rr))
  if (answer.answer.length > 0) state.found = true
  else if (state.types.length === 1 && !(state.standard && state.found)) {
    out(ctx, `*** Can't find ${shown}: No answer\n`)
  }
  const address = type === dns.TYPE_A || type === dns.TYPE_AAAA
  if (!address && (!answer.aa || type === dns.TYPE_PTR)) {
    out(ctx, '\nAuthoritative answers can be found from:\n')
    for (const rr of [...answer.authority, ...answer.additional]) out(ctx, nslookupRecord(rr))
  }
}

const WORDS: Readonly<Record<number, string>> = Object.freeze({
  2: 'nameserver =', 5: 'canonical name =', 12: 'name =', 15: 'mail exchanger =', 16: 'text =', 33: 'service =',
}) // biome-ignore format: one list

function nslookupRecord(rr: DnsRr): string {
  const name = rr.name.replace(/(.)\.$/, '$1')
  const { data } = rr
  if (rr.type === dns.TYPE_A || rr.type === dns.TYPE_AAAA)
    return `Name:\t${name}\nAddress: ${rdataText(data)}\n`
  if (data.kind === 'soa') {
    const plain = (text: string) => text.replace(/(.)\.$/, '$1')
    return (
      `${name}\n\torigin = ${plain(data.mname)}\n\tmail addr = ${plain(data.rname)}\n\tserial = ${data.serial}\n` +
      `\trefresh = ${data.refresh}\n\tretry = ${data.retry}\n\texpire = ${data.expire}\n\tminimum = ${data.minimum}\n`
    )
  }
  const word = WORDS[rr.type]
  return `${name}\t${word ?? `rdata_${rr.type} =`} ${rdataText(data)}\n`
}

function hostBody(ctx: ProcCtx, state: AskState, answer: DnsMessage, shown: string): void {
  const wanted = state.types[0]!
  const records =
    state.found && state.standard ? answer.answer.filter((rr) => rr.type === wanted) : answer.answer
  for (const rr of records) out(ctx, hostRecord(rr))
  if (answer.answer.length > 0) state.found = true
  else if (!state.standard) out(ctx, `${shown} has no ${typeName(wanted)} record\n`)
}

function hostRecord(rr: DnsRr): string {
  const name = rr.name.replace(/(.)\.$/, '$1')
  const data = rdataText(rr.data)
  const words: Readonly<Record<number, string>> = {
    1: 'has address',
    2: 'name server',
    5: 'is an alias for',
    12: 'domain name pointer',
    15: 'mail is handled by',
    16: 'descriptive text',
    28: 'has IPv6 address',
  }
  return `${name} ${words[rr.type] ?? `has ${typeName(rr.type)} record`} ${data}\n`
}
