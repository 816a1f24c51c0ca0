/**
 * The session in this very process: everything that a front end may call, over the lab and the views. Knows no DOM and
 * no worker. Nothing is thrown out of a call: what goes wrong is in the answer or in `ClockState.frozen`.
 */
import { waitsForReopening } from '../lab/reopen.ts'
import type { Lab } from '../lab/types.ts'
import { stateHash } from '../sim/timeline.ts'
import { inspect } from '../view/tables.ts'
import type { Inspection } from '../view/types.ts'
import type { ClusterCallsSlot } from './cluster-slot.ts'
import { lateClusterCalls } from './cluster-slot.ts'
import type { Core, SessionHost } from './core.ts'
import { createDetails } from './details.ts'
import type { Engine } from './engine.ts'
import { explainFlow } from './explain.ts'
import { withInput } from './inputs.ts'
import { eventView, frameAt, traceList, traceOf } from './past.ts'
import { permitTrace } from './permit.ts'
import { reproductionOf } from './reproduction.ts'
import { fail, flush, halt, pause, play, wake } from './run-loop.ts'
import { acknowledge, clockState, createStream, postReset, postScene, shownNow } from './stream.ts'
import { closeOrphans, closeTerminal, endEdit, openTerminal, typeKeys } from './terminals.ts'
import { seekAt, seekEvent, settleCommands, stepBack, stepForward } from './travel.ts'
import { endTrip, stopTrip } from './trip.ts'
import type {
  Diagnostic,
  EditOp,
  EditResult,
  LessonView,
  OpenResult,
  Session,
  StreamAck,
  StreamPort,
} from './types.ts'
import { SPEEDS } from './types.ts'

export type { SessionHost } from './core.ts'

/** A session whose streams go to `host.post`; the receiver tells `ack` what it has taken. */
export interface LocalSession extends Session {
  ack(seq: number): void
}

const EMPTY_LAB = 'name: empty\ntopology:\n  nodes: {}\n'
const START_SPEED = 1

/** A session with nothing open. */
export function createSession(
  host: SessionHost,
  engine: Engine,
  cluster: ClusterCallsSlot = {},
): LocalSession {
  const core = createCore(host, engine)
  return {
    ...documentCalls(core),
    ...timeCalls(core),
    ...terminalCalls(core),
    ...lookingCalls(core),
    ...lateClusterCalls(core, cluster),
    connect: (port) => connect(core, port),
    ack: (seq) => acknowledge(core, seq),
  }
}

type DocumentCall =
  | 'open'
  | 'apply'
  | 'lint'
  | 'edit'
  | 'text'
  | 'readDump'
  | 'lesson'
  | 'runChecks'
  | 'exportAs'

function documentCalls(core: Core): Pick<Session, DocumentCall> {
  const { engine } = core
  const refuse = (text: string) => (error: string) => result(core, false, text, [failure(error)])
  return {
    open: (text, seed) => guard(core, () => openLab(core, text, seed), refuse(text)),
    apply: (text) => guard(core, () => applyText(core, text), refuse(text)),
    lint: (text) =>
      soft(
        () => engine.parse(text).diagnostics,
        (error) => [failure(error)],
      ),
    edit: (op) =>
      guard(
        core,
        () => editLab(core, op),
        (error) => ({ ...refuse(core.text)(error), created: [] }),
      ),
    text: () => core.text,
    readDump: (request) => engine.readDump(core.text, request),
    lesson: () => lessonView(core.lab),
    runChecks: () => guard(core, () => engine.check(core), noneOf),
    exportAs: (format) =>
      soft(
        () => {
          endTrip(core)
          return engine.exportAs(core, format)
        },
        (error) => `# ${error}\n`,
      ),
  }
}

type TimeCall = 'play' | 'pause' | 'setSpeed' | 'step' | 'seek' | 'seekTime' | 'state'

function timeCalls(core: Core): Pick<Session, TimeCall> {
  const moved = (act: () => void) => {
    guard(core, act, nothing)
    return clockState(core)
  }
  const sought = (act: () => void) => {
    guardOnTheWay(core, act, nothing)
    return clockState(core)
  }
  return {
    play: () => guard(core, () => play(core), nothing),
    pause: () =>
      guardOnTheWay(
        core,
        () => {
          stopTrip(core)
          pause(core)
        },
        nothing,
      ),
    setSpeed: (index) => setSpeed(core, index),
    step: (unit, direction) => moved(() => (direction > 0 ? stepForward(core, unit) : stepBack(core, unit))),
    seek: (event) => sought(() => seekEvent(core, event)),
    seekTime: (at) => sought(() => seekAt(core, at)),
    state: () => clockState(core),
  }
}

