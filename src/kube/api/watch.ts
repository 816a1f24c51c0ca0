/** Watches as cursors into the store's log. Models apiserver pkg/storage/cacher and endpoints/handlers/watch.go (1.32). */
import type { World } from '../../net/types.ts'
import { storeChanges } from '../store/history.ts'
import { storeList, storeOf, wallMs } from '../store/store.ts'
import type { ApiObject, StoreChange, WatchEvent, WatchEventType, WatchSpec } from '../types.ts'
import { apiVersionOf } from '../types.ts'
import { findResource } from './resources.ts'
import { parseSelectors } from './selectors.ts'
import { gone } from './status.ts'
import { makeTable, partial } from './table.ts'

export interface WatchPoll {
  /** JSON texts of events, each to be sent with a newline */
  readonly lines: readonly string[]
  /** where the next poll goes on from */
  readonly revision: number
  /** the server ends the watch here: its time is up, or it fell behind the log */
  readonly ended: boolean
}

const BOOKMARK_EVERY = 60_000_000_000

/** What a watch has to say of the changes after revision `from`. */
export function watchPoll(world: World, spec: WatchSpec, from: number): WatchPoll {
  const events = watchEvents(world, spec, from)
  const { revision } = storeOf(world)
  if (events === 'gone') {
    const message = `too old resource version: ${from} (${storeOf(world).log.first})`
    const line = JSON.stringify({ type: 'ERROR', object: gone(message) })
    return { lines: [line], revision, ended: true }
  }
  let { headers } = spec
  const lines = events.map(({ type, object }) => {
    const line = eventLine(world, spec, type, object, headers)
    headers = false
    return line
  })
  return { lines, revision, ended: spec.endsAt !== 0 && world.now >= spec.endsAt }
}

/** The same as records: what in-process front ends (kubectl get -w in the terminal) read. */
export function watchEvents(world: World, spec: WatchSpec, from: number): WatchEvent[] | 'gone' {
  const store = storeOf(world)
  const parsed = parseSelectors(spec.resource, spec.labelSelector, spec.fieldSelector)
  if ('error' in parsed) return []
  const changes = storeChanges(store, from, new Set([spec.resource]))
  if (changes === 'gone') return 'gone'
  return changes.flatMap((change) => eventOf(spec, change, parsed.matches))
}

/** A selector turns a change into what the watcher sees of it. */
function eventOf(
  spec: WatchSpec,
  change: StoreChange,
  matches: (object: ApiObject) => boolean,
): WatchEvent[] {
  const { object, previous, revision } = change
  if (spec.namespace !== undefined && object.metadata.namespace !== spec.namespace) return []
  const now = change.type !== 'DELETED' && matches(object)
  const before = previous !== undefined && matches(previous)
  if (!now && !before) return []
  const type: WatchEventType = now ? (before ? 'MODIFIED' : 'ADDED') : 'DELETED'
  // What falls out of the selection is shown as it was, with the version of the change.
  const metadata = { ...(previous ?? object).metadata, resourceVersion: String(revision) }
  return [{ type, object: now ? object : ({ ...(previous ?? object), metadata } as ApiObject), revision }]
}

/** ADDED for all that is there: how a watch without a version begins. `revision` is where to go on. */
export function watchStart(world: World, spec: WatchSpec, initial: boolean, endMark: boolean): string[] {
  if (!initial) return []
  const parsed = parseSelectors(spec.resource, spec.labelSelector, spec.fieldSelector)
  if ('error' in parsed) return []
  let headers = true
  const lines = storeList(storeOf(world), spec.resource, spec.namespace ?? '')
    .filter(parsed.matches)
    .map((object) => {
      const line = eventLine(world, spec, 'ADDED', object, headers)
      headers = false
      return line
    })
  if (endMark) lines.push(bookmark(spec, spec.revision, true))
  return lines
}

/** A bookmark is due when a minute has passed since the last line. */
export function bookmarkDue(world: World, spec: WatchSpec, lastLineAt: number): boolean {
  return spec.bookmarks && world.now - lastLineAt >= BOOKMARK_EVERY
}

/** A line that only says how far the watcher is. */
export function bookmark(spec: WatchSpec, revision: number, initialEnd = false): string {
  const info = findResource(spec.resource)
  const annotations = { 'k8s.io/initial-events-end': 'true' }
  const metadata = {
    resourceVersion: String(revision),
    creationTimestamp: null,
    ...(initialEnd ? { annotations } : {}),
  }
  const head = spec.table
    ? { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' }
    : { kind: info?.kind, apiVersion: info === undefined ? 'v1' : apiVersionOf(info) }
  if (!spec.table) return JSON.stringify({ type: 'BOOKMARK', object: { ...head, metadata } })
  const table = {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: String(revision) },
    columnDefinitions: null,
    rows: [{ cells: [], object: { ...head, metadata } }],
  }
  return JSON.stringify({ type: 'BOOKMARK', object: table })
}

function eventLine(
  world: World,
  spec: WatchSpec,
  type: WatchEventType,
  object: ApiObject,
  headers: boolean,
): string {
  if (spec.table) {
    const metadata = { resourceVersion: object.metadata.resourceVersion }
    const table = makeTable(spec.resource, [object], wallMs(world), metadata, spec.includeObject, headers)
    return JSON.stringify({ type, object: table })
  }
  return JSON.stringify({ type, object: spec.partial ? partial(object) : object })
}
