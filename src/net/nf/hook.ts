// The place of netfilter in the path (include/linux/netfilter.h, Linux 6.18): five hooks, what is registered at each in
// the order of its priority. While a namespace has no table (`ns.nf` null) every packet is accepted.
import { ipRouteMeHarder } from '../ip/output.ts'
import { ip6RouteMeHarder } from '../ip6/output.ts'
import { defragment } from '../ip/frag.ts'
import { recordDrop } from '../trace.ts'
import type { Link, Netns, Packet, World } from '../types.ts'
import { conntrackConfirm, conntrackIn, ctDir, ctOf } from './conntrack.ts'
import type { HookCtx } from './ctx.ts'
import { BRNF_INFO } from './match.ts'
import { NAT_JUDGED, natHook } from './nat.ts'
import type { HookStations, Ruleset, Station } from './types.ts'
import { walkTable } from './walk.ts'

export const NF_INET_PRE_ROUTING = 0
export const NF_INET_LOCAL_IN = 1
export const NF_INET_FORWARD = 2
export const NF_INET_LOCAL_OUT = 3
export const NF_INET_POST_ROUTING = 4

export const NF_DROP = 0
export const NF_ACCEPT = 1
/** Somebody else owns the packet now (queued, answered, reassembling). */
export const NF_STOLEN = 2

/** br_netfilter: PREROUTING ran while the frame was in the bridge, and is left out once on the way up. */
export const BRNF_SABOTAGED = 2

/**
 * Runs a hook on a packet; `inIf` and `outIf` are ifindexes, 0 for none. The hook may change the packet. The caller
 * goes on only at NF_ACCEPT; at any other verdict the packet is no longer its own, and the drop is recorded already.
 */
export function nfHook(
  world: World,
  ns: Netns,
  hook: number,
  packet: Packet,
  inIf: number,
  outIf: number,
): number {
  if (ns.nf === null) return NF_ACCEPT
  if (hook === NF_INET_PRE_ROUTING && (packet.nfBridge & (BRNF_INFO | BRNF_SABOTAGED)) === BRNF_INFO) {
    packet.nfBridge |= BRNF_SABOTAGED
    return NF_ACCEPT
  }
  return nfRun(world, ns, hook, packet, inIf, outIf)
}

/** The hook itself, for br_netfilter too, which calls it where the kernel nests it. */
export function nfRun(
  world: World,
  ns: Netns,
  hook: number,
  packet: Packet,
  inIf: number,
  outIf: number,
): number {
  const nf = ns.nf
  if (nf === null) return NF_ACCEPT
  const family = typeof packet.src === 'number' ? 4 : 6
  const rules = family === 4 ? nf.rules4 : nf.rules6
  if (rules === null) return NF_ACCEPT
  const tracked = family === 4 ? nf.active4 : nf.active6
  const at = rules.hooks[hook]!
  if (hook === NF_INET_FORWARD && at.mangle === null && at.filter === null && at.security === null)
    return NF_ACCEPT
  const inLink = inIf === 0 ? undefined : ns.links[inIf]
  const outLink = outIf === 0 ? undefined : ns.links[outIf]
  const ctx: HookCtx = {
    world,
    ns,
    family,
    hook,
    packet,
    inLink,
    outLink,
    inName: inLink?.name ?? '',
    outName: outLink?.name ?? '',
    stack: null,
    resume: null,
  }
  switch (hook) {
    case NF_INET_PRE_ROUTING:
      if (table(ctx, at.raw) !== NF_ACCEPT) return NF_DROP
      if (tracked && track(ctx) !== NF_ACCEPT) return NF_DROP
      if (table(ctx, at.mangle) !== NF_ACCEPT) return NF_DROP
      return nat(ctx, rules, at)
    case NF_INET_LOCAL_IN:
      if (filter(ctx, at) !== NF_ACCEPT || nat(ctx, rules, at) !== NF_ACCEPT) return NF_DROP
      return tracked ? confirm(ctx) : NF_ACCEPT
    case NF_INET_FORWARD:
      return filter(ctx, at)
    case NF_INET_LOCAL_OUT:
      return output(ctx, rules, at, tracked)
    default:
      if (table(ctx, at.mangle) !== NF_ACCEPT || nat(ctx, rules, at) !== NF_ACCEPT) return NF_DROP
      return tracked ? confirm(ctx) : NF_ACCEPT
  }
}

