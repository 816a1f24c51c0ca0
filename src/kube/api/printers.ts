/** Tables: columns and cells of every kind. Models pkg/printers/internalversion/printers.go (1.32). */
import type {
  ConfigMap,
  ControllerRevision,
  DaemonSet,
  Deployment,
  Endpoints,
  EndpointSlice,
  Ingress,
  IngressClass,
  KubeEvent,
  Lease,
  Namespace,
  NetworkPolicy,
  Node,
  Pod,
  ReplicaSet,
  Secret,
  Service,
  ServiceAccount,
  StatefulSet,
} from '../objects.ts'
import type { ApiObject } from '../types.ts'
import { controllerOf } from '../types.ts'
import {
  clusterIp,
  containerImages,
  containerNames,
  endpointsText,
  externalIp,
  formatLabels,
  formatSelector,
  ingressHosts,
  loadBalancer,
  nodeAddress,
  nodeRoles,
  nodeStatus,
  podCells,
  servicePorts,
  since,
  sliceEndpoints,
  slicePorts,
} from './cells.ts'

export interface TableColumn {
  readonly name: string
  readonly type: 'string' | 'integer' | 'date'
  readonly format: string
  readonly description: string
  /** 0 always, above only in wide output */
  readonly priority: number
}

export type Cell = string | number

interface Context {
  readonly nowMs: number
  readonly wide: boolean
}

interface Printer {
  /** as kubectl prints them; a trailing * marks wide ones, a leading # integers */
  readonly columns: readonly string[]
  readonly cells: (object: never, context: Context) => Cell[]
}

const NONE = '<none>'

/** The cells of one object, wide ones included. `wide` false cuts long load-balancer addresses. */
export function printCells(resource: string, object: ApiObject, nowMs: number, wide = true): Cell[] {
  return printerOf(resource).cells(object as never, { nowMs, wide })
}

