/**
 * DNS messages to bytes and back: RFC 1035, with AAAA (3596), SRV (2782) and the OPT record of EDNS (6891). Names are
 * absolute and in the presentation form of RFC 1035 5.1 (`a.b.`, the root is `.`; `\.`, `\\` and `\DDD` escape).
 * Not here: DNSSEC records (kept as bytes), TSIG, multicast DNS.
 */
import type { Ip } from '../base/addr.ts'
import { put16, put32, putIp } from './bytes.ts'
import { decodeName, encodeName, type NameTable, nameLength } from './dnsname.ts'

export type DnsRdata =
  /** A, AAAA. */
  | { kind: 'ip'; ip: Ip }
  /** CNAME, NS, PTR. */
  | { kind: 'name'; name: string }
  | { kind: 'mx'; preference: number; name: string }
  | { kind: 'srv'; priority: number; weight: number; port: number; target: string }
  | {
      kind: 'soa'
      mname: string
      rname: string
      serial: number
      refresh: number
      retry: number
      expire: number
      minimum: number
    }
  /** Each a character-string of at most 255 bytes, one character a byte. */
  | { kind: 'txt'; texts: string[] }
  | { kind: 'raw'; bytes: Uint8Array }

export interface DnsRr {
  name: string
  type: number
  class: number
  /** Seconds. */
  ttl: number
  data: DnsRdata
}

export interface DnsQuestion {
  name: string
  type: number
  class: number
}

/** The OPT record: what the sender can take, and options. */
export interface DnsEdns {
  size: number
  version: number
  do: boolean
  options: { code: number; bytes: Uint8Array }[]
}

export interface DnsMessage {
  id: number
  qr: boolean
  opcode: number
  aa: boolean
  tc: boolean
  rd: boolean
  ra: boolean
  ad: boolean
  cd: boolean
  /** With the upper eight bits of EDNS. */
  rcode: number
  question: DnsQuestion[]
  answer: DnsRr[]
  authority: DnsRr[]
  additional: DnsRr[]
  edns: DnsEdns | null
}

export const DNS_PORT = 53
/** What a datagram may carry without EDNS. */
export const DNS_UDP_SIZE = 512
export const CLASS_IN = 1
export const TYPE_A = 1
export const TYPE_NS = 2
export const TYPE_CNAME = 5
export const TYPE_SOA = 6
export const TYPE_PTR = 12
export const TYPE_HINFO = 13
export const TYPE_MX = 15
export const TYPE_TXT = 16
export const TYPE_AAAA = 28
export const TYPE_SRV = 33
export const TYPE_OPT = 41
export const TYPE_ANY = 255
export const NOERROR = 0
export const FORMERR = 1
export const SERVFAIL = 2
export const NXDOMAIN = 3
export const NOTIMP = 4
export const REFUSED = 5

/** A message without records: a query with `qr` false. */
export function dnsMessage(id: number, question: DnsQuestion[] = []): DnsMessage {
  return {
    id,
    qr: false,
    opcode: 0,
    aa: false,
    tc: false,
    rd: false,
    ra: false,
    ad: false,
    cd: false,
    rcode: NOERROR,
    question,
    answer: [],
    authority: [],
    additional: [],
    edns: null,
  }
}

/** The answer to `query` with nothing in it yet: same id, question and wish for recursion. */
export function dnsReply(query: DnsMessage, rcode = NOERROR): DnsMessage {
  return { ...dnsMessage(query.id, query.question), qr: true, opcode: query.opcode, rd: query.rd, rcode }
}

/**
 * Bytes of a message, names compressed or not. Records beyond `limit` bytes are left out from the end, and TC says so.
 * A limit makes it compress where the plain form is too long (as Truncate of the Go library miekg/dns does).
 */
