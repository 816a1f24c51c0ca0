/**
 * Connection tracking. Models net/netfilter/nf_conntrack_core.c, _proto_udp.c, _proto_icmp.c, _proto_icmpv6.c and
 * _proto_generic.c (Linux 6.18). Not here: expectations and helpers, labels, the resizing of the hash table.
 *
 * An entry lives in `unconfirmed` until its first packet has passed every hook; then in `conns`, found by its tuples.
 */
import { nextBelow } from '../../base/rng.ts'
import { klog } from '../link/klog.ts'
import { sysctlInt } from '../sysctl.ts'
import { recordStep, StepAction, StepKind } from '../trace.ts'
import type { Netns, Packet, World } from '../types.ts'
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../types.ts'
import { SEC } from '../wheel.ts'
import { createTupleTable } from './cthash.ts'
import { ctDestroy, ctEvent, ctInsert, ctLookup, ctLookupPacket, ctStat } from './cttable.ts'
import { icmpErrorIn } from './cticmp.ts'
import { newTcp, tcpPacket } from './cttcp.ts'
import { nfOf } from './tables.ts'
import { invertTuple, isTrackable, sameTuple, tupleOf } from './tuple.ts'
import type { Conn, Conntrack } from './types.ts'
import { CT_STATUS } from './types.ts'

/** ctinfo. From 8 on: no connection yet, but a zone is settled (a template): 8 + zone. */
export const CT_ESTABLISHED = 0
export const CT_RELATED = 1
export const CT_NEW = 2
export const CT_IS_REPLY = 3
export const CT_RELATED_REPLY = 4
export const CT_UNTRACKED = 7
export const CT_TEMPLATE = 8

const ACCEPT = 1
const DROP = 0
/** What waits for a neighbour stays unconfirmed at most so long. */
const UNCONFIRMED_NS = 10 * SEC

/** The namespace's connections, made when the first packet is tracked. */
export function conntrackOf(ns: Netns): Conntrack {
  const nf = nfOf(ns)
  nf.conntrack ??= {
    conns: new Map(),
    unconfirmed: new Map(),
    byTuple: createTupleTable(),
    bySource: new Map(),
    nextId: 1,
    stats: {},
    events: [],
    nextEvent: 1,
    listeners: [],
    gcAt: 0,
  }
  return nf.conntrack
}

/** The connection of a packet, undefined where it has none or the entry is gone. */
export function ctOf(ns: Netns, packet: Packet): Conn | undefined {
  if (packet.ct === 0) return undefined
  const ct = ns.nf?.conntrack
  return ct == null ? undefined : (ct.conns.get(packet.ct) ?? ct.unconfirmed.get(packet.ct))
}

/** CTINFO2DIR: 0 original, 1 reply. */
export function ctDir(packet: Packet): 0 | 1 {
  return packet.ctInfo >= CT_IS_REPLY ? 1 : 0
}

/** nf_conntrack_in: finds or makes the packet's connection and lets the protocol judge. Returns NF_ACCEPT or NF_DROP. */
export function conntrackIn(world: World, ns: Netns, packet: Packet): number {
  // Seen before, over lo or as an answer to a tracked packet; or not to be tracked.
  if (packet.ct !== 0 || packet.ctInfo === CT_UNTRACKED) return ACCEPT
  const zone = packet.ctInfo >= CT_TEMPLATE ? packet.ctInfo - CT_TEMPLATE : 0
  packet.ctInfo = 0
  const ct = conntrackOf(ns)
  if (!isTrackable(packet)) return invalid(world, ns, ct, packet)
  if (packet.proto === IPPROTO_ICMP || packet.proto === IPPROTO_ICMPV6) {
    const done = icmpErrorIn(world, ns, ct, packet, zone)
    if (done === 'invalid') return invalid(world, ns, ct, packet)
    if (done !== 'go on') return ACCEPT
  }
  for (let again = 0; again < 2; again++) {
    const conn = resolve(world, ns, ct, packet, zone)
    if (conn === 'full') return DROP
    if (conn === null) return invalid(world, ns, ct, packet)
    const before = conn.state
    const verdict = judge(world, ns, ct, conn, packet)
    if (verdict === 'repeat') {
      packet.ct = 0
      packet.ctInfo = 0
      continue
    }
    if (verdict === 'invalid') {
      if ((conn.status & CT_STATUS.CONFIRMED) === 0) ct.unconfirmed.delete(conn.id)
      return invalid(world, ns, ct, packet)
    }
    account(conn, packet)
    const first = packet.ctInfo === CT_IS_REPLY && (conn.status & CT_STATUS.SEEN_REPLY) === 0
    if (first) conn.status |= CT_STATUS.SEEN_REPLY
    if (first || before !== conn.state) ctEvent(world, ns, ct, 'UPDATE', conn)
    if (first || packet.ctInfo === CT_NEW || before !== conn.state) note(world, ns, packet, conn, before)
    return ACCEPT
  }
  return invalid(world, ns, ct, packet)
}

