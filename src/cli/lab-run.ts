/** A lab opened and booted, and commands typed in it one after the other. */
import type { Built } from '../lab/build.ts'
import { buildWorld, runToEnd, seedOf } from '../lab/build.ts'
import { roomId } from '../lab/names.ts'
import { parseLab } from '../lab/parse.ts'
import { labRules, roomNames, submitExec } from '../lab/rules.ts'
import type { Diagnostic, Lab } from '../lab/types.ts'
import type { World } from '../net/types.ts'
import { captureOf } from '../proc/shell/session.ts'
import { parseReproduction } from '../session/reproduction.ts'
import { runUntil } from '../sim/dispatch.ts'
import { seek } from '../sim/timeline.ts'
import type { Rules } from '../sim/world.ts'
import type { Args, Typed } from './args.ts'
import type { Io } from './io.ts'
import { EXIT_FAILED, EXIT_FROZEN, EXIT_OK, EXIT_USAGE } from './io.ts'

export interface Opened {
  args: Args
  text: string
  lab: Lab
  seed: number
  rules: Rules<World>
  world: World
  built: Built
  /** Virtual time and event number at the end of the boot. */
  bootedAt: number
  bootEvents: number
}

/** One typed command and what became of it. `code` is null while it runs on. */
export interface Ran {
  room: string
  command: string
  startedAt: number
  endedAt: number
  code: number | null
  stdout: string
  stderr: string
}

/** A command that nobody stops may take so much virtual time and so many events. */
const COMMAND_NS = 600_000_000_000
const COMMAND_EVENTS = 50_000_000

/** Reads, boots, and tells what is wrong on `io.err`. A number is the exit code. */
export function openLab(args: Args, io: Io): Opened | number {
  let text: string
  try {
    text = io.readText(args.file)
  } catch (error) {
    io.err(`${args.file}: ${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT_USAGE
  }
  // The page offers its reproductions as JSON with the lab's text inside.
  const read = parseReproduction(text)
  const reproduction = typeof read === 'string' ? undefined : read
  if (reproduction !== undefined) text = reproduction.lab
  const { lab, diagnostics } = parseLab(text)
  say(io, args.file, diagnostics)
  if (lab === undefined) return EXIT_USAGE
  const seed = args.seed ?? reproduction?.seed ?? seedOf(lab)
  const rules = labRules()
  const built = buildWorld(lab, text, seed, rules)
  const { world } = built
  say(io, args.file, built.diagnostics)
  const { now: bootedAt, nEvents: bootEvents } = world
  if (reproduction !== undefined) {
    world.inputs.push(...reproduction.inputs)
    seek(world, rules, Math.max(bootEvents, args.event ?? reproduction.event))
  }
  const opened = {
    args,
    text,
    lab,
    seed,
    rules,
    world,
    built,
    bootedAt,
    bootEvents,
  }
  return world.frozen === undefined ? opened : sayFrozen(opened, io)
}

/**
 * Types the commands, each to its end unless it ended in `&`, then runs on until --until. `each` is called now and
 * then, to take what was recorded. A string is a mistake in a command's place.
 */
export function typeAll(opened: Opened, each: () => void = () => {}): Ran[] | string {
  const { args, world, rules } = opened
  const end = args.until === undefined ? undefined : opened.bootedAt + args.until
  const started: { ran: Ran; capture: number }[] = []
  for (const typed of args.typed) {
    const room = roomId(typed.machine, typed.netns)
    const capture = submitExec(world, rules, room, typed.command)
    if (capture === 0)
      return `${typed.text}: no such place: ${placeText(typed)}. There are ${placesText(world)}`
    const ran: Ran = {
      room,
      command: typed.command,
      startedAt: world.now,
      endedAt: -1,
      code: null,
      stdout: '',
      stderr: '',
    }
    started.push({ ran, capture })
    if (!typed.background) runOne(opened, capture, end, each)
    if (captureOf(world, capture)?.code !== -1) ran.endedAt = world.now
    each()
    if (world.frozen !== undefined) break
  }
  while (end !== undefined && world.now < end) {
    if (runUntil(world, rules, { untilAt: end, maxEvents: 10_000 }) < 10_000) break
    each()
  }
  each()
  for (const { ran, capture } of started) {
    const record = captureOf(world, capture)
    if (record === undefined) continue
    ran.code = record.code < 0 ? null : record.code
    ran.stdout = record.out
    ran.stderr = record.err
    if (ran.endedAt < 0 && ran.code !== null) ran.endedAt = world.now
  }
  return started.map((s) => s.ran)
}

/** Whether a typed command failed: another code than 0, or one that should have ended and did not. */
export function anyFailed(opened: Opened, ran: Ran[]): boolean {
  return ran.some((one, i) => {
    if (one.code !== null) return one.code !== 0
    return opened.args.until === undefined && opened.args.typed[i]?.background === false
  })
}

/** The exit code of a run that is over. */
export function exitOf(opened: Opened, ran: Ran[], io: Io): number {
  if (opened.world.frozen !== undefined) return sayFrozen(opened, io)
  return anyFailed(opened, ran) ? EXIT_FAILED : EXIT_OK
}

/** Prints diagnostics as compilers do. */
export function say(io: Io, file: string, diagnostics: readonly Diagnostic[]): void {
  for (const d of diagnostics) io.err(`${file}:${d.line}:${d.column}: ${d.severity}: ${d.message}\n`)
}

/** Prints why the world stands still and how to see it again. */
export function sayFrozen(opened: Opened, io: Io): number {
  const frozen = opened.world.frozen
  if (frozen === undefined) return EXIT_OK
  const typed = opened.args.typed.map((t) => ` --exec ${JSON.stringify(t.text)}`).join('')
  io.err(
    `the engine froze at event ${frozen.nEvents}: ${frozen.message}\nThis is a bug of Kubehop's. To see it again:\n`,
  )
  const until = opened.args.until === undefined ? '' : ` --until ${opened.args.until}ns`
  const where = `--seed ${opened.seed} --event ${frozen.nEvents}${until}`
  io.err(`  npm run -s lab -- replay ${opened.args.file} ${where}${typed}\n`)
  return EXIT_FROZEN
}

/** The place as the command line writes it: `MACHINE[/NETNS]`. */
export function placeOfRoom(room: string): string {
  return room.replace('.', '/')
}

function runOne(opened: Opened, capture: number, end: number | undefined, each: () => void): void {
  const { world, rules } = opened
  const limit = end ?? world.now + COMMAND_NS
  for (let n = 0; n < COMMAND_EVENTS && world.now <= limit; n += 10_000) {
    if (runToEnd(world, rules, capture, limit - world.now, 10_000) !== 'running') return
    if (world.queue.size === 0) return
    each()
  }
}

function placeText(typed: Typed): string {
  return typed.netns === '' ? typed.machine : `${typed.machine}/${typed.netns}`
}

function placesText(world: World): string {
  return roomNames(world).slice(0, 20).map(placeOfRoom).join(', ')
}
