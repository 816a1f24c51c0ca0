/**
 * Address translation. Models net/netfilter/nf_nat_core.c, nf_nat_proto.c and the nat hooks (Linux 6.18): a binding is
 * made once per connection and direction, packets then follow the connection. Not here: sequence adjustment, helpers.
 */
import type { Ip } from '../../base/addr.ts'
import { recordStep, StepAction, StepKind } from '../trace.ts'
import type { Packet } from '../types.ts'
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../types.ts'
import { snapshotPacket } from '../packet.ts'
import { CT_IS_REPLY, CT_RELATED, CT_RELATED_REPLY, ctDir, ctOf } from './conntrack.ts'
import { ctKill } from './cttable.ts'
import type { HookCtx } from './ctx.ts'
import { uniqueTuple } from './natrange.ts'
import { invert, sameTuple, sourceKey } from './tuple.ts'
import type { Conn, Station, Tuple } from './types.ts'
import { CT_STATUS } from './types.ts'
import { walkTable } from './walk.ts'

/** What a binding may choose from. Undefined addresses and null ports stay as they are. */
export interface NatSpec {
  from: Ip | undefined
  to: Ip | undefined
  ports: { readonly from: number; readonly to: number } | null
  /** PROTO_RANDOM_FULLY and PROTO_RANDOM: the port is drawn even where it is free. */
  random: boolean
  persistent: boolean
}

/** A rule dropped the packet: the drop is recorded. */
export const NAT_JUDGED = -1

const LOCAL_IN = 1
const POST_ROUTING = 4
const NAT_MASK = CT_STATUS.SRC_NAT | CT_STATUS.DST_NAT

/** HOOK2MANIP: sources are changed on the way out, and by INPUT; destinations before. */
export function isSourceHook(hook: number): boolean {
  return hook === POST_ROUTING || hook === LOCAL_IN
}

/** Whether the connection's binding for this kind of change is settled. */
export function natInitialized(conn: Conn, source: boolean): boolean {
  return (conn.status & (source ? CT_STATUS.SRC_NAT_DONE : CT_STATUS.DST_NAT_DONE)) !== 0
}

/**
 * The nat hook: translates a packet of a known connection; the first packet is asked of the nat chain at `station`,
 * which makes a binding or leaves it. Returns NF_ACCEPT, NF_DROP, or NAT_JUDGED where a rule dropped it and said so.
 */
export function natHook(ctx: HookCtx, station: Station | null): number {
  const { packet, ns, hook } = ctx
  const conn = ctOf(ns, packet)
  if (conn === undefined) return 1
  const source = isSourceHook(hook)
  const { ctInfo } = packet
  if (ctInfo === CT_RELATED || ctInfo === CT_RELATED_REPLY) {
    if (packet.proto === IPPROTO_ICMP || packet.proto === IPPROTO_ICMPV6) {
      return translateError(ctx, conn, source) ? 1 : 0
    }
  }
  const fresh = ctInfo !== 0 && ctInfo !== CT_IS_REPLY
  if (fresh && !natInitialized(conn, source)) {
    if (station !== null && walkTable(ctx, station.table, station.chain) !== 1) return NAT_JUDGED
    if (!natInitialized(conn, source) && !nullBinding(ctx, conn, source)) return 0
  } else if (outDeviceChanged(ctx, conn)) {
    ctKill(ctx.world, ns, ns.nf!.conntrack!, conn)
    return 0
  }
  translate(ctx, conn, source)
  return 1
}

/** nf_nat_setup_info: settles what the connection's packets become. False: no unique tuple is left, the packet is lost. */
export function natSetup(ctx: HookCtx, conn: Conn, spec: NatSpec, source: boolean): boolean {
  if ((conn.status & CT_STATUS.CONFIRMED) !== 0) return true
  const ct = ctx.ns.nf!.conntrack!
  const current = invert(conn.reply)
  const wanted = uniqueTuple(ctx, ct, conn, current, spec, source)
  if (!sameTuple(current, wanted)) {
    conn.reply = Object.freeze(invert(wanted))
    conn.status |= source ? CT_STATUS.SRC_NAT : CT_STATUS.DST_NAT
  }
  if (source) {
    const key = sourceKey(conn.orig, conn.zone)
    const ids = ct.bySource.get(key)
    if (ids === undefined) ct.bySource.set(key, [conn.id])
    else ids.push(conn.id)
  }
  conn.status |= source ? CT_STATUS.SRC_NAT_DONE : CT_STATUS.DST_NAT_DONE
  return true
}

