/** SNMP counters of a namespace, by the names of /proc/net/snmp and /proc/net/netstat (`IpInAddrErrors`). */
import type { Netns } from './types.ts'

/** The counters that every forwarded or delivered packet touches are there from the start: one shape, plain fields. */
export interface SnmpCounters {
  IpInReceives: number
  IpInDelivers: number
  IpForwDatagrams: number
  IpOutRequests: number
  IpOutTransmits: number
  [name: string]: number
}

/** Adds `n` to a counter. The caller owns `ns` (its own event, or after `touch`). */
export function snmpAdd(ns: Netns, name: string, n = 1): void {
  const counters = snmpOf(ns)
  counters[name] = (counters[name] ?? 0) + n
}

/** A counter's value, 0 where nothing was counted. */
export function snmpGet(ns: Netns, name: string): number {
  return ns.snmp?.[name] ?? 0
}

/** The counters themselves, for the path of every packet: `snmpOf(ns).IpInReceives++`. */
export function snmpOf(ns: Netns): SnmpCounters {
  ns.snmp ??= {
    IpInReceives: 0,
    IpInDelivers: 0,
    IpForwDatagrams: 0,
    IpOutRequests: 0,
    IpOutTransmits: 0,
  }
  return ns.snmp
}
