/**
 * The spanning tree of one bridge: roles, port states, messages. Models net/bridge/br_stp.c and br_stp_if.c
 * (Linux 6.18), that is IEEE 802.1D-1998. Timers are in stptimer.ts. Not here: a user-space daemon
 * (bridge-stp), RSTP, root block, BPDU guard. The same role and state functions run with STP off, when a
 * port goes straight to forwarding and nothing is sent: that is also how a bridge gets its carrier.
 */
import { createPacket } from '../packet.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../trace.ts'
import type { Bridge, BridgePort, Link, Netns, Packet, World } from '../types.ts'
import { ETH_P_802_2 } from '../types.ts'
import type { Bpdu } from './bpdu.ts'
import { BPDU_TCN, decodeBpdu, emptyBpdu, encodeBpdu, STP_GROUP_MAC } from './bpdu.ts'
import { klog } from './klog.ts'
import { bridgeCarrier } from './lifecycle.ts'
import { armBridge, armPort, HOLD_NS } from './stptimer.ts'
import { devQueueXmit } from './xmit.ts'

export const PORT_DISABLED = 0
export const PORT_LISTENING = 1
export const PORT_LEARNING = 2
export const PORT_FORWARDING = 3
export const PORT_BLOCKING = 4

const STATE_NAMES = ['disabled', 'listening', 'learning', 'forwarding', 'blocking']
const MESSAGE_AGE_INCREMENT_NS = 3_906_250

/** 16 hex digits: priority and address; comparing as text compares as 802.1D wants. */
export function bridgeIdOf(br: Bridge): string {
  return br.priority.toString(16).padStart(4, '0') + br.idMac.toString(16).padStart(12, '0')
}

/** The port identifier: 6 bits of priority, 10 of number. */
export function portIdOf(port: BridgePort): number {
  return (port.priority << 10) | port.portNo
}

export function isRootBridge(br: Bridge): boolean {
  return br.tree.rootId === bridgeIdOf(br)
}

export function isDesignatedPort(br: Bridge, port: BridgePort, id = bridgeIdOf(br)): boolean {
  return port.designatedBridge === id && port.designatedPort === portIdOf(port)
}

/** Sets a port's state and says so in the kernel log. */
export function setPortState(world: World, ns: Netns, brLink: Link, link: Link, state: number): void {
  const port = link.port
  if (port === null) return
  port.state = state
  const words = [
    brLink.name,
    ': port ',
    port.portNo,
    '(',
    link.name,
    ') entered ',
    STATE_NAMES[state],
    ' state',
  ]
  klog(world, ns, words.join(''))
}

/** A port starts: designated until something better is heard. */
export function initPort(world: World, ns: Netns, brLink: Link, br: Bridge, link: Link): void {
  const port = link.port
  if (port === null) return
  becomeDesignatedPort(br, port)
  setPortState(world, ns, brLink, link, PORT_BLOCKING)
  port.topologyChangeAck = false
  port.configPending = false
}

export function becomeDesignatedPort(br: Bridge, port: BridgePort): void {
  port.designatedRoot = br.tree.rootId
  port.designatedCost = br.tree.rootCost
  // One text for all ports of the root.
  port.designatedBridge = isRootBridge(br) ? br.tree.rootId : bridgeIdOf(br)
  port.designatedPort = portIdOf(port)
}

export function enablePort(world: World, ns: Netns, brLink: Link, br: Bridge, link: Link): void {
  initPort(world, ns, brLink, br, link)
  portStateSelection(world, ns, brLink, br)
}

/** The port's part in the tree ends; its learned addresses are the caller's to forget. */
export function disablePort(world: World, ns: Netns, brLink: Link, br: Bridge, link: Link): void {
  const port = link.port
  if (port === null) return
  const wasRoot = isRootBridge(br)
  becomeDesignatedPort(br, port)
  setPortState(world, ns, brLink, link, PORT_DISABLED)
  port.topologyChangeAck = false
  port.configPending = false
  port.messageAgeAt = 0
  port.forwardDelayAt = 0
  port.holdAt = 0
  configurationUpdate(ns, br)
  portStateSelection(world, ns, brLink, br)
  if (isRootBridge(br) && !wasRoot) becomeRootBridge(world, ns, brLink, br)
}

