/**
 * Reads YAML 1.2 so that a hostile text costs nothing: size, nesting, tags, directives and aliases are judged on the
 * tokens, before anything recursive runs. Values are read node by node and nothing becomes a plain object; keys such as
 * `__proto__` and `1`, which would mean something else in one, are refused all the same.
 */
import type { Document, ParsedNode } from 'yaml'
import { isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, parseAllDocuments, Scalar, visit } from 'yaml'
import { MAX_ALIASES, MAX_DEPTH, MAX_DIAGNOSTICS, MAX_INDENT, MAX_TEXT, MAX_TOKENS } from './limits.ts'
import type { Diagnostic, Span } from './types.ts'

/** A text being read: what it says wrong gathers in `diagnostics`. */
export interface Source {
  text: string
  lines: LineCounter
  docs: Document.Parsed[]
  diagnostics: Diagnostic[]
  aliasesRead: number
}

/** A key of a mapping and what stands behind it (null for nothing). */
export interface Field {
  name: string
  key: ParsedNode
  value: ParsedNode | null
}

/** Reads a text into documents. Where `diagnostics` holds an error, `docs` must not be used. */
export function readYaml(text: string): Source {
  const source: Source = { text, lines: new LineCounter(), docs: [], diagnostics: [], aliasesRead: 0 }
  if (text.length > MAX_TEXT) {
    const mib = (text.length / 1_048_576).toFixed(1)
    problem(
      source,
      { line: 1, column: 1, endLine: 1, endColumn: 1 },
      `the file has ${mib} MiB; the limit is 1 MiB`,
    )
    return source
  }
  source.lines.addNewLine(0)
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) source.lines.addNewLine(i + 1)
  try {
    if (!judgeIndent(source) || !judgeTokens(source)) return source
    const docs = parseAllDocuments(text, { uniqueKeys: false, prettyErrors: false, keepSourceTokens: true })
    const open = new Set<number>()
    for (const doc of Array.isArray(docs) ? docs : []) {
      for (const e of [...doc.errors, ...doc.warnings]) {
        const from = openedAt(doc, e.pos[0])
        if (from < 0) problem(source, spanOf(source, e.pos[0], e.pos[1]), yamlWords(e.code, e.message))
        else if (!open.has(from)) {
          open.add(from)
          problem(source, spanOf(source, from, from + 1), `${text[from]} opens here and is never closed`)
        }
      }
      if (doc.contents !== null) source.docs.push(doc)
    }
  } catch (error) {
    // The YAML reader is not ours: whatever it throws means that the text is not readable.
    problem(source, spanOf(source, 0, 0), `this YAML cannot be read: ${String(error).slice(0, 200)}`)
  }
  return source
}

export function problem(
  source: Source,
  span: Span,
  message: string,
  severity: Diagnostic['severity'] = 'error',
  about?: Diagnostic['about'],
): void {
  if (source.diagnostics.length >= MAX_DIAGNOSTICS) return
  const { line, column, endLine, endColumn } = span
  const more = about === undefined ? {} : { about }
  source.diagnostics.push({ severity, message, line, column, endLine, endColumn, ...more })
}

/** Offsets in the text to a span; an empty one is widened by a character where there is one. */
export function spanOf(source: Source, from: number, to: number): Span {
  const a = source.lines.linePos(Math.min(from, source.text.length))
  const b = source.lines.linePos(Math.min(Math.max(to, from), source.text.length))
  // linePos answers {0, 0} for a text without a character.
  const at = (n: number) => Math.max(1, n)
  return { line: at(a.line), column: at(a.col), endLine: at(b.line), endColumn: at(b.col) }
}

export function spanOfNode(source: Source, node: ParsedNode): Span {
  return spanOf(source, node.range[0], node.range[1])
}

/** The node itself, or what an alias stands for. Undefined (and said) where that is nothing or too much. */
export function resolved(source: Source, node: ParsedNode | null, doc: Document.Parsed): ParsedNode | null {
  let at = node
  while (at !== null && isAlias(at)) {
    if (++source.aliasesRead > MAX_ALIASES * 4) {
      problem(source, spanOfNode(source, at), 'aliases expand too far')
      return null
    }
    const target = at.resolve(doc) as ParsedNode | undefined
    if (target === undefined) {
      problem(source, spanOfNode(source, at), `alias "*${at.source}" names no anchor`)
      return null
    }
    at = target
  }
  return at
}

