/**
 * The Corefile's text as server blocks of directives. Models caddy's caddyfile lexer and parser as CoreDNS uses them:
 * quotes, comments, `{$ENV}`, snippets and `import SNIPPET`. Not here: `import` of files (refused by name).
 */

export interface CoreToken {
  line: number
  text: string
}

/** A directive with all its tokens, the name first; braces and the lines within are among them. */
export interface CoreDirective {
  name: string
  tokens: CoreToken[]
}

export interface CoreBlock {
  keys: string[]
  directives: CoreDirective[]
}

export type CoreParsed = { blocks: CoreBlock[]; error: '' } | { blocks: undefined; error: string }

interface Cursor {
  file: string
  tokens: CoreToken[]
  at: number
  snippets: Map<string, CoreToken[]>
  error: string
}

const IMPORT_MAX = 50

/** Reads a Corefile. The error is as CoreDNS prints it: `FILE:LINE - Error during parsing: ...`. */
export function parseCorefile(text: string, file: string, env: ReadonlyMap<string, string>): CoreParsed {
  const cursor: Cursor = { file, tokens: lex(text, env), at: 0, snippets: new Map(), error: '' }
  const blocks: CoreBlock[] = []
  while (cursor.at < cursor.tokens.length && cursor.error === '') {
    const block = readBlock(cursor)
    if (block !== undefined) blocks.push(block)
  }
  return cursor.error === '' ? { blocks, error: '' } : { blocks: undefined, error: cursor.error }
}

/** The rows of a directive's own block: each the words of one line (or of a nested block flattened). */
export function subLines(directive: CoreDirective): CoreToken[][] {
  const open = directive.tokens.findIndex((token) => token.text === '{')
  if (open < 0) return []
  const rows: CoreToken[][] = []
  for (const token of directive.tokens.slice(open + 1, -1)) {
    const row = rows.at(-1)
    if (row !== undefined && row[0]!.line === token.line) row.push(token)
    else rows.push([token])
  }
  return rows
}

/** The words behind the directive's name on its first line. */
export function argsOf(directive: CoreDirective): string[] {
  const open = directive.tokens.findIndex((token) => token.text === '{')
  return directive.tokens.slice(1, open < 0 ? undefined : open).map((token) => token.text)
}

export function coreError(file: string, line: number, text: string): string {
  return `${file}:${line} - Error during parsing: ${text}`
}

function lex(text: string, env: ReadonlyMap<string, string>): CoreToken[] {
  const tokens: CoreToken[] = []
  let line = 1
  let word = ''
  let from = 1
  let inWord = false
  const push = () => {
    if (inWord) tokens.push({ line: from, text: word })
    word = ''
    inWord = false
  }
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (c === '\n' || c === ' ' || c === '\t' || c === '\r') {
      push()
      if (c === '\n') line++
    } else if (c === '#' && !inWord) {
      while (i + 1 < text.length && text[i + 1] !== '\n') i++
    } else if (c === '"' && !inWord) {
      from = line
      inWord = true
      for (i++; i < text.length && text[i] !== '"'; i++) {
        if (text[i] === '\\' && text[i + 1] === '"') i++
        if (text[i] === '\n') line++
        word += text[i]!
      }
      push()
    } else {
      if (!inWord) from = line
      inWord = true
      word += c
    }
  }
  push()
  const value = (name: string) => env.get(name) ?? ''
  for (const token of tokens) {
    token.text = token.text.replace(/\{\$([A-Za-z0-9_]+)\}|\{%([A-Za-z0-9_]+)%\}/g, (_, a, b) =>
      value(a ?? b),
    )
  }
  return tokens
}

function fail(cursor: Cursor, text: string): undefined {
  const line = cursor.tokens[Math.min(cursor.at, cursor.tokens.length - 1)]?.line ?? 0
  if (cursor.error === '') cursor.error = coreError(cursor.file, line, text)
  return undefined
}

