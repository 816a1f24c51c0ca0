/** Inputs: each is logged at its place in time, and from there on a new branch begins. */
import type { Core } from './core.ts'
import { cutDetails, takeDetails, watchDetails } from './details.ts'
import { cutMarks, markInput } from './marks.ts'
import { halt, wake } from './run-loop.ts'
import { settle } from './travel.ts'

/** Events that one input may cause at once while the world is paused. */
const MAX_SETTLE = 500
const MAX_STEPS = 4000

/**
 * Submits an input at the shown moment. What was still to come is forgotten. A paused world does what can be done
 * without time passing, so that typed keys are seen; a running one goes on.
 */
export function withInput(core: Core, label: string, submit: (at: number) => void): void {
  halt(core)
  const { world } = core
  if (world.frozen !== undefined) return
  forgetFuture(core)
  if (label !== '') markInput(core, label)
  watchDetails(core, MAX_STEPS)
  submit(core.shownAt)
  takeDetails(core)
  core.headEvent = world.nEvents
  core.headNow = world.now
  core.shownAt = Math.max(core.shownAt, world.now)
  core.idle = false
  if (core.running) wake(core)
  else settle(core, MAX_SETTLE)
}

function forgetFuture(core: Core): void {
  cutDetails(core)
  cutMarks(core)
  for (const terminal of core.terminals.values()) {
    if (core.engine.screen(core.world, terminal.target) === undefined) terminal.target = 0
  }
}
