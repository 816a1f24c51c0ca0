import { describe, expect, it } from 'vitest'
import { isReport } from './safe.ts'
import { joinStream, overlap } from './stream.ts'

function screen() {
  let shown = ''
  let resets = 0
  const stream = joinStream((text, reset) => {
    shown = reset ? text : shown + text
    if (reset) resets++
  })
  return { stream, shown: () => shown, resets: () => resets }
}

describe('a terminal whose text comes by two ways', () => {
  it('shows what was there and then what is new', () => {
    const { stream, shown } = screen()
    stream.begin('$ ping\r\n')
    stream.take('64 bytes', false)
    expect(shown()).toBe('$ ping\r\n64 bytes')
  })

  it('shows nothing twice where the stream was quicker than the answer', () => {
    const { stream, shown } = screen()
    stream.take('two ', false)
    stream.take('three ', false)
    stream.begin('one two ')
    expect(shown()).toBe('one two three ')
  })

  it('shows the text of another moment after a seek, also where that is nothing', () => {
    const { stream, shown } = screen()
    stream.begin('one two')
    stream.take('one', true)
    expect(shown()).toBe('one')
    stream.take('', true)
    expect(shown()).toBe('')
    stream.begin('late answer')
    expect(shown()).toBe('')
  })

  it('only adds where the other moment adds', () => {
    const { stream, shown, resets } = screen()
    stream.begin('one')
    const before = resets()
    stream.take('one two', true)
    expect(shown()).toBe('one two')
    expect(resets()).toBe(before)
  })
})

it('finds how much of the one is the end of the other', () => {
  expect(overlap('abcab', 'abx')).toBe(2)
  expect(overlap('abc', 'abc')).toBe(3)
  expect(overlap('abc', 'xyz')).toBe(0)
})

describe('what a terminal says by itself', () => {
  // Answers as xterm(1)'s ctlseqs names them: DA, DA2, DSR, DECRPM, DECRQSS, colour, window, focus.
  it.each([
    '\x1b[?1;2c',
    '\x1b[>0;276;0c',
    '\x1b[0n',
    '\x1b[?2026;2$y',
    '\x1bP1$r0m\x1b\\',
    '\x1b]11;rgb:0000/0000/0000\x1b\\',
    '\x1b[8;24;80t',
    '\x1b[I',
    '\x1b[O',
  ])('%j is a report', (data) => {
    expect(isReport(data)).toBe(true)
  })

  it.each(['a', '\x03', '\x1b[A', '\x1b[1;5D', '\x1b[3~', '\x1bOP', '\x1b[200~', '\t', '\x7f'])(
    '%j is a key',
    (data) => {
      expect(isReport(data)).toBe(false)
    },
  )
})
