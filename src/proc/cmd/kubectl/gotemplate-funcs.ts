/** The functions of a Go template. Models text/template funcs.go (Go 1.23) and cli-runtime's template printer. */
import { decodeUtf8, encodeUtf8 } from '../../../base/utf8.ts'
import { badBase64, decodeBase64 } from '../../../kube/api/base64.ts'
import type { Json } from '../../../kube/types.ts'
import { field, isRecord } from '../../../kube/types.ts'
import type { GoValue } from './gotext.ts'
import { goPrint, goPrintf, goText, goType, isGoInt } from './gotext.ts'

/** `call`: the function failed; `use`: it was used wrongly. */
export interface CallError {
  readonly k: 'call' | 'use'
  readonly error: string
}

type Result = GoValue | CallError

const failed = (error: string): CallError => ({ k: 'call', error })
const result = (value: Json | undefined, type: GoValue['type'] = ''): GoValue => ({
  value,
  type,
  loose: false,
})

export function truth({ value }: GoValue): boolean {
  if (value === undefined || value === null) return false
  if (Array.isArray(value)) return value.length > 0
  return isRecord(value) ? Object.keys(value).length > 0 : Boolean(value)
}

interface Signature {
  readonly least: number
  readonly most: number
  readonly run: (args: readonly GoValue[]) => Result
}

const MANY = Number.POSITIVE_INFINITY
const SIGNATURES: Readonly<Record<string, Signature>> = {
  and: { least: 1, most: MANY, run: (args) => args.find((one) => !truth(one)) ?? args.at(-1)! },
  base64decode: { least: 1, most: 1, run: ([text]) => base64decode(text!) },
  call: { least: 1, most: MANY, run: ([what]) => failed(valid(what!) ? 'non-function' : 'call of nil') },
  eq: { least: 1, most: MANY, run: (args) => equal(args) },
  exists: { least: 1, most: MANY, run: ([item, ...keys]) => result(valid(at(item!, keys))) },
  ge: { least: 2, most: 2, run: ([a, b]) => not(less(a!, b!)) },
  gt: { least: 2, most: 2, run: ([a, b]) => not(lessOrEqual(a!, b!)) },
  html: { least: 0, most: MANY, run: (args) => result(html(goPrint(args))) },
  index: { least: 1, most: MANY, run: ([item, ...keys]) => at(item!, keys) },
  js: { least: 0, most: MANY, run: (args) => result(js(goPrint(args))) },
  le: { least: 2, most: 2, run: ([a, b]) => lessOrEqual(a!, b!) },
  len: { least: 1, most: 1, run: ([item]) => length(item!) },
  lt: { least: 2, most: 2, run: ([a, b]) => less(a!, b!) },
  ne: { least: 2, most: 2, run: (args) => not(equal(args)) },
  not: { least: 1, most: 1, run: ([one]) => result(!truth(one!)) },
  or: { least: 1, most: MANY, run: (args) => args.find(truth) ?? args.at(-1)! },
  print: { least: 0, most: MANY, run: (args) => result(goPrint(args)) },
  printf: { least: 1, most: MANY, run: ([format, ...args]) => printf(format!, args) },
  println: { least: 0, most: MANY, run: (args) => result(`${goPrint(args, true)}\n`) },
  slice: { least: 1, most: MANY, run: ([item, ...ends]) => slice(item!, ends) },
  urlquery: { least: 0, most: MANY, run: (args) => result(urlquery(goPrint(args))) },
}

export const FUNCTIONS: readonly string[] = Object.keys(SIGNATURES)

/** Calls one; its arguments are worked out once their number is right. */
export function callFunction(name: string, count: number, args: () => readonly GoValue[]): Result {
  const { least, most, run } = SIGNATURES[name]!
  if (count < least || count > most) {
    const wanted = most === MANY ? `at least ${least}` : String(least)
    return { k: 'use', error: `wrong number of args for ${name}: want ${wanted} got ${count}` }
  }
  return run(args())
}

/** A string parameter takes nothing else. */
function textOf({ value, type }: GoValue): string | CallError {
  if (typeof value === 'string') return value
  if (value === undefined || value === null) return { k: 'use', error: 'invalid value; expected string' }
  return { k: 'use', error: `wrong type for value; expected string; got ${goType({ value, type })}` }
}

function printf(format: GoValue, args: readonly GoValue[]): Result {
  const text = textOf(format)
  return typeof text === 'string' ? result(goPrintf(text, args)) : text
}

function base64decode(value: GoValue): Result {
  const text = textOf(value)
  if (typeof text !== 'string') return text
  const bytes = decodeBase64(text)
  if (bytes !== undefined) return result(decodeUtf8([], Uint8Array.from(bytes)).text)
  return failed(`base64 decode failed: illegal base64 data at input byte ${badBase64(text)}`)
}

function not(one: Result): Result {
  return 'value' in one ? result(one.value !== true) : one
}

type Kind = 'bool' | 'int' | 'float' | 'string' | undefined

