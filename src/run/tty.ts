/**
 * Terminals: the line that is being typed, its keys (as readline's emacs mode has them), Ctrl-C and Ctrl-D, history
 * and completion. Output is text with terminal escapes. Not here: window size, job control by Ctrl-Z.
 */
import type { World } from '../net/types.ts'
import { findNetns } from '../net/world.ts'
import { addTarget, removeTarget, schedule, touch } from '../sim/dispatch.ts'
import { RunEv } from './events.ts'
import { TTY_TEXT_MAX, touchTty, wake, writeTty } from './fds.ts'
import { findMachine, machineOf } from './machine.ts'
import { findProcess, signalGroup, signalProcess } from './process.ts'
import type { Completion, Programs, Tty } from './types.ts'

/** Characters that one line may have, and lines kept in the history. */
export const LINE_MAX = 8192
export const HISTORY_MAX = 500
/** How long the keys after an Enter wait. */
const TURN_NS = 1_000_000
/** Lines typed ahead that nobody has read. */
const AHEAD_MAX = 256

/** A terminal in a namespace of a machine, nobody on it yet. Answers its id. */
export function createTty(world: World, machine: number, ns: number): number {
  const tty: Tty = {
    id: 0,
    epoch: 0,
    type: 'tty',
    machine,
    ns,
    text: '',
    dropped: 0,
    line: '',
    cursor: 0,
    prompt: '',
    editing: false,
    history: [],
    histAt: 0,
    histSaved: '',
    killed: '',
    lines: [],
    escape: '',
    pending: '',
    tabbed: false,
    fg: 0,
    shell: 0,
    raw: 0,
    waiters: [],
  }
  return addTarget(world, tty)
}

/** Closes a terminal: what runs on it is sent SIGHUP. */
export function closeTty(world: World, id: number): void {
  const tty = touchTty(world, id)
  if (tty === undefined) return
  const machine = findMachine(world, tty.machine)
  if (machine !== undefined) {
    if (tty.fg !== 0) signalGroup(world, machine, tty.fg, 'SIGHUP')
    if (tty.shell !== 0 && tty.shell !== tty.fg) signalProcess(world, machine, tty.shell, 'SIGHUP')
  }
  removeTarget(world, id)
}

/** Types keys; they are handled by an event at the present time. Nothing happens on a closed terminal. */
export function ttyKeys(world: World, id: number, keys: string): void {
  if (findTty(world, id) !== undefined) schedule(world, world.now, RunEv.TtyInput, id, 0, keys)
}

/** What the terminal shows so far, and how much of its beginning was dropped. */
export function ttyText(world: World, id: number): { text: string; dropped: number } {
  const tty = findTty(world, id)
  return tty === undefined ? { text: '', dropped: 0 } : { text: tty.text, dropped: tty.dropped }
}

/** The open terminal with this id. */
export function findTty(world: World, id: number): Tty | undefined {
  const tty = world.targets[id] as Tty | undefined
  return tty !== undefined && tty.type === 'tty' ? tty : undefined
}

/** A shell asks for a line with full editing: the prompt is shown, with what was typed ahead. */
export function ttyPrompt(world: World, id: number, prompt: string): void {
  const tty = touchTty(world, id)
  if (tty === undefined) return
  tty.prompt = prompt
  tty.editing = tty.lines.length === 0
  tty.histAt = tty.history.length
  tty.cursor = tty.line.length
  writeTty(world, id, prompt + (tty.lines[0] ?? tty.line))
}

/** Raw mode: from now on the process `pid` reads every key as it is typed; 0 ends that. */
export function ttyRaw(world: World, id: number, pid: number): void {
  const tty = touchTty(world, id)
  if (tty !== undefined) tty.raw = pid
}

/** Keeps a line in the history, unless it repeats the one before. */
export function ttyRemember(world: World, id: number, line: string): void {
  const tty = touchTty(world, id)
  if (tty === undefined || line.trim() === '' || tty.history.at(-1) === line) return
  tty.history.push(line)
  if (tty.history.length > HISTORY_MAX) tty.history.shift()
}

/** What can stand for the word before the cursor, as the shell on the terminal knows it. */
export function completeTty(world: World, id: number, programs: Programs): Completion {
  const tty = findTty(world, id)
  const none = { from: 0, to: 0, candidates: [] }
  const machine = tty === undefined ? undefined : machineOf(world, tty.ns)
  if (tty === undefined || machine === undefined || !tty.editing) return none
  const shell = findProcess(world, machine, tty.shell)
  const ns = findNetns(world, tty.ns)
  if (shell === undefined || ns === undefined) return none
  const before = tty.line.slice(0, tty.cursor)
  const from = before.length - (/[^\s;|&()<>=]*$/.exec(before)?.[0].length ?? 0)
  const complete = programs.get(shell.program)?.complete
  const request = { world, ns, machine, cwd: shell.cwd, programs, words: [before] }
  return { from, to: tty.cursor, candidates: complete?.(request) ?? [] }
}

