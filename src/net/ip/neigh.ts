// Models net/core/neighbour.c (Linux 6.18) for ARP and neighbour discovery: states, timers, the queue of parked
// packets. Not here: garbage collection below gc_thresh1, proxy entries, NTF_USE and NTF_MANAGED, APP_PROBES.
import type { Ip, Mac } from '../../base/addr.ts'
import { BROADCAST_MAC, isMulticast, multicastMac } from '../../base/addr.ts'
import { nextBelow } from '../../base/rng.ts'
import { schedule } from '../../sim/dispatch.ts'
import type { SimEvent } from '../../sim/queue.ts'
import { Ev } from '../events.ts'
import { devQueueXmit } from '../link/xmit.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { Link, Neigh, NeighState, Netns, Packet, World } from '../types.ts'
import { ETH_P_IP, ETH_P_IPV6 } from '../types.ts'
import { MS, wheelAt } from '../wheel.ts'
import { addrType } from './fib.ts'
import { neighFailed, neighSolicit } from './neighops.ts'
import { neighParam } from './neighparams.ts'

/** What an answer says besides the address. */
export interface NeighUpdate {
  state: NeighState
  /** NEIGH_UPDATE_F_OVERRIDE: a different link-layer address replaces a known one. */
  override?: boolean
  /** NEIGH_UPDATE_F_WEAK_OVERRIDE: a different address only makes a connected entry STALE. */
  weakOverride?: boolean
  /** NEIGH_UPDATE_F_ADMIN: by hand; may change PERMANENT and NOARP. */
  admin?: boolean
  /** Make the entry if there is none. */
  create?: boolean
  /** IPv6: the router flag as said; undefined leaves it. */
  isRouter?: boolean
}

/** Where a timer belongs. */
export interface NeighRef {
  ifindex: number
  ip: Ip
}

/**
 * Sends a packet to `nextHop` on `link`: at once where its link-layer address is known, otherwise the packet is
 * parked and the neighbour is asked. The packet's owner is the device or the neighbour from here on.
 */
export function neighResolve(world: World, ns: Netns, link: Link, packet: Packet, nextHop: Ip): void {
  const neigh = ns.neigh?.get(link.ifindex)?.get(nextHop)
  if (neigh === undefined) {
    resolveUnknown(world, ns, link, packet, nextHop)
    return
  }
  if (!neigh.hh || (neigh.state !== 'REACHABLE' && neigh.state !== 'PERMANENT' && neigh.state !== 'NOARP')) {
    if (!eventSend(world, ns, link, neigh, packet)) return
    neigh.hh = true
  }
  recordStep(world, ns, packet, StepKind.Neigh, StepAction.Resolved, link.ifindex, neigh)
  sendTo(world, ns, link, packet, neigh.mac)
}

/** The entry for an address on a link, or undefined. */
export function neighLookup(ns: Netns, ifindex: number, ip: Ip): Neigh | undefined {
  return ns.neigh?.get(ifindex)?.get(ip)
}

/** All entries, by device and age; both families. */
export function neighsOf(ns: Netns): Neigh[] {
  const list: Neigh[] = []
  if (ns.neigh !== null) for (const byIp of ns.neigh.values()) list.push(...byIp.values())
  return list
}

/** Asks for a neighbour without a packet to send (neigh_event_send with none). True where it is known already. */
export function neighKick(world: World, ns: Netns, link: Link, ip: Ip): boolean {
  const neigh = neighLookup(ns, link.ifindex, ip) ?? createNeigh(world, ns, link, ip)
  if (valid(neigh.state)) return true
  eventSend(world, ns, link, neigh, null)
  return false
}

/** Something above heard from this neighbour (dst_confirm_neigh): it counts as an answer. */
export function neighConfirm(world: World, ns: Netns, ifindex: number, ip: Ip): void {
  const neigh = neighLookup(ns, ifindex, ip)
  if (neigh !== undefined) neigh.confirmedAt = world.now
}

/**
 * A neighbour told its link-layer address (`mac` -1: it told none). Models __neigh_update. Returns the refusal's
 * errno, '' where it was taken.
 */
export function neighUpdate(
  world: World,
  ns: Netns,
  link: Link,
  ip: Ip,
  mac: Mac,
  update: NeighUpdate,
): '' | 'EPERM' | 'EINVAL' | 'ENOENT' {
  let neigh = neighLookup(ns, link.ifindex, ip)
  if (neigh === undefined) {
    if (update.create !== true) return 'ENOENT'
    neigh = createNeigh(world, ns, link, ip)
  }
  return updateNeigh(world, ns, link, neigh, mac, update)
}

