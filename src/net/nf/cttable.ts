/** The table of connections itself: look-up, insertion, end of life, events for those who listen. */
import { schedule } from '../../sim/dispatch.ts'
import type { SimEvent } from '../../sim/queue.ts'
import { Ev } from '../events.ts'
import type { Netns, Packet, World } from '../types.ts'
import { SEC } from '../wheel.ts'
import { tupleDrop, tupleFind, tuplePut } from './cthash.ts'
import { dportOf, sameTuple, sourceKey, sportOf } from './tuple.ts'
import type { Conn, ConnEvent, Conntrack, Tuple } from './types.ts'
import { CT_STATUS } from './types.ts'

/** Events kept for readers; older ones are lost, as with a full netlink socket. */
export const CT_EVENTS_MAX = 1000

/** The entry that has this tuple as id * 2 + direction, 0 for none. One that has expired is taken away. */
export function ctLookup(world: World, ns: Netns, ct: Conntrack, tuple: Tuple, zone: number): number {
  const { src, dst, proto, sport, dport } = tuple
  const found = tupleFind(ct.byTuple, ct.conns, src, dst, proto, sport, dport, zone)
  return found === 0 || isAlive(world, ns, ct, found) ? found : 0
}

/** The same for the tuple of a packet as it is now. */
export function ctLookupPacket(world: World, ns: Netns, ct: Conntrack, packet: Packet, zone: number): number {
  const { src, dst, proto } = packet
  const found = tupleFind(ct.byTuple, ct.conns, src, dst, proto, sportOf(packet), dportOf(packet), zone)
  return found === 0 || isAlive(world, ns, ct, found) ? found : 0
}

/** Puts a confirmed entry into the table and sees to its collection. */
export function ctInsert(world: World, ns: Netns, ct: Conntrack, conn: Conn): void {
  ct.conns.set(conn.id, conn)
  // One port speaking to itself is its own answer: both tuples are one.
  if (!sameTuple(conn.orig, conn.reply)) tuplePut(ct.byTuple, conn.orig, conn.zone, conn.id, 0)
  tuplePut(ct.byTuple, conn.reply, conn.zone, conn.id, 1)
  scheduleGc(world, ns, ct, conn.expiresAt)
}

/** Takes an entry out of the table. Packets that carry it keep it until they are gone. */
export function ctDestroy(world: World, ns: Netns, ct: Conntrack, conn: Conn): void {
  if (!ct.conns.delete(conn.id)) return
  tupleDrop(ct.byTuple, conn.orig, conn.zone, conn.id, 0)
  tupleDrop(ct.byTuple, conn.reply, conn.zone, conn.id, 1)
  const source = sourceKey(conn.orig, conn.zone)
  const others = ct.bySource.get(source)?.filter((id) => id !== conn.id)
  if (others !== undefined && others.length > 0) ct.bySource.set(source, others)
  else ct.bySource.delete(source)
  conn.status |= CT_STATUS.DYING
  ctEvent(world, ns, ct, 'DESTROY', conn)
}

/** nf_ct_kill while its packet is still on the way: the entry is found by nobody else, but still translates the packet. */
export function ctKill(world: World, ns: Netns, ct: Conntrack, conn: Conn): void {
  ctDestroy(world, ns, ct, conn)
  ct.unconfirmed.set(conn.id, conn)
}

export function ctStat(ct: Conntrack, name: string): void {
  ct.stats[name] = (ct.stats[name] ?? 0) + 1
}

/** Tells those who listen. */
export function ctEvent(world: World, ns: Netns, ct: Conntrack, type: ConnEvent['type'], conn: Conn): void {
  if (ct.listeners.length === 0) return
  if (type === 'UPDATE' && (conn.status & CT_STATUS.CONFIRMED) === 0) return
  ct.events.push({ n: ct.nextEvent++, at: world.now, type, conn: { ...conn, tcp: null } })
  if (ct.events.length > CT_EVENTS_MAX) ct.events.shift()
  for (const listener of ct.listeners) {
    if (listener.woken) continue
    listener.woken = true
    schedule(world, world.now, Ev.SockWake, ns.id, listener.pid, 0)
  }
}

/** Handler of Ev.ConntrackGc: what has expired goes. */
export function ctGc(world: World, ns: Netns, event: SimEvent): void {
  const ct = ns.nf?.conntrack
  if (ct == null || ct.gcAt !== event.arg) return
  ct.gcAt = 0
  let next = Number.POSITIVE_INFINITY
  for (const conn of ct.conns.values()) {
    if (conn.expiresAt <= world.now) ctDestroy(world, ns, ct, conn)
    else if (conn.expiresAt < next) next = conn.expiresAt
  }
  if (next !== Number.POSITIVE_INFINITY) scheduleGc(world, ns, ct, next)
}

function scheduleGc(world: World, ns: Netns, ct: Conntrack, at: number): void {
  const due = Math.max(at, world.now + SEC)
  if (ct.gcAt !== 0 && ct.gcAt <= due) return
  ct.gcAt = due
  schedule(world, due, Ev.ConntrackGc, ns.id, due, null)
}

function isAlive(world: World, ns: Netns, ct: Conntrack, found: number): boolean {
  const conn = ct.conns.get(found >> 1)!
  if (conn.expiresAt > world.now) return true
  ctDestroy(world, ns, ct, conn)
  return false
}
