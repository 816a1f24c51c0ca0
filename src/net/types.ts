/**
 * The records of the Linux network model: what one network namespace holds and what a packet is.
 * Plain data only: everything here is copied by checkpoints, unless frozen. Tables are created on first use.
 * References between namespaces are ids, never objects. A packet has one owner at a time.
 */
import type { Ip, Mac } from '../base/addr.ts'
import type { Rng } from '../base/rng.ts'
import type { Qdisc } from './link/qdisc.ts'
import type { SnmpCounters } from './snmp.ts'
import type { SimWorld, Target } from '../sim/world.ts'
import type { InterfaceConf } from './conf.ts'
import type { FibTables } from './ip/fibtables.ts'
import type { RouteCache } from './ip/routecache.ts'
import type { Inet6Dev } from './ip6/inet6dev.ts'
import type { ArpHeader, IcmpHeader, TcpHeader } from './headers.ts'
import type { Netfilter } from './nf/types.ts'
import type { Socket } from './sock/types.ts'
import type { Recorder } from './trace.ts'

export type { InterfaceConf } from './conf.ts'
export type { ArpHeader, IcmpHeader, NdBody, TcpHeader } from './headers.ts'
export type { Socket, SocketKind, SockMessage } from './sock/types.ts'

/** The whole truth of one run. Target 1 is always the registry. `routes` is derived (net/ip/routecache.ts). */
export interface World extends SimWorld {
  recorder: Recorder
  routes: (RouteCache | undefined)[]
}

/** Names to ids: machines and namespaces. A target, so that it rewinds with everything else. */
export interface Registry extends Target {
  type: 'registry'
  /** Machine name to the id of its root namespace. */
  machines: Map<string, number>
  /** Full name (`MACHINE` or `MACHINE.NETNS`) to namespace id. */
  netns: Map<string, number>
}

export const ETH_P_IP = 0x0800
export const ETH_P_ARP = 0x0806
export const ETH_P_IPV6 = 0x86dd
export const ETH_P_8021Q = 0x8100
/** Frames with an 802.2 LLC header (spanning tree). */
export const ETH_P_802_2 = 0x0004

export const IPPROTO_ICMP = 1
export const IPPROTO_TCP = 6
export const IPPROTO_UDP = 17
export const IPPROTO_ICMPV6 = 58

/** skb->pkt_type. */
export const PACKET_HOST = 0
export const PACKET_BROADCAST = 1
export const PACKET_MULTICAST = 2
export const PACKET_OTHERHOST = 3
export const PACKET_OUTGOING = 4
export const PACKET_LOOPBACK = 5

/** An skb. Hot: one shape, made only by `createPacket`, copied only by `clonePacket`. */
export interface Packet {
  /** Unique per copy. */
  id: number
  /** Shared by the copies that a flood or a fragmentation makes. */
  trace: number
  /** The trace of the packet that gave rise to this one (an ARP request's packet, a reply's request); 0 for none. */
  cause: number
  smac: Mac
  dmac: Mac
  etherType: number
  /** 802.1Q id of the tag that the frame carries, 0 for untagged. */
  vlan: number
  src: Ip
  dst: Ip
  proto: number
  ttl: number
  tos: number
  ipId: number
  df: boolean
  /** Bytes from the start of the network header to the end of the payload. */
  length: number
  /** Fragment: offset in bytes into the whole packet's network payload. */
  fragOffset: number
  moreFrags: boolean
  /** The whole packet that this is a fragment of; `length` is the fragment's own. */
  whole: Packet | null
  /** Put together from fragments of at most so many bytes: it is cut so again on the way out; 0 for none. */
  fragMax: number
  sport: number
  dport: number
  icmp: IcmpHeader | null
  tcp: TcpHeader | null
  arp: ArpHeader | null
  /** Bytes above the transport header. Never written after the packet is made, so copies share it. */
  payload: Uint8Array | null
  /** The encapsulated frame (VXLAN ...). */
  inner: Packet | null
  // What the kernel keeps about the packet and the wire does not carry.
  iif: number
  oif: number
  /** Bridge port it came in by, 0 for none (nf_bridge physindev). */
  physIn: number
  /** br_netfilter's (net/nf/brnf.ts): port it leaves by, flag bits, source MAC of a frame that waits. 0 for none. */
  physOut: number
  nfBridge: number
  savedMac: Mac
  pktType: number
  mark: number
  /** Conntrack entry id in the namespace that holds the packet; 0 for none. */
  ct: number
  /** skb's ctinfo: 0 established, 1 related, 2 new, 3 established reply, 4 related reply, 7 untracked; with `ct` 0 only 7 means anything. */
  ctInfo: number
  /** Where the route sends it: the gateway, or the destination itself. */
  nextHop: Ip
  /** Id of the local socket that sent it, 0 for none: errors find their way back by it. */
  sock: number
}

