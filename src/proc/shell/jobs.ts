/** Pipelines, subshells and background jobs: the shell's children. */
import { closeFd, openPipe, setFd, touchTty } from '../../run/fds.ts'
import { spawnChild, pidShown } from '../../run/process.ts'
import type { Fd, ProcCtx } from '../../run/types.ts'
import { err } from '../program.ts'
import type { Node } from './ast.ts'
import { isTested } from './eval.ts'
import type { Opened } from './redirect.ts'
import type { ShellState } from './state.ts'
import { complain, environmentOf, forkShell, inheritedFds } from './state.ts'

/** Work that starting a process counts as. */
const FORK_STEPS = 200
const JOBS_MAX = 64

/** Starts each node in a process of its own, output to input, and waits for all of them. */
export function startPipeline(
  ctx: ProcCtx,
  st: ShellState,
  nodes: readonly Node[],
  negate: boolean,
  opened: Opened,
): void {
  const pids: number[] = []
  let input = -1
  let pgid = st.interactive ? 0 : ctx.proc.pgid
  nodes.forEach((node, i) => {
    const fds = withChanges(inheritedFds(ctx), opened.changes)
    if (input >= 0) fds.set(0, ctx.proc.fds.get(input)!)
    const pipe = i < nodes.length - 1 ? openPipe(ctx) : undefined
    if (pipe !== undefined) fds.set(1, ctx.proc.fds.get(pipe.w)!)
    const pid = forkChild(ctx, st, node, fds, pgid)
    if (pgid === 0) pgid = pid
    if (pid !== 0) pids.push(pid)
    if (pipe !== undefined) closeFd(ctx, pipe.w)
    if (input >= 0) closeFd(ctx, input)
    input = pipe?.r ?? -1
  })
  if (pids.length < nodes.length) st.status = 2
  if (st.interactive && pgid !== 0) setForeground(ctx, pgid)
  if (pids.length > 0) st.frames.push({ k: 'wait', pids, negate, jobs: false })
}

/** Starts a node that the shell does not wait for. Its input is empty. */
export function startBackground(ctx: ProcCtx, st: ShellState, node: Node, src: string): void {
  const fds = inheritedFds(ctx)
  fds.set(0, { kind: 'null' })
  const pid = forkChild(ctx, st, node, fds, 0)
  st.status = pid === 0 ? 2 : 0
  if (pid === 0) return
  st.lastBg = pid
  if (st.jobs.length >= JOBS_MAX) st.jobs.shift()
  const n = (st.jobs.at(-1)?.n ?? 0) + 1
  st.jobs.push({ n, pid, src, done: false, code: 0 })
  if (st.interactive) err(ctx, `[${n}] ${pidShown(ctx.world, ctx.machine, ctx.proc, pid)}\n`)
}

/** Starts a program as a child in the foreground. */
export function startProgram(
  ctx: ProcCtx,
  st: ShellState,
  program: string,
  argv: string[],
  opened: Opened,
  env: ReadonlyMap<string, string>,
  state: unknown = undefined,
): void {
  st.steps += FORK_STEPS
  const fds = withChanges(inheritedFds(ctx), opened.changes)
  const pgid = st.interactive ? 0 : ctx.proc.pgid
  const pid = spawnChild(ctx, program, argv, { fds, env, pgid, state })
  if (pid === 0) {
    complain(ctx, st, st.dialect === 'dash' ? 'Cannot fork' : 'fork: retry: Resource temporarily unavailable')
    st.status = 2
    return
  }
  if (st.interactive) setForeground(ctx, pid)
  st.frames.push({ k: 'wait', pids: [pid], negate: false, jobs: false })
}

/** Redirections in force for a shell that is about to be replaced. */
export function adoptFds(ctx: ProcCtx, opened: Opened): void {
  for (const [n, fd] of opened.changes) {
    if (fd === null) closeFd(ctx, n)
    else setFd(ctx, n, fd)
  }
}

/** Ctrl-C goes to this group from now on. */
export function setForeground(ctx: ProcCtx, pgid: number): void {
  const tty = touchTty(ctx.world, ctx.proc.tty)
  if (tty !== undefined) tty.fg = pgid
}

/** Words for the jobs that ended since the last prompt. */
export function reportJobs(ctx: ProcCtx, st: ShellState): void {
  for (const job of st.jobs) {
    if (job.done) err(ctx, `[${job.n}]+  ${jobWord(job.code).padEnd(24)}${job.src}\n`)
  }
  st.jobs = st.jobs.filter((job) => !job.done)
}

export function jobWord(code: number): string {
  if (code === 0) return 'Done'
  if (code === 143) return 'Terminated'
  if (code === 137) return 'Killed'
  if (code === 129) return 'Hangup'
  return code === 130 ? 'Interrupt' : `Exit ${code}`
}

function forkChild(ctx: ProcCtx, st: ShellState, node: Node, fds: Map<number, Fd>, pgid: number): number {
  st.steps += FORK_STEPS
  const state = forkShell(st, node)
  if (isTested(st)) state.flags = state.flags.replace('e', '')
  const pid = spawnChild(ctx, ctx.proc.program, [...ctx.proc.argv], {
    fds,
    pgid,
    state,
    env: environmentOf(st),
  })
  if (pid === 0)
    complain(ctx, st, st.dialect === 'dash' ? 'Cannot fork' : 'fork: retry: Resource temporarily unavailable')
  return pid
}

function withChanges(fds: Map<number, Fd>, changes: readonly [number, Fd | null][]): Map<number, Fd> {
  for (const [n, fd] of changes) {
    if (fd === null) fds.delete(n)
    else fds.set(n, fd)
  }
  return fds
}
