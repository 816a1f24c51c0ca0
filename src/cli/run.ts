/** `run`: types commands and prints what they print. */
import { stateHash } from '../sim/timeline.ts'
import type { Args } from './args.ts'
import type { Io } from './io.ts'
import { EXIT_USAGE, JSON_VERSION } from './io.ts'
import type { Opened, Ran } from './lab-run.ts'
import { exitOf, openLab, placeOfRoom, typeAll } from './lab-run.ts'

export function run(args: Args, io: Io): number {
  const opened = openLab(args, io)
  if (typeof opened === 'number') return opened
  const ran = typeAll(opened)
  if (typeof ran === 'string') {
    io.err(`${ran}\n`)
    return EXIT_USAGE
  }
  if (args.json) io.out(`${JSON.stringify(runJson(opened, ran), null, 2)}\n`)
  else for (const one of ran) io.out(ranText(one))
  return exitOf(opened, ran, io)
}

/** A command as it would stand in a terminal, and its exit code. */
export function ranText(ran: Ran): string {
  const end = ran.code === null ? 'still running' : `exit ${ran.code}`
  return `${placeOfRoom(ran.room)}$ ${ran.command}\n${closed(ran.stdout)}${closed(ran.stderr)}[${end}]\n`
}

function closed(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}

/** Documented in help.ts. */
export function runJson(opened: Opened, ran: Ran[]): unknown {
  const { world, lab, seed, built } = opened
  return {
    version: JSON_VERSION,
    lab: lab.name,
    seed,
    boot: built.boot,
    commands: ran.map((one) => ({
      place: placeOfRoom(one.room),
      command: one.command,
      code: one.code,
      stdout: one.stdout,
      stderr: one.stderr,
      startedAt: one.startedAt,
      endedAt: one.endedAt < 0 ? null : one.endedAt,
    })),
    now: world.now,
    events: world.nEvents,
    hash: stateHash(world),
    frozen: world.frozen ?? null,
  }
}
