/** What the event just handled did, in words. Screen readers hear it while stepping. */
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { chooseTrace } from '../client/client.ts'
import { useStore } from '../client/store.ts'
import { say } from '../i18n/i18n.ts'

export function SentenceBar() {
  const { t, i18n } = useTranslation('player')
  const now = useStore((state) => state.now)
  const status = useStore((state) => state.status)
  const idle = useStore((state) => state.clock?.idle ?? false)
  const running = useStore((state) => state.clock?.running ?? false)
  // biome-ignore lint/correctness/useExhaustiveDependencies: sentences change with the language
  const parts = useMemo(() => (now ? now.steps.map((step) => say(step.sentence)) : []), [now, i18n.language])
  const trace = now?.steps.find((step) => step.trace > 0)?.trace
  const dropped = now?.steps.some((step) => step.reason !== '') ?? false
  const quiet = status === 'starting' ? t('starting') : idle || !now ? t('idle') : ''
  return (
    <div className={`sentence ${dropped ? 'dropped' : ''}`}>
      <p aria-live={running ? 'off' : 'polite'} title={parts.join('; ')}>
        {now && parts.length > 0 ? (
          <>
            <span className="where mono">{now.room}</span>
            {trace === undefined ? (
              <Parts parts={parts} />
            ) : (
              <button type="button" className="sentence-link" onClick={() => void chooseTrace(trace)}>
                <Parts parts={parts} />
              </button>
            )}
          </>
        ) : (
          <span className="quiet">{quiet}</span>
        )}
      </p>
    </div>
  )
}

function Parts({ parts }: { parts: string[] }) {
  return parts.map((part, i) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: parts have no other name
    <span key={i} className="part">
      {part}
    </span>
  ))
}
