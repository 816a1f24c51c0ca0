/** Actions of the editor that are wanted before it is loaded. */
import { openDock } from '../client/store.ts'
import { registerActions } from '../commands/actions.ts'
import { useDraft } from './draft.ts'

export function registerEditorActions(): () => void {
  return registerActions([
    {
      id: 'editor.focus',
      title: 'editor:focus',
      group: 'document',
      keys: ['E'],
      run: () => {
        useDraft.setState({ focusWanted: true })
        openDock('yaml')
      },
    },
  ])
}