export function encodeDns(message: DnsMessage, compress = true, limit = 65_535): Uint8Array {
  const plain = encodeWhole(message, compress)
  if (plain.length <= limit) return plain
  const all = compress ? plain : encodeWhole(message, true)
  if (all.length <= limit) return all
  const records = [...message.answer, ...message.authority, ...message.additional]
  let [low, high] = [0, records.length]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (encodeWhole(firstRecords(message, middle), true).length <= limit) low = middle
    else high = middle - 1
  }
  return encodeWhole(firstRecords(message, low), true)
}

/** A message as TCP carries it: two bytes of length in front. */
export function frameDns(bytes: Uint8Array): Uint8Array {
  const framed = new Uint8Array(bytes.length + 2)
  put16(framed, 0, bytes.length)
  framed.set(bytes, 2)
  return framed
}

export type DnsDecoded =
  | { message: DnsMessage; error: '' }
  | { message: undefined; id: number; error: string }

/** Reads a message. Whatever is wrong with its form gives `error` (a server answers FORMERR), never an exception. */
export function decodeDns(bytes: Uint8Array): DnsDecoded {
  const id = bytes.length >= 2 ? get16(bytes, 0) : 0
  if (bytes.length < 12) return { message: undefined, id, error: 'header' }
  const flags = get16(bytes, 2)
  const message: DnsMessage = {
    id,
    qr: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 15,
    aa: (flags & 0x400) !== 0,
    tc: (flags & 0x200) !== 0,
    rd: (flags & 0x100) !== 0,
    ra: (flags & 0x80) !== 0,
    ad: (flags & 0x20) !== 0,
    cd: (flags & 0x10) !== 0,
    rcode: flags & 15,
    question: [],
    answer: [],
    authority: [],
    additional: [],
    edns: null,
  }
  const failed = (error: string): DnsDecoded => ({ message: undefined, id, error })
  let at = 12
  for (let i = get16(bytes, 4); i > 0; i--) {
    const name = decodeName(bytes, at)
    if (name === undefined || name.next + 4 > bytes.length) return failed('question')
    message.question.push({
      name: name.text,
      type: get16(bytes, name.next),
      class: get16(bytes, name.next + 2),
    })
    at = name.next + 4
  }
  const sections = [message.answer, message.authority, message.additional]
  for (let s = 0; s < 3; s++) {
    for (let i = get16(bytes, 6 + 2 * s); i > 0; i--) {
      const got = decodeRecord(bytes, at)
      if (got === undefined) return failed('record')
      at = got.next
      if (got.rr.type !== TYPE_OPT) sections[s]!.push(got.rr)
      else if (s !== 2 || message.edns !== null || !takeOpt(message, got.rr)) return failed('OPT')
    }
  }
  return { message, error: '' }
}

function firstRecords(message: DnsMessage, count: number): DnsMessage {
  const { answer, authority, additional } = message
  const rest = Math.max(0, count - answer.length)
  return {
    ...message,
    tc: true,
    answer: answer.slice(0, count),
    authority: authority.slice(0, rest),
    additional: additional.slice(0, Math.max(0, rest - authority.length)),
  }
}

function encodeWhole(message: DnsMessage, compress: boolean): Uint8Array {
  const out = new Uint8Array(sizeOf(message))
  const table: NameTable | null = compress ? new Map() : null
  const bit = (on: boolean, value: number) => (on ? value : 0)
  put16(out, 0, message.id)
  put16(
    out,
    2,
    bit(message.qr, 0x8000) |
      ((message.opcode & 15) << 11) |
      bit(message.aa, 0x400) |
      bit(message.tc, 0x200) |
      bit(message.rd, 0x100) |
      bit(message.ra, 0x80) |
      bit(message.ad, 0x20) |
      bit(message.cd, 0x10) |
      (message.rcode & 15),
  )
  put16(out, 4, message.question.length)
  put16(out, 6, message.answer.length)
  put16(out, 8, message.authority.length)
  put16(out, 10, message.additional.length + (message.edns === null ? 0 : 1))
  let at = 12
  for (const { name, type, class: klass } of message.question) {
    at = encodeName(out, at, name, table)
    put16(out, at, type)
    put16(out, at + 2, klass)
    at += 4
  }
  for (const rr of [...message.answer, ...message.authority, ...message.additional]) {
    at = encodeName(out, at, rr.name, table)
    put16(out, at, rr.type)
    put16(out, at + 2, rr.class)
    put32(out, at + 4, rr.ttl)
    const end = encodeRdata(out, at + 10, rr.data, table)
    put16(out, at + 8, end - at - 10)
    at = end
  }
  if (message.edns !== null) at = encodeOpt(out, at, message.edns, message.rcode)
  return out.slice(0, at)
}

