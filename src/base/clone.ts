// Deep copies of plain data: what every checkpoint is made of.
import { assert } from './assert.ts'
import { NO_ENTRIES } from './entries.ts'

type Seen = Map<object, object>
type Plain = Record<string, unknown>

/**
 * A deep copy of plain data: records, arrays, Map, Set, typed arrays and primitives. Two references to one
 * object stay two references to one copy, cycles included. A frozen object is taken for an immutable shared
 * value and is not copied, nor is anything below it. Asserts on functions, symbols and class instances.
 * `seen` is filled with originals and copies: its size tells how much was copied.
 */
export function clonePlain<T>(value: T, seen: Map<object, object> = new Map()): T {
  if (typeof value === 'object' && value !== null) return cloneObject(value, seen) as T
  assertPrimitive(value)
  return value
}

/** The map as an immutable shared value: itself where it is frozen, else a frozen copy. */
export function frozenMap<K, V>(map: ReadonlyMap<K, V>): ReadonlyMap<K, V> {
  if (Object.isFrozen(map)) return map
  return map.size === 0 ? NO_ENTRIES : Object.freeze(new Map(map))
}

function cloneObject(value: object, seen: Seen): object {
  if (!Object.isExtensible(value) && Object.isFrozen(value)) return value
  const known = seen.get(value)
  if (known !== undefined) return known
  const proto: unknown = Object.getPrototypeOf(value)
  if (proto === Object.prototype) return cloneRecord(value as Plain, spread(value as Plain), seen)
  if (proto === Array.prototype) return cloneArray(value as unknown[], seen)
  if (proto === Map.prototype) return cloneMap(value as Map<unknown, unknown>, seen)
  if (proto === Set.prototype) return cloneSet(value as Set<unknown>, seen)
  if (proto === null) return cloneRecord(value as Plain, Object.assign(Object.create(null), value), seen)
  return cloneTypedArray(value, seen)
}

function cloneRecord(value: Plain, copy: Plain, seen: Seen): object {
  seen.set(value, copy)
  for (const key in copy) {
    const field = copy[key]
    if (typeof field === 'object') {
      if (field !== null) copy[key] = cloneObject(field, seen)
    } else if (typeof field === 'function' || typeof field === 'symbol') assertPrimitive(field)
  }
  return copy
}

/**
 * A shallow copy. Engines copy fast where they have met few kinds of record at that place of the program, and several
 * times slower where they have met many: so records are spread over many places by their first field's name.
 */
function spread(value: Plain): Plain {
  switch (siteOf(value)) {
    case 0:
      return { ...value }
    case 1:
      return { ...value }
    case 2:
      return { ...value }
    case 3:
      return { ...value }
    case 4:
      return { ...value }
    case 5:
      return { ...value }
    case 6:
      return { ...value }
    case 7:
      return { ...value }
    case 8:
      return { ...value }
    case 9:
      return { ...value }
    case 10:
      return { ...value }
    case 11:
      return { ...value }
    case 12:
      return { ...value }
    case 13:
      return { ...value }
    case 14:
      return { ...value }
    default:
      return { ...value }
  }
}

function siteOf(value: Plain): number {
  for (const first in value) return (first.length + first.charCodeAt(0) * 5) & 15
  return 0
}

function cloneArray(value: unknown[], seen: Seen): object {
  const copy = value.slice()
  seen.set(value, copy)
  for (let i = 0; i < copy.length; i++) {
    const item = copy[i]
    if (typeof item === 'object') {
      if (item !== null) copy[i] = cloneObject(item, seen)
    } else if (typeof item === 'function' || typeof item === 'symbol') assertPrimitive(item)
  }
  return copy
}

function cloneMap(value: Map<unknown, unknown>, seen: Seen): object {
  const copy = new Map<unknown, unknown>()
  seen.set(value, copy)
  for (const [key, item] of value) copy.set(cloneAny(key, seen), cloneAny(item, seen))
  return copy
}

function cloneSet(value: Set<unknown>, seen: Seen): object {
  const copy = new Set<unknown>()
  seen.set(value, copy)
  for (const item of value) copy.add(cloneAny(item, seen))
  return copy
}

function cloneTypedArray(value: object, seen: Seen): object {
  assert(
    ArrayBuffer.isView(value) && !(value instanceof DataView),
    'clone: a class instance is not plain data',
  )
  const copy = (value as Uint8Array).slice()
  seen.set(value, copy)
  return copy
}

function cloneAny(value: unknown, seen: Seen): unknown {
  if (typeof value === 'object' && value !== null) return cloneObject(value, seen)
  assertPrimitive(value)
  return value
}

function assertPrimitive(value: unknown): void {
  assert(typeof value !== 'function', 'clone: a function is not plain data')
  assert(typeof value !== 'symbol', 'clone: a symbol is not plain data')
}
