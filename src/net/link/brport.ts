/**
 * Ports of a bridge: enslaving, releasing, and what a port's state means for the bridge. Models
 * net/bridge/br_if.c, br_device.c and br.c (Linux 6.18). Not here: vlan filtering, switchdev, multicast
 * routers.
 */
import type { Mac } from '../../base/addr.ts'
import type { Bridge, Link, Netns, World } from '../types.ts'
import { isRunning, setPromiscuity } from './device.ts'
import { fdbAddLocal, fdbChangeBridgeMac, fdbChangePortMac, fdbDeleteByPort } from './fdb.ts'
import { notifyMac } from './notify.ts'
import {
  becomeDesignatedPort,
  bridgeIdOf,
  changeBridgeId,
  configGeneration,
  disablePort,
  enablePort,
  initPort,
  isDesignatedPort,
  PORT_DISABLED,
  portIdOf,
  portStateSelection,
  setPortState,
} from './stp.ts'
import { armBridge } from './stptimer.ts'

const SECOND = 1_000_000_000
const DEFAULT_PORT_PRIORITY = 32

/** The state of a new bridge. */
export function createBridge(): Bridge {
  const br: Bridge = {
    ports: [],
    fdb: new Map(),
    ageingNs: 300 * SECOND,
    stp: false,
    priority: 32768,
    forwardDelayNs: 15 * SECOND,
    helloNs: 2 * SECOND,
    maxAgeNs: 20 * SECOND,
    tree: {
      rootId: '',
      rootPort: 0,
      rootCost: 0,
      topologyChange: false,
      topologyChangeDetected: false,
      maxAgeNs: 20 * SECOND,
      helloNs: 2 * SECOND,
      forwardDelayNs: 15 * SECOND,
      helloAt: 0,
      tcnAt: 0,
      topologyChangeAt: 0,
    },
    macSet: false,
    mtuSet: false,
    idMac: 0,
    vlanFiltering: false,
  }
  br.tree.rootId = bridgeIdOf(br)
  return br
}

/** Makes `link` a port. The caller has checked that it may be one. */
export function brAddIf(world: World, ns: Netns, brLink: Link, link: Link): void {
  const br = brLink.bridge
  if (br === null) return
  let portNo = 1
  const taken = new Set(br.ports.map((ifindex) => ns.links[ifindex]?.port?.portNo))
  while (taken.has(portNo)) portNo++
  link.master = brLink.ifindex
  link.port = {
    bridge: brLink.ifindex,
    portNo,
    state: PORT_DISABLED,
    cost: pathCost(ns, link),
    priority: DEFAULT_PORT_PRIORITY,
    hairpin: false,
    learning: true,
    flood: true,
    isolated: false,
    designatedRoot: '',
    designatedBridge: '',
    designatedPort: 0,
    designatedCost: 0,
    topologyChangeAck: false,
    configPending: false,
    forwardDelayAt: 0,
    messageAgeAt: 0,
    holdAt: 0,
  }
  initPort(world, ns, brLink, br, link)
  setPortState(world, ns, brLink, link, PORT_DISABLED)
  setPromiscuity(world, ns, link, 1)
  br.ports.unshift(link.ifindex)
  fdbAddLocal(world, br, link.mac, link.ifindex)
  recalculateBridgeMac(world, ns, brLink)
  if (isRunning(link) && brLink.up) enablePort(world, ns, brLink, br, link)
  mtuAutoAdjust(ns, brLink)
}

/** Releases a port. */
export function brDelIf(world: World, ns: Netns, link: Link): void {
  const brLink = ns.links[link.master]
  const br = brLink?.bridge
  if (brLink === undefined || br == null) return
  disablePort(world, ns, brLink, br, link)
  br.ports = br.ports.filter((ifindex) => ifindex !== link.ifindex)
  fdbDeleteByPort(ns, brLink, link.ifindex, true)
  link.port = null
  link.master = 0
  setPromiscuity(world, ns, link, -1)
  mtuAutoAdjust(ns, brLink)
  recalculateBridgeMac(world, ns, brLink)
}

/** The bridge itself was set up: its running ports begin. */
export function brDevOpen(world: World, ns: Netns, brLink: Link): void {
  const br = brLink.bridge
  if (br === null) return
  if (br.stp) armBridge(world, ns, brLink, 'hello', br.tree.helloNs)
  configGeneration(world, ns, br)
  for (const ifindex of br.ports) {
    const link = ns.links[ifindex]
    if (link !== undefined && isRunning(link)) enablePort(world, ns, brLink, br, link)
  }
}

