// Time in both directions: checkpoints, the input log and exact rewind by putting pre-images back and replaying.
import { assert } from '../base/assert.ts'
import { clonePlain } from '../base/clone.ts'
import { createHash, hashAdd, hashDigest } from '../base/hash.ts'
import type { RunLimits } from './dispatch.ts'
import { applyDueInputs, runUntil } from './dispatch.ts'
import { cloneQueue, forEachEvent, peekAt, queueSize } from './queue.ts'
import { advance, forgetAhead, OBJECTS_PER_EVENT, rewind } from './rewind.ts'
import type { Checkpoint, Rules, SimWorld } from './world.ts'

/** Where a seek goes, and how many events that was when it set out. */
export interface Journey {
  limits: RunLimits
  distance: number
}

export const MAX_CHECKPOINTS = 64

/** All checkpoints together: 100 to 300 MB. */
export const MAX_OBJECTS = 1_000_000

/** Beyond MAX_CHECKPOINTS only so that a seek stays short; events that one then replays at most. */
const MOST_CHECKPOINTS = 512
const LONGEST_REPLAY = 50_000

const FEWEST_CHECKPOINTS = 4
// Events between the checkpoints that a replay leaves behind.
const SHORTEST_STRIDE = 512
const LONGEST_STRIDE = 65536

/** Keeps the present as a place to come back to. A frozen world is not worth keeping. */
export function checkpoint(world: SimWorld): void {
  if (world.frozen !== undefined) return
  world.epoch++
  world.checkpoints.push({
    now: world.now,
    seq: world.seq,
    nEvents: world.nEvents,
    inputCursor: world.inputCursor,
    lost: world.lost,
    rng: { ...world.rng },
    scalars: { ...world.scalars },
    queue: cloneQueue(world.queue),
    nTargets: world.targets.length,
    preimages: new Map(),
    objects: queueSize(world.queue) * OBJECTS_PER_EVENT,
  })
}

/**
 * Takes a checkpoint and thins if the last one is `everyEvents` events old, and as many events as it copied objects:
 * so checkpoints cost less than the run, however large the world (0: now in any case). True if one was taken.
 */
export function maybeCheckpoint(world: SimWorld, everyEvents: number): boolean {
  const last = world.checkpoints.at(-1)
  if (last !== undefined && everyEvents > 0) {
    if (world.nEvents - last.nEvents < Math.max(everyEvents, last.objects)) return false
  }
  checkpoint(world)
  thin(world, MAX_CHECKPOINTS)
  return true
}

/**
 * Logs an input and applies it now, or at the later time `at` if nothing is pending before that. Whatever was logged
 * for the future is forgotten: this is a new branch. An input that throws freezes the world.
 */
