// IPv4, IPv6 and Ethernet addresses as values that can be compared, hashed and used as keys.
// Text as inet_pton(3) reads it, IPv6 printed as RFC 5952. Not here: zones (fe80::1%eth0), netmasks as dotted quads.
import { assert } from './assert.ts'

/** IPv4: a signed 32-bit integer. IPv6: 32 lower-case hex digits. */
export type Ip = number | string

/** Ethernet address: a 48-bit integer. */
export type Mac = number

export interface Prefix {
  addr: Ip
  len: number
}

export const BROADCAST_MAC = 0xffffffffffff
export const UNSPECIFIED_IP6 = '00000000000000000000000000000000'
export const LOOPBACK_IP6 = '00000000000000000000000000000001'

/** A dotted quad: four decimal numbers without leading zeros, as inet_pton(AF_INET). */
export function parseIp4(text: string): number | undefined {
  let ip = 0
  let octet = -1
  let dots = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === 0x2e) {
      if (octet < 0 || ++dots > 3) return undefined
      ip = (ip << 8) | octet
      octet = -1
    } else {
      if (c < 0x30 || c > 0x39 || octet === 0) return undefined
      octet = (octet < 0 ? 0 : octet * 10) + c - 0x30
      if (octet > 255) return undefined
    }
  }
  return dots === 3 && octet >= 0 ? (ip << 8) | octet : undefined
}

export function formatIp4(ip: number): string {
  return `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`
}

/** RFC 4291 section 2.2: full, with one `::`, or with an IPv4 address at the end, as inet_pton(AF_INET6). */
export function parseIp6(text: string): string | undefined {
  const gap = text.indexOf('::')
  if (gap < 0) {
    const all = parseGroups(text, true)
    return all !== undefined && all.length === 32 ? all : undefined
  }
  const head = gap === 0 ? '' : parseGroups(text.slice(0, gap), false)
  const tail = gap + 2 === text.length ? '' : parseGroups(text.slice(gap + 2), true)
  if (head === undefined || tail === undefined || head.length + tail.length > 28) return undefined
  return head + '0'.repeat(32 - head.length - tail.length) + tail
}

/** RFC 5952: the longest run of two or more zero groups as `::`; IPv4-mapped addresses end in a dotted quad. */
export function formatIp6(ip: string): string {
  const words = ip6Words(ip)
  if (ip.startsWith(MAPPED)) return `::ffff:${formatIp4(Number.parseInt(ip.slice(24), 16) | 0)}`
  let start = -1
  let longest = 1
  for (let i = 0; i < 8; i++) {
    let n = 0
    while (i + n < 8 && words[i + n] === 0) n++
    if (n > longest) {
      start = i
      longest = n
    }
    i += n
  }
  if (start < 0) return hexGroups(words, 0, 8)
  return `${hexGroups(words, 0, start)}::${hexGroups(words, start + longest, 8)}`
}

export function parseIp(text: string): Ip | undefined {
  return text.includes(':') ? parseIp6(text) : parseIp4(text)
}

export function formatIp(ip: Ip): string {
  return typeof ip === 'number' ? formatIp4(ip) : formatIp6(ip)
}

export function familyOf(ip: Ip): 4 | 6 {
  return typeof ip === 'number' ? 4 : 6
}

/** `address/length`; an address alone has its full length. Bits beyond the length are kept. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/')
  const addr = parseIp(slash < 0 ? text : text.slice(0, slash))
  if (addr === undefined) return undefined
  const full = typeof addr === 'number' ? 32 : 128
  if (slash < 0) return { addr, len: full }
  const digits = text.slice(slash + 1)
  if (!/^(0|[1-9][0-9]{0,2})$/.test(digits)) return undefined
  const len = Number(digits)
  return len <= full ? { addr, len } : undefined
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatIp(prefix.addr)}/${prefix.len}`
}

/** The address with all bits after the first `len` cleared. */
export function maskIp(ip: Ip, len: number): Ip {
  if (typeof ip === 'number') return ip & maskOf4(len)
  assert(len >= 0 && len <= 128, 'addr: prefix length out of range')
  const whole = len >> 2
  if (whole === 32) return ip
  const digit = hexDigit(ip, whole) & (0xf0 >> (len & 3))
  return (ip.slice(0, whole) + digit.toString(16)).padEnd(32, '0')
}

/** Whether `ip` lies in `net`/`len`; bits of `net` after `len` do not matter. Never true across families. */
export function inPrefix(ip: Ip, net: Ip, len: number): boolean {
  if (typeof ip === 'number') {
    return typeof net === 'number' && (len === 0 || (ip ^ net) >>> (32 - len) === 0)
  }
  if (typeof net === 'number') return false
  const whole = len >> 2
  for (let i = 0; i < whole; i++) if (ip.charCodeAt(i) !== net.charCodeAt(i)) return false
  const rest = len & 3
  return rest === 0 || (hexDigit(ip, whole) ^ hexDigit(net, whole)) >> (4 - rest) === 0
}

