/**
 * A place inside one event: the step of a packet that is shown while somebody steps by rule or by step. The session
 * stands after the whole event; the cursor walks over what was recorded of it.
 */
import { create } from 'zustand'
import type { ClockState } from '../../session/types.ts'
import type { StepView } from '../../view/types.ts'
import { session } from './client.ts'
import { useStore } from './store.ts'

export type CursorUnit = 'rule' | 'step'

export interface Cursor {
  event: number
  room: string
  steps: StepView[]
  index: number
}

export const useCursor = create<{ cursor: Cursor | null }>(() => ({ cursor: null }))

/** Events that are looked through for the next rule. */
const MAX_LOOK = 300
const MAX_LOOK_MS = 1500

export function isCursorUnit(unit: string): unit is CursorUnit {
  return unit === 'rule' || unit === 'step'
}

/** One step on or back; into the next event where this one holds no further. Steps asked for meanwhile are left out. */
export async function moveCursor(direction: 1 | -1, unit: CursorUnit): Promise<void> {
  if (moving) return
  moving = true
  if (!following) followClock()
  following = true
  try {
    await move(direction, unit)
  } finally {
    moving = false
  }
}

let moving = false
let following = false

async function move(direction: 1 | -1, unit: CursorUnit): Promise<void> {
  const at = useCursor.getState().cursor
  let clock = await session().state()
  if (at && at.event === clock.event) {
    const index = nextStop(at.steps, at.index, direction, unit)
    if (index >= 0) {
      show({ ...at, index }, clock)
      return
    }
  }
  const until = performance.now() + MAX_LOOK_MS
  for (let i = 0; i < MAX_LOOK; i++) {
    const before = clock.event
    clock = await session().step('hop', direction)
    const { room, steps } = await session().eventSteps(clock.event)
    const index = nextStop(steps, direction > 0 ? -1 : steps.length, direction, unit)
    if (index >= 0) {
      show({ event: clock.event, room, steps, index }, clock)
      return
    }
    if (clock.event === before || clock.idle || clock.frozen || performance.now() > until) break
  }
  show(null, clock)
}

/** The cursor goes with the clock: any other way of moving time lets it go. */
function followClock(): void {
  useStore.subscribe((state, before) => {
    const { cursor } = useCursor.getState()
    if (moving || cursor === null || state.clock === before.clock) return
    if (state.clock?.running || state.clock?.event !== cursor.event) useCursor.setState({ cursor: null })
  })
}

/** The step under the cursor. */
export function stepAt(cursor: Cursor | null): StepView | undefined {
  return cursor?.steps[cursor.index]
}

function show(cursor: Cursor | null, clock: ClockState): void {
  useStore.setState({ clock })
  useCursor.setState({ cursor })
}

function nextStop(steps: StepView[], from: number, by: 1 | -1, unit: CursorUnit): number {
  for (let i = from + by; i >= 0 && i < steps.length; i += by) {
    if (unit === 'step' || decides(steps, i)) return i
  }
  return -1
}

/** A rule, a policy, a connection or a translation; a route where rules are asked too; a loss. */
function decides(steps: StepView[], i: number): boolean {
  const step = steps[i]!
  if (step.kind === 'Hook' || step.rule !== null) return true
  if (step.kind === 'Drop') return step.reason !== 'CONSUMED' && step.reason !== 'OTHERHOST'
  return step.kind === 'Route' && steps.some((one) => one.trace === step.trace && one.kind === 'Hook')
}
