/** Puts the page together: session, theme, actions, language, React. */
import { createRoot } from 'react-dom/client'
import { App } from './App.tsx'
import { begin } from './client/begin.ts'
import { startSession } from './client/client.ts'
import { keepOffline, renewKept } from './client/offline.ts'
import { readPrefs } from './client/prefs.ts'
import { registerFrameActions } from './commands/frameActions.ts'
import { listenForKeys } from './commands/keys.ts'
import { loadRest, startI18n } from './i18n/i18n.ts'
import { applyTheme } from './theme/theme.ts'

void renewKept()
startSession()
const prefs = readPrefs()
applyTheme(prefs)
registerFrameActions()
listenForKeys()
await startI18n(prefs.language)
createRoot(document.getElementById('root')!).render(<App />)
// Actions of the panels come after the first picture, or after a while where there is none.
const patience = new Promise((resolve) => setTimeout(resolve, 4000))
const pictured = Promise.race([begin(), patience])
void pictured.then(loadRest)
void pictured
  .then(() => import('./startPanels.ts'))
  .then((panels) => panels.startPanels())
  .then(keepOffline)
