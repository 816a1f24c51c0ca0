/**
 * What if a rule's drop were set aside? The run goes back to just before it, the packet carries on in a branch, what
 * would come next is told, and everything is put back: no table, no hash and no future changes.
 */
import { checkpoint, seek } from '../sim/timeline.ts'
import { runUntil } from '../sim/dispatch.ts'
import type { StepDetail } from '../net/trace.ts'
import { StepKind } from '../net/trace.ts'
import { namesOf } from '../view/names.ts'
import { dispositionOf, groupTraces, traceView } from '../view/trace-view.ts'
import type { Core } from './core.ts'
import { away, firstEvent } from './details.ts'
import { traceSteps } from './past.ts'
import type { PermitResult } from './types.ts'

const BRANCH_NS = 5_000_000_000
const BRANCH_EVENTS = 20_000
const BRANCH_STEPS = 5000
const LOOK_EVERY = 32

/** The trace as it would go on, and what it would give rise to. `error` says why there is nothing to show. */
export function permitTrace(core: Core, id: number): PermitResult {
  const steps = traceSteps(core, id)
  const drop = steps.find((step) => step.kind === StepKind.Drop && step.reason === 'NETFILTER_DROP')
  if (drop === undefined) return { ...NONE, error: 'no rule dropped this packet' }
  if (drop.event <= firstEvent(core.world)) return { ...NONE, error: 'the drop lies before what is recorded' }
  const earlier = steps.slice(0, steps.indexOf(drop)).filter((step) => step.event < drop.event)
  return away(core, () => branchFrom(core, drop, earlier))
}

const NONE: PermitResult = Object.freeze({ trace: null, more: [], event: 0, error: '' })

function branchFrom(core: Core, drop: StepDetail, earlier: readonly StepDetail[]): PermitResult {
  const { world, rules } = core
  seek(world, rules, drop.event - 1)
  const from = world.nEvents
  const later = world.inputs.splice(world.inputCursor)
  checkpoint(world)
  const { recorder } = world
  recorder.detail = []
  recorder.detailMax = BRANCH_STEPS
  const steps: StepDetail[] = recorder.detail
  try {
    world.scalars.permitAll = 1
    world.scalars.permitTrace = drop.trace
    const until = world.now + BRANCH_NS
    // The drop's own event, then as long as anything of the packet's family is under way.
    for (let n = 0; n < BRANCH_EVENTS; n += LOOK_EVERY) {
      const ran = runUntil(world, rules, { untilAt: until, maxEvents: LOOK_EVERY })
      if (ran < LOOK_EVERY || isOver(steps, drop.trace)) break
    }
    const names = namesOf(world)
    const family = familyOf([...earlier, ...steps], drop.trace)
    const [own, ...others] = [...family.values()].map((trace) => traceView(trace, names))
    return { trace: own ?? null, more: others, event: drop.event, error: '' }
  } finally {
    recorder.detail = null
    // What was set outside any event goes back only when an event is gone back over.
    world.nEvents++
    seek(world, rules, from)
    world.inputs.push(...later)
  }
}

/** The packet's trace first, then those that have it as a cause, directly or through others. */
function familyOf(steps: readonly StepDetail[], first: number): Map<number, StepDetail[]> {
  const family = new Map<number, StepDetail[]>()
  const traces = groupTraces(steps)
  const own = traces.get(first)
  if (own !== undefined) family.set(first, own)
  for (const [id, trace] of traces) if (family.has(trace[0]?.cause ?? 0)) family.set(id, trace)
  return family
}

function isOver(steps: readonly StepDetail[], first: number): boolean {
  const family = familyOf(steps, first)
  if (family.size === 0) return false
  return [...family.values()].every((trace) => dispositionOf(trace).disposition !== 'IN_FLIGHT')
}
