/** What a process' end does to its sockets and taps. */
import type { Netns, World } from '../net/types.ts'

/** Closes every socket, packet sockets included, that the process has open in `ns`. */
export function closeProcSockets(_world: World, ns: Netns, pid: number): void {
  if (ns.sockets === null) return
  for (const [id, sock] of ns.sockets) {
    if (sock.pid !== pid) continue
    ns.sockets.delete(id)
    if (ns.taps !== null) ns.taps = ns.taps.filter((tap) => tap.sock !== id)
  }
  if (ns.taps?.length === 0) ns.taps = null
}
