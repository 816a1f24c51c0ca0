import { expect, it } from 'vitest'
import { inLanguage } from './labs.ts'
import { paragraphs } from './prose.ts'

it('splits paragraphs, joins their lines and tells code apart', () => {
  expect(paragraphs('One\ntwo `ip a`.\n\n  Three\n')).toEqual([
    [
      { text: 'One two ', code: false },
      { text: 'ip a', code: true },
      { text: '.', code: false },
    ],
    [{ text: 'Three', code: false }],
  ])
})

it('leaves markup and lone backticks as they are', () => {
  expect(paragraphs('<b>x</b> ` y')).toEqual([[{ text: '<b>x</b> ` y', code: false }]])
  expect(paragraphs('')).toEqual([])
})

it('falls back from the region to the language, to English, to any', () => {
  expect(inLanguage({ en: 'e', ru: 'r' }, 'ru-RU')).toBe('r')
  expect(inLanguage({ en: 'e', ru: 'r' }, 'zh')).toBe('e')
  expect(inLanguage({ ru: 'r' }, 'zh')).toBe('r')
  expect(inLanguage(undefined, 'en')).toBe('')
})
