/** What the text filters share: input from files or standard input, line by line as it comes, output that waits. */
import { isWritable, readInput } from '../../run/fds.ts'
import { readFile } from '../../run/files.ts'
import { exitProcess, setTimer } from '../../run/process.ts'
import type { ProcCtx, ProcEvent, Program } from '../../run/types.ts'
import { err, out } from '../program.ts'

/** A filter's memory: plain data. `data` is the command's own. */
export interface Filtering<T> {
  files: string[]
  /** Index of the next file. */
  next: number
  /** Name of the file that is read ('-' for standard input), and the line number in it. */
  file: string
  line: number
  /** A line whose end has not come yet. */
  rest: string
  code: number
  /** No more input is wanted (`head`, `sed q`): `file` ends this file only, `all` everything. */
  stop: '' | 'file' | 'all'
  data: T
}

export interface Filter<T> {
  name: string
  help: string
  /** Reads the arguments; undefined after a mistake (the process has ended then). */
  parse(ctx: ProcCtx, args: string[]): { files: string[]; data: T } | undefined
  /** A file's first moment, before its text. */
  open?(ctx: ProcCtx, f: Filtering<T>): void
  /** A whole line without its newline; `nl` is false for a last line without one. Either this or `chunk`. */
  line?(ctx: ProcCtx, f: Filtering<T>, line: string, nl: boolean): void
  chunk?(ctx: ProcCtx, f: Filtering<T>, text: string): void
  /** A file's end. */
  close?(ctx: ProcCtx, f: Filtering<T>): void
  /** The end of all input: writes what is left and may change `f.code`. */
  end?(ctx: ProcCtx, f: Filtering<T>): void
  /** What stands for FILE when it cannot be read. */
  cannot?(file: string, error: string): string
  /** Exit code after an unreadable file. */
  badCode?: number
  handles?: Program['handles']
}

/** A program from a filter. */
export function filterProgram<T>(filter: Filter<T>): Program {
  return {
    name: filter.name,
    help: filter.help,
    start(ctx) {
      const parsed = filter.parse(ctx, ctx.proc.argv.slice(1))
      if (parsed === undefined) return
      const files = parsed.files.length === 0 ? ['-'] : parsed.files
      const f: Filtering<T> = {
        files,
        next: 0,
        file: '',
        line: 0,
        rest: '',
        code: 0,
        stop: '',
        data: parsed.data,
      }
      ctx.proc.state = f
      nextFile(ctx, filter, f)
    },
    on(ctx, event) {
      const f = ctx.proc.state as Filtering<T> | undefined
      if (f !== undefined) arrived(ctx, filter, f, event)
    },
  }
}

/** The end by a wrong option, in getopt's and coreutils' words. */
export function usage(ctx: ProcCtx, error: string, code = 1): undefined {
  const name = ctx.proc.argv[0] ?? ''
  err(ctx, `${name}: ${error}\nTry '${name} --help' for more information.\n`)
  exitProcess(ctx, code)
  return undefined
}

function arrived<T>(ctx: ProcCtx, filter: Filter<T>, f: Filtering<T>, event: ProcEvent): void {
  if (event.type === 'timer') {
    goOn(ctx)
    return
  }
  if (event.type !== 'input') return
  if (event.eof) {
    finishFile(ctx, filter, f)
    nextFile(ctx, filter, f)
    return
  }
  feed(ctx, filter, f, event.text)
  if (f.stop !== '') {
    finishFile(ctx, filter, f)
    nextFile(ctx, filter, f)
  } else if (!ctx.proc.exited) goOn(ctx)
}

/** Asks for more input once the output has room. */
function goOn(ctx: ProcCtx): void {
  if (isWritable(ctx, 1)) readInput(ctx, 0)
  else setTimer(ctx, ctx.world.now + 1_000_000, 'drain')
}

function nextFile<T>(ctx: ProcCtx, filter: Filter<T>, f: Filtering<T>): void {
  while (!ctx.proc.exited) {
    const file = f.stop === 'all' ? undefined : f.files[f.next++]
    if (file === undefined) {
      filter.end?.(ctx, f)
      exitProcess(ctx, f.code)
      return
    }
    f.file = file
    f.line = 0
    f.rest = ''
    f.stop = ''
    if (file === '-') {
      filter.open?.(ctx, f)
      readInput(ctx, 0)
      return
    }
    const { text, error } = readFile(ctx, file)
    if (error !== '') {
      err(ctx, `${ctx.proc.argv[0]}: ${filter.cannot?.(file, error) ?? `${file}: ${error}`}\n`)
      f.code = filter.badCode ?? 1
      continue
    }
    filter.open?.(ctx, f)
    feed(ctx, filter, f, text)
    finishFile(ctx, filter, f)
  }
}

function feed<T>(ctx: ProcCtx, filter: Filter<T>, f: Filtering<T>, text: string): void {
  if (filter.chunk !== undefined) {
    filter.chunk(ctx, f, text)
    return
  }
  const lines = (f.rest + text).split('\n')
  f.rest = lines.pop() ?? ''
  for (const line of lines) {
    if (f.stop !== '' || ctx.proc.exited) return
    f.line++
    filter.line?.(ctx, f, line, true)
  }
}

function finishFile<T>(ctx: ProcCtx, filter: Filter<T>, f: Filtering<T>): void {
  if (f.rest !== '' && f.stop === '' && filter.line !== undefined) {
    f.line++
    filter.line(ctx, f, f.rest, false)
  }
  f.rest = ''
  filter.close?.(ctx, f)
}

/** Writes a line, with the newline it had. */
export function outLine(ctx: ProcCtx, line: string, nl = true): void {
  out(ctx, nl ? `${line}\n` : line)
}
