/** Commands about processes and commands that run others: ps, kill, pkill, watch, timeout, xargs, nohup. */
import { closeFd, openPipe, readInput } from '../../run/fds.ts'
import {
  execProgram,
  exitProcess,
  parseSignal,
  pidSeen,
  processesSeen,
  setTimer,
  signalProcess,
  spawnChild,
} from '../../run/process.ts'
import type { ProcCtx, Process, Program, SignalName } from '../../run/types.ts'
import { dateText } from '../clock.ts'
import { err, fail, out, parseOptions } from '../program.ts'
import { isBusybox } from '../dns/resolvconf.ts'
import { findProgram } from '../shell/simple.ts'
import { usage } from './filter.ts'
import { busyboxPs } from './ps-busybox.ts'
import { parseInterval } from './system.ts'

const ps: Program = {
  name: 'ps',
  help: 'list processes (-e, -ef, aux)',
  start(ctx) {
    if (isBusybox(ctx)) {
      busyboxPs(ctx)
      return
    }
    const flags = ctx.proc.argv.slice(1).join('').replaceAll('-', '')
    const all = /[eAax]/.test(flags)
    const seen = processesSeen(ctx.world, ctx.machine, ctx.proc)
    const list = seen.filter(({ proc }) => all || proc.tty === ctx.proc.tty)
    const numberOf = (pid: number) => seen.find((one) => one.proc.pid === pid)?.pid ?? 0
    const pad = (text: string | number, width: number) => String(text).padStart(width)
    const tty = (proc: Process) => (proc.tty === 0 ? '?' : `pts/${proc.tty}`)
    const since = (proc: Process) => dateText(proc.startedAt, '%H:%M')
    if (flags.includes('u')) {
      out(ctx, 'USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n')
      for (const { pid, proc } of list) {
        const head = `root     ${pad(pid, 7)}  0.0  0.0      0     0 ${tty(proc).padEnd(8)} S    ${since(proc)}   0:00`
        out(ctx, `${head} ${proc.argv.join(' ')}\n`)
      }
    } else if (flags.includes('f')) {
      out(ctx, 'UID          PID    PPID  C STIME TTY          TIME CMD\n')
      for (const { pid, proc } of list) {
        const head = `root     ${pad(pid, 7)} ${pad(numberOf(proc.ppid), 7)}  0 ${since(proc)} ${tty(proc).padEnd(8)} 00:00:00`
        out(ctx, `${head} ${proc.argv.join(' ')}\n`)
      }
    } else {
      out(ctx, '    PID TTY          TIME CMD\n')
      for (const { pid, proc } of list)
        out(ctx, `${pad(pid, 7)} ${tty(proc).padEnd(8)} 00:00:00 ${proc.program}\n`)
    }
    exitProcess(ctx, 0)
  },
}

const kill: Program = {
  name: 'kill',
  help: 'send a signal to processes: kill [-9] PID',
  start(ctx) {
    const args = ctx.proc.argv.slice(1)
    let signal: SignalName | undefined = 'SIGTERM'
    if (args[0] === '-s') {
      args.shift()
      signal = parseSignal(args.shift() ?? '')
    } else if (/^-[A-Za-z0-9]+$/.test(args[0] ?? '')) signal = parseSignal(args.shift()!.slice(1))
    if (signal === undefined) return fail(ctx, 1, 'kill: invalid signal')
    let code = 0
    for (const arg of args) {
      if (
        signalProcess(
          ctx.world,
          ctx.machine,
          pidSeen(ctx.world, ctx.machine, ctx.proc, Number(arg)) ?? 0,
          signal,
        )
      )
        continue
      err(ctx, `kill: (${arg}): No such process\n`)
      code = 1
    }
    exitProcess(ctx, code)
  },
}

function byName(name: 'pkill' | 'pgrep' | 'killall'): Program {
  return {
    name,
    help: name === 'pgrep' ? 'print processes by name' : 'end processes by name (-9, -f)',
    start(ctx) {
      const args = ctx.proc.argv.slice(1)
      const full = args.includes('-f')
      let signal: SignalName | undefined = 'SIGTERM'
      for (const arg of args)
        if (arg.startsWith('-') && !'-f-x-l-a'.includes(arg)) signal = parseSignal(arg.slice(1))
      const pattern = args.find((arg) => !arg.startsWith('-'))
      if (signal === undefined) return fail(ctx, 2, `${name}: invalid signal`)
      if (pattern === undefined) {
        return fail(
          ctx,
          2,
          `${name}: no matching criteria specified\nTry \`${name} --help' for more information.`,
        )
      }
      let found = false
      for (const { pid, proc } of processesSeen(ctx.world, ctx.machine, ctx.proc)) {
        if (proc.pid === ctx.proc.pid) continue
        const text = full ? proc.argv.join(' ') : proc.program
        if (args.includes('-x') || name === 'killall' ? text !== pattern : !text.includes(pattern)) continue
        found = true
        if (name === 'pgrep') out(ctx, `${pid}\n`)
        else signalProcess(ctx.world, ctx.machine, proc.pid, signal)
      }
      if (!found && name === 'killall') err(ctx, `${pattern}: no process found\n`)
      exitProcess(ctx, found ? 0 : 1)
    },
  }
}

