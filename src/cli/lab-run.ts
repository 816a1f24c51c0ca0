/** What all verbs share: open a lab, type its commands, say what went wrong. */
import { dumpOnto } from '../lab/dump/onto.ts'
import type { Ran, Run } from '../lab/headless.ts'
import { goTo, startRun, typeAll } from '../lab/headless.ts'
import { parseReproduction } from '../session/reproduction.ts'
import type { Args } from './args.ts'
import type { Io } from './io.ts'
import { EXIT_FAILED, EXIT_FROZEN, EXIT_OK, EXIT_USAGE } from './io.ts'

/**
 * Reads, boots, and tells what is wrong on `io.err`. A number is the exit code. `wallMs`: what a cluster's clock shows
 * at the boot, where it is to be another time than the lab's.
 */
export function openLab(args: Args, io: Io, wallMs?: number): Run | number {
  let text = EMPTY_LAB
  try {
    if (args.file !== '') text = io.readText(args.file)
  } catch (error) {
    io.err(`${args.file}: ${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT_USAGE
  }
  for (const dump of args.dumps) {
    const dumped = putDump(text, dump, io)
    if (dumped === undefined) return EXIT_USAGE
    text = dumped
  }
  // The page offers its reproductions as JSON with the lab's text inside.
  const read = parseReproduction(text)
  const reproduction = typeof read === 'string' ? undefined : read
  const { run, diagnostics } = startRun(reproduction?.lab ?? text, args.seed ?? reproduction?.seed, wallMs)
  for (const d of diagnostics) io.err(`${args.file}:${d.line}:${d.column}: ${d.severity}: ${d.message}\n`)
  if (run === undefined) return EXIT_USAGE
  if (reproduction !== undefined) {
    run.world.inputs.push(...reproduction.inputs)
    goTo(run, args.event ?? reproduction.event)
  }
  return run.world.frozen === undefined ? run : sayFrozen(run, args, io)
}

const EMPTY_LAB = 'name: lab\ntopology:\n  nodes: {}\n'

/** The lab's text with a dump put onto a machine; what is not modelled is told on `io.err`. */
function putDump(text: string, { machine, path }: Args['dumps'][number], io: Io): string | undefined {
  let dump: string
  try {
    dump = io.readText(path)
  } catch (error) {
    io.err(`${path}: ${error instanceof Error ? error.message : String(error)}\n`)
    return undefined
  }
  const result = dumpOnto(text, { machine, dump })
  for (const d of result.diagnostics) io.err(`${path}:${d.line}: ${d.severity}: ${d.message}\n`)
  return result.ok ? result.text : undefined
}

/** Types the --exec and --script commands. A number is the exit code of a mistake in them. */
export function typeCommands(run: Run, args: Args, io: Io, each?: () => void): Ran[] | number {
  const ran = typeAll(run, args.typed, args.until, each)
  if (typeof ran !== 'string') return ran
  io.err(`${ran}\n`)
  return EXIT_USAGE
}

/** The exit code of a run that is over: a command failed that ended otherwise than with 0, or did not end of itself. */
export function exitOf(run: Run, ran: Ran[], args: Args, io: Io): number {
  if (run.world.frozen !== undefined) return sayFrozen(run, args, io)
  ran.forEach((one, i) => {
    if (one.code !== null || args.until !== undefined || args.typed[i]?.background !== false) return
    const seconds = Math.round((run.world.now - one.startedAt) / 1e9)
    io.err(`${one.command.slice(0, 100)}: had not ended after ${seconds} s of virtual time and was left; `)
    io.err('end it with &, or say with --until TIME how long to look\n')
  })
  const failed = ran.some((one, i) => {
    if (one.code !== null) return one.code !== 0
    return args.until === undefined && args.typed[i]?.background === false
  })
  return failed ? EXIT_FAILED : EXIT_OK
}

/** Prints why the world stands still and how to see it again. */
export function sayFrozen(run: Run, args: Args, io: Io): number {
  const frozen = run.world.frozen
  if (frozen === undefined) return EXIT_OK
  const typed = args.typed.map((t) => ` --exec ${JSON.stringify(t.text)}`).join('')
  const until = args.until === undefined ? '' : ` --until ${args.until}ns`
  const where = `--seed ${run.seed} --event ${frozen.nEvents}${until}`
  io.err(`the engine froze at event ${frozen.nEvents}: ${frozen.message}\n`)
  io.err(`This is a bug of Kubehop's. To see it again:\n`)
  io.err(`  npm run -s lab -- replay ${args.file} ${where}${typed}\n`)
  return EXIT_FROZEN
}

/** Writes a file, or says why not. True when it is written. */
export function written(io: Io, path: string, write: () => void): boolean {
  try {
    write()
    return true
  } catch (error) {
    io.err(`${path}: ${error instanceof Error ? error.message : String(error)}\n`)
    return false
  }
}
