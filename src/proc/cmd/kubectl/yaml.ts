/** Objects as text: YAML as sigs.k8s.io/yaml 1.4 (go-yaml v2) writes it, JSON as kubectl indents it. */
import type { Json } from '../../../kube/types.ts'

/** YAML with sorted keys, two spaces, lists at their key's column. Ends with a newline. */
export function toYaml(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? '[]\n' : list(value, 0)
  if (isMap(value)) return keysOf(value).length === 0 ? '{}\n' : map(value, 0)
  return `${scalar(value, 0, 0)}\n`
}

/** JSON with four spaces and sorted keys; Go escapes <, > and &. Ends with a newline. */
export function toJson(value: unknown): string {
  return `${goEscape(JSON.stringify(sorted(value), null, 4))}\n`
}

/** JSON with four spaces, keys as they stand. Ends with a newline. */
export function typedJson(value: unknown): string {
  return `${goEscape(JSON.stringify(value, null, 4))}\n`
}

/** JSON in one line with sorted keys, as Go's json.Marshal of a map gives it. */
export function compactJson(value: unknown): string {
  return goEscape(JSON.stringify(sorted(value)))
}

function goEscape(text: string): string {
  return text.replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** A copy with sorted keys everywhere; undefined fields go. */
export function sorted(value: unknown): Json {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isMap(value)) return (value ?? null) as Json
  return Object.fromEntries(keysOf(value).map((key) => [key, sorted(value[key])]))
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function keysOf(value: Record<string, unknown>): string[] {
  return Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort(keyOrder)
}

/** go-yaml's order of keys: numbers within them by value, letters before what is none. */
function keyOrder(a: string, b: string): number {
  const as = [...a]
  const bs = [...b]
  let digits = false
  for (let i = 0; i < as.length && i < bs.length; i++) {
    const [x, y] = [as[i]!, bs[i]!]
    if (x === y) {
      digits = isDigit(x)
      continue
    }
    const [al, bl] = [isLetter(x), isLetter(y)]
    if (al && bl) return x < y ? -1 : 1
    if (al || bl) return digits ? (al ? 1 : -1) : bl ? -1 : 1
    return numbered(a, b, as, bs, i)
  }
  return as.length - bs.length
}

function numbered(a: string, b: string, as: string[], bs: string[], at: number): number {
  const numberAt = (chars: string[]) => /^[0-9]*/.exec(chars.slice(at).join(''))![0]
  if (as[at] === '0' || bs[at] === '0') {
    for (let j = at - 1; j >= 0 && isDigit(as[j]!); j--) if (as[j] !== '0') return as[at]! < bs[at]! ? -1 : 1
  }
  const [x, y] = [numberAt(as), numberAt(bs)]
  if (Number(x) !== Number(y)) return Number(x) - Number(y)
  if (x.length !== y.length) return x.length - y.length
  return as[at]! < bs[at]! ? -1 : a < b ? -1 : 1
}

function isDigit(char: string): boolean {
  return char >= '0' && char <= '9'
}

function isLetter(char: string): boolean {
  return /\p{L}/u.test(char)
}

function map(value: Record<string, unknown>, indent: number): string {
  const pad = ' '.repeat(indent)
  return keysOf(value)
    .map((key) => {
      const shown = text(key, indent, -1)
      return `${pad}${shown}:${entry(value[key], indent, false, indent + shown.length + 2)}`
    })
    .join('')
}

/** What follows `key:` or `-`, with its newline. `column` is where a scalar begins. */
function entry(value: unknown, indent: number, inList: boolean, column: number): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return ' []\n'
    return inList ? ` ${list(value, indent + 2).slice(indent + 2)}` : `\n${list(value, indent)}`
  }
  if (isMap(value)) {
    if (keysOf(value).length === 0) return ' {}\n'
    return inList ? ` ${map(value, indent + 2).slice(indent + 2)}` : `\n${map(value, indent + 2)}`
  }
  return ` ${scalar(value, indent + 2, column)}\n`
}

function list(value: readonly unknown[], indent: number): string {
  const pad = ' '.repeat(indent)
  return value.map((item) => `${pad}-${entry(item, indent, true, indent + 2)}`).join('')
}

function scalar(value: unknown, indent: number, column: number): string {
  if (typeof value === 'string') return text(value, indent, column)
  if (typeof value === 'number') return numberText(value)
  return String(value)
}

