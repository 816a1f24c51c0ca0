/** `sysctl`. Models procps-ng 4.0.2's sysctl. Refused by name: -p, --system. Names exist as far as net/sysctl.ts has them. */
import { sysctlGet, sysctlNames, sysctlSet } from '../../net/sysctl.ts'
import { hostnameOf } from '../../run/containerlife.ts'
import { exitProcess } from '../../run/process.ts'
import type { CompletionRequest, ProcCtx, Program } from '../../run/types.ts'
import { err, fail, finish, out, parseOptions } from '../program.ts'

const LONG = [
  'all',
  'deprecated',
  'binary',
  'ignore',
  'names',
  'values',
  'load',
  'system',
  'pattern=',
  'quiet',
  'write',
  'help',
  'version',
  'dry-run',
]

interface Shape {
  names: boolean
  values: boolean
  binary: boolean
  quiet: boolean
  ignore: boolean
}

export const SYSCTL: Program = {
  name: 'sysctl',
  help: 'show and set kernel switches (net.ipv4.ip_forward ...)',
  start(ctx) {
    const options = parseOptions(ctx.proc.argv.slice(1), 'aAXbneNwfpqoxr:VdhD', LONG)
    const has = (short: string, long: string) => options.flags.has(short) || options.flags.has(long)
    if (options.error !== '') {
      err(ctx, `sysctl: ${options.error}\n`)
      usage(ctx, 1)
    } else if (has('h', 'help') || has('d', 'help')) usage(ctx, 0)
    else if (has('V', 'version')) finish(ctx, 'sysctl from procps-ng 4.0.2\n')
    else if (has('p', 'load') || has('f', 'load')) fail(ctx, 1, 'kubehop: sysctl -p is not modelled')
    else if (options.flags.has('system')) fail(ctx, 1, 'kubehop: sysctl --system is not modelled')
    else {
      const shape: Shape = {
        names: has('N', 'names'),
        values: has('n', 'values'),
        binary: has('b', 'binary'),
        quiet: has('q', 'quiet'),
        ignore: has('e', 'ignore'),
      }
      const pattern = options.flags.get('r') ?? options.flags.get('pattern')
      run(
        ctx,
        options.operands,
        shape,
        has('a', 'all') || has('A', 'all') || has('X', 'all'),
        pattern,
        has('w', 'write'),
      )
    }
  },
  complete(request: CompletionRequest) {
    const last = request.words[request.words.length - 1] ?? ''
    return sysctlNames(request.ns).filter((name) => name.startsWith(last))
  },
}

function run(
  ctx: ProcCtx,
  operands: readonly string[],
  shape: Shape,
  all: boolean,
  pattern: string | undefined,
  write: boolean,
): void {
  if (all) {
    const names = ['kernel.hostname', ...sysctlNames(ctx.ns)]
    for (const name of names) if (pattern === undefined || fits(name, pattern)) show(ctx, name, shape)
    exitProcess(ctx, 0)
    return
  }
  if (operands.length === 0) {
    err(ctx, "sysctl: no variables specified\nTry `sysctl --help' for more information.\n")
    exitProcess(ctx, 1)
    return
  }
  let code = 0
  for (const operand of operands) {
    if (write || operand.includes('=')) {
      if (!operand.includes('=')) {
        err(ctx, 'sysctl: command line(0): invalid syntax, continuing...\n')
        code = 1
        break
      }
      if (!set(ctx, operand, shape)) code = 1
    } else if (!get(ctx, operand, shape)) code = 1
  }
  exitProcess(ctx, code)
}

/** Patterns are plain text with `^`, `$` and `.`: a regular expression could take for ever. */
function fits(name: string, pattern: string): boolean {
  const begin = pattern.startsWith('^')
  const end = pattern.endsWith('$')
  const text = pattern.slice(begin ? 1 : 0, end ? -1 : undefined).replaceAll('\\.', '.')
  if (begin && end) return name === text
  if (begin) return name.startsWith(text)
  return end ? name.endsWith(text) : name.includes(text)
}

function switchValue(ctx: ProcCtx, name: string): string | undefined {
  if (name === 'kernel.hostname') return hostnameOf(ctx.machine, ctx.proc)
  return sysctlGet(ctx.world, ctx.ns, name)
}

function show(ctx: ProcCtx, name: string, shape: Shape): void {
  const value = switchValue(ctx, name)
  if (value === undefined) return
  if (shape.names) out(ctx, `${name}\n`)
  else if (shape.binary) out(ctx, value)
  else if (shape.values) out(ctx, `${value}\n`)
  else out(ctx, `${name} = ${value}\n`)
}

/** One variable, or all below a directory's name. */
function get(ctx: ProcCtx, operand: string, shape: Shape): boolean {
  const dotted = dottedName(operand)
  if (switchValue(ctx, dotted) !== undefined) {
    show(ctx, dotted, shape)
    return true
  }
  const below = sysctlNames(ctx.ns).filter((name) => name.startsWith(`${dotted.replace(/\.$/, '')}.`))
  for (const name of below) show(ctx, name, shape)
  if (below.length > 0 || shape.ignore) return true
  err(ctx, `sysctl: cannot stat /proc/sys/${pathText(operand)}: No such file or directory\n`)
  return false
}

function set(ctx: ProcCtx, operand: string, shape: Shape): boolean {
  const eq = operand.indexOf('=')
  const name = operand.slice(0, eq).trim().replace(/^-/, '')
  const value = operand.slice(eq + 1).trim()
  const dotted = dottedName(name)
  if (dotted === 'kernel.hostname') {
    fail(ctx, 1, 'kubehop: sysctl kernel.hostname is set with hostname')
    return false
  }
  const bad = sysctlSet(ctx.world, ctx.ns, dotted, value)
  if (bad !== null) {
    if (shape.ignore && bad.includes('cannot stat')) return true
    err(ctx, `${bad}\n`)
    return false
  }
  if (shape.quiet) return true
  if (shape.values) out(ctx, `${value}\n`)
  else if (shape.names) out(ctx, `${dotted}\n`)
  else out(ctx, `${dotted} = ${value}\n`)
  return true
}

/** `a/b.c/d` and `a.b/c.d` name the same; printed with dots between. */
function dottedName(text: string): string {
  const slash = text.indexOf('/')
  const dot = text.indexOf('.')
  if (slash < 0 || (dot >= 0 && dot < slash)) return text
  return [...text].map((c) => (c === '/' ? '.' : c === '.' ? '/' : c)).join('')
}

function pathText(text: string): string {
  const slash = text.indexOf('/')
  const dot = text.indexOf('.')
  if (slash >= 0 && (dot < 0 || slash < dot)) return text
  return [...text].map((c) => (c === '.' ? '/' : c === '/' ? '.' : c)).join('')
}

function usage(ctx: ProcCtx, code: number): void {
  const text =
    '\nUsage:\n sysctl [options] [variable[=value] ...]\n\nOptions:\n' +
    '  -a, --all            display all variables\n  -n, --values         print only values\n' +
    '  -N, --names          print only names\n  -w, --write          set variables\n' +
    '  -q, --quiet          do not print what was set\n  -e, --ignore         ignore unknown variables\n' +
    '  -r, --pattern <text> only matching names\n'
  if (code === 0) finish(ctx, text)
  else {
    err(ctx, text)
    exitProcess(ctx, code)
  }
}
