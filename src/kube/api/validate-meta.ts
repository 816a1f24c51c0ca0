/** Object metadata. Models apimachinery pkg/api/validation/objectmeta.go (1.32). */
import { type ApiObject, type ResourceInfo, resourceKey, type StatusCause } from '../types.ts'
import { immutable, invalidValue, notAllowed, required, tooLong } from './fields.ts'
import {
  byteLength,
  dns1035Label,
  dns1123Label,
  dns1123Subdomain,
  qualifiedName,
  validLabelValue,
} from './names.ts'

const MAX_ANNOTATIONS = 256 * 1024

function nameCheck(info: ResourceInfo): (text: string) => string[] {
  switch (resourceKey(info)) {
    case 'services':
      return dns1035Label
    case 'namespaces':
      return dns1123Label
    default:
      return dns1123Subdomain
  }
}

/** Metadata of an object that is to be created. */
export function validateMeta(info: ResourceInfo, { metadata }: ApiObject): StatusCause[] {
  const causes: StatusCause[] = []
  const check = nameCheck(info)
  if (metadata.generateName) {
    // The suffix will end it with a letter or digit.
    const words = check(metadata.generateName.replace(/-+$/, '') || '-')
    causes.push(
      ...words.map((one) => invalidValue('metadata.generateName', metadata.generateName ?? '', one)),
    )
  }
  if (!metadata.name) causes.push(required('metadata.name', 'name or generateName is required'))
  else causes.push(...check(metadata.name).map((one) => invalidValue('metadata.name', metadata.name, one)))
  if (info.namespaced && metadata.namespace !== undefined) {
    const words = dns1123Label(metadata.namespace)
    causes.push(...words.map((one) => invalidValue('metadata.namespace', metadata.namespace ?? '', one)))
  }
  return [...causes, ...common(metadata)]
}

/** Metadata of an update. */
export function validateMetaUpdate(
  _info: ResourceInfo,
  { metadata }: ApiObject,
  old: ApiObject,
): StatusCause[] {
  const causes = common(metadata)
  for (const name of ['name', 'namespace', 'uid'] as const) {
    const value = metadata[name] ?? ''
    if (value !== (old.metadata[name] ?? '')) causes.push(immutable(`metadata.${name}`, value))
  }
  if (old.metadata.deletionTimestamp !== undefined) {
    const before = new Set(old.metadata.finalizers ?? [])
    const added = (metadata.finalizers ?? []).filter((one) => !before.has(one))
    if (added.length > 0) {
      const list = added.map((one) => JSON.stringify(one)).join(', ')
      const words = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`
      causes.push(notAllowed('metadata.finalizers', words))
    }
  }
  return causes
}

function common(metadata: ApiObject['metadata']): StatusCause[] {
  const causes = validateLabels(metadata.labels, 'metadata.labels')
  causes.push(...validateAnnotations(metadata.annotations, 'metadata.annotations'))
  const owners = metadata.ownerReferences ?? []
  for (const [i, ref] of owners.entries()) {
    const path = `metadata.ownerReferences[${i}]`
    if (!ref.apiVersion) causes.push(invalidValue(`${path}.apiVersion`, '', 'version must not be empty'))
    if (!ref.kind) causes.push(invalidValue(`${path}.kind`, '', 'must not be empty'))
    if (!ref.name) causes.push(invalidValue(`${path}.name`, '', 'must not be empty'))
    if (!ref.uid) causes.push(invalidValue(`${path}.uid`, '', 'must not be empty'))
  }
  const controllers = owners.filter((ref) => ref.controller === true)
  if (controllers.length > 1) {
    const words = `Only one reference can have Controller set to true. Found "true" in references for ${controllers[0].kind}/${controllers[0].name} and ${controllers[1].kind}/${controllers[1].name}`
    causes.push(invalidValue('metadata.ownerReferences', { go: '[]' }, words))
  }
  for (const [i, one] of (metadata.finalizers ?? []).entries()) {
    const known = ['foregroundDeletion', 'orphan', 'kubernetes'].includes(one)
    const words = known ? [] : one.includes('/') ? qualifiedName(one) : finalizerWords(one)
    causes.push(...words.map((text) => invalidValue(`metadata.finalizers[${i}]`, one, text)))
  }
  return causes
}

function finalizerWords(one: string): string[] {
  const words = qualifiedName(one)
  return words.length > 0 ? words : ['name is neither a standard finalizer name nor is it fully qualified']
}

export function validateLabels(
  labels: Readonly<Record<string, string>> | undefined,
  path: string,
): StatusCause[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...qualifiedName(key).map((one) => invalidValue(path, key, one)),
    ...validLabelValue(value).map((one) => invalidValue(path, value, one)),
  ])
}

export function validateAnnotations(
  map: Readonly<Record<string, string>> | undefined,
  path: string,
): StatusCause[] {
  let size = 0
  const causes: StatusCause[] = []
  for (const [key, value] of Object.entries(map ?? {})) {
    causes.push(...qualifiedName(key.toLowerCase()).map((one) => invalidValue(path, key, one)))
    size += byteLength(key) + byteLength(value)
  }
  if (size > MAX_ANNOTATIONS) causes.push(tooLong(path, MAX_ANNOTATIONS))
  return causes
}