export type LinkKind = 'loopback' | 'veth' | 'bridge' | 'vlan' | 'phys' | 'dummy'

/** An address on a link. Models struct in_ifaddr and inet6_ifaddr. */
export interface IfAddr {
  addr: Ip
  len: number
  /** Point-to-point peer; the address itself where there is none. */
  peer: Ip
  /** IPv4 broadcast address, undefined where none was set. */
  brd: number | undefined
  /** 0 global, 253 link, 254 host (RT_SCOPE_*). */
  scope: number
  secondary: boolean
  label: string
  /** IPv6: duplicate address detection still runs, or failed. */
  tentative: boolean
  dadFailed: boolean
  /** IFA_F_NOPREFIXROUTE: no connected route is made for it. */
  noPrefixRoute: boolean
  /** Metric of the connected route, 0 for the default. */
  metric: number
  /** IPv6: taken without asking whether somebody has it (IFA_F_NODAD). */
  nodad?: boolean
}

/** Errors of reception, of transmission and of the carrier are not modelled: they are shown as 0. */
export interface LinkStats {
  rxPackets: number
  rxBytes: number
  rxDropped: number
  rxMulticast: number
  txPackets: number
  txBytes: number
  txDropped: number
}

/** A cable's behaviour in one direction: from this end to its peer. */
export interface Wire {
  latencyNs: number
  /** Bits per second; 0 for unlimited. */
  rateBps: number
  /** Parts per million. */
  lossPpm: number
  /** When the transmitter is free again (rate limit). */
  busyUntil: number
}

export interface FdbEntry {
  mac: Mac
  vlan: number
  /** Port's ifindex; the bridge's own for local entries. */
  port: number
  /** permanent: a port's or the bridge's own address. */
  local: boolean
  static: boolean
  updatedAt: number
  usedAt: number
}

/** Per-bridge state. Models struct net_bridge. */
export interface Bridge {
  /** Ports' ifindexes in the kernel's list order: newest enslaved first. */
  ports: number[]
  fdb: Map<Mac, FdbEntry>
  ageingNs: number
  stp: boolean
  priority: number
  forwardDelayNs: number
  helloNs: number
  maxAgeNs: number
  /** Spanning tree working state; port roles follow it even while STP is off, but nothing is sent or timed then. */
  tree: StpBridge
  /** True once a MAC was set by hand: it no longer follows the lowest port's. */
  macSet: boolean
  /** True once an MTU was set by hand: it no longer follows the smallest port's. */
  mtuSet: boolean
  /** The address part of the bridge identifier: 0 until a port or a hand gave one. */
  idMac: Mac
  vlanFiltering: boolean
}

/** Identifiers are 16 hex digits: priority, then address. Times `...At` are ns when a timer fires, 0 while it does not run. */
export interface StpBridge {
  rootId: string
  /** Number of the port that leads to the root, 0 on the root itself. */
  rootPort: number
  rootCost: number
  topologyChange: boolean
  topologyChangeDetected: boolean
  /** The root's times, which all bridges use. */
  maxAgeNs: number
  helloNs: number
  forwardDelayNs: number
  helloAt: number
  tcnAt: number
  topologyChangeAt: number
}

/** A link's life as a bridge port. Models struct net_bridge_port. State: 0 disabled 1 listening 2 learning 3 forwarding 4 blocking. */
export interface BridgePort {
  bridge: number
  portNo: number
  state: number
  cost: number
  priority: number
  hairpin: boolean
  learning: boolean
  flood: boolean
  isolated: boolean
  /** Best spanning tree message heard here. */
  designatedRoot: string
  designatedBridge: string
  designatedPort: number
  designatedCost: number
  topologyChangeAck: boolean
  configPending: boolean
  /** Timers: ns when they fire, 0 while they do not run. */
  forwardDelayAt: number
  messageAgeAt: number
  holdAt: number
}

