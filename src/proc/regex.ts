/**
 * POSIX regular expressions (basic and extended) matched in bounded time: a backtracking matcher over a small tree with
 * a step limit, so that no pattern can hang a lab. Leftmost; the first alternative that matches, not the longest.
 * Not here: back-references, collating symbols.
 */

type RegexNode =
  | { k: 'char'; c: string }
  | { k: 'any' }
  | { k: 'set'; not: boolean; ranges: [string, string][] }
  | { k: 'start' }
  | { k: 'end' }
  | { k: 'word'; at: 'b' | '<' | '>' }
  | { k: 'group'; n: number; alts: RegexNode[][] }
  | { k: 'repeat'; node: RegexNode; min: number; max: number }

export interface Match {
  from: number
  to: number
  /** Groups by number, from 1. */
  groups: (string | undefined)[]
}

export interface Regex {
  test(text: string): boolean
  /** The first match at or after `from`. */
  exec(text: string, from: number): Match | undefined
}

const STEPS_MAX = 200_000
const CLASSES: Readonly<Record<string, [string, string][]>> = Object.freeze({
  alpha: [['a', 'z'], ['A', 'Z']],
  digit: [['0', '9']],
  alnum: [['a', 'z'], ['A', 'Z'], ['0', '9']],
  upper: [['A', 'Z']],
  lower: [['a', 'z']],
  space: [['\t', '\r'], [' ', ' ']],
  blank: [['\t', '\t'], [' ', ' ']],
  xdigit: [['0', '9'], ['a', 'f'], ['A', 'F']],
  punct: [['!', '/'], [':', '@'], ['[', '`'], ['{', '~']],
  print: [[' ', '~']],
  word: [['a', 'z'], ['A', 'Z'], ['0', '9'], ['_', '_']],
}) // biome-ignore format: one class a line

interface Parser {
  src: string
  pos: number
  extended: boolean
  groups: number
  depth: number
  bad: boolean
}

/** Compiles a pattern; undefined where it is none. `fold`: letters match whatever their case. */
export function safeRegex(src: string, syntax: 'basic' | 'extended', fold: boolean): Regex | undefined {
  const p: Parser = { src, pos: 0, extended: syntax === 'extended', groups: 0, depth: 0, bad: false }
  const alts = alternatives(p)
  if (p.bad || p.pos < src.length) return undefined
  const exec = (text: string, from: number): Match | undefined => {
    const m: Matching = { text, fold, steps: 0, groups: [] }
    for (let at = from; at <= text.length && m.steps < STEPS_MAX; at++) {
      m.groups = []
      const to = matchAlts(m, alts, at, (end) => end)
      if (to >= 0) return { from: at, to, groups: m.groups }
    }
    return undefined
  }
  return { exec, test: (text) => exec(text, 0) !== undefined }
}

interface Matching {
  text: string
  fold: boolean
  steps: number
  groups: (string | undefined)[]
}

type Next = (at: number) => number

function matchAlts(m: Matching, alts: readonly RegexNode[][], at: number, next: Next): number {
  for (const alt of alts) {
    const to = matchSeq(m, alt, 0, at, next)
    if (to >= 0) return to
  }
  return -1
}

function matchSeq(m: Matching, seq: readonly RegexNode[], i: number, at: number, next: Next): number {
  const node = seq[i]
  if (node === undefined) return next(at)
  return matchNode(m, node, at, (to) => matchSeq(m, seq, i + 1, to, next))
}

function matchNode(m: Matching, node: RegexNode, at: number, next: Next): number {
  if (++m.steps > STEPS_MAX) return -1
  if (node.k === 'repeat') return matchRepeat(m, node, at, next)
  if (node.k === 'group') {
    const old = m.groups[node.n]
    const to = matchAlts(m, node.alts, at, (end) => {
      const before = m.groups[node.n]
      m.groups[node.n] = m.text.slice(at, end)
      const result = next(end)
      if (result < 0) m.groups[node.n] = before
      return result
    })
    if (to < 0) m.groups[node.n] = old
    return to
  }
  if (node.k === 'start') return at === 0 ? next(at) : -1
  if (node.k === 'end') return at === m.text.length ? next(at) : -1
  if (node.k === 'word') {
    const before = isWord(m.text[at - 1])
    const after = isWord(m.text[at])
    const ok = node.at === 'b' ? before !== after : node.at === '<' ? !before && after : before && !after
    return ok ? next(at) : -1
  }
  const c = m.text[at]
  return c !== undefined && matchChar(node, c, m.fold) ? next(at + 1) : -1
}

function matchRepeat(m: Matching, node: Extract<RegexNode, { k: 'repeat' }>, at: number, next: Next): number {
  const inner = node.node
  if (inner.k === 'char' || inner.k === 'any' || inner.k === 'set') {
    let n = 0
    while (n < node.max && at + n < m.text.length && matchChar(inner, m.text[at + n]!, m.fold)) n++
    for (; n >= node.min; n--) {
      if (++m.steps > STEPS_MAX) return -1
      const to = next(at + n)
      if (to >= 0) return to
    }
    return -1
  }
  const again = (n: number, from: number, depth: number): number => {
    if (n < node.max && depth < 500) {
      const to = matchNode(m, inner, from, (end) =>
        end === from && n >= node.min ? -1 : again(n + 1, end, depth + 1),
      )
      if (to >= 0) return to
    }
    return n >= node.min ? next(from) : -1
  }
  return again(0, at, 0)
}

