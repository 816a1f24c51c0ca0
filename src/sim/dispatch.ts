// The dispatch loop: one event, one target, one handler. Saves what a checkpoint needs; handlers know nothing of it.
import { assert } from '../base/assert.ts'
import { clonePlain } from '../base/clone.ts'
import type { SimEvent } from './queue.ts'
import { peekAt, popEvent, pushEvent } from './queue.ts'
import type { Rules, SimWorld, Target } from './world.ts'

/** Where runUntil stops; the first limit reached counts. */
export interface RunLimits {
  /** ns: after everything with at <= this */
  untilAt?: number
  /** after event number this, counted from boot */
  untilEvent?: number
  /** before the input with this index in the log */
  untilInput?: number
  /** after so many more events */
  maxEvents: number
}

/**
 * Adds an event at `at` ns, which must not lie in the past. Events of one time run in the order of scheduling.
 * `ref` belongs to the event from now on: whoever keeps another reference to it has two packets after a rewind.
 */
export function schedule(
  world: SimWorld,
  at: number,
  kind: number,
  target: number,
  arg: number,
  ref: unknown,
): void {
  assert(at >= world.now && Number.isSafeInteger(at), 'sim: an event in the past or at no integer time')
  pushEvent(world.queue, at, world.seq++, kind, target, arg, ref)
}

/** Gives a new target its id and a place in the world. Returns the id. */
export function addTarget(world: SimWorld, target: Target): number {
  const id = world.targets.length
  target.id = id
  target.epoch = world.epoch
  world.targets.push(target)
  return id
}

/** Takes a target away; its pending events will be counted as lost. */
export function removeTarget(world: SimWorld, id: number): void {
  assert(world.targets[id] !== undefined, 'sim: no such target to remove')
  touch(world, id)
  world.targets[id] = undefined
}

/** Must precede any change to a target other than the event's own: keeps what it was at the last checkpoint. */
export function touch(world: SimWorld, id: number): void {
  const target = world.targets[id]
  if (target !== undefined && target.epoch !== world.epoch) saveTarget(world, target)
}

export function getTarget<W extends SimWorld>(world: W, id: number): W['targets'][number] {
  return world.targets[id]
}

/**
 * Runs the next event, after any logged inputs due before it. False when there is none or the world is frozen;
 * a handler that throws freezes the world and nothing is thrown further.
 */
export function stepEvent<W extends SimWorld>(world: W, rules: Rules<W>): boolean {
  const { POSITIVE_INFINITY } = Number
  return (
    applyDueInputs(world, rules, POSITIVE_INFINITY, POSITIVE_INFINITY) &&
    runEvent(world, rules, createEvent())
  )
}

/**
 * Runs events, with logged inputs at their exact places, until a limit is reached, nothing is pending or the world
 * freezes. Inputs logged right after the last event are applied too (unless later than `untilAt`). `now` stays at
 * the last event or input. Returns how many events ran.
 */
export function runUntil<W extends SimWorld>(world: W, rules: Rules<W>, limits: RunLimits): number {
  const untilAt = limits.untilAt ?? Number.POSITIVE_INFINITY
  const untilInput = limits.untilInput ?? Number.POSITIVE_INFINITY
  const first = world.nEvents
  const end = Math.min(limits.untilEvent ?? Number.POSITIVE_INFINITY, first + limits.maxEvents)
  const event = createEvent()
  const timed = untilAt !== Number.POSITIVE_INFINITY
  for (;;) {
    // Asked before every event: mostly there is no input, and then nothing is called.
    if (world.inputCursor < world.inputs.length || world.frozen !== undefined) {
      if (!applyDueInputs(world, rules, untilAt, untilInput)) break
    }
    if (world.nEvents >= end || (timed && peekAt(world.queue) > untilAt)) break
    if (!runEvent(world, rules, event)) break
  }
  return world.nEvents - first
}

/**
 * Applies the logged inputs that come right after the event just run, up to time `untilAt` and before the input
 * with index `untilInput`. False when the world is frozen or an input still waits, so that no event may run yet.
 */
export function applyDueInputs<W extends SimWorld>(
  world: W,
  rules: Rules<W>,
  untilAt: number,
  untilInput: number,
): boolean {
  while (world.inputCursor < world.inputs.length && world.frozen === undefined) {
    const input = world.inputs[world.inputCursor]
    if (input === undefined || input.afterEvent > world.nEvents) break
    assert(input.afterEvent === world.nEvents && input.at >= world.now, 'sim: a logged input was passed over')
    if (input.at > untilAt || world.inputCursor >= untilInput) return false
    world.now = input.at
    world.inputCursor++
    try {
      rules.applyInput(world, clonePlain(input))
    } catch (error) {
      freeze(world, error, -1, 0)
    }
  }
  return world.frozen === undefined
}

function runEvent<W extends SimWorld>(world: W, rules: Rules<W>, event: SimEvent): boolean {
  if (!popEvent(world.queue, event)) return false
  world.now = event.at
  world.nEvents++
  const target = world.targets[event.target]
  if (target === undefined) {
    world.lost++
    return true
  }
  try {
    if (target.epoch !== world.epoch) saveTarget(world, target)
    const handler = rules.handlers[event.kind]
    assert(handler !== undefined, `sim: no handler for events of kind ${event.kind}`)
    handler(world, target, event)
  } catch (error) {
    freeze(world, error, event.kind, event.target)
    return false
  }
  return true
}

function saveTarget(world: SimWorld, target: Target): void {
  const last = world.checkpoints.at(-1)
  if (last !== undefined) {
    const seen = new Map<object, object>()
    last.preimages.set(target.id, clonePlain(target, seen))
    last.objects += seen.size
  }
  target.epoch = world.epoch
}

function freeze(world: SimWorld, error: unknown, kind: number, target: number): void {
  world.frozen = { message: String(error), nEvents: world.nEvents, at: world.now, kind, target }
}

function createEvent(): SimEvent {
  return { at: 0, seq: 0, kind: 0, target: 0, arg: 0, ref: undefined }
}