/** The bridge's identifier changes: ports that named the old one name the new one. */
export function changeBridgeId(
  world: World,
  ns: Netns,
  brLink: Link,
  br: Bridge,
  priority: number,
  mac: number,
): void {
  const wasRoot = isRootBridge(br)
  const old = bridgeIdOf(br)
  br.priority = priority
  br.idMac = mac
  const id = bridgeIdOf(br)
  for (const ifindex of br.ports) {
    const port = ns.links[ifindex]?.port
    if (port == null) continue
    if (port.designatedBridge === old) port.designatedBridge = id
    if (port.designatedRoot === old) port.designatedRoot = id
  }
  configurationUpdate(ns, br)
  portStateSelection(world, ns, brLink, br)
  if (isRootBridge(br) && !wasRoot) becomeRootBridge(world, ns, brLink, br)
}

export function becomeRootBridge(world: World, ns: Netns, brLink: Link, br: Bridge): void {
  const { tree } = br
  tree.maxAgeNs = br.maxAgeNs
  tree.helloNs = br.helloNs
  tree.forwardDelayNs = br.forwardDelayNs
  topologyChangeDetection(world, ns, brLink, br)
  tree.tcnAt = 0
  if (brLink.up) {
    configGeneration(world, ns, br)
    armBridge(world, ns, brLink, 'hello', tree.helloNs)
  }
}

/** Elects root, root port and designated ports anew. */
export function configurationUpdate(ns: Netns, br: Bridge): void {
  rootSelection(ns, br)
  for (const ifindex of br.ports) {
    const port = ns.links[ifindex]?.port
    if (port != null && port.state !== PORT_DISABLED && shouldBeDesignated(br, port))
      becomeDesignatedPort(br, port)
  }
}

/** Moves every port towards the state of its role; the bridge has carrier while one forwards. */
export function portStateSelection(world: World, ns: Netns, brLink: Link, br: Bridge): void {
  let live = 0
  const id = bridgeIdOf(br)
  for (const ifindex of br.ports) {
    const link = ns.links[ifindex]
    const port = link?.port
    if (link === undefined || port == null || port.state === PORT_DISABLED) continue
    if (port.portNo === br.tree.rootPort) {
      port.configPending = false
      port.topologyChangeAck = false
      makeForwarding(world, ns, brLink, br, link, port)
    } else if (isDesignatedPort(br, port, id)) {
      port.messageAgeAt = 0
      makeForwarding(world, ns, brLink, br, link, port)
    } else {
      port.configPending = false
      port.topologyChangeAck = false
      makeBlocking(world, ns, brLink, br, link, port)
    }
    if ((port.state as number) === PORT_FORWARDING) live++
  }
  bridgeCarrier(world, ns, brLink, live > 0)
}

/** Sends what every designated port has to say. */
export function configGeneration(world: World, ns: Netns, br: Bridge): void {
  const id = bridgeIdOf(br)
  for (const ifindex of br.ports) {
    const link = ns.links[ifindex]
    const port = link?.port
    if (link === undefined || port == null || port.state === PORT_DISABLED) continue
    if (isDesignatedPort(br, port, id)) transmitConfig(world, ns, br, link, port)
  }
}

/** At most one message a second and port; the rest waits for the hold timer. */
export function transmitConfig(world: World, ns: Netns, br: Bridge, link: Link, port: BridgePort): void {
  if (port.holdAt !== 0) {
    port.configPending = true
    return
  }
  const { tree } = br
  let messageAgeNs = 0
  if (!isRootBridge(br)) {
    const root = rootPortOf(ns, br)
    const left = root === undefined || root.messageAgeAt === 0 ? 0 : root.messageAgeAt - world.now
    messageAgeNs = Math.max(0, tree.maxAgeNs - left) + MESSAGE_AGE_INCREMENT_NS
  }
  if (messageAgeNs >= tree.maxAgeNs) return
  if (!br.stp) return
  sendBpdu(world, ns, link, {
    type: 0,
    topologyChange: tree.topologyChange,
    topologyChangeAck: port.topologyChangeAck,
    root: tree.rootId,
    rootCost: tree.rootCost,
    bridge: bridgeIdOf(br),
    port: portIdOf(port),
    messageAgeNs,
    maxAgeNs: tree.maxAgeNs,
    helloNs: tree.helloNs,
    forwardDelayNs: tree.forwardDelayNs,
  })
  port.topologyChangeAck = false
  port.configPending = false
  armPort(world, ns, link, 'hold', HOLD_NS)
}

