/**
 * Server-side apply and the ownership of fields. Models structured-merge-diff and apiserver's fieldmanager (1.32):
 * sets of field paths in managedFields, conflicts with other managers, force, fields that a manager gives up.
 * Not here: managedFields of different API versions of one kind (there is one version), `k:` keys that defaults fill.
 */
import type { World } from '../../net/types.ts'
import { wallMs } from '../store/store.ts'
import { formatTime } from '../time.ts'
import type {
  Actor,
  ApiObject,
  ApiResult,
  Draft,
  Json,
  JsonObject,
  ManagedFields,
  ResourceInfo,
} from '../types.ts'
import { apiVersionOf, field, isRecord, jsonEqual, withField } from '../types.ts'
import type { Mutable } from './draft.ts'
import { thaw } from './draft.ts'
import { diffPaths, fieldsOf, hasPath, prune, removePaths, subtract, unite } from './managed.ts'
import type { PatchOptions } from './patch.ts'
import { createObject, updateObject } from './registry.ts'
import { definitionName, fieldType, listKind } from './schema.ts'
import { badRequest, failure } from './status.ts'

/** Applies a configuration: creates the object, or merges and takes ownership of what is given. */
export function applyObject(
  world: World,
  actor: Actor,
  info: ResourceInfo,
  namespace: string,
  name: string,
  old: ApiObject | undefined,
  body: Json,
  options: PatchOptions,
): ApiResult {
  if (!isRecord(body)) return { ok: false, status: badRequest('the applied configuration is not an object') }
  const meta = field(body, 'metadata')
  if (field(meta, 'managedFields') !== undefined && jsonEqual(field(meta, 'managedFields'), []) === false) {
    return { ok: false, status: badRequest('metadata.managedFields must be nil') }
  }
  const wrong = options.check?.(body)
  if (wrong !== undefined) return { ok: false, status: wrong }
  const definition = definitionName(info)
  const applied = fieldsOf(body, definition)
  const managers = old?.metadata.managedFields ?? []
  const subresource = options.subresource ?? ''
  const mine = managers.find((one) => isApplier(one, actor.manager, subresource))
  const live = old as unknown as Json | undefined
  const conflicts =
    old === undefined ? [] : conflictsOf(body, live, applied, managers, actor.manager, definition)
  if (conflicts.length > 0 && options.force !== true) return { ok: false, status: conflictStatus(conflicts) }
  const given = thaw(body) as unknown as Mutable<Draft>
  const track = (draft: Mutable<Draft>) => {
    const others = managers
      .filter((one) => one !== mine)
      .flatMap((one) => {
        const taken = conflicts.filter((c) => c.manager === one)
        const left = subtract(
          one.fieldsV1,
          taken.map((c) => c.path),
        )
        return Object.keys(left).length === 0 ? [] : [{ ...one, fieldsV1: left }]
      })
    const entry = entryOf(world, info, actor.manager, 'Apply', applied, subresource)
    const same = mine !== undefined && jsonEqual(mine.fieldsV1, applied)
    draft.metadata.managedFields = thaw([...others, same ? { ...mine, fieldsV1: applied } : entry])
  }
  if (old === undefined) {
    return createObject(
      world,
      actor,
      info,
      namespace,
      { ...given, metadata: { ...given.metadata, name } } as Draft,
      { ...options, track },
    )
  }
  let merged = mergeApplied(live, body, definition)
  if (mine !== undefined) {
    const otherSets = managers.filter((one) => one !== mine).map((one) => one.fieldsV1)
    merged = removePaths(merged, mine.fieldsV1, applied, otherSets, definition) ?? merged
  }
  const version = field(meta, 'resourceVersion')
  const next = merged as unknown as Draft
  const metadata = { ...next.metadata, resourceVersion: typeof version === 'string' ? version : undefined }
  return updateObject(world, actor, info, old, { ...next, metadata }, { ...options, track })
}

function isApplier(one: ManagedFields, manager: string, subresource: string): boolean {
  return one.manager === manager && one.operation === 'Apply' && (one.subresource ?? '') === subresource
}

interface Conflict {
  readonly manager: ManagedFields
  readonly path: readonly string[]
}

/** Fields that others own and that this configuration would change. */
function conflictsOf(
  body: JsonObject,
  live: Json | undefined,
  applied: JsonObject,
  managers: readonly ManagedFields[],
  manager: string,
  definition: string,
): Conflict[] {
  const changed = diffPaths(live, body, applied, definition)
  const conflicts: Conflict[] = []
  for (const one of managers) {
    if (one.manager === manager && one.operation === 'Apply') continue
    for (const path of changed) if (hasPath(one.fieldsV1, path)) conflicts.push({ manager: one, path })
  }
  return conflicts
}

function conflictStatus(conflicts: readonly Conflict[]) {
  const causes = conflicts.map(({ manager, path }) => {
    const sub = manager.subresource === undefined ? '' : ` with subresource "${manager.subresource}"`
    const how =
      manager.operation === 'Update'
        ? ` using ${manager.apiVersion}${manager.time ? ` at ${manager.time}` : ''}`
        : ''
    return {
      reason: 'FieldManagerConflict',
      message: `conflict with "${manager.manager}"${sub}${how}`,
      field: printPath(path),
    }
  })
  const n = causes.length
  const lines = causes.map((cause) => `- ${cause.field}`)
  const words =
    n === 1
      ? `Apply failed with 1 conflict: ${causes[0].message}: ${causes[0].field}`
      : `Apply failed with ${n} conflicts: ${groupConflicts(causes, lines)}`
  return failure(409, 'Conflict', words, { causes })
}