/** Writes a source (or destination) into a packet, with its port or ICMP id. */
export function manipPacket(packet: Packet, target: Tuple, source: boolean): void {
  if (source) packet.src = target.src
  else packet.dst = target.dst
  switch (packet.proto) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
      if (packet.fragOffset !== 0) return
      if (source) packet.sport = target.sport
      else packet.dport = target.dport
      return
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6: {
      const { icmp } = packet
      if (icmp === null || target.proto !== packet.proto || icmp.id === target.sport) return
      if (!hasId(packet.proto, icmp.type)) return
      packet.icmp = { ...icmp, id: target.sport }
    }
  }
}

/** manipPacket with the inverse of `other`, which is not made for the protocols of most packets. */
function manipInverse(packet: Packet, other: Tuple, source: boolean): void {
  const { proto } = packet
  if (proto !== IPPROTO_TCP && proto !== IPPROTO_UDP) {
    manipPacket(packet, invert(other), source)
    return
  }
  if (source) packet.src = other.dst
  else packet.dst = other.src
  if (packet.fragOffset !== 0) return
  if (source) packet.sport = other.dport
  else packet.dport = other.sport
}

/** nf_nat_packet: makes the packet look like the inverse of the other direction. */
function translate(ctx: HookCtx, conn: Conn, source: boolean): void {
  const { packet } = ctx
  const dir = ctDir(packet)
  let bit: number = source ? CT_STATUS.SRC_NAT : CT_STATUS.DST_NAT
  if (dir === 1) bit ^= NAT_MASK
  if ((conn.status & bit) === 0) return
  const before = ctx.world.recorder.detail === null ? null : place(packet, source)
  manipInverse(packet, dir === 0 ? conn.reply : conn.orig, source)
  noteChange(ctx, conn, source, before)
}

/** nf_nat_icmp_reply_translation: an error about a translated packet, inside and out. False: it must not pass. */
function translateError(ctx: HookCtx, conn: Conn, source: boolean): boolean {
  const { packet } = ctx
  const icmp = packet.icmp
  if (icmp === null) return true
  const redirect = icmp.type === (packet.proto === IPPROTO_ICMP ? 5 : 137)
  if (redirect) {
    const done = CT_STATUS.SRC_NAT_DONE | CT_STATUS.DST_NAT_DONE
    if ((conn.status & done) !== done || (conn.status & NAT_MASK) !== 0) return false
  }
  const dir = ctDir(packet)
  let bit: number = source ? CT_STATUS.SRC_NAT : CT_STATUS.DST_NAT
  if (dir === 1) bit ^= NAT_MASK
  if ((conn.status & bit) === 0 || icmp.quoted === null) return true
  const before = ctx.world.recorder.detail === null ? null : place(packet, source)
  const other = dir === 0 ? conn.reply : conn.orig
  const quoted = snapshotPacket(icmp.quoted)
  manipPacket(quoted, other, !source)
  packet.icmp = { ...icmp, quoted }
  manipPacket(packet, { ...invert(other), proto: packet.proto }, source)
  noteChange(ctx, conn, source, before)
  return true
}

/** nf_nat_alloc_null_binding: nothing is to change, but ports may have to where the tuple is taken. */
function nullBinding(ctx: HookCtx, conn: Conn, source: boolean): boolean {
  const ip = source ? conn.reply.dst : conn.reply.src
  return natSetup(ctx, conn, { from: ip, to: ip, ports: null, random: false, persistent: false }, source)
}

/** A masqueraded connection whose packets leave by another device now has the wrong address. */
function outDeviceChanged(ctx: HookCtx, conn: Conn): boolean {
  if (conn.masqIndex === 0 || ctx.hook !== POST_ROUTING || ctDir(ctx.packet) !== 0) return false
  return ctx.outLink !== undefined && ctx.outLink.ifindex !== conn.masqIndex
}

function hasId(proto: number, type: number): boolean {
  if (proto === IPPROTO_ICMPV6) return type === 128 || type === 129
  return type === 0 || type === 8 || (type >= 13 && type <= 18)
}

interface Place {
  ip: Ip
  port: number
}

function place(packet: Packet, source: boolean): Place {
  return source ? { ip: packet.src, port: packet.sport } : { ip: packet.dst, port: packet.dport }
}

/** The step of a translation by the connection: which field, from what, to what. */
function noteChange(ctx: HookCtx, conn: Conn, source: boolean, before: Place | null): void {
  const { world, ns, packet } = ctx
  const evidence =
    before === null
      ? null
      : {
          table: 'conntrack',
          what: 'translate',
          field: source ? 'source' : 'destination',
          from: before,
          to: place(packet, source),
          conn,
        }
  const ifindex = ctx.outLink?.ifindex ?? ctx.inLink?.ifindex ?? 0
  recordStep(world, ns, packet, StepKind.Hook, StepAction.Translate, ifindex, evidence)
}
