/** Patches as kustomize applies them. Models kyaml's merge2 (new items come first) and api/filters/patch* (5.5). */
import { jsonPatch } from '../../../../kube/api/patch.ts'
import { parseSelectors } from '../../../../kube/api/selectors.ts'
import { fieldType, mergeKey } from '../../../../kube/api/schema.ts'
import type { ApiObject, Json, JsonObject } from '../../../../kube/types.ts'
import { field, isRecord, withField } from '../../../../kube/types.ts'
import { obj, str } from '../describe-text.ts'
import type { Res } from './resource.ts'
import { changed, groupVersion, idsOf, kindOf, shownId, wrong } from './resource.ts'

/** The definition of an object's kind, where the server's schema has it. */
function definitionOf(one: Res): string {
  const [group, version] = groupVersion(one)
  const place = group === '' ? 'core' : group.replace(/\.k8s\.io$/, '')
  return `io.k8s.api.${place}.${version}.${kindOf(one)}`
}

/** Merges a patch into what is there: null takes away, lists with a merge key are merged by it. */
function merged(target: Json | undefined, patch: JsonObject, definition: string): JsonObject | undefined {
  const directive = field(patch, '$patch')
  if (directive === 'delete') return undefined
  let out: JsonObject = isRecord(target) && directive !== 'replace' ? target : {}
  for (const [key, value] of Object.entries(patch)) {
    if (key === '$patch' || value === undefined) continue
    const type = fieldType(definition, key) ?? ''
    if (value === null) out = withField(out, key, undefined)
    else if (isRecord(value)) {
      out = withField(out, key, merged(field(out, key), value, type.replace(/^\./, '')))
    } else if (Array.isArray(value)) {
      const by = type.startsWith('[.') ? mergeKey(definition, key) : undefined
      const list = value as Json[]
      out = withField(
        out,
        key,
        by === undefined || by === ''
          ? plainList(list)
          : mergedList(field(out, key), list, by, type.slice(2)),
      )
    } else out = withField(out, key, value)
  }
  return out
}

function plainList(list: readonly Json[]): Json {
  return list.filter((one) => field(one, '$patch') === undefined)
}

/** In the order of the patch, then what it does not speak of. */
function mergedList(target: Json | undefined, patch: readonly Json[], by: string, type: string): Json {
  const old = Array.isArray(target) ? (target as Json[]) : []
  const key = (one: Json) => field(one, by)
  if (patch.some((one) => field(one, '$patch') === 'replace')) return plainList(patch)
  const named = new Set(patch.map(key))
  const first = patch.flatMap((one): Json[] => {
    if (!isRecord(one)) return [one]
    const found = old.find((other) => key(other) === key(one))
    const made = merged(found, one, type)
    return made === undefined ? [] : [made]
  })
  return [...first, ...old.filter((one) => !named.has(key(one)))]
}

/** The object with a strategic merge patch in it; undefined where that deletes it. Its names stay. */
export function mergedRes(one: Res, patch: JsonObject): Res | undefined {
  const made = merged(one.object, patch, definitionOf(one))
  if (made === undefined) return undefined
  const meta = obj(one.object, 'metadata')
  const kept = ['name', 'namespace'].reduce(
    (out, key) => withField(out, key, meta[key]),
    obj(made, 'metadata'),
  )
  const { apiVersion, kind } = one.object
  return changed(one, { ...made, apiVersion: apiVersion!, kind: kind!, metadata: kept })
}

/** The object with the operations of RFC 6902 done. */
export function operated(one: Res, operations: readonly Json[]): Res {
  let value: Json = one.object
  for (const given of operations) {
    const steps = str(given, 'path').split('/').slice(1)
    const parent = standsAt(value, steps.slice(0, -1))
    // What is to be replaced need not be there, if only something could hold it.
    const fresh = str(given, 'op') === 'replace' && isRecord(parent ?? null)
    const done = jsonPatch(value, [fresh ? { ...(given as JsonObject), op: 'add' } : given])
    if ('error' in done) {
      const why = done.error.details?.causes?.[0]?.message ?? done.error.message ?? ''
      return wrong(failure(given, steps, parent, why))
    }
    value = done.value
  }
  return changed(one, value as JsonObject)
}

function standsAt(value: Json, steps: readonly string[]): Json | undefined {
  return steps.reduce<Json | undefined>((at, step) => {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
    return Array.isArray(at) ? (at as Json[])[Number(key)] : field(at, key)
  }, value)
}

/** The words of evanphx/json-patch 4. */
function failure(given: Json, steps: readonly string[], parent: Json | undefined, why: string): string {
  const [op, path] = [str(given, 'op'), str(given, 'path')]
  const key = steps.at(-1) ?? ''
  if (parent === undefined && ['add', 'remove', 'replace'].includes(op)) {
    return `${op} operation does not apply: doc is missing path: ${op === 'replace' ? path : `"${path}"`}: missing value`
  }
  if (Array.isArray(parent) && op === 'add') {
    return `error in add for path: '${path}': Unable to access invalid index: ${key}: invalid index referenced`
  }
  if (op !== 'remove') return why
  return `error in remove for path: '${path}': Unable to remove nonexistent key: ${key}: missing value`
}

/** Whether a target of a patch means an object. Names are patterns, from their beginning to their end. */
export function isTarget(one: Res, target: JsonObject): boolean {
  const [group, version] = groupVersion(one)
  const fits = (key: string, value: string) => {
    const pattern = str(target, key)
    return pattern === '' || new RegExp(`^(?:${pattern})$`).test(value)
  }
  const named = idsOf(one).some(({ name, namespace }) => fits('name', name) && fits('namespace', namespace))
  if (!named || !fits('kind', kindOf(one)) || !fits('group', group) || !fits('version', version)) return false
  const meta = obj(one.object, 'metadata')
  return (
    selects(str(target, 'labelSelector'), obj(meta, 'labels')) &&
    selects(str(target, 'annotationSelector'), obj(meta, 'annotations'))
  )
}

function selects(text: string, labels: JsonObject): boolean {
  if (text === '') return true
  const parsed = parseSelectors('', text, '')
  if ('error' in parsed) return wrong(String(parsed.error))
  return parsed.matches({ metadata: { labels } } as unknown as ApiObject)
}

/** Whether a patch without a target is for an object: of the same kind, under any of its names. */
export function isNamed(one: Res, patch: JsonObject): boolean {
  const meta = obj(patch, 'metadata')
  const space = str(meta, 'namespace')
  return (
    str(patch, 'kind') === kindOf(one) &&
    str(patch, 'apiVersion') === str(one.object, 'apiVersion') &&
    idsOf(one).some(
      ({ name, namespace }) =>
        name === str(meta, 'name') && (namespace || 'default') === (space || 'default'),
    )
  )
}

/** What is said of a patch that fits nothing. */
export function unmatched(patch: JsonObject): string {
  const id = shownId({ object: patch, before: [], hashed: false })
  return `no resource matches strategic merge patch "${id}": no matches for Id ${id}; failed to find unique target for patch ${id}`
}
