/**
 * Numbers of rules, and what is counted under them. A namespace numbers its own rules; rules that many namespaces share
 * have the same number in all of them, made from what they say, and only those that have counted take room.
 */
import { entryDrop, entrySet } from '../../base/entries.ts'
import type { Netfilter, SharedCounters, TableName } from './types.ts'

/** Numbers from here on are of shared rules. */
export const SHARED_ID = 2 ** 52

/** Frozen: of all without free ids. */
export const NO_IDS: readonly number[] = Object.freeze([])
const PER_TABLE = 2 ** 50
const FIRST_PLACES = 16

/**
 * The number of a shared rule. Two of a table differ in `text`, which names the chain. It is a hash of 50 bits: among a
 * hundred thousand rules two fall together once in 200,000 clusters, and then count together.
 */
export function nfSharedId(family: 4 | 6, table: 'filter' | 'nat', text: string): number {
  return SHARED_ID + partOf(family, table) * PER_TABLE + hash50(text)
}

/** Two lanes of FNV-1a with other multipliers, mixed at the end. */
function hash50(text: string): number {
  let a = 0x811c9dc5
  let b = 0x3c6ef372
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    a = Math.imul(a ^ unit, 0x01000193)
    b = Math.imul(b ^ unit, 0x5bd1e995)
    b ^= b >>> 15
  }
  a = mixed(a ^ (b >>> 7))
  b = mixed(b + Math.imul(a, 0x9e3779b1))
  return (a >>> 0) + (b >>> 14) * 2 ** 32
}

function mixed(x: number): number {
  let h = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

function partOf(family: 4 | 6, table: TableName): number {
  return (family === 6 ? 2 : 0) + (table === 'filter' ? 1 : 0)
}

/** One more packet for a shared rule. */
export function countShared(nf: Netfilter, id: number, bytes: number): void {
  nf.shared ??= emptyShared(FIRST_PLACES)
  const at = placeOf(nf.shared, id)
  if (nf.shared.keys[at] === id) {
    nf.shared.counts[2 * at]!++
    nf.shared.counts[2 * at + 1]! += bytes
  } else setShared(nf, id, 1, bytes)
}

/** What a rule or a policy has counted: packets, and bytes. Id 0 has counted nothing. */
export function countOf(nf: Netfilter, id: number): readonly [number, number] {
  if (id < SHARED_ID) return [nf.counters[2 * id] ?? 0, nf.counters[2 * id + 1] ?? 0]
  if (nf.shared === null) return [0, 0]
  const at = placeOf(nf.shared, id)
  return nf.shared.keys[at] === id ? [nf.shared.counts[2 * at]!, nf.shared.counts[2 * at + 1]!] : [0, 0]
}

export function setCount(nf: Netfilter, id: number, packets: number, bytes: number): void {
  if (id >= SHARED_ID) {
    setShared(nf, id, packets, bytes)
    return
  }
  nf.counters[2 * id] = packets
  nf.counters[2 * id + 1] = bytes
}

/** A new number for a rule of the namespace's own. */
export function newId(nf: Netfilter): number {
  const { freeIds } = nf
  const id = freeIds === NO_IDS ? nf.nextRuleId++ : (freeIds as number[]).pop()!
  if (freeIds.length === 0) nf.freeIds = NO_IDS
  ensure(nf, id)
  return id
}

/** Room for the counters of `id`; ids may come from another namespace's rule set. */
export function ensure(nf: Netfilter, id: number): void {
  if (id >= SHARED_ID) return
  if (id >= nf.nextRuleId) nf.nextRuleId = id + 1
  if (2 * id + 1 < nf.counters.length) return
  const more = new Float64Array(Math.max(2 * nf.counters.length, 2 * id + 2))
  more.set(nf.counters)
  nf.counters = more
}

/** The rule is gone from the namespace. */
export function free(nf: Netfilter, id: number): void {
  zero(nf, id)
  if (id >= SHARED_ID) return
  if (nf.freeIds === NO_IDS) nf.freeIds = [id]
  else (nf.freeIds as number[]).push(id)
}

/** It counts anew, and remembers nothing. */
export function zero(nf: Netfilter, id: number): void {
  if (id >= SHARED_ID) {
    if (nf.shared !== null) {
      const at = placeOf(nf.shared, id)
      if (nf.shared.keys[at] === id) clear(nf.shared, at)
    }
  } else {
    nf.counters[2 * id] = 0
    nf.counters[2 * id + 1] = 0
  }
  if (nf.matchState.size > 0) nf.matchState = entryDrop(nf.matchState, id)
}

/** All shared rules of a table count anew. */
export function zeroTable(nf: Netfilter, family: 4 | 6, table: TableName): void {
  const first = SHARED_ID + partOf(family, table) * PER_TABLE
  const isOf = (id: number) => id >= first && id < first + PER_TABLE
  const { shared } = nf
  for (let at = 0; shared !== null && at < shared.keys.length; at++)
    if (isOf(shared.keys[at]!)) clear(shared, at)
  for (const id of nf.matchState.keys()) if (isOf(id)) nf.matchState = entryDrop(nf.matchState, id)
}

/** A shared rule becomes the namespace's own, with what it has counted. Answers its new number. */
export function ownId(nf: Netfilter, shared: number): number {
  const id = newId(nf)
  setCount(nf, id, ...countOf(nf, shared))
  const state = nf.matchState.get(shared)
  if (state !== undefined) nf.matchState = entrySet(nf.matchState, id, state)
  zero(nf, shared)
  return id
}

function setShared(nf: Netfilter, id: number, packets: number, bytes: number): void {
  nf.shared ??= emptyShared(FIRST_PLACES)
  let shared = nf.shared
  let at = placeOf(shared, id)
  if (shared.keys[at] !== id) {
    if (2 * (shared.used + 1) > shared.keys.length) {
      shared = grown(shared)
      nf.shared = shared
      at = placeOf(shared, id)
    }
    shared.keys[at] = id
    shared.used++
  }
  shared.counts[2 * at] = packets
  shared.counts[2 * at + 1] = bytes
}

function clear({ counts }: SharedCounters, at: number): void {
  counts[2 * at] = 0
  counts[2 * at + 1] = 0
}

/** With room for as many again; without those that count nothing. */
function grown({ keys, counts }: SharedCounters): SharedCounters {
  let used = 0
  for (let at = 0; at < keys.length; at++) if (counts[2 * at] !== 0) used++
  let places = FIRST_PLACES
  while (places < 4 * (used + 1)) places *= 2
  const more = emptyShared(places)
  more.used = used
  for (let at = 0; at < keys.length; at++) {
    if (counts[2 * at] === 0) continue
    const to = placeOf(more, keys[at]!)
    more.keys[to] = keys[at]!
    more.counts[2 * to] = counts[2 * at]!
    more.counts[2 * to + 1] = counts[2 * at + 1]!
  }
  return more
}

function emptyShared(places: number): SharedCounters {
  return { keys: new Float64Array(places), counts: new Float64Array(2 * places), used: 0 }
}

/** Where it stands, or would: a free place is 0. */
function placeOf({ keys }: SharedCounters, id: number): number {
  const mask = keys.length - 1
  let at = (id | 0) & mask
  while (keys[at] !== 0 && keys[at] !== id) at = (at + 1) & mask
  return at
}
