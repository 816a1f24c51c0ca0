/** A lab run without a screen: boot, commands typed one after the other, time let pass, any event gone back to. */
import type { StepDetail } from '../net/trace.ts'
import type { World } from '../net/types.ts'
import { findNetns } from '../net/world.ts'
import { captureOf } from '../proc/shell/session.ts'
import { runUntil } from '../sim/dispatch.ts'
import { forEachEvent, queueSize } from '../sim/queue.ts'
import { seek, stateHash } from '../sim/timeline.ts'
import type { BootLine } from './build.ts'
import { buildWorld, runToEnd, seedOf } from './build.ts'
import { roomId } from './names.ts'
import { parseLab } from './parse.ts'
import type { LabRules } from './rules.ts'
import { roomNames, submitExec } from './rules.ts'
import { standardRules } from './standard.ts'
import type { Diagnostic, Lab } from './types.ts'

export interface Run {
  text: string
  lab: Lab
  seed: number
  rules: LabRules
  world: World
  boot: BootLine[]
  /** Virtual time and event number at the end of the boot. */
  bootedAt: number
  bootEvents: number
}

/** A command to type. `text` is as it was written. */
export interface Typed {
  text: string
  machine: string
  netns: string
  command: string
  /** It ended in `&`: nobody waits for it. */
  background: boolean
}

/** One typed command and what became of it. `code` is null while it runs on, `endedAt` then -1. */
export interface Ran {
  room: string
  command: string
  startedAt: number
  endedAt: number
  code: number | null
  stdout: string
  stderr: string
}

/** The event that comes next: its kind and where it happens. */
export interface EventPlace {
  kind: number
  target: number
  /** Namespace's name where the target is one, else what it is. */
  where: string
  arg: number
}

/** A command that nobody stops may take so much virtual time and so many events. */
const COMMAND_NS = 600_000_000_000
const COMMAND_EVENTS = 50_000_000
const SLICE = 10_000

/**
 * Reads and boots a lab. Without a seed the lesson's is taken; `wallMs` is what a cluster's clock shows at the boot
 * (ms since 1970), where it is to be another time than every lab's.
 */
export function startRun(
  text: string,
  seed?: number,
  wallMs?: number,
): { run: Run | undefined; diagnostics: Diagnostic[] } {
  const { lab, diagnostics } = parseLab(text)
  if (lab === undefined) return { run: undefined, diagnostics }
  const rules = standardRules()
  const chosen = seed ?? seedOf(lab)
  const { world, boot, diagnostics: failed } = buildWorld(lab, text, chosen, rules, { wallMs })
  const run = { text, lab, seed: chosen, rules, world, boot, bootedAt: world.now, bootEvents: world.nEvents }
  return { run, diagnostics: [...diagnostics, ...failed] }
}

/**
 * Types commands, each to its end unless it is in the background, then runs on until `until` (virtual ns after the
 * boot) where that is given. `each` is called now and then, to take what was recorded. A string is a mistake in a
 * command's place.
 */
export function typeAll(
  run: Run,
  typed: Typed[],
  until?: number,
  each: () => void = () => {},
): Ran[] | string {
  const { world, rules } = run
  const end = until === undefined ? undefined : run.bootedAt + until
  const started: { ran: Ran; capture: number }[] = []
  for (const one of typed) {
    const room = roomId(one.machine, one.netns)
    const startedAt = world.now
    const capture = submitExec(world, rules, room, one.command)
    if (capture === 0) return `${one.text}: no such place: ${placeOfRoom(room)}. There are ${places(world)}`
    const ran: Ran = {
      room,
      command: one.command,
      startedAt,
      endedAt: -1,
      code: null,
      stdout: '',
      stderr: '',
    }
    started.push({ ran, capture })
    if (!one.background) runOne(run, capture, end, each)
    if (captureOf(world, capture)?.code !== -1) ran.endedAt = world.now
    each()
    if (world.frozen !== undefined) break
  }
  while (end !== undefined && world.now < end) {
    if (runUntil(world, rules, { untilAt: end, maxEvents: SLICE }) < SLICE) break
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

/** The place as a command line writes it: `MACHINE[/NETNS]`. */
export function placeOfRoom(room: string): string {
  return room.replace('.', '/')
}

/** Keeps up to `max` steps in full from now on. */
export function recordSteps(run: Run, max: number): void {
  run.world.recorder.detail = []
  run.world.recorder.detailMax = max
  run.world.recorder.detailLost = 0
}

/** The steps recorded since the last call, and how many were left out. */
export function takeSteps(run: Run): { steps: StepDetail[]; lost: number } {
  const { recorder } = run.world
  const steps = recorder.detail ?? []
  if (recorder.detail !== null) recorder.detail = []
  return { steps, lost: recorder.detailLost }
}

/** Hash of everything that the future depends on. */
export function hashOf(run: Run): string {
  return stateHash(run.world)
}

/**
 * Goes to the moment after event number `event`, which must not lie in the boot. Answers that event (undefined at the
 * boot's end, or where the run ends before it).
 */
export function goTo(run: Run, event: number): EventPlace | undefined {
  const { world, rules } = run
  if (event <= run.bootEvents) {
    seek(world, rules, run.bootEvents)
    return undefined
  }
  seek(world, rules, event - 1)
  const last = nextEvent(world)
  seek(world, rules, event)
  return world.nEvents === event ? last : undefined
}

function nextEvent(world: World): EventPlace | undefined {
  let first: EventPlace | undefined
  forEachEvent(world.queue, (event) => {
    if (first !== undefined) return
    const type = (world.targets[event.target] as { type?: string } | undefined)?.type ?? 'nothing'
    const where = findNetns(world, event.target)?.name ?? type
    first = { kind: event.kind, target: event.target, where, arg: event.arg }
  })
  return first
}

function runOne(run: Run, capture: number, end: number | undefined, each: () => void): void {
  const { world, rules } = run
  const limit = end ?? world.now + COMMAND_NS
  for (let n = 0; n < COMMAND_EVENTS && world.now <= limit; n += SLICE) {
    if (runToEnd(world, rules, capture, limit - world.now, SLICE) !== 'running') return
    if (queueSize(world.queue) === 0) return
    each()
  }
}

function places(world: World): string {
  return roomNames(world).slice(0, 20).map(placeOfRoom).join(', ')
}
