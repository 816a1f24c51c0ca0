/** What commands share: output, failure, options as getopt(3) reads them, numbers, names of hosts. */
import type { Ip } from '../base/addr.ts'
import { parseIp } from '../base/addr.ts'
import { readFile } from '../run/files.ts'
import { writeFd } from '../run/fds.ts'
import { exitProcess } from '../run/process.ts'
import type { ProcCtx } from '../run/types.ts'
import { parseNumeric } from './dns/hostname.ts'

export type { CompletionRequest, ProcCtx, ProcEvent, Program, Programs } from '../run/types.ts'

/** Writes to standard output. False once the reader is gone or slow: stop, or wait with a timer. */
export function out(ctx: ProcCtx, text: string): boolean {
  return writeFd(ctx, 1, text)
}

/** Writes to standard error. */
export function err(ctx: ProcCtx, text: string): boolean {
  return writeFd(ctx, 2, text)
}

/** Writes `text` and a newline to standard error and ends the process. */
export function fail(ctx: ProcCtx, code: number, text: string): void {
  err(ctx, `${text}\n`)
  exitProcess(ctx, code)
}

/** Writes `text` (with its newlines) to standard output and ends the process with 0. */
export function finish(ctx: ProcCtx, text: string, code = 0): void {
  if (text !== '') out(ctx, text)
  exitProcess(ctx, code)
}

export interface Options {
  /** Option letters and long names to their value ('' for flags); repeated ones keep the last. */
  flags: Map<string, string>
  /** All occurrences in order. */
  list: [string, string][]
  operands: string[]
  /** Text of the mistake as glibc's getopt prints it after `NAME: `, '' for none. */
  error: string
}

/**
 * Options as getopt_long(3) reads them. `short`: letters, each followed by `:` where it takes a value. `long`: names,
 * with `=` at the end where they take a value. A leading `+` in `short` stops at the first operand.
 */
export function parseOptions(args: readonly string[], short: string, long: readonly string[] = []): Options {
  const options: Options = { flags: new Map(), list: [], operands: [], error: '' }
  const early = short.startsWith('+')
  const set = (name: string, value: string) => {
    options.flags.set(name, value)
    options.list.push([name, value])
  }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--') {
      options.operands.push(...args.slice(i + 1))
      break
    }
    if (arg.startsWith('--')) {
      const eq = arg.indexOf('=')
      const name = eq < 0 ? arg.slice(2) : arg.slice(2, eq)
      if (long.includes(name)) set(name, '')
      else if (long.includes(`${name}=`)) {
        if (eq < 0 && i + 1 >= args.length) options.error = `option '--${name}' requires an argument`
        else set(name, eq < 0 ? args[++i]! : arg.slice(eq + 1))
      } else options.error = `unrecognized option '${arg}'`
    } else if (arg.length > 1 && arg.startsWith('-')) {
      for (let j = 1; j < arg.length; j++) {
        const letter = arg[j]!
        const at = letter === ':' || letter === '+' ? -1 : short.indexOf(letter)
        if (at < 0) options.error = `invalid option -- '${letter}'`
        else if (short[at + 1] === ':') {
          if (j + 1 < arg.length) set(letter, arg.slice(j + 1))
          else if (i + 1 < args.length) set(letter, args[++i]!)
          else options.error = `option requires an argument -- '${letter}'`
          break
        } else set(letter, '')
        if (options.error !== '') return options
      }
    } else if (early) {
      options.operands.push(...args.slice(i))
      break
    } else options.operands.push(arg)
    if (options.error !== '') return options
  }
  return options
}

/** A decimal integer, the whole text; undefined where it is none. */
export function parseInteger(text: string): number | undefined {
  if (!/^[+-]?[0-9]{1,15}$/.test(text)) return undefined
  return Number(text)
}

/** A duration in seconds as `sleep` and `ping -i` take it, in ns; undefined where it is none. */
export function parseSeconds(text: string): number | undefined {
  if (!/^([0-9]{1,9}(\.[0-9]*)?|\.[0-9]+)$/.test(text)) return undefined
  return Math.round(Number(text) * 1e9)
}

/** An address of a name, or getaddrinfo(3)'s error text. */
export type Resolved = { ip: Ip; name: string; error: '' } | { ip: undefined; name: string; error: string }

/**
 * The address of `host` without asking anybody: a literal (short forms of inet_aton(3) too), or a line of /etc/hosts.
 * `family` 0 takes the first line that names it. Programs that ask name servers use dns/waitname.ts or dns/resolver.ts;
 * for the others a name that is not here is what getaddrinfo(3) says of a server that does not answer.
 */
export function resolveHost(ctx: ProcCtx, host: string, family: 0 | 4 | 6): Resolved {
  const literal = parseIp(host) ?? parseNumeric(host)
  if (literal !== undefined) {
    const is = typeof literal === 'number' ? 4 : 6
    if (family === 0 || family === is) return { ip: literal, name: host, error: '' }
    return { ip: undefined, name: host, error: 'Address family for hostname not supported' }
  }
  for (const line of readFile(ctx, '/etc/hosts').text.split('\n')) {
    const words = (line.split('#')[0] ?? '').split(/[ \t]+/).filter((word) => word !== '')
    const ip = parseIp(words[0] ?? '')
    if (ip === undefined || !words.slice(1).includes(host)) continue
    if (family === 0 || (typeof ip === 'number' ? 4 : 6) === family) return { ip, name: words[1]!, error: '' }
  }
  const name = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(host)
  return {
    ip: undefined,
    name: host,
    error: name ? 'Temporary failure in name resolution' : 'Name or service not known',
  }
}