/** A topology change: the root tells everybody, another bridge tells the root. */
export function topologyChangeDetection(world: World, ns: Netns, brLink: Link, br: Bridge): void {
  if (!br.stp) return
  const { tree } = br
  if (isRootBridge(br)) {
    tree.topologyChange = true
    armBridge(world, ns, brLink, 'topologyChange', br.forwardDelayNs + br.maxAgeNs)
  } else if (!tree.topologyChangeDetected) {
    transmitTcn(world, ns, br)
    armBridge(world, ns, brLink, 'tcn', br.helloNs)
  }
  tree.topologyChangeDetected = true
}

export function transmitTcn(world: World, ns: Netns, br: Bridge): void {
  for (const ifindex of br.ports) {
    const link = ns.links[ifindex]
    if (link?.port != null && link.port.portNo === br.tree.rootPort && br.stp) {
      sendBpdu(world, ns, link, emptyBpdu(BPDU_TCN))
      return
    }
  }
}

/**
 * A frame to the bridge group address arrived at `link`, a port of a bridge with STP on. Consumes the
 * packet.
 */
export function stpRcv(world: World, ns: Netns, link: Link, packet: Packet): void {
  const port = link.port
  if (port === null || packet.payload === null) return
  const brLink = ns.links[port.bridge]
  const br = brLink?.bridge
  if (brLink === undefined || br == null) return
  if (!br.stp || !brLink.up || port.state === PORT_DISABLED) {
    recordDrop(world, ns, packet, 'BRIDGE_INGRESS_STP_STATE', link.ifindex, port)
    return
  }
  const bpdu = decodeBpdu(packet.payload)
  if (bpdu === undefined) return
  recordStep(world, ns, packet, StepKind.Deliver, StepAction.Protocol, link.ifindex, port)
  if (bpdu.type === BPDU_TCN) receivedTcn(world, ns, brLink, br, link, port)
  else if (bpdu.messageAgeNs <= bpdu.maxAgeNs) receivedConfig(world, ns, brLink, br, link, port, bpdu)
}

function receivedConfig(
  world: World,
  ns: Netns,
  brLink: Link,
  br: Bridge,
  link: Link,
  port: BridgePort,
  bpdu: Bpdu,
): void {
  const { tree } = br
  const wasRoot = isRootBridge(br)
  if (!supersedes(br, port, bpdu)) {
    if (isDesignatedPort(br, port)) transmitConfig(world, ns, br, link, port)
    return
  }
  port.designatedRoot = bpdu.root
  port.designatedCost = bpdu.rootCost
  port.designatedBridge = bpdu.bridge
  port.designatedPort = bpdu.port
  armPort(world, ns, link, 'messageAge', bpdu.maxAgeNs - bpdu.messageAgeNs)
  configurationUpdate(ns, br)
  portStateSelection(world, ns, brLink, br)
  if (wasRoot && !isRootBridge(br)) {
    tree.helloAt = 0
    if (tree.topologyChangeDetected) {
      tree.topologyChangeAt = 0
      transmitTcn(world, ns, br)
      armBridge(world, ns, brLink, 'tcn', br.helloNs)
    }
  }
  if (port.portNo !== tree.rootPort) return
  tree.maxAgeNs = bpdu.maxAgeNs
  tree.helloNs = bpdu.helloNs
  tree.forwardDelayNs = bpdu.forwardDelayNs
  tree.topologyChange = bpdu.topologyChange
  configGeneration(world, ns, br)
  if (bpdu.topologyChangeAck) {
    tree.topologyChangeDetected = false
    tree.tcnAt = 0
  }
}

function receivedTcn(world: World, ns: Netns, brLink: Link, br: Bridge, link: Link, port: BridgePort): void {
  if (!isDesignatedPort(br, port)) return
  topologyChangeDetection(world, ns, brLink, br)
  port.topologyChangeAck = true
  transmitConfig(world, ns, br, link, port)
}

