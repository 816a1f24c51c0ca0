/** What the shown event did, step by step, beside the events that were told lately. */
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { Boundary } from './Boundary.tsx'
import type { StepView } from '../../view/types.ts'
import { session } from '../client/client.ts'
import { useStore } from '../client/store.ts'
import { seek, timeText } from '../client/time.ts'
import { say } from '../i18n/i18n.ts'
import { isLoss, StepList } from './HopCard.tsx'
import { useEventLog } from './eventLog.ts'
import './inspector.css'
import { useAtClock } from './useAtClock.ts'

export function EventsPanel() {
  return (
    <Boundary>
      <Events />
    </Boundary>
  )
}

function Events() {
  const { t } = useTranslation('inspector')
  const answer = useAtClock<{ event: number; room: string; steps: StepView[] }>('event', askEvent)
  const at = useStore((state) => state.clock?.now ?? 0)
  return (
    <div className="events">
      <EventLog />
      <section className="event-now" aria-label={t('thisEvent')}>
        <h2 className="event-title">
          <span>{t('event', { event: answer?.event ?? 0 })}</span>
          {answer?.room && <span className="mono">{answer.room}</span>}
          <span className="mono quiet">{timeText(at)}</span>
        </h2>
        {answer && answer.steps.length > 0 ? (
          <StepList steps={answer.steps} room={answer.room} />
        ) : (
          <p className="quiet">{t('noSteps')}</p>
        )}
      </section>
    </div>
  )
}

function EventLog() {
  const { t } = useTranslation('inspector')
  const log = useEventLog((state) => state.log)
  const event = useStore((state) => state.clock?.event ?? 0)
  const list = useRef<HTMLOListElement>(null)
  const follows = useRef(true)
  // biome-ignore lint/correctness/useExhaustiveDependencies: scrolls when the log grew
  useEffect(() => {
    if (follows.current && list.current) list.current.scrollTop = list.current.scrollHeight
  }, [log])
  return (
    <ol
      ref={list}
      className="event-log"
      aria-label={t('eventLog')}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled list must be reachable by keyboard
      tabIndex={0}
      onScroll={({ currentTarget: box }) => {
        follows.current = box.scrollTop + box.clientHeight > box.scrollHeight - 30
      }}
    >
      {log.length === 0 && <li className="quiet pad">{t('noEvents')}</li>}
      {log.map((one) => (
        <li key={`${one.event} ${one.room}`}>
          <button
            type="button"
            className="event-line"
            aria-current={one.event === event || undefined}
            onClick={() => void seek(one.event)}
          >
            <span className="mono quiet event-at">{timeText(one.at)}</span>
            <span className="mono event-room">{one.room}</span>
            <span className={`event-said ${one.steps.some((step) => isLoss(step.reason)) ? 'dropped' : ''}`}>
              {one.steps.map((step) => say(step.sentence)).join('; ')}
            </span>
          </button>
        </li>
      ))}
    </ol>
  )
}

async function askEvent(): Promise<{ event: number; room: string; steps: StepView[] }> {
  const event = useStore.getState().clock?.event ?? 0
  return { event, ...(await session().eventSteps(event)) }
}
