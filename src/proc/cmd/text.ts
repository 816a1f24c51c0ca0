/** cat, head, tail, wc, tee. Messages as coreutils 9.1 words them. */
import { appendFile, truncateFile } from '../../run/files.ts'
import { exitProcess } from '../../run/process.ts'
import type { ProcCtx, Program } from '../../run/types.ts'
import { err, out, parseOptions } from '../program.ts'
import type { Filtering } from './filter.ts'
import { filterProgram, outLine, usage } from './filter.ts'

interface CatData {
  number: boolean
  nonblank: boolean
  ends: boolean
  n: number
  fresh: boolean
}

const cat = filterProgram<CatData>({
  name: 'cat',
  help: 'print files (-n with line numbers)',
  parse(ctx, args) {
    const options = parseOptions(args, 'nbsEATuev', ['number', 'number-nonblank', 'show-ends', 'show-all'])
    if (options.error !== '') return usage(ctx, options.error)
    const has = (...names: string[]) => names.some((name) => options.flags.has(name))
    const data = {
      number: has('n', 'number', 'b', 'number-nonblank'),
      nonblank: has('b', 'number-nonblank'),
      ends: has('E', 'A', 'e', 'show-ends', 'show-all'),
      n: 0,
      fresh: true,
    }
    return { files: options.operands, data }
  },
  chunk(ctx, f, text) {
    const { data } = f
    if (!data.number && !data.ends) {
      out(ctx, text)
      return
    }
    let result = ''
    for (const piece of text.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
      const blank = piece === '\n'
      if (data.fresh && data.number && !(blank && data.nonblank))
        result += `${String(++data.n).padStart(6)}\t`
      data.fresh = piece.endsWith('\n')
      result += data.ends ? piece.replace('\n', '$\n') : piece
    }
    out(ctx, result)
  },
})

interface EdgeData {
  n: number
  bytes: boolean
  /** head: all but the last n; tail: from line n on. */
  inverse: boolean
  follow: boolean
  headers: boolean
  opened: number
  kept: string[]
}

function edgeFilter(name: 'head' | 'tail'): Program {
  return filterProgram<EdgeData>({
    name,
    help: name === 'head' ? 'print the first lines (-n COUNT)' : 'print the last lines (-n COUNT)',
    parse(ctx, args) {
      const old = /^-([0-9]+)$/.exec(args[0] ?? '')
      const rest = old === null ? args : ['-n', old[1]!, ...args.slice(1)]
      const options = parseOptions(rest, name === 'head' ? 'n:c:qv' : 'n:c:qvfF', [
        'lines=',
        'bytes=',
        'follow',
      ])
      if (options.error !== '') return usage(ctx, options.error)
      const { flags } = options
      const bytes = flags.get('c') ?? flags.get('bytes')
      const text = bytes ?? flags.get('n') ?? flags.get('lines') ?? '10'
      if (!/^[-+]?[0-9]{1,9}$/.test(text)) {
        const what = bytes === undefined ? 'lines' : 'bytes'
        err(ctx, `${name}: invalid number of ${what}: '${text}'\n`)
        return quit(ctx)
      }
      const inverse = text.startsWith(name === 'head' ? '-' : '+')
      const headers = (options.operands.length > 1 && !flags.has('q')) || flags.has('v')
      const follow = flags.has('f') || flags.has('F') || flags.has('follow')
      const n = Math.abs(Number(text))
      const data = { n, bytes: bytes !== undefined, inverse, follow, headers, opened: 0, kept: [] }
      return { files: options.operands, data }
    },
    cannot: (file, error) => `cannot open '${file}' for reading: ${error}`,
    open(ctx, f) {
      f.data.kept = []
      const shown = f.file === '-' ? 'standard input' : f.file
      if (f.data.headers) out(ctx, `${f.data.opened > 0 ? '\n' : ''}==> ${shown} <==\n`)
      f.data.opened++
      if (name === 'head' && f.data.n === 0 && !f.data.inverse) f.stop = 'file'
    },
    line: name === 'head' ? headLine : tailLine,
    ...(name === 'tail' ? { close: tailClose } : {}),
  })
}

function headLine(ctx: ProcCtx, f: Filtering<EdgeData>, line: string, nl: boolean): void {
  const { data } = f
  if (data.bytes) {
    const text = nl ? `${line}\n` : line
    const used = data.kept.length === 0 ? 0 : Number(data.kept[0])
    out(ctx, text.slice(0, data.n - used))
    data.kept = [String(used + text.length)]
    if (used + text.length >= data.n) f.stop = 'file'
  } else if (data.inverse) {
    data.kept.push(nl ? `${line}\n` : line)
    if (data.kept.length > data.n) out(ctx, data.kept.shift()!)
  } else {
    if (f.line <= data.n) outLine(ctx, line, nl)
    if (f.line >= data.n) f.stop = 'file'
  }
}

