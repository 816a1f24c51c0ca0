/** `replay`: the same run again, stopped after any event. */
import { forEachEvent } from '../sim/queue.ts'
import { seek, stateHash } from '../sim/timeline.ts'
import type { World } from '../net/types.ts'
import { findNetns } from '../net/world.ts'
import type { Args } from './args.ts'
import type { Io } from './io.ts'
import { EXIT_OK, EXIT_USAGE, JSON_VERSION } from './io.ts'
import { openLab, sayFrozen, typeAll } from './lab-run.ts'

interface LastEvent {
  kind: number
  target: number
  /** Namespace's name where the target is one, else its type. */
  where: string
  arg: number
}

export function replay(args: Args, io: Io): number {
  const opened = openLab(args, io)
  if (typeof opened === 'number') return opened
  const { world, rules } = opened
  const ran = typeAll(opened)
  if (typeof ran === 'string') {
    io.err(`${ran}\n`)
    return EXIT_USAGE
  }
  const end = args.event ?? world.nEvents
  if (end < opened.bootEvents) {
    io.err(`--event ${end}: the boot ends with event ${opened.bootEvents}, and nothing rewinds beyond it\n`)
    return EXIT_USAGE
  }
  let last: LastEvent | undefined
  if (end > opened.bootEvents) {
    seek(world, rules, end - 1)
    last = nextEvent(world)
    seek(world, rules, end)
  } else seek(world, rules, end)
  const { now, nEvents, frozen } = world
  const hash = stateHash(world)
  if (args.json) {
    const body = {
      version: JSON_VERSION,
      lab: opened.lab.name,
      seed: opened.seed,
      event: nEvents,
      at: now,
      hash,
    }
    io.out(`${JSON.stringify({ ...body, last: last ?? null, frozen: frozen ?? null }, null, 2)}\n`)
  } else {
    io.out(`event ${nEvents} at ${now} ns, state ${hash}\n`)
    if (last !== undefined)
      io.out(`last event: kind ${last.kind} in ${last.where} (target ${last.target}), arg ${last.arg}\n`)
    if (frozen === undefined && nEvents < end)
      io.out(`the run ends there: nothing is pending after event ${nEvents}\n`)
  }
  return frozen === undefined ? EXIT_OK : sayFrozen(opened, io)
}

/** The event that comes next. */
function nextEvent(world: World): LastEvent | undefined {
  let first: LastEvent | undefined
  forEachEvent(world.queue, (event) => {
    if (first !== undefined) return
    const type = (world.targets[event.target] as { type?: string } | undefined)?.type ?? 'nothing'
    const where = findNetns(world, event.target)?.name ?? type
    first = { kind: event.kind, target: event.target, where, arg: event.arg }
  })
  return first
}
