/** The text in the editor where it differs from the running lab's. Known before the editor is loaded. */
import { create } from 'zustand'
import { useStore } from '../client/store.ts'

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
