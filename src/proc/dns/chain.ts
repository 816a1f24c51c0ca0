/**
 * A server's plugins on one question, in CoreDNS' order: rewrite, cache (outside), template, hosts, kubernetes, file,
 * forward, whoami. Pure: what other servers have to say comes in as `known`; what is missing goes out as `wanted`, and
 * the same question is asked again when it is known.
 */
import type { Ip } from '../../base/addr.ts'
import { formatIp, parseIp } from '../../base/addr.ts'
import type { DnsMessage, DnsQuestion, DnsRr } from '../../wire/dns.ts'
import * as dns from '../../wire/dns.ts'
import { isDnsName } from '../../wire/dnsname.ts'
import { goRegex } from './gotext.ts'
import type { ForwardConf, HostsConf, RewriteConf, ServerConf, TemplateConf } from './coretypes.ts'
import { kubeAnswer } from './kubernetes.ts'
import type { KubeDnsSource } from './kubesource.ts'
import { absolute, addressOfReverse, className, classNumber, isBelow, typeName, typeNumber } from './text.ts'
import { typify } from './typify.ts'
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
  if (ctx.server.any && asked.type === dns.TYPE_ANY) return { kind: 'reply', message: noAny(query) }
  const rewritten = rewrite(ctx.server.rewrites, asked)
  const { name } = rewritten.question
  if (!isDnsName(name)) {
    return { kind: 'failed', rcode: dns.SERVFAIL, text: `invalid name after rewrite: ${name}` }
  }
  const made = runPlugins(ctx, { ...query, question: [rewritten.question] }, 0)
  const result = ctx.server.minimal && made.kind === 'reply' ? minimal(made) : made
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
  if (data.kind === 'soa') return { ...data, mname: change(data.mname) }
  return data.kind === 'srv' ? { ...data, target: change(data.target) } : data
}

function runPlugins(ctx: ChainCtx, query: DnsMessage, depth: number): ChainResult {
  const question = query.question[0]!
  let last = ''
  const { templates, hosts, kubernetes, files, forwards } = ctx.server
  if (templates.length > 0) {
    last = 'template'
    const got = fromTemplates(ctx, templates, query)
    if (got !== undefined) return got
  }
  if (hosts !== null) {
    last = 'hosts'
    const got = fromHosts(hosts, query, ctx.read(hosts.path) ?? '')
    if (got !== undefined) return got
  }
  if (kubernetes !== null) {
    last = 'kubernetes'
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
  // Plugins that only look on are passed; with nobody behind the last one that could have answered this is its failure.
  if (forwards.length > 0) last = 'forward'
  else if (files.length > 0) last = 'file'
  return last === ''
    ? { kind: 'failed', rcode: dns.REFUSED, text: '' }
    : { kind: 'failed', rcode: dns.SERVFAIL, text: `plugin/${last}: no next plugin found` }
}

function fromKubernetes(ctx: ChainCtx, query: DnsMessage, depth: number): ChainResult | undefined {
  const known = ctx.kube ?? NO_CLUSTER
  const source = ctx.server.kubernetes!.noEndpoints
    ? { ...known, endpoints: () => [], endpointsByIp: () => [] }
    : known
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
  if (rule.field === 'class') {
    const klass = classNumber(to.toUpperCase())
    const fits = classNumber(from.toUpperCase()) === question.class && klass !== undefined
    return fits ? { ...question, class: klass } : undefined
  }
  const name = question.name.toLowerCase()
  const changed = (text: string) => ({ ...question, name: text })
  switch (rule.match) {
    case 'exact':
      return name === from ? changed(to) : undefined
    case 'prefix':
      return name.startsWith(from) ? changed(to + name.slice(from.length)) : undefined
    case 'suffix':
      return name.endsWith(from) ? changed(name.slice(0, name.length - from.length) + to) : undefined
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

function matchOf(pattern: string, text: string): RegExpExecArray | null {
  return goRegex(pattern)?.exec(text) ?? null
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
    const [from, to] = rule.match === 'suffix' ? [rule.from, rule.to] : [before, after]
    const below = rule.match === 'suffix' ? to : `.${to}`
    if (at === to) at = from
    else if (at.endsWith(below)) at = at.slice(0, -to.length) + from
  }
  return at
}

function fromTemplates(
  ctx: ChainCtx,
  templates: readonly TemplateConf[],
  query: DnsMessage,
): ChainResult | undefined {
  const failed: ChainResult = { kind: 'failed', rcode: dns.SERVFAIL, text: '' }
  const { name, type, class: klass } = query.question[0]!
  const lower = name.toLowerCase()
  for (const template of templates) {
    const zone = template.zones.find((one) => isBelow(lower, one))
    const fits =
      (template.class === ANY_CLASS || klass === ANY_CLASS || template.class === klass) &&
      (template.type === dns.TYPE_ANY || type === dns.TYPE_ANY || template.type === type)
    if (zone === undefined || !fits) continue
    const patterns = template.match.length === 0 ? ['.*'] : template.match
    const found = patterns.map((pattern) => matchOf(pattern, lower)).find((one) => one !== null)
    if (found === undefined || found === null) {
      if (fallsThrough(template.fall, lower)) continue
      return failed
    }
    if (template.rcode === dns.SERVFAIL) return failed
    const words = new Map([
      ['Name', lower],
      ['Class', className(klass === ANY_CLASS ? template.class : klass)],
      ['Type', typeName(type === dns.TYPE_ANY ? template.type : type)],
      ['Zone', zone],
      ['Remote', formatIp(ctx.client.ip)],
    ])
    const message: DnsMessage = { ...dns.dnsReply(query, template.rcode), aa: true }
    for (const section of ['answer', 'authority', 'additional'] as const) {
      for (const text of template[section]) {
        const rr = recordOf(filledIn(text, words, found))
        if (rr === undefined) return failed
        message[section].push(rr)
      }
    }
    return { kind: 'reply', message }
  }
  return undefined
}

const ANY_CLASS = 255

function filledIn(text: string, words: ReadonlyMap<string, string>, found: RegExpExecArray): string {
  const group = (name: string) => (/^[0-9]+$/.test(name) ? found[Number(name)] : found.groups?.[name]) ?? ''
  return text
    .replaceAll(/\{\{-? *\.(Name|Class|Type|Zone|Remote) *-?\}\}/g, (_, word: string) => words.get(word)!)
    .replaceAll(/\{\{-? *\.Group\.([A-Za-z0-9_]+) *-?\}\}/g, (_, name: string) => group(name))
    .replaceAll(/\{\{-? *index \.Group "([A-Za-z0-9_]+)" *-?\}\}/g, (_, name: string) => group(name))
    .replaceAll(/\{\{-? *index \.Match ([0-9]+) *-?\}\}/g, (_, at: string) => found[Number(at)] ?? '')
}

/** `NAME [TTL] [CLASS] TYPE DATA`, as a line of a zone file; without a TTL an hour. */
function recordOf(line: string): DnsRr | undefined {
  const found = line.match(/"(?:[^"\\]|\\.)*"|[^\s"()]+/g) ?? []
  const plain = (word: string) => (word[0] === '"' ? word.slice(1, -1).replaceAll(/\\(.)/g, '$1') : word)
  const words = found.map(plain)
  const name = words.shift()
  let ttl = 3600
  while (words[0] !== undefined && (/^[0-9]+$/.test(words[0]) || classNumber(words[0]) !== undefined)) {
    const word = words.shift()!
    if (/^[0-9]+$/.test(word)) ttl = Number(word)
  }
  const type = typeNumber(words.shift() ?? '')
  const data = type === undefined ? undefined : rdataOf(type, words, '.')
  if (name === undefined || data === undefined || !isDnsName(absolute(name))) return undefined
  return { name: absolute(name), type: type!, class: dns.CLASS_IN, ttl, data }
}

