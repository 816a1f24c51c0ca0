/** `trace`: every packet that the typed commands gave rise to, hop by hop. */
import type { StepDetail } from '../net/trace.ts'
import { namesOf } from '../view/names.ts'
import { traceJson, traceText } from '../view/trace-text.ts'
import { groupTraces, traceView } from '../view/trace-view.ts'
import type { TraceView } from '../view/types.ts'
import type { Args } from './args.ts'
import type { Io } from './io.ts'
import { EXIT_USAGE, JSON_VERSION } from './io.ts'
import type { Opened, Ran } from './lab-run.ts'
import { exitOf, openLab, typeAll } from './lab-run.ts'
import { ranText, runJson } from './run.ts'

/** Steps kept in full. */
const MAX_STEPS = 500_000

export function trace(args: Args, io: Io): number {
  const opened = openLab(args, io)
  if (typeof opened === 'number') return opened
  const recorder = opened.world.recorder
  recorder.detail = []
  recorder.detailMax = MAX_STEPS
  const ran = typeAll(opened)
  if (typeof ran === 'string') {
    io.err(`${ran}\n`)
    return EXIT_USAGE
  }
  const steps = recorder.detail ?? []
  const views = tracesOf(opened, steps)
  if (args.json) io.out(`${JSON.stringify(traceRunJson(opened, ran, views), null, 2)}\n`)
  else {
    for (const one of ran) io.out(ranText(one))
    for (const view of views) io.out(`\n${traceText(view, args.verbose)}`)
  }
  if (recorder.detailLost > 0)
    io.err(`${recorder.detailLost} steps were left out: at most ${MAX_STEPS} are kept\n`)
  return exitOf(opened, ran, io)
}

/** Traces in the order of their first step. */
export function tracesOf(opened: Opened, steps: readonly StepDetail[]): TraceView[] {
  const names = namesOf(opened.world)
  return [...groupTraces(steps).values()].map((group) => traceView(group, names))
}

function traceRunJson(opened: Opened, ran: Ran[], views: TraceView[]): unknown {
  const { traces } = traceJson(views) as { traces: unknown }
  return { ...(runJson(opened, ran) as object), version: JSON_VERSION, traces }
}
