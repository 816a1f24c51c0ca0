/**
 * The store: what etcd and the API server's watch cache are to Kubernetes. One revision counter, tables by
 * resource, indexes for controllers, a log of bounded length. Not here: leases, transactions over several keys.
 */
import { assert } from '../../base/assert.ts'
import { createRng, nextBelow, nextUint32 } from '../../base/rng.ts'
import type { World } from '../../net/types.ts'
import { addTarget, schedule, touch } from '../../sim/dispatch.ts'
import { KubeEv } from '../events.ts'
import type { KubeEvent, Pod } from '../objects.ts'
import { formatTime } from '../time.ts'
import type { ApiObject, StoreChange } from '../types.ts'
import { deepFreeze } from '../types.ts'
import type { EventTable } from './event-table.ts'
import { eventsUntil } from './event-table.ts'
import { indexAdd, indexKeys, indexRemove } from './key-index.ts'
import { draftOf } from './layout.ts'
import { seal } from './log.ts'
import { momentOf } from './pack.ts'
import { shareParts } from './share.ts'
import {
  createTable,
  tableDelete,
  tableGet,
  tableGetAll,
  tableKey,
  tableModel,
  tableSet,
  tableValues,
} from './table.ts'
import { createTree, treeKeys } from './tree.ts'
import type { Store, StoreOptions, Subscription, Want } from './types.ts'
import { CHUNK } from './types.ts'

const RNG_STREAM = 0x6b756265

const defaults: StoreOptions = {
  epochMs: 1_767_225_600_000,
  serviceCidrs: ['10.96.0.0/12'],
  nodePorts: [30000, 32767],
  logLimit: 16384,
}

/** Makes the cluster's store; a world has at most one. Returns the target's id. */
export function createStore(world: World, options: Partial<StoreOptions> = {}): number {
  assert(findStore(world) === undefined, 'kube: a world has one store')
  const store: Store = {
    id: 0,
    epoch: 0,
    type: 'store',
    options: deepFreeze({ ...defaults, ...options }),
    revision: 1,
    rng: createRng(world.seed, RNG_STREAM),
    tables: new Map(),
    changedAt: new Map(),
    podsByNode: createTree(),
    owned: createTree(),
    log: Object.freeze({ first: 2, chunks: [] }),
    tail: [],
    subscriptions: new Map(),
    wanted: new Map(),
    notifyAt: new Map(),
    clusterIps: createTree(),
    nodePorts: createTree(),
  }
  const id = addTarget(world, store)
  world.scalars.kubeStore = id
  return id
}

/** The store, or undefined in a world without a cluster. */
export function findStore(world: World): Store | undefined {
  const id = world.scalars.kubeStore
  return id === undefined ? undefined : (world.targets[id] as Store | undefined)
}

/** The store, for reading. */
export function storeOf(world: World): Store {
  const store = findStore(world)
  assert(store !== undefined && store.type === 'store', 'kube: the world has a store')
  return store
}

/** The store, for writing: its pre-image is saved first. */
export function touchStore(world: World): Store {
  const { id } = storeOf(world)
  touch(world, id)
  return storeOf(world)
}

/** Wall time in ms. */
export function wallMs(world: World): number {
  return storeOf(world).options.epochMs + Math.floor(world.now / 1_000_000)
}

/** Wall time as metav1.Time prints it. */
export function nowText(world: World): string {
  return timeText(storeOf(world), world.now)
}

/** A virtual time (ns) as metav1.Time prints it. */
export function timeText({ options }: Store, at: number): string {
  const second = Math.floor((options.epochMs + at / 1_000_000) / 1000)
  const known = lastSecond.get(options)
  if (known?.second === second) return known.text
  const text = formatTime(second * 1000)
  lastSecond.set(options, { second, text })
  return text
}

/** The text of the second that was last asked for: no part of the world's state. */
const lastSecond = new WeakMap<object, { second: number; text: string }>()

/** The object now; namespace is '' for cluster-scoped resources. */
export function storeGet<T extends ApiObject = ApiObject>(
  store: Store,
  resource: string,
  namespace: string,
  name: string,
): T | undefined {
  const table = store.tables.get(resource)
  return table === undefined ? undefined : (tableGet(table, storeKey(namespace, name)) as T | undefined)
}

/** All objects now, in the order of NAMESPACE/NAME; with a namespace, those in it. */
export function storeList<T extends ApiObject = ApiObject>(
  store: Store,
  resource: string,
  namespace = '',
): readonly T[] {
  const table = store.tables.get(resource)
  if (table === undefined) return []
  return tableValues(table, namespace === '' ? '' : `${namespace}/`) as unknown as readonly T[]
}

