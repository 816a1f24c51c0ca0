/** The store as it was at an earlier revision: what an informer that lags behind sees. */
import type { Pod } from '../objects.ts'
import type { ApiObject, StoreChange } from '../types.ts'
import { objectKey } from '../types.ts'
import type { LogEntry } from './log.ts'
import { entryResource, entryTime, readEntry } from './log.ts'
import { storeGet, storeKey, storeList, storeOwnedOf, storePodsOnNode } from './store.ts'
import { createTable, tableDelete, tableGet, tableGetAll, tableSet, tableValues } from './table.ts'
import type { Store } from './types.ts'
import { CHUNK } from './types.ts'

/** Changes up to and including this revision have been compacted away. */
export function compactedRevision(store: Store): number {
  return store.log.first - 1
}

/** The revision that the store had at a time (virtual ns), as far as the log reaches back. */
export function revisionAt(store: Store, at: number): number {
  const { first, chunks } = store.log
  for (let revision = store.revision; revision >= first; revision--) {
    const index = revision - first
    const entry = (chunks[Math.floor(index / CHUNK)] ?? store.tail)[index % CHUNK]
    if (entry === undefined || entryTime(entry) <= at) return revision
  }
  return compactedRevision(store)
}

/**
 * The changes after revision `from` up to `to` (the present), oldest first, of the given resources. 'gone' where the
 * log no longer reaches back (410 Gone).
 */
export function storeChanges(
  store: Store,
  from: number,
  resources?: ReadonlySet<string>,
  to = store.revision,
): StoreChange[] | 'gone' {
  if (from < compactedRevision(store)) return 'gone'
  const found: StoreChange[] = []
  eachEntry(store, from, to, (entry, revision) => {
    if (resources === undefined || resources.has(entryResource(entry))) found.push(readEntry(entry, revision))
    return true
  })
  return found
}

/** As `storeChanges`, but of pods only those that were or are bound to `node`: most chunks of the log have nothing. */
export function storeChangesOnNode(
  store: Store,
  from: number,
  resources: ReadonlySet<string>,
  node: string,
  to = store.revision,
): StoreChange[] | 'gone' {
  const { first, chunks } = store.log
  if (from < compactedRevision(store)) return 'gone'
  const found: StoreChange[] = []
  const last = to - first
  let at = from + 1 - first
  while (at <= last) {
    const chunk = chunks[Math.floor(at / CHUNK)] ?? store.tail
    const start = at - (at % CHUNK)
    const end = Math.min(last, start + CHUNK - 1)
    const index = indexOf(chunk)
    let places: readonly number[] = []
    for (const resource of resources) {
      const some = index.get(resource === 'pods' ? node : `/${resource}`)
      if (some !== undefined) places = places.length === 0 ? some : [...places, ...some].sort((a, b) => a - b)
    }
    for (const place of places) {
      if (start + place >= at && start + place <= end)
        found.push(readEntry(chunk[place]!, first + start + place))
    }
    at = end + 1
  }
  return found
}

/**
 * Where in a chunk are the changes of each node's pods (by the node's name) and of other resources (`/RESOURCE`), as far
 * as it was read. Derived from a list that only grows, and no part of the world's state.
 */
interface ChunkIndex {
  read: number
  readonly places: Map<string, number[]>
}

const chunkIndexes = new WeakMap<readonly LogEntry[], ChunkIndex>()

function indexOf(chunk: readonly LogEntry[]): ReadonlyMap<string, readonly number[]> {
  const index = chunkIndexes.get(chunk) ?? { read: 0, places: new Map() }
  chunkIndexes.set(chunk, index)
  const put = (key: string, place: number) => {
    const places = index.places.get(key)
    if (places === undefined) index.places.set(key, [place])
    else places.push(place)
  }
  for (; index.read < chunk.length; index.read++) {
    const entry = chunk[index.read]!
    if (typeof entry === 'string' || entry.resource !== 'pods') {
      put(`/${entryResource(entry)}`, index.read)
      continue
    }
    const { object, previous } = entry
    const node = (object as Pod).spec.nodeName ?? ''
    const before = (previous as Pod | undefined)?.spec.nodeName ?? ''
    if (node !== '') put(node, index.read)
    if (before !== '' && before !== node) put(before, index.read)
  }
  return index.places
}

