/** The neighbour tables' switches: net.ipv4.neigh.X and net.ipv6.neigh.X, by device, with the kernel's own values. */
import type { Ip } from '../../base/addr.ts'
import type { Link, Netns } from '../types.ts'

export const NEIGH_DEFAULTS = Object.freeze({
  base_reachable_time_ms: 30000,
  delay_first_probe_time: 5,
  retrans_time_ms: 1000,
  ucast_solicit: 3,
  mcast_solicit: 3,
  unres_qlen_bytes: 212992,
  unres_qlen: 101,
  gc_stale_time: 60,
  gc_interval: 30,
  gc_thresh1: 128,
  gc_thresh2: 512,
  gc_thresh3: 1024,
  locktime: 100,
  proxy_delay: 80,
  proxy_qlen: 64,
  anycast_delay: 100,
  app_solicit: 0,
  mcast_resolicit: 0,
  interval_probe_time_ms: 5000,
})

export type NeighParam = keyof typeof NEIGH_DEFAULTS

/** A parameter of the table that `ip` belongs to, as set for the device, else for `default`, else the kernel's. */
export function neighParam(ns: Netns, link: Link, ip: Ip, name: NeighParam): number {
  const set = ns.sysctl
  if (set === null) return NEIGH_DEFAULTS[name]
  const family = typeof ip === 'number' ? 'ipv4' : 'ipv6'
  const value =
    set.get(`net.${family}.neigh.${link.name}.${name}`) ?? set.get(`net.${family}.neigh.default.${name}`)
  return value === undefined ? NEIGH_DEFAULTS[name] : Number(value)
}