/**
 * The events that nobody has written since `at` (ms of wall time, whole seconds), in the order of NAMESPACE/NAME. May
 * name others: who asks looks again.
 */
export function storeOldEvents(store: Store, at: number): readonly KubeEvent[] {
  const table = store.tables.get('events')
  const moment = momentOf(formatTime(at))
  if (table === undefined || moment === undefined) return []
  return eventsUntil(table as EventTable, moment) as readonly KubeEvent[]
}

/** The pods bound to a node. */
export function storePodsOnNode(store: Store, node: string): readonly Pod[] {
  const pods = store.tables.get('pods') ?? createTable('pods')
  const keys = indexKeys(store.podsByNode, node)
  return tableGetAll(pods, keys) as unknown as readonly Pod[]
}

/** Objects that name the object with this uid among their owners. */
export function storeOwned(store: Store, uid: string): readonly { resource: string; object: ApiObject }[] {
  return treeKeys(store.owned, `${uid}/`).flatMap((at) => {
    const resource = at.slice(uid.length + 1, -1)
    return storeOwnedOf(store, uid, resource).objects.map((object) => ({ resource, object }))
  })
}

/** Those of one resource, with their keys, in the keys' order. */
export function storeOwnedOf(
  store: Store,
  uid: string,
  resource: string,
): { keys: readonly string[]; objects: readonly ApiObject[] } {
  const keys = indexKeys(store.owned, `${uid}/${resource}/`)
  const objects = tableGetAll(store.tables.get(resource) ?? createTable(resource), keys)
  assert(objects.length === keys.length, 'kube: the owner index points at objects')
  return { keys, objects }
}

