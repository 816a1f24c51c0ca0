/**
 * The shell's evaluator: a stack of plain frames, one small step at a time. It gives way (by a timer) after a slice of
 * work and charges virtual time for it, so that no loop can hold the world still; it waits in `wait`, `sub`, `read` and
 * `drain` frames for events.
 */
import { closeFd, isWritable, openPipe, readInput } from '../../run/fds.ts'
import { setTimer, spawnChild } from '../../run/process.ts'
import type { ProcCtx } from '../../run/types.ts'
import { err } from '../program.ts'
import type { Node, Seq, Word } from './ast.ts'
import { evalCond } from './cond.ts'
import type { Expansion } from './expand.ts'
import { arithmetic, createExpansion, expandFields, expandPattern, expandString, rollBack } from './expand.ts'
import { startBackground, startPipeline } from './jobs.ts'
import { matchPattern } from './pattern.ts'
import { openRedirs, putBack } from './redirect.ts'
import { stepSimple } from './simple.ts'
import type { Frame, ShellState } from './state.ts'
import { complain, forkShell, inheritedFds, isSet, setVar } from './state.ts'

/** Steps that a shell makes before it gives way, and the virtual time that they take: 1 us each. */
const SLICE_STEPS = 2000
const SLICE_NS = 2_000_000
/** Frames: nested functions and commands. */
export const FRAMES_MAX = 2000

/** Runs until the script ends (true) or has to wait for an event (false). */
export function runShell(ctx: ProcCtx, st: ShellState): boolean {
  st.now = ctx.world.now
  for (;;) {
    if (ctx.proc.exited) return false
    const top = st.frames.at(-1)
    if (top === undefined && !st.pause) return true
    if (top === undefined) {
      setTimer(ctx, ctx.world.now, 'slice')
      st.pause = false
      return false
    }
    if (top.k === 'wait' || top.k === 'sub' || top.k === 'read') return false
    if (st.pause) {
      st.pause = false
      setTimer(ctx, ctx.world.now, 'slice')
      return false
    }
    if (st.steps >= SLICE_STEPS) {
      st.steps = 0
      setTimer(ctx, ctx.world.now + SLICE_NS, 'slice')
      return false
    }
    st.steps++
    if (top.k !== 'drain' && !isWritable(ctx, 1)) st.frames.push({ k: 'drain', fd: 1 })
    else if (top.k === 'drain') {
      if (!isWritable(ctx, top.fd)) {
        setTimer(ctx, ctx.world.now + SLICE_NS, 'slice')
        return false
      }
      st.frames.pop()
    } else if (st.frames.length > FRAMES_MAX) {
      complain(ctx, st, 'functions and commands nested too deep')
      abandon(ctx, st, 2)
    } else stepFrame(ctx, st, top)
    if (ctx.proc.state !== st) return false
  }
}

/** Gives up the command at hand: a script ends with `code`, an interactive shell asks for the next line. */
export function abandon(ctx: ProcCtx, st: ShellState, code: number): void {
  unwind(ctx, st, 0)
  st.status = code
}

/** Pops frames down to `depth`, putting back what they changed. */
export function unwind(ctx: ProcCtx, st: ShellState, depth: number): void {
  while (st.frames.length > depth) {
    const frame = st.frames.pop()!
    if (frame.k === 'restore') putBack(ctx, frame.saved)
    else if (frame.k === 'sub') closeFd(ctx, frame.fd)
    else if (frame.k === 'unassign') restoreVars(st, frame.saved)
    else if (frame.k === 'call') {
      st.params = frame.params
      restoreVars(st, frame.locals)
    }
  }
}

/** A command has ended with `status`: `set -e` may end the shell by it. */
export function finishCommand(ctx: ProcCtx, st: ShellState, status: number): void {
  st.status = status
  if (status !== 0 && isSet(st, 'e') && !isTested(st)) abandon(ctx, st, status)
}

