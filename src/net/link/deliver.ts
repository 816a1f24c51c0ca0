/** Where received frames go by their type: the one place of `link` that names the protocols above. */
import { arpRcv } from '../ip/arp.ts'
import { ipRcv } from '../ip/input.ts'
import { ip6Rcv } from '../ip6/input.ts'
import { recordDrop } from '../trace.ts'
import type { Link, Netns, Packet, World } from '../types.ts'
import { ETH_P_802_2, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6 } from '../types.ts'
import { statsOf } from './device.ts'
import { stpRcv } from './stp.ts'

/** Hands a frame to its protocol, which owns the packet from here. */
export function deliver(world: World, ns: Netns, link: Link, packet: Packet): void {
  switch (packet.etherType) {
    case ETH_P_IP:
      ipRcv(world, ns, link, packet)
      return
    case ETH_P_IPV6:
      ip6Rcv(world, ns, link, packet)
      return
    case ETH_P_ARP:
      arpRcv(world, ns, link, packet)
      return
    case ETH_P_802_2:
      if (link.port !== null) {
        stpRcv(world, ns, link, packet)
        return
      }
  }
  statsOf(link).rxDropped++
  recordDrop(world, ns, packet, 'UNHANDLED_PROTO', link.ifindex, null)
}
