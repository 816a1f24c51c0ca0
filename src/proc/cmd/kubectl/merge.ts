/** The patch that `kubectl apply` sends. Models apimachinery pkg/util/strategicpatch: CreateThreeWayMergePatch (1.32). */
import { definitionName, fieldType, mergeKey } from '../../../kube/api/schema.ts'
import type { Json, JsonObject, ResourceInfo } from '../../../kube/types.ts'
import { field, isRecord, jsonEqual, withField } from '../../../kube/types.ts'

/** What changes `current` so that it has what `modified` says and lacks what only `original` said. {} for nothing. */
export function threeWayPatch(
  info: ResourceInfo,
  original: Json,
  modified: JsonObject,
  current: JsonObject,
): JsonObject {
  return mapPatch(isRecord(original) ? original : {}, modified, current, definitionName(info))
}

function mapPatch(
  original: JsonObject,
  modified: JsonObject,
  current: JsonObject,
  definition: string,
): JsonObject {
  let patch: JsonObject = {}
  for (const key of Object.keys(modified)) {
    const wanted = modified[key]
    const now = field(current, key)
    if (wanted === undefined) continue
    if (wanted === null) {
      if (now !== undefined && key !== 'creationTimestamp') patch = withField(patch, key, null)
    } else if (now === undefined) patch = withField(patch, key, wanted)
    else if (isRecord(wanted) && isRecord(now)) {
      const before = field(original, key)
      const inner = mapPatch(isRecord(before) ? before : {}, wanted, now, childOf(definition, key))
      if (Object.keys(inner).length > 0) patch = withField(patch, key, inner)
    } else if (Array.isArray(wanted) && Array.isArray(now)) {
      patch = { ...patch, ...listPatch(field(original, key), wanted, now, definition, key) }
    } else if (!jsonEqual(wanted, now)) patch = withField(patch, key, wanted)
  }
  for (const key of Object.keys(original)) {
    if (field(modified, key) === undefined && field(current, key) !== undefined)
      patch = withField(patch, key, null)
  }
  return patch
}

/** The definition of what stands in a field. */
function childOf(definition: string, key: string): string {
  const type = fieldType(definition, key) ?? ''
  return type.replace(/^[[{]+/, '').replace(/^\./, '')
}

function listPatch(
  original: Json | undefined,
  wanted: readonly Json[],
  now: readonly Json[],
  definition: string,
  key: string,
): JsonObject {
  const merge = mergeKey(definition, key)
  if (merge === undefined) return jsonEqual(wanted, now) ? {} : { [key]: wanted }
  const before = Array.isArray(original) ? (original as readonly Json[]) : []
  if (merge === '') {
    const added = wanted.filter((one) => !now.includes(one))
    const gone = before.filter((one) => !wanted.includes(one) && now.includes(one))
    return {
      ...(added.length === 0 ? {} : { [key]: added }),
      ...(gone.length === 0 ? {} : { [`$deleteFromPrimitiveList/${key}`]: gone }),
    }
  }
  const find = (list: readonly Json[], value: Json | undefined) =>
    list.find((one) => field(one, merge) === value)
  const items: Json[] = []
  for (const one of wanted) {
    const value = field(one, merge)
    const there = find(now, value)
    if (!isRecord(one) || !isRecord(there)) {
      items.push(one)
      continue
    }
    const old = find(before, value)
    const inner = mapPatch(isRecord(old) ? old : {}, one, there, childOf(definition, key))
    if (Object.keys(inner).length > 0) items.push(withField(inner, merge, value))
  }
  for (const one of before) {
    const value = field(one, merge)
    if (find(wanted, value) === undefined && find(now, value) !== undefined) {
      items.push({ $patch: 'delete', [merge]: value })
    }
  }
  if (items.length === 0) return {}
  const order = wanted.map((one) => ({ [merge]: field(one, merge) }))
  return { [`$setElementOrder/${key}`]: order as Json, [key]: items }
}
