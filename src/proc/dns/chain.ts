/**
 * A server's plugins on one question, in CoreDNS' order: rewrite, cache (outside), template, hosts, kubernetes, file,
 * forward, whoami. Pure: what other servers have to say comes in as `known`; what is missing goes out as `wanted`, and
 * the same question is asked again when it is known.
 */
import type { Ip } from '../../base/addr.ts'
import { formatIp, parseIp } from '../../base/addr.ts'
import type { DnsMessage, DnsQuestion, DnsRr } from '../../wire/dns.ts'
import * as dns from '../../wire/dns.ts'
import type { ForwardConf, HostsConf, RewriteConf, ServerConf, TemplateConf } from './coretypes.ts'
import { kubeAnswer } from './kubernetes.ts'
import type { KubeDnsSource } from './kubesource.ts'
import { absolute, addressOfReverse, isBelow, typeNumber } from './text.ts'
import { rdataOf, zoneAnswer } from './zonefile.ts'

export interface ChainCtx {
  server: ServerConf
  /** The kubernetes plugin's view; undefined where no cluster is there. */
  kube: KubeDnsSource | undefined
  read(path: string): string | undefined
  client: { ip: Ip; port: number; proto: 'udp' | 'tcp' }
  /** Answers of upstreams by `questionKey`; null: none could be had. */
  known: ReadonlyMap<string, DnsMessage | null>
}

export type ChainResult =
  | { kind: 'reply'; message: DnsMessage }
  | { kind: 'wanted'; forward: ForwardConf; question: DnsQuestion }
  /** No plugin answers, or an upstream failed: what the `errors` plugin says of it. */
  | { kind: 'failed'; rcode: number; text: string }

const FOLLOW_MAX = 8

export function questionKey(question: DnsQuestion): string {
  return `${question.name.toLowerCase()} ${question.type} ${question.class}`
}

/** Answers one question, names restored as they were asked. */
export function runChain(ctx: ChainCtx, query: DnsMessage): ChainResult {
  const asked = query.question[0]!
  const rewritten = rewrite(ctx.server.rewrites, asked)
  const result = runPlugins(ctx, { ...query, question: [rewritten.question] }, 0)
  if (result.kind !== 'reply' || rewritten.question === asked) return result
  const { message } = result
  const back = (of: 'name' | 'value') => (name: string) => restore(rewritten.used, name, of)
  const undo = (list: readonly DnsRr[]) =>
    list.map((rr) => ({ ...rr, name: back('name')(rr.name), data: withNames(rr.data, back('value')) }))
  const [answer, authority] = [undo(message.answer), undo(message.authority)]
  const additional = undo(message.additional)
  return { kind: 'reply', message: { ...message, question: [asked], answer, authority, additional } }
}

/** A record's value with its name, where it has one, made another. */
function withNames(data: DnsRr['data'], change: (name: string) => string): DnsRr['data'] {
  if (data.kind === 'name' || data.kind === 'mx') return { ...data, name: change(data.name) }
  return data.kind === 'srv' ? { ...data, target: change(data.target) } : data
}

function runPlugins(ctx: ChainCtx, query: DnsMessage, depth: number): ChainResult {
  const question = query.question[0]!
  for (const template of ctx.server.templates) {
    const message = fromTemplate(template, query)
    if (message !== undefined) return { kind: 'reply', message }
  }
  const { hosts, kubernetes, files, forwards } = ctx.server
  if (hosts !== null) {
    const message = fromHosts(hosts, query, ctx.read(hosts.path) ?? '')
    if (message !== undefined) return { kind: 'reply', message }
  }
  if (kubernetes !== null) {
    const got = fromKubernetes(ctx, query, depth)
    if (got !== undefined) return got
  }
  let zone = files.find((one) => isBelow(question.name, one.zone))
  for (const one of files) {
    if (isBelow(question.name, one.zone) && one.zone.length > zone!.zone.length) zone = one
  }
  if (zone !== undefined) return fromZone(ctx, query, zone.text, depth)
  const forward = forwardFor(forwards, question.name)
  if (forward !== undefined) return fromUpstream(ctx, query, forward)
  if (ctx.server.whoami) return { kind: 'reply', message: whoami(ctx, query) }
  return { kind: 'failed', rcode: dns.REFUSED, text: '' }
}

function fromKubernetes(ctx: ChainCtx, query: DnsMessage, depth: number): ChainResult | undefined {
  const source = ctx.kube ?? NO_CLUSTER
  const { pending, lookUp } = outside(ctx, query, depth)
  const got = kubeAnswer(source, ctx.server.kubernetes!, query, (name, type) => lookUp(name, type))
  if (got.kind === 'next') return undefined
  if (got.kind === 'lookup') return pending.result ?? { kind: 'failed', rcode: dns.SERVFAIL, text: '' }
  return { kind: 'reply', message: got.message }
}