/**
 * The fields of a mapping by name, each name in `known` at most once; what is not known is reported as
 * `unknown field "x" in WHERE`, and what is in `refused` by its reason. Undefined where there is nothing or no mapping.
 */
export function fieldsOf(
  source: Source,
  doc: Document.Parsed,
  raw: ParsedNode | null,
  where: string,
  known: readonly string[] | null,
  refused: ReadonlyMap<string, string> = new Map(),
): Map<string, Field> | undefined {
  const node = resolved(source, raw, doc)
  if (node === null || isNull(node)) return undefined
  if (!isMap(node)) {
    problem(source, spanOfNode(source, node), `${where} must be a mapping`)
    return undefined
  }
  const fields = new Map<string, Field>()
  for (const pair of node.items) {
    const key = pair.key
    const name = keyText(key)
    if (name === undefined) {
      problem(source, spanOfNode(source, key), `a key in ${where} must be a string`)
    } else if (keyError(name) !== '') {
      problem(source, spanOfNode(source, key), `${keyError(name)}, in ${where}`)
    } else if (fields.has(name)) {
      problem(source, spanOfNode(source, key), `duplicate key "${short(name)}" in ${where}`)
    } else if (refused.has(name)) {
      problem(source, spanOfNode(source, key), `field "${name}" in ${where}: ${refused.get(name)}`)
    } else if (known !== null && !known.includes(name)) {
      problem(source, spanOfNode(source, key), `unknown field "${short(name)}" in ${where}`)
    } else {
      fields.set(name, { name, key, value: pair.value })
    }
  }
  return fields
}

/** The items of a sequence; undefined (and said) where the node is none. */
export function itemsOf(
  source: Source,
  doc: Document.Parsed,
  raw: ParsedNode | null,
  where: string,
): ParsedNode[] | undefined {
  const node = resolved(source, raw, doc)
  if (node === null || isNull(node)) return undefined
  if (!isSeq(node)) {
    problem(source, spanOfNode(source, node), `${where} must be a list`)
    return undefined
  }
  return node.items
}

/** A string; with `loose`, also a number or boolean as it is written (containerlab reads labels so). */
export function stringOf(
  source: Source,
  doc: Document.Parsed,
  raw: ParsedNode | null,
  where: string,
  loose = false,
): string | undefined {
  const node = resolved(source, raw, doc)
  if (node === null) {
    if (raw !== null || !loose)
      problem(source, raw === null ? nowhere() : spanOfNode(source, raw), `${where} is empty`)
    return undefined
  }
  if (isScalar(node)) {
    if (typeof node.value === 'string') return node.value
    if (loose && node.value !== null && node.source !== undefined) return node.source
  }
  problem(source, spanOfNode(source, node), `${where} must be a string`)
  return undefined
}

/** A number within limits; undefined (and said) otherwise. */
export function numberOf(
  source: Source,
  doc: Document.Parsed,
  raw: ParsedNode | null,
  where: string,
  min: number,
  max: number,
): number | undefined {
  const node = resolved(source, raw, doc)
  if (node !== null && isScalar(node) && typeof node.value === 'number') {
    if (Number.isSafeInteger(node.value) && node.value >= min && node.value <= max) return node.value
  }
  const span = node !== null ? spanOfNode(source, node) : raw !== null ? spanOfNode(source, raw) : nowhere()
  problem(source, span, `${where} must be a whole number from ${min} to ${max}`)
  return undefined
}

export function boolOf(
  source: Source,
  doc: Document.Parsed,
  raw: ParsedNode | null,
  where: string,
): boolean | undefined {
  const node = resolved(source, raw, doc)
  if (node !== null && isScalar(node) && typeof node.value === 'boolean') return node.value
  problem(source, node !== null ? spanOfNode(source, node) : nowhere(), `${where} must be true or false`)
  return undefined
}

/** A key as a string, numbers and booleans as they are written. */
export function keyText(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined
  const scalar = key as Scalar
  if (typeof scalar.value === 'string') return scalar.value
  return scalar.value === null ? undefined : scalar.source
}

/**
 * Why a text cannot be a key, '' where it can: what reads labs into objects (containerlab's tools, jq, browsers) puts
 * whole numbers before other keys and takes `__proto__` for something else.
 */
