/** JSONPath templates as trees. Models client-go util/jsonpath parser.go (1.32). */
import { goUnquote } from './gotext.ts'

export interface Bound {
  readonly known: boolean
  readonly value: number
  /** It follows from the one before: a single element is meant. */
  readonly derived: boolean
}

export type Node =
  | { readonly k: 'text'; readonly text: string }
  | { readonly k: 'list'; readonly nodes: readonly Node[] }
  | { readonly k: 'field'; readonly name: string }
  | { readonly k: 'array'; readonly bounds: readonly [Bound, Bound, Bound] }
  | { readonly k: 'wildcard' }
  | { readonly k: 'recursive' }
  | { readonly k: 'union'; readonly parts: readonly (readonly Node[])[] }
  | {
      readonly k: 'filter'
      readonly left: readonly Node[]
      readonly op: string
      readonly right: readonly Node[]
    }
  | { readonly k: 'value'; readonly value: number | boolean; readonly int: boolean }
  | { readonly k: 'word'; readonly name: string }

export interface Template {
  /** As it was written. */
  readonly text: string
  readonly nodes: readonly Node[]
  /** '' or what is wrong with it */
  readonly error: string
}

interface Wrong {
  readonly wrong: string
}

interface Parser {
  readonly text: string
  at: number
}

function wrong(words: string): never {
  throw { wrong: words } satisfies Wrong
}

/** A template: text with expressions in braces. */
export function parseTemplate(text: string): Template {
  try {
    return { text, nodes: parseAll(text), error: '' }
  } catch (thrown) {
    if (typeof thrown === 'object' && thrown !== null && 'wrong' in thrown) {
      return { text, nodes: [], error: (thrown as Wrong).wrong }
    }
    throw thrown
  }
}

const UNEXPECTED =
  "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'"

/** One expression as sort keys and columns write it: with or without braces and leading dot. */
export function parseRelaxed(text: string): Template {
  if (text === '') return parseTemplate('')
  const found = /^\{\.?([^{}]+)\}$|^\.?([^{}]+)$/.exec(text)
  if (found === null) return { text, nodes: [], error: UNEXPECTED }
  return parseTemplate(`{.${found[1] ?? found[2]}}`)
}

function parseAll(text: string): Node[] {
  const nodes: Node[] = []
  const p: Parser = { text, at: 0 }
  while (p.at < text.length) {
    const brace = text.indexOf('{', p.at)
    const end = brace < 0 ? text.length : brace
    if (end > p.at) nodes.push({ k: 'text', text: text.slice(p.at, end) })
    if (brace < 0) break
    p.at = brace + 1
    nodes.push({ k: 'list', nodes: parseAction(p) })
  }
  return nodes
}

/** An expression of its own: a filter's side, a part of a union. */
function parseInner(text: string): readonly Node[] {
  const [first] = parseAll(`{${text}}`)
  return first?.k === 'list' ? first.nodes : []
}

/** To the closing brace. */
function parseAction(p: Parser): Node[] {
  const nodes: Node[] = []
  for (;;) {
    const rest = p.text.slice(p.at)
    const char = [...rest.slice(0, 2)][0] ?? ''
    if (char === '}') {
      p.at++
      return nodes
    }
    if (rest.startsWith('[?(')) nodes.push(parseFilter(p))
    else if (rest.startsWith('..')) {
      if (nodes.at(-1)?.k === 'recursive') wrong('invalid multiple recursive descent')
      nodes.push({ k: 'recursive' })
      p.at += 2
      if (/^[\p{L}\p{Nd}_]/u.test(rest.slice(2))) nodes.push(parseField(p))
    } else if (char === '' || char === '\r' || char === '\n') wrong('unclosed action')
    else if (char === ' ' || char === '@' || char === '$') p.at++
    else if (char === '[') nodes.push(...parseArray(p))
    else if (char === '"' || char === "'") nodes.push(parseQuote(p, char))
    else if (char === '.') {
      p.at++
      nodes.push(parseField(p))
    } else if (/[-+\p{Nd}]/u.test(char)) nodes.push(parseNumber(p))
    else if (/[\p{L}_]/u.test(char)) nodes.push(parseWord(p))
    else {
      const code = char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')
      wrong(`unrecognized character in action: U+${code} '${char}'`)
    }
  }
}

