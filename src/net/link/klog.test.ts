import { expect, it } from 'vitest'
import { netOf, nsOf, runFor } from '../ip/checkip.ts'
import { klog, KLOG_MAX, klogLines } from './klog.ts'

it('keeps the latest lines with their times, however many there were', () => {
  const world = netOf('link A/a0 B/b0')
  const a = nsOf(world, 'A')
  const said: string[] = []
  for (let i = 0; i < 1200; i++) {
    runFor(world, 1)
    klog(world, a, `line ${i}\twith "quotes"`)
    said.push(`${world.now} line ${i}\twith "quotes"`)
    if ([1, 47, 48, 49, 700].includes(i)) {
      const shown = klogLines(a).map(({ at, text }) => `${at} ${text}`)
      expect(shown.slice(-said.length)).toEqual(said.slice(-KLOG_MAX))
    }
  }
  expect(klogLines(a).map(({ at, text }) => `${at} ${text}`)).toEqual(said.slice(-KLOG_MAX))
})

it('gives lines back as they were said: alike, at one moment, with characters of any kind', () => {
  const world = netOf('link A/a0 B/b0')
  const a = nsOf(world, 'A')
  const said: string[] = []
  const say = (text: string) => {
    klog(world, a, text)
    said.push(`${world.now} ${text}`)
  }
  for (let i = 0; i < 40; i++) {
    runFor(world, i % 3)
    for (const state of ['blocking', 'disabled', 'forwarding'])
      say(`br0: port ${i}(veth${i}) entered ${state} state`)
    say(`veth${i}: entered promiscuous mode`)
    say(i < 20 ? 'same' : `[x] \u00e9\u0439 ${'long '.repeat(40)}${i}`)
    if (i === 30) say('two\nlines and \u0001')
  }
  expect(klogLines(a).map(({ at, text }) => `${at} ${text}`)).toEqual(said)
})
