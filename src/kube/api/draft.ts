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
  for (const key of Object.keys(value)) {
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

/**
 * What the server's types drop when they are written out again: null, as a field that was not given. Empty strings
 * and lists stay.
 */
export function dropNulls(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const item of value) dropNulls(item)
    return
  }
  const record = value as Record<string, unknown>
  for (const key of Object.keys(record)) {
    if (record[key] === null) delete record[key]
    else dropNulls(record[key])
  }
}
