/** The frame: top bar, panels, canvas, player, dock. Every heavy part is loaded after the canvas. */
import { useTranslation } from 'react-i18next'
import { CanvasPane } from './canvas/CanvasPane.tsx'
import { useStore } from './client/store.ts'
import { Banners } from './frame/Banners.tsx'
import { Boundary } from './frame/Boundary.tsx'
import { Dialogs } from './frame/Dialogs.tsx'
import { Dock } from './frame/Dock.tsx'
import { LeftPanel } from './frame/LeftPanel.tsx'
import { Notices } from './frame/Notices.tsx'
import { SidePanel } from './frame/SidePanel.tsx'
import { TopBar } from './frame/TopBar.tsx'
import { useAwake } from './frame/useAwake.ts'
import { useLater } from './frame/useLater.ts'
import { useNarrow } from './frame/useNarrow.ts'
import { loadRest } from './i18n/i18n.ts'
import { Player } from './player/Player.tsx'

/** The right panel with its texts; loaded once however often it is asked for. */
export async function loadInspector() {
  const [module] = await Promise.all([import('./inspector/InspectorPanel.tsx'), loadRest()])
  return module.InspectorPanel
}

/** A large screen has room for whole tables and for more of a terminal. */
const LARGE = innerWidth >= 1600
const LEFT = { least: 160, usual: LARGE ? 300 : 266, most: 420 }
const RIGHT = { least: 220, usual: LARGE ? 460 : 320, most: 720 }
const DOCK = { least: 90, usual: LARGE ? 280 : innerHeight < 850 ? 190 : 220, most: 640 }

export function App() {
  const { t } = useTranslation()
  const prefs = useStore((state) => state.prefs)
  const narrow = useNarrow()
  const left = prefs.left && !prefs.allHidden && !narrow
  const right = prefs.right && !prefs.allHidden && !narrow
  return (
    <div className="app">
      <a className="skip btn strong" href="#canvas">
        {t('skip')}
      </a>
      <TopBar />
      <Banners />
      <main className="body">
        {left && (
          <SidePanel edge="left" name="left" sizes={LEFT}>
            <LeftPanel />
          </SidePanel>
        )}
        <Middle narrow={narrow} />
        {right && (
          <SidePanel edge="right" name="right" sizes={RIGHT}>
            <section className="slot" aria-label={t('inspector')}>
              <Boundary>
                <Inspector />
              </Boundary>
            </section>
          </SidePanel>
        )}
      </main>
      <Notices />
      <Dialogs />
    </div>
  )
}

function Inspector() {
  const Panel = useLater(loadInspector, useAwake('picture'))
  return Panel && <Panel />
}

/** Canvas and player above, the dock below. */
function Middle({ narrow }: { narrow: boolean }) {
  const { t } = useTranslation()
  const dock = useStore((state) => state.prefs.dock && !state.prefs.allHidden)
  return (
    <div className="middle">
      <section id="canvas" className="stage" aria-label={t('canvas')} tabIndex={-1}>
        <CanvasPane />
        <Player />
      </section>
      {dock && (
        <SidePanel edge="bottom" name="dock" sizes={narrow ? { ...DOCK, usual: 160 } : DOCK}>
          <Dock />
        </SidePanel>
      )}
    </div>
  )
}
