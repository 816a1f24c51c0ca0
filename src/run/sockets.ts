/** What a process' end does to its sockets and taps. */
import { sockClose } from '../net/sock/socket.ts'
import type { Netns, World } from '../net/types.ts'

/** Closes every socket, packet sockets included, that the process has open in `ns`. */
export function closeProcSockets(world: World, ns: Netns, pid: number): void {
  if (ns.sockets === null) return
  for (const sock of [...ns.sockets.values()]) if (sock.pid === pid) sockClose(world, ns, sock)
}
