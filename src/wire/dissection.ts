/** What fields.ts and its parts share: a frame's bytes, and the layers and fields found in it so far. */
import { formatIp, formatMac } from '../base/addr.ts'

export interface ByteField {
  /** `ip.ttl` */
  name: string
  /** `Time to Live` */
  title: string
  value: string
  /** Place in the frame, bytes. Fields that share a byte have the same place. */
  at: number
  length: number
}

export interface ByteLayer extends Omit<ByteField, 'value'> {
  fields: ByteField[]
}

/** A frame under way through the dissectors. Places are from the frame's beginning. */
export interface Dissection {
  bytes: Uint8Array
  layers: ByteLayer[]
}

/** Opens a layer; its length is cut where the bytes end. */
export function layer(d: Dissection, name: string, title: string, at: number, length: number): ByteLayer {
  const made = { name, title, at, length: Math.max(0, Math.min(length, d.bytes.length - at)), fields: [] }
  d.layers.push(made)
  return made
}

/** Adds a field where all its bytes are there. */
export function put(
  d: Dissection,
  to: ByteLayer,
  name: string,
  title: string,
  at: number,
  length: number,
  value: string | number,
): void {
  if (at + length > d.bytes.length) return
  to.fields.push({ name, title, value: String(value), at, length })
}

export function get16(b: Uint8Array, at: number): number {
  return ((b[at] ?? 0) << 8) | (b[at + 1] ?? 0)
}

export function get32(b: Uint8Array, at: number): number {
  return ((get16(b, at) << 16) | get16(b, at + 2)) >>> 0
}

export function hex(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, '0')}`
}

export function macAt(b: Uint8Array, at: number): string {
  return formatMac(get16(b, at) * 4294967296 + get32(b, at + 2))
}

export function ip4At(b: Uint8Array, at: number): string {
  return formatIp(get32(b, at) | 0)
}

export function ip6At(b: Uint8Array, at: number): string {
  let text = ''
  for (let i = 0; i < 16; i++) text += (b[at + i] ?? 0).toString(16).padStart(2, '0')
  return formatIp(text)
}

/** Bytes that nothing explains. */
export function data(d: Dissection, at: number, length: number): void {
  if (length <= 0 || at >= d.bytes.length) return
  const to = layer(d, 'data', 'Data', at, length)
  put(d, to, 'data.data', 'Data', at, to.length, textAt(d.bytes, at, to.length))
}

const SHOWN_TEXT = 120

/** Printable text of some bytes; a dot for what is none. */
export function textAt(b: Uint8Array, at: number, length: number): string {
  let text = ''
  for (let i = at; i < Math.min(at + length, at + SHOWN_TEXT, b.length); i++) {
    const code = b[i] ?? 0
    text +=
      code === 13 ? '\\r' : code === 10 ? '\\n' : code >= 32 && code < 127 ? String.fromCharCode(code) : '.'
  }
  return length > SHOWN_TEXT ? `${text}…` : text
}
