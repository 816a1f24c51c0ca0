/** The command line of conntrack 1.4.7. Refused by name: -I, -U, -A, -G, labels, the outputs xml and save, -z, files. */
import type { Ip } from '../../base/addr.ts'
import { inPrefix, parseIp } from '../../base/addr.ts'
import type { Conn } from '../../net/nf/types.ts'
import { CT_STATUS } from '../../net/nf/types.ts'
import { uint } from '../iptables/values.ts'

export interface CtOptions {
  verb: 'L' | 'D' | 'E' | 'C' | 'S' | 'F' | 'V' | 'h'
  table: string
  filter: CtFilter
  extended: boolean
  id: boolean
  timestamp: boolean
  /** Kinds of events; empty for all. */
  events: string[]
}

interface Net {
  addr: Ip
  len: number
}

export interface CtFilter {
  src?: Net
  dst?: Net
  replySrc?: Net
  replyDst?: Net
  proto?: number
  family?: 4 | 6
  sport?: number
  dport?: number
  replySport?: number
  replyDport?: number
  state?: string
  icmpType?: number
  icmpCode?: number
  icmpId?: number
  mark?: { value: number; mask: number }
  /** Bits that have to be set. */
  status: number
  unreplied?: boolean
  zone?: number
  srcNat?: Ip | 'any'
  dstNat?: Ip | 'any'
  anyNat?: Ip | 'any'
}

/** What is wrong with a command line; `bare`: without the tool's name and the hint. */
export interface CtFault {
  ctFault: string
  bare: boolean
}

export function isCtFault(thrown: unknown): thrown is CtFault {
  return typeof thrown === 'object' && thrown !== null && 'ctFault' in thrown
}

function wrong(text: string): never {
  throw { ctFault: text, bare: false } satisfies CtFault
}

function refuse(what: string): never {
  throw { ctFault: `kubehop: conntrack ${what} is not modelled`, bare: true } satisfies CtFault
}

const LONG: Readonly<Record<string, string>> = Object.freeze({
  dump: 'L',
  create: 'I',
  delete: 'D',
  update: 'U',
  get: 'G',
  event: 'E',
  flush: 'F',
  add: 'A',
  count: 'C',
  stats: 'S',
  version: 'V',
  help: 'h',
  src: 's',
  'orig-src': 's',
  dst: 'd',
  'orig-dst': 'd',
  'reply-src': 'r',
  'reply-dst': 'q',
  protonum: 'p',
  family: 'f',
  timeout: 't',
  status: 'u',
  zero: 'z',
  'event-mask': 'e',
  mark: 'm',
  output: 'o',
  'src-nat': 'n',
  'dst-nat': 'g',
  'any-nat': 'j',
  'buffer-size': 'b',
  zone: 'w',
  label: 'l',
})

/** Options that come with `-p`, and the field of the filter that they set. */
const TCP_UDP: Readonly<Record<string, keyof CtFilter>> = Object.freeze({
  sport: 'sport',
  'orig-port-src': 'sport',
  dport: 'dport',
  'orig-port-dst': 'dport',
  'reply-port-src': 'replySport',
  'reply-port-dst': 'replyDport',
})
const ICMP: Readonly<Record<string, keyof CtFilter>> = Object.freeze({
  'icmp-type': 'icmpType',
  'icmp-code': 'icmpCode',
  'icmp-id': 'icmpId',
})

const STATES: readonly string[] =
  'NONE SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE LISTEN'.split(' ')
const STATUSES: Readonly<Record<string, number>> = Object.freeze({
  ASSURED: CT_STATUS.ASSURED,
  SEEN_REPLY: CT_STATUS.SEEN_REPLY,
  CONFIRMED: CT_STATUS.CONFIRMED,
  SRC_NAT: CT_STATUS.SRC_NAT,
  DST_NAT: CT_STATUS.DST_NAT,
  EXPECTED: CT_STATUS.EXPECTED,
})
const PROTOS: Readonly<Record<string, number>> = Object.freeze({ tcp: 6, udp: 17, icmp: 1, icmpv6: 58 })

interface Reader {
  words: readonly string[]
  at: number
  verb: string
  options: CtOptions
}

/** Reads the words after the name. Mistakes are thrown. */
export function parseConntrack(words: readonly string[]): CtOptions {
  const filter: CtFilter = { status: 0 }
  const options: CtOptions = {
    verb: 'h',
    table: 'conntrack',
    filter,
    extended: false,
    id: false,
    timestamp: false,
    events: [],
  }
  const reader: Reader = { words, at: 0, verb: '', options }
  while (reader.at < words.length) {
    const word = words[reader.at++]!
    if (word.startsWith('--')) readLong(reader, word)
    else if (word.startsWith('-') && word.length > 1) readShort(reader, word)
    else wrong('unknown arguments found on commandline')
  }
  if (reader.verb !== '') options.verb = reader.verb as CtOptions['verb']
  return options
}

