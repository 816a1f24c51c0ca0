/**
 * The recorder: what happened to every packet, as fixed 32-byte records in a ring, and in full where somebody looks.
 *
 * A Trace is one packet's life (`Packet.trace`), a Hop is what one event did to it in one namespace (same `event`),
 * a Step is one decision inside a hop. Record layout, eight 32-bit words:
 *
 *   0 event number   1 time, low 32 bits   2 time, high bits   3 namespace id
 *   4 trace          5 packet id           6 kind | action << 8 | reason << 16   7 ifindex
 *
 * The ring is written always. Full details (header values, the route or neighbour that decided) are collected only
 * while `detail` is not null; since replay is exact, a front end that wants them for the past replays that stretch.
 */
import { clonePlain } from '../base/clone.ts'
import type { Netns, Packet, World } from './types.ts'

export const RECORD_WORDS = 8
const HIGH_WORD = 2 ** -32

export const StepKind = {
  /** A packet is born here: a socket sent it, or the kernel answered. */
  Originate: 1,
  /** A device received a frame. */
  Rx: 2,
  /** A device sent a frame. */
  Tx: 3,
  /** A bridge decided where a frame goes. */
  Bridge: 4,
  /** A bridge learned or moved an address. */
  Learn: 5,
  /** A routing decision. */
  Route: 6,
  /** A neighbour decision: known, parked, asked. */
  Neigh: 7,
  /** Netfilter. */
  Hook: 8,
  /** Handed to a local socket or protocol. */
  Deliver: 9,
  /** TTL lowered and sent on. */
  Forward: 10,
  Fragment: 11,
  Reassemble: 12,
  Encap: 13,
  Decap: 14,
  /** The end of this copy; `reason` says why. */
  Drop: 15,
} as const
export type StepKind = (typeof StepKind)[keyof typeof StepKind]

export const StepAction = {
  None: 0,
  // Bridge
  ForwardTo: 1,
  Flood: 2,
  PassUp: 3,
  // Route
  Local: 4,
  Unicast: 5,
  Broadcast: 6,
  Multicast: 7,
  NoRoute: 8,
  // Neigh
  Resolved: 9,
  Parked: 10,
  Solicit: 11,
  Released: 12,
  Failed: 13,
  // Deliver
  Socket: 14,
  EchoReply: 15,
  ArpInput: 16,
  IcmpError: 17,
  Protocol: 18,
  // Learn
  Learned: 19,
  Moved: 20,
  // Hook
  Accept: 21,
  Translate: 22,
} as const
export type StepAction = (typeof StepAction)[keyof typeof StepAction]

/** Drop reasons by the kernel's names (include/net/dropreason-core.h); the index is the wire value in a record. */
export const DROP_REASONS = [
  'NOT_SPECIFIED',
  'NO_SOCKET',
  'PKT_TOO_SMALL',
  'IP_CSUM',
  'OTHERHOST',
  'NETFILTER_DROP',
  'IP_OUTNOROUTES',
  'IP_INNOROUTES',
  'IP_INADDRERRORS',
  'IP_RPFILTER',
  'IP_LOCAL_SOURCE',
  'IP_INVALID_SOURCE',
  'IP_INVALID_DEST',
  'UNICAST_IN_L2_MULTICAST',
  'ICMP_CSUM',
  'INVALID_PROTO',
  'IP_NOPROTO',
  'NEIGH_FAILED',
  'NEIGH_QUEUEFULL',
  'NEIGH_DEAD',
  'NEIGH_CREATEFAIL',
  'NEIGH_HH_FILLFAIL',
  'QDISC_DROP',
  'DEV_READY',
  'DEV_HDR',
  'FULL_RING',
  'NOMEM',
  'PKT_TOO_BIG',
  'DUP_FRAG',
  'FRAG_REASM_TIMEOUT',
  'FRAG_TOO_FAR',
  'TTL_EXPIRED',
  'FORWARDING_DISABLED',
  'IP_BLACKHOLE',
  'IP_UNREACHABLE',
  'IP_PROHIBIT',
  'SOCKET_RCVBUFF',
  'SOCKET_FILTER',
  'PROTO_MEM',
  'BRIDGE_INGRESS_STP_STATE',
  'BRIDGE_NO_EGRESS_PORT',
  'BRIDGE_PORT_DOWN',
  'BRIDGE_STORM',
  'LINK_DOWN',
  'LINK_NO_CARRIER',
  'LINK_LOSS',
  'VLAN_FILTER',
  'ARP_PVLAN_DISABLE',
  'ICMP_RATELIMIT',
  'IPV6DISABLED',
  'IPV6_NDISC_BAD_CODE',
  'IPV6_NDISC_BAD_OPTIONS',
  'IPV6_NDISC_NS_OTHERHOST',
  'IPV6_DAD',
  'UNHANDLED_PROTO',
  'SOCKET_CLOSE',
  'NETNS_GONE',
  'LOOP_LIMIT',
  'CONSUMED',
  'TCP_RESET',
  'TCP_FLAGS',
  'TCP_LISTEN_OVERFLOW',
] as const
export type DropReason = (typeof DROP_REASONS)[number]

