/** Readiness, EndpointSlice, rules: what led to a Service's rules, as events in order; a click goes to the moment. */
import { useTranslation } from 'react-i18next'
import type { ChainEvent, ObjectRef } from '../../view/kube-types.ts'
import { session } from '../client/client.ts'
import { useStore } from '../client/store.ts'
import { timeText } from '../client/time.ts'
import { useAtClock } from '../inspector/useAtClock.ts'
import { refKey, seekTime, showObject } from './clusterStore.ts'
import { useAhead } from './useAhead.ts'
import { useBefore } from './useBefore.ts'

export function ChainPage({ chosen }: { chosen: ObjectRef }) {
  const { t } = useTranslation('cluster')
  const answer = useAtClock<{ event: number; list: ChainEvent[] }>(`chain ${refKey(chosen)}`, async () => ({
    event: useStore.getState().clock?.event ?? 0,
    list: await session().clusterChain(chosen.namespace, chosen.name),
  }))
  const before = useBefore(`chain ${refKey(chosen)}`, answer?.event ?? 0, answer?.list ?? null)
  const { all, now } = useAhead(`chain ${refKey(chosen)}`, answer?.event ?? 0, answer?.list ?? null, keyOf)
  if (answer === null) return null
  if (all.length === 0) return <p className="quiet pad">{t('noChain')}</p>
  const known = before && new Set(before.map(keyOf))
  return (
    <>
      <ol className="chain">
        {all.map((one, i) => {
          const fresh = i < now && known !== null && !known.has(keyOf(one))
          return <Line key={keyOf(one)} event={one} fresh={fresh} ahead={i >= now} />
        })}
      </ol>
      <p className="quiet pad">{t('chainHint')}</p>
    </>
  )
}

function keyOf({ at, revision, stage, who, ref }: ChainEvent): string {
  return `${at} ${revision} ${stage} ${who} ${ref?.name ?? ''}`
}

/** `ahead`: it has not happened at the shown moment, which this timeline has been beyond. */
function Line({ event, fresh, ahead }: { event: ChainEvent; fresh: boolean; ahead: boolean }) {
  const { t } = useTranslation('cluster')
  const { at, stage, who, ref, what, revision } = event
  return (
    <li className={`chain-line ${stage} ${fresh ? 'changed' : ''} ${ahead ? 'ahead' : ''}`}>
      <button
        type="button"
        className="jump mono chain-at"
        title={t('goTo')}
        aria-label={t('goToMoment', { what: timeText(at) })}
        onClick={() => void seekTime(at)}
      >
        {timeText(at)}
      </button>
      <span className="chain-stage">{t(`stage_${stage}`)}</span>
      <span className="chain-what">
        {ref !== null && (
          <button type="button" className="jump mono" onClick={() => showObject(ref)}>
            {ref.name}
          </button>
        )}{' '}
        {what.map(({ key, args }) => t(key, args)).join('; ')}
      </span>
      <span className="quiet mono chain-who">{t('by', { who, revision })}</span>
    </li>
  )
}