type TerminalCall = 'openTerminal' | 'closeTerminal' | 'type' | 'endEdit' | 'terminalText' | 'terminals'

function terminalCalls(core: Core): Pick<Session, TerminalCall> {
  return {
    openTerminal: (room) =>
      guard(
        core,
        () => openTerminal(core, room),
        () => 0,
      ),
    closeTerminal: (tty) => guard(core, () => closeTerminal(core, tty), nothing),
    type: (tty, keys) => guard(core, () => typeKeys(core, tty, keys), nothing),
    endEdit: (tty, text) => guard(core, () => endEdit(core, tty, text), nothing),
    terminalText: (tty) => core.engine.screen(core.world, core.terminals.get(tty)?.target ?? 0)?.text ?? '',
    terminals: () => [...core.terminals.values()].map(({ tty, room }) => ({ tty, room })),
  }
}

type LookingCall =
  | 'scene'
  | 'inspect'
  | 'traces'
  | 'trace'
  | 'eventSteps'
  | 'frame'
  | 'permit'
  | 'explain'
  | 'stateHash'
  | 'reproduction'

function lookingCalls(core: Core): Pick<Session, LookingCall> {
  return {
    scene: () => {
      postScene(core, true)
      return core.stream.scene
    },
    inspect: (subject) =>
      soft(
        () => inspect(core.world, subject, Math.max(core.world.now, Math.floor(shownNow(core)))),
        (error) => gone(core, subject, error),
      ),
    traces: (limit) => guard(core, () => traceList(core, limit), noneOf),
    trace: (id) =>
      guard(
        core,
        () => traceOf(core, id),
        () => null,
      ),
    eventSteps: (event) =>
      guard(
        core,
        () => eventView(core, event),
        () => ({ room: '', steps: [] }),
      ),
    frame: (trace, event, nth) =>
      guard(
        core,
        () => frameAt(core, trace, event, nth),
        () => null,
      ),
    permit: (trace) =>
      guard(
        core,
        () => permitTrace(core, trace),
        (error) => ({ trace: null, more: [], event: 0, error }),
      ),
    explain: (query) =>
      guard(
        core,
        () => explainFlow(core, query),
        (error) => ({ traces: [], answer: null, error }),
      ),
    stateHash: () => {
      endTrip(core)
      return stateHash(core.world)
    },
    reproduction: () => {
      endTrip(core)
      return reproductionOf(core, core.world.nEvents)
    },
  }
}

const nothing = (): void => undefined
const noneOf = (): never[] => []

function createCore(host: SessionHost, engine: Engine): Core {
  const lab = engine.parse(EMPTY_LAB).lab as Lab
  const { world } = engine.build(lab, EMPTY_LAB, 0)
  return {
    host,
    engine,
    rules: engine.rules(lab),
    text: EMPTY_LAB,
    openedText: EMPTY_LAB,
    lab,
    seed: 0,
    world,
    places: engine.places(lab),
    cache: createDetails(),
    headEvent: world.nEvents,
    headNow: world.now,
    running: false,
    speed: START_SPEED,
    shownAt: world.now,
    segment: null,
    segmentBegan: 0,
    timer: 0,
    idle: true,
    stillAt: -1,
    stillFrom: 0,
    failure: null,
    trip: null,
    terminals: new Map(),
    nextTty: 1,
    marks: [],
    marksChanged: false,
    stream: createStream(),
  }
}

function openLab(core: Core, text: string, seed?: number): OpenResult {
  const { lab, diagnostics } = core.engine.parse(text)
  if (lab === undefined) return result(core, false, text, diagnostics)
  const chosen = seed ?? lab.lesson?.seed ?? 1
  let built: ReturnType<Engine['build']>
  try {
    built = core.engine.build(lab, text, chosen)
  } catch (error) {
    // What was open stays.
    return result(core, false, text, [...diagnostics, failure(`this lab cannot be built: ${String(error)}`)])
  }
  pause(core)
  halt(core)
  for (const tty of core.terminals.keys()) core.host.post({ type: 'ttyClosed', tty })
  const { nextTty, stream } = core
  Object.assign(core, createCoreOf(core, lab, text, chosen, built.world), { nextTty })
  core.stream.nextSeq = stream.nextSeq
  postReset(core)
  startLesson(core)
  flush(core)
  return result(core, true, text, [...diagnostics, ...built.diagnostics])
}

function createCoreOf(core: Core, lab: Lab, text: string, seed: number, world: Core['world']): Partial<Core> {
  return {
    rules: core.engine.rules(lab),
    text,
    openedText: text,
    lab,
    seed,
    world,
    places: core.engine.places(lab),
    cache: createDetails(),
    headEvent: world.nEvents,
    headNow: world.now,
    shownAt: world.now,
    idle: false,
    stillAt: -1,
    failure: null,
    terminals: new Map(),
    marks: [],
    stream: createStream(),
  }
}

