/** What kustomize works on: objects that remember what they were called. Models kustomize api/resource (5.5). */
import type { Json, JsonObject } from '../../../../kube/types.ts'
import { field, isRecord, withField } from '../../../../kube/types.ts'
import { obj, str } from '../describe-text.ts'

/** A name that an object has, or had before a transformer gave it another. */
export interface ResId {
  readonly name: string
  readonly namespace: string
}

export interface Res {
  readonly object: JsonObject
  /** What it was called before, oldest first. */
  readonly before: readonly ResId[]
  /** Its name gets a hash of what it holds. */
  readonly hashed: boolean
}

/** The words of a mistake: they end the building. */
export interface Wrong {
  readonly wrong: string
}

export function wrong(text: string): never {
  throw { wrong: text } satisfies Wrong
}

export function isWrong(thrown: unknown): thrown is Wrong {
  return typeof thrown === 'object' && thrown !== null && 'wrong' in thrown
}

export function listOf(value: Json | undefined, key: string): readonly Json[] {
  const found = field(value, key)
  return Array.isArray(found) ? (found as Json[]) : []
}

export function idOf({ object }: Res): ResId {
  const meta = obj(object, 'metadata')
  return { name: str(meta, 'name'), namespace: str(meta, 'namespace') }
}

export function kindOf({ object }: Res): string {
  return str(object, 'kind')
}

/** Group and version: `['', 'v1']`, `['apps', 'v1']`. */
export function groupVersion({ object }: Res): readonly [string, string] {
  const [first = '', second] = str(object, 'apiVersion').split('/')
  return second === undefined ? ['', first] : [first, second]
}

/** `Deployment.v1.apps/web.[noNs]` */
export function shownId(one: Res, id = idOf(one)): string {
  const [group, version] = groupVersion(one)
  return `${kindOf(one)}.${version}.${group || '[noGrp]'}/${id.name}.${id.namespace || '[noNs]'}`
}

/** All that it is or was called. */
export function idsOf(one: Res): readonly ResId[] {
  return [...one.before, idOf(one)]
}

/** Changed, with what it was called before noted where that has changed. */
export function changed(one: Res, object: JsonObject): Res {
  const [was, is] = [idOf(one), idOf({ ...one, object })]
  const same = was.name === is.name && was.namespace === is.namespace
  return { ...one, object, before: same ? one.before : [...one.before, was] }
}

/**
 * Changes what stands at a path of fields (`spec/containers[]/image`). What is not there is left out, or with `create`
 * begun as a record.
 */
export function atPath(
  value: Json,
  path: readonly string[],
  create: boolean,
  change: (value: Json | undefined) => Json | undefined,
): Json {
  const [first, ...rest] = path
  if (first === undefined || !isRecord(value)) return value
  const key = first.replace('[]', '')
  const inner = field(value, key)
  if (first.endsWith('[]')) {
    if (!Array.isArray(inner)) return value
    const list = (inner as Json[]).map((one) =>
      rest.length === 0 ? (change(one) ?? one) : atPath(one, rest, create, change),
    )
    return withField(value, key, list)
  }
  if (rest.length === 0) {
    if ((inner === undefined || inner === null) && !create) return value
    return withField(value, key, change(inner))
  }
  if (inner === undefined || inner === null) {
    return create ? withField(value, key, atPath({}, rest, create, change)) : value
  }
  return withField(value, key, atPath(inner, rest, create, change))
}
