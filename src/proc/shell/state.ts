/** A shell's memory: plain data, so that a script that is half done rewinds. */
import { clonePlain } from '../../base/clone.ts'
import type { Fd, ProcCtx } from '../../run/types.ts'
import { err } from '../program.ts'
import type { Dialect, Node, Redir, Seq, Simple } from './ast.ts'

/** What the shell is in the middle of, innermost last. */
export type Frame =
  | { k: 'seq'; node: Seq; i: number }
  | { k: 'andor'; node: Extract<Node, { k: 'andor' }>; i: number }
  | { k: 'not' }
  /** bash's `time`: when it began, ns. */
  | { k: 'time'; from: number; posix: boolean }
  | { k: 'simple'; node: Simple; subs: string[] }
  /** A compound command's redirections, then the command itself. */
  | { k: 'with'; node: Node; redirs: readonly Redir[]; subs: string[] }
  /** Puts descriptors back at its end. */
  | { k: 'restore'; saved: [number, Fd | null][] }
  /** A variable assignment in front of a function or builtin ends with it. */
  | { k: 'unassign'; saved: [string, string | undefined][] }
  | { k: 'wait'; pids: number[]; negate: boolean; jobs: boolean }
  | { k: 'sub'; fd: number; pid: number; text: string; eof: boolean }
  | { k: 'if'; node: Extract<Node, { k: 'if' }>; i: number; tested: boolean }
  | { k: 'loop'; node: Extract<Node, { k: 'loop' }>; phase: 'test' | 'tested' | 'body'; last: number }
  | { k: 'for'; node: Extract<Node, { k: 'for' }>; items: string[] | null; i: number; subs: string[] }
  | { k: 'cfor'; node: Extract<Node, { k: 'cfor' }>; phase: 'init' | 'test' | 'step'; subs: string[] }
  | { k: 'case'; node: Extract<Node, { k: 'case' }>; subs: string[] }
  | { k: 'cond'; node: Extract<Node, { k: 'cond' }>; subs: string[] }
  | { k: 'arith'; node: Extract<Node, { k: 'arith' }>; subs: string[] }
  | { k: 'call'; params: string[]; locals: [string, string | undefined][] }
  | { k: 'source' }
  | { k: 'read'; names: string[]; raw: boolean; text: string }
  /** Output goes into a full pipe: wait for room. */
  | { k: 'drain'; fd: number }

export interface ShellState {
  kind: 'shell'
  dialect: Dialect
  /** $0, and what stands in front of messages. */
  name: string
  /** Reads its commands from a terminal. */
  interactive: boolean
  /** Where its text came from: `-c`, a script's path, or standard input. */
  source: 'c' | 'file' | 'stdin'
  vars: Map<string, string>
  exported: Set<string>
  readonly: Set<string>
  funcs: Map<string, Node>
  params: string[]
  status: number
  /** Status of the last command substitution of the command at hand, -1 for none. */
  subStatus: number
  lastBg: number
  /** Letters set by `set`: e u x f n. */
  flags: string
  frames: Frame[]
  /** Virtual time at which it goes on, ns. */
  now: number
  /** Work since the shell last gave way. */
  steps: number
  /** Children that ended while nobody waited: pid to code. */
  ended: Map<number, number>
  jobs: Job[]
  /** Lines of a command that is not complete yet, or a script that is being read. */
  buffer: string
  line: number
  /** A forked copy: its last command may replace it. */
  forked: boolean
  trapExit: string
  /** The terminal's shell before this one. */
  outer: number
  depth: number
  /** A signal was sent: give way before anything else, it may be for this shell. */
  pause: boolean
  /** Exit status while the EXIT trap runs, -1 before. */
  exiting: number
}

export interface Job {
  n: number
  pid: number
  src: string
  done: boolean
  code: number
}

export function createShell(dialect: Dialect, name: string): ShellState {
  return {
    kind: 'shell',
    dialect,
    name,
    interactive: false,
    source: 'c',
    vars: new Map([['IFS', ' \t\n']]),
    exported: new Set(),
    readonly: new Set(),
    funcs: new Map(),
    params: [],
    status: 0,
    subStatus: -1,
    lastBg: 0,
    flags: '',
    frames: [],
    now: 0,
    steps: 0,
    ended: new Map(),
    jobs: [],
    buffer: '',
    line: 1,
    forked: false,
    trapExit: '',
    outer: 0,
    depth: 0,
    pause: false,
    exiting: -1,
  }
}

/** A copy that runs `body` and ends: a subshell's state. */
export function forkShell(st: ShellState, body: Node): ShellState {
  const copy = clonePlain({
    ...st,
    frames: [] as Frame[],
    ended: new Map<number, number>(),
    jobs: [] as Job[],
  })
  copy.frames = [{ k: 'seq', node: { k: 'seq', items: [{ node: body, bg: false, src: '' }] }, i: 0 }]
  copy.interactive = false
  copy.forked = true
  copy.trapExit = ''
  copy.exiting = -1
  copy.pause = false
  copy.depth = st.depth + 1
  return copy
}

/** Writes a message with the shell's name and place in front, as its dialect does. */
export function complain(ctx: ProcCtx, st: ShellState, text: string): void {
  err(ctx, `${placeOf(st)}${text}\n`)
}

export function placeOf(st: ShellState): string {
  if (st.dialect === 'dash') return `${st.name}: ${st.line}: `
  return st.interactive || st.source === 'stdin' ? `${st.name}: ` : `${st.name}: line ${st.line}: `
}

export function getVar(st: ShellState, name: string): string | undefined {
  return st.vars.get(name)
}

/** False where the variable is read-only. */
export function setVar(st: ShellState, name: string, value: string): boolean {
  if (st.readonly.has(name)) return false
  st.vars.set(name, value.length > VALUE_MAX ? value.slice(0, VALUE_MAX) : value)
  return true
}

/** Characters that a variable or a word's expansion may have. */
export const VALUE_MAX = 1_048_576

/** The exported variables. */
export function environmentOf(st: ShellState): Map<string, string> {
  const env = new Map<string, string>()
  for (const name of st.exported) {
    const value = st.vars.get(name)
    if (value !== undefined) env.set(name, value)
  }
  return env
}

/** Descriptors that a child inherits: 0 to 9. */
export function inheritedFds(ctx: ProcCtx): Map<number, Fd> {
  const fds = new Map<number, Fd>()
  for (const [n, fd] of ctx.proc.fds) if (n < 10) fds.set(n, fd)
  return fds
}

export function isSet(st: ShellState, flag: string): boolean {
  return st.flags.includes(flag)
}