/** The lesson's first commands, each typed in a terminal of its room: packets move as soon as time does. */
function startLesson(core: Core): void {
  const ttys = new Map<string, number>()
  for (const { machine, netns, command } of core.lab.lesson?.start ?? []) {
    const room = netns === '' ? machine : `${machine}.${netns}`
    const tty = ttys.get(room) ?? openTerminal(core, room)
    ttys.set(room, tty)
    typeKeys(core, tty, `${command}\r`)
  }
}

function applyText(core: Core, text: string): OpenResult {
  const { lab, diagnostics } = core.engine.parse(text)
  if (lab === undefined) return result(core, false, text, diagnostics)
  if (core.world.frozen !== undefined) {
    const frozen = failure('the run is frozen: step back, or open the lab anew, to change it')
    return result(core, false, text, [...diagnostics, frozen])
  }
  if (text !== core.text) {
    const same = core.engine.sameWorld(core, lab)
    core.text = text
    core.lab = lab
    core.places = core.engine.places(lab)
    // Moving things in the picture is no event in the world: time and its future stay.
    if (!same) {
      const made = core.world.targets.length
      withInput(core, 'apply', (at) => core.engine.apply(core, text, at))
      closeOrphans(core)
      settleCommands(core, made)
    }
    postScene(core, true)
  }
  const opened = core.engine.parse(core.openedText).lab
  const later = opened === undefined ? [] : waitsForReopening(opened, lab)
  return result(core, true, text, [...diagnostics, ...later])
}

function editLab(core: Core, op: EditOp): EditResult {
  const edited = core.engine.edit(core.text, op)
  if (edited.diagnostics.some((one) => one.severity === 'error')) {
    return { ...result(core, false, core.text, edited.diagnostics), created: [] }
  }
  return { ...applyText(core, edited.text), created: edited.created }
}

function setSpeed(core: Core, index: number): void {
  core.speed = Math.min(Math.max(0, Math.floor(index)), SPEEDS.length - 1)
  wake(core)
  flush(core)
}

function result(core: Core, ok: boolean, text: string, diagnostics: Diagnostic[]): OpenResult {
  const title = core.lab.lesson?.title.get('en') ?? core.lab.name
  const titles = Object.fromEntries(core.lab.lesson?.title ?? [])
  return { ok, text, diagnostics, title, titles, notModelled: core.lab.notModelled }
}

/** A mistake that has no place in the text. */
function failure(message: string): Diagnostic {
  return { severity: 'error', message, line: 1, column: 1, endLine: 1, endColumn: 1 }
}

function lessonView(lab: Lab): LessonView | null {
  const { lesson } = lab
  if (lesson === undefined) return null
  return {
    title: lesson.title.get('en') ?? lesson.name,
    titles: Object.fromEntries(lesson.title),
    text: Object.fromEntries(lesson.text),
    checks: lesson.checks.map(({ id, title }) => ({
      id,
      title: title.get('en') ?? id,
      titles: Object.fromEntries(title),
    })),
    questions: lesson.questions.map(({ text, answer }) => ({
      text: Object.fromEntries(text),
      answer: Object.fromEntries(answer),
    })),
  }
}

function connect(core: Core, port: StreamPort): void {
  const host = core.host
  core.host = {
    ...host,
    post: (message, transfer) => port.postMessage(message, transfer ?? []),
  }
  port.onmessage = (event: { data: StreamAck }) => {
    if (event.data?.type === 'ack') acknowledge(core, event.data.seq)
  }
  postReset(core)
  flush(core)
}

/** For calls that only read: what is thrown inside becomes an answer, and the world goes on. */
function soft<T>(act: () => T, otherwise: (error: string) => T): T {
  try {
    return act()
  } catch (error) {
    return otherwise(String(error))
  }
}

function gone(core: Core, subject: string, title: string): Inspection {
  return {
    subject,
    kind: 'gone',
    title,
    at: core.world.now,
    event: core.world.nEvents,
    notes: [],
    tables: [],
  }
}

/** Whatever is thrown inside freezes the session's picture and becomes an answer. A seek under way ends first. */
function guard<T>(core: Core, act: () => T, otherwise: (error: string) => T): T {
  endTrip(core)
  return guardOnTheWay(core, act, otherwise)
}

/** The same for what may be done while a seek is under way. */
function guardOnTheWay<T>(core: Core, act: () => T, otherwise: (error: string) => T): T {
  try {
    return act()
  } catch (error) {
    fail(core, error)
    return otherwise(String(error))
  }
}
