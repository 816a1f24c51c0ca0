/** A manifest judged without a server: what a create would answer, each mistake with the path of its field. */
import type { Service } from '../objects.ts'
import type { ApiObject, Draft, JsonObject } from '../types.ts'
import { resourceKey } from '../types.ts'
import { decodeObject } from './decode.ts'
import { applyDefaults } from './defaults.ts'
import type { Mutable } from './draft.ts'
import { thawGiven } from './draft.ts'
import { findKind, notModelled, storedOnly } from './resources.ts'
import { validateCreate } from './validate.ts'

export interface ManifestProblem {
  readonly severity: 'error' | 'warning' | 'info'
  readonly message: string
  /** As the API server writes it: `spec.ports[0].port`; '' for the whole. */
  readonly path: string
  /** rewrite: the document can be rewritten for a version that is served. storedOnly: nothing acts on it. */
  readonly about?: 'rewrite' | 'storedOnly'
}

/** API versions that are gone, to what serves the kind today. */
const MOVED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'extensions/v1beta1': {
    ...{ Deployment: 'apps/v1', ReplicaSet: 'apps/v1', DaemonSet: 'apps/v1' },
    ...{ Ingress: 'networking.k8s.io/v1', NetworkPolicy: 'networking.k8s.io/v1' },
  },
  'apps/v1beta1': { Deployment: 'apps/v1', StatefulSet: 'apps/v1' },
  'apps/v1beta2': {
    Deployment: 'apps/v1',
    StatefulSet: 'apps/v1',
    ReplicaSet: 'apps/v1',
    DaemonSet: 'apps/v1',
  },
  'networking.k8s.io/v1beta1': { Ingress: 'networking.k8s.io/v1', IngressClass: 'networking.k8s.io/v1' },
  'discovery.k8s.io/v1beta1': { EndpointSlice: 'discovery.k8s.io/v1' },
  'coordination.k8s.io/v1beta1': { Lease: 'coordination.k8s.io/v1' },
  'policy/v1beta1': { PodDisruptionBudget: 'policy/v1' },
  'batch/v1beta1': { CronJob: 'batch/v1' },
  'autoscaling/v2beta2': { HorizontalPodAutoscaler: 'autoscaling/v2' },
  'scheduling.k8s.io/v1beta1': { PriorityClass: 'scheduling.k8s.io/v1' },
  'node.k8s.io/v1beta1': { RuntimeClass: 'node.k8s.io/v1' },
  'rbac.authorization.k8s.io/v1beta1': {
    Role: 'rbac.authorization.k8s.io/v1',
    ClusterRole: 'rbac.authorization.k8s.io/v1',
    RoleBinding: 'rbac.authorization.k8s.io/v1',
    ClusterRoleBinding: 'rbac.authorization.k8s.io/v1',
  },
  'storage.k8s.io/v1beta1': {
    StorageClass: 'storage.k8s.io/v1',
    CSIDriver: 'storage.k8s.io/v1',
    CSINode: 'storage.k8s.io/v1',
    VolumeAttachment: 'storage.k8s.io/v1',
  },
}

/** Where a kind of a version that is gone is served today; undefined where it never was or still is. */
export function movedTo(apiVersion: string, kind: string): string | undefined {
  const versions = Object.hasOwn(MOVED, apiVersion) ? MOVED[apiVersion]! : {}
  return Object.hasOwn(versions, kind) ? versions[kind] : undefined
}

/** What is wrong with a manifest; nothing where the server would take it. */
export function checkManifest(apiVersion: string, kind: string, value: JsonObject): ManifestProblem[] {
  const info = findKind(apiVersion, kind)
  if (info === undefined) return [unknownKind(apiVersion, kind)]
  const loose = decodeObject(info, value, 'Warn')
  if ('status' in loose) {
    const message = loose.status.message ?? ''
    return [error(message, fieldOf(message, value))]
  }
  const problems = loose.warnings.map((warning) => error(warning, /"(.*)"$/.exec(warning)?.[1] ?? ''))
  const draft = thawGiven(resourceKey(info), loose.object) as unknown as Mutable<Draft>
  draft.metadata ??= {}
  if (info.namespaced) draft.metadata.namespace ??= 'default'
  // What the server fills in before it looks.
  draft.metadata.uid ??= 'to-be-made'
  draft.metadata.resourceVersion = ''
  applyDefaults(resourceKey(info), draft)
  if (kind === 'Service') fillAddress(draft as unknown as Mutable<Service>)
  for (const { field, message } of validateCreate(info, draft as unknown as ApiObject)) {
    problems.push(error(`${field}: ${message}`, field))
  }
  if (storedOnly(info)) {
    const message = `${kind} is checked and stored; nothing in Kubehop acts on it yet`
    problems.push({ severity: 'info', message, path: 'kind', about: 'storedOnly' })
  }
  return problems
}

/** A Service without an address is given one before it is judged; which one is not known here. */
function fillAddress({ spec }: Mutable<Service>): void {
  if (spec === undefined || spec.type === 'ExternalName') return
  spec.clusterIP ??= spec.clusterIPs?.[0] ?? '10.96.0.1'
  spec.clusterIPs ??= [spec.clusterIP]
  spec.ipFamilies ??= [spec.clusterIP.includes(':') ? 'IPv6' : 'IPv4']
  spec.ipFamilyPolicy ??= 'SingleStack'
}

function error(message: string, path: string): ManifestProblem {
  return { severity: 'error', message, path }
}

function unknownKind(apiVersion: string, kind: string): ManifestProblem {
  const words = `no matches for kind "${kind.slice(0, 80)}" in version "${apiVersion.slice(0, 80)}"`
  const moved = movedTo(apiVersion, kind)
  if (moved !== undefined) {
    return { ...error(`${words}: ${kind} is served as ${moved} today`, 'apiVersion'), about: 'rewrite' }
  }
  const later = Object.hasOwn(notModelled, apiVersion) && notModelled[apiVersion]!.includes(kind)
  return error(later ? `${kind} (${apiVersion}) is not modelled yet` : words, 'kind')
}

/** The path that Go's decoder means: `Go struct field ServicePort.spec.ports.port of type`; indexes are found again. */
function fieldOf(message: string, value: JsonObject): string {
  const names = /Go struct field [A-Za-z]+\.([A-Za-z0-9_.]+) of type/.exec(message)?.[1]?.split('.') ?? []
  let at: unknown = value
  let path = ''
  for (const name of names) {
    if (Array.isArray(at)) {
      path += '[0]'
      at = at[0]
    }
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) break
    path += path === '' ? name : `.${name}`
    at = (at as Record<string, unknown>)[name]
  }
  return path
}
