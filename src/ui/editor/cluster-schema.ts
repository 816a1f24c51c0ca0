/** JSON Schema of a cluster's configuration documents, as far as src/lab/cluster-docs.ts reads them. */
import type { Schema } from './lab-schema.ts'

const text = (description: string): Schema => ({ type: 'string', description })
const plain: Schema = { type: 'string' }

const only = (value: string): Schema => ({ type: 'string', enum: [value] })

const clusterConfiguration: Schema = {
  type: 'object',
  description: 'The cluster, as kubeadm is told of it.',
  properties: {
    apiVersion: { type: 'string', enum: ['kubeadm.k8s.io/v1beta4', 'kubeadm.k8s.io/v1beta3'] },
    kind: only('ClusterConfiguration'),
    kubernetesVersion: plain,
    clusterName: plain,
    controlPlaneEndpoint: plain,
    networking: {
      type: 'object',
      properties: {
        podSubnet: text('Addresses of pods: each node gets a part.'),
        serviceSubnet: text('Addresses of Services: no machine has them.'),
        dnsDomain: text('Domain of the cluster’s names.'),
      },
    },
    controllerManager: { type: 'object' },
    apiServer: { type: 'object' },
  },
  required: ['apiVersion', 'kind'],
  additionalProperties: false,
}

const proxyConfiguration: Schema = {
  type: 'object',
  description: 'How kube-proxy of every node works.',
  properties: {
    apiVersion: only('kubeproxy.config.k8s.io/v1alpha1'),
    kind: only('KubeProxyConfiguration'),
    mode: { type: 'string', description: 'What serves Services on a node.', enum: ['iptables', ''] },
    clusterCIDR: plain,
    detectLocalMode: {
      type: 'string',
      description: 'How traffic of the node’s own pods is told.',
      enum: ['ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'],
    },
    detectLocal: { type: 'object', properties: { bridgeInterface: plain, interfaceNamePrefix: plain } },
    iptables: {
      type: 'object',
      properties: {
        masqueradeAll: { type: 'boolean', description: 'Every request to a Service is masqueraded.' },
        masqueradeBit: { type: 'integer' },
        localhostNodePorts: { type: 'boolean' },
        minSyncPeriod: text('Rules are written at most this often.'),
        syncPeriod: plain,
      },
    },
    nodePortAddresses: { type: 'array', items: plain },
    hostnameOverride: plain,
    bindAddress: plain,
    healthzBindAddress: plain,
    metricsBindAddress: plain,
  },
  required: ['apiVersion', 'kind'],
  additionalProperties: false,
}

const kubeletConfiguration: Schema = {
  type: 'object',
  description: 'How the kubelet of every node works.',
  properties: {
    apiVersion: only('kubelet.config.k8s.io/v1beta1'),
    kind: only('KubeletConfiguration'),
    clusterDNS: { type: 'array', items: plain, description: 'Name servers of pods.' },
    clusterDomain: plain,
    maxPods: { type: 'integer' },
    port: { type: 'integer' },
    nodeStatusUpdateFrequency: plain,
    nodeLeaseDurationSeconds: { type: 'integer' },
    makeIPTablesUtilChains: { type: 'boolean' },
    containerRuntimeEndpoint: plain,
    cgroupDriver: plain,
  },
  required: ['apiVersion', 'kind'],
  additionalProperties: false,
}

const conflist: Schema = {
  type: 'object',
  description: 'CNI configuration, put on every node; {{.PodCIDR}} is the node’s range.',
  properties: {
    cniVersion: plain,
    name: plain,
    plugins: {
      type: 'array',
      description: 'Run one after the other for every pod.',
      items: {
        type: 'object',
        properties: {
          type: { type: 'string', enum: ['bridge', 'ptp', 'portmap', 'loopback'] },
          bridge: plain,
          isGateway: { type: 'boolean' },
          isDefaultGateway: { type: 'boolean' },
          ipMasq: { type: 'boolean' },
          hairpinMode: { type: 'boolean' },
          mtu: { type: 'integer' },
          ipam: {
            type: 'object',
            properties: { type: { type: 'string', enum: ['host-local'] }, subnet: plain },
          },
          capabilities: { type: 'object' },
        },
      },
    },
  },
  required: ['cniVersion', 'name', 'plugins'],
}

export const clusterSchemas: readonly Schema[] = [
  clusterConfiguration,
  proxyConfiguration,
  kubeletConfiguration,
  conflist,
]
