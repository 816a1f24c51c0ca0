// Models packet sockets (net/packet/af_packet.c, Linux 6.18) as tcpdump uses them: every frame of one or all devices.
import { touch } from '../../sim/dispatch.ts'
import { devQueueXmit } from '../link/xmit.ts'
import { recordStep, StepAction, StepKind } from '../trace.ts'
import type { Link, Netns, Packet, Socket, World } from '../types.ts'
import { sockClose, sockOpen } from './socket.ts'

const ETH_P_ALL = 3

/** Opens a packet socket on a device (0: every one); frames come as Ev.TapWake to the process. */
export function tapOpen(world: World, ns: Netns, pid: number, ifindex: number): Socket {
  const sock = sockOpen(world, ns, { kind: 'packet', family: 4, pid, proto: ETH_P_ALL })
  sock.oif = ifindex
  touch(world, ns.id)
  ns.taps = [...(ns.taps ?? []), { sock: sock.id, ifindex }]
  return sock
}

/** Closes it: no frame is copied any more. */
export function tapClose(world: World, ns: Netns, sock: Socket): void {
  sockClose(world, ns, sock)
}

/** sendto(2): a finished frame (addresses, type and `length` set) leaves by the device; the packet is no longer the caller's. */
export function tapSend(world: World, ns: Netns, link: Link, packet: Packet): void {
  touch(world, ns.id)
  packet.oif = link.ifindex
  recordStep(world, ns, packet, StepKind.Originate, StepAction.None, link.ifindex, null)
  devQueueXmit(world, ns, link, packet)
}