function encodeOpt(out: Uint8Array, start: number, edns: DnsEdns, rcode: number): number {
  out[start] = 0
  put16(out, start + 1, TYPE_OPT)
  put16(out, start + 3, edns.size)
  out[start + 5] = rcode >> 4
  out[start + 6] = edns.version
  put16(out, start + 7, edns.do ? 0x8000 : 0)
  let at = start + 11
  for (const { code, bytes } of edns.options) {
    put16(out, at, code)
    put16(out, at + 2, bytes.length)
    out.set(bytes, at + 4)
    at += 4 + bytes.length
  }
  put16(out, start + 9, at - start - 11)
  return at
}

/** Only the types of RFC 1035 have names that may be compressed (RFC 3597 4). */
function encodeRdata(out: Uint8Array, at: number, data: DnsRdata, table: NameTable | null): number {
  switch (data.kind) {
    case 'ip':
      return at + putIp(out, at, data.ip)
    case 'name':
      return encodeName(out, at, data.name, table)
    case 'mx':
      put16(out, at, data.preference)
      return encodeName(out, at + 2, data.name, table)
    case 'srv':
      put16(out, at, data.priority)
      put16(out, at + 2, data.weight)
      put16(out, at + 4, data.port)
      return encodeName(out, at + 6, data.target, null)
    case 'soa': {
      const next = encodeName(out, encodeName(out, at, data.mname, table), data.rname, table)
      const { serial, refresh, retry, expire, minimum } = data
      for (const [i, value] of [serial, refresh, retry, expire, minimum].entries()) {
        put32(out, next + 4 * i, value)
      }
      return next + 20
    }
    case 'txt': {
      let next = at
      for (const text of data.texts) {
        const length = Math.min(255, text.length)
        out[next++] = length
        for (let i = 0; i < length; i++) out[next++] = text.charCodeAt(i) & 255
      }
      return next
    }
    case 'raw':
      out.set(data.bytes, at)
      return at + data.bytes.length
  }
}

/** An upper bound of the bytes that the message takes. */
function sizeOf(message: DnsMessage): number {
  let size = 12
  for (const { name } of message.question) size += nameLength(name) + 4
  for (const rr of [...message.answer, ...message.authority, ...message.additional]) {
    size += nameLength(rr.name) + 10 + rdataSize(rr.data)
  }
  if (message.edns !== null) {
    size += 11
    for (const { bytes } of message.edns.options) size += 4 + bytes.length
  }
  return size
}

function rdataSize(data: DnsRdata): number {
  switch (data.kind) {
    case 'ip':
      return 16
    case 'name':
      return nameLength(data.name)
    case 'mx':
      return 2 + nameLength(data.name)
    case 'srv':
      return 6 + nameLength(data.target)
    case 'soa':
      return nameLength(data.mname) + nameLength(data.rname) + 20
    case 'txt':
      return data.texts.reduce((sum, text) => sum + 1 + text.length, 0)
    case 'raw':
      return data.bytes.length
  }
}

function decodeRecord(bytes: Uint8Array, start: number): { rr: DnsRr; next: number } | undefined {
  const name = decodeName(bytes, start)
  if (name === undefined || name.next + 10 > bytes.length) return undefined
  const at = name.next
  const type = get16(bytes, at)
  const length = get16(bytes, at + 8)
  const end = at + 10 + length
  if (end > bytes.length) return undefined
  const data = decodeRdata(bytes, at + 10, end, type)
  if (data === undefined) return undefined
  const ttl = get32(bytes, at + 4)
  return { rr: { name: name.text, type, class: get16(bytes, at + 2), ttl, data }, next: end }
}

