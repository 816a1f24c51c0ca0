/** The programs `sh` (dash) and `bash`: scripts, `-c`, standard input, and the interactive shell on a terminal. */
import { environOf } from '../../run/env.ts'
import { hostnameOf } from '../../run/containerlife.ts'
import { readInput, touchTty, unreadInput, writeFd } from '../../run/fds.ts'
import { readFile } from '../../run/files.ts'
import { netnsNameOf } from '../../run/machine.ts'
import { exitProcess } from '../../run/process.ts'
import { ttyPrompt, ttyRemember } from '../../run/tty.ts'
import type { ProcCtx, ProcEvent, Program } from '../../run/types.ts'
import { err } from '../program.ts'
import type { Dialect } from './ast.ts'
import { endShell } from './builtins.ts'
import { completeLine } from './complete.ts'
import { abandon, endSubstitution, finishCommand, runShell } from './eval.ts'
import { reportJobs, setForeground } from './jobs.ts'
import { parseShell } from './parse.ts'
import { sayFault } from './say.ts'
import type { Frame, ShellState } from './state.ts'
import { createShell, setVar, VALUE_MAX } from './state.ts'

/** Codes of ended children that nobody waited for, kept at most. */
const ENDED_MAX = 256

/** What a shell says of a child that a signal ended (bash in a script says more: the place and the command). */
const DEATHS: Readonly<Record<number, string>> = Object.freeze({
  129: 'Hangup',
  137: 'Killed',
  143: 'Terminated',
})

export const shellPrograms: readonly Program[] = [
  shellProgram('sh', 'dash', 'run commands as dash does: sh -c COMMANDS, sh FILE'),
  shellProgram('dash', 'dash', 'the same as sh'),
  shellProgram('bash', 'bash', 'run commands as bash does, or type them'),
]

function shellProgram(name: string, dialect: Dialect, help: string): Program {
  return {
    name,
    help,
    handles: ['SIGINT'],
    start: (ctx) => startShell(ctx, dialect),
    on: shellEvent,
    complete: completeLine,
  }
}

function startShell(ctx: ProcCtx, dialect: Dialect): void {
  const forked = ctx.proc.state as ShellState | undefined
  if (forked?.kind === 'shell') {
    proceed(ctx, forked)
    return
  }
  const args = ctx.proc.argv.slice(1)
  const st = createShell(dialect, ctx.proc.argv[0] ?? 'sh')
  ctx.proc.state = st
  for (const [name, value] of environOf(ctx.proc)) {
    st.vars.set(name, value)
    st.exported.add(name)
  }
  setVar(st, 'PWD', ctx.proc.cwd)
  st.exported.add('PWD')
  st.vars.set('$', String(ctx.proc.vpid))
  let command = false
  while (/^[-+]./.test(args[0] ?? '')) {
    const option = args.shift()!
    if (option === '--' || option === '--login' || option === '--norc' || option === '--noprofile') continue
    for (const letter of option.slice(1)) {
      if (letter === 'c') command = true
      else if ('euxf'.includes(letter)) st.flags += letter
      else if (!'li'.includes(letter)) {
        const dash = `Illegal option -${letter}`
        err(ctx, dialect === 'dash' ? `${st.name}: 0: ${dash}\n` : `${st.name}: -${letter}: invalid option\n`)
        exitProcess(ctx, 2)
        return
      }
    }
  }
  if (command) startCommand(ctx, st, args)
  else if (args[0] !== undefined) startScript(ctx, st, args)
  else if (ctx.proc.fds.get(0)?.kind === 'tty') startInteractive(ctx, st)
  else {
    st.source = 'stdin'
    readInput(ctx, 0)
  }
}

function startCommand(ctx: ProcCtx, st: ShellState, args: string[]): void {
  const [text, name, ...params] = args
  if (text === undefined) {
    err(
      ctx,
      st.dialect === 'dash'
        ? `${st.name}: 0: -c requires an argument\n`
        : `${st.name}: -c: option requires an argument\n`,
    )
    exitProcess(ctx, 2)
    return
  }
  st.name = name ?? st.name
  st.params = params
  runText(ctx, st, text)
}

