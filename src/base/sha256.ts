/** SHA-256 of text: what names chains, config maps and pods. Models FIPS 180-4. */
import { assert } from './assert.ts'
import { encodeUtf8 } from './utf8.ts'

const K = roundConstants()
const START = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
] as const

/** The 32 bytes of the SHA-256 of bytes, or of text's UTF-8 form. */
export function sha256(input: string | Uint8Array): Uint8Array {
  const padded = pad(typeof input === 'string' ? encodeUtf8(input) : input)
  const state = Int32Array.from(START)
  const words = new Int32Array(64)
  for (let at = 0; at < padded.length; at += 64) block(state, words, padded, at)
  const out = new Uint8Array(32)
  for (let i = 0; i < 32; i++) out[i] = state[i >> 2]! >>> (24 - 8 * (i & 3))
  return out
}

/** The SHA-256 as 64 lower-case hex digits. */
export function sha256Hex(input: string | Uint8Array): string {
  let text = ''
  for (const byte of sha256(input)) text += byte.toString(16).padStart(2, '0')
  return text
}

function pad(bytes: Uint8Array): Uint8Array {
  assert(bytes.length < 2 ** 29, 'sha256: the input is too long')
  const padded = new Uint8Array((((bytes.length + 8) >> 6) + 1) << 6)
  padded.set(bytes)
  padded[bytes.length] = 0x80
  const bits = bytes.length * 8
  for (let i = 0; i < 4; i++) padded[padded.length - 1 - i] = bits >>> (8 * i)
  return padded
}

function block(state: Int32Array, words: Int32Array, bytes: Uint8Array, at: number): void {
  for (let i = 0; i < 16; i++) {
    const p = at + 4 * i
    words[i] = (bytes[p]! << 24) | (bytes[p + 1]! << 16) | (bytes[p + 2]! << 8) | bytes[p + 3]!
  }
  for (let i = 16; i < 64; i++) {
    const a = words[i - 15]!
    const b = words[i - 2]!
    const s0 = rotr(a, 7) ^ rotr(a, 18) ^ (a >>> 3)
    const s1 = rotr(b, 17) ^ rotr(b, 19) ^ (b >>> 10)
    words[i] = (words[i - 16]! + s0 + words[i - 7]! + s1) | 0
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  for (let i = 0; i < 64; i++) {
    const s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i]! + words[i]!) | 0
    const s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  const out = [a, b, c, d, e, f, g, h]
  for (let i = 0; i < 8; i++) state[i] = state[i]! + out[i]!
}

function rotr(x: number, n: number): number {
  return (x >>> n) | (x << (32 - n))
}

/** The first 32 bits of the fractions of the cube roots of the first 64 primes. */
function roundConstants(): readonly number[] {
  const constants: number[] = []
  for (let n = 2; constants.length < 64; n++) {
    let prime = true
    for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false
    if (prime) constants.push(cubeRootBits(n))
  }
  return constants
}

/** Bits 0-31 of the fraction of the cube root of n, exactly: the integer cube root of n * 2^96. */
function cubeRootBits(n: number): number {
  const target = BigInt(n) << 96n
  let root = 0n
  for (let bit = 1n << 36n; bit > 0n; bit >>= 1n) {
    const next = root | bit
    if (next * next * next <= target) root = next
  }
  return Number(BigInt.asIntN(32, root))
}
