/**
 * The shell grammar (POSIX.1-2024 section 2.10) by recursive descent, errors as dash 0.5.12 or bash 5.2 word them.
 * Not here: aliases, select, coproc, process substitution, arrays.
 */
import type { Dialect, Node, Redir, Seq, Simple, SyntaxFault, Word } from './ast.ts'
import type { Lexer, Token } from './lex.ts'
import {
  createLexer,
  DEPTH_MAX,
  faultAt,
  nextToken,
  peekToken,
  readArithBody,
  readWord,
  SOURCE_MAX,
} from './lex.ts'

const RESERVED: ReadonlySet<string> = new Set(
  'if then else elif fi do done case esac while until for { } !'.split(' '),
)
const CLOSERS: ReadonlySet<string> = new Set('then else elif fi do done esac }'.split(' '))
const REDIRECTIONS: ReadonlySet<string> = new Set('< > >> >| <> >& <& << <<- <<< &> &>>'.split(' '))
const EMPTY: Seq = { k: 'seq', items: [] }

export type Parsed = { seq: Seq; fault: undefined } | { seq: undefined; fault: SyntaxFault }

/** Parses a whole script or line. The tree is frozen. */
export function parseShell(src: string, dialect: Dialect): Parsed {
  const lexer = createLexer(src, dialect, 0, parseSub)
  if (src.length > SOURCE_MAX) faultAt(lexer, `input of more than ${SOURCE_MAX} characters: not modelled`)
  const seq = parseList(lexer, [])
  const rest = peekToken(lexer)
  if (rest.type !== 'eof') unexpected(lexer, rest)
  if (lexer.fault !== undefined) return { seq: undefined, fault: lexer.fault }
  return { seq: freeze(seq), fault: undefined }
}

function parseSub(lexer: Lexer): Seq {
  const kept = lexer.token
  lexer.token = undefined
  const seq = parseList(lexer, [')'])
  expect(lexer, ')')
  lexer.token = kept
  return seq
}

/** Commands up to a token that none of them can begin with. `closers` are what dash says it expects at the end. */
function parseList(lexer: Lexer, closers: readonly string[]): Seq {
  if (++lexer.depth > DEPTH_MAX) faultAt(lexer, 'commands nested too deep: not modelled')
  const items: Seq['items'][number][] = []
  for (;;) {
    let token = peekToken(lexer)
    while (token.type === 'newline') {
      nextToken(lexer)
      token = peekToken(lexer)
    }
    if (token.type === 'eof') break
    const closing = token.text === ')' || token.text === ';;' || CLOSERS.has(token.text)
    if (closing && (closers.length > 0 || token.type !== 'op')) break
    const from = token.from
    const node = parseAndOr(lexer)
    if (lexer.fault !== undefined) break
    const end = peekToken(lexer)
    const src = lexer.src.slice(from, end.from).trim()
    items.push({ node, bg: end.type === 'op' && end.text === '&', src })
    if (end.type === 'op' && (end.text === ';' || end.text === '&')) nextToken(lexer)
    else if (end.type !== 'newline') break
  }
  lexer.depth--
  return { k: 'seq', items }
}

/** A list that must hold something, as a body of `if` must. */
function parseBody(lexer: Lexer, closer: string): Seq {
  const seq = parseList(lexer, [closer])
  if (seq.items.length === 0 && lexer.fault === undefined) unexpected(lexer, peekToken(lexer), closer)
  return seq
}

function parseAndOr(lexer: Lexer): Node {
  const items: { op: '' | '&&' | '||'; node: Node }[] = [{ op: '', node: parsePipe(lexer) }]
  for (;;) {
    const { type, text } = peekToken(lexer)
    if (type !== 'op' || (text !== '&&' && text !== '||')) break
    nextToken(lexer)
    skipNewlines(lexer)
    items.push({ op: text, node: parsePipe(lexer) })
  }
  return items.length === 1 ? items[0]!.node : { k: 'andor', items }
}

