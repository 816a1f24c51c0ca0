/**
 * Making, changing and removing devices: what `ip link` and agents ask of the kernel. Models
 * net/core/rtnetlink.c, drivers/net/veth.c, net/8021q/vlan_netlink.c (Linux 6.18): order of steps, indexes,
 * errors. Every function touches each namespace that it changes. Forwarding entries are in fdbctl.ts,
 * cables in cable.ts.
 */
import type { Mac } from '../../base/addr.ts'
import { isMulticastMac } from '../../base/addr.ts'
import { assert } from '../../base/assert.ts'
import { touch } from '../../sim/dispatch.ts'
import type { NlResult } from '../nlresult.ts'
import { nlErrno, nlError } from '../nlresult.ts'
import type { Link, LinkKind, Netns, World } from '../types.ts'
import { findNetns } from '../world.ts'
import type { BridgeOptions, BridgePortOptions } from './brctl.ts'
import { changeBridge, changeBridgePort } from './brctl.ts'
import { brAddIf, brDelIf, createBridge, mtuAutoAdjust, portMacChanged, setBridgeMac } from './brport.ts'
import {
  allocIfindex,
  createLink,
  insertLink,
  linkByName,
  newMac,
  peerOf,
  setPromiscuity,
  updateOperState,
} from './device.ts'
import { fdbAddLocal } from './fdb.ts'
import { klog } from './klog.ts'
import { linkDetach, linkDown, linkRemove, linkUp, vlansOn } from './lifecycle.ts'
import { notifyArp, notifyMac } from './notify.ts'
import { nsidAlloc } from './nsid.ts'

/** What every kind takes. Without a name the kernel counts up: veth0, bridge0. `index` must be free. */
export interface LinkCommon {
  name?: string
  mac?: Mac
  mtu?: number
  index?: number
  qlen?: number
}

/** `ip link add`. `ns` of a peer is a namespace id; `link` of a vlan the ifindex of the device below. */
export type LinkSpec =
  | (LinkCommon & { kind: 'veth'; peer?: LinkCommon & { ns?: number } })
  | (LinkCommon & { kind: 'bridge'; options?: BridgeOptions })
  | (LinkCommon & { kind: 'vlan'; link: number; id: number })
  | (LinkCommon & { kind: 'dummy' })

/** `ip link set`: everything given is done, in the kernel's order, until something fails. */
export interface LinkChange {
  bridge?: BridgeOptions
  slave?: BridgePortOptions
  /** Id of the namespace to move to. */
  netns?: number
  address?: Mac
  mtu?: number
  name?: string
  /** ifindex of a bridge, 0 for nomaster. */
  master?: number
  up?: boolean
  promisc?: boolean
  arp?: boolean
  qlen?: number
}

const NAME_MAX = 15
const ETH_MIN_MTU = 68
const ETH_MAX_MTU = 65535

/** Creates a device, a veth with its other end, which comes first and so has the lower index. */
export function linkAdd(world: World, ns: Netns, spec: LinkSpec): NlResult {
  assertLive(world, ns)
  touch(world, ns.id)
  const bad = checkNew(ns, spec)
  if (bad !== null) return bad
  switch (spec.kind) {
    case 'veth':
      return vethAdd(world, ns, spec)
    case 'vlan':
      return vlanAdd(world, ns, spec)
    case 'dummy':
      makeLink(world, ns, 'dummy', spec).carrier = true
      return null
    case 'bridge': {
      const link = makeLink(world, ns, 'bridge', spec)
      link.bridge = createBridge()
      link.carrier = true
      if (spec.mac !== undefined) link.bridge.macSet = true
      insertOwnMac(world, ns, link, spec.mac)
      return spec.options === undefined ? null : undoOnError(world, ns, link, spec.options)
    }
  }
}

