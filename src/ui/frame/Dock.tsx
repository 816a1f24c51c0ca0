/** The bottom dock: its tabs, their contents loaded when first shown and kept afterwards. */
import { type ComponentType, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useAwake } from './useAwake.ts'
import { useLater } from './useLater.ts'
import { Boundary } from './Boundary.tsx'
import { hasCluster } from '../cluster/hasCluster.ts'
import { DOCK_TABS, type DockTab, setPrefs, useStore } from '../client/store.ts'

const panels: Record<DockTab, () => Promise<ComponentType>> = {
  terminal: () => import('../terminal/TerminalPanel.tsx').then((m) => m.TerminalPanel),
  yaml: () => import('../editor/EditorPanel.tsx').then((m) => m.EditorPanel),
  events: () => import('../inspector/EventsPanel.tsx').then((m) => m.EventsPanel),
  traces: () => import('../inspector/TracesPanel.tsx').then((m) => m.TracesPanel),
  cluster: () => import('../cluster/ClusterPanel.tsx').then((m) => m.ClusterPanel),
}
const titles: Record<DockTab, string> = {
  terminal: 'dockTerminal',
  yaml: 'dockYaml',
  events: 'dockEvents',
  traces: 'dockTraces',
  cluster: 'dockCluster',
}

export function Dock() {
  const { t } = useTranslation()
  // The cluster's tab is there while the lab has a node.
  const hasNode = useStore(hasCluster)
  const tabs = hasNode ? DOCK_TABS : DOCK_TABS.filter((id) => id !== 'cluster')
  const wanted = useStore((state) => state.prefs.dockTab)
  const tab = tabs.includes(wanted) ? wanted : 'terminal'
  const errors = useStore((state) => state.doc.diagnostics.filter((d) => d.severity === 'error').length)
  const [seen, setSeen] = useState<DockTab[]>([])
  const awake = useAwake('rest')
  useEffect(() => {
    setSeen((before) => (before.includes(tab) ? before : [...before, tab]))
  }, [tab])
  const onArrow = (event: React.KeyboardEvent) => {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    if (by === 0) return
    event.preventDefault()
    const next = tabs[(tabs.indexOf(tab) + by + tabs.length) % tabs.length]!
    setPrefs({ dockTab: next })
    document.getElementById(`dock-tab-${next}`)?.focus()
  }
  return (
    <section className="slot dock" aria-label={t('dock')}>
      <div className="tabs" role="tablist" aria-label={t('dock')} onKeyDown={onArrow}>
        {tabs.map((id) => (
          <button
            type="button"
            role="tab"
            key={id}
            id={`dock-tab-${id}`}
            aria-selected={tab === id}
            aria-controls={`dock-${id}`}
            tabIndex={tab === id ? 0 : -1}
            className="tab"
            onClick={() => setPrefs({ dockTab: id })}
          >
            {t(titles[id])}
            {id === 'yaml' && errors > 0 && <span className="count error">{errors}</span>}
          </button>
        ))}
      </div>
      {tabs.map((id) => (
        <div
          key={id}
          id={`dock-${id}`}
          role="tabpanel"
          aria-labelledby={`dock-tab-${id}`}
          className="dock-body"
          hidden={tab !== id}
        >
          {awake && seen.includes(id) && (
            <Boundary>
              <Contents id={id} />
            </Boundary>
          )}
        </div>
      ))}
    </section>
  )
}

function Contents({ id }: { id: DockTab }) {
  const { t } = useTranslation()
  const Panel = useLater(panels[id], true)
  return Panel ? <Panel /> : <p className="quiet pad">{t('loading')}</p>
}
