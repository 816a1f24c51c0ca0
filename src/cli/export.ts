/** `export`: the lab for other tools. */
import { exportShell } from '../lab/export-sh.ts'
import { exportContainerlab, exportYaml } from '../lab/export.ts'
import type { Args } from './args.ts'
import type { Io } from './io.ts'
import { EXIT_USAGE } from './io.ts'
import type { Opened } from './lab-run.ts'
import { exitOf, openLab, typeAll } from './lab-run.ts'

export function exportLab(args: Args, io: Io): number {
  if (args.to !== 'sh' && args.to !== 'containerlab' && args.to !== 'yaml') {
    io.err(
      args.to === ''
        ? 'export needs --to sh, containerlab or yaml\n'
        : `--to ${args.to}: none of sh, containerlab, yaml\n`,
    )
    return EXIT_USAGE
  }
  const opened = openLab(args, io)
  if (typeof opened === 'number') return opened
  const ran = typeAll(opened)
  if (typeof ran === 'string') {
    io.err(`${ran}\n`)
    return EXIT_USAGE
  }
  const text = exported(opened, args)
  if (args.out === '') io.out(text)
  else {
    try {
      io.writeText(args.out, text)
    } catch (error) {
      io.err(`${args.out}: ${error instanceof Error ? error.message : String(error)}\n`)
      return EXIT_USAGE
    }
  }
  return exitOf(opened, ran, io)
}

function exported(opened: Opened, args: Args): string {
  if (args.to === 'sh') return exportShell(opened.world, { netem: args.netem })
  return args.to === 'containerlab' ? exportContainerlab(opened.text) : exportYaml(opened.text)
}