/** A machine's network card, without a cable. `name` must be free. */
export function physAdd(world: World, ns: Netns, name: string, mac?: Mac): Link {
  assertLive(world, ns)
  touch(world, ns.id)
  assert(linkByName(ns, name) === undefined, `the device name ${name} is free`)
  const link = makeLink(world, ns, 'phys', mac === undefined ? { name } : { name, mac })
  updateOperState(ns, link)
  return link
}

/** Deletes a device. */
export function linkDel(world: World, ns: Netns, link: Link): NlResult {
  assertLive(world, ns)
  assert(ns.links[link.ifindex] === link, 'the device is in this namespace')
  if (link.kind === 'loopback' || link.kind === 'phys') return nlErrno('EOPNOTSUPP')
  linkRemove(world, ns, link)
  return null
}

/** Changes a device. Steps before the one that fails stay done, as in the kernel. */
export function linkSet(world: World, ns: Netns, link: Link, change: LinkChange): NlResult {
  assertLive(world, ns)
  assert(ns.links[link.ifindex] === link, 'the device is in this namespace')
  touch(world, ns.id)
  if (change.bridge !== undefined) {
    const bad = changeBridge(world, ns, link, change.bridge)
    if (bad !== null) return bad
  }
  if (change.slave !== undefined) {
    const bad = changeBridgePort(world, ns, link, change.slave)
    if (bad !== null) return bad
  }
  let home = ns
  if (change.netns !== undefined && change.netns !== ns.id) {
    const to = findNetns(world, change.netns)
    assert(to !== undefined, 'the namespace to move to is alive')
    const bad = moveTo(world, ns, link, to, change.name)
    if (bad !== null) return bad
    home = to
  }
  return setRest(world, home, link, change)
}

function setRest(world: World, ns: Netns, link: Link, change: LinkChange): NlResult {
  if (change.address !== undefined) {
    const bad = setAddress(world, ns, link, change.address)
    if (bad !== null) return bad
  }
  if (change.mtu !== undefined) {
    const bad = setMtu(ns, link, change.mtu)
    if (bad !== null) return bad
  }
  if (change.name !== undefined && change.name !== link.name) {
    const bad = checkName(ns, change.name)
    if (bad !== null) return bad
    klog(world, ns, `${change.name}: renamed from ${link.name}${link.up ? ' (while UP)' : ''}`)
    link.name = change.name
  }
  if (change.master !== undefined) {
    const bad = setMaster(world, ns, link, change.master)
    if (bad !== null) return bad
  }
  if (change.promisc !== undefined && change.promisc !== link.promiscFlag) {
    link.promiscFlag = change.promisc
    setPromiscuity(world, ns, link, change.promisc ? 1 : -1)
  }
  if (change.arp !== undefined && link.noarp === change.arp) {
    link.noarp = !change.arp
    if (link.up) notifyArp(world, ns, link)
  }
  if (change.up === true && !linkUp(world, ns, link)) return nlErrno('ENETDOWN')
  if (change.up === false) linkDown(world, ns, link)
  if (change.qlen !== undefined) link.qlen = change.qlen
  return null
}

function vethAdd(world: World, ns: Netns, spec: LinkSpec & { kind: 'veth' }): NlResult {
  const wish = spec.peer ?? {}
  const peerNs = wish.ns === undefined ? ns : findNetns(world, wish.ns)
  assert(peerNs !== undefined, 'the namespace of the peer is alive')
  touch(world, peerNs.id)
  const bad = checkNew(peerNs, { ...wish, kind: 'veth' })
  if (bad !== null) return bad
  const peer = makeLink(world, peerNs, 'veth', wish)
  const again = checkNew(ns, spec)
  if (again !== null) {
    linkRemove(world, peerNs, peer)
    return again
  }
  const link = makeLink(world, ns, 'veth', spec)
  link.peer = { ns: peerNs.id, ifindex: peer.ifindex }
  peer.peer = { ns: ns.id, ifindex: link.ifindex }
  nsidAlloc(world, ns, peerNs.id)
  nsidAlloc(world, peerNs, ns.id)
  updateOperState(ns, link)
  updateOperState(peerNs, peer)
  return null
}

