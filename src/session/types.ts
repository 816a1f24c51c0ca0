/**
 * The one interface that every front end uses. Commands cross by Comlink (every call answers with a promise there);
 * streams come by one MessagePort as `StreamMessage`s, and the page acknowledges trace batches ('flights' and 'records',
 * by `seq`; an acknowledgement covers all before it). A page that does not acknowledge gets two batches of records and
 * thirty of flights, then none until it does.
 *
 * Nothing is thrown out of a call. What goes wrong is in the answer or in `ClockState.frozen`; a frozen world can still be
 * looked at, and stepping back leaves it.
 */
import type { DumpRequest, DumpResult } from '../lab/dump/onto.ts'
import type { ClusterCalls } from './cluster-slot.ts'
import type { Explained, ExplainQuery } from './explain-types.ts'
import type {
  FrameView,
  Inspection,
  Scene,
  SceneDiff,
  Sentence,
  StepView,
  TraceSummary,
  TraceView,
} from '../view/types.ts'

/** A mistake in text that somebody typed, in the real tool's words where there is one. Lines and columns count from 1. */
export interface Diagnostic {
  severity: 'error' | 'warning' | 'info'
  message: string
  line: number
  column: number
  endLine: number
  endColumn: number
  /** rewrite: the document here can be rewritten for an API version that is served. storedOnly: nothing acts on it. reopen: it waits. */
  about?: 'rewrite' | 'storedOnly' | 'reopen'
  /** A note of ours as a sentence of the page: its key, and the kind that it is about. */
  note?: { key: string; kind: string }
}

export interface OpenResult {
  ok: boolean
  /** The lab's text as it now stands (unchanged where it was refused). */
  text: string
  diagnostics: Diagnostic[]
  title: string
  /** The lesson's titles by language tag; empty without a lesson. */
  titles: Record<string, string>
  /** What is written in the lab but not modelled, by name. */
  notModelled: string[]
}

/** An edit of the picture; each one is an edit of the lab's text. Room ids are `MACHINE` or `MACHINE.NETNS`, port ids `ROOM/IFNAME`. */
export type EditOp =
  | { op: 'addMachine'; role: 'host' | 'router' | 'switch' | 'internet'; x: number; y: number; name?: string }
  | { op: 'addNetns'; machine: string; name?: string }
  | { op: 'addBridge'; room: string; name?: string }
  /** Adds the manifest of a pod; its room appears when it runs. */
  | { op: 'addPod'; name?: string }
  /** A machine like the cluster's workers, which joins them. */
  | { op: 'addNode'; x: number; y: number; name?: string }
  /** Joins two rooms (a new interface on each), two ports, or a room and a bridge port; a cable between machines, a veth pair inside one. */
  | { op: 'connect'; a: string; b: string }
  | { op: 'move'; machine: string; x: number; y: number }
  | { op: 'rename'; id: string; name: string }
  | { op: 'remove'; ids: string[] }
  | { op: 'setAddress'; port: string; cidr: string }
  | { op: 'setWire'; edge: string; latencyMs?: number; lossPercent?: number; rateMbit?: number }

export interface EditResult extends OpenResult {
  /** Ids that the edit made, to select them. */
  created: string[]
}

export type StepUnit = 'event' | 'hop' | 'packet'

export interface ClockState {
  /**
   * The virtual time that is shown, ns: while a segment runs or after a pause in its midst it lies between the last event
   * and the next, so that a frame stands half way over its cable. And the number of events handled.
   */
  now: number
  event: number
  /** The furthest event this timeline has been to: forward of `event` after stepping back. */
  headEvent: number
  headNow: number
  running: boolean
  /** Index into SPEEDS. */
  speed: number
  /** Set when a handler failed: the world stands still, the page offers the reproduction. */
  frozen: { message: string; event: number; at: number; reproduction: string } | null
  /** Nothing is pending, or only timers more than 2 s away: the lab is quiet until somebody types. */
  idle: boolean
  /** A seek is under way: `event` is a moment on the way. */
  travelling: boolean
  pending: number
}

/** Milliseconds of real time that one cable's or veth's crossing takes; the last is "as fast as possible". */
export const SPEEDS = [3000, 1500, 700, 300, 120, 40, 0] as const

/** A frame on its way: drawn as one glyph moving from one port to another between two virtual times. */
export interface Flight {
  packet: number
  trace: number
  fromNs: number
  fromIfindex: number
  toNs: number
  toIfindex: number
  departAt: number
  arriveAt: number
  event: number
  proto: TraceSummary['proto']
  /** Short text beside the glyph: 'echo request 20.1.1.1 > 20.1.1.2'. */
  label: string
  encapsulated: boolean
  /** Lost on the wire. */
  lost: boolean
}

/** A mark where a packet ended. */
export interface DropMark {
  trace: number
  packet: number
  ns: number
  ifindex: number
  at: number
  event: number
  reason: string
}

/**
 * A stretch of virtual time and the real time that showing it takes, from the moment that the message arrives: inside it
 * the shown time runs linearly. The frames that fly in it came in a 'flights' message before it. A step forward also
 * comes with a short segment (at most 400 ms) although `state.running` is false; at the last speed there is none.
 */
export interface ClockSegment {
  from: number
  to: number
  realMs: number
}