/** Handler of Ev.NeighTimer. */
export function neighTimer(world: World, ns: Netns, event: SimEvent): void {
  const ref = event.ref as NeighRef
  const neigh = neighLookup(ns, ref.ifindex, ref.ip)
  const link = ns.links[ref.ifindex]
  if (neigh === undefined || link === undefined || neigh.timer !== event.arg) return
  neigh.timer = 0
  if (!inTimer(neigh.state)) return
  const next = advance(world, ns, neigh)
  if ((neigh.state === 'INCOMPLETE' || neigh.state === 'PROBE') && neigh.probes >= maxProbes(ns, neigh)) {
    neigh.state = 'FAILED'
    invalidate(world, ns, link, neigh)
    return
  }
  if (inTimer(neigh.state)) arm(world, ns, neigh, Math.max(next, 10 * MS))
  if (neigh.state === 'INCOMPLETE' || neigh.state === 'PROBE') probe(world, ns, link, neigh)
}

/** Forgets a device's neighbours: it went down or away (all) or lost its carrier (permanent ones stay); or IPv4 ones only. */
export function neighIfdown(
  world: World,
  ns: Netns,
  link: Link,
  keepPermanent: boolean,
  only4 = false,
): void {
  const byIp = ns.neigh?.get(link.ifindex)
  if (byIp === undefined) return
  for (const [ip, neigh] of byIp) {
    if ((keepPermanent && neigh.state === 'PERMANENT') || (only4 && typeof ip !== 'number')) continue
    byIp.delete(ip)
    purge(world, ns, link, neigh)
  }
  if (byIp.size === 0) ns.neigh?.delete(link.ifindex)
}

/** Takes one entry away; parked packets are reported as undeliverable. */
export function neighRemove(world: World, ns: Netns, link: Link, neigh: Neigh): void {
  updateNeigh(world, ns, link, neigh, -1, { state: 'FAILED', override: true, admin: true })
  ns.neigh?.get(link.ifindex)?.delete(neigh.ip)
  neigh.timer = 0
  neigh.hh = false
}

/** A new entry without an address, in the table. Beyond gc_thresh3 the oldest unused ones make room. */
export function createNeigh(world: World, ns: Netns, link: Link, ip: Ip): Neigh {
  ns.neigh ??= new Map()
  const byIp = ns.neigh.get(link.ifindex) ?? new Map<Ip, Neigh>()
  ns.neigh.set(link.ifindex, byIp)
  if (byIp.size >= neighParam(ns, link, ip, 'gc_thresh3')) forcedGc(byIp)
  const baseMs = neighParam(ns, link, ip, 'base_reachable_time_ms')
  const neigh: Neigh = {
    hh: false,
    state: 'FAILED',
    mac: 0,
    ip,
    ifindex: link.ifindex,
    hasMac: false,
    router: false,
    reachableNs: (Math.floor(baseMs / 2) + (baseMs > 0 ? nextBelow(ns.rng, baseMs) : 0)) * MS,
    confirmedAt: world.now - 2 * baseMs * MS,
    usedAt: world.now,
    updatedAt: world.now,
    probes: 0,
    queue: [],
    queueBytes: 0,
    timer: 0,
    proto: 0,
  }
  byIp.set(ip, neigh)
  return neigh
}

function resolveUnknown(world: World, ns: Netns, link: Link, packet: Packet, nextHop: Ip): void {
  if (link.kind === 'loopback' || link.noarp) {
    sendTo(world, ns, link, packet, link.mac)
    return
  }
  if (isMulticast(nextHop)) {
    sendTo(world, ns, link, packet, multicastMac(nextHop))
    return
  }
  if (typeof nextHop === 'number' && addrType(ns, nextHop) === 'broadcast') {
    sendTo(world, ns, link, packet, BROADCAST_MAC)
    return
  }
  const neigh = createNeigh(world, ns, link, nextHop)
  eventSend(world, ns, link, neigh, packet)
}

function sendTo(world: World, ns: Netns, link: Link, packet: Packet, mac: Mac): void {
  packet.smac = link.mac
  packet.dmac = mac
  packet.etherType = typeof packet.dst === 'number' ? ETH_P_IP : ETH_P_IPV6
  devQueueXmit(world, ns, link, packet)
}