function vlanAdd(world: World, ns: Netns, spec: LinkSpec & { kind: 'vlan' }): NlResult {
  const lower = ns.links[spec.link]
  assert(lower !== undefined, 'the device below is in this namespace')
  if (spec.id < 0 || spec.id >= 4095) return nlError('ERANGE', '8021q: Invalid VLAN id')
  if (spec.id === 0) return nlError('EOPNOTSUPP', 'Kubehop does not model VLAN id 0')
  if (lower.kind === 'loopback') return nlError('EOPNOTSUPP', '8021q: VLANs not supported on device')
  if (lower.kind === 'vlan') return nlError('EOPNOTSUPP', 'Kubehop does not model a VLAN on a VLAN')
  if (vlansOn(ns, lower).some((v) => v.vlanId === spec.id)) {
    return nlError('EEXIST', '8021q: VLAN device already exists')
  }
  const mtu = spec.mtu ?? lower.mtu
  if (mtu > lower.mtu) return nlErrno('EINVAL')
  const name = spec.name ?? `${lower.name}.${spec.id}`
  if (linkByName(ns, name) !== undefined) return nlErrno('EEXIST')
  const link = makeLink(world, ns, 'vlan', { ...spec, name, mac: spec.mac ?? lower.mac, mtu })
  link.lower = lower.ifindex
  link.vlanId = spec.id
  link.carrier = lower.carrier
  updateOperState(ns, link)
  return null
}

/** A device in its namespace, with its kind's defaults and what the caller wishes. */
function makeLink(world: World, ns: Netns, kind: LinkKind, wish: LinkCommon): Link {
  const ifindex = wish.index ?? allocIfindex(ns)
  const mac = wish.mac ?? newMac(world)
  const link = createLink(ns, ifindex, wish.name ?? freeName(ns, kind), kind, mac)
  if (wish.mtu !== undefined) link.mtu = wish.mtu
  if (wish.qlen !== undefined) link.qlen = wish.qlen
  insertLink(ns, link)
  return link
}

function freeName(ns: Netns, kind: LinkKind): string {
  for (let i = 0; ; i++) if (linkByName(ns, `${kind}${i}`) === undefined) return `${kind}${i}`
}

/** A bridge's own address; one given by hand is its identifier as well, and its carrier is judged at once. */
function insertOwnMac(world: World, ns: Netns, link: Link, given: Mac | undefined): void {
  if (given !== undefined) setBridgeMac(world, ns, link, given)
  else if (link.bridge !== null) fdbAddLocal(world, link.bridge, link.mac, link.ifindex)
}

function undoOnError(world: World, ns: Netns, link: Link, options: BridgeOptions): NlResult {
  const bad = changeBridge(world, ns, link, options)
  if (bad !== null) linkRemove(world, ns, link)
  return bad
}

function checkNew(ns: Netns, wish: LinkCommon & { kind: LinkKind }): NlResult {
  if (wish.name !== undefined) {
    const bad = checkName(ns, wish.name)
    if (bad !== null) return bad
  }
  if (wish.index !== undefined && ns.links[wish.index] !== undefined) return nlErrno('EEXIST')
  if (wish.mac !== undefined && !isValidMac(wish.mac)) return nlErrno('EADDRNOTAVAIL')
  return wish.mtu === undefined ? null : checkMtu(wish.kind, wish.mtu)
}

function checkName(ns: Netns, name: string): NlResult {
  if (name.length > NAME_MAX) return nlError('ERANGE', 'Attribute failed policy validation')
  if (name === '' || name === '.' || name === '..' || /[/:\s]/.test(name)) return nlErrno('EINVAL')
  return linkByName(ns, name) === undefined ? null : nlErrno('EEXIST')
}

