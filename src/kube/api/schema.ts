/**
 * The types of every field, generated from the official models (src/cli/dev/kube-schema.mjs), and what those lack:
 * merge keys of lists for strategic merge and server-side apply (the patchMergeKey and listMapKey marks of 1.32).
 */
import type { ResourceInfo } from '../types.ts'
import types from './schema.gen.json' with { type: 'json' }

/**
 * s string, i int32, l int64, d double, b boolean, t time, u micro time, q quantity, x int or string, y bytes,
 * a anything, .NAME a definition, [T list, {T map with string keys; a ! at the end: required.
 */
export type TypeCode = string

type Definition = Readonly<Record<string, TypeCode>>

const definitions: Readonly<Record<string, Definition>> = types

const packages: Readonly<Record<string, string>> = {
  '': 'io.k8s.api.core.v1',
  apps: 'io.k8s.api.apps.v1',
  'coordination.k8s.io': 'io.k8s.api.coordination.v1',
  'discovery.k8s.io': 'io.k8s.api.discovery.v1',
  'networking.k8s.io': 'io.k8s.api.networking.v1',
}

/** The definition of a served kind: io.k8s.api.apps.v1.Deployment. */
export function definitionName(info: Pick<ResourceInfo, 'group' | 'kind'>): string {
  return `${packages[info.group]}.${info.kind}`
}

export function definitionNames(): readonly string[] {
  return Object.keys(definitions)
}

/** The fields of a definition; undefined where the name means nothing. */
export function definition(name: string): Definition | undefined {
  return Object.hasOwn(definitions, name) ? definitions[name] : undefined
}

/** The type of one field, without the mark of requirement. */
export function fieldType(name: string, field: string): TypeCode | undefined {
  const fields = definition(name)
  if (fields === undefined || !Object.hasOwn(fields, field)) return undefined
  return fields[field].replace('!', '')
}

/** The last part of a definition's name: Go's type. */
export function goName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

/** Lists that strategic merge merges by a key, by Go type and field. '' merges a set of plain values. */
const mergeKeys: Readonly<Record<string, string>> = {
  'PodSpec.containers': 'name',
  'PodSpec.initContainers': 'name',
  'PodSpec.ephemeralContainers': 'name',
  'PodSpec.volumes': 'name',
  'PodSpec.imagePullSecrets': 'name',
  'PodSpec.hostAliases': 'ip',
  'PodSpec.topologySpreadConstraints': 'topologyKey',
  'PodSpec.resourceClaims': 'name',
  'Container.ports': 'containerPort',
  'Container.env': 'name',
  'Container.volumeMounts': 'mountPath',
  'Container.volumeDevices': 'devicePath',
  'EphemeralContainer.ports': 'containerPort',
  'EphemeralContainer.env': 'name',
  'EphemeralContainer.volumeMounts': 'mountPath',
  'PodStatus.conditions': 'type',
  'PodStatus.podIPs': 'ip',
  'PodStatus.hostIPs': 'ip',
  'ServiceSpec.ports': 'port',
  'ServiceStatus.conditions': 'type',
  'ServiceAccount.secrets': 'name',
  'ServiceAccount.imagePullSecrets': 'name',
  'ObjectMeta.ownerReferences': 'uid',
  'ObjectMeta.finalizers': '',
  'NodeSpec.podCIDRs': '',
  'NodeStatus.conditions': 'type',
  'NodeStatus.addresses': 'type',
  'NamespaceStatus.conditions': 'type',
  'DeploymentStatus.conditions': 'type',
  'ReplicaSetStatus.conditions': 'type',
  'StatefulSetStatus.conditions': 'type',
  'DaemonSetStatus.conditions': 'type',
}

/** Keys of lists that server-side apply treats as maps, where they differ from the merge key. */
const mapKeys: Readonly<Record<string, readonly string[]>> = {
  'Container.ports': ['containerPort', 'protocol'],
  'EphemeralContainer.ports': ['containerPort', 'protocol'],
  'ServiceSpec.ports': ['port', 'protocol'],
  'PodSpec.topologySpreadConstraints': ['topologyKey', 'whenUnsatisfiable'],
  'EndpointSlice.endpoints': [],
}

/** The key that strategic merge joins a list's items by; undefined: the list is replaced as a whole. */
export function mergeKey(name: string, field: string): string | undefined {
  const key = `${goName(name)}.${field}`
  return Object.hasOwn(mergeKeys, key) ? mergeKeys[key] : undefined
}

/** 'atomic', 'set', or the keys of a list that is a map: how field ownership sees a list. */
export function listKind(name: string, field: string): 'atomic' | 'set' | readonly string[] {
  const key = `${goName(name)}.${field}`
  if (Object.hasOwn(mapKeys, key)) return mapKeys[key].length === 0 ? 'atomic' : mapKeys[key]
  const merge = mergeKey(name, field)
  if (merge === undefined) return 'atomic'
  return merge === '' ? 'set' : [merge]
}
