/**
 * Characters to tokens, on demand: the parser's position decides what a word may be. Models dash 0.5.12 and bash 5.2
 * as far as learners type them. Not here: aliases, history expansion, process substitution.
 */
import type { Dialect, Part, Redir, Seq, SyntaxFault, Word } from './ast.ts'

export interface Token {
  type: 'word' | 'op' | 'newline' | 'eof'
  /** The operator, or the word as it was typed. */
  text: string
  word: Word
  /** A redirection's descriptor in front of the operator, -1 for none. */
  io: number
  from: number
  line: number
}

export interface Lexer {
  src: string
  pos: number
  line: number
  dialect: Dialect
  depth: number
  token: Token | undefined
  fault: SyntaxFault | undefined
  heredocs: { redir: Redir; end: string; quoted: boolean; tabs: boolean }[]
  /** Parses the list inside `$( … )`, up to and with the `)`; set by the parser. */
  parseSub: (lexer: Lexer) => Seq
}

/** Levels of nesting that one input may have, and characters. */
export const DEPTH_MAX = 60
export const SOURCE_MAX = 262_144

const OPERATORS: readonly string[] = [
  '&>>', '<<-', '<<<', '&&', '||', ';;', '<<', '>>', '<&', '>&', '<>', '>|', '&>', '|&', ';', '&', '|', '<', '>', '(', ')',
] // biome-ignore format: one list
const BASH_ONLY: ReadonlySet<string> = new Set(['&>>', '&>', '<<<', '|&'])

export function createLexer(
  src: string,
  dialect: Dialect,
  depth: number,
  parseSub: (lexer: Lexer) => Seq,
): Lexer {
  return { src, pos: 0, line: 1, dialect, depth, token: undefined, fault: undefined, heredocs: [], parseSub }
}

/** Records the first mistake; from then on only `eof` comes. */
export function faultAt(lexer: Lexer, message: string, incomplete = false, echo = false): void {
  lexer.fault ??= { line: lexer.line, message, incomplete, echo }
}

export function peekToken(lexer: Lexer): Token {
  lexer.token ??= readToken(lexer)
  if (lexer.fault !== undefined) return { type: 'eof', text: '', word: [], io: -1, from: 0, line: lexer.line }
  return lexer.token
}

export function nextToken(lexer: Lexer): Token {
  const token = peekToken(lexer)
  lexer.token = undefined
  return token
}

function readToken(lexer: Lexer): Token {
  skipBlanks(lexer)
  const { src, pos: from, line } = lexer
  const make = (type: Token['type'], text: string, word: Word = [], io = -1): Token => {
    return { type, text, word, io, from, line }
  }
  if (from >= src.length) return make('eof', '')
  if (src[from] === '\n') {
    lexer.pos++
    lexer.line++
    readHeredocs(lexer)
    return make('newline', '\n')
  }
  const io = /^[0-9]{1,3}(?=[<>])/.exec(src.slice(from, from + 4))?.[0] ?? ''
  const op = operatorAt(lexer, from + io.length)
  if (op !== '' && (io === '' || /^[<>]/.test(op))) {
    lexer.pos = from + io.length + op.length
    return make('op', op, [], io === '' ? -1 : Number(io))
  }
  const word = readWord(lexer, (c) => /[ \t\r\n;&|<>()]/.test(c))
  return make('word', src.slice(from, lexer.pos), word)
}

function skipBlanks(lexer: Lexer): void {
  const { src } = lexer
  for (;;) {
    const c = src[lexer.pos]
    if (c === ' ' || c === '\t' || c === '\r') lexer.pos++
    else if (c === '\\' && src[lexer.pos + 1] === '\n') {
      lexer.pos += 2
      lexer.line++
    } else if (c === '#') {
      while (lexer.pos < src.length && src[lexer.pos] !== '\n') lexer.pos++
    } else return
  }
}

function operatorAt(lexer: Lexer, at: number): string {
  for (const op of OPERATORS) {
    if (lexer.src.startsWith(op, at) && (lexer.dialect === 'bash' || !BASH_ONLY.has(op))) return op
  }
  return ''
}

/** Reads parts up to an unquoted character that `ends`; `quoted`: inside double quotes or a here-document. */
export function readWord(
  lexer: Lexer,
  ends: (c: string) => boolean,
  quoted = false,
  heredoc = false,
): Part[] {
  const { src } = lexer
  const parts: Part[] = []
  while (lexer.pos < src.length && lexer.fault === undefined) {
    const c = src[lexer.pos]!
    if (ends(c)) break
    if (c === '\n') lexer.line++
    if (c === '\\') readEscape(lexer, parts, quoted, heredoc)
    else if (c === "'" && !quoted) readSingle(lexer, parts)
    else if (c === '"' && !heredoc) readDouble(lexer, parts, quoted)
    else if (c === '$') readDollar(lexer, parts, quoted)
    else if (c === '`') readBackquote(lexer, parts, quoted)
    else {
      addLit(parts, c, quoted)
      lexer.pos++
    }
  }
  return parts
}

