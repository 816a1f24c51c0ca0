import { X } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { dismiss, useStore } from '../client/store.ts'

/** Short messages, lower right of the canvas. */
export function Notices() {
  const { t } = useTranslation()
  const notices = useStore((state) => state.notices)
  const made = useStore((state) => state.made.join(', '))
  return (
    <section className="notices" role="status" aria-label={t('notices')}>
      <p className="sr-only">{made && t('made', { names: made })}</p>
      {notices.map((notice) => (
        <div key={notice.id} className={`notice ${notice.kind}`}>
          <span>{notice.text}</span>
          <button
            type="button"
            className="btn icon"
            aria-label={t('close')}
            onClick={() => dismiss(notice.id)}
          >
            <X aria-hidden="true" />
          </button>
        </div>
      ))}
    </section>
  )
}
