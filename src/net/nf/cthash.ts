/**
 * The hash table of tuples: open addressing with linear probing over one typed array, so that a look-up makes no key
 * and a checkpoint copies it at once. Models nf_conntrack_hash (net/netfilter/nf_conntrack_core.c, Linux 6.18) in what
 * is found, not in the order of buckets.
 */
import { assert } from '../../base/assert.ts'
import type { Ip } from '../../base/addr.ts'
import type { Conn, Tuple, TupleTable } from './types.ts'

const FIRST_SLOTS = 16
/** Entries are id * 2 + direction in 32 bits. */
const MAX_ID = 0x3fffffff

export function createTupleTable(): TupleTable {
  return { slots: new Int32Array(FIRST_SLOTS * 2), used: 0 }
}

/** The hash of a tuple: any 32-bit integer. */
export function tupleHash(
  src: Ip,
  dst: Ip,
  proto: number,
  sport: number,
  dport: number,
  zone: number,
): number {
  let h = Math.imul(ipWord(src) ^ (proto + zone * 256), 0xcc9e2d51)
  h = Math.imul((h << 15) ^ (h >>> 17) ^ ipWord(dst), 0x1b873593)
  h = Math.imul((h << 13) ^ (h >>> 19) ^ ((sport << 16) | dport), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** The entry of a tuple as id * 2 + direction, 0 for none. */
export function tupleFind(
  table: TupleTable,
  conns: ReadonlyMap<number, Conn>,
  src: Ip,
  dst: Ip,
  proto: number,
  sport: number,
  dport: number,
  zone: number,
): number {
  const { slots } = table
  const mask = slots.length - 1
  const hash = tupleHash(src, dst, proto, sport, dport, zone)
  for (let at = (hash << 1) & mask; slots[at + 1] !== 0; at = (at + 2) & mask) {
    if (slots[at] !== hash) continue
    const found = slots[at + 1]!
    const conn = conns.get(found >> 1)
    if (conn === undefined || conn.zone !== zone) continue
    const tuple = (found & 1) === 0 ? conn.orig : conn.reply
    if (tuple.sport !== sport || tuple.dport !== dport || tuple.proto !== proto) continue
    if (tuple.src === src && tuple.dst === dst) return found
  }
  return 0
}

/** Enters a tuple that is not in the table yet. */
export function tuplePut(table: TupleTable, tuple: Tuple, zone: number, id: number, direction: 0 | 1): void {
  assert(id <= MAX_ID, 'conntrack: more connections than ids')
  if ((table.used + 1) * 4 > table.slots.length) grow(table)
  const { src, dst, proto, sport, dport } = tuple
  place(table.slots, tupleHash(src, dst, proto, sport, dport, zone), id * 2 + direction)
  table.used++
}

/** Takes the entry away, if it is there; what had to stand behind it moves up. */
export function tupleDrop(table: TupleTable, tuple: Tuple, zone: number, id: number, direction: 0 | 1): void {
  const { slots } = table
  const mask = slots.length - 1
  const entry = id * 2 + direction
  const { src, dst, proto, sport, dport } = tuple
  let hole = (tupleHash(src, dst, proto, sport, dport, zone) << 1) & mask
  while (slots[hole + 1] !== entry) {
    if (slots[hole + 1] === 0) return
    hole = (hole + 2) & mask
  }
  table.used--
  for (let at = (hole + 2) & mask; slots[at + 1] !== 0; at = (at + 2) & mask) {
    const home = (slots[at]! << 1) & mask
    if (((at - home) & mask) < ((at - hole) & mask)) continue
    slots[hole] = slots[at]!
    slots[hole + 1] = slots[at + 1]!
    hole = at
  }
  slots[hole] = 0
  slots[hole + 1] = 0
}

function grow(table: TupleTable): void {
  const old = table.slots
  const slots = new Int32Array(old.length * 2)
  for (let at = 0; at < old.length; at += 2) if (old[at + 1] !== 0) place(slots, old[at]!, old[at + 1]!)
  table.slots = slots
}

function place(slots: Int32Array, hash: number, entry: number): void {
  const mask = slots.length - 1
  let at = (hash << 1) & mask
  while (slots[at + 1] !== 0) at = (at + 2) & mask
  slots[at] = hash
  slots[at + 1] = entry
}

/** An address in 32 bits: an IPv4 one as it is, of an IPv6 one a hash. */
export function ipWord(ip: Ip): number {
  if (typeof ip === 'number') return ip
  let h = ip.length
  for (let i = 0; i < ip.length; i++) h = (Math.imul(h, 31) + ip.charCodeAt(i)) | 0
  return h
}
