/** Go templates as trees. Models text/template/parse (Go 1.23). */
import type { Token } from './gotemplate-lex.ts'
import { lexTemplate } from './gotemplate-lex.ts'
import { quote as goQuote } from '../../../kube/api/fields.ts'
import { goUnquote } from './gotext.ts'

interface At {
  readonly at: number
}

export type Operand = At &
  (
    | { readonly k: 'field'; readonly names: readonly string[] }
    | { readonly k: 'variable'; readonly names: readonly string[] }
    | { readonly k: 'chain'; readonly of: Operand; readonly names: readonly string[] }
    | { readonly k: 'function'; readonly name: string }
    | { readonly k: 'dot' | 'nil' }
    | { readonly k: 'bool'; readonly value: boolean }
    | { readonly k: 'string'; readonly value: string; readonly text: string }
    | { readonly k: 'number'; readonly value: number; readonly float: boolean; readonly text: string }
    | Pipe
  )

export interface Command extends At {
  readonly args: readonly Operand[]
}

export interface Pipe extends At {
  readonly k: 'pipe'
  readonly decl: readonly string[]
  readonly assign: boolean
  readonly commands: readonly Command[]
}

export type Node = At &
  (
    | { readonly k: 'text'; readonly text: string }
    | { readonly k: 'action'; readonly pipe: Pipe }
    | {
        readonly k: 'if' | 'with' | 'range'
        readonly pipe: Pipe
        readonly list: Node[]
        readonly other: Node[]
      }
    | { readonly k: 'template'; readonly name: string; readonly pipe: Pipe | undefined }
    | { readonly k: 'break' | 'continue' }
  )

export interface Parsed {
  readonly main: readonly Node[]
  readonly defined: ReadonlyMap<string, readonly Node[]>
  /** '' or what is wrong, in Go's words */
  readonly error: string
}

interface Parser {
  readonly name: string
  readonly functions: readonly string[]
  readonly tokens: readonly Token[]
  at: number
  actionLine: number
  vars: string[]
  ranges: number
  readonly defined: Map<string, readonly Node[]>
}

interface Wrong {
  readonly wrong: string
}

/** A template's tree; `name` stands in its errors. */
export function parseGoTemplate(name: string, text: string, functions: readonly string[]): Parsed {
  const tokens = lexTemplate(text)
  const defined = new Map<string, readonly Node[]>()
  const p: Parser = { name, functions, tokens, at: 0, actionLine: 0, vars: ['$'], ranges: 0, defined }
  try {
    const { list, end } = parseList(p, true)
    if (end !== 'eof') wrong(p, `unexpected {{${end}}}`)
    return { main: list, defined, error: '' }
  } catch (thrown) {
    if (typeof thrown === 'object' && thrown !== null && 'wrong' in thrown) {
      return { main: [], defined, error: (thrown as Wrong).wrong }
    }
    throw thrown
  }
}

function wrong(p: Parser, words: string): never {
  const token = p.tokens[Math.min(Math.max(0, p.at - 1), p.tokens.length - 1)]
  throw { wrong: `template: ${p.name}:${token?.line ?? 1}: ${words}` } satisfies Wrong
}

function peek(p: Parser): Token {
  return p.tokens[Math.min(p.at, p.tokens.length - 1)]!
}

function next(p: Parser): Token {
  const token = peek(p)
  p.at = Math.min(p.at + 1, p.tokens.length)
  return token
}

function nextSolid(p: Parser): Token {
  let token = next(p)
  while (token.type === 'space') token = next(p)
  return token
}

function peekSolid(p: Parser): Token {
  while (peek(p).type === 'space') p.at++
  return peek(p)
}

function shown(token: Token): string {
  if (token.type === 'eof') return 'EOF'
  if (['keyword', 'dot', 'nil'].includes(token.type)) return `<${token.text}>`
  return [...token.text].length > 10
    ? `${goQuote([...token.text].slice(0, 10).join(''))}...`
    : goQuote(token.text)
}

