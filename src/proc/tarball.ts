/**
 * Archives as tar writes them, as text whose UTF-8 is their bytes. Models POSIX.1-1988 ustar and what Go's archive/tar
 * and GNU tar put around long names. Not here: sparse files, devices, owners by number, files that are no text.
 */
import { decodeUtf8, encodeUtf8 } from '../base/utf8.ts'

export interface TarEntry {
  readonly name: string
  readonly kind: 'file' | 'dir' | 'link'
  readonly mode: number
  /** Seconds since 1970. */
  readonly mtime: number
  /** A file's text, a link's target. */
  readonly text: string
}

const BLOCK = 512
/** Archives are written in records of twenty blocks. */
const RECORD = 20 * BLOCK
const TYPES = { file: '0', link: '2', dir: '5' } as const

/** The archive; undefined where a name is too long for its header. */
export function packTar(entries: readonly TarEntry[]): string | undefined {
  let archive = ''
  let size = 0
  for (const entry of entries) {
    const head = headerOf(entry)
    if (head === undefined) return undefined
    const text = entry.kind === 'file' ? entry.text : ''
    const length = encodeUtf8(text).length
    archive += head + text + '\0'.repeat((BLOCK - (length % BLOCK)) % BLOCK)
    size += BLOCK + Math.ceil(length / BLOCK) * BLOCK
  }
  const end = Math.ceil((size + 2 * BLOCK) / RECORD) * RECORD
  return archive + '\0'.repeat(end - size)
}

function headerOf({ name, kind, mode, mtime, text }: TarEntry): string | undefined {
  const full = kind === 'dir' && !name.endsWith('/') ? `${name}/` : name
  const parts = splitName(full)
  if (parts === undefined) return undefined
  const link = kind === 'link' ? fixed(text, 100) : fixed('', 100)
  const size = kind === 'file' ? encodeUtf8(text).length : 0
  if (link === undefined) return undefined
  const before =
    fixed(parts.name, 100)! +
    [octal(mode, 8), octal(0, 8), octal(0, 8), octal(size, 12), octal(mtime, 12)].join('')
  const after = `${TYPES[kind]}${link}ustar\x0000${fixed('root', 32)}${fixed('root', 32)}${octal(0, 8)}${octal(0, 8)}${fixed(parts.prefix, 155)}`
  const rest = after + '\0'.repeat(12)
  const sum = encodeUtf8(`${before}        ${rest}`).reduce((total, byte) => total + byte, 0)
  return `${before}${sum.toString(8).padStart(6, '0')}\0 ${rest}`
}

function splitName(full: string): { name: string; prefix: string } | undefined {
  const length = (text: string) => encodeUtf8(text).length
  if (length(full) <= 100) return { name: full, prefix: '' }
  for (let at = full.indexOf('/'); at > 0; at = full.indexOf('/', at + 1)) {
    const [prefix, name] = [full.slice(0, at), full.slice(at + 1)]
    if (name !== '' && length(prefix) <= 155 && length(name) <= 100) return { name, prefix }
  }
  return undefined
}

function fixed(text: string, size: number): string | undefined {
  const { length } = encodeUtf8(text)
  return length > size ? undefined : text + '\0'.repeat(size - length)
}

function octal(value: number, size: number): string {
  return `${Math.max(0, Math.floor(value))
    .toString(8)
    .padStart(size - 1, '0')}\0`
}

/** What an archive holds; `error` where it is none, or ends too soon. */
export function readTar(archive: string): { entries: TarEntry[]; error: '' | 'bad' | 'short' } {
  const bytes = encodeUtf8(archive)
  const entries: TarEntry[] = []
  let longName = ''
  let at = 0
  while (at < bytes.length) {
    if (at + BLOCK > bytes.length) return { entries, error: 'short' }
    const head = bytes.subarray(at, at + BLOCK)
    if (head.every((byte) => byte === 0)) return { entries, error: '' }
    const sum = head.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0)
    if (sum !== numberAt(head, 148, 8)) return { entries, error: 'bad' }
    const size = numberAt(head, 124, 12)
    const type = textAt(head, 156, 1)
    at += BLOCK
    if (at + size > bytes.length) return { entries, error: 'short' }
    const body = textAt(bytes, at, size, false)
    at += Math.ceil(size / BLOCK) * BLOCK
    if (at > bytes.length) return { entries, error: 'short' }
    if (type === 'L') longName = body.replace(/\0+$/, '')
    else if (type === 'x') longName = /^\d+ path=(.*)$/m.exec(body)?.[1] ?? longName
    else if (type !== 'g') {
      const [prefix, short] = [textAt(head, 345, 155), textAt(head, 0, 100)]
      const name = longName || (prefix === '' ? short : `${prefix}/${short}`)
      const kind = type === '5' || name.endsWith('/') ? 'dir' : type === '2' ? 'link' : 'file'
      const text = kind === 'link' ? textAt(head, 157, 100) : kind === 'file' ? body : ''
      entries.push({ name, kind, mode: numberAt(head, 100, 8), mtime: numberAt(head, 136, 12), text })
      longName = ''
    }
  }
  return { entries, error: entries.length === 0 ? 'bad' : '' }
}

function textAt(bytes: Uint8Array, from: number, size: number, ends = true): string {
  let part = bytes.subarray(from, from + size)
  const end = ends ? part.indexOf(0) : -1
  if (end >= 0) part = part.subarray(0, end)
  return decodeUtf8([], part).text
}

function numberAt(bytes: Uint8Array, from: number, size: number): number {
  return Number.parseInt(textAt(bytes, from, size).trim() || '0', 8)
}
