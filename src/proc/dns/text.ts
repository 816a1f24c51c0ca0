/** DNS in words: type and code names, records in zone-file form, reverse names. */
import type { Ip } from '../../base/addr.ts'
import { formatIp, parseIp4, parseIp6 } from '../../base/addr.ts'
import type { DnsRdata, DnsRr } from '../../wire/dns.ts'

const TYPES: readonly (readonly [number, string])[] = [
  [1, 'A'], [2, 'NS'], [5, 'CNAME'], [6, 'SOA'], [12, 'PTR'], [13, 'HINFO'], [15, 'MX'], [16, 'TXT'], [17, 'RP'],
  [24, 'SIG'], [25, 'KEY'], [28, 'AAAA'], [29, 'LOC'], [33, 'SRV'], [35, 'NAPTR'], [39, 'DNAME'], [41, 'OPT'],
  [43, 'DS'], [44, 'SSHFP'], [46, 'RRSIG'], [47, 'NSEC'], [48, 'DNSKEY'], [50, 'NSEC3'], [51, 'NSEC3PARAM'],
  [52, 'TLSA'], [64, 'SVCB'], [65, 'HTTPS'], [99, 'SPF'], [251, 'IXFR'], [252, 'AXFR'], [255, 'ANY'], [257, 'CAA'],
] // biome-ignore format: one list

const RCODES: readonly string[] = [
  'NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'YXDOMAIN', 'YXRRSET', 'NXRRSET', 'NOTAUTH',
  'NOTZONE', 'RESERVED11', 'RESERVED12', 'RESERVED13', 'RESERVED14', 'RESERVED15', 'BADVERS',
] // biome-ignore format: one list

/** `A`, `AAAA`, or `TYPE123` for a type without a name. */
export function typeName(type: number): string {
  return TYPES.find(([number]) => number === type)?.[1] ?? `TYPE${type}`
}

/** The number of a type's name in any case, `TYPE123` too; undefined for none. */
export function typeNumber(name: string): number | undefined {
  const upper = name.toUpperCase()
  const plain = /^TYPE([0-9]{1,5})$/.exec(upper)
  if (plain !== null && Number(plain[1]) < 65_536) return Number(plain[1])
  return TYPES.find(([, one]) => one === upper)?.[0]
}

export function className(klass: number): string {
  return klass === 1
    ? 'IN'
    : klass === 3
      ? 'CH'
      : klass === 4
        ? 'HS'
        : klass === 255
          ? 'ANY'
          : `CLASS${klass}`
}

/** The number of a class' name in capitals; undefined for none. */
export function classNumber(name: string): number | undefined {
  const at = ['IN', 'CS', 'CH', 'HS'].indexOf(name)
  return at >= 0 ? at + 1 : name === 'NONE' ? 254 : name === 'ANY' ? 255 : undefined
}

export function rcodeName(rcode: number): string {
  return RCODES[rcode] ?? `RESERVED${rcode}`
}

/** The number of a response code's name; undefined for none. */
export function rcodeNumber(name: string): number | undefined {
  const at = RCODES.indexOf(name.toUpperCase())
  return at < 0 ? undefined : at
}

/** A record's data as a zone file has it. */
export function rdataText(data: DnsRdata): string {
  switch (data.kind) {
    case 'ip':
      return formatIp(data.ip)
    case 'name':
      return data.name
    case 'mx':
      return `${data.preference} ${data.name}`
    case 'srv':
      return `${data.priority} ${data.weight} ${data.port} ${data.target}`
    case 'soa': {
      const { mname, rname, serial, refresh, retry, expire, minimum } = data
      return `${mname} ${rname} ${serial} ${refresh} ${retry} ${expire} ${minimum}`
    }
    case 'txt':
      return data.texts.map(quoted).join(' ')
    case 'raw': {
      const hex = Array.from(data.bytes, (byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join('')
      return `\\# ${data.bytes.length}${hex === '' ? '' : ` ${hex}`}`
    }
  }
}

/** A character-string in quotes. */
export function quoted(text: string): string {
  let shown = ''
  for (const c of text) {
    const code = c.charCodeAt(0)
    if (c === '"' || c === '\\') shown += `\\${c}`
    else if (code < 32 || code > 126) shown += `\\${String(code).padStart(3, '0')}`
    else shown += c
  }
  return `"${shown}"`
}

/** `NAME TTL CLASS TYPE DATA` with tabs between, as CoreDNS and zone files write it. */
export function rrText(rr: DnsRr): string {
  return [rr.name, rr.ttl, className(rr.class), typeName(rr.type), rdataText(rr.data)].join('\t')
}

/** The name under in-addr.arpa or ip6.arpa that stands for an address. */
export function reverseName(ip: Ip): string {
  if (typeof ip === 'number') return `${formatIp(ip).split('.').reverse().join('.')}.in-addr.arpa.`
  return `${[...ip].reverse().join('.')}.ip6.arpa.`
}

/** The address that a complete reverse name stands for; undefined for every other name. */
export function addressOfReverse(name: string): Ip | undefined {
  const lower = name.toLowerCase()
  const four = /^([0-9.]+)\.in-addr\.arpa\.$/.exec(lower)
  if (four !== null) return parseIp4(four[1]!.split('.').reverse().join('.'))
  const six = /^([0-9a-f](?:\.[0-9a-f]){31})\.ip6\.arpa\.$/.exec(lower)
  if (six === null) return undefined
  const digits = six[1]!.split('.').reverse().join('')
  return parseIp6(digits.match(/..../g)!.join(':'))
}

/** With the dot at the end. */
export function absolute(name: string): string {
  return name.endsWith('.') ? name : `${name}.`
}

/** Whether `name` is `zone` or below it, in any case. Both are absolute. */
export function isBelow(name: string, zone: string): boolean {
  const [a, b] = [name.toLowerCase(), zone.toLowerCase()]
  return b === '.' || a === b || a.endsWith(`.${b}`)
}