export function keyError(name: string): string {
  if (name === '__proto__') return '"__proto__" cannot be a key'
  return /^(0|[1-9][0-9]*)$/.test(name) ? `a whole number ("${short(name)}") cannot be a key` : ''
}

/** True for a plain, quoted or block scalar that holds a string. */
export function isString(node: unknown): node is Scalar<string> {
  return node instanceof Scalar && typeof node.value === 'string'
}

/** A key with nothing behind it, or `~`. */
function isNull(node: ParsedNode): boolean {
  return isScalar(node) && node.value === null
}

function nowhere(): Span {
  return { line: 1, column: 1, endLine: 1, endColumn: 1 }
}

function short(name: string): string {
  return name.length > 60 ? `${name.slice(0, 60)}…` : name
}

/** Nesting by indentation, before any token is made. */
function judgeIndent(source: Source): boolean {
  const stack: number[] = []
  let start = 0
  const text = source.text
  while (start <= text.length) {
    let end = text.indexOf('\n', start)
    if (end < 0) end = text.length
    let at = start
    while (at < end && text[at] === ' ') at++
    const indent = at - start
    if (at < end && text[at] !== '#' && text[at] !== '\r') {
      if (indent > MAX_INDENT) {
        problem(source, spanOf(source, start, at), `indented by ${indent} spaces; the limit is ${MAX_INDENT}`)
        return false
      }
      while (stack.length > 0 && stack[stack.length - 1]! >= indent) stack.pop()
      stack.push(indent)
      if (stack.length > MAX_DEPTH) {
        problem(source, spanOf(source, start, at), `nested deeper than ${MAX_DEPTH} levels`)
        return false
      }
    }
    start = end + 1
  }
  return true
}

/** Nesting by brackets and by indicators of one line, tags, directives, aliases. */
function judgeTokens(source: Source): boolean {
  let at = 0
  let flow = 0
  let onLine = 0
  let aliases = 0
  let content = false
  let tokens = 0
  for (const token of new Lexer().lex(source.text)) {
    const first = token[0]
    // Three tokens are signs of the lexer's own and take no room in the text.
    if (token === '\u0002' || token === '\u0018') continue
    if (token === '\u001f') {
      content = true
      continue
    }
    const from = at
    at += token.length
    if (content) {
      content = false
      continue
    }
    let message = ''
    if (token === '[' || token === '{') flow++
    else if (token === ']' || token === '}') {
      if (--flow < 0) message = `"${token}" closes nothing`
    } else if (first === '\n' || first === '\r') onLine = 0
    else if (token === '-' || token === '?' || token === ':') onLine++
    else if (first === '!') message = `tag "${token.slice(0, 40)}" is not supported`
    else if (first === '%') message = `directive "${token.slice(0, 40)}" is not supported`
    else if (first === '*' && ++aliases > MAX_ALIASES) message = `more than ${MAX_ALIASES} aliases`
    if (++tokens > MAX_TOKENS) message = `more than ${MAX_TOKENS} words and signs`
    if (flow > MAX_DEPTH || onLine > MAX_DEPTH * 2) message = `nested deeper than ${MAX_DEPTH} levels`
    if (message !== '') {
      problem(source, spanOf(source, from, at), message)
      return false
    }
  }
  return true
}

/** Where the quote or bracket that lacks its other end at `end` was opened; -1 where that is not what is wrong. */
function openedAt(doc: Document.Parsed, end: number): number {
  const error = doc.errors.find((one) => one.pos[0] === end)
  if (error === undefined || !/Missing closing|end with a/.test(error.message)) return -1
  let from = -1
  const look = (_: unknown, node: ParsedNode) => {
    const quoted = isScalar(node) ? /^QUOTE/.test(node.type ?? '') : 'flow' in node && node.flow === true
    if (quoted && node.range[1] === end) from = node.range[0]
  }
  visit(doc as Document, { Scalar: look as never, Collection: look as never })
  return from
}

/** The reader's message, the few that a learner meets made plainer. */
function yamlWords(code: string, message: string): string {
  if (code === 'TAB_AS_INDENT') return 'a tab cannot indent in YAML: use spaces'
  if (code === 'BAD_INDENT') return 'this line is indented neither like the lines above nor deeper'
  return message.split('\n')[0] ?? code
}
