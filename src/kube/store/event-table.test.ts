// Packed events: what comes out is what went in, byte for byte, in the order of keys, and as a Map would have it.
import { describe, expect, it } from 'vitest'
import { createRng, nextBelow } from '../../base/rng.ts'
import type { ApiObject } from '../types.ts'
import type { EventTable } from './event-table.ts'
import { createEventTable, eventDelete, eventGet, eventSet, eventsUntil, eventValues } from './event-table.ts'
import { momentOf, momentText } from './pack.ts'

type Fields = Record<string, unknown>

const UID = '681253d6-e6fd-4546-9f69-e3e554ab5868'
const stamp = (i: number) => (0x18867256aef4a200n + BigInt(i)).toString(16)

/** As the kubelet's recorder writes one. */
function recorded(name: string, more: Fields = {}, parts: Record<string, Fields | null> = {}): ApiObject {
  const whose = name.slice(0, name.lastIndexOf('.'))
  const at = '2026-01-01T00:00:20Z'
  const metadata = { name, namespace: 'default', uid: UID, creationTimestamp: at, resourceVersion: '18542' }
  const involvedObject = {
    ...{ kind: 'Pod', namespace: 'default', name: whose, uid: UID.replace('6', '0') },
    ...{ apiVersion: 'v1', resourceVersion: '18000' },
  }
  const event = {
    ...{ apiVersion: 'v1', kind: 'Event', metadata: { ...metadata, ...parts.metadata } },
    involvedObject: parts.about === undefined ? involvedObject : parts.about,
    ...{ reason: 'Started', message: 'Started container c', type: 'Normal', count: 1 },
    ...{
      firstTimestamp: at,
      lastTimestamp: at,
      source: { component: 'kubelet', host: 'n1', ...parts.source },
    },
    ...{ reportingComponent: 'kubelet', reportingInstance: 'n1' },
    ...more,
  }
  return event as unknown as ApiObject
}

const keyOf = ({ metadata }: ApiObject) => `${metadata.namespace}/${metadata.name}`
const put = (table: EventTable, event: ApiObject) => eventSet(table, keyOf(event), event)

/** Through a block of others, so that it shares and is found among them. */
function through(event: ApiObject): { whole: boolean; text: string } {
  let table = createEventTable()
  for (let i = 0; i < 40; i++) table = put(table, recorded(`web-${i % 7}.${stamp(i * 1000)}`))
  table = put(table, event)
  const got = eventGet(table, keyOf(event))
  expect(eventValues(table, '').filter((other) => keyOf(other) === keyOf(event))).toEqual([got])
  return { whole: got === event, text: JSON.stringify(got) }
}

const name = `web-3.${stamp(5)}`
const about = (fields: Fields) => ({ about: fields })

