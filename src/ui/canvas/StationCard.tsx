/** Beside a station: what is decided there. The rules asked with their counters, the route that won, the connection. */
import { useStore as useFlow } from '@xyflow/react'
import { X } from 'lucide-react'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import type { Inspection, StationId, StepView } from '../../view/types.ts'
import { session } from '../client/client.ts'
import { stepAt, useCursor } from '../client/cursor.ts'
import { select, useStore } from '../client/store.ts'
import { RuleOrigin } from '../cluster/RuleOrigin.tsx'
import { say } from '../i18n/i18n.ts'
import { ProtoGlyph } from '../inspector/ProtoGlyph.tsx'
import { useAtClock } from '../inspector/useAtClock.ts'
import { useInspector } from '../inspector/inspectorStore.ts'
import { useCanvas } from './canvasStore.ts'
import { chainsAt, linesOf, type RuleLine } from './cardLines.ts'
import { useInside } from './insideStore.ts'
import { stationName, tableOf } from './Rails.tsx'

/** The card of the pinned station, else of the step that is shown. */
export function StationCard() {
  const pinned = useInside((state) => state.pinned)
  const cursor = useCursor((state) => state.cursor)
  const step = stepAt(cursor)
  if (pinned) return <Card room={pinned.room} station={pinned.station} step={undefined} />
  if (!cursor || !step || step.station === '') return null
  return <Card room={cursor.room} station={step.station} step={step} />
}

function Card(props: { room: string; station: StationId; step: StepView | undefined }) {
  const { t } = useTranslation('canvas')
  const { room, station, step } = props
  const inspection = useAtClock<Inspection>(room, () => session().inspect(room))
  const place = useCardPlace(room, station)
  if (!place) return null
  const table = tableOf(step)
  return (
    <section
      className="station-card"
      style={place}
      aria-label={t('cardOf', { station: stationName(station, t), room })}
    >
      <header>
        <strong>{`${table} ${stationName(station, t)}`.trim()}</strong>
        <span className="mono quiet">{room}</span>
        {!step && (
          <button
            type="button"
            className="btn icon"
            aria-label={t('closeCard')}
            onClick={() => useInside.setState({ pinned: null })}
          >
            <X aria-hidden="true" />
          </button>
        )}
      </header>
      {step && <PacketLine step={step} />}
      {/* A rule that decides stands in the list below, and in the player's sentence. */}
      {step && !(step.rule && step.kind === 'Hook') && (
        <p className={`card-said ${step.kind === 'Drop' ? 'dropped' : ''}`}>{say(step.sentence)}</p>
      )}
      {inspection && <Lines inspection={inspection} station={station} step={step} room={room} />}
    </section>
  )
}

/** The packet as it is now; a value that this step changed stands behind its old one, struck through. */
function PacketLine({ step }: { step: StepView }) {
  const { t } = useTranslation('canvas')
  return (
    <div className="card-packet mono" aria-live="polite">
      <ProtoGlyph proto={step.proto} label={step.glyph} />
      <span>{step.glyph}</span>
      {step.changes.map(({ field, before, after }) => (
        <span key={`${step.nth} ${field}`} className="flip">
          <span className="quiet">{field}</span> <del>{before || '–'}</del>{' '}
          <span className="sr-only">{t('becomes')} </span>
          <ins>{after || '–'}</ins>
        </span>
      ))}
    </div>
  )
}

function Lines(props: {
  inspection: Inspection
  station: StationId
  step: StepView | undefined
  room: string
}) {
  const { t } = useTranslation('canvas')
  const { inspection, station, step, room } = props
  const deciding = useRef<HTMLTableRowElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: scrolls when another step is shown
  useEffect(() => {
    deciding.current?.scrollIntoView({ block: 'nearest' })
  }, [step?.event, step?.nth])
  const { lines, more } = step ? linesOf(inspection, step) : chainsAt(inspection, station)
  if (lines.length === 0) {
    if (step?.evidence) return <code className="card-evidence">{step.evidence}</code>
    return step ? null : <p className="quiet">{t('noRules')}</p>
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled table must be reachable by keyboard
    <section className="card-rows" tabIndex={0} aria-label={t('cardRules')}>
      <table className="mono">
        <thead className={lines[0]!.counted ? '' : 'sr-only'}>
          <tr>
            <th scope="col">{t('cardPlace')}</th>
            <th scope="col">pkts</th>
            <th scope="col">{t('cardRule')}</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => (
            <Line key={line.key} line={line} room={room} deciding={deciding} />
          ))}
        </tbody>
      </table>
      {more > 0 && <p className="quiet">{t('moreRules', { count: more })}</p>}
    </section>
  )
}

function Line(props: {
  line: RuleLine
  room: string
  deciding: React.RefObject<HTMLTableRowElement | null>
}) {
  const { t } = useTranslation('canvas')
  const { line, room, deciding } = props
  return (
    <tr
      ref={line.state === 'decides' ? deciding : undefined}
      className={line.state}
      aria-current={line.state === 'decides' || undefined}
    >
      <td>
        {line.state === 'decides' && <span className="sr-only">{t('decides')} </span>}
        {line.place}
      </td>
      <td className="hits">{line.packets}</td>
      <td>
        <button
          type="button"
          className="card-rule"
          title={t('findRow')}
          onClick={() => {
            select([room])
            useStore.setState({
              markedRow: { subject: room, table: line.ref.split('/')[0]!, ref: line.ref },
            })
            useInspector.setState({ page: 'inspect', evidence: line.text })
          }}
        >
          {line.text}
        </button>
        <RuleOrigin chain={line.place} text={line.text} />
        {line.why !== '' && <span className="why">{t('failed', { why: line.why })}</span>}
      </td>
    </tr>
  )
}

const WIDTH = 400
const LEAST = 150

/** Below the rail or above it, wherever there is more room; always inside the view. */
function useCardPlace(room: string, station: StationId): React.CSSProperties | null {
  const [tx, ty, zoom] = useFlow((state) => state.transform)
  const width = useFlow((state) => state.width)
  const height = useFlow((state) => state.height)
  const drawing = useCanvas((state) => state.drawing)
  const present = useStore((state) => state.prefs.present)
  const machine = room.split('.')[0]!
  const [box, place] = [drawing.boxes[machine], drawing.places[machine]]
  const rail = box?.rails?.find((one) => one.room === room)
  const at = rail?.stations.find(({ id }) => id === station)
  if (!place || !rail || !at) return null
  const top0 = (place.y + at.y) * zoom + ty
  const left0 = (place.x + at.x) * zoom + tx
  const seen = top0 < height && top0 + at.h * zoom > 0 && left0 < width && left0 + at.w * zoom > 0
  if (!seen) return null
  const w = Math.min(WIDTH * (present ? 1.6 : 1), width - 16)
  const middle = (place.x + at.x + at.w / 2) * zoom + tx
  const left = Math.min(width - w - 8, Math.max(8, middle - w / 2))
  const under = (place.y + rail.y + rail.h) * zoom + ty + 8
  const over = (place.y + rail.y) * zoom + ty - 8
  const below = height - under - 8
  if (below >= LEAST || below >= over) {
    const top = Math.min(under, height - LEAST - 8)
    return { left, top, width: w, maxHeight: height - top - 8 }
  }
  return { left, bottom: height - over, width: w, maxHeight: Math.max(LEAST, over - 8) }
}
