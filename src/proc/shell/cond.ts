/** bash's `[[ … ]]`: no splitting, patterns on the right of `==`, `=~` with extended regular expressions. */
import type { ProcCtx } from '../../run/types.ts'
import type { Word } from './ast.ts'
import { settled } from './eval.ts'
import type { Expansion } from './expand.ts'
import { createExpansion, expandPattern, expandString } from './expand.ts'
import { safeRegex } from '../regex.ts'
import { matchPattern } from './pattern.ts'
import type { ShellState } from './state.ts'
import { complain } from './state.ts'
import { compare, isBinary, isUnary, testUnary } from './test.ts'

interface Cond {
  x: Expansion
  words: readonly Word[]
  pos: number
  error: string
  depth: number
}

/** The status, or undefined while a substitution has to run first. */
export function evalCond(
  ctx: ProcCtx,
  st: ShellState,
  words: readonly Word[],
  subs: readonly string[],
): number | undefined {
  const x = createExpansion(ctx, st, subs)
  const c: Cond = { x, words, pos: 0, error: '', depth: 0 }
  const value = either(c)
  if (!settled(ctx, st, x)) return undefined
  if (c.error === '' && c.pos < words.length) c.error = 'syntax error in conditional expression'
  if (c.error === '') return value ? 0 : 1
  complain(ctx, st, c.error)
  return 2
}

function op(c: Cond, at: number): string {
  const part = c.words[at]?.[0]
  return part?.t === 'lit' && !part.q && c.words[at]?.length === 1 ? part.s : ''
}

function either(c: Cond): boolean {
  let value = both(c)
  while (op(c, c.pos) === '||') {
    c.pos++
    const right = both(c)
    value = value || right
  }
  return value
}

function both(c: Cond): boolean {
  let value = primary(c)
  while (op(c, c.pos) === '&&') {
    c.pos++
    const right = primary(c)
    value = value && right
  }
  return value
}

function primary(c: Cond): boolean {
  const first = op(c, c.pos)
  if (c.pos >= c.words.length || ++c.depth > 200) {
    c.error ||= 'syntax error in conditional expression'
    c.pos = c.words.length
    return false
  }
  if (first === '!') {
    c.pos++
    return !primary(c)
  }
  if (first === '(') {
    c.pos++
    const value = either(c)
    if (op(c, c.pos++) !== ')') c.error ||= "expected `)'"
    return value
  }
  if (isUnary(first) && c.pos + 1 < c.words.length) {
    const arg = expandString(c.x, c.words[c.pos + 1]!)
    c.pos += 2
    if (first === '-v') return c.x.st.vars.has(arg)
    return testUnary(c.x.ctx, first, arg)
  }
  const left = expandString(c.x, c.words[c.pos++]!)
  const between = op(c, c.pos)
  const right = c.words[c.pos + 1]
  if (right === undefined || (!isBinary(between) && between !== '=~')) return left !== ''
  c.pos += 2
  if (between === '=~') return safeRegex(expandString(c.x, right), 'extended', false)?.test(left) ?? false
  if (between === '=' || between === '==') return matchPattern(expandPattern(c.x, right), left)
  if (between === '!=') return !matchPattern(expandPattern(c.x, right), left)
  return compare(between, left, expandString(c.x, right))
}