/** What follows an expansion: the command starts a substitution and begins again, or ends by a mistake. */
export function settled(ctx: ProcCtx, st: ShellState, x: Expansion): boolean {
  if (x.need !== undefined) {
    rollBack(x)
    startSubstitution(ctx, st, x.need)
    return false
  }
  if (x.error === '') return true
  complain(ctx, st, x.error)
  abandon(ctx, st, st.dialect === 'dash' ? 2 : st.interactive ? 1 : x.code)
  return false
}

/** Runs a node in this shell. */
export function pushNode(st: ShellState, node: Node): void {
  if (node.k === 'seq') st.frames.push({ k: 'seq', node, i: 0 })
  else if (node.k === 'simple') st.frames.push({ k: 'simple', node, subs: [] })
  else if (node.k === 'andor') st.frames.push({ k: 'andor', node, i: 0 })
  else if (node.k === 'time') {
    st.frames.push({ k: 'time', from: st.now, posix: node.posix })
    pushNode(st, node.body)
  } else if (node.k === 'func') {
    st.funcs.set(node.name, node.body)
    st.status = 0
  } else if (node.k === 'pipe' || node.redirs.length > 0) {
    const redirs = node.k === 'pipe' ? [] : node.redirs
    st.frames.push({ k: 'with', node, redirs, subs: [] })
  } else pushBare(st, node)
}

/** A substitution's output is complete and its process has ended. */
export function endSubstitution(ctx: ProcCtx, st: ShellState, frame: Extract<Frame, { k: 'sub' }>): void {
  const code = st.ended.get(frame.pid)
  if (!frame.eof || code === undefined) return
  st.ended.delete(frame.pid)
  closeFd(ctx, frame.fd)
  st.frames.pop()
  st.subStatus = code
  const below = st.frames.at(-1)
  if (below !== undefined && 'subs' in below) below.subs.push(frame.text.replace(/\n+$/, ''))
}

type Compound = Exclude<Node, { k: 'simple' | 'seq' | 'andor' | 'func' | 'pipe' | 'time' }>

function pushBare(st: ShellState, node: Compound): void {
  if (node.k === 'group') pushNode(st, node.body)
  else if (node.k === 'if') st.frames.push({ k: 'if', node, i: 0, tested: false })
  else if (node.k === 'loop') st.frames.push({ k: 'loop', node, phase: 'test', last: 0 })
  else if (node.k === 'for') st.frames.push({ k: 'for', node, items: null, i: 0, subs: [] })
  else if (node.k === 'cfor') st.frames.push({ k: 'cfor', node, phase: 'init', subs: [] })
  else if (node.k === 'case') st.frames.push({ k: 'case', node, subs: [] })
  else if (node.k === 'cond') st.frames.push({ k: 'cond', node, subs: [] })
  else if (node.k === 'arith') st.frames.push({ k: 'arith', node, subs: [] })
  else st.frames.push({ k: 'with', node, redirs: [], subs: [] })
}

function stepFrame(ctx: ProcCtx, st: ShellState, f: Frame): void {
  if (f.k === 'seq') {
    const item = f.node.items[f.i++]
    if (item === undefined) st.frames.pop()
    else if (item.bg) startBackground(ctx, st, item.node, item.src)
    else {
      if (f.i === f.node.items.length) st.frames.pop()
      pushNode(st, item.node)
    }
  } else if (f.k === 'andor') stepAndOr(st, f)
  else if (f.k === 'not') {
    st.frames.pop()
    st.status = st.status === 0 ? 1 : 0
  } else if (f.k === 'time') {
    st.frames.pop()
    sayTime(ctx, f.posix, ctx.world.now - f.from)
  } else if (f.k === 'simple') stepSimple(ctx, st, f)
  else if (f.k === 'with') stepWith(ctx, st, f)
  else if (f.k === 'if') stepIf(st, f)
  else if (f.k === 'loop') stepLoop(st, f)
  else if (f.k === 'for') stepFor(ctx, st, f)
  else if (f.k === 'cfor') stepCfor(ctx, st, f)
  else if (f.k === 'case') stepCase(ctx, st, f)
  else if (f.k === 'cond') {
    const result = evalCond(ctx, st, f.node.words, f.subs)
    if (result !== undefined) {
      st.frames.pop()
      finishCommand(ctx, st, result)
    }
  } else if (f.k === 'arith') {
    const value = evalText(ctx, st, f.node.body, f.subs)
    if (value !== undefined) {
      st.frames.pop()
      finishCommand(ctx, st, value === '0' ? 1 : 0)
    }
  } else unwind(ctx, st, st.frames.length - 1)
}

