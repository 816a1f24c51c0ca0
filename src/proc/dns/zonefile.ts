/** Master files (RFC 1035 5) and answers from them, as the `file` plugin of CoreDNS gives. */
import { parseIp } from '../../base/addr.ts'
import type { DnsQuestion, DnsRdata, DnsRr } from '../../wire/dns.ts'
import {
  CLASS_IN,
  NOERROR,
  NXDOMAIN,
  TYPE_A,
  TYPE_AAAA,
  TYPE_CNAME,
  TYPE_NS,
  TYPE_SOA,
} from '../../wire/dns.ts'
import { isDnsName } from '../../wire/dnsname.ts'
import { isBelow, typeNumber } from './text.ts'

export interface Zone {
  origin: string
  soa: DnsRr | null
  /** By lower-case name. */
  records: Map<string, DnsRr[]>
  /** '' or what is wrong. */
  error: string
}

export interface ZoneAnswer {
  rcode: number
  aa: boolean
  answer: DnsRr[]
  authority: DnsRr[]
  additional: DnsRr[]
  /** A CNAME leads out of the zone: resolve this too. */
  outside: string
}

const CNAME_MAX = 8

/** Reads a master file: $ORIGIN, $TTL, parentheses, comments, `@`, relative and missing names. */
export function parseZone(text: string, zone: string): Zone {
  const made: Zone = { origin: zone, soa: null, records: new Map(), error: '' }
  let origin = zone
  let ttl = 3600
  let owner = zone
  for (const { words, indented, line } of logicalLines(text)) {
    if (words[0] === '$ORIGIN') {
      origin = full(words[1] ?? '.', origin)
      continue
    }
    if (words[0] === '$TTL') {
      ttl = ttlOf(words[1] ?? '') ?? ttl
      continue
    }
    if (words[0]!.startsWith('$')) return wrong(made, line, `kubehop: ${words[0]} is not modelled`)
    if (!indented) owner = full(words.shift()!, origin)
    let own = ttl
    while (words.length > 0 && (ttlOf(words[0]!) !== undefined || /^(IN|CH|HS)$/i.test(words[0]!))) {
      own = ttlOf(words.shift()!) ?? own
    }
    const name = words.shift() ?? ''
    const type = typeNumber(name)
    const data = type === undefined ? undefined : rdataOf(type, words, origin)
    if (type === undefined || data === undefined || !isDnsName(owner)) {
      return wrong(made, line, `dns: bad ${type === undefined ? 'RR type' : name}: "${words[0] ?? name}"`)
    }
    const rr: DnsRr = { name: owner, type, class: CLASS_IN, ttl: own, data }
    if (!isBelow(owner, zone)) continue
    if (type === TYPE_SOA) made.soa = rr
    const key = owner.toLowerCase()
    made.records.set(key, [...(made.records.get(key) ?? []), rr])
  }
  if (made.soa === null) made.error = `file: "${zone}" has no SOA record for origin ${zone}`
  return made
}

/** Answers a question from a zone (RFC 1034 4.3.2): exact names, delegations, wildcards, CNAMEs within the zone. */
export function zoneAnswer(zone: Zone, question: DnsQuestion): ZoneAnswer {
  const result: ZoneAnswer = {
    rcode: NOERROR, aa: true, answer: [], authority: [], additional: [], outside: '',
  } // biome-ignore format: one record
  let { name } = question
  const { origin, soa } = zone
  const apex = zone.records.get(origin.toLowerCase())?.filter((rr) => rr.type === TYPE_NS) ?? []
  const asksApex = question.type === TYPE_NS && name.toLowerCase() === origin.toLowerCase()
  for (let i = 0; i < CNAME_MAX; i++) {
    const cut = delegation(zone, name)
    if (cut !== undefined) {
      result.aa = result.answer.length > 0
      result.authority = cut
      result.additional = glue(zone, cut)
      return result
    }
    const at = findNode(zone, name)
    if (at === undefined) {
      result.rcode = NXDOMAIN
      result.authority = result.answer.length > 0 ? apex : soa === null ? [] : [soa]
      return result
    }
    const owned = at.map((rr) => ({ ...rr, name }))
    const hits = owned.filter((rr) => rr.type === question.type)
    if (hits.length > 0) {
      result.answer.push(...hits)
      result.authority = asksApex ? [] : apex
      result.additional = glue(zone, hits)
      return result
    }
    const alias = owned.find((rr) => rr.type === TYPE_CNAME)
    if (alias?.data.kind !== 'name') {
      result.authority = result.answer.length > 0 ? apex : soa === null ? [] : [soa]
      return result
    }
    result.answer.push(alias)
    name = alias.data.name
    if (!isBelow(name, zone.origin)) {
      result.outside = name
      result.authority = apex
      return result
    }
  }
  return result
}

function wrong(zone: Zone, line: number, text: string): Zone {
  zone.error = `${text} at line: ${line}`
  return zone
}