function groupConflicts(causes: readonly { message: string }[], lines: readonly string[]): string {
  const messages = [...new Set(causes.map((cause) => cause.message))]
  const parts = messages.map((message) => {
    const own = lines.filter((_, i) => causes[i].message === message)
    return `${own.length > 1 ? message.replace('conflict', 'conflicts') : message}:\n${own.join('\n')}`
  })
  return parts.join('\n')
}

/** `.spec.template.spec.containers[name="web"].image` */
function printPath(path: readonly string[]): string {
  let text = ''
  for (const part of path) {
    if (part.startsWith('f:')) text += `.${part.slice(2)}`
    else if (part.startsWith('v:')) text += `[=${part.slice(2)}]`
    else {
      const key = JSON.parse(part.slice(2)) as Record<string, Json>
      text += `[${Object.keys(key)
        .map((name) => `${name}=${JSON.stringify(key[name])}`)
        .join(',')}]`
    }
  }
  return text
}

/** What is given wins; lists that are maps or sets are merged by their keys; atomic values are replaced. */
function mergeApplied(live: Json | undefined, given: Json, definition: string): Json {
  if (!isRecord(given)) return given
  let out: JsonObject = isRecord(live) ? live : {}
  for (const key of Object.keys(given)) {
    const value = given[key]
    if (value === undefined || value === null) continue
    const type = fieldType(definition, key) ?? 'a'
    const before = field(out, key)
    if (Array.isArray(value)) {
      const kind = listKind(definition, key)
      out = withField(out, key, kind === 'atomic' ? value : mergeItems(before, value, kind, type.slice(2)))
    } else if (isRecord(value)) {
      out = withField(out, key, mergeApplied(before, value, type.startsWith('.') ? type.slice(1) : ''))
    } else out = withField(out, key, value)
  }
  return out
}

function mergeItems(
  before: Json | undefined,
  given: readonly Json[],
  kind: 'set' | readonly string[],
  definition: string,
): Json {
  const old = Array.isArray(before) ? [...before] : []
  if (kind === 'set') return [...old, ...given.filter((one) => !old.some((item) => jsonEqual(item, one)))]
  for (const one of given) {
    const at = old.findIndex((item) => kind.every((key) => sameKey(key, item, one)))
    if (at >= 0) old[at] = mergeApplied(old[at], one, definition)
    else old.push(one)
  }
  return old
}

/** Protocols default to TCP before they serve as keys. */
function sameKey(key: string, a: Json, b: Json): boolean {
  const fallback = key === 'protocol' ? 'TCP' : undefined
  return jsonEqual(field(a, key) ?? fallback, field(b, key) ?? fallback)
}

/** A managedFields entry as of now. */
export function entryOf(
  world: World,
  info: ResourceInfo,
  manager: string,
  operation: 'Apply' | 'Update',
  fieldsV1: JsonObject,
  subresource: string,
): ManagedFields {
  return {
    manager,
    operation,
    apiVersion: apiVersionOf(info),
    time: formatTime(wallMs(world)),
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...(subresource === '' ? {} : { subresource }),
  }
}

/**
 * Records an update in managedFields: what the manager changed becomes its own and leaves the other updaters'
 * sets. To be passed as `track`; with `subresource` status only status is looked at.
 */
export function trackUpdate(world: World, info: ResourceInfo, actor: Actor, subresource = '') {
  return (draft: Mutable<Draft>, old: ApiObject | undefined): void => {
    if (old !== undefined && jsonEqual(unmanaged(old), unmanaged(draft))) return
    const definition = definitionName(info)
    const before = old as unknown as Json | undefined
    const after = draft as unknown as Json
    const { 'f:status': status, ...others } = fieldsOf(after, definition)
    const within =
      subresource === 'status' ? { ...(status === undefined ? {} : { 'f:status': status }) } : others
    const owned = old === undefined ? within : undefined
    const changed = owned === undefined ? diffPaths(before, after, within, definition) : []
    const managers = old?.metadata.managedFields ?? []
    const isMine = (one: ManagedFields) =>
      one.manager === actor.manager && one.operation === 'Update' && (one.subresource ?? '') === subresource
    const mine = managers.find(isMine)
    const rest = managers.flatMap((one) => {
      if (isMine(one)) return []
      const left = prune(subtract(one.fieldsV1, changed), after)
      return Object.keys(left).length === 0 ? [] : [{ ...one, fieldsV1: left }]
    })
    const set = owned ?? unite(prune(mine?.fieldsV1 ?? {}, after), changed)
    const entry = entryOf(world, info, actor.manager, 'Update', set, subresource)
    draft.metadata.managedFields = thaw(Object.keys(set).length === 0 ? rest : [...rest, entry])
  }
}

function unmanaged(object: { readonly metadata: object }): object {
  return { ...object, metadata: { ...object.metadata, managedFields: undefined } }
}