/** NAMESPACE/NAME or NAME. */
export function storeKey(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}/${name}`
}

/** A uid of RFC 4122's version 4, from the store's own random stream. The store must be touched. */
export function nextUid(store: Store): string {
  const codes: number[] = []
  const hex = (digits: number) => {
    for (let i = 0, word = nextUint32(store.rng); i < digits; i++, word <<= 4) {
      const digit = word >>> 28
      codes.push(digit < 10 ? 48 + digit : 87 + digit)
    }
  }
  const variant = '89ab'.charCodeAt(nextBelow(store.rng, 4))
  hex(8)
  codes.push(45)
  hex(4)
  codes.push(45, 52)
  hex(3)
  codes.push(45, variant)
  hex(3)
  codes.push(45)
  hex(8)
  hex(4)
  // At once: a text that was added up stays a tree of its pieces.
  return String.fromCharCode(...codes)
}

const SUFFIX = 'bcdfghjklmnpqrstvwxz2456789'

/** Five letters without vowels, as `names.SimpleNameGenerator` adds to generateName. The store must be touched. */
export function nextSuffix(store: Store): string {
  let text = ''
  for (let i = 0; i < 5; i++) text += SUFFIX[nextBelow(store.rng, SUFFIX.length)]
  return text
}

/**
 * Writes one object as the next revision: freezes it with the new resourceVersion, keeps the indexes and the log,
 * and tells subscribed agents. No validation happens here. Returns the object as stored.
 */
export function storePut<T extends ApiObject>(world: World, resource: string, object: T, manager: string): T {
  const store = touchStore(world)
  const revision = ++store.revision
  const { namespace = '', name } = object.metadata
  const table = store.tables.get(resource) ?? createTable(resource)
  const key = tableKey(table, storeKey(namespace, name))
  const previous = tableGet(table, key)
  // A new object's name is a part of its key, which stays as long: engines keep such a text once.
  const sameName = previous === undefined && namespace !== '' ? key.slice(namespace.length + 1) : name
  const draft = draftOf(object, String(revision), sameName)
  if (previous === undefined) shareParts(draft, tableModel(table, key))
  const stored = deepFreeze(draft)
  store.tables.set(resource, tableSet(table, key, stored))
  if (previous !== undefined) unindex(store, resource, key, previous, stored)
  index(store, resource, key, previous, stored)
  const type = previous === undefined ? 'ADDED' : 'MODIFIED'
  append(world, store, { revision, type, resource, key, object: stored, previous, at: world.now, manager })
  return stored
}

/** Removes an object, as the next revision. Returns its last state, with the deletion's resourceVersion. */
export function storeRemove(
  world: World,
  resource: string,
  namespace: string,
  name: string,
  manager: string,
): ApiObject | undefined {
  const store = touchStore(world)
  const table = store.tables.get(resource)
  if (table === undefined) return undefined
  const key = tableKey(table, storeKey(namespace, name))
  const previous = tableGet(table, key)
  if (previous === undefined) return undefined
  const revision = ++store.revision
  store.tables.set(resource, tableDelete(table, key))
  unindex(store, resource, key, previous, undefined)
  const metadata = { ...previous.metadata, resourceVersion: String(revision) }
  const object = deepFreeze({ ...previous, metadata })
  append(world, store, { revision, type: 'DELETED', resource, key, object, previous, at: world.now, manager })
  return object
}

/**
 * From now on, each write to what an agent wants brings it one event of kind Notify, `delayNs` later, unless one is
 * on its way. Subscribing again replaces what was wanted.
 */
export function storeSubscribe(world: World, agent: number, wants: readonly Want[], delayNs: number): void {
  storeUnsubscribe(world, agent)
  const store = touchStore(world)
  const subscription: Subscription = deepFreeze({
    wants: wants.map(({ resource, node }) => (node === undefined ? { resource } : { resource, node })),
    delayNs,
  })
  store.subscriptions.set(agent, subscription)
  for (const want of wants) {
    const agents = store.wanted.get(wantKey(want)) ?? []
    if (!agents.includes(agent)) store.wanted.set(wantKey(want), Object.freeze([...agents, agent]))
  }
}

export function storeUnsubscribe(world: World, agent: number): void {
  const old = storeOf(world).subscriptions.get(agent)
  if (old === undefined) return
  const store = touchStore(world)
  store.subscriptions.delete(agent)
  store.notifyAt.delete(agent)
  for (const want of old.wants) {
    const agents = (store.wanted.get(wantKey(want)) ?? []).filter((id) => id !== agent)
    if (agents.length === 0) store.wanted.delete(wantKey(want))
    else store.wanted.set(wantKey(want), Object.freeze(agents))
  }
}

function wantKey(want: Want): string {
  return want.node === undefined ? want.resource : `${want.resource}@${want.node}`
}

function nodeOf(resource: string, object: ApiObject | undefined): string {
  return resource === 'pods' && object !== undefined ? ((object as Pod).spec?.nodeName ?? '') : ''
}

/** Indexes hold the tables' keys, not objects: a write that moves nothing costs them nothing. */
function index(
  store: Store,
  resource: string,
  key: string,
  old: ApiObject | undefined,
  now: ApiObject,
): void {
  const node = nodeOf(resource, now)
  if (node !== '' && node !== nodeOf(resource, old)) {
    store.podsByNode = indexAdd(store.podsByNode, node, key)
  }
  for (const { uid } of now.metadata.ownerReferences ?? []) {
    if (hasOwner(old, uid)) continue
    store.owned = indexAdd(store.owned, `${uid}/${resource}/`, key)
  }
}

function unindex(
  store: Store,
  resource: string,
  key: string,
  old: ApiObject,
  now: ApiObject | undefined,
): void {
  const node = nodeOf(resource, old)
  if (node !== '' && node !== nodeOf(resource, now)) {
    store.podsByNode = indexRemove(store.podsByNode, node, key)
  }
  for (const { uid } of old.metadata.ownerReferences ?? []) {
    if (!hasOwner(now, uid)) store.owned = indexRemove(store.owned, `${uid}/${resource}/`, key)
  }
}

function hasOwner(object: ApiObject | undefined, uid: string): boolean {
  return object?.metadata.ownerReferences?.some((ref) => ref.uid === uid) === true
}

function append(world: World, store: Store, change: StoreChange): void {
  store.changedAt.set(change.resource, change.revision)
  store.tail.push(Object.freeze(change))
  if (store.tail.length === CHUNK) {
    const { first, chunks } = store.log
    const spare = Math.max(0, chunks.length + 1 - Math.ceil(store.options.logLimit / CHUNK))
    store.log = Object.freeze({
      first: first + spare * CHUNK,
      chunks: [...chunks, seal(store.tail)].slice(spare),
    })
    store.tail = []
  }
  const { resource, object, previous } = change
  notify(world, store, resource)
  if (resource !== 'pods') return
  const node = nodeOf(resource, object)
  const before = nodeOf(resource, previous)
  if (node !== '') notify(world, store, `pods@${node}`)
  if (before !== '' && before !== node) notify(world, store, `pods@${before}`)
}

function notify(world: World, store: Store, wanted: string): void {
  const agents = store.wanted.get(wanted)
  if (agents === undefined) return
  for (let i = 0; i < agents.length; i++) {
    const agent = agents[i]!
    if ((store.notifyAt.get(agent) ?? -1) > world.now) continue
    const at = world.now + (store.subscriptions.get(agent)?.delayNs ?? 0)
    store.notifyAt.set(agent, at)
    schedule(world, at, KubeEv.Notify, agent, 0, undefined)
  }
}