/** NS records of a zone cut at or above the name. */
function delegation(zone: Zone, name: string): DnsRr[] | undefined {
  let at = name
  let found: DnsRr[] | undefined
  while (isBelow(at, zone.origin) && at.toLowerCase() !== zone.origin.toLowerCase()) {
    const ns = zone.records.get(at.toLowerCase())?.filter((rr) => rr.type === TYPE_NS) ?? []
    if (ns.length > 0) found = ns
    at = parentOf(at)
  }
  return found
}

function glue(zone: Zone, records: readonly DnsRr[]): DnsRr[] {
  const found: DnsRr[] = []
  for (const { data } of records) {
    const target =
      data.kind === 'srv' ? data.target : data.kind === 'mx' || data.kind === 'name' ? data.name : ''
    if (target === '' || (data.kind === 'name' && records[0]!.type !== TYPE_NS)) continue
    for (const rr of zone.records.get(target.toLowerCase()) ?? []) {
      if ((rr.type === TYPE_A || rr.type === TYPE_AAAA) && !found.includes(rr)) found.push(rr)
    }
  }
  return found
}

/** The records of a name, of the wildcard above it, none for a name with others below it; undefined: no such name. */
function findNode(zone: Zone, name: string): DnsRr[] | undefined {
  const lower = name.toLowerCase()
  const exact = zone.records.get(lower)
  if (exact !== undefined) return exact
  for (const key of zone.records.keys()) if (key.endsWith(`.${lower}`)) return []
  for (let at = parentOf(lower); isBelow(at, zone.origin); at = parentOf(at)) {
    const wild = zone.records.get(at === '.' ? '*.' : `*.${at}`)
    if (wild !== undefined) return wild
    if (zone.records.has(at) || at === '.') return undefined
  }
  return undefined
}

function parentOf(name: string): string {
  const dot = name.indexOf('.')
  return dot + 1 >= name.length ? '.' : name.slice(dot + 1)
}

function full(name: string, origin: string): string {
  if (name === '@') return origin
  if (name.endsWith('.')) return name
  return origin === '.' ? `${name}.` : `${name}.${origin}`
}

function ttlOf(text: string): number | undefined {
  if (!/^([0-9]+[smhdw]?)+$/i.test(text)) return undefined
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, '': 1 }
  let total = 0
  for (const part of text.toLowerCase().matchAll(/([0-9]+)([smhdw]?)/g))
    total += Number(part[1]) * units[part[2]!]!
  return total
}

/** A record's data from its words; undefined where they are not of the type. */
export function rdataOf(type: number, words: readonly string[], origin: string): DnsRdata | undefined {
  const [a = '', b = '', c = '', d = ''] = words
  const number = (text: string) => (/^[0-9]+$/.test(text) ? Number(text) : Number.NaN)
  const name = (text: string) => (text === '' ? '' : full(text, origin))
  switch (type) {
    case 1:
    case 28: {
      const ip = parseIp(a)
      return ip !== undefined && (typeof ip === 'number') === (type === 1) ? { kind: 'ip', ip } : undefined
    }
    case 2:
    case 5:
    case 12:
      return isDnsName(name(a)) && a !== '' ? { kind: 'name', name: name(a) } : undefined
    case 15:
      return b === '' || Number.isNaN(number(a))
        ? undefined
        : { kind: 'mx', preference: number(a), name: name(b) }
    case 33: {
      const [priority, weight, port] = [number(a), number(b), number(c)]
      if (d === '' || Number.isNaN(priority + weight + port)) return undefined
      return { kind: 'srv', priority, weight, port, target: name(d) }
    }
    case 16:
      return words.length === 0 ? undefined : { kind: 'txt', texts: words.map((word) => word.slice(0, 255)) }
    case 6: {
      const times = words.slice(3).map(ttlOf)
      const [refresh, retry, expire, minimum] = times
      if (minimum === undefined || refresh === undefined || retry === undefined || expire === undefined)
        return undefined
      return {
        kind: 'soa',
        mname: name(a),
        rname: name(b),
        serial: number(c),
        refresh,
        retry,
        expire,
        minimum,
      }
    }
    default:
      return undefined
  }
}

interface LogicalLine {
  words: string[]
  indented: boolean
  line: number
}

/** Lines with parentheses joined, comments gone and quotes undone. */
function logicalLines(text: string): LogicalLine[] {
  const lines: LogicalLine[] = []
  let open = 0
  let current: LogicalLine = { words: [], indented: false, line: 0 }
  for (const [i, raw] of text.split('\n').entries()) {
    if (open === 0) current = { words: [], indented: /^[ \t]/.test(raw), line: i + 1 }
    for (const part of raw.matchAll(/"((?:[^"\\]|\\.)*)"|(;.*)|([()])|([^\s;()"]+)/g)) {
      if (part[2] !== undefined) break
      if (part[3] !== undefined) open += part[3] === '(' ? 1 : -1
      else current.words.push(part[1] !== undefined ? part[1].replace(/\\(.)/g, '$1') : part[4]!)
    }
    if (open <= 0) {
      open = 0
      if (current.words.length > 0) lines.push(current)
    }
  }
  return lines
}
