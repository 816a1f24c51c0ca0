/** The words of a Go template. Models text/template/parse lex.go (Go 1.23). */

export type TokenType =
  | 'text' | 'left' | 'right' | 'space' | 'field' | 'variable' | 'identifier' | 'keyword' | 'dot' | 'nil' | 'bool'
  | 'number' | 'string' | 'rawString' | 'char' | 'pipe' | '(' | ')' | ':=' | '=' | ',' | 'other' | 'error' | 'eof' // biome-ignore format: one list

export interface Token {
  readonly type: TokenType
  readonly text: string
  /** Where it begins, in characters from the template's beginning. */
  readonly at: number
  readonly line: number
}

const KEYWORDS = ['block', 'break', 'continue', 'define', 'else', 'end', 'if', 'range', 'template', 'with']
const TRIM = ' \t\r\n'

/** All tokens; the last one is the end or an error. */
export function lexTemplate(text: string): Token[] {
  const tokens: Token[] = []
  let line = 1
  const add = (type: TokenType, from: number, to: number, shown = text.slice(from, to)) => {
    tokens.push({ type, text: shown, at: from, line })
    if (type !== 'error') for (const char of text.slice(from, to)) if (char === '\n') line++
  }
  let at = 0
  let trim = false
  for (;;) {
    const brace = text.indexOf('{{', at)
    let from = at
    if (trim) while (from < text.length && TRIM.includes(text[from]!)) from++
    const skipped = text.slice(at, from)
    line += skipped.split('\n').length - 1
    if (brace < 0) {
      if (from < text.length) add('text', from, text.length)
      add('eof', text.length, text.length, 'EOF')
      return tokens
    }
    const cuts = text[brace + 2] === '-' && TRIM.includes(text[brace + 3] ?? 'x')
    let to = brace
    if (cuts) while (to > from && TRIM.includes(text[to - 1]!)) to--
    if (to > from) add('text', from, to)
    line += text.slice(Math.max(to, from), brace).split('\n').length - 1
    const inner = brace + 2 + (cuts ? 2 : 0)
    if (text.startsWith('/*', inner)) {
      const end = text.indexOf('*/', inner)
      if (end < 0) {
        add('error', inner, inner, 'unclosed comment')
        return tokens
      }
      const close = /^(?:[ \t\r\n]-)?\}\}/.exec(text.slice(end + 2))
      if (close === null) {
        add('error', inner, inner, 'comment ends before closing delimiter')
        return tokens
      }
      trim = close[0].length > 2
      at = end + 2 + close[0].length
      line += text.slice(brace, at).split('\n').length - 1
      continue
    }
    add('left', brace, brace + 2)
    const ended = lexAction(text, inner, add)
    if (ended === undefined) return tokens
    ;({ at, trim } = ended)
  }
}

type Add = (type: TokenType, from: number, to: number, shown?: string) => void

/** What stands between the braces; undefined after an error. */
function lexAction(text: string, from: number, add: Add): { at: number; trim: boolean } | undefined {
  let at = from
  let depth = 0
  const wrong = (words: string) => {
    add('error', at, at, words)
    return undefined
  }
  for (;;) {
    const rest = text.slice(at)
    const close = /^(?:[ \t\r\n]-)?\}\}/.exec(rest)
    if (close !== null) {
      if (depth > 0) return wrong('unclosed left paren')
      add('right', at, at + close[0].length, '}}')
      return { at: at + close[0].length, trim: close[0].length > 2 }
    }
    if (rest === '') return wrong('unclosed action')
    const found = wordAt(rest)
    if (typeof found === 'string') return wrong(found)
    if (found.type === '(') depth++
    if (found.type === ')' && --depth < 0) return wrong('unexpected right paren')
    add(found.type, at, at + found.length)
    at += found.length
  }
}

/** The token at a text's beginning, or what is wrong there. */
function wordAt(rest: string): { type: TokenType; length: number } | string {
  const char = rest[0]!
  const token = (type: TokenType, length: number) => ({ type, length })
  const space = /^(?:(?![ \t\r\n]-\}\})[ \t\r\n])+/.exec(rest)
  if (space !== null) return token('space', space[0].length)
  if (char === '=') return token('=', 1)
  if (char === ':') return rest[1] === '=' ? token(':=', 2) : 'expected :='
  if (char === '|') return token('pipe', 1)
  if (char === '(' || char === ')') return token(char, 1)
  if (char === ',') return token(',', 1)
  if (char === '"') {
    const quoted = /^"(?:\\[^\n]|[^"\\\n])*"/.exec(rest)
    return quoted === null ? 'unterminated quoted string' : token('string', quoted[0].length)
  }
  if (char === '`') {
    const end = rest.indexOf('`', 1)
    return end < 0 ? 'unterminated raw quoted string' : token('rawString', end + 1)
  }
  if (char === "'") {
    const quoted = /^'(?:\\[^\n]|[^'\\\n])*'/.exec(rest)
    return quoted === null ? 'unterminated character constant' : token('char', quoted[0].length)
  }
  if (char === '$' || (char === '.' && !/^[0-9]/.test(rest.slice(1)))) return nameAt(rest, char)
  if (/^[-+0-9.]/.test(rest)) {
    const number =
      /^[-+]?(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9_]+)?)/.exec(
        rest,
      )![0]
    const next = rest[number.length] ?? ''
    if (/[\p{L}\p{Nd}_]/u.test(next)) return `bad number syntax: "${number}${next}"`
    return token('number', number.length)
  }
  const word = /^[\p{L}_][\p{L}\p{Nd}_]*/u.exec(rest)?.[0]
  if (word !== undefined) {
    if (!endsWord(rest, word.length)) return badCharacter(rest.slice(word.length))
    if (KEYWORDS.includes(word)) return token('keyword', word.length)
    if (word === 'true' || word === 'false') return token('bool', word.length)
    return token(word === 'nil' ? 'nil' : 'identifier', word.length)
  }
  if (/^[!-~]/.test(rest)) return token('other', 1)
  return `unrecognized character in action: ${shownCharacter(rest)}`
}

function nameAt(rest: string, char: string): { type: TokenType; length: number } | string {
  const name = /^.[\p{L}\p{Nd}_]*/u.exec(rest)![0]
  if (!endsWord(rest, name.length)) return badCharacter(rest.slice(name.length))
  if (char === '.' && name === '.') return { type: 'dot', length: 1 }
  return { type: char === '$' ? 'variable' : 'field', length: name.length }
}

/** Whether a name may end there: a space, the action's end, or what may stand behind one. */
function endsWord(rest: string, at: number): boolean {
  const next = rest.slice(at)
  return next === '' || /^[ \t\r\n.,|:()=]/.test(next) || next.startsWith('}}')
}

function badCharacter(rest: string): string {
  return `bad character ${shownCharacter(rest)}`
}

function shownCharacter(rest: string): string {
  const code = rest.codePointAt(0)!
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')} '${String.fromCodePoint(code)}'`
}