function readEscape(lexer: Lexer, parts: Part[], quoted: boolean, heredoc: boolean): void {
  const next = lexer.src[lexer.pos + 1]
  if (next === '\n') {
    lexer.pos += 2
    lexer.line++
  } else if (next === undefined) {
    addLit(parts, '\\', true)
    lexer.pos++
  } else if (quoted && !(heredoc ? '$`\\' : '$`"\\').includes(next)) {
    addLit(parts, '\\', true)
    lexer.pos++
  } else {
    addLit(parts, next, true)
    lexer.pos += 2
  }
}

function readSingle(lexer: Lexer, parts: Part[]): void {
  const end = lexer.src.indexOf("'", lexer.pos + 1)
  if (end < 0) {
    unterminated(lexer, "'")
    return
  }
  const text = lexer.src.slice(lexer.pos + 1, end)
  lexer.line += text.split('\n').length - 1
  parts.push({ t: 'lit', s: text, q: true })
  lexer.pos = end + 1
}

function readDouble(lexer: Lexer, parts: Part[], quoted: boolean): void {
  lexer.pos++
  if (quoted) return
  const inner = readWord(lexer, (c) => c === '"', true)
  const only = inner.length > 0 && inner.every((part) => part.t === 'var' && part.name === '@')
  if (!only) parts.push({ t: 'lit', s: '', q: true })
  parts.push(...inner)
  if (lexer.fault !== undefined) return
  if (lexer.src[lexer.pos] !== '"') unterminated(lexer, '"')
  else lexer.pos++
}

function readDollar(lexer: Lexer, parts: Part[], q: boolean): void {
  const { src, pos } = lexer
  const rest = src.slice(pos + 1, pos + 65)
  const name = /^([A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])/.exec(rest)?.[0]
  if (rest.startsWith('((')) {
    if (readArith(lexer, parts, q)) return
  }
  if (rest.startsWith('(')) {
    lexer.pos = pos + 2
    parts.push({ t: 'sub', body: lexer.parseSub(lexer), q })
  } else if (rest.startsWith('{')) readBraced(lexer, parts, q)
  else if (rest.startsWith("'") && !q && lexer.dialect === 'bash') readAnsi(lexer, parts)
  else if (name !== undefined) {
    const whole = /^[A-Za-z0-9_]*/.exec(src.slice(pos + 1))?.[0] ?? ''
    const full = /^[A-Za-z_]/.test(name) ? whole : name
    parts.push({ t: 'var', name: full, op: '', arg: [], q })
    lexer.pos = pos + 1 + full.length
  } else {
    addLit(parts, '$', q)
    lexer.pos++
  }
}

/** `$(( … ))`; false where the brackets do not close as two, so that it is a command after all. */
function readArith(lexer: Lexer, parts: Part[], q: boolean): boolean {
  const before = { pos: lexer.pos, line: lexer.line, fault: lexer.fault }
  lexer.pos += 3
  const body = readArithBody(lexer)
  if (body === undefined) {
    const { fault } = lexer
    Object.assign(lexer, before)
    if (fault?.incomplete === true) return false
    return false
  }
  parts.push({ t: 'arith', body, q })
  return true
}

/** Up to and with `))`; undefined where there is none. */
export function readArithBody(lexer: Lexer): Word | undefined {
  let depth = 0
  const word = readWord(
    lexer,
    (c) => {
      if (c === '(') depth++
      else if (c === ')' && depth-- === 0) return true
      return false
    },
    true,
  )
  if (lexer.fault !== undefined || !lexer.src.startsWith('))', lexer.pos)) return undefined
  lexer.pos += 2
  return word
}

