/** Traces and steps of what has happened, collected anew where nobody was watching. */
import { RECORD_WORDS } from '../net/trace.ts'
import type { StepDetail } from '../net/trace.ts'
import { StepKind } from '../net/trace.ts'
import type { World } from '../net/types.ts'
import { namesOf } from '../view/names.ts'
import { frameView } from '../view/frame-view.ts'
import { groupHops, groupTraces, numbering, stepViews, summarize, traceView } from '../view/trace-view.ts'
import type { FrameView, StepView, TraceSummary, TraceView } from '../view/types.ts'
import type { Core } from './core.ts'
import { collectDetails, firstEvent, knownSteps } from './details.ts'

/** Events that are run again to list what went before the present moment. */
const LIST_EVENTS = 2000
const MAX_LIST = 1000

/** The last `limit` traces that had begun by now, as far as they had come. Newest last. */
export function traceList(core: Core, limit: number): TraceSummary[] {
  const { world } = core
  const wanted = Math.min(Math.max(0, Math.floor(limit)), MAX_LIST)
  const upToDate = core.cache.to >= (world.scalars.nRecords ?? 0) && !isBefore(core)
  const need = Math.max(firstEvent(world), world.nEvents - LIST_EVENTS)
  let ids = upToDate ? lastTraces(core, wanted) : new Set<number>()
  if (!upToDate || (ids.size < wanted && core.cache.since > need)) {
    collectDetails(core, need, world.nEvents)
    ids = lastTraces(core, wanted)
  }
  const steps = knownSteps(core)
  const traces = groupTraces(steps.filter((step) => ids.has(step.trace)))
  return [...traces.values()].map(summarize)
}

/** A trace with its hops, known future included: after stepping back the whole path stays in view. Null for none. */
export function traceOf(core: Core, id: number): TraceView | null {
  const steps = traceSteps(core, id)
  return steps.length === 0 ? null : traceView(steps, namesOf(core.world))
}

/** All that is known of a trace. */
export function traceSteps(core: Core, id: number): StepDetail[] {
  const known = knownSteps(core, true).filter((step) => step.trace === id)
  if (known[0]?.kind === StepKind.Originate) return known
  const range = eventsOf(core.world, id)
  if (range === null) return known
  const steps = collectDetails(core, range.first - 1, range.last).filter((step) => step.trace === id)
  return steps.length > known.length ? steps : known
}

/** The steps of one event in words. */
export function eventView(core: Core, event: number): { room: string; steps: StepView[] } {
  const names = namesOf(core.world)
  let steps = knownSteps(core, true).filter((step) => step.event === event)
  if (steps.length === 0 && event > firstEvent(core.world) && event <= core.headEvent) {
    steps = collectDetails(core, event - 1, event).filter((step) => step.event === event)
  }
  const nthOf = numbering(steps)
  const views = new Map<StepDetail, StepView>()
  for (const own of groupTraces(steps).values()) {
    for (const hop of groupHops(own)) {
      stepViews(hop, names, nthOf).forEach((view, i) => {
        views.set(hop[i]!, view)
      })
    }
  }
  return { room: steps[0]?.nsName ?? '', steps: steps.flatMap((step) => views.get(step) ?? []) }
}

/** The packet's bytes at a step (`StepView.trace`, `event`, `nth`); null where it is not known. */
export function frameAt(core: Core, trace: number, event: number, nth: number): FrameView | null {
  const steps = traceSteps(core, trace)
  const at = steps.findIndex((step) => step.event === event)
  const step = steps[at + nth]
  if (at < 0 || step === undefined || step.event !== event) return null
  const before = steps.slice(0, at + nth).findLast((one) => one.packet === step.packet)
  return frameView(step, before ?? steps[at + nth - 1])
}

/** The traces of the newest known steps. */
function lastTraces(core: Core, wanted: number): Set<number> {
  const steps = knownSteps(core)
  const ids = new Set<number>()
  for (let i = steps.length - 1; i >= 0 && ids.size < wanted; i--) ids.add((steps[i] as StepDetail).trace)
  return ids
}

/** True where the present moment lies before everything that is known. */
function isBefore(core: Core): boolean {
  const now = core.world.scalars.nRecords ?? 0
  return now > 0 && now <= core.cache.from
}

/** First and last event of a trace by the records in the ring. */
function eventsOf(world: World, trace: number): { first: number; last: number } | null {
  const { ring, capacity } = world.recorder
  const end = world.scalars.nRecords ?? 0
  let first = 0
  let last = 0
  for (let n = end - 1; n >= Math.max(0, end - capacity); n--) {
    const at = (n & (capacity - 1)) * RECORD_WORDS
    const event = ring[at] ?? 0
    if (ring[at + 4] !== trace || event > world.nEvents) continue
    first = event
    if (last === 0) last = event
  }
  return last === 0 ? null : { first, last }
}
