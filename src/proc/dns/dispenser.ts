/** Tokens of a Corefile, taken one after the other. Models caddyfile/dispenser.go (coredns/caddy 1.1.1). */

export interface CoreToken {
  file: string
  line: number
  text: string
}

export interface Dispenser {
  tokens: CoreToken[]
  /** -1 before the first. */
  at: number
  nesting: number
}

export function dispenser(tokens: CoreToken[]): Dispenser {
  return { tokens, at: -1, nesting: 0 }
}

export function next(d: Dispenser): boolean {
  if (d.at >= d.tokens.length - 1) return false
  d.at++
  return true
}

/** The next token where it stands on the same line. */
export function nextArg(d: Dispenser): boolean {
  const [now, then] = [d.tokens[d.at], d.tokens[d.at + 1]]
  if (then === undefined) return false
  if (now !== undefined && (now.file !== then.file || endLine(now) !== then.line)) return false
  d.at++
  return true
}

/** The next token of the directive's own block, which opens on its line. False at its end. */
export function nextBlock(d: Dispenser): boolean {
  if (d.nesting > 0) {
    next(d)
    if (val(d) !== '}') return true
    d.nesting--
    return false
  }
  if (!nextArg(d)) return false
  if (val(d) !== '{') {
    d.at--
    return false
  }
  next(d)
  if (val(d) === '}') return false
  d.nesting++
  return true
}

export function val(d: Dispenser): string {
  return d.tokens[d.at]?.text ?? ''
}

/** The rest of the line, up to a block. */
export function remainingArgs(d: Dispenser): string[] {
  const args: string[] = []
  while (nextArg(d)) {
    if (val(d) === '{') {
      d.at--
      break
    }
    args.push(val(d))
  }
  return args
}

/** Whether the token begins a line. */
export function isNewLine(d: Dispenser): boolean {
  if (d.at < 1) return true
  const [before, now] = [d.tokens[d.at - 1]!, d.tokens[d.at]]
  if (now === undefined) return false
  return before.file !== now.file || endLine(before) < now.line
}

export function argErr(d: Dispenser): string {
  return val(d) === '{'
    ? err(d, "Unexpected token '{', expecting argument")
    : err(d, `Wrong argument count or unexpected line ending after '${val(d)}'`)
}

export function err(d: Dispenser, text: string): string {
  const { file, line } = placeOf(d)
  return `${file}:${line} - Error during parsing: ${text}`
}

export function syntaxErr(d: Dispenser, expected: string): string {
  const { file, line } = placeOf(d)
  return `${file}:${line} - Syntax error: Unexpected token '${val(d)}', expecting '${expected}'`
}

function placeOf({ tokens, at }: Dispenser): { file: string; line: number } {
  return tokens[at] ?? { file: tokens[0]?.file ?? '', line: 0 }
}

/** A quoted token may hold line breaks. */
function endLine({ line, text }: CoreToken): number {
  return line + (text.includes('\n') ? text.split('\n').length - 1 : 0)
}
