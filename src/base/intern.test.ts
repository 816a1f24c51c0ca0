import { expect, it } from 'vitest'
import { interned } from './intern.ts'

it('answers the text as it is, whatever it is', () => {
  for (const text of [
    '',
    'a',
    '__proto__',
    'constructor',
    '0',
    '12',
    '4294967295',
    'a\nb',
    '\ud800',
    'ü'.repeat(99),
  ]) {
    expect(interned(text)).toBe(text)
    expect(interned(`${text.slice(0, 1)}${text.slice(1)}`)).toBe(text)
  }
})