export type StreamMessage =
  | { type: 'clock'; state: ClockState; segment: ClockSegment | null }
  | { type: 'scene'; diff: SceneDiff }
  /** The picture jumped (opened, sought): everything known before is void. */
  | { type: 'reset'; scene: Scene; flights: Flight[]; state: ClockState }
  | { type: 'flights'; flights: Flight[]; drops: DropMark[]; seq: number; omitted: number }
  /** Trace records (see net/trace.ts), transferred; acknowledged with {type:'ack', seq}. */
  | { type: 'records'; buffer: ArrayBuffer; n: number; seq: number }
  /** Terminal output; `reset` replaces all that the terminal shows (after a seek; '' where it was not open yet). */
  | { type: 'tty'; tty: number; text: string; reset: boolean }
  /** An editor (vi, kubectl edit) has a file open on the terminal, or none any more. */
  | { type: 'editing'; tty: number; file: { path: string; text: string } | null }
  | { type: 'ttyClosed'; tty: number }
  /** What the event just handled did, in words. */
  | {
      type: 'now'
      event: number
      at: number
      room: string
      steps: { sentence: Sentence; trace: number; reason: string }[]
    }
  | { type: 'marks'; marks: TimelineMark[] }

/** A mark on the scrubber. */
export interface TimelineMark {
  event: number
  at: number
  kind: 'drop' | 'input' | 'fault' | 'nat'
  label: string
}

export type StreamAck = { type: 'ack'; seq: number }

/** What a session needs of a MessagePort, which is one. Its `onmessage` will be taken. */
export interface StreamPort {
  postMessage(message: StreamMessage, transfer: ArrayBuffer[]): void
  onmessage: unknown
}

export interface CheckResult {
  id: string
  title: string
  ok: boolean
  detail: string
}

export interface LessonView {
  title: string
  /** Titles by language tag. */
  titles: Record<string, string>
  /** Text by language tag. */
  text: Record<string, string>
  checks: { id: string; title: string; titles: Record<string, string> }[]
  /** Text and answer by language tag. */
  questions: { text: Record<string, string>; answer: Record<string, string> }[]
}

export interface PermitResult {
  /** The whole trace with its further hops; null where there is none. */
  trace: TraceView | null
  /** What it would give rise to. */
  more: TraceView[]
  /** The event of the drop: what comes after it is the branch. */
  event: number
  error: string
}

export interface Completion {
  /** Text that replaces [from, to) of the line. */
  from: number
  to: number
  candidates: string[]
}

export interface Session extends ClusterCalls {
  /** Opens a lab: boots it and leaves it paused. A text with errors changes nothing. */
  open(text: string, seed?: number): OpenResult
  /**
   * Makes the running lab what the text says; what did not change goes on running. A text with errors changes nothing.
   * A text that differs only in places, roles or the lesson is no event: time and its future stay. Any other change, like
   * a typed key, begins a new branch at the present moment: the future that was there is forgotten.
   */
  apply(text: string): OpenResult
  /** Diagnostics only. */
  lint(text: string): Diagnostic[]
  /** Edits the lab's text as the picture was edited, and applies it. */
  edit(op: EditOp): EditResult
  text(): string
  /** The lesson's first commands were typed by `open` in terminals of their own (see `terminals`): time makes them run. */
  play(): void
  pause(): void
  setSpeed(index: number): void
  /**
   * Pauses, steps and waits for it. Backwards restores every table. 'event': one event of any kind; 'hop': to the next
   * event that touches a packet; 'packet': to the next event in which a packet is born, taken or lost.
   */
  step(unit: StepUnit, direction: 1 | -1): ClockState
  /** To just after this event, within what the run has been through; pauses. The stream gets a 'reset'. */
  seek(event: number): ClockState
  seekTime(at: number): ClockState
  state(): ClockState
  scene(): Scene
  /**
   * A new terminal in a room; answers its number, 0 where there is no such room. The number outlives time travel: before
   * the moment of opening the terminal is empty, and typing there opens it anew.
   */
  openTerminal(room: string): number
  closeTerminal(tty: number): void
  /** While paused, what can happen without time passing happens at once (echo, a command's first packet). Keys as a terminal sends them: text, '\r', '\x03' (Ctrl-C), '\x04' (Ctrl-D), '\t', arrows, backspace. */
  type(tty: number, keys: string): void
  /** The file that is open on a terminal becomes `text` and its editor ends; null: it stays as it was. */
  endEdit(tty: number, text: string | null): void
  /** Everything on the terminal so far. */
  terminalText(tty: number): string
  terminals(): { tty: number; room: string }[]
  inspect(subject: string): Inspection
  /** Those that have begun by now, as far as they have come. Newest last. */
  traces(limit: number): TraceSummary[]
  /** What is known of its future (after stepping back) is included: compare `event` with the clock's. */
  trace(id: number): TraceView | null
  /** The steps of one event in words. */
  eventSteps(event: number): { room: string; steps: StepView[] }
  /** The packet's bytes at a step of `trace` or `eventSteps`, with what the step before had; null where it is not known. */
  frame(trace: number, event: number, nth: number): FrameView | null
  /**
   * What would become of a packet that a rule dropped, were it let through: only this packet, only in a branch. The run
   * stays as it is.
   */
  permit(trace: number): PermitResult
  explain(query: ExplainQuery): Explained
  /** A pasted dump put onto a machine: the text that would come of it, and what was not understood. Changes nothing. */
  readDump(request: DumpRequest): DumpResult
  lesson(): LessonView | null
  runChecks(): CheckResult[]
  exportAs(format: 'yaml' | 'containerlab' | 'sh'): string
  stateHash(): string
  /** This run up to the present moment as JSON (see session/reproduction.ts): a bug report, and what `lab replay` takes. */
  reproduction(): string
  /** Gives the stream port. */
  connect(port: StreamPort): void
}
