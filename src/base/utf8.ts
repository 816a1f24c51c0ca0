/** Text to bytes and back: UTF-8 (RFC 3629), with what is no UTF-8 as U+FFFD. */

/** UTF-8 bytes of text; a lone surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  const plain = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0x80) return encodeAny(text)
    plain[i] = code
  }
  return plain
}

function encodeAny(text: string): Uint8Array {
  const bytes: number[] = []
  for (const char of text) {
    let code = char.codePointAt(0)!
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd
    if (code < 0x80) bytes.push(code)
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63))
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63))
    else {
      bytes.push(
        0xf0 | (code >> 18),
        0x80 | ((code >> 12) & 63),
        0x80 | ((code >> 6) & 63),
        0x80 | (code & 63),
      )
    }
  }
  return Uint8Array.from(bytes)
}

/** The text of `carry` and `bytes`; `rest` is an unfinished character's beginning, at most three bytes. */
export function decodeUtf8(carry: readonly number[], bytes: Uint8Array): { text: string; rest: number[] } {
  const all = carry.length === 0 ? bytes : Uint8Array.from([...carry, ...bytes])
  const parts: string[] = []
  let text = ''
  let at = 0
  while (at < all.length) {
    const first = all[at]!
    const size = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0
    if (size > 1 && at + size > all.length) break
    const code = size === 0 ? -1 : codeAt(all, at, size)
    text += code < 0 ? '\ufffd' : String.fromCodePoint(code)
    at += code < 0 ? 1 : size
    if (text.length > 4096) {
      parts.push(text)
      text = ''
    }
  }
  parts.push(text)
  return { text: parts.join(''), rest: [...all.subarray(at)] }
}

function codeAt(all: Uint8Array, at: number, size: number): number {
  if (size === 1) return all[at]!
  let code = all[at]! & (0xff >> (size + 1))
  for (let i = 1; i < size; i++) {
    const next = all[at + i]!
    if ((next & 0xc0) !== 0x80) return -1
    code = (code << 6) | (next & 63)
  }
  const least = size === 2 ? 0x80 : size === 3 ? 0x800 : 0x10000
  return code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? -1 : code
}