function matchChar(node: RegexNode, c: string, fold: boolean): boolean {
  if (node.k === 'any') return c !== '\n'
  if (node.k === 'char') return node.c === c || (fold && node.c.toLowerCase() === c.toLowerCase())
  if (node.k !== 'set') return false
  const has = (one: string) => node.ranges.some(([lo, hi]) => lo <= one && one <= hi)
  return (has(c) || (fold && (has(c.toLowerCase()) || has(c.toUpperCase())))) !== node.not
}

function isWord(c: string | undefined): boolean {
  return c !== undefined && /\w/.test(c)
}

function alternatives(p: Parser): RegexNode[][] {
  const alts: RegexNode[][] = [[]]
  if (++p.depth > 50) p.bad = true
  while (p.pos < p.src.length && !p.bad) {
    if (atOp(p, '|')) {
      p.pos += p.extended ? 1 : 2
      alts.push([])
    } else if (p.depth > 1 && atOp(p, ')')) break
    else element(p, alts.at(-1)!)
  }
  p.depth--
  return alts
}

function atOp(p: Parser, op: string): boolean {
  return p.src.startsWith(p.extended ? op : `\\${op}`, p.pos)
}

function element(p: Parser, seq: RegexNode[]): void {
  const c = p.src[p.pos]!
  const first = seq.length === 0
  if (atOp(p, '(')) {
    p.pos += p.extended ? 1 : 2
    const n = ++p.groups
    const alts = alternatives(p)
    if (!atOp(p, ')')) p.bad = true
    p.pos += p.extended ? 1 : 2
    seq.push({ k: 'group', n, alts })
  } else if (c === '^' && (p.extended || first)) add(p, seq, { k: 'start' })
  else if (c === '$' && (p.extended || p.pos + 1 === p.src.length || p.src.startsWith('\\)', p.pos + 1))) {
    add(p, seq, { k: 'end' })
  } else if (c === '*' && !(first || seq.at(-1)?.k === 'start'))
    repeat(p, seq, 0, Number.POSITIVE_INFINITY, 1)
  else if ((atOp(p, '+') || atOp(p, '?')) && !first) {
    const plus = atOp(p, '+')
    repeat(p, seq, plus ? 1 : 0, plus ? Number.POSITIVE_INFINITY : 1, p.extended ? 1 : 2)
  } else if (atOp(p, '{') && !first) bounds(p, seq)
  else if (c === '.') add(p, seq, { k: 'any' })
  else if (c === '[') bracket(p, seq)
  else if (c === '\\') escaped(p, seq)
  else add(p, seq, { k: 'char', c })
}

function add(p: Parser, seq: RegexNode[], node: RegexNode): void {
  p.pos++
  seq.push(node)
}

function repeat(p: Parser, seq: RegexNode[], min: number, max: number, width: number): void {
  p.pos += width
  const node = seq.pop()!
  seq.push({ k: 'repeat', node, min, max })
}

function bounds(p: Parser, seq: RegexNode[]): void {
  const match = (p.extended ? /^\{(\d{0,4})(,?)(\d{0,4})\}/ : /^\\\{(\d{0,4})(,?)(\d{0,4})\\\}/).exec(
    p.src.slice(p.pos),
  )
  if (match === null || (match[1] === '' && match[2] === '')) {
    if (p.extended) add(p, seq, { k: 'char', c: '{' })
    else p.bad = true
    return
  }
  const min = Number(match[1])
  const max = match[2] === '' ? min : match[3] === '' ? Number.POSITIVE_INFINITY : Number(match[3])
  if (max < min || min > 255) p.bad = true
  repeat(p, seq, min, max, match[0].length)
}

function escaped(p: Parser, seq: RegexNode[]): void {
  const c = p.src[p.pos + 1]
  p.pos++
  if (c === undefined) p.bad = true
  else if (c === 'b' || c === '<' || c === '>') add(p, seq, { k: 'word', at: c })
  else if (c === 'w' || c === 'W') add(p, seq, { k: 'set', not: c === 'W', ranges: [...CLASSES.word!] })
  else if (c === 's' || c === 'S') add(p, seq, { k: 'set', not: c === 'S', ranges: [...CLASSES.space!] })
  else if (/[1-9]/.test(c)) p.bad = true
  else add(p, seq, { k: 'char', c: c === 'n' ? '\n' : c === 't' ? '\t' : c })
}

function bracket(p: Parser, seq: RegexNode[]): void {
  let at = p.pos + 1
  const not = p.src[at] === '^'
  if (not) at++
  const ranges: [string, string][] = []
  for (let first = true; first || p.src[at] !== ']'; first = false) {
    const c = p.src[at]
    const named = /^\[:([a-z]+):\]/.exec(p.src.slice(at, at + 16))
    if (c === undefined) {
      p.bad = true
      return
    }
    if (named !== null) {
      const set = CLASSES[named[1]!]
      if (set === undefined) p.bad = true
      else ranges.push(...set)
      at += named[0].length
    } else if (p.src[at + 1] === '-' && p.src[at + 2] !== ']' && p.src[at + 2] !== undefined) {
      if (c > p.src[at + 2]!) p.bad = true
      ranges.push([c, p.src[at + 2]!])
      at += 3
    } else {
      ranges.push([c, c])
      at++
    }
  }
  p.pos = at
  add(p, seq, { k: 'set', not, ranges })
}
