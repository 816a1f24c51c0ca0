/** Numbers, durations and addresses as Go's library reads them, with its words for what is none. */
import { parseIp } from '../../base/addr.ts'

export type GoRead<T> = { value: T; error: '' } | { value: undefined; error: string }

const UNITS: Readonly<Record<string, number>> = Object.freeze({
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 6e10,
  h: 3.6e12,
})

/** strconv.Atoi; with `call` another function's name. */
export function goInt(text: string, call = 'Atoi'): GoRead<number> {
  const signed = call === 'Atoi' ? /^[+-]?[0-9]+$/ : /^[0-9]+$/
  const wrong = !signed.test(text)
    ? 'invalid syntax'
    : Math.abs(Number(text)) > (call === 'Atoi' ? 2 ** 63 : 2 ** 32)
      ? 'value out of range'
      : ''
  return wrong === ''
    ? { value: Number(text), error: '' }
    : { value: undefined, error: `strconv.${call}: parsing ${JSON.stringify(text)}: ${wrong}` }
}

/** time.ParseDuration, as seconds. */
export function goSeconds(text: string): GoRead<number> {
  const bad = (why: string): GoRead<number> => ({ value: undefined, error: `time: ${why}` })
  const quoted = JSON.stringify(text)
  let rest = text.replace(/^[+-]/, '')
  if (rest === '0') return { value: 0, error: '' }
  if (rest === '') return bad(`invalid duration ${quoted}`)
  let ns = 0
  while (rest !== '') {
    const number = /^(?:[0-9]+\.?[0-9]*|\.[0-9]+)/.exec(rest)?.[0]
    if (number === undefined) return bad(`invalid duration ${quoted}`)
    rest = rest.slice(number.length)
    const unit = /^[^0-9.]*/.exec(rest)![0]
    if (unit === '') return bad(`missing unit in duration ${quoted}`)
    const size = UNITS[unit]
    if (size === undefined) return bad(`unknown unit ${JSON.stringify(unit)} in duration ${quoted}`)
    ns += Number(number) * size
    rest = rest.slice(unit.length)
  }
  return { value: (text.startsWith('-') ? -ns : ns) / 1e9, error: '' }
}

/** net.SplitHostPort. */
export function goHostPort(text: string): GoRead<{ host: string; port: string }> {
  const bad = (why: string) => ({ value: undefined, error: `address ${text}: ${why}` })
  const colon = text.lastIndexOf(':')
  if (colon < 0) return bad('missing port in address')
  if (text.startsWith('[')) {
    const end = text.indexOf(']')
    if (end < 0) return bad("missing ']' in address")
    if (end + 1 === text.length) return bad('missing port in address')
    if (end + 1 !== colon) {
      return bad(text[end + 1] === ':' ? 'too many colons in address' : 'missing port in address')
    }
    return { value: { host: text.slice(1, end), port: text.slice(colon + 1) }, error: '' }
  }
  const host = text.slice(0, colon)
  if (host.includes(':')) return bad('too many colons in address')
  return { value: { host, port: text.slice(colon + 1) }, error: '' }
}

/** Whether net.ParseIP takes it. */
export function isGoIp(text: string): boolean {
  return parseIp(text) !== undefined
}

/** regexp.Compile as far as its faults are known here; '' for a pattern in order. */
export function goRegexError(pattern: string): string {
  let depth = 0
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!
    if (c === '\\') {
      if (i + 1 === pattern.length) return 'error parsing regexp: trailing backslash at end of expression: ``'
      i++
    } else if (c === '[') {
      const end = pattern.indexOf(']', i + (pattern[i + 1] === '^' ? 3 : 2))
      if (end < 0) return `error parsing regexp: missing closing ]: \`${pattern.slice(i)}\``
      i = end
    } else if (c === '(') depth++
    else if (c === ')' && --depth < 0) return `error parsing regexp: unexpected ): \`${pattern}\``
    else if (/[*+?]/.test(c) && (i === 0 || (pattern[i - 1] === '(' && c !== '?'))) {
      return `error parsing regexp: missing argument to repetition operator: \`${c}\``
    }
  }
  return depth > 0 ? `error parsing regexp: missing closing ): \`${pattern}\`` : ''
}

/** A pattern of Go as one of this place; null where it cannot be said here. */
export function goRegex(pattern: string): RegExp | null {
  const flags = /^\(\?([is]+)\)/.exec(pattern)
  const rest = flags === null ? pattern : pattern.slice(flags[0].length)
  try {
    return new RegExp(rest.replaceAll('(?P<', '(?<'), flags?.[1] ?? '')
  } catch {
    return null
  }
}
