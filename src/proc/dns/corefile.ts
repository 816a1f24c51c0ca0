/**
 * The Corefile's text as server blocks of directives. Models the lexer and the parser of coredns/caddy 1.1.1
 * (caddyfile/lexer.go, parse.go): quotes, comments, `{$ENV}`, snippets, `import` of snippets and of files.
 */
import type { CoreToken, Dispenser } from './dispenser.ts'
import { argErr, dispenser, err, isNewLine, next, nextArg, syntaxErr, val } from './dispenser.ts'

/** A directive with all its tokens, the name first; braces, the lines within and repetitions are among them. */
export interface CoreDirective {
  name: string
  tokens: CoreToken[]
}

export interface CoreBlock {
  keys: string[]
  directives: CoreDirective[]
}

export type CoreParsed = { blocks: CoreBlock[]; error: '' } | { blocks: undefined; error: string }

/** What `import` of files needs. */
export interface CoreFiles {
  read(path: string): string | undefined
  /** Names in a directory, in order; none where it is none. */
  list(path: string): readonly string[]
}

interface Parser extends Dispenser {
  env: ReadonlyMap<string, string>
  files: CoreFiles
  snippets: Map<string, CoreToken[]>
  known: readonly string[] | null
  keys: string[]
  eof: boolean
}

/** Of CoreDNS 1.11.3, in the order in which plugins are set up and asked. */
export const DIRECTIVES: readonly string[] = Object.freeze(
  (
    'root metadata geoip cancel tls timeouts reload nsid bufsize bind debug trace ready health pprof prometheus errors ' +
    'log dnstap local dns64 acl any chaos loadbalance tsig cache rewrite header dnssec autopath minimal template ' +
    'transfer hosts route53 azure clouddns k8s_external kubernetes file auto secondary etcd loop forward grpc erratic ' +
    'whoami on sign view'
  ).split(' '),
)

const TOKENS_MAX = 100_000
const NO_FILES: CoreFiles = Object.freeze({ read: () => undefined, list: () => [] })

/**
 * Reads a Corefile. The error is as CoreDNS prints it: `FILE:LINE - Error during parsing: ...`. `known` null: directives
 * may have any name.
 */
export function parseCorefile(
  text: string,
  file: string,
  env: ReadonlyMap<string, string>,
  files: CoreFiles = NO_FILES,
  known: readonly string[] | null = DIRECTIVES,
): CoreParsed {
  const p: Parser = {
    ...dispenser(lex(text, file)),
    env,
    files,
    snippets: new Map(),
    known,
    keys: [],
    eof: false,
  }
  const blocks: CoreBlock[] = []
  while (next(p)) {
    p.keys = []
    const directives: CoreDirective[] = []
    const error = addresses(p) || (p.eof ? '' : body(p, directives))
    if (error !== '') return { blocks: undefined, error }
    if (p.keys.length > 0) blocks.push({ keys: p.keys, directives })
  }
  return { blocks, error: '' }
}

function lex(text: string, file: string): CoreToken[] {
  const tokens: CoreToken[] = []
  let line = 1
  let from = 1
  let word = ''
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (/\s/.test(c)) {
      if (c === '\r') continue
      if (c === '\n') line++
      if (word !== '') tokens.push({ file, line: from, text: word })
      word = ''
    } else if (c === '#') {
      // Even within a word: the rest of the line is passed over, the word goes on behind it.
      while (i + 1 < text.length && text[i + 1] !== '\n') i++
    } else if (c === '"' && word === '') {
      from = line
      for (i++; i < text.length && text[i] !== '"'; i++) {
        if (text[i] === '\\' && text[i + 1] === '"') i++
        if (text[i] === '\n') line++
        word += text[i]!
      }
      if (word !== '' || i < text.length) tokens.push({ file, line: from, text: word })
      word = ''
    } else {
      if (word === '') from = line
      word += c
    }
  }
  if (word !== '') tokens.push({ file, line: from, text: word })
  return tokens
}

function withEnv(p: Parser, text: string): string {
  const value = (name: string) => p.env.get(name) ?? ''
  return text
    .replace(/\{%(.*?)%\}/g, (_, name: string) => value(name))
    .replace(/\{\$(.*?)\}/g, (_, name: string) => value(name))
}

function addresses(p: Parser): string {
  let another = false
  for (;;) {
    const key = withEnv(p, val(p))
    if (key === 'import' && isNewLine(p)) {
      const error = takeImport(p)
      if (error !== '') return error
      continue
    }
    if (key === '{') {
      return another ? err(p, `Expected another address but had '${key}' - check for extra comma`) : ''
    }
    if (key !== '') {
      another = key.endsWith(',')
      p.keys.push(another ? key.slice(0, -1) : key)
    }
    if (!next(p)) {
      if (another) return err(p, 'Unexpected EOF')
      p.eof = true
      return ''
    }
    if (!another && isNewLine(p)) return ''
  }
}

