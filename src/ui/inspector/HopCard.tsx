/** One hop: what a namespace did to the packet, step by step. */
import { Crosshair, Table2 } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import type { HopView, RuleView, StepView } from '../../view/types.ts'
import { chooseTrace } from '../client/client.ts'
import { select, useStore } from '../client/store.ts'
import { seek, timeText } from '../client/time.ts'
import { RuleOrigin } from '../cluster/RuleOrigin.tsx'
import { say } from '../i18n/i18n.ts'
import { letThrough, useBranch, useBytes } from './bytesStore.ts'
import { useInspector } from './inspectorStore.ts'

/** `branch`: it has not happened, so there is no moment to go to. */
export function HopCard(props: { hop: HopView; number: number; branch?: boolean }) {
  const { hop, number, branch = false } = props
  const { t } = useTranslation('inspector')
  const moment = useStore((state) => {
    const event = state.clock?.event ?? 0
    if (branch) return 'future'
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
        {!branch && (
          <button
            type="button"
            className="btn icon"
            aria-label={t('goToHop', { number })}
            title={t('goTo')}
            onClick={() => void seek(last?.event ?? hop.event)}
          >
            <Crosshair aria-hidden="true" />
          </button>
        )}
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
          {step.rule && <RuleOrigin chain={step.rule.chain} text={step.evidence} />}
          {step.rule && step.rule.asked.length > 0 && <Asked rule={step.rule} />}
          {step.reason === 'NETFILTER_DROP' && <Permit trace={step.trace} />}
        </li>
      ))}
    </ol>
  )
}

function StepText({ step }: { step: StepView }) {
  const { t } = useTranslation('inspector')
  // A sentence that names the device needs it once.
  const { dev, kind, sentence } = step
  const name = dev === '' || sentence.args.dev === dev ? kind.toLowerCase() : dev
  return (
    <p>
      <button
        type="button"
        className="step-kind jump mono"
        title={t('bytesAt')}
        aria-label={`${name}: ${t('bytesAt')}`}
        onClick={() => {
          const { trace, event, nth } = step
          useBytes.setState({ at: { trace, event, nth } })
          if (useStore.getState().chosenTrace !== trace) void chooseTrace(trace)
          setTimeout(() => document.querySelector('.bytes')?.scrollIntoView({ block: 'nearest' }))
        }}
      >
        {name}
      </button>
      {say(sentence)}
      {isLoss(step.reason) && <span className="reason mono">{step.reason}</span>}
    </p>
  )
}

/** The rules in the order in which they were asked, and the first match that failed of each that did not decide. */
function Asked({ rule }: { rule: RuleView }) {
  const { t } = useTranslation('inspector')
  return (
    <details className="asked">
      <summary>{t('rulesAsked', { count: rule.asked.length + rule.more })}</summary>
      {rule.more > 0 && <p className="quiet">{t('askedBefore', { count: rule.more })}</p>}
      <ol>
        {rule.asked.map((one, i) => (
          <li
            // biome-ignore lint/suspicious/noArrayIndexKey: a chain may be asked twice
            key={`${one.ref} ${i}`}
            className={one.ref === rule.ref ? 'decides' : ''}
            aria-current={one.ref === rule.ref || undefined}
          >
            <span className="mono">{`${one.chain} ${one.number}  ${one.text}`}</span>
            <RuleOrigin chain={one.chain} text={one.text} />
            <span className="why">
              {one.why === '' ? `✓ ${t('ruleMatched')}` : `✗ ${t('ruleFailed', { why: one.why })}`}
            </span>
          </li>
        ))}
        {rule.number === 0 && (
          <li className="decides">
            <span className="mono">{`${rule.chain}  ${t('rulePolicy')} ${rule.verdict}`}</span>
          </li>
        )}
      </ol>
    </details>
  )
}

function Permit({ trace }: { trace: number }) {
  const { t } = useTranslation('inspector')
  const asked = useBranch((state) => state.of === trace)
  return (
    <button
      type="button"
      className="btn outlined permit"
      disabled={asked}
      onClick={() => {
        if (useStore.getState().chosenTrace === trace) void letThrough(trace)
        else void chooseTrace(trace).then(() => letThrough(trace))
      }}
    >
      {t('permit')}
    </button>
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

/** Whether a reason is a loss: a frame for somebody else and one that is used up are none. */
export function isLoss(reason: string): boolean {
  return reason !== '' && reason !== 'CONSUMED' && reason !== 'OTHERHOST'
}
