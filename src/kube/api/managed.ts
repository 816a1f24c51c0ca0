/** Sets of field paths as metav1.FieldsV1 writes them: f:NAME, k:{KEYS}, v:VALUE, and `.` for the item itself. */
import type { Json, JsonObject } from '../types.ts'
import { field, isRecord, jsonEqual, withField } from '../types.ts'
import { fieldType, listKind } from './schema.ts'

/** Metadata that nobody owns. */
const unowned = new Set([
  'f:name',
  'f:namespace',
  'f:creationTimestamp',
  'f:selfLink',
  'f:uid',
  'f:clusterName',
  'f:generation',
  'f:managedFields',
  'f:resourceVersion',
  'f:deletionTimestamp',
  'f:deletionGracePeriodSeconds',
])

const leaf: JsonObject = Object.freeze({})

/** The paths that an object sets. */
export function fieldsOf(object: Json, definition: string): JsonObject {
  let out: JsonObject = {}
  if (!isRecord(object)) return out
  for (const key of Object.keys(object)) {
    if (key === 'apiVersion' || key === 'kind') continue
    const value = object[key]
    if (value === undefined || value === null) continue
    let set = valueFields(value, definition, key)
    if (key === 'metadata' && definition !== '') set = ownedMeta(set)
    if (key === 'metadata' && Object.keys(set).length === 0) continue
    out = withField(out, `f:${key}`, set)
  }
  return out
}

function ownedMeta(set: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(set).filter(([key]) => !unowned.has(key)))
}

function valueFields(value: Json, definition: string, key: string): JsonObject {
  const type = fieldType(definition, key) ?? 'a'
  if (isRecord(value)) {
    if (isAtomic(definition, key, type)) return leaf
    const inner = type.startsWith('.') ? type.slice(1) : ''
    if (type.startsWith('.')) return fieldsOf(value, inner)
    const map = Object.fromEntries(Object.keys(value).map((name) => [`f:${name}`, leaf]))
    return { '.': leaf, ...map }
  }
  if (!Array.isArray(value)) return leaf
  const kind = listKind(definition, key)
  if (kind === 'atomic') return leaf
  let out: JsonObject = { '.': leaf }
  for (const item of value) {
    if (kind === 'set') out = withField(out, `v:${JSON.stringify(item)}`, leaf)
    else out = withField(out, itemKey(item, kind), { '.': leaf, ...fieldsOf(item, type.slice(2)) })
  }
  return out
}

/** Structures that are owned as a whole: selectors, anything that is not typed. */
function isAtomic(definition: string, key: string, type: string): boolean {
  if (key === 'selector') return type.startsWith('{') || type.endsWith('LabelSelector')
  return type === 'a' || definition === '' || (key === 'nodeSelector' && type === '{s')
}

function itemKey(item: Json, keys: readonly string[]): string {
  const pairs = keys.map((key) => [key, field(item, key) ?? (key === 'protocol' ? 'TCP' : null)])
  return `k:${JSON.stringify(Object.fromEntries(pairs))}`
}

/** Leaves of `within` whose value differs between the two objects. */
export function diffPaths(
  before: Json | undefined,
  after: Json,
  within: JsonObject,
  definition: string,
): (readonly string[])[] {
  const found: (readonly string[])[] = []
  const walk = (set: JsonObject, a: Json | undefined, b: Json | undefined, path: readonly string[]) => {
    const keys = Object.keys(set)
    if (keys.length === 0 || (keys.length === 1 && keys[0] === '.')) {
      if (!jsonEqual(a, b)) found.push(path)
      return
    }
    for (const key of keys) {
      if (key === '.') {
        if (a === undefined && path.length > 0) found.push([...path, '.'])
        continue
      }
      walk(set[key] as JsonObject, step(a, key), step(b, key), [...path, key])
    }
  }
  if (definition !== '') walk(within, before, after, [])
  return found
}

