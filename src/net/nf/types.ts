/**
 * Netfilter's records: rule sets as immutable data that many namespaces may share, what a namespace adds to them
 * (counters, conntrack, state of `limit` and the like). Models ip_tables, x_tables and nf_conntrack (Linux 6.18).
 *
 * Rule sets are frozen deeply and replaced as a whole, table by table, as `iptables-restore` does. Nothing of a packet
 * is kept in them. Counters are per rule id and live in the namespace.
 */
import type { Ip } from '../../base/addr.ts'
import type { Trie } from '../../base/trie.ts'

export type TableName = 'raw' | 'mangle' | 'nat' | 'filter' | 'security'
export type BuiltinChain = 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING'

/** One family's tables; a table exists once it was touched. Map order is the order of creation. */
export interface Ruleset {
  readonly family: 4 | 6
  readonly tables: ReadonlyMap<TableName, Table>
  /** By NF_INET_*: what is registered there. Derived from `tables`. */
  readonly hooks: readonly HookStations[]
}

/** The base chains at one hook, null where a table has none there. */
export type HookStations = Readonly<Record<TableName, Station | null>>

export interface Station {
  readonly table: Table
  readonly chain: Chain
}

/** Its chains are asked by `nfChain` and `nfChains`. */
export interface Table {
  readonly name: TableName
  /** Those that it had when it was last written whole, in order. */
  readonly whole: ReadonlyMap<string, Chain>
  /** What stands now in the place of those of their names, and what was added since. */
  readonly patched: ReadonlyMap<string, Chain>
  /** Names in `whole` or `common` that were taken away since; one that came back stands at the end. */
  readonly gone: ReadonlySet<string>
  /**
   * Chains that other namespaces have too, by name; null for none. Those above stand in front of them. Their rules have
   * numbers of their own (`nfSharedId`), and rules above have none of these.
   */
  readonly common: Trie<Chain> | null
}

/** A table that is to be loaded. */
export interface NewTable {
  readonly name: TableName
  /** Built-in chains in hook order, those only that exist, then user chains in order of creation. */
  readonly chains: ReadonlyMap<string, Chain>
  /** Shared chains of the table that it is to replace, which stay as they are behind `chains`, without those `gone`. */
  readonly behind?: { readonly common: Trie<Chain>; readonly gone: ReadonlySet<string> }
}

export interface Chain {
  readonly name: string
  /** NF_INET_*; -1 for a user chain. */
  readonly hook: number
  /** '' for a user chain. */
  readonly policy: 'ACCEPT' | 'DROP' | ''
  /** Counter id of the policy (built-in chains). */
  readonly policyId: number
  readonly rules: readonly Rule[]
}

/** A device name of a rule: exact, or a prefix where it ended in '+'; '' for any. */
export interface IfMatch {
  readonly not: boolean
  readonly name: string
  readonly prefix: boolean
}

export interface AddrMatch {
  readonly not: boolean
  readonly addr: Ip
  /** As given: prefix length, or a mask that is none (then `len` is -1). */
  readonly len: number
  readonly mask: Ip
}

/** One rule. `id` is unique in the namespace's family and keeps its counters when rules around it change. */
export interface Rule {
  readonly id: number
  readonly src: AddrMatch | null
  readonly dst: AddrMatch | null
  readonly iif: IfMatch | null
  readonly oif: IfMatch | null
  /** Protocol number, 0 for any. */
  readonly proto: { readonly not: boolean; readonly value: number } | null
  /** -f: second and further fragments. */
  readonly fragment: 'any' | 'yes' | 'no'
  readonly matches: readonly Match[]
  readonly target: Target
  /** What made it (an API object's line), '' where somebody typed it. */
  readonly origin: string
}

export interface PortRange {
  readonly from: number
  readonly to: number
}

