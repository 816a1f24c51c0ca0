// Figures of client-go's events_cache.go: a burst of 25, one more in 300 s, ten messages of a reason in 600 s.
import { expect, it } from 'vitest'
import type { EventMemory } from './correlator.ts'
import { correlate } from './correlator.ts'

const SECOND = 1_000_000_000

it('lets 25 events of an object through, then one in 300 s', () => {
  const memories = new Map<string, EventMemory>()
  const say = (object: string, at: number) =>
    correlate(memories, object, 'Warning BackOff', 'again', at * SECOND) !== undefined
  const first = Array.from({ length: 40 }, () => say('Pod a', 0)).filter(Boolean)
  expect(first).toHaveLength(25)
  expect(say('Pod a', 299)).toBe(false)
  expect(say('Pod a', 300)).toBe(true)
  expect(say('Pod a', 300)).toBe(false)
  expect(say('Pod b', 300)).toBe(true)
})

it('combines what differs in its message only, from the tenth on', () => {
  const memories = new Map<string, EventMemory>()
  const say = (n: number, at = n) =>
    correlate(memories, 'ReplicaSet a', 'Normal SuccessfulCreate', `Created pod: ${n}`, at * SECOND)
  for (let n = 1; n <= 9; n++) expect(say(n)).toMatchObject({ message: `Created pod: ${n}`, isNew: true })
  expect(say(10)).toMatchObject({ message: '(combined from similar events): Created pod: 10', isNew: true })
  expect(say(11)).toMatchObject({ message: '(combined from similar events): Created pod: 11', isNew: false })
  expect(say(12, 700)).toMatchObject({ message: 'Created pod: 12', isNew: true })
})

it('remembers 4,096 objects and no more', () => {
  const memories = new Map<string, EventMemory>()
  for (let n = 0; n < 5000; n++) correlate(memories, `Pod ${n}`, 'Normal Started', 'x', n)
  expect(memories.size).toBe(4096)
  expect(memories.has('Pod 903')).toBe(false)
  expect(memories.has('Pod 904')).toBe(true)
})

it('remembers several reasons of one object, in words that it knows and in others', () => {
  const memories = new Map<string, EventMemory>()
  const told: [string, string][] = [
    ['Normal Pulled', 'Container image "nginx" already present on machine'],
    ['Normal Started', 'Started container c'],
    ['Warning BackOff', 'Back-off \0\u00ff \u65e5 restarting'],
    ['Normal ', ''],
    ['Scheduled', 'Successfully assigned / to n1'],
  ]
  const say = ([reason, message]: [string, string], at: number) =>
    correlate(memories, 'a uid', reason, message, at)
  const times = [0, 1, 127, 128, 16384]
  const first = told.map((one, i) => say(one, times[i]!))
  expect(first).toEqual(told.map(([, message], i) => ({ message, since: times[i], isNew: true })))
  const again = told.slice(0, 4).map((one, i) => say(one, times[i]! + 200))
  expect(again).toEqual(
    told.slice(0, 4).map(([, message], i) => ({ message, since: times[i], isNew: false })),
  )
  expect(say(['Normal Started', 'Started container d'], 400)).toMatchObject({ since: 400, isNew: true })
  expect(say(told[1]!, 500)).toMatchObject({ since: 1, isNew: false })
})