/** Looks a command up for `name`; undefined where there is none (said, and the process has ended). */
function lookUp(ctx: ProcCtx, argv: string[], told: string): { program: string; argv: string[] } | undefined {
  const found = findProgram(ctx, argv[0]!)
  if (found.error === '') {
    return {
      program: found.program,
      argv: found.script === '' ? argv : [found.program, found.script, ...argv.slice(1)],
    }
  }
  if (found.error === 'not modelled') fail(ctx, 127, `${argv[0]}: not modelled in Kubehop`)
  else fail(ctx, 127, told)
  return undefined
}

interface TimeoutState {
  pid: number
  signal: SignalName
  fired: boolean
}

const timeout: Program = {
  name: 'timeout',
  help: 'run a command for a time at most: timeout 5 COMMAND',
  start(ctx) {
    const options = parseOptions(ctx.proc.argv.slice(1), '+s:k:v', [
      'signal=',
      'kill-after=',
      'foreground',
      'preserve-status',
    ])
    if (options.error !== '') return void usage(ctx, options.error, 125)
    const [duration, ...argv] = options.operands
    if (duration === undefined || argv.length === 0)
      return fail(ctx, 125, "Try 'timeout --help' for more information.")
    const ns = parseInterval(duration)
    if (ns === undefined) return void usage(ctx, `invalid time interval '${duration}'`, 125)
    const text = options.flags.get('s') ?? options.flags.get('signal') ?? 'TERM'
    const signal = parseSignal(text)
    if (signal === undefined) return void usage(ctx, `'${text}': invalid signal`, 125)
    const command = lookUp(
      ctx,
      argv,
      `timeout: failed to run command '${argv[0]}': No such file or directory`,
    )
    if (command === undefined) return
    const pid = spawnChild(ctx, command.program, command.argv)
    if (pid === 0) return fail(ctx, 125, 'timeout: fork system call failed: Resource temporarily unavailable')
    ctx.proc.state = { pid, signal, fired: false } satisfies TimeoutState
    if (ns > 0) setTimer(ctx, ctx.world.now + ns, 'end')
  },
  on(ctx, event) {
    const state = ctx.proc.state as TimeoutState
    if (event.type === 'timer') {
      state.fired = true
      signalProcess(ctx.world, ctx.machine, state.pid, state.signal)
    } else if (event.type === 'child') {
      exitProcess(ctx, state.fired ? (state.signal === 'SIGKILL' ? 137 : 124) : event.code)
    }
  },
}

const nohup: Program = {
  name: 'nohup',
  help: 'run a command that outlives the terminal',
  start(ctx) {
    const argv = ctx.proc.argv.slice(1)
    if (argv.length === 0) return void usage(ctx, 'missing operand', 125)
    const command = lookUp(ctx, argv, `nohup: failed to run command '${argv[0]}': No such file or directory`)
    if (command !== undefined) execProgram(ctx, command.program, command.argv)
  },
}

const sudo: Program = {
  name: 'sudo',
  help: 'run a command as root, which you are',
  start(ctx) {
    const argv = ctx.proc.argv.slice(1)
    if (argv[0]?.startsWith('-')) return fail(ctx, 1, `sudo: ${argv[0]}: not modelled in Kubehop`)
    if (argv.length === 0) return fail(ctx, 1, 'usage: sudo COMMAND')
    const found = findProgram(ctx, argv[0]!)
    if (found.error === 'not found') return fail(ctx, 1, `sudo: ${argv[0]}: command not found`)
    const command = lookUp(ctx, argv, `sudo: ${argv[0]}: command not found`)
    if (command !== undefined) execProgram(ctx, command.program, command.argv)
  },
}

interface WatchState {
  interval: number
  command: string
  header: boolean
  fd: number
  text: string
}

