/** Values as iptables 1.8.9 reads them: numbers, protocols, ports, addresses with masks. */
import type { Ip } from '../../base/addr.ts'
import { maskIp, maskOf4, parseIp4, parseIp6 } from '../../base/addr.ts'
import type { AddrMatch, IfMatch, PortRange } from '../../net/nf/types.ts'
import { servicePort } from '../cmd/services.ts'
import { problem } from './words.ts'

/** /etc/protocols, and the names that xtables knows besides. */
const PROTOS: Readonly<Record<string, number>> = Object.freeze({
  ip: 0,
  icmp: 1,
  igmp: 2,
  ggp: 3,
  ipencap: 4,
  st: 5,
  tcp: 6,
  egp: 8,
  igp: 9,
  pup: 12,
  udp: 17,
  hmp: 20,
  'xns-idp': 22,
  rdp: 27,
  'iso-tp4': 29,
  dccp: 33,
  xtp: 36,
  ddp: 37,
  'idpr-cmtp': 38,
  ipv6: 41,
  'ipv6-route': 43,
  'ipv6-frag': 44,
  idrp: 45,
  rsvp: 46,
  gre: 47,
  esp: 50,
  ah: 51,
  skip: 57,
  'ipv6-icmp': 58,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  rspf: 73,
  vmtp: 81,
  eigrp: 88,
  ospf: 89,
  'ax.25': 93,
  ipip: 94,
  etherip: 97,
  encap: 98,
  pim: 103,
  ipcomp: 108,
  vrrp: 112,
  l2tp: 115,
  isis: 124,
  sctp: 132,
  fc: 133,
  'mobility-header': 135,
  udplite: 136,
  'mpls-in-ip': 137,
  hip: 139,
  shim6: 140,
  wesp: 141,
  rohc: 142,
})

const MORE_PROTOS: Readonly<Record<string, number>> = Object.freeze({
  icmpv6: 58,
  'ipv6-mh': 135,
  mh: 135,
  all: 0,
})

/** strtoul(3) with base 0 over the whole text, in [min, max]; undefined for anything else. */
export function uint(text: string, min: number, max: number): number | undefined {
  const digits = text.replace(/^[ \t\n\v\f\r]+/, '').replace(/^\+/, '')
  let value: number
  if (/^0[0-7]*$/.test(digits)) value = Number.parseInt(digits, 8)
  else if (/^([1-9][0-9]{0,19}|0[xX][0-9a-fA-F]{1,16})$/.test(digits)) value = Number(digits)
  else return undefined
  return value >= min && value <= max ? value : undefined
}

/** `! -p` of everything is for the caller to refuse. */
export function parseProto(text: string): number {
  const number = uint(text, 0, 255)
  if (number !== undefined) return number
  const name = text.toLowerCase()
  if (Object.hasOwn(PROTOS, name)) return PROTOS[name]!
  if (Object.hasOwn(MORE_PROTOS, name)) return MORE_PROTOS[name]!
  problem(`unknown protocol "${text}" specified`)
}

/** Its name in /etc/protocols, else the number. */
export function protoText(value: number): string {
  for (const [name, number] of Object.entries(PROTOS)) if (number === value && value !== 0) return name
  return String(value)
}

/** A port by number or by its name in /etc/services. */
export function parsePort(text: string): number {
  return uint(text, 0, 65535) ?? servicePort(text) ?? problem(`invalid port/service \`${text}' specified`)
}

/** `PORT`, `FROM:`, `:TO`, `FROM:TO`. */
export function parsePorts(text: string): PortRange {
  const colon = text.indexOf(':')
  if (colon < 0) {
    const port = parsePort(text)
    return { from: port, to: port }
  }
  const [low, high] = [text.slice(0, colon), text.slice(colon + 1)]
  const from = low === '' ? 0 : parsePort(low)
  const to = high === '' ? 65535 : parsePort(high)
  if (from > to) problem('invalid portrange (min > max)')
  return { from, to }
}

/** Looks names up; undefined where the name has no address of the family. */
export type Lookup = (name: string) => Ip | undefined

