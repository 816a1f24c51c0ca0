// TCP's timers as deadlines. An event looks at a deadline when it comes: too early, it waits on; so that moving a
// deadline with every segment costs no event. Models the use of icsk_retransmit_timer and icsk_delack_timer.
import { schedule } from '../../sim/dispatch.ts'
import { Ev } from '../events.ts'
import type { Netns, Socket, World } from '../types.ts'
import { MS, wheelAt } from '../wheel.ts'
import type { TcpTimer } from './tcptypes.ts'

/** Which timer an event is for; `key` names a listener's half-open connection. */
export interface TcpTimerRef {
  what: 'rexmit' | 'delack' | 'wait' | 'request' | 'keep'
  key: string
}

export function createTimer(): TcpTimer {
  return { at: 0, event: 0, due: 0 }
}

/** The timer is to go off after `delay` ns, rounded as the kernel's wheel does. */
export function armTimer(
  world: World,
  ns: Netns,
  sock: Socket,
  timer: TcpTimer,
  ref: TcpTimerRef,
  delay: number,
): void {
  timer.due = world.now + delay
  timer.at = wheelAt(world.now, Math.max(MS, delay))
  if (timer.event !== 0 && timer.event <= timer.at) return
  timer.event = timer.at
  schedule(world, timer.at, Ev.TcpTimer, ns.id, sock.id, ref)
}

export function stopTimer(timer: TcpTimer): void {
  timer.at = 0
}

/** At an event: true where the deadline has come. Otherwise the event is moved on, or forgotten. */
export function timerDue(world: World, ns: Netns, sock: Socket, timer: TcpTimer, ref: TcpTimerRef): boolean {
  if (timer.event !== world.now) return false
  timer.event = 0
  if (timer.at === 0) return false
  if (timer.at > world.now) {
    timer.event = timer.at
    schedule(world, timer.at, Ev.TcpTimer, ns.id, sock.id, ref)
    return false
  }
  timer.at = 0
  return true
}
