/**
 * Descriptors: what processes read and write. Models pipes, regular files, terminals and /dev/null.
 * Not here: shared file offsets (a write goes to the file's end), seeking, non-blocking modes.
 */
import { assert } from '../base/assert.ts'
import { entryDrop, entrySet } from '../base/entries.ts'
import type { World } from '../net/types.ts'
import { schedule, touch } from '../sim/dispatch.ts'
import { RunEv } from './events.ts'
import { containerWrite } from './containerlife.ts'
import { appendFile, readFile } from './files.ts'
import type { Capture, Fd, Machine, Pipe, ProcCtx, Process, Tty, Waiter } from './types.ts'

/** A pipe is full from here on: writers should wait. */
export const PIPE_FULL = 65_536
/** What a pipe keeps at most: a writer that did not wait ends there by SIGPIPE. */
export const PIPE_MAX = 8_388_608
/** Characters that one process may write to terminals, files and captures. */
export const OUTPUT_MAX = 4_194_304
/** Characters that a capture keeps of one stream. */
export const CAPTURE_MAX = 4_194_304
/** Characters that a terminal keeps. */
export const TTY_TEXT_MAX = 262_144

/**
 * Writes text to a descriptor. False where nobody will read it (the process is sent SIGPIPE), where the descriptor
 * is closed, or where a pipe is full: the text was taken but the caller should wait before it writes more.
 */
export function writeFd(ctx: ProcCtx, n: number, text: string): boolean {
  const fd = ctx.proc.fds.get(n)
  if (fd === undefined || ctx.proc.exited) return false
  if (text === '' || fd.kind === 'null') return true
  if (fd.kind === 'text') return false
  if (fd.kind === 'pipe') return writePipe(ctx, fd.pipe, fd.end, text)
  const room = OUTPUT_MAX - ctx.proc.written
  if (room <= 0) return false
  ctx.proc.written += text.length
  const kept =
    text.length < room ? text : `${text.slice(0, room)}\nkubehop: ${ctx.proc.argv[0]}: output cut here\n`
  if (fd.kind === 'tty') writeTty(ctx.world, fd.tty, kept)
  else if (fd.kind === 'capture') writeCapture(ctx.world, fd.capture, fd.stream, kept)
  else if (fd.kind === 'log') containerWrite(ctx.world, ctx.machine.id, ctx.proc.container, fd.stream, kept)
  else if (fd.mode === 'r') return false
  else return appendFile(ctx, fd.path, kept) === ''
  return text.length < room
}

/** Whether a write would find room: false while a pipe is full. */
export function isWritable(ctx: ProcCtx, n: number): boolean {
  const fd = ctx.proc.fds.get(n)
  if (fd?.kind !== 'pipe') return true
  const pipe = ctx.machine.pipes.get(fd.pipe)
  return pipe === undefined || pipe.readers === 0 || pipe.text.length < PIPE_FULL
}

/**
 * Asks for input on a descriptor: one `input` event follows, as soon as there is something to read or the end is
 * reached. A terminal gives a line at a time. A closed descriptor is at its end.
 */
export function readInput(ctx: ProcCtx, n: number): void {
  const { world, proc } = ctx
  if (!proc.reads.includes(n)) proc.reads = proc.reads.concat(n)
  const fd = proc.fds.get(n)
  const waiter: Waiter = { ns: proc.ns, pid: proc.pid, fd: n }
  if (fd?.kind === 'pipe') {
    const pipe = touchPipe(ctx, fd.pipe)
    if (pipe !== undefined && pipe.text === '' && pipe.writers > 0) {
      enlist(pipe.waiters, waiter)
      return
    }
  } else if (fd?.kind === 'tty') {
    const tty = touchTty(world, fd.tty)
    if (tty !== undefined && tty.lines.length === 0) {
      enlist(tty.waiters, waiter)
      return
    }
  }
  schedule(world, world.now, RunEv.ProcInput, proc.ns, proc.pid, n)
}

/** Takes what a descriptor has to read now; undefined where there is nothing yet. `max` bounds the characters taken. */
export function takeInput(ctx: ProcCtx, n: number, max: number): { text: string; eof: boolean } | undefined {
  const fd = ctx.proc.fds.get(n)
  if (fd === undefined || fd.kind === 'null' || fd.kind === 'capture' || fd.kind === 'log') {
    return { text: '', eof: true }
  }
  if (fd.kind === 'pipe') {
    const pipe = touchPipe(ctx, fd.pipe)
    if (pipe === undefined || (pipe.text === '' && pipe.writers === 0)) return { text: '', eof: true }
    if (pipe.text === '') return undefined
    const text = pipe.text.slice(0, max)
    pipe.text = pipe.text.slice(max)
    return { text, eof: false }
  }
  if (fd.kind === 'tty') {
    const tty = touchTty(ctx.world, fd.tty)
    if (tty === undefined) return { text: '', eof: true }
    const line = tty.lines.shift()
    return line === undefined ? undefined : { text: line, eof: line === '' }
  }
  const whole = fd.kind === 'text' ? fd.text : readFile(ctx, fd.path).text
  const text = whole.slice(fd.offset, fd.offset + max)
  fd.offset += text.length
  return { text, eof: text === '' }
}

/** Puts text back in front of what a descriptor has to read (a shell's `read` took too much). */
export function unreadInput(ctx: ProcCtx, n: number, text: string): void {
  const fd = ctx.proc.fds.get(n)
  if (text === '' || fd === undefined) return
  if (fd.kind === 'file' || fd.kind === 'text') fd.offset = Math.max(0, fd.offset - text.length)
  else if (fd.kind === 'pipe') {
    const pipe = touchPipe(ctx, fd.pipe)
    if (pipe !== undefined) pipe.text = text + pipe.text
  } else if (fd.kind === 'tty') touchTty(ctx.world, fd.tty)?.lines.unshift(text)
}

