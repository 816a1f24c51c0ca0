// What a simulated world is to the discrete-event core: a clock, a queue, targets, an input log, checkpoints.
// Everything here is plain data. Other folders extend SimWorld and Target with fields of their own.
import { assert } from '../base/assert.ts'
import type { Rng } from '../base/rng.ts'
import { createRng } from '../base/rng.ts'
import type { Queue, SimEvent } from './queue.ts'
import { createQueue } from './queue.ts'

/** What an event happens in. `epoch` belongs to the dispatcher: the checkpoint epoch it was last touched in. */
export interface Target {
  id: number
  epoch: number
}

/** Something from outside: takes place after event number `afterEvent`, at time `at`. `body` is plain data. */
export interface Input {
  afterEvent: number
  at: number
  kind: string
  body: unknown
}

/** Why a world stopped: a handler threw. `kind` is the event's, or -1 when applying an input threw. */
export interface Frozen {
  message: string
  nEvents: number
  at: number
  kind: number
  target: number
}

/** The world as it was after `nEvents` events, but for targets: those are known by what changed since. */
export interface Checkpoint {
  now: number
  seq: number
  nEvents: number
  inputCursor: number
  lost: number
  rng: Rng
  scalars: Record<string, number>
  queue: Queue
  /** length of `targets`: those with this id or a higher one did not exist */
  nTargets: number
  /** targets touched or removed before the next checkpoint, as they were */
  preimages: Map<number, Target>
  /** about how many objects the pre-images and the queue consist of */
  objects: number
}

/** A checkpoint that was gone back over, and how to get there from the one before. */
export interface Ahead {
  to: Checkpoint
  /** targets touched, made or removed on the way, as they are there */
  images: Map<number, Target | undefined>
  /** the last input applied there: while the log holds another at that place, this future is none */
  input: Input | undefined
  objects: number
}

export interface SimWorld {
  /** integer ns since boot */
  now: number
  seq: number
  nEvents: number
  seed: number
  queue: Queue
  /** by id; 0 is unused, and an id is never reused within one timeline */
  targets: (Target | undefined)[]
  /** numbers that go back with every checkpoint */
  scalars: Record<string, number>
  epoch: number
  checkpoints: Checkpoint[]
  /** nearest first */
  ahead: Ahead[]
  inputs: Input[]
  /** how many of `inputs` have been applied */
  inputCursor: number
  rng: Rng
  frozen: Frozen | undefined
  /** events whose target was gone */
  lost: number
}

type Bivariant<W> = { call(world: W, target: Target, event: SimEvent): void }['call']

/**
 * Handles one event in one target. It may change that target and schedule events; another target only after
 * `touch`. The event record is reused: keep its `ref`, never the record. (Parameters may be narrower types.)
 */
export type Handler<W = SimWorld> = Bivariant<W>

/** What the composition root knows and the world does not: handlers by event kind, and how inputs are applied. */
export interface Rules<W = SimWorld> {
  handlers: readonly (Handler<W> | undefined)[]
  /** Changes the world; whatever targets it changes it must `touch` first. `input` is its own copy. */
  applyInput(world: W, input: Input): void
}

/** An empty world at time 0. Take the first checkpoint once it is built: nothing rewinds beyond that. */
export function createSimWorld(seed: number): SimWorld {
  assert(Number.isSafeInteger(seed), 'sim: the seed is not an integer')
  return {
    now: 0,
    seq: 0,
    nEvents: 0,
    seed,
    queue: createQueue(),
    targets: [undefined],
    scalars: {},
    epoch: 1,
    checkpoints: [],
    ahead: [],
    inputs: [],
    inputCursor: 0,
    rng: createRng(seed, 0),
    frozen: undefined,
    lost: 0,
  }
}