/** The bridge itself was set down: all ports stop. */
export function brDevStop(world: World, ns: Netns, brLink: Link): void {
  const br = brLink.bridge
  if (br === null) return
  for (const ifindex of br.ports) {
    const link = ns.links[ifindex]
    if (link !== undefined) stopPort(world, ns, brLink, br, link)
  }
  br.tree.topologyChange = false
  br.tree.topologyChangeDetected = false
  br.tree.helloAt = 0
  br.tree.tcnAt = 0
  br.tree.topologyChangeAt = 0
}

/** A port's device was set up. */
export function portUp(world: World, ns: Netns, link: Link): void {
  const brLink = ns.links[link.master]
  if (brLink?.bridge == null || !brLink.up || !isRunning(link)) return
  if (link.port?.state === PORT_DISABLED) enablePort(world, ns, brLink, brLink.bridge, link)
}

/** A port's device was set down. */
export function portDown(world: World, ns: Netns, link: Link): void {
  const brLink = ns.links[link.master]
  if (brLink?.bridge != null && brLink.up) stopPort(world, ns, brLink, brLink.bridge, link)
}

/** A port's carrier came or went. */
export function portCarrierCheck(world: World, ns: Netns, link: Link): void {
  if (isRunning(link)) portUp(world, ns, link)
  else portDown(world, ns, link)
}

/**
 * A bridge without an address set by hand takes the lowest of its ports, or none when it has no port left.
 */
export function recalculateBridgeMac(world: World, ns: Netns, brLink: Link): void {
  const br = brLink.bridge
  if (br === null || br.macSet) return
  let lowest = 0
  for (const ifindex of br.ports) {
    const mac = ns.links[ifindex]?.mac ?? 0
    if (lowest === 0 || mac < lowest) lowest = mac
  }
  if (lowest !== br.idMac) setBridgeMac(world, ns, brLink, lowest)
}

/** Gives the bridge an address, as its identifier too. */
export function setBridgeMac(world: World, ns: Netns, brLink: Link, mac: Mac): void {
  const br = brLink.bridge
  if (br === null) return
  fdbChangeBridgeMac(world, ns, brLink, mac)
  changeBridgeId(world, ns, brLink, br, br.priority, mac)
  notifyMac(world, ns, brLink)
}

/** A port's address has changed to `link.mac`. */
export function portMacChanged(world: World, ns: Netns, link: Link): void {
  const brLink = ns.links[link.master]
  if (brLink?.bridge == null) return
  fdbChangePortMac(world, ns, brLink, link)
  recalculateBridgeMac(world, ns, brLink)
}

/** A port's priority changes, and with it its identifier. */
export function setPortPriority(world: World, ns: Netns, link: Link, priority: number): void {
  const port = link.port
  const brLink = ns.links[link.master]
  if (port === null || brLink?.bridge == null) return
  const br = brLink.bridge
  const designated = isDesignatedPort(br, port)
  port.priority = priority
  if (designated) port.designatedPort = portIdOf(port)
  else if (port.designatedBridge === bridgeIdOf(br) && portIdOf(port) < port.designatedPort) {
    becomeDesignatedPort(br, port)
    portStateSelection(world, ns, brLink, br)
  }
}

/** A bridge without an MTU set by hand has the smallest of its ports. */
export function mtuAutoAdjust(ns: Netns, brLink: Link): void {
  const br = brLink.bridge
  if (br === null || br.mtuSet) return
  let smallest = 0
  for (const ifindex of br.ports) {
    const mtu = ns.links[ifindex]?.mtu ?? 0
    if (smallest === 0 || mtu < smallest) smallest = mtu
  }
  brLink.mtu = smallest === 0 ? 1500 : smallest
}

/** A veth says 10 Gb/s, so does a cable here; a device that says nothing costs as much as 10 Mb/s did. */
export function pathCost(ns: Netns, link: Link): number {
  if (link.kind === 'veth' || link.kind === 'phys') return 2
  const lower = link.kind === 'vlan' ? ns.links[link.lower] : undefined
  return lower === undefined ? 100 : pathCost(ns, lower)
}

function stopPort(world: World, ns: Netns, brLink: Link, br: Bridge, link: Link): void {
  if (link.port === null || link.port.state === PORT_DISABLED) return
  fdbDeleteByPort(ns, brLink, link.ifindex, false)
  disablePort(world, ns, brLink, br, link)
}