/** The netmask of an IPv4 prefix length, as a signed integer. */
export function maskOf4(len: number): number {
  assert(len >= 0 && len <= 32, 'addr: prefix length out of range')
  return len === 0 ? 0 : -1 << (32 - len)
}

/** The directed broadcast address: all host bits set. */
export function broadcast4(addr: number, len: number): number {
  return addr | ~maskOf4(len)
}

/** Numeric order, IPv4 before IPv6: negative, 0 or positive. */
export function compareIp(a: Ip, b: Ip): number {
  if (typeof a === 'number') return typeof b === 'number' ? (a >>> 0) - (b >>> 0) : -1
  if (typeof b === 'number') return 1
  return a < b ? -1 : a > b ? 1 : 0
}

/** 224.0.0.0/4 or ff00::/8. */
export function isMulticast(ip: Ip): boolean {
  return typeof ip === 'number' ? ip >>> 28 === 14 : ip.startsWith('ff')
}

/** 127.0.0.0/8 or ::1. */
export function isLoopback(ip: Ip): boolean {
  return typeof ip === 'number' ? ip >>> 24 === 127 : ip === LOOPBACK_IP6
}

/** 169.254.0.0/16 or fe80::/10. */
export function isLinkLocal(ip: Ip): boolean {
  if (typeof ip === 'number') return ip >>> 16 === 0xa9fe
  return ip.startsWith('fe') && hexDigit(ip, 2) >> 2 === 2
}

/** 0.0.0.0 or ::. */
export function isUnspecified(ip: Ip): boolean {
  return ip === 0 || ip === UNSPECIFIED_IP6
}

/** Six groups of one or two hex digits with colons, as `ip link` reads them. */
export function parseMac(text: string): Mac | undefined {
  const groups = text.split(':')
  if (groups.length !== 6) return undefined
  let mac = 0
  for (const group of groups) {
    if (!/^[0-9a-fA-F]{1,2}$/.test(group)) return undefined
    mac = mac * 256 + Number.parseInt(group, 16)
  }
  return mac
}

export function formatMac(mac: Mac): string {
  const digits = mac.toString(16).padStart(12, '0')
  let text = digits.slice(0, 2)
  for (let i = 2; i < 12; i += 2) text += `:${digits.slice(i, i + 2)}`
  return text
}

/** The group bit: multicast and broadcast. */
export function isMulticastMac(mac: Mac): boolean {
  return ((mac / 0x10000000000) & 1) === 1
}

/** fe80:: and the modified EUI-64 of the hardware address (RFC 4291 appendix A). */
export function linkLocalOf(mac: Mac): string {
  const high = Math.floor(mac / 0x1000000) ^ 0x020000
  const low = mac % 0x1000000
  return `fe80000000000000${hex(high, 6)}fffe${hex(low, 6)}`
}

/** The solicited-node multicast address ff02::1:ffXX:XXXX (RFC 4291 section 2.7.1). */
export function solicitedNode(ip6: string): string {
  return `ff0200000000000000000001ff${ip6.slice(26)}`
}

/** The Ethernet group of a multicast address: 01:00:5e and 23 bits (RFC 1112), 33:33 and 32 bits (RFC 2464). */
export function multicastMac(ip: Ip): Mac {
  if (typeof ip === 'number') return 0x01005e000000 + (ip & 0x7fffff)
  return 0x333300000000 + Number.parseInt(ip.slice(24), 16)
}

/** The eight 16-bit groups of an IPv6 address. */
export function ip6Words(ip: string): number[] {
  assert(ip.length === 32, 'addr: not an IPv6 address')
  const words: number[] = []
  for (let i = 0; i < 32; i += 4) {
    words.push(
      (hexDigit(ip, i) << 12) | (hexDigit(ip, i + 1) << 8) | (hexDigit(ip, i + 2) << 4) | hexDigit(ip, i + 3),
    )
  }
  return words
}

/** The IPv6 address of eight 16-bit groups: the inverse of ip6Words. */
export function concatIp6(words: readonly number[]): string {
  assert(words.length === 8, 'addr: an IPv6 address has eight groups')
  let ip = ''
  for (const word of words) ip += hex(word, 4)
  return ip
}

const MAPPED = '00000000000000000000ffff'

/** Hex digits of colon-separated groups; the last may be a dotted quad if `quad` is set. */
function parseGroups(text: string, quad: boolean): string | undefined {
  const groups = text.split(':')
  let digits = ''
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i] ?? ''
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) digits += group.toLowerCase().padStart(4, '0')
    else {
      const ip4 = quad && i === groups.length - 1 ? parseIp4(group) : undefined
      if (ip4 === undefined) return undefined
      digits += hex(ip4 >>> 0, 8)
    }
    if (digits.length > 32) return undefined
  }
  return digits
}

function hexGroups(words: readonly number[], from: number, to: number): string {
  let text = ''
  for (let i = from; i < to; i++) text += (i > from ? ':' : '') + (words[i] ?? 0).toString(16)
  return text
}

function hexDigit(ip: string, index: number): number {
  const c = ip.charCodeAt(index)
  return c < 0x3a ? c - 0x30 : c - 0x57
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0')
}
