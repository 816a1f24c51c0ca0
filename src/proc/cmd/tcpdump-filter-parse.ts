/** Capture filters (pcap-filter(7), libpcap 1.10.3) from text to data, with libpcap's words for mistakes. */
import type { Ip } from '../../base/addr.ts'
import { maskIp, parseIp6 } from '../../base/addr.ts'
import { ETH_P_802_2, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6 } from '../../net/types.ts'
import type { Arith, Direction, Filter, Proto } from './tcpdump-filter-ast.ts'
import { calculate } from './tcpdump-filter-ast.ts'
import type { Word } from './tcpdump-filter-lex.ts'
import { scanFilter } from './tcpdump-filter-lex.ts'
import { servicePort } from './services.ts'

const SYNTAX = "can't parse filter expression: syntax error"
const DEPTH_MAX = 100
const LENGTH_MAX = 10_000

interface Parser {
  words: Word[]
  at: number
  error: string
  depth: number
  /** Addresses of a host's name. */
  resolve(name: string): Ip[]
  /** Link layer addresses can be asked for: not on `any`. */
  ethernet: boolean
}

interface Qualifiers {
  proto: Proto
  /** As written: for messages. */
  protoName: string
  dir: Direction
  kind: '' | 'host' | 'net' | 'port' | 'portrange' | 'proto'
}

/** The filter, or the text behind `tcpdump: `. `resolve` answers a name's addresses. */
export function parseFilter(
  text: string,
  resolve: (name: string) => Ip[],
  ethernet = true,
): { filter: Filter } | { error: string } {
  if (text.trim() === '') return { filter: { op: 'all' } }
  if (text.length > LENGTH_MAX) return { error: 'filter: too long: not modelled in Kubehop' }
  const scanned = scanFilter(text)
  if ('error' in scanned) {
    return { error: scanned.error === 'syntax error' ? SYNTAX : scanned.error }
  }
  const p: Parser = { words: scanned.words, at: 0, error: '', depth: 0, resolve, ethernet }
  const filter = expression(p)
  if (p.error !== '') return { error: p.error }
  return p.at < p.words.length ? { error: SYNTAX } : { filter }
}

function fault(p: Parser, text = SYNTAX): Filter {
  if (p.error === '') p.error = text
  return { op: 'all' }
}

function peek(p: Parser, ...texts: string[]): boolean {
  const word = p.words[p.at]
  return word !== undefined && (word.kind === 'key' || word.kind === 'op') && texts.includes(word.text)
}

function take(p: Parser, ...texts: string[]): boolean {
  if (!peek(p, ...texts)) return false
  p.at++
  return true
}

/** `and` and `or` are equally strong and are read from left to right. */
function expression(p: Parser): Filter {
  if (++p.depth > DEPTH_MAX) return fault(p)
  const last: { q: Qualifiers | undefined } = { q: undefined }
  let left = term(p, last)
  while (p.error === '' && peek(p, 'and', 'or')) {
    const op = p.words[p.at++]!.text as 'and' | 'or'
    const right = isBare(p) && last.q !== undefined ? idTerm(p, last.q) : term(p, last)
    left = { op, a: left, b: right }
  }
  p.depth--
  return left
}

/** An address or number without qualifiers takes those before it: `host a or b`. */
function isBare(p: Parser): boolean {
  let at = p.at
  while (p.words[at]?.text === 'not' && p.words[at]?.kind === 'key') at++
  const word = p.words[at]
  if (word === undefined || word.kind === 'key' || word.kind === 'op') return false
  const next = p.words[at + 1]
  return !(next?.kind === 'op' && /^([<>=!]=?|==|\+|-|\*|&|\||<<|>>|\^|%)$/.test(next.text))
}

function term(p: Parser, last: { q: Qualifiers | undefined }): Filter {
  if (p.error !== '') return { op: 'all' }
  if (take(p, 'not')) {
    if (++p.depth > DEPTH_MAX) return fault(p)
    const a = isBare(p) && last.q !== undefined ? idTerm(p, last.q) : term(p, last)
    p.depth--
    return { op: 'not', a }
  }
  const relation = tryRelation(p)
  if (relation !== undefined) return relation
  if (take(p, '(')) {
    const inner = expression(p)
    return take(p, ')') ? inner : fault(p)
  }
  return primitive(p, last)
}

const RELATIONS = ['=', '==', '!=', '<', '>', '<=', '>=']

/** `icmp[0] = 8`, `len > 100`: undefined, and nothing taken, where it is no comparison. */
function tryRelation(p: Parser): Filter | undefined {
  const { at, error, depth } = p
  const a = arithmetic(p, 0)
  if (a !== undefined && p.error === '' && peek(p, ...RELATIONS)) {
    const how = p.words[p.at++]!.text
    const b = arithmetic(p, 0)
    if (b === undefined) return fault(p)
    return { op: 'compare', how, a, b }
  }
  Object.assign(p, { at, error, depth })
  return undefined
}