/** What follows the addresses: a snippet's tokens, or directives. */
function body(p: Parser, directives: CoreDirective[]): string {
  const snippet = p.keys.length === 1 ? /^\((.*)\)$/.exec(p.keys[0]!)?.[1] : undefined
  if (snippet !== undefined) return takeSnippet(p, snippet)
  const braced = val(p) === '{'
  if (!braced) p.at--
  while (next(p)) {
    if (val(p) === '}') break
    let error = ''
    if (val(p) === 'import') {
      error = takeImport(p)
      p.at--
    } else error = takeDirective(p, directives)
    if (error !== '') return error
  }
  return braced && val(p) !== '}' ? syntaxErr(p, '}') : ''
}

function takeSnippet(p: Parser, name: string): string {
  if (p.snippets.has(name)) return err(p, `redeclaration of previously declared snippet ${name}`)
  if (val(p) !== '{') return syntaxErr(p, '{')
  const tokens: CoreToken[] = []
  let open = 1
  while (next(p)) {
    if (val(p) === '}' && --open === 0) break
    if (val(p) === '{') open++
    tokens.push(p.tokens[p.at]!)
  }
  if (open !== 0) return syntaxErr(p, '}')
  p.snippets.set(name, tokens)
  p.keys = []
  return ''
}

function takeDirective(p: Parser, directives: CoreDirective[]): string {
  const name = withEnv(p, val(p))
  if (p.known !== null && !p.known.includes(name)) return err(p, `Unknown directive '${name}'`)
  // A directive that stands twice is one with the tokens of both.
  const known = directives.find((one) => one.name === name)
  const directive = known ?? { name, tokens: [] }
  if (known === undefined) directives.push(directive)
  directive.tokens.push(p.tokens[p.at]!)
  let nesting = 0
  while (next(p)) {
    const text = val(p)
    if (text === '{') nesting++
    else if (isNewLine(p) && nesting === 0) {
      p.at--
      break
    } else if (text === '}' && nesting > 0) nesting--
    else if (text === '}') return err(p, "Unexpected '}' because no matching opening brace")
    else if (text === 'import' && isNewLine(p)) {
      const error = takeImport(p)
      if (error !== '') return error
      p.at--
      continue
    }
    const token = p.tokens[p.at]!
    directive.tokens.push({ ...token, text: withEnv(p, token.text) })
  }
  return nesting > 0 ? err(p, 'Unexpected EOF') : ''
}

/** Puts the tokens of a snippet or of files in the place of `import WHAT`; the first of them is the next to be looked at. */
function takeImport(p: Parser): string {
  if (!nextArg(p)) return argErr(p)
  const what = withEnv(p, val(p))
  if (what === '') return err(p, 'Import requires a non-empty filepath')
  if (nextArg(p)) return err(p, 'Import takes only one argument (glob pattern or file)')
  const tokens = p.snippets.get(what) ?? tokensOfFiles(p, what)
  if (typeof tokens === 'string') return tokens
  if (p.tokens.length + tokens.length > TOKENS_MAX) return err(p, 'kubehop: imports that do not end')
  p.tokens.splice(p.at - 1, 2, ...tokens)
  p.at--
  return ''
}

function tokensOfFiles(p: Parser, pattern: string): CoreToken[] | string {
  const here = p.tokens[p.at]!.file
  const dir = here.includes('/') ? here.slice(0, here.lastIndexOf('/')) : '.'
  const path = pattern.startsWith('/') ? pattern : dir === '.' ? pattern : `${dir}/${pattern}`
  const count = (c: string) => path.split(c).length - 1
  if (count('*') > 1 || count('?') > 1 || (path.includes('[') && path.includes(']')))
    return err(p, `Glob pattern may only contain one wildcard (*), but has others: ${path}`)
  const isPattern = /[*?]/.test(path)
  const found = isPattern ? matching(p, path) : [path]
  const tokens: CoreToken[] = []
  for (const one of found) {
    const text = p.files.read(one)
    if (text !== undefined) tokens.push(...lex(text, one))
    else if (!isPattern) return err(p, `File to import not found: ${pattern}`)
  }
  return tokens
}

/** Files that fit a pattern whose last part alone has a wildcard. */
function matching(p: Parser, path: string): string[] {
  const slash = path.lastIndexOf('/')
  const dir = slash < 0 ? '.' : path.slice(0, slash)
  const last = path.slice(slash + 1)
  const source = last
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replace('*', '[^/]*')
    .replace('?', '[^/]')
  const fits = new RegExp(`^${source}$`)
  return p.files.list(dir).flatMap((name) => (fits.test(name) ? [slash < 0 ? name : `${dir}/${name}`] : []))
}