function parseField(p: Parser): Node {
  const name = /^(?:\\[\s\S]|[^\\\s.,[\]$@{}])*\\?/.exec(p.text.slice(p.at))![0]
  p.at += name.length
  return name === '*' ? { k: 'wildcard' } : { k: 'field', name: name.replaceAll('\\', '') }
}

function parseWord(p: Parser): Node {
  const name = /^[^\s.,[\]$@{}]*/.exec(p.text.slice(p.at))![0]
  p.at += name.length
  return name === 'true' || name === 'false'
    ? { k: 'value', value: name === 'true', int: false }
    : { k: 'word', name }
}

function parseNumber(p: Parser): Node {
  const text = /^[-+]?[.\p{Nd}]*/u.exec(p.text.slice(p.at))![0]
  p.at += text.length
  if (!/^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)$/.test(text)) wrong(`cannot parse number ${text}`)
  return { k: 'value', value: Number(text), int: !text.includes('.') }
}

/** Its end: a quote that no backslash stands before. */
function quoteEnd(text: string, from: number): number {
  for (let i = from + 1; i < text.length && text[i] !== '\n'; i++) {
    if (text[i] === text[from] && text[i - 1] !== '\\') return i
  }
  return wrong('unterminated quoted string')
}

function parseQuote(p: Parser, quote: string): Node {
  const end = quoteEnd(p.text, p.at)
  const text = p.text.slice(p.at, end + 1)
  p.at = end + 1
  // In single quotes a double one may stand as it is, and the other way round.
  const inner = text.slice(1, -1)
  const value = goUnquote(`${quote}${inner}${quote}`)
  if (value === undefined) wrong(`unquote string ${text} error invalid syntax`)
  return { k: 'text', text: value! }
}

function parseArray(p: Parser): Node[] {
  const found = /^\[[^\]\n]*\]/.exec(p.text.slice(p.at))
  if (found === null) wrong('unterminated array')
  p.at += found![0].length
  const inner = found![0].slice(1, -1)
  const text = inner === '*' ? ':' : inner
  const parts = text.split(',')
  if (parts.length > 1) {
    return [{ k: 'union', parts: parts.map((part) => parseInner(`[${part.replace(/^ +| +$/g, '')}]`)) }]
  }
  const key = /^'([^']*)'$/.exec(text)
  if (key !== null) return [...parseInner(`.${key[1]}`)]
  const slice = /^(-?[0-9]*)(:-?[0-9]*)?(:-?[0-9]*)?$/.exec(text)
  if (slice === null) return wrong(`invalid array index ${text}`)
  const number = (digits: string): number =>
    digits === '-' ? wrong(`array index ${digits} is not a number`) : Number(digits)
  const from = slice[1] ?? ''
  const first = { known: from !== '', value: from === '' ? 0 : number(from), derived: false }
  const bound = (given: string | undefined, missing: Bound): Bound => {
    if (given === undefined) return missing
    const digits = given.slice(1)
    return { known: digits !== '', value: digits === '' ? 0 : number(digits), derived: false }
  }
  const last = bound(slice[2], { known: true, value: first.value + 1, derived: true })
  const step = bound(slice[3], { known: false, value: 0, derived: false })
  return [{ k: 'array', bounds: [first, last, step] }]
}

function parseFilter(p: Parser): Node {
  const start = p.at + 3
  let [begun, ended] = [false, false]
  let pair = ''
  let i = start
  for (; ; i++) {
    const char = p.text[i]
    if (char === undefined || char === '\n') wrong('unterminated filter')
    if (char === '"' || char === "'") {
      if (!begun) {
        begun = true
        pair = char
      } else if (p.text[i - 1] !== '\\' && char === pair) ended = true
    } else if (char === ')' && begun === ended) break
  }
  if (p.text[i + 1] !== ']') wrong('unclosed array expect ]')
  p.at = i + 2
  const text = p.text.slice(start, i)
  const compared = /^([^!<>=]+)([!<>=]+)(.+?)$/.exec(text)
  if (compared === null) return { k: 'filter', left: parseInner(text), op: 'exists', right: [] }
  return { k: 'filter', left: parseInner(compared[1]!), op: compared[2]!, right: parseInner(compared[3]!) }
}