function decodeRdata(bytes: Uint8Array, at: number, end: number, type: number): DnsRdata | undefined {
  const nameTo = (from: number, to = end): string | undefined => {
    const name = decodeName(bytes, from)
    return name === undefined || name.next !== to ? undefined : name.text
  }
  switch (type) {
    case TYPE_A:
      return end - at === 4 ? { kind: 'ip', ip: get32(bytes, at) | 0 } : undefined
    case TYPE_AAAA: {
      if (end - at !== 16) return undefined
      let ip = ''
      for (let i = at; i < end; i++) ip += bytes[i]!.toString(16).padStart(2, '0')
      return { kind: 'ip', ip }
    }
    case TYPE_CNAME:
    case TYPE_NS:
    case TYPE_PTR: {
      const name = nameTo(at)
      return name === undefined ? undefined : { kind: 'name', name }
    }
    case TYPE_MX: {
      const name = end - at < 3 ? undefined : nameTo(at + 2)
      return name === undefined ? undefined : { kind: 'mx', preference: get16(bytes, at), name }
    }
    case TYPE_SRV: {
      const target = end - at < 7 ? undefined : nameTo(at + 6)
      if (target === undefined) return undefined
      const [priority, weight, port] = [get16(bytes, at), get16(bytes, at + 2), get16(bytes, at + 4)]
      return { kind: 'srv', priority, weight, port, target }
    }
    case TYPE_SOA:
      return decodeSoa(bytes, at, end)
    case TYPE_HINFO:
    case TYPE_TXT: {
      const texts: string[] = []
      for (let i = at; i < end; i += bytes[i]! + 1) {
        const stop = i + 1 + bytes[i]!
        if (stop > end) return undefined
        texts.push(Array.from(bytes.subarray(i + 1, stop), (byte) => String.fromCharCode(byte)).join(''))
      }
      return texts.length === 0 ? undefined : { kind: 'txt', texts }
    }
    default:
      return { kind: 'raw', bytes: bytes.slice(at, end) }
  }
}

function decodeSoa(bytes: Uint8Array, at: number, end: number): DnsRdata | undefined {
  const mname = decodeName(bytes, at)
  const rname = mname === undefined ? undefined : decodeName(bytes, mname.next)
  if (mname === undefined || rname === undefined || rname.next + 20 !== end) return undefined
  const [serial, refresh, retry, expire, minimum] = [0, 4, 8, 12, 16].map((i) =>
    get32(bytes, rname.next + i),
  ) as [number, number, number, number, number]
  return { kind: 'soa', mname: mname.text, rname: rname.text, serial, refresh, retry, expire, minimum }
}

/** The OPT record into `edns`. False where its options do not fit. */
function takeOpt(message: DnsMessage, rr: DnsRr): boolean {
  if (rr.name !== '.' || rr.data.kind !== 'raw') return false
  const { bytes } = rr.data
  const options: DnsEdns['options'] = []
  let at = 0
  while (at < bytes.length) {
    if (at + 4 > bytes.length) return false
    const end = at + 4 + get16(bytes, at + 2)
    if (end > bytes.length) return false
    options.push({ code: get16(bytes, at), bytes: bytes.slice(at + 4, end) })
    at = end
  }
  message.rcode |= (rr.ttl >>> 24) << 4
  message.edns = {
    size: rr.class,
    version: (rr.ttl >>> 16) & 255,
    do: (rr.ttl & 0x8000) !== 0,
    options,
  }
  return true
}

function get16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

function get32(bytes: Uint8Array, at: number): number {
  return get16(bytes, at) * 65_536 + get16(bytes, at + 2)
}
