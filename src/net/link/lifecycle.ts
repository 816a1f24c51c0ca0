/**
 * A device's life: up, down, carrier, removal, and what each does to its neighbours in the stack. Models
 * dev_open, dev_close and unregister_netdevice of net/core/dev.c, drivers/net/veth.c, and net/8021q/vlan.c
 * (Linux 6.18): a vlan device goes up and down with the device below it; a veth takes its other end along
 * when removed.
 */
import { touch } from '../../sim/dispatch.ts'
import type { Link, Netns, World } from '../types.ts'
import { brDelIf, brDevOpen, brDevStop, portCarrierCheck, portDown, portUp } from './brport.ts'
import { carrierOf, peerOf, setCarrier } from './device.ts'
import { notifyCarrier, notifyDown, notifyGone, notifyUp } from './notify.ts'

/**
 * Sets a device up. False where the device below is down (ENETDOWN). The namespace is touched by the
 * caller.
 */
export function linkUp(world: World, ns: Netns, link: Link): boolean {
  if (link.up) return true
  if (link.kind === 'vlan' && ns.links[link.lower]?.up !== true) return false
  link.up = true
  link.attached = true
  const changed = setCarrier(ns, link, carrierOf(world, ns, link))
  if (link.kind === 'bridge') brDevOpen(world, ns, link)
  notifyUp(world, ns, link)
  if (link.port !== null) portUp(world, ns, link)
  for (const upper of vlansOn(ns, link)) linkUp(world, ns, upper)
  if (changed) carrierChanged(world, ns, link)
  syncPeer(world, link)
  return true
}

/** Sets a device down. The namespace is touched by the caller. */
export function linkDown(world: World, ns: Netns, link: Link): void {
  if (!link.up) return
  if (link.kind === 'bridge') brDevStop(world, ns, link)
  link.up = false
  if (link.kind === 'veth' || link.kind === 'phys' || link.kind === 'vlan') setCarrier(ns, link, false)
  notifyDown(world, ns, link)
  if (link.port !== null) portDown(world, ns, link)
  for (const upper of vlansOn(ns, link)) linkDown(world, ns, upper)
  syncPeer(world, link)
}

/**
 * Takes a device out of the world, with what cannot live without it: vlan devices on it, a veth's other
 * end.
 */
export function linkRemove(world: World, ns: Netns, link: Link): void {
  touch(world, ns.id)
  linkDetach(world, ns, link)
  const peer = peerOf(world, link)
  ns.links[link.ifindex] = undefined
  if (peer === undefined) return
  touch(world, peer.ns.id)
  link.peer = null
  peer.link.peer = null
  if (link.kind === 'veth') linkRemove(world, peer.ns, peer.link)
  else if (setCarrier(peer.ns, peer.link, false)) carrierChanged(world, peer.ns, peer.link)
}

/**
 * Down, no master, no ports, no vlan devices on it, no addresses: what removal and a move to elsewhere
 * begin with.
 */
export function linkDetach(world: World, ns: Netns, link: Link): void {
  linkDown(world, ns, link)
  if (link.master !== 0) brDelIf(world, ns, link)
  if (link.bridge !== null) {
    for (const ifindex of [...link.bridge.ports]) {
      const port = ns.links[ifindex]
      if (port !== undefined) brDelIf(world, ns, port)
    }
  }
  for (const upper of vlansOn(ns, link)) linkRemove(world, ns, upper)
  notifyGone(world, ns, link)
  link.addrs = []
  link.groups = []
}

/** A bridge's carrier, as its ports' states say. */
export function bridgeCarrier(world: World, ns: Netns, brLink: Link, carrier: boolean): void {
  if (setCarrier(ns, brLink, carrier)) carrierChanged(world, ns, brLink)
}

/** Tells a device's bridge, the vlan devices on it and the layers above that its carrier has changed. */
export function carrierChanged(world: World, ns: Netns, link: Link): void {
  if (link.port !== null) portCarrierCheck(world, ns, link)
  for (const upper of vlansOn(ns, link)) {
    if (setCarrier(ns, upper, link.carrier)) carrierChanged(world, ns, upper)
  }
  if (link.up) notifyCarrier(world, ns, link)
}

/** The other end of a veth or cable sees this end's state. */
export function syncPeer(world: World, link: Link): void {
  const peer = peerOf(world, link)
  if (peer === undefined) return
  const carrier = link.up && peer.link.up
  if (peer.link.carrier === carrier) return
  touch(world, peer.ns.id)
  setCarrier(peer.ns, peer.link, carrier)
  carrierChanged(world, peer.ns, peer.link)
}

/** The vlan devices on top of a device. */
export function vlansOn(ns: Netns, link: Link): Link[] {
  const list: Link[] = []
  for (const upper of ns.links) {
    if (upper !== undefined && upper.kind === 'vlan' && upper.lower === link.ifindex) list.push(upper)
  }
  return list
}
