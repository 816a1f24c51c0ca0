/** A file that holds mistakes: what and where, and a way to mend it. */
import { useTranslation } from 'react-i18next'
import { mendRefused, type Refusal } from './userFile.ts'

const MAX_SHOWN = 8

export function Refused({ refusal }: { refusal: Refusal }) {
  const { t } = useTranslation('library')
  const errors = refusal.diagnostics.filter((one) => one.severity === 'error')
  return (
    <section className="refused" role="alert">
      <p>{t('refused', { name: refusal.name })}</p>
      <ul>
        {errors.slice(0, MAX_SHOWN).map((error) => (
          <li key={`${error.line}:${error.column} ${error.message}`}>
            <span className="mono">
              {error.line}:{error.column}
            </span>{' '}
            {error.message}
          </li>
        ))}
      </ul>
      {errors.length > MAX_SHOWN && <p>{t('moreErrors', { count: errors.length - MAX_SHOWN })}</p>}
      {refusal.text !== '' && (
        <button type="button" className="btn outlined" onClick={() => mendRefused(refusal)}>
          {t('mend')}
        </button>
      )}
    </section>
  )
}
