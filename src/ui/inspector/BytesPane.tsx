/** The packet opened as Wireshark opens it: a tree of fields beside its bytes. Either side marks the other. */
import './bytes.css'
import { ChevronLeft, ChevronRight } from 'lucide-react'
import { useEffect, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { FrameLayer, FrameView, StepView, TraceView } from '../../view/types.ts'
import { session } from '../client/client.ts'
import { stepAt, useCursor } from '../client/cursor.ts'
import { useStore } from '../client/store.ts'
import { say } from '../i18n/i18n.ts'
import { useBytes } from './bytesStore.ts'
import { FieldTree, fieldId } from './FieldTree.tsx'
import { HexPane } from './HexPane.tsx'

interface Place {
  hop: number
  room: string
  step: StepView
}

export function BytesPane({ view }: { view: TraceView }) {
  const { t } = useTranslation('inspector')
  const places = useMemo(() => placesOf(view), [view])
  const event = useStore((state) => state.clock?.event ?? 0)
  const shown = useStep(view, places, event)
  const place = places[shown]
  const frame = useFrame(place?.step)
  const show = (index: number) => {
    const step = places[index]?.step
    if (step) useBytes.setState({ at: { trace: step.trace, event: step.event, nth: step.nth } })
  }
  if (!place) return null
  return (
    <section className="bytes" aria-label={t('bytes')}>
      <header className="bytes-head">
        <h3>{t('bytes')}</h3>
        <p className="quiet bytes-of">
          {t('bytesOf', { hop: place.hop, room: place.room, what: say(place.step.sentence) })}
        </p>
        {(
          [
            [-1, 'stepBefore', ChevronLeft],
            [1, 'stepAfter', ChevronRight],
          ] as const
        ).map(([by, title, Icon]) => (
          <button
            key={title}
            type="button"
            className="btn icon"
            aria-label={t(title)}
            title={t(title)}
            disabled={!places[shown + by]}
            onClick={() => show(shown + by)}
          >
            <Icon aria-hidden="true" />
          </button>
        ))}
      </header>
      {frame === 'none' && <p className="quiet">{t('noBytes')}</p>}
      {frame !== null && frame !== 'none' && <Opened frame={frame} />}
    </section>
  )
}

function Opened({ frame }: { frame: FrameView }) {
  const { t } = useTranslation('inspector')
  const [chosen, choose] = useState('')
  const [hovered, hover] = useState('')
  const marked = hovered !== '' ? hovered : chosen
  const range = rangeOf(frame.layers, marked)
  return (
    <>
      {!frame.framed && <p className="quiet">{t('notFramed')}</p>}
      <FieldTree layers={frame.layers} chosen={chosen} marked={marked} choose={choose} hover={hover} />
      <HexPane frame={frame} range={range} choose={choose} hover={hover} />
    </>
  )
}

function rangeOf(layers: FrameLayer[], id: string): { at: number; length: number } | null {
  for (const [i, layer] of layers.entries()) {
    if (fieldId(i, -1) === id) return layer
    for (const [k, field] of layer.fields.entries()) if (fieldId(i, k) === id) return field
  }
  return null
}

function placesOf(view: TraceView): Place[] {
  return view.hops.flatMap((hop, i) => hop.steps.map((step) => ({ hop: i + 1, room: hop.room, step })))
}

/** The step that was asked for; else the one that is stepped; else the last one of the shown event, or of all. */
function useStep(view: TraceView, places: Place[], event: number): number {
  const at = useBytes((state) => (state.at?.trace === view.id ? state.at : null))
  const stepped = useCursor((state) => stepAt(state.cursor))
  useEffect(() => {
    // Stepping goes before what was asked for earlier.
    if (stepped) useBytes.setState({ at: null })
  }, [stepped])
  const wanted = at ?? (stepped?.trace === view.id ? stepped : null)
  const found = wanted
    ? places.findIndex(({ step }) => step.event === wanted.event && step.nth === wanted.nth)
    : -1
  if (found >= 0) return found
  const here = places.findLastIndex(({ step }) => step.event <= event)
  return here >= 0 ? here : places.length - 1
}

function useFrame(step: StepView | undefined): FrameView | 'none' | null {
  const [frame, setFrame] = useState<FrameView | 'none' | null>(null)
  const { trace = 0, event = 0, nth = 0 } = step ?? {}
  useEffect(() => {
    let wanted = true
    void session()
      .frame(trace, event, nth)
      .then((answer) => {
        if (wanted) setFrame(answer ?? 'none')
      })
    return () => {
      wanted = false
    }
  }, [trace, event, nth])
  return frame
}