function numberText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return String(value)
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2')
}

/** Words that a reader would take for something else than a string. */
const NOT_TEXT =
  /^(~|null|Null|NULL|true|True|TRUE|false|False|FALSE|y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF|<<|=|\.nan|\.NaN|\.NAN|[-+]?\.(inf|Inf|INF)|[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|[0-9][0-9_]*)|[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?)$/

/** A string at a column; -1 for a key, which is never broken. */
function text(value: string, indent: number, column: number): string {
  if (value === '') return '""'
  if (value.includes('\n')) {
    return isPrintable(value) && column >= 0 ? block(value, indent) : doubleQuoted(value, indent, column)
  }
  if (!isPrintable(value)) return doubleQuoted(value, indent, column)
  if (NOT_TEXT.test(value)) return `"${value}"`
  if (isPlain(value)) return folded(value, indent, column, false)
  return folded(`'${value.replaceAll("'", "''")}'`, indent, column, true)
}

const WIDTH = 80

/** Breaks at single spaces behind column 80, as libyaml's emitter does. */
function folded(value: string, indent: number, column: number, quoted: boolean): string {
  if (column < 0 || column + value.length <= WIDTH) return value
  let result = ''
  let at = column
  for (let i = 0; i < value.length; i++) {
    const lone = value[i] === ' ' && value[i + 1] !== ' ' && value[i - 1] !== ' '
    const inside = !quoted || (i > 1 && i < value.length - 2)
    if (lone && inside && at > WIDTH) {
      result += `\n${' '.repeat(indent)}`
      at = indent
    } else {
      result += value[i]
      at++
    }
  }
  return result
}

/** Controls but line feed and next line, halves of pairs, the byte order mark and its mirror. */
const UNPRINTABLE = /(?![\n\u0085])[\p{Cc}\p{Cs}\ufeff\ufffe\uffff]/u

function isPrintable(value: string): boolean {
  return !UNPRINTABLE.test(value)
}

/** May stand without quotes: analysed as yaml_emitter_analyze_scalar does, for block context. */
function isPlain(value: string): boolean {
  if (/^ | $/.test(value)) return false
  if (/^(---|\.\.\.)/.test(value)) return false
  if (/^[#,[\]{}&*!|>'"%@`]/.test(value)) return false
  if (/^[-?:]($|[ \t])/.test(value)) return false
  return !/: |:$| #/.test(value)
}

/** A literal block: the indicator of its indentation where it begins with a space, of its end where that is unusual. */
function block(value: string, indent: number): string {
  const lead = /^[ \n]/.test(value) ? String(2) : ''
  const end = !value.endsWith('\n') ? '-' : /\n\n$/.test(value) || value === '\n' ? '+' : ''
  // A line that ends in a space cannot stand in a block.
  if (/ (\n|$)/.test(value)) return doubleQuoted(value, indent, 0)
  const pad = ' '.repeat(indent)
  const lines = (value.endsWith('\n') ? value.slice(0, -1) : value).split('\n')
  return `|${lead}${end}\n${lines.map((line) => (line === '' ? '' : pad + line)).join('\n')}`
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\u0007': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\u001b': '\\e',
  '"': '\\"',
  '\\': '\\\\',
  '\u0085': '\\N',
  '\u2028': '\\L',
  '\u2029': '\\P',
}

function doubleQuoted(value: string, indent: number, column: number): string {
  let result = '"'
  let at = column + 1
  const chars = [...value]
  for (const [i, char] of chars.entries()) {
    const code = char.codePointAt(0)!
    if (char === ' ' && at > WIDTH && column >= 0 && i > 0 && i < chars.length - 1 && chars[i - 1] !== ' ') {
      const next = chars[i + 1] === ' ' ? '\\' : ''
      result += `\n${' '.repeat(indent)}${next}`
      at = indent + next.length
      continue
    }
    const shown = Object.hasOwn(ESCAPES, char)
      ? ESCAPES[char]!
      : isPrintable(char)
        ? char
        : code <= 0xff
          ? `\\x${code.toString(16).toUpperCase().padStart(2, '0')}`
          : `\\u${code.toString(16).toUpperCase().padStart(4, '0')}`
    result += shown
    at += shown.length
  }
  return `${result}"`
}
