/** The command line as a function: words in, text out, an exit code back. */
import { api } from './api.ts'
import type { Args } from './args.ts'
import { parseArgs } from './args.ts'
import { check } from './check.ts'
import { explain } from './explain.ts'
import { exportLab } from './export.ts'
import { HELP } from './help.ts'
import type { Io } from './io.ts'
import { EXIT_OK, EXIT_USAGE } from './io.ts'
import { pcap } from './pcap.ts'
import { replay } from './replay.ts'
import { run } from './run.ts'
import { trace } from './trace.ts'

const COMMANDS: ReadonlyMap<string, (args: Args, io: Io) => number> = new Map([
  ['run', run],
  ['trace', trace],
  ['explain', explain],
  ['pcap', pcap],
  ['export', exportLab],
  ['check', check],
  ['replay', replay],
  ['api', api],
])

export function cli(words: readonly string[], io: Io): number {
  if (words.length === 0 || words.includes('--help') || words[0] === 'help') {
    io.out(HELP)
    return words.length === 0 ? EXIT_USAGE : EXIT_OK
  }
  const args = parseArgs(words, io.readText)
  if (typeof args === 'string') {
    io.err(`${args}\nTry --help.\n`)
    return EXIT_USAGE
  }
  const command = COMMANDS.get(args.verb)
  return command === undefined ? EXIT_USAGE : command(args, io)
}
