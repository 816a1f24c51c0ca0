/** Validation of what a write would store: metadata, then what the kind asks for. */
import type { ApiObject, ResourceInfo, StatusCause } from '../types.ts'
import { resourceKey } from '../types.ts'
import {
  validateDaemonSet,
  validateDeployment,
  validateReplicaSet,
  validateStatefulSet,
} from './validate-apps.ts'
import { validateConfigMap, validateEvent, validateNode, validateSecret } from './validate-core.ts'
import { validateMeta, validateMetaUpdate } from './validate-meta.ts'
import {
  validateEndpoints,
  validateEndpointSlice,
  validateIngress,
  validateIngressClass,
  validateNetworkPolicy,
} from './validate-net.ts'
import { validatePod } from './validate-pod.ts'
import { validateService } from './validate-service.ts'

type Check = (object: never, old: ApiObject | undefined, subresource: string) => StatusCause[]

const checks: Readonly<Record<string, Check>> = {
  pods: validatePod,
  services: validateService,
  endpoints: validateEndpoints,
  'endpointslices.discovery.k8s.io': validateEndpointSlice,
  configmaps: validateConfigMap,
  secrets: validateSecret,
  nodes: validateNode,
  events: validateEvent,
  'deployments.apps': validateDeployment,
  'replicasets.apps': validateReplicaSet,
  'statefulsets.apps': validateStatefulSet,
  'daemonsets.apps': validateDaemonSet,
  'ingresses.networking.k8s.io': validateIngress,
  'ingressclasses.networking.k8s.io': validateIngressClass,
  'networkpolicies.networking.k8s.io': validateNetworkPolicy,
}

/** Kinds whose whole metadata, the name included, an update judges a second time. */
const judgedAgain = new Set([
  ...['pods', 'services', 'configmaps', 'secrets', 'endpoints', 'endpointslices.discovery.k8s.io'],
  ...['ingresses.networking.k8s.io', 'ingressclasses.networking.k8s.io'],
])

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
  const key = resourceKey(info)
  const again = judgedAgain.has(key) && subresource === '' ? validateMeta(info, object) : []
  return [...causes, ...again, ...(checks[key]?.(object as never, old, subresource) ?? [])]
}