/** The value that one part of a path leads to. */
function step(value: Json | undefined, part: string): Json | undefined {
  if (part.startsWith('f:')) return field(value, part.slice(2))
  if (!Array.isArray(value)) return undefined
  if (part.startsWith('v:')) {
    const wanted = JSON.parse(part.slice(2)) as Json
    return value.find((item) => jsonEqual(item, wanted))
  }
  return value[indexOfKey(value, part)]
}

function indexOfKey(list: readonly Json[], part: string): number {
  if (part.startsWith('v:')) {
    const wanted = JSON.parse(part.slice(2)) as Json
    return list.findIndex((item) => jsonEqual(item, wanted))
  }
  const keys = Object.keys(JSON.parse(part.slice(2)) as object)
  return list.findIndex((item) => itemKey(item, keys) === part)
}

export function hasPath(set: JsonObject, path: readonly string[]): boolean {
  let at: Json | undefined = set
  for (const part of path) {
    if (part === '.') return field(at, '.') !== undefined
    at = field(at, part)
    if (at === undefined) return false
  }
  return true
}

/** The set without the given paths, and without what is empty then. */
export function subtract(set: JsonObject, paths: readonly (readonly string[])[]): JsonObject {
  let out = set
  for (const path of paths) out = without(out, path) ?? {}
  return out
}

function without(set: JsonObject, [part, ...rest]: readonly string[]): JsonObject | undefined {
  const inner = field(set, part)
  if (inner === undefined) return set
  const left = rest.length === 0 ? undefined : without(inner as JsonObject, rest)
  const out = withField(set, part, left)
  return Object.keys(out).length === 0 ? undefined : out
}

/** The set without paths that lead nowhere in the object. */
export function prune(set: JsonObject, object: Json | undefined): JsonObject {
  let out = set
  for (const part of Object.keys(set)) {
    if (part === '.') continue
    const child = step(object, part)
    const inner = set[part] as JsonObject
    const left = child === undefined ? undefined : prune(inner, child)
    const empty = left !== undefined && left !== inner && Object.keys(left).length === 0
    if (left !== inner) out = withField(out, part, empty ? undefined : left)
  }
  return out
}

/** The set with the given paths added. */
export function unite(set: JsonObject, paths: readonly (readonly string[])[]): JsonObject {
  const put = (at: JsonObject, [part, ...rest]: readonly string[]): JsonObject => {
    if (part === undefined) return at
    const inner = field(at, part)
    return withField(at, part, put(isRecord(inner) ? inner : leaf, rest))
  }
  return paths.reduce((out, path) => put(out, path), set)
}

/** The object without what `before` set, `now` no longer sets and none of `others` owns. */
export function removePaths(
  object: Json,
  before: JsonObject,
  now: JsonObject,
  others: readonly JsonObject[],
  definition: string,
): Json | undefined {
  const walk = (
    value: Json | undefined,
    set: JsonObject,
    kept: Json | undefined,
    owned: readonly JsonObject[],
  ): Json | undefined => {
    let out = value
    for (const part of Object.keys(set)) {
      if (part === '.') continue
      const inner = set[part] as JsonObject
      const stillMine = field(kept, part)
      const theirs = owned.flatMap((one) =>
        isRecord(field(one, part)) ? [field(one, part) as JsonObject] : [],
      )
      const child = step(out, part)
      if (child === undefined) continue
      const dropped = stillMine === undefined && theirs.length === 0
      const next = dropped ? undefined : walk(child, inner, stillMine, theirs)
      if (next !== child) out = replaceStep(out as Json, part, next)
    }
    return out
  }
  return definition === '' ? object : walk(object, before, now, others)
}

function replaceStep(value: Json, part: string, next: Json | undefined): Json {
  if (part.startsWith('f:')) return withField(value as JsonObject, part.slice(2), next)
  const list = [...(value as readonly Json[])]
  const at = indexOfKey(list, part)
  if (at < 0) return list
  if (next === undefined) list.splice(at, 1)
  else list[at] = next
  return list
}
