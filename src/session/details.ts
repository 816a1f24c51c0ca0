/**
 * Steps in full. While somebody watches they are collected as the world runs and the newest are kept; for a stretch
 * that was not watched, the world goes back, runs it again with its eyes open, and returns to where it was.
 *
 * One step in full belongs to each trace record, so the number of a record says which steps are known.
 */
import type { StepDetail } from '../net/trace.ts'
import type { World } from '../net/types.ts'
import { runUntil } from '../sim/dispatch.ts'
import { seek, seekInput } from '../sim/timeline.ts'
import type { Core } from './core.ts'

/** Known steps of the records `from` to `to` (exclusive), without a gap. */
export interface DetailCache {
  steps: StepDetail[]
  from: number
  to: number
  /** The event after which all steps up to `to` are known. */
  since: number
  /** Record number of the first step in the recorder's open list, and the event before it. */
  openFrom: number
  openSince: number
}

const MAX_STEPS = 20_000
const FEWEST_STEPS = 15_000
/** Most steps of one stretch that is run again. */
const MAX_COLLECTED = 50_000

export function createDetails(): DetailCache {
  return { steps: [], from: 0, to: 0, since: 0, openFrom: 0, openSince: 0 }
}

/** Begins to collect, at most `max` steps until the next `takeDetails`. */
export function watchDetails(core: Core, max: number): void {
  const { recorder, scalars } = core.world
  if (recorder.detail !== null) takeDetails(core)
  recorder.detail = []
  recorder.detailMax = max
  recorder.detailLost = 0
  core.cache.openFrom = scalars.nRecords ?? 0
  core.cache.openSince = core.world.nEvents
}

/** Stops collecting and answers what was collected. `lost` counts the steps beyond the maximum. */
export function takeDetails(core: Core): { steps: StepDetail[]; lost: number } {
  const { recorder } = core.world
  const steps = recorder.detail ?? []
  const lost = recorder.detailLost
  recorder.detail = null
  recorder.detailLost = 0
  keep(core.cache, core.cache.openFrom, core.cache.openSince, steps)
  return { steps, lost }
}

/** A new branch: what came after the present moment never happens. */
export function cutDetails(core: Core): void {
  const { cache } = core
  const now = core.world.scalars.nRecords ?? 0
  if (now >= cache.to) return
  if (now < cache.from) clearDetails(cache, now, core.world.nEvents)
  else {
    cache.steps.length = now - cache.from
    cache.to = now
  }
}

/** The known steps of records before the present moment; all of them where `future` is set. */
export function knownSteps(core: Core, future = false): readonly StepDetail[] {
  const { cache } = core
  const now = core.world.scalars.nRecords ?? 0
  if (future || now >= cache.to) return cache.steps
  return now <= cache.from ? [] : cache.steps.slice(0, now - cache.from)
}

/**
 * All steps of the events after `from` up to `to`, and of the inputs right after them, by running that stretch again.
 * The world is left as it was.
 */
export function collectDetails(core: Core, from: number, to: number): StepDetail[] {
  const { world, rules } = core
  return away(core, () => {
    seek(world, rules, Math.max(from, firstEvent(world)))
    world.recorder.detail = []
    world.recorder.detailMax = MAX_COLLECTED
    const first = world.scalars.nRecords ?? 0
    const since = world.nEvents
    runUntil(world, rules, { untilEvent: to, maxEvents: Math.max(0, to - world.nEvents) })
    const steps = world.recorder.detail
    world.recorder.detail = null
    keep(core.cache, first, since, steps)
    return steps
  })
}

/** The event that nothing rewinds beyond. */
export function firstEvent(world: World): number {
  return world.checkpoints[0]?.nEvents ?? world.nEvents
}

/** Does something elsewhere in time, with nobody watching, and comes back to exactly this moment. */
export function away<T>(core: Core, visit: () => T): T {
  const { world, rules } = core
  const watching = world.recorder.detail !== null
  const max = world.recorder.detailMax
  if (watching) takeDetails(core)
  const event = world.nEvents
  const cursor = world.inputCursor
  try {
    return visit()
  } finally {
    world.recorder.detail = null
    if (world.inputs[cursor]?.afterEvent === event) seekInput(world, rules, cursor)
    else seek(world, rules, event)
    world.recorder.detailLost = 0
    world.recorder.detailMax = max
    if (watching) watchDetails(core, max)
  }
}

function keep(cache: DetailCache, from: number, since: number, steps: readonly StepDetail[]): void {
  if (steps.length === 0) return
  if (from > cache.to || from < cache.from) clearDetails(cache, from, since)
  const known = cache.to - from
  for (let i = known; i < steps.length; i++) cache.steps.push(steps[i] as StepDetail)
  cache.to = cache.from + cache.steps.length
  if (cache.steps.length > MAX_STEPS) {
    const gone = cache.steps.length - FEWEST_STEPS
    cache.steps.splice(0, gone)
    cache.from += gone
    cache.since = cache.steps[0]?.event ?? since
  }
}

function clearDetails(cache: DetailCache, at: number, since: number): void {
  cache.since = since
  cache.steps = []
  cache.from = at
  cache.to = at
}
