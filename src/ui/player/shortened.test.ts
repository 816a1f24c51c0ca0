import { expect, it } from 'vitest'
import { shortened } from './shortened.ts'

const parts = ['eth0 receives it', 'route to 10.0.0.1', 'forwarded', 'dropped: eth1 is down']

it('keeps a sentence that fits', () => {
  expect(shortened(parts, 80)).toEqual(parts)
})

it('leaves out the middle: the beginning and the end stay', () => {
  expect(shortened(parts, 60)).toEqual([parts[0], '…', parts[2], parts[3]])
  expect(shortened(parts, 46)).toEqual([parts[0], '…', parts[3]])
})

it('keeps how it ended where only one part fits', () => {
  expect(shortened(parts, 20)).toEqual(['…', parts[3]])
})

it('keeps what it is told to before how it began', () => {
  expect(shortened(parts, 48, [1])).toEqual(['…', parts[1], '…', parts[3]])
  expect(shortened(parts, 66, [1])).toEqual([parts[0], parts[1], '…', parts[3]])
})

it('counts wide letters twice', () => {
  expect(shortened(['收到帧', '转发', '丢弃'], 14)).toEqual(['…', '丢弃'])
})
