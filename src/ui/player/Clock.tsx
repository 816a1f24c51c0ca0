/** Virtual time and event number; written straight into the page while the clock runs. */
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { board, shownTime } from '../client/flights.ts'
import { useStore } from '../client/store.ts'
import { timeText } from '../client/time.ts'

export function Clock() {
  const { t } = useTranslation('player')
  const time = useRef<HTMLSpanElement>(null)
  const event = useStore((state) => state.clock?.event ?? 0)
  const head = useStore((state) => state.clock?.headEvent ?? 0)
  useEffect(() => {
    let handle = 0
    let written = ''
    const tick = () => {
      handle = requestAnimationFrame(tick)
      const text = timeText(Math.round(shownTime(board, performance.now())))
      if (text === written || !time.current) return
      written = text
      time.current.textContent = text
    }
    handle = requestAnimationFrame(tick)
    return () => cancelAnimationFrame(handle)
  }, [])
  const travelling = useStore((state) => state.clock?.travelling ?? false)
  const place = event === head ? t('eventNewest', { event }) : t('eventOf', { event, head })
  return (
    <div className="clock mono">
      <span className="sr-only">{t('time')}</span>
      <span ref={time} className="clock-time" />
      <span className="clock-event" title={t('eventHint')}>
        {travelling ? t('eventOnTheWay', { event }) : place}
      </span>
    </div>
  )
}