/**
 * Handles typed keys; the terminal is the event's target. After Enter the rest waits a moment, as a person's next key
 * would: `keys` is '' when it goes on. Ctrl-C by itself goes before all that waits.
 */
export function ttyInput(world: World, tty: Tty, keys: string, programs: Programs): void {
  if (tty.raw !== 0) {
    const machine = findMachine(world, tty.machine)
    if (machine !== undefined && findProcess(world, machine, tty.raw) !== undefined) {
      rawKeys(world, tty, tty.pending + keys)
      return
    }
    tty.raw = 0
  }
  if (keys === '\x03') tty.pending = ''
  else if (keys !== '' && tty.pending !== '') {
    if (tty.pending.length < TTY_TEXT_MAX) tty.pending += keys
    return
  }
  const rest = keys === '' ? tty.pending : keys
  tty.pending = ''
  let used = 0
  for (const key of rest) {
    used += key.length
    const tabbed = tty.tabbed
    tty.tabbed = false
    if (tty.escape !== '') escapeKey(world, tty, key)
    else if (key === '\x1b') tty.escape = key
    else if (key === '\t' && tty.editing) tabKey(world, tty, programs, tabbed)
    else if (key >= ' ' && key !== '\x7f') insert(world, tty, key)
    else controlKey(world, tty, key)
    if ('\r\n\x04'.includes(key) && used < rest.length) {
      tty.pending = rest.slice(used)
      schedule(world, world.now + TURN_NS, RunEv.TtyInput, tty.id, 0, '')
      return
    }
  }
}

function rawKeys(world: World, tty: Tty, keys: string): void {
  tty.pending = ''
  if (keys === '' || tty.lines.length >= AHEAD_MAX) return
  tty.lines.push(keys)
  wakeForeground(world, tty)
}

function controlKey(world: World, tty: Tty, key: string): void {
  const { line, cursor } = tty
  if (key === '\r' || key === '\n') enter(world, tty)
  else if (key === '\x03') interrupt(world, tty, 'SIGINT', '^C')
  else if (key === '\x1c' && !tty.editing) interrupt(world, tty, 'SIGQUIT', '^\\')
  else if (key === '\x04') endOfFile(world, tty)
  else if (key === '\x7f' || key === '\b') {
    if (cursor > 0) edit(world, tty, line.slice(0, cursor - 1) + line.slice(cursor), cursor - 1)
  } else if (key === '\x15') {
    tty.killed = line.slice(0, cursor)
    edit(world, tty, line.slice(cursor), 0)
  } else if (key === '\x17') {
    const kept = line.slice(0, cursor).replace(/\S+\s*$/, '')
    tty.killed = line.slice(kept.length, cursor)
    edit(world, tty, kept + line.slice(cursor), kept.length)
  } else if (tty.editing) editingKey(world, tty, key)
}

function editingKey(world: World, tty: Tty, key: string): void {
  const { line, cursor } = tty
  if (key === '\x01') edit(world, tty, line, 0)
  else if (key === '\x05') edit(world, tty, line, line.length)
  else if (key === '\x02') edit(world, tty, line, Math.max(0, cursor - 1))
  else if (key === '\x06') edit(world, tty, line, Math.min(line.length, cursor + 1))
  else if (key === '\x10') browse(world, tty, -1)
  else if (key === '\x0e') browse(world, tty, 1)
  else if (key === '\x0b') {
    tty.killed = line.slice(cursor)
    edit(world, tty, line.slice(0, cursor), cursor)
  } else if (key === '\x19') {
    edit(world, tty, line.slice(0, cursor) + tty.killed + line.slice(cursor), cursor + tty.killed.length)
  } else if (key === '\x0c') {
    const back = '\b'.repeat(line.length - cursor)
    writeTty(world, tty.id, `\x1b[H\x1b[2J${tty.prompt}${line}${back}`)
  }
}

