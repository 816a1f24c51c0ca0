import { sysctlGet } from '../sysctl.ts'
import type { Netns } from '../types.ts'

/** net.ipv4.ip_local_port_range: the first and the last port for those who do not care. */
export function portRange(ns: Netns): [number, number] {
  const [low, high] = (sysctlGet(undefined, ns, 'net.ipv4.ip_local_port_range') ?? '32768\t60999').split('\t')
  return [Number(low), Number(high)]
}
