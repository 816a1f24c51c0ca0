/**
 * Text and JSON of one report from one pass, as iproute2's print_* functions make them (lib/json_print.c,
 * lib/json_writer.c of iproute2 6.1): a value is written to the text, to the JSON, or to both.
 */

/** What the options -j -p -o -c ask for. */
export interface WriterOptions {
  json?: boolean
  pretty?: boolean
  /** One line a record: line ends become backslashes. */
  oneline?: boolean
  color?: boolean
}

export interface Writer {
  json: boolean
  pretty: boolean
  oneline: boolean
  color: boolean
  text: string
  depth: number
  /** A comma is due before the next JSON value. */
  sep: boolean
}

export type Scalar = string | number | boolean | null

/** ANSI colours of iproute2 on a dark background. */
export const COLOR = Object.freeze({
  ifname: '\x1b[36m',
  mac: '\x1b[33m',
  inet: '\x1b[35m',
  inet6: '\x1b[34m',
  up: '\x1b[32m',
  down: '\x1b[31m',
  none: '',
})

export function createWriter(options: WriterOptions): Writer {
  const { json = false, pretty = false, oneline = false, color = false } = options
  return { json, pretty, oneline, color: color && !json, text: '', depth: 0, sep: false }
}

/** The end of a report: JSON ends in a newline. */
export function finishWriter(w: Writer): string {
  return w.json ? `${w.text}\n` : w.text
}

/** To the text only. */
export function put(w: Writer, text: string): void {
  if (!w.json) w.text += text
}

/** A line's end within a record. */
export function newline(w: Writer): void {
  put(w, w.oneline ? '\\' : '\n')
}

/** To the text as `text`, to the JSON as `key`: `value`. */
export function both(w: Writer, key: string, value: Scalar, text: string): void {
  if (w.json) field(w, key, value)
  else w.text += text
}

/** As `both`, in a colour where colours are asked for. */
export function tinted(w: Writer, color: string, key: string, value: Scalar, text: string): void {
  if (w.json) field(w, key, value)
  else w.text += paint(w, color, text)
}

export function paint(w: Writer, color: string, text: string): string {
  return w.color && color !== '' ? `${color}${text}\x1b[0m` : text
}

/** To the JSON only. */
export function field(w: Writer, key: string, value: Scalar): void {
  if (!w.json) return
  raw(w, key, value === null ? 'null' : typeof value === 'string' ? quote(value) : String(value))
}

/** A JSON number with its digits as given (`0.00`). */
export function raw(w: Writer, key: string, value: string): void {
  if (!w.json) return
  if (key !== '') name(w, key)
  w.text += `${w.sep ? ',' : ''}${value}`
  w.sep = true
}

export function openObject(w: Writer, key = ''): void {
  if (!w.json) return
  if (key !== '') name(w, key)
  begin(w, '{')
}

export function closeObject(w: Writer): void {
  if (w.json) end(w, '}')
}

export function openArray(w: Writer, key = ''): void {
  if (!w.json) return
  if (key !== '') name(w, key)
  begin(w, '[')
  if (w.pretty) w.text += ' '
}

export function closeArray(w: Writer): void {
  if (!w.json) return
  if (w.pretty && w.sep) w.text += ' '
  w.sep = false
  end(w, ']')
}

/** A list of strings in JSON. */
export function strings(w: Writer, key: string, values: readonly string[]): void {
  openArray(w, key)
  for (const value of values) field(w, '', value)
  closeArray(w)
}

function name(w: Writer, key: string): void {
  if (w.sep) w.text += ','
  eol(w)
  w.sep = false
  w.text += `${quote(key)}:${w.pretty ? ' ' : ''}`
}

function begin(w: Writer, bracket: string): void {
  w.text += `${w.sep ? ',' : ''}${bracket}`
  w.depth++
  w.sep = false
}

function end(w: Writer, bracket: string): void {
  w.depth--
  if (w.sep) eol(w)
  w.text += bracket
  w.sep = true
}

function eol(w: Writer): void {
  if (w.pretty) w.text += `\n${'    '.repeat(w.depth)}`
}

function quote(text: string): string {
  return JSON.stringify(text)
}