export function submitInput<W extends SimWorld>(
  world: W,
  rules: Rules<W>,
  kind: string,
  body: unknown,
  at = world.now,
): void {
  if (world.frozen !== undefined) return
  assert(Number.isSafeInteger(at), 'sim: an input at no integer time')
  cut(world)
  const place = at > world.now && peekAt(world.queue) >= at ? at : world.now
  world.inputs.push({ afterEvent: world.nEvents, at: place, kind, body: clonePlain(body) })
  applyDueInputs(world, rules, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
}

/** Forgets the logged inputs that have not been applied yet. */
export function cut(world: SimWorld): void {
  forgetAhead(world)
  world.inputs.length = world.inputCursor
}

/**
 * Goes to the moment after event number `nEvents` and the inputs logged right after it, backwards or forwards.
 * Forward it stops early where nothing is pending or the world freezes.
 */
export function seek<W extends SimWorld>(world: W, rules: Rules<W>, nEvents: number): void {
  proceed(world, rules, setOut(world, nEvents), Number.POSITIVE_INFINITY)
}

/** Goes to the moment after everything that happens at or before `at` ns, backwards or forwards. */
export function seekTime<W extends SimWorld>(world: W, rules: Rules<W>, at: number): void {
  proceed(world, rules, setOutTime(world, at), Number.POSITIVE_INFINITY)
}

/** A seek in parts: jumps to the nearest checkpoint and leaves the rest to `proceed`. */
export function setOut(world: SimWorld, nEvents: number): Journey {
  const end = Math.max(world.nEvents, nEvents)
  jump(world, world.nEvents > nEvents, (c) => c.nEvents <= nEvents)
  const limits = { untilEvent: nEvents, maxEvents: Number.POSITIVE_INFINITY }
  return { limits, distance: end - world.nEvents }
}

/** The same as `seekTime` in parts. */
export function setOutTime(world: SimWorld, at: number): Journey {
  const end = world.nEvents
  jump(world, world.now > at, (c) => c.now <= at)
  return { limits: { untilAt: at, maxEvents: Number.POSITIVE_INFINITY }, distance: end - world.nEvents }
}

/**
 * Goes on towards the end of a journey, by at most `maxEvents` events; true when it is over. Between two calls the world
 * stands whole at a moment on the way, and may be left there.
 */
export function proceed<W extends SimWorld>(
  world: W,
  rules: Rules<W>,
  journey: Journey,
  maxEvents: number,
): boolean {
  return replay(world, rules, journey.limits, journey.distance, maxEvents)
}

/** Goes to the moment just before the logged input with this index is applied: the place to undo it from. */
export function seekInput<W extends SimWorld>(world: W, rules: Rules<W>, index: number): void {
  const input = world.inputs[index]
  assert(input !== undefined, 'sim: no such input')
  const end = Math.max(world.nEvents, input.afterEvent)
  const back = world.inputCursor > index || world.nEvents > input.afterEvent
  jump(world, back, (c) => c.inputCursor <= index && c.nEvents <= input.afterEvent)
  const limits = { untilInput: index, untilEvent: input.afterEvent, maxEvents: Number.POSITIVE_INFINITY }
  replay(world, rules, limits, end - world.nEvents, Number.POSITIVE_INFINITY)
}

/**
 * Forgets checkpoints until at most `maxCheckpoints` are left, and fewer if they hold more than MAX_OBJECTS: never the
 * first or the last, and in between those that are close to their neighbours for their age, so that the past is
 * kept ever more coarsely; but while memory allows, none is further than LONGEST_REPLAY events from the next.
 */
export function thin(world: SimWorld, maxCheckpoints: number): void {
  assert(maxCheckpoints >= 2, 'sim: the first and the last checkpoint stay')
  const { checkpoints, ahead } = world
  while (isHeavy(world) && ahead.length > 0) ahead.pop()
  while (checkpoints.length > maxCheckpoints || isHeavy(world)) {
    const must = checkpoints.length > MOST_CHECKPOINTS || isHeavy(world)
    const least =
      leastMissed(world, LONGEST_REPLAY) ?? (must ? leastMissed(world, Number.POSITIVE_INFINITY) : undefined)
    if (least === undefined) return
    forget(checkpoints, least)
  }
}

/** Index of the checkpoint without which the gap, of at most `longest` events, is the smallest for its age. */
function leastMissed({ checkpoints, nEvents }: SimWorld, longest: number): number | undefined {
  let least: number | undefined
  let leastGap = Number.POSITIVE_INFINITY
  for (let i = 1; i < checkpoints.length - 1; i++) {
    const from = checkpoints[i - 1].nEvents
    const events = checkpoints[i + 1].nEvents - from
    const gap = events / (nEvents - from + 1)
    if (events <= longest && gap < leastGap) {
      least = i
      leastGap = gap
    }
  }
  return least
}

/**
 * The hash of everything that the future depends on: equal after any way of reaching the same moment. The log,
 * the checkpoints and the targets' `epoch` are no part of it.
 */
export function stateHash(world: SimWorld): string {
  const hash = createHash()
  const { now, seq, nEvents, lost, scalars, rng } = world
  hashAdd(hash, { now, seq, nEvents, lost, scalars, rng })
  forEachEvent(world.queue, (event) => hashAdd(hash, event))
  for (const target of world.targets) {
    hashAdd(hash, target === undefined ? undefined : { ...target, epoch: 0 })
  }
  return hashDigest(hash)
}

/**
 * Runs up to the limits, about `distance` events, and leaves checkpoints on the way: a few evenly, as far as they are
 * cheap, and one shortly before the end, so that the next step back is short. Stops after `budget` events: false then.
 */
function replay<W extends SimWorld>(
  world: W,
  rules: Rules<W>,
  limits: RunLimits,
  distance: number,
  budget: number,
): boolean {
  const pause = world.nEvents + budget
  const end = limits.untilEvent ?? Number.POSITIVE_INFINITY
  const near = end - Math.max(SHORTEST_STRIDE, queueSize(world.queue))
  const stride = Math.ceil(Math.max(SHORTEST_STRIDE, Math.min(distance / 4, LONGEST_STRIDE)))
  for (;;) {
    const stop = Math.min(world.nEvents < near ? near : end, world.nEvents + stride, pause)
    const maxEvents = stop - world.nEvents
    if (runUntil(world, rules, { ...limits, maxEvents }) < maxEvents || world.nEvents >= end) return true
    if (world.checkpoints.length > 0) maybeCheckpoint(world, world.nEvents === near ? 0 : stride)
    if (world.nEvents >= pause) return false
  }
}

/** To the nearest checkpoint before where to go, if that is nearer than the present. */
function jump(world: SimWorld, back: boolean, fits: (c: Checkpoint) => boolean): void {
  if (back) rewind(world, fits)
  else advance(world, fits)
}

function isHeavy({ checkpoints, ahead }: SimWorld): boolean {
  if (checkpoints.length + ahead.length <= FEWEST_CHECKPOINTS) return false
  let objects = 0
  for (const c of checkpoints) objects += c.objects
  for (const one of ahead) objects += one.objects + one.to.objects
  return objects > MAX_OBJECTS
}

/** Forgets checkpoint `i`: what it kept goes to the one before, unless that knows better or did not know the target. */
function forget(checkpoints: Checkpoint[], i: number): void {
  const older = checkpoints[i - 1]
  const { preimages, queue, objects } = checkpoints[i]
  let taken = 0
  for (const [id, before] of preimages) {
    if (id >= older.nTargets || older.preimages.has(id)) continue
    older.preimages.set(id, before)
    taken++
  }
  const inPreimages = objects - queueSize(queue) * OBJECTS_PER_EVENT
  if (taken > 0) older.objects += (inPreimages * taken) / preimages.size
  checkpoints.splice(i, 1)
}