/** __neigh_event_send: true where the packet may leave now; otherwise it was parked. */
function eventSend(world: World, ns: Netns, link: Link, neigh: Neigh, packet: Packet | null): boolean {
  neigh.usedAt = world.now
  const { state } = neigh
  if (connected(state) || state === 'DELAY' || state === 'PROBE') return true
  if (state === 'STALE') {
    neigh.state = 'DELAY'
    neigh.updatedAt = world.now
    arm(world, ns, neigh, neighParam(ns, link, neigh.ip, 'delay_first_probe_time') * 1000 * MS)
    return true
  }
  const first = state !== 'INCOMPLETE'
  if (first) {
    neigh.probes = neighParam(ns, link, neigh.ip, 'ucast_solicit')
    neigh.state = 'INCOMPLETE'
    neigh.updatedAt = world.now
    arm(world, ns, neigh, retransNs(ns, link, neigh))
  }
  if (packet !== null) park(world, ns, link, neigh, packet)
  if (first) probe(world, ns, link, neigh)
  return false
}

function park(world: World, ns: Netns, link: Link, neigh: Neigh, packet: Packet): void {
  const size = truesize(packet)
  const limit = neighParam(ns, link, neigh.ip, 'unres_qlen_bytes')
  while (neigh.queue.length > 0 && neigh.queueBytes + size > limit) {
    const oldest = neigh.queue.shift()!
    neigh.queueBytes -= truesize(oldest)
    recordDrop(world, ns, oldest, 'NEIGH_QUEUEFULL', link.ifindex, neigh)
  }
  recordStep(world, ns, packet, StepKind.Neigh, StepAction.Parked, link.ifindex, neigh)
  neigh.queue.push(packet)
  neigh.queueBytes += size
}

/** What a packet costs in memory: the skb record and a power-of-two buffer with headroom and shared info. */
function truesize(packet: Packet): number {
  let buffer = 512
  while (buffer < packet.length + 384) buffer *= 2
  return 256 + buffer
}

/** The state change of neigh_timer_handler; returns the delay until the next one. */
function advance(world: World, ns: Netns, neigh: Neigh): number {
  const now = world.now
  const link = ns.links[neigh.ifindex]!
  const delayNs = neighParam(ns, link, neigh.ip, 'delay_first_probe_time') * 1000 * MS
  if (neigh.state === 'REACHABLE') {
    if (now <= neigh.confirmedAt + neigh.reachableNs) return neigh.confirmedAt + neigh.reachableNs - now
    neigh.updatedAt = now
    neigh.state = now <= neigh.usedAt + delayNs ? 'DELAY' : 'STALE'
    return delayNs
  }
  if (neigh.state === 'DELAY') {
    neigh.updatedAt = now
    if (now <= neigh.confirmedAt + delayNs) {
      neigh.state = 'REACHABLE'
      return neigh.confirmedAt + neigh.reachableNs - now
    }
    neigh.state = 'PROBE'
    neigh.probes = 0
  }
  return retransNs(ns, link, neigh)
}

function updateNeigh(
  world: World,
  ns: Netns,
  link: Link,
  neigh: Neigh,
  mac: Mac,
  update: NeighUpdate,
): '' | 'EPERM' | 'EINVAL' {
  const old = neigh.state
  let state = update.state
  if (update.admin !== true && (old === 'PERMANENT' || old === 'NOARP')) return 'EPERM'
  if (!valid(state)) {
    neigh.timer = 0
    neigh.state = state
    if ((old === 'INCOMPLETE' || old === 'PROBE') && state === 'FAILED') invalidate(world, ns, link, neigh)
    return ''
  }
  if (mac === -1 && !valid(old)) return 'EINVAL'
  const changed = mac !== -1 && !(neigh.hasMac && mac === neigh.mac && valid(old))
  let newMac = changed ? mac : neigh.mac
  let differs = changed && (newMac !== neigh.mac || !neigh.hasMac)
  if (connected(state)) neigh.confirmedAt = world.now
  let router = update.isRouter
  if (valid(old)) {
    if (differs && update.override !== true) {
      router = undefined
      if (update.weakOverride !== true || !connected(old)) return ''
      newMac = neigh.mac
      differs = false
      state = 'STALE'
    } else if (!differs && state === 'STALE' && update.admin !== true) state = old
  }
  if (state !== old || differs) neigh.updatedAt = world.now
  if (state !== old) {
    neigh.timer = 0
    if (state === 'PROBE') neigh.probes = 0
    neigh.state = state
    if (inTimer(state)) arm(world, ns, neigh, state === 'REACHABLE' ? neigh.reachableNs : 0)
  }
  if (differs) {
    neigh.mac = newMac
    neigh.hasMac = true
    if (!connected(state)) {
      neigh.confirmedAt = world.now - 2 * neighParam(ns, link, neigh.ip, 'base_reachable_time_ms') * MS
    }
  }
  neigh.hasMac = true
  if (router !== undefined) neigh.router = router
  if (!valid(old)) release(world, ns, link, neigh)
  return ''
}

