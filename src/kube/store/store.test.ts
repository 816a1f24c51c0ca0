// The store's promises: revisions count writes, reading at a revision, indexes, compaction, notifications, rewind.
import { describe, expect, it } from 'vitest'
import { createWorld } from '../../net/world.ts'
import type { SimEvent } from '../../sim/queue.ts'
import { forEachEvent } from '../../sim/queue.ts'
import { checkpoint, seek, stateHash } from '../../sim/timeline.ts'
import { KubeEv } from '../events.ts'
import type { Pod } from '../objects.ts'
import { parseTime, formatTime } from '../time.ts'
import {
  compactedRevision,
  storeChanges,
  storeChangesOnNode,
  storeGetAt,
  storeListAt,
  storeOwnedAt,
  storePodsOnNodeAt,
} from './history.ts'
import {
  createStore,
  storeGet,
  storeList,
  storeOf,
  storeOwned,
  storePodsOnNode,
  storePut,
  storeRemove,
  storeSubscribe,
} from './store.ts'
import { createTree, treeDelete, treeGet, treeSet, treeValues } from './tree.ts'

function pod(namespace: string, name: string, nodeName = '', owner = ''): Pod {
  const ownerReferences =
    owner === '' ? [] : [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner }]
  const metadata = { name, namespace, uid: name, resourceVersion: '', creationTimestamp: '', ownerReferences }
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [], nodeName } }
}

function world(logLimit = 1024) {
  const w = createWorld(1)
  createStore(w, { logLimit })
  return w
}

const names = (objects: readonly { metadata: { name: string } }[]) => objects.map((o) => o.metadata.name)

describe('the tree', () => {
  it('agrees with a sorted Map over 60,000 random writes, and never changes an older version', () => {
    const model = new Map<string, number>()
    let tree = createTree<number>()
    let state = 7
    const next = () => (state = (state * 1103515245 + 12345) % 2147483648)
    for (let i = 0; i < 60_000; i++) {
      const key = `k${next() % 12_000}`
      const before = treeGet(tree, key)
      const old = tree
      if (next() % 3 === 0) {
        tree = treeDelete(tree, key)
        model.delete(key)
      } else {
        tree = treeSet(tree, key, i)
        model.set(key, i)
      }
      if (treeGet(old, key) !== before) throw new Error(`an older version changed at ${i}`)
    }
    const keys = [...model.keys()].sort()
    expect(tree.size).toBe(model.size)
    expect(treeValues(tree)).toEqual(keys.map((key) => model.get(key)))
    const some = keys.filter((key) => key.startsWith('k12'))
    expect(treeValues(tree, 'k12')).toEqual(some.map((key) => model.get(key)))
    for (const key of keys) tree = treeDelete(tree, key)
    expect([tree.size, tree.branches.length]).toEqual([0, 0])
  })
})