/** Odd in one thing each, but of the recorders' form: every field is held by at least one. */
const packed: [string, ApiObject][] = [
  ['a usual one', recorded(name)],
  ['another uid', recorded(name, {}, { metadata: { uid: '00000000-0000-0000-0000-0123456789ab' } })],
  ['a uid in capitals', recorded(name, {}, { metadata: { uid: UID.toUpperCase() } })],
  ['no uid', recorded(name, {}, { metadata: { uid: '' } })],
  ['another revision', recorded(name, {}, { metadata: { resourceVersion: '900719925474099' } })],
  ['made at another time', recorded(name, {}, { metadata: { creationTimestamp: '1999-12-31T23:59:60Z' } })],
  ['first at another time', recorded(name, { firstTimestamp: '2025-02-28T23:00:01Z' })],
  ['last at another time', recorded(name, { lastTimestamp: '2026-11-30T10:59:59Z' })],
  ['no time at all', recorded(name, { firstTimestamp: '0000-00-00T00:00:00Z' })],
  ['many times', recorded(name, { count: 2 ** 40 + 3 })],
  ['never', recorded(name, { count: 0 })],
  ['a warning', recorded(name, { type: 'Warning' })],
  ['another reason', recorded(name, { reason: 'BackOff', message: 'Back-off pulling image "x"' })],
  ['no reason', recorded(name, { reason: '', message: '' })],
  ['a message in other words', recorded(name, { message: 'Started  container c' })],
  ['a message that is no more than its beginning', recorded(name, { message: 'Started container' })],
  [
    'a message that overlaps',
    recorded(name, { reason: 'Pulled', message: 'Container image "" already present on machine' }),
  ],
  [
    'a message too short for both ends',
    recorded(name, { reason: 'Pulled', message: 'Container image " already present on machine' }),
  ],
  [
    'a scheduled pod',
    recorded(name, { reason: 'Scheduled', message: 'Successfully assigned default/web-3 to n1' }),
  ],
  [
    'one scheduled elsewhere',
    recorded(name, { reason: 'Scheduled', message: 'Successfully assigned x/web-3 to $& n1' }),
  ],
  ['any characters', recorded(name, { message: '\0\u00ff\u0100 日本語 \ud800 😀 \n"' })],
  ['a long message', recorded(name, { message: 'x'.repeat(5000) })],
  ['another component', recorded(name, {}, { source: { component: 'my-operator' } })],
  ['no component', recorded(name, {}, { source: { component: '' } })],
  ['a known component of another reporter', recorded(name, { reportingComponent: 'x' })],
  ['another host', recorded(name, {}, { source: { host: 'n22222222222222222222222' } })],
  ['another instance', recorded(name, { reportingInstance: 'z' })],
  ['no instance', recorded(name, { reportingInstance: '' })],
  ['no host', recorded(name, { source: { component: 'kubelet' }, reportingInstance: '' })],
  ['no host but an instance', recorded(name, { source: { component: 'kubelet' } })],
  [
    'about a node',
    recorded(name, {}, about({ kind: 'Node', name: 'n1', uid: 'n1', apiVersion: 'v1', resourceVersion: '' })),
  ],
  [
    'about what lies elsewhere',
    recorded(
      name,
      {},
      about({
        ...{
          kind: 'Job',
          namespace: 'other',
          name: 'x',
          uid: UID,
          apiVersion: 'batch/v1',
          resourceVersion: '007',
        },
      }),
    ),
  ],
  ['a name without a time', recorded('web-3.abc')],
  ['a name without a dot', recorded('web', {}, { metadata: { name: 'web' } })],
  ['a time in capitals', recorded('web-3.18867256AEF4A200')],
  ['a name that is a time', recorded('.18867256aef4a200')],
  ['a name that others begin with', recorded('web-3')],
]

const annotations = JSON.parse('{"__proto__": "a", "constructor": "b"}') as Fields
const swapped = { namespace: 'default', name, uid: UID, creationTimestamp: '', resourceVersion: '1' }

/** Of another form. */
const whole: [string, ApiObject][] = [
  ['annotations', recorded(name, {}, { metadata: { annotations } })],
  ['labels', recorded(name, {}, { metadata: { labels: { a: 'b' } } })],
  ['a key of its own', recorded(name, JSON.parse('{"__proto__": {"x": 1}}') as Fields)],
  ['a related object', recorded(name, { related: { kind: 'Pod', name: 'x' } })],
  [
    'an eventTime and an action',
    recorded(name, { eventTime: '2026-01-01T00:00:20.000000Z', action: 'Binding' }),
  ],
  ['a series', recorded(name, { series: { count: 3, lastObservedTime: '2026-01-01T00:00:20.000000Z' } })],
  ['no times', recorded(name, { firstTimestamp: null, lastTimestamp: null })],
  ['a fraction of a second', recorded(name, { lastTimestamp: '2026-01-01T00:00:20.5Z' })],
  ['a zone', recorded(name, { lastTimestamp: '2026-01-01T00:00:20+01:00' })],
  ['a month 13', recorded(name, { lastTimestamp: '2026-13-01T00:00:20Z' })],
  ['letters for digits', recorded(name, { lastTimestamp: '2026-01-01T00:0a:20Z' })],
  ['a fraction of a count', recorded(name, { count: 1.5 })],
  ['a count below zero', recorded(name, { count: -1 })],
  ['a field path', recorded(name, {}, about({ kind: 'Pod', fieldPath: 'spec.containers{c}' }))],
  ['about nothing', recorded(name, {}, { about: null })],
  ['a revision with a nought before it', recorded(name, {}, { metadata: { resourceVersion: '01' } })],
  ['a source with fields turned', recorded(name, { source: { host: 'n1', component: 'kubelet' } })],
  ['metadata with fields turned', recorded(name, { metadata: swapped })],
  ['a number for a text', recorded(name, { message: 5 })],
]

