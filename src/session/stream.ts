/** What goes to the page without being asked: bounded, thinned, and never more than the page takes. */
import { RECORD_WORDS } from '../net/trace.ts'
import type { StepDetail } from '../net/trace.ts'
import { findNetns } from '../net/world.ts'
import { queueSize } from '../sim/queue.ts'
import { dropsOf, flightsNow, flightsOf } from '../view/flights.ts'
import { namesOf } from '../view/names.ts'
import { sandboxTold } from '../view/sandbox-told.ts'
import { diffScene, sceneOf } from '../view/scene.ts'
import { sentenceOf } from '../view/sentence.ts'
import type { Core, Stream } from './core.ts'
import { reproductionOf } from './reproduction.ts'
import { SPEEDS } from './types.ts'
import type { ClockState, Flight, StreamMessage } from './types.ts'

/** Flights in one batch; what is beyond is counted. */
export const MAX_FLIGHTS = 400
const MAX_UNACKED = 2
/** A page that does not answer at all gets no more flights than this many batches. */
const MAX_UNACKED_FLIGHTS = 30
const MAX_RECORDS = 4096
const SCENE_MS = 66
const MARKS_MS = 500
const MAX_NOW = 4
const MAX_DROPS = 100

export function createStream(): Stream {
  return {
    nextSeq: 1,
    unacked: new Map(),
    nextRecord: 0,
    scene: { machines: [], edges: [] },
    sceneAt: Number.NEGATIVE_INFINITY,
    sceneCost: 0,
    sceneEvent: -1,
    marksAt: Number.NEGATIVE_INFINITY,
    flightsAt: Number.NEGATIVE_INFINITY,
    omitted: 0,
  }
}

export function clockState(core: Core): ClockState {
  const { world } = core
  return {
    now: Math.round(shownNow(core)),
    event: world.nEvents,
    headEvent: core.headEvent,
    headNow: core.headNow,
    running: core.running,
    speed: core.speed,
    frozen: frozenState(core),
    idle: core.idle,
    travelling: core.trip !== null,
    pending: queueSize(world.queue),
  }
}

/** The virtual time that the page shows at this real moment, ns. */
export function shownNow(core: Core): number {
  const { segment } = core
  if (segment === null || segment.realMs <= 0) return core.shownAt
  const part = Math.min(1, Math.max(0, (core.host.now() - core.segmentBegan) / segment.realMs))
  return segment.from + (segment.to - segment.from) * part
}

export function postClock(core: Core): void {
  core.host.post({ type: 'clock', state: clockState(core), segment: core.segment })
}

/** The picture jumped: everything anew. */
export function postReset(core: Core): void {
  const { stream, world } = core
  stream.scene = sceneOf(world, core.places)
  stream.sceneEvent = world.nEvents
  stream.sceneAt = core.host.now()
  stream.nextRecord = world.scalars.nRecords ?? 0
  stream.omitted = 0
  const flights = flightsNow(world).slice(0, MAX_FLIGHTS)
  core.host.post({ type: 'reset', scene: stream.scene, flights, state: clockState(core) })
  postTerminals(core, true)
  postMarks(core, true)
}

/** What changed in the picture, at most 15 times a second unless `force`. */
export function postScene(core: Core, force: boolean): void {
  const { stream, world, host } = core
  const began = host.now()
  const due = began - stream.sceneAt >= Math.max(SCENE_MS, stream.sceneCost * 20)
  if (!force && (!due || stream.sceneEvent === world.nEvents)) return
  const scene = sceneOf(world, core.places)
  const diff = diffScene(stream.scene, scene)
  stream.scene = scene
  stream.sceneEvent = world.nEvents
  stream.sceneAt = began
  stream.sceneCost = host.now() - began
  if (diff !== null) host.post({ type: 'scene', diff })
}

/** Flights and drop marks of steps that were just taken. `lost`: steps that are not among `steps`. */
export function postFlights(core: Core, steps: readonly StepDetail[], lost: number): void {
  const { stream } = core
  const all: Flight[] = flightsOf(core.world, steps)
  const drops = dropsOf(steps)
  if (all.length === 0 && drops.length === 0 && lost === 0) return
  if (waiting(stream, 'flights') >= MAX_UNACKED_FLIGHTS) {
    stream.omitted += all.length + lost
    return
  }
  const flights = all.length > MAX_FLIGHTS ? sample(all) : all
  const omitted = stream.omitted + all.length - flights.length + lost
  stream.omitted = 0
  const seq = stream.nextSeq++
  stream.unacked.set(seq, 'flights')
  core.host.post({ type: 'flights', flights, drops: drops.slice(-MAX_DROPS), seq, omitted })
}

