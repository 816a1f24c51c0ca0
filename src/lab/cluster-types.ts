/** What a lab file says of a cluster: its configuration documents, its manifests, the machines that are nodes. */
import type { Json, JsonObject } from '../kube/types.ts'
import type { Span } from './types.ts'

/** Label key of a machine that is a node of the cluster. */
export const LABEL_NODE = 'kubehop.dev/node'

/** What a machine types that joins a running cluster. */
export const JOIN_LINE = 'kubeadm join'

export type NodeKind = 'control-plane' | 'worker'

/** A document of a lab file as JSON, with the place of every field. */
export interface ClusterDoc {
  readonly apiVersion: string
  readonly kind: string
  readonly value: JsonObject
  /** By path as the API server writes them: `spec.ports[0].port`; '' for the whole document. */
  readonly spans: ReadonlyMap<string, Span>
  readonly span: Span
}

export interface LabCluster {
  /** kubeadm's ClusterConfiguration, KubeProxyConfiguration, KubeletConfiguration: at most one each. */
  clusterConfiguration: ClusterDoc | undefined
  proxyConfiguration: ClusterDoc | undefined
  kubeletConfiguration: ClusterDoc | undefined
  /** CNI configuration lists, put into /etc/cni/net.d of every node; `{{.PodCIDR}}` is the node's range. */
  conflists: ClusterDoc[]
  /** In the order of the file, which is the order in which they are applied. */
  manifests: ClusterDoc[]
}

export type { Json }