/** Arrows, Home, End, Delete and words; unknown sequences are swallowed whole. */
function escapeKey(world: World, tty: Tty, key: string): void {
  tty.escape += key
  const sequence = tty.escape.slice(1)
  if (/^[[O][0-9;]*$/.test(sequence) && tty.escape.length < 16) return
  tty.escape = ''
  if (!tty.editing) return
  const { line, cursor } = tty
  const left = cursor - (/\w*\W*$/.exec(line.slice(0, cursor))?.[0].length ?? 0)
  const right = cursor + (/^\W*\w*/.exec(line.slice(cursor))?.[0].length ?? 0)
  const name = sequence.replace(/^O/, '[')
  if (name === '[A') browse(world, tty, -1)
  else if (name === '[B') browse(world, tty, 1)
  else if (name === '[C') edit(world, tty, line, Math.min(line.length, cursor + 1))
  else if (name === '[D') edit(world, tty, line, Math.max(0, cursor - 1))
  else if (name === '[H' || name === '[1~' || name === '[7~') edit(world, tty, line, 0)
  else if (name === '[F' || name === '[4~' || name === '[8~') edit(world, tty, line, line.length)
  else if (name === '[3~') edit(world, tty, line.slice(0, cursor) + line.slice(cursor + 1), cursor)
  else if (name === '[1;5D' || name === 'b') edit(world, tty, line, left)
  else if (name === '[1;5C' || name === 'f') edit(world, tty, line, right)
}

function insert(world: World, tty: Tty, key: string): void {
  if (tty.line.length >= LINE_MAX) return
  const { line, cursor } = tty
  edit(world, tty, line.slice(0, cursor) + key + line.slice(cursor), cursor + key.length)
}

/** Makes the line and cursor what they should be, and shows the difference. */
function edit(world: World, tty: Tty, line: string, cursor: number): void {
  let same = 0
  while (same < line.length && line[same] === tty.line[same]) same++
  let text = ''
  if (line !== tty.line) {
    text = tty.cursor > same ? '\b'.repeat(tty.cursor - same) : tty.line.slice(tty.cursor, same)
    text += line.slice(same)
    if (line.length < tty.line.length) text += '\x1b[K'
    text += '\b'.repeat(line.length - cursor)
  } else if (cursor < tty.cursor) text = '\b'.repeat(tty.cursor - cursor)
  else text = line.slice(tty.cursor, cursor)
  tty.line = line
  tty.cursor = cursor
  if (text !== '') writeTty(world, tty.id, text)
}

function browse(world: World, tty: Tty, by: number): void {
  const at = tty.histAt + by
  if (at < 0 || at > tty.history.length) return
  if (tty.histAt === tty.history.length) tty.histSaved = tty.line
  tty.histAt = at
  const line = tty.history[at] ?? tty.histSaved
  edit(world, tty, line, line.length)
}

function enter(world: World, tty: Tty): void {
  const { line } = tty
  tty.line = ''
  tty.cursor = 0
  tty.editing = false
  writeTty(world, tty.id, '\n')
  if (tty.lines.length >= AHEAD_MAX) return
  tty.lines.push(`${line}\n`)
  wakeForeground(world, tty)
}

function endOfFile(world: World, tty: Tty): void {
  const { line, cursor } = tty
  if (tty.editing && line !== '') edit(world, tty, line.slice(0, cursor) + line.slice(cursor + 1), cursor)
  else if (tty.lines.length < AHEAD_MAX) {
    tty.lines.push(line)
    tty.line = ''
    tty.cursor = 0
    wakeForeground(world, tty)
  }
}

function interrupt(world: World, tty: Tty, name: 'SIGINT' | 'SIGQUIT', shown: string): void {
  const machine = findMachine(world, tty.machine)
  writeTty(world, tty.id, shown)
  tty.line = ''
  tty.cursor = 0
  tty.lines = []
  if (machine === undefined) return
  touch(world, machine.id)
  signalGroup(world, machine, tty.fg, name)
}

/** Readers of the foreground group hear of the line; others go on waiting. */
function wakeForeground(world: World, tty: Tty): void {
  const machine = findMachine(world, tty.machine)
  if (machine === undefined) return
  const ready = tty.waiters.filter((one) => findProcess(world, machine, one.pid)?.pgid === tty.fg)
  tty.waiters = tty.waiters.filter((one) => {
    const proc = findProcess(world, machine, one.pid)
    return proc !== undefined && proc.pgid !== tty.fg
  })
  wake(world, ready)
}

function tabKey(world: World, tty: Tty, programs: Programs, tabbed: boolean): void {
  const { from, to, candidates } = completeTty(world, tty.id, programs)
  const first = candidates[0]
  if (first === undefined) return
  let common = first
  for (const one of candidates) while (!one.startsWith(common)) common = common.slice(0, -1)
  if (candidates.length === 1 && !/[/=]$/.test(common)) common += ' '
  const typed = tty.line.slice(from, to)
  if (common !== typed && common.startsWith(typed)) {
    edit(world, tty, tty.line.slice(0, from) + common + tty.line.slice(to), from + common.length)
    return
  }
  tty.tabbed = true
  if (!tabbed) return
  const back = '\b'.repeat(tty.line.length - tty.cursor)
  writeTty(world, tty.id, `\n${candidates.join('  ')}\n${tty.prompt}${tty.line}${back}`)
}
