/** sed: s///gpiN, p, d, q, =, y, addresses (numbers, $, /regex/, ranges, !), -n -e -E -i. Refused by name: the rest. */
import { writeFile } from '../../run/files.ts'
import { exitProcess } from '../../run/process.ts'
import type { ProcCtx, Program } from '../../run/types.ts'
import { err, out, parseOptions } from '../program.ts'
import { safeRegex } from '../regex.ts'
import type { Filtering } from './filter.ts'
import { filterProgram, usage } from './filter.ts'

type Address = { k: 'line'; n: number } | { k: 'last' } | { k: 'regex'; src: string } | null

interface Command {
  from: Address
  to: Address
  not: boolean
  /** Inside its range. */
  on: boolean
  end: number
  cmd: string
  regex: string
  text: string
  flags: string
}

interface SedData {
  quiet: boolean
  extended: boolean
  commands: Command[]
  /** A line is held back until it is known whether it is the last. */
  held: { line: string; nl: boolean } | null
  n: number
  /** What a file becomes, with -i; null: everything is printed. */
  made: string | null
}

const sed = filterProgram<SedData>({
  name: 'sed',
  help: "edit lines: 's/A/B/g', '/RE/d', '2,4p' (-n -e -E -i)",
  parse(ctx, args) {
    const options = parseOptions(args, 'ne:Ersi', ['quiet', 'silent', 'regexp-extended', 'expression='])
    if (options.error !== '') return usage(ctx, options.error)
    const { flags, operands } = options
    const inPlace = flags.has('i')
    const scripts = options.list
      .filter(([name]) => name === 'e' || name === 'expression')
      .map(([, value]) => value)
    if (scripts.length === 0 && operands.length > 0) scripts.push(operands.shift()!)
    if (scripts.length === 0) return usage(ctx, 'no script specified')
    const extended = flags.has('E') || flags.has('r') || flags.has('regexp-extended')
    const parsed = parseScript(scripts.join('\n'), extended)
    if (typeof parsed === 'string') return refuse(ctx, `-e expression #1, ${parsed}`)
    const quiet = flags.has('n') || flags.has('quiet') || flags.has('silent')
    if (inPlace && operands.length === 0) return refuse(ctx, 'no input files')
    const made = inPlace ? '' : null
    return { files: operands, data: { quiet, extended, commands: parsed, held: null, n: 0, made } }
  },
  cannot: (file, error) => `can't read ${file}: ${error}`,
  badCode: 2,
  line(ctx, f, line, nl) {
    const { held } = f.data
    f.data.held = { line, nl }
    if (held !== null) run(ctx, f, held, false)
  },
  close(ctx, f) {
    const { data } = f
    if (data.made === null) return
    if (data.held !== null) run(ctx, f, data.held, true)
    const wrong = writeFile(ctx, f.file, data.made)
    if (wrong !== '') {
      err(ctx, `sed: couldn't open file ${f.file}: ${wrong}\n`)
      f.code = 4
    }
    data.held = null
    data.made = ''
    data.n = 0
  },
  end(ctx, f) {
    if (f.data.held !== null && f.stop !== 'all') run(ctx, f, f.data.held, true)
  },
})

function refuse(ctx: ProcCtx, text: string): undefined {
  err(ctx, `sed: ${text}\n`)
  exitProcess(ctx, 1)
  return undefined
}

function run(ctx: ProcCtx, f: Filtering<SedData>, held: { line: string; nl: boolean }, last: boolean): void {
  const { data } = f
  let { line } = held
  data.n++
  const say = (text: string) => {
    if (data.made === null) out(ctx, text)
    else data.made += text
  }
  const print = () => say(held.nl ? `${line}\n` : line)
  for (const command of data.commands) {
    if (selected(command, line, data, last) === command.not) continue
    if (command.cmd === 'd') return
    if (command.cmd === 'p') print()
    else if (command.cmd === '=') say(`${data.n}\n`)
    else if (command.cmd === 'y') line = transliterate(line, command.regex, command.text)
    else if (command.cmd === 'q') {
      f.stop = 'all'
      break
    } else if (command.cmd === 's') {
      const changed = substitute(line, command, data.extended)
      if (changed !== undefined) {
        line = changed
        if (command.flags.includes('p')) print()
      }
    }
  }
  if (!data.quiet) print()
}

function selected(command: Command, line: string, data: SedData, last: boolean): boolean {
  const matches = (address: Address) => {
    if (address === null) return true
    if (address.k === 'line') return address.n === data.n
    return address.k === 'last'
      ? last
      : (safeRegex(address.src, data.extended ? 'extended' : 'basic', false)?.test(line) ?? false)
  }
  if (command.to === null) return matches(command.from)
  if (!command.on) {
    if (!matches(command.from)) return false
    command.on = command.to.k !== 'line' || command.to.n > data.n
    return true
  }
  if (command.to.k === 'line' ? data.n >= command.to.n : matches(command.to)) command.on = false
  return command.to.k !== 'line' || data.n <= command.to.n
}