const LEVELS: readonly string[][] = [['|'], ['^'], ['&'], ['<<', '>>'], ['+', '-'], ['*', '/', '%']]

function arithmetic(p: Parser, level: number): Arith | undefined {
  if (level >= LEVELS.length) return operand(p)
  let a = arithmetic(p, level + 1)
  while (a !== undefined && peek(p, ...LEVELS[level]!)) {
    const how = p.words[p.at++]!.text
    const b = arithmetic(p, level + 1)
    if (b === undefined) return undefined
    const known = a.op === 'number' && b.op === 'number' ? calculate(how, a.value, b.value) : undefined
    a = known === undefined ? { op: 'calc', how, a, b } : { op: 'number', value: known }
  }
  return a
}

const LOADS: readonly string[] = ['ether', 'ip', 'ip6', 'arp', 'rarp', 'tcp', 'udp', 'icmp', 'icmp6']

function operand(p: Parser): Arith | undefined {
  const word = p.words[p.at]
  if (word === undefined || ++p.depth > DEPTH_MAX) return undefined
  if (word.kind === 'number') {
    p.at++
    p.depth--
    return { op: 'number', value: word.value }
  }
  if (take(p, 'len', 'length')) {
    p.depth--
    return { op: 'len' }
  }
  if (take(p, '(')) {
    const inner = arithmetic(p, 0)
    p.depth--
    return inner !== undefined && take(p, ')') ? inner : undefined
  }
  const next = p.words[p.at + 1]
  if (word.kind !== 'key' || !LOADS.includes(word.text) || next?.text !== '[') return undefined
  p.at += 2
  const at = arithmetic(p, 0)
  let size = 1
  if (take(p, ':')) {
    const width = p.words[p.at++]
    size = width?.kind === 'number' ? width.value : 0
    if (size !== 1 && size !== 2 && size !== 4) p.error = 'data size must be 1, 2, or 4'
  }
  p.depth--
  return at !== undefined && take(p, ']') ? { op: 'load', proto: word.text as Proto, at, size } : undefined
}

const PROTO_NUMBERS: Readonly<Record<string, number>> = Object.freeze({
  icmp: 1,
  igmp: 2,
  tcp: 6,
  igrp: 9,
  udp: 17,
  esp: 50,
  ah: 51,
  icmp6: 58,
  pim: 103,
  vrrp: 112,
  carp: 112,
  sctp: 132,
})

const ETHER_TYPES: Readonly<Record<string, number>> = Object.freeze({
  ip: ETH_P_IP,
  ip6: ETH_P_IPV6,
  arp: ETH_P_ARP,
  rarp: 0x8035,
})

function primitive(p: Parser, last: { q: Qualifiers | undefined }): Filter {
  const word = p.words[p.at]
  if (word === undefined || word.kind !== 'key') return fault(p)
  if (take(p, 'vlan')) return vlan(p)
  if (take(p, 'inbound', 'outbound', 'broadcast', 'multicast'))
    return { op: 'is', what: word.text as 'inbound' }
  if (take(p, 'less', 'greater')) {
    const value = p.words[p.at++]
    if (value?.kind !== 'number') return fault(p)
    const how = word.text === 'less' ? '<=' : '>='
    return { op: 'compare', how, a: { op: 'len' }, b: { op: 'number', value: value.value } }
  }
  if (take(p, 'stp')) return { op: 'type', etherType: ETH_P_802_2 }
  if (take(p, 'mpls', 'pppoed', 'pppoes')) return fault(p, `${word.text}: not modelled in Kubehop`)
  if (take(p, 'gateway')) return fault(p, "'gateway' requires a name")
  const q = qualifiers(p)
  if (p.error !== '') return { op: 'all' }
  last.q = q
  if (q.kind === '' && q.dir === 'both') {
    if (peek(p, 'broadcast', 'multicast')) return cast(p, q)
    if (q.protoName !== '' && !isIdNext(p)) return protocol(p, q.protoName)
  }
  return idTerm(p, q)
}

function vlan(p: Parser): Filter {
  const value = p.words[p.at]
  if (value?.kind !== 'number') return { op: 'vlan', id: -1 }
  p.at++
  if (value.value > 4095) return fault(p, `VLAN tag ${value.value} greater than maximum 4095`)
  return { op: 'vlan', id: value.value }
}

