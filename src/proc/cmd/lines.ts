/** sort, uniq, cut, tr, seq. Messages as coreutils 9.1 words them. Order is by code point (LC_ALL=C). */
import { exitProcess } from '../../run/process.ts'
import type { ProcCtx, Program } from '../../run/types.ts'
import { err, fail, out, parseOptions } from '../program.ts'
import { filterProgram, outLine, usage } from './filter.ts'

interface SortData {
  flags: string
  key: number
  keyEnd: number
  separator: string
  lines: string[]
}

const sort = filterProgram<SortData>({
  name: 'sort',
  help: 'sort lines (-n -r -u -k FIELD -t CHAR)',
  parse(ctx, args) {
    const options = parseOptions(args, 'nrufk:t:Vhbs', ['numeric-sort', 'reverse', 'unique'])
    if (options.error !== '') return usage(ctx, options.error, 2)
    const key = /^([0-9]+)(?:\.[0-9]+)?([nrfb]*)(?:,([0-9]+)[nrfb]*)?$/.exec(options.flags.get('k') ?? '1')
    if (key === null) {
      fail(
        ctx,
        2,
        `sort: invalid number at field start: invalid count at start of '${options.flags.get('k')}'`,
      )
      return undefined
    }
    const flags = [...options.flags.keys()].map((name) => name[0]!).join('') + (key[2] ?? '')
    const used = options.flags.has('k')
    const data: SortData = {
      flags,
      key: used ? Number(key[1]) : 0,
      keyEnd: key[3] === undefined ? 0 : Number(key[3]),
      separator: options.flags.get('t') ?? '',
      lines: [],
    }
    return { files: options.operands, data }
  },
  cannot: (file, error) => `cannot read: ${file}: ${error}`,
  badCode: 2,
  line(_ctx, f, line) {
    f.data.lines.push(line)
  },
  end(ctx, f) {
    const { data } = f
    const numeric = /[nhV]/.test(data.flags)
    const sign = data.flags.includes('r') ? -1 : 1
    const keyed = data.lines.map((line) => ({ line, key: sortKey(line, data) }))
    const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
    const byKey = (a: string, b: string) => (numeric ? leading(a) - leading(b) : order(a, b))
    const unique = data.flags.includes('u')
    keyed.sort((a, b) => sign * (byKey(a.key, b.key) || (unique ? 0 : order(a.line, b.line))))
    let last: string | undefined
    for (const { line, key } of keyed) {
      if (unique && last !== undefined && byKey(last, key) === 0) continue
      last = key
      outLine(ctx, line)
    }
  },
})

function sortKey(line: string, data: SortData): string {
  if (data.key === 0) return data.flags.includes('f') ? line.toUpperCase() : line
  const fields = data.separator === '' ? (line.match(/\s*\S+/g) ?? []) : line.split(data.separator)
  const key = fields.slice(data.key - 1, data.keyEnd === 0 ? undefined : data.keyEnd).join(data.separator)
  return data.flags.includes('f') ? key.toUpperCase() : key
}

function leading(text: string): number {
  return Number(/^\s*(-?[0-9]*\.?[0-9]*)/.exec(text)?.[1] || 0) || 0
}

interface UniqData {
  flags: string
  last: string | null
  n: number
}

const uniq = filterProgram<UniqData>({
  name: 'uniq',
  help: 'drop repeated lines (-c counts them, -d -u)',
  parse(ctx, args) {
    const options = parseOptions(args, 'cdui', ['count', 'repeated', 'unique'])
    if (options.error !== '') return usage(ctx, options.error)
    const flags = [...options.flags.keys()].map((name) => (name === 'repeated' ? 'd' : name[0]!)).join('')
    return { files: options.operands.slice(0, 1), data: { flags, last: null, n: 0 } }
  },
  line(ctx, f, line) {
    const { data } = f
    const fold = (text: string) => (data.flags.includes('i') ? text.toLowerCase() : text)
    if (data.last !== null && fold(data.last) === fold(line)) data.n++
    else {
      putUniq(ctx, data)
      data.last = line
      data.n = 1
    }
  },
  end: (ctx, f) => putUniq(ctx, f.data),
})

function putUniq(ctx: ProcCtx, data: UniqData): void {
  if (data.last === null) return
  if (data.flags.includes('d') && data.n < 2) return
  if (data.flags.includes('u') && data.n > 1) return
  outLine(ctx, data.flags.includes('c') ? `${String(data.n).padStart(7)} ${data.last}` : data.last)
}

interface CutData {
  ranges: [number, number][]
  chars: boolean
  delimiter: string
  only: boolean
  output: string
}

const cut = filterProgram<CutData>({
  name: 'cut',
  help: 'print parts of lines (-d CHAR -f LIST, -c LIST)',
  parse(ctx, args) {
    const options = parseOptions(args, 'd:f:c:b:s', ['delimiter=', 'fields=', 'output-delimiter='])
    const { flags } = options
    if (options.error !== '') return usage(ctx, options.error)
    const fields = flags.get('f') ?? flags.get('fields')
    const list = fields ?? flags.get('c') ?? flags.get('b')
    if (list === undefined) return usage(ctx, 'you must specify a list of bytes, characters, or fields')
    const delimiter = flags.get('d') ?? flags.get('delimiter') ?? '\t'
    if (delimiter.length > 1) return usage(ctx, 'the delimiter must be a single character')
    const ranges: [number, number][] = []
    for (const part of list.split(',')) {
      const match = /^([0-9]*)(-?)([0-9]*)$/.exec(part)
      if (match === null || part === '' || part === '-') {
        return usage(
          ctx,
          `invalid ${fields === undefined ? 'byte or character position' : 'field value'} '${part}'`,
        )
      }
      const from = Number(match[1] || 1)
      const to = match[2] === '' ? from : Number(match[3] || Number.MAX_SAFE_INTEGER)
      if (from === 0) return usage(ctx, 'fields are numbered from 1')
      if (to < from) return usage(ctx, 'invalid decreasing range')
      ranges.push([from, to])
    }
    const output = flags.get('output-delimiter') ?? delimiter
    const data = { ranges, chars: fields === undefined, delimiter, only: flags.has('s'), output }
    return { files: options.operands, data }
  },
  line(ctx, f, line) {
    const { ranges, chars, delimiter, only, output } = f.data
    const wanted = (_: string, i: number) => ranges.some(([from, to]) => from <= i + 1 && i + 1 <= to)
    if (chars) outLine(ctx, [...line].filter(wanted).join(''))
    else if (line.includes(delimiter)) outLine(ctx, line.split(delimiter).filter(wanted).join(output))
    else if (!only) outLine(ctx, line)
  },
})

