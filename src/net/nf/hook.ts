// The place of netfilter in the path (include/linux/netfilter.h): five hooks, in the kernel's order. While a namespace
// has no rule and no conntrack (`ns.nf` null) every packet is accepted.
import { assert } from '../../base/assert.ts'
import type { Netns, Packet, World } from '../types.ts'

export const NF_INET_PRE_ROUTING = 0
export const NF_INET_LOCAL_IN = 1
export const NF_INET_FORWARD = 2
export const NF_INET_LOCAL_OUT = 3
export const NF_INET_POST_ROUTING = 4

export const NF_DROP = 0
export const NF_ACCEPT = 1
/** Somebody else owns the packet now (queued, answered, reassembling). */
export const NF_STOLEN = 2

/**
 * Runs a hook on a packet; `inIf` and `outIf` are ifindexes, 0 for none. The hook may change the packet. The caller
 * goes on only at NF_ACCEPT; at any other verdict the packet is no longer its own, and the drop is recorded already.
 */
export function nfHook(
  _world: World,
  ns: Netns,
  _hook: number,
  _packet: Packet,
  _inIf: number,
  _outIf: number,
): number {
  assert(ns.nf === null, 'netfilter rules are not modelled yet')
  return NF_ACCEPT
}
