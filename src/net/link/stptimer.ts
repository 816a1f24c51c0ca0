/**
 * Spanning tree timers. Models net/bridge/br_stp_timer.c (Linux 6.18). A timer is the time at which it
 * fires, kept in the bridge or port; an event whose time is not that is stale and ignored. So stopping one
 * is writing 0. Like the kernel's they fire up to an eighth of their length late.
 */
import { schedule } from '../../sim/dispatch.ts'
import type { SimEvent } from '../../sim/queue.ts'
import { Ev } from '../events.ts'
import type { Bridge, Link, Netns, World } from '../types.ts'
import { wheelAt } from '../wheel.ts'
import { bridgeCarrier } from './lifecycle.ts'
import {
  becomeDesignatedPort,
  becomeRootBridge,
  bridgeIdOf,
  configGeneration,
  configurationUpdate,
  isRootBridge,
  PORT_DISABLED,
  PORT_FORWARDING,
  PORT_LEARNING,
  PORT_LISTENING,
  portStateSelection,
  setPortState,
  topologyChangeDetection,
  transmitConfig,
  transmitTcn,
} from './stp.ts'

export const HOLD_NS = 1_000_000_000

export type BridgeTimerName = 'hello' | 'tcn' | 'topologyChange'
export type PortTimerName = 'forwardDelay' | 'messageAge' | 'hold'

/** `ref` of Ev.BridgeTimer; `arg` is the bridge's or the port's ifindex. */
export interface BridgeTimerRef {
  what: BridgeTimerName | PortTimerName
}

/** Starts or restarts a bridge's timer, `ns` from now. */
export function armBridge(
  world: World,
  ns: Netns,
  brLink: Link,
  what: BridgeTimerName,
  delayNs: number,
): void {
  const tree = brLink.bridge?.tree
  if (tree === undefined) return
  const at = wheelAt(world.now, delayNs)
  if (what === 'hello') tree.helloAt = at
  else if (what === 'tcn') tree.tcnAt = at
  else tree.topologyChangeAt = at
  schedule(world, at, Ev.BridgeTimer, ns.id, brLink.ifindex, { what })
}

/** Starts or restarts a port's timer, `ns` from now. */
export function armPort(world: World, ns: Netns, link: Link, what: PortTimerName, delayNs: number): void {
  const port = link.port
  if (port === null) return
  const at = wheelAt(world.now, delayNs)
  if (what === 'forwardDelay') port.forwardDelayAt = at
  else if (what === 'messageAge') port.messageAgeAt = at
  else port.holdAt = at
  schedule(world, at, Ev.BridgeTimer, ns.id, link.ifindex, { what })
}

/** Handler of Ev.BridgeTimer. */
export function bridgeTimer(world: World, ns: Netns, event: SimEvent): void {
  const link = ns.links[event.arg]
  if (link === undefined) return
  const { what } = event.ref as BridgeTimerRef
  if (what === 'hello' || what === 'tcn' || what === 'topologyChange') {
    if (link.bridge !== null) treeTimer(world, ns, link, link.bridge, what)
  } else {
    const brLink = link.port === null ? undefined : ns.links[link.port.bridge]
    if (brLink?.bridge != null) portTimer(world, ns, brLink, brLink.bridge, link, what)
  }
}

function treeTimer(world: World, ns: Netns, brLink: Link, br: Bridge, what: BridgeTimerName): void {
  const { tree } = br
  if (what === 'hello') {
    if (tree.helloAt !== world.now) return
    tree.helloAt = 0
    if (!brLink.up || !br.stp) return
    configGeneration(world, ns, br)
    armBridge(world, ns, brLink, 'hello', tree.helloNs)
  } else if (what === 'tcn') {
    if (tree.tcnAt !== world.now) return
    tree.tcnAt = 0
    if (isRootBridge(br) || !brLink.up) return
    transmitTcn(world, ns, br)
    armBridge(world, ns, brLink, 'tcn', br.helloNs)
  } else {
    if (tree.topologyChangeAt !== world.now) return
    tree.topologyChangeAt = 0
    tree.topologyChangeDetected = false
    tree.topologyChange = false
  }
}

function portTimer(world: World, ns: Netns, brLink: Link, br: Bridge, link: Link, what: PortTimerName): void {
  const port = link.port
  if (port === null) return
  if (what === 'hold') {
    if (port.holdAt !== world.now) return
    port.holdAt = 0
    if (port.configPending) transmitConfig(world, ns, br, link, port)
  } else if (what === 'messageAge') {
    if (port.messageAgeAt !== world.now) return
    port.messageAgeAt = 0
    if (port.state !== PORT_DISABLED) messageAged(world, ns, brLink, br, link)
  } else {
    if (port.forwardDelayAt !== world.now) return
    port.forwardDelayAt = 0
    forwardDelayOver(world, ns, brLink, br, link)
  }
}

/** Nothing was heard for too long: this port takes the segment over. */
function messageAged(world: World, ns: Netns, brLink: Link, br: Bridge, link: Link): void {
  if (link.port === null) return
  const wasRoot = isRootBridge(br)
  becomeDesignatedPort(br, link.port)
  configurationUpdate(ns, br)
  portStateSelection(world, ns, brLink, br)
  if (isRootBridge(br) && !wasRoot) becomeRootBridge(world, ns, brLink, br)
}

function forwardDelayOver(world: World, ns: Netns, brLink: Link, br: Bridge, link: Link): void {
  const port = link.port
  if (port === null) return
  if (port.state === PORT_LISTENING) {
    setPortState(world, ns, brLink, link, PORT_LEARNING)
    armPort(world, ns, link, 'forwardDelay', br.tree.forwardDelayNs)
  } else if (port.state === PORT_LEARNING) {
    setPortState(world, ns, brLink, link, PORT_FORWARDING)
    const id = bridgeIdOf(br)
    let designated = false
    for (const ifindex of br.ports) {
      const other = ns.links[ifindex]?.port
      if (other != null && other.state !== PORT_DISABLED && other.designatedBridge === id) designated = true
    }
    if (designated) topologyChangeDetection(world, ns, brLink, br)
    bridgeCarrier(world, ns, brLink, true)
  }
}
