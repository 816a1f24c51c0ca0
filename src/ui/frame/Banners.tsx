/** What stops the work: a frozen world, a worker that does not answer. The page itself stays alive. */
import { Snowflake, TimerOff } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { begin } from '../client/begin.ts'
import { startSession } from '../client/client.ts'
import { openText } from '../client/document.ts'
import { notify, useStore } from '../client/store.ts'

export function Banners() {
  return (
    <>
      <FrozenBanner />
      <LostBanner />
    </>
  )
}

function FrozenBanner() {
  const { t } = useTranslation()
  const frozen = useStore((state) => state.clock?.frozen ?? null)
  if (!frozen) return null
  const copy = async () => {
    await navigator.clipboard.writeText(frozen.reproduction)
    notify('info', t('copied'))
  }
  return (
    <div className="banner error" role="alert">
      <Snowflake aria-hidden="true" />
      <div className="grow">
        <strong>{t('frozenTitle', { event: frozen.event })}</strong>{' '}
        <span className="mono">{frozen.message}</span>
      </div>
      <button type="button" className="btn outlined" onClick={copy}>
        {t('copyReproduction')}
      </button>
    </div>
  )
}

function LostBanner() {
  const { t } = useTranslation()
  const lost = useStore((state) => state.status === 'lost')
  if (!lost) return null
  const restart = async () => {
    const { doc, clock } = useStore.getState()
    startSession()
    // Where nothing ever ran, all begins anew.
    if (clock === null) await begin()
    else await openText(doc.text, doc.origin)
  }
  return (
    <div className="banner error" role="alert">
      <TimerOff aria-hidden="true" />
      <div className="grow">{t('lostText')}</div>
      <button type="button" className="btn strong" onClick={restart}>
        {t('lostRestart')}
      </button>
      <button type="button" className="btn outlined" onClick={() => useStore.setState({ status: 'ready' })}>
        {t('lostWait')}
      </button>
    </div>
  )
}
