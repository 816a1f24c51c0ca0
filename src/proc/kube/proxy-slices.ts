/** Which slices a Service has: an index that kube-proxies share, of texts, so that equal ones are one and the same. */
import { interned } from '../../base/intern.ts'
import { trieOf } from '../../base/trie.ts'
import type { EndpointSlice } from '../../kube/objects.ts'
import type { StoreChange } from '../../kube/types.ts'
import type { SliceIndex } from './proxy-memo.ts'

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'
/** Between the names of a Service's slices: no name has one. */
const AND = ','

/** The names in an entry. */
export function namesOf(names: string): string[] {
  return names === '' ? [] : names.split(AND)
}

/** The index of all slices. */
export function indexOf(slices: readonly EndpointSlice[]): SliceIndex {
  const names = new Map<string, string>()
  for (const slice of slices) {
    const service = slice.metadata.labels?.[SERVICE_NAME_LABEL]
    if (service === undefined) continue
    const key = `${slice.metadata.namespace}/${service}`
    names.set(key, withSlice(names.get(key) ?? '', slice.metadata.name))
  }
  return trieOf(names)
}

/** In order, so that whoever comes to know the same slices has the same text. */
export function withSlice(names: string, name: string): string {
  if (names === '' || names === name) return name
  const all = names.split(AND)
  return all.includes(name) ? names : [...all, name].sort().join(AND)
}

/** The entry without a slice. */
export function withoutSlice(names: string, name: string): string {
  return names
    .split(AND)
    .filter((one) => one !== name)
    .join(AND)
}

/** The Service of a slice that changed: the same text for every node that is told. */
export function sliceOwner(change: StoreChange): string | undefined {
  const known = owners.get(change)
  if (known !== undefined) return known
  const { namespace, labels } = change.object.metadata
  const service = labels?.[SERVICE_NAME_LABEL]
  if (service === undefined) return undefined
  const key = interned(`${namespace}/${service}`)
  if (Object.isFrozen(change)) owners.set(change, key)
  return key
}

/** Derived from frozen records. */
const owners = new WeakMap<StoreChange, string>()