function parsePipe(lexer: Lexer): Node {
  if (lexer.dialect === 'bash' && accept(lexer, 'time')) {
    const posix = accept(lexer, '-p')
    return { k: 'time', posix, body: parsePipe(lexer) }
  }
  let bang = false
  while (isReserved(peekToken(lexer), '!')) {
    nextToken(lexer)
    bang = !bang
  }
  const items = [parseCommand(lexer)]
  for (;;) {
    const { type, text } = peekToken(lexer)
    if (type !== 'op' || (text !== '|' && text !== '|&')) break
    nextToken(lexer)
    const last = items.length - 1
    if (text === '|&') items[last] = withRedirs(items[last]!, [{ op: '>&', fd: 2, word: literal('1') }])
    skipNewlines(lexer)
    items.push(parseCommand(lexer))
  }
  return items.length === 1 && !bang ? items[0]! : { k: 'pipe', bang, items }
}

function withRedirs(node: Node, redirs: Redir[]): Node {
  if (node.k === 'simple') return { ...node, redirs: [...node.redirs, ...redirs] }
  return { k: 'group', body: { k: 'seq', items: [{ node, bg: false, src: '' }] }, redirs }
}

function parseCommand(lexer: Lexer): Node {
  const token = peekToken(lexer)
  const { text } = token
  if (token.type === 'op') {
    if (text === '(') return parseParen(lexer)
    if (REDIRECTIONS.has(text)) return parseSimple(lexer)
  }
  if (token.type !== 'word') {
    unexpected(lexer, token)
    return EMPTY
  }
  if (lexer.dialect === 'bash' && text === '[[') return parseCond(lexer)
  if (!RESERVED.has(text))
    return lexer.dialect === 'bash' && text === 'function' ? parseFunc(lexer) : parseSimple(lexer)
  if (CLOSERS.has(text)) {
    unexpected(lexer, token)
    return EMPTY
  }
  nextToken(lexer)
  if (text === '{') {
    const body = parseBody(lexer, '}')
    expect(lexer, '}')
    return { k: 'group', body, redirs: parseRedirs(lexer) }
  }
  if (text === 'if') return parseIf(lexer)
  if (text === 'for') return parseFor(lexer)
  if (text === 'case') return parseCase(lexer)
  const cond = parseBody(lexer, 'do')
  const body = parseDo(lexer)
  return { k: 'loop', until: text === 'until', cond, body, redirs: parseRedirs(lexer) }
}

function parseParen(lexer: Lexer): Node {
  const token = nextToken(lexer)
  if (lexer.dialect === 'bash' && lexer.src[lexer.pos] === '(') {
    const before = { pos: lexer.pos, line: lexer.line }
    lexer.pos++
    const body = readArithBody(lexer)
    if (body !== undefined) return { k: 'arith', line: token.line, body, redirs: parseRedirs(lexer) }
    if (lexer.fault === undefined) Object.assign(lexer, before)
  }
  if (peekToken(lexer).text === ')') unexpected(lexer, peekToken(lexer))
  const body = parseBody(lexer, ')')
  expect(lexer, ')')
  return { k: 'subshell', body, redirs: parseRedirs(lexer) }
}

function parseIf(lexer: Lexer): Node {
  const arms: { cond: Seq; body: Seq }[] = []
  let other: Seq | null = null
  do {
    const cond = parseBody(lexer, 'then')
    expect(lexer, 'then')
    arms.push({ cond, body: parseBody(lexer, 'fi') })
  } while (accept(lexer, 'elif'))
  if (accept(lexer, 'else')) other = parseBody(lexer, 'fi')
  expect(lexer, 'fi')
  return { k: 'if', arms, other, redirs: parseRedirs(lexer) }
}

function parseDo(lexer: Lexer): Seq {
  expect(lexer, 'do')
  const body = parseBody(lexer, 'done')
  expect(lexer, 'done')
  return body
}

function parseFor(lexer: Lexer): Node {
  const token = peekToken(lexer)
  if (token.type === 'op' && token.text === '(' && lexer.dialect === 'bash' && lexer.src[lexer.pos] === '(') {
    return parseCfor(lexer)
  }
  nextToken(lexer)
  const name = token.text
  if (token.type !== 'word' && lexer.dialect === 'bash') unexpected(lexer, token)
  else if (!isName(name)) {
    const bash = `\`${name}': not a valid identifier`
    faultAt(lexer, lexer.dialect === 'bash' ? bash : 'Syntax error: Bad for loop variable')
  }
  let words: Word[] | null = null
  skipNewlines(lexer)
  if (accept(lexer, 'in')) {
    words = []
    while (peekToken(lexer).type === 'word') words.push(nextToken(lexer).word)
    const end = peekToken(lexer)
    if (end.type === 'newline' || end.text === ';') nextToken(lexer)
    else unexpected(lexer, end)
  } else if (peekToken(lexer).text === ';') nextToken(lexer)
  skipNewlines(lexer)
  const body = parseDo(lexer)
  return { k: 'for', name, words, body, redirs: parseRedirs(lexer), line: token.line }
}

