/** Bytes as `tcpdump -x` and `-X` print them. */

/** Lines of 16 bytes with a tab in front, no newline at the end. */
export function hexLines(bytes: Uint8Array, ascii: boolean): string {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += 16) {
    let words = ''
    let letters = ''
    for (let i = at; i < Math.min(at + 16, bytes.length); i++) {
      words += (i % 2 === 0 ? ' ' : '') + bytes[i]!.toString(16).padStart(2, '0')
      letters += bytes[i]! > 32 && bytes[i]! < 127 ? String.fromCharCode(bytes[i]!) : '.'
    }
    const text = ascii ? `${words.padEnd(40)}  ${letters}` : words
    lines.push(`\t0x${at.toString(16).padStart(4, '0')}: ${text}`)
  }
  return lines.join('\n')
}
