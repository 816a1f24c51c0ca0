/** Validation of what a write would store: metadata, then what the kind asks for. */
import type { Pod } from '../objects-pod.ts'
import type { Namespace } from '../objects.ts'
import type { ApiObject, Draft, ResourceInfo, StatusCause } from '../types.ts'
import { resourceKey } from '../types.ts'
import {
  validateDaemonSet,
  validateDeployment,
  validateReplicaSet,
  validateStatefulSet,
} from './validate-apps.ts'
import {
  validateConfigMap,
  validateEvent,
  validateNamespace,
  validateNode,
  validateSecret,
} from './validate-core.ts'
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
  namespaces: (namespace: Namespace, old) => (old === undefined ? validateNamespace(namespace) : []),
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

/** What is wrong with an object that is to be created, in the server's order; `given` is it as it was handed in. */
export function validateCreate(info: ResourceInfo, object: ApiObject, given?: Draft): StatusCause[] {
  const key = resourceKey(info)
  const causes = validateMeta(info, object)
  if (key !== 'pods') return [...causes, ...(checks[key]?.(object as never, undefined, '') ?? [])]
  const { spec, metadata } = (given ?? {}) as Partial<Draft<Pod>>
  if (spec === undefined || !Object.isFrozen(spec))
    return [...causes, ...validatePod(object as Pod, undefined, '')]
  const annotations = metadata?.annotations ?? NONE
  if (judged.get(spec) === annotations) return causes
  const found = validatePod(object as Pod, undefined, '')
  if (found.length === 0) judged.set(spec, annotations)
  return [...causes, ...found]
}

const NONE = Object.freeze({})

/**
 * Templates whose pod was well, with the annotations beside them: the pods of a set are handed in with its one frozen
 * template, and what the server makes of it differs in their names only. No part of the world's state.
 */
const judged = new WeakMap<object, object>()

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
