/**
 * How long a stretch of virtual time is shown. Not linear: a crossing of some microseconds must be watchable and an
 * idle second must be short.
 */

/** A typical crossing of a cable or veth, ns. At each speed it takes that speed's milliseconds. */
export const CROSSING_NS = 10_000

/** No gap is shown for longer than this, ms. */
export const LONGEST_GAP_MS = 1200

/** Events are gathered until they are worth showing for this long, ms: one frame. */
export const TICK_MS = 16

/** Work between two looks at the outside world, ms. */
export const SLICE_MS = 8

/** A gap of virtual time after which the lab counts as quiet, ns. */
export const QUIET_NS = 2_000_000_000

/** Real milliseconds for a virtual gap of `ns` at `speedMs` a crossing: linear up to a crossing, logarithmic beyond. */
export function gapMs(ns: number, speedMs: number): number {
  const crossings = ns / CROSSING_NS
  const ms = speedMs * (crossings <= 1 ? crossings : 1 + 0.5 * Math.log10(crossings))
  return Math.min(ms, Math.max(LONGEST_GAP_MS, speedMs))
}

/** Events between two checkpoints: near at hand while somebody watches, rare when the engine runs flat out. */
export function checkpointStride(speedMs: number): number {
  return speedMs === 0 ? 20_000 : 500
}
