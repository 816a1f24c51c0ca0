/**
 * What a front end sees of a world: plain values, sent across the worker boundary as they are.
 * Nothing here can change a world.
 */

export type MachineRole = 'host' | 'router' | 'switch' | 'internet'

/** The picture: machines with rooms and ports, and what joins the ports. */
export interface Scene {
  machines: SceneMachine[]
  edges: SceneEdge[]
}

export interface SceneMachine {
  /** The machine's name: unique. */
  id: string
  role: MachineRole
  /** Position from the lab file (graph-posX, graph-posY); null where the layout decides. */
  x: number | null
  y: number | null
  /** The root namespace first, then the named ones in order of creation. */
  rooms: SceneRoom[]
}

export interface SceneRoom {
  /** Full namespace name: `MACHINE` (root) or `MACHINE.NETNS`. */
  id: string
  /** `NETNS`, or '' for the root namespace. */
  name: string
  ns: number
  forwarding: boolean
  ports: ScenePort[]
  /** Netfilter's hooks, the bridge's after IP's; absent where the namespace has no table. */
  stations?: SceneStation[]
}

/** A place on a packet's way through a namespace; `bridge-`: while it is still inside a bridge (br_netfilter). */
export type StationId =
  | 'PREROUTING'
  | 'ROUTE'
  | 'FORWARD'
  | 'INPUT'
  | 'LOCAL'
  | 'ROUTE_OUT'
  | 'OUTPUT'
  | 'POSTROUTING'
  | 'bridge-PREROUTING'
  | 'bridge-FORWARD'
  | 'bridge-POSTROUTING'

export interface SceneStation {
  id: StationId
  /** Tables in the kernel's order, `conntrack` and its `confirm` among them; IPv6's end in 6. */
  tables: string[]
}

export interface ScenePort {
  /** `ROOM/IFNAME`. */
  id: string
  ns: number
  ifindex: number
  name: string
  kind: 'loopback' | 'veth' | 'bridge' | 'vlan' | 'phys' | 'dummy'
  mac: string
  mtu: number
  /** With prefix length, in the kernel's order; IPv6 link-local addresses last. */
  addrs: string[]
  state: 'up' | 'down' | 'no-carrier'
  /** Id of the bridge port-id that this is enslaved to, '' for none. */
  master: string
  /** vlan: id of the device below. */
  lower: string
  /** Spanning tree: a port that does not forward. */
  blocked: boolean
}

export interface SceneEdge {
  /** `A--B` of the two port ids, smaller first. */
  id: string
  kind: 'cable' | 'veth'
  a: string
  b: string
  up: boolean
  /** Faults and properties as short text: 'loss 10 %', 'latency 20 ms', '10 Mbit/s'; '' for none. */
  note: string
}

/** What changed in the picture since the last one sent. */
export interface SceneDiff {
  machines: SceneMachine[]
  removedMachines: string[]
  edges: SceneEdge[]
  removedEdges: string[]
  /** Machine ids in order, present when the order changed. */
  order: string[] | null
}

/** A message with its values apart, so that a front end can translate it. `key` is in the catalogue of `view/words.ts`. */
export interface Sentence {
  key: string
  args: Record<string, string | number>
}

export interface TraceSummary {
  id: number
  /** Trace that gave rise to it, 0 for none. */
  cause: number
  /** Virtual time and event number of the first step. */
  at: number
  event: number
  lastEvent: number
  proto: 'arp' | 'icmp' | 'icmp6' | 'tcp' | 'udp' | 'dns' | 'stp' | 'other'
  /** 'ARP who-has 10.0.0.2 tell 10.0.0.1', 'ICMP echo request 10.0.0.1 > 10.0.0.2 seq 1' */
  label: string
  src: string
  dst: string
  nHops: number
  disposition: Disposition
  /** Drop reason by the kernel's name, '' where it arrived or is on its way. */
  reason: string
}

/**
 * Batfish's idea: how a trace ended. ACCEPTED by a socket, ANSWERED by the kernel (an echo request), DELIVERED to a kernel
 * protocol (ARP, spanning tree, an ICMP error); FLOODED: copies went out and nobody was meant.
 */
export type Disposition = 'ACCEPTED' | 'DELIVERED' | 'DROPPED' | 'IN_FLIGHT' | 'ANSWERED' | 'FLOODED'

