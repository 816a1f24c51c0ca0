/** Arithmetic of TCP sequence numbers: unsigned 32 bits, wrapping (RFC 9293, 3.4). */

/** a < b. */
export function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0
}

/** a > b. */
export function after(a: number, b: number): boolean {
  return ((b - a) | 0) < 0
}

/** a + n. */
export function seqAdd(a: number, n: number): number {
  return (a + n) >>> 0
}

/** a - b as a signed distance. */
export function seqDiff(a: number, b: number): number {
  return (a - b) | 0
}

/** The later of two. */
export function seqMax(a: number, b: number): number {
  return after(a, b) ? a : b
}
