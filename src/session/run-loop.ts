/** Playing: virtual time at a watchable pace, or flat out in slices. Pause is felt between two slices. */
import { assert } from '../base/assert.ts'
import { peekAt, queueSize } from '../sim/queue.ts'
import { runUntil } from '../sim/dispatch.ts'
import { maybeCheckpoint } from '../sim/timeline.ts'
import type { Core } from './core.ts'
import { takeDetails, watchDetails } from './details.ts'
import { markDrops } from './marks.ts'
import { checkpointStride, gapMs, QUIET_NS, SLICE_MS, TICK_MS } from './pace.ts'
import {
  MAX_FLIGHTS,
  postClock,
  postFlights,
  postMarks,
  postNow,
  postRecords,
  postScene,
  postTerminals,
  shownNow,
  speedMs,
} from './stream.ts'

/** Events run between two looks at the clock. */
const CHUNK = 128
/** Steps in full that one slice may collect at a pace that somebody can follow. */
const WATCHED_STEPS = 4000
/** Events at one moment of virtual time, and events pending, that no lab comes near. */
const MAX_STILL = 500_000
const MAX_PENDING = 2_000_000
/** Flat out, flights are sampled and the clock is told this often, ms. */
const FLAT_FRAME_MS = 33
/** Flat out, this much virtual time takes at least that much real time, so that a quiet lab does not race through years. */
const FLAT_STRETCH_NS = 1_000_000_000
const FLAT_QUIET_MS = 20
/** A stretch that took less work than this, ms, was quiet. */
const FLAT_LITTLE_MS = 2
/** Sentences of what just happened are sent where a crossing takes at least this long, ms. */
const SLOW_MS = 120
/** A wait of real time, ms, before which everything is told. */
const QUIET_REAL_MS = 100

/** Begins to play; goes on from the shown moment. */
export function play(core: Core): void {
  if (core.running) return
  core.running = true
  wake(core)
}

/** Stops. The shown moment stays: a frame that was half way over a cable stands there. */
export function pause(core: Core): void {
  if (!core.running) return
  halt(core)
  core.running = false
  flush(core)
}

/** After an input or another speed: what was planned is void. */
export function wake(core: Core): void {
  halt(core)
  if (core.running) core.timer = core.host.later(0, () => tick(core))
}

/** Stops the timer and keeps the shown moment. */
export function halt(core: Core): void {
  core.shownAt = Math.max(core.world.now, Math.round(shownNow(core)))
  core.segment = null
  if (core.timer !== 0) core.host.cancel(core.timer)
  core.timer = 0
}

/** Time of what comes next, event or logged input; Infinity for nothing. */
export function nextAt(core: Core): number {
  const { world } = core
  const input = world.inputs[world.inputCursor]
  const inputAt =
    input !== undefined && input.afterEvent === world.nEvents ? input.at : Number.POSITIVE_INFINITY
  return Math.min(peekAt(world.queue), inputAt)
}

/** Everything that the page should know now, whatever the throttles say. */
export function flush(core: Core): void {
  core.headEvent = Math.max(core.headEvent, core.world.nEvents)
  core.headNow = Math.max(core.headNow, core.world.now)
  postScene(core, true)
  postTerminals(core, false)
  postRecords(core)
  if (core.marksChanged) postMarks(core, true)
  postClock(core)
}

/** Runs what is due at or before virtual time `until`, for one slice of real time at most. True when all is done. */
export function runDue(core: Core, until: number, sliceEnd: number): boolean {
  const { world, rules, host } = core
  const stride = checkpointStride(speedMs(core))
  for (;;) {
    const n = runUntil(world, rules, { untilAt: until, maxEvents: CHUNK })
    maybeCheckpoint(world, stride)
    guardRun(core)
    if (n < CHUNK || world.frozen !== undefined) return true
    if (host.now() >= sliceEnd) return false
  }
}

