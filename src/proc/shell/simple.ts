/** Simple commands: assignments, functions, builtins and programs. */
import { readFile, resolvePath, statFile } from '../../run/files.ts'
import { execProgram } from '../../run/process.ts'
import type { ProcCtx } from '../../run/types.ts'
import { err } from '../program.ts'
import { isNotModelled } from '../known.ts'
import type { Word } from './ast.ts'
import { builtinOf, isSpecialBuiltin } from './builtins.ts'
import { abandon, finishCommand, pushNode, settled, unwind } from './eval.ts'
import type { Expansion } from './expand.ts'
import { createExpansion, expandFields, expandString } from './expand.ts'
import { adoptFds, startProgram } from './jobs.ts'
import type { Opened } from './redirect.ts'
import { openRedirs } from './redirect.ts'
import type { Frame, ShellState } from './state.ts'
import { complain, environmentOf, isSet, setVar } from './state.ts'

const DECLARING: ReadonlySet<string> = new Set(['export', 'readonly', 'local', 'declare', 'typeset'])

/** One step of a simple command: it may have to begin again after a command substitution. */
export function stepSimple(ctx: ProcCtx, st: ShellState, f: Extract<Frame, { k: 'simple' }>): void {
  const { node } = f
  st.line = node.line
  if (f.subs.length === 0) st.subStatus = -1
  const x = createExpansion(ctx, st, f.subs)
  const fields = expandWords(x, node.words)
  const values: [string, string][] = node.assigns.map(({ name, append, word }) => {
    return [name, (append ? (st.vars.get(name) ?? '') : '') + expandString(x, word)]
  })
  const opened = openRedirs(x, node.redirs)
  if (!settled(ctx, st, x)) return
  st.frames.pop()
  if (isSet(st, 'x')) trace(ctx, st, values, fields)
  const name = fields[0]
  if (opened === undefined) {
    const fatal = name !== undefined && st.dialect === 'dash' && isSpecialBuiltin(name) && !st.interactive
    if (fatal) abandon(ctx, st, 2)
    else finishCommand(ctx, st, st.dialect === 'dash' ? 2 : 1)
  } else if (name === undefined) {
    for (const [key, value] of values) if (!assign(ctx, st, key, value)) return
    finishCommand(ctx, st, Math.max(0, st.subStatus))
  } else dispatch(ctx, st, fields, values, opened)
}

/** What a command's name stands for: `script` is the file to run by `program`, '' for none; or the error and status. */
export interface Found {
  program: string
  script: string
  error: string
  code: number
}

/** A program by the name that was typed, or why there is none. */
export function findProgram(ctx: ProcCtx, name: string): Found {
  if (!name.includes('/')) {
    if (ctx.programs.has(name)) return { program: name, script: '', error: '', code: 0 }
    return missing(isNotModelled(name) ? 'not modelled' : 'not found', 127)
  }
  const path = resolvePath(ctx.proc.cwd, name)
  const base = path.slice(path.lastIndexOf('/') + 1)
  if (/^\/(usr\/)?s?bin\/[^/]+$/.test(path)) {
    if (ctx.programs.has(base)) return { program: base, script: '', error: '', code: 0 }
    if (isNotModelled(base)) return missing('not modelled', 127)
  }
  const file = statFile(ctx, path)
  // Programs that are known by their whole path are there unless their directory holds others only.
  if (ctx.programs.has(path)) {
    const dir = statFile(ctx, path.slice(0, -base.length - 1))
    if (file !== undefined || dir === undefined) return { program: path, script: '', error: '', code: 0 }
  }
  if (file === undefined) return missing('No such file or directory', 127)
  if (file.kind === 'dir') return missing('Is a directory', 126)
  if ((file.mode & 0o111) === 0) return missing('Permission denied', 126)
  const bash = /^#! *\/(usr\/)?bin\/(env +)?bash/.test(readFile(ctx, path).text)
  return { program: bash ? 'bash' : 'sh', script: path, error: '', code: 0 }
}

function missing(error: string, code: number): Found {
  return { program: '', script: '', error, code }
}

function expandWords(x: Expansion, words: readonly Word[]): string[] {
  const first = words[0]?.[0]
  if (first?.t !== 'lit' || words[0]?.length !== 1 || !DECLARING.has(first.s)) return expandFields(x, words)
  const fields: string[] = []
  for (const word of words) {
    const head = word[0]
    const plain = head?.t === 'lit' && !head.q && /^[A-Za-z_][A-Za-z0-9_]*=/.test(head.s)
    if (plain) fields.push(expandString(x, word))
    else fields.push(...expandFields(x, [word]))
  }
  return fields
}

