/** What a front end sees of a cluster: plain values, like those of `types.ts`. All as of the shown moment. */
import type { Sentence } from './types.ts'

/** Names an object: `resource` as in paths with its group (`pods`, `deployments.apps`). */
export interface ObjectRef {
  resource: string
  kind: string
  /** '' for cluster-scoped objects. */
  namespace: string
  name: string
}

/** A kind that the API server serves, and how many objects of it there are. */
export interface KindCount {
  resource: string
  kind: string
  namespaced: boolean
  count: number
  /** Checked and kept, while nothing of this cluster acts on it. */
  storedOnly: boolean
}

/** Objects of one kind as `kubectl get -A` lists them. */
export interface ObjectTable {
  resource: string
  command: string
  /** kubectl's `-o wide` has more columns. */
  widens: boolean
  columns: string[]
  /** Columns that change by themselves as time passes (AGE). */
  ages: number[]
  /** Of these, `rows` has the first ones. */
  total: number
  rows: { ref: ObjectRef; uid: string; revision: number; cells: string[] }[]
}

export interface ObjectsView {
  kinds: KindCount[]
  table: ObjectTable | null
}

/** A place in the lab's text, counted from 1. */
export interface TextPlace {
  line: number
  column: number
}

export interface ObjectView {
  ref: ObjectRef
  revision: number
  /** As `kubectl get -o yaml` prints it. */
  yaml: string
  /** From the object to its first owner. */
  owners: ObjectRef[]
  /** What it owns. */
  owned: ObjectRef[]
  events: EventRow[]
  /** Where it, or the owner named by `from`, stands in the lab's text; null where nobody wrote it. */
  place: (TextPlace & { from: ObjectRef }) | null
  /** Field managers that wrote it, the latest first. */
  managers: string[]
}

export interface EventRow {
  namespace: string
  /** As `kubectl get events` prints them. */
  lastSeen: string
  type: string
  reason: string
  object: string
  message: string
  about: ObjectRef | null
  /** Virtual time in ns of its last write. */
  at: number
}

/** What the picture shows of a cluster. */
export interface ClusterPicture {
  nodes: ClusterNodeView[]
  /** Those of nodes that have few: the others' are numbers of their node. */
  pods: ClusterPodView[]
  /** The first ones, those of the system last; and how many more there are. */
  services: ServiceView[]
  moreServices: number
}

export interface ClusterNodeView {
  machine: string
  role: 'control-plane' | 'worker'
  /** Ready, NotReady, or '' while the API server has no such Node. */
  state: 'Ready' | 'NotReady' | ''
  schedulable: boolean
  pods: number
  readyPods: number
  /** Its pods are told as numbers only. */
  many: boolean
}

export interface ClusterPodView {
  ref: ObjectRef
  node: string
  /** The room of its network namespace, '' while it has none of its own. */
  room: string
  /** It lives in its node's own namespace. */
  hostNetwork: boolean
  /** STATUS as kubectl prints it. */
  status: string
  ready: boolean
  ip: string
}

export interface ServiceView {
  ref: ObjectRef
  type: string
  /** Cluster IP, `None` for headless ones. */
  clusterIp: string
  ports: string
  /** The first ones of `count`. */
  endpoints: EndpointView[]
  count: number
  ready: number
}

export interface EndpointView {
  ip: string
  port: string
  ready: boolean
  terminating: boolean
  /** '' where no room has this address. */
  room: string
  pod: string
}

/** The object that a netfilter rule was written for. */
export interface RuleOrigin {
  service: ObjectRef
  /** `NAMESPACE/NAME[:PORT]` */
  portName: string
  place: TextPlace | null
}

/** One event of the chain from a pod's readiness to rules on nodes, in order. */
export interface ChainEvent {
  at: number
  /** Revision that was written, or that a node's rules now stand for. */
  revision: number
  stage: 'service' | 'pod' | 'slice' | 'dns' | 'rules'
  /** Who wrote: a field manager, or the kube-proxy of a node; for `dns`, who answers from now on. */
  who: string
  ref: ObjectRef | null
  /** ADDED, MODIFIED, DELETED; '' for rules and dns. */
  type: string
  what: Sentence[]
}

/** A stretch of one program's work on a pod's network: the runtime's own, or a CNI plugin's. */
export interface NetworkCall {
  node: string
  sandbox: string
  command: 'ADD' | 'DEL'
  /** '' for the runtime. */
  plugin: string
  steps: NetworkStep[]
  /** JSON that the plugin was given and that it answered, '' where it is another stretch's. */
  stdin: string
  stdout: string
}

export interface NetworkStep {
  /** ns */
  at: number
  event: number
  what: Sentence
}