const watch: Program = {
  name: 'watch',
  help: 'run a command again and again (-n SECONDS), until Ctrl-C',
  start(ctx) {
    const options = parseOptions(ctx.proc.argv.slice(1), '+n:dtx', ['interval=', 'no-title'])
    if (options.error !== '') return void usage(ctx, options.error)
    const interval = parseInterval(options.flags.get('n') ?? options.flags.get('interval') ?? '2')
    if (interval === undefined)
      return fail(ctx, 1, `watch: failed to parse argument: '${options.flags.get('n')}': Invalid argument`)
    if (options.operands.length === 0) return fail(ctx, 1, 'Usage:\n watch [options] command')
    if (ctx.proc.fds.get(1)?.kind !== 'tty') return fail(ctx, 1, 'Error opening terminal: unknown.')
    const header = !options.flags.has('t') && !options.flags.has('no-title')
    const state: WatchState = {
      interval: Math.max(interval, 100_000_000),
      command: options.operands.join(' '),
      header,
      fd: -1,
      text: '',
    }
    ctx.proc.state = state
    round(ctx, state)
  },
  on(ctx, event) {
    const state = ctx.proc.state as WatchState
    if (event.type === 'timer') round(ctx, state)
    else if (event.type === 'input' && event.fd === state.fd) {
      state.text = (state.text + event.text).slice(0, 65_536)
      if (!event.eof) return readInput(ctx, state.fd)
      closeFd(ctx, state.fd)
      state.fd = -1
      const every = `Every ${(state.interval / 1e9).toFixed(1)}s: ${state.command}`
      const right = `${ctx.machine.hostname}: ${dateText(ctx.world.now, '%c')}`
      const title = state.header
        ? `${every}${' '.repeat(Math.max(2, 80 - every.length - right.length))}${right}\n\n`
        : ''
      out(ctx, `\x1b[H\x1b[2J${title}${state.text}`)
      setTimer(ctx, ctx.world.now + state.interval, 'round')
    }
  },
}

function round(ctx: ProcCtx, state: WatchState): void {
  const { r, w } = openPipe(ctx)
  const end = ctx.proc.fds.get(w)!
  const fds = new Map([...ctx.proc.fds].filter(([n]) => n === 0))
  const pid = spawnChild(ctx, 'sh', ['sh', '-c', state.command], { fds: fds.set(1, end).set(2, end) })
  closeFd(ctx, w)
  state.fd = r
  state.text = ''
  if (pid === 0) fail(ctx, 1, 'watch: fork: Resource temporarily unavailable')
  else readInput(ctx, r)
}

interface XargsState {
  argv: string[]
  /** Arguments that one command gets; -I's text, '' for none. */
  per: number
  replace: string
  input: string
  items: string[]
  code: number
  nul: boolean
}

const xargs: Program = {
  name: 'xargs',
  help: 'run a command with the words of its input (-n COUNT, -I TEXT)',
  start(ctx) {
    const options = parseOptions(ctx.proc.argv.slice(1), '+n:I:0rtP:L:', ['no-run-if-empty', 'null'])
    if (options.error !== '') return void usage(ctx, options.error)
    const { flags } = options
    const per = Number(flags.get('n') ?? 5000)
    if (!Number.isInteger(per) || per < 1)
      return void usage(ctx, `value ${flags.get('n')} for -n option should be >= 1`)
    const argv = options.operands.length === 0 ? ['echo'] : options.operands
    const nul = flags.has('0') || flags.has('null')
    ctx.proc.state = {
      argv,
      per,
      replace: flags.get('I') ?? '',
      input: '',
      items: [],
      code: 0,
      nul,
    } satisfies XargsState
    readInput(ctx, 0)
  },
  on(ctx, event) {
    const state = ctx.proc.state as XargsState
    if (event.type === 'input' && !event.eof) {
      state.input = (state.input + event.text).slice(0, 1_048_576)
      readInput(ctx, 0)
    } else if (event.type === 'input') {
      state.items = itemsOf(state)
      nextBatch(ctx, state, state.items.length === 0 && state.replace === '')
    } else if (event.type === 'child') {
      if (event.code >= 126) return exitProcess(ctx, event.code > 127 ? 125 : event.code)
      if (event.code !== 0) state.code = 123
      nextBatch(ctx, state, false)
    }
  },
}

function itemsOf(state: XargsState): string[] {
  if (state.nul) return state.input.split('\0').filter((item) => item !== '')
  if (state.replace !== '') {
    return state.input
      .split('\n')
      .map((line) => line.trimStart())
      .filter((line) => line !== '')
  }
  const items = state.input.match(/(?:"[^"\n]*"|'[^'\n]*'|\\[\s\S]|[^\s"'\\])+/g) ?? []
  return items.map((item) =>
    item.replace(/"([^"]*)"|'([^']*)'|\\([\s\S])/g, (_, a = '', b = '', c = '') => a + b + c),
  )
}

function nextBatch(ctx: ProcCtx, state: XargsState, once: boolean): void {
  if (state.items.length === 0 && !once) {
    exitProcess(ctx, state.code)
    return
  }
  let argv: string[]
  if (state.replace !== '') {
    const item = state.items.shift()!
    argv = state.argv.map((arg) => arg.replaceAll(state.replace, item))
  } else argv = [...state.argv, ...state.items.splice(0, state.per)]
  const command = lookUp(ctx, argv, `xargs: ${argv[0]}: No such file or directory`)
  if (command === undefined) return
  const fds = new Map(ctx.proc.fds).set(0, { kind: 'null' })
  const pid = spawnChild(ctx, command.program, command.argv, { fds })
  if (pid === 0) fail(ctx, 124, 'xargs: fork: Resource temporarily unavailable')
}

export const launchPrograms: readonly Program[] = [
  ps,
  kill,
  byName('pkill'),
  byName('pgrep'),
  byName('killall'),
  timeout,
  nohup,
  sudo,
  watch,
  xargs,
]
