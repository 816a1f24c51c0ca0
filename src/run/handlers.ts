/** From events to programs: the part of the dispatch table that belongs to processes and terminals. */
import { entryDrop } from '../base/entries.ts'
import type { Ev as NetEv } from '../net/events.ts'
import { Ev } from '../net/events.ts'
import type { Netns, TapFrame, World } from '../net/types.ts'
import type { SimEvent } from '../sim/queue.ts'
import type { Handler } from '../sim/world.ts'
import type { ChildRef, ContainerRef, TimerRef } from './events.ts'
import { RunEv } from './events.ts'
import { readInput, takeInput } from './fds.ts'
import { exitProcess, procCtx, signalNumber } from './process.ts'
import { ttyInput } from './tty.ts'
import type { ProcCtx, ProcEvent, Programs, SignalName, Tty } from './types.ts'

/** What one `input` event carries at most. */
const INPUT_MAX = 65_536

type KindOf<T> = T[keyof T]
export type ProcEventKind = KindOf<typeof RunEv> | (typeof NetEv)['SockWake'] | (typeof NetEv)['TapWake']

/** Handlers by event kind, for the composition root's table. */
export function processHandlers(programs: Programs): Record<ProcEventKind, Handler<World>> {
  const to = (make: (event: SimEvent) => ProcEvent): Handler<World> => {
    return (world: World, ns: Netns, event: SimEvent) => {
      const ctx = procCtx(world, ns, event.arg, programs)
      if (ctx !== undefined) programs.get(ctx.proc.program)?.on?.(ctx, make(event))
    }
  }
  return {
    [Ev.SockWake]: to((event) => ({ type: 'sock', sock: event.ref as number })),
    [Ev.TapWake]: to((event) => ({ type: 'tap', frame: event.ref as TapFrame })),
    [RunEv.ProcStart]: (world: World, ns: Netns, event: SimEvent) => {
      const ctx = procCtx(world, ns, event.arg, programs)
      if (ctx !== undefined) start(ctx)
    },
    [RunEv.ProcTimer]: (world: World, ns: Netns, event: SimEvent) => {
      const ctx = procCtx(world, ns, event.arg, programs)
      if (ctx !== undefined) timer(ctx, event.ref as TimerRef)
    },
    [RunEv.ProcInput]: (world: World, ns: Netns, event: SimEvent) => {
      const ctx = procCtx(world, ns, event.arg, programs)
      if (ctx !== undefined) input(ctx, event.ref as number)
    },
    [RunEv.ProcChild]: (world: World, ns: Netns, event: SimEvent) => {
      const ctx = procCtx(world, ns, event.arg, programs)
      if (ctx === undefined) return
      const { pid, code } = event.ref as ChildRef
      ctx.proc.children = ctx.proc.children.filter((one) => one !== pid)
      programs.get(ctx.proc.program)?.on?.(ctx, { type: 'child', pid, code })
    },
    [RunEv.ProcContainer]: to((event) => ({ type: 'container', ...(event.ref as ContainerRef) })),
    [RunEv.ProcSignal]: (world: World, ns: Netns, event: SimEvent) => {
      const ctx = procCtx(world, ns, event.arg, programs)
      if (ctx !== undefined) signal(ctx, event.ref as SignalName)
    },
    [RunEv.TtyInput]: (world: World, tty: Tty, event: SimEvent) => {
      ttyInput(world, tty, event.ref as string, programs)
    },
  }
}

function start(ctx: ProcCtx): void {
  const program = ctx.programs.get(ctx.proc.program)
  if (program === undefined) exitProcess(ctx, 127)
  else program.start(ctx)
}

function timer(ctx: ProcCtx, ref: TimerRef): void {
  if (ctx.proc.timers.get(ref.tag) !== ref.gen) return
  ctx.proc.timers = entryDrop(ctx.proc.timers, ref.tag)
  ctx.programs.get(ctx.proc.program)?.on?.(ctx, { type: 'timer', tag: ref.tag })
}

function input(ctx: ProcCtx, fd: number): void {
  if (!ctx.proc.reads.includes(fd)) return
  const got = takeInput(ctx, fd, INPUT_MAX)
  if (got === undefined) {
    readInput(ctx, fd)
    return
  }
  ctx.proc.reads = ctx.proc.reads.filter((one) => one !== fd)
  ctx.programs.get(ctx.proc.program)?.on?.(ctx, { type: 'input', fd, ...got })
}

function signal(ctx: ProcCtx, name: SignalName): void {
  const program = ctx.programs.get(ctx.proc.program)
  if (name !== 'SIGKILL' && program?.handles?.includes(name)) program.on?.(ctx, { type: 'signal', name })
  // The first process of a process namespace takes no signal that it does not handle (SIGNAL_UNKILLABLE).
  else if (ctx.proc.container !== '' && ctx.proc.vpid === 1 && name !== 'SIGKILL') return
  else exitProcess(ctx, 128 + signalNumber(name))
}