/** A step in full. `packet` is a copy of the header values at that moment; `evidence` the record that decided. */
export interface StepDetail {
  event: number
  at: number
  ns: number
  nsName: string
  trace: number
  packet: number
  cause: number
  kind: StepKind
  action: StepAction
  reason: DropReason | ''
  ifindex: number
  dev: string
  headers: Packet
  evidence: unknown
}

export interface Recorder {
  /** capacity * RECORD_WORDS words. */
  ring: Int32Array
  capacity: number
  /** Full details, or null while nobody looks. Bounded by `detailMax`; `detailLost` counts what was left out. */
  detail: StepDetail[] | null
  detailMax: number
  detailLost: number
}

/** Creates a recorder of `capacity` records (a power of two). The number of records written is `world.scalars.nRecords`. */
export function createRecorder(capacity: number): Recorder {
  return {
    ring: new Int32Array(capacity * RECORD_WORDS),
    capacity,
    detail: null,
    detailMax: 100_000,
    detailLost: 0,
  }
}

/** Records one step of `packet` in `ns`. `evidence` is any plain record that decided (a Route, a Neigh, an FdbEntry), or null. */
export function recordStep(
  world: World,
  ns: Netns,
  packet: Packet,
  kind: StepKind,
  action: StepAction,
  ifindex: number,
  evidence: unknown,
): void {
  writeRecord(world, ns, packet, kind | (action << 8), ifindex)
  if (world.recorder.detail !== null) writeDetail(world, ns, packet, kind, action, '', ifindex, evidence)
}

/** The three steps of a packet that is plainly forwarded, while no details are collected: Route, Forward, Neigh. */
export function recordForwarded(world: World, ns: Netns, packet: Packet, iif: number, oif: number): void {
  writeRecord(world, ns, packet, StepKind.Route | (StepAction.Unicast << 8), iif)
  writeRecord(world, ns, packet, StepKind.Forward, oif)
  writeRecord(world, ns, packet, StepKind.Neigh | (StepAction.Resolved << 8), oif)
}

/** Records the end of a packet: its last step, with the reason and the evidence. */
export function recordDrop(
  world: World,
  ns: Netns,
  packet: Packet,
  reason: DropReason,
  ifindex: number,
  evidence: unknown,
): void {
  writeRecord(world, ns, packet, StepKind.Drop | (DROP_REASONS.indexOf(reason) << 16), ifindex)
  world.scalars.nDropped = (world.scalars.nDropped ?? 0) + 1
  if (world.recorder.detail !== null) {
    writeDetail(world, ns, packet, StepKind.Drop, StepAction.None, reason, ifindex, evidence)
  }
}

function writeRecord(world: World, ns: Netns, packet: Packet, code: number, ifindex: number): void {
  const { ring } = world.recorder
  const i = (world.scalars.nRecords++ * RECORD_WORDS) & (ring.length - 1)
  const now = world.now
  ring[i] = world.nEvents
  ring[i + 1] = now | 0
  ring[i + 2] = (now * HIGH_WORD) | 0
  ring[i + 3] = ns.id
  ring[i + 4] = packet.trace
  ring[i + 5] = packet.id
  ring[i + 6] = code
  ring[i + 7] = ifindex
}

function writeDetail(
  world: World,
  ns: Netns,
  packet: Packet,
  kind: StepKind,
  action: StepAction,
  reason: DropReason | '',
  ifindex: number,
  evidence: unknown,
): void {
  const recorder = world.recorder
  const detail = recorder.detail
  if (detail === null) return
  if (detail.length >= recorder.detailMax) {
    recorder.detailLost++
    return
  }
  detail.push({
    event: world.nEvents,
    at: world.now,
    ns: ns.id,
    nsName: ns.name,
    trace: packet.trace,
    packet: packet.id,
    cause: packet.cause,
    kind,
    action,
    reason,
    ifindex,
    dev: ns.links[ifindex]?.name ?? '',
    headers: clonePlain(packet),
    evidence: evidence === null ? null : clonePlain(evidence),
  })
}