function unexpected(p: Parser, token: Token, context: string): never {
  if (token.type === 'error') {
    const elsewhere = p.actionLine !== 0 && p.actionLine !== token.line
    const started = ` in action started at ${p.name}:${p.actionLine}`
    const extra = !elsewhere ? '' : token.text.endsWith(' action') ? started.slice(10) : started
    return wrong(p, `${token.text}${extra}`)
  }
  return wrong(p, `unexpected ${shown(token)} in ${context}`)
}

type End = 'eof' | 'end' | 'else'

function parseList(p: Parser, top: boolean): { list: Node[]; end: End; at: number } {
  const list: Node[] = []
  for (;;) {
    const token = next(p)
    if (token.type === 'eof') return top ? { list, end: 'eof', at: token.at } : wrong(p, 'unexpected EOF')
    if (token.type === 'text') list.push({ k: 'text', text: token.text, at: token.at })
    else if (token.type === 'left') {
      p.actionLine = token.line
      const made = parseAction(p, top)
      p.actionLine = 0
      if (typeof made === 'string') return { list, end: made, at: token.at }
      if (made !== undefined) list.push(made)
    } else unexpected(p, token, 'input')
  }
}

function parseAction(p: Parser, top: boolean): Node | 'end' | 'else' | undefined {
  const first = peekSolid(p)
  if (first.type !== 'keyword') {
    const at = first.at
    return { k: 'action', pipe: parsePipe(p, 'command', 'right'), at }
  }
  nextSolid(p)
  switch (first.text) {
    case 'if':
    case 'with':
    case 'range':
      return parseControl(p, first.text)
    case 'end':
      expectRight(p, 'end')
      return 'end'
    case 'else': {
      const follows = peekSolid(p)
      if (follows.type === 'keyword' && (follows.text === 'if' || follows.text === 'with')) return 'else'
      expectRight(p, 'else')
      return 'else'
    }
    case 'break':
    case 'continue': {
      const token = nextSolid(p)
      if (token.type !== 'right') unexpected(p, token, `{{${first.text}}}`)
      if (p.ranges === 0) wrong(p, `{{${first.text}}} outside {{range}}`)
      return { k: first.text, at: first.at }
    }
    case 'template':
      return parseCall(p)
    case 'define':
      if (!top) unexpected(p, first, 'command')
      parseDefine(p)
      return undefined
    default:
      return parseBlock(p)
  }
}

function expectRight(p: Parser, context: string): void {
  const token = nextSolid(p)
  if (token.type !== 'right') unexpected(p, token, context)
}

function parseControl(p: Parser, k: 'if' | 'with' | 'range'): Node {
  const depth = p.vars.length
  const pipe = parsePipe(p, k, 'right')
  if (k === 'range') p.ranges++
  const { list, end } = parseList(p, false)
  if (k === 'range') p.ranges--
  let other: Node[] = []
  if (end === 'else') {
    const follows = peekSolid(p)
    // {{else if}} is {{else}}{{if}} with one {{end}} for both.
    if (p.tokens[p.at - 1]?.type !== 'right' && follows.type === 'keyword' && k !== 'range') {
      if (follows.text !== k) unexpected(p, next(p), 'else')
      nextSolid(p)
      other = [parseControl(p, k)]
      p.vars.length = depth
      return { k, pipe, list, other, at: pipe.at }
    }
    const rest = parseList(p, false)
    if (rest.end !== 'end') wrong(p, 'expected end; found {{else}}')
    other = rest.list
  }
  p.vars.length = depth
  return { k, pipe, list, other, at: pipe.at }
}

function templateName(p: Parser, context: string): string {
  const token = nextSolid(p)
  if (token.type !== 'string' && token.type !== 'rawString') unexpected(p, token, context)
  return goUnquote(token.text) ?? ''
}

function parseCall(p: Parser): Node {
  const { at } = peekSolid(p)
  const name = templateName(p, 'template clause')
  if (peekSolid(p).type === 'right') {
    nextSolid(p)
    return { k: 'template', name, pipe: undefined, at }
  }
  return { k: 'template', name, pipe: parsePipe(p, 'template clause', 'right'), at }
}

