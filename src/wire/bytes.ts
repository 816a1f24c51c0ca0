/** Big-endian writes into a byte buffer, and joins. */
import { familyOf, type Ip, ip6Words, type Mac } from '../base/addr.ts'

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = (value >>> 8) & 0xff
  bytes[at + 1] = value & 0xff
}

export function put32(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, value >>> 16)
  put16(bytes, at + 2, value & 0xffff)
}

export function putMac(bytes: Uint8Array, at: number, mac: Mac): void {
  put16(bytes, at, Math.floor(mac / 4294967296))
  put32(bytes, at + 2, (mac % 4294967296) | 0)
}

/** Writes an address: 4 bytes for IPv4, 16 for IPv6. Answers how many. */
export function putIp(bytes: Uint8Array, at: number, ip: Ip): number {
  if (typeof ip === 'number') {
    put32(bytes, at, ip)
    return 4
  }
  ip6Words(ip).forEach((word, i) => {
    put16(bytes, at + 2 * i, word)
  })
  return 16
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Sum of the pseudo header that UDP, TCP and ICMPv6 checksums cover (RFC 768, RFC 8200 section 8.1). */
export function pseudoSum(src: Ip, dst: Ip, proto: number, length: number): number {
  const size = familyOf(src) === 4 ? 4 : 16
  const bytes = new Uint8Array(2 * size)
  putIp(bytes, 0, src)
  putIp(bytes, size, dst)
  let sum = proto + (length & 0xffff) + (length >>> 16)
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!
  return sum
}
