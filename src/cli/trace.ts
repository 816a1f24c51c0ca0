/** `trace`: every packet that the typed commands gave rise to, hop by hop. */
import { recordSteps, takeSteps } from '../lab/headless.ts'
import { namesOf } from '../view/names.ts'
import { boundedTraces } from '../view/trace-bounds.ts'
import { traceJson, traceText } from '../view/trace-text.ts'
import { groupTraces, traceView } from '../view/trace-view.ts'
import type { Args } from './args.ts'
import type { Io } from './io.ts'
import { exitOf, openLab, typeCommands } from './lab-run.ts'
import { jsonText, ranText, runJson } from './run.ts'

/** Steps kept in full. */
const MAX_STEPS = 500_000

export function trace(args: Args, io: Io): number {
  const run = openLab(args, io)
  if (typeof run === 'number') return run
  recordSteps(run, MAX_STEPS)
  const ran = typeCommands(run, args, io)
  if (typeof ran === 'number') return ran
  const { steps, lost } = takeSteps(run)
  const { groups, notes } = boundedTraces([...groupTraces(steps).values()])
  const names = namesOf(run.world)
  const views = groups.map((group) => traceView(group, names))
  if (args.json) {
    const { traces } = traceJson(views) as { traces: unknown }
    io.out(jsonText({ ...runJson(run, ran), traces }))
  } else {
    for (const one of ran) io.out(ranText(one))
    for (const view of views) io.out(`\n${traceText(view, args.verbose)}`)
  }
  if (views.length === 0) io.err('no packet: the commands gave rise to none\n')
  for (const note of notes) io.err(`${note}\n`)
  if (lost > 0) io.err(`${lost} steps were left out: at most ${MAX_STEPS} are kept\n`)
  return exitOf(run, ran, args, io)
}
