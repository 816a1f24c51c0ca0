/**
 * Settings of bridges and their ports. Models br_changelink and br_port_slave_changelink of
 * net/bridge/br_netlink.c (Linux 6.18), limits and errors included. What is not modelled is refused by
 * name.
 */
import type { NlResult } from '../nlresult.ts'
import { nlErrno, nlError } from '../nlresult.ts'
import type { Bridge, Link, Netns, World } from '../types.ts'
import { setPortPriority } from './brport.ts'
import { isRunning } from './device.ts'
import { changeBridgeId, configurationUpdate, isRootBridge, portStateSelection, setPortState } from './stp.ts'
import { armBridge } from './stptimer.ts'

const SECOND = 1_000_000_000

/** `ip link set BR type bridge …`; times in ns. */
export interface BridgeOptions {
  ageingNs?: number
  forwardDelayNs?: number
  helloNs?: number
  maxAgeNs?: number
  stp?: boolean
  priority?: number
  vlanFiltering?: boolean
  /** Forgets what was learned; own and static entries stay. */
  fdbFlush?: boolean
}

/** `ip link set PORT type bridge_slave …`. `state` as in BridgePort. */
export interface BridgePortOptions {
  state?: number
  priority?: number
  cost?: number
  hairpin?: boolean
  learning?: boolean
  flood?: boolean
  isolated?: boolean
  guard?: boolean
  fdbFlush?: boolean
}

/**
 * Changes a bridge. The namespace is touched. On an error what came before it stays changed, as in the
 * kernel.
 */
export function changeBridge(world: World, ns: Netns, brLink: Link, options: BridgeOptions): NlResult {
  const br = brLink.bridge
  if (br === null) return nlErrno('EOPNOTSUPP')
  if (options.forwardDelayNs !== undefined) {
    const ns0 = options.forwardDelayNs
    if (br.stp && (ns0 < 2 * SECOND || ns0 > 30 * SECOND)) return nlErrno('ERANGE')
    setForwardDelay(br, ns0)
  }
  if (options.helloNs !== undefined) {
    if (options.helloNs < SECOND || options.helloNs > 10 * SECOND) return nlErrno('ERANGE')
    br.helloNs = options.helloNs
    if (isRootBridge(br)) br.tree.helloNs = options.helloNs
  }
  if (options.maxAgeNs !== undefined) {
    if (options.maxAgeNs < 6 * SECOND || options.maxAgeNs > 40 * SECOND) return nlErrno('ERANGE')
    br.maxAgeNs = options.maxAgeNs
    if (isRootBridge(br)) br.tree.maxAgeNs = options.maxAgeNs
  }
  if (options.ageingNs !== undefined) br.ageingNs = options.ageingNs
  if (options.stp !== undefined) setStp(world, ns, brLink, br, options.stp)
  if (options.priority !== undefined)
    changeBridgeId(world, ns, brLink, br, options.priority & 0xffff, br.idMac)
  if (options.vlanFiltering === true)
    return nlError('EOPNOTSUPP', 'Kubehop does not model bridge vlan_filtering')
  if (options.fdbFlush === true) fdbFlushDynamic(br, 0)
  return null
}

/** Changes a bridge port. The namespace is touched. */
export function changeBridgePort(world: World, ns: Netns, link: Link, options: BridgePortOptions): NlResult {
  const port = link.port
  const brLink = port === null ? undefined : ns.links[port.bridge]
  const br = brLink?.bridge
  if (port === null || brLink === undefined || br == null) return nlErrno('EOPNOTSUPP')
  if (options.guard === true) return nlError('EOPNOTSUPP', 'Kubehop does not model bridge_slave guard')
  if (options.hairpin !== undefined) port.hairpin = options.hairpin
  if (options.learning !== undefined) port.learning = options.learning
  if (options.flood !== undefined) port.flood = options.flood
  if (options.isolated !== undefined) port.isolated = options.isolated
  if (options.cost !== undefined) {
    if (options.cost < 1 || options.cost > 65535) return nlErrno('ERANGE')
    port.cost = options.cost
    configurationUpdate(ns, br)
    portStateSelection(world, ns, brLink, br)
  }
  if (options.priority !== undefined) {
    if (options.priority < 0 || options.priority > 63) return nlErrno('ERANGE')
    setPortPriority(world, ns, link, options.priority)
  }
  if (options.state !== undefined) {
    if (options.state < 0 || options.state > 4) return nlErrno('EINVAL')
    if (br.stp) return nlErrno('EBUSY')
    if (!link.up || (!isRunning(link) && options.state !== 0)) return nlErrno('ENETDOWN')
    setPortState(world, ns, brLink, link, options.state)
    portStateSelection(world, ns, brLink, br)
  }
  if (options.fdbFlush === true) fdbFlushDynamic(br, link.ifindex)
  return null
}

/** Forgets what was learned, at one port or (0) at all. */
export function fdbFlushDynamic(br: Bridge, port: number): void {
  for (const entry of br.fdb.values()) {
    if (!entry.static && (port === 0 || entry.port === port)) br.fdb.delete(entry.mac)
  }
}

function setForwardDelay(br: Bridge, delayNs: number): void {
  br.forwardDelayNs = delayNs
  if (isRootBridge(br)) br.tree.forwardDelayNs = delayNs
}

/** Ports that forward go on doing so until a message tells them otherwise. */
function setStp(world: World, ns: Netns, brLink: Link, br: Bridge, on: boolean): void {
  if (br.stp === on) return
  br.stp = on
  if (on) {
    if (br.forwardDelayNs < 2 * SECOND) setForwardDelay(br, 2 * SECOND)
    else if (br.forwardDelayNs > 30 * SECOND) setForwardDelay(br, 30 * SECOND)
    if (brLink.up) armBridge(world, ns, brLink, 'hello', br.tree.helloNs)
  } else br.tree.helloAt = 0
  portStateSelection(world, ns, brLink, br)
}