function readBraced(lexer: Lexer, parts: Part[], q: boolean): void {
  const { src, pos } = lexer
  const head = /^\$\{(#?)([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])/.exec(src.slice(pos, pos + 300))
  if (head === null || lexer.depth > DEPTH_MAX) {
    badSubstitution(lexer)
    return
  }
  lexer.pos += head[0].length
  const name = head[2] ?? ''
  if (head[1] === '#' && src[lexer.pos] === '}') {
    lexer.pos++
    parts.push({ t: 'var', name, op: 'len', arg: [], q })
    return
  }
  const op = /^(:?[-=?+]|##?|%%?|)/.exec(src.slice(lexer.pos, lexer.pos + 2))?.[0] ?? ''
  lexer.pos += op.length
  if (head[1] === '#' || (op === '' && src[lexer.pos] !== '}')) {
    badSubstitution(lexer)
    return
  }
  lexer.depth++
  const pattern = op.startsWith('#') || op.startsWith('%')
  const arg = readWord(lexer, (c) => c === '}', q && !pattern)
  lexer.depth--
  if (lexer.fault !== undefined) return
  if (src[lexer.pos] !== '}') {
    if (lexer.dialect === 'bash') faultAt(lexer, "unexpected EOF while looking for matching `}'", true)
    else faultAt(lexer, "Syntax error: Missing '}'", true)
    return
  }
  lexer.pos++
  parts.push({ t: 'var', name, op, arg, q })
}

/** A bad `${…}` is told when it is expanded, as both shells do. */
function badSubstitution(lexer: Lexer): void {
  if (lexer.src.indexOf('}', lexer.pos) < 0) {
    if (lexer.dialect === 'bash') faultAt(lexer, "unexpected EOF while looking for matching `}'", true)
    else faultAt(lexer, "Syntax error: Missing '}'", true)
    return
  }
  const end = lexer.src.indexOf('}', lexer.pos) + 1
  const text = lexer.src.slice(lexer.src.lastIndexOf('${', lexer.pos), end)
  faultAt(lexer, lexer.dialect === 'bash' ? `${text}: bad substitution` : 'Bad substitution')
}

function readAnsi(lexer: Lexer, parts: Part[]): void {
  const match = /^\$'((?:[^'\\]|\\[\s\S])*)'/.exec(lexer.src.slice(lexer.pos))
  if (match === null) {
    unterminated(lexer, "'")
    return
  }
  const escapes: Record<string, string> = {
    n: '\n',
    t: '\t',
    r: '\r',
    a: '\x07',
    b: '\b',
    e: '\x1b',
    '0': '\0',
  }
  const text = (match[1] ?? '').replace(/\\([\s\S])/g, (_, c: string) => escapes[c] ?? c)
  parts.push({ t: 'lit', s: text, q: true })
  lexer.pos += match[0].length
}

function readBackquote(lexer: Lexer, parts: Part[], q: boolean): void {
  let text = ''
  let at = lexer.pos + 1
  while (at < lexer.src.length && lexer.src[at] !== '`') {
    const next = lexer.src[at + 1]
    if (lexer.src[at] === '\\' && next !== undefined && (q ? '$`\\"' : '$`\\').includes(next)) at++
    text += lexer.src[at]
    at++
  }
  if (at >= lexer.src.length) {
    const bash = "unexpected EOF while looking for matching ``'"
    faultAt(lexer, lexer.dialect === 'bash' ? bash : 'Syntax error: EOF in backquote substitution', true)
    return
  }
  const inner = createLexer(`${text})`, lexer.dialect, lexer.depth, lexer.parseSub)
  inner.line = lexer.line
  const body = lexer.parseSub(inner)
  if (inner.fault !== undefined) lexer.fault ??= { ...inner.fault, incomplete: false }
  lexer.line += text.split('\n').length - 1
  lexer.pos = at + 1
  parts.push({ t: 'sub', body, q })
}

function readHeredocs(lexer: Lexer): void {
  for (const { redir, end, quoted, tabs } of lexer.heredocs.splice(0)) {
    let body = ''
    for (;;) {
      if (lexer.pos >= lexer.src.length) break
      const to = lexer.src.indexOf('\n', lexer.pos)
      let line = lexer.src.slice(lexer.pos, to < 0 ? lexer.src.length : to)
      lexer.pos = to < 0 ? lexer.src.length : to + 1
      lexer.line++
      if (tabs) line = line.replace(/^\t+/, '')
      if (line === end) break
      body += `${line}\n`
    }
    if (quoted) redir.word = [{ t: 'lit', s: body, q: true }]
    else {
      const inner = createLexer(body, lexer.dialect, lexer.depth, lexer.parseSub)
      redir.word = readWord(inner, () => false, true, true)
      if (inner.fault !== undefined) lexer.fault ??= inner.fault
    }
  }
}

function unterminated(lexer: Lexer, quote: string): void {
  const bash = `unexpected EOF while looking for matching \`${quote}'`
  faultAt(lexer, lexer.dialect === 'bash' ? bash : 'Syntax error: Unterminated quoted string', true)
  lexer.pos = lexer.src.length
}

function addLit(parts: Part[], s: string, q: boolean): void {
  const last = parts.at(-1)
  if (last?.t === 'lit' && last.q === q) last.s += s
  else parts.push({ t: 'lit', s, q })
}
