/** One hop: what a namespace did to the packet, step by step. */
import { Crosshair, Table2 } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import type { HopView, LayerView, StepView } from '../../view/types.ts'
import { select, useStore } from '../client/store.ts'
import { seek, timeText } from '../client/time.ts'
import { say } from '../i18n/i18n.ts'
import { useInspector } from './inspectorStore.ts'

export function HopCard({ hop, number }: { hop: HopView; number: number }) {
  const { t } = useTranslation('inspector')
  const moment = useStore((state) => {
    const event = state.clock?.event ?? 0
    return hop.event > event ? 'future' : hop.event === event ? 'present' : 'past'
  })
  const devices = [hop.devIn, hop.devOut].filter((dev) => dev !== '')
  const last = hop.steps.at(-1)
  return (
    <li className={`hop ${moment}`} aria-current={moment === 'present' ? 'step' : undefined}>
      <header className="hop-head">
        <span className="hop-number">{number}</span>
        <button type="button" className="jump mono hop-room" onClick={() => select([hop.room])}>
          {hop.room}
        </button>
        <span className="mono quiet hop-devs">{devices.join(' → ')}</span>
        <span className="mono quiet hop-at">{timeText(hop.at)}</span>
        <button
          type="button"
          className="btn icon"
          aria-label={t('goToHop', { number })}
          title={t('goTo')}
          onClick={() => void seek(last?.event ?? hop.event)}
        >
          <Crosshair aria-hidden="true" />
        </button>
      </header>
      {hop.changes.length > 0 && (
        <ul className="hop-changes" aria-label={t('changes')}>
          {hop.changes.map(({ field, before, after }) => (
            <li key={field}>
              <span className="quiet">{field}</span>
              <del className="mono">{before || '–'}</del>
              <span aria-hidden="true">→</span>
              <ins className="mono">{after || '–'}</ins>
            </li>
          ))}
        </ul>
      )}
      <StepList steps={hop.steps} room={hop.room} />
      {last && last.layers.length > 0 && <Layers layers={last.layers} />}
    </li>
  )
}

/** Steps in words, each with the record that decided. */
export function StepList({ steps, room }: { steps: StepView[]; room: string }) {
  const { i18n } = useTranslation()
  return (
    <ol className="steps" lang={i18n.language}>
      {steps.map((step, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: steps are only ever added at the end
        <li key={i} className={`step ${isLoss(step.reason) ? 'dropped' : ''}`}>
          <StepText step={step} />
          {step.evidence !== '' && <Evidence step={step} room={room} />}
        </li>
      ))}
    </ol>
  )
}

function StepText({ step }: { step: StepView }) {
  return (
    <p>
      <span className="step-kind mono">{step.dev || step.kind.toLowerCase()}</span>
      {say(step.sentence)}
      {isLoss(step.reason) && <span className="reason mono">{step.reason}</span>}
    </p>
  )
}

function Evidence({ step, room }: { step: StepView; room: string }) {
  const { t } = useTranslation('inspector')
  if (step.ref === '') return <code className="evidence">{step.evidence}</code>
  return (
    <button
      type="button"
      className="evidence mono"
      title={t('showRow')}
      aria-label={t('showRowOf', { evidence: step.evidence })}
      onClick={() => void showRow(room, step)}
    >
      <Table2 aria-hidden="true" />
      <span>{step.evidence}</span>
    </button>
  )
}

/** Shows the table row that decided, as it was then; a running clock is left alone. */
async function showRow(room: string, step: StepView): Promise<void> {
  select([room])
  useStore.setState({ markedRow: { subject: room, table: step.ref.split('/')[0]!, ref: step.ref } })
  useInspector.setState({ page: 'inspect', evidence: step.evidence })
  const { clock } = useStore.getState()
  if (clock && !clock.running && clock.event !== step.event) await seek(step.event)
}

function Layers({ layers }: { layers: LayerView[] }) {
  const { t } = useTranslation('inspector')
  return (
    <details className="layers">
      <summary>{t('layers')}</summary>
      {layers.map((layer, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a layer is its depth
        <details key={i} open className="layer" style={{ marginLeft: i * 8 }}>
          <summary>{layer.name}</summary>
          <dl>
            {layer.fields.map((field) => (
              <div key={field.name}>
                <dt>{field.name}</dt>
                <dd className="mono">{field.value}</dd>
              </div>
            ))}
          </dl>
        </details>
      ))}
    </details>
  )
}

/** Whether a reason is a loss: a frame for somebody else and one that is used up are none. */
export function isLoss(reason: string): boolean {
  return reason !== '' && reason !== 'CONSUMED' && reason !== 'OTHERHOST'
}