function parseCfor(lexer: Lexer): Node {
  const { line } = nextToken(lexer)
  lexer.pos++
  const part = () => {
    const word = readWord(lexer, (c) => c === ';', true)
    lexer.pos++
    return word
  }
  const init = part()
  const cond = part()
  const step = readArithBody(lexer) ?? []
  if (accept(lexer, ';')) skipNewlines(lexer)
  skipNewlines(lexer)
  return { k: 'cfor', line, init, cond, step, body: parseDo(lexer), redirs: parseRedirs(lexer) }
}

function parseCase(lexer: Lexer): Node {
  const token = nextToken(lexer)
  if (token.type !== 'word') unexpected(lexer, token)
  skipNewlines(lexer)
  expect(lexer, 'in')
  const arms: { patterns: Word[]; body: Seq }[] = []
  for (;;) {
    skipNewlines(lexer)
    if (lexer.fault !== undefined || accept(lexer, 'esac')) break
    if (peekToken(lexer).text === '(') nextToken(lexer)
    const patterns: Word[] = []
    do {
      const pattern = nextToken(lexer)
      if (pattern.type !== 'word') unexpected(lexer, pattern, ')')
      patterns.push(pattern.word)
    } while (accept(lexer, '|'))
    expect(lexer, ')')
    arms.push({ patterns, body: parseList(lexer, ['esac']) })
    if (!accept(lexer, ';;')) {
      expect(lexer, 'esac', ';;')
      break
    }
  }
  return { k: 'case', word: token.word, arms, redirs: parseRedirs(lexer), line: token.line }
}

/** bash's `function NAME { … }`. */
function parseFunc(lexer: Lexer): Node {
  nextToken(lexer)
  const name = nextToken(lexer)
  if (name.type !== 'word') unexpected(lexer, name)
  if (accept(lexer, '(')) expect(lexer, ')')
  skipNewlines(lexer)
  return { k: 'func', name: name.text, body: parseCommand(lexer) }
}

function parseCond(lexer: Lexer): Node {
  const { line } = nextToken(lexer)
  const words: Word[] = []
  for (;;) {
    const token = nextToken(lexer)
    if (token.type === 'word') {
      if (token.text === ']]') break
      words.push(token.word)
      if (token.text === '=~') {
        while (lexer.src[lexer.pos] === ' ') lexer.pos++
        words.push(readWord(lexer, (c) => /\s/.test(c)))
      }
    } else if (token.type === 'op' && token.io < 0) words.push([{ t: 'lit', s: token.text, q: false }])
    else if (token.type !== 'newline') {
      unexpected(lexer, token, ']]')
      break
    }
  }
  return { k: 'cond', line, words, redirs: parseRedirs(lexer) }
}

function parseSimple(lexer: Lexer): Node {
  const first = peekToken(lexer)
  const assigns: Simple['assigns'][number][] = []
  const words: Word[] = []
  const redirs: Redir[] = []
  for (;;) {
    const token = peekToken(lexer)
    if (token.type === 'op' && REDIRECTIONS.has(token.text)) redirs.push(parseRedir(lexer))
    else if (token.type === 'op' && token.text === '(' && words.length === 1 && assigns.length === 0) {
      nextToken(lexer)
      expect(lexer, ')')
      if (lexer.fault === undefined && !isName(first.text.replaceAll('-', '_'))) {
        faultAt(lexer, 'Syntax error: Bad function name')
      }
      skipNewlines(lexer)
      const body = peekToken(lexer)
      const simple = body.type === 'word' && !RESERVED.has(body.text) && body.text !== '[['
      if (simple && lexer.dialect === 'bash') unexpected(lexer, body)
      return { k: 'func', name: first.text, body: parseCommand(lexer) }
    } else if (token.type === 'word') {
      nextToken(lexer)
      const assign = words.length === 0 ? assignOf(lexer, token) : undefined
      if (assign !== undefined) assigns.push(assign)
      else words.push(token.word)
    } else break
  }
  return { k: 'simple', line: first.line, assigns, words, redirs }
}

