/**
 * Names for programs that look one up before they do anything else: the program begins, finds that it has to wait, and
 * begins again when the answer is there.
 */
import { exitProcess, signalNumber } from '../../run/process.ts'
import type { ProcCtx, ProcEvent } from '../../run/types.ts'
import type { Lookup } from './resolver.ts'
import { lookupEvent, lookupStart } from './resolver.ts'

/** A program's state while it waits for a name. */
interface NameWait {
  nameWait: Lookup
  family: 0 | 4 | 6
}

/**
 * The finished lookup of `host`, or undefined: then the program must return at once from `start`, and pass its events to
 * `nameEvent`, which starts it again.
 */
export function awaitName(ctx: ProcCtx, host: string, family: 0 | 4 | 6): Lookup | undefined {
  const state = waitOf(ctx)
  if (state?.nameWait.done === true && state.nameWait.host === host && state.family === family) {
    return state.nameWait
  }
  const lookup = lookupStart(ctx, host, { family })
  if (lookup.done) return lookup
  ctx.proc.state = { nameWait: lookup, family } satisfies NameWait
  return undefined
}

/** Whether `start` runs for the second time, with the answer. */
export function hasWaited(ctx: ProcCtx): boolean {
  return waitOf(ctx) !== undefined
}

/** Takes an event while a name is waited for. False where none is: then the event is the program's own. */
export function nameEvent(ctx: ProcCtx, event: ProcEvent, start: (ctx: ProcCtx) => void): boolean {
  const state = waitOf(ctx)
  if (state === undefined) return false
  if (event.type === 'signal') exitProcess(ctx, 128 + signalNumber(event.name))
  else if (lookupEvent(ctx, state.nameWait, event) && state.nameWait.done) start(ctx)
  return true
}

function waitOf(ctx: ProcCtx): NameWait | undefined {
  const state = ctx.proc.state as Partial<NameWait> | null | undefined
  return typeof state === 'object' && state !== null && state.nameWait !== undefined
    ? (state as NameWait)
    : undefined
}
