/** The time line by events: drag to seek; marks for drops, inputs, NAT and faults. */
import { useRef } from 'react'
import { useTranslation } from 'react-i18next'
import type { TimelineMark } from '../../session/types.ts'
import { useStore } from '../client/store.ts'
import { seek, timeText } from '../client/time.ts'

const KINDS: Record<TimelineMark['kind'], string> = {
  drop: 'markDrop',
  input: 'markInput',
  fault: 'markFault',
  nat: 'markNat',
}
/** Marks nearer to each other than this part of the line are drawn once. */
const NEAREST = 1 / 400

export function Scrubber() {
  const { t } = useTranslation('player')
  const event = useStore((state) => state.clock?.event ?? 0)
  const head = useStore((state) => state.clock?.headEvent ?? 0)
  const floor = useStore((state) => state.floor ?? 0)
  const now = useStore((state) => state.clock?.now ?? 0)
  const marks = useStore((state) => state.marks)
  const line = useRef<HTMLDivElement>(null)
  const eventAt = (clientX: number) => {
    const box = line.current!.getBoundingClientRect()
    const part = Math.min(1, Math.max(0, (clientX - box.left) / box.width))
    return Math.round(floor + part * (head - floor))
  }
  const onKey = (press: React.KeyboardEvent) => {
    const page = Math.max(1, Math.round((head - floor) / 20))
    const moves: Record<string, number> = {
      ArrowLeft: event - 1,
      ArrowRight: event + 1,
      ArrowDown: event - 1,
      ArrowUp: event + 1,
      PageDown: event - page,
      PageUp: event + page,
      Home: floor,
      End: head,
    }
    const target = moves[press.key]
    if (target === undefined || press.shiftKey) return
    press.preventDefault()
    void seek(Math.min(head, Math.max(floor, target)))
  }
  // Where there is only one moment it is the newest.
  const partOf = (one: number) => (head > floor ? Math.max(0, (one - floor) / (head - floor)) : 1)
  const part = partOf(event)
  return (
    <div
      ref={line}
      className="scrubber"
      role="slider"
      tabIndex={0}
      aria-label={t('scrubber')}
      aria-valuemin={floor}
      aria-valuemax={head}
      aria-valuenow={event}
      aria-valuetext={`${t('eventOf', { event, head })}, ${timeText(now)}`}
      onKeyDown={onKey}
      onPointerDown={(press) => {
        line.current!.setPointerCapture(press.pointerId)
        void seek(eventAt(press.clientX))
      }}
      onPointerMove={(move) => {
        if (line.current!.hasPointerCapture(move.pointerId)) void seek(eventAt(move.clientX))
      }}
    >
      <div className="track" />
      <div className="done" style={{ width: `${part * 100}%` }} />
      {thinned(marks, head - floor).map((mark) => (
        <span
          key={`${mark.event} ${mark.kind}`}
          className={`time-mark of-${mark.kind}`}
          style={{ left: `${partOf(mark.event) * 100}%` }}
          title={`${t(KINDS[mark.kind])}: ${mark.label}`}
        />
      ))}
      <div className="thumb" style={{ left: `${part * 100}%` }} />
    </div>
  )
}

function thinned(marks: TimelineMark[], length: number): TimelineMark[] {
  const kept: TimelineMark[] = []
  const last: Partial<Record<TimelineMark['kind'], number>> = {}
  for (const mark of marks) {
    const before = last[mark.kind]
    if (before !== undefined && mark.event - before < length * NEAREST) continue
    last[mark.kind] = mark.event
    kept.push(mark)
  }
  return kept
}