function readBlock(cursor: Cursor): CoreBlock | undefined {
  const keys: string[] = []
  let braced = false
  for (;;) {
    const token = cursor.tokens[cursor.at]
    if (token === undefined) break
    if (token.text === '{') {
      braced = true
      cursor.at++
      break
    }
    if (token.text === 'import' && keys.length === 0) {
      if (!takeImport(cursor)) return undefined
      continue
    }
    const comma = token.text.endsWith(',')
    const key = comma ? token.text.slice(0, -1) : token.text
    if (key !== '') keys.push(key)
    const next = cursor.tokens[++cursor.at]
    if (next === undefined) {
      if (comma) return fail(cursor, `Unexpected EOF`)
      break
    }
    if (!comma && next.line !== token.line && next.text !== '{') break
    if (!comma && next.line !== token.line && next.text === '{') {
      return fail(cursor, "Unexpected '{'; this must be on the same line as the addresses")
    }
  }
  const snippet = /^\((.+)\)$/.exec(keys[0] ?? '')
  if (snippet !== null && keys.length === 1 && braced) {
    readSnippet(cursor, snippet[1]!)
    return undefined
  }
  const block: CoreBlock = { keys, directives: [] }
  for (;;) {
    const token = cursor.tokens[cursor.at]
    if (token === undefined) return braced ? fail(cursor, "Unexpected EOF, expecting '}'") : block
    if (token.text === '}') {
      if (!braced) return fail(cursor, "Unexpected '}' because no matching opening brace")
      cursor.at++
      return block
    }
    if (token.text === 'import') {
      if (!takeImport(cursor)) return undefined
      continue
    }
    const directive = readDirective(cursor)
    if (directive === undefined) return undefined
    const known = block.directives.find((one) => one.name === directive.name)
    // A directive that stands twice is one with the tokens of both.
    if (known === undefined) block.directives.push(directive)
    else known.tokens.push(...directive.tokens)
  }
}

function readDirective(cursor: Cursor): CoreDirective | undefined {
  const first = cursor.tokens[cursor.at]!
  const tokens = [first]
  let nesting = 0
  cursor.at++
  for (; cursor.at < cursor.tokens.length; cursor.at++) {
    const token = cursor.tokens[cursor.at]!
    if (nesting === 0 && token.line !== tokens.at(-1)!.line) break
    if (token.text === '}' && nesting === 0) break
    if (token.text === '{') nesting++
    else if (token.text === '}') nesting--
    tokens.push(token)
    if (token.text === '}' && nesting === 0) {
      cursor.at++
      break
    }
  }
  return nesting > 0 ? fail(cursor, "Unexpected EOF, expecting '}'") : { name: first.text, tokens }
}

function readSnippet(cursor: Cursor, name: string): void {
  const tokens: CoreToken[] = []
  let nesting = 1
  for (; cursor.at < cursor.tokens.length; cursor.at++) {
    const token = cursor.tokens[cursor.at]!
    if (token.text === '{') nesting++
    if (token.text === '}' && --nesting === 0) {
      cursor.at++
      if (cursor.snippets.has(name)) fail(cursor, `redeclaration of previously declared snippet ${name}`)
      cursor.snippets.set(name, tokens)
      return
    }
    tokens.push(token)
  }
  fail(cursor, "Unexpected EOF, expecting '}'")
}

/** Puts a snippet's tokens in the place of `import NAME`. False: the error is set. */
function takeImport(cursor: Cursor): boolean {
  const name = cursor.tokens[cursor.at + 1]
  if (name === undefined)
    return fail(cursor, "Wrong argument count or unexpected line ending after 'import'") ?? false
  const snippet = cursor.snippets.get(name.text)
  if (snippet === undefined) {
    fail(cursor, `kubehop: import of files is not modelled (no snippet ${name.text})`)
    return false
  }
  // Each token stands on its own line still: lines of another place, moved behind this one.
  const shift = name.line + 0.001
  const moved = snippet.map((token) => ({ text: token.text, line: shift + token.line / 1e6 }))
  if (moved.length > 0 && cursor.tokens.length > 10_000 * IMPORT_MAX) {
    fail(cursor, 'too many imports')
    return false
  }
  cursor.tokens.splice(cursor.at, 2, ...moved)
  return true
}
