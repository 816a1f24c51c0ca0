/** What the server fills in before it validates. Models pkg/apis/{core,apps,discovery,networking}/v1/defaults.go (1.32). */
import type {
  Container,
  DaemonSet,
  Deployment,
  Endpoints,
  EndpointSlice,
  Ingress,
  IngressClass,
  Namespace,
  NetworkPolicy,
  Node,
  Pod,
  PodSpec,
  PodTemplate,
  Probe,
  ReplicaSet,
  Secret,
  Service,
  StatefulSet,
  Volume,
} from '../objects.ts'
import type { Draft, Json } from '../types.ts'
import { encodeBase64 } from './base64.ts'
import type { Mutable } from './draft.ts'

type M<T> = Mutable<T>

/** Fills in defaults in place, by resource key. */
export function applyDefaults(resource: string, object: M<Draft>): void {
  const set = Object.hasOwn(setters, resource) ? setters[resource] : undefined
  set?.(object as never)
}

const setters: Readonly<Record<string, (object: never) => void>> = {
  pods: (pod: M<Pod>) => {
    pod.spec ??= {} as M<PodSpec>
    podSpec(pod.spec)
    // What follows is filled into pods, not into templates.
    pod.spec.enableServiceLinks ??= true
    for (const c of [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? [])]) {
      requestsFromLimits(c)
      if (pod.spec.hostNetwork === true) for (const p of c.ports ?? []) p.hostPort ||= p.containerPort
    }
  },
  nodes: ({ spec, status }: M<Node>) => {
    // The older field is the list's first.
    if (spec?.podCIDR && spec.podCIDR !== spec.podCIDRs?.[0]) spec.podCIDRs = [spec.podCIDR]
    else if (spec?.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0]
    if (status?.capacity !== undefined) status.allocatable ??= { ...status.capacity }
  },
  services: service,
  endpoints: (endpoints: M<Endpoints>) => {
    for (const subset of endpoints.subsets ?? [])
      for (const port of subset.ports ?? []) port.protocol ||= 'TCP'
  },
  'endpointslices.discovery.k8s.io': (slice: M<EndpointSlice>) => {
    for (const port of slice.ports ?? []) {
      port.name ??= ''
      port.protocol ??= 'TCP'
    }
  },
  secrets: (secret: M<Secret>) => {
    if (!secret.type) secret.type = 'Opaque'
    if (secret.stringData === undefined) return
    const pairs = Object.entries(secret.stringData).map(([key, text]) => [key, encodeBase64(text)])
    secret.data = { ...secret.data, ...Object.fromEntries(pairs) }
    delete secret.stringData
  },
  namespaces: namespace,
  'deployments.apps': deployment,
  'replicasets.apps': (rs: M<ReplicaSet>) => {
    rs.spec ??= {} as M<ReplicaSet>['spec']
    rs.spec.replicas ??= 1
    template(rs.spec)
  },
  'statefulsets.apps': statefulSet,
  'daemonsets.apps': daemonSet,
  'networkpolicies.networking.k8s.io': networkPolicy,
  'ingresses.networking.k8s.io': (ingress: M<Ingress>) => {
    ingress.spec ??= {}
  },
  'ingressclasses.networking.k8s.io': (one: M<IngressClass>) => {
    one.spec ??= {}
    if (one.spec.parameters !== undefined) one.spec.parameters = { scope: 'Cluster', ...one.spec.parameters }
  },
}

function service(object: M<Service>): void {
  object.spec ??= {}
  const { spec } = object
  if (!spec.sessionAffinity) spec.sessionAffinity = 'None'
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig
  if (
    spec.sessionAffinity === 'ClientIP' &&
    spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined
  ) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: 10800 } }
  }
  if (!spec.type) spec.type = 'ClusterIP'
  for (const port of spec.ports ?? []) {
    if (!port.protocol) port.protocol = 'TCP'
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '')
      port.targetPort = port.port
  }
  const external = spec.type === 'NodePort' || spec.type === 'LoadBalancer'
  if (
    (external || (spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0)) &&
    !spec.externalTrafficPolicy
  ) {
    spec.externalTrafficPolicy = 'Cluster'
  }
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster'
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true
  for (const ingress of object.status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= 'VIP'
}

function namespace(object: M<Namespace>): void {
  object.status ??= {}
  object.status.phase ??= 'Active'
  if (object.metadata.name) {
    object.metadata.labels = {
      ...object.metadata.labels,
      'kubernetes.io/metadata.name': object.metadata.name,
    }
  }
}

