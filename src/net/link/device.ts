/**
 * Network devices: how one is made, found and described, and the carrier rules between devices.
 * Models net/core/dev.c, net/core/link_watch.c and the carrier parts of drivers/net/veth.c (Linux 6.18).
 * Link watching is immediate here; the kernel's takes up to a second for some devices.
 */
import type { Ip, Mac } from '../../base/addr.ts'
import { multicastMac } from '../../base/addr.ts'
import type { IfAddr, Link, LinkKind, LinkStats, Netns, OperState, Wire, World } from '../types.ts'
import { findNetns } from '../world.ts'
import { klog } from './klog.ts'

export const DEFAULT_MTU = 1500
export const VETH_LATENCY_NS = 10_000
export const CABLE_LATENCY_NS = 50_000
const LOOPBACK_LATENCY_NS = 1_000
export const ETH_HLEN = 14
export const VLAN_HLEN = 4

/** What an idle device has is shared and frozen: nobody pays for thousands of them. */
const NO_STATS: LinkStats = Object.freeze(createStats())
const FEW_LINKS = 4
const NO_ADDRS: readonly IfAddr[] = Object.freeze([])
const NO_GROUPS: readonly Ip[] = Object.freeze([])
const VETH_WIRE = idleWire(VETH_LATENCY_NS)
const CABLE_WIRE = idleWire(CABLE_LATENCY_NS)
const LOOP_WIRE = idleWire(LOOPBACK_LATENCY_NS)
const WIRES: Partial<Record<LinkKind, Wire>> = Object.freeze({ phys: CABLE_WIRE, loopback: LOOP_WIRE })

/** The device at `ifindex`, or undefined. */
export function linkAt(ns: Netns, ifindex: number): Link | undefined {
  return ns.links[ifindex]
}

/** The device called `name`, or undefined. */
export function linkByName(ns: Netns, name: string): Link | undefined {
  for (const link of ns.links) if (link !== undefined && link.name === name) return link
  return undefined
}

/** All devices, by ifindex. */
export function linksOf(ns: Netns): Link[] {
  const list: Link[] = []
  for (const link of ns.links) if (link !== undefined) list.push(link)
  return list
}

/** Up, and somebody at the other end: IFF_RUNNING as far as frames can pass. */
export function isRunning(link: Link): boolean {
  return link.up && link.carrier
}

/** The state that `ip link` prints: of a device that is down always DOWN. */
export function operState(link: Link): OperState {
  return link.up ? link.operstate : 'DOWN'
}

/** The other end of a veth or cable and its namespace, or undefined. For reading; `touch` before writing. */
export function peerOf(world: World, link: Link): { ns: Netns; link: Link } | undefined {
  if (link.peer === null) return undefined
  const ns = findNetns(world, link.peer.ns)
  const peer = ns?.links[link.peer.ifindex]
  return ns === undefined || peer === undefined ? undefined : { ns, link: peer }
}

/** What IFLA_LINK says: the peer of a veth, the device below a vlan, otherwise the device itself. */
export function iflinkOf(link: Link): number {
  if (link.kind === 'veth' && link.peer !== null) return link.peer.ifindex
  return link.kind === 'vlan' ? link.lower : link.ifindex
}

/** The next locally administered address of this world: 02:00:00:00:00:01 and so on. */
export function newMac(world: World): Mac {
  const n = world.scalars.nextMac ?? 1
  world.scalars.nextMac = n + 1
  return 0x020000000000 + n
}

/** The next free index of a namespace: they only grow, as the kernel's cyclic allocation does. */
export function allocIfindex(ns: Netns): number {
  while (ns.links[ns.nextIfindex] !== undefined) ns.nextIfindex++
  return ns.nextIfindex++
}

/** A device record with a kind's defaults, not yet in any namespace. The one place where one is made. */
export function createLink(ns: Netns, ifindex: number, name: string, kind: LinkKind, mac: Mac): Link {
  // What every frame asks comes first: it is fetched from memory together.
  return {
    ifindex,
    up: false,
    carrier: false,
    kind,
    mac,
    mtu: DEFAULT_MTU,
    port: null,
    conf: ns.confDefault,
    stats: NO_STATS,
    wire: WIRES[kind] ?? VETH_WIRE,
    windowAt: 0,
    windowCount: 0,
    peer: null,
    name,
    operstate: 'UNKNOWN',
    promisc: 0,
    promiscFlag: false,
    attached: false,
    noarp: kind === 'dummy',
    qlen: 1000,
    qdisc: null,
    master: 0,
    lower: 0,
    vlanId: 0,
    bridge: null,
    addrs: NO_ADDRS,
    groups: NO_GROUPS,
    inet6: null,
  }
}