/** The object as it was at `revision`; as it is now where the log no longer reaches back. */
export function storeGetAt<T extends ApiObject = ApiObject>(
  store: Store,
  resource: string,
  namespace: string,
  name: string,
  revision: number,
): T | undefined {
  const now = storeGet<T>(store, resource, namespace, name)
  if (now !== undefined && Number(now.metadata.resourceVersion) <= revision) return now
  const key = storeKey(namespace, name)
  let found: ApiObject | undefined = now
  eachEntry(store, revision, store.revision, (entry, at) => {
    if (entryResource(entry) !== resource) return true
    const change = readEntry(entry, at)
    if (change.key !== key) return true
    found = change.previous
    return false
  })
  return found as T | undefined
}

/** The objects with sorted keys as they were at `revision`; what did not exist is left out. */
export function storeGetAllAt<T extends ApiObject = ApiObject>(
  store: Store,
  resource: string,
  keys: readonly string[],
  revision: number,
): T[] {
  const table = store.tables.get(resource) ?? createTable(resource)
  const past = pastOf(store, resource, revision)
  if (past.size === 0) return tableGetAll(table, keys) as T[]
  const found = keys.map((key) => (past.has(key) ? past.get(key) : tableGet(table, key)))
  return found.filter((object) => object !== undefined) as T[]
}

/** All objects of a resource as they were at `revision`, in the order of NAMESPACE/NAME. */
export function storeListAt<T extends ApiObject = ApiObject>(
  store: Store,
  resource: string,
  revision: number,
  options: { readonly namespace?: string } = {},
): readonly T[] {
  const namespace = options.namespace ?? ''
  const past = pastOf(store, resource, revision)
  if (past.size === 0) return storeList<T>(store, resource, namespace)
  let table = store.tables.get(resource) ?? createTable(resource)
  for (const [key, object] of past) {
    table = object === undefined ? tableDelete(table, key) : tableSet(table, key, object)
  }
  return tableValues(table, namespace === '' ? '' : `${namespace}/`) as unknown as readonly T[]
}

/** The pods bound to a node as they were at `revision`. */
export function storePodsOnNodeAt(store: Store, node: string, revision: number): readonly Pod[] {
  const past = pastOf(store, 'pods', revision)
  if (past.size === 0) return storePodsOnNode(store, node)
  const found = new Map<string, Pod>()
  for (const pod of storePodsOnNode(store, node)) found.set(objectKey(pod), pod)
  for (const [key, object] of past) {
    const pod = object as Pod | undefined
    if (pod?.spec.nodeName === node) found.set(key, pod)
    else found.delete(key)
  }
  return inOrder(found)
}

/** The objects of one resource that name `uid` among their owners, as they were at `revision`. */
export function storeOwnedAt<T extends ApiObject = ApiObject>(
  store: Store,
  uid: string,
  resource: string,
  revision: number,
): readonly T[] {
  const past = pastOf(store, resource, revision)
  const owned = storeOwnedOf(store, uid, resource)
  if (past.size === 0) return owned.objects as readonly T[]
  const found = new Map<string, ApiObject>()
  for (const [at, key] of owned.keys.entries()) found.set(key, owned.objects[at]!)
  let inserted = false
  for (const [key, object] of past) {
    if (object?.metadata.ownerReferences?.some((ref) => ref.uid === uid)) {
      inserted ||= !found.has(key)
      found.set(key, object)
    } else found.delete(key)
  }
  return inserted ? inOrder(found as Map<string, T>) : ([...found.values()] as unknown as readonly T[])
}

function inOrder<T>(found: Map<string, T>): readonly T[] {
  return [...found.keys()].sort().map((key) => found.get(key) as T)
}

/** What was different at `revision`: by key, the object as it was then. */
function pastOf(store: Store, resource: string, revision: number): Map<string, ApiObject | undefined> {
  const past = new Map<string, ApiObject | undefined>()
  if (revision >= (store.changedAt.get(resource) ?? 0)) return past
  eachEntry(store, revision, store.revision, (entry, at) => {
    if (entryResource(entry) !== resource) return true
    const change = readEntry(entry, at)
    if (!past.has(change.key)) past.set(change.key, change.previous)
    return true
  })
  return past
}

/** Visits what the log has after revision `from` up to `to`, oldest first, until `visit` answers false. */
function eachEntry(
  store: Store,
  from: number,
  to: number,
  visit: (entry: LogEntry, revision: number) => boolean,
): void {
  const { first, chunks } = store.log
  for (let at = Math.max(0, from + 1 - first); at <= to - first; at++) {
    const entry = (chunks[Math.floor(at / CHUNK)] ?? store.tail)[at % CHUNK]
    if (entry === undefined || !visit(entry, first + at)) return
  }
}