/** A match extension with its values. The order in a rule is the order in which it is evaluated. */
export type Match =
  | {
      readonly name: 'tcp'
      readonly sport: { readonly not: boolean; readonly range: PortRange } | null
      readonly dport: { readonly not: boolean; readonly range: PortRange } | null
      /** --tcp-flags MASK COMP as bits of TcpHeader.flags. */
      readonly flags: { readonly not: boolean; readonly mask: number; readonly comp: number } | null
      readonly option: { readonly not: boolean; readonly value: number } | null
    }
  | {
      readonly name: 'udp'
      readonly sport: { readonly not: boolean; readonly range: PortRange } | null
      readonly dport: { readonly not: boolean; readonly range: PortRange } | null
    }
  | {
      /** No socket speaks sctp here: its rules are kept, listed and asked like the others. */
      readonly name: 'sctp'
      readonly sport: { readonly not: boolean; readonly range: PortRange } | null
      readonly dport: { readonly not: boolean; readonly range: PortRange } | null
    }
  /** type 255 is any. */
  | {
      readonly name: 'icmp' | 'icmp6'
      readonly not: boolean
      readonly type: number
      readonly code: PortRange
    }
  | {
      readonly name: 'multiport'
      readonly not: boolean
      readonly which: 'sports' | 'dports' | 'ports'
      readonly ranges: readonly PortRange[]
    }
  | {
      readonly name: 'conntrack'
      /** Bits of CtState. */
      readonly state: { readonly not: boolean; readonly bits: number } | null
      readonly status: { readonly not: boolean; readonly bits: number } | null
      readonly proto: { readonly not: boolean; readonly value: number } | null
      readonly origSrc: AddrMatch | null
      readonly origDst: AddrMatch | null
      readonly replSrc: AddrMatch | null
      readonly replDst: AddrMatch | null
      readonly origSport: { readonly not: boolean; readonly range: PortRange } | null
      readonly origDport: { readonly not: boolean; readonly range: PortRange } | null
      readonly replSport: { readonly not: boolean; readonly range: PortRange } | null
      readonly replDport: { readonly not: boolean; readonly range: PortRange } | null
      readonly expire: { readonly not: boolean; readonly range: PortRange } | null
      readonly direction: '' | 'ORIGINAL' | 'REPLY'
    }
  /** The old `-m state`. */
  | { readonly name: 'state'; readonly not: boolean; readonly bits: number }
  | {
      readonly name: 'mark' | 'connmark'
      readonly not: boolean
      readonly value: number
      readonly mask: number
    }
  | { readonly name: 'comment'; readonly text: string }
  | {
      readonly name: 'addrtype'
      readonly src: { readonly not: boolean; readonly types: readonly string[] } | null
      readonly dst: { readonly not: boolean; readonly types: readonly string[] } | null
      readonly limitIfaceIn: boolean
      readonly limitIfaceOut: boolean
    }
  | {
      readonly name: 'statistic'
      readonly not: boolean
      readonly mode: 'random' | 'nth'
      /** random: the kernel's 31-bit threshold. */
      readonly probability: number
      readonly every: number
      readonly packet: number
    }
  | {
      readonly name: 'recent'
      readonly not: boolean
      readonly op: 'set' | 'rcheck' | 'update' | 'remove'
      readonly list: string
      readonly seconds: number
      readonly reap: boolean
      readonly hitcount: number
      readonly rttl: boolean
      readonly side: 'source' | 'dest'
      readonly mask: Ip
    }
  /** rate: packets per `unit` seconds. */
  | { readonly name: 'limit'; readonly rate: number; readonly unit: number; readonly burst: number }
  | { readonly name: 'mac'; readonly not: boolean; readonly mac: number }
  | {
      readonly name: 'physdev'
      readonly in: IfMatch | null
      readonly out: IfMatch | null
      readonly isIn: boolean | null
      readonly isOut: boolean | null
      readonly isBridged: boolean | null
    }
  | {
      readonly name: 'iprange'
      readonly src: { readonly not: boolean; readonly from: Ip; readonly to: Ip } | null
      readonly dst: { readonly not: boolean; readonly from: Ip; readonly to: Ip } | null
    }
  | { readonly name: 'length'; readonly not: boolean; readonly range: PortRange }
  | { readonly name: 'ttl' | 'hl'; readonly op: 'eq' | 'ne' | 'lt' | 'gt'; readonly value: number }
  | { readonly name: 'pkttype'; readonly not: boolean; readonly type: 'unicast' | 'broadcast' | 'multicast' }

