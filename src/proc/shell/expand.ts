/**
 * Word expansion (POSIX.1-2024 2.6): tilde, parameters, command substitution, arithmetic, field splitting, pathnames,
 * quote removal; braces in bash. A command substitution that has not run yet is asked for by `need`; the caller runs it
 * and expands again from the start, with its output in `subs`.
 */
import { nextUint32 } from '../../base/rng.ts'
import { hostnameOf } from '../../run/containerlife.ts'
import { pidShown } from '../../run/process.ts'
import { listDir, resolvePath, statFile } from '../../run/files.ts'
import type { ProcCtx } from '../../run/types.ts'
import { evalArith } from './arith.ts'
import type { Part, Seq, Word } from './ast.ts'
import { isPattern, matchPattern, quotePattern } from './pattern.ts'
import type { ShellState } from './state.ts'
import { getVar, isSet, setVar, VALUE_MAX } from './state.ts'

export interface Expansion {
  ctx: ProcCtx
  st: ShellState
  /** Outputs of the command substitutions so far, in order. */
  subs: readonly string[]
  used: number
  need: Seq | undefined
  /** Message of the mistake that ends the command, '' for none, and the status it gives a bash. */
  error: string
  code: number
  /** Variables before the expansion began, where a substitution may make it begin again. */
  before: Map<string, string> | undefined
}

/** Fields that one word may give. */
const FIELDS_MAX = 20_000

interface Piece {
  s: string
  /** Quoted: not split, no pattern. */
  q: boolean
  /** The result of an expansion outside quotes. */
  split: boolean
  /** Ends the field (between the parameters of `$@`). */
  end: boolean
}

export function createExpansion(ctx: ProcCtx, st: ShellState, subs: readonly string[]): Expansion {
  return { ctx, st, subs, used: 0, need: undefined, error: '', code: 1, before: new Map(st.vars) }
}

/** Undoes what a half-done expansion assigned, so that it can begin again. */
export function rollBack(x: Expansion): void {
  if (x.before !== undefined) x.st.vars = x.before
}

/** Words to fields: what a simple command's arguments are. */
export function expandFields(x: Expansion, words: readonly Word[]): string[] {
  const fields: string[] = []
  for (const word of words) {
    for (const one of x.st.dialect === 'bash' ? braces(word, 0) : [word]) {
      if (fields.length < FIELDS_MAX) fields.push(...splitFields(x, piecesOf(x, one, false)))
      if (x.need !== undefined || x.error !== '') return fields
    }
  }
  return fields
}

/** One word to one string, without splitting and pathnames: assignments, redirections, `case` words. */
export function expandString(x: Expansion, word: Word): string {
  return joined(piecesOf(x, word, false))
}

/** One word to a pattern: what was quoted stands for itself. */
export function expandPattern(x: Expansion, word: Word): string {
  return piecesOf(x, word, false)
    .map((piece) => (piece.q ? quotePattern(piece.s) : piece.s))
    .join('')
}

function joined(pieces: readonly Piece[]): string {
  return pieces
    .map((piece) => piece.s)
    .join('')
    .slice(0, VALUE_MAX)
}

function piecesOf(x: Expansion, word: Word, inner: boolean): Piece[] {
  const pieces: Piece[] = []
  for (let i = 0; i < word.length && x.need === undefined && x.error === ''; i++) {
    const part = word[i]!
    if (part.t === 'lit') {
      const s = i === 0 && !part.q && !inner ? tilde(x.st, part.s) : part.s
      pieces.push({ s, q: part.q, split: false, end: false })
    } else if (part.t === 'var') variablePieces(x, part, pieces)
    else if (part.t === 'arith') {
      const s = arithmetic(x, expandString(x, part.body))
      pieces.push({ s, q: part.q, split: !part.q, end: false })
    } else if (x.used < x.subs.length) {
      pieces.push({ s: x.subs[x.used++]!, q: part.q, split: !part.q, end: false })
    } else x.need = part.body
  }
  return pieces
}

function tilde(st: ShellState, s: string): string {
  return /^~(\/|$)/.test(s) ? (getVar(st, 'HOME') ?? '/root') + s.slice(1) : s
}

/** Evaluates arithmetic with the shell's variables; a mistake ends the command. */
export function arithmetic(x: Expansion, src: string): string {
  const get = (name: string) => parameter(x, name) ?? ''
  const result = evalArith(src, x.st.dialect, get, (name, value) => setVar(x.st, name, value))
  if (result.error !== '') x.error = result.error
  return String(result.value)
}