function startScript(ctx: ProcCtx, st: ShellState, args: string[]): void {
  const [path = '', ...params] = args
  const file = readFile(ctx, path)
  if (file.error !== '') {
    const dash = file.error === 'No such file or directory' ? 'No such file' : file.error
    err(
      ctx,
      st.dialect === 'dash'
        ? `${st.name}: 0: cannot open ${path}: ${dash}\n`
        : `${st.name}: ${path}: ${file.error}\n`,
    )
    exitProcess(ctx, st.dialect === 'dash' ? 2 : 127)
    return
  }
  st.source = 'file'
  st.name = path
  st.params = params
  runText(ctx, st, file.text)
}

function startInteractive(ctx: ProcCtx, st: ShellState): void {
  const tty = touchTty(ctx.world, ctx.proc.tty)
  st.interactive = true
  st.source = 'stdin'
  st.outer = tty?.shell ?? 0
  ctx.proc.pgid = ctx.proc.pid
  prompt(ctx, st)
}

function runText(ctx: ProcCtx, st: ShellState, text: string): void {
  const parsed = parseShell(text, st.dialect)
  if (parsed.seq !== undefined) {
    st.frames.push({ k: 'seq', node: parsed.seq, i: 0 })
    proceed(ctx, st)
    return
  }
  sayFault(ctx, st, parsed.fault, text, '')
  exitProcess(ctx, st.dialect === 'bash' && /identifier|substitution/.test(parsed.fault.message) ? 1 : 2)
}

/** Goes on until the script ends or waits. */
function proceed(ctx: ProcCtx, st: ShellState): void {
  while (runShell(ctx, st)) {
    if (st.interactive) {
      prompt(ctx, st)
      return
    }
    endShell(ctx, st, st.status)
    if (ctx.proc.exited) return
  }
}

function shellEvent(ctx: ProcCtx, event: ProcEvent): void {
  const st = ctx.proc.state as ShellState | undefined
  if (st?.kind !== 'shell') return
  if (event.type === 'timer') proceed(ctx, st)
  else if (event.type === 'child') childEnded(ctx, st, event.pid, event.code)
  else if (event.type === 'signal') interrupted(ctx, st)
  else if (event.type === 'input') inputArrived(ctx, st, event)
}

function childEnded(ctx: ProcCtx, st: ShellState, pid: number, code: number): void {
  if (st.ended.size >= ENDED_MAX) st.ended.delete(st.ended.keys().next().value!)
  st.ended.set(pid, code)
  for (const job of st.jobs) {
    if (job.pid !== pid) continue
    job.done = true
    job.code = code
  }
  if (!st.interactive) st.jobs = st.jobs.filter((job) => job.pid !== pid)
  const top = st.frames.at(-1)
  if (top?.k === 'sub') endSubstitution(ctx, st, top)
  else if (top?.k === 'wait') endWait(ctx, st, top)
  else return
  proceed(ctx, st)
}

function endWait(ctx: ProcCtx, st: ShellState, frame: Extract<Frame, { k: 'wait' }>): void {
  const codes = frame.pids.map((pid) => st.ended.get(pid))
  if (codes.includes(undefined)) return
  for (const pid of frame.pids) st.ended.delete(pid)
  let status = codes.at(-1) ?? 0
  if (st.flags.includes('P')) status = codes.findLast((code) => code !== 0) ?? 0
  if (frame.jobs) status = 0
  const word = DEATHS[status]
  if (st.interactive) setForeground(ctx, ctx.proc.pgid)
  if (st.interactive && status === 130) err(ctx, '\n')
  else if (word !== undefined && (st.interactive || st.dialect === 'dash')) err(ctx, `${word}\n`)
  const negate = frame.negate
  if (negate) status = status === 0 ? 1 : 0
  st.frames.pop()
  if (status === 130 && st.interactive) abandon(ctx, st, 130)
  else if (negate) st.status = status
  else finishCommand(ctx, st, status)
}

/** Ctrl-C: a script ends; a typed command is given up; a line that is being typed too. */
function interrupted(ctx: ProcCtx, st: ShellState): void {
  if (!st.interactive) {
    exitProcess(ctx, 130)
    return
  }
  const top = st.frames.at(-1)
  if (top?.k === 'wait' && top.jobs === false) return
  abandon(ctx, st, 130)
  st.buffer = ''
  err(ctx, '\n')
  prompt(ctx, st)
}

