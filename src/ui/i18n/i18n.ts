/** Languages. English is in the first script; the others come when chosen. One JSON per language and area, flat keys. */
import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import type { Sentence } from '../../view/types.ts'
import type { Language } from '../client/prefs.ts'
import { texts as english } from './en.ts'

type Texts = Record<string, Record<string, string>>

const AREAS = [
  'frame',
  'canvas',
  'player',
  'terminal',
  'cluster',
  'dumps',
  'editor',
  'inspector',
  'library',
  'words',
]

/** Sets up i18next with English and switches to `language`. */
export async function startI18n(language: Language): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: 'en',
    fallbackLng: 'en',
    ns: AREAS,
    defaultNS: 'frame',
    resources: { en: english },
    keySeparator: false,
    interpolation: { escapeValue: false },
    react: { bindI18nStore: 'added' },
  })
  await changeLanguage(language)
}

/** The English of the panels and of the engine's sentences: wanted as soon as there is a picture. */
export async function loadRest(): Promise<void> {
  const { texts } = await import('./en-rest.ts')
  if (!i18next.hasResourceBundle('en', 'words')) add('en', texts)
}

export async function changeLanguage(language: Language): Promise<void> {
  if (language !== 'en' && !i18next.hasResourceBundle(language, 'frame')) {
    const { texts } = language === 'ru' ? await import('./ru.ts') : await import('./zh.ts')
    add(language, texts)
  }
  await i18next.changeLanguage(language)
  document.documentElement.lang = language
}

function add(language: Language, texts: Texts): void {
  for (const [area, words] of Object.entries(texts)) i18next.addResourceBundle(language, area, words)
}

/** A sentence of the engine in the person's language; English where the catalogue has no translation. */
export function say(sentence: Sentence): string {
  return i18next.t(sentence.key, { ns: ['words', 'cluster'], ...sentence.args, defaultValue: sentence.key })
}
