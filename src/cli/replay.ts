/** `replay`: the same run again, stopped after any event. */
import { goTo, hashOf } from '../lab/headless.ts'
import type { Args } from './args.ts'
import type { Io } from './io.ts'
import { EXIT_OK, EXIT_USAGE, JSON_VERSION } from './io.ts'
import { openLab, sayFrozen, typeCommands } from './lab-run.ts'
import { jsonText } from './run.ts'

export function replay(args: Args, io: Io): number {
  const run = openLab(args, io)
  if (typeof run === 'number') return run
  const ran = typeCommands(run, args, io)
  if (typeof ran === 'number') return ran
  const { world } = run
  const wanted = args.event ?? world.nEvents
  if (wanted < run.bootEvents) {
    io.err(`--event ${wanted}: the boot ends with event ${run.bootEvents}, and nothing rewinds beyond it\n`)
    return EXIT_USAGE
  }
  const last = goTo(run, wanted)
  const { now, nEvents, frozen } = world
  const hash = hashOf(run)
  if (args.json) {
    const body = { version: JSON_VERSION, lab: run.lab.name, seed: run.seed, event: nEvents, at: now, hash }
    io.out(jsonText({ ...body, last: last ?? null, frozen: frozen ?? null }))
  } else {
    io.out(`event ${nEvents} at ${now} ns, state ${hash}\n`)
    if (last !== undefined) {
      io.out(`last event: kind ${last.kind} in ${last.where} (target ${last.target}), arg ${last.arg}\n`)
    }
    if (frozen === undefined && nEvents < wanted) io.out(`the run ends there: nothing is pending any more\n`)
  }
  return frozen === undefined ? EXIT_OK : sayFrozen(run, args, io)
}
