/** Values as Go's fmt prints them, and its literals. Models fmt print.go and strconv Unquote (Go 1.23). */
import { quote } from '../../../kube/api/fields.ts'
import type { Json, JsonObject } from '../../../kube/types.ts'
import { isRecord } from '../../../kube/types.ts'
import { encodeUtf8 } from '../../../base/utf8.ts'

/** A number's type: int64 and float64 in decoded JSON, else what a template makes. */
type NumberType = 'int64' | 'float64' | 'int' | 'uint8'

/** A value as Go has it. */
export interface GoValue {
  /** undefined: no value at all; null: a nil interface */
  readonly value: Json | undefined
  /** '' where it is decoded JSON, and for what is no number. */
  readonly type: NumberType | ''
  /** It stands in a map or a list: its type is `interface {}`. */
  readonly loose: boolean
}

/** `string`, `int64`, `map[string]interface {}` ...; `<nil>` where there is none. */
export function goType({ value, type }: Pick<GoValue, 'value' | 'type'>): string {
  if (value === undefined || value === null) return '<nil>'
  if (Array.isArray(value)) return '[]interface {}'
  if (isRecord(value)) return 'map[string]interface {}'
  if (typeof value === 'number') return type === '' ? (Number.isInteger(value) ? 'int64' : 'float64') : type
  return typeof value === 'boolean' ? 'bool' : 'string'
}

/** Whether a number is an integer for Go. */
export function isGoInt(value: Pick<GoValue, 'value' | 'type'>): boolean {
  return /int/.test(goType(value)) && typeof value.value === 'number'
}

/** %v */
export function goText(value: Json | undefined, type: GoValue['type'] = ''): string {
  if (value === null || value === undefined) return '<nil>'
  if (Array.isArray(value)) return `[${(value as Json[]).map((one) => goText(one)).join(' ')}]`
  if (isRecord(value)) {
    const keys = Object.keys(value).sort()
    return `map[${keys.map((key) => `${key}:${goText((value as JsonObject)[key] ?? null)}`).join(' ')}]`
  }
  return typeof value === 'number' && !isGoInt({ value, type }) ? floatText(value) : String(value)
}

/** %#v */
export function goSyntax(value: Json): string {
  if (value === null) return 'interface {}(nil)'
  if (typeof value === 'string') return quote(value)
  if (Array.isArray(value)) return `[]interface {}{${(value as Json[]).map(goSyntax).join(', ')}}`
  if (!isRecord(value)) return goText(value)
  const pairs = Object.keys(value)
    .sort()
    .map((key) => `${quote(key)}:${goSyntax((value as JsonObject)[key] ?? null)}`)
  return `map[string]interface {}{${pairs.join(', ')}}`
}

/** A float64 as %v has it: exponents of two digits at least, from 21 on. */
function floatText(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : value < 0 ? '-Inf' : 'NaN'
  const small = value !== 0 && Math.abs(value) < 1e-4
  const text = small ? value.toExponential() : String(value)
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}

/** fmt.Sprint: a space between two values of which none is a string. */
export function goPrint(args: readonly GoValue[], always = false): string {
  let result = ''
  for (const [i, { value, type }] of args.entries()) {
    const gap = i > 0 && (always || (typeof value !== 'string' && typeof args[i - 1]!.value !== 'string'))
    result += `${gap ? ' ' : ''}${goText(value, type)}`
  }
  return result
}

interface Verb {
  readonly flags: string
  readonly width: number | undefined
  readonly precision: number | undefined
  readonly verb: string
}