function fromZone(ctx: ChainCtx, query: DnsMessage, zone: Parameters<typeof zoneAnswer>[0], depth: number) {
  const question = query.question[0]!
  const got = zoneAnswer(zone, question)
  const message = { ...dns.dnsReply(query, got.rcode), ...got, aa: got.aa }
  const reply: DnsMessage = { ...dns.dnsReply(query, got.rcode), aa: got.aa }
  Object.assign(reply, {
    answer: message.answer,
    authority: message.authority,
    additional: message.additional,
  })
  if (got.outside !== '') {
    const { pending, lookUp } = outside(ctx, query, depth)
    const more = lookUp(got.outside, question.type)
    if (more === undefined && pending.result !== null) return pending.result
    if (more !== undefined && more !== null) reply.answer.push(...more.answer)
  }
  return { kind: 'reply', message: reply } satisfies ChainResult
}

/** The server asks itself for a name that a CNAME leads to. */
function outside(ctx: ChainCtx, query: DnsMessage, depth: number) {
  const pending: { result: ChainResult | null } = { result: null }
  const lookUp = (name: string, type: number): DnsMessage | null | undefined => {
    if (depth >= FOLLOW_MAX) return null
    const sub = { ...query, question: [{ name, type, class: dns.CLASS_IN }] }
    const got = runPlugins(ctx, sub, depth + 1)
    if (got.kind === 'reply') return got.message
    if (got.kind === 'failed') return null
    pending.result = got
    return undefined
  }
  return { pending, lookUp }
}

function forwardFor(forwards: readonly ForwardConf[], name: string): ForwardConf | undefined {
  return forwards.find((one) => isBelow(name, one.from) && !one.except.some((zone) => isBelow(name, zone)))
}

function fromUpstream(ctx: ChainCtx, query: DnsMessage, forward: ForwardConf): ChainResult {
  const question = query.question[0]!
  const answer = ctx.known.get(questionKey(question))
  if (answer === undefined) return { kind: 'wanted', forward, question }
  if (answer === null) return { kind: 'failed', rcode: dns.SERVFAIL, text: '' }
  return { kind: 'reply', message: { ...answer, id: query.id, question: query.question } }
}

/** The first rule that fits and stops, after those that continue. */
function rewrite(rules: readonly RewriteConf[], asked: DnsQuestion) {
  let question = asked
  const used: Rewritten[] = []
  for (const rule of rules) {
    const next = rewriteOne(rule, question)
    if (next === undefined) continue
    used.push({ rule, before: question.name.toLowerCase(), after: next.name })
    question = next
    if (rule.stop) break
  }
  return { question, used }
}

interface Rewritten {
  readonly rule: RewriteConf
  readonly before: string
  readonly after: string
}

function rewriteOne(rule: RewriteConf, question: DnsQuestion): DnsQuestion | undefined {
  const { from, to } = rule
  if (rule.field === 'type') {
    const type = typeNumber(to)
    return typeNumber(from) === question.type && type !== undefined ? { ...question, type } : undefined
  }
  const name = question.name.toLowerCase()
  const changed = (text: string) => ({ ...question, name: absolute(text) })
  switch (rule.match) {
    case 'exact':
      return name === from ? changed(to) : undefined
    case 'prefix':
      return name.startsWith(from) ? changed(to + name.slice(from.length)) : undefined
    case 'suffix': {
      const tail = absolute(from)
      return name.endsWith(tail) ? changed(name.slice(0, -tail.length) + to) : undefined
    }
    case 'substring':
      return name.includes(from) ? changed(name.replaceAll(from, to)) : undefined
    case 'regex': {
      const found = matchOf(from, name)
      return found === null ? undefined : changed(filled(to, found))
    }
  }
}

function filled(text: string, found: RegExpExecArray): string {
  return text.replace(/\{([0-9])\}/g, (_, digit: string) => found[Number(digit)] ?? '')
}

/** A regular expression of the Corefile in Go's form; what is none matches nothing. */
function matchOf(pattern: string, text: string): RegExpExecArray | null {
  try {
    return new RegExp(pattern.replaceAll('(?P<', '(?<')).exec(text)
  } catch {
    return null
  }
}

/** What a rule made of the question is undone in the answer: ends by ends, else the name itself and what lies below it. */
function restore(used: readonly Rewritten[], name: string, of: 'name' | 'value'): string {
  let at = name
  for (const { rule, before, after } of [...used].reverse()) {
    for (const answer of [...rule.answers].reverse()) {
      const found = answer.of === of ? matchOf(answer.from, at) : null
      if (found !== null) at = filled(answer.to, found)
    }
    if (!rule.auto || rule.field !== 'name') continue
    const [from, to] = rule.match === 'suffix' ? [absolute(rule.from), absolute(rule.to)] : [before, after]
    const below = rule.match === 'suffix' ? to : `.${to}`
    if (at === to) at = from
    else if (at.endsWith(below)) at = at.slice(0, -to.length) + from
  }
  return at
}