/** The template of a workload, made where it is left out: there is no such thing as none. */
function template(spec: { template?: M<PodTemplate> }): void {
  const given = spec.template ?? ({} as M<PodTemplate>)
  given.spec ??= {} as M<PodSpec>
  podSpec(given.spec)
  spec.template = given
}

function deployment(object: M<Deployment>): void {
  object.spec ??= {} as M<Deployment>['spec']
  const { spec } = object
  spec.replicas ??= 1
  spec.strategy ??= {}
  if (!spec.strategy.type) spec.strategy.type = 'RollingUpdate'
  if (spec.strategy.type === 'RollingUpdate') {
    spec.strategy.rollingUpdate ??= {}
    spec.strategy.rollingUpdate.maxUnavailable ??= '25%'
    spec.strategy.rollingUpdate.maxSurge ??= '25%'
  }
  spec.revisionHistoryLimit ??= 10
  spec.progressDeadlineSeconds ??= 600
  template(spec)
}

function statefulSet(object: M<StatefulSet>): void {
  object.spec ??= {} as M<StatefulSet>['spec']
  const { spec } = object
  if (!spec.podManagementPolicy) spec.podManagementPolicy = 'OrderedReady'
  spec.updateStrategy ??= {}
  if (!spec.updateStrategy.type) {
    spec.updateStrategy.type = 'RollingUpdate'
    // A strategy that is named is not filled in.
    spec.updateStrategy.rollingUpdate ??= {}
  }
  const { type, rollingUpdate } = spec.updateStrategy
  if (type === 'RollingUpdate' && rollingUpdate !== undefined) rollingUpdate.partition ??= 0
  const keep = { whenDeleted: 'Retain', whenScaled: 'Retain' } as const
  spec.persistentVolumeClaimRetentionPolicy = { ...keep, ...spec.persistentVolumeClaimRetentionPolicy }
  spec.replicas ??= 1
  spec.revisionHistoryLimit ??= 10
  template(spec)
  for (const claim of (spec.volumeClaimTemplates ?? []) as Claim[]) {
    claim.kind = 'PersistentVolumeClaim'
    claim.apiVersion = 'v1'
    claimSpec(claim)
    claim.status ??= {}
    claim.status.phase ||= 'Pending'
  }
}

interface Claim {
  apiVersion?: string
  kind?: string
  spec?: { volumeMode?: string }
  status?: { phase?: string }
}

function claimSpec(claim: Claim): void {
  claim.spec ??= {}
  claim.spec.volumeMode ||= 'Filesystem'
}

function daemonSet(object: M<DaemonSet>): void {
  object.spec ??= {} as M<DaemonSet>['spec']
  const { spec } = object
  spec.updateStrategy ??= {}
  if (!spec.updateStrategy.type) spec.updateStrategy.type = 'RollingUpdate'
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {}
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1
    spec.updateStrategy.rollingUpdate.maxSurge ??= 0
  }
  spec.revisionHistoryLimit ??= 10
  template(spec)
}

function networkPolicy(object: M<NetworkPolicy>): void {
  object.spec ??= {} as NonNullable<M<NetworkPolicy>['spec']>
  const { spec } = object
  spec.podSelector ??= {}
  if (spec.policyTypes === undefined || spec.policyTypes.length === 0) {
    spec.policyTypes = (spec.egress?.length ?? 0) > 0 ? ['Ingress', 'Egress'] : ['Ingress']
  }
  for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
    for (const port of rule.ports ?? []) port.protocol ??= 'TCP'
  }
}

function podSpec(spec: M<PodSpec> | undefined): void {
  if (spec === undefined) return
  if (!spec.dnsPolicy) spec.dnsPolicy = 'ClusterFirst'
  if (!spec.restartPolicy) spec.restartPolicy = 'Always'
  if (spec.hostNetwork === false) delete spec.hostNetwork
  spec.securityContext ??= {}
  spec.terminationGracePeriodSeconds ??= 30
  if (!spec.schedulerName) spec.schedulerName = 'default-scheduler'
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName
  else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount
  for (const one of spec.initContainers ?? []) container(one)
  for (const one of spec.containers ?? []) container(one)
  const { ephemeralContainers = [] } = spec as { ephemeralContainers?: M<Container>[] }
  for (const one of ephemeralContainers) container(one)
  for (const one of spec.volumes ?? []) volume(one)
}

