/** What the `kubernetes` plugin needs to know of a cluster: records, and the ways it looks them up. */
import type { ProcCtx, ProcEvent } from '../program.ts'

/** How a coredns process comes to know a cluster. `data` is plain data that it keeps for this alone. */
export interface KubeWatch {
  /** Begins to list and watch. `data` null: there is no cluster; `error`: why coredns does not start. */
  open(ctx: ProcCtx, pods: KubeDnsOptions['pods']): { data: unknown; error: string }
  /** Whether what it watches is enough for this mode too. */
  fits(data: unknown, pods: KubeDnsOptions['pods']): boolean
  /** True: the event was about it. */
  event(ctx: ProcCtx, data: unknown, event: ProcEvent): boolean
  /** The first lists have come. */
  synced(data: unknown): boolean
  /** Undefined before. */
  source(ctx: ProcCtx, data: unknown): KubeDnsSource | undefined
  close(ctx: ProcCtx, data: unknown): void
}

export interface KubeDnsService {
  namespace: string
  name: string
  type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName'
  /** Addresses as text; `None` alone for a headless service. */
  clusterIps: readonly string[]
  ports: readonly { name?: string; protocol?: string; port: number }[]
  /** '' where it has none. */
  externalName: string
}

export interface KubeDnsEndpoint {
  /** As the canonical text of the address. */
  ip: string
  hostname?: string
  podName?: string
}

/** One EndpointSlice: only its ready endpoints (those of publishNotReadyAddresses are ready). */
export interface KubeDnsEndpoints {
  namespace: string
  service: string
  endpoints: readonly KubeDnsEndpoint[]
  ports: readonly { name?: string; protocol?: string; port: number }[]
  /** Multi-cluster services: where the endpoints are. */
  cluster?: string
}

/** A view of the cluster, handed to `kubeAnswer` for one question and not kept. Names and namespaces in lower case. */
export interface KubeDnsSource {
  /** False until the first lists have come: everything unknown is SERVFAIL then. */
  synced: boolean
  /** Grows with every change: the SOA's serial. */
  serial: number
  hasNamespace(namespace: string): boolean
  service(namespace: string, name: string): KubeDnsService | undefined
  endpoints(namespace: string, service: string): readonly KubeDnsEndpoints[]
  servicesByIp(ip: string): readonly KubeDnsService[]
  endpointsByIp(ip: string): readonly KubeDnsEndpoints[]
  /** Whether a running pod of the namespace has the address (mode `pods verified`). */
  hasPod(namespace: string, ip: string): boolean
}

/** The plugin's block in the Corefile. */
export interface KubeDnsOptions {
  /** Absolute, the primary zone first. */
  zones: readonly string[]
  ttl: number
  pods: 'disabled' | 'insecure' | 'verified'
  /** None: all are exposed. */
  namespaces: readonly string[]
  ignoreEmptyService: boolean
  endpointPodNames: boolean
  /** It does not watch EndpointSlices: headless Services and addresses of endpoints are unknown. */
  noEndpoints: boolean
  multiclusterZones: readonly string[]
  /** fallthrough: null for no, an empty list for every zone. */
  fall: readonly string[] | null
  /** The server's own addresses, for NS records. */
  localIps: readonly string[]
}

export interface KubeDnsRecords {
  synced?: boolean
  serial: number
  namespaces: readonly string[]
  services: readonly KubeDnsService[]
  endpoints: readonly KubeDnsEndpoints[]
  pods: readonly { namespace: string; ip: string }[]
}

/** What a block without options has. */
export function kubeDnsOptions(zones: readonly string[]): KubeDnsOptions {
  return {
    zones,
    ttl: 5,
    pods: 'disabled',
    namespaces: [],
    ignoreEmptyService: false,
    endpointPodNames: false,
    noEndpoints: false,
    multiclusterZones: [],
    fall: null,
    localIps: [],
  }
}

/** A source over plain lists, looked through one by one: for tests and small clusters. */
export function recordsSource(records: KubeDnsRecords): KubeDnsSource {
  const { services, endpoints } = records
  return {
    synced: records.synced ?? true,
    serial: records.serial,
    hasNamespace: (namespace) => records.namespaces.includes(namespace),
    service: (namespace, name) => services.find((one) => one.namespace === namespace && one.name === name),
    endpoints: (namespace, service) =>
      endpoints.filter((one) => one.namespace === namespace && one.service === service),
    servicesByIp: (ip) => services.filter((one) => one.clusterIps.includes(ip)),
    endpointsByIp: (ip) => endpoints.filter((one) => one.endpoints.some((endpoint) => endpoint.ip === ip)),
    hasPod: (namespace, ip) => records.pods.some((pod) => pod.namespace === namespace && pod.ip === ip),
  }
}
