// Models the host side of net/ipv6/mcast.c (Linux 6.18): joining and leaving groups and the MLDv2 reports of it. Not
// here: queries (nobody is a multicast router), MLDv1, source filters.
import { nextBelow } from '../../base/rng.ts'
import { createIcmp } from '../packet.ts'
import type { Link, Netns, World } from '../types.ts'
import { MS } from '../wheel.ts'
import type { Group6 } from './inet6dev.ts'
import { ALL_MLD, ALL_NODES, ANY6, armAddr6, inet6Dev, linkLocalAddr } from './inet6dev.ts'
import { linkSend6 } from './linksend.ts'

const CHANGE_TO_INCLUDE = 3
const CHANGE_TO_EXCLUDE = 4
/** Reports of one change (mld_qrv). */
const ROBUSTNESS = 2
/** Two ticks of 4 ms. */
const SOON_NS = 8 * MS
/** unsolicited_report_interval of version 2, ms. */
const REPORT_INTERVAL = 1000
const MLD_REPORT = 143

/** ipv6_dev_mc_inc: one more wants the group; a new one is reported. */
export function groupJoin(world: World, ns: Netns, link: Link, addr: string): void {
  const dev = inet6Dev(link)
  const known = dev.groups.find((group) => group.addr === addr)
  if (known !== undefined) {
    known.users++
    return
  }
  dev.left = dev.left.filter((group) => group.addr !== addr)
  const group: Group6 = { addr, users: 1, changes: 0 }
  dev.groups = [group, ...dev.groups]
  syncGroups(link)
  groupAdded(world, ns, link, group)
}

/** ipv6_dev_mc_dec: one less wants it; the last leaves, and says so. */
export function groupLeave(world: World, ns: Netns, link: Link, addr: string): void {
  const dev = inet6Dev(link)
  const known = dev.groups.find((group) => group.addr === addr)
  if (known === undefined || --known.users > 0) return
  dev.groups = dev.groups.filter((group) => group !== known)
  syncGroups(link)
  dev.left = [{ addr, users: 0, changes: ROBUSTNESS }, ...dev.left]
  if (link.up) changeEvent(world, ns, link)
}

/** ipv6_mc_up: everything is reported anew. An address added by hand does this too. */
export function groupsUp(world: World, ns: Netns, link: Link): void {
  for (const group of inet6Dev(link).groups) groupAdded(world, ns, link, group)
}

/** ipv6_mc_down: nothing more is sent; what was left is reported when the device comes back. */
export function groupsDown(link: Link): void {
  const dev = inet6Dev(link)
  dev.reportTimer = 0
  dev.firstReportTimer = 0
}

/** ipv6_mc_dad_complete: there is a link-local address now; all groups are reported from it. */
export function reportFromAddress(world: World, ns: Netns, link: Link): void {
  const dev = inet6Dev(link)
  dev.firstReports = ROBUSTNESS
  firstReport(world, ns, link)
}

/** mld_dad_work and the first call: all groups, then once more within a second. */
export function firstReport(world: World, ns: Netns, link: Link): void {
  const dev = inet6Dev(link)
  dev.firstReportTimer = 0
  sendRecords(
    world,
    ns,
    link,
    dev.groups.map((group) => ({ type: CHANGE_TO_EXCLUDE, group: group.addr })),
  )
  if (--dev.firstReports > 0) {
    dev.firstReportTimer = armAddr6(world, ns, link, 'firstReport', reportDelay(ns))
  }
}

/** mld_ifc_work: the changes, then once more within a second. */
export function changeReport(world: World, ns: Netns, link: Link): void {
  const dev = inet6Dev(link)
  dev.reportTimer = 0
  const records: { type: number; group: string }[] = []
  for (const group of dev.left) {
    records.push({ type: CHANGE_TO_INCLUDE, group: group.addr })
    group.changes--
  }
  dev.left = dev.left.filter((group) => group.changes > 0)
  for (const group of dev.groups) {
    if (group.changes === 0) continue
    records.push({ type: CHANGE_TO_EXCLUDE, group: group.addr })
    group.changes--
  }
  sendRecords(world, ns, link, records)
  if (dev.reports > 0 && --dev.reports > 0) {
    dev.reportTimer = armAddr6(world, ns, link, 'report', reportDelay(ns))
  }
}

/** ipv6_chk_mcast_addr: whether the device listens to a group. */
export function isJoined(link: Link, addr: string): boolean {
  if (addr === ALL_NODES) return true
  return link.inet6?.groups.some((group) => group.addr === addr) ?? false
}

function groupAdded(world: World, ns: Netns, link: Link, group: Group6): void {
  if (!link.up) return
  group.changes = ROBUSTNESS
  changeEvent(world, ns, link)
}

function changeEvent(world: World, ns: Netns, link: Link): void {
  const dev = inet6Dev(link)
  dev.reports = ROBUSTNESS
  dev.reportTimer = armAddr6(world, ns, link, 'report', SOON_NS)
}

function reportDelay(ns: Netns): number {
  return nextBelow(ns.rng, REPORT_INTERVAL) * MS + SOON_NS
}

/** What the driver's filter and `bridge fdb` see. */
function syncGroups(link: Link): void {
  const four = link.groups.filter((group) => typeof group === 'number')
  const six = inet6Dev(link).groups.map((group) => group.addr)
  link.groups = [...four, ...six.reverse()]
}

function sendRecords(world: World, ns: Netns, link: Link, records: { type: number; group: string }[]): void {
  const most = Math.max(1, Math.floor((link.mtu - 56) / 20))
  for (let at = 0; at < records.length; at += most) {
    const groups = records.slice(at, at + most)
    const icmp = createIcmp(MLD_REPORT, 0)
    icmp.nd = { target: ANY6, flags: 0, lladdr: -1, nonce: -1, groups }
    // Hop-by-hop header with the router alert, ICMPv6 header, 20 bytes a group.
    const length = 40 + 8 + 8 + 20 * groups.length
    linkSend6(world, ns, link, linkLocalAddr(link) ?? ANY6, ALL_MLD, icmp, 1, length, 0)
  }
}
