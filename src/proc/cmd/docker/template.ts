/**
 * Templates of `--format`, the part of Go's text/template that people type: fields, `json`, `index`, `len`, `println`,
 * `join`, `upper`, `lower`, `range … end`, `if … else … end`, `$name := …`, parentheses. What else there is fails as Go's parser words it.
 */
import { refuse } from './state.ts'

type Scope = { dot: unknown; root: unknown; names: Map<string, unknown> }
type Piece = { text: string } | { action: string }

const STEPS_MAX = 10_000

/** The template's text over a value. A fault is docker's. */
export function fillTemplate(template: string, value: unknown): string {
  const pieces: Piece[] = []
  let at = 0
  for (const found of template.matchAll(/\{\{-?\s*([\s\S]*?)\s*-?\}\}/g)) {
    pieces.push({ text: template.slice(at, found.index) }, { action: found[1]! })
    at = found.index + found[0].length
  }
  pieces.push({ text: template.slice(at) })
  const budget = { left: STEPS_MAX }
  return block(pieces, { at: 0 }, { dot: value, root: value, names: new Map() }, true, budget).text
}

/** Runs pieces up to their `end` or `else`; with `live` false they are only passed over. */
function block(
  pieces: readonly Piece[],
  pos: { at: number },
  scope: Scope,
  live: boolean,
  budget: { left: number },
): { text: string; by: string } {
  let text = ''
  while (pos.at < pieces.length) {
    const piece = pieces[pos.at++]!
    if ('text' in piece) {
      if (live) text += piece.text
      continue
    }
    if (budget.left-- <= 0) refuse('template parsing error: too long')
    const { action } = piece
    if (action === 'end' || action === 'else') return { text, by: action }
    const found = /^(range|if|with)\s+([\s\S]+)$/.exec(action)
    if (found === null) {
      if (live) text += one(action, scope)
    } else if (found[1] === 'range') text += rangeBlock(pieces, pos, found[2]!, scope, live, budget)
    else text += ifBlock(pieces, pos, found[1]!, found[2]!, scope, live, budget)
  }
  return { text, by: '' }
}

function rangeBlock(
  pieces: readonly Piece[],
  pos: { at: number },
  head: string,
  scope: Scope,
  live: boolean,
  budget: { left: number },
): string {
  const named = /^\$(\w+)(?:\s*,\s*\$(\w+))?\s*:=\s*([\s\S]+)$/.exec(head)
  const over = live ? evaluate(named?.[3] ?? head, scope) : undefined
  const entries: [unknown, unknown][] = Array.isArray(over)
    ? over.map((item, i) => [i, item])
    : typeof over === 'object' && over !== null
      ? Object.entries(over).sort(([a], [b]) => (a < b ? -1 : 1))
      : []
  const start = pos.at
  let text = ''
  for (const [key, item] of entries) {
    pos.at = start
    const names = new Map(scope.names)
    if (named !== null) {
      if (named[2] === undefined) names.set(named[1]!, item)
      else names.set(named[1]!, key).set(named[2], item)
    }
    text += block(pieces, pos, { ...scope, dot: item, names }, true, budget).text
  }
  pos.at = start
  const passed = block(pieces, pos, scope, false, budget)
  if (passed.by === 'else') text += block(pieces, pos, scope, live && entries.length === 0, budget).text
  return text
}

function ifBlock(
  pieces: readonly Piece[],
  pos: { at: number },
  kind: string,
  condition: string,
  scope: Scope,
  live: boolean,
  budget: { left: number },
): string {
  const value = live ? evaluate(condition, scope) : undefined
  const yes = live && isTrue(value)
  const first = block(pieces, pos, kind === 'with' && yes ? { ...scope, dot: value } : scope, yes, budget)
  if (first.by !== 'else') return first.text
  return first.text + block(pieces, pos, scope, live && !yes, budget).text
}

function one(action: string, scope: Scope): string {
  const set = /^\$(\w+)\s*:?=\s*([\s\S]+)$/.exec(action)
  if (set !== null) {
    scope.names.set(set[1]!, evaluate(set[2]!, scope))
    return ''
  }
  return show(evaluate(action, scope))
}

/** A pipeline: each command's value is the last argument of the next. */
function evaluate(text: string, scope: Scope): unknown {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|`[^`]*`|[()|]|[^\s()|"`]+/g) ?? []
  const pos = { at: 0 }
  const value = pipeline(tokens, pos, scope)
  if (pos.at < tokens.length) unexpected(tokens[pos.at]!)
  return value
}