/** New trace records, as they are in the ring. What the page could not take is skipped. */
export function postRecords(core: Core): void {
  const { stream, world } = core
  const { ring, capacity } = world.recorder
  const end = world.scalars.nRecords ?? 0
  if (end <= stream.nextRecord || waiting(stream, 'records') >= MAX_UNACKED) return
  const n = Math.min(end - stream.nextRecord, MAX_RECORDS, capacity)
  const words = new Int32Array(n * RECORD_WORDS)
  for (let i = 0; i < n; i++) {
    const at = ((end - n + i) & (capacity - 1)) * RECORD_WORDS
    words.set(ring.subarray(at, at + RECORD_WORDS), i * RECORD_WORDS)
  }
  stream.nextRecord = end
  const seq = stream.nextSeq++
  stream.unacked.set(seq, 'records')
  const message: StreamMessage = { type: 'records', buffer: words.buffer, n, seq }
  core.host.post(message, [words.buffer])
}

export function acknowledge(core: Core, seq: number): void {
  for (const sent of core.stream.unacked.keys()) if (sent <= seq) core.stream.unacked.delete(sent)
}

/** Terminal output since the last time; everything where the terminal is another one than the page shows. */
export function postTerminals(core: Core, reset: boolean): void {
  for (const terminal of core.terminals.values()) {
    const screen = core.engine.screen(core.world, terminal.target)
    const target = screen === undefined ? 0 : terminal.target
    const editing = screen?.editing?.pid ?? 0
    if (editing !== terminal.editing || (reset && editing !== 0)) {
      terminal.editing = editing
      const { path = '', text = '' } = screen?.editing ?? {}
      const file = editing === 0 ? null : { path, text }
      core.host.post({ type: 'editing', tty: terminal.tty, file })
    }
    if (reset || target !== terminal.shown) {
      const text = screen?.text ?? ''
      if (!reset && text === '' && terminal.shown === 0) continue
      core.host.post({ type: 'tty', tty: terminal.tty, text, reset: true })
    } else if (screen !== undefined) {
      const end = screen.dropped + screen.text.length
      if (end === terminal.sent) continue
      const text = screen.text.slice(Math.max(0, terminal.sent - screen.dropped))
      core.host.post({ type: 'tty', tty: terminal.tty, text, reset: false })
    }
    terminal.shown = target
    terminal.sent = screen === undefined ? 0 : screen.dropped + screen.text.length
  }
}

/** In words, what the last few events did. */
export function postNow(core: Core, steps: readonly StepDetail[]): void {
  const names = namesOf(core.world)
  const groups: StepDetail[][] = []
  for (const step of steps) {
    const last = groups.at(-1)
    if (last !== undefined && last[0]?.event === step.event && last[0].ns === step.ns) last.push(step)
    else groups.push([step])
  }
  for (const group of groups.slice(-MAX_NOW)) {
    const first = group[0] as StepDetail
    core.host.post({
      type: 'now',
      event: first.event,
      at: first.at,
      room: first.nsName,
      steps: group.map((step) => ({
        sentence: sentenceOf(step, names),
        trace: step.trace,
        reason: step.reason,
      })),
    })
  }
}

/** The same of one moment. Where no packet was touched: what the event did to a pod's network; nothing where it did not. */
export function postMoment(core: Core, steps: readonly StepDetail[]): void {
  if (steps.length > 0) {
    postNow(core, steps)
    return
  }
  const { nEvents, now } = core.world
  const { room = '', sentences = [] } = sandboxTold(core.world) ?? {}
  const said = sentences.map((sentence) => ({ sentence, trace: 0, reason: '' }))
  core.host.post({ type: 'now', event: nEvents, at: now, room, steps: said })
}

export function postMarks(core: Core, force: boolean): void {
  const now = core.host.now()
  if (!force && (!core.marksChanged || now - core.stream.marksAt < MARKS_MS)) return
  core.stream.marksAt = now
  core.marksChanged = false
  core.host.post({ type: 'marks', marks: core.marks })
}

function frozenState(core: Core): ClockState['frozen'] {
  const frozen = core.world.frozen
  if (frozen !== undefined) {
    const reproduction = reproductionOf(core, frozen.nEvents)
    return { message: frozen.message, event: frozen.nEvents, at: frozen.at, reproduction }
  }
  if (core.failure === null) return null
  return { ...core.failure, reproduction: reproductionOf(core, core.failure.event) }
}

function waiting(stream: Stream, kind: 'flights' | 'records'): number {
  let n = 0
  for (const sent of stream.unacked.values()) if (sent === kind) n++
  return n
}

function sample(flights: Flight[]): Flight[] {
  const every = flights.length / MAX_FLIGHTS
  return Array.from({ length: MAX_FLIGHTS }, (_, i) => flights[Math.floor(i * every)] as Flight)
}

/** Milliseconds that a crossing takes at the session's speed; 0 flat out. */
export function speedMs(core: Core): number {
  return SPEEDS[core.speed] ?? 0
}

/** The room of a namespace id, '' where it is gone. */
export function roomName(core: Core, ns: number): string {
  return findNetns(core.world, ns)?.name ?? ''
}
