/**
 * Changes as the log keeps them: those of events, which are half of all and which hardly anybody watches, packed once
 * their chunk is full. A packed one is its time, its type, its writer, its key, the event and the one before it.
 */
import type { StoreChange } from '../types.ts'
import { deepFreeze } from '../types.ts'
import { eventText, readEvent } from './event-text.ts'
import type { Reader } from './pack.ts'
import { packNumber, packText, readNumber, readText } from './pack.ts'

/** A packed one is of the resource `events`; its place says its revision. */
export type LogEntry = StoreChange | string

const TYPES = ['ADDED', 'MODIFIED', 'DELETED'] as const

/** A full chunk. */
export function seal(changes: readonly StoreChange[]): readonly LogEntry[] {
  return changes.map((change) => (change.resource === 'events' ? packChange(change) : change))
}

export function entryResource(entry: LogEntry): string {
  return typeof entry === 'string' ? 'events' : entry.resource
}

/** ns of virtual time. */
export function entryTime(entry: LogEntry): number {
  return typeof entry === 'string' ? readNumber({ text: entry, at: 0 }) : entry.at
}

/** The change, which made this revision. */
export function readEntry(entry: LogEntry, revision: number): StoreChange {
  if (typeof entry !== 'string') return entry
  const from: Reader = { text: entry, at: 0 }
  const at = readNumber(from)
  const type = TYPES[readNumber(from)]!
  const manager = readText(from)
  const key = readText(from)
  const [namespace, name] = nameOf(key)
  const object = readEvent(from, namespace, name)
  const previous = from.at < entry.length ? readEvent(from, namespace, name) : undefined
  return deepFreeze({ revision, type, resource: 'events', key, object, previous, at, manager })
}

function packChange(change: StoreChange): LogEntry {
  const { type, key, object, previous, at, manager } = change
  const [namespace, name] = nameOf(key)
  const now = eventText(object, namespace, name)
  const before = previous && eventText(previous, namespace, name)
  if (now === undefined || (previous !== undefined && before === undefined)) return change
  const head = [packNumber(at), packNumber(TYPES.indexOf(type)), packText(manager), packText(key)]
  return [...head, now.text, before?.text ?? ''].join('')
}

function nameOf(key: string): [namespace: string, name: string] {
  const slash = key.indexOf('/')
  return [key.slice(0, Math.max(0, slash)), key.slice(slash + 1)]
}