/**
 * nf_conntrack_confirm: the packet has passed every hook, and its connection is in the table from now on. NF_DROP where
 * another took the place meanwhile.
 */
export function conntrackConfirm(world: World, ns: Netns, packet: Packet): number {
  const ct = ns.nf?.conntrack
  if (ct == null || ct.unconfirmed.size === 0 || packet.ct === 0 || ctDir(packet) === 1) return ACCEPT
  const conn = ct.unconfirmed.get(packet.ct)
  if (conn === undefined || (conn.status & (CT_STATUS.CONFIRMED | CT_STATUS.DYING)) !== 0) return ACCEPT
  ct.unconfirmed.delete(conn.id)
  const rival = ctLookup(world, ns, ct, conn.orig, conn.zone)
  const back = ctLookup(world, ns, ct, conn.reply, conn.zone)
  if (rival !== 0 || back !== 0) return clash(ns, ct, packet, conn, rival)
  conn.status |= CT_STATUS.CONFIRMED
  ctInsert(world, ns, ct, conn)
  ctStat(ct, 'insert')
  ctEvent(world, ns, ct, 'NEW', conn)
  return ACCEPT
}

/** nf_ct_attach: an error or a reset that answers `old` belongs to the same connection, in the other direction. */
export function ctAttach(packet: Packet, old: Packet): void {
  if (old.ct === 0) return
  packet.ct = old.ct
  packet.ctInfo = ctDir(old) === 0 ? CT_RELATED_REPLY : CT_RELATED
}

/** resolve_normal_ct: sets `ct` and `ctInfo` of the packet. Null: no connection can be made of it. */
function resolve(world: World, ns: Netns, ct: Conntrack, packet: Packet, zone: number): Conn | null | 'full' {
  const found = ctLookupPacket(world, ns, ct, packet, zone)
  if (found === 0) {
    const conn = create(world, ns, ct, packet, zone)
    if (conn !== null && conn !== 'full') {
      packet.ct = conn.id
      packet.ctInfo = CT_NEW
    }
    return conn
  }
  const conn = ct.conns.get(Math.floor(found / 2))!
  packet.ct = conn.id
  if (found % 2 === 1) packet.ctInfo = CT_IS_REPLY
  else if ((conn.status & CT_STATUS.SEEN_REPLY) !== 0) packet.ctInfo = CT_ESTABLISHED
  else packet.ctInfo = (conn.status & CT_STATUS.EXPECTED) !== 0 ? CT_RELATED : CT_NEW
  return conn
}

/** init_conntrack */
function create(world: World, ns: Netns, ct: Conntrack, packet: Packet, zone: number): Conn | null | 'full' {
  const orig = Object.freeze(tupleOf(packet))
  const reply = invertTuple(orig)
  if (reply === null) return null
  purge(world, ct)
  const max = sysctlInt(ns, 'net.netfilter.nf_conntrack_max')
  if (max !== 0 && ct.conns.size + ct.unconfirmed.size >= max && !earlyDrop(world, ns, ct)) {
    ctStat(ct, 'drop')
    klog(world, ns, `nf_conntrack: nf_conntrack: table full${inNetns(ns)}, dropping packet`)
    recordStep(world, ns, packet, StepKind.Hook, StepAction.None, packet.iif, {
      table: 'conntrack',
      what: 'full',
      max,
    })
    return 'full'
  }
  const conn: Conn = {
    id: ct.nextId++,
    zone,
    orig,
    reply: Object.freeze(reply),
    state: '',
    status: 0,
    mark: 0,
    expiresAt: world.now,
    packetsOrig: 0,
    bytesOrig: 0,
    packetsReply: 0,
    bytesReply: 0,
    tcp: packet.proto === IPPROTO_TCP ? newTcp() : null,
    master: 0,
    masqIndex: 0,
    streamAt: 0,
    bornAt: world.now,
  }
  ct.unconfirmed.set(conn.id, conn)
  return conn
}

/** A namespace that is not its machine's first is named by the number of its inode: those of /proc begin there. */
function inNetns(ns: Netns): string {
  return ns.name.includes('.') ? ` in netns ${PROC_DYNAMIC_FIRST + ns.id}` : ''
}

const PROC_DYNAMIC_FIRST = 0xf0000000

/** nf_conntrack_handle_packet */
function judge(
  world: World,
  ns: Netns,
  ct: Conntrack,
  conn: Conn,
  packet: Packet,
): 'accept' | 'invalid' | 'repeat' {
  switch (packet.proto) {
    case IPPROTO_TCP:
      return tcpPacket(world, ns, ct, conn, packet)
    case IPPROTO_UDP:
      udpPacket(world, ns, ct, conn)
      return 'accept'
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return icmpPacket(world, ns, conn, packet)
    default:
      refresh(world, conn, sysctlInt(ns, 'net.netfilter.nf_conntrack_generic_timeout'))
      return 'accept'
  }
}

