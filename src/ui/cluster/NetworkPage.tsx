/** How a pod got its network and lost it: the runtime's and the CNI plugins' steps in order; a click goes to the moment. */
import { useTranslation } from 'react-i18next'
import type { NetworkCall, NetworkStep, ObjectRef } from '../../view/kube-types.ts'
import { session } from '../client/client.ts'
import { useStore } from '../client/store.ts'
import { timeText } from '../client/time.ts'
import { useAtClock } from '../inspector/useAtClock.ts'
import { refKey, seekTime } from './clusterStore.ts'
import { useAhead } from './useAhead.ts'

interface Line {
  call: NetworkCall
  step: NetworkStep
}

export function NetworkPage({ chosen }: { chosen: ObjectRef }) {
  const { t } = useTranslation('cluster')
  const subject = `network ${refKey(chosen)}`
  const answer = useAtClock<{ event: number; lines: Line[] }>(subject, async () => ({
    event: useStore.getState().clock?.event ?? 0,
    lines: linesOf(await session().podNetwork(chosen.namespace, chosen.name)),
  }))
  const { all, now } = useAhead(subject, answer?.event ?? 0, answer?.lines ?? null, keyOf)
  if (answer === null) return null
  if (all.length === 0) return <p className="quiet pad">{t('noNetwork')}</p>
  return (
    <>
      {groupsOf(all).map((group) => (
        <Call key={keyOf(all[group.from]!)} call={group.call} steps={group.steps} now={now - group.from} />
      ))}
      <p className="quiet pad">{t('networkHint')}</p>
    </>
  )
}

function linesOf(calls: NetworkCall[]): Line[] {
  return calls.flatMap((call) => call.steps.map((step) => ({ call, step })))
}

function keyOf({ call, step }: Line): string {
  return `${call.sandbox} ${step.at} ${step.what.key}`
}

/** Lines of one call in a row; the call as it was known at the last of them. */
function groupsOf(lines: readonly Line[]): { call: NetworkCall; steps: NetworkStep[]; from: number }[] {
  const groups: { call: NetworkCall; steps: NetworkStep[]; from: number }[] = []
  lines.forEach(({ call, step }, from) => {
    const last = groups.at(-1)
    if (last?.call === call) last.steps.push(step)
    else groups.push({ call, steps: [step], from })
  })
  return groups
}

/** The first `now` of its steps have happened at the shown moment. */
function Call({ call, steps, now }: { call: NetworkCall; steps: NetworkStep[]; now: number }) {
  const { t } = useTranslation('cluster')
  const floor = useStore((state) => state.floor ?? 0)
  const { node, command, plugin, stdin, stdout } = call
  const name = plugin === '' ? t('runtimeCall') : plugin
  return (
    <div className="network-call">
      <h3>
        <span className="network-command">{command}</span> <span className="mono">{name}</span>{' '}
        <span className="quiet mono">{node}</span>
      </h3>
      {stdin !== '' && <Json title={t('given')} text={stdin} />}
      <ol className="chain">
        {steps.map(({ at, event, what }, i) => (
          <li
            key={`${at} ${what.key}`}
            className={`chain-line ${i >= now ? 'ahead' : ''}`}
            aria-current={i === now - 1 || undefined}
          >
            {event < floor ? (
              <span className="mono quiet chain-at" title={t('beforeFirst')}>
                {timeText(at)}
              </span>
            ) : (
              <button
                type="button"
                className="jump mono chain-at"
                title={t('goTo')}
                aria-label={t('goToMoment', { what: timeText(at) })}
                onClick={() => void seekTime(at)}
              >
                {timeText(at)}
              </button>
            )}
            <span className="chain-what">{t(what.key, what.args)}</span>
          </li>
        ))}
      </ol>
      {stdout !== '' && <Json title={t('answered')} text={stdout} />}
    </div>
  )
}

function Json({ title, text }: { title: string; text: string }) {
  return (
    <details className="network-json">
      <summary>{title}</summary>
      <pre className="mono">{text}</pre>
    </details>
  )
}
