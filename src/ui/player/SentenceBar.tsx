/** What the event just handled did, in words. Screen readers hear it while stepping. */
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { chooseTrace } from '../client/client.ts'
import { stepAt, useCursor } from '../client/cursor.ts'
import { useStore } from '../client/store.ts'
import { say } from '../i18n/i18n.ts'
import { shortened } from './shortened.ts'

/** An address that changes is what a packet's stop at a machine is about. */
const TELLING = /^hook\.(translate|permitted)/
/** The last of the speeds at which what happens is told (session/run-loop.ts). */
const LAST_TOLD = 4
/** Reasons of a quiet end: nothing was lost. */
const NO_LOSS = new Set(['', 'CONSUMED'])

export function SentenceBar() {
  const { t } = useTranslation(['player', 'words'])
  const now = useStore((state) => state.now)
  const status = useStore((state) => state.status)
  const ready = useStore((state) => state.clock !== null && state.scene.order.length > 0)
  const fast = useStore((state) => state.clock?.running === true && state.prefs.speed > LAST_TOLD)
  // Flat out every second moment is a quiet one: only where nothing at all is to come it is said.
  const idle = useStore(({ clock }) => clock?.idle === true && (!fast || clock.pending === 0))
  const running = useStore((state) => state.clock?.running ?? false)
  const stepped = useStore((state) => state.prefs.stepped)
  const ran = useRef(false)
  const box = useRef<HTMLDivElement>(null)
  const columns = useColumns(box)
  const cursor = useCursor((state) => state.cursor)
  const told = stepAt(cursor)
  // What is no longer told is no longer true: better nothing than the sentence of long ago.
  const steps = told ? [told] : fast ? [] : (now?.steps ?? [])
  const room = cursor?.room ?? now?.room ?? ''
  const place = cursor && t('stepOf', { n: cursor.index + 1, count: cursor.steps.length })
  const parts = steps.map((step) => say(step.sentence))
  const trace = steps.find((step) => step.trace > 0)?.trace
  const dropped = steps.some((step) => !NO_LOSS.has(step.reason))
  const why = idle ? 'idle' : fast ? 'tooFast' : ready ? 'noPacket' : ''
  const quiet = status === 'starting' ? t('starting') : why && t(why)
  // A lab that is about to play for the first time is told as briefly as one that plays.
  ran.current ||= running || stepped
  const brief = running || !ran.current
  // Two lines while time runs, up to four while it stands; the Events tab and the packet's page tell every step.
  const telling = steps.flatMap((step, i) => (TELLING.test(step.sentence.key) ? [i] : []))
  // With the hint below it, one line less: the picture's lower edge stays in sight (see viewOf).
  const lines = brief ? 2 : stepped ? 4 : 3
  const shown = shortened(parts, lines * columns - room.length - 4, telling)
  return (
    <div ref={box} className={`sentence ${dropped ? 'dropped' : ''} ${brief ? '' : 'standing'}`}>
      <div aria-live={running ? 'off' : 'polite'} title={parts.join('; ')}>
        {parts.length > 0 ? (
          <SentenceText room={place ? `${room}, ${place}` : room} parts={shown} trace={trace} />
        ) : (
          <p className="quiet">{quiet}</p>
        )}
        {!brief && !stepped && parts.length > 0 && <p className="quiet hint">{t('stepHint')}</p>}
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
      const letter = Number.parseFloat(getComputedStyle(element).fontSize) * 0.54
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
