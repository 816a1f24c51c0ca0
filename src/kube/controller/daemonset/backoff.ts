/** Failed daemons are not replaced faster and faster. Models client-go flowcontrol.Backoff as DaemonSets use it (1.32). */
import type { DaemonSet } from '../../objects.ts'

const FIRST = 1_000_000_000
const MOST = 900_000_000_000

/** By set, generation and node: when the last one was removed, and how long the next has to wait, ns. */
export type Backoff = Map<string, { readonly at: number; readonly delay: number }>

/** ns for which a failed pod of this node stays; 0 where it may go, which is noted. */
export function spareFailed(backoff: Backoff, set: DaemonSet, node: string, now: number): number {
  for (const [key, { at }] of backoff) if (now - at > 2 * MOST) backoff.delete(key)
  const key = `${set.metadata.uid}/${set.status?.observedGeneration ?? 0}/${node}`
  const known = backoff.get(key)
  if (known !== undefined && now - known.at < known.delay) return known.delay
  const delay = known === undefined ? FIRST : Math.min(known.delay * 2, MOST)
  backoff.set(key, Object.freeze({ at: now, delay }))
  return 0
}