function substitute(line: string, command: Command, extended: boolean): string | undefined {
  const regex = safeRegex(command.regex, extended ? 'extended' : 'basic', /i/i.test(command.flags))
  const nth = Number(/[0-9]+/.exec(command.flags)?.[0] ?? 1)
  const all = command.flags.includes('g')
  let result = ''
  let at = 0
  let n = 0
  while (regex !== undefined && at <= line.length) {
    const match = regex.exec(line, at)
    if (match === undefined || match.to > line.length) break
    n++
    result += line.slice(at, match.from)
    const whole = line.slice(match.from, match.to)
    const use = n === nth || (all && n > nth)
    result += use ? expand(command.text, whole, match.groups) : whole
    at = match.to
    if (match.to === match.from) result += line[at++] ?? ''
    if (use && !all) break
  }
  return n < nth ? undefined : result + line.slice(at)
}

function expand(text: string, whole: string, groups: readonly (string | undefined)[]): string {
  return text.replace(/\\([\s\S])|&/g, (found, c: string | undefined) => {
    if (found === '&') return whole
    if (c !== undefined && /[0-9]/.test(c)) return c === '0' ? whole : (groups[Number(c)] ?? '')
    return c === 'n' ? '\n' : c === 't' ? '\t' : (c ?? '')
  })
}

function transliterate(line: string, from: string, to: string): string {
  return [...line].map((c) => (from.includes(c) ? (to[from.indexOf(c)] ?? c) : c)).join('')
}

/** Commands of a script, or the mistake after `-e expression #1, `. */
function parseScript(src: string, extended: boolean): Command[] | string {
  const commands: Command[] = []
  let at = 0
  const fault = (text: string) => `char ${Math.max(1, at)}: ${text}`
  const address = (): Address | undefined => {
    const number = /^[0-9]+/.exec(src.slice(at, at + 12))?.[0]
    if (number !== undefined) {
      at += number.length
      return { k: 'line', n: Number(number) }
    }
    if (src[at] === '$') {
      at++
      return { k: 'last' }
    }
    if (src[at] !== '/') return undefined
    at++
    const regex = delimited(src, at, '/')
    if (regex === undefined) return null
    at = regex.next
    return { k: 'regex', src: regex.text }
  }
  while (at < src.length) {
    if (/[\s;]/.test(src[at]!)) {
      at++
      continue
    }
    const command: Command = {
      from: null, to: null, not: false, on: false, end: 0, cmd: '', regex: '', text: '', flags: '',
    } // biome-ignore format: one line
    const from = address()
    if (from === null) return fault('unterminated address regex')
    command.from = from ?? null
    if (src[at] === ',') {
      at++
      const to = address()
      if (to === undefined || to === null) return fault("unexpected `,'")
      command.to = to
    }
    while (src[at] === ' ') at++
    if (src[at] === '!') {
      command.not = true
      at++
    }
    command.cmd = src[at++] ?? ''
    if (command.cmd === '') return fault('missing command')
    if (command.cmd === 's' || command.cmd === 'y') {
      const mark = src[at++] ?? ''
      const first = delimited(src, at, mark)
      const second = first === undefined ? undefined : delimited(src, first.next, mark)
      if (first === undefined || second === undefined) return fault(`unterminated \`${command.cmd}' command`)
      command.regex = first.text
      command.text = second.text
      command.flags = /^[gpiI0-9]*/.exec(src.slice(second.next))![0]
      at = second.next + command.flags.length
      if (command.cmd === 's' && /[a-zA-Z]/.test(src[at] ?? '')) return fault("unknown option to `s'")
    } else if ('{}aichDGHNPxbtrwlT:'.includes(command.cmd)) return `${command.cmd}: not modelled in Kubehop`
    else if (!'pdq='.includes(command.cmd)) return fault(`unknown command: \`${command.cmd}'`)
    const regexes = [command.from, command.to].flatMap((one) => (one?.k === 'regex' ? [one.src] : []))
    if (command.cmd === 's') regexes.push(command.regex)
    for (const one of regexes) {
      if (safeRegex(one, extended ? 'extended' : 'basic', false) === undefined)
        return fault('Invalid regular expression')
    }
    commands.push(command)
  }
  return commands
}

/** Text up to an unescaped delimiter; the escaped delimiter stands for itself. */
function delimited(src: string, from: number, mark: string): { text: string; next: number } | undefined {
  let text = ''
  for (let i = from; i < src.length; i++) {
    const c = src[i]!
    if (c === '\\' && i + 1 < src.length) {
      i++
      text += src[i] === mark ? mark : `\\${src[i]}`
    } else if (c === mark) return { text, next: i + 1 }
    else text += c
  }
  return undefined
}

export const sedPrograms: readonly Program[] = [sed]
