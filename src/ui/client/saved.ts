/** The last lab, kept in IndexedDB so that the work survives a reload. */
import { type IDBPDatabase, openDB } from 'idb'
import { rememberOwnWork } from './early.ts'
import { isFirst } from './first.ts'
import type { DocumentState } from './store.ts'

export interface SavedDocument {
  text: string
  title: string
  origin: string
}

const STORE = 'documents'
const LAST = 'last'

/** The last document, or null where there is none or storage is refused. */
export async function lastDocument(): Promise<SavedDocument | null> {
  try {
    const db = await database()
    return ((await db.get(STORE, LAST)) as SavedDocument | undefined) ?? null
  } catch {
    return null
  }
}

export async function saveDocument(doc: DocumentState): Promise<void> {
  rememberOwnWork(!isFirst(doc.text))
  try {
    const db = await database()
    await db.put(STORE, { text: doc.text, title: doc.title, origin: doc.origin }, LAST)
  } catch {
    // Without storage the page works; only the memory over a reload is missing.
  }
}

function database(): Promise<IDBPDatabase> {
  return openDB('kubehop', 1, {
    upgrade(db) {
      db.createObjectStore(STORE)
    },
  })
}
