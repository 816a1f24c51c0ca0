/** SNMP counters of a namespace, by the names of /proc/net/snmp and /proc/net/netstat (`IpInAddrErrors`). */
import type { Netns } from './types.ts'

/** Adds `n` to a counter. The caller owns `ns` (its own event, or after `touch`). */
export function snmpAdd(ns: Netns, name: string, n = 1): void {
  ns.snmp ??= new Map()
  ns.snmp.set(name, (ns.snmp.get(name) ?? 0) + n)
}

/** A counter's value, 0 where nothing was counted. */
export function snmpGet(ns: Netns, name: string): number {
  return ns.snmp?.get(name) ?? 0
}
