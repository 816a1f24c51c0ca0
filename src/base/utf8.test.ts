// Against the platform's TextEncoder and TextDecoder, as the Encoding Standard has them.
import { expect, it } from 'vitest'
import { decodeUtf8, encodeUtf8 } from './utf8.ts'

const TEXTS = ['', 'plain', 'a\u0000b', 'é', 'Ω≈ç√', '漢字', '👍🏽 ok', 'x\ud800y', '\udfff', 'end\ud83d']

it.each(TEXTS)('text %#', (text) => {
  const bytes = encodeUtf8(text)
  expect([...bytes]).toEqual([...new TextEncoder().encode(text)])
  expect(decodeUtf8([], bytes)).toEqual({ text: new TextDecoder().decode(bytes), rest: [] })
})

it('takes up a character that was cut', () => {
  const bytes = encodeUtf8('a漢')
  const first = decodeUtf8([], bytes.subarray(0, 3))
  expect(first).toEqual({ text: 'a', rest: [...bytes.subarray(1, 3)] })
  expect(decodeUtf8(first.rest, bytes.subarray(3))).toEqual({ text: '漢', rest: [] })
})