function container(c: M<Container>): void {
  if (!c.imagePullPolicy) c.imagePullPolicy = pullPolicy(c.image ?? '')
  if (!c.terminationMessagePath) c.terminationMessagePath = '/dev/termination-log'
  if (!c.terminationMessagePolicy) c.terminationMessagePolicy = 'File'
  c.resources ??= {}
  for (const port of c.ports ?? []) if (!port.protocol) port.protocol = 'TCP'
  for (const env of c.env ?? []) {
    if (env.valueFrom !== undefined) podValue(env.valueFrom as PodValue)
  }
  for (const handler of [c.lifecycle?.postStart, c.lifecycle?.preStop]) httpGet(handler)
  for (const one of [c.livenessProbe, c.readinessProbe, c.startupProbe]) probe(one)
}

function probe(one: M<Probe> | undefined): void {
  if (one === undefined) return
  httpGet(one)
  if (!one.timeoutSeconds) one.timeoutSeconds = 1
  if (!one.periodSeconds) one.periodSeconds = 10
  if (!one.successThreshold) one.successThreshold = 1
  if (!one.failureThreshold) one.failureThreshold = 3
  if (one.grpc !== undefined) one.grpc.service ??= ''
}

function httpGet(handler: Pick<M<Probe>, 'httpGet'> | undefined): void {
  if (handler?.httpGet === undefined) return
  if (!handler.httpGet.path) handler.httpGet.path = '/'
  if (!handler.httpGet.scheme) handler.httpGet.scheme = 'HTTP'
}

/** `registry.example:5000/team/name:tag`; what is none has no tag. */
const REFERENCE =
  /^((localhost|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:\d+\/))(:\d+)?\/)?[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*(:\w[\w.-]{0,127})?$/

/** An image without a tag, or with `latest`, is pulled always; one with a digest never again. */
function pullPolicy(image: string): 'Always' | 'IfNotPresent' {
  if (image.includes('@') || !REFERENCE.test(image) || /^[0-9a-f]{64}$/.test(image)) return 'IfNotPresent'
  const name = image.slice(image.lastIndexOf('/') + 1)
  return !name.includes(':') || name.endsWith(':latest') ? 'Always' : 'IfNotPresent'
}

/** What a variable or a file of a volume shows of its pod. */
interface PodValue {
  fieldRef?: { apiVersion?: string }
  resourceFieldRef?: { divisor?: string }
}

function podValue({ fieldRef, resourceFieldRef }: PodValue): void {
  if (fieldRef !== undefined) fieldRef.apiVersion ||= 'v1'
  if (resourceFieldRef !== undefined) resourceFieldRef.divisor ??= '0'
}

interface Files {
  defaultMode?: number
  items?: PodValue[]
  sources?: { downwardAPI?: Files; serviceAccountToken?: { expirationSeconds?: number } }[]
}

/** What is filled into volumes of storage systems. */
const STORAGE: readonly (readonly [kind: string, fields: Readonly<Record<string, Json>>])[] = [
  ['iscsi', { iscsiInterface: 'default' }],
  ['rbd', { pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' }],
  ['azureDisk', { cachingMode: 'ReadWrite', fsType: 'ext4', readOnly: false, kind: 'Shared' }],
  ['scaleIO', { storageMode: 'ThinProvisioned', fsType: 'xfs' }],
]

function volume(one: M<Volume>): void {
  const sources = Object.keys(one).filter((key) => key !== 'name')
  if (sources.length === 0) one.emptyDir = {}
  if (one.hostPath !== undefined) one.hostPath.type ??= ''
  const { ephemeral } = one as { ephemeral?: { volumeClaimTemplate?: Claim } }
  if (ephemeral?.volumeClaimTemplate !== undefined) claimSpec(ephemeral.volumeClaimTemplate)
  for (const [kind, fields] of STORAGE) {
    const source = (one as Record<string, unknown>)[kind] as Record<string, unknown> | undefined
    if (source === undefined) continue
    for (const [name, value] of Object.entries(fields)) {
      if (source[name] === undefined || (source[name] === '' && kind !== 'azureDisk')) source[name] = value
    }
  }
  const { configMap, secret, projected, downwardAPI } = one as unknown as Record<string, Files | undefined>
  for (const source of [configMap, secret, projected, downwardAPI]) {
    if (source !== undefined) source.defaultMode ??= 420
  }
  for (const item of downwardAPI?.items ?? []) podValue(item)
  for (const source of projected?.sources ?? []) {
    for (const item of source.downwardAPI?.items ?? []) podValue(item)
    if (source.serviceAccountToken !== undefined) source.serviceAccountToken.expirationSeconds ??= 3600
  }
}

function requestsFromLimits(c: M<Container>): void {
  const limits = c.resources?.limits
  if (c.resources === undefined || limits === undefined) return
  c.resources.requests = { ...limits, ...c.resources.requests }
}
