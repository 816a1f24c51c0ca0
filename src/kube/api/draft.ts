/** Objects while a write prepares them: copies that may be changed, before they are frozen. */
export type Mutable<T> = string extends keyof T
  ? { -readonly [K in keyof T]: T[K] }
  : T extends readonly (infer U)[]
    ? Mutable<U>[]
    : T extends object
      ? { -readonly [K in keyof T]: Mutable<T[K]> }
      : T

/** A copy of JSON data that may be changed; own keys such as `__proto__` stay own keys. Drops undefined. */
export function thaw<T>(value: T): Mutable<T> {
  return copy(value) as Mutable<T>
}

function copy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(copy)
  const out: Record<string, unknown> = {}
  for (const key in value) {
    const item = (value as Record<string, unknown>)[key]
    if (item === undefined) continue
    if (key === '__proto__') {
      Object.defineProperty(out, key, {
        value: copy(item),
        enumerable: true,
        configurable: true,
        writable: true,
      })
    } else out[key] = copy(item)
  }
  return out
}

const NONE: ReadonlySet<string> = new Set()

/** Lists whose items no part of the server changes, by resource: frozen items are taken as they are. */
const KEPT: Readonly<Record<string, ReadonlySet<string>>> = {
  endpoints: new Set(['addresses', 'notReadyAddresses']),
  'endpointslices.discovery.k8s.io': new Set(['endpoints']),
}

/**
 * As `thaw` for what a writer hands in, without what the server's types drop when they are written out again: null, as
 * a field that was not given. Empty strings and lists stay.
 */
export function thawGiven<T>(resource: string, value: T): Mutable<T> {
  return copyGiven(value, Object.hasOwn(KEPT, resource) ? KEPT[resource]! : NONE) as Mutable<T>
}

function copyGiven(value: unknown, kept: ReadonlySet<string>): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => copyGiven(item, kept))
  const out: Record<string, unknown> = {}
  for (const key in value) {
    const item = (value as Record<string, unknown>)[key]
    if (item === undefined || item === null) continue
    if (key === '__proto__') {
      Object.defineProperty(out, key, {
        value: copyGiven(item, kept),
        enumerable: true,
        configurable: true,
        writable: true,
      })
    } else if (typeof item !== 'object') out[key] = item
    else if (kept !== NONE && kept.has(key) && Array.isArray(item)) {
      out[key] = item.map((one) => (Object.isFrozen(one) ? one : copyGiven(one, kept)))
    } else out[key] = copyGiven(item, kept)
  }
  return out
}
