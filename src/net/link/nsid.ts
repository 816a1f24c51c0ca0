/**
 * Numbers of other namespaces as `ip netns` and `ip link` show them. Models peernet2id_alloc of
 * net/core/net_namespace.c (Linux 6.18): the lowest free one, given as soon as a device's other end has to be named.
 */
import type { Netns, World } from '../types.ts'
import { findNetns } from '../world.ts'

/** Gives `other` a number in `ns`, unless it has one. The namespace is touched by the caller. */
export function nsidAlloc(world: World, ns: Netns, other: number): void {
  if (ns.id === other) return
  const ids = ns.nsids
  if (ids === null) {
    ns.nsids = justOne(world, other)
    return
  }
  if (ids.includes(other)) return
  const gone = ids.findIndex((id) => findNetns(world, id) === undefined)
  ns.nsids = gone < 0 ? ids.concat(other) : ids.with(gone, other)
}

/** The number that `ns` has for the namespace `other`, -1 for none. */
export function nsidOf(ns: Netns, other: number): number {
  return ns.nsids?.indexOf(other) ?? -1
}

/** One frozen list for all namespaces that know but this one, as a node's pods do. */
function justOne(world: World, id: number): readonly number[] {
  const known = lists.get(world) ?? new Map<number, readonly number[]>()
  const list = known.get(id) ?? Object.freeze([id])
  if (known.size >= LISTS_MAX) known.clear()
  lists.set(world, known.set(id, list))
  return list
}

/** Derived, and no part of the world's state. */
const lists = new WeakMap<World, Map<number, readonly number[]>>()
const LISTS_MAX = 2048
