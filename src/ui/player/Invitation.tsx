import { X } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { useStore } from '../client/store.ts'
import { acceptInvitation, playOrPause } from '../client/time.ts'

/** The one invitation of the first minute; gone once time has been touched. */
export function Invitation() {
  const { t } = useTranslation('player')
  const invited = useStore((state) => state.prefs.invited)
  const running = useStore((state) => state.clock?.running ?? false)
  const idle = useStore((state) => state.clock?.idle ?? false)
  if (invited || !running || idle) return null
  return (
    <aside className="invitation" aria-label={t('inviteAct')}>
      <p>{t('inviteText')}</p>
      <button type="button" className="btn strong" onClick={() => void playOrPause()}>
        {t('inviteAct')}
      </button>
      <button type="button" className="btn icon" aria-label={t('frame:close')} onClick={acceptInvitation}>
        <X aria-hidden="true" />
      </button>
    </aside>
  )
}
