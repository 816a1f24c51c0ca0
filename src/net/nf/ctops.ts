/** What conntrack(8) asks of the kernel. Models ctnetlink (net/netfilter/nf_conntrack_netlink.c, Linux 6.18). */
import { touch } from '../../sim/dispatch.ts'
import type { Netns, World } from '../types.ts'
import { conntrackOf } from './conntrack.ts'
import { ctDestroy } from './cttable.ts'
import type { Conn, ConnEvent } from './types.ts'

/** Entries that are alive, in order of confirmation; of one family, or of both. */
export function ctList(world: World, ns: Netns, family?: 4 | 6): Conn[] {
  const list: Conn[] = []
  for (const conn of ns.nf?.conntrack?.conns.values() ?? []) {
    if (conn.expiresAt <= world.now) continue
    if (family === undefined || (typeof conn.orig.src === 'number') === (family === 4)) list.push(conn)
  }
  return list
}

/** Seconds until the entry expires, as listings show them. */
export function ctSeconds(world: World, conn: Conn): number {
  return Math.max(0, Math.floor((conn.expiresAt - world.now) / 1e9))
}

/** Takes an entry out (`conntrack -D`). */
export function ctDelete(world: World, ns: Netns, conn: Conn): void {
  const ct = ns.nf?.conntrack
  if (ct == null) return
  touch(world, ns.id)
  ctDestroy(world, ns, ct, conn)
}

/** Takes all entries out (`conntrack -F`). */
export function ctFlush(world: World, ns: Netns): void {
  for (const conn of ctList(world, ns)) ctDelete(world, ns, conn)
}

/** /proc/net/stat/nf_conntrack: counters by name, and how many entries there are. */
export function ctStats(ns: Netns): { entries: number; stats: Readonly<Record<string, number>> } {
  const ct = ns.nf?.conntrack
  return { entries: ct?.conns.size ?? 0, stats: ct?.stats ?? {} }
}

/**
 * A process begins to listen to events. It is woken by an event of type `sock` with socket 0, then reads with `ctRead`.
 * The number returned is the first event that it will see.
 */
export function ctListen(world: World, ns: Netns, pid: number): number {
  touch(world, ns.id)
  const ct = conntrackOf(ns)
  if (!ct.listeners.some((one) => one.pid === pid)) ct.listeners.push({ pid, woken: false })
  return ct.nextEvent
}

/** Events from number `from` on; the caller goes on with the last one's number + 1. It may be woken again from now on. */
export function ctRead(world: World, ns: Netns, pid: number, from: number): ConnEvent[] {
  const ct = ns.nf?.conntrack
  if (ct == null) return []
  touch(world, ns.id)
  for (const one of ct.listeners) if (one.pid === pid) one.woken = false
  return ct.events.filter((event) => event.n >= from)
}

/** The process listens no more. */
export function ctUnlisten(world: World, ns: Netns, pid: number): void {
  const ct = ns.nf?.conntrack
  if (ct == null) return
  touch(world, ns.id)
  ct.listeners = ct.listeners.filter((one) => one.pid !== pid)
  if (ct.listeners.length === 0) ct.events = []
}