describe('one event', () => {
  it.each(packed)('%s comes back as it was', (_, event) => {
    expect(through(event)).toEqual({ whole: false, text: JSON.stringify(event) })
  })

  it.each(whole)('%s: is kept as it is', (_, event) => {
    expect(through(event)).toEqual({ whole: true, text: JSON.stringify(event) })
  })

  it('is frozen, and a later state takes the place of an earlier one, packed or not', () => {
    let table = put(createEventTable(), recorded(name))
    const got = eventGet(table, `default/${name}`) as unknown as { source: object; metadata: object }
    expect([got, got.source, got.metadata].every(Object.isFrozen)).toBe(true)
    for (const [, event] of [...whole, ...packed.slice(0, 20), ...whole]) {
      if (event.metadata.name !== name) continue
      table = put(table, event)
      expect(JSON.stringify(eventValues(table, ''))).toBe(JSON.stringify([event]))
      expect(table.size).toBe(1)
    }
    table = eventDelete(table, `default/${name}`)
    expect([table.size, table.odd.size, table.blocks.size]).toEqual([0, 0, 0])
  })
})

describe('many events', () => {
  it('agree with a sorted Map over 8,000 random writes, and an older table never changes', () => {
    const model = new Map<string, ApiObject>()
    let table = createEventTable()
    const rng = createRng(7, 1)
    const next = (below: number) => nextBelow(rng, below)
    const older: [EventTable, string][] = []
    for (let i = 0; i < 8_000; i++) {
      const pod = `${['web', 'web-a', 'a.b', 'web.1'][next(4)]}${next(60) || ''}`
      const at = `2026-01-01T00:0${next(10)}:00Z`
      const odd = next(10) === 0 ? { action: 'x' } : {}
      const namespace = ['default', 'default-2', 'a'][next(3)]!
      const made = { namespace, creationTimestamp: at, resourceVersion: String(i + 1) }
      const event = recorded(`${pod}.${stamp(next(12))}`, { lastTimestamp: at, ...odd }, { metadata: made })
      const key = keyOf(event)
      const before = JSON.stringify(eventGet(table, key))
      if (before !== JSON.stringify(model.get(key))) throw new Error(`another event under ${key} at ${i}`)
      if (i % 1000 === 0) older.push([table, JSON.stringify(eventValues(table, ''))])
      if (next(5) < 2) {
        table = eventDelete(table, key)
        model.delete(key)
      } else {
        table = eventSet(table, key, event)
        model.set(key, event)
      }
    }
    const sorted = [...model.keys()].sort()
    const all = (keys: readonly string[]) => JSON.stringify(keys.map((key) => model.get(key)))
    expect(table.size).toBe(model.size)
    expect(model.size).toBeGreaterThan(1500)
    expect(JSON.stringify(eventValues(table, ''))).toBe(all(sorted))
    for (const prefix of ['default/', 'default-2/', 'a/', 'b/', 'default/web-a1', 'default/web.1']) {
      const some = sorted.filter((key) => key.startsWith(prefix))
      expect(JSON.stringify(eventValues(table, prefix))).toBe(all(some))
    }
    const until = '2026-01-01T00:03:30Z'
    const heard = (event: ApiObject) => (event as unknown as { lastTimestamp: string }).lastTimestamp
    const old = sorted.filter((key) => heard(model.get(key)!) <= until || 'action' in model.get(key)!)
    expect(JSON.stringify(eventsUntil(table, momentOf(until)!))).toBe(all(old))
    expect(older.map(([then]) => JSON.stringify(eventValues(then, '')))).toEqual(
      older.map(([, text]) => text),
    )
    for (const key of sorted) table = eventDelete(table, key)
    expect([table.size, table.odd.size, table.blocks.size]).toEqual([0, 0, 0])
  })

  it('are named in order: blocks are full where names count up', () => {
    let table = createEventTable()
    for (let i = 0; i < 1000; i++) table = put(table, recorded(`web.${stamp(i)}`))
    expect(table.blocks.size).toBeLessThan(40)
    expect(eventValues(table, '').length).toBe(1000)
  })
})

it('a moment grows with its text', () => {
  const texts = [
    '2025-12-31T23:59:59Z',
    '2026-01-01T00:00:00Z',
    '2026-01-01T00:00:60Z',
    '2026-01-01T00:01:00Z',
  ]
  const moments = texts.map((text) => momentOf(text)!)
  expect(moments).toEqual([...moments].sort((a, b) => a - b))
  expect(moments.map(momentText)).toEqual(texts)
})
