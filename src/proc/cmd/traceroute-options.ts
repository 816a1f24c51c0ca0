/** traceroute's command line as version 2.1.2 reads it: options and arguments in any order, the first mistake ends it. */

export interface TraceOptions {
  family: 0 | 4 | 6
  icmp: boolean
  dontFragment: boolean
  firstHop: number
  maxHops: number
  device: string
  /** Probes on their way at once. */
  parallel: number
  numeric: boolean
  /** First destination port, or first sequence number with -I; -1 for the method's own. */
  port: number
  tos: number
  mark: number
  /** Seconds, and the factors of the two shorter waits (0: off). */
  wait: number
  hereFactor: number
  nearFactor: number
  queries: number
  source: string
  /** Seconds between probes. */
  pause: number
  /** -1 for the default. */
  length: number
  host: string
  hostPlace: string
}

export interface TraceParse {
  options: TraceOptions
  error: string
  /** -1 where it runs. */
  code: number
}

interface Option {
  key: string
  /** How its value is called in messages; '' for a flag. */
  arg: string
}

const OPTIONS: Readonly<Record<string, Option>> = Object.freeze({
  '4': { key: '4', arg: '' },
  '6': { key: '6', arg: '' },
  d: { key: 'd', arg: '' },
  F: { key: 'F', arg: '' },
  f: { key: 'f', arg: 'first_ttl' },
  g: { key: 'refused', arg: 'gate' },
  I: { key: 'I', arg: '' },
  T: { key: 'refused', arg: '' },
  i: { key: 'i', arg: 'device' },
  m: { key: 'm', arg: 'max_ttl' },
  N: { key: 'N', arg: 'squeries' },
  n: { key: 'n', arg: '' },
  p: { key: 'p', arg: 'port' },
  t: { key: 't', arg: 'tos' },
  l: { key: 'refused', arg: 'flow_label' },
  w: { key: 'w', arg: 'MAX,HERE,NEAR' },
  q: { key: 'q', arg: 'nqueries' },
  r: { key: 'refused', arg: '' },
  s: { key: 's', arg: 'src_addr' },
  z: { key: 'z', arg: 'sendwait' },
  e: { key: 'e', arg: '' },
  A: { key: 'refused', arg: '' },
  M: { key: 'refused', arg: 'name' },
  O: { key: 'refused', arg: 'OPTS' },
  U: { key: 'refused', arg: '' },
  D: { key: 'refused', arg: '' },
  P: { key: 'refused', arg: 'prot' },
  V: { key: 'V', arg: '' },
})

const LONG: Readonly<Record<string, string>> = Object.freeze({
  debug: 'd',
  'dont-fragment': 'F',
  first: 'f',
  gateway: 'g',
  icmp: 'I',
  tcp: 'T',
  interface: 'i',
  'max-hops': 'm',
  'sim-queries': 'N',
  port: 'p',
  tos: 't',
  flowlabel: 'l',
  wait: 'w',
  queries: 'q',
  source: 's',
  sendwait: 'z',
  extensions: 'e',
  'as-path-lookups': 'A',
  module: 'M',
  options: 'O',
  udp: 'U',
  dccp: 'D',
  protocol: 'P',
  version: 'V',
})

const HOPS_MAX = 255
const QUERIES_MAX = 10
const LENGTH_MAX = 65_000

/** Reads the words behind the program's name. `resolve` answers '' or what is wrong with a host. */
export function parseTrace(
  args: readonly string[],
  resolve: (host: string, o: TraceOptions) => string,
): TraceParse {
  const parse: TraceParse = { options: defaults(), error: '', code: -1 }
  if (args.length === 0) return stop(parse, 0, usage())
  let position = 0
  for (let i = 0; i < args.length && parse.code < 0; i++) {
    const word = args[i]!
    if (word === '--') continue
    if (word.length > 1 && word.startsWith('-')) i = option(parse, args, i)
    else argument(parse, word, ++position, i + 1, resolve)
  }
  if (parse.code < 0 && position === 0) {
    stop(parse, 2, 'Specify "host" missing argument.\n')
  }
  if (parse.code < 0) checkRanges(parse)
  return parse
}

