/** `check`: a lesson's checks, after the typed commands. */
import { runChecks } from '../lab/check.ts'
import type { Args } from './args.ts'
import type { Io } from './io.ts'
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE, JSON_VERSION } from './io.ts'
import { openLab, sayFrozen, typeAll } from './lab-run.ts'

export function check(args: Args, io: Io): number {
  const opened = openLab(args, io)
  if (typeof opened === 'number') return opened
  const ran = typeAll(opened)
  if (typeof ran === 'string') {
    io.err(`${ran}\n`)
    return EXIT_USAGE
  }
  if (opened.world.frozen !== undefined) return sayFrozen(opened, io)
  const results = runChecks(opened.lab, opened.world, opened.rules, args.lang)
  if (args.json) {
    io.out(
      `${JSON.stringify({ version: JSON_VERSION, lab: opened.lab.name, seed: opened.seed, checks: results }, null, 2)}\n`,
    )
  } else if (results.length === 0) io.out('the lab has no checks\n')
  else {
    for (const { ok, id, title, detail } of results) {
      io.out(`${ok ? 'ok  ' : 'FAIL'} ${id}: ${title}${ok ? '' : `\n     ${detail}`}\n`)
    }
  }
  return results.every((r) => r.ok) ? EXIT_OK : EXIT_FAILED
}