export interface NatRange {
  /** undefined: the address stays. */
  readonly from: Ip | undefined
  readonly to: Ip | undefined
  readonly ports: PortRange | null
}

export type Target =
  | { readonly name: 'ACCEPT' | 'DROP' | 'RETURN' | 'QUEUE' | 'NOTRACK' | 'TRACE' }
  /** A rule without a target: counts and goes on. */
  | { readonly name: '' }
  | { readonly name: 'JUMP' | 'GOTO'; readonly chain: string }
  /** `with` as in --reject-with: icmp-port-unreachable, tcp-reset ... */
  | { readonly name: 'REJECT'; readonly with: string }
  | {
      readonly name: 'LOG'
      readonly prefix: string
      readonly level: number
      readonly flags: readonly string[]
    }
  | {
      readonly name: 'DNAT' | 'SNAT'
      readonly range: NatRange
      readonly random: boolean
      readonly randomFully: boolean
      readonly persistent: boolean
    }
  | {
      readonly name: 'MASQUERADE'
      readonly ports: PortRange | null
      readonly random: boolean
      readonly randomFully: boolean
    }
  | { readonly name: 'REDIRECT'; readonly ports: PortRange | null; readonly random: boolean }
  | { readonly name: 'NETMAP'; readonly addr: Ip; readonly len: number }
  /** mark = (mark & ~mask) ^ value. */
  | { readonly name: 'MARK'; readonly value: number; readonly mask: number }
  | {
      readonly name: 'CONNMARK'
      readonly op: 'set' | 'save' | 'restore'
      readonly value: number
      readonly mask: number
      readonly nfmask: number
    }
  | { readonly name: 'CT'; readonly notrack: boolean; readonly zone: number; readonly helper: string }
  | { readonly name: 'TCPMSS'; readonly mss: number; readonly clamp: boolean }
  | { readonly name: 'TTL' | 'HL'; readonly op: 'set' | 'inc' | 'dec'; readonly value: number }

/** Bits of --ctstate. */
export const CT_STATE = Object.freeze({
  INVALID: 1,
  ESTABLISHED: 2,
  RELATED: 4,
  NEW: 8,
  UNTRACKED: 64,
  SNAT: 128,
  DNAT: 256,
})

/** One direction of a connection. For ICMP the ports are id (source) and type << 8 | code (destination). */
export interface Tuple {
  readonly src: Ip
  readonly dst: Ip
  readonly proto: number
  readonly sport: number
  readonly dport: number
}

/** A connection. NAT changes `reply` once, before the entry is confirmed. Models struct nf_conn. */
export interface Conn {
  id: number
  zone: number
  orig: Tuple
  reply: Tuple
  /** TCP: SYN_SENT ... as `conntrack -L` prints them; '' for other protocols. */
  state: string
  /** Bits of CT_STATUS. */
  status: number
  mark: number
  expiresAt: number
  packetsOrig: number
  bytesOrig: number
  packetsReply: number
  bytesReply: number
  /** TCP window tracking and flags seen, per direction (original, reply). */
  tcp: ConnTcp | null
  /** The connection that a RELATED one belongs to; 0 for none. */
  master: number
  /** Device that MASQUERADE chose the address of, 0 for none. */
  masqIndex: number
  /** UDP: from then on traffic both ways is a stream. */
  streamAt: number
  /** When its first packet came. */
  bornAt: number
}

/** IPS_*: bits of Conn.status. */
export const CT_STATUS = Object.freeze({
  EXPECTED: 1,
  SEEN_REPLY: 2,
  ASSURED: 4,
  CONFIRMED: 8,
  SRC_NAT: 16,
  DST_NAT: 32,
  SRC_NAT_DONE: 128,
  DST_NAT_DONE: 256,
  DYING: 512,
  /** Ours: not confirmed yet, and its packet waits for a neighbour. */
  PARKED: 65536,
})