function variablePieces(x: Expansion, part: Extract<Part, { t: 'var' }>, pieces: Piece[]): void {
  const { name, op, q } = part
  const { st } = x
  const push = (s: string) => pieces.push({ s, q, split: !q, end: false })
  if ((name === '@' || name === '*') && op === '') {
    if (name === '*' && q) push(st.params.join((getVar(st, 'IFS') ?? ' ')[0] ?? ''))
    else
      st.params.forEach((param, i) => {
        if (i > 0) pieces.push({ s: '', q: false, split: false, end: true })
        push(param)
      })
    return
  }
  const value = parameter(x, name)
  if (op === 'len') {
    push(String((value ?? '').length))
    return
  }
  if (/^:?[-=?+]$/.test(op)) {
    const missing = value === undefined || (op.startsWith(':') && value === '')
    conditional(x, part, value ?? '', missing, pieces)
    return
  }
  if (value === undefined && isSet(st, 'u') && !/^[@*#?$!-]$/.test(name)) {
    x.error = `${name}: ${st.dialect === 'dash' ? 'parameter not set' : 'unbound variable'}`
    x.code = 127
    return
  }
  push(op === '' ? (value ?? '') : trim(value ?? '', op, expandPattern(x, part.arg)))
}

function conditional(
  x: Expansion,
  part: Extract<Part, { t: 'var' }>,
  value: string,
  missing: boolean,
  pieces: Piece[],
): void {
  const kind = part.op.at(-1)
  const { name, q } = part
  if (kind === '+') {
    if (!missing) pieces.push(...argument(x, part))
  } else if (!missing) pieces.push({ s: value, q, split: !q, end: false })
  else if (kind === '-') pieces.push(...argument(x, part))
  else if (kind === '=') {
    const s = expandString(x, part.arg)
    if (x.need === undefined && x.error === '') setVar(x.st, name, s)
    pieces.push({ s, q, split: !q, end: false })
  } else {
    const text = expandString(x, part.arg)
    const unset =
      part.op === '?' || x.st.dialect === 'bash' ? 'parameter not set' : 'parameter not set or null'
    const bash = x.st.dialect === 'bash' && part.op === ':?' ? 'parameter null or not set' : unset
    if (x.need === undefined) x.error = `${name}: ${text === '' ? bash : text}`
    x.code = 127
  }
}

/** The word after `:-`: split outside quotes, except what it quotes itself. */
function argument(x: Expansion, part: Extract<Part, { t: 'var' }>): Piece[] {
  return piecesOf(x, part.arg, part.q).map((piece) => {
    return part.q ? { ...piece, q: true, split: false } : { ...piece, split: !piece.q }
  })
}

function trim(value: string, op: string, pattern: string): string {
  const n = value.length
  const longest = op.length === 2
  if (n > 4096) return value
  for (let k = 0; k <= n; k++) {
    const cut = longest ? n - k : k
    if (op.startsWith('#')) {
      if (matchPattern(pattern, value.slice(0, cut))) return value.slice(cut)
    } else if (matchPattern(pattern, value.slice(n - cut))) return value.slice(0, n - cut)
  }
  return value
}

/** A parameter's value, special ones too; undefined where it is not set. */
export function parameter(x: Expansion, name: string): string | undefined {
  const { st, ctx } = x
  if (/^[0-9]+$/.test(name)) return name === '0' ? st.name : st.params[Number(name) - 1]
  if (name === '?') return String(st.status)
  if (name === '$') return st.vars.get('$') ?? String(ctx.proc.vpid)
  if (name === '!')
    return st.lastBg === 0 ? undefined : String(pidShown(ctx.world, ctx.machine, ctx.proc, st.lastBg))
  if (name === '#') return String(st.params.length)
  if (name === '@' || name === '*') return st.params.length === 0 ? undefined : st.params.join(' ')
  if (name === '-') return st.flags + (st.interactive ? 'i' : '')
  if (name === 'LINENO') return String(st.line)
  const value = getVar(st, name)
  if (value !== undefined || st.dialect === 'dash') return value
  if (name === 'RANDOM') return String(nextUint32(ctx.ns.rng) >>> 17)
  if (name === 'HOSTNAME') return hostnameOf(ctx.machine, ctx.proc)
  if (name === 'UID' || name === 'EUID') return '0'
  if (name === 'SECONDS') return String(Math.floor((ctx.world.now - ctx.proc.startedAt) / 1e9))
  if (name === 'BASHPID') return String(ctx.proc.vpid)
  return undefined
}

function splitFields(x: Expansion, pieces: readonly Piece[]): string[] {
  const ifs = getVar(x.st, 'IFS') ?? ' \t\n'
  const fields: string[] = []
  let text = ''
  let pattern = ''
  let has = false
  const end = () => {
    if (has && fields.length < FIELDS_MAX) fields.push(...pathnames(x, text, pattern))
    text = ''
    pattern = ''
    has = false
  }
  for (const piece of pieces) {
    if (piece.end) {
      end()
      continue
    }
    if (piece.q) has = true
    if (!piece.split) {
      if (piece.s !== '') has = true
      text += piece.s
      pattern += piece.q ? quotePattern(piece.s) : piece.s
      continue
    }
    for (const c of piece.s) {
      if (!ifs.includes(c)) {
        text += c
        pattern += c === '\\' ? '\\\\' : c
        has = true
      } else if (c === ' ' || c === '\t' || c === '\n') end()
      else {
        has = true
        end()
      }
    }
  }
  end()
  return fields
}

function pathnames(x: Expansion, text: string, pattern: string): string[] {
  if (isSet(x.st, 'f') || !isPattern(pattern)) return [text]
  const found = globFiles(x.ctx, pattern)
  return found.length === 0 ? [text] : found
}

/** Files that a pattern names, sorted. */
export function globFiles(ctx: ProcCtx, pattern: string): string[] {
  const parts = pattern.split('/')
  let found = [pattern.startsWith('/') ? '/' : '']
  if (parts[0] === '') parts.shift()
  parts.forEach((part, i) => {
    const last = i === parts.length - 1
    const next: string[] = []
    for (const base of found) {
      if (!isPattern(part)) {
        const name = base + part.replace(/\\([\s\S])/g, '$1')
        if (statFile(ctx, name === '' ? '.' : name) !== undefined) next.push(last ? name : `${name}/`)
        continue
      }
      for (const name of listDir(ctx, resolvePath(ctx.proc.cwd, base === '' ? '.' : base)) ?? []) {
        if (name.startsWith('.') && !part.startsWith('.')) continue
        if (!matchPattern(part, name) || next.length >= FIELDS_MAX) continue
        next.push(last ? base + name : `${base}${name}/`)
      }
    }
    found = next
  })
  return found
}

/** bash's `{a,b}` and `{1..5}`, where the braces stand outside quotes. */
function braces(word: Word, depth: number): Word[] {
  if (depth > 6) return [word]
  for (let i = 0; i < word.length; i++) {
    const part = word[i]!
    if (part.t !== 'lit' || part.q || !part.s.includes('{')) continue
    const match =
      /\{([^{}]*,[^{}]*|-?[0-9]{1,9}\.\.-?[0-9]{1,9}(\.\.[0-9]{1,9})?|[a-zA-Z]\.\.[a-zA-Z])\}/.exec(part.s)
    if (match === null) continue
    const head = part.s.slice(0, match.index)
    const tail = part.s.slice(match.index + match[0].length)
    const words: Word[] = []
    for (const item of braceItems(match[1]!)) {
      const middle: Part = { t: 'lit', s: head + item + tail, q: false }
      words.push(...braces([...word.slice(0, i), middle, ...word.slice(i + 1)], depth + 1))
      if (words.length > FIELDS_MAX) break
    }
    return words
  }
  return [word]
}

function braceItems(body: string): string[] {
  if (body.includes(',')) return body.split(',')
  const [a = '', b = '', by = '1'] = body.split('..')
  const letters = !/[0-9]/.test(a)
  const from = letters ? a.charCodeAt(0) : Number(a)
  const to = letters ? b.charCodeAt(0) : Number(b)
  const step = Math.max(1, Number(by))
  const width = /^-?0[0-9]|^-?[0-9]+$/.test(a) && /^0[0-9]/.test(a) ? a.length : 0
  const items: string[] = []
  for (let k = 0; k * step <= Math.abs(to - from) && k < FIELDS_MAX; k++) {
    const n = from + (to < from ? -1 : 1) * k * step
    items.push(letters ? String.fromCharCode(n) : String(n).padStart(width, '0'))
  }
  return items
}
