/** What the panels need before they are opened: their actions, dropped files, kept work, the events told so far. Loaded after the first picture. */
import { startCluster } from './cluster/clusterActions.ts'
import { tellLastWords } from './client/lastWords.ts'
import { registerDumpActions } from './dumps/dumpActions.ts'
import { keepDraft } from './editor/draft.ts'
import { registerEditorActions } from './editor/editorActions.ts'
import { followEvents } from './inspector/eventLog.ts'
import { startLibrary } from './library/libraryActions.ts'
import { registerTerminalActions } from './terminal/terminalActions.ts'

export function startPanels(): void {
  registerTerminalActions()
  registerEditorActions()
  keepDraft()
  registerDumpActions()
  startCluster()
  startLibrary()
  followEvents()
  tellLastWords()
}
