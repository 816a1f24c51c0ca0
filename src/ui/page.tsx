/** Puts the page together: first picture, theme, actions, language, React; then the session, then the rest. */
import { createRoot } from 'react-dom/client'
import { App, loadInspector } from './App.tsx'
import { registerCanvasActions } from './canvas/canvasActions.ts'
import { begin } from './client/begin.ts'
import { changesWaitFor } from './client/document.ts'
import { hasOwnWork } from './client/early.ts'
import { showFirst } from './client/first.ts'
import { keepOffline, renewKept } from './client/offline.ts'
import { readPrefs } from './client/prefs.ts'
import { useStore } from './client/store.ts'
import { registerFrameActions } from './commands/frameActions.ts'
import { listenForKeys } from './commands/keys.ts'
import { painted, wait } from './frame/useAwake.ts'
import { loadRest, startI18n } from './i18n/i18n.ts'
import { applyTheme } from './theme/theme.ts'

void renewKept()
const prefs = readPrefs()
applyTheme(prefs)
registerFrameActions()
registerCanvasActions()
listenForKeys()
if (!hasOwnWork()) showFirst()
await startI18n(prefs.language)
createRoot(document.getElementById('root')!).render(<App />)
// The lesson beside the first picture comes before the worker, which takes all that the machine has for a moment.
const atHand = useStore.getState().scene.order.length > 0
const told = () => Promise.race([loadInspector(), wait(400)])
const opened = atHand ? painted().then(told).then(begin) : begin()
changesWaitFor(opened)
// Actions of the panels come when the lab is open, or after a while where it does not open.
void Promise.race([opened, wait(4000)])
  .then(() => import('./startPanels.ts'))
  .then((panels) => panels.startPanels())
  .then(loadRest)
  .then(keepOffline)
