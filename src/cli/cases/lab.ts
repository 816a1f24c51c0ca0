/** A lab for expected results: booted, with commands typed into it. */
import type { Ran, Run } from '../../lab/headless.ts'
import { startRun, typeAll } from '../../lab/headless.ts'

/** A lab that has booted. Throws where its text is wrong. */
export function readyLab(text: string): Run {
  const { run, diagnostics } = startRun(text)
  if (run === undefined) throw new Error(`the lab of the cases: ${diagnostics[0]?.message ?? ''}`)
  return run
}

/** Types a command in a machine, or in a namespace of it (`netns` not ''), and runs it to its end. */
export function runLine(run: Run, machine: string, netns: string, command: string): Ran {
  const ran = typeAll(run, [{ text: command, machine, netns, command, background: false }])
  if (typeof ran === 'string') throw new Error(ran)
  return ran[0]!
}