function pipeline(tokens: readonly string[], pos: { at: number }, scope: Scope): unknown {
  let value: unknown
  let first = true
  for (;;) {
    value = command(tokens, pos, scope, first ? [] : [value])
    first = false
    if (tokens[pos.at] !== '|') return value
    pos.at++
  }
}

function command(tokens: readonly string[], pos: { at: number }, scope: Scope, last: unknown[]): unknown {
  const head = tokens[pos.at]
  if (head === undefined) refuse('template parsing error: template: :1: missing value for command')
  const isName = /^[a-z]\w*$/i.test(head) && !/^(true|false|nil)$/.test(head)
  if (isName) pos.at++
  const args: unknown[] = []
  while (pos.at < tokens.length && tokens[pos.at] !== '|' && tokens[pos.at] !== ')')
    args.push(operand(tokens, pos, scope))
  if (!isName) return args.length === 1 ? args[0] : unexpected(head)
  return call(head, [...args, ...last])
}

function operand(tokens: readonly string[], pos: { at: number }, scope: Scope): unknown {
  const token = tokens[pos.at++]!
  if (token === '(') {
    const value = pipeline(tokens, pos, scope)
    if (tokens[pos.at++] !== ')') refuse('template parsing error: template: :1: unclosed left paren')
    const after = tokens[pos.at]
    if (after === undefined || !/^\.\w/.test(after)) return value
    pos.at++
    return walk(value, after)
  }
  if (/^["`]/.test(token)) return token.startsWith('"') ? JSON.parse(token) : token.slice(1, -1)
  if (/^-?\d+$/.test(token)) return Number(token)
  if (token === 'true' || token === 'false') return token === 'true'
  if (token.startsWith('$')) {
    const name = /^\$(\w*)/.exec(token)![1]!
    const value = name === '' ? scope.root : scope.names.get(name)
    return walk(value, token.slice(name.length + 1))
  }
  if (token.startsWith('.')) return walk(scope.dot, token)
  return unexpected(token)
}

function walk(value: unknown, path: string): unknown {
  let at = value
  for (const name of path.split('.').filter((part) => part !== '')) {
    if (typeof at !== 'object' || at === null) return undefined
    if (!Object.hasOwn(at, name)) {
      if (Object.keys(at).length === 0) return undefined
      refuse(
        `template parsing error: template: :1:2: executing "" at <${path}>: map has no entry for key "${name}"`,
      )
    }
    at = (at as Record<string, unknown>)[name]
  }
  return at
}

function call(name: string, args: unknown[]): unknown {
  const text = (value: unknown) => show(value)
  if (name === 'json') return JSON.stringify(args[0] ?? null)
  if (name === 'println') return `${args.map(text).join(' ')}\n`
  if (name === 'print') return args.map(text).join('')
  if (name === 'len')
    return Array.isArray(args[0]) ? args[0].length : Object.keys((args[0] ?? {}) as object).length
  if (name === 'upper') return text(args[0]).toUpperCase()
  if (name === 'lower') return text(args[0]).toLowerCase()
  if (name === 'join') return ((args[0] ?? []) as unknown[]).map(text).join(text(args[1]))
  if (name === 'slice')
    return text(args[0]).slice(Number(args[1] ?? 0), args[2] === undefined ? undefined : Number(args[2]))
  if (name === 'eq') return args.slice(1).some((one) => one === args[0])
  if (name === 'ne') return args[0] !== args[1]
  if (name === 'not') return !isTrue(args[0])
  if (name === 'index') {
    return args
      .slice(1)
      .reduce((at, key) => (typeof at === 'object' && at !== null ? get(at, key) : undefined), args[0])
  }
  return refuse(`template parsing error: template: :1: function "${name}" not defined`)
}

function get(value: object, key: unknown): unknown {
  return Object.hasOwn(value, String(key)) ? (value as Record<string, unknown>)[String(key)] : undefined
}

function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0
  return value !== undefined && value !== null && value !== false && value !== 0 && value !== ''
}

/** A value as Go prints it. */
function show(value: unknown): string {
  if (value === undefined || value === null) return '<no value>'
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`
  if (typeof value !== 'object') return String(value)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `map[${entries.map(([key, item]) => `${key}:${show(item)}`).join(' ')}]`
}

function unexpected(token: string): never {
  refuse(`template parsing error: template: :1: unexpected "${token}" in operand`)
}
