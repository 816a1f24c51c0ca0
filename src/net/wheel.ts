// Models the rounding of kernel/time/timer.c (Linux 6.18, HZ=1000): a timer never fires early and, the longer it is,
// the coarser the bucket that it waits in. That is why a nominal second lasts 1.000 to 1.064 s.

export const MS = 1_000_000
export const SEC = 1_000_000_000

const LEVELS = 9

/** When a kernel timer that is armed at `now` for `delay` fires. All in ns of virtual time. */
export function wheelAt(now: number, delay: number): number {
  const jiffies = Math.floor(now / MS)
  const expires = jiffies + Math.max(1, Math.ceil(delay / MS))
  const delta = expires - jiffies
  let level = 0
  while (level < LEVELS - 1 && delta >= 63 * 8 ** level) level++
  const gran = 8 ** level
  const at = (Math.floor(expires / gran) + 1) * gran * MS
  return at > now ? at : now + MS
}