/** A mask as a length, a dotted quad (IPv4) or an address (IPv6). `len` is -1 for one that is no prefix. */
export function parseMask(text: string, family: 4 | 6): { len: number; mask: Ip } {
  const max = family === 4 ? 32 : 128
  const direct = family === 4 ? dotted(text) : parseIp6(text)
  if (direct !== undefined && text.includes(family === 4 ? '.' : ':'))
    return { len: lengthOf(direct), mask: direct }
  const len = uint(text, 0, max)
  if (len === undefined) problem(`invalid mask \`${text}' specified`)
  return { len, mask: maskOf(family, len) }
}

export function maskOf(family: 4 | 6, len: number): Ip {
  return family === 4 ? maskOf4(len) : maskIp('f'.repeat(32), len)
}

/** The prefix length of a mask, -1 where it is none. */
export function lengthOf(mask: Ip): number {
  const max = typeof mask === 'number' ? 32 : 128
  for (let len = 0; len <= max; len++) if (maskOf(max === 32 ? 4 : 6, len) === mask) return len
  return -1
}

/** Bitwise and of two addresses of one family. */
export function andIp(a: Ip, b: Ip): Ip {
  if (typeof a === 'number') return a & (b as number)
  let text = ''
  for (let i = 0; i < 32; i++) {
    text += (Number.parseInt(a[i]!, 16) & Number.parseInt((b as string)[i]!, 16)).toString(16)
  }
  return text
}

/** `-s` and `-d`: a list of addresses and names with masks. Bits outside the mask are cleared. */
export function parseHosts(text: string, family: 4 | 6, not: boolean, lookup: Lookup): AddrMatch[] {
  return text.split(',').map((word) => {
    const part = word.replace(/^[ \t]+/, '')
    const slash = part.indexOf('/')
    const { len, mask } =
      slash < 0
        ? { len: family === 4 ? 32 : 128, mask: maskOf(family, family === 4 ? 32 : 128) }
        : parseMask(part.slice(slash + 1), family)
    const host = slash < 0 ? part : part.slice(0, slash)
    const addr = family === 4 ? (dotted(host) ?? lookup(host)) : (parseIp6(host) ?? lookup(host))
    if (addr === undefined) problem(`host/network \`${host}' not found`)
    return { not, addr: andIp(addr, mask), len, mask }
  })
}

/**
 * One to four numbers in C's notation with dots between them; those left out are zero ones at the END, unlike
 * inet_aton(3): `10.1` is 10.1.0.0.
 */
function dotted(text: string): number | undefined {
  const parts = text.split('.')
  if (parts.length > 4) return undefined
  let ip = 0
  for (let i = 0; i < 4; i++) {
    const value = i < parts.length ? uint(parts[i]!, 0, 255) : 0
    if (value === undefined || /^[ \t+]/.test(parts[i] ?? '')) return undefined
    ip = (ip << 8) | value
  }
  return ip
}

/** One address as inet_pton(3) reads it. */
export function parseAddr(text: string, family: 4 | 6): Ip | undefined {
  return family === 4 ? parseIp4(text) : parseIp6(text)
}

/** A device name of a rule; null for `+` alone, which is any. `warn` gets what the tool says besides. */
export function parseIf(text: string, not: boolean, warn: (text: string) => void): IfMatch | null {
  if (text.length + 1 > 16) problem(`interface name \`${text}' must be shorter than IFNAMSIZ (15)`)
  if (/[\s/]/.test(text)) {
    warn(`Warning: weird character in interface \`${text}' ('/' and ' ' are not allowed by the kernel).\n`)
  }
  const prefix = text.endsWith('+')
  if (text === '+' && !not) return null
  return { not, name: prefix ? text.slice(0, -1) : text, prefix }
}

/** `VALUE` or `VALUE/MASK`, 32 bits each. undefined where either is none. */
export function parseMark(text: string): { value: number; mask: number } | undefined {
  const slash = text.indexOf('/')
  const value = uint(slash < 0 ? text : text.slice(0, slash), 0, 0xffffffff)
  const mask = slash < 0 ? 0xffffffff : uint(text.slice(slash + 1), 0, 0xffffffff)
  return value === undefined || mask === undefined ? undefined : { value, mask }
}

export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`
}
