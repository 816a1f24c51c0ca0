/** The actions of dumps and questions: small, loaded with the panels. */
import { useStore } from '../client/store.ts'
import { registerActions } from '../commands/actions.ts'
import { openExplain, openPaste } from './dumpsStore.ts'

export function registerDumpActions(): () => void {
  return registerActions([
    {
      id: 'document.dump',
      title: 'dumps:pasteAction',
      group: 'document',
      keys: ['D'],
      run: () => openPaste(selectedRoom().split('.')[0] ?? ''),
    },
    {
      id: 'document.explain',
      title: 'dumps:explainAction',
      group: 'document',
      keys: ['X'],
      enabled: (state) => state.scene.order.length > 0,
      run: () => openExplain(selectedRoom() || (useStore.getState().scene.order[0] ?? '')),
    },
  ])
}

/** The room that the selection is in, '' for none. */
function selectedRoom(): string {
  const { selection, scene } = useStore.getState()
  const room = selection.at(-1)?.split('/')[0] ?? ''
  return room.includes('--') || scene.machines[room.split('.')[0] ?? ''] === undefined ? '' : room
}
