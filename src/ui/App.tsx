/** The frame: top bar, panels, canvas, player, dock. Every heavy part is loaded after the canvas. */
import { lazy, Suspense } from 'react'
import { useTranslation } from 'react-i18next'
import { Group, Panel, Separator } from 'react-resizable-panels'
import { CanvasPane } from './canvas/CanvasPane.tsx'
import { useStore } from './client/store.ts'
import { Banners } from './frame/Banners.tsx'
import { Boundary } from './frame/Boundary.tsx'
import { Dialogs } from './frame/Dialogs.tsx'
import { Dock } from './frame/Dock.tsx'
import { rememberedLayout, rememberLayout } from './frame/layouts.ts'
import { LeftPanel } from './frame/LeftPanel.tsx'
import { Notices } from './frame/Notices.tsx'
import { TopBar } from './frame/TopBar.tsx'
import { useAwake } from './frame/useAwake.ts'
import { useNarrow } from './frame/useNarrow.ts'
import { Player } from './player/Player.tsx'

const InspectorPanel = lazy(() =>
  import('./inspector/InspectorPanel.tsx').then((module) => ({ default: module.InspectorPanel })),
)

export function App() {
  const { t } = useTranslation()
  const prefs = useStore((state) => state.prefs)
  const narrow = useNarrow()
  const awake = useAwake()
  const left = prefs.left && !prefs.allHidden && !narrow
  const right = prefs.right && !prefs.allHidden && !narrow
  const columns = rememberedLayout('columns', left, right)
  return (
    <div className="app">
      <a className="skip btn strong" href="#canvas">
        {t('skip')}
      </a>
      <TopBar />
      <Banners />
      <main className="body">
        <Group orientation="horizontal" {...columns} onLayoutChanged={rememberLayout('columns', left, right)}>
          {left && (
            <Panel
              id="left"
              className="panel"
              minSize={160}
              defaultSize={266}
              maxSize={420}
              groupResizeBehavior="preserve-pixel-size"
            >
              <LeftPanel />
            </Panel>
          )}
          {left && <Separator className="seam" aria-label={t('resize')} />}
          <Panel id="middle" minSize={320}>
            <Middle narrow={narrow} />
          </Panel>
          {right && <Separator className="seam" aria-label={t('resize')} />}
          {right && (
            <Panel
              id="right"
              className="panel"
              minSize={220}
              defaultSize={320}
              maxSize={720}
              groupResizeBehavior="preserve-pixel-size"
            >
              <section className="slot" aria-label={t('inspector')}>
                <Boundary>
                  <Suspense fallback={null}>{awake && <InspectorPanel />}</Suspense>
                </Boundary>
              </section>
            </Panel>
          )}
        </Group>
      </main>
      <Notices />
      <Dialogs />
    </div>
  )
}

/** Canvas and player above, the dock below. */
function Middle({ narrow }: { narrow: boolean }) {
  const { t } = useTranslation()
  const dock = useStore((state) => state.prefs.dock && !state.prefs.allHidden)
  const rows = rememberedLayout('rows', dock)
  return (
    <Group orientation="vertical" {...rows} onLayoutChanged={rememberLayout('rows', dock)}>
      <Panel id="stage" minSize={220} className="stage">
        <section id="canvas" className="stage-inner" aria-label={t('canvas')} tabIndex={-1}>
          <CanvasPane />
          <Player />
        </section>
      </Panel>
      {dock && <Separator className="seam flat" aria-label={t('resize')} />}
      {dock && (
        <Panel
          id="dock"
          className="panel"
          minSize={90}
          defaultSize={narrow ? 160 : 220}
          groupResizeBehavior="preserve-pixel-size"
        >
          <Dock />
        </Panel>
      )}
    </Group>
  )
}
