/** Stepping and seeking, forwards and backwards. Every table is afterwards as it was at that moment. */
import type { StepDetail } from '../net/trace.ts'
import { StepKind } from '../net/trace.ts'
import { captureOf } from '../proc/shell/session.ts'
import { runUntil, stepEvent } from '../sim/dispatch.ts'
import type { Journey } from '../sim/timeline.ts'
import { maybeCheckpoint, setOut, setOutTime } from '../sim/timeline.ts'
import { isQuietDrop } from '../view/flights.ts'
import type { Core } from './core.ts'
import { collectDetails, firstEvent, knownSteps, takeDetails, watchDetails } from './details.ts'
import { markDrops } from './marks.ts'
import { gapMs } from './pace.ts'
import { fail, flush, halt, nextAt, pause, wake } from './run-loop.ts'
import { postFlights, postMarks, postMoment, postNow, postReset, speedMs } from './stream.ts'
import { cancelTrip, endTrip, travelOn } from './trip.ts'
import type { StepUnit } from './types.ts'

/** A step gives up after so many events or milliseconds without what it looks for. */
const MAX_STEP_EVENTS = 200_000
const MAX_STEP_MS = 1000
const MAX_STEPS_SHOWN = 4000
/** Showing a step takes at most this long, ms. */
const STEP_MS = 400
const INTERACTIVE_STRIDE = 500
/** The commands of an edit get so much virtual time, and are looked at after so many events. */
const COMMANDS_NS = 1_000_000_000
const COMMANDS_LOOK = 16
/** How far back the last packet event is looked for: first so many events, then more at once; and for how long. */
const LOOK_BACK = 256
const MAX_LOOK_BACK = 8192
const MAX_LOOK_MS = 250

export function stepForward(core: Core, unit: StepUnit): void {
  pause(core)
  halt(core)
  const { world, rules, host } = core
  const from = core.shownAt
  const until = host.now() + MAX_STEP_MS
  const first = nextAt(core)
  const wasAtHead = world.nEvents >= core.headEvent
  watchDetails(core, MAX_STEPS_SHOWN)
  const open = world.recorder.detail as StepDetail[]
  for (let n = 0; n < MAX_STEP_EVENTS; n++) {
    const seen = open.length
    const more = stepEvent(world, rules)
    if ((n & 255) === 255) maybeCheckpoint(world, INTERACTIVE_STRIDE)
    if (!more || unit === 'event' || endsStep(open, seen, unit) || host.now() > until) break
  }
  maybeCheckpoint(world, INTERACTIVE_STRIDE)
  const { steps, lost } = takeDetails(core)
  core.shownAt = Math.max(world.now, from)
  core.idle = nextAt(core) === Number.POSITIVE_INFINITY
  if (core.shownAt > from && Number.isFinite(first)) {
    const realMs = Math.min(STEP_MS, gapMs(core.shownAt - from, speedMs(core)))
    core.segment = realMs > 0 ? { from, to: core.shownAt, realMs } : null
    core.segmentBegan = host.now()
  }
  if (wasAtHead) markDrops(core, steps)
  postFlights(core, steps, lost)
  postMoment(core, steps)
  flush(core)
  // The world is already there; only the page is still on its way.
  core.segment = null
}

export function stepBack(core: Core, unit: StepUnit): void {
  pause(core)
  const { world } = core
  const event = unit === 'event' ? world.nEvents - 1 : lastBefore(core, unit)
  seekEvent(core, event)
  endTrip(core)
}

/** Goes to just after event number `event`, within what this run has been through; on the way for a while if it is far. */
export function seekEvent(core: Core, event: number): void {
  const { world } = core
  const to = Math.min(Math.max(Math.floor(event), firstEvent(world)), core.headEvent)
  const arrived = () => {
    core.shownAt = world.now
    land(core)
  }
  travel(core, () => setOut(world, to), arrived)
}

/** Goes to virtual time `at`, ns; the shown time is exactly that. Forward no further than this run has been. */
export function seekAt(core: Core, at: number): void {
  const { world } = core
  const first = world.checkpoints[0]?.now ?? world.now
  const to = Math.min(Math.max(Math.floor(at), first), Math.max(core.headNow, core.shownAt))
  const arrived = () => {
    core.shownAt = Math.max(to, world.now)
    land(core)
  }
  travel(core, () => setOutTime(world, to), arrived)
}

