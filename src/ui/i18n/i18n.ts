/** Languages. English is in the first script; the others come when chosen. One JSON per language and area, flat keys. */
import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import type { Sentence } from '../../view/types.ts'
import type { Language } from '../client/prefs.ts'
import { texts as english } from './en.ts'

type Texts = Record<string, Record<string, string>>

/** Sets up i18next with English and switches to `language`. */
export async function startI18n(language: Language): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: 'en',
    fallbackLng: 'en',
    ns: Object.keys(english),
    defaultNS: 'frame',
    resources: { en: english },
    keySeparator: false,
    interpolation: { escapeValue: false },
  })
  await changeLanguage(language)
}

export async function changeLanguage(language: Language): Promise<void> {
  if (language !== 'en' && !i18next.hasResourceBundle(language, 'frame')) {
    const { texts } = language === 'ru' ? await import('./ru.ts') : await import('./zh.ts')
    for (const [area, words] of Object.entries(texts as Texts))
      i18next.addResourceBundle(language, area, words)
  }
  await i18next.changeLanguage(language)
  document.documentElement.lang = language
}

/** A sentence of the engine in the person's language; English where the catalogue has no translation. */
export function say(sentence: Sentence): string {
  return i18next.t(sentence.key, { ns: 'words', ...sentence.args, defaultValue: sentence.key })
}
