/** JSONPath templates as kubectl reads them. Models client-go util/jsonpath (1.32). Not here: functions, script filters. */
import type { Json, JsonObject } from '../../../kube/types.ts'
import { field, isRecord } from '../../../kube/types.ts'
import { compactJson } from './yaml.ts'

type Node =
  | { k: 'text'; text: string }
  | { k: 'list'; nodes: Node[] }
  | { k: 'field'; name: string }
  | { k: 'index'; from: number | undefined; to: number | undefined; step: number; slice: boolean }
  | { k: 'wildcard' }
  | { k: 'recursive' }
  | { k: 'union'; parts: Node[][] }
  | { k: 'filter'; left: Node[]; op: string; right: Node[] }
  | { k: 'value'; value: Json }
  | { k: 'root' }
  | { k: 'current' }
  | { k: 'range'; path: Node[]; body: Node[] }

export interface Template {
  readonly nodes: readonly Node[]
  /** '' or what is wrong with it */
  readonly error: string
}

/** A template: text with expressions in braces. */
export function parseTemplate(text: string): Template {
  const nodes: Node[] = []
  const open: Node[][] = [nodes]
  let at = 0
  while (at < text.length) {
    const brace = text.indexOf('{', at)
    const plain = brace < 0 ? text.slice(at) : text.slice(at, brace)
    if (plain !== '') open.at(-1)!.push({ k: 'text', text: plain })
    if (brace < 0) break
    const end = closing(text, brace)
    if (end < 0) {
      const inArray = text.lastIndexOf('[') > Math.max(brace, text.lastIndexOf(']'))
      return { nodes: [], error: inArray ? 'unterminated array' : 'unclosed action' }
    }
    const inner = text.slice(brace + 1, end).trim()
    at = end + 1
    if (inner === 'end') {
      if (open.length === 1) return { nodes: [], error: 'not in range, nothing to end' }
      open.pop()
    } else if (/^range[ \t]/.test(inner)) {
      const path = parsePath(inner.slice(6).trim())
      if (typeof path === 'string') return { nodes: [], error: path }
      const body: Node[] = []
      open.at(-1)!.push({ k: 'range', path, body })
      open.push(body)
    } else {
      const list = parsePath(inner)
      if (typeof list === 'string') return { nodes: [], error: list }
      open.at(-1)!.push({ k: 'list', nodes: list })
    }
  }
  return open.length > 1 ? { nodes: [], error: 'unclosed range' } : { nodes, error: '' }
}

/** One expression as sort keys and columns write it: with or without braces and leading dot. */
export function parseRelaxed(text: string): Template {
  const inner = text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text
  const dotted = inner.startsWith('.') || inner.startsWith('[') || inner.startsWith('$') ? inner : `.${inner}`
  return parseTemplate(`{${dotted}}`)
}

/** The text of a template for a value. Missing keys give nothing. */
export function runTemplate(template: Template, value: Json): string {
  return run(template.nodes, value, value)
}

/** The values that a template's expressions find. */
export function findAll(template: Template, value: Json): Json[] {
  return template.nodes.flatMap((node) => (node.k === 'list' ? walk(node.nodes, [value], value) : []))
}

/** A value as a template prints it. */
export function valueText(value: Json): string {
  if (typeof value === 'string') return value
  if (value === null) return '<nil>'
  return typeof value === 'object' ? compactJson(value) : String(value)
}

function run(nodes: readonly Node[], value: Json, root: Json): string {
  let result = ''
  for (const node of nodes) {
    if (node.k === 'text') result += node.text
    else if (node.k === 'list') {
      const found = walk(node.nodes, [value], root)
      result += found.map((one) => (one === null ? '' : valueText(one))).join(' ')
    } else if (node.k === 'range') {
      for (const one of walk(node.path, [value], root)) result += run(node.body, one, root)
    }
  }
  return result
}

function walk(nodes: readonly Node[], start: readonly Json[], root: Json): Json[] {
  let values: Json[] = [...start]
  for (const node of nodes) values = values.flatMap((value) => step(node, value, root))
  return values
}

function step(node: Node, value: Json, root: Json): Json[] {
  switch (node.k) {
    case 'root':
      return [root]
    case 'current':
      return [value]
    case 'value':
      return [node.value]
    case 'field': {
      const found = field(value, node.name)
      return found === undefined ? [] : [found]
    }
    case 'wildcard':
      return childrenOf(value)
    case 'recursive':
      return descendants(value)
    case 'index':
      return Array.isArray(value) ? sliceOf(value as Json[], node) : []
    case 'union':
      return node.parts.flatMap((part) => walk(part, [value], root))
    case 'filter': {
      const all = Array.isArray(value) ? (value as Json[]) : isRecord(value) ? childrenOf(value) : []
      return all.filter((one) => holds(node, one, root))
    }
    default:
      return []
  }
}

function childrenOf(value: Json): Json[] {
  if (Array.isArray(value)) return [...(value as Json[])]
  if (!isRecord(value)) return []
  return Object.keys(value)
    .sort()
    .map((key) => (value as JsonObject)[key] ?? null)
}

function descendants(value: Json): Json[] {
  return [value, ...childrenOf(value).flatMap(descendants)]
}

function sliceOf(list: Json[], { from, to, step: by, slice }: Extract<Node, { k: 'index' }>): Json[] {
  if (!slice) {
    const at = from! < 0 ? from! + list.length : from!
    return at < list.length && at >= 0 ? [list[at]!] : []
  }
  const start = from === undefined ? 0 : from < 0 ? from + list.length : from
  const end = to === undefined ? list.length : to < 0 ? to + list.length : Math.min(to, list.length)
  const result: Json[] = []
  for (let i = Math.max(0, start); i < end; i += Math.max(1, by)) result.push(list[i]!)
  return result
}

