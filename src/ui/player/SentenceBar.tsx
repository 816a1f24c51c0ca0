/** What the event just handled did, in words. Screen readers hear it while stepping. */
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { chooseTrace } from '../client/client.ts'
import { useStore } from '../client/store.ts'
import { say } from '../i18n/i18n.ts'
import { shortened } from './shortened.ts'

/** Reasons of a quiet end: nothing was lost. */
const NO_LOSS = new Set(['', 'CONSUMED'])

export function SentenceBar() {
  const { t } = useTranslation(['player', 'words'])
  const now = useStore((state) => state.now)
  const status = useStore((state) => state.status)
  const idle = useStore((state) => state.clock?.idle ?? false)
  const running = useStore((state) => state.clock?.running ?? false)
  const stepped = useStore((state) => state.prefs.stepped)
  const box = useRef<HTMLDivElement>(null)
  const columns = useColumns(box)
  const parts = now ? now.steps.map((step) => say(step.sentence)) : []
  const trace = now?.steps.find((step) => step.trace > 0)?.trace
  const dropped = now?.steps.some((step) => !NO_LOSS.has(step.reason)) ?? false
  const quiet = status === 'starting' ? t('starting') : idle ? t('idle') : ''
  // Two lines while time runs, four while it stands; the Events tab and the packet's page tell every step.
  const shown = shortened(parts, (running ? 2 : 4) * columns - (now?.room.length ?? 0) - 4)
  return (
    <div ref={box} className={`sentence ${dropped ? 'dropped' : ''} ${running ? '' : 'standing'}`}>
      <div aria-live={running ? 'off' : 'polite'} title={parts.join('; ')}>
        {now && parts.length > 0 ? (
          <SentenceText room={now.room} parts={shown} trace={trace} />
        ) : (
          <p className="quiet">{quiet}</p>
        )}
        {!running && !stepped && parts.length > 0 && <p className="quiet hint">{t('stepHint')}</p>}
      </div>
    </div>
  )
}

/** How many letters of the usual width fit on a line. */
function useColumns(box: React.RefObject<HTMLElement | null>): number {
  const [columns, setColumns] = useState(90)
  useEffect(() => {
    const element = box.current!
    const observer = new ResizeObserver(() => {
      const letter = Number.parseFloat(getComputedStyle(element).fontSize) * 0.51
      setColumns(Math.floor((element.clientWidth - 24) / letter))
    })
    observer.observe(element)
    return () => observer.disconnect()
  }, [box])
  return columns
}

/** A click on the sentence chooses its packet: the whole path is drawn. */
function SentenceText(props: { room: string; parts: string[]; trace: number | undefined }) {
  const { t } = useTranslation('player')
  const { room, parts, trace } = props
  const text = (
    <>
      <span className="where mono">{room}</span>
      {parts.join('; ')}
    </>
  )
  if (trace === undefined) return <p className="sentence-text">{text}</p>
  return (
    <button
      type="button"
      className="sentence-text"
      aria-description={t('showPath')}
      onClick={(event) => {
        // After a click of the mouse Space plays again.
        if (event.detail > 0) event.currentTarget.blur()
        void chooseTrace(trace)
      }}
    >
      {text}
    </button>
  )
}
