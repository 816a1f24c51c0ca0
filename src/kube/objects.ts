/** The kinds' shapes, as far as networking needs them; every object may hold more, as its schema allows. */
import type { PodTemplate, Quantities } from './objects-pod.ts'
import type { ApiObject, JsonObject } from './types.ts'

export type {
  Affinity,
  Container,
  ContainerPort,
  ContainerState,
  ContainerStatus,
  EnvVar,
  Handler,
  HttpGetAction,
  NodeSelectorTerm,
  Pod,
  PodAffinity,
  PodAffinityTerm,
  PodPhase,
  PodSpec,
  PodStatus,
  PodTemplate,
  Probe,
  Quantities,
  Toleration,
  TopologySpreadConstraint,
  Volume,
} from './objects-pod.ts'

export type IntOrString = number | string
export type Labels = Readonly<Record<string, string>>
export type Protocol = 'TCP' | 'UDP' | 'SCTP'
export type ConditionStatus = 'True' | 'False' | 'Unknown'

export interface Condition {
  readonly type: string
  readonly status: ConditionStatus
  readonly reason?: string
  readonly message?: string
  readonly lastTransitionTime?: string
  readonly lastUpdateTime?: string
  readonly lastProbeTime?: string | null
  readonly lastHeartbeatTime?: string
  readonly observedGeneration?: number
}

export interface SelectorRequirement {
  readonly key: string
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt'
  readonly values?: readonly string[]
}

export interface LabelSelector {
  readonly matchLabels?: Labels
  readonly matchExpressions?: readonly SelectorRequirement[]
}

export interface ObjectReference {
  readonly kind?: string
  readonly namespace?: string
  readonly name?: string
  readonly uid?: string
  readonly apiVersion?: string
  readonly resourceVersion?: string
  readonly fieldPath?: string
}

// ---- nodes

export interface Taint {
  readonly key: string
  readonly value?: string
  readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute'
  readonly timeAdded?: string
}

export interface NodeAddress {
  readonly type: 'InternalIP' | 'ExternalIP' | 'Hostname' | 'InternalDNS' | 'ExternalDNS'
  readonly address: string
}

export interface Node extends ApiObject {
  readonly spec?: {
    readonly podCIDR?: string
    readonly podCIDRs?: readonly string[]
    readonly providerID?: string
    readonly unschedulable?: boolean
    readonly taints?: readonly Taint[]
  }
  readonly status?: {
    readonly capacity?: Quantities
    readonly allocatable?: Quantities
    readonly conditions?: readonly Condition[]
    readonly addresses?: readonly NodeAddress[]
    readonly nodeInfo?: {
      readonly machineID: string
      readonly systemUUID: string
      readonly bootID: string
      readonly kernelVersion: string
      readonly osImage: string
      readonly containerRuntimeVersion: string
      readonly kubeletVersion: string
      readonly kubeProxyVersion: string
      readonly operatingSystem: string
      readonly architecture: string
    }
    readonly images?: readonly JsonObject[]
    readonly daemonEndpoints?: JsonObject
  }
}

// ---- services and their endpoints

export interface ServicePort {
  readonly name?: string
  readonly protocol?: Protocol
  readonly appProtocol?: string
  readonly port: number
  readonly targetPort?: IntOrString
  readonly nodePort?: number
}

export interface LoadBalancerIngress {
  readonly ip?: string
  readonly hostname?: string
  readonly ipMode?: 'VIP' | 'Proxy'
  readonly ports?: readonly JsonObject[]
}

export type TrafficPolicy = 'Cluster' | 'Local'
export type IpFamily = 'IPv4' | 'IPv6'

export interface ServiceSpec {
  readonly type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName'
  readonly ports?: readonly ServicePort[]
  readonly selector?: Labels
  readonly clusterIP?: string
  readonly clusterIPs?: readonly string[]
  readonly ipFamilies?: readonly IpFamily[]
  readonly ipFamilyPolicy?: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack'
  readonly externalIPs?: readonly string[]
  readonly externalName?: string
  readonly sessionAffinity?: 'None' | 'ClientIP'
  readonly sessionAffinityConfig?: { readonly clientIP?: { readonly timeoutSeconds?: number } }
  readonly externalTrafficPolicy?: TrafficPolicy
  readonly internalTrafficPolicy?: TrafficPolicy
  readonly healthCheckNodePort?: number
  readonly publishNotReadyAddresses?: boolean
  readonly allocateLoadBalancerNodePorts?: boolean
  readonly loadBalancerClass?: string
  readonly loadBalancerIP?: string
  readonly loadBalancerSourceRanges?: readonly string[]
  readonly trafficDistribution?: string
}