/** The address is known: what was parked leaves, in order. */
function release(world: World, ns: Netns, link: Link, neigh: Neigh): void {
  const waiting = neigh.queue
  neigh.queue = []
  neigh.queueBytes = 0
  for (const packet of waiting) {
    recordStep(world, ns, packet, StepKind.Neigh, StepAction.Released, link.ifindex, neigh)
    eventSend(world, ns, link, neigh, packet)
    neigh.hh = true
    sendTo(world, ns, link, packet, neigh.mac)
  }
}

/** neigh_invalidate: nobody answered; every parked packet is reported to its sender. */
function invalidate(world: World, ns: Netns, link: Link, neigh: Neigh): void {
  neigh.updatedAt = world.now
  neigh.timer = 0
  const waiting = neigh.queue
  neigh.queue = []
  neigh.queueBytes = 0
  for (const packet of waiting) {
    neighFailed(world, ns, link, packet)
    recordDrop(world, ns, packet, 'NEIGH_FAILED', link.ifindex, neigh)
  }
}

function purge(world: World, ns: Netns, link: Link, neigh: Neigh): void {
  for (const packet of neigh.queue) recordDrop(world, ns, packet, 'NEIGH_DEAD', link.ifindex, neigh)
  neigh.queue = []
  neigh.queueBytes = 0
  neigh.timer = 0
  neigh.hh = false
}

function probe(world: World, ns: Netns, link: Link, neigh: Neigh): void {
  const last = neigh.queue[neigh.queue.length - 1]
  if (last !== undefined) recordStep(world, ns, last, StepKind.Neigh, StepAction.Solicit, link.ifindex, neigh)
  // ucast_solicit counts first: an INCOMPLETE entry starts there, so that it asks everybody.
  const unicast = neigh.probes < neighParam(ns, link, neigh.ip, 'ucast_solicit')
  neighSolicit(world, ns, link, neigh, last ?? null, unicast)
  neigh.probes++
}

function maxProbes(ns: Netns, neigh: Neigh): number {
  const link = ns.links[neigh.ifindex]!
  const unicast = neighParam(ns, link, neigh.ip, 'ucast_solicit')
  return neigh.state === 'PROBE' ? unicast : unicast + neighParam(ns, link, neigh.ip, 'mcast_solicit')
}

function retransNs(ns: Netns, link: Link, neigh: Neigh): number {
  return Math.max(neighParam(ns, link, neigh.ip, 'retrans_time_ms'), 10) * MS
}

function arm(world: World, ns: Netns, neigh: Neigh, delay: number): void {
  // The event's own sequence number: no other timer of any entry has it.
  neigh.timer = world.seq
  const ref: NeighRef = { ifindex: neigh.ifindex, ip: neigh.ip }
  schedule(world, wheelAt(world.now, delay), Ev.NeighTimer, ns.id, neigh.timer, ref)
}

/** neigh_forced_gc, roughly: entries that nobody uses go, the oldest first. */
function forcedGc(byIp: Map<Ip, Neigh>): void {
  let left = 64
  for (const [ip, neigh] of byIp) {
    if (neigh.state !== 'FAILED' && neigh.state !== 'STALE' && neigh.state !== 'REACHABLE') continue
    byIp.delete(ip)
    neigh.timer = 0
    neigh.hh = false
    if (--left === 0) return
  }
}

function connected(state: NeighState): boolean {
  return state === 'REACHABLE' || state === 'PERMANENT' || state === 'NOARP'
}

function valid(state: NeighState): boolean {
  return state !== 'INCOMPLETE' && state !== 'FAILED'
}

function inTimer(state: NeighState): boolean {
  return state === 'INCOMPLETE' || state === 'REACHABLE' || state === 'DELAY' || state === 'PROBE'
}