function tailLine(ctx: ProcCtx, f: Filtering<EdgeData>, line: string, nl: boolean): void {
  const { data } = f
  if (data.inverse && !data.bytes) {
    if (f.line >= data.n) outLine(ctx, line, nl)
    return
  }
  data.kept.push(nl ? `${line}\n` : line)
  if (!data.bytes && data.kept.length > data.n) data.kept.shift()
}

function tailClose(ctx: ProcCtx, f: Filtering<EdgeData>): void {
  const { data } = f
  const text = data.kept.join('')
  if (!data.bytes) out(ctx, text)
  else out(ctx, data.inverse ? text.slice(data.n - 1) : text.slice(Math.max(0, text.length - data.n)))
  data.kept = []
}

interface WcData {
  show: string
  lines: number
  words: number
  bytes: number
  inWord: boolean
  rows: [number, number, number, string][]
}

const wc = filterProgram<WcData>({
  name: 'wc',
  help: 'count lines, words and bytes (-l -w -c)',
  parse(ctx, args) {
    const options = parseOptions(args, 'lwcm', ['lines', 'words', 'bytes', 'chars'])
    if (options.error !== '') return usage(ctx, options.error)
    const show = [...options.flags.keys()]
      .map((name) => name[0]!.replace('b', 'c').replace('m', 'c'))
      .join('')
    const data: WcData = { show, lines: 0, words: 0, bytes: 0, inWord: false, rows: [] }
    return { files: options.operands, data }
  },
  chunk(_ctx, f, text) {
    const { data } = f
    data.lines += text.split('\n').length - 1
    data.bytes += utf8Length(text)
    for (const c of text) {
      const space = /\s/.test(c)
      if (!space && !data.inWord) data.words++
      data.inWord = !space
    }
  },
  close(_ctx, f) {
    const { data } = f
    const stdin = f.file === '-' && f.files.length === 1
    data.rows.push([data.lines, data.words, data.bytes, stdin ? '' : f.file])
    data.lines = 0
    data.words = 0
    data.bytes = 0
    data.inWord = false
  },
  end(ctx, f) {
    const { rows, show } = f.data
    const sum = [0, 1, 2].map((i) => rows.reduce((n, row) => n + (row[i] as number), 0))
    if (f.files.length > 1) rows.push([sum[0]!, sum[1]!, sum[2]!, 'total'])
    const columns = [0, 1, 2].filter((i) => show === '' || show.includes('lwc'[i]!))
    let width = String(Math.max(...sum)).length
    if (f.files.includes('-')) width = 7
    if (rows.length === 1 && columns.length === 1) width = 1
    for (const row of rows) {
      const cells = columns.map((i) => String(row[i]).padStart(width))
      out(ctx, `${cells.join(' ')}${row[3] === '' ? '' : ` ${row[3]}`}\n`)
    }
  },
})

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  let n = text.length
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c > 0x7f) n++
    if (c > 0x7ff && (c < 0xd800 || c > 0xdfff)) n++
  }
  return n
}

interface TeeData {
  paths: string[]
}

const tee = filterProgram<TeeData>({
  name: 'tee',
  help: 'copy input to output and to files (-a appends)',
  parse(ctx, args) {
    const options = parseOptions(args, 'ai', ['append'])
    if (options.error !== '') return usage(ctx, options.error)
    const paths: string[] = []
    for (const path of options.operands) {
      const error = options.flags.has('a') || options.flags.has('append') ? '' : truncateFile(ctx, path)
      if (error === '') paths.push(path)
      else err(ctx, `tee: ${path}: ${error}\n`)
    }
    return { files: [], data: { paths } }
  },
  chunk(ctx, f, text) {
    out(ctx, text)
    for (const path of f.data.paths) {
      const error = appendFile(ctx, path, text)
      if (error === '') continue
      err(ctx, `tee: ${path}: ${error}\n`)
      f.code = 1
    }
  },
})

function quit(ctx: ProcCtx): undefined {
  exitProcess(ctx, 1)
  return undefined
}

export const textPrograms: readonly Program[] = [cat, edgeFilter('head'), edgeFilter('tail'), wc, tee]
