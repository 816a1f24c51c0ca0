/** Object metadata. Models apimachinery pkg/api/validation/objectmeta.go (1.32). */
import type { LabelSelector } from '../objects.ts'
import { type ApiObject, type ResourceInfo, resourceKey, type StatusCause } from '../types.ts'
import { goStrings, immutable, invalidAll, invalidValue, notAllowed, required, tooLong } from './fields.ts'
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
    // Its pods' host names are made of it.
    case 'statefulsets.apps':
      return dns1123Label
    default:
      return dns1123Subdomain
  }
}

/** Metadata of an object that is to be created. */
export function validateMeta(info: ResourceInfo, { metadata }: ApiObject): StatusCause[] {
  const causes: StatusCause[] = []
  const check = nameCheck(info)
  const { name, generateName = '', namespace, finalizers = [] } = metadata
  if (generateName !== '') {
    // The suffix will end it with a letter or digit.
    const masked = generateName.length > 1 ? generateName.replace(/.-$/, 'a') : generateName
    causes.push(...invalidAll('metadata.generateName', generateName, check(masked)))
  }
  if (!name) causes.push(required('metadata.name', 'name or generateName is required'))
  else causes.push(...invalidAll('metadata.name', name, check(name)))
  if (info.namespaced && namespace !== undefined) {
    causes.push(...invalidAll('metadata.namespace', namespace, dns1123Label(namespace)))
  }
  causes.push(...common(metadata))
  for (const one of finalizers) causes.push(...invalidAll('metadata.finalizers', one, qualifiedName(one)))
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    const words = 'finalizer orphan and foregroundDeletion cannot be both set'
    causes.push(invalidValue('metadata.finalizers', goStrings(finalizers), words))
  }
  return [...causes, ...standardFinalizers(finalizers)]
}

/** Metadata of an update. */
export function validateMetaUpdate(
  _info: ResourceInfo,
  { metadata }: ApiObject,
  old: ApiObject,
): StatusCause[] {
  const causes: StatusCause[] = []
  if (old.metadata.deletionTimestamp !== undefined) {
    const before = new Set(old.metadata.finalizers ?? [])
    const added = (metadata.finalizers ?? []).filter((one) => !before.has(one))
    if (added.length > 0) {
      const words = `no new finalizers can be added if the object is being deleted, found new finalizers ${goStrings(added).go}`
      causes.push(notAllowed('metadata.finalizers', words))
    }
  }
  for (const name of ['name', 'namespace', 'uid'] as const) {
    const value = metadata[name] ?? ''
    if (value !== (old.metadata[name] ?? '')) causes.push(immutable(`metadata.${name}`, value))
  }
  return [...causes, ...common(metadata), ...standardFinalizers(metadata.finalizers ?? [])]
}

function common(metadata: ApiObject['metadata']): StatusCause[] {
  const causes = validateLabels(metadata.labels, 'metadata.labels')
  causes.push(...validateAnnotations(metadata.annotations, 'metadata.annotations'))
  const owners = metadata.ownerReferences ?? []
  const path = 'metadata.ownerReferences'
  for (const ref of owners) {
    // As upstream has it, without the index.
    if (!ref.apiVersion || ref.apiVersion.endsWith('/')) {
      causes.push(invalidValue(`${path}.apiVersion`, ref.apiVersion ?? '', 'version must not be empty'))
    }
    for (const field of ['kind', 'name', 'uid'] as const) {
      if (!ref[field]) causes.push(invalidValue(`${path}.${field}`, '', `${field} must not be empty`))
    }
  }
  const [first, ...others] = owners.filter((ref) => ref.controller === true)
  for (const ref of others) {
    const words = `Only one reference can have Controller set to true. Found "true" in references for ${first?.kind}/${first?.name} and ${ref.kind}/${ref.name}`
    causes.push(invalidValue(path, { go: '[]' }, words))
  }
  return causes
}

function standardFinalizers(finalizers: readonly string[]): StatusCause[] {
  const known = ['foregroundDeletion', 'orphan', 'kubernetes']
  const words = 'name is neither a standard finalizer name nor is it fully qualified'
  return finalizers.flatMap((one, i) =>
    one.includes('/') || known.includes(one) ? [] : [invalidValue(`metadata.finalizers[${i}]`, one, words)],
  )
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

/** metav1 validation of a LabelSelector. */
export function validateSelector(selector: LabelSelector | undefined, path: string): StatusCause[] {
  const causes = validateLabels(selector?.matchLabels, `${path}.matchLabels`)
  for (const [i, { key, operator, values = [] }] of (selector?.matchExpressions ?? []).entries()) {
    const at = `${path}.matchExpressions[${i}]`
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0)
        causes.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"))
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      const words = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
      if (values.length > 0) causes.push(notAllowed(`${at}.values`, words))
    } else causes.push(invalidValue(`${at}.operator`, operator ?? '', 'not a valid selector operator'))
    causes.push(...qualifiedName(key ?? '').map((one) => invalidValue(`${at}.key`, key ?? '', one)))
    for (const [k, value] of values.entries()) {
      causes.push(...validLabelValue(value).map((one) => invalidValue(`${at}.values[${k}]`, value, one)))
    }
  }
  return causes
}
