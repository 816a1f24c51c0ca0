/** What IPv6 keeps about a device beside its addresses: multicast groups, checks for duplicates, solicitations. */
import type { Ip } from '../../base/addr.ts'
import { schedule } from '../../sim/dispatch.ts'
import { Ev } from '../events.ts'
import type { IfAddr, Link, Netns, World } from '../types.ts'
import { wheelAt } from '../wheel.ts'

/** A joined group. Models struct ifmcaddr6 without sources. */
export interface Group6 {
  addr: string
  users: number
  /** How many reports still carry its change. */
  changes: number
}

/** Duplicate address detection of one address. */
export interface Dad6 {
  addr: string
  /** Solicitations still to be sent. */
  probes: number
  nonce: number
  timer: number
}

/** Models struct inet6_dev. A timer is the number that its event must carry; 0 while it does not run. */
export interface Inet6Dev {
  /** IF_READY: up and with a carrier, so that its addresses may be used. */
  ready: boolean
  /** Newest first, as the kernel lists them; ff02::1 is implied. */
  groups: Group6[]
  /** Groups that were left and still have to be reported. */
  left: Group6[]
  dad: Dad6[]
  /** Addresses whose solicited-node group is joined. */
  joined: string[]
  /** Addresses that routers answer for: the subnet's zero address, once for each own address of that prefix. */
  anycast: string[]
  /** Reports still to be sent of changes, and of everything once there is an address to send them from. */
  reports: number
  reportTimer: number
  firstReports: number
  firstReportTimer: number
  rsProbes: number
  rsIntervalNs: number
  rsTimer: number
}

/** `ref` of Ev.Addr6Timer. */
export interface Addr6Ref {
  what: 'dad' | 'report' | 'firstReport' | 'rs' | 'anycast'
  timer: number
  /** dad: the address; anycast: the one asked for. */
  addr: string
  /** anycast: who asked, and that packet's trace. */
  to: string
  cause: number
}

export const ANY6 = '0'.repeat(32)
export const ALL_NODES = 'ff020000000000000000000000000001'
export const ALL_ROUTERS = 'ff020000000000000000000000000002'
export const SITE_ROUTERS = 'ff050000000000000000000000000002'
export const ALL_MLD = 'ff020000000000000000000000000016'
export const LOOPBACK6 = `${'0'.repeat(31)}1`
export const IPV6_MIN_MTU = 1280

/** The device's IPv6 state, made on first use. */
export function inet6Dev(link: Link): Inet6Dev {
  link.inet6 ??= {
    ready: false,
    groups: [],
    left: [],
    dad: [],
    joined: [],
    anycast: [],
    reports: 0,
    reportTimer: 0,
    firstReports: 0,
    firstReportTimer: 0,
    rsProbes: 0,
    rsIntervalNs: 0,
    rsTimer: 0,
  }
  return link.inet6
}

/** Arms a timer of the device after `delay` ns, as exact as the kernel's wheel; answers its number. */
export function armAddr6(
  world: World,
  ns: Netns,
  link: Link,
  what: Addr6Ref['what'],
  delay: number,
  rest: { addr?: string; to?: string; cause?: number } = {},
): number {
  const timer = world.seq
  const { addr = '', to = '', cause = 0 } = rest
  const ref: Addr6Ref = { what, timer, addr, to, cause }
  schedule(world, wheelAt(world.now, delay), Ev.Addr6Timer, ns.id, link.ifindex, ref)
  return timer
}

/** The device's IPv6 addresses in the kernel's order. */
export function addrs6(link: Link): IfAddr[] {
  return link.addrs.filter((a) => typeof a.addr === 'string')
}

/** The device's own record of an address (ipv6_get_ifaddr), or undefined. */
export function addrOn(link: Link, ip: Ip): IfAddr | undefined {
  return link.addrs.find((a) => a.addr === ip)
}

/** ipv6_get_lladdr: a link-local address that may be used, or undefined. */
export function linkLocalAddr(link: Link): string | undefined {
  const found = link.addrs.find((a) => typeof a.addr === 'string' && a.scope === 253 && !a.tentative)
  return found?.addr as string | undefined
}

/** Whether the device takes part in IPv6 at all. */
export function isInet6(link: Link): boolean {
  return link.conf.disableIpv6 === 0 && link.mtu >= IPV6_MIN_MTU
}
