/** Fields of a DNS message (RFC 1035) with their places. See fields.ts. */
import type { ByteLayer, Dissection } from './dissection.ts'
import { get16, get32, hex, ip4At, ip6At, layer, put, textAt } from './dissection.ts'

const MAX_RECORDS = 64
const MAX_JUMPS = 16
const OPT = 41

/** The message from `at` to `end`, at least twelve bytes. */
export function dissectDns(d: Dissection, at: number, end: number): void {
  const b = d.bytes
  const flags = get16(b, at + 2)
  const to = layer(d, 'dns', 'Domain Name System', at, end - at)
  put(d, to, 'dns.id', 'Transaction ID', at, 2, hex(get16(b, at), 4))
  put(d, to, 'dns.flags', 'Flags', at + 2, 2, `${hex(flags, 4)} ${flagText(flags)}`)
  const counts = [0, 1, 2, 3].map((i) => get16(b, at + 4 + 2 * i))
  put(d, to, 'dns.count.queries', 'Questions', at + 4, 2, counts[0]!)
  put(d, to, 'dns.count.answers', 'Answer RRs', at + 6, 2, counts[1]!)
  put(d, to, 'dns.count.auth_rr', 'Authority RRs', at + 8, 2, counts[2]!)
  put(d, to, 'dns.count.add_rr', 'Additional RRs', at + 10, 2, counts[3]!)
  let next = at + 12
  for (let i = 0; i < Math.min(counts[0]!, MAX_RECORDS); i++) next = question(d, to, at, next, end)
  const records = counts[1]! + counts[2]! + counts[3]!
  for (let i = 0; i < Math.min(records, MAX_RECORDS) && next < end; i++) next = record(d, to, at, next, end)
}

function question(d: Dissection, to: ByteLayer, from: number, at: number, end: number): number {
  const name = nameAt(d.bytes, from, at, end)
  if (name === undefined || name.next + 4 > end) return end
  put(d, to, 'dns.qry.name', 'Name', at, name.next - at, name.text)
  put(d, to, 'dns.qry.type', 'Type', name.next, 2, typeText(get16(d.bytes, name.next)))
  put(d, to, 'dns.qry.class', 'Class', name.next + 2, 2, classText(get16(d.bytes, name.next + 2)))
  return name.next + 4
}

function record(d: Dissection, to: ByteLayer, from: number, at: number, end: number): number {
  const b = d.bytes
  const name = nameAt(b, from, at, end)
  if (name === undefined || name.next + 10 > end) return end
  const n = name.next
  const type = get16(b, n)
  const length = get16(b, n + 8)
  if (n + 10 + length > end) return end
  put(d, to, 'dns.resp.name', 'Name', at, n - at, name.text)
  put(d, to, 'dns.resp.type', 'Type', n, 2, typeText(type))
  if (type === OPT) {
    // EDNS (RFC 6891) puts other things into class and time.
    put(d, to, 'dns.rr.udp_payload_size', 'UDP payload size', n + 2, 2, get16(b, n + 2))
    put(d, to, 'dns.resp.ext_rcode', 'Higher bits in extended RCODE', n + 4, 1, hex(b[n + 4] ?? 0, 2))
    put(d, to, 'dns.resp.edns0_version', 'EDNS0 version', n + 5, 1, b[n + 5] ?? 0)
    put(d, to, 'dns.resp.z', 'Z', n + 6, 2, hex(get16(b, n + 6), 4))
  } else {
    put(d, to, 'dns.resp.class', 'Class', n + 2, 2, classText(get16(b, n + 2)))
    put(d, to, 'dns.resp.ttl', 'Time to live', n + 4, 4, get32(b, n + 4))
  }
  put(d, to, 'dns.resp.len', 'Data length', n + 8, 2, length)
  const at2 = n + 10
  if (type === 1 && length === 4) put(d, to, 'dns.a', 'Address', at2, 4, ip4At(b, at2))
  else if (type === 28 && length === 16) put(d, to, 'dns.aaaa', 'AAAA Address', at2, 16, ip6At(b, at2))
  else if (type === 5 || type === 2 || type === 12) {
    const field = type === 5 ? 'dns.cname' : type === 2 ? 'dns.ns' : 'dns.ptr.domain_name'
    put(d, to, field, typeText(type), at2, length, nameAt(b, from, at2, end)?.text ?? '')
  } else if (type === OPT && length > 0) put(d, to, 'dns.opt', 'Options', at2, length, `${length} bytes`)
  else if (length > 0) put(d, to, 'dns.data', 'Data', at2, length, textAt(b, at2, length))
  return at2 + length
}

/** A name with its compression undone, and where it ends; undefined where it is malformed. */
function nameAt(
  b: Uint8Array,
  from: number,
  start: number,
  end: number,
): { text: string; next: number } | undefined {
  const labels: string[] = []
  let at = start
  let next = -1
  for (let jumps = 0; jumps < MAX_JUMPS && at < end; ) {
    const length = b[at] ?? 0
    if (length === 0) return { text: labels.join('.') || '<Root>', next: next < 0 ? at + 1 : next }
    if (length >= 0xc0) {
      if (next < 0) next = at + 2
      at = from + (get16(b, at) & 0x3fff)
      jumps++
    } else {
      if (at + 1 + length > end || labels.length > 128) return undefined
      labels.push(textAt(b, at + 1, length))
      at += 1 + length
    }
  }
  return undefined
}

const RCODES = ['No error', 'Format error', 'Server failure', 'No such name', 'Not implemented', 'Refused']

function flagText(flags: number): string {
  if ((flags & 0x8000) === 0) return 'Standard query'
  return `Standard query response, ${RCODES[flags & 15] ?? flags & 15}`
}

const TYPES: Readonly<Record<number, string>> = Object.freeze({
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  41: 'OPT',
})

function typeText(type: number): string {
  return TYPES[type] === undefined ? String(type) : `${TYPES[type]} (${type})`
}

function classText(value: number): string {
  return value === 1 ? 'IN (0x0001)' : hex(value, 4)
}
