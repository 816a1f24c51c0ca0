/** What kube-proxy works on: Services and EndpointSlices as far as it reads them, service ports, endpoints, a node. */

/** A Service as far as kube-proxy reads it. */
export interface ServiceLike {
  readonly metadata: {
    readonly namespace?: string
    readonly name: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec: {
    readonly type?: string
    readonly clusterIP?: string
    readonly clusterIPs?: readonly string[]
    readonly ports?: readonly ServicePortLike[]
    readonly externalIPs?: readonly string[]
    readonly loadBalancerSourceRanges?: readonly string[]
    readonly sessionAffinity?: string
    readonly sessionAffinityConfig?: { readonly clientIP?: { readonly timeoutSeconds?: number } }
    readonly internalTrafficPolicy?: string
    readonly externalTrafficPolicy?: string
    readonly healthCheckNodePort?: number
    readonly trafficDistribution?: string
  }
  readonly status?: {
    readonly loadBalancer?: {
      readonly ingress?: readonly { readonly ip?: string; readonly ipMode?: string }[]
    }
  }
}

export interface ServicePortLike {
  readonly name?: string
  readonly port: number
  readonly protocol?: string
  readonly nodePort?: number
}

/** An EndpointSlice as far as kube-proxy reads it. */
export interface EndpointSliceLike {
  readonly metadata: {
    readonly namespace?: string
    readonly name: string
    readonly labels?: Readonly<Record<string, string>>
  }
  readonly addressType: string
  readonly endpoints?: readonly SliceEndpointLike[] | null
  readonly ports?:
    | readonly { readonly name?: string; readonly port?: number; readonly protocol?: string }[]
    | null
}

export interface SliceEndpointLike {
  readonly addresses: readonly string[]
  readonly conditions?: {
    readonly ready?: boolean
    readonly serving?: boolean
    readonly terminating?: boolean
  }
  readonly nodeName?: string
  readonly hints?: { readonly forZones?: readonly { readonly name: string }[] }
}

/** One port of one Service in one address family. */
export interface ServicePort {
  /** `NAMESPACE/NAME[:PORT]`: what chain names are hashed from and comments begin with. */
  readonly name: string
  readonly namespace: string
  readonly service: string
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly clusterIP: string
  readonly port: number
  /** 0 for none. */
  readonly nodePort: number
  readonly externalIPs: readonly string[]
  readonly loadBalancerIPs: readonly string[]
  readonly sourceRanges: readonly string[]
  /** Seconds a client stays with its endpoint, 0 for no affinity. */
  readonly stickySeconds: number
  readonly internalLocal: boolean
  readonly externalLocal: boolean
  /** 0 for none. */
  readonly healthCheckNodePort: number
}

/** One address and port behind a service port. */
export interface ProxyEndpoint {
  readonly ip: string
  readonly port: number
  /** `IP:PORT`, the address in brackets for IPv6. */
  readonly text: string
  /** It runs on this node. */
  readonly local: boolean
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
  readonly zoneHints: readonly string[]
}

/** How kube-proxy tells traffic of this node's pods from other traffic (`--detect-local-mode`). */
export type LocalDetector =
  | { readonly mode: 'none' }
  /** ClusterCIDR and NodeCIDR. */
  | { readonly mode: 'cidr'; readonly cidr: string }
  | { readonly mode: 'bridge'; readonly name: string }
  | { readonly mode: 'prefix'; readonly prefix: string }

/** The node and the configuration that a rule set is built for. */
export interface ProxyNode {
  readonly name: string
  readonly family: 4 | 6
  /** The node's address of this family, '' where unknown. */
  readonly nodeIP: string
  /** Every address on the node's interfaces: what `nodePortAddresses` picks from. */
  readonly localIPs: readonly string[]
  /** Label topology.kubernetes.io/zone, '' for none. */
  readonly zone: string
  readonly detectLocal: LocalDetector
  readonly masqueradeAll: boolean
  /** 0-31. */
  readonly masqueradeBit: number
  /** Node ports answer on 127.0.0.1 (sets route_localnet). */
  readonly localhostNodePorts: boolean
  /** Prefixes whose addresses take node ports; none: every address of the node. */
  readonly nodePortAddresses: readonly string[]
  /** MASQUERADE --random-fully, which iptables has since 1.6.2. */
  readonly randomFully: boolean
}

/** One rule: the words that iptables-restore takes after `-A CHAIN`. `service` is `NAMESPACE/NAME` of what caused it. */
export interface ProxyRule {
  readonly chain: string
  readonly args: readonly string[]
  readonly service: string
}

/** Chains to declare and rules to append, in order, of one table. */
export interface ProxyTable {
  readonly chains: readonly string[]
  readonly rules: readonly ProxyRule[]
}

export interface ProxyRuleset {
  readonly filter: ProxyTable
  readonly nat: ProxyTable
}
