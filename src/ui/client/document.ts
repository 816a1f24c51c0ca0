/** The lab's text as a document: open, apply, edit, undo and redo. Time has its own history and is not touched here. */
import type { EditOp, EditResult, OpenResult } from '../../session/types.ts'
import { session } from './client.ts'
import { writeAhead } from './early.ts'
import { type DocumentState, notify, select, useStore } from './store.ts'

const MAX_UNDO = 200
const set = useStore.setState
const get = useStore.getState

/** Opens a text as a new document. A text with errors changes nothing but the diagnostics. */
export async function openText(text: string, origin = ''): Promise<boolean> {
  // A worker that was given up leaves its last change unanswered: nothing waits for it.
  last = Promise.resolve()
  return start(text, { origin, past: [], future: [] })
}

/** The open lab from its first moment, as its text is now: what it is set up with takes effect. Undo leads back. */
export function openAnew(): Promise<boolean> {
  return inTurn(() => {
    const { doc } = get()
    return restart(doc.text, { ...doc, anew: true })
  })
}

/** As `start`; what ran before runs on. */
async function restart(text: string, kept: Kept): Promise<boolean> {
  const { clock, prefs } = get()
  if (!(await start(text, kept))) return false
  if (clock?.running) {
    await session().setSpeed(prefs.speed)
    await session().play()
  }
  return true
}

type Kept = Pick<DocumentState, 'origin' | 'past' | 'future' | 'anew'>

async function start(text: string, kept: Kept): Promise<boolean> {
  const { origin, past, future, anew = false } = kept
  const { floor, status, doc } = get()
  // What was drawn before the worker came may have been looked at already.
  const atHand = status === 'starting' && doc.text === text
  set({ floor: null })
  const result = await session().open(text)
  if (!result.ok) {
    set({ floor })
    refuse(result)
    return false
  }
  const { title, titles, diagnostics, notModelled } = result
  set({
    status: 'ready',
    doc: { text: result.text, title, titles, origin, diagnostics, notModelled, past, future, anew },
    selection: atHand ? get().selection : [],
    chosenTrace: null,
    chosenTraceView: null,
    terminals: await session().terminals(),
  })
  set({ activeTty: get().terminals.at(-1)?.tty ?? null })
  save(get().doc)
  return true
}

/** Makes the running lab what the text says; the change can be undone. */
export function applyText(text: string): Promise<OpenResult> {
  return inTurn(() => applyOnce(text))
}

async function applyOnce(text: string): Promise<OpenResult> {
  const result = await session().apply(text)
  if (result.ok) record(result)
  else refuse(result)
  return result
}

/** Edits the picture, thereby the text. Selects what was made. */
export function edit(op: EditOp): Promise<EditResult> {
  return inTurn(() => editOnce(op))
}

async function editOnce(op: EditOp): Promise<EditResult> {
  const result = await session().edit(op)
  if (!result.ok) {
    // The text is as it was: there is no place in it to point at.
    const first = result.diagnostics.find((diagnostic) => diagnostic.severity === 'error')
    if (first) notify('error', first.message)
    return result
  }
  record(result)
  if (result.created.length > 0) {
    select(result.created)
    set({ made: result.created })
  }
  return result
}

export function undo(): Promise<void> {
  return inTurn(undoOnce)
}

export function redo(): Promise<void> {
  return inTurn(redoOnce)
}

let last: Promise<unknown> = Promise.resolve()

/** Changes pressed faster than the worker answers follow each other; none works on a text that is no more. */
function inTurn<T>(change: () => Promise<T>): Promise<T> {
  const done = last.then(change, change)
  last = done
  return done
}

/** Changes that come before the first document is open wait for it. */
export function changesWaitFor(opening: Promise<unknown>): void {
  last = opening
}

/** Storage is loaded when first wanted: the first picture does without. */
function save({ text, title, origin }: DocumentState): void {
  writeAhead(JSON.stringify({ text, title, origin }))
  void import('./saved.ts').then(({ saveDocument }) => saveDocument({ text, title, origin }))
}

async function undoOnce(): Promise<void> {
  const { doc } = get()
  const text = doc.past.at(-1)
  if (text === undefined) return
  await travel(text, doc.past.slice(0, -1), [doc.text, ...doc.future])
}

async function redoOnce(): Promise<void> {
  const { doc } = get()
  const text = doc.future[0]
  if (text === undefined) return
  await travel(text, [...doc.past, doc.text], doc.future.slice(1))
}

async function travel(text: string, past: string[], future: string[]): Promise<void> {
  const result = await session().apply(text)
  if (!result.ok) {
    refuse(result)
    return
  }
  // What was opened anew for a text is opened anew for the text before it.
  if (get().doc.anew && result.diagnostics.some((one) => one.about === 'reopen')) {
    await restart(text, { ...get().doc, past, future })
    return
  }
  const { title, titles, diagnostics, notModelled } = result
  set({ doc: { ...get().doc, text: result.text, title, titles, diagnostics, notModelled, past, future } })
  save(get().doc)
}

function record(result: OpenResult): void {
  const { doc } = get()
  const { text, title, titles, diagnostics, notModelled } = result
  const past = text === doc.text ? doc.past : [...doc.past, doc.text].slice(-MAX_UNDO)
  const future = text === doc.text ? doc.future : []
  set({ doc: { ...doc, text, title, titles, diagnostics, notModelled, past, future } })
  save(get().doc)
}

function refuse(result: OpenResult): void {
  set({ doc: { ...get().doc, diagnostics: result.diagnostics } })
  const first = result.diagnostics.find((diagnostic) => diagnostic.severity === 'error')
  if (first)
    notify('error', first.line > 0 ? `${first.line}:${first.column} ${first.message}` : first.message)
}