function readLong(reader: Reader, word: string): void {
  const eq = word.indexOf('=')
  const name = word.slice(2, eq < 0 ? undefined : eq)
  const given = eq < 0 ? undefined : word.slice(eq + 1)
  const proto = reader.options.filter.proto
  const more = proto === 6 || proto === 17 ? TCP_UDP : proto === 1 || proto === 58 ? ICMP : {}
  const all = [...Object.keys(LONG), ...Object.keys(more), ...(proto === 6 ? ['state'] : [])]
  const hits = all.includes(name) ? [name] : all.filter((one) => one.startsWith(name))
  const letters = new Set(hits.map((one) => LONG[one] ?? one))
  if (letters.size !== 1) wrong(`unknown option \`${word}'`)
  const hit = hits[0]!
  const letter = LONG[hit]
  if (letter !== undefined) readOption(reader, letter, given, word)
  else {
    const value = given ?? needWord(reader, word)
    if (hit === 'state') {
      if (!STATES.includes(value)) wrong(`unknown TCP state \`${value}'`)
      reader.options.filter.state = value
    } else {
      const field = (more as Readonly<Record<string, keyof CtFilter>>)[hit]!
      Object.assign(reader.options.filter, { [field]: uint(value, 0, 65535) ?? 0 })
    }
  }
}

function readShort(reader: Reader, word: string): void {
  for (let i = 1; i < word.length; i++) {
    const letter = word[i]!
    const rest = word.slice(i + 1)
    if (!Object.values(LONG).includes(letter)) wrong(`unknown option \`${word}'`)
    if ('SVhz'.includes(letter)) readOption(reader, letter, undefined, word)
    else {
      // Commands may stand together with an option: -Lp udp.
      const joined = 'LDECFIUGA'.includes(letter) ? undefined : rest === '' ? undefined : rest
      if ('LDECFIUGA'.includes(letter) && rest !== '') {
        readOption(reader, letter, '', word)
        continue
      }
      readOption(reader, letter, joined, word)
      return
    }
  }
}

function needWord(reader: Reader, option: string): string {
  const word = reader.words[reader.at++]
  return word ?? wrong(`option \`${option}' requires an argument`)
}

/** `given` is written against the option, undefined for nothing. */
function readOption(reader: Reader, letter: string, given: string | undefined, word: string): void {
  const { options } = reader
  if ('LDECSFVhIUGA'.includes(letter)) {
    if (reader.verb !== '') wrong('Invalid commands combination')
    if ('IUGA'.includes(letter)) refuse(`-${letter}`)
    reader.verb = letter
    const next = reader.words[reader.at]
    if ('LDECF'.includes(letter) && given === undefined && next !== undefined && !next.startsWith('-')) {
      reader.at++
      if (!['conntrack', 'expect', 'dying', 'unconfirmed'].includes(next)) wrong(`unknown type \`${next}'`)
      options.table = next
    }
    return
  }
  if (letter === 'n' || letter === 'g' || letter === 'j') {
    const next = reader.words[reader.at]
    const value =
      given ?? (next === undefined || next.startsWith('-') ? undefined : reader.words[reader.at++]!)
    const nat = value === undefined ? 'any' : needAddr(value).addr
    if (letter === 'n') options.filter.srcNat = nat
    else if (letter === 'g') options.filter.dstNat = nat
    else options.filter.anyNat = nat
    return
  }
  if (letter === 'z') refuse('-z')
  if (letter === 'l') refuse('--label')
  readValue(options, letter, given ?? needWord(reader, word))
}