/** Window tracking. Pairs are by direction: original, reply. Sequence numbers are unsigned. */
export interface ConnTcp {
  end: [number, number]
  maxEnd: [number, number]
  maxWin: [number, number]
  /** Highest acknowledgement number; valid with flag MAXACK_SET. */
  maxAck: [number, number]
  scale: [number, number]
  /** IP_CT_TCP_FLAG_*. */
  flags: [number, number]
  lastDir: 0 | 1
  /** What the last segment was: 0 SYN, 1 SYN-ACK, 2 FIN, 3 ACK, 4 RST, 5 none. */
  lastIndex: number
  lastSeq: number
  lastAck: number
  lastEnd: number
  lastWin: number
  lastScale: number
  lastFlags: number
  retrans: number
}

/** What a namespace has of netfilter (`Netns.nf`). Null there until a rule, a table or conntrack is first touched. */
export interface Netfilter {
  rules4: Ruleset | null
  rules6: Ruleset | null
  /** Packets and bytes by rule id (and policy id): 2 * id, 2 * id + 1. Grows with the highest id. */
  counters: Float64Array
  /** Those of shared rules (`nfSharedId`), as far as they have counted; null before the first. */
  shared: SharedCounters | null
  nextRuleId: number
  /** Ids of rules that are gone, to be given again. */
  freeIds: readonly number[]
  /** State of matches that have one (limit, statistic nth), by rule id, then by place of the match. */
  matchState: ReadonlyMap<number, MatchState[]>
  /** Lists of the `recent` match by name: times of the last packets by address, oldest first (/proc/net/xt_recent). */
  recent: ReadonlyMap<string, Map<Ip, RecentEntry>>
  /** The connections; null until the first packet was tracked. */
  conntrack: Conntrack | null
  /** Packets of the family are tracked: a nat table or a rule needs it (nf_ct_netns_get). */
  active4: boolean
  active6: boolean
}

/** A hash table with open places: ids, and packets and bytes by their place. */
export interface SharedCounters {
  keys: Float64Array
  counts: Float64Array
  /** Places that are taken. */
  used: number
}

/** `limit`: credit and the time it was counted at; `statistic` nth: packets seen. */
export interface MatchState {
  a: number
  b: number
}

export interface Conntrack {
  /** Confirmed entries, in order of confirmation. */
  conns: Map<number, Conn>
  /** Entries of packets that are still on their way to confirmation, in order of creation. */
  unconfirmed: Map<number, Conn>
  /** Both tuples of every confirmed entry. */
  byTuple: TupleTable
  /** Ids of entries whose source is settled, by the hash of their original source: its next connection gets the same
   * mapping. */
  bySource: Map<number, number[]>
  nextId: number
  /** /proc/net/stat/nf_conntrack: found, invalid, insert, insert_failed, drop, early_drop, error, clash_resolve ... */
  stats: Record<string, number>
  /** What happened since somebody listens, oldest first, at most CT_EVENTS_MAX; each has a number that only rises. */
  events: ConnEvent[]
  nextEvent: number
  /** Processes that read events. `woken`: told (Ev.SockWake with `ref` 0) and not yet reading. */
  listeners: { pid: number; woken: boolean }[]
  /** When the next collection of expired entries is due, 0 for never. */
  gcAt: number
}

/** Pairs of a tuple's hash and its entry (id * 2 + direction), 0 for an empty place; see cthash.ts. */
export interface TupleTable {
  slots: Int32Array
  used: number
}

export interface RecentEntry {
  ttl: number
  /** ns, oldest first, at most 20 (ip_pkt_list_tot). */
  stamps: number[]
}

/** `conn` is the entry as it was. */
export interface ConnEvent {
  n: number
  at: number
  type: 'NEW' | 'UPDATE' | 'DESTROY'
  conn: Conn
}