function defaults(): TraceOptions {
  return {
    family: 0,
    icmp: false,
    dontFragment: false,
    firstHop: 1,
    maxHops: 30,
    device: '',
    parallel: 16,
    numeric: false,
    port: -1,
    tos: 0,
    mark: 0,
    wait: 5,
    hereFactor: 3,
    nearFactor: 10,
    queries: 3,
    source: '',
    pause: 0,
    length: -1,
    host: '',
    hostPlace: '',
  }
}

function stop(parse: TraceParse, code: number, error: string): TraceParse {
  parse.code = code
  parse.error = error
  return parse
}

/** One word with options; answers the index of the last word that it took. */
function option(parse: TraceParse, args: readonly string[], at: number): number {
  const word = args[at]!
  if (word.startsWith('--')) return longOption(parse, args, at)
  for (let j = 1; j < word.length && parse.code < 0; j++) {
    const found = OPTIONS[word[j]!]
    if (found === undefined) {
      stop(parse, 2, `Bad option \`-${word.slice(j)}' (argc ${at + 1})\n`)
      return at
    }
    if (found.arg === '') {
      apply(parse, `-${word[j]}`, found.key, '', at + 1)
      continue
    }
    const joined = word.slice(j + 1)
    if (joined === '' && at + 1 >= args.length) {
      const how = `-${word[j]} ${found.arg}`
      stop(parse, 2, `Option \`-${word[j]}' (argc ${at + 1}) requires an argument: \`${how}'\n`)
      return at
    }
    const index = joined === '' ? at + 1 : at
    apply(parse, `-${word[j]}`, found.key, joined === '' ? args[index]! : joined, index + 1)
    return index
  }
  return at
}

function longOption(parse: TraceParse, args: readonly string[], at: number): number {
  const word = args[at]!
  const eq = word.indexOf('=')
  const name = word.slice(2, eq < 0 ? undefined : eq)
  if (name === 'help') {
    stop(parse, 0, usage())
    return at
  }
  if (name === 'fwmark' && eq > 0) {
    apply(parse, '--fwmark', 'mark', word.slice(eq + 1), at + 1)
    return at
  }
  if (['mtu', 'back', 'sport', 'fwmark', 'UL'].includes(name)) {
    stop(parse, 2, `--${name}: not modelled in Kubehop\n`)
    return at
  }
  const letter = LONG[name]
  const found = letter === undefined ? undefined : OPTIONS[letter]
  if (found === undefined || (eq >= 0 && found.arg === '')) {
    stop(parse, 2, `Bad option \`${word}' (argc ${at + 1})\n`)
    return at
  }
  if (found.arg === '') {
    apply(parse, `--${name}`, found.key, '', at + 1)
    return at
  }
  if (eq < 0 && at + 1 >= args.length) {
    const how = `--${name}=${found.arg}`
    stop(parse, 2, `Option \`--${name}' (argc ${at + 1}) requires an argument: \`${how}'\n`)
    return at
  }
  const index = eq < 0 ? at + 1 : at
  apply(parse, `--${name}`, found.key, eq < 0 ? args[index]! : word.slice(eq + 1), index + 1)
  return index
}

const NUMBERS: Readonly<Record<string, 'firstHop' | 'maxHops' | 'parallel' | 'queries' | 'tos' | 'mark'>> =
  Object.freeze({ f: 'firstHop', m: 'maxHops', N: 'parallel', q: 'queries', t: 'tos', mark: 'mark' })