function readValue(options: CtOptions, letter: string, value: string): void {
  const { filter } = options
  switch (letter) {
    case 's':
      filter.src = needAddr(value)
      break
    case 'd':
      filter.dst = needAddr(value)
      break
    case 'r':
      filter.replySrc = needAddr(value)
      break
    case 'q':
      filter.replyDst = needAddr(value)
      break
    case 'p':
      filter.proto =
        (Object.hasOwn(PROTOS, value) ? PROTOS[value] : undefined) ??
        uint(value, 0, 255) ??
        wrong(`\`${value}' unsupported protocol`)
      break
    case 'f':
      if (value !== 'ipv4' && value !== 'ipv6') wrong(`\`${value}' unsupported protocol`)
      filter.family = value === 'ipv4' ? 4 : 6
      break
    case 'u':
      for (const name of value.split(',')) {
        if (name === 'UNSET' || name === 'UNREPLIED') filter.unreplied = true
        else
          filter.status |= (Object.hasOwn(STATUSES, name) ? STATUSES[name] : undefined) ?? badParameter(name)
      }
      break
    case 'e':
      for (const name of value.split(',')) readEvent(options, name)
      break
    case 'm': {
      const [mark = '', mask] = value.split('/')
      filter.mark = {
        value: uint(mark, 0, 0xffffffff) ?? 0,
        mask: uint(mask ?? '0xffffffff', 0, 0xffffffff) ?? 0,
      }
      break
    }
    case 'o':
      for (const name of value.split(',')) readOutput(options, name)
      break
    case 'w':
      filter.zone = uint(value, 0, 65535) ?? 0
      break
    default:
      // -t and -b change nothing here.
      break
  }
}

function readEvent(options: CtOptions, name: string): void {
  if (name === 'ALL') options.events.push('NEW', 'UPDATE', 'DESTROY')
  else if (name === 'NEW' || name === 'DESTROY') options.events.push(name)
  else if (name === 'UPDATES') options.events.push('UPDATE')
  else badParameter(name)
}

function readOutput(options: CtOptions, name: string): void {
  if (name === 'extended') options.extended = true
  else if (name === 'id') options.id = true
  else if (name === 'timestamp') options.timestamp = true
  else if (name === 'xml' || name === 'save' || name === 'labels') refuse(`-o ${name}`)
  else if (name !== 'ktimestamp' && name !== 'userspace') badParameter(name)
}

function badParameter(name: string): never {
  wrong(`Bad parameter \`${name}'`)
}

function needAddr(text: string): Net {
  const [host = '', length] = text.split('/')
  const addr = parseIp(host) ?? (/^[0-9]{1,9}$/.test(host) ? Number(host) | 0 : undefined)
  if (addr === undefined) wrong(`Invalid IP address \`${host}'`)
  const full = typeof addr === 'number' ? 32 : 128
  const len = length === undefined ? full : uint(length, 0, full)
  return len === undefined ? wrong(`Invalid IP address \`${text}'`) : { addr, len }
}

/** Whether an entry is one of those that were asked for. */
export function wanted(conn: Conn, filter: CtFilter): boolean {
  const { orig, reply } = conn
  const is = <T>(value: T | undefined, have: T) => value === undefined || value === have
  const family = typeof orig.src === 'number' ? 4 : 6
  const within = (net: Net | undefined, ip: Ip) => net === undefined || inPrefix(ip, net.addr, net.len)
  if (!is(filter.family, family) || !is(filter.proto, orig.proto) || !is(filter.zone, conn.zone)) return false
  if (!within(filter.src, orig.src) || !within(filter.dst, orig.dst)) return false
  if (!within(filter.replySrc, reply.src) || !within(filter.replyDst, reply.dst)) return false
  if (!is(filter.sport, orig.sport) || !is(filter.dport, orig.dport)) return false
  if (!is(filter.replySport, reply.sport) || !is(filter.replyDport, reply.dport)) return false
  if (!is(filter.icmpType, orig.dport >> 8) || !is(filter.icmpCode, orig.dport & 255)) return false
  if (!is(filter.icmpId, orig.sport) || !is(filter.state, conn.state)) return false
  if ((conn.status & filter.status) !== filter.status) return false
  if (filter.unreplied === true && (conn.status & CT_STATUS.SEEN_REPLY) !== 0) return false
  const { mark } = filter
  if (mark !== undefined && (conn.mark & mark.mask) >>> 0 !== mark.value) return false
  return natWanted(conn, filter)
}

function natWanted({ orig, reply }: Conn, { srcNat, dstNat, anyNat }: CtFilter): boolean {
  const ports = orig.proto === 6 || orig.proto === 17
  const source = orig.src !== reply.dst || (ports && orig.sport !== reply.dport)
  const dest = orig.dst !== reply.src || (ports && orig.dport !== reply.sport)
  const hit = (changed: boolean, ask: Ip | 'any', ip: Ip) => changed && (ask === 'any' || ask === ip)
  if (srcNat !== undefined && !hit(source, srcNat, reply.dst)) return false
  if (dstNat !== undefined && !hit(dest, dstNat, reply.src)) return false
  return anyNat === undefined || hit(source, anyNat, reply.dst) || hit(dest, anyNat, reply.src)
}
