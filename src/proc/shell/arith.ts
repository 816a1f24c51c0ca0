/**
 * Shell arithmetic on 64-bit integers: C's operators by precedence climbing, as dash and bash evaluate `$(( ))`.
 * Errors in their words. bash alone has `**`, `++`, `--` and `,`.
 */
import type { Dialect } from './ast.ts'

export type ArithResult = { value: bigint; error: '' } | { value: 0n; error: string }

interface Machine {
  src: string
  pos: number
  dialect: Dialect
  depth: number
  error: string
  get(name: string): string
  set(name: string, value: string): void
  /** Below 1: parsing a side that is not evaluated. */
  skip: number
}

const LEVELS: readonly (readonly string[])[] = [
  ['||'], ['&&'], ['|'], ['^'], ['&'], ['==', '!='], ['<=', '>=', '<', '>'], ['<<', '>>'], ['+', '-'],
  ['*', '/', '%'],
] // biome-ignore format: one line a level
const ASSIGN = ['=', '+=', '-=', '*=', '/=', '%=', '<<=', '>>=', '&=', '^=', '|=']
const DEPTH_MAX = 100

/** Evaluates an expression. `get` and `set` reach the shell's variables. */
export function evalArith(
  src: string,
  dialect: Dialect,
  get: (name: string) => string,
  set: (name: string, value: string) => void,
  depth = 0,
): ArithResult {
  const m: Machine = { src, pos: 0, dialect, depth, error: '', get, set, skip: 0 }
  blanks(m)
  if (m.pos === src.length) return { value: 0n, error: '' }
  let value = assignment(m)
  while (dialect === 'bash' && m.error === '' && take(m, ',')) value = assignment(m)
  blanks(m)
  if (m.pos < src.length) {
    const token = src.slice(m.pos).trim()
    const bash = `${src.trim()}: syntax error in expression (error token is "${token}")`
    fault(m, `arithmetic expression: expecting EOF: "${src}"`, bash)
  }
  return m.error === '' ? { value: BigInt.asIntN(64, value), error: '' } : { value: 0n, error: m.error }
}

function assignment(m: Machine): bigint {
  if (++m.depth > DEPTH_MAX)
    return fault(m, 'arithmetic expression: nested too deep', 'expression recursion level exceeded')
  blanks(m)
  const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(m.src.slice(m.pos, m.pos + 256))?.[0]
  if (name !== undefined) {
    const rest = m.src.slice(m.pos + name.length).trimStart()
    const op = ASSIGN.find((one) => rest.startsWith(one))
    if (op !== undefined && !(op === '=' && rest.startsWith('=='))) {
      m.pos = m.src.length - rest.length + op.length
      const right = assignment(m)
      const value = op === '=' ? right : apply(m, op.slice(0, -1), variable(m, name), right)
      store(m, name, value)
      m.depth--
      return value
    }
  }
  const value = ternary(m)
  m.depth--
  return value
}

function ternary(m: Machine): bigint {
  const cond = binary(m, 0)
  if (!take(m, '?')) return cond
  if (cond === 0n) m.skip++
  const yes = assignment(m)
  if (cond === 0n) m.skip--
  if (!take(m, ':')) return missing(m)
  if (cond !== 0n) m.skip++
  const no = assignment(m)
  if (cond !== 0n) m.skip--
  return cond !== 0n ? yes : no
}

function binary(m: Machine, level: number): bigint {
  const ops = LEVELS[level]
  if (ops === undefined) return power(m)
  let left = binary(m, level + 1)
  while (m.error === '') {
    blanks(m)
    const op = ops.find((one) => isOperator(m, one))
    if (op === undefined) break
    m.pos += op.length
    const short = (op === '&&' && left === 0n) || (op === '||' && left !== 0n)
    if (short) m.skip++
    const right = binary(m, level + 1)
    if (short) m.skip--
    left = apply(m, op, left, right)
  }
  return left
}

/** The operator itself, not the beginning of a longer one. */
function isOperator(m: Machine, op: string): boolean {
  if (!m.src.startsWith(op, m.pos)) return false
  const next = m.src[m.pos + op.length] ?? ''
  if (next === '=' && !/[=!<>]=|[<>]$/.test(op)) return op === '&&' || op === '||'
  if (op === '*' && m.dialect === 'bash') return next !== op
  if (op.length === 1 && '|&<>'.includes(op)) return next !== op
  if ((op === '<' || op === '>') && next === '=') return false
  return !((op === '<<' || op === '>>') && next === '=')
}

function power(m: Machine): bigint {
  const base = unary(m)
  blanks(m)
  if (m.dialect !== 'bash' || !m.src.startsWith('**', m.pos)) return base
  m.pos += 2
  let exponent = power(m)
  if (exponent < 0n)
    return fault(m, '', `${m.src.trim()}: exponent less than 0 (error token is "${exponent}")`)
  let result = 1n
  let square = base
  while (exponent > 0n) {
    if (exponent & 1n) result = BigInt.asIntN(64, result * square)
    square = BigInt.asIntN(64, square * square)
    exponent >>= 1n
  }
  return result
}

