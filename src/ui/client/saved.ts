/** The last lab, kept in IndexedDB so that the work survives a reload. */
import { type IDBPDatabase, openDB } from 'idb'
import { doneAhead, readAhead, rememberOwnWork } from './early.ts'
import { isFirst } from './first.ts'

export interface SavedDocument {
  text: string
  title: string
  origin: string
}

const STORE = 'documents'
const LAST = 'last'

/** The last document, or null where there is none or storage is refused. */
export async function lastDocument(): Promise<SavedDocument | null> {
  const ahead = asDocument(readAhead())
  if (ahead !== null) return ahead
  try {
    const db = await database()
    return ((await db.get(STORE, LAST)) as SavedDocument | undefined) ?? null
  } catch {
    return null
  }
}

export async function saveDocument(doc: SavedDocument): Promise<void> {
  rememberOwnWork(!isFirst(doc.text))
  try {
    const db = await database()
    await db.put(STORE, doc, LAST)
    // A later change has written itself ahead meanwhile: that stays until it is in storage too.
    if (readAhead() === JSON.stringify(doc)) doneAhead()
  } catch {
    // Without storage the page works; only the memory over a reload is missing.
  }
}

function asDocument(written: string | null): SavedDocument | null {
  try {
    const { text, title, origin } = JSON.parse(written ?? '{}') as Partial<SavedDocument>
    if (typeof text !== 'string' || typeof title !== 'string' || typeof origin !== 'string') return null
    return { text, title, origin }
  } catch {
    return null
  }
}

function database(): Promise<IDBPDatabase> {
  return openDB('kubehop', 1, {
    upgrade(db) {
      db.createObjectStore(STORE)
    },
  })
}
