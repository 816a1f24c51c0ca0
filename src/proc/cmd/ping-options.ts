/** Options of ping as iputils 20221126 reads them: one after the other, the first mistake ends it. */
import type { Ip } from '../../base/addr.ts'
import { parseIp4, parseIp6 } from '../../base/addr.ts'
import { strerror } from '../../net/nlresult.ts'
import { parseOptions } from '../program.ts'

export interface PingOptions {
  /** 0: as the name resolves. */
  family: 0 | 4 | 6
  audible: boolean
  broadcast: boolean
  /** Packets to send, 0 for no end. */
  count: number
  timestamps: boolean
  /** ICMP id as on the wire, -1 for any. */
  ident: number
  flood: boolean
  /** Milliseconds between packets. */
  interval: number
  device: string
  source: Ip | undefined
  preload: number
  mark: number
  /** IP_MTU_DISCOVER, -1 for the socket's own. */
  pmtudisc: number
  numeric: boolean
  outstanding: boolean
  /** Bytes that fill the payload, undefined for 0, 1, 2 and so on. */
  pattern: number[] | undefined
  quiet: boolean
  tos: number
  size: number
  /** -1 for the socket's own. */
  ttl: number
  verbose: boolean
  /** Seconds, 0 for none. */
  deadline: number
  /** Milliseconds to wait for an answer after the last packet. */
  linger: number
  operands: string[]
}

/** What ping writes and exits with where it does not run; `code` -1 where it does. `warning` goes to standard error. */
export interface PingParse {
  options: PingOptions
  warning: string
  out: string
  error: string
  code: number
}

const SHORT = 'h?4bRT:6F:N:aABc:CdDe:fi:I:l:Lm:M:nOp:qQ:rs:S:t:UvVw:W:'
const REFUSED = 'AFLNRTrC'
const INT_MAX = 2147483647
const LONG_MAX = '9223372036854775807'
const PRELOAD_MAX = 65536

/** Version line of `ping -V`. */
const VERSION =
  'ping from iputils 20221126\nlibcap: yes, IDN: yes, NLS: no, error.h: yes, getrandom(): yes, __fpending(): yes\n'

/** Reads a command line; `name` is what the program was called by. */
export function parsePing(args: readonly string[], name: string): PingParse {
  const parse: PingParse = { options: defaults(name), warning: '', out: '', error: '', code: -1 }
  const words = parseOptions(args, SHORT)
  parse.options.operands = words.operands
  for (const [letter, value] of words.list) {
    applyOption(parse, letter, value)
    if (parse.code >= 0) return withName(parse, name)
  }
  if (words.error !== '') stop(parse, 2, `${words.error}\n${usage().trimEnd()}`)
  else if (words.operands.length === 0) {
    stop(parse, 1, `usage error: ${strerror('EDESTADDRREQ')}`)
  }
  return withName(parse, name)
}

function withName(parse: PingParse, name: string): PingParse {
  if (parse.error !== '' && !parse.error.startsWith('\n')) parse.error = `${name}: ${parse.error}\n`
  parse.warning = parse.warning.replaceAll('\0', name)
  return parse
}

function defaults(name: string): PingOptions {
  return {
    family: name.endsWith('6') ? 6 : name.endsWith('4') ? 4 : 0,
    audible: false,
    broadcast: false,
    count: 0,
    timestamps: false,
    ident: -1,
    flood: false,
    interval: -1,
    device: '',
    source: undefined,
    preload: 1,
    mark: 0,
    pmtudisc: -1,
    numeric: false,
    outstanding: false,
    pattern: undefined,
    quiet: false,
    tos: 0,
    size: 56,
    ttl: -1,
    verbose: false,
    deadline: 0,
    linger: 10_000,
    operands: [],
  }
}

function stop(parse: PingParse, code: number, error: string): void {
  parse.code = code
  parse.error = error
}

const FLAGS: Readonly<Record<string, (o: PingOptions) => void>> = Object.freeze({
  a: (o) => {
    o.audible = true
  },
  b: (o) => {
    o.broadcast = true
  },
  D: (o) => {
    o.timestamps = true
  },
  f: (o) => {
    o.flood = true
    o.numeric = true
  },
  n: (o) => {
    o.numeric = true
  },
  O: (o) => {
    o.outstanding = true
  },
  q: (o) => {
    o.quiet = true
  },
  v: (o) => {
    o.verbose = true
  },
  // These change nothing that can be seen here: sticky source, socket debugging, user time stamps.
  B: () => {},
  d: () => {},
  U: () => {},
})

/** Options with a number: what it is stored as ('' for nothing that can be seen here) and its bounds; -1 is LONG_MAX. */
const NUMBERS: Readonly<
  Record<
    string,
    {
      min: number
      max: number
      key: '' | 'count' | 'ident' | 'preload' | 'mark' | 'size' | 'ttl' | 'deadline'
    }
  >
> = Object.freeze({
  c: { min: 1, max: -1, key: 'count' },
  e: { min: 0, max: 65535, key: 'ident' },
  l: { min: 1, max: PRELOAD_MAX, key: 'preload' },
  m: { min: 0, max: 4294967295, key: 'mark' },
  s: { min: 0, max: INT_MAX, key: 'size' },
  S: { min: 1, max: INT_MAX, key: '' },
  t: { min: 0, max: 255, key: 'ttl' },
  w: { min: 0, max: INT_MAX, key: 'deadline' },
})

