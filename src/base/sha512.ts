/** SHA-512 of text: what names the chains of CNI plugins. Models FIPS 180-4; slow, for names only. */

const MASK = (1n << 64n) - 1n
const PRIMES = primes(80)
const START = PRIMES.slice(0, 8).map((prime) => rootBits(prime, 2n))
const K = PRIMES.map((prime) => rootBits(prime, 3n))

/** The SHA-512 of ASCII text as 128 lower-case hex digits; other characters count as `?`. */
export function sha512Hex(text: string): string {
  const bytes: number[] = []
  for (const char of text) {
    const code = char.codePointAt(0)!
    bytes.push(code < 0x80 ? code : 0x3f)
  }
  const bits = BigInt(bytes.length) * 8n
  bytes.push(0x80)
  while (bytes.length % 128 !== 112) bytes.push(0)
  for (let i = 15; i >= 0; i--) bytes.push(Number((bits >> BigInt(8 * i)) & 255n))
  let state = START
  for (let at = 0; at < bytes.length; at += 128) state = block(state, bytes, at)
  return state.map((word) => word.toString(16).padStart(16, '0')).join('')
}

function block(state: readonly bigint[], bytes: readonly number[], at: number): bigint[] {
  const words: bigint[] = []
  for (let i = 0; i < 16; i++) {
    let word = 0n
    for (let j = 0; j < 8; j++) word = (word << 8n) | BigInt(bytes[at + 8 * i + j]!)
    words.push(word)
  }
  for (let i = 16; i < 80; i++) {
    const a = words[i - 15]!
    const b = words[i - 2]!
    const s0 = rotr(a, 1n) ^ rotr(a, 8n) ^ (a >> 7n)
    const s1 = rotr(b, 19n) ^ rotr(b, 61n) ^ (b >> 6n)
    words.push((words[i - 16]! + s0 + words[i - 7]! + s1) & MASK)
  }
  let [a, b, c, d, e, f, g, h] = state as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint]
  for (let i = 0; i < 80; i++) {
    const s1 = rotr(e, 14n) ^ rotr(e, 18n) ^ rotr(e, 41n)
    const t1 = h + s1 + ((e & f) ^ (~e & MASK & g)) + K[i]! + words[i]!
    const s0 = rotr(a, 28n) ^ rotr(a, 34n) ^ rotr(a, 39n)
    const t2 = s0 + ((a & b) ^ (a & c) ^ (b & c))
    h = g
    g = f
    f = e
    e = (d + t1) & MASK
    d = c
    c = b
    b = a
    a = (t1 + t2) & MASK
  }
  return [a, b, c, d, e, f, g, h].map((word, i) => (word + state[i]!) & MASK)
}

function rotr(x: bigint, n: bigint): bigint {
  return ((x >> n) | (x << (64n - n))) & MASK
}

function primes(n: number): bigint[] {
  const found: bigint[] = []
  for (let candidate = 2n; found.length < n; candidate++) {
    if (found.every((prime) => candidate % prime !== 0n)) found.push(candidate)
  }
  return found
}

/** The first 64 bits of the fraction of a root: the integer root of n * 2^(64 * degree). */
function rootBits(n: bigint, degree: bigint): bigint {
  const target = n << (64n * degree)
  let root = 0n
  for (let bit = 1n << 69n; bit > 0n; bit >>= 1n) if ((root | bit) ** degree <= target) root |= bit
  return root & MASK
}
