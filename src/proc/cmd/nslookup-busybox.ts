/**
 * nslookup of BusyBox 1.35: every question at once, and an answer or a complaint for each. Not here: that it stops where
 * nobody listens; it waits its time out.
 */
import { formatIp, parseIp } from '../../base/addr.ts'
import { exitProcess } from '../../run/process.ts'
import * as dns from '../../wire/dns.ts'
import { toolServers } from '../dns/ask.ts'
import type { DnsExchange } from '../dns/exchange.ts'
import { exchangeEvent, exchangeStart } from '../dns/exchange.ts'
import { resolvConf } from '../dns/resolvconf.ts'
import { rcodeName, rdataText, reverseName, typeNumber } from '../dns/text.ts'
import type { ProcCtx, ProcEvent } from '../program.ts'
import { fail, out } from '../program.ts'

const SEC = 1_000_000_000
const TIMEOUT_S = 5
const TRIES = 2

/** Starts, and takes every event after that; the process' state is the exchange. */
export function busyboxLookup(ctx: ProcCtx, event: ProcEvent): void {
  const running = ctx.proc.state as DnsExchange | undefined | null
  if (running === undefined || running === null) start(ctx)
  else if (exchangeEvent(ctx, running, event) && running.done) print(ctx, running)
}

function start(ctx: ProcCtx): void {
  const words: string[] = []
  let types = [dns.TYPE_A, dns.TYPE_AAAA]
  for (const arg of ctx.proc.argv.slice(1)) {
    const type = /^-(?:type|query|querytype)=(.*)$/.exec(arg)
    if (type === null) words.push(arg)
    else if (typeNumber(type[1]!) !== undefined) types = [typeNumber(type[1]!)!]
    else {
      fail(ctx, 1, `nslookup: invalid query type "${type[1]}"`)
      return
    }
  }
  const [host, server] = words
  if (host === undefined) {
    fail(ctx, 1, 'Usage: nslookup [-type=QUERY_TYPE] [-debug] HOST [DNS_SERVER]')
    return
  }
  const given = server === undefined ? undefined : parseIp(server)
  if (server !== undefined && given === undefined) {
    fail(ctx, 1, `nslookup: bad address '${server}'`)
    return
  }
  const ip = parseIp(host)
  const conf = resolvConf(ctx)
  let names = [host.endsWith('.') ? host : `${host}.`]
  if (ip !== undefined) {
    names = [reverseName(ip)]
    types = [dns.TYPE_PTR]
  } else if (!host.includes('.') && conf.search.length > 0)
    names = conf.search.map((one) => `${host}.${one}.`)
  const servers = toolServers(ctx, given === undefined ? [] : [given], 53)
  const x = exchangeStart(ctx, {
    servers,
    plan: Array.from({ length: TRIES }, () => ({ server: -1, timeoutNs: (TIMEOUT_S * SEC) / TRIES })),
    questions: types.flatMap((type) => names.map((name) => ({ name, type }))),
    style: 'musl',
    takeFailed: true,
  })
  ctx.proc.state = x
  if (x.done) print(ctx, x)
}

function print(ctx: ProcCtx, x: DnsExchange): void {
  if (x.asked.every((one) => one.answer === null)) {
    out(ctx, ';; connection timed out; no servers could be reached\n\n')
    exitProcess(ctx, 1)
    return
  }
  const server = x.servers[Math.max(0, x.from)]!
  let text = `Server:\t\t${formatIp(server.ip)}\nAddress:\t${formatIp(server.ip)}:${server.port}\n\n`
  let code = 0
  for (const { name, answer } of x.asked) {
    const plain = name.replace(/(.)\.$/, '$1')
    if (answer === null) {
      text += `*** Can't find ${plain}: No answer\n`
      code = 1
    } else if (answer.rcode !== dns.NOERROR) {
      text += `** server can't find ${plain}: ${rcodeName(answer.rcode)}\n`
      code = 1
    } else {
      if (answer.answer.length > 0 && !answer.aa) text += 'Non-authoritative answer:\n'
      for (const rr of answer.answer) text += recordText(rr)
    }
    text += '\n'
  }
  out(ctx, text)
  exitProcess(ctx, code)
}

function recordText(rr: dns.DnsRr): string {
  const plain = (text: string) => text.replace(/(.)\.$/, '$1')
  const name = plain(rr.name)
  const data = plain(rdataText(rr.data))
  const words: Readonly<Record<number, string>> = {
    2: 'nameserver =', 5: 'canonical name =', 12: 'name =', 15: 'mail exchanger =', 16: 'text =', 33: 'service =',
  } // biome-ignore format: one list
  if (rr.data.kind === 'ip') return `Name:\t${name}\nAddress: ${data}\n`
  return `${name}\t${words[rr.type] ?? `type ${rr.type}`} ${data}\n`
}
