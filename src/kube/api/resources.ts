/** The kinds that are served, as discovery of Kubernetes 1.32 names them; and what is known but not modelled. */
import type { ResourceInfo } from '../types.ts'
import { apiVersionOf, deepFreeze, resourceKey } from '../types.ts'

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']

type Row = [group: string, kind: string, resource: string, short: string, subresources: string, flags: string]

// flags: c cluster-scoped, a in category "all"
const rows: Row[] = [
  ['', 'ConfigMap', 'configmaps', 'cm', '', ''],
  ['', 'Endpoints', 'endpoints', 'ep', '', ''],
  ['', 'Event', 'events', 'ev', '', ''],
  ['', 'Namespace', 'namespaces', 'ns', 'finalize status', 'c'],
  ['', 'Node', 'nodes', 'no', 'proxy status', 'c'],
  [
    '',
    'Pod',
    'pods',
    'po',
    'attach binding ephemeralcontainers eviction exec log portforward proxy resize status',
    'a',
  ],
  ['', 'Secret', 'secrets', '', '', ''],
  ['', 'ServiceAccount', 'serviceaccounts', 'sa', 'token', ''],
  ['', 'Service', 'services', 'svc', 'proxy status', 'a'],
  ['apps', 'ControllerRevision', 'controllerrevisions', '', '', ''],
  ['apps', 'DaemonSet', 'daemonsets', 'ds', 'status', 'a'],
  ['apps', 'Deployment', 'deployments', 'deploy', 'scale status', 'a'],
  ['apps', 'ReplicaSet', 'replicasets', 'rs', 'scale status', 'a'],
  ['apps', 'StatefulSet', 'statefulsets', 'sts', 'scale status', 'a'],
  ['coordination.k8s.io', 'Lease', 'leases', '', '', ''],
  ['discovery.k8s.io', 'EndpointSlice', 'endpointslices', '', '', ''],
  ['networking.k8s.io', 'IngressClass', 'ingressclasses', '', '', 'c'],
  ['networking.k8s.io', 'Ingress', 'ingresses', 'ing', 'status', ''],
  ['networking.k8s.io', 'NetworkPolicy', 'networkpolicies', 'netpol', '', ''],
]

export const resources: readonly ResourceInfo[] = deepFreeze(
  rows.map(([group, kind, resource, short, subresources, flags]) => ({
    group,
    version: 'v1',
    kind,
    resource,
    singular: kind.toLowerCase(),
    shortNames: short === '' ? [] : [short],
    namespaced: !flags.includes('c'),
    categories: flags.includes('a') ? ['all'] : [],
    subresources: subresources === '' ? [] : subresources.split(' '),
    // Services and namespaces: as the real server, namespaces have no deletecollection.
    verbs: kind === 'Namespace' ? VERBS.filter((verb) => verb !== 'deletecollection') : VERBS,
  })),
)

/** API groups of a 1.32 server that later issues bring; kinds in them are refused by name. */
export const notModelled: Readonly<Record<string, readonly string[]>> = deepFreeze({
  v1: ['ReplicationController', 'PersistentVolume', 'PersistentVolumeClaim', 'ResourceQuota', 'LimitRange'],
  'batch/v1': ['Job', 'CronJob'],
  'policy/v1': ['PodDisruptionBudget'],
  'rbac.authorization.k8s.io/v1': ['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'],
  'apiextensions.k8s.io/v1': ['CustomResourceDefinition'],
  'gateway.networking.k8s.io/v1': ['GatewayClass', 'Gateway', 'HTTPRoute', 'GRPCRoute'],
  'autoscaling/v2': ['HorizontalPodAutoscaler'],
  'storage.k8s.io/v1': ['StorageClass', 'CSIDriver', 'CSINode', 'VolumeAttachment'],
  'scheduling.k8s.io/v1': ['PriorityClass'],
  'node.k8s.io/v1': ['RuntimeClass'],
  'admissionregistration.k8s.io/v1': ['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration'],
})

/** Kinds that are validated and stored while no controller of this cluster looks at them. */
export function storedOnly({ group }: ResourceInfo): boolean {
  return group === 'networking.k8s.io'
}

const byKey = new Map(resources.map((info) => [resourceKey(info), info]))
const byKind = new Map(resources.map((info) => [`${apiVersionOf(info)} ${info.kind}`, info]))

/** By `resourceKey`: pods, deployments.apps. */
export function findResource(key: string): ResourceInfo | undefined {
  return byKey.get(key)
}

/** By apiVersion and kind: apps/v1, Deployment. */
export function findKind(apiVersion: string, kind: string): ResourceInfo | undefined {
  return byKind.get(`${apiVersion} ${kind}`)
}

/** API versions that are served, core first. */
export function groupVersions(): string[] {
  return [...new Set(resources.map(apiVersionOf))]
}