function inputArrived(ctx: ProcCtx, st: ShellState, event: Extract<ProcEvent, { type: 'input' }>): void {
  const top = st.frames.at(-1)
  if (top?.k === 'sub') {
    if (top.text.length < VALUE_MAX) top.text += event.text
    top.eof = event.eof
    if (!event.eof) readInput(ctx, top.fd)
    else {
      endSubstitution(ctx, st, top)
      proceed(ctx, st)
    }
  } else if (top?.k === 'read') {
    if (readLine(ctx, st, top, event)) proceed(ctx, st)
    else readInput(ctx, 0)
  } else if (st.interactive) typed(ctx, st, event)
  else if (!event.eof) {
    st.buffer += event.text
    if (st.buffer.length < VALUE_MAX) readInput(ctx, 0)
  } else {
    const text = st.buffer
    st.buffer = ''
    runText(ctx, st, text)
  }
}

/** A line, or the end of the input, came from the terminal. */
function typed(ctx: ProcCtx, st: ShellState, event: { text: string; eof: boolean }): void {
  if (event.eof && st.buffer === '') {
    writeFd(ctx, 2, 'exit\n')
    const tty = touchTty(ctx.world, ctx.proc.tty)
    if (tty !== undefined) tty.shell = st.outer
    endShell(ctx, st, st.status)
    return
  }
  st.buffer += event.text
  ttyRemember(ctx.world, ctx.proc.tty, event.text.replace(/\n$/, ''))
  const parsed = parseShell(st.buffer, st.dialect)
  if (parsed.seq === undefined && parsed.fault.incomplete && !event.eof) {
    ask(ctx, '> ')
    return
  }
  const text = st.buffer
  st.buffer = ''
  if (parsed.seq === undefined) {
    sayFault(ctx, st, parsed.fault, text, '')
    st.status = 2
    prompt(ctx, st)
    return
  }
  st.frames.push({ k: 'seq', node: parsed.seq, i: 0 })
  proceed(ctx, st)
}

function readLine(
  ctx: ProcCtx,
  st: ShellState,
  frame: Extract<Frame, { k: 'read' }>,
  event: { text: string; eof: boolean },
): boolean {
  frame.text += event.text
  let end = frame.text.indexOf('\n')
  while (!frame.raw && end > 0 && frame.text[end - 1] === '\\') end = frame.text.indexOf('\n', end + 1)
  if (end < 0 && !event.eof && frame.text.length < VALUE_MAX) return false
  if (end >= 0) unreadInput(ctx, 0, frame.text.slice(end + 1))
  let line = end < 0 ? frame.text : frame.text.slice(0, end)
  if (!frame.raw) line = line.replace(/\\(\n|[\s\S])/g, (_, c: string) => (c === '\n' ? '' : c))
  assignRead(st, frame.names, line)
  st.frames.pop()
  finishCommand(ctx, st, end < 0 ? 1 : 0)
  return true
}

/** Splits a line over the names of `read`: the last one takes what is left. */
function assignRead(st: ShellState, names: readonly string[], line: string): void {
  const ifs = st.vars.get('IFS') ?? ' \t\n'
  const isBlank = (c: string | undefined) => c !== undefined && ifs.includes(c) && /\s/.test(c)
  let at = 0
  names.forEach((name, i) => {
    while (isBlank(line[at])) at++
    let end = line.length
    if (i < names.length - 1) {
      end = at
      while (end < line.length && !ifs.includes(line[end]!)) end++
    } else while (end > at && isBlank(line[end - 1])) end--
    setVar(st, name, line.slice(at, end))
    at = end
    while (isBlank(line[at])) at++
    if (at < line.length && ifs.includes(line[at]!) && !isBlank(line[at]) && i < names.length - 1) at++
  })
}

function prompt(ctx: ProcCtx, st: ShellState): void {
  reportJobs(ctx, st)
  const { machine, proc, ns } = ctx
  const home = st.vars.get('HOME') ?? '/root'
  const inHome = proc.cwd === home || proc.cwd.startsWith(`${home}/`)
  const room = netnsNameOf(machine, ns.id)
  const host = hostnameOf(machine, proc)
  const where = room === '' || proc.container !== '' ? host : `${host}[${room}]`
  st.steps = 0
  ask(ctx, `root@${where}:${inHome ? `~${proc.cwd.slice(home.length)}` : proc.cwd}# `)
}

function ask(ctx: ProcCtx, text: string): void {
  const tty = touchTty(ctx.world, ctx.proc.tty)
  if (tty === undefined) {
    exitProcess(ctx, 129)
    return
  }
  tty.fg = ctx.proc.pgid
  tty.shell = ctx.proc.pid
  ttyPrompt(ctx.world, tty.id, text)
  readInput(ctx, 0)
}
