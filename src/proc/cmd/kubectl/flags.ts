/** Options as spf13/pflag reads them, and its words for mistakes. */
import { fault } from './flow.ts'

/**
 * Flags of a command, `NAME[/LETTER]` and what it takes: nothing (a switch), `=` (text), `=#` (an integer), `=*` (text
 * that may be given several times), `=?WORD` (text that may be left out after the name and then is WORD).
 */
export type FlagSpec = readonly string[]

export interface Flags {
  readonly values: ReadonlyMap<string, readonly string[]>
  readonly operands: readonly string[]
  /** Operands before `--`; -1 where there was none. */
  readonly dash: number
}

interface Flag {
  name: string
  letter: string
  takes: '' | '=' | '#' | '*' | '?'
  bare: string
}

/** What every command of kubectl takes. */
const GLOBAL: FlagSpec = [
  'namespace/n=', 'context=', 'cluster=', 'user=', 'kubeconfig=', 'server/s=', 'token=', 'as=', 'as-group=*', 'as-uid=',
  'request-timeout=', 'v/v=#', 'insecure-skip-tls-verify', 'certificate-authority=', 'client-certificate=',
  'client-key=', 'tls-server-name=', 'cache-dir=', 'match-server-version', 'warnings-as-errors', 'disable-compression',
  'help/h', 'log-flush-frequency=', 'vmodule=', 'profile=', 'profile-output=', 'username=', 'password=', 'stderrthreshold=',
] // biome-ignore format: one list

function readSpec(spec: FlagSpec): Flag[] {
  return spec.map((text) => {
    const [, name, letter = '', takes = '', rest = ''] = /^([a-z-]+)(?:\/(.))?(=[#*?]?)?(.*)$/.exec(text)!
    return { name: name!, letter, takes: (takes.slice(1) || takes) as Flag['takes'], bare: rest }
  })
}

/** A command's words. Mistakes end it. `stops`: what follows the first operand belongs to somebody else. */
export function parseFlags(verb: string, args: readonly string[], spec: FlagSpec, stops = false): Flags {
  const flags = readSpec([...spec, ...GLOBAL])
  const values = new Map<string, string[]>()
  const operands: string[] = []
  let dash = -1
  const wrong = (text: string): never => fault(`Error: ${text}\nSee '${verb} --help' for usage.`)
  const set = (flag: Flag, value: string) => {
    const label = flag.letter === '' ? `--${flag.name}` : `-${flag.letter}, --${flag.name}`
    if (flag.takes === '#' && !/^[+-]?[0-9]+$/.test(value)) {
      const why = `strconv.ParseInt: parsing "${value}": invalid syntax`
      wrong(`invalid argument "${value}" for "${label}" flag: ${why}`)
    }
    if (flag.takes === '' && !/^(1|0|t|f|T|F|true|false|TRUE|FALSE|True|False)$/.test(value)) {
      const why = `strconv.ParseBool: parsing "${value}": invalid syntax`
      wrong(`invalid argument "${value}" for "${label}" flag: ${why}`)
    }
    const list = values.get(flag.name)
    if (list === undefined) values.set(flag.name, [value])
    else list.push(value)
  }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--') {
      dash = operands.length
      operands.push(...args.slice(i + 1))
      break
    }
    if (arg.startsWith('--')) {
      const eq = arg.indexOf('=')
      const name = eq < 0 ? arg.slice(2) : arg.slice(2, eq)
      const flag = flags.find((one) => one.name === name) ?? wrong(`unknown flag: --${name}`)
      if (eq >= 0) set(flag, arg.slice(eq + 1))
      else if (flag.takes === '') set(flag, 'true')
      else if (flag.takes === '?') set(flag, flag.bare)
      else if (i + 1 < args.length) set(flag, args[++i]!)
      else wrong(`flag needs an argument: --${name}`)
    } else if (arg.length > 1 && arg.startsWith('-')) {
      for (let j = 1; j < arg.length; j++) {
        const letter = arg[j]!
        const found = flags.find((one) => one.letter === letter)
        const flag = found ?? wrong(`unknown shorthand flag: '${letter}' in ${arg}`)
        const rest = arg.slice(j + 1)
        if (flag.takes === '' && rest.startsWith('=')) {
          set(flag, rest.slice(1))
          break
        }
        if (flag.takes === '') {
          set(flag, 'true')
          continue
        }
        if (rest !== '') set(flag, rest.replace(/^=/, ''))
        else if (flag.takes === '?') set(flag, flag.bare)
        else if (i + 1 < args.length) set(flag, args[++i]!)
        else wrong(`flag needs an argument: '${letter}' in ${arg}`)
        break
      }
    } else if (stops && operands.length > 0) {
      operands.push(...args.slice(i))
      break
    } else operands.push(arg)
  }
  return { values, operands, dash }
}

/** The last value of a flag, `otherwise` where it was not given. */
export function textFlag(flags: Flags, name: string, otherwise = ''): string {
  return flags.values.get(name)?.at(-1) ?? otherwise
}

export function hasFlag(flags: Flags, name: string): boolean {
  return flags.values.has(name)
}

export function boolFlag(flags: Flags, name: string, otherwise = false): boolean {
  const value = flags.values.get(name)?.at(-1)
  return value === undefined ? otherwise : /^(1|t|T|true|TRUE|True)$/.test(value)
}

export function listFlag(flags: Flags, name: string): readonly string[] {
  return flags.values.get(name) ?? []
}

/** A Go duration in ns; undefined where it is none. */
export function durationFlag(text: string): number | undefined {
  if (/^-?0$/.test(text)) return 0
  if (!/^-?([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined
  const units: Readonly<Record<string, number>> = {
    ns: 1,
    us: 1e3,
    µs: 1e3,
    ms: 1e6,
    s: 1e9,
    m: 60e9,
    h: 3600e9,
  }
  let total = 0
  for (const [, number, unit] of text.matchAll(/([0-9.]+)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(number) * units[unit!]!
  }
  return Math.round(text.startsWith('-') ? -total : total)
}
