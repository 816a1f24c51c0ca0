/** One run of `ip`: where it works and what its options say. */
import type { Netns, World } from '../../net/types.ts'
import type { Machine, ProcCtx } from '../../run/types.ts'
import type { Place } from '../print/names.ts'
import type { Writer, WriterOptions } from '../print/writer.ts'
import type { Family } from './iproute2.ts'

export interface IpRun {
  ctx: ProcCtx
  world: World
  /** The namespace that it works in: that of the process, or of -n. */
  ns: Netns
  machine: Machine
  options: Required<WriterOptions>
  family: Family
  /** -0: only the link layer. */
  packet: boolean
  details: number
  stats: number
  brief: boolean
  all: boolean
  w: Writer
  /** A child runs: its end is the end. */
  waiting: boolean
}

export function placeOf(run: IpRun): Place {
  return { world: run.world, ns: run.ns, machine: run.machine }
}
