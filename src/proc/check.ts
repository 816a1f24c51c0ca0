/** For tests of programs: one machine with a root namespace, a line in, text out. */
import { createWorld } from '../net/world.ts'
import type { World } from '../net/types.ts'
import { processHandlers } from '../run/handlers.ts'
import { findMachine, machineAdd } from '../run/machine.ts'
import type { Program, Programs } from '../run/types.ts'
import { runUntil } from '../sim/dispatch.ts'
import type { Handler, Rules } from '../sim/world.ts'
import { captureOf, execLine } from './shell/session.ts'

export interface Bench {
  world: World
  rules: Rules<World>
  programs: Programs
  machine: number
  ns: number
}

export interface Ran {
  out: string
  err: string
  /** -1 where it had not ended within the limits. */
  code: number
  /** Virtual time that it took, ns. */
  took: number
}

/** A world with one machine `h1` and these programs. */
export function createBench(list: readonly Program[], seed = 1): Bench {
  const world = createWorld(seed, 1024)
  const programs = new Map(list.map((program) => [program.name, program]))
  const handlers: (Handler<World> | undefined)[] = []
  for (const [kind, handler] of Object.entries(processHandlers(programs))) handlers[Number(kind)] = handler
  const machine = machineAdd(world, 'h1', 'host')
  const ns = findMachine(world, machine)!.rootNs
  return { world, rules: { handlers, applyInput: () => {} }, programs, machine, ns }
}

/** Runs a line by `sh -c` to its end, at most `maxEvents` events. */
export function runLine(bench: Bench, line: string, maxEvents = 20_000): Ran {
  const { world, machine, ns } = bench
  const from = world.now
  const { capture } = execLine(world, { machine, ns, line })
  const end = world.nEvents + maxEvents
  while (world.nEvents < end && captureOf(world, capture)!.code < 0) {
    if (runUntil(world, bench.rules, { maxEvents: 1 }) === 0) break
  }
  if (world.frozen !== undefined) throw new Error(world.frozen.message)
  const { out, err, code } = captureOf(world, capture)!
  return { out, err, code, took: world.now - from }
}

/** Runs a line by `bash -c`. */
export function runBash(bench: Bench, line: string): Ran {
  return runLine(bench, `bash -c '${line.replaceAll("'", "'\\''")}'`)
}
