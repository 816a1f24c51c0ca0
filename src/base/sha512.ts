/** SHA-512: names the chains of CNI plugins and tells Corefiles apart. Models FIPS 180-4; slow, for little text only. */

const MASK = (1n << 64n) - 1n
const START = [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n].map((prime) => fraction(prime, 2n))
const ROUND = primes(80).map((prime) => fraction(prime, 3n))

/** The digest as 128 hexadecimal digits. */
export function sha512(bytes: Uint8Array): string {
  const total = Math.ceil((bytes.length + 17) / 128) * 128
  const padded = new Uint8Array(total)
  padded.set(bytes)
  padded[bytes.length] = 0x80
  let bits = bytes.length * 8
  for (let i = total - 1; bits > 0; i--) {
    padded[i] = bits % 256
    bits = Math.floor(bits / 256)
  }
  const h = [...START]
  for (let at = 0; at < total; at += 128) block(h, padded, at)
  return h.map((word) => word.toString(16).padStart(16, '0')).join('')
}

/** The digest of ASCII text; other characters count as `?`. */
export function sha512Hex(text: string): string {
  return sha512(Uint8Array.from(text, (char) => (char.codePointAt(0)! < 0x80 ? char.codePointAt(0)! : 0x3f)))
}

function block(h: bigint[], bytes: Uint8Array, at: number): void {
  const w: bigint[] = []
  for (let i = 0; i < 16; i++) {
    let word = 0n
    for (let j = 0; j < 8; j++) word = (word << 8n) | BigInt(bytes[at + 8 * i + j]!)
    w.push(word)
  }
  for (let i = 16; i < 80; i++) {
    const s0 = rotate(w[i - 15]!, 1n) ^ rotate(w[i - 15]!, 8n) ^ (w[i - 15]! >> 7n)
    const s1 = rotate(w[i - 2]!, 19n) ^ rotate(w[i - 2]!, 61n) ^ (w[i - 2]! >> 6n)
    w.push((w[i - 16]! + s0 + w[i - 7]! + s1) & MASK)
  }
  let [a, b, c, d, e, f, g, last] = h as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint]
  for (let i = 0; i < 80; i++) {
    const s1 = rotate(e, 14n) ^ rotate(e, 18n) ^ rotate(e, 41n)
    const t1 = last + s1 + ((e & f) ^ (~e & MASK & g)) + ROUND[i]! + w[i]!
    const s0 = rotate(a, 28n) ^ rotate(a, 34n) ^ rotate(a, 39n)
    const t2 = s0 + ((a & b) ^ (a & c) ^ (b & c))
    last = g
    g = f
    f = e
    e = (d + t1) & MASK
    d = c
    c = b
    b = a
    a = (t1 + t2) & MASK
  }
  for (const [i, value] of [a, b, c, d, e, f, g, last].entries()) h[i] = (h[i]! + value) & MASK
}

function rotate(x: bigint, n: bigint): bigint {
  return ((x >> n) | (x << (64n - n))) & MASK
}

/** The first 64 bits behind the point of a prime's square or cube root. */
function fraction(prime: bigint, root: bigint): bigint {
  const target = prime << (64n * root)
  let [low, high] = [0n, 1n << 70n]
  while (low + 1n < high) {
    const middle = (low + high) >> 1n
    if (middle ** root <= target) low = middle
    else high = middle
  }
  return low & MASK
}

function primes(count: number): bigint[] {
  const found: bigint[] = []
  for (let n = 2n; found.length < count; n++) if (found.every((one) => n % one !== 0n)) found.push(n)
  return found
}
