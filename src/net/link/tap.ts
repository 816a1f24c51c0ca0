/**
 * Packet sockets' view of a device. Models the ptype_all taps of net/core/dev.c (Linux 6.18). Not here: BPF
 * filters.
 */
import { schedule } from '../../sim/dispatch.ts'
import { Ev } from '../events.ts'
import { snapshotPacket } from '../packet.ts'
import { sockAt } from '../sock/socktable.ts'
import type { Link, Netns, Packet, TapFrame, World } from '../types.ts'

/**
 * Gives every packet socket bound to this device (or to none) its own copy. Call only where `ns.taps` is
 * not null.
 */
export function tapFrame(world: World, ns: Netns, link: Link, packet: Packet, dir: 'in' | 'out'): void {
  if (ns.taps === null) return
  for (const tap of ns.taps) {
    if (tap.ifindex !== 0 && tap.ifindex !== link.ifindex) continue
    const socket = sockAt(ns, tap.sock)
    if (socket === undefined) continue
    const frame: TapFrame = {
      at: world.now,
      sock: tap.sock,
      ifindex: link.ifindex,
      dir,
      packet: snapshotPacket(packet),
      pktType: packet.pktType,
    }
    schedule(world, world.now, Ev.TapWake, ns.id, socket.pid, frame)
  }
}
