/**
 * JSON patch (RFC 6902), merge patch (RFC 7386) and strategic merge patch. Models apimachinery
 * pkg/util/strategicpatch (1.32): $patch replace / delete / merge, $retainKeys, $deleteFromPrimitiveList and
 * $setElementOrder. Server-side apply is in apply.ts.
 */
import type { World } from '../../net/types.ts'
import { storeGet, storeOf } from '../store/store.ts'
import type { Actor, ApiResult, Draft, Json, JsonObject, ResourceInfo, Status } from '../types.ts'
import { field, isRecord, jsonEqual, resourceKey, withField } from '../types.ts'
import { applyObject } from './apply.ts'
import { updateObject, type WriteOptions } from './registry.ts'
import { definitionName, fieldType, mergeKey } from './schema.ts'
import { badRequest, failure, invalid, notFound } from './status.ts'

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply'

export interface PatchOptions extends WriteOptions {
  readonly force?: boolean
  /** checks the patched object as a body is checked; its words are a 400 or 422 */
  readonly check?: (object: Json) => Status | undefined
}

/** Patches an object; server-side apply creates it where it is not there. */
export function patchObject(
  world: World,
  actor: Actor,
  info: ResourceInfo,
  namespace: string,
  name: string,
  type: PatchType,
  body: Json,
  options: PatchOptions = {},
): ApiResult {
  const old = storeGet(storeOf(world), resourceKey(info), namespace, name)
  if (type === 'apply') return applyObject(world, actor, info, namespace, name, old, body, options)
  if (old === undefined) return { ok: false, status: notFound(info, name) }
  const before = old as unknown as Json
  let next: Json
  if (type === 'json') {
    const patched = jsonPatch(before, body)
    if ('error' in patched) return { ok: false, status: patched.error }
    next = patched.value
  } else {
    if (!isRecord(body)) return { ok: false, status: badRequest('the patch is not an object') }
    next = type === 'merge' ? mergePatch(before, body) : strategicMerge(before, body, definitionName(info))
  }
  const wrong = options.check?.(next)
  if (wrong !== undefined) return { ok: false, status: wrong }
  const given = next as unknown as Draft
  const named = given.metadata?.name
  if (named !== name) {
    const words = `the name of the object (${named}) does not match the name on the URL (${name})`
    return { ok: false, status: badRequest(words) }
  }
  // A patch that says nothing of the version applies to the latest.
  return updateObject(world, actor, info, old, given, options)
}

/** RFC 7386 */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isRecord(patch)) return patch
  let out: JsonObject = isRecord(target) ? target : {}
  for (const key of Object.keys(patch)) {
    const value = patch[key]
    if (value === null || value === undefined) out = withField(out, key, undefined)
    else out = withField(out, key, mergePatch(field(out, key), value))
  }
  return out
}

/** Merges a strategic patch into an object of the given definition. */
export function strategicMerge(target: Json | undefined, patch: JsonObject, definition: string): Json {
  const directive = field(patch, '$patch')
  if (directive === 'replace') return withField(patch, '$patch', undefined)
  if (directive === 'delete') return {}
  let out: JsonObject = isRecord(target) ? target : {}
  const retain = field(patch, '$retainKeys')
  if (Array.isArray(retain)) {
    for (const key of Object.keys(out)) if (!retain.includes(key)) out = withField(out, key, undefined)
  }
  for (const key of Object.keys(patch)) {
    const value = patch[key]
    if (key === '$patch' || key === '$retainKeys' || key.startsWith('$setElementOrder/')) continue
    if (key.startsWith('$deleteFromPrimitiveList/')) {
      const name = key.slice('$deleteFromPrimitiveList/'.length)
      const list = field(out, name)
      const gone = value as readonly Json[]
      if (Array.isArray(list))
        out = withField(
          out,
          name,
          list.filter((one) => !gone.includes(one)),
        )
      continue
    }
    if (value === null || value === undefined) out = withField(out, key, undefined)
    else out = withField(out, key, mergeField(field(out, key), value, definition, key, patch))
  }
  return orderLists(out, patch, definition)
}

function mergeField(
  before: Json | undefined,
  value: Json,
  definition: string,
  key: string,
  patch: JsonObject,
): Json {
  const type = fieldType(definition, key) ?? 'a'
  if (isRecord(value)) {
    if (type.startsWith('.')) return strategicMerge(before, value, type.slice(1))
    return strategicMerge(before, value, '')
  }
  if (!Array.isArray(value)) return value
  const merge = mergeKey(definition, key)
  if (merge === undefined) return value
  const old = Array.isArray(before) ? before : []
  if (merge === '') {
    const added = value.filter((one) => !old.includes(one))
    return Object.hasOwn(patch, `$setElementOrder/${key}`) ? [...added, ...old] : [...old, ...added]
  }
  return mergeList(old, value, merge, type.startsWith('[.') ? type.slice(2) : '')
}

/** Items with the same key are merged; others are appended. */
function mergeList(old: readonly Json[], patch: readonly Json[], key: string, definition: string): Json {
  if (patch.some((one) => field(one, '$patch') === 'replace' && Object.keys(one as object).length === 1)) {
    return patch.filter((one) => field(one, '$patch') !== 'replace')
  }
  const items = [...old]
  for (const one of patch) {
    if (!isRecord(one)) continue
    const at = items.findIndex((item) => jsonEqual(field(item, key), field(one, key)))
    if (field(one, '$patch') === 'delete') {
      if (at >= 0) items.splice(at, 1)
    } else if (at >= 0) items[at] = strategicMerge(items[at], one, definition)
    else items.push(strategicMerge({}, one, definition))
  }
  return items
}

