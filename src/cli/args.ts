/** The command line's words: verb, file, options. */
import type { Typed } from '../lab/headless.ts'
import { parsePlaced } from '../lab/names.ts'
import { parseDuration } from '../lab/units.ts'

export interface Args {
  verb: string
  file: string
  typed: Typed[]
  seed: number | undefined
  /** Virtual ns after the boot, undefined where the run ends with its last command. */
  until: number | undefined
  json: boolean
  verbose: boolean
  netem: boolean
  out: string
  to: string
  from: string
  proto: string
  src: string
  dst: string
  dport: number | undefined
  sport: number | undefined
  /** Device by which the probe arrives, '' where the namespace sends it. */
  in: string
  /** Dumps of real machines, to be put onto machines of the lab in this order. */
  dumps: { machine: string; path: string }[]
  event: number | undefined
  lang: string
  /** Port of the API server, undefined for any that is free. */
  port: number | undefined
  /** Virtual seconds in a second. */
  speed: number | undefined
  /** File for the client's configuration, '' to print it. */
  kubeconfig: string
}

type TextOption = 'in' | 'out' | 'to' | 'from' | 'proto' | 'src' | 'dst' | 'lang' | 'kubeconfig'

export const VERBS = ['run', 'trace', 'explain', 'pcap', 'export', 'check', 'replay', 'api'] as const

const VALUED: ReadonlySet<string> = new Set(
  '--exec --script --seed --event --dport --sport --in --dump --until --out --to --from --proto --src --dst --lang --port --speed --kubeconfig'.split(
    ' ',
  ),
)

/** Reads the words. `read` gives a file's text. A string is the mistake. */
export function parseArgs(words: readonly string[], read: (path: string) => string): Args | string {
  const args: Args = {
    verb: '',
    file: '',
    typed: [],
    seed: undefined,
    until: undefined,
    json: false,
    verbose: false,
    netem: false,
    out: '',
    to: '',
    from: '',
    proto: 'icmp',
    src: '',
    dst: '',
    dport: undefined,
    sport: undefined,
    in: '',
    dumps: [],
    event: undefined,
    lang: 'en',
    port: undefined,
    speed: undefined,
    kubeconfig: '',
  }
  const rest = [...words]
  while (rest.length > 0) {
    const word = rest.shift() ?? ''
    const equals = word.startsWith('--') ? word.indexOf('=') : -1
    const name = equals < 0 ? word : word.slice(0, equals)
    const inline = equals < 0 ? undefined : word.slice(equals + 1)
    if (!word.startsWith('-')) {
      if (args.verb === '') args.verb = word
      else if (args.file === '') args.file = word
      else return `unexpected argument "${word}"`
      continue
    }
    if (name === '--json' || name === '--verbose' || name === '--netem') {
      args[name.slice(2) as 'json' | 'verbose' | 'netem'] = true
      continue
    }
    if (!VALUED.has(name)) return `unknown option ${name}`
    const value = inline ?? rest.shift()
    if (value === undefined) return `option ${name} needs a value`
    const error = setOption(args, name, value, read)
    if (error !== '') return error
  }
  if (args.verb === '') return 'which command? run, trace, explain, pcap, export, check, replay or api'
  if (!VERBS.some((verb) => verb === args.verb)) return `unknown command "${args.verb}"`
  return args.file === '' && args.dumps.length === 0 ? `${args.verb} needs a lab FILE` : args
}

function setOption(args: Args, name: string, value: string, read: (path: string) => string): string {
  switch (name) {
    case '--exec':
      return addTyped(args, value)
    case '--script':
      return addScript(args, value, read)
    case '--seed':
      args.seed = wholeNumber(value, 4_294_967_295)
      return args.seed === undefined ? `--seed ${value}: not a whole number` : ''
    case '--event':
      args.event = wholeNumber(value, Number.MAX_SAFE_INTEGER)
      return args.event === undefined ? `--event ${value}: not a whole number` : ''
    case '--dport':
      args.dport = wholeNumber(value, 65535)
      return args.dport === undefined ? `--dport ${value}: not a port` : ''
    case '--sport':
      args.sport = wholeNumber(value, 65535)
      return args.sport === undefined ? `--sport ${value}: not a port` : ''
    case '--port':
      args.port = wholeNumber(value, 65535)
      return args.port === undefined ? `--port ${value}: not a port` : ''
    case '--speed':
      args.speed = /^\d{1,4}(\.\d{1,6})?$/.test(value) && Number(value) > 0 ? Number(value) : undefined
      return args.speed === undefined ? `--speed ${value}: not a number above 0` : ''
    case '--dump':
      return addDump(args, value)
    case '--until':
      args.until = parseDuration(value, 's')
      return args.until === undefined ? `--until ${value}: not a time (2s, 500ms)` : ''
    case '--in':
    case '--out':
    case '--to':
    case '--from':
    case '--proto':
    case '--src':
    case '--dst':
    case '--lang':
    case '--kubeconfig':
      args[name.slice(2) as TextOption] = value
      return ''
    default:
      return `unknown option ${name}`
  }
}

/** `MACHINE=FILE`; `=FILE` takes the machine's name from the dump's prompt. */
function addDump(args: Args, text: string): string {
  const at = text.indexOf('=')
  if (at < 0 || at === text.length - 1) return `--dump ${text}: not MACHINE=FILE`
  args.dumps.push({ machine: text.slice(0, at), path: text.slice(at + 1) })
  return ''
}

function wholeNumber(text: string, max: number): number | undefined {
  const n = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(n) && n <= max ? n : undefined
}

function addTyped(args: Args, text: string): string {
  const placed = parsePlaced(text)
  if (typeof placed === 'string') return placed
  const background = /(^|[^&])&$/.test(placed.command)
  const command = background ? placed.command.slice(0, -1).trim() : placed.command
  args.typed.push({ text, ...placed, command, background })
  return ''
}

function addScript(args: Args, path: string, read: (path: string) => string): string {
  let text: string
  try {
    text = read(path)
  } catch (error) {
    return `--script ${path}: ${error instanceof Error ? error.message : String(error)}`
  }
  const lines = text.split('\n')
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '' || line.trim().startsWith('#')) continue
    const error = addTyped(args, line.trim())
    if (error !== '') return `${path}:${i + 1}: ${error}`
  }
  return ''
}
