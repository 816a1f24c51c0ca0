/** Field errors as causes of a 422. Models apimachinery pkg/util/validation/field/errors.go (1.32). */
import type { StatusCause } from '../types.ts'

/** What is printed as it is, not quoted: a Go value. */
export interface GoValue {
  readonly go: string
}

type Value = string | number | boolean | GoValue

function show(value: Value): string {
  if (typeof value === 'object') return value.go
  return typeof value === 'string' ? quote(value) : String(value)
}

/** Go's %q */
export function quote(text: string): string {
  return JSON.stringify(text)
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
export function notSupported(field: string, value: string, supported: readonly string[]): StatusCause {
  const list = supported.map(quote).join(', ')
  const message = `Unsupported value: ${quote(value)}: supported values: ${list}`
  return { reason: 'FieldValueNotSupported', message, field }
}

export function tooMany(field: string, n: number, max: number): StatusCause {
  const message = `Too many: ${n}: must have at most ${max} items`
  return { reason: 'FieldValueTooMany', message, field }
}

export function tooLong(field: string, max: number): StatusCause {
  return { reason: 'FieldValueTooLong', message: `Too long: may not be more than ${max} bytes`, field }
}

/** A value that must not change. */
export function immutable(field: string, value: Value): StatusCause {
  return invalidValue(field, value, 'field is immutable')
}
