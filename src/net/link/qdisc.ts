/**
 * Queueing disciplines at a device's root. Models net/sched/sch_netem.c and sch_tbf.c (Linux 6.18): delay with jitter and
 * correlation, loss, duplicates, reordering, rate, limit; a token bucket. Not here: corruption, loss models with states,
 * distribution tables, slots, ECN, classes.
 */
import { nextUint32 } from '../../base/rng.ts'
import { schedule, touch } from '../../sim/dispatch.ts'
import { Ev } from '../events.ts'
import { clonePacket } from '../packet.ts'
import { recordDrop } from '../trace.ts'
import type { Link, Netns, Packet, World } from '../types.ts'
import { ETH_HLEN } from './device.ts'

/** A chance and its correlation with the last one, both of 2^32 - 1; `last` is the last random number. */
export interface Chance {
  p: number
  rho: number
  last: number
}

export interface Netem {
  kind: 'netem'
  /** Packets. */
  limit: number
  latencyNs: number
  jitterNs: number
  delay: Chance
  loss: Chance
  duplicate: Chance
  reorder: Chance
  /** Every so many packets one may overtake, 0 for none. */
  gap: number
  /** Since the last that overtook. */
  counter: number
  /** Bytes per second, 0 for unlimited. */
  rate: number
  /** When the last packet that was queued leaves, ns. */
  lastLeaves: number
}

export interface Tbf {
  kind: 'tbf'
  /** Bytes per second. */
  rate: number
  /** Bytes that may leave at once, and that may wait. */
  burst: number
  limit: number
  /** Tokens in ns of transmission, as they were at `checkedAt`. */
  tokens: number
  checkedAt: number
}

export interface Qdisc {
  /** Its major number: `8001:`. */
  handle: number
  conf: Netem | Tbf
  sentBytes: number
  sentPackets: number
  dropped: number
  overlimits: number
  backlogBytes: number
  backlogPackets: number
}

/** A packet in a queue: `ref` of Ev.LinkTx. */
export interface QdiscRef {
  handle: number
  packet: Packet
}

const MAX32 = 0xffffffff
const SEC = 1_000_000_000

/** Puts a discipline at the device's root in place of what is there. What waited in the old one is lost. Answers its handle. */
export function qdiscAttach(world: World, ns: Netns, link: Link, conf: Netem | Tbf, handle = 0): number {
  touch(world, ns.id)
  const own = handle === 0 ? (ns.nextQdisc ?? 0x8001) : handle
  if (handle === 0) ns.nextQdisc = own + 1
  link.qdisc = {
    handle: own,
    conf,
    sentBytes: 0,
    sentPackets: 0,
    dropped: 0,
    overlimits: 0,
    backlogBytes: 0,
    backlogPackets: 0,
  }
  return own
}

/** Changes what the discipline does; what waits in it stays. */
export function qdiscChange(world: World, ns: Netns, link: Link, conf: Netem | Tbf): void {
  touch(world, ns.id)
  if (link.qdisc !== null) link.qdisc.conf = conf
}

export function qdiscDelete(world: World, ns: Netns, link: Link): void {
  touch(world, ns.id)
  link.qdisc = null
}

/** Takes a packet that goes out: it leaves by an event of its own, or is lost here. */
export function qdiscEnqueue(world: World, ns: Netns, link: Link, qdisc: Qdisc, packet: Packet): void {
  if (qdisc.conf.kind === 'netem') netemEnqueue(world, ns, link, qdisc, qdisc.conf, packet)
  else tbfEnqueue(world, ns, link, qdisc, qdisc.conf, packet)
}

/** The packet of an event, counted out; undefined where its queue is gone. */
export function qdiscDequeue(link: Link, ref: QdiscRef): Packet | undefined {
  const { qdisc } = link
  if (qdisc === null || qdisc.handle !== ref.handle) return undefined
  const bytes = ref.packet.length + ETH_HLEN
  qdisc.backlogBytes -= bytes
  qdisc.backlogPackets--
  qdisc.sentBytes += bytes
  qdisc.sentPackets++
  return ref.packet
}

