/** Field errors as causes of a 422. Models apimachinery pkg/util/validation/field/errors.go (1.32). */
import type { StatusCause } from '../types.ts'

/** What is printed as it is, not quoted: a Go value. */
export interface GoValue {
  readonly go: string
}

/** undefined is a nil pointer: "null". */
type Value = string | number | boolean | GoValue | undefined

function show(value: Value): string {
  if (typeof value === 'object') return value.go
  if (value === undefined) return quote('null')
  return typeof value === 'string' ? quote(value) : String(value)
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
}

/** Go's %q: control characters by name or as \\x00, what prints as it is. */
export function quote(text: string): string {
  let out = '"'
  for (const c of text) {
    const code = c.charCodeAt(0)
    if (Object.hasOwn(ESCAPES, c)) out += ESCAPES[c]
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, '0')}`
    else out += c
  }
  return `${out}"`
}

/** `[]string{"a", "b"}` */
export function goStrings(values: readonly string[]): GoValue {
  return { go: `[]string{${values.map(quote).join(', ')}}` }
}

/** `map[string]string{"a":"b"}` */
export function goMap(map: Readonly<Record<string, string>> | undefined): GoValue {
  if (map === undefined) return { go: 'map[string]string(nil)' }
  const pairs = Object.keys(map)
    .sort()
    .map((key) => `${quote(key)}:${quote(map[key])}`)
  return { go: `map[string]string{${pairs.join(', ')}}` }
}

export function invalidValue(field: string, value: Value, detail: string): StatusCause {
  const message = `Invalid value: ${show(value)}${detail === '' ? '' : `: ${detail}`}`
  return { reason: 'FieldValueInvalid', message, field }
}

export function required(field: string, detail = ''): StatusCause {
  const message = detail === '' ? 'Required value' : `Required value: ${detail}`
  return { reason: 'FieldValueRequired', message, field }
}

export function duplicate(field: string, value: Value): StatusCause {
  return { reason: 'FieldValueDuplicate', message: `Duplicate value: ${show(value)}`, field }
}

export function notAllowed(field: string, detail: string): StatusCause {
  return { reason: 'FieldValueForbidden', message: `Forbidden: ${detail}`, field }
}

/** `supported` in the order in which the server prints them. */
export function notSupported(field: string, value: Value, supported: readonly string[]): StatusCause {
  const list = supported.map(quote).join(', ')
  const message = `Unsupported value: ${show(value)}: supported values: ${list}`
  return { reason: 'FieldValueNotSupported', message, field }
}

/** One of the values, in the server's order, or NotSupported; nothing where it is absent. */
export function oneOf(field: string, value: string | undefined, supported: readonly string[]): StatusCause[] {
  return value === undefined || supported.includes(value) ? [] : [notSupported(field, value, supported)]
}

/** As `oneOf`, and an empty value is missing. */
export function requiredOneOf(
  field: string,
  value: string | undefined,
  supported: readonly string[],
): StatusCause[] {
  return value === undefined || value === '' ? [required(field)] : oneOf(field, value, supported)
}

export function notFoundValue(field: string, value: string): StatusCause {
  return { reason: 'FieldValueNotFound', message: `Not found: ${quote(value)}`, field }
}

/** Each of the words as an invalid value. */
export function invalidAll(field: string, value: Value, words: readonly string[]): StatusCause[] {
  return words.map((one) => invalidValue(field, value, one))
}

export function nonNegative(field: string, n: number | undefined): StatusCause[] {
  return n !== undefined && n < 0 ? [invalidValue(field, n, 'must be greater than or equal to 0')] : []
}

export function tooMany(field: string, n: number, max: number): StatusCause {
  const message = `Too many: ${n}: must have at most ${max} ${max === 1 ? 'item' : 'items'}`
  return { reason: 'FieldValueTooMany', message, field }
}

export function tooLong(field: string, max: number): StatusCause {
  return { reason: 'FieldValueTooLong', message: `Too long: may not be more than ${max} bytes`, field }
}

/** A value that must not change. */
export function immutable(field: string, value: Value): StatusCause {
  return invalidValue(field, value, 'field is immutable')
}