export function printColumns(resource: string): TableColumn[] {
  return printerOf(resource).columns.map((text) => {
    const name = text.replace(/[#*]/g, '')
    return {
      name,
      type: text.includes('#') ? 'integer' : 'string',
      format: name === 'Name' ? 'name' : '',
      description: '',
      priority: text.includes('*') ? 1 : 0,
    }
  })
}

function printerOf(resource: string): Printer {
  return Object.hasOwn(printers, resource) ? printers[resource] : plain
}

const name = (object: ApiObject) => object.metadata.name
const age = (object: ApiObject, { nowMs }: Context) => since(object.metadata.creationTimestamp, nowMs)

const plain: Printer = {
  columns: ['Name', 'Age'],
  cells: (o: ApiObject, c) => [name(o), age(o, c)],
}

const printers: Readonly<Record<string, Printer>> = {
  pods: {
    columns: [
      'Name',
      'Ready',
      'Status',
      'Restarts',
      'Age',
      'IP*',
      'Node*',
      'Nominated Node*',
      'Readiness Gates*',
    ],
    cells: (o: Pod, c) => {
      const { ready, status, restarts } = podCells(o, c.nowMs)
      const gates = o.spec.readinessGates ?? []
      const open = gates.filter(({ conditionType }) =>
        o.status?.conditions?.some((one) => one.type === conditionType && one.status === 'True'),
      )
      return [
        name(o),
        ready,
        status,
        restarts,
        age(o, c),
        o.status?.podIPs?.[0]?.ip || o.status?.podIP || NONE,
        o.spec.nodeName || NONE,
        o.status?.nominatedNodeName || NONE,
        gates.length === 0 ? NONE : `${open.length}/${gates.length}`,
      ]
    },
  },
  services: {
    columns: ['Name', 'Type', 'Cluster-IP', 'External-IP', 'Port(s)', 'Age', 'Selector*'],
    cells: (o: Service, c) => [
      name(o),
      o.spec.type ?? '',
      clusterIp(o),
      externalIp(o, c.wide),
      servicePorts(o),
      age(o, c),
      formatLabels(o.spec.selector),
    ],
  },
  endpoints: {
    columns: ['Name', 'Endpoints', 'Age'],
    cells: (o: Endpoints, c) => [name(o), endpointsText(o), age(o, c)],
  },
  'endpointslices.discovery.k8s.io': {
    columns: ['Name', 'AddressType', 'Ports', 'Endpoints', 'Age'],
    cells: (o: EndpointSlice, c) => [name(o), o.addressType, slicePorts(o), sliceEndpoints(o), age(o, c)],
  },
  nodes: {
    columns: [
      'Name',
      'Status',
      'Roles',
      'Age',
      'Version',
      'Internal-IP*',
      'External-IP*',
      'OS-Image*',
      'Kernel-Version*',
      'Container-Runtime*',
    ],
    cells: (o: Node, c) => {
      const about = o.status?.nodeInfo
      return [
        name(o),
        nodeStatus(o),
        nodeRoles(o),
        age(o, c),
        about?.kubeletVersion ?? '',
        nodeAddress(o, 'InternalIP'),
        nodeAddress(o, 'ExternalIP'),
        about?.osImage || '<unknown>',
        about?.kernelVersion || '<unknown>',
        about?.containerRuntimeVersion || '<unknown>',
      ]
    },
  },
  events: {
    columns: [
      'Last Seen',
      'Type',
      'Reason',
      'Object',
      'Subobject*',
      'Source*',
      'Message',
      'First Seen*',
      '#Count*',
      'Name*',
    ],
    cells: eventCells,
  },
  namespaces: {
    columns: ['Name', 'Status', 'Age'],
    cells: (o: Namespace, c) => [name(o), o.status?.phase ?? '', age(o, c)],
  },
  secrets: {
    columns: ['Name', 'Type', '#Data', 'Age'],
    cells: (o: Secret, c) => [name(o), o.type ?? '', Object.keys(o.data ?? {}).length, age(o, c)],
  },
  serviceaccounts: {
    columns: ['Name', '#Secrets', 'Age'],
    cells: (o: ServiceAccount, c) => [name(o), o.secrets?.length ?? 0, age(o, c)],
  },
  configmaps: {
    columns: ['Name', '#Data', 'Age'],
    cells: (o: ConfigMap, c) => {
      return [name(o), Object.keys(o.data ?? {}).length + Object.keys(o.binaryData ?? {}).length, age(o, c)]
    },
  },
  'deployments.apps': {
    columns: ['Name', 'Ready', '#Up-to-date', '#Available', 'Age', 'Containers*', 'Images*', 'Selector*'],
    cells: (o: Deployment, c) => [
      name(o),
      `${o.status?.readyReplicas ?? 0}/${o.spec.replicas ?? 0}`,
      o.status?.updatedReplicas ?? 0,
      o.status?.availableReplicas ?? 0,
      age(o, c),
      containerNames(o.spec.template.spec),
      containerImages(o.spec.template.spec),
      formatSelector(o.spec.selector),
    ],
  },
  'replicasets.apps': {
    columns: ['Name', '#Desired', '#Current', '#Ready', 'Age', 'Containers*', 'Images*', 'Selector*'],
    cells: (o: ReplicaSet, c) => [
      name(o),
      o.spec.replicas ?? 0,
      o.status?.replicas ?? 0,
      o.status?.readyReplicas ?? 0,
      age(o, c),
      containerNames(o.spec.template?.spec),
      containerImages(o.spec.template?.spec),
      formatSelector(o.spec.selector),
    ],
  },
  'statefulsets.apps': {
    columns: ['Name', 'Ready', 'Age', 'Containers*', 'Images*'],
    cells: (o: StatefulSet, c) => [
      name(o),
      `${o.status?.readyReplicas ?? 0}/${o.spec.replicas ?? 0}`,
      age(o, c),
      containerNames(o.spec.template.spec),
      containerImages(o.spec.template.spec),
    ],
  },
  'daemonsets.apps': {
    columns: [
      'Name',
      '#Desired',
      '#Current',
      '#Ready',
      '#Up-to-date',
      '#Available',
      'Node Selector',
      'Age',
      'Containers*',
      'Images*',
      'Selector*',
    ],
    cells: (o: DaemonSet, c) => [
      name(o),
      o.status?.desiredNumberScheduled ?? 0,
      o.status?.currentNumberScheduled ?? 0,
      o.status?.numberReady ?? 0,
      o.status?.updatedNumberScheduled ?? 0,
      o.status?.numberAvailable ?? 0,
      formatLabels(o.spec.template.spec.nodeSelector),
      age(o, c),
      containerNames(o.spec.template.spec),
      containerImages(o.spec.template.spec),
      formatSelector(o.spec.selector),
    ],
  },
  'controllerrevisions.apps': {
    columns: ['Name', 'Controller', '#Revision', 'Age'],
    cells: (o: ControllerRevision, c) => {
      const owner = controllerOf(o)
      const group = owner?.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : ''
      const text = owner === undefined ? NONE : `${owner.kind.toLowerCase()}${group}/${owner.name}`
      return [name(o), text, o.revision, age(o, c)]
    },
  },
  'leases.coordination.k8s.io': {
    columns: ['Name', 'Holder', 'Age'],
    cells: (o: Lease, c) => [name(o), o.spec?.holderIdentity ?? '', age(o, c)],
  },
  'ingresses.networking.k8s.io': {
    columns: ['Name', 'Class', 'Hosts', 'Address', 'Ports', 'Age'],
    cells: (o: Ingress, c) => [
      name(o),
      o.spec?.ingressClassName ?? NONE,
      ingressHosts(o),
      loadBalancer(o.status?.loadBalancer?.ingress, c.wide),
      (o.spec?.tls?.length ?? 0) > 0 ? '80, 443' : '80',
      age(o, c),
    ],
  },
  'ingressclasses.networking.k8s.io': {
    columns: ['Name', 'Controller', 'Parameters', 'Age'],
    cells: (o: IngressClass, c) => {
      const p = o.spec?.parameters as { apiGroup?: string; kind?: string; name?: string } | undefined
      const text = p === undefined ? NONE : `${p.kind}${p.apiGroup ? `.${p.apiGroup}` : ''}/${p.name}`
      return [name(o), o.spec?.controller ?? '', text, age(o, c)]
    },
  },
  'networkpolicies.networking.k8s.io': {
    columns: ['Name', 'Pod-Selector', 'Age'],
    cells: (o: NetworkPolicy, c) => [name(o), formatSelector(o.spec?.podSelector), age(o, c)],
  },
}

function eventCells(o: KubeEvent, { nowMs }: Context): Cell[] {
  const first = since(o.firstTimestamp ?? o.eventTime, nowMs)
  const last = o.series?.lastObservedTime ?? o.lastTimestamp
  const { component = o.reportingComponent ?? '', host = o.reportingInstance ?? '' } = o.source ?? {}
  const kind = (o.involvedObject.kind ?? '').toLowerCase()
  const target = o.involvedObject.name ? `${kind}/${o.involvedObject.name}` : kind
  return [
    last ? since(last, nowMs) : first,
    o.type ?? '',
    o.reason ?? '',
    target,
    o.involvedObject.fieldPath ?? '',
    host === '' ? component : `${component}, ${host}`,
    (o.message ?? '').trim(),
    first,
    o.series?.count ?? (o.count || 1),
    name(o),
  ]
}