function supersedes(br: Bridge, port: BridgePort, bpdu: Bpdu): boolean {
  if (bpdu.root !== port.designatedRoot) return bpdu.root < port.designatedRoot
  if (bpdu.rootCost !== port.designatedCost) return bpdu.rootCost < port.designatedCost
  if (bpdu.bridge !== port.designatedBridge) return bpdu.bridge < port.designatedBridge
  return bpdu.bridge !== bridgeIdOf(br) || bpdu.port <= port.designatedPort
}

function rootSelection(ns: Netns, br: Bridge): void {
  const id = bridgeIdOf(br)
  let best: BridgePort | undefined
  for (const ifindex of br.ports) {
    const port = ns.links[ifindex]?.port
    if (port == null || port.state === PORT_DISABLED || isDesignatedPort(br, port, id)) continue
    if (id <= port.designatedRoot) continue
    if (best === undefined || betterRootPort(port, best)) best = port
  }
  const { tree } = br
  tree.rootPort = best === undefined ? 0 : best.portNo
  tree.rootId = best === undefined ? id : best.designatedRoot
  tree.rootCost = best === undefined ? 0 : best.designatedCost + best.cost
}

function betterRootPort(port: BridgePort, than: BridgePort): boolean {
  if (port.designatedRoot !== than.designatedRoot) return port.designatedRoot < than.designatedRoot
  const cost = port.designatedCost + port.cost
  const otherCost = than.designatedCost + than.cost
  if (cost !== otherCost) return cost < otherCost
  if (port.designatedBridge !== than.designatedBridge) return port.designatedBridge < than.designatedBridge
  if (port.designatedPort !== than.designatedPort) return port.designatedPort < than.designatedPort
  return portIdOf(port) < portIdOf(than)
}

function shouldBeDesignated(br: Bridge, port: BridgePort): boolean {
  const { tree } = br
  if (isDesignatedPort(br, port) || port.designatedRoot !== tree.rootId) return true
  if (tree.rootCost !== port.designatedCost) return tree.rootCost < port.designatedCost
  const id = bridgeIdOf(br)
  if (id !== port.designatedBridge) return id < port.designatedBridge
  return portIdOf(port) < port.designatedPort
}

function makeForwarding(
  world: World,
  ns: Netns,
  brLink: Link,
  br: Bridge,
  link: Link,
  port: BridgePort,
): void {
  if (port.state !== PORT_BLOCKING) return
  if (br.stp && br.tree.forwardDelayNs > 0) {
    setPortState(world, ns, brLink, link, PORT_LISTENING)
    armPort(world, ns, link, 'forwardDelay', br.tree.forwardDelayNs)
    return
  }
  setPortState(world, ns, brLink, link, PORT_FORWARDING)
  topologyChangeDetection(world, ns, brLink, br)
  port.forwardDelayAt = 0
}

function makeBlocking(world: World, ns: Netns, brLink: Link, br: Bridge, link: Link, port: BridgePort): void {
  if (port.state === PORT_BLOCKING) return
  if (port.state === PORT_FORWARDING || port.state === PORT_LEARNING)
    topologyChangeDetection(world, ns, brLink, br)
  setPortState(world, ns, brLink, link, PORT_BLOCKING)
  port.forwardDelayAt = 0
}

function rootPortOf(ns: Netns, br: Bridge): BridgePort | undefined {
  for (const ifindex of br.ports) {
    const port = ns.links[ifindex]?.port
    if (port != null && port.portNo === br.tree.rootPort) return port
  }
  return undefined
}

function sendBpdu(world: World, ns: Netns, link: Link, bpdu: Bpdu): void {
  const packet = createPacket(world, ETH_P_802_2, 0)
  packet.smac = link.mac
  packet.dmac = STP_GROUP_MAC
  packet.payload = encodeBpdu(bpdu)
  packet.length = packet.payload.length
  packet.oif = link.ifindex
  recordStep(world, ns, packet, StepKind.Originate, StepAction.Protocol, link.ifindex, null)
  devQueueXmit(world, ns, link, packet)
}