function applyOption(parse: PingParse, letter: string, value: string): void {
  const { options } = parse
  const flag = FLAGS[letter]
  const number = NUMBERS[letter]
  if (flag !== undefined) flag(options)
  else if (number !== undefined) {
    const got = readLong(value, number.min, number.max)
    if (typeof got === 'string') stop(parse, 1, got)
    else if (number.key !== '') options[number.key] = got
  } else if (letter === '4' || letter === '6') setFamily(parse, letter === '4' ? 4 : 6)
  else if (letter === 'V') {
    parse.out = VERSION
    parse.code = 0
  } else if (letter === 'h' || letter === '?') stop(parse, 2, usage())
  else if (REFUSED.includes(letter)) stop(parse, 2, `option -${letter}: not modelled in Kubehop`)
  else applyWord(parse, letter, value)
}

function applyWord(parse: PingParse, letter: string, value: string): void {
  const { options } = parse
  if (letter === 'M') {
    const mode = ['dont', 'want', 'do'].indexOf(value)
    if (mode < 0) stop(parse, 2, `invalid -M argument: ${value}`)
    else options.pmtudisc = mode
  } else if (letter === 'I') setInterface(parse, value)
  else if (letter === 'Q') {
    const tos = readTos(value)
    if (tos === undefined) stop(parse, 2, `bad TOS value: ${value}`)
    else if (tos > 255) {
      stop(parse, 2, `the decimal value of TOS bits must be in range 0-255: ${tos}`)
    } else options.tos = tos & 255
  } else if (letter === 'i') {
    const seconds = readDouble(parse, value, 'bad timing interval')
    if (parse.code >= 0) return
    if (seconds > INT_MAX / 1000) stop(parse, 2, `bad timing interval: ${value}`)
    else options.interval = Math.trunc(seconds * 1000)
  } else if (letter === 'W') {
    const seconds = readDouble(parse, value, 'bad linger time')
    if (parse.code >= 0) return
    if (seconds < 0 || seconds > INT_MAX / 1000) stop(parse, 2, `bad linger time: ${value}`)
    else options.linger = Math.trunc(seconds * 1000)
  } else if (letter === 'p') setPattern(parse, value)
}

function setFamily(parse: PingParse, family: 4 | 6): void {
  const { options } = parse
  if (options.family !== 0 && options.family !== family) {
    stop(parse, 2, 'only one -4 or -6 option may be specified')
  } else options.family = family
}

function setInterface(parse: PingParse, value: string): void {
  const { options } = parse
  if (!value.includes(':')) {
    const ip = parseIp4(value)
    if (ip === undefined) options.device = value
    else options.source = ip
    return
  }
  const percent = value.indexOf('%')
  const ip = parseIp6(percent < 0 ? value : value.slice(0, percent))
  if (ip === undefined)
    stop(parse, 2, `invalid source address: ${percent < 0 ? value : value.slice(0, percent)}`)
  else {
    options.source = ip
    if (percent >= 0) options.device = value.slice(percent + 1)
  }
}

function setPattern(parse: PingParse, value: string): void {
  const bad = /[^0-9a-fA-F]/.exec(value)
  if (bad !== null) {
    stop(parse, 2, `patterns must be specified as hex digits: ${value.slice(bad.index)}`)
    return
  }
  const bytes = (value.match(/.{1,2}/g) ?? []).slice(0, 16).map((two) => Number.parseInt(two, 16))
  parse.options.pattern = bytes
}

/** As strtol with bounds; `max` -1 is LONG_MAX. A string is what is wrong. */
function readLong(text: string, min: number, max: number): number | string {
  if (!/^[ \t]*[+-]?[0-9]+$/.test(text)) return `invalid argument: '${text}'`
  const value = Number(text)
  if (Math.abs(value) >= 2 ** 63) {
    return `invalid argument: '${text}': Numerical result out of range`
  }
  if (value < min || (max >= 0 && value > max)) {
    return `invalid argument: '${text}': out of range: ${min} <= value <= ${max < 0 ? LONG_MAX : max}`
  }
  return value
}

function readTos(text: string): number | undefined {
  if (/^0[xX][0-9a-fA-F]{0,8}$/.test(text)) return Number.parseInt(text.slice(2) || '0', 16) | 0
  return /^[+-]?[0-9]{1,10}$/.test(text) ? Number(text) | 0 : undefined
}

/** As strtod; what cannot be read is warned of and taken as far as it went. */
function readDouble(parse: PingParse, text: string, what: string): number {
  if (text === '') {
    stop(parse, 2, `${what}: `)
    return 0
  }
  const number = /^[ \t]*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?/.exec(text)?.[0] ?? ''
  if (number !== text) {
    parse.warning += `\0: option argument contains garbage: ${text.slice(number.length)}\n`
    parse.warning += '\0: this will become fatal error in the future\n'
  }
  const value = Number(number)
  if (Number.isFinite(value) && (value === 0 || Math.abs(value) >= 2.2250738585072014e-308)) return value
  stop(parse, 2, `${what}: ${text}: Numerical result out of range`)
  return 0
}

/** Only what is modelled here is listed. */
function usage(): string {
  return (
    '\nUsage\n  ping [options] <destination>\n\n' +
    'Options:\n' +
    '  -4 -6 -b -B -c <count> -d -D -e <identifier> -f -i <interval> -I <interface> -l <preload>\n' +
    '  -m <mark> -M <do|dont|want> -n -O -p <pattern> -q -Q <tclass> -s <size> -t <ttl> -U -v -V\n' +
    '  -w <deadline> -W <timeout>\n'
  )
}
