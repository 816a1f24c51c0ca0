// The jump from checkpoint to checkpoint, both ways. Backwards every target that was touched gets its pre-image back;
// what it replaces is kept as its after-image, so that the way forward to a checkpoint once left needs no replay.
import { assert } from '../base/assert.ts'
import { cloneQueue, queueSize } from './queue.ts'
import type { Ahead, Checkpoint, SimWorld } from './world.ts'

/** Objects of memory that a pending event counts for. */
export const OBJECTS_PER_EVENT = 3

/** Events that are run again rather than remembered: checkpoints ahead are no closer. */
const SHORT_WALK = 25_000

/** Goes back to the last checkpoint that fits; asserts that there is one. */
export function rewind(world: SimWorld, fits: (c: Checkpoint) => boolean): void {
  const { checkpoints } = world
  const k = checkpoints.findLastIndex(fits)
  assert(k >= 0, 'sim: no checkpoint to go back to')
  for (let i = checkpoints.length - 1; i >= k; i--) undo(world, checkpoints[i], checkpoints[i + 1])
  checkpoints.length = k + 1
  restore(world, checkpoints[k])
}

/** Goes forward to the last checkpoint ahead that fits, if there is one beyond this moment. */
export function advance(world: SimWorld, fits: (c: Checkpoint) => boolean): void {
  const { ahead, checkpoints, inputs } = world
  const other = ahead.findIndex(({ to, input }) => inputs[to.inputCursor - 1] !== input)
  if (other >= 0) ahead.length = other
  const beyond = ahead.findIndex(({ to }) => !fits(to))
  const n = beyond < 0 ? ahead.length : beyond
  if (n === 0 || ahead[n - 1].to.nEvents <= world.nEvents) return
  // After-images belong on a checkpoint's own state.
  rewind(world, () => true)
  let from = checkpoints[checkpoints.length - 1]
  for (const one of ahead.splice(0, n)) {
    const { to } = one
    redo(world, from, one)
    // One that was passed on foot has no place of its own any more.
    if (to.nEvents <= from.nEvents) continue
    checkpoints.push(to)
    from = to
  }
  restore(world, from)
}

/** Forgets what lies ahead: another future begins. */
export function forgetAhead(world: SimWorld): void {
  world.ahead.length = 0
}

/** From the state at `next`, or at any moment after `here` where there is none, to the state at `here`. */
function undo(world: SimWorld, here: Checkpoint, next: Checkpoint | undefined): void {
  const { targets } = world
  const images: Ahead['images'] = new Map()
  for (const [id, before] of here.preimages) {
    images.set(id, targets[id])
    targets[id] = before
  }
  if (next !== undefined) {
    for (let id = here.nTargets; id < next.nTargets; id++) images.set(id, targets[id])
    const input = world.inputs[next.inputCursor - 1]
    keepAhead(world, { to: next, images, input, objects: here.objects - ofQueue(here) }, here.nEvents)
  }
  targets.length = here.nTargets
  here.preimages = new Map()
  here.objects = ofQueue(here)
}

function keepAhead(world: SimWorld, one: Ahead, from: number): void {
  const { ahead } = world
  // A run on foot may have passed checkpoints that lay ahead: what they know goes to the next of them.
  while (ahead.length > 0 && ahead[0].to.nEvents <= one.to.nEvents) mergeFirst(ahead)
  ahead.unshift(one)
  if (ahead.length > 1 && ahead[1].to.nEvents - from <= SHORT_WALK) mergeFirst(ahead)
}

/** Takes the nearest away: the next one's after-images then count from before it. */
function mergeFirst(ahead: Ahead[]): void {
  const [first, second] = ahead
  if (second !== undefined) {
    for (const [id, after] of first.images) if (!second.images.has(id)) second.images.set(id, after)
    second.objects += first.objects
  }
  ahead.shift()
}

function redo(world: SimWorld, from: Checkpoint, { images, objects }: Ahead): void {
  const { targets } = world
  for (const [id, after] of images) {
    const before = targets[id]
    if (id < from.nTargets && before !== undefined && !from.preimages.has(id)) from.preimages.set(id, before)
    while (targets.length < id) targets.push(undefined)
    targets[id] = after
  }
  from.objects += objects
}

function ofQueue(c: Checkpoint): number {
  return queueSize(c.queue) * OBJECTS_PER_EVENT
}

function restore(world: SimWorld, to: Checkpoint): void {
  to.preimages = new Map()
  to.objects = ofQueue(to)
  // No target counts as touched since.
  world.epoch++
  world.targets.length = to.nTargets
  world.now = to.now
  world.seq = to.seq
  world.nEvents = to.nEvents
  world.inputCursor = to.inputCursor
  world.lost = to.lost
  world.rng = { ...to.rng }
  world.scalars = { ...to.scalars }
  world.queue = cloneQueue(to.queue)
  world.frozen = undefined
}
