/** What a session holds: the lab, its world, the place in time, and what was told to the page. Used within session/. */
import type { Lab } from '../lab/types.ts'
import type { World } from '../net/types.ts'
import type { Rules } from '../sim/world.ts'
import type { Scene } from '../view/types.ts'
import type { ScenePlaces } from '../view/scene.ts'
import type { DetailCache } from './details.ts'
import type { Engine } from './engine.ts'
import type { Trip } from './trip.ts'
import type { ClockSegment, StreamMessage, TimelineMark } from './types.ts'

/** What a session needs from where it runs. Times are real milliseconds, from any beginning. */
export interface SessionHost {
  post(message: StreamMessage, transfer?: ArrayBuffer[]): void
  now(): number
  /** Calls `fn` once, `ms` milliseconds from now or as soon as messages that wait have been taken. */
  later(ms: number, fn: () => void): number
  cancel(handle: number): void
}

/** A terminal of the page. Its number is the session's own; `target` is the world's, which time travel takes away. */
export interface Terminal {
  tty: number
  room: string
  /** Target id in the world; 0 before it is opened there (a new branch forgot it). */
  target: number
  /** Characters that the page has seen, counted from the terminal's beginning. */
  sent: number
  /** The target that `sent` counts in; 0 where the page shows an empty screen. */
  shown: number
  /** The process whose open file the page shows, 0 for none. */
  editing: number
}

export interface Stream {
  nextSeq: number
  /** Batches that the page has not acknowledged: sequence number to kind. */
  unacked: Map<number, 'flights' | 'records'>
  /** Number of the next trace record to send. */
  nextRecord: number
  scene: Scene
  sceneAt: number
  /** Real milliseconds that the last scene took to make. */
  sceneCost: number
  sceneEvent: number
  marksAt: number
  flightsAt: number
  /** Flights not sent since the last batch. */
  omitted: number
}

export interface Core {
  host: SessionHost
  engine: Engine
  rules: Rules<World>
  /** The lab file as it is now, and as it was opened. */
  text: string
  openedText: string
  lab: Lab
  seed: number
  world: World
  places: ScenePlaces
  cache: DetailCache
  /** The furthest this branch has been to. */
  headEvent: number
  headNow: number
  running: boolean
  /** Index into SPEEDS. */
  speed: number
  /** Virtual time that the page shows: at or after `world.now`, before whatever is pending. */
  shownAt: number
  segment: ClockSegment | null
  segmentBegan: number
  /** host.later's handle, 0 for none. */
  timer: number
  idle: boolean
  /** Since when virtual time has stood still: the moment and the first event seen there. */
  stillAt: number
  stillFrom: number
  /** A failure outside the simulated world's own handlers. */
  failure: { message: string; event: number; at: number } | null
  /** A seek under way. */
  trip: Trip | null
  terminals: Map<number, Terminal>
  nextTty: number
  marks: TimelineMark[]
  marksChanged: boolean
  stream: Stream
}
