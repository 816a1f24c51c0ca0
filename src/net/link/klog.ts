/** The kernel log of a namespace (`dmesg`): what devices and protocols say about themselves. */
import type { Netns, World } from '../types.ts'

export const KLOG_MAX = 500

/** Appends a line; the oldest go when there are more than KLOG_MAX. */
export function klog(world: World, ns: Netns, text: string): void {
  ns.log ??= []
  ns.log.push({ at: world.now, text })
  if (ns.log.length > KLOG_MAX) ns.log.splice(0, ns.log.length - KLOG_MAX)
}
