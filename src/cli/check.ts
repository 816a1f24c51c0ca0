/** `check`: a lesson's checks, after the typed commands. */
import { runChecks } from '../lab/check.ts'
import type { Args } from './args.ts'
import type { Io } from './io.ts'
import { EXIT_FAILED, EXIT_OK, JSON_VERSION } from './io.ts'
import { openLab, sayFrozen, typeCommands } from './lab-run.ts'
import { jsonText } from './run.ts'

export function check(args: Args, io: Io): number {
  const run = openLab(args, io)
  if (typeof run === 'number') return run
  const ran = typeCommands(run, args, io)
  if (typeof ran === 'number') return ran
  if (run.world.frozen !== undefined) return sayFrozen(run, args, io)
  const checks = runChecks(run.lab, run.world, run.rules, args.lang)
  if (args.json) io.out(jsonText({ version: JSON_VERSION, lab: run.lab.name, seed: run.seed, checks }))
  else if (checks.length === 0) io.out('the lab has no checks\n')
  else {
    for (const { ok, id, title, detail } of checks) {
      io.out(`${ok ? 'ok  ' : 'FAIL'} ${id}: ${title}${ok ? '' : `\n     ${detail}`}\n`)
    }
  }
  return checks.every((one) => one.ok) ? EXIT_OK : EXIT_FAILED
}
