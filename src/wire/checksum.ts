/** The Internet checksum (RFC 1071). */

/** Adds bytes [from, to) as 16-bit words to a running one's-complement sum; an odd tail is padded with zero. */
export function sumBytes(bytes: Uint8Array, from: number, to: number, start = 0): number {
  let sum = start
  let i = from
  for (; i + 1 < to; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!
  if (i < to) sum += bytes[i]! << 8
  return sum
}

/** Folds a sum and complements it: the value that goes on the wire. */
export function foldChecksum(sum: number): number {
  let folded = sum
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000)
  return ~folded & 0xffff
}

/** True where a range that contains its own checksum adds up. */
export function isChecksumRight(bytes: Uint8Array, from: number, to: number, start = 0): boolean {
  return foldChecksum(sumBytes(bytes, from, to, start)) === 0
}
