/** A manifest of an API version that is gone, as it would be written today: the difference, what to know, and a button. */
import { Check, X } from 'lucide-react'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import type { Rewritten } from '../../lab/rewrite.ts'

interface Props {
  rewritten: Rewritten
  take: () => void
  leave: () => void
}

export function Rewrite({ rewritten, take, leave }: Props) {
  const { t } = useTranslation('editor')
  const button = useRef<HTMLButtonElement>(null)
  useEffect(() => button.current?.focus(), [])
  const { from, to, notes, diff } = rewritten
  return (
    <section
      className="rewrite"
      aria-label={t('rewriteOf', { from, to })}
      onKeyDown={(event) => event.key === 'Escape' && leave()}
    >
      <div className="rewrite-bar">
        <strong>{t('rewriteOf', { from, to })}</strong>
        <span className="grow" />
        <button type="button" className="btn" onClick={leave}>
          <X aria-hidden="true" />
          {t('rewriteLeave')}
        </button>
        <button ref={button} type="button" className="btn strong" onClick={take}>
          <Check aria-hidden="true" />
          {t('rewriteTake')}
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled text must be reachable by keyboard */}
      <div className="rewrite-text" tabIndex={0}>
        {notes.length > 0 && (
          <ul>
            {notes.map(({ key, args }) => (
              <li key={`${key} ${args.field ?? ''}`}>{t(`rewrite.${key}`, args)}</li>
            ))}
          </ul>
        )}
        <pre className="mono">
          {diff.map((line, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: lines of one fixed text
            <div key={at} className={CLASSES[line[0] ?? ''] ?? ''}>
              {line.startsWith('@@') ? '⋯' : line}
            </div>
          ))}
        </pre>
      </div>
    </section>
  )
}

const CLASSES: Readonly<Record<string, string>> = { '+': 'line-in', '-': 'line-out', '@': 'quiet' }
