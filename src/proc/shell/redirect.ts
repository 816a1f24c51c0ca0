/** Redirections: what descriptors a command gets. Errors in dash's and bash's words. */
import { closeFd, holdFd, releaseFd, setFd } from '../../run/fds.ts'
import { listDir, readFile, resolvePath, statFile, truncateFile, writeFile } from '../../run/files.ts'
import type { Fd, ProcCtx } from '../../run/types.ts'
import { touch } from '../../sim/dispatch.ts'
import type { Redir } from './ast.ts'
import type { Expansion } from './expand.ts'
import { expandString } from './expand.ts'
import { complain } from './state.ts'

/** Opened redirections, not yet in force. */
export interface Opened {
  changes: readonly [number, Fd | null][]
  /** Puts them in force in the shell itself; answers what to put back. */
  apply(ctx: ProcCtx): [number, Fd | null][]
}

/** Opens what a command's redirections name; undefined after a mistake (said already). Check `x.need` and `x.error`. */
export function openRedirs(x: Expansion, redirs: readonly Redir[]): Opened | undefined {
  const changes: [number, Fd | null][] = []
  const words = redirs.map((redir) => expandString(x, redir.word))
  const opened: Opened = { changes, apply: (ctx) => applyRedirs(ctx, changes) }
  if (x.need !== undefined || x.error !== '') return opened
  for (let i = 0; i < redirs.length; i++) {
    const redir = redirs[i]!
    const error = openOne(x, redir, words[i]!, changes)
    if (error === '') continue
    complain(x.ctx, x.st, error)
    return undefined
  }
  return opened
}

/** Puts descriptors back as they were. */
export function putBack(ctx: ProcCtx, saved: readonly [number, Fd | null][]): void {
  for (const [n, fd] of [...saved].reverse()) {
    if (fd === null) closeFd(ctx, n)
    else {
      setFd(ctx, n, fd)
      releaseFd(ctx.world, ctx.machine, fd)
    }
  }
}

function applyRedirs(ctx: ProcCtx, changes: readonly [number, Fd | null][]): [number, Fd | null][] {
  const saved: [number, Fd | null][] = []
  if (changes.length > 0) touch(ctx.world, ctx.machine.id)
  for (const [n, fd] of changes) {
    const old = ctx.proc.fds.get(n)
    saved.push([n, old ?? null])
    // A pipe's end stays open while its number means something else.
    if (old !== undefined) holdFd(ctx.machine, old)
    if (fd === null) closeFd(ctx, n)
    else setFd(ctx, n, fd)
  }
  return saved
}

function openOne(x: Expansion, redir: Redir, word: string, changes: [number, Fd | null][]): string {
  const put = (fd: Fd | null) => {
    if (redir.fd >= 0) changes.push([redir.fd, fd])
    else changes.push([1, fd], [2, fd])
    return ''
  }
  if (redir.op === '<<') return put({ kind: 'text', text: word, offset: 0 })
  if (redir.op === '>&' || redir.op === '<&') {
    if (word === '-') return put(null)
    if (!/^[0-9]+$/.test(word))
      return x.st.dialect === 'dash' ? 'Syntax error: Bad fd number' : `${word}: ambiguous redirect`
    const fd = current(x.ctx, changes, Number(word))
    return fd === undefined ? `${word}: Bad file descriptor` : put(fd)
  }
  return openPath(x, redir.op, word, changes, put)
}

function openPath(
  x: Expansion,
  op: string,
  path: string,
  changes: readonly [number, Fd | null][],
  put: (fd: Fd) => string,
): string {
  const { ctx, st } = x
  const full = resolvePath(ctx.proc.cwd, path)
  if (path !== '' && full === '/dev/null') return put({ kind: 'null' })
  if (full === '/dev/tty' && ctx.proc.tty !== 0) return put({ kind: 'tty', tty: ctx.proc.tty })
  const std = /^\/dev\/(stdin|stdout|stderr|fd\/([0-9]))$/.exec(full)
  if (std !== null) {
    const n = std[2] === undefined ? ['stdin', 'stdout', 'stderr'].indexOf(std[1]!) : Number(std[2])
    const fd = current(ctx, changes, n)
    if (fd !== undefined) return put(fd)
  }
  if (op === '<') {
    const { error } = readFile(ctx, path)
    if (error === '') return put({ kind: 'file', path: full, offset: 0, mode: 'r' })
    if (st.dialect === 'bash') return `${path}: ${error}`
    return `cannot open ${path}: ${error === 'No such file or directory' ? 'No such file' : error}`
  }
  let error = ''
  if (op === '>' || op === '>|') error = truncateFile(ctx, path)
  else if (listDir(ctx, path) !== undefined) error = 'Is a directory'
  else if (statFile(ctx, path) === undefined) error = writeFile(ctx, path, '')
  if (error === '') return put({ kind: 'file', path: full, offset: 0, mode: op === '<>' ? 'rw' : 'w' })
  if (st.dialect === 'bash') return `${path}: ${error}`
  return `cannot create ${path}: ${error === 'No such file or directory' ? 'Directory nonexistent' : error}`
}

function current(ctx: ProcCtx, changes: readonly [number, Fd | null][], n: number): Fd | undefined {
  const changed = changes.findLast(([m]) => m === n)
  return changed === undefined ? ctx.proc.fds.get(n) : (changed[1] ?? undefined)
}
