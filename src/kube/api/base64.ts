/** Base64 of UTF-8 text, as a Secret's data holds it. */
import { encodeUtf8 } from '../../base/utf8.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

export function encodeBase64(text: string): string {
  return encodeBytes(encodeUtf8(text))
}

export function encodeBytes(bytes: ArrayLike<number>): string {
  let out = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const n = (bytes[i] << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    out += ALPHABET[n >> 18] + ALPHABET[(n >> 12) & 63]
    out += i + 1 < bytes.length ? ALPHABET[(n >> 6) & 63] : '='
    out += i + 2 < bytes.length ? ALPHABET[n & 63] : '='
  }
  return out
}

/** The bytes of base64 text, or undefined where it is none. */
export function decodeBase64(text: string): number[] | undefined {
  const clean = text.replace(/[\r\n]/g, '')
  if (clean.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(clean)) return undefined
  const bytes: number[] = []
  for (let i = 0; i < clean.length; i += 4) {
    const n = [0, 1, 2, 3].reduce((sum, k) => (sum << 6) | Math.max(0, ALPHABET.indexOf(clean[i + k])), 0)
    bytes.push((n >> 16) & 255)
    if (clean[i + 2] !== '=') bytes.push((n >> 8) & 255)
    if (clean[i + 3] !== '=') bytes.push(n & 255)
  }
  return bytes
}

/** Where Go's decoder stops: the byte that is no base64, or the beginning of a group that is cut short; -1 for none. */
export function badBase64(text: string): number {
  const clean = text.replace(/[\r\n]/g, '')
  const body = clean.replace(/={1,2}$/, '')
  for (let i = 0; i < body.length; i++) if (!ALPHABET.includes(body[i])) return i
  if (clean.length % 4 !== 0) return clean.length - (clean.length % 4)
  return -1
}