function cast(p: Parser, q: Qualifiers): Filter {
  const what = p.words[p.at++]!.text
  if (q.protoName === 'ip' && what === 'broadcast') {
    return fault(p, 'ip broadcast: not modelled in Kubehop')
  }
  if ((q.protoName === 'ip' || q.protoName === 'ip6') && what === 'multicast') {
    return { op: 'is', what: `${q.protoName} multicast` }
  }
  if (q.protoName !== 'ether' && q.protoName !== 'link') {
    return fault(p, `only link-layer/IP ${what} filters supported`)
  }
  return { op: 'is', what: what as 'broadcast' | 'multicast' }
}

function protocol(p: Parser, name: string): Filter {
  if (ETHER_TYPES[name] !== undefined) return { op: 'type', etherType: ETHER_TYPES[name]! }
  const number = PROTO_NUMBERS[name]
  if (number === undefined) return fault(p, name === 'ether' ? SYNTAX : `${name}: not modelled in Kubehop`)
  const only = name === 'icmp' || name === 'igmp' || name === 'igrp' ? 'ip' : name === 'icmp6' ? 'ip6' : ''
  return { op: 'proto', proto: only, number }
}

function isIdNext(p: Parser): boolean {
  const word = p.words[p.at]
  return word !== undefined && word.kind !== 'op' && word.kind !== 'key'
}

/** `tcp src port`: any of protocol, direction and type, in this order. */
function qualifiers(p: Parser): Qualifiers {
  const q: Qualifiers = { proto: '', protoName: '', dir: 'both', kind: '' }
  const word = p.words[p.at]!
  if (LOADS.includes(word.text) || PROTO_NUMBERS[word.text] !== undefined || word.text === 'link') {
    q.protoName = word.text
    const known = word.text === 'link' ? 'ether' : word.text
    q.proto = LOADS.includes(known) ? (known as Proto) : 'other'
    p.at++
  }
  if (take(p, 'src')) {
    q.dir = 'src'
    if (peek(p, 'or', 'and') && p.words[p.at + 1]?.text === 'dst') {
      q.dir = p.words[p.at]!.text === 'or' ? 'both' : 'each'
      p.at += 2
    }
  } else if (take(p, 'dst')) {
    q.dir = 'dst'
    if (peek(p, 'or', 'and') && p.words[p.at + 1]?.text === 'src') {
      q.dir = p.words[p.at]!.text === 'or' ? 'both' : 'each'
      p.at += 2
    }
  }
  const kind = p.words[p.at]
  if (take(p, 'host', 'net', 'port', 'portrange', 'proto')) q.kind = kind!.text as Qualifiers['kind']
  else if (q.protoName === '' && q.dir === 'both') p.error = SYNTAX
  return q
}

/** What stands behind qualifiers: an address, a number, a name, or several in parentheses. */
function idTerm(p: Parser, q: Qualifiers): Filter {
  if (take(p, 'not')) return { op: 'not', a: idTerm(p, q) }
  if (take(p, '(')) {
    if (++p.depth > DEPTH_MAX) return fault(p)
    let left = idTerm(p, q)
    while (p.error === '' && peek(p, 'and', 'or')) {
      const op = p.words[p.at++]!.text as 'and' | 'or'
      left = { op, a: left, b: idTerm(p, q) }
    }
    p.depth--
    return take(p, ')') ? left : fault(p)
  }
  if (p.error !== '' || !isIdNext(p)) return fault(p)
  const word = p.words[p.at++]!
  if (q.kind === 'port' || q.kind === 'portrange') return portTerm(p, q, word)
  if (q.kind === 'proto') return protoTerm(p, q, word)
  return hostTerm(p, q, word)
}

function portTerm(p: Parser, q: Qualifiers, word: Word): Filter {
  if (q.proto !== '' && q.proto !== 'tcp' && q.proto !== 'udp') {
    return fault(p, `illegal qualifier of '${q.kind}'`)
  }
  const bounds = q.kind === 'portrange' ? word.text.split('-') : [word.text]
  const ports = bounds.map((one) => (/^[0-9]+$/.test(one) ? Number(one) : servicePort(one)))
  for (const port of ports) {
    if (port === undefined || ports.length > 2) {
      const where = q.kind === 'portrange' ? 'port in range' : 'port'
      return fault(p, `unknown ${where} '${word.text}'`)
    }
    if (port > 65535) return fault(p, `illegal port number ${port} > 65535`)
  }
  const [first, second] = ports as [number, number | undefined]
  const low = Math.min(first, second ?? first)
  return { op: 'port', proto: q.proto, dir: q.dir, low, high: Math.max(first, second ?? first) }
}

