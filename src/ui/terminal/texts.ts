import i18next from 'i18next'

/** A text of this area outside of React. */
export function i18n(key: string, values: Record<string, string> = {}): string {
  return i18next.t(key, { ns: 'terminal', ...values })
}