/**
 * nf_defrag: where connections are tracked a fragment waits for the rest before PREROUTING. The whole packet, the packet
 * itself where it is one or nobody tracks; null while parts are missing.
 */
export function nfDefrag(world: World, ns: Netns, link: Link, packet: Packet): Packet | null {
  if (!packet.moreFrags && packet.fragOffset === 0) return packet
  const active = typeof packet.src === 'number' ? ns.nf?.active4 : ns.nf?.active6
  return active === true ? defragment(world, ns, link, packet) : packet
}

/** Own packets: mangle and nat may change what the route depends on, which is then asked again at once. */
function output(ctx: HookCtx, rules: Ruleset, at: HookStations, tracked: boolean): number {
  const { packet } = ctx
  if (table(ctx, at.raw) !== NF_ACCEPT) return NF_DROP
  if (tracked && track(ctx) !== NF_ACCEPT) return NF_DROP
  const { src, dst, mark, tos, ttl } = packet
  if (table(ctx, at.mangle) !== NF_ACCEPT) return NF_DROP
  const moved = packet.mark !== mark || packet.src !== src || packet.dst !== dst
  if (moved || (ctx.family === 4 ? packet.tos !== tos : packet.ttl !== ttl)) {
    if (!reroute(ctx)) return NF_DROP
  }
  if (nat(ctx, rules, at) !== NF_ACCEPT) return NF_DROP
  if (rules.tables.has('nat') && isTranslated(ctx) && !reroute(ctx)) return NF_DROP
  if (table(ctx, at.filter) !== NF_ACCEPT) return NF_DROP
  return table(ctx, at.security)
}

/** nf_nat_ipv4_local_fn: the connection's destination is another one than the packet was sent to. */
function isTranslated(ctx: HookCtx): boolean {
  const conn = ctOf(ctx.ns, ctx.packet)
  if (conn === undefined) return false
  return ctDir(ctx.packet) === 0 ? conn.orig.dst !== conn.reply.src : conn.reply.dst !== conn.orig.src
}

function reroute(ctx: HookCtx): boolean {
  const { world, ns, packet } = ctx
  return ctx.family === 4 ? ipRouteMeHarder(world, ns, packet) : ip6RouteMeHarder(world, ns, packet)
}

function filter(ctx: HookCtx, at: HookStations): number {
  if (table(ctx, at.mangle) !== NF_ACCEPT || table(ctx, at.filter) !== NF_ACCEPT) return NF_DROP
  return table(ctx, at.security)
}

function table(ctx: HookCtx, station: Station | null): number {
  return station === null ? NF_ACCEPT : walkTable(ctx, station.table, station.chain)
}

function track(ctx: HookCtx): number {
  if (conntrackIn(ctx.world, ctx.ns, ctx.packet) === NF_ACCEPT) return NF_ACCEPT
  return lost(ctx, FULL)
}

function confirm(ctx: HookCtx): number {
  if (conntrackConfirm(ctx.world, ctx.ns, ctx.packet) === NF_ACCEPT) return NF_ACCEPT
  return lost(ctx, CLASH)
}

/** The nat hooks; what they drop without a rule's word is recorded here. */
function nat(ctx: HookCtx, rules: Ruleset, at: HookStations): number {
  if (at.nat === null && !rules.tables.has('nat')) return NF_ACCEPT
  const verdict = natHook(ctx, at.nat)
  if (verdict === NF_ACCEPT) return NF_ACCEPT
  return verdict === NAT_JUDGED ? NF_DROP : lost(ctx, NAT_LOST)
}

const FULL = Object.freeze({ table: 'conntrack', what: 'full' })
const CLASH = Object.freeze({ table: 'conntrack', what: 'clash' })
const NAT_LOST = Object.freeze({ table: 'nat', what: 'lost' })

function lost(ctx: HookCtx, evidence: object): number {
  const { world, ns, packet } = ctx
  recordDrop(world, ns, packet, 'NETFILTER_DROP', ctx.outLink?.ifindex ?? ctx.inLink?.ifindex ?? 0, evidence)
  return NF_DROP
}
