/**
 * Objects as a client prints them that has read them into Go's types: fields in the order of the structs, and a null
 * for a time that is not there. Models k8s.io/api and apimachinery types.go (1.32). Fields of types that are not listed
 * are in alphabetical order, which is that of many structs too.
 */
import { definition, fieldType, goName } from '../../../kube/api/schema.ts'
import type { Json, JsonObject } from '../../../kube/types.ts'
import { field, isRecord } from '../../../kube/types.ts'

const META =
  'name generateName namespace selfLink uid resourceVersion generation creationTimestamp deletionTimestamp deletionGracePeriodSeconds labels annotations ownerReferences finalizers managedFields'
const PROBE =
  'exec httpGet tcpSocket grpc initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold terminationGracePeriodSeconds'
const CONTAINER =
  'name image command args workingDir ports envFrom env resources resizePolicy restartPolicy volumeMounts volumeDevices livenessProbe readinessProbe startupProbe lifecycle terminationMessagePath terminationMessagePolicy imagePullPolicy securityContext stdin stdinOnce tty targetContainerName'
const POD =
  'volumes initContainers containers ephemeralContainers restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds dnsPolicy nodeSelector serviceAccountName serviceAccount automountServiceAccountToken nodeName hostNetwork hostPID hostIPC shareProcessNamespace securityContext imagePullSecrets hostname subdomain affinity schedulerName tolerations hostAliases priorityClassName priority dnsConfig readinessGates runtimeClassName enableServiceLinks preemptionPolicy overhead topologySpreadConstraints setHostnameAsFQDN os hostUsers schedulingGates resourceClaims resources'
const POD_STATUS =
  'phase conditions message reason nominatedNodeName hostIP hostIPs podIP podIPs startTime initContainerStatuses containerStatuses qosClass ephemeralContainerStatuses resize resourceClaimStatuses'
const SERVICE =
  'ports selector clusterIP clusterIPs type externalIPs sessionAffinity loadBalancerIP loadBalancerSourceRanges externalName externalTrafficPolicy healthCheckNodePort publishNotReadyAddresses sessionAffinityConfig ipFamilies ipFamilyPolicy allocateLoadBalancerNodePorts loadBalancerClass internalTrafficPolicy trafficDistribution'
const EVENT =
  'involvedObject reason message source firstTimestamp lastTimestamp count type eventTime series action related reportingComponent reportingInstance'
const SET_SPEC =
  'replicas selector template volumeClaimTemplates serviceName podManagementPolicy updateStrategy revisionHistoryLimit minReadySeconds persistentVolumeClaimRetentionPolicy ordinals'
const SET_STATUS =
  'observedGeneration replicas readyReplicas currentReplicas updatedReplicas currentRevision updateRevision collisionCount conditions availableReplicas'
const DAEMON_STATUS =
  'currentNumberScheduled numberMisscheduled desiredNumberScheduled numberReady observedGeneration updatedNumberScheduled numberAvailable numberUnavailable collisionCount conditions'

