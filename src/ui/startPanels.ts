/** What the panels need before they are opened: their actions, dropped files, kept work. Loaded after the first picture. */
import { registerEditorActions } from './editor/editorActions.ts'
import { startLibrary } from './library/libraryActions.ts'
import { registerTerminalActions } from './terminal/terminalActions.ts'

export function startPanels(): void {
  registerTerminalActions()
  registerEditorActions()
  startLibrary()
}