function parseDefine(p: Parser): void {
  const name = templateName(p, 'define clause')
  expectRight(p, 'define clause')
  const vars = p.vars
  p.vars = ['$']
  const { list, end } = parseList(p, false)
  if (end !== 'end') wrong(p, 'unexpected {{else}} in define clause')
  p.vars = vars
  define(p, name, list)
}

function define(p: Parser, name: string, list: readonly Node[]): void {
  const empty = list.every((one) => one.k === 'text' && one.text.trim() === '')
  const old = p.defined.get(name)
  const filled = old?.some((one) => one.k !== 'text' || one.text.trim() !== '') ?? false
  if (filled && !empty) wrong(p, `template: multiple definition of template ${goQuote(name)}`)
  if (!filled || !empty) p.defined.set(name, list)
}

function parseBlock(p: Parser): Node {
  const { at } = peekSolid(p)
  const name = templateName(p, 'block clause')
  const pipe = parsePipe(p, 'block clause', 'right')
  const vars = p.vars
  p.vars = ['$']
  const { list, end } = parseList(p, false)
  if (end !== 'end') wrong(p, 'unexpected {{else}} in block clause')
  p.vars = vars
  define(p, name, list)
  return { k: 'template', name, pipe, at }
}

function parsePipe(p: Parser, context: string, end: 'right' | ')'): Pipe {
  const { at } = peekSolid(p)
  const { decl, assign } = parseDeclarations(p, context)
  const commands: Command[] = []
  for (;;) {
    const token = nextSolid(p)
    if (token.type === end) {
      if (commands.length === 0) wrong(p, `missing value for ${context}`)
      const bad = commands.findIndex(
        ({ args }, i) => i > 0 && ['bool', 'dot', 'nil', 'number', 'string'].includes(args[0]!.k),
      )
      if (bad > 0) wrong(p, `non executable command in pipeline stage ${bad + 1}`)
      return { k: 'pipe', decl, assign, commands, at }
    }
    const starts = [
      'bool', 'char', 'dot', 'field', 'identifier', 'number', 'nil', 'rawString', 'string', 'variable', '(',
    ] // biome-ignore format: one list
    if (!starts.includes(token.type)) unexpected(p, token, context)
    p.at--
    commands.push(parseCommand(p))
  }
}

/** `$a := `, `$a, $b := ` (in range), `$a = ` */
function parseDeclarations(p: Parser, context: string): { decl: string[]; assign: boolean } {
  const decl: string[] = []
  for (;;) {
    const start = p.at
    const token = peekSolid(p)
    if (token.type !== 'variable') return { decl, assign: false }
    next(p)
    const follows = peekSolid(p)
    if (follows.type === ':=' || follows.type === '=') {
      nextSolid(p)
      decl.push(token.text)
      if (follows.type === ':=') p.vars.push(...decl)
      else for (const one of decl) needVariable(p, one)
      return { decl, assign: follows.type === '=' }
    }
    if (follows.type === ',' && context === 'range' && decl.length === 0) {
      nextSolid(p)
      decl.push(token.text)
      continue
    }
    if (follows.type === ',') wrong(p, `too many declarations in ${context}`)
    p.at = start
    return { decl, assign: false }
  }
}

function needVariable(p: Parser, name: string): void {
  if (!p.vars.includes(name)) wrong(p, `undefined variable ${goQuote(name)}`)
}

function parseCommand(p: Parser): Command {
  const { at } = peekSolid(p)
  const args: Operand[] = []
  for (;;) {
    peekSolid(p)
    const operand = parseOperand(p)
    if (operand !== undefined) args.push(operand)
    const token = next(p)
    if (token.type === 'space') continue
    if (token.type === 'right' || token.type === ')') p.at--
    else if (token.type !== 'pipe') unexpected(p, token, 'operand')
    break
  }
  if (args.length === 0) wrong(p, 'empty command')
  return { args, at }
}