function unary(m: Machine): bigint {
  blanks(m)
  if (++m.depth > DEPTH_MAX)
    return fault(m, 'arithmetic expression: nested too deep', 'expression recursion level exceeded')
  const c = m.src[m.pos]
  let value: bigint
  if (m.dialect === 'bash' && /^(\+\+|--)\s*[A-Za-z_]/.test(m.src.slice(m.pos, m.pos + 256)))
    value = increment(m)
  else if (c === '-' || c === '+' || c === '!' || c === '~') {
    m.pos++
    const inner = unary(m)
    value = c === '-' ? -inner : c === '+' ? inner : c === '~' ? ~inner : inner === 0n ? 1n : 0n
  } else value = primary(m)
  m.depth--
  return value
}

function increment(m: Machine): bigint {
  const by = m.src[m.pos] === '+' ? 1n : -1n
  m.pos += 2
  blanks(m)
  const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(m.src.slice(m.pos))?.[0] ?? ''
  m.pos += name.length
  const value = variable(m, name) + by
  store(m, name, value)
  return value
}

function primary(m: Machine): bigint {
  if (take(m, '(')) {
    const value = assignment(m)
    if (!take(m, ')') && m.error === '') {
      return fault(m, `arithmetic expression: expecting ')': "${m.src}"`, `${m.src.trim()}: missing \`)'`)
    }
    return value
  }
  const rest = m.src.slice(m.pos, m.pos + 256)
  const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(rest)?.[0]
  if (name !== undefined) {
    m.pos += name.length
    const value = variable(m, name)
    const post = /^\s*(\+\+|--)/.exec(m.src.slice(m.pos))
    if (m.dialect === 'bash' && post !== null) {
      m.pos += post[0].length
      store(m, name, value + (post[1] === '++' ? 1n : -1n))
    }
    return value
  }
  const digits = /^(0[xX][0-9a-fA-F]+|[0-9]+)/.exec(rest)?.[0]
  if (digits === undefined) return missing(m)
  m.pos += digits.length
  return number(digits)
}

function number(digits: string): bigint {
  if (/^0[0-7]+$/.test(digits)) return BigInt.asIntN(64, BigInt(`0o${digits.slice(1)}`))
  return BigInt.asIntN(64, BigInt(digits.replace(/^0+(?=[0-9])/, '')))
}

/** A variable's value: unset and empty are 0; bash evaluates what it holds. */
function variable(m: Machine, name: string): bigint {
  const text = m.get(name).trim()
  if (text === '') return 0n
  if (/^-?(0[xX][0-9a-fA-F]{1,32}|[0-9]{1,32})$/.test(text)) {
    return text.startsWith('-') ? -number(text.slice(1)) : number(text)
  }
  if (m.dialect === 'dash') return fault(m, `Illegal number: ${text}`, '')
  const inner = evalArith(text, m.dialect, m.get, m.set, m.depth + 10)
  if (inner.error !== '') m.error ||= inner.error
  return inner.value
}

function store(m: Machine, name: string, value: bigint): void {
  if (m.skip === 0 && m.error === '') m.set(name, String(BigInt.asIntN(64, value)))
}

function apply(m: Machine, op: string, a: bigint, b: bigint): bigint {
  if ((op === '/' || op === '%') && b === 0n) {
    if (m.skip > 0) return 0n
    const token =
      m.src
        .slice(0, m.pos)
        .match(/\S+\s*$/)?.[0]
        .replace(/^.*[/%]/, '') ?? '0'
    const bash = `${m.src.trim()}: division by 0 (error token is "${token}")`
    return fault(m, `arithmetic expression: division by zero: "${m.src}"`, bash)
  }
  const truth = (yes: boolean) => (yes ? 1n : 0n)
  const table: Record<string, () => bigint> = {
    '||': () => truth(a !== 0n || b !== 0n),
    '&&': () => truth(a !== 0n && b !== 0n),
    '|': () => a | b,
    '^': () => a ^ b,
    '&': () => a & b,
    '==': () => truth(a === b),
    '!=': () => truth(a !== b),
    '<=': () => truth(a <= b),
    '>=': () => truth(a >= b),
    '<': () => truth(a < b),
    '>': () => truth(a > b),
    '<<': () => a << (b & 63n),
    '>>': () => a >> (b & 63n),
    '+': () => a + b,
    '-': () => a - b,
    '*': () => a * b,
    '/': () => a / b,
    '%': () => a % b,
  }
  return BigInt.asIntN(64, table[op]?.() ?? 0n)
}

function missing(m: Machine): bigint {
  const token = m.src.slice(m.pos).trim() || (/\S+$/.exec(m.src.trim())?.[0].slice(-1) ?? '')
  const bash = `${m.src.trim()}: syntax error: operand expected (error token is "${token}")`
  return fault(m, `arithmetic expression: expecting primary: "${m.src}"`, bash)
}

function fault(m: Machine, dash: string, bash: string): bigint {
  m.error ||= m.dialect === 'bash' ? bash : dash
  m.pos = m.src.length
  return 0n
}

function blanks(m: Machine): void {
  while (m.pos < m.src.length && /\s/.test(m.src[m.pos]!)) m.pos++
}

function take(m: Machine, text: string): boolean {
  blanks(m)
  if (m.error !== '' || !m.src.startsWith(text, m.pos)) return false
  m.pos += text.length
  return true
}