/** fmt.Sprintf. */
export function goPrintf(format: string, args: readonly GoValue[]): string {
  let used = 0
  const text = format.replace(
    /%([-+# 0]*)(\d+|\*)?(?:\.(\d+|\*)?)?([\s\S]?)/g,
    (whole, flags: string, width: string | undefined, precision: string | undefined, verb: string) => {
      if (verb === '') return '%!(NOVERB)'
      if (verb === '%') return '%'
      const star = (text: string | undefined) => (text === '*' ? Number(args[used++]?.value) : Number(text))
      const spec: Verb = {
        flags,
        width: width === undefined ? undefined : star(width),
        precision: precision === undefined ? (whole.includes('.') ? 0 : undefined) : star(precision),
        verb,
      }
      const arg = args[used++]
      return arg === undefined ? `%!${verb}(MISSING)` : padded(verbText(spec, arg.value, arg.type), spec, arg)
    },
  )
  const extra = args.slice(used).map((one) => {
    return one.value === null || one.value === undefined
      ? '<nil>'
      : `${goType(one)}=${goText(one.value, one.type)}`
  })
  return extra.length === 0 ? text : `${text}%!(EXTRA ${extra.join(', ')})`
}

function padded(text: string, { flags, width, verb }: Verb, { value }: GoValue): string {
  const gap = (width ?? 0) - [...text].length
  if (gap <= 0 || (typeof value === 'object' && value !== null)) return text
  if (flags.includes('-')) return text + ' '.repeat(gap)
  const zero = flags.includes('0') && (typeof value === 'number' || /[sqvxX]/.test(verb))
  if (!zero) return ' '.repeat(gap) + text
  const sign = typeof value === 'number' && /^[+-]/.test(text) ? text[0]! : ''
  return sign + '0'.repeat(gap) + text.slice(sign.length)
}

function verbText(spec: Verb, value: Json | undefined, type: GoValue['type']): string {
  const { verb, flags, precision } = spec
  if (verb === 'T') return goType({ value, type })
  const bad = () =>
    `%!${verb}(${value === null || value === undefined ? '<nil>' : `${goType({ value, type })}=${goText(value, type)}`})`
  if (value === null || value === undefined) return verb === 'v' ? '<nil>' : `%!${verb}(<nil>)`
  if (Array.isArray(value)) return `[${(value as Json[]).map((one) => verbText(spec, one, '')).join(' ')}]`
  if (isRecord(value)) {
    const pairs = Object.keys(value)
      .sort()
      .map((key) => `${verbText(spec, key, '')}:${verbText(spec, (value as JsonObject)[key] ?? null, '')}`)
    return `map[${pairs.join(' ')}]`
  }
  if (verb === 'v') {
    if (flags.includes('#') && typeof value === 'string') return quote(value)
    return typeof value === 'string' ? value : signed(flags, value, goText(value, type))
  }
  if (typeof value === 'boolean') return verb === 't' ? String(value) : bad()
  if (typeof value === 'string') return stringVerb(verb, flags, precision, value) ?? bad()
  const number = value as number
  return (
    (isGoInt({ value, type }) ? intVerb(verb, flags, number) : floatVerb(verb, flags, precision, number)) ??
    bad()
  )
}

function signed(flags: string, value: unknown, text: string): string {
  if (typeof value !== 'number' || value < 0) return text
  return flags.includes('+') ? `+${text}` : flags.includes(' ') ? ` ${text}` : text
}

function stringVerb(
  verb: string,
  flags: string,
  precision: number | undefined,
  value: string,
): string | undefined {
  const cut = precision === undefined ? value : [...value].slice(0, precision).join('')
  if (verb === 's') return cut
  if (verb === 'q') return flags.includes('#') && !/[`\n\r\t]/.test(cut) ? `\`${cut}\`` : quote(cut)
  if (verb !== 'x' && verb !== 'X') return undefined
  const hex = [...encodeUtf8(value)].map((byte) => byte.toString(16).padStart(2, '0'))
  const text = hex.slice(0, precision ?? hex.length).join(flags.includes(' ') ? ' ' : '')
  return verb === 'x' ? text : text.toUpperCase()
}

function intVerb(verb: string, flags: string, value: number): string | undefined {
  const based = (base: number, prefix: string) =>
    `${value < 0 ? '-' : ''}${flags.includes('#') ? prefix : ''}${Math.abs(value).toString(base)}`
  switch (verb) {
    case 'd':
      return signed(flags, value, String(value))
    case 'x':
      return signed(flags, value, based(16, '0x'))
    case 'X':
      return signed(flags, value, based(16, '0x').toUpperCase())
    case 'o':
      return based(8, '0')
    case 'O':
      return `0o${value.toString(8)}`
    case 'b':
      return based(2, '0b')
    case 'c':
      return String.fromCodePoint(value)
    case 'q':
      return `'${quote(String.fromCodePoint(value)).slice(1, -1).replace("'", "\\'").replace('\\"', '"')}'`
    case 'U':
      return `U+${value.toString(16).toUpperCase().padStart(4, '0')}`
    default:
      return undefined
  }
}

function floatVerb(
  verb: string,
  flags: string,
  precision: number | undefined,
  value: number,
): string | undefined {
  const exponent = (text: string) => text.replace(/e([+-])(\d)$/, 'e$10$2')
  const text = (() => {
    switch (verb.toLowerCase()) {
      case 'f':
        return value.toFixed(precision ?? 6)
      case 'e':
        return exponent(value.toExponential(precision ?? 6))
      case 'g':
        return precision === undefined
          ? floatText(value)
          : exponent(String(Number(value.toPrecision(precision || 1))))
      default:
        return undefined
    }
  })()
  if (text === undefined) return undefined
  return signed(flags, value, verb === 'E' || verb === 'G' ? text.toUpperCase() : text)
}

const NAMED: Readonly<Record<string, string>> = {
  a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', "'": "'", '"': '"',
} // biome-ignore format: one list

/** A literal's value: "…", `…` or '…'; undefined where it is none. */
export function goUnquote(text: string): string | undefined {
  const inner = text.slice(1, -1)
  if (text.startsWith('`')) return inner.replaceAll('\r', '')
  let bad = false
  const value = inner.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([\s\S]))/g,
    (_, x?: string, u?: string, wide?: string, octal?: string, char?: string) => {
      const hex = x ?? u ?? wide
      if (hex !== undefined) return String.fromCodePoint(Math.min(Number.parseInt(hex, 16), 0x10ffff))
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8))
      const known = NAMED[char ?? '']
      if (known === undefined || (char !== text[0] && (char === '"' || char === "'"))) bad = true
      return known ?? ''
    },
  )
  return bad ? undefined : value
}
