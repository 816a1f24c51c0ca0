/** Texts that were replaced by another lab, to be opened again. */
import { Trash2 } from 'lucide-react'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { openText } from '../client/document.ts'
import { forgetKept, type KeptText, keptTexts } from './kept.ts'

export function Kept({ close }: { close: () => void }) {
  const { t, i18n } = useTranslation('library')
  const [texts, setTexts] = useState<KeptText[]>([])
  useEffect(() => {
    let wanted = true
    void keptTexts().then((all) => wanted && setTexts(all))
    return () => {
      wanted = false
    }
  }, [])
  if (texts.length === 0) return null
  const when = new Intl.DateTimeFormat(i18n.language, { dateStyle: 'medium', timeStyle: 'short' })
  const forget = async (at: number) => {
    await forgetKept(at)
    setTexts((all) => all.filter((one) => one.at !== at))
  }
  return (
    <section>
      <h3 className="menu-label">{t('kept')}</h3>
      <ul className="labs">
        {texts.map((one) => (
          <li key={one.at} className="kept">
            <button
              type="button"
              className="lab"
              onClick={() => void openText(one.text).then((ok) => ok && close())}
            >
              <span className="lab-words">
                <span className="lab-name">{one.title || t('untitled')}</span>
              </span>
              <span className="quiet">{when.format(one.at)}</span>
            </button>
            <button
              type="button"
              className="btn icon"
              aria-label={t('forget', { title: one.title || t('untitled') })}
              title={t('forget', { title: one.title || t('untitled') })}
              onClick={() => void forget(one.at)}
            >
              <Trash2 aria-hidden="true" />
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}
