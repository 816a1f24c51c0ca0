/** What a text can be before any server is asked: a number, a name, or neither. */

/** `127.1`, `10.1.2`, `0x7f.1`, `2130706433`: inet_aton(3) fills the last number in from the right. */
export function parseNumeric(text: string): number | undefined {
  const parts = text.split('.')
  if (parts.length > 4) return undefined
  let ip = 0
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!
    const last = i === parts.length - 1
    const max = last ? 256 ** (5 - parts.length) : 256
    const octal = /^0[0-7]+$/.test(part)
    if (!octal && !/^(0|[1-9][0-9]{0,9}|0[xX][0-9a-fA-F]{1,8})$/.test(part)) return undefined
    const value = octal ? Number.parseInt(part, 8) : Number(part)
    if (value >= max) return undefined
    ip = last ? ip * max + value : ip * 256 + value
  }
  return ip | 0
}

/** Whether a resolver would ask for it: letters, digits, `-`, `_` and dots, labels of 1 to 63, 253 in all. */
export function isHostName(host: string): boolean {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(host) || host.length > 254) return false
  return host
    .replace(/\.$/, '')
    .split('.')
    .every((label) => label !== '' && label.length < 64)
}