/** A new pipe held open by the process itself. Answers its two descriptor numbers. */
export function openPipe(ctx: ProcCtx): { r: number; w: number } {
  touch(ctx.world, ctx.machine.id)
  const pipe: Pipe = { id: ctx.machine.nextPipe++, text: '', readers: 0, writers: 0, waiters: [] }
  ctx.machine.pipes = entrySet(ctx.machine.pipes, pipe.id, pipe)
  const r = setFd(ctx, freeFd(ctx), { kind: 'pipe', pipe: pipe.id, end: 'r' })
  const w = setFd(ctx, freeFd(ctx), { kind: 'pipe', pipe: pipe.id, end: 'w' })
  return { r, w }
}

/** Makes descriptor `n` refer to `fd`, instead of what it was. Answers `n`. */
export function setFd(ctx: ProcCtx, n: number, fd: Fd): number {
  touch(ctx.world, ctx.machine.id)
  holdFd(ctx.machine, fd)
  closeFd(ctx, n)
  ownFds(ctx.proc).set(n, { ...fd })
  return n
}

/** Closes a descriptor; at a pipe's last one the other side is told. */
export function closeFd(ctx: ProcCtx, n: number): void {
  const fd = ctx.proc.fds.get(n)
  if (fd === undefined) return
  ownFds(ctx.proc).delete(n)
  ctx.proc.reads = ctx.proc.reads.filter((m) => m !== n)
  if (fd.kind !== 'pipe') return
  releaseFd(ctx.world, ctx.machine, fd)
}

/** Frozen: of all processes without any. */
export const NO_FDS: ReadonlyMap<number, Fd> = Object.freeze(new Map())

/** A process' descriptors, to be written: its own from the first time on. */
export function ownFds(proc: Process): Map<number, Fd> {
  if (Object.isFrozen(proc.fds)) proc.fds = new Map(proc.fds)
  return proc.fds as Map<number, Fd>
}

/** The lowest free number from 10 on: a shell's own descriptors stay out of the way of 0 to 9. */
export function freeFd(ctx: ProcCtx): number {
  let n = 10
  while (ctx.proc.fds.has(n)) n++
  return n
}

/** Counts one more reference to a pipe's end; every held descriptor must be released or set. */
export function holdFd(machine: Machine, fd: Fd): void {
  if (fd.kind !== 'pipe') return
  const pipe = machine.pipes.get(fd.pipe)
  assert(pipe !== undefined, 'run: a descriptor of a pipe that is gone')
  if (fd.end === 'r') pipe.readers++
  else pipe.writers++
}

/** Counts one reference less. */
export function releaseFd(world: World, machine: Machine, fd: Fd): void {
  if (fd.kind !== 'pipe') return
  touch(world, machine.id)
  const pipe = machine.pipes.get(fd.pipe)
  if (pipe === undefined) return
  if (fd.end === 'r') pipe.readers--
  else if (--pipe.writers === 0) wake(world, pipe.waiters)
  if (pipe.readers === 0 && pipe.writers === 0) machine.pipes = entryDrop(machine.pipes, pipe.id)
}

/** Shows text on a terminal: `\n` becomes `\r\n`, the oldest text is dropped beyond TTY_TEXT_MAX. */
export function writeTty(world: World, id: number, text: string): void {
  const tty = touchTty(world, id)
  if (tty === undefined) return
  tty.text += text.replaceAll('\n', '\r\n')
  const extra = tty.text.length - TTY_TEXT_MAX
  if (extra <= 0) return
  tty.text = tty.text.slice(extra)
  tty.dropped += extra
}

/** Tells everybody in the list that there may be something to read, and empties it. */
export function wake(world: World, waiters: Waiter[]): void {
  for (const waiter of waiters) {
    schedule(world, world.now, RunEv.ProcInput, waiter.ns, waiter.pid, waiter.fd)
  }
  waiters.length = 0
}

/** The terminal, for writing; undefined where it is closed. */
export function touchTty(world: World, id: number): Tty | undefined {
  const tty = world.targets[id] as Tty | undefined
  if (tty === undefined || tty.type !== 'tty') return undefined
  touch(world, id)
  return tty
}

function writePipe(ctx: ProcCtx, id: number, end: 'r' | 'w', text: string): boolean {
  const pipe = touchPipe(ctx, id)
  const over = pipe !== undefined && pipe.text.length + text.length > PIPE_MAX
  if (pipe === undefined || end === 'r' || pipe.readers === 0 || over) {
    const { world, proc } = ctx
    if (end === 'w') schedule(world, world.now, RunEv.ProcSignal, proc.ns, proc.pid, 'SIGPIPE')
    return false
  }
  pipe.text += text
  wake(ctx.world, pipe.waiters)
  return pipe.text.length < PIPE_FULL
}

function touchPipe(ctx: ProcCtx, id: number): Pipe | undefined {
  touch(ctx.world, ctx.machine.id)
  return ctx.machine.pipes.get(id)
}

function writeCapture(world: World, id: number, stream: 'out' | 'err', text: string): void {
  const capture = world.targets[id] as Capture | undefined
  if (capture === undefined || capture.type !== 'capture') return
  touch(world, id)
  const room = CAPTURE_MAX - capture[stream].length
  if (text.length > room) capture.cut = true
  if (room > 0) capture[stream] += text.slice(0, room)
}

function enlist(waiters: Waiter[], waiter: Waiter): void {
  if (!waiters.some((one) => one.pid === waiter.pid && one.fd === waiter.fd)) waiters.push(waiter)
}
