import { expect, it } from 'vitest'
import { assert, unreachable } from './assert.ts'

it('throws an AssertionError with the message', () => {
  expect(() => assert(true, 'fine')).not.toThrow()
  for (const broken of [() => assert(0, 'no such chain'), () => unreachable('no such chain' as never)]) {
    let error: unknown
    try {
      broken()
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ name: 'AssertionError', message: expect.stringContaining('no such chain') })
  }
})