function fromTemplate(template: TemplateConf, query: DnsMessage): DnsMessage | undefined {
  const question = query.question[0]!
  if (!template.zones.some((zone) => isBelow(question.name, zone))) return undefined
  if (template.type !== dns.TYPE_ANY && template.type !== question.type) return undefined
  const patterns = template.match.length === 0 ? ['.*'] : template.match
  const found = patterns.map((pattern) => matchOf(pattern, question.name)).find((one) => one !== null)
  if (found === undefined || found === null) return undefined
  const reply = dns.dnsReply(query, template.rcode)
  reply.aa = true
  for (const text of template.answer) {
    const line = text
      .replaceAll(/\{\{ *\.Name *\}\}/g, question.name)
      .replaceAll(/\{\{ *\.Group\.([A-Za-z0-9_]+) *\}\}/g, (_, name: string) => found.groups?.[name] ?? '')
      .replaceAll(/\{\{ *index \.Match ([0-9]+) *\}\}/g, (_, at: string) => found[Number(at)] ?? '')
    const words = line.split(/[ \t]+/)
    const [name, ttl, klass, type] = words
    const number = typeNumber(type ?? '')
    const data = klass === 'IN' && number !== undefined ? rdataOf(number, words.slice(4), '.') : undefined
    if (data === undefined || name === undefined) return dns.dnsReply(query, dns.SERVFAIL)
    reply.answer.push({ name, type: number!, class: dns.CLASS_IN, ttl: Number(ttl) || 0, data })
  }
  return reply
}

function fromHosts(hosts: HostsConf, query: DnsMessage, file: string): DnsMessage | undefined {
  const question = query.question[0]!
  const name = question.name.toLowerCase()
  const lines = `${file}\n${hosts.inline}`.split('\n').map((line) => line.split('#')[0]!.trim().split(/\s+/))
  const mine = hosts.zones.some((zone) => isBelow(name, zone))
  const reverse = addressOfReverse(name)
  if (!mine && reverse === undefined) return undefined
  const reply = dns.dnsReply(query)
  reply.aa = true
  const add = (data: DnsRr['data']) =>
    reply.answer.push({ name: question.name, type: question.type, class: dns.CLASS_IN, ttl: hosts.ttl, data })
  let exists = false
  for (const [text, ...names] of lines) {
    const ip = parseIp(text ?? '')
    if (ip === undefined) continue
    if (reverse !== undefined && ip === reverse) {
      if (question.type === dns.TYPE_PTR) for (const one of names) add({ kind: 'name', name: absolute(one) })
    } else if (names.some((one) => absolute(one).toLowerCase() === name)) {
      exists = true
      const type = typeof ip === 'number' ? dns.TYPE_A : dns.TYPE_AAAA
      if (type === question.type) add({ kind: 'ip', ip })
    }
  }
  if (reply.answer.length > 0 || exists) return reply
  const { fall } = hosts
  if (fall !== null && (fall.length === 0 || fall.some((zone) => isBelow(name, zone)))) return undefined
  reply.rcode = reverse === undefined ? dns.NXDOMAIN : dns.NOERROR
  return reverse === undefined || fall === null ? { ...reply, rcode: dns.NXDOMAIN } : undefined
}

function whoami(ctx: ChainCtx, query: DnsMessage): DnsMessage {
  const { ip, port, proto } = ctx.client
  const reply = dns.dnsReply(query)
  const { name } = query.question[0]!
  reply.aa = true
  const type = typeof ip === 'number' ? dns.TYPE_A : dns.TYPE_AAAA
  const srv = { kind: 'srv', priority: 0, weight: 0, port, target: '.' } as const
  reply.additional = [
    { name, type, class: dns.CLASS_IN, ttl: 0, data: { kind: 'ip', ip } },
    {
      name: `_${proto}.${name === '.' ? '' : name}`,
      type: dns.TYPE_SRV,
      class: dns.CLASS_IN,
      ttl: 0,
      data: srv,
    },
  ]
  return reply
}

/** How an address and port look in CoreDNS' texts. */
export function endText(ip: Ip, port: number): string {
  return typeof ip === 'string' ? `[${formatIp(ip)}]:${port}` : `${formatIp(ip)}:${port}`
}

const NO_CLUSTER: KubeDnsSource = Object.freeze({
  synced: false,
  serial: 0,
  hasNamespace: () => false,
  service: () => undefined,
  endpoints: () => [],
  servicesByIp: () => [],
  endpointsByIp: () => [],
  hasPod: () => false,
})