/** What bash's `time` prints: no work here takes the processor's time. */
function sayTime(ctx: ProcCtx, posix: boolean, ns: number): void {
  const minutes = Math.floor(ns / 60e9)
  const shown = (n: number, m: number) => (posix ? n.toFixed(2) : `${m}m${(n - m * 60).toFixed(3)}s`)
  const gap = posix ? ' ' : '\t'
  const lines = [
    `real${gap}${shown(ns / 1e9, minutes)}`,
    `user${gap}${shown(0, 0)}`,
    `sys${gap}${shown(0, 0)}`,
  ]
  err(ctx, `${posix ? '' : '\n'}${lines.join('\n')}\n`)
}

function stepAndOr(st: ShellState, f: Extract<Frame, { k: 'andor' }>): void {
  const item = f.node.items[f.i++]
  if (item === undefined) st.frames.pop()
  else if (item.op === '' || (item.op === '&&') === (st.status === 0)) {
    if (f.i === f.node.items.length) st.frames.pop()
    pushNode(st, item.node)
  }
}

function stepWith(ctx: ProcCtx, st: ShellState, f: Extract<Frame, { k: 'with' }>): void {
  const { node } = f
  if (node.k === 'pipe' || node.k === 'subshell') {
    const x = createExpansion(ctx, st, f.subs)
    const opened = openRedirs(x, f.redirs)
    if (!settled(ctx, st, x)) return
    st.frames.pop()
    if (opened === undefined) finishCommand(ctx, st, st.dialect === 'dash' ? 2 : 1)
    else if (node.k === 'subshell') startPipeline(ctx, st, [node.body], false, opened)
    else if (node.items.length > 1) startPipeline(ctx, st, node.items, node.bang, opened)
    else {
      st.frames.push({ k: 'not' })
      pushNode(st, node.items[0]!)
    }
    return
  }
  const x = createExpansion(ctx, st, f.subs)
  const opened = openRedirs(x, f.redirs)
  if (!settled(ctx, st, x)) return
  st.frames.pop()
  if (opened === undefined) {
    finishCommand(ctx, st, st.dialect === 'dash' ? 2 : 1)
    return
  }
  st.frames.push({ k: 'restore', saved: opened.apply(ctx) })
  pushBare(st, node as Compound)
}

function stepIf(st: ShellState, f: Extract<Frame, { k: 'if' }>): void {
  const arm = f.node.arms[f.i]
  if (f.tested && st.status === 0 && arm !== undefined) {
    st.frames.pop()
    pushNode(st, arm.body)
    return
  }
  if (f.tested) f.i++
  const next = f.node.arms[f.i]
  f.tested = next !== undefined
  if (next !== undefined) pushNode(st, next.cond)
  else {
    st.frames.pop()
    st.status = 0
    if (f.node.other !== null) pushNode(st, f.node.other)
  }
}

function stepLoop(st: ShellState, f: Extract<Frame, { k: 'loop' }>): void {
  if (f.phase === 'body') {
    f.last = st.status
    f.phase = 'test'
  }
  if (f.phase === 'test') {
    f.phase = 'tested'
    pushNode(st, f.node.cond)
  } else if ((st.status === 0) !== f.node.until) {
    f.phase = 'body'
    pushNode(st, f.node.body)
  } else {
    st.frames.pop()
    st.status = f.last
  }
}

