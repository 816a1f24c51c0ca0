import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createLabSession } from '../session/standard.ts'
import type { StreamMessage } from '../session/types.ts'
import { firstLab } from './first-lab.ts'

const text = readFileSync(
  join(import.meta.dirname, '..', '..', 'public', 'labs', '4.1-service-test.yaml'),
  'utf8',
)

it('is what a session shows first, so that nothing has to be drawn anew', () => {
  const posted: StreamMessage[] = []
  const host = {
    post: (one: StreamMessage) => posted.push(one),
    now: () => 0,
    later: () => 0,
    cancel: () => {},
  }
  const session = createLabSession(host)
  session.open(text)
  const resets = posted.filter((one) => one.type === 'reset')
  expect(JSON.parse(JSON.stringify(firstLab(text).scene))).toEqual(resets.at(-1)?.scene)
  // The pods run already.
  expect(firstLab(text).scene.machines[0]?.rooms.map((room) => room.name)).toEqual([
    '',
    expect.stringMatching(/^service-test-/),
    expect.stringMatching(/^coredns-/),
    'client',
  ])
})

it('refuses a lab with mistakes', () => {
  expect(() => firstLab('name: x\ntopology: 3\n')).toThrow('the first lab does not open')
})
