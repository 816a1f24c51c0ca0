/**
 * Everything the page shows except what changes every frame (packets: see flights.ts).
 * Written only by client/*.ts and by the setters here; components read it with `useStore(selector)`.
 */
import { create } from 'zustand'
import type { ClockState, Diagnostic, StepUnit, StreamMessage, TimelineMark } from '../../session/types.ts'
import type { SceneEdge, SceneMachine, TraceView } from '../../view/types.ts'
import { type Prefs, readPrefs, writePrefs } from './prefs.ts'

export type DockTab = 'terminal' | 'yaml' | 'events' | 'traces' | 'cluster'
export const DOCK_TABS: readonly DockTab[] = ['terminal', 'yaml', 'events', 'traces', 'cluster']
export type Dialog = 'palette' | 'library' | 'help' | 'explain' | null
export type NowMessage = Extract<StreamMessage, { type: 'now' }>

/** The page's picture of the lab: scene differences applied in order. */
export interface SceneState {
  machines: Record<string, SceneMachine>
  /** Machine ids in drawing order. */
  order: string[]
  edges: Record<string, SceneEdge>
  /** Grows with every change: cheap to compare. */
  version: number
}

/** A short message beside the thing it is about; errors stay until closed. */
export interface Notice {
  id: number
  kind: 'info' | 'error'
  text: string
}

/** The lab's text and its history (apart from time). */
export interface DocumentState {
  /** Text that the running lab was made from. */
  text: string
  title: string
  /** Titles of its lesson by language tag. */
  titles: Record<string, string>
  /** Where it came from: a file of public/labs, or '' for the person's own. */
  origin: string
  diagnostics: Diagnostic[]
  notModelled: string[]
  past: string[]
  /** It was opened anew within its history: so are texts that undo leads to, where they ask for it. */
  anew?: boolean
  future: string[]
}

export interface OpenFile {
  path: string
  text: string
}

export interface UiState {
  status: 'starting' | 'ready' | 'lost'
  scene: SceneState
  clock: ClockState | null
  /** The first event that can be sought (what booted before is not shown), null before it is known. */
  floor: number | null
  now: NowMessage | null
  marks: TimelineMark[]
  doc: DocumentState
  /** Machine, room, port and edge ids. The last one is what the inspector shows. */
  selection: string[]
  /** Trace whose path is drawn, null for none. */
  chosenTrace: number | null
  chosenTraceView: TraceView | null
  /** Trace steps (packet view) may point at a table row: `{subject, table, ref}`. */
  markedRow: { subject: string; table: string; ref: string } | null
  terminals: { tty: number; room: string }[]
  activeTty: number | null
  /** Files that are open in the editor of a terminal. */
  openFiles: Record<number, OpenFile | null>
  /** The session's units; by rule and by step inside an event (cursor.ts). */
  stepUnit: StepUnit | 'rule' | 'step'
  /** Id being renamed in place on the canvas. */
  renaming: string | null
  dialog: Dialog
  notices: Notice[]
  /** What was drawn last, by id: said to who does not see it. */
  made: string[]
  prefs: Prefs
}

const emptyScene: SceneState = { machines: {}, order: [], edges: {}, version: 0 }

export const useStore = create<UiState>(() => ({
  status: 'starting',
  scene: emptyScene,
  clock: null,
  floor: null,
  now: null,
  marks: [],
  doc: {
    text: '',
    title: '',
    titles: {},
    origin: '',
    diagnostics: [],
    notModelled: [],
    past: [],
    future: [],
  },
  selection: [],
  chosenTrace: null,
  chosenTraceView: null,
  markedRow: null,
  terminals: [],
  activeTty: null,
  openFiles: {},
  stepUnit: 'event',
  renaming: null,
  dialog: null,
  notices: [],
  made: [],
  prefs: readPrefs(),
}))

const set = useStore.setState
const get = useStore.getState

export function select(ids: string[]): void {
  set({ selection: ids, markedRow: null })
}

/** Opens a tab of the bottom dock (and the dock). */
export function openDock(tab: DockTab): void {
  setPrefs({ dock: true, dockTab: tab, allHidden: false })
}

export function openDialog(dialog: Dialog): void {
  if (dialog !== null && get().dialog === null) opener = document.activeElement as HTMLElement | null
  set({ dialog })
  // A dialog without a button of its own gives the focus back to nobody.
  if (dialog === null) setTimeout(() => document.activeElement === document.body && opener?.focus(), 0)
}

let opener: HTMLElement | null = null

/** Changes preferences (panels, theme, language) and remembers them. */
export function setPrefs(change: Partial<Prefs>): void {
  const prefs = { ...get().prefs, ...change }
  writePrefs(prefs)
  set({ prefs })
}

let lastNotice = 0

/** Shows a message; `info` goes away by itself after 5 s. */
export function notify(kind: Notice['kind'], text: string): void {
  lastNotice++
  const id = lastNotice
  set({ notices: [...get().notices.slice(-3), { id, kind, text }] })
  if (kind === 'info') setTimeout(() => dismiss(id), 5000)
}

export function dismiss(id: number): void {
  set({ notices: get().notices.filter((notice) => notice.id !== id) })
}
