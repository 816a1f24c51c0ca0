/**
 * A listener that nothing has come to holds nothing of its own: all such listeners of a world with the same options share
 * one frozen state, and one gets its own back before anything is written to it.
 */
import type { Socket, World } from '../types.ts'
import { FRESH } from './tcpstate.ts'
import { createTimer } from './tcptimer.ts'
import type { TcpState } from './tcptypes.ts'

/** A listener has no stream of its own, until the end. */
export const NOTHING: never[] = Object.freeze([]) as unknown as never[]

/** By their options. Derived, and no part of the world's state: only memory changes by it. */
const shared = new WeakMap<World, Map<string, Readonly<TcpState>>>()

/** Lets a socket that has begun to listen share its state, unless it has something that others do not have. */
export function tcpIdle(world: World, sock: Socket): void {
  const t = sock.tcp
  if (t === null || t.requests !== null || t.acceptQueue !== null) return
  const { keep } = t
  if (keep !== null && (keep.timer.at !== 0 || keep.timer.event !== 0)) return
  const alive = keep === null ? '' : `${keep.idle} ${keep.interval} ${keep.probes}`
  const key = `${t.backlog} ${t.reuseAddr} ${t.noDelay} ${t.v6only} ${t.blocking} ${t.userMss} ${t.rcvBuf} ${t.tsOk} ${t.sackOk} ${t.wscaleOk} ${alive}`
  const states = shared.get(world) ?? new Map<string, Readonly<TcpState>>()
  const state = states.get(key) ?? idleState(t)
  shared.set(world, states.set(key, state))
  if (isAs(t, state)) sock.tcp = state
}

/** The state of a stream socket, to be written. */
export function tcpOwn(sock: Socket): TcpState | null {
  const t = sock.tcp
  if (t === null || !Object.isFrozen(t)) return t
  const keep = t.keep === null ? null : { ...t.keep, timer: createTimer() }
  const own = { ...t, ack: { ...t.ack }, keep }
  own.rexmit = createTimer()
  own.delack = createTimer()
  own.wait = createTimer()
  sock.tcp = own
  return own
}

/** What a listener never uses stands at what every socket begins with. */
function idleState(t: TcpState): Readonly<TcpState> {
  const { backlog, reuseAddr, noDelay, v6only, blocking, userMss, rcvBuf, ratio, tsOk, sackOk, wscaleOk } = t
  return Object.freeze({
    ...FRESH,
    ...{ state: 'LISTEN' as const, backlog, reuseAddr, noDelay, v6only, blocking, userMss },
    ...{ rcvBuf, ratio, tsOk, sackOk, wscaleOk },
    ...{ unsent: NOTHING, inFlight: NOTHING, rcvQueue: NOTHING, outOfOrder: NOTHING, sacks: NOTHING },
    keep: t.keep === null ? null : Object.freeze({ ...t.keep, timer: Object.freeze(createTimer()) }),
    ack: Object.freeze({ ...FRESH.ack }),
    rexmit: Object.freeze(createTimer()),
    delack: Object.freeze(createTimer()),
    wait: Object.freeze(createTimer()),
  })
}

/** Drawn when the socket was opened, and of use only to connections. */
const UNUSED: ReadonlySet<string> = new Set(['ipId', 'tsOffset', 'openedAt'])

function isAs(t: TcpState, state: Readonly<TcpState>): boolean {
  for (const name in t) {
    const field = name as keyof TcpState
    if (typeof t[field] !== 'object' && t[field] !== state[field] && !UNUSED.has(name)) return false
  }
  return true
}
