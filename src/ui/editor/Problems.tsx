/** Mistakes and notes about the text, below it; choosing one goes there. */
import { CircleX, Info, RotateCw, TriangleAlert, WandSparkles } from 'lucide-react'
import i18next from 'i18next'
import { useTranslation } from 'react-i18next'
import type { Diagnostic } from '../../session/types.ts'
import { useStore } from '../client/store.ts'

const ICONS = { error: CircleX, warning: TriangleAlert, info: Info }
const ORDER = { error: 0, warning: 1, info: 2 }
const MAX_SHOWN = 100

/** A note of ours in the person's language; the real tools' words as they are. */
export function wordsOf({ about, message, note }: Diagnostic): string {
  if (note !== undefined) return i18next.t(note.key, { ns: 'editor', kind: note.kind, defaultValue: message })
  if (about !== 'storedOnly') return message
  return i18next.t('storedOnly', { ns: 'cluster', kind: message.split(' ')[0] })
}

interface Props {
  diagnostics: Diagnostic[]
  onChoose: (one: Diagnostic) => void
  onRewrite: (one: Diagnostic) => void
  onReopen: () => void
}

export function Problems(props: Props) {
  const { t } = useTranslation('editor')
  const notModelled = useStore((state) => state.doc.notModelled)
  const sorted = [...props.diagnostics].sort((a, b) => ORDER[a.severity] - ORDER[b.severity])
  if (sorted.length === 0 && notModelled.length === 0) return null
  return (
    <section className="problems" aria-label={t('problems')}>
      <ul>
        {sorted.slice(0, MAX_SHOWN).map((one) => {
          const Icon = ICONS[one.severity]
          return (
            <li key={`${one.line}:${one.column} ${one.message}`} className="problem">
              <button
                type="button"
                className={`problem-line ${one.severity}`}
                onClick={() => props.onChoose(one)}
              >
                <Icon role="img" aria-label={t(`severity_${one.severity}`)} />
                <span className="mono quiet problem-at">
                  {one.line}:{one.column}
                </span>
                <span>{wordsOf(one)}</span>
              </button>
              {one.about === 'rewrite' && (
                <button type="button" className="btn" onClick={() => props.onRewrite(one)}>
                  <WandSparkles aria-hidden="true" />
                  {t('rewriteOffer')}
                </button>
              )}
              {one.about === 'reopen' && (
                <button type="button" className="btn" title={t('reopenHint')} onClick={props.onReopen}>
                  <RotateCw aria-hidden="true" />
                  {t('reopen')}
                </button>
              )}
            </li>
          )
        })}
        {notModelled.length > 0 && (
          <li className="problem-line info">
            <Info aria-hidden="true" />
            <span>{t('notModelled', { names: notModelled.join(', ') })}</span>
          </li>
        )}
      </ul>
    </section>
  )
}
