/**
 * `vi FILE`: the editor of a terminal is the page's. The program waits until somebody is done there (`endEditing`), writes
 * what was saved and ends. Not here: vi's own keys and options, several files.
 */
import type { World } from '../../net/types.ts'
import { readFile, statFile, writeFile } from '../../run/files.ts'
import { findMachine } from '../../run/machine.ts'
import { exitProcess, processesOf, signalProcess } from '../../run/process.ts'
import { findTty } from '../../run/tty.ts'
import type { ProcCtx, Process, Program } from '../../run/types.ts'
import { touch } from '../../sim/dispatch.ts'
import { fail } from '../program.ts'

interface EditorState {
  readonly k: 'vi'
  readonly path: string
  readonly text: string
  /** What was saved; null: nothing. */
  saved: string | null
}

/** A file that is open in an editor. */
export interface OpenFile {
  readonly pid: number
  readonly path: string
  readonly text: string
}

export const viProgram: Program = {
  name: 'vi',
  help: "edits a file in the page's editor",
  handles: ['SIGUSR1'],
  start(ctx) {
    const paths = ctx.proc.argv.slice(1)
    const [path = ''] = paths
    const text = readFile(ctx, path).text
    if (ctx.proc.tty === 0) fail(ctx, 1, "vi: the page's editor is only there on a terminal")
    else if (paths.length !== 1 || path.startsWith('-'))
      fail(ctx, 1, 'vi: one file is all that is modelled in Kubehop')
    else if (statFile(ctx, path)?.kind === 'dir') fail(ctx, 1, `vi: ${path}: Is a directory`)
    else ctx.proc.state = { k: 'vi', path, text, saved: null } satisfies EditorState
  },
  on(ctx, event) {
    if (event.type === 'signal') end(ctx)
  },
}

/** The file that is open on a terminal. */
export function openFileOf(world: World, tty: number): OpenFile | undefined {
  const proc = editorOn(world, tty)
  if (proc === undefined) return undefined
  const { path, text } = proc.state as EditorState
  return { pid: proc.pid, path, text }
}

/** Ends the editor of a terminal: `text` is written to the file, null leaves it as it was. */
export function endEditing(world: World, tty: number, text: string | null): void {
  const found = editorOn(world, tty)
  const machine = found === undefined ? undefined : findMachine(world, found.machine)
  if (found === undefined || machine === undefined) return
  touch(world, found.ns)
  const proc = editorOn(world, tty)!
  proc.state = { ...(proc.state as EditorState), saved: text } satisfies EditorState
  signalProcess(world, machine, proc.pid, 'SIGUSR1')
}

function editorOn(world: World, id: number): Process | undefined {
  const tty = findTty(world, id)
  const machine = tty === undefined ? undefined : findMachine(world, tty.machine)
  if (machine === undefined) return undefined
  return processesOf(world, machine).find(
    (proc) => proc.tty === id && (proc.state as EditorState | undefined)?.k === 'vi',
  )
}

function end(ctx: ProcCtx): void {
  const { path, saved } = ctx.proc.state as EditorState
  const wrong = saved === null ? '' : writeFile(ctx, path, saved)
  if (wrong !== '') fail(ctx, 1, `vi: ${path}: ${wrong}`)
  else exitProcess(ctx, 0)
}