function travel(core: Core, leave: () => Journey, arrived: () => void): void {
  cancelTrip(core)
  pause(core)
  halt(core)
  core.failure = null
  core.world.recorder.detail = null
  let journey: Journey
  try {
    journey = leave()
  } catch (error) {
    fail(core, error)
    return
  }
  travelOn(core, journey, arrived, () => {
    core.shownAt = core.world.now
    land(core)
  })
}

/** The world is where it shall be: tells the page everything. */
function land(core: Core): void {
  core.idle = nextAt(core) === Number.POSITIVE_INFINITY
  postReset(core)
  const event = core.world.nEvents
  const known = knownSteps(core).filter((step) => step.event === event)
  // A stretch that ran unwatched has no steps yet: the event is run once more to say what it did.
  const here =
    known.length > 0 || event <= firstEvent(core.world)
      ? known
      : collectDetails(core, event - 1, event).filter((step) => step.event === event)
  postMoment(core, here)
  postMarks(core, true)
  flush(core)
}

/** The last event before this one that ends a step of `unit`; the first of all where there is none. */
function lastBefore(core: Core, unit: StepUnit): number {
  const event = core.world.nEvents
  const first = firstEvent(core.world)
  const upToDate = core.cache.to >= (core.world.scalars.nRecords ?? 0)
  const known = upToDate ? lastEnd(knownSteps(core), event, unit) : -1
  if (known > first) return known
  const until = core.host.now() + MAX_LOOK_MS
  let to = event - 1
  for (let window = LOOK_BACK; to > first; window = Math.min(window * 4, MAX_LOOK_BACK)) {
    const from = Math.max(first, to - window)
    const found = lastEnd(collectDetails(core, from, to), event, unit)
    if (found > from) return found
    to = from
    if (core.host.now() > until) break
  }
  return to
}

function lastEnd(steps: readonly StepDetail[], before: number, unit: StepUnit): number {
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i] as StepDetail
    if (step.event < before && isEnd(step, unit)) return step.event
  }
  return -1
}

function endsStep(steps: readonly StepDetail[], from: number, unit: StepUnit): boolean {
  for (let i = from; i < steps.length; i++) if (isEnd(steps[i] as StepDetail, unit)) return true
  // Beyond what is collected nothing can be told apart: stop.
  return steps.length >= MAX_STEPS_SHOWN
}

/** A hop ends with any event that touches a packet; a packet where one is born, taken or lost. */
function isEnd(step: StepDetail, unit: StepUnit): boolean {
  if (unit !== 'packet') return true
  if (step.kind === StepKind.Originate || step.kind === StepKind.Deliver) return true
  return step.kind === StepKind.Drop && !isQuietDrop(step)
}

/**
 * Goes on until the commands that an edit of the lab typed have ended: a machine half way through them would be shown,
 * and asked, as nobody meant it. A command that does not end is left to time. `from`: the first target of the edit.
 */
export function settleCommands(core: Core, from: number): void {
  const { world, rules, host } = core
  const waiting = () => world.targets.slice(from).some((one) => captureOf(world, one?.id ?? 0)?.code === -1)
  if (world.frozen !== undefined || !waiting()) return
  halt(core)
  const until = world.now + COMMANDS_NS
  const end = host.now() + MAX_STEP_MS
  watchDetails(core, MAX_STEPS_SHOWN)
  while (waiting() && host.now() < end) {
    if (runUntil(world, rules, { untilAt: until, maxEvents: COMMANDS_LOOK }) < COMMANDS_LOOK) break
    maybeCheckpoint(world, INTERACTIVE_STRIDE)
  }
  const { steps, lost } = takeDetails(core)
  core.shownAt = Math.max(core.shownAt, world.now)
  markDrops(core, steps)
  postFlights(core, steps, lost)
  flush(core)
  wake(core)
}

/** Runs what can happen without time passing: keys that were typed while the world stands still are seen at once. */
export function settle(core: Core, maxEvents: number): void {
  const { world, rules } = core
  watchDetails(core, MAX_STEPS_SHOWN)
  runUntil(world, rules, { untilAt: world.now, maxEvents })
  maybeCheckpoint(world, INTERACTIVE_STRIDE)
  const { steps, lost } = takeDetails(core)
  core.shownAt = Math.max(core.shownAt, world.now)
  core.idle = nextAt(core) === Number.POSITIVE_INFINITY
  markDrops(core, steps)
  postFlights(core, steps, lost)
  if (steps.length > 0) postNow(core, steps)
  flush(core)
}