/** A netem that does nothing but queue. */
export function createNetem(): Netem {
  const none = (): Chance => ({ p: 0, rho: 0, last: 0 })
  return {
    kind: 'netem',
    limit: 1000,
    latencyNs: 0,
    jitterNs: 0,
    delay: none(),
    loss: none(),
    duplicate: none(),
    reorder: none(),
    gap: 0,
    counter: 0,
    rate: 0,
    lastLeaves: 0,
  }
}

function netemEnqueue(world: World, ns: Netns, link: Link, qdisc: Qdisc, q: Netem, packet: Packet): void {
  let count = 1
  if (q.duplicate.p > 0 && q.duplicate.p >= crandom(ns, q.duplicate)) count++
  if (q.loss.p > 0 && q.loss.p >= crandom(ns, q.loss)) count--
  if (count === 0) {
    lose(world, ns, link, qdisc, packet)
    return
  }
  if (count === 2) netemQueue(world, ns, link, qdisc, q, clonePacket(world, packet))
  netemQueue(world, ns, link, qdisc, q, packet)
}

function netemQueue(world: World, ns: Netns, link: Link, qdisc: Qdisc, q: Netem, packet: Packet): void {
  if (qdisc.backlogPackets >= q.limit) {
    lose(world, ns, link, qdisc, packet)
    return
  }
  if (q.gap !== 0 && q.counter >= q.gap - 1 && q.reorder.p >= crandom(ns, q.reorder)) {
    // It overtakes: sent at once, in front of what waits.
    q.counter = 0
    leave(world, ns, link, qdisc, packet, world.now)
    return
  }
  let delay = q.latencyNs
  if (q.jitterNs > 0) {
    const random = crandom(ns, q.delay)
    delay = Math.max(0, (random % (2 * q.jitterNs)) + q.latencyNs - q.jitterNs)
  }
  let from = world.now
  if (q.rate > 0) {
    // The last packet of the queue is where this one's time begins; what it waits for it counts as delay.
    if (qdisc.backlogPackets > 0 && q.lastLeaves > world.now) {
      delay = Math.max(0, delay - (q.lastLeaves - world.now))
      from = q.lastLeaves
    }
    delay += Math.floor(((packet.length + ETH_HLEN) * SEC) / q.rate)
  }
  q.counter++
  q.lastLeaves = Math.max(q.lastLeaves, from + delay)
  leave(world, ns, link, qdisc, packet, from + delay)
}

function tbfEnqueue(world: World, ns: Netns, link: Link, qdisc: Qdisc, q: Tbf, packet: Packet): void {
  const bytes = packet.length + ETH_HLEN
  if (bytes > q.burst || qdisc.backlogBytes + bytes > q.limit) {
    lose(world, ns, link, qdisc, packet)
    return
  }
  const buffer = (q.burst * SEC) / q.rate
  const at = Math.max(world.now, q.checkedAt)
  let tokens = Math.min(buffer, q.tokens + (at - q.checkedAt)) - (bytes * SEC) / q.rate
  let leaves = at
  if (tokens < 0) {
    leaves = at + Math.ceil(-tokens)
    tokens = 0
    qdisc.overlimits++
  }
  q.tokens = tokens
  q.checkedAt = leaves
  leave(world, ns, link, qdisc, packet, leaves)
}

function leave(world: World, ns: Netns, link: Link, qdisc: Qdisc, packet: Packet, at: number): void {
  qdisc.backlogBytes += packet.length + ETH_HLEN
  qdisc.backlogPackets++
  const ref: QdiscRef = { handle: qdisc.handle, packet }
  schedule(world, at, Ev.LinkTx, ns.id, link.ifindex, ref)
}

function lose(world: World, ns: Netns, link: Link, qdisc: Qdisc, packet: Packet): void {
  qdisc.dropped++
  recordDrop(world, ns, packet, 'QDISC_DROP', link.ifindex, null)
}

/** get_crandom: a number of 32 bits, near the last one by its correlation. */
function crandom(ns: Netns, state: Chance): number {
  const value = nextUint32(ns.rng)
  if (state.rho === 0) return value
  const rho = (state.rho + 1) / 2 ** 32
  const answer = Math.min(MAX32, Math.floor(value * (1 - rho) + state.last * rho))
  state.last = answer
  return answer
}
