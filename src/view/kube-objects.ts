/** Objects of a cluster's store as kubectl lists and prints them. Pure: the store is only read. */
import { printCells, printColumns } from '../kube/api/printers.ts'
import { findKind, findResource, resources, storedOnly } from '../kube/api/resources.ts'
import type { KubeEvent } from '../kube/objects.ts'
import { compactedRevision, storeChanges } from '../kube/store/history.ts'
import { storeGet, storeKey, storeList, storeOf, storeOwned, wallMs } from '../kube/store/store.ts'
import { parseTime } from '../kube/time.ts'
import type { ApiObject } from '../kube/types.ts'
import { controllerOf, resourceKey } from '../kube/types.ts'
import type { ClusterDoc } from '../lab/cluster-types.ts'
import type { Lab } from '../lab/types.ts'
import type { World } from '../net/types.ts'
import { toYaml } from '../proc/cmd/kubectl/yaml.ts'
import type { EventRow, KindCount, ObjectRef, ObjectTable, ObjectView, TextPlace } from './kube-types.ts'

/** An owner of an owner of ... : no chain is longer. */
const MAX_OWNERS = 8
const MAX_EVENTS = 500
/** Nobody reads further down; `total` tells how many there are. */
const MAX_ROWS = 500

/** The kinds that are served, in the order of discovery, with their numbers. */
export function kindCounts(world: World): KindCount[] {
  const store = storeOf(world)
  return resources.map((info) => {
    const resource = resourceKey(info)
    const { kind, namespaced } = info
    const count = storeList(store, resource).length
    return { resource, kind, namespaced, count, storedOnly: storedOnly(info) }
  })
}

/** All objects of a kind as `kubectl get` prints them, or as with `-o wide`; null where there is no such kind. */
export function objectTable(world: World, resource: string, wide = false): ObjectTable | null {
  const info = findResource(resource)
  if (info === undefined) return null
  const nowMs = wallMs(world)
  const all = storeList(storeOf(world), resource)
  const columns = printColumns(resource)
  const shown = columns.flatMap((column, i) => (wide || column.priority === 0 ? [i] : []))
  const heads = shown.map((i) => columns[i]!.name.toUpperCase())
  const names = info.namespaced ? ['NAMESPACE', ...heads] : heads
  return {
    resource,
    command: `kubectl get ${info.resource}${info.namespaced ? ' -A' : ''}${wide ? ' -o wide' : ''}`,
    widens: columns.some((column) => column.priority > 0),
    columns: names,
    ages: names.flatMap((name, i) => (name === 'AGE' || name === 'LAST SEEN' ? [i] : [])),
    total: all.length,
    rows: all.slice(0, MAX_ROWS).map((object) => {
      const cells = printCells(resource, object, nowMs, wide)
      const texts = shown.map((i) => String(cells[i]))
      const { namespace = '', uid, resourceVersion } = object.metadata
      return {
        ref: refOf(object),
        uid,
        revision: Number(resourceVersion),
        cells: info.namespaced ? [namespace, ...texts] : texts,
      }
    }),
  }
}

/** One object with all that belongs to it; null where it does not exist at this moment. */
export function objectView(
  world: World,
  lab: Lab,
  resource: string,
  namespace: string,
  name: string,
): ObjectView | null {
  const store = storeOf(world)
  const object = storeGet(store, resource, namespace, name)
  if (object === undefined) return null
  const { managedFields, ...metadata } = object.metadata
  const chain = ownersOf(world, object)
  return {
    ref: refOf(object),
    revision: Number(metadata.resourceVersion),
    yaml: toYaml({ ...object, metadata }),
    owners: chain.map(refOf),
    owned: storeOwned(store, metadata.uid).map((one) => refOf(one.object)),
    events: eventRows(world).filter((row) => row.about !== null && sameRef(row.about, refOf(object))),
    place: placeOfAny(lab, [object, ...chain]),
    managers: writersOf(world, resource, namespace, name),
  }
}

/** Who wrote an object, the latest first, as far as the store's log reaches back. */
function writersOf(world: World, resource: string, namespace: string, name: string): string[] {
  const store = storeOf(world)
  const changes = storeChanges(store, compactedRevision(store), new Set([resource]))
  const key = storeKey(namespace, name)
  const own = changes === 'gone' ? [] : changes.filter((change) => change.key === key)
  return [...new Set(own.map(({ manager }) => manager).reverse())]
}