export type OperState = 'UNKNOWN' | 'DOWN' | 'LOWERLAYERDOWN' | 'UP'

export interface Link {
  ifindex: number
  name: string
  kind: LinkKind
  mac: Mac
  mtu: number
  /** IFF_UP: set by the administrator. */
  up: boolean
  /** IFF_LOWER_UP: somebody is at the other end and up. */
  carrier: boolean
  /** RFC 2863, as it was when the carrier last changed; read it through `operState`. */
  operstate: OperState
  /** How many want every frame: a bridge that it is a port of, packet sockets, the administrator. */
  promisc: number
  /** IFF_PROMISC set by hand, counted in `promisc`: what `ip link` prints. */
  promiscFlag: boolean
  /** Up at some time since it came into this namespace: its queue is attached, and stays so when it goes down. */
  attached: boolean
  noarp: boolean
  qlen: number
  /** Queueing discipline at its root, null for none. */
  qdisc: Qdisc | null
  /** ifindex of the bridge that this is a port of, 0 for none. */
  master: number
  /** veth, phys: the other end. */
  peer: { ns: number; ifindex: number } | null
  /** vlan: the device below and the 802.1Q id. */
  lower: number
  vlanId: number
  wire: Readonly<Wire>
  /** Frames sent since `windowAt`, one latency long: bounds what is in flight, so that a storm cannot eat the memory. */
  windowAt: number
  windowCount: number
  bridge: Bridge | null
  port: BridgePort | null
  addrs: readonly IfAddr[]
  conf: InterfaceConf
  stats: Readonly<LinkStats>
  /** Multicast groups joined on this link (IPv6 groups; 224.0.0.1 is implied). */
  groups: readonly Ip[]
  /** IPv6's part of the device, null while it has none. */
  inet6: Inet6Dev | null
}

/** RTN_*: what a route does. */
export type RouteType =
  | 'unicast'
  | 'local'
  | 'broadcast'
  | 'multicast'
  | 'anycast'
  | 'blackhole'
  | 'unreachable'
  | 'prohibit'
  | 'throw'

/** One route, one or more next hops. Frozen when it enters the table: look-ups hand it out as evidence. */
export interface Route {
  dst: Ip
  len: number
  type: RouteType
  table: number
  /** 0 global, 200 site, 253 link, 254 host, 255 nowhere. */
  scope: number
  /** 2 kernel, 3 boot, 4 static, 9 ra, 16 dhcp ... (rt_protos). */
  proto: number
  metric: number
  /** Preferred source, undefined for none. */
  prefsrc: Ip | undefined
  /** 0 for none. */
  mtu: number
  tos: number
  /** IPv6 router preference: 0 medium, 1 high, 3 low. */
  pref: number
  /** IPv6 routes from router advertisements: when they end; 0 for never. */
  expiresAt: number
  nexthops: readonly NextHop[]
}

export interface NextHop {
  /** 0 for none (blackhole ...). */
  oif: number
  /** Gateway, undefined where the destination is on the link. */
  via: Ip | undefined
  weight: number
  onlink: boolean
  /** Scope of the gateway as it was resolved: 253 link, 254 host (no gateway needed), 255 nowhere (local). */
  scope: number
  /** Carrier or device lost. */
  dead: boolean
  linkdown: boolean
}

/** A policy rule (`ip rule`). Models struct fib_rule. */
export interface PolicyRule {
  pref: number
  family: 4 | 6
  not: boolean
  src: Ip
  srcLen: number
  dst: Ip
  dstLen: number
  iif: string
  oif: string
  tos: number
  fwmark: number
  fwmask: number
  action: 'lookup' | 'blackhole' | 'unreachable' | 'prohibit'
  table: number
  proto: number
}

/** NUD_* of struct neighbour. */
export type NeighState =
  | 'INCOMPLETE'
  | 'REACHABLE'
  | 'STALE'
  | 'DELAY'
  | 'PROBE'
  | 'FAILED'
  | 'PERMANENT'
  | 'NOARP'

