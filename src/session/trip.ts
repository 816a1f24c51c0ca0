/**
 * A seek that takes longer than a moment goes on in slices between messages: the session answers meanwhile, a newer seek
 * takes its place, `pause` stops it where it is, and whatever asks for the place that was sought brings it there at once.
 */
import type { Journey } from '../sim/timeline.ts'
import { proceed } from '../sim/timeline.ts'
import type { Core } from './core.ts'
import { SLICE_MS } from './pace.ts'
import { fail } from './run-loop.ts'
import { postClock } from './stream.ts'

export interface Trip {
  journey: Journey
  /** What is to be done at the end, and where the trip is broken off. */
  arrived: () => void
  stopped: () => void
  /** host.later's handle. */
  timer: number
}

/** A seek that is done by then has never been on its way, ms. */
const AT_ONCE_MS = 30
/** Events run between two looks at the clock. */
const EVENTS = 256

/** Goes as far as it can at once, and on from there later. */
export function travelOn(core: Core, journey: Journey, arrived: () => void, stopped: () => void): void {
  cancelTrip(core)
  core.trip = { journey, arrived, stopped, timer: 0 }
  slice(core, AT_ONCE_MS)
}

/** Brings a trip to its end now. */
export function endTrip(core: Core): void {
  if (core.trip !== null) slice(core, Number.POSITIVE_INFINITY)
}

/** Breaks a trip off where it is. */
export function stopTrip(core: Core): void {
  const { trip } = core
  cancelTrip(core)
  trip?.stopped()
}

/** Forgets a trip: the world is about to be somewhere else. */
export function cancelTrip(core: Core): void {
  if (core.trip !== null && core.trip.timer !== 0) core.host.cancel(core.trip.timer)
  core.trip = null
}

function slice(core: Core, ms: number): void {
  const { trip, host, world, rules } = core
  if (trip === null) return
  if (trip.timer !== 0) host.cancel(trip.timer)
  trip.timer = 0
  const until = host.now() + ms
  try {
    while (!proceed(world, rules, trip.journey, EVENTS)) {
      if (host.now() < until) continue
      core.shownAt = world.now
      trip.timer = host.later(0, () => slice(core, SLICE_MS))
      postClock(core)
      return
    }
    core.trip = null
    trip.arrived()
  } catch (error) {
    core.trip = null
    fail(core, error)
  }
}