function parseOperand(p: Parser): Operand | undefined {
  const term = parseTerm(p)
  if (term === undefined || peek(p).type !== 'field') return term
  const { at } = peek(p)
  const names: string[] = []
  while (peek(p).type === 'field') names.push(next(p).text.slice(1))
  if (term.k === 'field' || term.k === 'variable') return { ...term, names: [...term.names, ...names], at }
  if (['bool', 'string', 'number', 'nil', 'dot'].includes(term.k)) {
    wrong(p, `unexpected . after term ${goQuote(nodeText(term))}`)
  }
  return { k: 'chain', of: term, names, at }
}

function parseTerm(p: Parser): Operand | undefined {
  const token = nextSolid(p)
  const { at, text } = token
  switch (token.type) {
    case 'identifier':
      if (!p.functions.includes(text)) wrong(p, `function ${goQuote(text)} not defined`)
      return { k: 'function', name: text, at }
    case 'dot':
    case 'nil':
      return { k: token.type, at }
    case 'variable':
      needVariable(p, text)
      return { k: 'variable', names: [text], at }
    case 'field':
      return { k: 'field', names: [text.slice(1)], at }
    case 'bool':
      return { k: 'bool', value: text === 'true', at }
    case 'char':
    case 'number':
      return numberOf(p, token)
    case '(':
      return parsePipe(p, 'parenthesized pipeline', ')')
    case 'string':
    case 'rawString': {
      const value = goUnquote(text)
      if (value === undefined) wrong(p, 'invalid syntax')
      return { k: 'string', value: value!, text, at }
    }
    default:
      p.at--
      return undefined
  }
}

function numberOf(p: Parser, { type, text, at }: Token): Operand {
  if (type === 'char') {
    const value = goUnquote(text)
    if (value === undefined || [...value].length !== 1) wrong(p, `malformed character constant: ${text}`)
    return { k: 'number', value: value!.codePointAt(0)!, float: false, text, at }
  }
  const plain = text.replaceAll('_', '')
  const [, sign = '', digits = ''] = /^([-+]?)(.*)$/.exec(plain)!
  const octal = /^0[0-7]+$/.test(digits)
  const value = Number(octal ? `0o${digits.slice(1)}` : digits) * (sign === '-' ? -1 : 1)
  if (digits === '' || digits === '.' || Number.isNaN(value))
    wrong(p, `illegal number syntax: ${goQuote(text)}`)
  const float = !/^0[xX]/.test(digits) && /[.eEpP]/.test(digits)
  return { k: 'number', value, float, text, at }
}

/** A node as it was written, as errors show it. */
export function nodeText(node: Operand | Command | Node): string {
  if (!('k' in node))
    return node.args.map((one) => (one.k === 'pipe' ? `(${nodeText(one)})` : nodeText(one))).join(' ')
  switch (node.k) {
    case 'field':
      return node.names.map((name) => `.${name}`).join('')
    case 'variable':
      return node.names.join('.')
    case 'chain': {
      const of = nodeText(node.of)
      return `${node.of.k === 'pipe' ? `(${of})` : of}${node.names.map((name) => `.${name}`).join('')}`
    }
    case 'function':
      return node.name
    case 'dot':
      return '.'
    case 'bool':
      return String(node.value)
    case 'string':
    case 'number':
      return node.text
    case 'pipe': {
      const decl = node.decl.length === 0 ? '' : `${node.decl.join(', ')} ${node.assign ? '=' : ':='} `
      return decl + node.commands.map(nodeText).join(' | ')
    }
    case 'text':
      return node.text
    case 'action':
      return `{{${nodeText(node.pipe)}}}`
    case 'template': {
      const pipe = node.pipe === undefined ? '' : ` ${nodeText(node.pipe)}`
      return `{{template ${goQuote(node.name)}${pipe}}}`
    }
    case 'if':
    case 'with':
    case 'range': {
      const other = node.other.length === 0 ? '' : `{{else}}${node.other.map(nodeText).join('')}`
      return `{{${node.k} ${nodeText(node.pipe)}}}${node.list.map(nodeText).join('')}${other}{{end}}`
    }
    case 'nil':
      return 'nil'
    default:
      return `{{${node.k}}}`
  }
}
