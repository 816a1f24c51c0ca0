/** Which page of the right panel is shown; follows what the person chooses. */
import { create } from 'zustand'
import { useStore } from '../client/store.ts'

export type Page = 'lesson' | 'inspect' | 'packet'
export const PAGES: readonly Page[] = ['lesson', 'inspect', 'packet']

interface InspectorState {
  page: Page
  /** Text of the record that the store's `markedRow` names: shown where no table has it. */
  evidence: string
}

export const useInspector = create<InspectorState>(() => ({ page: first(), evidence: '' }))

export function showPage(page: Page): void {
  useInspector.setState({ page })
}

/** Selecting something shows it, choosing a packet shows its way. Answers how to stop. */
export function followChoices(): () => void {
  // What was chosen while the panel was being loaded.
  showPage(first())
  return useStore.subscribe((state, before) => {
    if (state.chosenTrace !== before.chosenTrace && state.chosenTrace !== null) showPage('packet')
    else if (state.selection !== before.selection && state.selection.length > 0) showPage('inspect')
    else if (state.doc.origin !== before.doc.origin && state.selection.length === 0) showPage('lesson')
  })
}

function first(): Page {
  const { chosenTrace, selection } = useStore.getState()
  if (chosenTrace !== null) return 'packet'
  return selection.length > 0 ? 'inspect' : 'lesson'
}
