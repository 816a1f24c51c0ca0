/** `run`: types commands and prints what they print. */
import type { Ran, Run } from '../lab/headless.ts'
import { hashOf, placeOfRoom } from '../lab/headless.ts'
import type { Args } from './args.ts'
import type { Io } from './io.ts'
import { JSON_VERSION } from './io.ts'
import { exitOf, openLab, typeCommands } from './lab-run.ts'

export function run(args: Args, io: Io): number {
  const opened = openLab(args, io)
  if (typeof opened === 'number') return opened
  const ran = typeCommands(opened, args, io)
  if (typeof ran === 'number') return ran
  if (args.json) io.out(jsonText(runJson(opened, ran)))
  else for (const one of ran) io.out(ranText(one))
  return exitOf(opened, ran, args, io)
}

/** A command as it would stand in a terminal, and its exit code. */
export function ranText(ran: Ran): string {
  const end = ran.code === null ? 'still running' : `exit ${ran.code}`
  return `${placeOfRoom(ran.room)}$ ${ran.command}\n${closed(ran.stdout)}${closed(ran.stderr)}[${end}]\n`
}

/** Documented in help.ts. */
export function runJson(run: Run, ran: Ran[]): Record<string, unknown> {
  const { world, lab, seed, boot } = run
  return {
    version: JSON_VERSION,
    lab: lab.name,
    seed,
    boot,
    commands: ran.map(({ room, command, code, stdout, stderr, startedAt, endedAt }) => ({
      place: placeOfRoom(room),
      command,
      code,
      stdout,
      stderr,
      startedAt,
      endedAt: endedAt < 0 ? null : endedAt,
    })),
    now: world.now,
    events: world.nEvents,
    hash: hashOf(run),
    frozen: world.frozen ?? null,
  }
}

export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

function closed(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}
