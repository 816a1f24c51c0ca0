/** The right panel: the lesson, the tables of what is selected, the way of the chosen packet. */
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { useStore } from '../client/store.ts'
import { LessonPanel } from '../library/LessonPanel.tsx'
import { Boundary } from './Boundary.tsx'
import { followBranch } from './bytesStore.ts'
import { InspectPage } from './InspectPage.tsx'
import { followChoices, PAGES, type Page, showPage, useInspector } from './inspectorStore.ts'
import { PacketPage } from './PacketPage.tsx'
import './inspector.css'

const TITLES: Record<Page, string> = { lesson: 'pageLesson', inspect: 'pageInspect', packet: 'pagePacket' }

export function InspectorPanel() {
  const { t } = useTranslation('inspector')
  const page = useInspector((state) => state.page)
  const doc = useStore((state) => state.doc.origin + state.doc.title)
  useEffect(followChoices, [])
  useEffect(followBranch, [])
  const onKey = (event: React.KeyboardEvent) => {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    if (by === 0) return
    event.preventDefault()
    const next = PAGES[(PAGES.indexOf(page) + by + PAGES.length) % PAGES.length]!
    showPage(next)
    document.getElementById(`inspector-tab-${next}`)?.focus()
  }
  return (
    <>
      <div className="tabs" role="tablist" aria-label={t('pages')} onKeyDown={onKey}>
        {PAGES.map((id) => (
          <button
            type="button"
            role="tab"
            key={id}
            id={`inspector-tab-${id}`}
            aria-selected={page === id}
            aria-controls={page === id ? 'inspector-page' : undefined}
            tabIndex={page === id ? 0 : -1}
            className="tab"
            onClick={() => showPage(id)}
          >
            {t(TITLES[id])}
          </button>
        ))}
      </div>
      <div
        id="inspector-page"
        role="tabpanel"
        aria-labelledby={`inspector-tab-${page}`}
        className="inspector-page"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled page must be reachable by keyboard
        tabIndex={0}
      >
        <Boundary key={page}>
          {page === 'lesson' && <LessonPanel key={doc} />}
          {page === 'inspect' && <InspectPage />}
          {page === 'packet' && <PacketPage />}
        </Boundary>
      </div>
    </>
  )
}