/** Fields by Go's type; kind, apiVersion and metadata come before them where there are any. */
const ORDERS: Readonly<Record<string, string>> = {
  ObjectMeta: META,
  OwnerReference: 'apiVersion kind name uid controller blockOwnerDeletion',
  Container: CONTAINER,
  EphemeralContainer: CONTAINER,
  ContainerPort: 'name hostPort containerPort protocol hostIP',
  EnvVar: 'name value valueFrom',
  EnvVarSource: 'fieldRef resourceFieldRef configMapKeyRef secretKeyRef',
  ConfigMapKeySelector: 'name key optional',
  SecretKeySelector: 'name key optional',
  EnvFromSource: 'prefix configMapRef secretRef',
  ResourceRequirements: 'limits requests claims',
  VolumeMount: 'name readOnly recursiveReadOnly mountPath subPath mountPropagation subPathExpr',
  Volume: 'name',
  ConfigMapVolumeSource: 'name items defaultMode optional',
  SecretVolumeSource: 'secretName items defaultMode optional',
  Probe: PROBE,
  HTTPGetAction: 'path port host scheme httpHeaders',
  TCPSocketAction: 'port host',
  Toleration: 'key operator value effect tolerationSeconds',
  PodSpec: POD,
  PodStatus: POD_STATUS,
  DeploymentSpec:
    'replicas selector template strategy minReadySeconds revisionHistoryLimit paused progressDeadlineSeconds',
  DeploymentStatus:
    'observedGeneration replicas updatedReplicas readyReplicas availableReplicas unavailableReplicas conditions collisionCount',
  DeploymentCondition: 'type status lastUpdateTime lastTransitionTime reason message',
  DeploymentStrategy: 'type rollingUpdate',
  RollingUpdateDeployment: 'maxUnavailable maxSurge',
  RollingUpdateDaemonSet: 'maxUnavailable maxSurge',
  ReplicaSetSpec: 'replicas minReadySeconds selector template',
  ReplicaSetStatus:
    'replicas fullyLabeledReplicas readyReplicas availableReplicas observedGeneration conditions',
  StatefulSetSpec: SET_SPEC,
  StatefulSetStatus: SET_STATUS,
  StatefulSetUpdateStrategy: 'type rollingUpdate',
  StatefulSetPersistentVolumeClaimRetentionPolicy: 'whenDeleted whenScaled',
  DaemonSetSpec: 'selector template updateStrategy minReadySeconds revisionHistoryLimit',
  DaemonSetUpdateStrategy: 'type rollingUpdate',
  DaemonSetStatus: DAEMON_STATUS,
  ServiceSpec: SERVICE,
  ServicePort: 'name protocol appProtocol port targetPort nodePort',
  ConfigMap: 'immutable data binaryData',
  Secret: 'immutable data stringData type',
  ServiceAccount: 'secrets imagePullSecrets automountServiceAccountToken',
  IngressSpec: 'ingressClassName defaultBackend tls rules',
  IngressTLS: 'hosts secretName',
  IngressRule: 'host http',
  HTTPIngressPath: 'path pathType backend',
  IngressBackend: 'service resource',
  IngressServiceBackend: 'name port',
  ServiceBackendPort: 'name number',
  Event: EVENT,
  ObjectReference: 'kind namespace name uid apiVersion resourceVersion fieldPath',
}

/** An object, or a list of them, in the order of Go's fields. */
export function typedObject(object: Json): Json {
  const items = field(object, 'items')
  if (isRecord(object) && Array.isArray(items)) {
    return { ...object, items: (items as Json[]).map(typedObject) }
  }
  const [apiVersion, kind] = [field(object, 'apiVersion'), field(object, 'kind')]
  const group = String(apiVersion ?? '').replace(/\/?v1$/, '')
  const place = group === '' ? 'core' : group.replace(/\.k8s\.io$/, '')
  return ordered(object, `io.k8s.api.${place}.v1.${String(kind)}`)
}

function ordered(value: Json, type: string): Json {
  if (!isRecord(value)) return value
  const name = goName(type)
  const known = definition(type) !== undefined
  const own = Object.hasOwn(ORDERS, name) ? ORDERS[name]!.split(' ') : []
  const given: JsonObject =
    name === 'ObjectMeta' && value.creationTimestamp === undefined
      ? { ...value, creationTimestamp: null }
      : value
  const first = name === 'ObjectMeta' || own[0] === 'kind' || own[0] === 'apiVersion'
  const heads = first ? own : ['kind', 'apiVersion', 'metadata', ...own]
  const empty = name === 'ObjectReference' ? '' : undefined
  const keys = Object.keys(given).filter((key) => given[key] !== undefined && given[key] !== empty)
  const rest = keys.filter((key) => !heads.includes(key)).sort()
  const out: Record<string, Json> = {}
  for (const key of [...heads.filter((head) => keys.includes(head)), ...rest]) {
    out[key] = known ? inner(given[key]!, fieldType(type, key) ?? '') : given[key]!
  }
  return out
}

function inner(value: Json, type: string): Json {
  if (type.startsWith('[.') && Array.isArray(value)) return value.map((one) => ordered(one, type.slice(2)))
  if (type.startsWith('.')) return ordered(value, type.slice(1))
  return type.startsWith('{') ? ordered(value, '') : value
}
