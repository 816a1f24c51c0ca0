/**
 * A YAML document as the JSON that an API server is sent, with the place of every field. Words that YAML 1.1 takes for
 * booleans are booleans, as in kubectl's reader. Keys may be anything; a key twice is refused.
 */
import type { Document, ParsedNode } from 'yaml'
import { isMap, isScalar, isSeq } from 'yaml'
import type { Json, JsonObject } from '../kube/types.ts'
import { MAX_DEPTH } from './limits.ts'
import type { Span } from './types.ts'
import type { Source } from './yaml.ts'
import { keyText, problem, resolved, spanOfNode } from './yaml.ts'

const YES = /^(y|Y|yes|Yes|YES|on|On|ON)$/
const NO = /^(n|N|no|No|NO|off|Off|OFF)$/

/** The document's value; undefined (and said) where it is no mapping or holds what JSON cannot. */
export function jsonDocument(
  source: Source,
  doc: Document.Parsed,
): { value: JsonObject; spans: Map<string, Span> } | undefined {
  const spans = new Map<string, Span>()
  const before = source.diagnostics.length
  const value = convert(source, doc, doc.contents, '', spans, 0)
  if (source.diagnostics.length > before) return undefined
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return { value: value as JsonObject, spans }
}

function convert(
  source: Source,
  doc: Document.Parsed,
  raw: ParsedNode | null,
  path: string,
  spans: Map<string, Span>,
  depth: number,
): Json {
  const node = resolved(source, raw, doc)
  if (node === null) return null
  if (raw !== null && !spans.has(path)) spans.set(path, spanOfNode(source, raw))
  if (depth > MAX_DEPTH) {
    problem(source, spanOfNode(source, node), 'nested too deeply')
    return null
  }
  if (isMap(node)) return convertMap(source, doc, node, path, spans, depth)
  if (isSeq(node)) {
    return node.items.map((item, at) =>
      convert(source, doc, item as ParsedNode, `${path}[${at}]`, spans, depth + 1),
    )
  }
  return isScalar(node) ? scalar(source, node) : null
}

function convertMap(
  source: Source,
  doc: Document.Parsed,
  node: Extract<ParsedNode, { items: unknown[] }>,
  path: string,
  spans: Map<string, Span>,
  depth: number,
): JsonObject {
  const entries: [string, Json][] = []
  const seen = new Set<string>()
  for (const pair of node.items as { key: ParsedNode; value: ParsedNode | null }[]) {
    const name = keyText(pair.key)
    if (name === undefined) {
      problem(source, spanOfNode(source, pair.key), 'a key must be a string')
      continue
    }
    if (seen.has(name)) {
      problem(source, spanOfNode(source, pair.key), `key "${name.slice(0, 60)}" already set in map`)
      continue
    }
    seen.add(name)
    const at = childPath(path, name)
    spans.set(at, spanOfNode(source, pair.value ?? pair.key))
    entries.push([name, convert(source, doc, pair.value, at, spans, depth + 1)])
  }
  // Own properties whatever their name: assigning `__proto__` would change the object's prototype instead.
  return Object.fromEntries(entries)
}

/** Paths as field errors write them: keys of labels and the like stand in brackets. */
function childPath(path: string, name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return path === '' ? name : `${path}.${name}`
  return `${path}[${name}]`
}

function scalar(source: Source, node: Extract<ParsedNode, { value: unknown }>): Json {
  const { value } = node as { value: unknown }
  const plain = (node as { type?: string }).type === 'PLAIN'
  if (typeof value === 'string') {
    if (plain && YES.test(value)) return true
    if (plain && NO.test(value)) return false
    return value
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    problem(source, spanOfNode(source, node as ParsedNode), 'json: unsupported value: a number that is none')
    return null
  }
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value
  if (typeof value === 'bigint') return Number(value)
  return String(value)
}
