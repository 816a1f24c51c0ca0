import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lineDiff, spliceOf } from './diff.ts'

describe('the smallest replacement', () => {
  it('touches only what differs, so that a cursor elsewhere keeps its place', () => {
    expect(spliceOf('a: 1\nb: 2\nc: 3\n', 'a: 1\nb: 20\nc: 3\n')).toEqual({ from: 9, to: 9, text: '0' })
    expect(spliceOf('same', 'same')).toBeNull()
    expect(spliceOf('aa', 'a')).toEqual({ from: 1, to: 2, text: '' })
  })

  it('makes the one text of the other, whatever they are', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n') })
    fc.assert(
      fc.property(text, text, (before, after) => {
        const splice = spliceOf(before, after)
        const made = splice ? before.slice(0, splice.from) + splice.text + before.slice(splice.to) : before
        expect(made).toBe(after)
      }),
    )
  })
})

describe('changed lines', () => {
  it('are those that diff(1) marks', () => {
    // diff <(printf 'a\nb\nc\nd\n') <(printf 'a\nx\nc\nd\ne\n') prints 2c2 and 4a5.
    expect(lineDiff('a\nb\nc\nd\n', 'a\nx\nc\nd\ne\n')).toEqual({ added: [2, 5], removed: 1 })
    expect(lineDiff('a\nb\n', 'b\n')).toEqual({ added: [], removed: 1 })
    expect(lineDiff('', '')).toEqual({ added: [], removed: 0 })
  })
})
