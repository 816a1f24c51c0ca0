/** What the commands of `docker` share: options as pflag words their mistakes, tables, times, faults. */
import { exitProcess } from '../../../run/process.ts'
import type { ProcCtx } from '../../../run/types.ts'
import type { Options } from '../../program.ts'
import { err, parseOptions } from '../../program.ts'
import { isDockerFault } from './state.ts'

/** A command of docker: what `Usage:` says, its options as `parseOptions` takes them. */
export interface Verb {
  usage: string
  short: string
  long: readonly string[]
  /** Operands: at least, at most (-1: any number). */
  min: number
  max: number
  run(ctx: ProcCtx, options: Options): void
}

export const NO_DAEMON =
  'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?'

/** Runs a command's body; a fault ends the process in docker's words. */
export function guarded(ctx: ProcCtx, name: string, body: () => void): void {
  try {
    body()
  } catch (thrown) {
    if (!isDockerFault(thrown)) throw thrown
    failAs(ctx, name, thrown.docker, thrown.code)
  }
}

/** `docker run` and `docker create` say who speaks and where help is; the others just say it. */
export function failAs(ctx: ProcCtx, name: string, text: string, code: number): void {
  const long = name === 'run' || name === 'create'
  const all = long ? `docker: ${text}\n\nRun 'docker ${name} --help' for more information\n` : `${text}\n`
  err(ctx, all)
  exitProcess(ctx, long ? Math.max(code, 125) : code)
}

/** A verb's words as options and operands; undefined where they were refused. */
export function readVerb(
  ctx: ProcCtx,
  name: string,
  verb: Verb,
  args: readonly string[],
): Options | undefined {
  const options = parseOptions(args, verb.short, [...verb.long, 'help'])
  const code = name === 'run' || name === 'create' || name === 'exec' ? 125 : 1
  const help = `\nUsage:  docker ${verb.usage}\n\nRun 'docker ${name} --help' for more information\n`
  if (options.flags.has('help')) {
    err(ctx, `Usage:  docker ${verb.usage}\n`)
    exitProcess(ctx, 0)
    return undefined
  }
  if (options.error !== '') {
    err(ctx, `${pflag(options.error)}\n${help}`)
    exitProcess(ctx, code)
    return undefined
  }
  const n = options.operands.length
  if (n >= verb.min && (verb.max < 0 || n <= verb.max)) return options
  const many = verb.min === 1 ? '1 argument' : `${verb.min} arguments`
  const bound = verb.max < 0 || verb.max > verb.min ? 'at least ' : ''
  const what = n > verb.max && verb.max === 0 ? 'accepts no arguments' : `requires ${bound}${many}`
  err(ctx, `docker: 'docker ${name}' ${what}\n${help}`)
  exitProcess(ctx, 1)
  return undefined
}

/** getopt's words as pflag puts them. */
function pflag(error: string): string {
  const unknown = /^unrecognized option '(--[^=']+)/.exec(error)
  if (unknown !== null) return `unknown flag: ${unknown[1]}`
  const letter = /^invalid option -- '(.)'/.exec(error)
  if (letter !== null) return `unknown shorthand flag: '${letter[1]}' in -${letter[1]}`
  const long = /^option '(--[^']+)' requires/.exec(error)
  if (long !== null) return `flag needs an argument: ${long[1]}`
  const short = /^option requires an argument -- '(.)'/.exec(error)
  return short === null ? error : `flag needs an argument: '${short[1]}' in -${short[1]}`
}

/** Rows as Go's tabwriter aligns docker's tables: 3 spaces between, columns of at least 10. */
export function table(rows: readonly (readonly string[])[]): string {
  const width = (rows[0] ?? []).map((_, i) => Math.max(10, ...rows.map((row) => (row[i] ?? '').length + 3)))
  return rows
    .map(
      (row) => `${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(width[i]!))).join('')}\n`,
    )
    .join('')
}

/** How long ago, as docker's HumanDuration words it. */
export function age(ns: number): string {
  const seconds = Math.floor(ns / 1e9)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(ns / 3.6e12 + 0.5)
  if (seconds < 1) return 'Less than a second'
  if (seconds === 1) return '1 second'
  if (seconds < 60) return `${seconds} seconds`
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  if (hours === 1) return 'About an hour'
  if (hours < 48) return `${hours} hours`
  if (hours < 24 * 14) return `${Math.floor(hours / 24)} days`
  return `${Math.floor(hours / 24 / 7)} weeks`
}