describe('the store', () => {
  it('counts revisions, freezes, and reads the past', () => {
    const w = world()
    const a = storePut(w, 'pods', pod('x', 'a'), 'me')
    storePut(w, 'pods', pod('y', 'b', 'n1', 'rs'), 'me')
    storePut(w, 'pods', { ...a, spec: { containers: [], nodeName: 'n1' } }, 'me')
    storeRemove(w, 'pods', 'y', 'b', 'me')
    const store = storeOf(w)
    expect(Object.isFrozen(a.metadata)).toBe(true)
    expect(store.revision).toBe(5)
    expect(storeGet(store, 'pods', 'x', 'a')?.metadata.resourceVersion).toBe('4')
    expect(storeGetAt(store, 'pods', 'x', 'a', 3)).toBe(a)
    expect(storeGetAt(store, 'pods', 'x', 'a', 1)).toBe(undefined)
    expect(storeGetAt(store, 'pods', 'y', 'b', 4)?.metadata.name).toBe('b')
    expect(names(storeList(store, 'pods'))).toEqual(['a'])
    expect(names(storeListAt(store, 'pods', 3))).toEqual(['a', 'b'])
    expect(names(storeListAt(store, 'pods', 3, { namespace: 'y' }))).toEqual(['b'])
    expect(names(storePodsOnNode(store, 'n1'))).toEqual(['a'])
    expect(names(storePodsOnNodeAt(store, 'n1', 3))).toEqual(['b'])
    expect(storeOwned(store, 'rs')).toEqual([])
    expect(names(storeOwnedAt(store, 'rs', 'pods', 3))).toEqual(['b'])
    const changes = storeChanges(store, 2)
    expect(changes === 'gone' ? 'gone' : changes.map((c) => `${c.revision} ${c.type} ${c.key}`)).toEqual([
      '3 ADDED y/b',
      '4 MODIFIED x/a',
      '5 DELETED y/b',
    ])
  })

  it('forgets old changes: who asks for them is told so', () => {
    const w = world(128)
    for (let i = 0; i < 1000; i++) storePut(w, 'pods', pod('x', `p${i % 10}`), 'me')
    const store = storeOf(w)
    const kept = store.revision - compactedRevision(store)
    expect(kept).toBeGreaterThanOrEqual(128)
    expect(kept).toBeLessThan(128 + 2 * 128)
    expect(storeChanges(store, compactedRevision(store) - 1)).toBe('gone')
    expect(storeChanges(store, compactedRevision(store))).toHaveLength(kept)
    expect(storeChanges(store, store.revision)).toEqual([])
  })

  it('tells subscribers once until the word has arrived, and nodes of their own pods only', () => {
    const w = world()
    storeSubscribe(w, 7, [{ resource: 'services' }, { resource: 'pods', node: 'n1' }], 5)
    storeSubscribe(w, 8, [{ resource: 'pods' }], 9)
    storePut(w, 'pods', pod('x', 'a', 'n2'), 'me')
    storePut(w, 'pods', pod('x', 'b', 'n1'), 'me')
    storePut(w, 'pods', pod('x', 'c', 'n1'), 'me')
    const seen: string[] = []
    forEachEvent(w.queue, (e: SimEvent) => seen.push(`${e.at} ${e.kind} ${e.target}`))
    expect(seen.sort()).toEqual([`5 ${KubeEv.Notify} 7`, `9 ${KubeEv.Notify} 8`])
  })

  it('goes back with a checkpoint', () => {
    const w = world()
    for (let i = 0; i < 300; i++) storePut(w, 'pods', pod('x', `p${i}`, `n${i % 3}`), 'me')
    checkpoint(w)
    const before = stateHash(w)
    for (let i = 0; i < 300; i += 2) storeRemove(w, 'pods', 'x', `p${i}`, 'me')
    expect(stateHash(w)).not.toBe(before)
    w.nEvents = 1
    seek(w, { handlers: [], applyInput: () => {} }, 0)
    expect(stateHash(w)).toBe(before)
    expect(storeList(storeOf(w), 'pods')).toHaveLength(300)
  })
})

it('times are those of the calendar', () => {
  for (const text of [
    '1970-01-01T00:00:00Z',
    '2000-02-29T23:59:59Z',
    '2026-11-21T01:02:03Z',
    '2100-03-01T12:00:00Z',
  ]) {
    expect(formatTime(Date.parse(text))).toBe(text)
    expect(parseTime(text)).toBe(Date.parse(text))
  }
  expect(parseTime('2026-11-21T01:02:03.5+02:00')).toBe(Date.parse('2026-11-21T01:02:03.5+02:00'))
  expect(formatTime(1_700_000_000_123, true)).toBe('2023-11-14T22:13:20.123000Z')
  expect(parseTime('yesterday')).toBe(undefined)
})

it('gives a node its own changes: those that a walk through all of them finds', () => {
  const w = world(300)
  for (let i = 0; i < 900; i++) {
    const name = `p${i % 40}`
    if (i % 7 === 0) {
      const metadata = { ...pod('default', name).metadata }
      storePut(w, ['configmaps', 'secrets'][i % 2]!, { apiVersion: 'v1', kind: 'X', metadata }, 'm')
    } else if (i % 11 === 0) storeRemove(w, 'pods', 'default', name, 'm')
    else storePut(w, 'pods', pod('default', name, ['', 'n1', 'n2', 'n3'][(i * 5) % 4]), 'm')
  }
  const store = storeOf(w)
  const wanted = new Set(['pods', 'configmaps'])
  const at = (object: unknown) => (object as Pod | undefined)?.spec?.nodeName === 'n1'
  for (let from = compactedRevision(store); from <= store.revision; from += 37) {
    for (const to of [from, from + 1, from + 130, store.revision].filter((one) => one <= store.revision)) {
      const all = storeChanges(store, from, wanted, to)
      if (all === 'gone') throw new Error('gone')
      const mine = all.filter((one) => one.resource !== 'pods' || at(one.object) || at(one.previous))
      expect(storeChangesOnNode(store, from, wanted, 'n1', to)).toEqual(mine)
    }
  }
  expect(compactedRevision(store)).toBeGreaterThan(300)
  expect(storeChangesOnNode(store, 5, wanted, 'n1')).toBe('gone')
})