export interface Neigh {
  ip: Ip
  ifindex: number
  mac: Mac
  /** False while no link-layer address is known. */
  hasMac: boolean
  state: NeighState
  router: boolean
  /** The header cache is filled: sends while REACHABLE no longer count as use. */
  hh: boolean
  /** How long a confirmation holds (drawn once from base_reachable_time). */
  reachableNs: number
  confirmedAt: number
  usedAt: number
  updatedAt: number
  probes: number
  /** Packets that wait for the answer, at most `unres_qlen` bytes worth; the oldest is dropped first. */
  queue: Packet[]
  /** Truesize of the waiting packets. */
  queueBytes: number
  /** A timer event is valid only when its `arg` equals this. */
  timer: number
  /** `ip neigh add ... nud permanent` and the like: made by hand (RTPROT_STATIC). */
  proto: number
}

/** A path MTU or redirect learned for one destination. Models struct fib_nh_exception. */
export interface RouteException {
  dst: Ip
  mtu: number
  /** A redirect's gateway, undefined for none. */
  gateway: Ip | undefined
  /** When `mtu` is forgotten. */
  expiresAt: number
}

/** What a packet socket is given: `ref` of Ev.TapWake. `packet` is the reader's own copy. */
export interface TapFrame {
  at: number
  sock: number
  ifindex: number
  dir: 'in' | 'out'
  packet: Packet
  pktType: number
}

export interface Tap {
  /** Process that reads, and its socket. */
  sock: number
  /** 0 for every device. */
  ifindex: number
}

export interface Netns extends Target {
  type: 'netns'
  /** `MACHINE` for a machine's root namespace, `MACHINE.NETNS` for a named one. */
  name: string
  /** Id of the machine that it belongs to (a target owned by `run`); 0 for none. */
  machine: number
  rng: Rng
  /** Next handle that a queueing discipline gets (tc: 8001:), undefined before the first. */
  nextQdisc?: number
  /** By ifindex; holes are undefined. Index 1 is lo. */
  links: (Link | undefined)[]
  /** Other namespaces by the number that this one gave them (nsid), as soon as it had to name them. */
  nsids: readonly number[] | null
  nextIfindex: number
  /** Routing tables by id (255 local, 254 main, 253 default); owned by `net/ip/fib.ts`. IPv4 and IPv6 apart. */
  fib4: FibTables | null
  fib6: FibTables | null
  /** Rises with every change of an IPv4 table: what was derived from the tables before is void. */
  fibGeneration: number
  /** Null: the three standing rules. */
  rules4: readonly PolicyRule[] | null
  rules6: readonly PolicyRule[] | null
  /** By ifindex, then by address. */
  neigh: Map<number, Map<Ip, Neigh>> | null
  exceptions: Map<Ip, RouteException> | null
  frags: Map<string, FragQueue> | null
  /** Netfilter and conntrack (net/nf). Null until a table is first replaced. */
  nf: Netfilter | null
  /** In the order of their ids (net/sock/socktable.ts). */
  sockets: readonly Socket[] | null
  taps: Tap[] | null
  /** Namespace-wide switches that differ from the default, by name (`net.ipv4.ip_forward`); read through net/sysctl.ts. */
  sysctl: Map<string, number | string> | null
  confAll: InterfaceConf
  confDefault: InterfaceConf
  /** SNMP counters by their name in /proc/net/snmp and netstat (IpInAddrErrors, TcpExtIPReversePathFilter ...). */
  snmp: SnmpCounters | null
  /** ICMP error tokens per destination, and when they were last filled. */
  icmpTokens: Map<Ip, IcmpPeer> | null
  nextIpId: number
  nextSock: number
  /** Kernel log lines (dmesg). */
  log: { at: number; text: string }[] | null
  /** Older lines, many to a text; read through net/link/klog.ts. */
  oldLog: readonly string[] | null
  /** Processes that live here; the records are `run`'s. */
  procs: readonly { pid: number }[] | null
}

/** What rate limits know of one destination (struct inet_peer). Tokens are milliseconds, `at` the time of the last change. */
export interface IcmpPeer {
  tokens: number
  at: number
  redirects: number
}

export interface FragQueue {
  whole: Packet
  /** The fragment with offset 0, once it is here: an error about the queue quotes it. */
  first: Packet | null
  /** [from, to) byte ranges of the network payload already here. */
  got: [number, number][]
  total: number
  /** The longest fragment with its header. */
  maxLength: number
  startedAt: number
  timer: number
}
