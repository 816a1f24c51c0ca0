/** The text in the editor where it differs from the running lab's. Known before the editor is loaded. */
import i18next from 'i18next'
import { create } from 'zustand'
import { notify, useStore } from '../client/store.ts'

const KEY = 'kubehop.draft'

interface Draft {
  /** null: the editor shows the lab's own text. */
  text: string | null
  /** The lab's text that the draft was begun from. */
  base: string
  focusWanted: boolean
  /** A place that the editor shows next, null for none. */
  goTo: { line: number; column: number } | null
}

export const useDraft = create<Draft>(() => ({ text: null, base: '', focusWanted: false, goTo: null }))

/** The unapplied text, null where there is none. */
export function draftText(): string | null {
  const { text } = useDraft.getState()
  return text === useStore.getState().doc.text ? null : text
}

export function setDraft(text: string | null): void {
  const { doc } = useStore.getState()
  if (text === null || text === doc.text) useDraft.setState({ text: null })
  else if (useDraft.getState().text === null) useDraft.setState({ text, base: doc.text })
  else useDraft.setState({ text })
}

/** A text that could not be applied yet outlives a reload: it comes back to the lab that it was begun from. */
export function keepDraft(): void {
  let waiting = remembered()
  const putBack = () => {
    const { text, base } = waiting ?? { text: '', base: null }
    waiting = null
    const own = useStore.getState().doc.text
    if (base !== own || text === own || useDraft.getState().text !== null) return
    useDraft.setState({ text, base })
    notify('info', i18next.t('draftBack', { ns: 'editor' }))
  }
  const look = () => {
    if (useStore.getState().status !== 'ready') return
    stop()
    // After those who tidy up where another lab was opened (library/kept.ts).
    setTimeout(putBack, 0)
  }
  const stop = useStore.subscribe(look)
  look()
  addEventListener('pagehide', () => {
    if (waiting === null) remember(draftText(), useDraft.getState().base)
  })
}

function remembered(): { text: string; base: string } | null {
  try {
    const saved = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Record<string, unknown> | null
    return saved === null ? null : { text: String(saved.text), base: String(saved.base) }
  } catch {
    return null
  }
}

function remember(text: string | null, base: string): void {
  try {
    if (text === null) localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, JSON.stringify({ text, base }))
  } catch {
    // Not remembered where storage is refused or too small.
  }
}
