/**
 * What devices tell the protocols above: the one place that names them. Models the netdevice notifier
 * chain's NETDEV_UP, NETDEV_DOWN, NETDEV_UNREGISTER, NETDEV_CHANGE and NETDEV_CHANGEADDR (Linux 6.18). The
 * namespace is already touched.
 */
import {
  inetArpChanged,
  inetCarrier,
  inetLinkDown,
  inetLinkGone,
  inetLinkUp,
  inetMacChanged,
} from '../ip/devinet.ts'
import { inet6Carrier, inet6LinkDown, inet6LinkGone, inet6LinkUp } from '../ip6/addrconf.ts'
import { masqForget } from '../nf/natrules.ts'
import type { Link, Netns, World } from '../types.ts'

/** The device was set up; `link.carrier` is already what it is now. */
export function notifyUp(world: World, ns: Netns, link: Link): void {
  inetLinkUp(world, ns, link)
  inet6LinkUp(world, ns, link)
}

/** The device was set down. */
export function notifyDown(world: World, ns: Netns, link: Link): void {
  masqForget(world, ns, link.ifindex)
  inetLinkDown(world, ns, link)
  inet6LinkDown(world, ns, link)
}

/** The device leaves this namespace, deleted or moved; it is still in the table. */
export function notifyGone(world: World, ns: Netns, link: Link): void {
  masqForget(world, ns, link.ifindex)
  inetLinkGone(world, ns, link)
  inet6LinkGone(world, ns, link)
}

/** The carrier of a device that is up came or went. */
export function notifyCarrier(world: World, ns: Netns, link: Link): void {
  inetCarrier(world, ns, link)
  inet6Carrier(world, ns, link)
}

/** The device's address is another. */
export function notifyMac(world: World, ns: Netns, link: Link): void {
  inetMacChanged(world, ns, link)
}

/** A device that is up speaks ARP now, or no more. */
export function notifyArp(world: World, ns: Netns, link: Link): void {
  inetArpChanged(world, ns, link)
}
