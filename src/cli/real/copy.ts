/** What structuredClone does, but that what is frozen and empty stays itself: whoever has none is told by it (base/entries). */

/** A copy of the world that goes its own way, down to what is frozen; only what is empty for ever is in both. */
export function copyWorld<T>(world: T): T {
  return copied(world, new Map())
}

function copied<T>(value: T, seen: Map<unknown, unknown>): T {
  if (typeof value !== 'object' || value === null) return value
  const known = seen.get(value)
  if (known !== undefined) return known as T
  const of = (one: unknown) => copied(one, seen)
  const note = (copy: unknown) => {
    seen.set(value, copy)
    return copy as T
  }
  if (Object.isFrozen(value) && isEmpty(value)) return note(value)
  if (value instanceof ArrayBuffer) return note(value.slice(0))
  if (ArrayBuffer.isView(value)) {
    // Several may look at one buffer.
    const { buffer, byteOffset, constructor: kind } = value
    const make = kind as new (buffer: unknown, at: number, length: unknown) => unknown
    return note(new make(of(buffer), byteOffset, (value as unknown as { length: number }).length))
  }
  if (value instanceof Map) {
    const map = new Map()
    note(map)
    for (const [key, one] of value) map.set(of(key), of(one))
    return map as T
  }
  if (value instanceof Set) {
    const set = new Set()
    note(set)
    for (const one of value) set.add(of(one))
    return set as T
  }
  if (Array.isArray(value)) {
    const list: unknown[] = []
    note(list)
    for (const one of value as unknown[]) list.push(of(one))
    return list as T
  }
  const record: Record<string, unknown> = {}
  note(record)
  for (const [key, one] of Object.entries(value)) record[key] = of(one)
  return record as T
}

function isEmpty(value: object): boolean {
  if (value instanceof Map || value instanceof Set) return value.size === 0
  return Object.keys(value).length === 0
}
