/** `test` and `[`: expressions by the number of arguments (POSIX.1-2024), with -a, -o and brackets. */
import type { FileCtx } from '../../run/files.ts'
import { statFile } from '../../run/files.ts'
import type { Dialect } from './ast.ts'

const UNARY: ReadonlySet<string> = new Set('-n -z -e -f -d -r -w -x -s -L -h -t -p -b -c -S -v'.split(' '))
const BINARY: ReadonlySet<string> = new Set('= == != -eq -ne -lt -le -gt -ge < > -nt -ot -ef'.split(' '))

interface State {
  ctx: FileCtx
  dialect: Dialect
  args: readonly string[]
  pos: number
  error: string
  depth: number
}

/** 0 true, 1 false, 2 with a message after the command's name. */
export function evalTest(
  ctx: FileCtx,
  dialect: Dialect,
  args: readonly string[],
): { status: number; error: string } {
  if (args.length === 0) return { status: 1, error: '' }
  const t: State = { ctx, dialect, args, pos: 0, error: '', depth: 0 }
  const value = args.length > 4 || args.includes('-a') || args.includes('-o') ? either(t) : few(t, args)
  if (t.error === '' && t.pos < args.length)
    complex(t, 'too many arguments', `${args[t.pos - 1] ?? args[0]}: unexpected operator`)
  if (t.error !== '') return { status: 2, error: t.error }
  return { status: value ? 0 : 1, error: '' }
}

/** One primary `-f FILE` or comparison; undefined for an unknown operator. `fault` is told of bad numbers. */
export function testUnary(ctx: FileCtx, op: string, arg: string): boolean {
  if (op === '-n') return arg !== ''
  if (op === '-z') return arg === ''
  if (op === '-t' || op === '-p' || op === '-b' || op === '-c' || op === '-S' || op === '-v') return false
  const node = statFile(ctx, arg, op !== '-L' && op !== '-h')
  if (op === '-L' || op === '-h') return node?.kind === 'link'
  if (op === '-f') return node?.kind === 'file'
  if (op === '-d') return node?.kind === 'dir'
  if (op === '-s') return node !== undefined && (node.kind === 'dir' || node.text !== '')
  if (op === '-x') return node !== undefined && (node.mode & 0o111) !== 0
  return node !== undefined
}

export function compare(op: string, a: string, b: string): boolean {
  if (op === '=' || op === '==') return a === b
  if (op === '!=') return a !== b
  if (op === '<') return a < b
  if (op === '>') return a > b
  const x = Number(a)
  const y = Number(b)
  if (op === '-eq') return x === y
  if (op === '-ne') return x !== y
  if (op === '-lt') return x < y
  if (op === '-le') return x <= y
  return op === '-gt' ? x > y : x >= y
}

export function isBinary(op: string): boolean {
  return BINARY.has(op)
}

export function isUnary(op: string): boolean {
  return UNARY.has(op)
}

function few(t: State, args: readonly string[]): boolean {
  const [a = '', b = '', c = ''] = args
  t.pos = t.args.length
  if (args.length === 1) return a !== ''
  if (args.length === 2) {
    if (a === '!') return b === ''
    if (UNARY.has(a)) return testUnary(t.ctx, a, b)
    return complex(t, `${a}: unary operator expected`, `${a}: unexpected operator`)
  }
  if (args.length === 3) {
    if (BINARY.has(b)) return binary(t, b, a, c)
    if (a === '!') return !few(t, args.slice(1))
    if (a === '(' && c === ')') return b !== ''
    return complex(t, `${b}: binary operator expected`, `${a}: unexpected operator`)
  }
  if (a === '!') return !few(t, args.slice(1))
  if (a === '(' && args[3] === ')') return few(t, args.slice(1, 3))
  return complex(t, 'too many arguments', `${a}: unexpected operator`)
}

function binary(t: State, op: string, a: string, b: string): boolean {
  if (/^-(eq|ne|lt|le|gt|ge)$/.test(op)) {
    for (const text of [a, b]) {
      if (/^\s*[+-]?[0-9]+\s*$/.test(text)) continue
      return complex(t, `${text}: integer expression expected`, `Illegal number: ${text}`)
    }
  }
  if (op === '-nt' || op === '-ot' || op === '-ef') {
    const x = statFile(t.ctx, a)?.mtime ?? -1
    const y = statFile(t.ctx, b)?.mtime ?? -1
    return op === '-nt' ? x > y : op === '-ot' ? x < y : a === b && x >= 0
  }
  return compare(op, a, b)
}

function either(t: State): boolean {
  let value = both(t)
  while (t.error === '' && t.args[t.pos] === '-o') {
    t.pos++
    const right = both(t)
    value = value || right
  }
  return value
}

function both(t: State): boolean {
  let value = primary(t)
  while (t.error === '' && t.args[t.pos] === '-a') {
    t.pos++
    const right = primary(t)
    value = value && right
  }
  return value
}

function primary(t: State): boolean {
  const [a, b, c] = t.args.slice(t.pos, t.pos + 3)
  if (a === undefined || ++t.depth > 200) return complex(t, 'argument expected', 'argument expected')
  if (b !== undefined && c !== undefined && BINARY.has(b)) {
    t.pos += 3
    return binary(t, b, a, c)
  }
  t.pos++
  if (a === '!') return !primary(t)
  if (a === '(') {
    const value = either(t)
    if (t.args[t.pos++] !== ')') return complex(t, "`)' expected", 'closing paren expected')
    return value
  }
  if (UNARY.has(a) && b !== undefined && b !== '-a' && b !== '-o') {
    t.pos++
    return testUnary(t.ctx, a, b)
  }
  return a !== ''
}

function complex(t: State, bash: string, dash: string): boolean {
  t.error ||= t.dialect === 'bash' ? bash : dash
  t.pos = t.args.length
  return false
}