function holds({ left, op, right }: Extract<Node, { k: 'filter' }>, value: Json, root: Json): boolean {
  const a = walk(left, [value], root)
  if (op === 'exists') return a.length > 0
  const b = walk(right, [value], root)
  if (a.length === 0 || b.length === 0) return false
  const [x, y] = [a[0]!, b[0]!]
  switch (op) {
    case '==':
      return x === y
    case '!=':
      return x !== y
    case '<':
      return x < y
    case '>':
      return x > y
    case '<=':
      return x <= y
    default:
      return x >= y
  }
}

/** The brace that closes the one at `from`; quotes hide braces. */
function closing(text: string, from: number): number {
  let quote = ''
  for (let i = from + 1; i < text.length; i++) {
    const char = text[i]!
    if (quote !== '') {
      if (char === '\\') i++
      else if (char === quote) quote = ''
    } else if (char === '"' || char === "'") quote = char
    else if (char === '}') return i
  }
  return -1
}

/** A path as nodes, or what is wrong with it. */
function parsePath(text: string): Node[] | string {
  const nodes: Node[] = []
  let at = 0
  while (at < text.length) {
    const char = text[at]!
    if (char === ' ' || char === '\t') at++
    else if (char === '$' || char === '@') {
      nodes.push({ k: char === '$' ? 'root' : 'current' })
      at++
    } else if (char === '"' || char === "'") {
      const end = quoteEnd(text, at)
      if (end < 0) return 'unterminated quoted string'
      nodes.push({ k: 'value', value: unquote(text.slice(at, end + 1)) })
      at = end + 1
    } else if (char === '.') {
      if (text[at + 1] === '.') {
        nodes.push({ k: 'recursive' })
        at++
        if (text[at + 1] === '[') at++
        continue
      }
      at++
      if (text[at] === '*') {
        nodes.push({ k: 'wildcard' })
        at++
        continue
      }
      const name = /^(\\.|[^\s.[\](){},'"<>=!|])*/.exec(text.slice(at))![0]
      if (name !== '') nodes.push({ k: 'field', name: name.replace(/\\(.)/g, '$1') })
      at += name.length
    } else if (char === '[') {
      const end = bracketEnd(text, at)
      if (end < 0) return 'unterminated array'
      const node = parseBracket(text.slice(at + 1, end))
      if (typeof node === 'string') return node
      nodes.push(node)
      at = end + 1
    } else if (/[0-9-]/.test(char)) {
      const number = /^-?[0-9]+(\.[0-9]+)?/.exec(text.slice(at))?.[0]
      if (number === undefined) return `unrecognized character in action: U+${hex(char)} '${char}'`
      nodes.push({ k: 'value', value: Number(number) })
      at += number.length
    } else if (/[A-Za-z]/.test(char)) {
      const word = /^[A-Za-z]+/.exec(text.slice(at))![0]
      if (word !== 'true' && word !== 'false') return `unrecognized identifier ${word}`
      nodes.push({ k: 'value', value: word === 'true' })
      at += word.length
    } else return `unrecognized character in action: U+${hex(char)} '${char}'`
  }
  return nodes
}

function hex(char: string): string {
  return char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
}

function quoteEnd(text: string, from: number): number {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === text[from]) return i
  }
  return -1
}

function unquote(text: string): string {
  const named: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' }
  return text.slice(1, -1).replace(/\\(.)/g, (_, char: string) => named[char] ?? char)
}

function bracketEnd(text: string, from: number): number {
  let depth = 0
  for (let i = from; i < text.length; i++) {
    const char = text[i]!
    if (char === '"' || char === "'") {
      const end = quoteEnd(text, i)
      if (end < 0) return -1
      i = end
    } else if (char === '[') depth++
    else if (char === ']' && --depth === 0) return i
  }
  return -1
}

function parseBracket(text: string): Node | string {
  const inner = text.trim()
  if (inner === '*') return { k: 'wildcard' }
  if (inner.startsWith('?(') && inner.endsWith(')')) return parseFilter(inner.slice(2, -1))
  const parts = splitCommas(inner)
  if (parts.length > 1) {
    const lists = parts.map((part) => parseBracket(part))
    const bad = lists.find((one) => typeof one === 'string')
    return typeof bad === 'string' ? bad : { k: 'union', parts: lists.map((one) => [one as Node]) }
  }
  if (/^(['"]).*\1$/s.test(inner)) return { k: 'field', name: unquote(inner) }
  const slice = /^(-?[0-9]*)(?::(-?[0-9]*))?(?::(-?[0-9]*))?$/.exec(inner)
  if (slice === null || inner === '') return `invalid array index ${inner}`
  const number = (one: string | undefined) => (one === undefined || one === '' ? undefined : Number(one))
  return {
    k: 'index',
    from: number(slice[1]),
    to: number(slice[2]),
    step: number(slice[3]) ?? 1,
    slice: inner.includes(':'),
  }
}

function splitCommas(text: string): string[] {
  const parts: string[] = []
  let from = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"' || text[i] === "'") i = Math.max(i, quoteEnd(text, i))
    else if (text[i] === ',') {
      parts.push(text.slice(from, i))
      from = i + 1
    }
  }
  return [...parts, text.slice(from)]
}

function parseFilter(text: string): Node | string {
  const match = /^(.*?)(==|!=|<=|>=|<|>)(.*)$/s.exec(text)
  const left = parsePath((match === null ? text : match[1]!).trim())
  if (typeof left === 'string') return left
  if (match === null) return { k: 'filter', left, op: 'exists', right: [] }
  const right = parsePath(match[3]!.trim())
  return typeof right === 'string' ? right : { k: 'filter', left, op: match[2]!, right }
}