/** The device's counters, for counting: its own from the first time on. */
export function statsOf(link: Link): LinkStats {
  if (link.stats === NO_STATS) link.stats = createStats()
  return link.stats
}

/** Written out: engines lay a copy by spreading out in two pieces. */
function createStats(): LinkStats {
  return { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0, rxDropped: 0, rxMulticast: 0, txDropped: 0 }
}

/** The device's wire, for writing: its own from the first time on. */
export function wireOf(link: Link): Wire {
  const { wire } = link
  if (wire === VETH_WIRE || wire === CABLE_WIRE || wire === LOOP_WIRE) link.wire = { ...wire }
  return link.wire
}

/** Puts a device into its namespace's table; holes below it are filled so that the array stays packed. */
export function insertLink(ns: Netns, link: Link): void {
  if (link.ifindex === ns.links.length && link.ifindex < FEW_LINKS) {
    // Arrays that grow in place take room for more than ten; most namespaces have two devices.
    ns.links = ns.links.concat(link)
    return
  }
  while (ns.links.length < link.ifindex) ns.links.push(undefined)
  ns.links[link.ifindex] = link
}

/**
 * Multicast addresses that the device listens to, in the order `bridge fdb show` prints them as `self
 * permanent`. A bridge has two more for multicast snooping's sake. Empty for loopback.
 */
export function linkMulticast(link: Link): Mac[] {
  if (link.kind === 'loopback') return []
  // ff02::1 is joined when a device is made, with IPv6 disabled too. (Disabling it later leaves it: not here.)
  const macs: Mac[] = [0x333300000001]
  if (link.kind === 'bridge' && link.up) macs.push(0x01005e00006a, 0x33330000006a)
  if (link.up) macs.push(0x01005e000001)
  for (const group of link.groups) {
    const mac = multicastMac(group)
    if (!macs.includes(mac)) macs.push(mac)
  }
  return macs
}

/**
 * One more (1) or one less (-1) wants every frame of the device: a bridge, a packet socket, the
 * administrator.
 */
export function setPromiscuity(world: World, ns: Netns, link: Link, by: 1 | -1): void {
  const before = link.promisc > 0
  link.promisc += by
  if (link.promisc > 0 === before) return
  klog(world, ns, `${link.name}: ${before ? 'left' : 'entered'} promiscuous mode`)
}

/**
 * Sets the carrier and what follows from it: the operational state and nothing else. True when it changed.
 * Whoever calls it tells the layers above.
 */
export function setCarrier(ns: Netns, link: Link, carrier: boolean): boolean {
  if (link.carrier === carrier) return false
  link.carrier = carrier
  updateOperState(ns, link)
  return true
}

/** RFC 2863: a device whose lower or peer *in this namespace* has no carrier is LOWERLAYERDOWN. */
export function updateOperState(ns: Netns, link: Link): void {
  if (link.carrier) link.operstate = 'UP'
  else {
    const iflink = iflinkOf(link)
    const lower = iflink === link.ifindex ? undefined : ns.links[iflink]
    link.operstate = lower === undefined || lower.carrier ? 'DOWN' : 'LOWERLAYERDOWN'
  }
}

/** What the carrier of a device ought to be by its kind. Not for bridges: their ports' states decide. */
export function carrierOf(world: World, ns: Netns, link: Link): boolean {
  switch (link.kind) {
    case 'veth':
    case 'phys': {
      const peer = peerOf(world, link)
      return peer !== undefined && link.up && peer.link.up
    }
    case 'vlan':
      return ns.links[link.lower]?.carrier === true
    default:
      return link.carrier
  }
}

function idleWire(latencyNs: number): Wire {
  return Object.freeze({ latencyNs, rateBps: 0, lossPpm: 0, busyUntil: 0 })
}