function stepFor(ctx: ProcCtx, st: ShellState, f: Extract<Frame, { k: 'for' }>): void {
  st.line = f.node.line
  if (f.items === null) {
    const x = createExpansion(ctx, st, f.subs)
    const items = f.node.words === null ? [...st.params] : expandFields(x, f.node.words)
    if (!settled(ctx, st, x)) return
    f.items = items
    st.status = 0
  }
  const item = f.items[f.i++]
  if (item === undefined) st.frames.pop()
  else if (setVar(st, f.node.name, item)) pushNode(st, f.node.body)
  else {
    complain(ctx, st, `${f.node.name}: ${st.dialect === 'dash' ? 'is read only' : 'readonly variable'}`)
    abandon(ctx, st, st.dialect === 'dash' ? 2 : 1)
  }
}

function stepCfor(ctx: ProcCtx, st: ShellState, f: Extract<Frame, { k: 'cfor' }>): void {
  st.line = f.node.line
  const part = f.phase === 'init' ? f.node.init : f.phase === 'test' ? f.node.cond : f.node.step
  const value = evalText(ctx, st, part, f.subs)
  if (value === undefined) return
  f.subs = []
  if (f.phase !== 'test') f.phase = 'test'
  else if (value === '0' && part.length > 0) st.frames.pop()
  else {
    f.phase = 'step'
    pushNode(st, f.node.body)
  }
}

function stepCase(ctx: ProcCtx, st: ShellState, f: Extract<Frame, { k: 'case' }>): void {
  const x = createExpansion(ctx, st, f.subs)
  const word = expandString(x, f.node.word)
  let found: Seq | undefined
  for (const arm of f.node.arms) {
    for (const pattern of arm.patterns) {
      if (found === undefined && x.need === undefined && x.error === '') {
        if (matchPattern(expandPattern(x, pattern), word)) found = arm.body
      }
    }
  }
  if (!settled(ctx, st, x)) return
  st.frames.pop()
  st.status = 0
  if (found !== undefined) pushNode(st, found)
}

/** Expands and evaluates arithmetic; undefined while a substitution runs or after a mistake. */
function evalText(ctx: ProcCtx, st: ShellState, body: Word, subs: readonly string[]): string | undefined {
  const x = createExpansion(ctx, st, subs)
  const text = expandString(x, body)
  const value = x.need === undefined ? arithmetic(x, text) : '0'
  if (x.error !== '' && x.need === undefined) {
    complain(ctx, st, `((: ${x.error}`)
    st.frames.pop()
    finishCommand(ctx, st, 1)
    return undefined
  }
  return settled(ctx, st, x) ? value : undefined
}

function startSubstitution(ctx: ProcCtx, st: ShellState, body: Seq): void {
  const { r, w } = openPipe(ctx)
  const fds = inheritedFds(ctx)
  fds.set(1, ctx.proc.fds.get(w)!)
  st.steps += 200
  const pid = spawnChild(ctx, ctx.proc.program, [...ctx.proc.argv], { fds, state: forkShell(st, body) })
  closeFd(ctx, w)
  if (pid === 0) {
    closeFd(ctx, r)
    complain(ctx, st, 'Cannot fork')
    abandon(ctx, st, 2)
    return
  }
  st.frames.push({ k: 'sub', fd: r, pid, text: '', eof: false })
  readInput(ctx, r)
}

/** Whether the status of the command at hand is looked at by `if`, `while`, `&&`, `||` or `!`. */
export function isTested(st: ShellState): boolean {
  for (const f of st.frames) {
    if (f.k === 'andor' && f.i < f.node.items.length) return true
    if (f.k === 'not' || (f.k === 'if' && f.tested) || (f.k === 'loop' && f.phase === 'tested')) return true
    if (f.k === 'wait' && f.negate) return true
  }
  return false
}

function restoreVars(st: ShellState, saved: readonly [string, string | undefined][]): void {
  for (const [name, value] of [...saved].reverse()) {
    if (value === undefined) st.vars.delete(name)
    else st.vars.set(name, value)
  }
}
