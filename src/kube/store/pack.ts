/** Pieces of packed text: numbers, texts, uids and moments, each of which tells its own end. */
import { interned } from '../../base/intern.ts'

/** Where in a packed text one reads. */
export interface Reader {
  readonly text: string
  at: number
}

/** A whole number from 0 to 2^53, seven bits a character, the lowest first. */
export function packNumber(n: number): string {
  if (n < 128) return String.fromCharCode(n)
  const codes: number[] = []
  let rest = n
  for (; rest >= 128; rest = Math.floor(rest / 128)) codes.push((rest % 128) + 128)
  codes.push(rest)
  return String.fromCharCode(...codes)
}

export function readNumber(from: Reader): number {
  let code = from.text.charCodeAt(from.at++)
  if (code < 128) return code
  let n = code & 127
  for (let unit = 128; code >= 128; unit *= 128) {
    code = from.text.charCodeAt(from.at++)
    n += (code & 127) * unit
  }
  return n
}

export function packText(text: string): string {
  return packNumber(text.length) + text
}

export function readText(from: Reader): string {
  const length = readNumber(from)
  from.at += length
  return from.text.slice(from.at - length, from.at)
}

/** Pairs of lower-case hexadecimal digits as characters; undefined where the text has others. */
export function packHex(digits: string): string | undefined {
  if (digits.length % 2 !== 0) return undefined
  const codes: number[] = []
  for (let i = 0; i < digits.length; i += 2) {
    const high = digitOf(digits.charCodeAt(i))
    const low = digitOf(digits.charCodeAt(i + 1))
    if (high < 0 || low < 0) return undefined
    codes.push(high * 16 + low)
  }
  return String.fromCharCode(...codes)
}

export function readHex(from: Reader, digits: number): string {
  const codes: number[] = []
  for (let i = 0; i < digits; i += 2) {
    const code = from.text.charCodeAt(from.at++)
    codes.push(DIGITS.charCodeAt(code >> 4), DIGITS.charCodeAt(code & 15))
  }
  return String.fromCharCode(...codes)
}

const DIGITS = '0123456789abcdef'

function digitOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  return code >= 97 && code <= 102 ? code - 87 : -1
}

/** Characters of a packed uid. */
export const UID_LENGTH = 16

/** A uid as RFC 4122 writes it, in 16 characters; undefined for any other text. */
export function packUid(uid: string): string | undefined {
  if (uid.length !== 36) return undefined
  for (const dash of DASHES) if (uid.charCodeAt(dash) !== 45) return undefined
  const [a, b, c, d, e] = [
    uid.slice(0, 8),
    uid.slice(9, 13),
    uid.slice(14, 18),
    uid.slice(19, 23),
    uid.slice(24),
  ]
  return packHex(a + b + c + d + e)
}

export function readUid(from: Reader): string {
  const hex = readHex(from, 32)
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)]
  return parts.join('-')
}

const DASHES = [8, 13, 18, 23]

const UNITS = [13, 32, 24, 60, 61]
const PLACES = [0, 5, 8, 11, 14, 17]

/**
 * A moment in whole seconds (2026-11-21T01:02:03Z) as a number that grows with it, without a calendar: gaps lie between
 * months. Undefined for any other text.
 */
export function momentOf(text: string): number | undefined {
  if (text.length !== 20 || text.charCodeAt(19) !== 90) return undefined
  for (let i = 0; i < 5; i++) if (text[PLACES[i + 1]! - 1] !== '--T::'[i]) return undefined
  let n = 0
  for (let i = 0; i < 6; i++) {
    const size = i === 0 ? 4 : 2
    let part = 0
    for (let at = PLACES[i]!; at < PLACES[i]! + size; at++) {
      const digit = text.charCodeAt(at) - 48
      if (!(digit >= 0 && digit <= 9)) return undefined
      part = part * 10 + digit
    }
    if (i > 0 && part >= UNITS[i - 1]!) return undefined
    n = i === 0 ? part : n * UNITS[i - 1]! + part
  }
  return n
}

export function momentText(moment: number): string {
  const parts: string[] = []
  let rest = moment
  for (let i = 5; i > 0; i--) {
    const unit = UNITS[i - 1]!
    parts.unshift('--T::'[i - 1]!, String(rest % unit).padStart(2, '0'))
    rest = Math.floor(rest / unit)
  }
  parts.unshift(String(rest).padStart(4, '0'))
  return interned(`${parts.join('')}Z`)
}