interface TrData {
  from: string
  to: string
  flags: string
  last: string
}

const tr = filterProgram<TrData>({
  name: 'tr',
  help: 'replace, squeeze (-s) or delete (-d) characters',
  parse(ctx, args) {
    const options = parseOptions(args, '+dscC', ['delete', 'squeeze-repeats', 'complement'])
    if (options.error !== '') return usage(ctx, options.error)
    const flags = [...options.flags.keys()].map((name) => name[0]!.toLowerCase()).join('')
    const [from, to = ''] = options.operands
    if (from === undefined) return usage(ctx, 'missing operand')
    if (options.operands.length === 1 && !/[ds]/.test(flags)) {
      const why = 'Two strings must be given when translating.'
      return usage(ctx, `missing operand after '${from}'\n${why}`)
    }
    return { files: [], data: { from: charSet(from), to: charSet(to), flags, last: '' } }
  },
  chunk(ctx, f, text) {
    const { data } = f
    const { from, to, flags } = data
    const has = (c: string) => from.includes(c) !== flags.includes('c')
    const squeezed = flags.includes('s') ? (to === '' ? undefined : to) : ''
    let result = ''
    for (const c of text) {
      if (flags.includes('d') && has(c)) continue
      let one = c
      if (!flags.includes('d') && to !== '' && has(c)) {
        one = to[flags.includes('c') ? to.length - 1 : Math.min(from.indexOf(c), to.length - 1)]!
      }
      const squeezes = squeezed === undefined ? has(one) : squeezed.includes(one)
      if (squeezes && data.last === one) continue
      data.last = one
      result += one
    }
    out(ctx, result)
  },
})

function charSet(text: string): string {
  const classes: Record<string, string> = {
    upper: 'A-Z', lower: 'a-z', digit: '0-9', alpha: 'A-Za-z', alnum: '0-9A-Za-z', space: ' \t\n\r\f\v', blank: ' \t',
    punct: '!-/:-@[-`{-~',
  } // biome-ignore format: one table
  const plain = text
    .replace(/\[:([a-z]+):\]/g, (whole, name: string) => classes[name] ?? whole)
    .replace(/\\([nrt\\])/g, (_, c: string) => ({ n: '\n', r: '\r', t: '\t', '\\': '\\' })[c] ?? c)
  return plain.replace(/([\s\S])-([\s\S])/g, (whole, a: string, b: string) => {
    const [lo, hi] = [a.charCodeAt(0), b.charCodeAt(0)]
    if (hi < lo || hi - lo > 256) return whole
    return Array.from({ length: hi - lo + 1 }, (_, i) => String.fromCharCode(lo + i)).join('')
  })
}

const SEQ_MAX = 100_000

const seq: Program = {
  name: 'seq',
  help: 'print numbers: seq [FIRST [STEP]] LAST (-s TEXT, -w)',
  start(ctx) {
    const args = ctx.proc.argv.slice(1)
    let separator = '\n'
    let wide = false
    while (/^-[sw]/.test(args[0] ?? '')) {
      const option = args.shift()!
      if (option === '-w') wide = true
      else separator = option === '-s' ? (args.shift() ?? '\n') : option.slice(2)
    }
    if (args.length === 0) return void usage(ctx, 'missing operand')
    if (args.length > 3) return void usage(ctx, `extra operand '${args[3]}'`)
    for (const arg of args) {
      if (!/^-?([0-9]+(\.[0-9]*)?|\.[0-9]+)$/.test(arg)) {
        return void usage(ctx, `invalid floating point argument: '${arg}'`)
      }
    }
    const last = Number(args.at(-1))
    const first = args.length > 1 ? Number(args[0]) : 1
    const step = args.length === 3 ? Number(args[1]) : 1
    if (step === 0) return void usage(ctx, `invalid Zero increment value: '${args[1]}'`)
    const digits = Math.max(...args.slice(0, 2).map((arg) => arg.split('.')[1]?.length ?? 0))
    const count = Math.floor((last - first) / step + 1e-9) + 1
    if (count > SEQ_MAX) {
      err(ctx, `seq: more than ${SEQ_MAX} numbers: not modelled in Kubehop\n`)
      return exitProcess(ctx, 1)
    }
    const numbers: string[] = []
    for (let i = 0; i < count; i++) numbers.push((first + i * step).toFixed(digits))
    const width = wide ? Math.max(0, ...numbers.map((one) => one.length)) : 0
    if (numbers.length > 0) out(ctx, `${numbers.map((one) => one.padStart(width, '0')).join(separator)}\n`)
    exitProcess(ctx, 0)
  },
}

export const linesPrograms: readonly Program[] = [sort, uniq, cut, tr, seq]
