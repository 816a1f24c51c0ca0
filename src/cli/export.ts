/** `export`: the lab for other tools. */
import { exportContainerlab, exportYaml } from '../lab/export.ts'
import { exportShell } from '../lab/export-sh.ts'
import type { Args } from './args.ts'
import type { Io } from './io.ts'
import { EXIT_USAGE } from './io.ts'
import { exitOf, openLab, typeCommands, written } from './lab-run.ts'

export function exportLab(args: Args, io: Io): number {
  const { to, out } = args
  if (to !== 'sh' && to !== 'containerlab' && to !== 'yaml') {
    io.err(
      to === ''
        ? 'export needs --to sh, containerlab or yaml\n'
        : `--to ${to}: none of sh, containerlab, yaml\n`,
    )
    return EXIT_USAGE
  }
  const run = openLab(args, io)
  if (typeof run === 'number') return run
  const ran = typeCommands(run, args, io)
  if (typeof ran === 'number') return ran
  let text = run.text
  if (to === 'sh') text = exportShell(run.world, { netem: args.netem })
  else text = to === 'containerlab' ? exportContainerlab(text) : exportYaml(text)
  if (out === '') io.out(text)
  else if (!written(io, out, () => io.writeText(out, text))) return EXIT_USAGE
  return exitOf(run, ran, args, io)
}
