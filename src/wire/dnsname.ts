/** Domain names between their presentation form and bytes, with the compression of RFC 1035 4.1.4. */

/** Where each name was written: its lower-case-preserving text to its offset. */
export type NameTable = Map<string, number>

const NAME_MAX = 255
const LABEL_MAX = 63
const POINTER_MAX = 0x3fff

/** The labels of an absolute or relative name, escapes undone, one character a byte; undefined where it is none. */
export function labelsOf(name: string): string[] | undefined {
  if (name === '.' || name === '') return []
  const labels: string[] = []
  let label = ''
  let total = 1
  const push = (): boolean => {
    total += label.length + 1
    if (label === '' || label.length > LABEL_MAX || total > NAME_MAX) return false
    labels.push(label)
    label = ''
    return true
  }
  for (let i = 0; i < name.length; i++) {
    const c = name[i]!
    if (c === '\\') {
      const digits = /^[0-9]{3}/.exec(name.slice(i + 1))
      if (digits !== null) {
        if (Number(digits[0]) > 255) return undefined
        label += String.fromCharCode(Number(digits[0]))
        i += 3
      } else if (i + 1 < name.length) label += name[++i]!
      else return undefined
    } else if (c === '.') {
      if (!push()) return undefined
    } else if (c.charCodeAt(0) > 255) return undefined
    else label += c
  }
  return label === '' || push() ? labels : undefined
}

/** Labels as an absolute name. */
export function nameOf(labels: readonly string[]): string {
  if (labels.length === 0) return '.'
  return `${labels.map(escapeLabel).join('.')}.`
}

/** Whether the name can be one: labels of 1 to 63 bytes, 255 in all. */
export function isDnsName(name: string): boolean {
  return labelsOf(name) !== undefined
}

/** Bytes that a name takes without compression. */
export function nameLength(name: string): number {
  return (labelsOf(name) ?? []).reduce((sum, label) => sum + label.length + 1, 1)
}

/** Writes a name (the root where it is none). Answers where it ends. Equal endings become pointers with a `table`. */
export function encodeName(out: Uint8Array, start: number, name: string, table: NameTable | null): number {
  const labels = labelsOf(name) ?? []
  let at = start
  for (let i = 0; i < labels.length; i++) {
    const rest = table === null ? '' : labels.slice(i).join('\0')
    const known = table?.get(rest)
    if (known !== undefined) {
      out[at] = 0xc0 | (known >> 8)
      out[at + 1] = known & 255
      return at + 2
    }
    if (table !== null && at <= POINTER_MAX) table.set(rest, at)
    const label = labels[i]!
    out[at++] = label.length
    for (let j = 0; j < label.length; j++) out[at++] = label.charCodeAt(j)
  }
  out[at] = 0
  return at + 1
}

/** Reads a name; undefined where it does not end, is too long, or points forwards or in a circle. */
export function decodeName(bytes: Uint8Array, start: number): { text: string; next: number } | undefined {
  const labels: string[] = []
  let at = start
  let next = -1
  let lowest = start
  let total = 1
  for (;;) {
    if (at >= bytes.length) return undefined
    const length = bytes[at]!
    if (length === 0) break
    if ((length & 0xc0) === 0xc0) {
      if (at + 1 >= bytes.length) return undefined
      const to = ((length & 0x3f) << 8) | bytes[at + 1]!
      if (to >= lowest) return undefined
      if (next < 0) next = at + 2
      lowest = to
      at = to
      continue
    }
    total += length + 1
    if (length > LABEL_MAX || total > NAME_MAX || at + 1 + length > bytes.length) return undefined
    let label = ''
    for (let i = at + 1; i <= at + length; i++) label += String.fromCharCode(bytes[i]!)
    labels.push(label)
    at += length + 1
  }
  return { text: nameOf(labels), next: next < 0 ? at + 1 : next }
}

function escapeLabel(label: string): string {
  let text = ''
  for (const c of label) {
    const code = c.charCodeAt(0)
    if ('.\\"();@$'.includes(c)) text += `\\${c}`
    else if (code < 33 || code > 126) text += `\\${String(code).padStart(3, '0')}`
    else text += c
  }
  return text
}