export interface TraceView extends TraceSummary {
  hops: HopView[]
  /** True where the ring had lost the beginning. */
  truncated: boolean
}

/**
 * What one namespace did to the packet from its arrival to its leaving. One event, but for packets that waited (see
 * StepView.event). Where a bridge flooded, `devOut` names all devices, with ', ' between.
 */
export interface HopView {
  event: number
  at: number
  ns: number
  room: string
  /** Device in and out by name, '' where it was born or ended here. */
  devIn: string
  devOut: string
  steps: StepView[]
  /** Header fields that differ between the hop's first and last record: name, before, after. */
  changes: { field: string; before: string; after: string }[]
}

export interface StepView {
  /** The event that took this step: later than the hop's where the packet waited for a neighbour or for fragments. */
  event: number
  at: number
  /** Names of StepKind and StepAction ('' for none), and the drop reason by the kernel's name. */
  kind: string
  action: string
  reason: string
  dev: string
  sentence: Sentence
  /** The record that decided, as its tool prints it (`10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1`). */
  evidence: string
  /** Table row it points at, to mark it in the inspector; '' for none. */
  ref: string
  /** Header fields of the packet at this step, outermost layer first. */
  layers: LayerView[]
  /** Names the step together with `event`: its packet's trace, and which of the trace's steps in that event it is. */
  trace: number
  nth: number
  /** Where on the packet's way through the namespace it happened; '' at a device, a bridge or a neighbour. */
  station: StationId | ''
  /** The rules that were asked, where one or a policy decided. */
  rule: RuleView | null
  /** Header fields that this step changed, by comparison with the step before in the same hop. */
  changes: { field: string; before: string; after: string }[]
  /** The packet at this step: its protocol, and a short text to stand beside a glyph. */
  proto: TraceSummary['proto']
  glyph: string
}

export interface RuleView {
  /** nat, filter, nat6 ... */
  table: string
  /** Built-in chain; and chain and number of the deciding rule, number 0 for the policy. */
  hook: string
  chain: string
  number: number
  /** Its row in the inspector's table. */
  ref: string
  verdict: string
  change: string[]
  /** The verdict was set aside (see Session.permit). */
  permitted: boolean
  /** Rules in the order in which they were asked, the deciding one last. */
  asked: RuleAsked[]
  /** Rules asked before those. */
  more: number
}

export interface RuleAsked {
  chain: string
  number: number
  ref: string
  /** As iptables-save has it; '' where it is no longer there. */
  text: string
  /** The first match that failed, '' where all matched. */
  why: string
}

/** A packet's bytes at one step. */
export interface FrameView {
  /** False where there is no Ethernet header yet. */
  framed: boolean
  bytes: number[]
  layers: FrameLayer[]
}

/** Places are in `bytes`. Names are those of Wireshark's display filters. */
export interface FrameLayer {
  name: string
  title: string
  at: number
  length: number
  /** `before`: the value at the step before, where it was another. */
  fields: { name: string; title: string; value: string; at: number; length: number; before?: string }[]
}

/** One protocol layer like Wireshark's tree. */
export interface LayerView {
  name: string
  fields: { name: string; value: string }[]
}

/** A table as the learner sees it in a terminal. Rows keep the tool's text. */
export interface TableView {
  id:
    | 'link'
    | 'addr'
    | 'route'
    | 'route6'
    | 'rule'
    | 'neigh'
    | 'fdb'
    | 'sockets'
    | 'counters'
    | 'stp'
    | 'raw'
    | 'mangle'
    | 'nat'
    | 'filter'
    | 'security'
    | 'raw6'
    | 'mangle6'
    | 'nat6'
    | 'filter6'
    | 'security6'
    | 'conntrack'
    | 'sysctl'
    | 'processes'
  /** The command that prints this table. */
  command: string
  columns: string[]
  rows: { ref: string; cells: string[] }[]
  /** The table as that command prints it. */
  text: string
}

export interface Inspection {
  /** What was asked for: a machine, a room or a port id. */
  subject: string
  kind: 'machine' | 'room' | 'port' | 'gone'
  title: string
  at: number
  event: number
  /** Causes that lie in the configuration itself (an address without a prefix length ...). */
  notes: Sentence[]
  tables: TableView[]
}
