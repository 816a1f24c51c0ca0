/**
 * The sockets of a namespace, by id. Most namespaces have one or two: a list takes a third of what a map does. It is
 * replaced, not changed, so that whoever walks through it may close some.
 */
import type { Netns, Socket } from '../types.ts'

/** The socket with this id; undefined where there is none. */
export function sockAt({ sockets }: Netns, id: number): Socket | undefined {
  if (sockets === null) return undefined
  const at = placeOf(sockets, id)
  const sock = sockets[at]
  return sock?.id === id ? sock : undefined
}

/** Adds a new socket: ids only grow. The namespace is touched by the caller. */
export function sockAdd(ns: Netns, sock: Socket): void {
  ns.sockets = ns.sockets === null ? [sock] : ns.sockets.concat(sock)
}

/** Takes a socket away. The namespace is touched by the caller. */
export function sockDrop(ns: Netns, id: number): void {
  const { sockets } = ns
  if (sockets === null) return
  const at = placeOf(sockets, id)
  if (sockets[at]?.id === id) ns.sockets = sockets.length === 1 ? null : sockets.toSpliced(at, 1)
}

function placeOf(sockets: readonly Socket[], id: number): number {
  let low = 0
  for (let high = sockets.length; low < high; ) {
    const middle = (low + high) >> 1
    if (sockets[middle]!.id < id) low = middle + 1
    else high = middle
  }
  return low
}
