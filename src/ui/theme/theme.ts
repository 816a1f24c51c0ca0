/** Puts the chosen theme and the presenter's scale on the root element. */
import type { Prefs, ThemeChoice } from '../client/prefs.ts'

export function resolveTheme(choice: ThemeChoice): 'light' | 'dark' {
  if (choice !== 'system') return choice
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
}

export function applyTheme(prefs: Prefs): void {
  const root = document.documentElement
  root.dataset.theme = resolveTheme(prefs.theme)
  root.dataset.present = String(prefs.present)
}