function protoTerm(p: Parser, q: Qualifiers, word: Word): Filter {
  if (q.proto === 'ether') {
    const type = word.kind === 'number' ? word.value : ETHER_TYPES[word.text]
    if (type === undefined) return fault(p, `unknown ether proto '${word.text}'`)
    return { op: 'type', etherType: type }
  }
  const number = word.kind === 'number' ? word.value : PROTO_NUMBERS[word.text]
  if (number === undefined) return fault(p, `unknown ip proto '${word.text}'`)
  if (q.proto !== '' && q.proto !== 'ip' && q.proto !== 'ip6') return fault(p, "illegal qualifier of 'proto'")
  return { op: 'proto', proto: q.proto, number }
}

const NO_HOST: readonly Proto[] = ['tcp', 'udp', 'icmp', 'icmp6', 'other']

function hostTerm(p: Parser, q: Qualifiers, word: Word): Filter {
  const what = q.kind === 'net' ? 'net' : 'host'
  if (word.kind === 'mac') {
    if (q.proto !== 'ether') return fault(p, 'ethernet address used in non-ether expression')
    if (!p.ethernet) {
      const kinds = 'ethernet/FDDI/token ring/802.11/ATM LANE/Fibre Channel'
      return fault(p, `ethernet addresses supported only on ${kinds}`)
    }
    return { op: 'mac', dir: q.dir, mac: word.value }
  }
  if (q.proto === 'ether') return fault(p, 'illegal link layer address')
  if (NO_HOST.includes(q.proto)) return fault(p, `'${q.protoName}' modifier applied to ${what}`)
  const prefix = prefixOf(p, q, word, what)
  if (prefix === undefined) return nameTerm(p, q, word, what)
  if (p.error !== '') return { op: 'all' }
  const six = typeof prefix.addr === 'string'
  if (six && q.proto !== '' && q.proto !== 'ip6') {
    return fault(p, `'${q.protoName}' modifier applied to ip6 ${what}`)
  }
  if (!six && q.proto === 'ip6') return fault(p, `'ip6' modifier applied to ip ${what}`)
  return { op: 'net', proto: q.proto, dir: q.dir, ...prefix }
}

function nameTerm(p: Parser, q: Qualifiers, word: Word, what: string): Filter {
  if (what === 'net') return fault(p, `unknown network '${word.text}'`)
  const addrs = p
    .resolve(word.text)
    .filter((ip) => q.proto === '' || (q.proto === 'ip6') === (typeof ip === 'string'))
  if (addrs.length === 0) return fault(p, `unknown host '${word.text}'`)
  const parts: Filter[] = addrs.map((addr) => {
    return { op: 'net', proto: q.proto, dir: q.dir, addr, len: typeof addr === 'number' ? 32 : 128 }
  })
  return parts.reduce((a, b) => ({ op: 'or', a, b }))
}

/** An address with `/LENGTH` or `mask MASK`; a short one (`10.1`) is a network. Undefined for a name. */
function prefixOf(p: Parser, q: Qualifiers, word: Word, what: string): { addr: Ip; len: number } | undefined {
  if (word.kind === 'ip6') return lengthOf(p, what, word.text, parseIp6(word.text)!, 128, 128)
  if (!/^[0-9]+(\.[0-9]+){0,3}$/.test(word.text)) return undefined
  const parts = word.text.split('.').map(Number)
  if (parts.some((part) => part > 255)) {
    p.error = `invalid IPv4 address '${word.text}'`
    return { addr: 0, len: 0 }
  }
  let addr = 0
  for (let i = 0; i < 4; i++) addr = (addr << 8) | (parts[i] ?? 0)
  const len = parts.length * 8
  if (q.kind === 'net' && take(p, 'mask')) {
    const mask = p.words[p.at++]
    const bits = mask === undefined ? undefined : maskBits(mask.text)
    if (bits === undefined) p.error = SYNTAX
    else return checked(p, addr, bits, `${word.text} mask ${mask!.text}`)
  }
  return lengthOf(p, what, word.text, addr, len, 32)
}

function lengthOf(p: Parser, what: string, text: string, addr: Ip, len: number, max: number) {
  if (!peek(p, '/')) return { addr, len }
  const size = p.words[p.at + 1]
  if (what !== 'net' || size?.kind !== 'number') {
    p.error = SYNTAX
    return { addr, len }
  }
  p.at += 2
  if (size.value > max) {
    p.error = `mask length must be <= ${max}`
    return { addr, len }
  }
  return checked(p, addr, size.value, `${text}/${size.text}`)
}

function checked(p: Parser, addr: Ip, len: number, text: string): { addr: Ip; len: number } {
  if (maskIp(addr, len) !== addr) p.error = `non-network bits set in "${text}"`
  return { addr, len }
}

function maskBits(text: string): number | undefined {
  const parts = text.split('.').map(Number)
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part < 256))) return undefined
  const bits = parts.map((part) => part.toString(2).padStart(8, '0')).join('')
  return /^1*0*$/.test(bits) ? bits.replace(/0+$/, '').length : undefined
}
