// The log's changes of events, packed or not: what is read is what was written, of each revision.
import { expect, it } from 'vitest'
import { createWorld } from '../../net/world.ts'
import type { ApiObject, StoreChange } from '../types.ts'
import { revisionAt, storeChanges, storeChangesOnNode, storeGetAt, storeListAt } from './history.ts'
import { createStore, storeGet, storeOf, storePut, storeRemove } from './store.ts'

const UID = '681253d6-e6fd-4546-9f69-e3e554ab5868'

function event(name: string, count: number, more: object = {}): ApiObject {
  const at = '2026-01-01T00:00:20Z'
  const metadata = { name, namespace: 'default', uid: UID, creationTimestamp: at, resourceVersion: '' }
  const about = {
    kind: 'Pod',
    namespace: 'default',
    name: 'web',
    uid: UID,
    apiVersion: 'v1',
    resourceVersion: '7',
  }
  const said = { reason: 'BackOff', message: `again ${count}`, type: 'Warning', count }
  const times = { firstTimestamp: at, lastTimestamp: at, source: { component: 'kubelet', host: 'n1' } }
  const reporter = { reportingComponent: 'kubelet', reportingInstance: 'n1' }
  const head = { apiVersion: 'v1', kind: 'Event', metadata, involvedObject: about }
  return { ...head, ...said, ...times, ...reporter, ...more } as ApiObject
}

it('gives back each change, its time, what was before it, and the past', () => {
  const world = createWorld(1)
  createStore(world)
  const written: StoreChange[] = []
  const listed: string[] = []
  for (let i = 0; i < 700; i++) {
    world.now += 1000
    const resource = i % 5 === 0 ? 'pods' : 'events'
    const name = `web.${i % 40}`
    const previous = storeGet(storeOf(world), resource, 'default', name)
    const odd = i % 7 === 0 ? { action: 'x', labels: JSON.parse('{"__proto__": "y"}') as object } : {}
    const manager = i % 2 === 0 ? 'kubelet' : 'kubectl create'
    const removes = i % 9 === 0 && previous !== undefined
    const pod = { kind: 'Pod', spec: { nodeName: 'n1', containers: [] } }
    const made = event(name, i, resource === 'pods' ? pod : odd)
    const object = removes
      ? storeRemove(world, resource, 'default', name, manager)!
      : storePut(world, resource, made, manager)
    const type = removes ? 'DELETED' : previous === undefined ? 'ADDED' : 'MODIFIED'
    const { revision } = storeOf(world)
    const change = {
      revision,
      type,
      resource,
      key: `default/${name}`,
      object,
      previous,
      at: world.now,
      manager,
    }
    written.push(change as StoreChange)
    if (i === 300) listed.push(JSON.stringify(storeListAt(storeOf(world), 'events', revision)))
  }
  const store = storeOf(world)
  const text = (changes: unknown) => JSON.stringify(changes)
  expect(store.log.chunks.flat().filter((entry) => typeof entry === 'string').length).toBeGreaterThan(300)
  expect(text(storeChanges(store, 1))).toBe(text(written))
  const events = written.filter(({ resource }) => resource === 'events')
  expect(text(storeChanges(store, 1, new Set(['events'])))).toBe(text(events))
  expect(text(storeChanges(store, 200, new Set(['events']), 250))).toBe(
    text(events.filter(({ revision }) => revision > 200 && revision <= 250)),
  )
  expect(text(storeChangesOnNode(store, 1, new Set(['pods', 'events']), 'n1'))).toBe(text(written))
  const first = storeChanges(store, 1) as StoreChange[]
  expect(first.every((change) => Object.isFrozen(change) && Object.isFrozen(change.object))).toBe(true)
  for (const { revision, at } of written) expect(revisionAt(store, at + 1)).toBe(revision)
  expect(text(storeListAt(store, 'events', written[300]!.revision))).toBe(listed[0])
  for (const { key, revision, object, type } of events.slice(0, 300)) {
    const then = storeGetAt(store, 'events', 'default', key.slice(8), revision)
    expect(text(then)).toBe(type === 'DELETED' ? undefined : text(object))
  }
})
