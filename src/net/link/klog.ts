/** The kernel log of a namespace (`dmesg`): what devices and protocols say about themselves. */
import type { Netns, World } from '../types.ts'

/** At least so many lines are kept. */
export const KLOG_MAX = 500
/** Lines that are put together into one text, and how many stay single. */
const PACKED = 32
const SINGLE = 16

export interface KlogLine {
  at: number
  text: string
}

/** Appends a line; the oldest go when there are more than KLOG_MAX. */
export function klog(world: World, ns: Netns, text: string): void {
  ns.log ??= []
  ns.log.push({ at: world.now, text })
  if (ns.log.length < PACKED + SINGLE) return
  // Hardly anybody reads them: as one text they take half the room.
  const packed = JSON.stringify(ns.log.slice(0, PACKED).map(({ at, text }) => [at, text]))
  ns.log = ns.log.slice(PACKED)
  ns.oldLog = Object.freeze([...(ns.oldLog ?? []), packed].slice(-Math.ceil(KLOG_MAX / PACKED)))
}

/** All lines, oldest first. */
export function klogLines(ns: Netns): KlogLine[] {
  const old = (ns.oldLog ?? []).flatMap((packed) => JSON.parse(packed) as [number, string][])
  return [...old.map(([at, text]) => ({ at, text })), ...(ns.log ?? [])].slice(-KLOG_MAX)
}
