/** grep, egrep, fgrep: -v -i -c -E -F -q -n -o -l -h -w -x -m -A -B -C -e. Messages of GNU grep 3.8. */
import { exitProcess } from '../../run/process.ts'
import type { ProcCtx, Program } from '../../run/types.ts'
import { err, out, parseOptions } from '../program.ts'
import { safeRegex } from '../regex.ts'
import type { Filtering } from './filter.ts'
import { filterProgram } from './filter.ts'

interface GrepData {
  patterns: string[]
  kind: 'basic' | 'extended' | 'fixed'
  flags: string
  max: number
  after: number
  before: number
  names: boolean
  count: number
  any: boolean
  /** Lines of context still to print, lines kept for context before, number of the last line printed. */
  due: number
  kept: string[]
  last: number
}

const USAGE = "Usage: grep [OPTION]... PATTERNS [FILE]...\nTry 'grep --help' for more information.\n"

function grepFilter(name: string, kind: GrepData['kind']): Program {
  return filterProgram<GrepData>({
    name,
    help:
      name === 'grep'
        ? 'print lines that match a pattern (-v -i -c -E -n -o -q)'
        : `the same as grep -${kind === 'fixed' ? 'F' : 'E'}`,
    parse: (ctx, args) => parseGrep(ctx, args, kind),
    open(_ctx, f) {
      Object.assign(f.data, { count: 0, due: 0, kept: [], last: 0 })
    },
    line: grepLine,
    close(ctx, f) {
      const { data } = f
      const prefix = data.names ? `${f.file === '-' ? '(standard input)' : f.file}:` : ''
      if (data.flags.includes('c') && !data.flags.includes('q')) out(ctx, `${prefix}${data.count}\n`)
      if (data.flags.includes('l') && data.count > 0)
        out(ctx, `${f.file === '-' ? '(standard input)' : f.file}\n`)
    },
    end(_ctx, f) {
      if (f.data.any && (f.data.flags.includes('q') || f.code === 0)) f.code = 0
      else if (f.code === 0) f.code = 1
    },
    badCode: 2,
  })
}

function parseGrep(
  ctx: ProcCtx,
  args: string[],
  standing: GrepData['kind'],
): { files: string[]; data: GrepData } | undefined {
  const long = [
    'invert-match',
    'ignore-case',
    'count',
    'extended-regexp',
    'fixed-strings',
    'quiet',
    'line-number',
  ]
  const more = ['only-matching', 'color', 'color=', 'line-buffered', 'word-regexp', 'line-regexp']
  const options = parseOptions(args, 'vicEFGPqnolhHwxsm:A:B:C:e:', [...long, ...more])
  const { flags, operands } = options
  const patterns = options.list.filter(([option]) => option === 'e').flatMap(([, value]) => value.split('\n'))
  if (options.error === '' && patterns.length === 0 && operands.length > 0)
    patterns.push(...operands.shift()!.split('\n'))
  if (options.error !== '' || patterns.length === 0) {
    err(ctx, `${options.error === '' ? '' : `grep: ${options.error}\n`}${USAGE}`)
    exitProcess(ctx, 2)
    return undefined
  }
  const short: Record<string, string> = {
    'line-number': 'n',
    'only-matching': 'o',
    'word-regexp': 'w',
    'line-regexp': 'x',
  }
  const letters = [...flags.keys()].map((flag) => short[flag] ?? flag[0]!).join('')
  let kind = standing
  if (/[EP]/.test(letters) || flags.has('extended-regexp')) kind = 'extended'
  if (letters.includes('F') || flags.has('fixed-strings')) kind = 'fixed'
  if (
    kind !== 'fixed' &&
    patterns.some((one) => safeRegex(one, kind === 'basic' ? 'basic' : 'extended', false) === undefined)
  ) {
    err(ctx, 'grep: Unmatched [, [^, [:, [., or [=, ( or \\(, or an expression that is not modelled\n')
    exitProcess(ctx, 2)
    return undefined
  }
  const context = Number(flags.get('C') ?? 0)
  const data: GrepData = {
    patterns,
    kind,
    flags: letters,
    max: Number(flags.get('m') ?? Number.MAX_SAFE_INTEGER),
    after: Number(flags.get('A') ?? context),
    before: Number(flags.get('B') ?? context),
    names: (operands.length > 1 && !flags.has('h')) || flags.has('H'),
    count: 0,
    any: false,
    due: 0,
    kept: [],
    last: 0,
  }
  return { files: operands, data }
}

function grepLine(ctx: ProcCtx, f: Filtering<GrepData>, line: string): void {
  const { data } = f
  const has = (letter: string) => data.flags.includes(letter)
  const found = find(data, line)
  const hit = found.length > 0 !== has('v')
  if (hit) {
    data.count++
    data.any = true
    if (has('q')) f.stop = 'all'
    else if (has('l')) f.stop = 'file'
    else if (has('o') && !has('c') && !has('v'))
      for (const one of found) if (one !== '') print(ctx, f, one, ':', f.line)
    if (!has('q') && !has('l') && !has('c') && !has('o')) {
      const first = f.line - data.kept.length
      if ((data.before > 0 || data.after > 0) && data.last > 0 && first > data.last + 1) out(ctx, '--\n')
      data.kept.forEach((kept, i) => {
        print(ctx, f, kept, '-', first + i)
      })
      data.kept = []
      print(ctx, f, line, ':', f.line)
      data.last = f.line
      data.due = data.after
    }
    if (data.count >= data.max) f.stop = 'file'
  } else if (data.due > 0 && !has('c')) {
    data.due--
    print(ctx, f, line, '-', f.line)
    data.last = f.line
  } else if (data.before > 0) {
    data.kept.push(line)
    if (data.kept.length > data.before) data.kept.shift()
  }
}

function print(ctx: ProcCtx, f: Filtering<GrepData>, text: string, mark: string, line: number): void {
  const name = f.data.names ? `${f.file === '-' ? '(standard input)' : f.file}${mark}` : ''
  const number = f.data.flags.includes('n') ? `${line}${mark}` : ''
  out(ctx, `${name}${number}${text}\n`)
}

/** All matches in a line, in order. */
function find(data: GrepData, line: string): string[] {
  const fold = data.flags.includes('i')
  const found: { from: number; text: string }[] = []
  for (const pattern of data.patterns) {
    if (data.kind === 'fixed') {
      const [where, what] = fold ? [line.toLowerCase(), pattern.toLowerCase()] : [line, pattern]
      for (let at = where.indexOf(what); at >= 0; at = where.indexOf(what, at + Math.max(1, what.length))) {
        found.push({ from: at, text: line.slice(at, at + what.length) })
      }
      continue
    }
    const regex = safeRegex(pattern, data.kind, fold)
    for (let at = 0; regex !== undefined && at <= line.length; ) {
      const match = regex.exec(line, at)
      if (match === undefined) break
      found.push({ from: match.from, text: line.slice(match.from, match.to) })
      at = match.to > match.from ? match.to : match.to + 1
    }
  }
  return found
    .filter(({ from, text }) => {
      if (data.flags.includes('x')) return from === 0 && text.length === line.length
      if (!data.flags.includes('w')) return true
      return !/\w/.test(line[from - 1] ?? '') && !/\w/.test(line[from + text.length] ?? '')
    })
    .sort((a, b) => a.from - b.from)
    .map(({ text }) => text)
}

export const grepPrograms: readonly Program[] = [
  grepFilter('grep', 'basic'),
  grepFilter('egrep', 'extended'),
  grepFilter('fgrep', 'fixed'),
]
