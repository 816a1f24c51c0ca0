/**
 * The forwarding database of a bridge. Models net/bridge/br_fdb.c (Linux 6.18). Not here: vlan ids, sticky,
 * offloaded and externally learned entries. An entry's age is judged when it is looked at; the table is
 * swept only when it grows.
 */
import type { Mac } from '../../base/addr.ts'
import { formatMac } from '../../base/addr.ts'
import { klog } from './klog.ts'
import { recordStep, StepAction, StepKind } from '../trace.ts'
import type { Bridge, FdbEntry, Link, Netns, Packet, World } from '../types.ts'

const SWEEP_EVERY = 256

/** How long a learned entry lives, in ns: the forward delay while the topology changes. */
export function holdTime(br: Bridge): number {
  return br.tree.topologyChange ? br.tree.forwardDelayNs : br.ageingNs
}

/**
 * The entry that decides where a frame to `mac` goes, or undefined when none is known (any longer). Hot
 * path.
 */
export function fdbFind(world: World, br: Bridge, mac: Mac): FdbEntry | undefined {
  const entry = br.fdb.get(mac)
  if (entry === undefined || entry.static) return entry
  return entry.updatedAt + holdTime(br) <= world.now ? undefined : entry
}

/** Learns the source of a frame that came in by `link`. Hot path. */
export function fdbLearn(world: World, ns: Netns, br: Bridge, link: Link, packet: Packet): void {
  const entry = br.fdb.get(packet.smac)
  if (entry !== undefined) {
    if (entry.local) {
      if (holdTime(br) !== 0) warnOwnAddress(world, ns, link, packet)
      return
    }
    if (entry.port === link.ifindex) {
      entry.updatedAt = world.now
      return
    }
  }
  if (holdTime(br) === 0) return
  if (entry === undefined) {
    const made = insert(world, br, packet.smac, link.ifindex, false, false)
    recordStep(world, ns, packet, StepKind.Learn, StepAction.Learned, link.ifindex, made)
    if (br.fdb.size % SWEEP_EVERY === 0) sweep(world, br)
    return
  }
  entry.port = link.ifindex
  entry.updatedAt = world.now
  recordStep(world, ns, packet, StepKind.Learn, StepAction.Moved, link.ifindex, entry)
}

/** net_ratelimit: ten lines in five seconds. */
const WARN_BURST = 10
const WARN_NS = 5_000_000_000

/** A frame with an address of the bridge's own comes back in: there is a loop, or somebody has taken the address. */
function warnOwnAddress(world: World, ns: Netns, link: Link, packet: Packet): void {
  const log = ns.log ?? []
  const earlier = log.at(-WARN_BURST)
  if (earlier !== undefined && earlier.at > world.now - WARN_NS && earlier.text.includes('own address'))
    return
  const master = ns.links[link.master]?.name ?? link.name
  const address = `addr:${formatMac(packet.smac)}, vlan:${packet.vlan & 0xfff}`
  klog(
    world,
    ns,
    `${master}: received packet on ${link.name} with own address as source address (${address})`,
  )
}

/**
 * Live entries as `bridge fdb show` lists them: newest first. For one port, or 0 for all, the bridge's own
 * included.
 */
export function fdbDump(world: World, brLink: Link, port = 0): FdbEntry[] {
  const br = brLink.bridge
  if (br === null) return []
  const list: FdbEntry[] = []
  for (const entry of br.fdb.values()) {
    if (port !== 0 && entry.port !== port) continue
    if (entry.static || entry.updatedAt + holdTime(br) > world.now) list.push(entry)
  }
  return list.reverse()
}

/** An entry made by hand replaces whatever was there. */
export function fdbInsert(
  world: World,
  br: Bridge,
  mac: Mac,
  port: number,
  local: boolean,
  isStatic: boolean,
): FdbEntry {
  br.fdb.delete(mac)
  return insert(world, br, mac, port, local, isStatic)
}

/**
 * A port's or (port = the bridge's ifindex) the bridge's own address. The first port to have an address
 * keeps it.
 */
export function fdbAddLocal(world: World, br: Bridge, mac: Mac, port: number): void {
  if (mac === 0 || br.fdb.get(mac)?.local === true) return
  fdbInsert(world, br, mac, port, true, true)
}

/** Own address goes; it stays when another port or the bridge itself has it too. */
export function fdbDeleteLocal(ns: Netns, brLink: Link, entry: FdbEntry): void {
  const br = brLink.bridge
  if (br === null) return
  for (const ifindex of br.ports) {
    if (ifindex !== entry.port && ns.links[ifindex]?.mac === entry.mac) {
      entry.port = ifindex
      return
    }
  }
  if (entry.port !== brLink.ifindex && brLink.mac === entry.mac) entry.port = brLink.ifindex
  else br.fdb.delete(entry.mac)
}

/** The bridge's own address changes from `brLink.mac` to `mac`. */
export function fdbChangeBridgeMac(world: World, ns: Netns, brLink: Link, mac: Mac): void {
  const br = brLink.bridge
  if (br === null) return
  const old = br.fdb.get(brLink.mac)
  brLink.mac = mac
  if (old?.local === true && old.port === brLink.ifindex) fdbDeleteLocal(ns, brLink, old)
  fdbAddLocal(world, br, mac, brLink.ifindex)
}

/** A port's address has changed to `link.mac`: its own entries follow. */
export function fdbChangePortMac(world: World, ns: Netns, brLink: Link, link: Link): void {
  const br = brLink.bridge
  if (br === null) return
  for (const entry of [...br.fdb.values()]) {
    if (entry.local && entry.port === link.ifindex) fdbDeleteLocal(ns, brLink, entry)
  }
  fdbAddLocal(world, br, link.mac, link.ifindex)
}

/** Forgets what was learned at a port; with `all` static and own entries as well. */
export function fdbDeleteByPort(ns: Netns, brLink: Link, port: number, all: boolean): void {
  const br = brLink.bridge
  if (br === null) return
  for (const entry of [...br.fdb.values()]) {
    if (entry.port !== port) continue
    if (!all && entry.static) continue
    if (entry.local) fdbDeleteLocal(ns, brLink, entry)
    else br.fdb.delete(entry.mac)
  }
}

function insert(
  world: World,
  br: Bridge,
  mac: Mac,
  port: number,
  local: boolean,
  isStatic: boolean,
): FdbEntry {
  const entry: FdbEntry = {
    mac,
    vlan: 0,
    port,
    local,
    static: isStatic,
    updatedAt: world.now,
    usedAt: world.now,
  }
  br.fdb.set(mac, entry)
  return entry
}

function sweep(world: World, br: Bridge): void {
  const oldest = world.now - holdTime(br)
  for (const entry of br.fdb.values())
    if (!entry.static && entry.updatedAt <= oldest) br.fdb.delete(entry.mac)
}