function apply(parse: TraceParse, shown: string, key: string, value: string, argc: number): void {
  const { options } = parse
  const number = NUMBERS[key]
  const bad = () => stop(parse, 2, `Cannot handle \`${shown}' option with arg \`${value}' (argc ${argc})\n`)
  if (key === 'refused') stop(parse, 2, `traceroute: ${shown}: not modelled in Kubehop\n`)
  else if (key === '4' || key === '6') options.family = key === '4' ? 4 : 6
  else if (key === 'F') options.dontFragment = true
  else if (key === 'I') options.icmp = true
  else if (key === 'n') options.numeric = true
  else if (key === 'i') options.device = value
  else if (key === 's') options.source = value
  else if (key === 'V') {
    stop(parse, 0, 'Modern traceroute for Linux, version 2.1.2\n')
  } else if (number !== undefined || key === 'p') {
    const n = unsigned(value)
    if (n === undefined) bad()
    else options[number ?? 'port'] = n
  } else if (key === 'z') {
    const n = seconds(value)
    if (n === undefined) bad()
    else options.pause = n
  } else if (key === 'w' && !setWait(options, value)) bad()
}

function setWait(options: TraceOptions, value: string): boolean {
  const parts = value.split(/[,]/)
  const numbers = parts.map(seconds)
  if (parts.length > 3 || numbers.some((n) => n === undefined)) return false
  options.wait = numbers[0]!
  options.hereFactor = numbers[1] ?? 0
  options.nearFactor = numbers[2] ?? 0
  return true
}

/** As strtoul with base 0; undefined where it is no whole number. */
function unsigned(text: string): number | undefined {
  if (/^0[xX][0-9a-fA-F]{1,8}$/.test(text)) return Number(text)
  if (/^0[0-7]{1,10}$/.test(text)) return Number.parseInt(text, 8)
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : undefined
}

function seconds(text: string): number | undefined {
  return /^[+-]?([0-9]{1,9}(\.[0-9]*)?|\.[0-9]+)$/.test(text) ? Number(text) : undefined
}

function argument(
  parse: TraceParse,
  word: string,
  position: number,
  argc: number,
  resolve: (host: string, o: TraceOptions) => string,
): void {
  const { options } = parse
  if (position > 2) {
    stop(parse, 2, `Extra arg \`${word}' (position ${position}, argc ${argc})\n`)
    return
  }
  if (position === 1) {
    const wrong = resolve(word, options)
    options.host = word
    if (wrong === '') return
    const place = `Cannot handle "host" cmdline arg \`${word}' on position 1 (argc ${argc})`
    stop(parse, 2, `${word}: ${wrong}\n${place}\n`)
    return
  }
  const length = /^[+-]?[0-9]{1,9}$/.test(word) ? Number(word) : undefined
  if (length !== undefined) options.length = length
  else stop(parse, 2, `Cannot handle "packetlen" cmdline arg \`${word}' on position 2 (argc ${argc})\n`)
}

function checkRanges(parse: TraceParse): void {
  const { options } = parse
  const { firstHop, maxHops, queries, wait, hereFactor, nearFactor } = options
  if (firstHop === 0 || firstHop > maxHops) stop(parse, 2, 'first hop out of range\n')
  else if (maxHops > HOPS_MAX) stop(parse, 2, `max hops cannot be more than ${HOPS_MAX}\n`)
  else if (queries === 0 || queries > QUERIES_MAX) {
    stop(parse, 2, `no more than ${QUERIES_MAX} probes per hop\n`)
  } else if (wait < 0 || hereFactor < 0 || nearFactor < 0) {
    stop(parse, 2, `bad wait specifications \`${wait},${hereFactor},${nearFactor}' used\n`)
  } else if (options.length > LENGTH_MAX) stop(parse, 2, `too big packetlen ${options.length} specified\n`)
  else if (options.pause < 0) stop(parse, 2, `bad sendtime \`${options.pause}' specified\n`)
  if (options.pause >= 10) options.pause /= 1000
}

/** Only what is modelled here is listed. */
function usage(): string {
  return (
    'Usage:\n  traceroute [ -46dFInV ] [ -f first_ttl ] [ -i device ] [ -m max_ttl ] [ -N squeries ] ' +
    '[ -p port ] [ -t tos ] [ -w MAX,HERE,NEAR ] [ -q nqueries ] [ -s src_addr ] [ -z sendwait ] ' +
    '[ --fwmark=num ] host [ packetlen ]\n'
  )
}