function fallsThrough(fall: readonly string[] | null, name: string): boolean {
  return fall !== null && (fall.length === 0 || fall.some((zone) => isBelow(name, zone)))
}

function fromHosts(hosts: HostsConf, query: DnsMessage, file: string): ChainResult | undefined {
  const question = query.question[0]!
  const { type } = question
  const name = question.name.toLowerCase()
  const isPtr = type === dns.TYPE_PTR
  if (!isPtr && !hosts.zones.some((zone) => isBelow(name, zone))) return undefined
  const reverse = addressOfReverse(name)
  const reply: DnsMessage = { ...dns.dnsReply(query), aa: true }
  const add = (data: DnsRr['data']) =>
    reply.answer.push({ name: question.name, type, class: dns.CLASS_IN, ttl: hosts.ttl, data })
  let exists = false
  for (const line of `${file}\n${hosts.inline}`.split('\n')) {
    const [text, ...names] = line.split('#')[0]!.trim().split(/\s+/)
    const ip = parseIp(text ?? '')
    if (ip === undefined) continue
    for (const one of names.map((text) => absolute(text).toLowerCase())) {
      if (!hosts.zones.some((zone) => isBelow(one, zone))) continue
      if (isPtr && hosts.reverse && ip === reverse) add({ kind: 'name', name: one })
      if (isPtr || one !== name) continue
      exists = true
      if (type === (typeof ip === 'number' ? dns.TYPE_A : dns.TYPE_AAAA)) add({ kind: 'ip', ip })
    }
  }
  if (reply.answer.length > 0 || exists) return { kind: 'reply', message: reply }
  if (isPtr || fallsThrough(hosts.fall, name)) return undefined
  // A name that does not exist would want an SOA, which a hosts file has not.
  return { kind: 'failed', rcode: dns.SERVFAIL, text: '' }
}

/** RFC 8482, section 4.2. */
function noAny(query: DnsMessage): DnsMessage {
  const texts = ['ANY obsoleted', 'See RFC 8482']
  const { name } = query.question[0]!
  const rr: DnsRr = {
    name,
    type: dns.TYPE_HINFO,
    class: dns.CLASS_IN,
    ttl: 8482,
    data: { kind: 'txt', texts },
  }
  return { ...dns.dnsReply(query), answer: [rr] }
}

/** An answer without what stands beside it; what denies or delegates keeps it. */
function minimal(result: ChainResult & { kind: 'reply' }): ChainResult {
  const { message } = result
  if (typify(message) !== 'noerror') return result
  return { kind: 'reply', message: { ...message, authority: [], additional: [] } }
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