function dispatch(
  ctx: ProcCtx,
  st: ShellState,
  fields: string[],
  values: [string, string][],
  opened: Opened,
): void {
  const name = fields[0]!
  const func = st.funcs.get(name)
  const special = isSpecialBuiltin(name) && st.dialect === 'dash'
  const builtin = func === undefined || special ? builtinOf(st.dialect, name) : undefined
  if (builtin === undefined && func === undefined) {
    runProgram(ctx, st, fields, values, opened)
    return
  }
  if (name === 'exec' && builtin !== undefined) {
    runExec(ctx, st, fields.slice(1), values, opened)
    return
  }
  const saved: [string, string | undefined][] = special ? [] : values.map(([key]) => [key, st.vars.get(key)])
  for (const [key, value] of values) if (!assign(ctx, st, key, value)) return
  if (saved.length > 0) st.frames.push({ k: 'unassign', saved })
  if (opened.changes.length > 0) st.frames.push({ k: 'restore', saved: opened.apply(ctx) })
  if (func !== undefined && builtin === undefined) {
    st.frames.push({ k: 'call', params: st.params, locals: [] })
    st.params = fields.slice(1)
    pushNode(st, func)
    return
  }
  const depth = st.frames.length
  const status = builtin?.(ctx, st, fields)
  if (status === undefined || ctx.proc.exited || ctx.proc.state !== st) return
  if (st.frames.length >= depth && saved.length + opened.changes.length > 0) {
    const own = (saved.length > 0 ? 1 : 0) + (opened.changes.length > 0 ? 1 : 0)
    if (st.frames.length === depth) unwind(ctx, st, depth - own)
  }
  finishCommand(ctx, st, status)
}

function runProgram(
  ctx: ProcCtx,
  st: ShellState,
  fields: string[],
  values: readonly [string, string][],
  opened: Opened,
): void {
  const found = findProgram(ctx, fields[0]!)
  if (found.error !== '') {
    const depth = st.frames.length
    st.frames.push({ k: 'restore', saved: opened.apply(ctx) })
    sayMissing(ctx, st, fields[0]!, found.error)
    unwind(ctx, st, depth)
    finishCommand(ctx, st, found.code)
    return
  }
  const env = environmentOf(st)
  for (const [key, value] of values) env.set(key, value)
  const argv = found.script === '' ? fields : [found.program, found.script, ...fields.slice(1)]
  const last = st.frames.length === 0 && !st.interactive && st.trapExit === '' && st.exiting < 0
  if (last && (st.forked || st.source === 'c')) {
    adoptFds(ctx, opened)
    execProgram(ctx, found.program, argv, env)
  } else startProgram(ctx, st, found.program, argv, opened, env)
}

function runExec(
  ctx: ProcCtx,
  st: ShellState,
  fields: string[],
  values: readonly [string, string][],
  opened: Opened,
): void {
  const name = fields[0]
  adoptFds(ctx, opened)
  if (name === undefined) {
    finishCommand(ctx, st, 0)
    return
  }
  const found = findProgram(ctx, name)
  if (found.error !== '') {
    complain(ctx, st, `exec: ${name}: not found`)
    abandon(ctx, st, found.code)
    return
  }
  const env = environmentOf(st)
  for (const [key, value] of values) env.set(key, value)
  const argv = found.script === '' ? fields : [found.program, found.script, ...fields.slice(1)]
  execProgram(ctx, found.program, argv, env)
}

function sayMissing(ctx: ProcCtx, st: ShellState, name: string, error: string): void {
  if (error === 'not modelled') err(ctx, `${name}: not modelled in Kubehop\n`)
  else if (st.dialect === 'dash') {
    const dash = error === 'No such file or directory' ? 'not found' : error
    complain(ctx, st, `${name}: ${dash === 'Is a directory' ? 'Permission denied' : dash}`)
  } else complain(ctx, st, `${name}: ${error === 'not found' ? 'command not found' : error}`)
}

function assign(ctx: ProcCtx, st: ShellState, name: string, value: string): boolean {
  if (setVar(st, name, value)) return true
  complain(ctx, st, `${name}: ${st.dialect === 'dash' ? 'is read only' : 'readonly variable'}`)
  abandon(ctx, st, st.dialect === 'dash' ? 2 : 1)
  return false
}

function trace(
  ctx: ProcCtx,
  st: ShellState,
  values: readonly [string, string][],
  fields: readonly string[],
): void {
  const quote = (text: string) => {
    return st.dialect === 'bash' && !/^[\w@%+=:,./-]+$/.test(text)
      ? `'${text.replaceAll("'", "'\\''")}'`
      : text
  }
  const words = [...values.map(([key, value]) => `${key}=${quote(value)}`), ...fields.map(quote)]
  if (words.length > 0) err(ctx, `+ ${words.join(' ')}\n`)
}
