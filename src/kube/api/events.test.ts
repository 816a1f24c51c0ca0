// Events through the API, as an agent recorded them (the store packs those) and as users write them: the same fields in
// each answer, and the watch's text is the list's.
import { expect, it } from 'vitest'
import { putEvent } from '../agent/recorded.ts'
import { storeOf } from '../store/store.ts'
import { at, openApi, sendTo } from './rest.fixture.ts'
import { watchPoll } from './watch.ts'

const EVENTS = '/api/v1/namespaces/default/events'
const UID = '7d3f1c5e-0a4b-4c6d-8e9f-001122334455'
const AGENT = { user: 'system:node:n1', manager: 'kubelet' }

function opened() {
  const world = openApi()
  const record = (pod: string, isNew = true, since = 0) =>
    putEvent(world, AGENT, {
      about: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: pod, namespace: 'default', uid: UID, resourceVersion: '7' },
      },
      ...{ type: 'Warning', reason: 'BackOff', message: `Back-off restarting ${pod}` },
      ...{ component: 'kubelet', host: 'n1', at: world.now, since, isNew },
    })
  const send = (method: string, url: string, body: unknown = '', contentType = 'application/json') =>
    sendTo(world, method, url, body, { contentType })
  return { world, record, send }
}

/** The name says 2026-01-01T00:00:00Z in nanoseconds. */
const NAME = 'web.18867251edfa0000'

it('a recorded event has each field in get and in list', () => {
  const { world, record, send } = opened()
  record('web')
  const { uid, resourceVersion } = at(send('GET', `${EVENTS}/${NAME}`), 'metadata') as Record<string, string>
  expect(uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(Number(resourceVersion)).toBe(storeOf(world).revision)
  const now = '2026-01-01T00:00:00Z'
  const event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: NAME, namespace: 'default', uid, creationTimestamp: now, resourceVersion },
    involvedObject: {
      ...{ kind: 'Pod', namespace: 'default', name: 'web', uid: UID },
      ...{ apiVersion: 'v1', resourceVersion: '7' },
    },
    ...{ reason: 'BackOff', message: 'Back-off restarting web', type: 'Warning', count: 1 },
    ...{ firstTimestamp: now, lastTimestamp: now, source: { component: 'kubelet', host: 'n1' } },
    ...{ reportingComponent: 'kubelet', reportingInstance: 'n1' },
  }
  expect(send('GET', `${EVENTS}/${NAME}`).body).toEqual(event)
  const { apiVersion: _, kind: __, ...item } = event
  expect(at(send('GET', EVENTS), 'items')).toEqual([item])
  expect(at(send('GET', '/api/v1/events'), 'items')).toEqual([item])
})

it('selectors, watches, counting up, patches and deletion are as of any object', () => {
  const { world, record, send } = opened()
  const from = storeOf(world).revision
  record('web')
  record('web-2')
  record('web', false)
  const label = '{"metadata":{"labels":{"a":"b"},"annotations":{"constructor":"x"}}}'
  expect(send('PATCH', `${EVENTS}/${NAME}`, label, 'application/merge-patch+json').code).toBe(200)
  const named = (selector: string) =>
    (at(send('GET', `${EVENTS}?${selector}`), 'items') as { metadata: { name: string } }[]).map(
      (o) => o.metadata.name,
    )
  const other = NAME.replace('web', 'web-2')
  expect(named('fieldSelector=involvedObject.name%3Dweb')).toEqual([NAME])
  expect(named('fieldSelector=reason%3DBackOff,type%3DWarning')).toEqual([other, NAME])
  expect(named('labelSelector=a%3Db')).toEqual([NAME])
  const got = send('GET', `${EVENTS}/${NAME}`).body
  expect(JSON.stringify(got)).toContain('"annotations":{"constructor":"x"}')
  expect(got).toMatchObject({ count: 2, message: 'Back-off restarting web', reportingInstance: 'n1' })
  const bare = '{"metadata":{"labels":null,"annotations":null}}'
  send('PATCH', `${EVENTS}/${NAME}`, bare, 'application/merge-patch+json')
  const last = send('GET', `${EVENTS}/${NAME}`).body
  expect(send('DELETE', `${EVENTS}/${NAME}`).code).toBe(200)
  expect(send('GET', `${EVENTS}/${NAME}`).code).toBe(404)
  expect(named('')).toEqual([other])
  const watch = send('GET', `${EVENTS}?watch=1&resourceVersion=${from}`)
  const lines = watchPoll(world, watch.watch!, from).lines.map((line) => JSON.parse(line))
  expect(lines.map(({ type }) => type)).toEqual([
    'ADDED',
    'ADDED',
    'MODIFIED',
    'MODIFIED',
    'MODIFIED',
    'DELETED',
  ])
  expect(lines[3].object).toEqual(JSON.parse(JSON.stringify(got)))
  expect(lines[4].object).toEqual(JSON.parse(JSON.stringify(last)))
})

it('recorded events go an hour after they were last written', () => {
  const { world, record, send } = opened()
  for (let i = 0; i < 40; i++) record(`old-${i}`)
  record('again')
  world.now += 3_599_000_000_000
  record('again', false)
  record('middle')
  world.now += 1_000_000_000
  for (let i = 0; i < 64; i++) record(`new-${i}`)
  const items = at(send('GET', EVENTS), 'items') as { metadata: { name: string } }[]
  const kinds = new Set(items.map(({ metadata }) => metadata.name.split(/[-.]/)[0]))
  expect([...kinds]).toEqual(['again', 'middle', 'new'])
  expect(items).toHaveLength(66)
})

it("a user's event with other fields is kept with them, among packed ones", () => {
  const { record, send } = opened()
  record('web')
  record('web-2')
  const own = {
    ...{ apiVersion: 'v1', kind: 'Event', metadata: { name: 'web-1.own', annotations: { a: 'b' } } },
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'web', fieldPath: 'spec.containers{c}' },
    ...{ reason: 'Mine', message: 'x', eventTime: '2026-01-01T00:00:00.000001Z', action: 'Doing' },
    ...{ related: { kind: 'Node', name: 'n1' }, reportingComponent: 'me', reportingInstance: 'me-1' },
    series: { count: 3, lastObservedTime: '2026-01-01T00:00:00.000002Z' },
  }
  const made = send('POST', EVENTS, own)
  expect(made.code).toBe(201)
  expect(made.body).toMatchObject(own)
  expect(send('GET', `${EVENTS}/web-1.own`).body).toEqual(made.body)
  const items = at(send('GET', EVENTS), 'items') as { metadata: { name: string } }[]
  expect(items.map(({ metadata }) => metadata.name)).toEqual([
    'web-1.own',
    NAME.replace('web', 'web-2'),
    NAME,
  ])
  expect({ apiVersion: 'v1', kind: 'Event', ...items[0] }).toEqual(made.body)
})
