/**
 * What the person wrote and then replaced by another lab: kept in IndexedDB, so that New, Open and the library never
 * lose work. Opening a document is seen in the store, whoever does it.
 */
import { openDB } from 'idb'
import { type DocumentState, useStore } from '../client/store.ts'
import { draftText, useDraft } from '../editor/draft.ts'

export interface KeptText {
  /** Milliseconds since 1970, the key. */
  at: number
  title: string
  text: string
}

const MAX_KEPT = 30
const STORE = 'kept'

/** Keeps replaced work from now on; answers how to stop. */
export function keepReplacedWork(): () => void {
  return useStore.subscribe((state, before) => {
    if (state.doc === before.doc || !isAnother(before.doc, state.doc)) return
    const draft = draftText()
    const edited = before.doc.past.length > 0 || before.doc.origin === ''
    if (draft !== null && draft !== state.doc.text)
      void keep({ at: Date.now(), title: before.doc.title, text: draft })
    else if (edited && before.doc.text !== '' && !isEmptyLab(before.doc.text)) {
      void keep({ at: Date.now(), title: before.doc.title, text: before.doc.text })
    }
    useDraft.setState({ text: null })
  })
}

/** Newest first; nothing where storage is refused. */
export async function keptTexts(): Promise<KeptText[]> {
  try {
    const db = await database()
    return ((await db.getAll(STORE)) as KeptText[]).reverse()
  } catch {
    return []
  }
}

export async function forgetKept(at: number): Promise<void> {
  try {
    await (await database()).delete(STORE, at)
  } catch {
    // Nothing is kept where storage is refused.
  }
}

async function keep(entry: KeptText): Promise<void> {
  try {
    const db = await database()
    const all = (await db.getAll(STORE)) as KeptText[]
    for (const old of all.filter((one) => one.text === entry.text)) await db.delete(STORE, old.at)
    await db.put(STORE, entry)
    for (const old of all.slice(0, Math.max(0, all.length + 1 - MAX_KEPT))) await db.delete(STORE, old.at)
  } catch {
    // Without storage the page works; only this memory is missing.
  }
}

/** A document that was opened, not edited: it comes with an empty history, and the text is another. */
function isAnother(before: DocumentState, after: DocumentState): boolean {
  return after.past.length === 0 && after.future.length === 0 && after.text !== before.text
}

function isEmptyLab(text: string): boolean {
  return /^name: \S+\ntopology:\n {2}nodes: \{\}\n*$/.test(text)
}

function database() {
  return openDB('kubehop-kept', 1, {
    upgrade(db) {
      db.createObjectStore(STORE, { keyPath: 'at' })
    },
  })
}
