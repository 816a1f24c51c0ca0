/** Validation of what a write would store: metadata, then what the kind asks for. */
import type { ApiObject, ResourceInfo, StatusCause } from '../types.ts'
import { resourceKey } from '../types.ts'
import { validateMeta, validateMetaUpdate } from './validate-meta.ts'

type Check = (object: never, old: ApiObject | undefined, subresource: string) => StatusCause[]

const checks: Readonly<Record<string, Check>> = {}

/** What is wrong with an object that is to be created, in the server's order. */
export function validateCreate(info: ResourceInfo, object: ApiObject): StatusCause[] {
  const check = checks[resourceKey(info)]
  return [...validateMeta(info, object), ...(check?.(object as never, undefined, '') ?? [])]
}

/** What is wrong with an update. */
export function validateUpdate(
  info: ResourceInfo,
  object: ApiObject,
  old: ApiObject,
  subresource: string,
): StatusCause[] {
  const causes = validateMetaUpdate(info, object, old)
  if (subresource === 'status') return causes
  const check = checks[resourceKey(info)]
  return [...causes, ...(check?.(object as never, old, subresource) ?? [])]
}