export interface Service extends ApiObject {
  readonly spec: ServiceSpec
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: readonly LoadBalancerIngress[] }
    readonly conditions?: readonly Condition[]
  }
}

export interface EndpointAddress {
  readonly ip: string
  readonly hostname?: string
  readonly nodeName?: string
  readonly targetRef?: ObjectReference
}

export interface EndpointSubset {
  readonly addresses?: readonly EndpointAddress[]
  readonly notReadyAddresses?: readonly EndpointAddress[]
  readonly ports?: readonly {
    readonly name?: string
    readonly port: number
    readonly protocol?: Protocol
    readonly appProtocol?: string
  }[]
}

export interface Endpoints extends ApiObject {
  readonly subsets?: readonly EndpointSubset[]
}

export interface Endpoint {
  readonly addresses: readonly string[]
  readonly conditions?: {
    readonly ready?: boolean
    readonly serving?: boolean
    readonly terminating?: boolean
  }
  readonly hostname?: string
  readonly nodeName?: string
  readonly zone?: string
  readonly hints?: { readonly forZones?: readonly { readonly name: string }[] }
  readonly targetRef?: ObjectReference
  readonly deprecatedTopology?: Labels
}

export interface EndpointPort {
  readonly name?: string
  readonly port?: number
  readonly protocol?: Protocol
  readonly appProtocol?: string
}

export interface EndpointSlice extends ApiObject {
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN'
  readonly endpoints: readonly Endpoint[]
  readonly ports?: readonly EndpointPort[]
}

// ---- what pods read, and bookkeeping

export interface ConfigMap extends ApiObject {
  readonly data?: Labels
  readonly binaryData?: Labels
  readonly immutable?: boolean
}

export interface Secret extends ApiObject {
  readonly type?: string
  readonly data?: Labels
  readonly stringData?: Labels
  readonly immutable?: boolean
}

export interface ServiceAccount extends ApiObject {
  readonly secrets?: readonly ObjectReference[]
  readonly imagePullSecrets?: readonly { readonly name?: string }[]
  readonly automountServiceAccountToken?: boolean
}

/** core/v1 Event */
export interface KubeEvent extends ApiObject {
  readonly involvedObject: ObjectReference
  readonly reason?: string
  readonly message?: string
  readonly type?: 'Normal' | 'Warning'
  readonly count?: number
  readonly firstTimestamp?: string | null
  readonly lastTimestamp?: string | null
  readonly eventTime?: string | null
  readonly source?: { readonly component?: string; readonly host?: string }
  readonly reportingComponent?: string
  readonly reportingInstance?: string
  readonly action?: string
  readonly series?: { readonly count?: number; readonly lastObservedTime?: string }
}

export interface Lease extends ApiObject {
  readonly spec?: {
    readonly holderIdentity?: string
    readonly leaseDurationSeconds?: number
    readonly acquireTime?: string
    readonly renewTime?: string
    readonly leaseTransitions?: number
  }
}

export interface Namespace extends ApiObject {
  readonly spec?: { readonly finalizers?: readonly string[] }
  readonly status?: { readonly phase?: 'Active' | 'Terminating'; readonly conditions?: readonly Condition[] }
}

// ---- workloads

export interface RollingUpdate {
  readonly maxSurge?: IntOrString
  readonly maxUnavailable?: IntOrString
}

export interface Deployment extends ApiObject {
  readonly spec: {
    readonly replicas?: number
    readonly selector: LabelSelector
    readonly template: PodTemplate
    readonly strategy?: {
      readonly type?: 'RollingUpdate' | 'Recreate'
      readonly rollingUpdate?: RollingUpdate
    }
    readonly minReadySeconds?: number
    readonly revisionHistoryLimit?: number
    readonly progressDeadlineSeconds?: number
    readonly paused?: boolean
  }
  readonly status?: {
    readonly observedGeneration?: number
    readonly replicas?: number
    readonly updatedReplicas?: number
    readonly readyReplicas?: number
    readonly availableReplicas?: number
    readonly unavailableReplicas?: number
    readonly conditions?: readonly Condition[]
    readonly collisionCount?: number
  }
}

