/** Marks on the scrubber: what was typed or changed, and where packets were lost. Bounded: losses thin out first. */
import type { StepDetail } from '../net/trace.ts'
import { dropsOf } from '../view/flights.ts'
import type { Core } from './core.ts'
import type { TimelineMark } from './types.ts'

const MAX_MARKS = 300
const MAX_LABEL = 80

/** Marks the losses among steps that were taken for the first time. */
export function markDrops(core: Core, steps: readonly StepDetail[]): void {
  for (const drop of dropsOf(steps)) {
    const last = core.marks.at(-1)
    if (drop.event < (last?.event ?? 0) || isKnown(core, drop.event, drop.reason)) continue
    addMark(core, { event: drop.event, at: drop.at, kind: 'drop', label: drop.reason })
  }
}

/** Marks an input at the present moment. A line that is being typed is one mark. */
export function markInput(core: Core, label: string): void {
  const { world } = core
  addMark(core, { event: world.nEvents, at: world.now, kind: 'input', label: label.slice(0, MAX_LABEL) })
}

/** A new branch: marks of the future go. */
export function cutMarks(core: Core): void {
  const left = core.marks.filter((mark) => mark.event <= core.world.nEvents)
  if (left.length === core.marks.length) return
  core.marks = left
  core.marksChanged = true
}

function isKnown(core: Core, event: number, label: string): boolean {
  for (let i = core.marks.length - 1; i >= 0; i--) {
    const mark = core.marks[i] as TimelineMark
    if (mark.event < event) return false
    if (mark.event === event && mark.label === label) return true
  }
  return false
}

function addMark(core: Core, mark: TimelineMark): void {
  core.marks.push(mark)
  core.marksChanged = true
  if (core.marks.length <= MAX_MARKS) return
  let nth = 0
  const thinned = core.marks.filter((one) => one.kind !== 'drop' || nth++ % 2 === 0)
  core.marks = thinned.length <= MAX_MARKS ? thinned : thinned.slice(-MAX_MARKS)
}
