/** tcpdump's command line (4.99.3). */
import { parseOptions } from '../program.ts'

export interface DumpOptions {
  /** '' for the first device that is up. */
  device: string
  count: number
  list: boolean
  link: boolean
  quick: boolean
  numeric: number
  number: boolean
  absolute: boolean
  promiscuous: boolean
  direction: 'in' | 'out' | 'inout'
  snaplen: number
  /** How many -t. */
  times: number
  verbose: number
  /** 0 none, 1 without the link header, 2 with it. */
  hex: number
  ascii: boolean
  filter: string
}

export interface DumpParse {
  options: DumpOptions
  out: string
  error: string
  /** -1 where it runs. */
  code: number
}

const SHORT = 'aAbB:c:C:dDeE:fF:G:hHi:IjJ:KlLm:M:nNOpqQ:r:s:StT:uUvV:w:W:xXy:Yz:Z:#'
const LONG = [
  'absolute-tcp-sequence-numbers',
  'direction=',
  'help',
  'immediate-mode',
  'interface=',
  'list-interfaces',
  'no-optimize',
  'no-promiscuous-mode',
  'number',
  'snapshot-length=',
  'version',
]
const ALIASES: Readonly<Record<string, string>> = Object.freeze({
  'absolute-tcp-sequence-numbers': 'S',
  direction: 'Q',
  help: 'h',
  interface: 'i',
  'list-interfaces': 'D',
  'no-promiscuous-mode': 'p',
  number: '#',
  'snapshot-length': 's',
})

const VERSION = 'tcpdump version 4.99.3\nlibpcap version 1.10.3 (with TPACKET_V3)\n'
/** Nothing to see here: line buffering, user, optimiser, checksums (always right), OUIs. */
const IGNORED = 'lUZOKfBu'
const SNAPLEN_MAX = 262_144

/** Reads a command line; `name` is what the program was called by. */
export function parseDump(args: readonly string[], name: string): DumpParse {
  const parse: DumpParse = { options: defaults(), out: '', error: '', code: -1 }
  const words = parseOptions(args, SHORT, LONG)
  for (const [given, value] of words.list) {
    apply(parse, name, ALIASES[given] ?? given, value)
    if (parse.code >= 0) return parse
  }
  parse.options.filter = words.operands.join(' ')
  if (words.error !== '') stop(parse, 1, `${name}: ${words.error}\n${VERSION}${usage()}`)
  return parse
}

function defaults(): DumpOptions {
  return {
    device: '',
    count: 0,
    list: false,
    link: false,
    quick: false,
    numeric: 0,
    number: false,
    absolute: false,
    promiscuous: true,
    direction: 'inout',
    snaplen: SNAPLEN_MAX,
    times: 0,
    verbose: 0,
    hex: 0,
    ascii: false,
    filter: '',
  }
}

function stop(parse: DumpParse, code: number, error: string): void {
  parse.code = code
  parse.error = error
}

const FLAGS: Readonly<Record<string, (o: DumpOptions) => void>> = Object.freeze({
  D: (o) => {
    o.list = true
  },
  e: (o) => {
    o.link = true
  },
  n: (o) => {
    o.numeric++
  },
  p: (o) => {
    o.promiscuous = false
  },
  q: (o) => {
    o.quick = true
  },
  S: (o) => {
    o.absolute = true
  },
  v: (o) => {
    o.verbose++
  },
  x: (o) => {
    o.hex = Math.min(2, o.hex + 1)
  },
  X: (o) => {
    o.hex = Math.min(2, o.hex + 1)
    o.ascii = true
  },
  '#': (o) => {
    o.number = true
  },
})

function apply(parse: DumpParse, name: string, letter: string, value: string): void {
  const { options } = parse
  if (FLAGS[letter] !== undefined) FLAGS[letter](options)
  else if (IGNORED.includes(letter) || letter === 'immediate-mode' || letter === 'no-optimize') return
  else if (letter === 'i') options.device = value
  else if (letter === 'c') {
    const count = /^[0-9]{1,9}$/.test(value) ? Number(value) : 0
    if (count === 0) stop(parse, 1, `${name}: invalid packet count ${value}\n`)
    else options.count = count
  } else if (letter === 's') {
    const size = /^[0-9]{1,9}$/.test(value) ? Number(value) : -1
    if (size >= 0 && size <= SNAPLEN_MAX) options.snaplen = size === 0 ? SNAPLEN_MAX : size
    else stop(parse, 1, `${name}: invalid snaplen ${value} (must be >= 0 and <= ${SNAPLEN_MAX})\n`)
  } else if (letter === 't') {
    options.times++
    if (options.times > 5) {
      stop(parse, 1, `${name}: only -t, -tt, -ttt, -tttt and -ttttt are supported\n`)
    }
  } else if (letter === 'Q') {
    if (value === 'in' || value === 'out' || value === 'inout') options.direction = value
    else stop(parse, 1, `${name}: unknown capture direction \`${value}'\n`)
  } else if (letter === 'h') {
    parse.out = VERSION + usage()
    parse.code = 0
  } else if (letter === 'version') {
    parse.out = VERSION
    parse.code = 0
  } else if (letter === 'w') {
    stop(parse, 1, `${name}: -w: not modelled in Kubehop: the pcap export writes captures to files\n`)
  } else stop(parse, 1, `${name}: -${letter}: not modelled in Kubehop\n`)
}

/** Only what is modelled here is listed. */
function usage(): string {
  return (
    'Usage: tcpdump [-DehKlnOpqStUvxX#] [ -c count ] [ -i interface ]\n' +
    '\t\t[ -Q in|out|inout ] [ -s snaplen ] [ --version ] [ expression ]\n'
  )
}