/** $setElementOrder/FIELD: items named there come in that order; others keep their place before what followed them. */
function orderLists(object: JsonObject, patch: JsonObject, definition: string): JsonObject {
  let out = object
  for (const directive of Object.keys(patch)) {
    if (!directive.startsWith('$setElementOrder/')) continue
    const name = directive.slice('$setElementOrder/'.length)
    const list = field(out, name)
    const order = patch[directive]
    const key = mergeKey(definition, name)
    if (!Array.isArray(list) || !Array.isArray(order) || key === undefined) continue
    const rank = (item: Json) =>
      order.findIndex((one) => (key === '' ? one === item : jsonEqual(field(one, key), field(item, key))))
    const listed = list.filter((item) => rank(item) >= 0).sort((a, b) => rank(a) - rank(b))
    const result: Json[] = []
    for (const item of list) if (rank(item) < 0) result.push(item)
    out = withField(out, name, [...listed, ...result])
  }
  return out
}

type Patched = { value: Json } | { error: Status }

/** RFC 6902; a test that fails is a 422, a bad operation a 400 or 422, as the server answers. */
export function jsonPatch(target: Json, patch: Json): Patched {
  if (!Array.isArray(patch)) {
    const words = 'json: cannot unmarshal object into Go value of type jsonpatch.Patch'
    return { error: badRequest(`error decoding patch: ${words}`) }
  }
  if (patch.length > 10_000) {
    const words = `The allowed maximum operations in a JSON patch is 10000, got ${patch.length}`
    return { error: failure(413, 'RequestEntityTooLarge', words) }
  }
  let value = target
  for (const one of patch) {
    const op = field(one, 'op')
    const path = field(one, 'path')
    if (typeof op !== 'string' || typeof path !== 'string')
      return { error: patchError('Invalid JSON Patch operation') }
    const done = operate(value, op, path, one as JsonObject)
    if ('error' in done) return { error: patchError(done.error) }
    value = done.value
  }
  return { value }
}

function patchError(words: string): Status {
  const causes = [{ reason: '', message: words, field: '' }]
  const status = invalid('', '', '', causes)
  return failure(
    422,
    'Invalid',
    `the server rejected our request due to an error in our request`,
    status.details,
  )
}

function operate(
  value: Json,
  op: string,
  path: string,
  one: JsonObject,
): { value: Json } | { error: string } {
  const keys = pointer(path)
  if (keys === undefined) return { error: `invalid path "${path}"` }
  const given = field(one, 'value')
  switch (op) {
    case 'test': {
      const got = getAt(value, keys)
      const equal = jsonEqual(got ?? null, given ?? null)
      return equal ? { value } : { error: `testing value ${path} failed: test failed` }
    }
    case 'add':
      return setAt(value, keys, given ?? null, 'add')
    case 'replace':
      return setAt(value, keys, given ?? null, 'replace')
    case 'remove':
      return setAt(value, keys, undefined, 'remove')
    case 'move':
    case 'copy': {
      const from = field(one, 'from')
      const source = typeof from === 'string' ? pointer(from) : undefined
      const item = source === undefined ? undefined : getAt(value, source)
      if (source === undefined || item === undefined) return { error: `missing value at ${String(from)}` }
      if (op === 'copy') return setAt(value, keys, item, 'add')
      const removed = setAt(value, source, undefined, 'remove')
      return 'error' in removed ? removed : setAt(removed.value, keys, item, 'add')
    }
    default:
      return { error: `Unexpected kind: ${op}` }
  }
}

/** RFC 6901 */
function pointer(path: string): string[] | undefined {
  if (path === '') return []
  if (!path.startsWith('/')) return undefined
  return path
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function getAt(value: Json | undefined, keys: readonly string[]): Json | undefined {
  let at = value
  for (const key of keys) at = Array.isArray(at) ? at[indexOf(key, at.length - 1)] : field(at, key)
  return at
}

function indexOf(key: string, last: number): number {
  return /^(0|[1-9]\d*)$/.test(key) && Number(key) <= last ? Number(key) : -1
}

function setAt(
  target: Json | undefined,
  keys: readonly string[],
  value: Json | undefined,
  how: 'add' | 'replace' | 'remove',
): { value: Json } | { error: string } {
  const [key, ...rest] = keys
  if (key === undefined) return { value: value ?? null }
  if (Array.isArray(target)) {
    const at = key === '-' && how === 'add' && rest.length === 0 ? target.length : indexOf(key, target.length)
    if (at < 0 || (at === target.length && (how !== 'add' || rest.length > 0))) {
      return { error: `Unable to access invalid index: ${key}` }
    }
    const copy = [...target]
    if (rest.length > 0) {
      const inner = setAt(copy[at], rest, value, how)
      if ('error' in inner) return inner
      copy[at] = inner.value
    } else if (how === 'add') copy.splice(at, 0, value ?? null)
    else if (how === 'replace') copy[at] = value ?? null
    else copy.splice(at, 1)
    return { value: copy }
  }
  if (!isRecord(target)) return { error: `doc is missing path: "/${keys.join('/')}": missing value` }
  const known = Object.hasOwn(target, key)
  if (rest.length > 0) {
    if (!known) return { error: `doc is missing path: "/${keys.join('/')}": missing value` }
    const inner = setAt(target[key], rest, value, how)
    return 'error' in inner ? inner : { value: withField(target, key, inner.value) }
  }
  if (!known && how !== 'add') return { error: `Unable to ${how} nonexistent key: ${key}: missing value` }
  return { value: withField(target, key, how === 'remove' ? undefined : value) }
}
