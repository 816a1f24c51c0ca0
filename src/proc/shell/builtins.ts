/** What the shell does itself. Models dash 0.5.12's and bash 5.2's builtins; refused by name: fg, bg, alias, getopts. */
import { readInput } from '../../run/fds.ts'
import { appendFile, listDir, readFile, resolvePath, statFile } from '../../run/files.ts'
import {
  exitProcess,
  findProcess,
  parseSignal,
  pidSeen,
  signalGroup,
  signalProcess,
} from '../../run/process.ts'
import { findTty } from '../../run/tty.ts'
import type { ProcCtx } from '../../run/types.ts'
import { echoText, printfText } from '../format.ts'
import { err, out } from '../program.ts'
import { isNotModelled } from '../known.ts'
import { evalArith } from './arith.ts'
import type { Dialect } from './ast.ts'
import { abandon, unwind } from './eval.ts'
import { jobWord, startProgram } from './jobs.ts'
import { parseShell } from './parse.ts'
import { findProgram } from './simple.ts'
import type { ShellState } from './state.ts'
import { complain, environmentOf, getVar, setVar } from './state.ts'
import { sayFault } from './say.ts'
import { evalTest } from './test.ts'
import { exportBuiltin, localBuiltin, readonlyBuiltin, setBuiltin, unsetBuiltin } from './vars.ts'

/** Answers the status; undefined where frames that it pushed, or an event, will give it. */
export type Builtin = (ctx: ProcCtx, st: ShellState, argv: string[]) => number | undefined

const SPECIAL: ReadonlySet<string> = new Set(
  'break : . continue eval exec exit export readonly return set shift trap unset'.split(' '),
)
const BASH_ONLY: ReadonlySet<string> = new Set(['source', 'let', 'declare', 'typeset', 'history', 'shopt'])

const BUILTINS: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  [':', () => 0],
  ['true', () => 0],
  ['false', () => 1],
  ['echo', echoBuiltin],
  ['printf', printfBuiltin],
  ['test', testBuiltin],
  ['[', testBuiltin],
  ['cd', cdBuiltin],
  ['pwd', (ctx) => written(out(ctx, `${ctx.proc.cwd}\n`))],
  ['exit', exitBuiltin],
  ['export', exportBuiltin],
  ['readonly', readonlyBuiltin],
  ['unset', unsetBuiltin],
  ['set', setBuiltin],
  ['local', localBuiltin],
  ['declare', localBuiltin],
  ['typeset', localBuiltin],
  ['shift', shiftBuiltin],
  ['return', returnBuiltin],
  ['break', loopBuiltin],
  ['continue', loopBuiltin],
  ['eval', evalBuiltin],
  ['.', sourceBuiltin],
  ['source', sourceBuiltin],
  ['exec', () => 0],
  ['read', readBuiltin],
  ['wait', waitBuiltin],
  ['type', typeBuiltin],
  ['command', commandBuiltin],
  ['jobs', jobsBuiltin],
  ['kill', killBuiltin],
  ['trap', trapBuiltin],
  ['umask', (ctx) => written(out(ctx, '0022\n'))],
  ['let', letBuiltin],
  ['history', historyBuiltin],
  ['hash', () => 0],
  ['shopt', () => 0],
  ...['fg', 'bg', 'alias', 'unalias', 'getopts', 'ulimit', 'times'].map((name): [string, Builtin] => {
    return [name, notModelled]
  }),
])

function notModelled(ctx: ProcCtx, _st: ShellState, argv: string[]): number {
  err(ctx, `${argv[0]}: not modelled in Kubehop\n`)
  return 127
}

/** The builtin of that name in a dialect. */
export function builtinOf(dialect: Dialect, name: string): Builtin | undefined {
  return dialect === 'dash' && BASH_ONLY.has(name) ? undefined : BUILTINS.get(name)
}

/** Special builtins: a mistake in one ends a dash script. */
export function isSpecialBuiltin(name: string): boolean {
  return SPECIAL.has(name)
}

/** All builtins' names, for completion. */
export function builtinNames(dialect: Dialect): string[] {
  return [...BUILTINS.keys()].filter((name) => dialect === 'bash' || !BASH_ONLY.has(name))
}

/** Ends the shell, the EXIT trap first. */
export function endShell(ctx: ProcCtx, st: ShellState, code: number): void {
  unwind(ctx, st, 0)
  st.interactive = false
  st.status = code
  if (st.trapExit !== '' && st.exiting < 0) {
    st.exiting = code
    const parsed = parseShell(st.trapExit, st.dialect)
    if (parsed.seq !== undefined) {
      st.frames.push({ k: 'seq', node: parsed.seq, i: 0 })
      return
    }
  }
  exitProcess(ctx, st.exiting >= 0 ? st.exiting : code)
}

