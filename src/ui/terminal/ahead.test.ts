import { describe, expect, it } from 'vitest'
import { keyBytes } from './ahead.ts'

function key(key: string, held: { ctrl?: boolean; alt?: boolean; meta?: boolean; altGraph?: boolean } = {}) {
  return keyBytes({
    key,
    ctrlKey: held.ctrl === true,
    altKey: held.alt === true,
    metaKey: held.meta === true,
    getModifierState: (name) => name === 'AltGraph' && held.altGraph === true,
  })
}

describe('keys typed before a terminal has its screen', () => {
  it('are what the terminal would have sent', () => {
    expect(['a', 'É', ' ', 'Enter', 'Tab', 'Backspace', 'ArrowUp'].map((one) => key(one))).toEqual([
      'a',
      'É',
      ' ',
      '\r',
      '\t',
      '\x7f',
      '\x1b[A',
    ])
    expect(key('c', { ctrl: true })).toBe('\x03')
    expect(key('b', { alt: true })).toBe('\x1bb')
    expect(key('@', { ctrl: true, alt: true, altGraph: true })).toBe('@')
  })

  it('leave to the page what is not for a terminal', () => {
    expect(key('Shift') + key('F6') + key('Dead') + key('Process')).toBe('')
    expect(key('v', { ctrl: true }) + key('E', { ctrl: true }) + key('k', { meta: true })).toBe('')
  })
})
