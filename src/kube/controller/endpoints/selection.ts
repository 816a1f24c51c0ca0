/**
 * Which pods a Service selects and which Services select a pod, looked up by one label pair: neither costs more with
 * more objects. Models the indexes behind endpointslice's util.ServiceSelectorCache. The trees are frozen: a
 * checkpoint shares them.
 */
import { matchMap } from '../../api/selectors.ts'
import type { Labels, Pod, Service } from '../../objects.ts'
import type { KeyIndex } from '../../store/key-index.ts'
import { indexAdd, indexKeys, indexRemove } from '../../store/key-index.ts'
import { createTree, treeDelete, treeGet, treeSet, treeValues } from '../../store/tree.ts'
import type { Tree } from '../../store/tree.ts'
import type { StoreChange } from '../../types.ts'
import { jsonEqual, objectKey } from '../../types.ts'

export interface Selection {
  /** by NAMESPACE/KEY=VALUE */
  pods: KeyIndex
  /** NAMESPACE/KEY=VALUE/SERVICE by the first pair of its selector, to the selector */
  services: Tree<Selecting>
  /** The same by Service key. */
  selectors: Tree<Selecting>
}

/** A Service and what it selects. */
export interface Selecting {
  readonly key: string
  readonly selector: Labels
}

export function createSelection(): Selection {
  return { pods: createTree(), services: createTree(), selectors: createTree() }
}

/** Takes in a Service as it is now; one without a selector, or gone, selects nothing. */
export function selectionService(to: Selection, service: Service, gone = false): void {
  const key = objectKey(service)
  const { namespace = '', name } = service.metadata
  const old = treeGet(to.selectors, key)?.selector
  const now = gone ? undefined : selectorOf(service)
  if (old !== undefined && jsonEqual(old, now)) return
  if (old !== undefined) to.services = treeDelete(to.services, `${namespace}/${firstPair(old)}/${name}`)
  to.selectors = treeDelete(to.selectors, key)
  if (now === undefined) return
  const entry = Object.freeze({ key, selector: now })
  to.selectors = treeSet(to.selectors, key, entry)
  to.services = treeSet(to.services, `${namespace}/${firstPair(now)}/${name}`, entry)
}

/** Takes in a pod; `previous` is what it was before, `known` its key where that is at hand. */
export function selectionPod(to: Selection, now: Pod | undefined, previous?: Pod, known?: string): void {
  const labels = now?.metadata.labels ?? {}
  const before = previous?.metadata.labels ?? {}
  if (now !== undefined && previous !== undefined && jsonEqual(labels, before)) return
  const pod = now ?? previous
  if (pod === undefined) return
  const key = known ?? objectKey(pod)
  for (const pair of pairs(previous)) to.pods = indexRemove(to.pods, pair, key)
  for (const pair of pairs(now)) to.pods = indexAdd(to.pods, pair, key)
}

/** A pod's change, as the store's log has it. */
export function selectionChange(to: Selection, { type, key, object, previous }: StoreChange): void {
  selectionPod(to, type === 'DELETED' ? undefined : (object as Pod), previous as Pod | undefined, key)
}

/** Keys of the pods that have the selector's first pair: those that it selects are among them. */
export function selectionCandidates(of: Selection, namespace: string, selector: Labels): readonly string[] {
  return indexKeys(of.pods, `${namespace}/${firstPair(selector)}`)
}

/** Keys of the Services that select a pod with these labels. */
export function servicesSelecting(of: Selection, namespace: string, labels: Labels = {}): string[] {
  const keys: string[] = []
  for (const [key, value] of Object.entries(labels)) {
    for (const service of treeValues(of.services, `${namespace}/${key}=${value}/`)) {
      if (matchMap(service.selector, labels)) keys.push(service.key)
    }
  }
  return keys
}

/** A Service's selector; undefined where it has none. */
export function selectorOf({ spec }: Service): Labels | undefined {
  const { selector, type } = spec
  if (type === 'ExternalName' || selector === undefined || Object.keys(selector).length === 0)
    return undefined
  return selector
}

/** Keys of all Services that select something. */
export function selectingServices(of: Selection): string[] {
  return treeValues(of.selectors).map(({ key }) => key)
}

export function isSelecting(of: Selection, key: string): boolean {
  return treeGet(of.selectors, key) !== undefined
}

/** The Services whose endpoints a pod's change concerns: those that select it now or did before. */
export function servicesOfPod(of: Selection, { object, previous, type }: StoreChange): string[] {
  const now = object as Pod
  const before = previous as Pod | undefined
  const { namespace = '', labels } = now.metadata
  // Without an address it is nobody's endpoint, and was none.
  if (!hasAddress(now) && (before === undefined || !hasAddress(before))) return []
  const sameLabels = before !== undefined && jsonEqual(before.metadata.labels, labels)
  if (type === 'MODIFIED' && sameLabels && !endpointChanged(before, now)) return []
  const keys = servicesSelecting(of, namespace, labels)
  if (sameLabels || before === undefined) return keys
  return [...new Set([...keys, ...servicesSelecting(of, namespace, before.metadata.labels)])]
}

function hasAddress({ status }: Pod): boolean {
  return (status?.podIP ?? '') !== '' || (status?.podIPs ?? []).length > 0
}

function endpointChanged(a: Pod, b: Pod): boolean {
  const seen = ({ spec, status, metadata }: Pod) => [
    metadata.deletionTimestamp !== undefined,
    spec.nodeName,
    spec.hostname,
    spec.subdomain,
    status?.phase,
    status?.podIP,
    status?.podIPs,
    status?.conditions?.find(({ type }) => type === 'Ready')?.status,
  ]
  return !jsonEqual(seen(a), seen(b))
}

function firstPair(selector: Labels): string {
  const [key = ''] = Object.keys(selector).sort()
  return `${key}=${selector[key]}`
}

function pairs(pod: Pod | undefined): string[] {
  const { namespace = '', labels = {} } = pod?.metadata ?? {}
  return Object.entries(labels).map(([key, value]) => `${namespace}/${key}=${value}`)
}
