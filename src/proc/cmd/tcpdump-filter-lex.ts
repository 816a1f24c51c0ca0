/** Words of a capture filter as libpcap's scanner cuts them. */
import { parseIp4, parseIp6, parseMac } from '../../base/addr.ts'

export interface Word {
  kind: 'op' | 'id' | 'number' | 'ip6' | 'mac' | 'key'
  text: string
  value: number
}

const KEYS: ReadonlySet<string> = new Set(
  (
    'ether link ip ip6 arp rarp tcp udp icmp icmp6 igmp sctp igrp pim vrrp carp ah esp stp host net port portrange ' +
    'proto protochain gateway src dst and or not broadcast multicast inbound outbound less greater vlan mpls len ' +
    'mask fddi tr wlan atalk aarp decnet lat moprc mopdl iso esis isis clnp ipx netbeui pppoed pppoes length'
  ).split(' '),
)

/** Named numbers: fields and values of ICMP, ICMPv6 and TCP. */
const NAMES: Readonly<Record<string, number>> = Object.freeze({
  icmptype: 0,
  icmpcode: 1,
  icmp6type: 0,
  icmp6code: 1,
  tcpflags: 13,
  'icmp-echoreply': 0,
  'icmp-unreach': 3,
  'icmp-sourcequench': 4,
  'icmp-redirect': 5,
  'icmp-echo': 8,
  'icmp-routeradvert': 9,
  'icmp-routersolicit': 10,
  'icmp-timxceed': 11,
  'icmp-paramprob': 12,
  'icmp-tstamp': 13,
  'icmp-tstampreply': 14,
  'icmp6-destinationunreach': 1,
  'icmp6-packettoobig': 2,
  'icmp6-timeexceeded': 3,
  'icmp6-parameterproblem': 4,
  'icmp6-echo': 128,
  'icmp6-echoreply': 129,
  'icmp6-routersolicit': 133,
  'icmp6-routeradvert': 134,
  'icmp6-neighborsolicit': 135,
  'icmp6-neighboradvert': 136,
  'icmp6-redirect': 137,
  'tcp-fin': 1,
  'tcp-syn': 2,
  'tcp-rst': 4,
  'tcp-push': 8,
  'tcp-ack': 16,
  'tcp-urg': 32,
  'tcp-ece': 64,
  'tcp-cwr': 128,
})

const OPS = ['&&', '||', '<=', '>=', '==', '!=', '<<', '>>', ...'()[]!=<>+-*/&|^%:'] as const

/** The words of a filter, or what is wrong. */
export function scanFilter(text: string): { words: Word[] } | { error: string } {
  const words: Word[] = []
  let at = 0
  while (at < text.length) {
    const rest = text.slice(at)
    const space = /^\s+/.exec(rest)?.[0]
    if (space !== undefined) {
      at += space.length
      continue
    }
    const word = scanAddress(rest) ?? scanOp(rest) ?? scanId(rest)
    if (word === undefined) return { error: `syntax error` }
    if ('error' in word) return { error: word.error }
    words.push(word.word)
    at += word.length
  }
  return { words }
}

type Scanned = { word: Word; length: number } | { error: string } | undefined

function scanAddress(rest: string): Scanned {
  const text = /^[0-9A-Fa-f]*:[0-9A-Fa-f:.]*/.exec(rest)?.[0] ?? ''
  if (text === '') return undefined
  if (/^([0-9A-Fa-f]{1,2}:){5}[0-9A-Fa-f]{1,2}$/.test(text)) {
    return { word: { kind: 'mac', text, value: parseMac(text) ?? 0 }, length: text.length }
  }
  if (parseIp6(text) !== undefined) return { word: { kind: 'ip6', text, value: 0 }, length: text.length }
  return undefined
}

function scanOp(rest: string): Scanned {
  for (const op of OPS) {
    if (!rest.startsWith(op)) continue
    const text = op === '&&' ? 'and' : op === '||' ? 'or' : op === '!' ? 'not' : op
    return {
      word: { kind: text.length > 2 || text === 'or' ? 'key' : 'op', text, value: 0 },
      length: op.length,
    }
  }
  return undefined
}

function scanId(rest: string): Scanned {
  const escaped = rest.startsWith('\\')
  const text = /^[A-Za-z0-9]([-_.A-Za-z0-9]*[.A-Za-z0-9])?/.exec(escaped ? rest.slice(1) : rest)?.[0]
  if (text === undefined) return undefined
  const length = text.length + (escaped ? 1 : 0)
  if (escaped) return { word: { kind: 'id', text, value: 0 }, length }
  if (KEYS.has(text)) return { word: { kind: 'key', text, value: 0 }, length }
  if (Object.hasOwn(NAMES, text)) return { word: { kind: 'number', text, value: NAMES[text]! }, length }
  if (/^([0-9]+|0[xX][0-9a-fA-F]+)$/.test(text)) {
    const octal = /^0[0-7]+$/.test(text)
    const value = octal ? Number.parseInt(text, 8) : Number(text)
    return value > 0xffffffff
      ? { error: `number ${text} overflows 32 bits` }
      : { word: { kind: 'number', text, value }, length }
  }
  if (/^[0-9]+(\.[0-9]+){3}$/.test(text) && parseIp4(text) === undefined) {
    return { error: `invalid IPv4 address '${text}'` }
  }
  return { word: { kind: 'id', text, value: 0 }, length }
}