function udpPacket(world: World, ns: Netns, ct: Conntrack, conn: Conn): void {
  if ((conn.status & CT_STATUS.CONFIRMED) === 0) conn.streamAt = world.now + 2 * SEC
  const brief = sysctlInt(ns, 'net.netfilter.nf_conntrack_udp_timeout')
  if ((conn.status & CT_STATUS.SEEN_REPLY) === 0 || world.now <= conn.streamAt) {
    refresh(world, conn, brief)
    return
  }
  refresh(world, conn, sysctlInt(ns, 'net.netfilter.nf_conntrack_udp_timeout_stream'))
  if ((conn.status & CT_STATUS.ASSURED) === 0) {
    conn.status |= CT_STATUS.ASSURED
    ctEvent(world, ns, ct, 'UPDATE', conn)
  }
}

/** Only questions begin a connection. */
const ICMP_OPENS: readonly number[] = [8, 13, 15, 17]
const ICMPV6_OPENS: readonly number[] = [128, 139]

function icmpPacket(world: World, ns: Netns, conn: Conn, packet: Packet): 'accept' | 'invalid' {
  const four = packet.proto === IPPROTO_ICMP
  if ((conn.status & CT_STATUS.CONFIRMED) === 0) {
    if (!(four ? ICMP_OPENS : ICMPV6_OPENS).includes(packet.icmp!.type)) return 'invalid'
  }
  refresh(world, conn, sysctlInt(ns, `net.netfilter.nf_conntrack_${four ? 'icmp' : 'icmpv6'}_timeout`))
  return 'accept'
}

/** nf_ct_refresh_acct */
function refresh(world: World, conn: Conn, seconds: number): void {
  conn.expiresAt = world.now + seconds * SEC
}

function account(conn: Conn, packet: Packet): void {
  if (ctDir(packet) === 0) {
    conn.packetsOrig++
    conn.bytesOrig += packet.length
  } else {
    conn.packetsReply++
    conn.bytesReply += packet.length
  }
}

function invalid(world: World, ns: Netns, ct: Conntrack, packet: Packet): number {
  packet.ct = 0
  packet.ctInfo = 0
  ctStat(ct, 'invalid')
  recordStep(world, ns, packet, StepKind.Hook, StepAction.None, packet.iif, INVALID)
  return ACCEPT
}

const INVALID = Object.freeze({ table: 'conntrack', what: 'invalid' })

function note(world: World, ns: Netns, packet: Packet, conn: Conn, before: string): void {
  const what = packet.ctInfo === CT_NEW ? 'new' : 'state'
  const evidence = world.recorder.detail === null ? null : { table: 'conntrack', what, before, conn }
  recordStep(world, ns, packet, StepKind.Hook, StepAction.None, packet.iif, evidence)
}

/** nf_ct_resolve_clash: the same flow in two packets at once is one connection; what only looks alike is dropped. */
function clash(ns: Netns, ct: Conntrack, packet: Packet, conn: Conn, rival: number): number {
  const other = rival === 0 ? undefined : ct.conns.get(Math.floor(rival / 2))
  const same = other !== undefined && sameTuple(other.orig, conn.orig) && sameTuple(other.reply, conn.reply)
  if (conn.orig.proto === IPPROTO_TCP || !same || ns.nf === null) {
    ctStat(ct, 'insert_failed')
    ctStat(ct, 'drop')
    return DROP
  }
  ctStat(ct, 'clash_resolve')
  packet.ct = other.id
  return ACCEPT
}

/** What never got confirmed, since its packet was dropped on the way: one moment later nobody has it any more. */
function purge(world: World, ct: Conntrack): void {
  for (const [id, conn] of ct.unconfirmed) {
    const parked = (conn.status & CT_STATUS.PARKED) !== 0
    if (conn.bornAt + (parked ? UNCONFIRMED_NS : 0) >= world.now && ct.unconfirmed.size <= UNCONFIRMED_MAX)
      break
    ct.unconfirmed.delete(id)
  }
}

const UNCONFIRMED_MAX = 4096

/** Buckets that early_drop looks into. */
const EVICT_RANGE = 8

/**
 * early_drop: an entry that is not assured makes room, if one lies in the few buckets that are looked at: the fuller
 * the hash table, the likelier.
 */
function earlyDrop(world: World, ns: Netns, ct: Conntrack): boolean {
  const buckets = Math.max(1, sysctlInt(ns, 'net.netfilter.nf_conntrack_buckets'))
  let looked = 0
  for (const conn of ct.conns.values()) {
    if (conn.expiresAt <= world.now) {
      ctDestroy(world, ns, ct, conn)
      return true
    }
    if ((conn.status & CT_STATUS.ASSURED) !== 0) continue
    if (nextBelow(ns.rng, buckets) < EVICT_RANGE * 2) {
      ctDestroy(world, ns, ct, conn)
      ctStat(ct, 'early_drop')
      return true
    }
    if (++looked >= 512) break
  }
  return false
}