/** Events, the oldest first, as `kubectl get events` orders them. */
export function eventRows(world: World): EventRow[] {
  const store = storeOf(world)
  const nowMs = wallMs(world)
  const { epochMs } = store.options
  const rows = storeList<KubeEvent>(store, 'events').map((event) => {
    const cells = printCells('events', event, nowMs, false).map(String)
    const seen = parseTime(event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp)
    return { event, cells, at: ((seen ?? epochMs) - epochMs) * 1_000_000 }
  })
  rows.sort((a, b) => a.at - b.at || Number(revisionOf(a.event)) - Number(revisionOf(b.event)))
  const columns = printColumns('events').map((column) => column.name)
  const cell = (cells: string[], name: string) => cells[columns.indexOf(name)] ?? ''
  return rows.slice(-MAX_EVENTS).map(({ event, cells, at }) => ({
    namespace: event.metadata.namespace ?? '',
    lastSeen: cell(cells, 'Last Seen'),
    type: cell(cells, 'Type'),
    reason: cell(cells, 'Reason'),
    object: cell(cells, 'Object'),
    message: cell(cells, 'Message'),
    about: aboutOf(event),
    at,
  }))
}

export function refOf({ apiVersion, kind, metadata }: ApiObject): ObjectRef {
  const info = findKind(apiVersion, kind)
  const resource = info === undefined ? kind.toLowerCase() : resourceKey(info)
  return { resource, kind, namespace: metadata.namespace ?? '', name: metadata.name }
}

export function sameRef(a: ObjectRef, b: ObjectRef): boolean {
  return a.resource === b.resource && a.namespace === b.namespace && a.name === b.name
}

/** Where an object's document stands in the lab's text; a node is its machine. */
export function placeInLab(lab: Lab, ref: ObjectRef): TextPlace | null {
  if (ref.kind === 'Node') {
    const machine = lab.machines.find((one) => one.name === ref.name)
    return machine === undefined ? null : placeOf(machine.span)
  }
  const doc = documentOf(lab, ref)
  return doc === undefined ? null : placeOf(doc.spans.get('metadata.name') ?? doc.span)
}

/** The document of the lab that made an object. */
export function documentOf(lab: Lab, ref: ObjectRef): ClusterDoc | undefined {
  return lab.cluster?.manifests.find((doc) => {
    const info = findKind(doc.apiVersion, doc.kind)
    if (info === undefined || resourceKey(info) !== ref.resource) return false
    const { metadata } = doc.value as unknown as { metadata?: { name?: string; namespace?: string } }
    const namespace = info.namespaced ? (metadata?.namespace ?? 'default') : ''
    return metadata?.name === ref.name && namespace === ref.namespace
  })
}

export function placeOf({ line, column }: TextPlace): TextPlace {
  return { line, column }
}

function placeOfAny(lab: Lab, objects: readonly ApiObject[]): ObjectView['place'] {
  for (const object of objects) {
    const from = refOf(object)
    const place = placeInLab(lab, from)
    if (place !== null) return { ...place, from }
  }
  return null
}

/** The owners that have `controller: true`, from the nearest on; an Endpoints object belongs to its Service by name. */
function ownersOf(world: World, object: ApiObject): ApiObject[] {
  const store = storeOf(world)
  const chain: ApiObject[] = []
  for (let one = object; chain.length < MAX_OWNERS; ) {
    const { namespace = '', name } = one.metadata
    const ref = controllerOf(one) ?? one.metadata.ownerReferences?.[0]
    const info = ref === undefined ? undefined : findKind(ref.apiVersion, ref.kind)
    let owner: ApiObject | undefined
    if (ref !== undefined && info !== undefined) {
      const found = storeGet(store, resourceKey(info), info.namespaced ? namespace : '', ref.name)
      owner = found?.metadata.uid === ref.uid ? found : undefined
    } else if (one.kind === 'Endpoints') owner = storeGet(store, 'services', namespace, name)
    if (owner === undefined) break
    chain.push(owner)
    one = owner
  }
  return chain
}

function aboutOf({ involvedObject }: KubeEvent): ObjectRef | null {
  const { apiVersion = 'v1', kind = '', namespace = '', name = '' } = involvedObject
  const info = findKind(apiVersion, kind)
  if (info === undefined) return null
  return { resource: resourceKey(info), kind, namespace: info.namespaced ? namespace : '', name }
}

function revisionOf({ metadata }: ApiObject): string {
  return metadata.resourceVersion
}