function checkMtu(kind: LinkKind, mtu: number): NlResult {
  if (kind === 'loopback' || kind === 'dummy') return null
  if (mtu < (kind === 'vlan' ? 0 : ETH_MIN_MTU)) return nlError('EINVAL', 'mtu less than device minimum')
  return mtu > ETH_MAX_MTU ? nlError('EINVAL', 'mtu greater than device maximum') : null
}

function isValidMac(mac: Mac): boolean {
  return mac !== 0 && !isMulticastMac(mac)
}

function setAddress(world: World, ns: Netns, link: Link, mac: Mac): NlResult {
  if (link.kind !== 'loopback' && !isValidMac(mac)) return nlErrno('EADDRNOTAVAIL')
  const old = link.mac
  if (link.bridge !== null) {
    link.bridge.macSet = true
    if (mac !== old) setBridgeMac(world, ns, link, mac)
    return null
  }
  link.mac = mac
  if (link.port !== null) portMacChanged(world, ns, link)
  for (const upper of vlansOn(ns, link)) if (upper.mac === old) setAddress(world, ns, upper, mac)
  notifyMac(world, ns, link)
  return null
}

function setMtu(ns: Netns, link: Link, mtu: number): NlResult {
  if (mtu === link.mtu) return null
  const bad = checkMtu(link.kind, mtu)
  if (bad !== null) return bad
  const lower = link.kind === 'vlan' ? ns.links[link.lower] : undefined
  if (lower !== undefined && mtu > lower.mtu) return nlErrno('ERANGE')
  link.mtu = mtu
  if (link.bridge !== null) link.bridge.mtuSet = true
  for (const upper of vlansOn(ns, link)) if (upper.mtu > mtu) upper.mtu = mtu
  const brLink = ns.links[link.master]
  if (brLink !== undefined && link.master !== 0) mtuAutoAdjust(ns, brLink)
  return null
}

function setMaster(world: World, ns: Netns, link: Link, master: number): NlResult {
  if (link.master === master) return null
  if (link.master !== 0) brDelIf(world, ns, link)
  if (master === 0) return null
  const brLink = ns.links[master]
  assert(brLink !== undefined, 'the master is in this namespace')
  if (brLink.bridge === null) return nlErrno('EOPNOTSUPP')
  if (link.kind === 'loopback') return nlErrno('EINVAL')
  if (link.kind === 'bridge') return nlError('ELOOP', 'Can not enslave a bridge to a bridge')
  if (link.kind === 'vlan' && link.lower === master) {
    return { errno: 'ELOOP', message: 'RTNETLINK answers: Too many levels of symbolic links' }
  }
  brAddIf(world, ns, brLink, link)
  return null
}

/** To another namespace: down, without addresses and master; the index stays where it is free there. */
function moveTo(world: World, ns: Netns, link: Link, to: Netns, name: string | undefined): NlResult {
  if (link.kind === 'loopback' || link.kind === 'bridge') {
    return nlError('EINVAL', 'The interface netns is immutable')
  }
  if (link.kind === 'vlan')
    return nlError('EOPNOTSUPP', 'Kubehop does not model a VLAN apart from its device')
  const taken = linkByName(to, name ?? link.name)
  if (taken !== undefined) return nlErrno('EEXIST')
  touch(world, to.id)
  nsidAlloc(world, ns, to.id)
  linkDetach(world, ns, link)
  ns.links[link.ifindex] = undefined
  if (to.links[link.ifindex] !== undefined) link.ifindex = allocIfindex(to)
  if (name !== undefined) link.name = name
  link.conf = to.confDefault
  link.attached = false
  insertLink(to, link)
  const peer = peerOf(world, link)
  if (peer === undefined) return null
  touch(world, peer.ns.id)
  peer.link.peer = { ns: to.id, ifindex: link.ifindex }
  if (link.kind !== 'veth') return null
  nsidAlloc(world, to, peer.ns.id)
  nsidAlloc(world, peer.ns, to.id)
  return null
}

function assertLive(world: World, ns: Netns): void {
  assert(world.targets[ns.id] === ns, 'the namespace is alive')
}