export interface ReplicaSet extends ApiObject {
  readonly spec: {
    readonly replicas?: number
    readonly selector: LabelSelector
    readonly template?: PodTemplate
    readonly minReadySeconds?: number
  }
  readonly status?: {
    readonly replicas: number
    readonly fullyLabeledReplicas?: number
    readonly readyReplicas?: number
    readonly availableReplicas?: number
    readonly observedGeneration?: number
    readonly conditions?: readonly Condition[]
  }
}

export interface StatefulSet extends ApiObject {
  readonly spec: {
    readonly serviceName: string
    readonly replicas?: number
    readonly selector: LabelSelector
    readonly template: PodTemplate
    readonly podManagementPolicy?: 'OrderedReady' | 'Parallel'
    readonly updateStrategy?: {
      readonly type?: 'RollingUpdate' | 'OnDelete'
      readonly rollingUpdate?: { readonly partition?: number; readonly maxUnavailable?: IntOrString }
    }
    readonly revisionHistoryLimit?: number
    readonly minReadySeconds?: number
    readonly ordinals?: { readonly start?: number }
    readonly volumeClaimTemplates?: readonly JsonObject[]
    readonly persistentVolumeClaimRetentionPolicy?: JsonObject
  }
  readonly status?: {
    readonly observedGeneration?: number
    readonly replicas: number
    readonly readyReplicas?: number
    readonly currentReplicas?: number
    readonly updatedReplicas?: number
    readonly availableReplicas?: number
    readonly currentRevision?: string
    readonly updateRevision?: string
    readonly collisionCount?: number
    readonly conditions?: readonly Condition[]
  }
}

export interface DaemonSet extends ApiObject {
  readonly spec: {
    readonly selector: LabelSelector
    readonly template: PodTemplate
    readonly updateStrategy?: {
      readonly type?: 'RollingUpdate' | 'OnDelete'
      readonly rollingUpdate?: RollingUpdate
    }
    readonly minReadySeconds?: number
    readonly revisionHistoryLimit?: number
  }
  readonly status?: {
    readonly currentNumberScheduled: number
    readonly numberMisscheduled: number
    readonly desiredNumberScheduled: number
    readonly numberReady: number
    readonly observedGeneration?: number
    readonly updatedNumberScheduled?: number
    readonly numberAvailable?: number
    readonly numberUnavailable?: number
    readonly collisionCount?: number
    readonly conditions?: readonly Condition[]
  }
}

export interface ControllerRevision extends ApiObject {
  readonly data?: JsonObject
  readonly revision: number
}

// ---- validated and stored; nothing acts on these yet

export interface IngressBackend {
  readonly service?: {
    readonly name: string
    readonly port?: { readonly name?: string; readonly number?: number }
  }
  readonly resource?: { readonly apiGroup?: string; readonly kind: string; readonly name: string }
}

export interface Ingress extends ApiObject {
  readonly spec?: {
    readonly ingressClassName?: string
    readonly defaultBackend?: IngressBackend
    readonly tls?: readonly { readonly hosts?: readonly string[]; readonly secretName?: string }[]
    readonly rules?: readonly {
      readonly host?: string
      readonly http?: {
        readonly paths: readonly {
          readonly path?: string
          readonly pathType: 'Exact' | 'Prefix' | 'ImplementationSpecific'
          readonly backend: IngressBackend
        }[]
      }
    }[]
  }
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly LoadBalancerIngress[] } }
}

export interface IngressClass extends ApiObject {
  readonly spec?: { readonly controller?: string; readonly parameters?: JsonObject }
}

export interface NetworkPolicyPeer {
  readonly podSelector?: LabelSelector
  readonly namespaceSelector?: LabelSelector
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] }
}

export interface NetworkPolicyPort {
  readonly protocol?: Protocol
  readonly port?: IntOrString
  readonly endPort?: number
}

export interface NetworkPolicy extends ApiObject {
  readonly spec?: {
    readonly podSelector: LabelSelector
    readonly policyTypes?: readonly ('Ingress' | 'Egress')[]
    readonly ingress?: readonly {
      readonly from?: readonly NetworkPolicyPeer[]
      readonly ports?: readonly NetworkPolicyPort[]
    }[]
    readonly egress?: readonly {
      readonly to?: readonly NetworkPolicyPeer[]
      readonly ports?: readonly NetworkPolicyPort[]
    }[]
  }
}
