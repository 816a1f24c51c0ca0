/**
 * A Map as a queue, oldest entry first. Engines leave a gap where an entry was, and whoever asks for the first one steps
 * over all gaps before it: a long queue would cost its length at each step.
 */
import { entryDrop, NO_ENTRIES } from './entries.ts'

const FEW = 64
const SHARE = 16

/** The oldest key. */
export function firstKey<K>(queue: ReadonlyMap<K, unknown>): K | undefined {
  for (const key of queue.keys()) return key
  return undefined
}

/** Takes a key out. Answers the map to go on with: the same, NO_ENTRIES, or now and then one without gaps. */
export function without<K, V>(queue: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  if (entryDrop(queue, key) === NO_ENTRIES) return NO_ENTRIES
  const left = (gaps.get(queue) ?? 0) + 1
  if (left > FEW + queue.size / SHARE) return new Map(queue)
  gaps.set(queue, left)
  return queue
}

/** How a map lies in memory: no part of what it holds. */
const gaps = new WeakMap<object, number>()