/** A run that can come to no end stops while the page still answers. */
function guardRun(core: Core): void {
  const { world } = core
  if (world.now !== core.stillAt || world.nEvents < core.stillFrom) {
    core.stillAt = world.now
    core.stillFrom = world.nEvents
  }
  const still = world.nEvents - core.stillFrom
  assert(still < MAX_STILL, `${still} events at ${world.now} ns and time does not go on`)
  const pending = queueSize(world.queue)
  assert(pending < MAX_PENDING, `${pending} events are pending`)
}

function tick(core: Core): void {
  core.timer = 0
  if (!core.running) return
  try {
    if (speedMs(core) === 0) flatTick(core)
    else pacedTick(core)
  } catch (error) {
    fail(core, error)
  }
}

/** A failure outside the handlers: the world stands still, the session lives. */
export function fail(core: Core, error: unknown): void {
  core.running = false
  core.segment = null
  core.failure = { message: String(error), event: core.world.nEvents, at: core.world.now }
  core.world.recorder.detail = null
  postClock(core)
}

function pacedTick(core: Core): void {
  const { world, host } = core
  const ms = speedMs(core)
  const sliceEnd = host.now() + SLICE_MS
  if (core.segment !== null) core.shownAt = core.segment.to
  core.segment = null
  const from = core.shownAt
  let realMs = 0
  let next = from
  watchDetails(core, WATCHED_STEPS)
  for (;;) {
    if (!runDue(core, core.shownAt, sliceEnd) || world.frozen !== undefined) break
    next = nextAt(core)
    if (next === Number.POSITIVE_INFINITY) break
    realMs += gapMs(next - core.shownAt, ms)
    core.shownAt = Math.max(core.shownAt, next)
    if (realMs >= TICK_MS || host.now() >= sliceEnd) break
  }
  core.idle = next - from > QUIET_NS
  const to = core.shownAt
  if (to > from) {
    core.segment = { from, to, realMs }
    core.segmentBegan = host.now()
  }
  report(core, ms >= SLOW_MS)
  // Before a stretch of quiet nothing is held back: what was just drawn or typed is seen now.
  if (realMs > QUIET_REAL_MS || next === Number.POSITIVE_INFINITY) flush(core)
  if (world.frozen !== undefined) stop(core)
  else if (next !== Number.POSITIVE_INFINITY) core.timer = host.later(realMs, () => tick(core))
}

/** A slice of work, or a stretch of quiet time where there is less than that to do. */
function flatTick(core: Core): void {
  const { world, host, stream } = core
  const began = host.now()
  const watched = began - stream.flightsAt >= FLAT_FRAME_MS
  if (watched) watchDetails(core, MAX_FLIGHTS)
  const done = runDue(core, nextAt(core) + FLAT_STRETCH_NS, began + SLICE_MS)
  core.shownAt = world.now
  core.segment = null
  const empty = nextAt(core) === Number.POSITIVE_INFINITY
  core.idle = empty || nextAt(core) - world.now > QUIET_NS
  if (watched) {
    stream.flightsAt = began
    report(core, false)
  }
  if (world.frozen !== undefined) stop(core)
  else if (!empty) {
    const quiet = done && host.now() - began < FLAT_LITTLE_MS
    core.timer = host.later(quiet ? FLAT_QUIET_MS : 0, () => tick(core))
  } else if (!watched) flush(core)
}

function stop(core: Core): void {
  core.running = false
  flush(core)
}

/** Tells the page what the slice did. Flights go before the segment that shows them. */
function report(core: Core, inWords: boolean): void {
  const fresh = core.world.nEvents > core.headEvent
  const { steps, lost } = takeDetails(core)
  if (fresh) markDrops(core, steps)
  core.headEvent = Math.max(core.headEvent, core.world.nEvents)
  core.headNow = Math.max(core.headNow, core.world.now)
  postFlights(core, steps, lost)
  if (inWords && steps.length > 0) postNow(core, steps)
  postRecords(core)
  postTerminals(core, false)
  postClock(core)
  postScene(core, false)
  postMarks(core, false)
}
