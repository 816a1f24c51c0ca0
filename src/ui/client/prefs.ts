/** Small choices of the person, remembered in local storage because they are wanted before the first paint. */
import type { DockTab } from './store.ts'

export type Language = 'en' | 'ru' | 'zh'
export const LANGUAGES: readonly Language[] = ['en', 'ru', 'zh']
export type ThemeChoice = 'system' | 'light' | 'dark'

export interface Prefs {
  theme: ThemeChoice
  language: Language
  left: boolean
  right: boolean
  dock: boolean
  dockTab: DockTab
  /** `.` hides every panel at once. */
  allHidden: boolean
  /** Presenter mode: sizes times 1.6. */
  present: boolean
  layers: { addresses: boolean; packets: boolean; labels: boolean; loopback: boolean }
  speed: number
  /** The invitation of the first minute has been taken or waved away. */
  invited: boolean
  /** Has stepped once: the hint under the first sentence is no longer needed. */
  stepped: boolean
}

const KEY = 'kubehop.prefs'

export function readPrefs(): Prefs {
  const fallback = defaults()
  try {
    const saved = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Prefs>
    return { ...fallback, ...saved, layers: { ...fallback.layers, ...saved.layers } }
  } catch {
    return fallback
  }
}

export function writePrefs(prefs: Prefs): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(prefs))
  } catch {
    // Private windows may refuse storage: the page works without being remembered.
  }
}

function defaults(): Prefs {
  const wide = globalThis.innerWidth >= 900
  return {
    theme: 'system',
    language: browserLanguage(),
    left: wide,
    right: wide,
    dock: wide,
    dockTab: 'terminal',
    allHidden: false,
    present: false,
    layers: { addresses: true, packets: true, labels: true, loopback: false },
    speed: 1,
    invited: false,
    stepped: false,
  }
}

function browserLanguage(): Language {
  const tag = (globalThis.navigator?.language ?? 'en').slice(0, 2)
  return LANGUAGES.find((language) => language === tag) ?? 'en'
}
