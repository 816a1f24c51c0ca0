/**
 * A Map as a queue, oldest entry first. Engines leave a gap where an entry was, and whoever asks for the first one steps
 * over all gaps before it: a long queue would cost its length at each step.
 */

const FEW = 64
const SHARE = 16

/** The oldest key. */
export function firstKey<K>(queue: ReadonlyMap<K, unknown>): K | undefined {
  for (const key of queue.keys()) return key
  return undefined
}

/** Takes a key out. Answers the map to go on with: the same, or now and then one without gaps. */
export function without<K, V>(queue: Map<K, V>, key: K): Map<K, V> {
  queue.delete(key)
  const left = (gaps.get(queue) ?? 0) + 1
  if (left > FEW + queue.size / SHARE) return new Map(queue)
  gaps.set(queue, left)
  return queue
}

/** How a map lies in memory: no part of what it holds. */
const gaps = new WeakMap<object, number>()
