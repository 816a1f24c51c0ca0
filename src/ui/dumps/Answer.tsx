/** The answer rule by rule. An entry selects its machine in the picture and its rule in the inspector. */
import { useTranslation } from 'react-i18next'
import type { ExplainAnswer, RuleAnswer } from '../../session/explain-types.ts'
import type { StepView, TraceView } from '../../view/types.ts'
import { select, setPrefs, useStore } from '../client/store.ts'
import { RuleOrigin } from '../cluster/RuleOrigin.tsx'
import { say } from '../i18n/i18n.ts'
import { useInspector } from '../inspector/inspectorStore.ts'
import { showBeside } from './beside.ts'

export function Answer({ answer, traces }: { answer: ExplainAnswer; traces: TraceView[] }) {
  const { t } = useTranslation('dumps')
  const [probe, ...others] = traces
  const told = others.filter((trace) => trace.proto !== 'arp')
  const { left } = answer
  // A probe is no program's: where it finds nobody listening it has come to its end all the same.
  const unheard = answer.reason === 'NO_SOCKET'
  const lost = answer.disposition === 'DROPPED' && !unheard
  const end = () => {
    if (left) return t('left', { dev: left.dev, room: place(left.room) })
    if (unheard) return t('end_NO_SOCKET', { room: place(probe?.hops.at(-1)?.room ?? '') })
    return t(`end_${answer.disposition}`, { reason: answer.reason })
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled text must be reachable by keyboard
    <section className="answer" aria-label={t('answer')} aria-live="polite" tabIndex={0}>
      <p className={`answer-end ${lost ? 'dropped' : ''}`}>
        <strong>{end()}</strong>
      </p>
      {answer.assumed.map(({ room, dev, ip }) => (
        <p key={`${room} ${dev} ${ip}`} className="quiet">
          {t('assumed', { ip, dev, room: place(room) })}
        </p>
      ))}
      {probe && <Hops answer={answer} probe={probe} />}
      {left && (
        <dl className="answer-headers">
          {left.layers.map((layer) => (
            <div key={layer.name}>
              <dt>{layer.name}</dt>
              <dd className="mono">{layer.fields.map(({ name, value }) => `${name} ${value}`).join(', ')}</dd>
            </div>
          ))}
        </dl>
      )}
      {told.length > 0 && (
        <details>
          <summary>{t('gaveRise', { count: told.length })}</summary>
          <ul>
            {told.map((trace) => (
              <li key={trace.id}>
                <span className="mono">{trace.label}</span>{' '}
                <span className="quiet">
                  {[...trace.hops.map((hop) => place(hop.room)), ...leftBy(answer, trace)].join(' → ')}{' '}
                  {trace.reason}
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  )
}

function Hops({ answer, probe }: { answer: ExplainAnswer; probe: TraceView }) {
  return (
    <ol className="answer-hops">
      {probe.hops.map((hop, h) => (
        <li key={hop.event}>
          <button type="button" className="jump mono" onClick={() => showRoom(hop.room)}>
            {place(hop.room)}
          </button>{' '}
          <span className="mono quiet">
            {[hop.devIn, hop.devOut].filter((dev) => dev !== '').join(' → ')}
          </span>
          <ol className="answer-steps">
            {hop.steps.map((step, s) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: an answer never changes
              <li key={s} className={step.reason !== '' && step.reason !== 'CONSUMED' ? 'dropped' : ''}>
                <Step
                  step={step}
                  room={hop.room}
                  rule={answer.rules.find((one) => one.hop === h && one.step === s)}
                  policies={answer.lookups.find((one) => one.hop === h && one.step === s)?.policies}
                />
              </li>
            ))}
          </ol>
        </li>
      ))}
    </ol>
  )
}

function Step(props: { step: StepView; room: string; rule?: RuleAnswer; policies?: string[] }) {
  const { t } = useTranslation('dumps')
  const { step, room, rule, policies } = props
  return (
    <>
      {rule ? (
        <button type="button" className="answer-rule mono" onClick={() => showRule(room, step)}>
          {`${rule.table} ${rule.chain} `}
          {rule.number === 0 ? t('policy') : rule.number}
          <span className="answer-verdict">{rule.verdict}</span>
        </button>
      ) : (
        <span className="mono quiet answer-kind">
          {step.dev || (step.kind === 'Drop' ? '' : step.kind.toLowerCase())}
        </span>
      )}{' '}
      <span>{say(step.sentence)}</span>
      {rule && <RuleOrigin chain={rule.chain} text={step.evidence} />}
      {step.reason !== '' && step.reason !== 'CONSUMED' && <span className="reason mono">{step.reason}</span>}
      {rule && <Why rule={rule} />}
      {policies && policies.length > 2 && (
        <ul className="answer-why mono">
          {policies.map((text) => (
            <li key={text}>{`ip rule ${text}`}</li>
          ))}
        </ul>
      )}
    </>
  )
}

function Why({ rule }: { rule: RuleAnswer }) {
  const { t } = useTranslation('dumps')
  return (
    <>
      {(rule.path.length > 0 || rule.why.length > 0) && (
        <ul className="answer-why mono">
          {rule.path.map(({ chain, number, text }, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a chain may be entered twice
            <li key={i} className="quiet">
              {`${chain} ${number}  ${text}`}
              <RuleOrigin chain={chain} text={text} />
            </li>
          ))}
          {rule.why.map((text) => (
            <li key={text}>{`✓ ${text}`}</li>
          ))}
        </ul>
      )}
      {rule.passed.length > 0 && (
        <details>
          <summary>{t('passed', { count: rule.passed.length })}</summary>
          <ul className="answer-why mono">
            {rule.passed.map(({ chain, number, text, failed }, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a chain may be entered twice
              <li key={i}>
                {`${chain} ${number}  ${text}`} <span className="answer-failed">{`✗ ${failed}`}</span>
                <RuleOrigin chain={chain} text={text} />
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  )
}

/** The device that a packet that it gave rise to left the lab by, where it did. */
function leftBy(answer: ExplainAnswer, trace: TraceView): string[] {
  return answer.leaves.filter((one) => one.trace === trace.id).map((one) => `${one.dev} …`)
}

function place(room: string): string {
  return room.replace('.', '/')
}

function showRoom(room: string): void {
  select([room])
  showBeside(room.split('.')[0] ?? '')
}

function showRule(room: string, step: StepView): void {
  showRoom(room)
  setPrefs({ right: true, allHidden: false })
  useStore.setState({ markedRow: { subject: room, table: step.ref.split('/')[0] ?? '', ref: step.ref } })
  useInspector.setState({ page: 'inspect', evidence: step.evidence })
}