function kindOf(one: GoValue): Kind {
  const { value } = one
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number') return isGoInt(one) ? 'int' : 'float'
  return typeof value === 'string' ? 'string' : undefined
}

const valid = (one: Result) => 'value' in one && one.value !== undefined && one.value !== null

function equal([first, ...others]: readonly GoValue[]): Result {
  const a = first!
  if (others.length === 0) return failed('missing argument for comparison')
  for (const b of others) {
    if (kindOf(a) !== kindOf(b)) {
      if (valid(a) && valid(b)) return failed('incompatible types for comparison')
    } else if (kindOf(a) === undefined) {
      if (!valid(a) || !valid(b)) {
        if (valid(a) === valid(b)) return result(true)
      } else {
        const [x, y] = [goText(a.value), goText(b.value)]
        const same = goType(a) === goType(b)
        if (!same) return failed(`non-comparable types ${x}: ${goType(a)}, ${goType(b)}: ${y}`)
        return failed(`non-comparable type ${y}: ${goType(b)}`)
      }
    } else if (a.value === b.value) return result(true)
  }
  return result(false)
}

function less(a: GoValue, b: GoValue): Result {
  const [k1, k2] = [kindOf(a), kindOf(b)]
  if (k1 === undefined || k2 === undefined) return failed('invalid type for comparison')
  if (k1 !== k2) return failed('incompatible types for comparison')
  if (k1 === 'bool') return failed('invalid type for comparison')
  return result((a.value as string) < (b.value as string))
}

function lessOrEqual(a: GoValue, b: GoValue): Result {
  const first = less(a, b)
  return 'value' in first && first.value === false ? equal([a, b]) : first
}

function length(item: GoValue): Result {
  const { value } = item
  if (typeof value === 'string') return result(encodeUtf8(value).length, 'int')
  if (Array.isArray(value)) return result(value.length, 'int')
  if (isRecord(value)) return result(Object.keys(value).length, 'int')
  if (value === null && item.loose) return failed('len of nil pointer')
  if (!valid(item)) return failed('reflect: call of reflect.Value.Type on zero Value')
  return failed(`len of type ${goType(item)}`)
}

function at(item: GoValue, keys: readonly GoValue[]): Result {
  if (!valid(item)) return failed('index of untyped nil')
  let now = item
  for (const key of keys) {
    const { value } = now
    if (!valid(now)) return failed('index of nil pointer')
    if (Array.isArray(value) || typeof value === 'string') {
      const place = placeOf(key, typeof value === 'string' ? encodeUtf8(value).length : value.length)
      if (typeof place !== 'number') return place
      now =
        typeof value === 'string'
          ? result(encodeUtf8(value)[place], 'uint8')
          : { value: (value as Json[])[place], type: '', loose: true }
    } else if (isRecord(value)) {
      if (!valid(key)) return failed('value is nil; should be of type string')
      if (typeof key.value !== 'string') {
        return failed(`value has type ${goType(key)}; should be string`)
      }
      now = { value: field(value, key.value) ?? null, type: '', loose: true }
    } else return failed(`can't index item of type ${goType(now)}`)
  }
  return now
}

function placeOf(key: GoValue, size: number): number | CallError {
  if (!valid(key)) return failed('cannot index slice/array with nil')
  if (typeof key.value !== 'number' || !isGoInt(key)) {
    return failed(`cannot index slice/array with type ${goType(key)}`)
  }
  if (key.value < 0 || key.value >= size) return failed(`index out of range: ${key.value}`)
  return key.value
}

function slice(item: GoValue, ends: readonly GoValue[]): Result {
  const { value } = item
  if (!valid(item)) return failed('slice of untyped nil')
  if (ends.length > 3) return failed(`too many slice indexes: ${ends.length}`)
  if (typeof value === 'string' && ends.length === 3) return failed('cannot 3-index slice a string')
  if (typeof value !== 'string' && !Array.isArray(value)) {
    return failed(`can't slice item of type ${goType(item)}`)
  }
  const places: number[] = []
  for (const end of ends) {
    const place = placeOf(end, value.length + 1)
    if (typeof place !== 'number') return place
    places.push(place)
  }
  const [from = 0, to = value.length] = places
  if (from > to) return failed(`invalid slice index: ${from} > ${to}`)
  return typeof value === 'string' ? result(value.slice(from, to)) : result((value as Json[]).slice(from, to))
}

function html(text: string): string {
  const named: Readonly<Record<string, string>> = {
    '"': '&#34;', "'": '&#39;', '&': '&amp;', '<': '&lt;', '>': '&gt;', '\0': '\uFFFD',
  } // biome-ignore format: one list
  return text.replace(/["'&<>]|\p{Cc}/gu, (char) => named[char] ?? char)
}

function js(text: string): string {
  return text.replace(/[\\'"<>&=]|\p{Cc}/gu, (char) => {
    if (char === '\\' || char === "'" || char === '"') return `\\${char}`
    return `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`
  })
}

function urlquery(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%20', '+')
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}