function assignOf(lexer: Lexer, token: Token): Simple['assigns'][number] | undefined {
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(\+?)=/.exec(token.text)
  const head = token.word[0]
  if (match === null || (match[2] === '+' && lexer.dialect === 'dash') || head?.t !== 'lit' || head.q)
    return undefined
  const rest = head.s.slice(match[0].length)
  const word: Word = rest === '' ? token.word.slice(1) : [{ ...head, s: rest }, ...token.word.slice(1)]
  return { name: match[1]!, append: match[2] === '+', word }
}

function parseRedirs(lexer: Lexer): Redir[] {
  const redirs: Redir[] = []
  for (;;) {
    const token = peekToken(lexer)
    if (token.type !== 'op' || !REDIRECTIONS.has(token.text)) return redirs
    redirs.push(parseRedir(lexer))
  }
}

function parseRedir(lexer: Lexer): Redir {
  const { text, io } = nextToken(lexer)
  const target = nextToken(lexer)
  if (target.type !== 'word') {
    // bash ends a `-c` line with a newline of its own.
    const bash = lexer.dialect === 'bash' && target.type === 'eof' && lexer.fault === undefined
    unexpected(lexer, bash ? { ...target, type: 'newline' } : target)
    return { op: text, fd: 1, word: [] }
  }
  const both = text.startsWith('&>')
  const fd = both ? -1 : io >= 0 ? io : text.startsWith('<') ? 0 : 1
  const redir: Redir = { op: both ? text.slice(1) : text, fd, word: target.word }
  if (text === '<<' || text === '<<-') {
    const quoted = target.word.some((part) => part.t === 'lit' && part.q)
    const end = target.word.map((part) => (part.t === 'lit' ? part.s : '')).join('')
    redir.op = '<<'
    lexer.heredocs.push({ redir, end, quoted, tabs: text === '<<-' })
  } else if (text === '<<<') {
    redir.op = '<<'
    const text2 = target.word.map((part) => ({ ...part, q: true }))
    redir.word = [...text2, { t: 'lit', s: '\n', q: true }]
  } else if (text === '>&' && io < 0 && lexer.dialect === 'bash' && !/^[0-9]+$|^-$/.test(target.text)) {
    redir.op = '>'
    redir.fd = -1
  }
  return redir
}

function skipNewlines(lexer: Lexer): void {
  while (peekToken(lexer).type === 'newline') nextToken(lexer)
}

function isReserved(token: Token, text: string): boolean {
  return (token.type === 'word' || token.type === 'op') && token.text === text
}

function accept(lexer: Lexer, text: string): boolean {
  if (!isReserved(peekToken(lexer), text)) return false
  nextToken(lexer)
  return true
}

function expect(lexer: Lexer, text: string, dash = text): void {
  const token = peekToken(lexer)
  if (isReserved(token, text)) nextToken(lexer)
  else unexpected(lexer, token, dash)
}

/** The message for a token that cannot stand here; `wanted` is what dash says it expected. */
function unexpected(lexer: Lexer, token: Token, wanted = ''): void {
  if (lexer.fault !== undefined) return
  const end = token.type === 'eof'
  if (lexer.dialect === 'bash') {
    if (end) {
      lexer.line = lexer.src.split('\n').length + (lexer.src.endsWith('\n') ? 0 : 1)
      faultAt(lexer, 'syntax error: unexpected end of file', true)
    } else {
      lexer.line = token.line
      const text = token.type === 'newline' ? 'newline' : token.text
      faultAt(lexer, `syntax error near unexpected token \`${text}'`, false, true)
    }
    return
  }
  const plain = token.type === 'word' && !RESERVED.has(token.text)
  let what = plain ? 'word' : `"${token.text}"`
  if (end) what = 'end of file'
  else if (token.type === 'newline') what = 'newline'
  else if (REDIRECTIONS.has(token.text)) what = 'redirection'
  const hint = wanted === '' ? '' : ` (expecting "${wanted}")`
  lexer.line = token.line
  faultAt(lexer, `Syntax error: ${what} unexpected${hint}`, end)
}

function isName(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(text)
}

function literal(s: string): Word {
  return [{ t: 'lit', s, q: true }]
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const item of Object.values(value)) freeze(item)
  return Object.freeze(value)
}