function written(ok: boolean): number {
  return ok ? 0 : 1
}

function echoBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number {
  return emit(ctx, st, 'echo', echoText(argv.slice(1), st.dialect))
}

/** Writes to standard output; a file that takes it not (a sysctl) is told as a write error. */
function emit(ctx: ProcCtx, st: ShellState, name: string, text: string): number {
  const fd = ctx.proc.fds.get(1)
  const file = fd?.kind === 'file' && fd.mode !== 'r'
  if (!file) {
    const ok = out(ctx, text) || fd?.kind === 'pipe'
    if (fd === undefined) {
      complain(
        ctx,
        st,
        st.dialect === 'dash' ? `${name}: ${name}: I/O error` : `${name}: write error: Bad file descriptor`,
      )
    }
    return ok ? 0 : 1
  }
  const error = text === '' ? '' : appendFile(ctx, fd.path, text)
  if (error === '') return 0
  complain(ctx, st, st.dialect === 'dash' ? `${name}: ${name}: I/O error` : `${name}: write error: ${error}`)
  return 1
}

function printfBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number {
  const [format, ...args] = argv[1] === '--' ? argv.slice(2) : argv.slice(1)
  if (format === undefined) {
    if (st.dialect === 'bash') err(ctx, 'printf: usage: printf [-v var] format [arguments]\n')
    else complain(ctx, st, 'printf: usage: printf format [arg ...]')
    return 2
  }
  const result = printfText(format, args)
  for (const bad of result.bad) {
    complain(
      ctx,
      st,
      `printf: ${bad}: ${st.dialect === 'dash' ? 'expected numeric value' : 'invalid number'}`,
    )
  }
  return emit(ctx, st, 'printf', result.text) || (result.bad.length > 0 ? 1 : 0)
}

function testBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number {
  const args = argv.slice(1)
  if (argv[0] === '[' && args.pop() !== ']') {
    complain(ctx, st, st.dialect === 'dash' ? '[: missing ]' : "[: missing `]'")
    return 2
  }
  const result = evalTest(ctx, st.dialect, args)
  if (result.error !== '') complain(ctx, st, `${argv[0]}: ${result.error}`)
  return result.status
}

function cdBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number {
  let to = argv.slice(1).find((arg) => arg !== '-P' && arg !== '-L' && arg !== '--')
  to ??= getVar(st, 'HOME') ?? '/root'
  const back = to === '-'
  if (back) to = getVar(st, 'OLDPWD') ?? ''
  if (to === '' && back) {
    complain(ctx, st, 'cd: OLDPWD not set')
    return 1
  }
  const path = resolvePath(ctx.proc.cwd, to)
  if (listDir(ctx, path) === undefined) {
    const why = statFile(ctx, path) === undefined ? 'No such file or directory' : 'Not a directory'
    complain(ctx, st, st.dialect === 'dash' ? `cd: can't cd to ${to}` : `cd: ${to}: ${why}`)
    return st.dialect === 'dash' ? 2 : 1
  }
  setVar(st, 'OLDPWD', ctx.proc.cwd)
  setVar(st, 'PWD', path)
  ctx.proc.cwd = path
  if (back) out(ctx, `${path}\n`)
  return 0
}

function exitBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number | undefined {
  const text = argv[1] ?? String(st.status)
  if (!/^-?[0-9]{1,9}$/.test(text) || (st.dialect === 'dash' && text.startsWith('-'))) {
    const why = st.dialect === 'dash' ? `Illegal number: ${text}` : `${text}: numeric argument required`
    complain(ctx, st, `exit: ${why}`)
    endShell(ctx, st, 2)
  } else endShell(ctx, st, Number(text) & 255)
  return undefined
}

function shiftBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number | undefined {
  const n = Number(argv[1] ?? 1)
  if (n >= 0 && n <= st.params.length) {
    st.params = st.params.slice(n)
    return 0
  }
  if (st.dialect === 'bash') return 1
  complain(ctx, st, "shift: can't shift that many")
  abandon(ctx, st, 2)
  return undefined
}

function returnBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number | undefined {
  const status = Number(argv[1] ?? st.status) & 255
  const at = st.frames.findLastIndex((frame) => frame.k === 'call' || frame.k === 'source')
  if (at >= 0) unwind(ctx, st, at)
  else if (st.dialect === 'dash' && !st.interactive) {
    endShell(ctx, st, status)
    return undefined
  } else {
    complain(ctx, st, "return: can only `return' from a function or sourced script")
    return 1
  }
  st.status = status
  return undefined
}

function loopBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number | undefined {
  const loops: number[] = []
  for (let i = st.frames.length - 1; i >= 0; i--) {
    const { k } = st.frames[i]!
    if (k === 'call') break
    if (k === 'loop' || k === 'for' || k === 'cfor') loops.push(i)
  }
  if (loops.length === 0) {
    if (st.dialect === 'bash') {
      complain(ctx, st, `${argv[0]}: only meaningful in a \`for', \`while', or \`until' loop`)
    }
    return 0
  }
  const n = Math.min(Math.max(1, Number(argv[1] ?? 1) || 1), loops.length)
  unwind(ctx, st, loops[n - 1]! + (argv[0] === 'break' ? 0 : 1))
  st.status = 0
  return undefined
}

function evalBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number | undefined {
  return runText(ctx, st, argv.slice(1).join(' '), 'eval')
}

function sourceBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number | undefined {
  const path = argv[1]
  if (path === undefined) {
    complain(ctx, st, `${argv[0]}: filename argument required`)
    return 2
  }
  const file = readFile(ctx, path)
  if (file.error !== '') {
    const dash = file.error === 'No such file or directory' ? 'No such file' : file.error
    complain(ctx, st, st.dialect === 'dash' ? `.: cannot open ${path}: ${dash}` : `${path}: ${file.error}`)
    if (st.dialect === 'bash' || st.interactive) return 1
    abandon(ctx, st, 2)
    return undefined
  }
  st.frames.push({ k: 'source' })
  return runText(ctx, st, file.text, path)
}

function runText(ctx: ProcCtx, st: ShellState, text: string, where: string): number | undefined {
  const parsed = parseShell(text, st.dialect)
  if (parsed.seq === undefined) {
    sayFault(ctx, st, parsed.fault, text, where)
    if (st.dialect === 'bash' || st.interactive) return 2
    abandon(ctx, st, 2)
    return undefined
  }
  st.status = 0
  st.frames.push({ k: 'seq', node: parsed.seq, i: 0 })
  return undefined
}

function readBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number | undefined {
  let names = argv.slice(1)
  let raw = false
  while (names[0]?.startsWith('-')) {
    const option = names.shift()!
    if (option.includes('r')) raw = true
    if (option.endsWith('p')) err(ctx, names.shift() ?? '')
    else if (/[tnd]/.test(option)) names.shift()
  }
  if (names.length === 0 && st.dialect === 'dash') names = ['REPLY']
  st.frames.push({ k: 'read', names: names.length === 0 ? ['REPLY'] : names, raw, text: '' })
  readInput(ctx, 0)
  return undefined
}

function waitBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number | undefined {
  const pids: number[] = []
  for (const arg of argv.slice(1)) {
    const job = arg.startsWith('%') ? st.jobs.find((one) => one.n === Number(arg.slice(1))) : undefined
    const pid = job?.pid ?? pidSeen(ctx.world, ctx.machine, ctx.proc, Number(arg)) ?? Number(arg)
    if (ctx.proc.children.includes(pid) || st.ended.has(pid)) pids.push(pid)
    else {
      if (st.dialect === 'bash') complain(ctx, st, `wait: pid ${arg} is not a child of this shell`)
      return 127
    }
  }
  const all = argv.length === 1
  const waited = all ? st.jobs.filter((job) => !job.done).map((job) => job.pid) : pids
  if (waited.every((pid) => st.ended.has(pid))) {
    const code = waited.length === 0 || all ? 0 : (st.ended.get(waited.at(-1)!) ?? 0)
    return code
  }
  st.frames.push({ k: 'wait', pids: waited, negate: false, jobs: all })
  return undefined
}

function typeBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number {
  let status = 0
  for (const name of argv.slice(1)) {
    if (st.funcs.has(name))
      out(ctx, `${name} is a ${st.dialect === 'bash' ? 'function' : 'shell function'}\n`)
    else if (builtinOf(st.dialect, name) !== undefined) {
      const special = st.dialect === 'dash' && isSpecialBuiltin(name)
      out(ctx, `${name} is a ${special ? 'special ' : ''}shell builtin\n`)
    } else if (ctx.programs.has(name)) out(ctx, `${name} is /usr/bin/${name}\n`)
    else {
      if (st.dialect === 'bash') complain(ctx, st, `type: ${name}: not found`)
      else out(ctx, `${name}: not found\n`)
      status = st.dialect === 'bash' ? 1 : 127
    }
  }
  return status
}

function commandBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number | undefined {
  const args = argv.slice(1)
  if (args[0] !== '-v' && args[0] !== '-V') {
    const name = args[0]
    if (name === undefined) return 0
    const builtin = builtinOf(st.dialect, name)
    if (builtin !== undefined && name !== 'exec') return builtin(ctx, st, args)
    const found = findProgram(ctx, name)
    if (found.error === '') {
      const opened = { changes: [], apply: () => [] }
      startProgram(ctx, st, found.program, args, opened, environmentOf(st))
      return undefined
    }
    if (isNotModelled(name)) err(ctx, `${name}: not modelled in Kubehop\n`)
    else complain(ctx, st, `${name}: ${st.dialect === 'dash' ? 'not found' : 'command not found'}`)
    return found.code
  }
  let status = 0
  for (const name of st.dialect === 'dash' ? args.slice(1, 2) : args.slice(1)) {
    if (builtinOf(st.dialect, name) !== undefined || st.funcs.has(name)) out(ctx, `${name}\n`)
    else if (ctx.programs.has(name)) out(ctx, `/usr/bin/${name}\n`)
    else status = st.dialect === 'dash' ? 127 : 1
  }
  return status
}

function jobsBuiltin(ctx: ProcCtx, st: ShellState): number {
  for (const job of st.jobs) {
    const word = job.done ? jobWord(job.code) : 'Running'
    out(
      ctx,
      `[${job.n}]${job === st.jobs.at(-1) ? '+' : ' '}  ${word.padEnd(24)}${job.src}${job.done ? '' : ' &'}\n`,
    )
  }
  st.jobs = st.jobs.filter((job) => !job.done)
  return 0
}

function killBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number {
  let args = argv.slice(1)
  let name = 'TERM'
  if (args[0] === '-l') {
    out(ctx, 'HUP INT QUIT KILL USR1 USR2 PIPE ALRM TERM\n')
    return 0
  }
  if (args[0] === '-s') {
    name = args[1] ?? ''
    args = args.slice(2)
  } else if (/^-[A-Za-z0-9]+$/.test(args[0] ?? '')) {
    name = args[0]!.slice(1)
    args = args.slice(1)
  }
  const bash = st.dialect === 'bash'
  if (args.length === 0) {
    err(ctx, 'kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]\n')
    return 2
  }
  const signal = name === '0' ? undefined : parseSignal(name)
  if (signal === undefined && name !== '0') {
    complain(
      ctx,
      st,
      bash ? `kill: ${name}: invalid signal specification` : `kill: invalid signal number or name: ${name}`,
    )
    return bash ? 1 : 2
  }
  let status = 0
  st.pause = true
  for (const arg of args) {
    const job = arg.startsWith('%') ? st.jobs.find((one) => one.n === Number(arg.slice(1))) : undefined
    const pid = job?.pid ?? Number(arg)
    const group = pid < -1
    const seen = job?.pid ?? pidSeen(ctx.world, ctx.machine, ctx.proc, pid) ?? 0
    let found = group || findProcess(ctx.world, ctx.machine, seen) !== undefined
    if (group && signal !== undefined) found = signalGroup(ctx.world, ctx.machine, -pid, signal)
    else if (found && signal !== undefined) signalProcess(ctx.world, ctx.machine, seen, signal)
    if (found) continue
    status = 1
    if (!Number.isInteger(pid)) {
      complain(
        ctx,
        st,
        bash ? `kill: ${arg}: arguments must be process or job IDs` : `kill: Illegal number: ${arg}`,
      )
    } else complain(ctx, st, bash ? `kill: (${arg}) - No such process` : 'kill: No such process\n')
  }
  return status
}

function trapBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number {
  const [action, ...signals] = argv.slice(1)
  if (action === undefined) {
    if (st.trapExit !== '') out(ctx, `trap -- '${st.trapExit}' EXIT\n`)
    return 0
  }
  for (const signal of signals) {
    if (signal === 'EXIT' || signal === '0') st.trapExit = action === '-' ? '' : action
    else {
      err(ctx, `${st.name}: trap: ${signal}: not modelled in Kubehop\n`)
      return 1
    }
  }
  return 0
}

function letBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number {
  let last = 0n
  for (const arg of argv.slice(1)) {
    const result = evalArith(
      arg,
      st.dialect,
      (name) => getVar(st, name) ?? '',
      (name, value) => setVar(st, name, value),
    )
    if (result.error !== '') {
      complain(ctx, st, `let: ${result.error}`)
      return 1
    }
    last = result.value
  }
  return last === 0n ? 1 : 0
}

function historyBuiltin(ctx: ProcCtx): number {
  const tty = findTty(ctx.world, ctx.proc.tty)
  tty?.history.forEach((line, i) => {
    out(ctx, `${String(i + 1).padStart(5)}  ${line}\n`)
  })
  return 0
}
