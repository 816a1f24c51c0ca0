/**
 * Maps that are empty nearly always: agents, processes and machines have dozens of them. All empty ones are one frozen
 * map, which checkpoints share too; whoever writes an entry gets a map of its own, and loses it with the last entry.
 */

/** Of all who have no entries. */
export const NO_ENTRIES: ReadonlyMap<never, never> = Object.freeze(new Map<never, never>())

/** Sets an entry. Answers the map to go on with: the same, or a new one in the place of NO_ENTRIES. */
export function entrySet<K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> {
  if (map === NO_ENTRIES) return new Map<K, V>([[key, value]])
  ;(map as Map<K, V>).set(key, value)
  return map
}

/** Takes an entry out. Answers the map to go on with: the same, or NO_ENTRIES where that was the last. */
export function entryDrop<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  if (map === NO_ENTRIES) return map
  ;(map as Map<K, V>).delete(key)
  return map.size === 0 ? NO_ENTRIES : map
}
